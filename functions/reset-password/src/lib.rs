//! The function `reset-password` sets a password with a ticket: `POST /v1/password/reset/preview` and `POST /v1/password/reset`.
//! It also freezes an account whose password somebody else has changed: `POST /v1/password/repudiate`. And it takes the word of
//! whoever gets a mail by mistake: `POST /v1/password/not-me`.
//!
//! Every check that can fail runs before the ticket is consumed (T5), and consuming the ticket is one transaction (T4). A reset
//! signs nobody in. No token is taken from a path or a query, and no method other than POST does anything (T1).

use lambda_runtime::LambdaEvent;
use rekey::http::gateway::Gateway;
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

mod answer;
mod attempt;
pub mod freeze;
pub mod not_me;
pub mod preview;
pub mod reset;
mod ticket;

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
}

rekey::routes!(Deps:
    preview::PreviewReset => preview::preview_reset,
    reset::ResetPassword => reset::reset_password,
    freeze::RepudiatePassword => freeze::freeze,
    not_me::ReportWrongPerson => not_me::report_wrong_person,
);

/// Answers one event of the gateway.
pub async fn handler(deps: &Deps, event: LambdaEvent<Box<RawValue>>) -> Value {
    respond(&ROUTES, deps, &deps.gateway, event).await
}
