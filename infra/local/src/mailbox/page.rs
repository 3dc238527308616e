//! The mailbox for people and for tests of other programs: a page, and the mails as JSON.
//!
//! The page shows HTML that comes from a mail, so it is confined. No script but its own runs, and nothing is loaded
//! from elsewhere. The mail's HTML is in a frame without scripts, forms or an origin.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Mailbox;
use crate::ambient;

const PAGE: &str = include_str!("page.html");
/// The text in [`PAGE`] that each answer replaces by a nonce of its own.
const NONCE: &str = "{nonce}";
/// The content security policy. Inline styles are allowed, because the frame inherits the policy and mails use such
/// styles.
const POLICY: &str = "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; img-src data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `GET /messages` answers the mails, newest first. It takes no parameters, and refuses a query instead of ignoring it.
pub(crate) async fn list(State(mailbox): State<Mailbox>, RawQuery(query): RawQuery) -> Response {
    if query.is_some_and(|query| !query.is_empty()) {
        return (StatusCode::BAD_REQUEST, "GET /messages takes no parameters\n").into_response();
    }
    ([(header::CACHE_CONTROL, "no-store")], Json(mailbox.messages())).into_response()
}

/// `DELETE /messages` empties the mailbox and answers 204.
pub(crate) async fn clear(State(mailbox): State<Mailbox>) -> Response {
    match mailbox.clear() {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => {
            let reason = format!("the mailbox cannot be emptied: {error}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, reason).into_response()
        }
    }
}

/// `GET /` answers the page.
pub(crate) async fn show() -> Response {
    let Ok(nonce) = ambient::random::<16>().map(|bytes| STANDARD.encode(bytes)) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, POLICY.replace(NONCE, &nonce)),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin".to_owned()),
    ];
    (headers, PAGE.replace(NONCE, &nonce)).into_response()
}
