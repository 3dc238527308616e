//! The function `accounts` serves staff: accounts (`/v1/admin/accounts`) with their caseloads and associations, and
//! the help requests of people whose mail does not come (`/v1/admin/help-requests`).
//!
//! [`rekey::domain::permission::Staff`] decides who may do what, from the account of the session and for each object anew (A1).
//! Nothing here can set, show or choose a password (A2).

use lambda_runtime::LambdaEvent;
use rekey::http::route::respond;
use serde_json::Value;
use serde_json::value::RawValue;

pub mod associations;
pub mod caseload;
pub mod closing;
pub mod create;
pub mod edit;
pub mod facts;
pub mod hand_over;
pub mod help_requests;
pub mod list;
pub mod mail;
mod shared_address;

pub use rekey::http::auth::StaffDeps as Deps;

rekey::routes!(Deps:
    list::ListAccounts => list::list_accounts,
    create::CreateAccount => create::create_account,
    edit::GetAdminAccount => edit::get_account,
    edit::UpdateAccount => edit::update_account,
    mail::RestoreMail => mail::restore_mail,
    caseload::Assign => caseload::assign,
    caseload::Unassign => caseload::unassign,
    hand_over::HandOver => hand_over::hand_over,
    associations::Associate => associations::associate,
    associations::Dissociate => associations::dissociate,
    help_requests::ListHelpRequests => help_requests::list_help_requests,
    help_requests::ActOnHelpRequest => help_requests::act_on_help_request,
);

/// Answers one event of the gateway.
pub async fn handler(deps: &Deps, event: LambdaEvent<Box<RawValue>>) -> Value {
    respond(&ROUTES, deps, &deps.gateway, event).await
}
