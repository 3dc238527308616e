//! The function `sessions` signs people in and out, and shows who is signed in: `/v1/sessions` and `/v1/account`.
//!
//! A sign-in takes two round trips and one Argon2id, and the work of the imported hashes that are left in the practice, whether or
//! not an account has the identifier (F1). It is counted as a
//! failure before anything is compared, so that parallel guesses cannot outrun the limits (L2, L3). A success takes the counts back.

use lambda_runtime::LambdaEvent;
use rekey::domain::account::Account;
use rekey::domain::event::{Action, Actor, Event};
use rekey::domain::spray::SprayLimits;
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

pub mod account;
mod attempt;
pub mod confirm;
mod device;
pub mod end;
mod guess;
pub mod list;
pub mod sign_in;

/// The configuration and the clients that the function works with.
pub struct Deps {
    ambient: Ambient,
    store: Store,
    gateway: Gateway,
    practices: PracticeCache,
    peppers: LazyKeyring,
    limits_key: LazyKeyring,
    hasher: Hasher,
    spray: SprayLimits,
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
            spray: SprayLimits::read(lookup)?,
        })
    }

    fn holder_event(&self, call: &Call, account: &Account, action: Action) -> Result<Event, Problem> {
        let event = Event::new(&self.ambient, &account.practice, action, Actor::Holder)?;
        Ok(event.of(account.id, account.portal).from_address(call.address))
    }
}

rekey::routes!(Deps:
    sign_in::CreateSession => sign_in::create_session,
    list::ListSessions => list::list_sessions,
    end::EndOtherSessions => end::end_other_sessions,
    end::SignOut => end::sign_out,
    end::EndSession => end::end_session,
    confirm::ConfirmSession => confirm::confirm_session,
    account::GetAccount => account::get_account,
);

/// Answers one event of the gateway.
pub async fn handler(deps: &Deps, event: LambdaEvent<Box<RawValue>>) -> Value {
    respond(&ROUTES, deps, &deps.gateway, event).await
}
