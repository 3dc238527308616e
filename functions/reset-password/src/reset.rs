//! `POST /v1/password/reset`.

use rekey::domain::question::NewQuestion;
use rekey::domain::ticket::Purpose;
use rekey::domain::typed_password::TypedPassword;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, ErrorsOf, JSON_BODY, Operation};
use rekey::secrets::secret::Secret;
use rekey::secrets::token::digest_of;
use rekey::store::race::until_written;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::answer::check_answer;
use crate::attempt::{Attempt, NewCredentials};
use crate::ticket::{find_ticket, must_be_open, parse_token};

/// The new password of the holder of a token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetRequest {
    /// From the link's fragment, or what a code was exchanged for.
    pub token: Secret,
    /// 1 to 256 code points, taken as they are.
    pub new_password: Secret,
    /// To the security question, when the preview or the code showed one.
    pub answer: Option<Secret>,
    /// The one to be asked from now on. With an invitation only.
    pub security_question: Option<NewQuestion>,
}

/// `POST /v1/password/reset`.
pub struct ResetPassword;

impl Operation for ResetPassword {
    const CALLER: Caller = Caller::Anyone;
    const ERRORS: &'static [&'static [ErrorCode]] = &[
        JSON_BODY,
        &[
            ErrorCode::WrongAnswer,
            ErrorCode::QuestionNotSet,
            ErrorCode::InvalidToken,
            ErrorCode::ExpiredToken,
            ErrorCode::UsedToken,
            ErrorCode::RevokedToken,
            ErrorCode::WeakPassword,
            ErrorCode::IdempotencyKeyReused,
            ErrorCode::TooManyRequests,
        ],
    ];
}

/// Sets a new password. Ends every session of the account, voids its other tickets, signs nobody in.
#[utoipa::path(post, path = "/v1/password/reset", impl_for = ResetPassword, operation_id = "resetPassword", tag = "recovery", security(()),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 ASCII characters of the caller's choice: \
        a retry within ten minutes with the same key, token and password gets the same success")),
    request_body = ResetRequest,
    responses(
        (status = 204, description = "The password is set; a confirmation is on its way"), ErrorsOf<ResetPassword>))]
pub async fn reset_password(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let asked: ResetRequest = call.json()?;
    let idempotency = call.idempotency_key()?.map(digest_of);
    let password = TypedPassword::parse("new_password", &asked.new_password)?;
    let chosen = asked.security_question.map(NewQuestion::check).transpose();
    let chosen = chosen.map_err(|error| error.within("security_question"))?;
    let token = parse_token(&asked.token)?;
    until_written("using a ticket", || async {
        let found = find_ticket(deps, &token).await?;
        let attempt =
            Attempt { deps, call, token: &token, found: &found, password: password.password(), idempotency };
        let now = deps.ambient.now();
        if attempt.is_repeat(now) {
            return attempt.repeat().await.map(Some);
        }
        if let Err(problem) = must_be_open(&found, now) {
            attempt.record_reuse(problem.code()).await?;
            return Err(problem);
        }
        let account = &found.account;
        if chosen.is_some() && Purpose::of(account) != Purpose::Invitation {
            return Err(Problem::invalid("security_question", "can only be set by an invitation"));
        }
        let practice = deps.practices.of(&deps.store, &found.ticket.practice, now).await?;
        password.must_be_strong(&practice, account)?;
        let answers = check_answer(&attempt, &practice, asked.answer.as_ref()).await?;
        let peppers = deps.peppers.get().await?;
        let hash = password.hash_unless_current(&deps.hasher, peppers, &deps.ambient, account)?;
        let chosen = chosen.as_ref().map(|chosen| chosen.hash(&deps.hasher, peppers, &deps.ambient));
        let set = NewCredentials { password: hash, question: chosen.transpose()?, answers };
        if attempt.consume(set).await? {
            return Ok(Some(Reply::empty()));
        }
        lost_race(&attempt).await
    })
    .await
}

/// Another write came first: what is true now is what a repeat of the request would be told. `None` when the ticket is open
/// still and only the account has changed, so that another attempt can use it.
async fn lost_race(attempt: &Attempt<'_>) -> Result<Option<Reply>, Problem> {
    let deps = attempt.deps;
    let found = find_ticket(deps, attempt.token).await?;
    let now = deps.ambient.now();
    let again = Attempt { found: &found, ..*attempt };
    if again.is_repeat(now) {
        return again.repeat().await.map(Some);
    }
    must_be_open(&found, now).map(|()| None)
}
