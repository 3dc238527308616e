//! One account of an import, checked and made into an account of the practice.

use std::fmt;

use rekey::domain::account::{Account, Assignment, NewAccount, Role, Setup, check_role};
use rekey::domain::identifier::{Email, Identifier, NewUsername};
use rekey::domain::practice::check_locale;
use rekey::domain::practice::{Portal, Practice};
use rekey::domain::question::{ChosenQuestion, NewQuestion};
use rekey::domain::text::{check_name, is_line};
use rekey::secrets::password::{PasswordHash, Peppers, Work};
use serde::de::Error as _;
use serde::de::value::StrDeserializer;
use serde::{Deserialize, Deserializer};

use crate::Deps;

/// One account, as another system exports it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of an exported record")]
pub(super) struct Line {
    #[serde(default, deserialize_with = "word_or_default")]
    portal: Portal,
    username: NewUsername,
    #[serde(default, deserialize_with = "blank_is_absent")]
    email: Option<Email>,
    display_name: String,
    /// Whether the owner is to sign in by the address too, if nobody else has it.
    #[serde(default = "yes")]
    signs_in_by_email: bool,
    #[serde(default, deserialize_with = "blank_is_absent")]
    record_email: Option<Email>,
    #[serde(default, deserialize_with = "blank_is_absent")]
    locale: Option<String>,
    #[serde(default = "yes")]
    active: bool,
    #[serde(default)]
    representative: bool,
    #[serde(default)]
    refused: bool,
    #[serde(default, deserialize_with = "word")]
    role: Option<Role>,
    #[serde(default, deserialize_with = "blank_is_absent")]
    password_hash: Option<Hash>,
    #[serde(default)]
    invited: bool,
    security_question: Option<NewQuestion>,
    /// The members of staff who look after a client. They must exist, or their lines must come before this one.
    #[serde(default)]
    caseload: Vec<OnCaseload>,
}

/// A password's hash, or the rule that it breaks.
#[derive(Debug)]
struct Hash(Result<PasswordHash, &'static str>);

impl From<String> for Hash {
    fn from(text: String) -> Self {
        Self(PasswordHash::import(&text))
    }
}

/// Reads a member that exports write as `""` when there is none. Blanks and line ends around a text are none of it.
fn blank_is_absent<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<String>,
    T::Error: fmt::Display,
{
    let text = Option::<String>::deserialize(deserializer)?;
    let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    text.map(T::try_from).transpose().map_err(D::Error::custom)
}

/// Reads a word of a list, which exports write as `""` when there is none.
fn word<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let text = text.as_deref().map(str::trim).filter(|text| !text.is_empty());
    text.map(|text| T::deserialize(StrDeserializer::<D::Error>::new(text))).transpose()
}

fn word_or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(word(deserializer)?.unwrap_or_default())
}

/// A member of staff who looks after the client.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OnCaseload {
    /// The username of the member of staff.
    staff: String,
    role: Option<String>,
}

/// The largest number of members of staff for one client.
const MOST_STAFF: usize = 20;

const fn yes() -> bool {
    true
}

impl Line {
    pub(super) const fn portal(&self) -> Portal {
        self.portal
    }

    pub(super) fn username(&self) -> &str {
        self.username.as_str()
    }

    /// The canonical username.
    pub(super) fn name(&self) -> Option<Identifier> {
        Identifier::parse(self.username.as_str()).ok()
    }

    /// The canonical address.
    pub(super) fn address(&self) -> Option<Identifier> {
        self.email.as_ref().and_then(Email::identifier)
    }

    /// The work of the password's hash.
    pub(super) fn imported_work(&self) -> Option<Work> {
        self.password_hash.as_ref()?.0.as_ref().ok()?.imported_work()
    }

    pub(super) const fn signs_in_by_email(&self) -> bool {
        self.signs_in_by_email
    }

    pub(super) const fn has_caseload(&self) -> bool {
        !self.caseload.is_empty()
    }

    /// The account, which is not stored yet.
    ///
    /// # Errors
    /// The member that is wrong, and its rule.
    pub(super) async fn into_account(self, deps: &Deps, practice: &Practice) -> Result<Account, String> {
        let line = self;
        check_locale(line.locale.as_deref()).map_err(|rule| format!("locale: {rule}"))?;
        check_role(line.portal, line.role).map_err(|rule| format!("role: {rule}"))?;
        check_name(&line.display_name).map_err(|rule| format!("display_name: {rule}"))?;
        let password = line.password_hash.map(|Hash(hash)| hash).transpose();
        let password = password.map_err(|rule| format!("password_hash: {rule}"))?;
        let chosen = line.security_question.map(NewQuestion::check).transpose();
        let chosen = chosen.map_err(|error| error.within("security_question").to_string())?;
        let caseload = caseload(deps, practice, line.portal, line.caseload).await?;
        let setup = match (&password, line.invited) {
            (Some(_), _) => Setup::SignedUp,
            (None, true) => Setup::Invited,
            (None, false) => Setup::NotInvited,
        };
        let new = NewAccount {
            practice: practice.slug.clone(),
            portal: line.portal,
            username: line.username.of(line.email.as_ref()).map_err(|rule| format!("username: {rule}"))?,
            display_name: line.display_name,
            email: line.email,
        };
        let account = Account::new(&deps.ambient, new).map_err(|error| error.to_string())?;
        let (mut sealed, mut question) = (None, None);
        if password.is_some() || chosen.is_some() {
            let ring = deps.peppers.get().await.map_err(|error| error.to_string())?;
            let peppers = Peppers::of(ring, account.id);
            let seal = |hash: PasswordHash| hash.sealed(peppers).map_err(|error| error.to_string());
            sealed = password.map(seal).transpose()?;
            let hash = |chosen: ChosenQuestion| {
                chosen.hash(&deps.hasher, peppers, &deps.ambient).map_err(|error| error.to_string())
            };
            question = chosen.map(hash).transpose()?;
        }
        Ok(Account {
            record_email: line.record_email,
            locale: line.locale,
            active: line.active,
            representative: line.representative,
            refused: line.refused,
            role: line.role,
            setup,
            password: sealed,
            question,
            caseload,
            ..account
        })
    }
}

async fn caseload(
    deps: &Deps,
    practice: &Practice,
    portal: Portal,
    asked: Vec<OnCaseload>,
) -> Result<Vec<Assignment>, String> {
    if (portal == Portal::Staff && !asked.is_empty()) || asked.len() > MOST_STAFF {
        return Err(format!(
            "caseload: a client has at most {MOST_STAFF} members of staff, and staff have none"
        ));
    }
    let mut caseload: Vec<Assignment> = Vec::with_capacity(asked.len());
    for OnCaseload { staff, role } in asked {
        if role.as_deref().is_some_and(|role| !is_line(role, 60)) {
            return Err("caseload: a role has 1 to 60 characters and no control characters".to_owned());
        }
        let username = Identifier::parse(&staff).map_err(|error| format!("caseload: {error}"))?;
        let found = deps.store.find_login(&practice.slug, Portal::Staff, &username).await;
        let Some(login) = found.map_err(|error| error.to_string())? else {
            return Err(format!("caseload: no member of staff is called {staff}"));
        };
        if caseload.iter().all(|entry| entry.staff != login.account) {
            caseload.push(Assignment { staff: login.account, role, assigned_at: deps.ambient.now() });
        }
    }
    Ok(caseload)
}
