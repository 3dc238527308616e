//! The function `admin-link` serves staff who help an account's owner: links with an expiry, temporary passwords, invitations,
//! the list of what has been issued, and the end of sessions.
//!
//! Staff start a recovery and never choose, see or set a password (A2). A copied link is shown once, and only its digest is kept.
//! A mailed link gets its token from the mailer, so nothing here could open it.

use std::convert::Infallible;

use lambda_http::lambda_runtime::Diagnostic;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Body, LambdaEvent, Request, Response, Service as _, service_fn};
use rekey::http::problem::Problem;
use rekey::http::route::respond;
use serde_json::Value;

pub mod direct;
pub mod invitation;
pub mod issue;
pub mod links;
pub mod sessions;
pub mod temporary_password;
pub mod tickets;

pub use rekey::http::auth::StaffDeps as Deps;

rekey::routes!(Deps:
    links::CreateLink => links::create_link,
    temporary_password::CreateTemporaryPassword => temporary_password::create_temporary_password,
    invitation::Invite => invitation::invite,
    tickets::ListTickets => tickets::list_tickets,
    tickets::RevokeTicket => tickets::revoke_ticket,
    sessions::EndSessions => sessions::end_sessions,
);

/// Handles one invocation. An event with a `requestContext` is a request from the gateway, and any other event asks for a link
/// directly.
///
/// # Errors
/// Returns what is wrong with a direct invocation. A request from the gateway always gets an answer.
pub async fn invoke(deps: &Deps, event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
    if event.payload.get("requestContext").is_none() {
        let issued =
            Box::pin(direct::create_link(deps, event.payload)).await.map_err(Problem::into_diagnostic)?;
        return serde_json::to_value(issued).map_err(unwritable);
    }
    let request: LambdaRequest = serde_json::from_value(event.payload).map_err(unwritable)?;
    let answer = service_fn(async |request| Ok::<_, Infallible>(handler(deps, request).await));
    let answered = Adapter::from(answer).call(LambdaEvent::new(request, event.context)).await;
    match answered {
        Ok(answer) => serde_json::to_value(answer).map_err(unwritable),
    }
}

fn unwritable(error: serde_json::Error) -> Diagnostic {
    Problem::internal("reading or writing an invocation", error).into_diagnostic()
}

/// Answers one request.
pub async fn handler(deps: &Deps, request: Request) -> Response<Body> {
    respond(&ROUTES, deps, &deps.origins, request).await
}
