//! `POST /v1/password/change`.

use rekey::event::Action;
use rekey::http::problem::{Problem, ProblemBody};
use rekey::http::{Answer, Call};
use rekey::limit::Subject;
use rekey::new_password::NewPassword;
use rekey::outbox::{Errand, Outbox};
use rekey::secret::Secret;
use rekey::store::sessions::PasswordChange;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{Current, Deps};

/// The password to be had from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeRequest {
    /// Taken as it is; the temporary one, when the session began with that.
    pub current_password: Secret,
    /// 1 to 256 code points, taken as they are.
    pub new_password: Secret,
}

/// Changes the password. Ends every other session of the account and voids its tickets. A session that began with a temporary
/// password can do everything from then on.
#[utoipa::path(post, path = "/v1/password/change", operation_id = "changePassword", tag = "account",
    request_body = ChangeRequest,
    responses(
        (status = 204, description = "The password is changed; a confirmation is on its way"),
        (status = 400, description = "`malformed_json`, `invalid_request`", body = ProblemBody),
        (status = 401, description = "`invalid_session`, `invalid_credentials`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "`weak_password` with `reasons`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`, with `Retry-After`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn change_password(deps: &Deps, call: &Call) -> Result<Answer, Problem> {
    let asked: ChangeRequest = call.json()?;
    let current = Current::parse(&asked.current_password)?;
    let new = NewPassword::parse(&asked.new_password)?;

    let now = deps.ambient.now();
    let (session, account) = call.any_session(&deps.store, now).await?;
    let practice = deps.practices.find(&deps.store, &account.practice, now).await?;
    let practice =
        practice.ok_or_else(|| Problem::internal("finding an account's practice", "it is gone"))?;
    // What the request itself shows to be refused must not count as a guess at the current password.
    new.judge(&practice, &account)?;
    new.must_differ(&asked.current_password, &account)?;
    let failure = Action::AuthnPasswordChangeFail;
    let counted = current.check(deps, call, (&session, &account), failure).await?;
    let hash = match new.keep(&deps.hasher, deps.peppers.get().await?, &deps.ambient, &account) {
        Ok(hash) => hash,
        Err(problem) => {
            // The current one was right: it is no failure to be held against anybody.
            if let Some(counted) = &counted {
                deps.store.forget_sign_ins(counted).await?;
            }
            return Err(problem);
        }
    };

    let key = deps.limits_key.get().await?.current()?;
    let subject = |identifier| Subject::identifier(key, &account.practice, account.portal, identifier);
    let limits: Vec<Subject> = account.identifiers().iter().map(subject).collect();
    let errand = Errand::PasswordChanged { account: account.id };
    let confirmation = Outbox::new(&deps.ambient, &account.practice, errand, Some(call.address))?;
    let event = deps.event(call, &account, Action::AuthnPasswordChange)?;
    let event = event.with_session(session.id).with_outbox(confirmation.id);
    let change = PasswordChange {
        session: &session,
        account: &account,
        password: &hash,
        event: &event,
        confirmation: &confirmation,
        limits: &limits,
    };
    if deps.store.change_password(&change).await?.is_written() {
        return Ok(Answer::empty());
    }
    Err(Problem::unavailable("changing a password", "the account changed meanwhile"))
}
