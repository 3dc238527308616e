//! `POST /v1/password/reset/preview`.

use lambda_http::http::StatusCode;
use rekey::account::Setup;
use rekey::http::problem::{Problem, ProblemBody, chain};
use rekey::http::{Answer, Call};
use rekey::practice::{PasswordPolicy, Slug, Support};
use rekey::secret::Secret;
use rekey::ticket::Purpose;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Deps, look, open};

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

/// Tells the holder of a token what it is for. Consumes nothing, however often it is called. Staff see that an invitation
/// was opened.
#[utoipa::path(post, path = "/v1/password/reset/preview", operation_id = "previewReset", tag = "recovery", security(()),
    request_body = PreviewRequest,
    responses(
        (status = 200, body = Preview),
        (status = 400, description = "`malformed_json`, `invalid_request`", body = ProblemBody),
        (status = 404, description = "`invalid_token`", body = ProblemBody),
        (status = 410, description = "`expired_token`, `used_token`, `revoked_token`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn preview(deps: &Deps, call: &Call) -> Result<Answer, Problem> {
    let asked: PreviewRequest = call.json()?;
    let now = deps.ambient.now();
    let (ticket, account) = look(deps, &asked.token).await?;
    open(&ticket, &account, now)?;
    if matches!(account.setup, Setup::NotInvited | Setup::Invited) {
        // Staff see that the account's owner has begun. It changes nothing for the holder, so it is no reason to refuse them either.
        if let Err(error) = deps.store.record_started(account.id).await {
            tracing::warn!(event = "started_not_recorded", cause = chain(&error));
        }
    }
    let practice = deps.practice(&ticket.practice, now).await?;
    let question =
        account.asked_question(&practice.policy, ticket.issuer).map(|question| question.question.clone());
    Answer::json(
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
