//! Sets a password with a ticket: `POST /v1/password/reset/preview` and `POST /v1/password/reset`.
//!
//! Every check that can fail runs before the ticket is consumed (T5); consuming it is one transaction (T4). A reset signs
//! nobody in. Nothing here takes a token from a path or a query, and no other method than POST does anything (T1).

use std::sync::Arc;

use lambda_http::http::{Method as Verb, StatusCode};
use lambda_http::{Body, Request, Response};
use rekey::account::Account;
use rekey::aws::Environment;
use rekey::clock::{Ambient, Timestamp};
use rekey::config::{ConfigError, Lookup, required};
use rekey::event::{Action, Actor, Event, Reason};
use rekey::http::problem::{Code, Problem, ProblemBody};
use rekey::http::{Answer, Call, respond};
use rekey::ids::{EventId, OutboxId, TicketId};
use rekey::keyring::LazyKeyring;
use rekey::limit::Subject;
use rekey::outbox::{Errand, Outbox};
use rekey::password::{self, HashError, Hasher, Password, PasswordHash, Verdict, Weakness};
use rekey::practice::{Practice, SecurityQuestion, Slug, Support};
use rekey::question;
use rekey::secret::Secret;
use rekey::store::practices::PracticeCache;
use rekey::store::tickets::Reset;
use rekey::store::{Outcome, Store};
use rekey::ticket::{Nonce, Purpose, Standing, Ticket};
use rekey::token::{Digest, Token, digest_of};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the function works with.
pub struct Deps {
    ambient: Ambient,
    store: Store,
    practices: PracticeCache,
    peppers: LazyKeyring,
    limits_key: LazyKeyring,
    hasher: Hasher,
}

impl Deps {
    /// Reads the function's configuration.
    ///
    /// # Errors
    /// [`ConfigError`] naming the variable.
    pub fn read(lookup: &Lookup<'_>, aws: &Environment, ambient: Ambient) -> Result<Self, ConfigError> {
        Ok(Self {
            store: Store::new(aws.dynamodb(), required(lookup, "REKEY_TABLE")?, ambient.clone()),
            ambient,
            practices: PracticeCache::default(),
            peppers: LazyKeyring::new(aws.secrets(), required(lookup, "REKEY_PEPPER_SECRET")?),
            limits_key: LazyKeyring::new(aws.secrets(), required(lookup, "REKEY_LIMITS_SECRET")?),
            hasher: Hasher::default(),
        })
    }

    async fn practice(&self, slug: &Slug, now: Timestamp) -> Result<Arc<Practice>, Problem> {
        let practice = self.practices.find(&self.store, slug, now).await?;
        practice.ok_or_else(|| Problem::internal("finding a ticket's practice", "it is gone"))
    }
}

/// Answers one request.
pub async fn handler(deps: &Deps, request: Request) -> Response<Body> {
    respond(request, async |call| {
        let segments = call.segments();
        let route = match segments.as_slice() {
            ["v1", "password", "reset", "preview"] => Route::Preview,
            ["v1", "password", "reset"] => Route::Reset,
            _ => return Err(Problem::new(Code::NotFound)),
        };
        call.method(&[Verb::POST])?;
        match route {
            Route::Preview => preview(deps, call).await,
            Route::Reset => reset(deps, call).await,
        }
    })
    .await
}

enum Route {
    Preview,
    Reset,
}

/// What a holder shows to learn what a token is for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewRequest {
    /// From the link's fragment.
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

/// What a new password needs.
#[derive(Debug, Serialize, ToSchema)]
pub struct PasswordPolicy {
    /// Code points.
    pub min_length: u32,
    /// Code points.
    pub max_length: usize,
}

/// Tells the holder of a token what it is for. Consumes nothing, however often it is called.
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
    let (ticket, account) = find(deps, &asked.token).await?;
    open(&ticket, &account, now)?;
    let practice = deps.practice(&ticket.practice, now).await?;
    let question = asked_question(&practice, &ticket, &account).map(|question| question.question.clone());
    Answer::json(
        StatusCode::OK,
        &Preview {
            purpose: ticket.kind.purpose(),
            practice: PracticeFacts {
                slug: practice.slug.clone(),
                name: practice.name.clone(),
                support: practice.support.clone(),
            },
            username: account.username.as_str().to_owned(),
            expires_at: ticket.valid_until.to_string(),
            question,
            policy: PasswordPolicy {
                min_length: practice.policy.password_min_length,
                max_length: password::LONGEST,
            },
        },
    )
}

/// The new password of the holder of a token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetRequest {
    /// From the link's fragment.
    pub token: Secret,
    /// 1 to 256 code points, taken as they are.
    pub new_password: Secret,
    /// To the security question, when the preview showed one.
    pub answer: Option<Secret>,
}

/// Sets a new password. Ends every session of the account, voids its other tickets, signs nobody in.
#[utoipa::path(post, path = "/v1/password/reset", operation_id = "resetPassword", tag = "recovery", security(()),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 ASCII characters of the caller's choice: \
        a retry with the same key, token and password gets the same success")),
    request_body = ResetRequest,
    responses(
        (status = 204, description = "The password is set; a confirmation is on its way"),
        (status = 400, description = "`malformed_json`, `invalid_request`", body = ProblemBody),
        (status = 403, description = "`wrong_answer` with `attempts_left`, `question_not_set` with `support`", body = ProblemBody),
        (status = 404, description = "`invalid_token`", body = ProblemBody),
        (status = 410, description = "`expired_token`, `used_token`, `revoked_token`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "`weak_password` with `reasons`, `idempotency_key_reused`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn reset(deps: &Deps, call: &Call) -> Result<Answer, Problem> {
    let asked: ResetRequest = call.json()?;
    let idempotency = call.idempotency_key()?.map(digest_of);
    let password = Password::parse(asked.new_password.expose());
    let password =
        password.ok_or_else(|| Problem::invalid("new_password", "must have 1 to 256 characters"))?;
    let (ticket, account) = find(deps, &asked.token).await?;
    if is_repeat(&ticket, idempotency) {
        return repeat(deps, &ticket, &account, &password).await;
    }
    let now = deps.ambient.now();
    if let Err(problem) = open(&ticket, &account, now) {
        record_reuse(deps, call, &ticket, problem.code()).await?;
        return Err(problem);
    }
    let practice = deps.practice(&ticket.practice, now).await?;
    judge(&practice, &account, &password)?;
    check_answer(deps, &practice, &ticket, &account, asked.answer.as_ref()).await?;
    let hash = hash_anew(deps, &account, &password).await?;
    match consume(deps, call, &ticket, &account, &hash, idempotency).await? {
        Outcome::Written => Ok(Answer::empty()),
        Outcome::Refused(_) => lost_race(deps, &asked.token, &password, idempotency).await,
    }
}

/// The ticket of a token and its account.
async fn find(deps: &Deps, token: &Secret) -> Result<(Ticket, Account), Problem> {
    if token.expose().is_empty() {
        return Err(Problem::invalid("token", "must not be empty"));
    }
    let invalid = || Problem::new(Code::InvalidToken);
    let token = Token::parse(token.expose()).ok_or_else(invalid)?;
    let found = deps.store.find_ticket_with_account(token.account, TicketId::from(token.subject)).await?;
    let (ticket, account) = found.ok_or_else(invalid)?;
    if ticket.digest == token.digest() { Ok((ticket, account)) } else { Err(invalid()) }
}

/// What a holder is told of a ticket that is not open.
fn open(ticket: &Ticket, account: &Account, now: Timestamp) -> Result<(), Problem> {
    Err(Problem::new(match ticket.standing(account, now) {
        Standing::Open if ticket.answers >= question::ATTEMPTS => Code::RevokedToken,
        Standing::Open => return Ok(()),
        Standing::Expired => Code::ExpiredToken,
        Standing::Used => Code::UsedToken,
        Standing::Revoked => Code::RevokedToken,
    }))
}

/// The question that the holder of this ticket must answer.
fn asked_question<'a>(
    practice: &Practice,
    ticket: &Ticket,
    account: &'a Account,
) -> Option<&'a rekey::account::Question> {
    let asks =
        practice.policy.security_question != SecurityQuestion::Off && ticket.kind.purpose() == Purpose::Reset;
    account.question.as_ref().filter(|_| asks)
}

/// Length, blocklist, context words.
fn judge(practice: &Practice, account: &Account, password: &Password) -> Result<(), Problem> {
    let email = account.email.as_ref().map_or("", |email| email.as_str());
    let context = [
        practice.slug.as_str(),
        &practice.name,
        account.username.as_str(),
        &account.display_name,
        email,
        "rekey",
    ];
    let reasons = password::weaknesses(password, practice.policy.password_min_length, &context);
    if reasons.is_empty() { Ok(()) } else { Err(weak(&reasons)) }
}

fn weak(reasons: &[Weakness]) -> Problem {
    Problem::new(Code::WeakPassword).with("reasons", reasons)
}

/// T8: each answer is counted before it is compared; the fifth wrong one voids the ticket.
async fn check_answer(
    deps: &Deps,
    practice: &Practice,
    ticket: &Ticket,
    account: &Account,
    answer: Option<&Secret>,
) -> Result<(), Problem> {
    let required = practice.policy.security_question == SecurityQuestion::Required;
    let Some(question) = asked_question(practice, ticket, account) else {
        let missing = required && ticket.kind.purpose() == Purpose::Reset;
        let problem = || Problem::new(Code::QuestionNotSet).with("support", &practice.support);
        return if missing { Err(problem()) } else { Ok(()) };
    };
    let wrong = |left: u64| Problem::new(Code::WrongAnswer).with("attempts_left", left);
    let Some(answer) = answer.and_then(|answer| question::normalize(answer.expose())) else {
        // Nothing was compared: nothing is counted.
        return Err(wrong(question::ATTEMPTS.saturating_sub(ticket.answers)));
    };
    let Some(given) = deps.store.count_answer(ticket).await? else {
        return Err(Problem::new(Code::RevokedToken));
    };
    let peppers = deps.peppers.get().await?;
    match deps.hasher.verify(peppers, &answer, Some(&question.answer))? {
        Verdict::Wrong => Err(wrong(question::ATTEMPTS.saturating_sub(given))),
        Verdict::Right | Verdict::RightButOutdated => Ok(()),
    }
}

/// The new password as it will be kept, unless it is the one that the account has.
async fn hash_anew(deps: &Deps, account: &Account, password: &Password) -> Result<PasswordHash, Problem> {
    let peppers = deps.peppers.get().await?;
    if let Some(current) = &account.password {
        match deps.hasher.verify(peppers, password, Some(current)) {
            Ok(Verdict::Wrong) => {}
            Ok(_) => return Err(weak(&[Weakness::same_as_current()])),
            // Whoever lost their password must not be kept out by a hash that nobody can verify any more.
            Err(HashError::Key(_) | HashError::Broken) => tracing::warn!(event = "unverifiable_hash"),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(deps.hasher.hash(peppers, &deps.ambient, password)?)
}

async fn consume(
    deps: &Deps,
    call: &Call,
    ticket: &Ticket,
    account: &Account,
    password: &PasswordHash,
    idempotency: Option<Digest>,
) -> Result<Outcome, Problem> {
    let key = deps.limits_key.get().await?.current()?;
    let subject = |identifier| Subject::identifier(key, &account.practice, account.portal, identifier);
    let limits: Vec<Subject> = account.identifiers().iter().map(subject).collect();
    // Hashing took its time; the ticket must still be open now.
    let now = deps.ambient.now();
    let confirmation = Outbox {
        id: OutboxId::from(deps.ambient.ulid()?),
        practice: account.practice.clone(),
        errand: Errand::PasswordChanged { account: account.id },
        nonce: Nonce::from(deps.ambient.bytes()?),
        at: now,
        ip: Some(call.address.to_string()),
        done_at: None,
    };
    let event = event(deps, call, ticket, Action::AuthnPasswordChange)?;
    let event = &event.with_outbox(confirmation.id);
    let reset = Reset {
        ticket,
        account,
        password,
        now,
        idempotency,
        event,
        confirmation: &confirmation,
        limits: &limits,
    };
    Ok(deps.store.consume_ticket(&reset).await?)
}

fn event(deps: &Deps, call: &Call, ticket: &Ticket, action: Action) -> Result<Event, Problem> {
    let id = EventId::from(deps.ambient.ulid()?);
    let event = Event::new(id, deps.ambient.now(), &ticket.practice, action, Actor::Holder);
    Ok(event.of(ticket.account, ticket.portal).with_ticket(ticket.id).from_address(call.address))
}

/// A ticket that is no longer good was presented to set a password: worth an entry.
async fn record_reuse(deps: &Deps, call: &Call, ticket: &Ticket, code: Code) -> Result<(), Problem> {
    let reason = match code {
        Code::ExpiredToken => Reason::Expired,
        Code::UsedToken => Reason::Used,
        _ => Reason::Revoked,
    };
    let event = event(deps, call, ticket, Action::AuthnTokenReuse)?.because(reason);
    Ok(deps.store.record_event(&event).await?)
}

/// Another write came first: say what is true now.
async fn lost_race(
    deps: &Deps,
    token: &Secret,
    password: &Password,
    idempotency: Option<Digest>,
) -> Result<Answer, Problem> {
    let (ticket, account) = find(deps, token).await?;
    if is_repeat(&ticket, idempotency) {
        return repeat(deps, &ticket, &account, password).await;
    }
    open(&ticket, &account, deps.ambient.now())?;
    // The ticket is open and yet the write was refused: the account changed in between. Trying again will work.
    Err(Problem::unavailable("using a ticket", "the account changed meanwhile"))
}

/// The ticket was used by this very request, sent again (T5).
fn is_repeat(ticket: &Ticket, idempotency: Option<Digest>) -> bool {
    idempotency.is_some() && ticket.used_with == idempotency
}

/// The same success for the same request; the key alone is not enough.
async fn repeat(
    deps: &Deps,
    ticket: &Ticket,
    account: &Account,
    password: &Password,
) -> Result<Answer, Problem> {
    if account.credential_version != ticket.credential_version + 1 {
        return Err(Problem::new(Code::UsedToken));
    }
    let peppers = deps.peppers.get().await?;
    match deps.hasher.verify(peppers, password, account.password.as_ref())? {
        Verdict::Wrong => Err(Problem::new(Code::IdempotencyKeyReused)),
        Verdict::Right | Verdict::RightButOutdated => Ok(Answer::empty()),
    }
}
