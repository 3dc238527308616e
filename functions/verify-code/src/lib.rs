//! The function `verify-code` exchanges a mailed code for a token: `POST /v1/password/verify-code`.
//!
//! The function reads no account. The mailer has stored with the request everything that the person who enters the right code is
//! told. Each code is counted before it is compared (T2), and the call takes the same two round trips whether or not a code was
//! mailed (F1).

use lambda_runtime::LambdaEvent;
use rekey::http::gateway::Gateway;
use rekey::http::route::respond;
use rekey::platform::aws::Environment;
use rekey::platform::clock::Ambient;
use rekey::platform::config::{ConfigError, Lookup};
use rekey::secrets::keyring::LazyKeyring;
use rekey::store::transact::Store;
use serde_json::Value;
use serde_json::value::RawValue;

mod attempt;
pub mod verify;

/// The configuration and the clients that the function works with.
pub struct Deps {
    ambient: Ambient,
    store: Store,
    gateway: Gateway,
    codes: LazyKeyring,
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
            codes: LazyKeyring::read(lookup, aws, "REKEY_CODE_SECRET")?,
        })
    }
}

rekey::routes!(Deps:
    verify::VerifyCode => verify::verify_code,
);

/// Answers one event of the gateway.
pub async fn handler(deps: &Deps, event: LambdaEvent<Box<RawValue>>) -> Value {
    respond(&ROUTES, deps, &deps.gateway, event).await
}
