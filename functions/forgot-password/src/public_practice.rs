//! This module serves `GET /v1/practices/{slug}`, the public facts of a practice.

use http::StatusCode;
use rekey::domain::practice::{
    LOCALES, PasswordPolicy, PortalAddresses, RecoveryMethod, SecurityQuestion, Slug, Support,
};
use rekey::domain::question;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, Operation};
use serde::Serialize;
use utoipa::ToSchema;

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
    };
    Reply::json(StatusCode::OK, &facts)
}
