//! SES v2, Secrets Manager and the mailbox's page on one port.
//!
//! Owns the routes; what they answer is [`crate::mailbox`]'s and [`crate::secrets`]'.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use tokio::net::TcpListener;

use crate::mailbox::{self, Mailbox};
use crate::secrets::Secrets;
use crate::server::{Server, listen};

/// The routes: `POST /v2/email/outbound-emails` (SES v2), `GET` and `DELETE /messages`, `GET /` (a page for people) and
/// `POST /` (Secrets Manager).
pub fn router(mailbox: Mailbox, secrets: Secrets) -> Router {
    let mail = Router::new()
        .route("/v2/email/outbound-emails", post(mailbox::ses::send_email))
        .route("/messages", get(mailbox::page::list).delete(mailbox::page::clear))
        .with_state(mailbox);
    let root = Router::new().route("/", get(mailbox::page::show).post(get_secret_value)).with_state(secrets);
    mail.merge(root)
}

async fn get_secret_value(State(secrets): State<Secrets>, headers: HeaderMap, body: Bytes) -> Response {
    secrets.answer(&headers, &body)
}

/// Starts the services on `address` (port 0: any free one).
///
/// # Errors
/// The port is taken.
pub async fn start(address: SocketAddr, mailbox: Mailbox, secrets: Secrets) -> io::Result<Server> {
    serve(listen(address).await?, mailbox, secrets)
}

/// Serves them on a listener that the caller has bound.
///
/// # Errors
/// The listener has no address.
pub fn serve(listener: TcpListener, mailbox: Mailbox, secrets: Secrets) -> io::Result<Server> {
    let router = router(mailbox, secrets);
    Server::spawn(listener, |listener, stopped| async move {
        // It fails only when the listener does, which callers notice by their own calls.
        let _: io::Result<()> = axum::serve(listener, router).with_graceful_shutdown(stopped.wait()).await;
    })
}
