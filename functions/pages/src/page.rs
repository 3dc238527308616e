//! This module serves the pages: `GET /p/{practice}`, `GET /p/{practice}/{portal}` and `GET /p/{practice}/{portal}/{page}`.

use std::sync::Arc;

use http::StatusCode;
use rekey::domain::practice::{Portal, Practice};
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, Operation};

use crate::Deps;
use crate::render::{At, render};

/// A kind of page: its name in addresses, its template and the module of its script.
pub struct Kind {
    /// The name in addresses, which is also the name of its template and its module.
    pub name: &'static str,
    /// Whose pages it belongs to.
    pub of: Of,
    /// The module, as the page carries it.
    pub module: &'static str,
    pub(crate) template: &'static str,
}

/// Whose pages a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// The pages of both portals: how a person gets in, and their own account.
    Both,
    /// Staff's console.
    Console,
}

macro_rules! kinds {
    ($($name:literal $of:ident),+ $(,)?) => {
        [$(Kind {
            name: $name,
            of: Of::$of,
            module: include_str!(concat!("../modules/", $name, ".js")),
            template: include_str!(concat!("../templates/", $name, ".html")),
        }),+]
    };
}

/// Every page. The first is a portal's front page.
pub static KINDS: [Kind; 13] = kinds![
    "sign-in" Both,
    "forgot" Both,
    "reset" Both,
    "change-password" Both,
    "account" Both,
    "clients" Console,
    "client" Console,
    "new-account" Console,
    "help" Console,
    "team" Console,
    "changes" Console,
    "settings" Console,
    "brand" Console,
];

/// The operation `GET /p/{practice}`.
pub struct GetPracticePage;

impl Operation for GetPracticePage {
    const CALLER: Caller = Caller::Anyone;
    const ERRORS: &'static [&'static [ErrorCode]] = &[&[ErrorCode::UnknownPractice]];
    const IS_PAGE: bool = true;
}

/// Redirects to the front page of a practice's portal for clients
///
/// It may be here or at the portal's own address.
#[utoipa::path(get, path = "/p/{practice}", impl_for = GetPracticePage, operation_id = "getPracticePage", tag = "pages",
    params(
        ("practice" = String, Path, description = "The practice's slug"),
        ("lang" = Option<String>, Query, description = "The language of a refusal: `en` or `es`. Without it, the browser's")),
    responses(
        (status = 302, description = "A redirect to the page", headers(("Location" = String, description = "The address of the page.")))))]
pub async fn get_practice_page(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    match practice(deps, call).await {
        Ok(practice) => Ok(Reply::redirect(&practice.urls(Portal::Client).url)),
        Err(problem) => refuse(deps, call, problem),
    }
}

/// The operation `GET /p/{practice}/{portal}`.
pub struct GetFrontPage;

impl Operation for GetFrontPage {
    const CALLER: Caller = Caller::Anyone;
    const ERRORS: &'static [&'static [ErrorCode]] = &[&[ErrorCode::UnknownPractice, ErrorCode::NotFound]];
    const IS_PAGE: bool = true;
}

/// Shows the front page of a portal
///
/// It is the page on which people sign in. A refusal is a page too.
#[utoipa::path(get, path = "/p/{practice}/{portal}", impl_for = GetFrontPage, operation_id = "getFrontPage", tag = "pages",
    params(
        ("practice" = String, Path, description = "The practice's slug"),
        ("portal" = String, Path, description = "`client` or `staff`"),
        ("lang" = Option<String>, Query, description = "The language: `en` or `es`. Without it, the browser's, or else the practice's")),
    responses(
        (status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn get_front_page(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    show(deps, call, KINDS[0].name).await
}

/// The operation `GET /p/{practice}/{portal}/{page}`.
pub struct GetPage;

impl Operation for GetPage {
    const CALLER: Caller = Caller::Anyone;
    const ERRORS: &'static [&'static [ErrorCode]] = &[&[ErrorCode::UnknownPractice, ErrorCode::NotFound]];
    const IS_PAGE: bool = true;
}

/// Shows a page of a portal
///
/// Staff's console is at the portal `staff` alone. A refusal is a page too.
#[utoipa::path(get, path = "/p/{practice}/{portal}/{page}", impl_for = GetPage, operation_id = "getPage", tag = "pages",
    params(
        ("practice" = String, Path, description = "The practice's slug"),
        ("portal" = String, Path, description = "`client` or `staff`"),
        ("page" = String, Path, description = "The name of the page, such as `forgot`"),
        ("lang" = Option<String>, Query, description = "The language: `en` or `es`. Without it, the browser's, or else the practice's")),
    responses(
        (status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn get_page(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    show(deps, call, call.parameter("page")).await
}

async fn show(deps: &Deps, call: &Call, name: &str) -> Result<Reply, Problem> {
    let found = find(deps, call, name).await;
    match found {
        Ok((kind, practice, portal)) => {
            render(deps, call, &At::Page { kind, practice: &practice, portal }, StatusCode::OK)
        }
        Err(problem) => refuse(deps, call, problem),
    }
}

/// Refuses with a page.
fn refuse<T>(deps: &Deps, call: &Call, problem: Problem) -> Result<T, Problem> {
    let page = render(deps, call, &At::Nowhere { status: problem.status() }, problem.status())?;
    Err(page.instead_of(problem))
}

async fn find(
    deps: &Deps,
    call: &Call,
    name: &str,
) -> Result<(&'static Kind, Arc<Practice>, Portal), Problem> {
    let not_found = || Problem::new(ErrorCode::NotFound);
    let portal = Portal::parse(call.parameter("portal")).ok_or_else(not_found)?;
    let is_there = |kind: &&Kind| kind.name == name && (kind.of == Of::Both || portal == Portal::Staff);
    let kind = KINDS.iter().find(is_there).ok_or_else(not_found)?;
    Ok((kind, practice(deps, call).await?, portal))
}

async fn practice(deps: &Deps, call: &Call) -> Result<Arc<Practice>, Problem> {
    let found = deps.practice(call.parameter("practice")).await?;
    found.ok_or_else(|| Problem::new(ErrorCode::UnknownPractice))
}

/// The page that asks for the practice, for a host that is no practice's own.
pub(crate) fn choose_practice(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    render(deps, call, &At::Choice { is_wrong: false }, StatusCode::OK)
}

/// The refusal of a practice that there is not. A browser shows the question again.
pub(crate) fn unknown_practice(deps: &Deps, call: &Call) -> Problem {
    let problem = Problem::new(ErrorCode::UnknownPractice);
    if !call.accepts("text/html") {
        return problem;
    }
    match render(deps, call, &At::Choice { is_wrong: true }, problem.status()) {
        Ok(page) => page.instead_of(problem),
        Err(other) => other,
    }
}
