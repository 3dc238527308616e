//! Signing in and out, and who is signed in: `/v1/sessions`, `/v1/account`.
//!
//! A sign-in takes two round trips and one Argon2id, whether or not an account has the identifier (F1). It is counted as a
//! failure before anything is compared, so that parallel guesses cannot outrun the limit (L2); success takes it back.

use lambda_http::http::Method as Verb;
use lambda_http::{Body, Request, Response};
use rekey::aws::Environment;
use rekey::clock::Ambient;
use rekey::config::{ConfigError, Lookup};
use rekey::event::{Action, Actor, Event};
use rekey::http::problem::{Code, Problem};
use rekey::http::{Call, respond};
use rekey::keyring::LazyKeyring;
use rekey::password::Hasher;
use rekey::practice::Slug;
use rekey::store::Store;
use rekey::store::practices::PracticeCache;

pub mod holder;
pub mod sign_in;

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

    fn event(&self, call: &Call, practice: &Slug, action: Action, actor: Actor) -> Result<Event, Problem> {
        Ok(Event::new(&self.ambient, practice, action, actor)?.from_address(call.address))
    }
}

/// Answers one request.
pub async fn handler(deps: &Deps, request: Request) -> Response<Body> {
    respond(request, async |call| match call.segments().as_slice() {
        ["v1", "sessions"] => match *call.method(&[Verb::POST, Verb::GET, Verb::DELETE])? {
            Verb::POST => sign_in::create_session(deps, call).await,
            Verb::DELETE => holder::end_others(deps, call).await,
            _ => holder::list_sessions(deps, call).await,
        },
        ["v1", "sessions", "current"] => {
            call.method(&[Verb::DELETE])?;
            holder::sign_out(deps, call).await
        }
        ["v1", "sessions", id] => {
            call.method(&[Verb::DELETE])?;
            holder::end_session(deps, call, id).await
        }
        ["v1", "account"] => {
            call.method(&[Verb::GET])?;
            holder::get_account(deps, call).await
        }
        _ => Err(Problem::new(Code::NotFound)),
    })
    .await
}
