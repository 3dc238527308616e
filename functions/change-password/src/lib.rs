//! What a signed-in holder changes with the current password: `POST /v1/password/change`, `PUT /v1/security-question`.
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
use rekey::http::problem::{Code, Problem};
use rekey::http::{Answer, Call, respond};
use rekey::identifier::Identifier;
use rekey::ids::EventId;
use rekey::keyring::LazyKeyring;
use rekey::limit::Subject;
use rekey::password::{Hasher, Password, Verdict};
use rekey::secret::Secret;
use rekey::session::Session;
use rekey::store::Store;
use rekey::store::limits::Decision;
use rekey::store::practices::PracticeCache;
use rekey::temporary::TemporaryPassword;

pub mod change;
pub mod question;

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
            store: Store::read(lookup, aws, ambient.clone())?,
            ambient,
            practices: PracticeCache::default(),
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
    // Boxed: the routes together make a large future.
    respond(request, async |call| Box::pin(route(deps, call)).await).await
}

async fn route(deps: &Deps, call: &Call) -> Result<Answer, Problem> {
    match call.segments().as_slice() {
        ["v1", "password", "change"] => {
            call.method(&[Verb::POST])?;
            change::change_password(deps, call).await
        }
        ["v1", "security-question"] => {
            call.method(&[Verb::PUT])?;
            question::set_question(deps, call).await
        }
        _ => Err(Problem::new(Code::NotFound)),
    }
}

/// The current password as its holder types it.
struct Current {
    password: Password,
    temporary: Option<TemporaryPassword>,
}

impl Current {
    fn parse(typed: &Secret) -> Result<Self, Problem> {
        let password = Password::parse(typed.expose());
        let password =
            password.ok_or_else(|| Problem::invalid("current_password", "must have 1 to 256 characters"))?;
        Ok(Self { password, temporary: TemporaryPassword::parse(typed.expose()) })
    }

    /// Compares it with what the session began with. The counter that the right one may clear, if it was counted; a wrong one
    /// stays counted, and is recorded as the given failure. A temporary password is not counted: nobody guesses a hundred bits,
    /// and whoever keeps the account locked must not keep its owner from using it up.
    async fn check(
        &self,
        deps: &Deps,
        call: &Call,
        (session, account): (&Session, &Account),
        failure: Action,
    ) -> Result<Option<Subject>, Problem> {
        if session.ticket.is_some() {
            let known = account.temporary.as_ref().zip(self.temporary.as_ref());
            return match known {
                Some((temporary, typed)) if temporary.is(account.id, typed) => Ok(None),
                _ => Err(self.refuse(deps, call, (session, account), failure).await?),
            };
        }
        let name = Identifier::parse(account.username.as_str())
            .map_err(|error| Problem::internal("reading a username", error))?;
        let key = deps.limits_key.get().await?.current()?;
        let limit = Subject::identifier(key, &account.practice, account.portal, &name);
        let peppers = deps.peppers.get().await?;
        let now = deps.ambient.now();
        if let Decision::Refused { retry_after, since } = deps.store.count_sign_in(&limit, now).await? {
            let event = deps.event(call, account, Action::AuthnLoginLock)?;
            let id = EventId::of_wait(&limit, since.unwrap_or(now), now);
            deps.store.record_event(&Event { id, ..event }).await?;
            return Err(Problem::too_many(retry_after));
        }
        if deps.hasher.verify(peppers, &self.password, account.password.as_ref())? == Verdict::Wrong {
            return Err(self.refuse(deps, call, (session, account), failure).await?);
        }
        Ok(Some(limit))
    }

    /// Records a wrong one.
    async fn refuse(
        &self,
        deps: &Deps,
        call: &Call,
        (session, account): (&Session, &Account),
        failure: Action,
    ) -> Result<Problem, Problem> {
        let event = deps.event(call, account, failure)?.with_session(session.id);
        deps.store.record_event(&event.because(Reason::WrongPassword)).await?;
        Ok(Problem::new(Code::InvalidCredentials))
    }
}
