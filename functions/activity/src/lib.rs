//! The function `activity` shows what happened: an account's activity log, for its owner and for staff, and a practice's change
//! log.
//!
//! The function reads events and writes none. The cost of a page depends on what the page shows and not on the number of events,
//! because each log is a partition or an index that is read from its newest end.

use lambda_runtime::LambdaEvent;
use rekey::http::route::respond;
use serde_json::Value;
use serde_json::value::RawValue;

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

/// Answers one event of the gateway.
pub async fn handler(deps: &Deps, event: LambdaEvent<Box<RawValue>>) -> Value {
    respond(&ROUTES, deps, &deps.gateway, event).await
}
