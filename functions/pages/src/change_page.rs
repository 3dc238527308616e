//! This module serves `GET /.well-known/change-password`, which leads password managers to a portal's page.

use rekey::domain::practice::{Portal, Slug};
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, Operation, QUERY};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::Deps;
use crate::page;

/// The portal whose page is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ChangePageQuery {
    /// The practice's slug. Without it, the portal of the host is meant that the call came to.
    #[serde(default)]
    #[param(value_type = Option<Slug>, nullable = false)]
    pub practice: Option<String>,
    /// The portal of the practice. The default is `client`.
    #[serde(default)]
    pub portal: Portal,
    /// The language of the page that asks for the practice: `en` or `es`. Without it, the browser's.
    #[serde(default)]
    #[param(nullable = false)]
    pub lang: Option<String>,
}

/// The operation `GET /.well-known/change-password`.
pub struct GetChangePasswordPage;

impl Operation for GetChangePasswordPage {
    const CALLER: Caller = Caller::Anyone;
    const ERRORS: &'static [&'static [ErrorCode]] = &[QUERY, &[ErrorCode::UnknownPractice]];
    const IS_PAGE: bool = true;
}

/// Redirects to the page on which a portal's password is changed
///
/// Password managers ask a portal's own web server for `/.well-known/change-password`. That server redirects them here, and this
/// call redirects them to the portal's `change_password_url`, or to its `url` when there is none. The target comes from the
/// practice's settings and never from a `Host` header. Without `practice`, the portal is meant whose addresses have the host that was
/// called; if there is none, the answer is a page that asks for the practice.
#[utoipa::path(get, path = "/.well-known/change-password", impl_for = GetChangePasswordPage, operation_id = "getChangePasswordPage", tag = "practices",
    params(ChangePageQuery),
    responses(
        (status = 200, description = "A page that asks for the practice", content_type = "text/html", body = String),
        (status = 302, description = "A redirect to the portal's page for changing the password", headers(("Location" = String, description = "The address of the page.")))))]
pub async fn get_change_page(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let asked: ChangePageQuery = call.query()?;
    let (practice, portal) = match asked.practice {
        Some(slug) => (deps.practice(&slug).await?, asked.portal),
        None => match deps.owner_of_host(call).await? {
            Some(owner) => (deps.practice(owner.practice.as_str()).await?, owner.portal),
            None => return page::choose_practice(deps, call),
        },
    };
    let practice = practice.ok_or_else(|| page::unknown_practice(deps, call))?;
    let urls = practice.urls(portal);
    Ok(Reply::redirect(urls.change_password_url.as_ref().unwrap_or(&urls.url)))
}
