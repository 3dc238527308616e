//! This module serves `PUT /v1/security-question`, which sets the caller's security question.

use rekey::domain::event::Action;
use rekey::domain::question::NewQuestion;
use rekey::domain::typed_password::TypedPassword;
use rekey::http::auth::holder;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, JSON_BODY, Operation};
use rekey::secrets::password::Peppers;
use rekey::secrets::secret::Secret;
use rekey::store::accounts::Changed;
use rekey::store::race::until_written;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::current_password::{CurrentPassword, forget_attempt};

/// The security question to ask from now on, with its answer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetQuestionRequest {
    /// The current password, taken as typed.
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 256)]
    pub current_password: Secret,
    /// The question: one that the practice suggests, or the person's own, 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub question: String,
    /// The answer: 1 to 256 letters and digits. Case, accents, spacing and punctuation do not count.
    #[schema(value_type = String, min_length = 1)]
    pub answer: Secret,
}

/// The operation `PUT /v1/security-question`.
pub struct SetSecurityQuestion;

impl Operation for SetSecurityQuestion {
    const CALLER: Caller = Caller::Holder;
    const ERRORS: &'static [&'static [ErrorCode]] =
        &[JSON_BODY, &[ErrorCode::InvalidCredentials, ErrorCode::TooManyRequests]];
}

/// Sets the caller's security question
///
/// The question replaces an earlier one. It is stored even if the practice asks no question now. Staff cannot read the answer. No
/// mail confirms the change. A wrong current password counts like a failed sign-in and leads to the same waits.
#[utoipa::path(put, path = "/v1/security-question", impl_for = SetSecurityQuestion, operation_id = "setSecurityQuestion", tag = "account",
    request_body = SetQuestionRequest,
    responses(
        (status = 204, description = "The question is set")))]
pub async fn set_question(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let asked: SetQuestionRequest = call.json()?;
    let current = TypedPassword::parse("current_password", &asked.current_password)?;
    let chosen = NewQuestion { question: asked.question, answer: asked.answer }.check()?;
    let failure = Action::SecurityQuestionChangeFail;
    until_written("setting a security question", || async {
        let holder = holder(&deps.store, call, &deps.ambient).await?;
        let counted = CurrentPassword { typed: &current, failure }.check(deps, call, &holder).await?;
        let old = &holder.account;
        let peppers = Peppers::of(deps.peppers.get().await?, old.id);
        let question = chosen.hash(&deps.hasher, peppers, &deps.ambient)?;
        let event = deps.event(call, old, Action::SecurityQuestionChange)?;
        let changed = Changed { old, new: &old.with_question(question) };
        let written = deps.store.set_question(changed, &event, counted.as_ref()).await?.is_written();
        if !written {
            forget_attempt(deps, counted.as_ref()).await?;
        }
        Ok::<_, Problem>(written.then(Reply::empty))
    })
    .await
}
