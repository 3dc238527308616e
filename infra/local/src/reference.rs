//! The HTML reference of the API, at `GET /reference`, once it has been built.
//!
//! It is one file that brings its scripts and styles along. This module shows it as it is at that moment, and never
//! lets it load anything or speak to anybody.

use std::io;
use std::path::PathBuf;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

/// The content security policy. Scripts and styles are the page's own, in its text, and its search runs in a worker
/// that it makes itself. The page has an origin of its own, so that it cannot read the mailbox.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; \
     font-src data:; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     sandbox allow-scripts";
const ABSENT: &str = include_str!("reference/absent.html");

/// The route of the reference that is built as `file`.
pub fn router(file: PathBuf) -> Router {
    Router::new().route("/reference", get(show)).with_state(file)
}

async fn show(State(file): State<PathBuf>) -> Response {
    match tokio::fs::read_to_string(&file).await {
        Ok(page) => answer(StatusCode::OK, page),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            answer(StatusCode::NOT_FOUND, ABSENT.to_owned())
        }
        Err(error) => {
            let reason = format!("{} cannot be read: {error}\n", file.display());
            (StatusCode::INTERNAL_SERVER_ERROR, reason).into_response()
        }
    }
}

fn answer(status: StatusCode, page: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    (status, headers, page).into_response()
}
