//! Exchanges a mailed code for a token: `POST /v1/password/verify-code`.
//!
//! Reads no account: what the holder of a right code is told, the mailer has left with the request. A code that is entered
//! is counted before it is compared (T2), with the same two round trips whether or not anybody was mailed (F1).

use lambda_http::http::{Method as Verb, StatusCode};
use lambda_http::{Body, Request, Response};
use rekey::aws::Environment;
use rekey::clock::{Ambient, Timestamp};
use rekey::code::{Challenge, Code as Typed, Holder, Mailed, TOKEN_LIFE};
use rekey::config::{ConfigError, Lookup};
use rekey::event::{Action, Actor, Event, Reason};
use rekey::http::problem::{Code, Problem, ProblemBody};
use rekey::http::{Answer, Call, respond};
use rekey::ids::OutboxId;
use rekey::keyring::LazyKeyring;
use rekey::outbox::{Errand, Outbox};
use rekey::practice::Portal;
use rekey::secret::Secret;
use rekey::store::Store;
use rekey::store::codes::{Exchange, Opening};
use rekey::token::{Digest, Token};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the function works with.
pub struct Deps {
    ambient: Ambient,
    store: Store,
    codes: LazyKeyring,
}

impl Deps {
    /// Reads the function's configuration.
    ///
    /// # Errors
    /// [`ConfigError`] naming the variable.
    pub fn read(lookup: &Lookup<'_>, aws: &Environment, ambient: Ambient) -> Result<Self, ConfigError> {
        Ok(Self {
            store: Store::read(lookup, aws, ambient.clone())?,
            ambient,
            codes: LazyKeyring::read(lookup, aws, "REKEY_CODE_SECRET")?,
        })
    }

    fn event(&self, call: &Call, request: &Outbox, action: Action, actor: Actor) -> Result<Event, Problem> {
        let event = Event::new(&self.ambient, &request.practice, action, actor)?;
        Ok(event.with_outbox(request.id).from_address(call.address))
    }
}

/// Answers one request.
pub async fn handler(deps: &Deps, request: Request) -> Response<Body> {
    respond(request, async |call| match call.segments().as_slice() {
        ["v1", "password", "verify-code"] => {
            call.method(&[Verb::POST])?;
            verify_code(deps, call).await
        }
        _ => Err(Problem::new(Code::NotFound)),
    })
    .await
}

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

/// Exchanges a code for a short-lived token that `reset` takes. Works once. Five codes are compared for a request, known
/// identifier or not; after that, and after the code's time, the answer is 410 whatever is entered.
#[utoipa::path(post, path = "/v1/password/verify-code", operation_id = "verifyCode", tag = "recovery", security(()),
    request_body = VerifyCodeRequest,
    responses(
        (status = 200, body = VerifyCodeAnswer),
        (status = 400, description = "`malformed_json`, `invalid_request`, `invalid_code` with `attempts_left`", body = ProblemBody),
        (status = 410, description = "`code_expired`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn verify_code(deps: &Deps, call: &Call) -> Result<Answer, Problem> {
    let asked: VerifyCodeRequest = call.json()?;
    let typed = Typed::parse(asked.code.expose());
    let typed = typed.ok_or_else(|| Problem::invalid("code", "must have 6 to 10 digits"))?;
    // The keys come first: failing to get them must not cost an attempt.
    let keys = deps.codes.get().await?;
    let mark = Digest::from(deps.ambient.bytes()?);
    let request = deps.store.count_code(asked.request_id, mark, deps.ambient.now()).await?;
    let Some((request, challenge)) =
        request.as_ref().and_then(|request| Some((request, request.challenge()?)))
    else {
        return Err(Problem::new(Code::CodeExpired));
    };
    let opened = challenge.opened_by(request.id, &typed, keys).unwrap_or_else(|error| {
        // Outside it must look like any wrong code: a 503 would tell that somebody was mailed.
        tracing::error!(event = "failure", doing = "comparing a code", cause = error.to_string());
        None
    });
    match opened {
        Some(mailed) => exchange(deps, call, request, mailed).await,
        None => Err(refuse(deps, call, request, challenge).await?),
    }
}

/// Second round trip of a wrong code: the event, of the account if the code was one account's.
async fn refuse(
    deps: &Deps,
    call: &Call,
    request: &Outbox,
    challenge: &Challenge,
) -> Result<Problem, Problem> {
    let left = challenge.attempts_left();
    let reason = if left == 0 { Reason::LastWrongCode } else { Reason::WrongCode };
    record_failure(deps, call, request, challenge.only_holder(), reason).await?;
    Ok(Problem::new(Code::InvalidCode).with("attempts_left", left))
}

async fn record_failure(
    deps: &Deps,
    call: &Call,
    request: &Outbox,
    holder: Option<&Holder>,
    reason: Reason,
) -> Result<(), Problem> {
    let event = deps.event(call, request, Action::AuthnCodeFail, Actor::Anonymous)?.because(reason);
    let event = match holder {
        Some(holder) => event.of(holder.account, portal(request)).with_ticket(holder.ticket),
        None => event,
    };
    Ok(deps.store.record_event(&event).await?)
}

/// Second round trip of a right code: a token for each account of the mailbox that may still recover.
async fn exchange(deps: &Deps, call: &Call, request: &Outbox, mailed: &Mailed) -> Result<Answer, Problem> {
    let mut holders: Vec<&Holder> = mailed.holders.iter().collect();
    let mut reason = Reason::Revoked;
    while !holders.is_empty() {
        let now = deps.ambient.now();
        let mut tokens = Vec::with_capacity(holders.len());
        for holder in &holders {
            tokens.push(Token::new(holder.account, holder.ticket.to_bytes(), deps.ambient.bytes()?));
        }
        let mut openings = Vec::with_capacity(holders.len());
        for (holder, token) in holders.iter().zip(&tokens) {
            let event = deps.event(call, request, Action::AuthnCodeSuccess, Actor::Holder)?;
            let event = event.of(holder.account, portal(request)).with_ticket(holder.ticket);
            openings.push(Opening { holder, digest: token.digest(), event });
        }
        let until = now + TOKEN_LIFE;
        match deps.store.exchange_code(request.id, &openings, (now, until)).await? {
            Exchange::Done => return answer(&holders, &tokens, until),
            Exchange::Spent => {
                reason = Reason::Used;
                break;
            }
            Exchange::Void(void) => {
                let kept = holders.into_iter().enumerate().filter(|(place, _)| !void.contains(place));
                holders = kept.map(|(_, holder)| holder).collect();
            }
        }
    }
    record_failure(deps, call, request, mailed.holders.first(), reason).await?;
    Err(Problem::new(Code::CodeExpired))
}

fn answer(holders: &[&Holder], tokens: &[Token], until: Timestamp) -> Result<Answer, Problem> {
    let expires_at = until.to_string();
    let choice = |(holder, token): (&&Holder, &Token)| AccountChoice {
        username: holder.username.clone(),
        token: token.expose().to_string(),
        question: holder.question.clone(),
    };
    let choices: Vec<AccountChoice> = holders.iter().zip(tokens).map(choice).collect();
    let answer = match <[AccountChoice; 1]>::try_from(choices) {
        Ok([AccountChoice { token, question, .. }]) => {
            VerifyCodeAnswer::One(VerifiedAccount { token, expires_at, question })
        }
        Err(accounts) => VerifyCodeAnswer::Shared(VerifiedMailbox { expires_at, accounts }),
    };
    Answer::json(StatusCode::OK, &answer)
}

/// The door that a request was made at.
fn portal(request: &Outbox) -> Portal {
    match &request.errand {
        Errand::Recovery { portal, .. } | Errand::LimitHit { portal, .. } => *portal,
        _ => Portal::default(),
    }
}
