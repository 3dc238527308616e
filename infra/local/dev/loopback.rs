//! The API on both loopback addresses of this machine.
//!
//! `cargo lambda watch` listens on one address. If that were all addresses, the network could reach it too.
//! `cargo lambda invoke` uses `::1`, and browsers and curl use whichever comes first. Connections to `::1` are
//! therefore relayed to `127.0.0.1`, and no others.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// Relays connections for as long as it is polled. On a machine without IPv6 it does nothing.
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
