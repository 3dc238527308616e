//! This module serves `GET /v1/practices/{slug}`, the public facts of a practice, and `GET /v1/practices/{slug}/logo`.

use http::StatusCode;
use http::header::CACHE_CONTROL;
use rekey::domain::practice::{
    Brand, Color, LOCALES, PasswordPolicy, PortalAddresses, Practice, RecoveryMethod, SecurityQuestion, Slug,
    Support,
};
use rekey::domain::question;
use rekey::http::call::Call;
use rekey::http::document::Png;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, Operation, QUERY};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Deps;

/// The public facts of a practice.
#[derive(Debug, Serialize, ToSchema)]
pub struct PublicPractice {
    /// The practice's slug.
    pub slug: Slug,
    /// The practice's name, for people.
    pub name: String,
    /// The contact for people who need help.
    pub support: Support,
    /// The addresses of the practice's two portals.
    pub portals: PortalAddresses,
    /// The ways to recover that the practice offers. The first is the default.
    pub recovery_methods: Vec<RecoveryMethod>,
    /// The number of digits in a verification code: 6 to 10.
    pub code_length: u32,
    /// The length that a new password must have.
    pub password_policy: PasswordPolicy,
    /// The security questions that the practice suggests. The list is empty when the practice asks none.
    pub security_questions: Vec<&'static str>,
    /// Whether a person whose mail does not come can ask the practice for help: `POST /v1/password/help`.
    pub help_requests: bool,
    /// The languages in which mails can be written.
    pub locales: Vec<&'static str>,
    /// What the practice's pages look like.
    pub brand: PublicBrand,
}

/// What the practice's pages look like. A member that is absent is left to the page.
#[derive(Debug, Serialize, ToSchema)]
pub struct PublicBrand {
    /// The colour of buttons, whose words are white.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub color: Option<Color>,
    /// The path at which the API has the logo, as `/v1/practices/agency/logo?v=…`. It is another one for another logo.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub logo_url: Option<String>,
    /// The width of the logo, in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub logo_width: Option<u32>,
    /// The height of the logo, in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub logo_height: Option<u32>,
}

impl PublicBrand {
    fn of(practice: &Practice) -> Self {
        let Brand { color, logo } = &practice.brand;
        Self {
            color: color.clone(),
            logo_url: logo.as_ref().map(|logo| logo.path(&practice.slug)),
            logo_width: logo.as_ref().map(|logo| logo.width),
            logo_height: logo.as_ref().map(|logo| logo.height),
        }
    }
}

/// The operation `GET /v1/practices/{slug}`.
pub struct GetPractice;

impl Operation for GetPractice {
    const CALLER: Caller = Caller::Anyone;
    const ERRORS: &'static [&'static [ErrorCode]] = &[&[ErrorCode::UnknownPractice]];
}

/// Shows the public facts of a practice
///
/// A portal's pages need these facts before anybody is signed in. The call needs no session. A change of the practice's settings
/// shows here within a minute.
#[utoipa::path(get, path = "/v1/practices/{slug}", impl_for = GetPractice, operation_id = "getPractice", tag = "practices",
    params(("slug" = Slug, Path, description = "The practice's slug")),
    responses(
        (status = 200, body = PublicPractice)))]
pub async fn get_practice(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let practice = deps.practice(call.parameter("slug"), deps.ambient.now()).await?;
    let asks = practice.policy.security_question != SecurityQuestion::Off;
    let facts = PublicPractice {
        slug: practice.slug.clone(),
        name: practice.name.clone(),
        support: practice.support.clone(),
        portals: practice.addresses.clone(),
        recovery_methods: practice.policy.recovery_methods.clone(),
        code_length: practice.policy.code_length,
        password_policy: practice.password_policy(),
        security_questions: if asks { question::OFFERED.to_vec() } else { Vec::new() },
        help_requests: practice.policy.help_requests,
        locales: LOCALES.to_vec(),
        brand: PublicBrand::of(&practice),
    };
    Reply::json(StatusCode::OK, &facts)
}

/// Which logo is meant.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogoQuery {
    /// The digest of the logo that is meant, from `logo_url` of the practice's facts. With it, the answer may be kept for a year.
    v: Option<String>,
}

/// The operation `GET /v1/practices/{slug}/logo`.
pub struct GetPracticeLogo;

impl Operation for GetPracticeLogo {
    const CALLER: Caller = Caller::Anyone;
    const ERRORS: &'static [&'static [ErrorCode]] =
        &[QUERY, &[ErrorCode::UnknownPractice, ErrorCode::NotFound]];
}

/// Shows the logo of a practice
///
/// Pages and mails load it from here. The call needs no session. The answer has the logo as it is now, and may be kept if `v` is its
/// digest; 404 when there is none.
#[utoipa::path(get, path = "/v1/practices/{slug}/logo", impl_for = GetPracticeLogo, operation_id = "getPracticeLogo", tag = "practices",
    params(("slug" = Slug, Path, description = "The practice's slug"), LogoQuery),
    responses(
        (status = 200, description = "The logo", body = Png, content_type = "image/png")))]
pub async fn get_logo(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let asked: LogoQuery = call.query()?;
    let practice = deps.practice(call.parameter("slug"), deps.ambient.now()).await?;
    // It is read although the practice that is remembered may have none: a mail may have been sent with a new one within this minute.
    let logo = deps.store.find_logo(&practice.slug).await?;
    let logo = logo.ok_or_else(|| Problem::new(ErrorCode::NotFound))?;
    let reply = Reply::bytes("image/png", logo.png()?);
    let is_current = asked.v.is_some_and(|digest| digest == logo.digest);
    Ok(if is_current {
        reply.with_header(CACHE_CONTROL, "public, max-age=31536000, immutable")
    } else {
        reply
    })
}
