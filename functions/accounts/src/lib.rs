//! The function `accounts` serves staff: accounts (`/v1/admin/accounts`) with their caseloads and associations, and the settings
//! of the practice (`/v1/admin/practice`).
//!
//! [`rekey::domain::permission::Staff`] decides who may do what, from the account of the session and for each object anew (A1).
//! Nothing here can set, show or choose a password (A2).

use lambda_http::{Body, Request, Response};
use rekey::http::route::respond;

pub mod associations;
pub mod caseload;
pub mod create;
pub mod edit;
pub mod facts;
pub mod list;
pub mod settings;

pub use rekey::http::auth::StaffDeps as Deps;

rekey::routes!(Deps:
    settings::GetSettings => settings::get_settings,
    settings::UpdateSettings => settings::update_settings,
    list::ListAccounts => list::list_accounts,
    create::CreateAccount => create::create_account,
    edit::GetAdminAccount => edit::get_account,
    edit::UpdateAccount => edit::update_account,
    caseload::Assign => caseload::assign,
    caseload::Unassign => caseload::unassign,
    associations::Associate => associations::associate,
    associations::Dissociate => associations::dissociate,
);

/// Answers one request.
pub async fn handler(deps: &Deps, request: Request) -> Response<Body> {
    respond(&ROUTES, deps, request).await
}
