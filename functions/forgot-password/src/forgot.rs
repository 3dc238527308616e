//! `POST /v1/password/forgot`.

use lambda_http::http::StatusCode;
use rekey::domain::challenge::Challenge;
use rekey::domain::identifier::Identifier;
use rekey::domain::limit::Subject;
use rekey::domain::outbox::{OutboxItem, OutboxKind};
use rekey::domain::practice::{Portal, Practice, RecoveryMethod};
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, ErrorsOf, JSON_BODY, Operation};
use rekey::platform::ids::OutboxId;
use rekey::store::limits::Decision;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Deps;

/// Who forgot, and how they want to be helped.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgotRequest {
    /// The practice's slug.
    pub practice: String,
    /// The portal of the practice; its clients' when left out.
    #[serde(default)]
    pub portal: Portal,
    /// Username or email address.
    #[schema(min_length = 1, max_length = 254)]
    pub identifier: String,
    /// By link or by code; the practice's first choice when left out.
    pub method: Option<RecoveryMethod>,
}

/// The request has been taken. Says nothing about whether an account has the identifier.
#[derive(Debug, Serialize, ToSchema)]
pub struct ForgotAnswer {
    /// Names the request; a code is entered with it.
    #[schema(value_type = String)]
    pub request_id: OutboxId,
    /// How help comes, if there is an account.
    pub method: RecoveryMethod,
}

/// `POST /v1/password/forgot`.
pub struct ForgotPassword;

impl Operation for ForgotPassword {
    const CALLER: Caller = Caller::Anyone;
    const ERRORS: &'static [&'static [ErrorCode]] =
        &[JSON_BODY, &[ErrorCode::UnknownPractice, ErrorCode::MethodNotOffered, ErrorCode::TooManyRequests]];
}

/// Asks for a link or a code by mail.
#[utoipa::path(post, path = "/v1/password/forgot", impl_for = ForgotPassword, operation_id = "forgotPassword", tag = "recovery", security(()),
    request_body = ForgotRequest,
    responses(
        (status = 202, body = ForgotAnswer), ErrorsOf<ForgotPassword>))]
pub async fn forgot_password(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let asked: ForgotRequest = call.json()?;
    let identifier = Identifier::parse(&asked.identifier);
    let identifier = identifier.map_err(|error| Problem::invalid("identifier", &error.to_string()))?;
    let now = deps.ambient.now();
    let practice = deps.practice(&asked.practice, now).await?;
    let method = offered_method(&practice, asked.method)?;
    let challenge = match method {
        RecoveryMethod::Link => None,
        RecoveryMethod::Code => {
            Some(Challenge::new(practice.policy.code_length, now + practice.policy.code_ttl()))
        }
    };
    let kind = OutboxKind::Recovery { portal: asked.portal, identifier, challenge };
    let request = OutboxItem::new(&deps.ambient, &practice.slug, kind, Some(call.address))?;
    match count_and_write(deps, call, &request).await? {
        Decision::Allowed => {
            Reply::json(StatusCode::ACCEPTED, &ForgotAnswer { request_id: request.id, method })
        }
        Decision::Refused { retry_after, .. } => Err(Problem::too_many(retry_after)),
    }
}

fn offered_method(practice: &Practice, asked: Option<RecoveryMethod>) -> Result<RecoveryMethod, Problem> {
    let offered = &practice.policy.recovery_methods;
    let chosen = match asked {
        None => offered.first(),
        Some(method) => offered.iter().find(|each| **each == method),
    };
    chosen.copied().ok_or_else(|| Problem::new(ErrorCode::MethodNotOffered))
}

/// Counts and writes in one transaction. A refusal for what the identifier itself has spent leaves a note for the mailer,
/// which knows whether it names an account: one an hour, however many are refused.
async fn count_and_write(deps: &Deps, call: &Call, request: &OutboxItem) -> Result<Decision, Problem> {
    let OutboxKind::Recovery { portal, identifier, .. } = &request.kind else { return Ok(Decision::Allowed) };
    let key = deps.limits_key.get().await?.current()?;
    let named = Subject::identifier(key, &request.practice, *portal, identifier);
    let address = Subject::address(key, call.address);
    let decision = deps.store.create_request(request, &named, &address, &deps.limits).await?;
    if matches!(decision, Decision::Refused { since: Some(_), .. }) {
        let kind = OutboxKind::LimitHit { portal: *portal, identifier: identifier.clone() };
        let id = named.limit_hit_id(request.at);
        deps.store.create_outbox_item(&OutboxItem { id, kind, ..request.clone() }).await?;
    }
    Ok(decision)
}
