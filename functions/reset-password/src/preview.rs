//! `POST /v1/password/reset/preview`.

use lambda_http::http::StatusCode;
use rekey::domain::practice::{PasswordPolicy, Slug, Support};
use rekey::domain::ticket::Purpose;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, ErrorsOf, JSON_BODY, Operation};
use rekey::platform::error::chain;
use rekey::secrets::secret::Secret;
use rekey::store::accounts::Changed;
use rekey::store::tickets::TicketOfAccount;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Deps;
use crate::ticket::{must_be_open, open_ticket, parse_token};

/// What a holder shows to learn what a token is for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewRequest {
    /// From the link's fragment, or what a code was exchanged for.
    pub token: Secret,
}

/// What a token is for.
#[derive(Debug, Serialize, ToSchema)]
pub struct Preview {
    /// Replace a password, or set the first one.
    pub purpose: Purpose,
    /// Whose portal it is.
    pub practice: PracticeFacts,
    /// Whose password it sets.
    pub username: String,
    /// RFC 3339 UTC.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// To be answered with the new password, if not null.
    pub question: Option<String>,
    /// What the new password needs.
    pub policy: PasswordPolicy,
}

/// A practice, for the holder of a token.
#[derive(Debug, Serialize, ToSchema)]
pub struct PracticeFacts {
    /// Its slug.
    pub slug: Slug,
    /// Its name.
    pub name: String,
    /// Whom to turn to.
    pub support: Support,
}

/// `POST /v1/password/reset/preview`.
pub struct PreviewReset;

impl Operation for PreviewReset {
    const CALLER: Caller = Caller::Anyone;
    const ERRORS: &'static [&'static [ErrorCode]] = &[
        JSON_BODY,
        &[ErrorCode::InvalidToken, ErrorCode::ExpiredToken, ErrorCode::UsedToken, ErrorCode::RevokedToken],
    ];
}

/// Tells the holder of a token what it is for. Consumes nothing, however often it is called. Staff see that an invitation
/// was opened.
#[utoipa::path(post, path = "/v1/password/reset/preview", impl_for = PreviewReset, operation_id = "previewReset", tag = "recovery", security(()),
    request_body = PreviewRequest,
    responses(
        (status = 200, body = Preview), ErrorsOf<PreviewReset>))]
pub async fn preview_reset(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let asked: PreviewRequest = call.json()?;
    let now = deps.ambient.now();
    let found = open_ticket(deps, &parse_token(&asked.token)?).await?;
    must_be_open(&found, now)?;
    let TicketOfAccount { ticket, account } = found;
    if let Some(started) = account.started() {
        // Staff see that the account's owner has begun. It changes nothing for the holder, so it is no reason to refuse them either.
        let changed = Changed { old: &account, new: &started };
        if let Err(error) = deps.store.record_started(changed).await {
            tracing::warn!(event = "started_not_recorded", cause = chain(&error));
        }
    }
    let practice = deps.practices.of(&deps.store, &ticket.practice, now).await?;
    let question =
        account.asked_question(&practice.policy, ticket.issuer).map(|question| question.question.clone());
    Reply::json(
        StatusCode::OK,
        &Preview {
            purpose: Purpose::of(&account),
            practice: PracticeFacts {
                slug: practice.slug.clone(),
                name: practice.name.clone(),
                support: practice.support.clone(),
            },
            username: account.username.as_str().to_owned(),
            expires_at: ticket.valid_until.to_string(),
            question,
            policy: practice.password_policy(),
        },
    )
}
