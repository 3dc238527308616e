//! How staff help an account's owner back in: links with an expiry, invitations, and what has been issued so far.
//!
//! Staff start a recovery and never choose, see or set a password (A2). A copied link is shown once and only its digest is
//! kept; a mailed one gets its token from the mailer, so that nothing here could open it.

use std::convert::Infallible;

use lambda_http::http::Method as Verb;
use lambda_http::lambda_runtime::Diagnostic;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Body, LambdaEvent, Request, Response, Service as _, service_fn};
use rekey::http::problem::{Code, Problem};
use rekey::http::{Answer, Call, respond};
use serde_json::Value;

pub mod direct;
pub mod issue;
pub mod issued;

pub use rekey::staff::Desk as Deps;

/// Deals with one invocation: a request by way of the gateway, which alone has a request context, or a link that is asked for
/// directly.
///
/// # Errors
/// What is wrong with a direct invocation. A request always has an answer.
pub async fn invoke(deps: &Deps, event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
    if event.payload.get("requestContext").is_none() {
        let issued = Box::pin(direct::create(deps, event.payload)).await.map_err(Problem::into_diagnostic)?;
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
    // Boxed: the routes together make a large future.
    respond(request, async |call| Box::pin(route(deps, call)).await).await
}

async fn route(deps: &Deps, call: &Call) -> Result<Answer, Problem> {
    match call.segments().as_slice() {
        ["v1", "admin", "accounts", id, "links"] => {
            call.method(&[Verb::POST])?;
            issue::create_link(deps, call, id).await
        }
        ["v1", "admin", "accounts", id, "temporary-password"] => {
            call.method(&[Verb::POST])?;
            issue::create_temporary_password(deps, call, id).await
        }
        ["v1", "admin", "accounts", id, "invitation"] => {
            call.method(&[Verb::POST])?;
            issue::invite(deps, call, id).await
        }
        ["v1", "admin", "accounts", id, "tickets"] => {
            call.method(&[Verb::GET])?;
            issued::list_tickets(deps, call, id).await
        }
        ["v1", "admin", "accounts", id, "tickets", ticket] => {
            call.method(&[Verb::DELETE])?;
            issued::revoke_ticket(deps, call, id, ticket).await
        }
        ["v1", "admin", "accounts", id, "sessions"] => {
            call.method(&[Verb::DELETE])?;
            issued::end_sessions(deps, call, id).await
        }
        _ => Err(Problem::new(Code::NotFound)),
    }
}
