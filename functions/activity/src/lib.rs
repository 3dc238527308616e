//! What happened: an account's activity log for its holder and for staff, and a practice's change log.
//!
//! Reads events and writes none. A page costs what it answers, however many events there are: each log is a partition or an
//! index that is read from its newest end.

use lambda_http::http::Method as Verb;
use lambda_http::{Body, Request, Response};
use rekey::http::problem::{Code, Problem};
use rekey::http::{Answer, Call, respond};

pub mod changes;
mod describe;
pub mod own;
mod page;

pub use rekey::staff::Desk as Deps;

/// Answers one request.
pub async fn handler(deps: &Deps, request: Request) -> Response<Body> {
    // Boxed: the routes together make a large future.
    respond(request, async |call| Box::pin(route(deps, call)).await).await
}

async fn route(deps: &Deps, call: &Call) -> Result<Answer, Problem> {
    match call.segments().as_slice() {
        ["v1", "activity"] => {
            call.method(&[Verb::GET])?;
            own::list_activity(deps, call).await
        }
        ["v1", "admin", "accounts", id, "activity"] => {
            call.method(&[Verb::GET])?;
            changes::list_account_activity(deps, call, id).await
        }
        ["v1", "admin", "changes"] => {
            call.method(&[Verb::GET])?;
            changes::list_changes(deps, call).await
        }
        _ => Err(Problem::new(Code::NotFound)),
    }
}
