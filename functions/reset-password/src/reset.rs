//! This module serves `POST /v1/password/reset`, which sets a password with a token.

use rekey::domain::question::NewQuestion;
use rekey::domain::ticket::Purpose;
use rekey::domain::typed_password::TypedPassword;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, JSON_BODY, Operation};
use rekey::secrets::password::Peppers;
use rekey::secrets::secret::Secret;
use rekey::secrets::token::{Token, digest_of};
use rekey::store::race::until_written;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::answer::check_answer;
use crate::attempt::{Attempt, NewCredentials};
use crate::ticket::{find_ticket, must_be_open, parse_token};

/// A token and the new password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetRequest {
    /// The token from the fragment (`#token=`) of a link, or the token for which a code was exchanged.
    #[schema(value_type = Token)]
    pub token: Secret,
    /// The new password: 1 to 256 code points, and at least as many as the preview's `policy` says. It is normalized to Unicode
    /// NFC and otherwise taken as typed.
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 256)]
    pub new_password: Secret,
    /// The answer to the security question. It is needed when the preview or the exchange of the code shows a question.
    #[schema(value_type = Option<String>, min_length = 1)]
    pub answer: Option<Secret>,
    /// The security question to ask from now on. It can only be set for an account that has never been set up, for example
    /// with an invitation.
    pub security_question: Option<NewQuestion>,
}

/// The operation `POST /v1/password/reset`.
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

/// Sets a new password with a token
///
/// The token comes from a link or from the exchange of a code, and sets one password. Every session of the account ends, and its
/// other links, codes and temporary passwords become void. The caller is not signed in. A mail confirms the change, if the
/// account has an address. A refused password does not use the token up.
///
/// The fifth wrong answer to the security question voids the token. In a day an account takes at most 20 answers with tokens that
/// its owner asked for, and 20 with tokens from staff or the operator; then the answer is 429.
#[utoipa::path(post, path = "/v1/password/reset", impl_for = ResetPassword, operation_id = "resetPassword", tag = "recovery",
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]([ -~]*[!-~])?$", description = "1 to 255 ASCII characters of the caller's choice. \
        A retry within ten minutes with the same key, token and password gets the same success")),
    request_body = ResetRequest,
    responses(
        (status = 204, description = "The password is set. A confirmation is mailed if the account has an address")))]
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
            return Err(Problem::invalid("security_question", "can only be set with an invitation"));
        }
        let practice = deps.practices.find(&deps.store, &found.ticket.practice, now).await?;
        let practice = practice.ok_or_else(|| Problem::new(ErrorCode::InvalidToken))?;
        password.must_be_strong(&practice, account)?;
        let answers = check_answer(&attempt, &practice, asked.answer.as_ref()).await?;
        let peppers = Peppers::of(deps.peppers.get().await?, account.id);
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

/// Answers as a repeat of the request would be answered now, because another write came first. Returns `None` when the ticket is
/// still open and only the account has changed, so that another attempt can use the ticket.
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
