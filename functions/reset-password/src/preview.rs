//! This module serves `POST /v1/password/reset/preview`, which tells what a token is for.

use http::StatusCode;
use rekey::domain::practice::{PasswordPolicy, Slug, Support};
use rekey::domain::ticket::Purpose;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, JSON_BODY, Operation};
use rekey::platform::error::chain;
use rekey::secrets::secret::Secret;
use rekey::secrets::token::Token;
use rekey::store::accounts::Changed;
use rekey::store::tickets::TicketOfAccount;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Deps;
use crate::ticket::{must_be_open, open_ticket, parse_token};

/// The token to be explained.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewRequest {
    /// The token from the fragment (`#token=`) of a link, or the token for which a code was exchanged.
    #[schema(value_type = Token)]
    pub token: Secret,
}

/// The purpose of a token, and what its holder needs in order to set a password.
#[derive(Debug, Serialize, ToSchema)]
pub struct Preview {
    /// Whether the token replaces a password (`reset`) or sets the first one (`invitation`).
    pub purpose: Purpose,
    /// The practice to which the account belongs.
    pub practice: PracticeFacts,
    /// The username of the account whose password the token sets.
    pub username: String,
    /// The time from which the token no longer works (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// The security question to answer together with the new password, or null when none is asked.
    pub question: Option<String>,
    /// The length that the new password must have.
    pub policy: PasswordPolicy,
}

/// The facts of a practice that the holder of a token sees.
#[derive(Debug, Serialize, ToSchema)]
pub struct PracticeFacts {
    /// The practice's slug.
    pub slug: Slug,
    /// The practice's name, for people.
    pub name: String,
    /// The contact for people who need help.
    pub support: Support,
}

/// The operation `POST /v1/password/reset/preview`.
pub struct PreviewReset;

impl Operation for PreviewReset {
    const CALLER: Caller = Caller::Anyone;
    const ERRORS: &'static [&'static [ErrorCode]] = &[
        JSON_BODY,
        &[ErrorCode::InvalidToken, ErrorCode::ExpiredToken, ErrorCode::UsedToken, ErrorCode::RevokedToken],
    ];
}

/// Shows the purpose of a token
///
/// The answer tells whose password the token sets, until when it works, and which security question must be answered. The call
/// does not use the token up, however often it is made. Staff see in the account's list of tickets that the token was shown
/// (`opened`). For an account that is not set up yet they also see it in `setup` (`started`).
#[utoipa::path(post, path = "/v1/password/reset/preview", impl_for = PreviewReset, operation_id = "previewReset", tag = "recovery",
    request_body = PreviewRequest,
    responses(
        (status = 200, body = Preview)))]
pub async fn preview_reset(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let asked: PreviewRequest = call.json()?;
    let now = deps.ambient.now();
    let found = open_ticket(deps, &parse_token(&asked.token)?).await?;
    must_be_open(&found, now)?;
    let TicketOfAccount { ticket, account } = found;
    if let Some(started) = account.started() {
        // Staff see that the account's owner has begun to set the account up. A failure to record this changes nothing for the
        // holder of the token, so the call goes on.
        let changed = Changed { old: &account, new: &started };
        if let Err(error) = deps.store.record_started(changed).await {
            tracing::warn!(event = "started_not_recorded", cause = chain(&error));
        }
    }
    let practice = deps.practices.find(&deps.store, &ticket.practice, now).await?;
    let practice = practice.ok_or_else(|| Problem::new(ErrorCode::InvalidToken))?;
    let question = account
        .asked_question(&practice.policy, ticket.owner_was_seen())
        .map(|question| question.question.clone());
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
