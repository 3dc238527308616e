//! How staff help an account's owner back in: links with an expiry, invitations, and what has been issued so far.
//!
//! Staff start a recovery and never choose, see or set a password (A2). A copied link is shown once and only its digest is
//! kept; a mailed one gets its token from the mailer, so that nothing here could open it.

use lambda_http::http::Method as Verb;
use lambda_http::{Body, Request, Response};
use rekey::http::problem::{Code, Problem};
use rekey::http::{Answer, Call, respond};

pub mod issue;
pub mod issued;

pub use rekey::staff::Desk as Deps;

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
