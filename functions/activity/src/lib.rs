//! What happened: an account's activity log for its holder and for staff, and a practice's change log.
//!
//! Reads events and writes none. A page costs what it replies, however many events there are: each log is a partition or an
//! index that is read from its newest end.

use lambda_http::{Body, Request, Response};
use rekey::http::route::respond;

pub mod change_log;
mod describe;
pub mod holder_log;
mod page;
mod table;

pub use rekey::http::auth::StaffDeps as Deps;

rekey::routes!(Deps:
    holder_log::ListActivity => holder_log::list_activity,
    change_log::ListAccountActivity => change_log::list_account_activity,
    change_log::ListChanges => change_log::list_changes,
);

/// Answers one request.
pub async fn handler(deps: &Deps, request: Request) -> Response<Body> {
    respond(&ROUTES, deps, request).await
}
