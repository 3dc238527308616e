//! The function `settings` serves staff: the settings of the practice (`/v1/admin/practice`), its logo
//! (`/v1/admin/practice/logo`), and what its mails look like (`/v1/admin/practice/mail-preview`).
//!
//! The settings say where people are led and how they get in again. So whoever takes over a function that works with accounts must not
//! be able to write them, and this one can write no account.

use std::ops::Deref;

use lambda_runtime::LambdaEvent;
use rekey::domain::practice::PortalScheme;
use rekey::http::auth::StaffDeps;
use rekey::http::route::respond;
use rekey::platform::aws::Environment;
use rekey::platform::clock::Ambient;
use rekey::platform::config::{ConfigError, Lookup};
use serde_json::Value;
use serde_json::value::RawValue;

mod image;
pub mod logo;
pub mod mail_preview;
pub mod settings;

/// The configuration and the clients that the function works with: those of every function of staff, and what a portal's
/// address may be.
pub struct Deps {
    staff: StaffDeps,
    portal_scheme: PortalScheme,
}

impl Deps {
    /// Reads the function's configuration.
    ///
    /// # Errors
    /// Returns [`ConfigError`], which names the variable that is missing or unusable.
    pub fn read(lookup: &Lookup<'_>, aws: &Environment, ambient: Ambient) -> Result<Self, ConfigError> {
        let portal_scheme = PortalScheme::read(lookup)?;
        Ok(Self { staff: StaffDeps::read(lookup, aws, ambient)?, portal_scheme })
    }
}

impl Deref for Deps {
    type Target = StaffDeps;

    fn deref(&self) -> &StaffDeps {
        &self.staff
    }
}

rekey::routes!(Deps:
    settings::GetSettings => settings::get_settings,
    settings::UpdateSettings => settings::update_settings,
    logo::GetLogo => logo::get_logo,
    logo::PutLogo => logo::put_logo,
    logo::DeleteLogo => logo::delete_logo,
    mail_preview::PreviewMail => mail_preview::preview_mail,
);

/// Answers one event of the gateway.
pub async fn handler(deps: &Deps, event: LambdaEvent<Box<RawValue>>) -> Value {
    respond(&ROUTES, deps, &deps.gateway, event).await
}
