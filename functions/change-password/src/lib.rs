//! The function `change-password` changes the password and the security question of a signed-in person:
//! `POST /v1/password/change` and `PUT /v1/security-question`.
//!
//! Both calls need the current password. A session alone is not enough, because a person who finds a browser signed in must not
//! be able to take the account over. Each attempt is counted like a failed sign-in before the password is compared (L2).

use lambda_runtime::LambdaEvent;
use rekey::domain::account::Account;
use rekey::domain::event::{Action, Actor, Event};
use rekey::http::call::Call;
use rekey::http::gateway::Gateway;
use rekey::http::problem::Problem;
use rekey::http::route::respond;
use rekey::platform::aws::Environment;
use rekey::platform::clock::Ambient;
use rekey::platform::config::{ConfigError, Lookup};
use rekey::secrets::keyring::LazyKeyring;
use rekey::secrets::password::Hasher;
use rekey::store::practices::PracticeCache;
use rekey::store::transact::Store;
use serde_json::Value;
use serde_json::value::RawValue;

pub mod change;
mod current_password;
pub mod question;

/// The configuration and the clients that the function works with.
pub struct Deps {
    ambient: Ambient,
    store: Store,
    gateway: Gateway,
    practices: PracticeCache,
    peppers: LazyKeyring,
    limits_key: LazyKeyring,
    hasher: Hasher,
}

impl Deps {
    /// Reads the function's configuration.
    ///
    /// # Errors
    /// Returns [`ConfigError`], which names the variable that is missing or unusable.
    pub fn read(lookup: &Lookup<'_>, aws: &Environment, ambient: Ambient) -> Result<Self, ConfigError> {
        let store = Store::read(lookup, aws, ambient.clone())?;
        Ok(Self {
            gateway: Gateway::read(lookup, &store, &ambient)?,
            store,
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

rekey::routes!(Deps:
    change::ChangePassword => change::change_password,
    question::SetSecurityQuestion => question::set_question,
);

/// Answers one event of the gateway.
pub async fn handler(deps: &Deps, event: LambdaEvent<Box<RawValue>>) -> Value {
    respond(&ROUTES, deps, &deps.gateway, event).await
}
