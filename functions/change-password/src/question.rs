//! `PUT /v1/security-question`.

use rekey::event::Action;
use rekey::http::problem::{Problem, ProblemBody};
use rekey::http::{Answer, Call};
use rekey::question::NewQuestion;
use rekey::secret::Secret;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{Current, Deps};

/// The question to be asked from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetQuestionRequest {
    /// Taken as it is.
    pub current_password: Secret,
    /// One of those that the practice offers, or one's own.
    #[schema(min_length = 1, max_length = 200)]
    pub question: String,
    /// 1 to 256 letters and digits; case, spacing and punctuation do not count.
    pub answer: Secret,
}

/// Sets the security question. Kept whether or not the practice asks one today.
#[utoipa::path(put, path = "/v1/security-question", operation_id = "setSecurityQuestion", tag = "account",
    request_body = SetQuestionRequest,
    responses(
        (status = 204, description = "The question is set"),
        (status = 400, description = "`malformed_json`, `invalid_request`", body = ProblemBody),
        (status = 401, description = "`invalid_session`, `invalid_credentials`", body = ProblemBody),
        (status = 403, description = "`password_change_required`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`, with `Retry-After`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn set_question(deps: &Deps, call: &Call) -> Result<Answer, Problem> {
    let asked: SetQuestionRequest = call.json()?;
    let current = Current::parse(&asked.current_password)?;
    let chosen = NewQuestion { question: asked.question, answer: asked.answer };
    let chosen = chosen.check().map_err(|(member, rule)| Problem::invalid(member, rule))?;

    let (session, account) = call.session(&deps.store, deps.ambient.now()).await?;
    let failure = Action::SecurityQuestionChangeFail;
    let counted = current.check(deps, call, (&session, &account), failure).await?;

    let question = chosen.keep(&deps.hasher, deps.peppers.get().await?, &deps.ambient)?;
    let event = deps.event(call, &account, Action::SecurityQuestionChange)?;
    if deps.store.set_question(&account, &question, &event, counted.as_ref()).await?.is_written() {
        return Ok(Answer::empty());
    }
    Err(Problem::unavailable("setting a security question", "the account changed meanwhile"))
}
