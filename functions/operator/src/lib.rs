//! The function `operator` does what only the operator of the deployment may do: it creates practices and their first
//! administrators, has SES verify their senders, imports accounts, looks after what follows from imports and releases, and ends what
//! must end.
//!
//! It is invoked directly and has no HTTP route. IAM decides who may invoke it. Imported accounts may keep the hashes of
//! their former system. A line that cannot be imported is answered with the reason and does not hinder the other lines.

use lambda_runtime::Diagnostic;
use rekey::domain::event::{Action, Actor, Event};
use rekey::domain::practice::{PortalScheme, Practice, SettingError, Slug};
use rekey::mail::identities::Identities;
use rekey::platform::aws::Environment;
use rekey::platform::clock::{Ambient, NoRandomness, Timestamp};
use rekey::platform::config::{ConfigError, Lookup};
use rekey::secrets::keyring::LazyKeyring;
use rekey::secrets::password::Hasher;
use rekey::store::error::StoreError;
use rekey::store::transact::Store;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

mod administrator;
pub mod directory;
pub mod export;
pub mod hashes;
pub mod import;
pub mod person;
mod practice;
pub mod revoke;
pub mod senders;
pub mod tenancy;
pub mod undelivered;
pub mod voiding;
mod walk;

/// The configuration and the clients that the function works with.
pub struct Deps {
    ambient: Ambient,
    store: Store,
    peppers: LazyKeyring,
    hasher: Hasher,
    portal_scheme: PortalScheme,
    identities: Identities,
}

impl Deps {
    /// Reads the function's configuration.
    ///
    /// # Errors
    /// Returns [`ConfigError`], which names the variable that is missing or unusable.
    pub fn read(lookup: &Lookup<'_>, aws: &Environment, ambient: Ambient) -> Result<Self, ConfigError> {
        Ok(Self {
            store: Store::read(lookup, aws, ambient.clone())?,
            ambient,
            peppers: LazyKeyring::read(lookup, aws, "REKEY_PEPPER_SECRET")?,
            hasher: Hasher::default(),
            portal_scheme: PortalScheme::read(lookup)?,
            identities: Identities::read(aws.ses_setup(), lookup)?,
        })
    }

    fn event(&self, practice: &Slug, action: Action) -> Result<Event, NoRandomness> {
        Event::new(&self.ambient, practice, action, Actor::Operator)
    }
}

/// The reason why an invocation failed.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The invocation is not valid.
    #[error("invalid invocation: {0}")]
    Invalid(String),
    /// A setting is not allowed.
    #[error("invalid setting: {0}")]
    Setting(#[from] SettingError),
    /// There is no such practice.
    #[error("no practice is called {0}")]
    UnknownPractice(Slug),
    /// There is no such account.
    #[error("the practice has no such account")]
    UnknownAccount,
    /// The account is held.
    #[error("the account is held: release it first")]
    Held,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No random bytes could be drawn.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

impl From<OperatorError> for Diagnostic {
    fn from(error: OperatorError) -> Self {
        let error_type = match error {
            OperatorError::Invalid(_) => "Invalid",
            OperatorError::Setting(_) => "InvalidSetting",
            OperatorError::UnknownPractice(_) => "UnknownPractice",
            OperatorError::UnknownAccount => "UnknownAccount",
            OperatorError::Held => "Held",
            OperatorError::Store(_) | OperatorError::Randomness(_) => "Unavailable",
        };
        Self { error_type: error_type.to_owned(), error_message: error.to_string() }
    }
}

/// What is asked for.
#[derive(Deserialize)]
struct Asked {
    action: Invoked,
}

/// The actions that can be invoked. Each has members of its own beside `action`, which are read for it alone, so that an error names
/// the member.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Invoked {
    CreatePractice,
    ListPractices,
    SetDomains,
    VerifySenders,
    SetTenant,
    DisablePractice,
    EnablePractice,
    ExportPractice,
    DeletePractice,
    CreateAdministrator,
    ImportAccounts,
    ExportPerson,
    HoldPerson,
    ReleasePerson,
    ErasePerson,
    MergeAccounts,
    RevokeIssued,
    EndSessions,
    ResetPasswords,
    RebuildDirectory,
    ReviewHashes,
    ListUndelivered,
    Redrive,
}

/// The outcome of a creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Created {
    /// A new one was made.
    Created,
    /// One with this name existed, and was left as it is.
    Exists,
}

/// Handles one invocation.
///
/// # Errors
/// Returns [`OperatorError`], whose text says what to correct.
pub async fn handler(deps: &Deps, mut invocation: Value) -> Result<Value, OperatorError> {
    let named = invocation.as_object_mut().and_then(|members| members.remove_entry("action"));
    let Asked { action } = read(named.into_iter().collect::<Map<_, _>>().into())?;
    tracing::info!(event = "direct_invocation", ?action);
    match action {
        Invoked::CreatePractice => answer(practice::create_practice(deps, &read(invocation)?).await),
        Invoked::ListPractices => answer(tenancy::list_practices(deps, &read(invocation)?).await),
        Invoked::SetDomains => answer(practice::set_domains(deps, &read(invocation)?).await),
        Invoked::VerifySenders => answer(senders::verify_senders(deps, &read(invocation)?).await),
        Invoked::SetTenant => answer(practice::set_tenant(deps, &read(invocation)?).await),
        Invoked::DisablePractice => answer(tenancy::disable_practice(deps, &read(invocation)?).await),
        Invoked::EnablePractice => answer(tenancy::enable_practice(deps, &read(invocation)?).await),
        Invoked::ExportPractice => answer(export::export_practice(deps, &read(invocation)?).await),
        Invoked::DeletePractice => answer(tenancy::delete_practice(deps, &read(invocation)?).await),
        Invoked::CreateAdministrator => {
            answer(administrator::create_administrator(deps, read(invocation)?).await)
        }
        Invoked::ImportAccounts => answer(import::import_accounts(deps, read(invocation)?).await),
        Invoked::ExportPerson => answer(export::export_person(deps, &read(invocation)?).await),
        Invoked::HoldPerson => answer(person::hold_person(deps, &read(invocation)?).await),
        Invoked::ReleasePerson => answer(person::release_person(deps, &read(invocation)?).await),
        Invoked::ErasePerson => answer(person::erase_person(deps, &read(invocation)?).await),
        Invoked::MergeAccounts => answer(person::merge_accounts(deps, &read(invocation)?).await),
        Invoked::RevokeIssued => answer(revoke::revoke_issued(deps, &read(invocation)?).await),
        Invoked::EndSessions => answer(voiding::end_sessions(deps, &read(invocation)?).await),
        Invoked::ResetPasswords => answer(voiding::reset_passwords(deps, &read(invocation)?).await),
        Invoked::RebuildDirectory => answer(directory::rebuild_directory(deps, &read(invocation)?).await),
        Invoked::ReviewHashes => answer(hashes::review_hashes(deps, &read(invocation)?).await),
        Invoked::ListUndelivered => answer(undelivered::list_undelivered(deps, &read(invocation)?).await),
        Invoked::Redrive => answer(undelivered::redrive(deps, &read(invocation)?).await),
    }
}

fn answer(outcome: Result<impl Serialize, OperatorError>) -> Result<Value, OperatorError> {
    serde_json::to_value(outcome?).map_err(|error| OperatorError::Invalid(error.to_string()))
}

fn read<T: DeserializeOwned>(members: Value) -> Result<T, OperatorError> {
    rekey::http::call::read(members)
        .map_err(|problem| OperatorError::Invalid(problem.detail().unwrap_or_default().to_owned()))
}

pub(crate) async fn find_practice(deps: &Deps, slug: &Slug) -> Result<Practice, OperatorError> {
    deps.store.find_practice(slug).await?.ok_or_else(|| OperatorError::UnknownPractice(slug.clone()))
}

/// Reads a time.
pub(crate) fn time(member: &str, text: &str) -> Result<Timestamp, OperatorError> {
    let rule = "must be a time such as 2026-12-01T18:00:00Z";
    Timestamp::parse(text).ok_or_else(|| OperatorError::Invalid(format!("{member}: {rule}")))
}
