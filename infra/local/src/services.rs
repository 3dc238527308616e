//! SES v2, Secrets Manager and the page of the mailbox, on one port.
//!
//! This module owns the routes. [`crate::mailbox`] and [`crate::secrets`] own the answers.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{delete, get, post, put};

use crate::mailbox::{self, Mailbox};
use crate::secrets::Secrets;
use crate::server::Server;

/// The routes: `POST /v2/email/outbound-emails`, `GET /v2/email/account`, `DELETE /v2/email/suppression/addresses/{address}` and
/// the identities below `/v2/email/identities` (SES v2), `GET` and `DELETE /messages`, `GET /` (a page for people) and `POST /`
/// (Secrets Manager).
pub fn router(mailbox: Mailbox, secrets: Secrets) -> Router {
    let mail = Router::new()
        .route("/v2/email/outbound-emails", post(mailbox::ses::send_email))
        .route("/v2/email/account", get(mailbox::ses::account))
        .route("/v2/email/suppression/addresses/{address}", delete(mailbox::ses::unsuppress))
        .route("/v2/email/identities", post(mailbox::identity::create))
        .route("/v2/email/identities/{name}", get(mailbox::identity::find))
        .route("/v2/email/identities/{name}/mail-from", put(mailbox::identity::put_mail_from))
        .route("/messages", get(mailbox::page::list).delete(mailbox::page::clear))
        .with_state(mailbox);
    let root = Router::new().route("/", get(mailbox::page::show).post(get_secret_value)).with_state(secrets);
    mail.merge(root)
}

async fn get_secret_value(State(secrets): State<Secrets>, headers: HeaderMap, body: Bytes) -> Response {
    secrets.answer(&headers, &body)
}

/// Starts the services on `address`. Port 0 stands for any free port.
///
/// # Errors
/// The port is in use.
pub async fn start(address: SocketAddr, mailbox: Mailbox, secrets: Secrets) -> io::Result<Server> {
    Server::serve(address, router(mailbox, secrets)).await
}
