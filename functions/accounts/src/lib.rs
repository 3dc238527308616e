//! Staff's view of accounts: `/v1/admin/accounts`, their caseloads and associations; and of their practice's settings.
//!
//! Who may do what [`rekey::domain::permission::Staff`] decides, for each object anew, from the account of the session (A1).
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
