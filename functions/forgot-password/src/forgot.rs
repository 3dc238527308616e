//! This module serves `POST /v1/password/forgot`, which takes a request for a recovery link or code.

use http::StatusCode;
use rekey::domain::challenge::{Challenge, label_of};
use rekey::domain::identifier::Identifier;
use rekey::domain::limit::{Limit, Subject};
use rekey::domain::outbox::{OutboxItem, OutboxKind};
use rekey::domain::practice::{Portal, Practice, RecoveryMethod, Slug};
use rekey::domain::spray::Shard;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, JSON_BODY, Operation};
use rekey::platform::ids::OutboxId;
use rekey::store::limits::Decision;
use rekey::store::outbox::RequestCounters;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Deps;

/// A request for a recovery link or code.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgotRequest {
    /// The practice's slug.
    #[schema(value_type = Slug)]
    pub practice: String,
    /// The portal of the practice. The default is `client`.
    #[serde(default)]
    pub portal: Portal,
    /// The username or the email address of the account: 1 to 254 characters.
    #[schema(min_length = 1, max_length = 254)]
    pub identifier: String,
    /// The way to recover. The default is the first of the practice's `recovery_methods`.
    pub method: Option<RecoveryMethod>,
}

/// The request has been accepted. The answer does not tell whether an account has the identifier.
#[derive(Debug, Serialize, ToSchema)]
pub struct ForgotAnswer {
    /// The id of the request. A code is entered together with it.
    pub request_id: OutboxId,
    /// The mark of the request: four letters, which a mail with a code has too. A person who has asked twice sees by it which
    /// code to enter.
    #[schema(pattern = "^[BCDFGHJKLMNPQRSTVWXZ]{4}$")]
    pub label: String,
    /// The way to recover that the request asks for.
    pub method: RecoveryMethod,
}

/// The operation `POST /v1/password/forgot`.
pub struct ForgotPassword;

impl Operation for ForgotPassword {
    const CALLER: Caller = Caller::Anyone;
    const ERRORS: &'static [&'static [ErrorCode]] =
        &[JSON_BODY, &[ErrorCode::UnknownPractice, ErrorCode::MethodNotOffered, ErrorCode::TooManyRequests]];
}

/// Requests a recovery link or code by mail
///
/// The mail goes to the address that is stored with the account. The answer is the same whether or not an account has the
/// identifier. An account that was never set up is sent an invitation instead. The request alone changes nothing: the password,
/// the sessions and earlier links stay valid. By default an identifier may ask 3 times an hour and 10 times a day, and a source
/// address 30 times an hour. An identifier gets at most 4 codes in 24 hours and 15 minutes, or in 24 hours and the
/// life of a code, where that is longer.
#[utoipa::path(post, path = "/v1/password/forgot", impl_for = ForgotPassword, operation_id = "forgotPassword", tag = "recovery",
    request_body = ForgotRequest,
    responses(
        (status = 202, body = ForgotAnswer)))]
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
        Decision::Allowed => Reply::json(
            StatusCode::ACCEPTED,
            &ForgotAnswer { request_id: request.id, label: label_of(request.id), method },
        ),
        Decision::Refused { retry_after, since } => {
            let limit = since.map_or(Limit::Source, |_| Limit::Identifier);
            Err(Problem::too_many(limit, retry_after))
        }
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

/// Counts the request and writes it in one transaction. When a limit of the identifier itself refuses the request, this leaves a
/// note for the mailer, which can find out whether the identifier names an account. There is one note an hour, however many
/// requests are refused.
async fn count_and_write(deps: &Deps, call: &Call, request: &OutboxItem) -> Result<Decision, Problem> {
    let OutboxKind::Recovery { portal, identifier, .. } = &request.kind else { return Ok(Decision::Allowed) };
    let key = deps.limits_key.get().await?.current()?;
    let named = Subject::identifier(key, &request.practice, *portal, identifier);
    let counts = deps.limits.sources.count(call.address);
    let address = counts.then(|| Subject::address(key, call.address));
    let is_short = request.challenge().is_some_and(Challenge::is_short);
    let short_codes = is_short.then(|| Shard::of_short_codes(key, &request.practice, &named, request.at));
    let counters = RequestCounters {
        identifier: &named,
        address: address.as_ref(),
        short_codes: short_codes.as_ref(),
        limits: &deps.limits,
    };
    let decision = deps.store.create_request(request, counters).await?;
    if matches!(decision, Decision::Refused { since: Some(_), .. }) {
        let kind = OutboxKind::LimitHit { portal: *portal, identifier: identifier.clone() };
        let id = named.limit_hit_id(request.at);
        deps.store.create_outbox_item(&OutboxItem { id, kind, ..request.clone() }).await?;
    }
    Ok(decision)
}
