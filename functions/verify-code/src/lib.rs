//! Exchanges a mailed code for a token: `POST /v1/password/verify-code`.
//!
//! Reads no account: what the holder of a right code is told, the mailer has left with the request. A code that is entered
//! is counted before it is compared (T2), with the same two round trips whether or not anybody was mailed (F1).

use lambda_http::{Body, Request, Response};
use rekey::http::route::respond;
use rekey::platform::aws::Environment;
use rekey::platform::clock::Ambient;
use rekey::platform::config::{ConfigError, Lookup};
use rekey::secrets::keyring::LazyKeyring;
use rekey::store::transact::Store;

mod attempt;
pub mod verify;

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
}

rekey::routes!(Deps:
    verify::VerifyCode => verify::verify_code,
);

/// Answers one request.
pub async fn handler(deps: &Deps, request: Request) -> Response<Body> {
    respond(&ROUTES, deps, request).await
}
