//! Staff's view of accounts: `/v1/admin/accounts`, their caseloads and associations; and of their practice's settings.
//!
//! Who may do what [`rekey::staff::Staff`] decides, for each object anew, from the account of the session (A1). Nothing here
//! can set, show or choose a password (A2).

use lambda_http::http::Method as Verb;
use lambda_http::{Body, Request, Response};
use rekey::http::problem::{Code, Problem};
use rekey::http::{Answer, Call, respond};

pub mod create;
pub mod edit;
pub mod facts;
pub mod list;
pub mod practice;
pub mod relations;

pub use rekey::staff::Desk as Deps;

/// Answers one request.
pub async fn handler(deps: &Deps, request: Request) -> Response<Body> {
    // Boxed: the routes together make a large future.
    respond(request, async |call| Box::pin(route(deps, call)).await).await
}

async fn route(deps: &Deps, call: &Call) -> Result<Answer, Problem> {
    match call.segments().as_slice() {
        ["v1", "admin", "practice"] => match *call.method(&[Verb::GET, Verb::PATCH])? {
            Verb::PATCH => practice::change_settings(deps, call).await,
            _ => practice::get_settings(deps, call).await,
        },
        ["v1", "admin", "accounts"] => match *call.method(&[Verb::GET, Verb::POST])? {
            Verb::POST => create::create_account(deps, call).await,
            _ => list::list_accounts(deps, call).await,
        },
        ["v1", "admin", "accounts", id] => match *call.method(&[Verb::GET, Verb::PATCH])? {
            Verb::PATCH => edit::edit_account(deps, call, id).await,
            _ => edit::get_account(deps, call, id).await,
        },
        ["v1", "admin", "accounts", id, "caseload", staff] => {
            match *call.method(&[Verb::PUT, Verb::DELETE])? {
                Verb::PUT => relations::assign(deps, call, id, staff).await,
                _ => relations::unassign(deps, call, id, staff).await,
            }
        }
        ["v1", "admin", "accounts", id, "associations", other] => {
            match *call.method(&[Verb::PUT, Verb::DELETE])? {
                Verb::PUT => relations::associate(deps, call, id, other).await,
                _ => relations::dissociate(deps, call, id, other).await,
            }
        }
        _ => Err(Problem::new(Code::NotFound)),
    }
}
