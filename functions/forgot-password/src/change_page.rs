//! `GET /.well-known/change-password`: where password managers are led to.

use rekey::domain::practice::Portal;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, ErrorsOf, Operation, QUERY};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::Deps;

/// Whose page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ChangePageQuery {
    /// The practice's slug.
    pub practice: String,
    /// The portal of the practice; its clients' when left out.
    #[serde(default)]
    pub portal: Portal,
}

/// `GET /.well-known/change-password`.
pub struct GetChangePasswordPage;

impl Operation for GetChangePasswordPage {
    const CALLER: Caller = Caller::Anyone;
    const ERRORS: &'static [&'static [ErrorCode]] = &[QUERY, &[ErrorCode::UnknownPractice]];
}

/// Leads to the page on which a portal's password is changed. A portal answers its own `/.well-known/change-password`, which
/// password managers ask for, with a redirect to this; no `Host` header decides where it leads.
#[utoipa::path(get, path = "/.well-known/change-password", impl_for = GetChangePasswordPage, operation_id = "getChangePasswordPage", tag = "practices",
    security(()), params(ChangePageQuery),
    responses(
        (status = 302, description = "To the portal's page", headers(("Location" = String))), ErrorsOf<GetChangePasswordPage>))]
pub async fn get_change_page(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let asked: ChangePageQuery = call.query()?;
    let practice = deps.practice(&asked.practice, deps.ambient.now()).await?;
    let urls = practice.portals.of(asked.portal);
    Ok(Reply::redirect(urls.change_password_url.as_ref().unwrap_or(&urls.url)))
}
