//! This module serves `POST /v1/password/verify-code`: it counts a code, compares it, and exchanges the right one for a token.

use http::StatusCode;
use rekey::domain::challenge::Holder;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Member, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, JSON_BODY, Operation};
use rekey::platform::ids::OutboxId;
use rekey::secrets::code::Code;
use rekey::secrets::secret::Secret;
use rekey::secrets::token::{Digest, Token};
use rekey::store::codes::CodeCount;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Deps;
use crate::attempt::{Attempt, Verified};

/// A code, with the request that it belongs to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyCodeRequest {
    /// The `request_id` from the answer of `POST /v1/password/forgot`.
    pub request_id: OutboxId,
    /// The code from the mail: 6 to 10 digits. Spaces, dashes, invisible characters and the punctuation around
    /// it do not count, and digits of any script are digits.
    #[schema(value_type = String, min_length = 6)]
    pub code: Secret,
}

/// The answer to the right code: one token, or one token for each account that shares the mailbox.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum VerifyCodeAnswer {
    /// The answer when one account can be recovered.
    One(VerifiedAccount),
    /// The answer when several accounts share the mailbox. The person chooses one of them.
    Shared(VerifiedMailbox),
}

/// The token of the one account that the code opens.
#[derive(Serialize, ToSchema)]
pub struct VerifiedAccount {
    /// The token to send with the new password. It is shown once.
    #[schema(value_type = Token)]
    pub token: String,
    /// The time from which the token no longer works (RFC 3339, UTC): 15 minutes after the exchange.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// The security question to answer together with the new password, or null when none is asked.
    pub question: Option<String>,
}

/// The tokens of the accounts that share a mailbox.
#[derive(Serialize, ToSchema)]
pub struct VerifiedMailbox {
    /// The time from which the tokens no longer work (RFC 3339, UTC): 15 minutes after the exchange.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// One entry for each account that can be recovered.
    pub accounts: Vec<AccountChoice>,
}

/// One of the accounts that share a mailbox.
#[derive(Serialize, ToSchema)]
pub struct AccountChoice {
    /// The username of the account, as its owner writes it.
    pub username: String,
    /// The token to send with the new password of this account. It is shown once.
    #[schema(value_type = Token)]
    pub token: String,
    /// The security question to answer together with the new password, or null when none is asked.
    pub question: Option<String>,
}

/// The operation `POST /v1/password/verify-code`.
pub struct VerifyCode;

impl Operation for VerifyCode {
    const CALLER: Caller = Caller::Anyone;
    const ERRORS: &'static [&'static [ErrorCode]] =
        &[JSON_BODY, &[ErrorCode::InvalidCode, ErrorCode::CodeExpired]];
}

/// Exchanges a verification code for a token
///
/// The caller sends the code from the mail together with the `request_id` of the request for it. `POST /v1/password/reset` takes
/// the token for 15 minutes. A code can be exchanged once. A number of another length than the practice's codes is wrong, and costs no
/// attempt. At most five codes are compared for a request, whether or not an account has the identifier. After the fifth
/// code, after the exchange, and after the code has expired, every code gets the answer 410.
#[utoipa::path(post, path = "/v1/password/verify-code", impl_for = VerifyCode, operation_id = "verifyCode", tag = "recovery",
    request_body = VerifyCodeRequest,
    responses(
        (status = 200, body = VerifyCodeAnswer)))]
pub async fn verify_code(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let asked: VerifyCodeRequest = call.json()?;
    let code = Code::parse(asked.code.expose());
    let code = code.ok_or_else(|| Problem::invalid("code", "must have 6 to 10 digits"))?;
    // The keys come first, because a failure to get them must not cost an attempt.
    let keys = deps.codes.get().await?;
    let mark = Digest::from(deps.ambient.bytes()?);
    let counted = deps.store.count_code(asked.request_id, code.length(), mark, deps.ambient.now()).await?;
    let request = match &counted {
        CodeCount::Counted(request) => Some(request),
        CodeCount::OtherLength { attempts_left } => {
            return Err(Problem::new(ErrorCode::InvalidCode).with(Member::AttemptsLeft, *attempts_left));
        }
        CodeCount::Closed => None,
    };
    let Some((request, challenge)) = request.and_then(|request| Some((request, request.challenge()?))) else {
        return Err(Problem::new(ErrorCode::CodeExpired));
    };
    let opened = challenge.opened_by(request.id, &code, keys).unwrap_or_else(|error| {
        // To the caller this must look like a wrong code, because a 503 would show that a code was mailed.
        tracing::error!(event = "failure", doing = "comparing a code", cause = error.to_string());
        None
    });
    let attempt = Attempt { deps, call, request };
    match opened {
        Some(mailed) => verified_reply(&attempt.exchange(mailed).await?),
        None => Err(attempt.refuse(challenge).await?),
    }
}

/// The answer for one account, or for several accounts to choose from.
fn verified_reply(verified: &Verified<'_>) -> Result<Reply, Problem> {
    let expires_at = verified.until.to_string();
    let choice = |(holder, token): (&&Holder, &Token)| AccountChoice {
        username: holder.username.clone(),
        token: token.expose().to_string(),
        question: holder.question.clone(),
    };
    let choices: Vec<AccountChoice> = verified.holders.iter().zip(&verified.tokens).map(choice).collect();
    let answer = match <[AccountChoice; 1]>::try_from(choices) {
        Ok([AccountChoice { token, question, .. }]) => {
            VerifyCodeAnswer::One(VerifiedAccount { token, expires_at, question })
        }
        Err(accounts) => VerifyCodeAnswer::Shared(VerifiedMailbox { expires_at, accounts }),
    };
    Reply::json(StatusCode::OK, &answer)
}
