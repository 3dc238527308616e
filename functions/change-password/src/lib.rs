//! What a signed-in holder changes with the current password: `PUT /v1/security-question`.
//!
//! A session is not enough: whoever finds a browser signed in must not be able to keep the account. A wrong password counts
//! like a failed sign-in, before it is compared (L2).

use lambda_http::http::Method as Verb;
use lambda_http::{Body, Request, Response};
use rekey::account::Account;
use rekey::aws::Environment;
use rekey::clock::Ambient;
use rekey::config::{ConfigError, Lookup};
use rekey::event::{Action, Actor, Event, Reason};
use rekey::http::problem::{Code, Problem, ProblemBody};
use rekey::http::{Answer, Call, respond};
use rekey::identifier::Identifier;
use rekey::ids::EventId;
use rekey::keyring::LazyKeyring;
use rekey::limit::Subject;
use rekey::password::{Hasher, Password, Verdict};
use rekey::question::NewQuestion;
use rekey::secret::Secret;
use rekey::store::Store;
use rekey::store::limits::Decision;
use serde::Deserialize;
use utoipa::ToSchema;

/// What the function works with.
pub struct Deps {
    ambient: Ambient,
    store: Store,
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
            store: Store::read(lookup, aws, ambient.clone())?,
            ambient,
            peppers: LazyKeyring::read(lookup, aws, "REKEY_PEPPER_SECRET")?,
            limits_key: LazyKeyring::read(lookup, aws, "REKEY_LIMITS_SECRET")?,
            hasher: Hasher::default(),
        })
    }

    fn event(&self, call: &Call, account: &Account, action: Action) -> Result<Event, Problem> {
        let event = Event::new(&self.ambient, &account.practice, action, Actor::Holder)?;
        Ok(event.of(account.id, account.portal).from_address(call.address))
    }
}

/// Answers one request.
pub async fn handler(deps: &Deps, request: Request) -> Response<Body> {
    respond(request, async |call| match call.segments().as_slice() {
        ["v1", "security-question"] => {
            call.method(&[Verb::PUT])?;
            set_question(deps, call).await
        }
        _ => Err(Problem::new(Code::NotFound)),
    })
    .await
}

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
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`, with `Retry-After`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn set_question(deps: &Deps, call: &Call) -> Result<Answer, Problem> {
    let asked: SetQuestionRequest = call.json()?;
    let password = Password::parse(asked.current_password.expose());
    let password =
        password.ok_or_else(|| Problem::invalid("current_password", "must have 1 to 256 characters"))?;
    let chosen = NewQuestion { question: asked.question, answer: asked.answer };
    let chosen = chosen.check().map_err(|(member, rule)| Problem::invalid(member, rule))?;

    let (_, account) = call.session(&deps.store, deps.ambient.now()).await?;
    let limit = check_password(deps, call, &account, &password).await?;

    let question = chosen.keep(&deps.hasher, deps.peppers.get().await?, &deps.ambient)?;
    let event = deps.event(call, &account, Action::SecurityQuestionChange)?;
    if deps.store.set_question(&account, &question, &event, &limit).await?.is_written() {
        return Ok(Answer::empty());
    }
    Err(Problem::unavailable("setting a security question", "the account changed meanwhile"))
}

/// The counter that the right password may clear. A wrong one stays counted, and is recorded.
async fn check_password(
    deps: &Deps,
    call: &Call,
    account: &Account,
    password: &Password,
) -> Result<Subject, Problem> {
    let name = Identifier::parse(account.username.as_str())
        .map_err(|error| Problem::internal("reading a username", error))?;
    let key = deps.limits_key.get().await?.current()?;
    let limit = Subject::identifier(key, &account.practice, account.portal, &name);
    let peppers = deps.peppers.get().await?;
    let now = deps.ambient.now();
    if let Decision::Refused { retry_after, since } = deps.store.count_sign_in(&limit, now).await? {
        let event = deps.event(call, account, Action::AuthnLoginLock)?;
        let id = EventId::of_wait(&limit, since.unwrap_or(now));
        deps.store.record_event(&Event { id, ..event }).await?;
        return Err(Problem::too_many(retry_after));
    }
    if deps.hasher.verify(peppers, password, account.password.as_ref())? == Verdict::Wrong {
        let event = deps.event(call, account, Action::SecurityQuestionChangeFail)?;
        deps.store.record_event(&event.because(Reason::WrongPassword)).await?;
        return Err(Problem::new(Code::InvalidCredentials));
    }
    Ok(limit)
}
