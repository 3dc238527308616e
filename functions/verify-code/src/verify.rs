//! `POST /v1/password/verify-code`: a code is counted, compared, and exchanged.

use lambda_http::http::StatusCode;
use rekey::domain::challenge::Holder;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, ErrorsOf, JSON_BODY, Operation};
use rekey::platform::ids::OutboxId;
use rekey::secrets::code::Code;
use rekey::secrets::secret::Secret;
use rekey::secrets::token::{Digest, Token};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Deps;
use crate::attempt::{Attempt, Verified};

/// A code, and what it was asked for with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyCodeRequest {
    /// As `forgot` answered it.
    #[schema(value_type = String)]
    pub request_id: OutboxId,
    /// From the mail. Spaces and dashes do not count.
    pub code: Secret,
}

/// What a right code is exchanged for.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum VerifyCodeAnswer {
    /// The mailbox has one account.
    One(VerifiedAccount),
    /// Several accounts share the mailbox: its holder picks one.
    Shared(VerifiedMailbox),
}

/// The account of a mailbox.
#[derive(Serialize, ToSchema)]
pub struct VerifiedAccount {
    /// To be sent with the new password. Shown once.
    pub token: String,
    /// Until when, RFC 3339 UTC.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// To be answered with the new password, if not null.
    #[schema(required)]
    pub question: Option<String>,
}

/// The accounts that share a mailbox.
#[derive(Serialize, ToSchema)]
pub struct VerifiedMailbox {
    /// Until when the tokens can be used, RFC 3339 UTC.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// One for each.
    pub accounts: Vec<AccountChoice>,
}

/// One of the accounts that share a mailbox.
#[derive(Serialize, ToSchema)]
pub struct AccountChoice {
    /// As its owner writes it.
    pub username: String,
    /// To be sent with the new password. Shown once.
    pub token: String,
    /// To be answered with the new password, if not null.
    #[schema(required)]
    pub question: Option<String>,
}

/// `POST /v1/password/verify-code`.
pub struct VerifyCode;

impl Operation for VerifyCode {
    const CALLER: Caller = Caller::Anyone;
    const ERRORS: &'static [&'static [ErrorCode]] =
        &[JSON_BODY, &[ErrorCode::InvalidCode, ErrorCode::CodeExpired]];
}

/// Exchanges a code for a short-lived token that `reset` takes. Works once. Five codes are compared for a request, known
/// identifier or not; after that, and after the code's time, the answer is 410 whatever is entered.
#[utoipa::path(post, path = "/v1/password/verify-code", impl_for = VerifyCode, operation_id = "verifyCode", tag = "recovery", security(()),
    request_body = VerifyCodeRequest,
    responses(
        (status = 200, body = VerifyCodeAnswer), ErrorsOf<VerifyCode>))]
pub async fn verify_code(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let asked: VerifyCodeRequest = call.json()?;
    let code = Code::parse(asked.code.expose());
    let code = code.ok_or_else(|| Problem::invalid("code", "must have 6 to 10 digits"))?;
    // The keys come first: failing to get them must not cost an attempt.
    let keys = deps.codes.get().await?;
    let mark = Digest::from(deps.ambient.bytes()?);
    let request = deps.store.count_code(asked.request_id, mark, deps.ambient.now()).await?;
    let Some((request, challenge)) =
        request.as_ref().and_then(|request| Some((request, request.challenge()?)))
    else {
        return Err(Problem::new(ErrorCode::CodeExpired));
    };
    let opened = challenge.opened_by(request.id, &code, keys).unwrap_or_else(|error| {
        // Outside it must look like any wrong code: a 503 would tell that somebody was mailed.
        tracing::error!(event = "failure", doing = "comparing a code", cause = error.to_string());
        None
    });
    let attempt = Attempt { deps, call, request };
    match opened {
        Some(mailed) => verified_reply(&attempt.exchange(mailed).await?),
        None => Err(attempt.refuse(challenge).await?),
    }
}

/// One account of the mailbox by itself, or all of them to choose from.
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
