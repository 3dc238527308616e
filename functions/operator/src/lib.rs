//! What only the deployment's operator may do: create practices and their first administrators, import accounts.
//!
//! By direct invocation alone; it has no HTTP route, and IAM is the authority. Accounts may bring their Argon2 or bcrypt
//! hashes with them. A line that cannot be imported is answered with its reason and hinders no other.

use lambda_runtime::Diagnostic;
use rekey::domain::account::{Account, NewAccount, Role, Setup};
use rekey::domain::event::{Action, Actor, Event};
use rekey::domain::identifier::{Email, Username};
use rekey::domain::outbox::{OutboxItem, OutboxKind};
use rekey::domain::practice::check_locale;
use rekey::domain::practice::{Portal, Practice, SettingError, Slug};
use rekey::domain::text::check_name;
use rekey::platform::aws::Environment;
use rekey::platform::clock::{Ambient, NoRandomness};
use rekey::platform::config::{ConfigError, Lookup};
use rekey::platform::ids::AccountId;
use rekey::secrets::keyring::LazyKeyring;
use rekey::secrets::password::Hasher;
use rekey::store::error::StoreError;
use rekey::store::transact::Store;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub mod import;

/// What the function works with.
pub struct Deps {
    ambient: Ambient,
    store: Store,
    peppers: LazyKeyring,
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
            peppers: LazyKeyring::read(lookup, aws, "REKEY_PEPPER_SECRET")?,
            hasher: Hasher::default(),
        })
    }

    fn event(&self, practice: &Slug, action: Action) -> Result<Event, NoRandomness> {
        Event::new(&self.ambient, practice, action, Actor::Operator)
    }
}

/// Why an invocation failed. Nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The invocation is not one of those that exist.
    #[error("invalid invocation: {0}")]
    Invalid(String),
    /// A setting is not allowed.
    #[error("invalid setting: {0}")]
    Setting(#[from] SettingError),
    /// There is no such practice.
    #[error("no practice is called {0}")]
    UnknownPractice(Slug),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No random bytes.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

impl From<OperatorError> for Diagnostic {
    fn from(error: OperatorError) -> Self {
        let error_type = match error {
            OperatorError::Invalid(_) => "Invalid",
            OperatorError::Setting(_) => "InvalidSetting",
            OperatorError::UnknownPractice(_) => "UnknownPractice",
            OperatorError::Store(_) | OperatorError::Randomness(_) => "Unavailable",
        };
        Self { error_type: error_type.to_owned(), error_message: error.to_string() }
    }
}

/// What can be invoked.
#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
enum Invocation {
    CreatePractice(CreatePractice),
    CreateAdministrator(CreateAdministrator),
    ImportAccounts(ImportAccounts),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreatePractice {
    practice: Value,
}

/// The first administrator of a practice, who is mailed an invitation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateAdministrator {
    practice: Slug,
    username: Username,
    email: Email,
    display_name: String,
    locale: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportAccounts {
    practice: Slug,
    /// JSON Lines: one account a line.
    lines: String,
}

/// What came of a creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Created {
    /// It was made.
    Created,
    /// There was one of this name; it was left as it is.
    Exists,
}

/// Deals with one invocation.
///
/// # Errors
/// [`OperatorError`], whose text says what to correct.
pub async fn handler(deps: &Deps, invocation: Value) -> Result<Value, OperatorError> {
    let invocation: Invocation = rekey::http::call::read(invocation)
        .map_err(|problem| OperatorError::Invalid(problem.detail().unwrap_or_default().to_owned()))?;
    let answer = match invocation {
        Invocation::CreatePractice(asked) => serde_json::to_value(create_practice(deps, &asked).await?),
        Invocation::CreateAdministrator(asked) => {
            serde_json::to_value(create_administrator(deps, asked).await?)
        }
        Invocation::ImportAccounts(asked) => {
            serde_json::to_value(import::import_accounts(deps, &asked.practice, &asked.lines).await?)
        }
    };
    answer.map_err(|error| OperatorError::Invalid(error.to_string()))
}

/// What came of creating a practice.
#[derive(Debug, Serialize)]
struct PracticeCreated {
    status: Created,
}

async fn create_practice(deps: &Deps, asked: &CreatePractice) -> Result<PracticeCreated, OperatorError> {
    let practice = Practice::parse(&asked.practice)?;
    let event = deps.event(&practice.slug, Action::PracticeCreated)?;
    let written = deps.store.create_practice(&practice, &event).await?.is_written();
    Ok(PracticeCreated { status: if written { Created::Created } else { Created::Exists } })
}

/// What came of creating an administrator.
#[derive(Debug, Serialize)]
struct AdministratorCreated {
    status: Created,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<AccountId>,
}

async fn create_administrator(
    deps: &Deps,
    asked: CreateAdministrator,
) -> Result<AdministratorCreated, OperatorError> {
    practice(deps, &asked.practice).await?;
    check_name(&asked.display_name)
        .map_err(|rule| OperatorError::Invalid(format!("display_name: {rule}")))?;
    check_locale(asked.locale.as_deref())
        .map_err(|rule| OperatorError::Invalid(format!("locale: {rule}")))?;
    let new = NewAccount {
        practice: asked.practice,
        portal: Portal::Staff,
        username: asked.username,
        display_name: asked.display_name,
    };
    let account = Account {
        email: Some(asked.email),
        locale: asked.locale,
        role: Some(Role::Admin),
        setup: Setup::Invited,
        ..Account::new(&deps.ambient, new)?
    };
    let kind = OutboxKind::Link { account: account.id, by: None };
    let invitation = OutboxItem::new(&deps.ambient, &account.practice, kind, None)?;
    let event = deps.event(&account.practice, Action::UserCreated)?.of(account.id, account.portal);
    let event = event.with_outbox(invitation.id);
    let written = deps.store.create_account(&account, &event, Some(&invitation)).await?.is_written();
    let status = if written { Created::Created } else { Created::Exists };
    Ok(AdministratorCreated { status, account: written.then_some(account.id) })
}

async fn practice(deps: &Deps, slug: &Slug) -> Result<Practice, OperatorError> {
    deps.store.find_practice(slug).await?.ok_or_else(|| OperatorError::UnknownPractice(slug.clone()))
}
