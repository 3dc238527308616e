//! `GET /v1/practices/{slug}`: what anybody may know of a practice.

use lambda_http::http::StatusCode;
use rekey::domain::practice::{
    LOCALES, PasswordPolicy, Portals, RecoveryMethod, SecurityQuestion, Slug, Support,
};
use rekey::domain::question;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, ErrorsOf, Operation};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Deps;

/// What anybody may know of a practice.
#[derive(Debug, Serialize, ToSchema)]
pub struct PublicPractice {
    /// Its slug.
    pub slug: Slug,
    /// Its name.
    pub name: String,
    /// Whom to turn to.
    pub support: Support,
    /// Its portals.
    pub portals: Portals,
    /// The ways to recover, its first choice first.
    pub recovery_methods: Vec<RecoveryMethod>,
    /// Digits of a code.
    pub code_length: u32,
    /// What a new password needs.
    pub password_policy: PasswordPolicy,
    /// Questions to choose from; empty when the practice asks none.
    pub security_questions: Vec<&'static str>,
    /// Languages of its mails.
    pub locales: Vec<&'static str>,
}

/// `GET /v1/practices/{slug}`.
pub struct GetPractice;

impl Operation for GetPractice {
    const CALLER: Caller = Caller::Anyone;
    const ERRORS: &'static [&'static [ErrorCode]] = &[&[ErrorCode::UnknownPractice]];
}

/// Tells what anybody may know of a practice.
#[utoipa::path(get, path = "/v1/practices/{slug}", impl_for = GetPractice, operation_id = "getPractice", tag = "practices", security(()),
    params(("slug" = String, Path, description = "The practice's slug")),
    responses(
        (status = 200, body = PublicPractice), ErrorsOf<GetPractice>))]
pub async fn get_practice(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let practice = deps.practice(call.parameter("slug"), deps.ambient.now()).await?;
    let asks = practice.policy.security_question != SecurityQuestion::Off;
    let facts = PublicPractice {
        slug: practice.slug.clone(),
        name: practice.name.clone(),
        support: practice.support.clone(),
        portals: practice.portals.clone(),
        recovery_methods: practice.policy.recovery_methods.clone(),
        code_length: practice.policy.code_length,
        password_policy: practice.password_policy(),
        security_questions: if asks { question::OFFERED.to_vec() } else { Vec::new() },
        locales: LOCALES.to_vec(),
    };
    Reply::json(StatusCode::OK, &facts)
}
