//! The API on both of this machine's loopback addresses.
//!
//! `cargo lambda watch` listens on one address; on all of them would be on the network's too. `cargo lambda invoke` asks
//! `::1`, browsers and curl whichever comes first. So what arrives at `::1` is handed to `127.0.0.1`, and nothing else.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// Hands connections over for as long as it is polled. On a machine without IPv6 it does nothing.
pub async fn relay(port: u16) {
    let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await else {
        return std::future::pending().await;
    };
    loop {
        if let Ok((caller, _)) = listener.accept().await {
            tokio::spawn(hand_over(caller, port));
        }
    }
}

async fn hand_over(mut caller: TcpStream, port: u16) -> io::Result<()> {
    let mut api = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    copy_bidirectional(&mut caller, &mut api).await.map(|_| ())
}
