//! The function `pages` serves the pages of the portals of practices that have no front end of their own: `/p/{practice}/…`,
//! the parts that they load, and `GET /.well-known/change-password`.
//!
//! A page is a document with a practice's public facts. Whatever is somebody's own, its script asks of the public API, with the
//! session's cookie, as any other portal would. So the function reads practices and nothing else: it can show nobody's data, whatever
//! it is sent.

use std::sync::Arc;

use lambda_runtime::LambdaEvent;
use rekey::domain::origin::Origin;
use rekey::domain::practice::Practice;
use rekey::http::call::Call;
use rekey::http::gateway::Gateway;
use rekey::http::problem::Problem;
use rekey::http::route::respond;
use rekey::platform::aws::Environment;
use rekey::platform::clock::Ambient;
use rekey::platform::config::{ConfigError, Lookup};
use rekey::store::origins::OriginOwner;
use rekey::store::practices::PracticeCache;
use rekey::store::transact::Store;
use serde_json::Value;
use serde_json::value::RawValue;

pub mod assets;
pub mod change_page;
pub mod messages;
pub mod page;
pub mod render;

/// The configuration and the clients that the function works with.
pub struct Deps {
    ambient: Ambient,
    store: Store,
    gateway: Gateway,
    practices: PracticeCache,
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
        })
    }

    /// The portal whose addresses have the host that the call came to, if there is one.
    async fn owner_of_host(&self, call: &Call) -> Result<Option<OriginOwner>, Problem> {
        let origin = call.host().and_then(|host| Origin::of(&format!("https://{host}")));
        let Some(origin) = origin else { return Ok(None) };
        Ok(self.store.find_origin_owner(&origin).await?)
    }

    async fn practice(&self, slug: &str) -> Result<Option<Arc<Practice>>, Problem> {
        Ok(self.practices.find_named(&self.store, slug, self.ambient.now()).await?)
    }
}

rekey::routes!(Deps:
    page::GetPracticePage => page::get_practice_page,
    page::GetFrontPage => page::get_front_page,
    page::GetPage => page::get_page,
    assets::GetAsset => assets::get_asset,
    change_page::GetChangePasswordPage => change_page::get_change_page,
);

/// Answers one event of the gateway.
pub async fn handler(deps: &Deps, event: LambdaEvent<Box<RawValue>>) -> Value {
    respond(&ROUTES, deps, &deps.gateway, event).await
}
