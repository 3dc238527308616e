//! The function `forgot-password` serves four public calls: `POST /v1/password/forgot`, `POST /v1/password/help`,
//! `GET /v1/practices/{slug}` and `GET /v1/practices/{slug}/logo`.
//!
//! The function is blind (F1). It applies the limits, writes one request item that is the same for known and unknown identifiers,
//! and answers. It can read no account and send no mail, because its role allows neither. The mailer does the rest, when the
//! table's stream hands it the request.

use std::sync::Arc;

use lambda_runtime::LambdaEvent;
use rekey::domain::limit::ForgotLimits;
use rekey::domain::practice::Practice;
use rekey::http::gateway::Gateway;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::route::respond;
use rekey::platform::aws::Environment;
use rekey::platform::clock::{Ambient, Timestamp};
use rekey::platform::config::{ConfigError, Lookup};
use rekey::secrets::keyring::LazyKeyring;
use rekey::store::practices::PracticeCache;
use rekey::store::transact::Store;
use serde_json::Value;
use serde_json::value::RawValue;

pub mod forgot;
pub mod help;
pub mod public_practice;

/// The configuration and the clients that the function works with.
pub struct Deps {
    ambient: Ambient,
    store: Store,
    gateway: Gateway,
    practices: PracticeCache,
    limits: ForgotLimits,
    limits_key: LazyKeyring,
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
            limits: ForgotLimits::read(lookup)?,
            limits_key: LazyKeyring::read(lookup, aws, "REKEY_LIMITS_SECRET")?,
        })
    }

    async fn practice(&self, slug: &str, now: Timestamp) -> Result<Arc<Practice>, Problem> {
        let practice = self.practices.find_named(&self.store, slug, now).await?;
        practice.ok_or_else(|| Problem::new(ErrorCode::UnknownPractice))
    }
}

rekey::routes!(Deps:
    forgot::ForgotPassword => forgot::forgot_password,
    help::AskForHelp => help::ask_for_help,
    public_practice::GetPractice => public_practice::get_practice,
    public_practice::GetPracticeLogo => public_practice::get_logo,
);

/// Answers one event of the gateway.
pub async fn handler(deps: &Deps, event: LambdaEvent<Box<RawValue>>) -> Value {
    respond(&ROUTES, deps, &deps.gateway, event).await
}
