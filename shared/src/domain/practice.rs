//! A practice: the tenant, with its portals, its support contact and its policy.
//!
//! A practice is stored whole, as one item. This module owns the defaults and bounds of its settings: no administrator
//! can set a value outside of them.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::identifier::Email;
use crate::domain::origin::Origin;
use crate::domain::text::is_line;
use crate::platform::clock::Timestamp;
use crate::secrets::password::ImportedWork;

mod bounds;
mod brand;
mod locale;
mod policy;
mod portals;
mod tenant;

pub use bounds::{Domain, Sender};
pub use brand::{Brand, Color, Logo};
use locale::LOCALE_RULE;
pub use locale::{LOCALES, check_locale};
pub use policy::Policy;
use portals::check_url;
pub use portals::{Carries, Pages, PortalAddresses, PortalOrigin, PortalScheme, PortalUrls, Portals};
pub use tenant::Tenant;

/// A value breaks a rule of the practice's settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {rule}")]
pub struct SettingError {
    /// The path of the setting, with dots between the names.
    pub member: String,
    /// The rule that the setting must keep.
    pub rule: String,
}

impl SettingError {
    fn new(member: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { member: member.into(), rule: rule.into() }
    }
}

/// The practice's name in addresses and keys. It has 2 to 40 characters of `a-z`, `0-9` and `-`, with no `-` at either
/// end, and never changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(into = "String", try_from = "String")]
#[schema(value_type = String, pattern = "^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])$")]
pub struct Slug(String);

impl Slug {
    /// Reads a slug. `None` when the text cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let whole = (2..=40).contains(&text.len()) && text.chars().all(inner);
        (whole && !text.starts_with('-') && !text.ends_with('-')).then(|| Self(text.to_owned()))
    }

    /// The slug of an item that names no practice. No practice can have it.
    pub const fn none() -> Self {
        Self(String::new())
    }

    /// Whether it is the slug of no practice.
    pub const fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    /// The slug as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> Self {
        slug.0
    }
}

impl TryFrom<String> for Slug {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::parse(&text).ok_or("a slug has 2 to 40 of a-z, 0-9 and inner -")
    }
}

/// One of the two portals of a practice: `client` for patients, parents and guardians, or `staff`. Each account belongs
/// to one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Portal {
    /// The portal of patients, parents and guardians.
    #[default]
    Client,
    /// The portal of staff and administrators.
    Staff,
}

impl Portal {
    /// Reads the name of a portal.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Client, Self::Staff].into_iter().find(|portal| portal.as_str() == name)
    }

    /// The name of the portal in keys and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Staff => "staff",
        }
    }
}

/// A way to recover an account: a `link` or a verification `code`, which is mailed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryMethod {
    /// A link is mailed.
    Link,
    /// A verification code is mailed.
    Code,
}

/// Whether a recovery asks the security question after the mailbox has been proven: `off` never, `optional` if the
/// account has one, `required` always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecurityQuestion {
    /// The question is never asked.
    Off,
    /// The question is asked if the account has one.
    Optional,
    /// The question is always asked. The owner of an account without one cannot recover it without the help of staff.
    Required,
}

/// The practice's support contact. At least one member is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Support {
    /// The email address of the support; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Email::stored")]
    #[schema(nullable = false)]
    pub email: Option<Email>,
    /// The telephone number of the support, as people write it, with 1 to 40 characters; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 40)]
    pub phone: Option<String>,
    /// The `https` address of a support page, with at most 300 characters and no fragment; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "uri", max_length = 300)]
    pub url: Option<String>,
}

/// A practice, with its settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Practice {
    /// The practice's name in addresses and keys. It never changes.
    pub slug: Slug,
    /// The practice's name for people: 1 to 100 characters, without control characters.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// The practice's support contact.
    pub support: Support,
    /// The practice's time zone, a name of the IANA database such as `America/New_York`. Mails state times in this
    /// zone.
    pub time_zone: String,
    /// The language of mails to accounts that have no language of their own, as a tag of BCP 47 such as `es-MX`. Mails are
    /// in English when they are not written in it.
    #[schema(
        max_length = 35,
        pattern = "^([A-Za-z]{2,8}|[IXix][-_][A-Za-z0-9]{1,8})([-_][A-Za-z0-9]{1,8})*([.@][-A-Za-z0-9._@]*)?$"
    )]
    pub locale: String,
    /// The addresses of the practice's two portals. One that is left out is at the deployment's own pages.
    #[serde(default, skip_serializing_if = "Portals::are_left_out")]
    #[schema(nullable = false)]
    pub portals: Portals,
    /// The addresses of both portals, wherever they are in this deployment. They are no setting.
    #[serde(skip)]
    #[schema(ignore)]
    pub addresses: PortalAddresses,
    /// The practice's own sender address, which SES must have verified. When it is absent, mails come from the
    /// deployment's address.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Email::stored")]
    #[schema(nullable = false)]
    pub sender: Option<Email>,
    /// The practice's rules of recovery.
    #[serde(default)]
    #[schema(required)]
    pub policy: Policy,
    /// What the practice's pages and mails look like.
    #[serde(default, skip_serializing_if = "Brand::is_plain", deserialize_with = "Brand::or_plain")]
    #[schema(nullable = false)]
    pub brand: Brand,
    /// The domains within which the addresses of the portals and of the support must lie. Only the operator sets them.
    #[serde(default)]
    #[schema(required, read_only)]
    pub domains: Vec<Domain>,
    /// The addresses that `sender` may be. Only the operator sets them.
    #[serde(default)]
    #[schema(required, read_only)]
    pub senders: Vec<Sender>,
    /// The tenant of SES that mails are sent by, which the operator has set up. It is no setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub tenant: Option<Tenant>,
    /// The work of the password hashes that are left of imports. Every failed sign-in costs as much (F1). It is no setting.
    #[serde(default, skip_serializing_if = "ImportedWork::is_empty")]
    #[schema(ignore)]
    pub imported_work: ImportedWork,
    /// The time at which the operator disabled the practice; absent while it is open. It is no setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    pub disabled_at: Option<Timestamp>,
}

impl Practice {
    /// Reads a practice from JSON that an administrator has sent.
    ///
    /// # Errors
    /// [`SettingError`] names the member and the rule that it breaks: an unknown member, a wrong type, or a value out
    /// of bounds. `allowed` says which addresses a portal may have. Without `domains` and `senders` the practice is
    /// bounded by what its settings lead to.
    pub fn parse(value: &Value, allowed: PortalScheme) -> Result<Self, SettingError> {
        refuse_unknown(value, &MEMBERS, "")?;
        let policy = value.get("policy").cloned().unwrap_or_else(|| Value::Object(serde_json::Map::new()));
        refuse_unknown(&policy, &Policy::MEMBERS, "policy.")?;
        if let Some(brand) = value.get("brand").filter(|brand| !brand.is_null()) {
            refuse_unknown(brand, &Brand::MEMBERS, "brand.")?;
        }
        let mut practice: Self = serde_path_to_error::deserialize(value)
            .map_err(|error| SettingError::new(error.path().to_string(), error.inner().to_string()))?;
        for (member, email) in
            [("support.email", &mut practice.support.email), ("sender", &mut practice.sender)]
        {
            if let Some(text) = email {
                let checked = Email::parse(text.as_str());
                *text = checked.map_err(|error| SettingError::new(member, error.to_string()))?;
            }
        }
        practice = practice.bounded();
        practice.check(allowed)?;
        Ok(practice)
    }

    /// The practice in a deployment with these pages.
    ///
    /// # Errors
    /// [`SettingError`] names a portal that is nowhere: it has no addresses, and the deployment has no pages.
    pub fn at(self, pages: &Pages) -> Result<Self, SettingError> {
        Ok(Self { addresses: self.portals.addresses(pages, &self.slug)?, ..self })
    }

    /// The addresses of one portal, wherever it is.
    pub const fn urls(&self, portal: Portal) -> &PortalUrls {
        self.addresses.of(portal)
    }

    /// Checks every value.
    ///
    /// # Errors
    /// [`SettingError`], as [`Practice::parse`].
    pub fn check(&self, allowed: PortalScheme) -> Result<(), SettingError> {
        let name = self.name.trim().chars().count();
        rule((1..=100).contains(&name), "name", "must have 1 to 100 characters")?;
        rule(is_line(&self.name, 100), "name", "must not contain control characters or be invisible")?;
        let support = &self.support;
        let reachable = support.email.is_some() || support.phone.is_some() || support.url.is_some();
        rule(reachable, "support", "must have an email, a phone or a url")?;
        let plain = |text: &String| is_line(text, 40);
        let phone =
            "must have 1 to 40 characters, no control characters, and an end to each change of direction";
        rule(support.phone.as_ref().is_none_or(plain), "support.phone", phone)?;
        if let Some(url) = &support.url {
            check_url("support.url", url, PortalScheme::Https)?;
        }
        self.portals.check(allowed)?;
        let zone = jiff::tz::TimeZone::get(&self.time_zone);
        rule(zone.is_ok(), "time_zone", "must be an IANA time zone such as America/New_York")?;
        rule(check_locale(Some(&self.locale)).is_ok(), "locale", LOCALE_RULE)?;
        self.check_bounds(allowed)?;
        self.policy.check()
    }

    /// The practice's settings: what staff see and change.
    #[must_use]
    pub fn settings(&self) -> Self {
        Self { imported_work: ImportedWork::default(), tenant: None, disabled_at: None, ..self.clone() }
    }

    /// The practice with other settings, and all that is no setting as it is.
    #[must_use]
    pub fn with_settings(&self, settings: &Self) -> Self {
        Self {
            imported_work: self.imported_work.clone(),
            tenant: self.tenant.clone(),
            disabled_at: self.disabled_at,
            ..settings.clone()
        }
    }

    /// The address of a link to one portal. It has the token in the fragment, which no server and no log receives (F4, T1). At the
    /// deployment's own pages it also says the language of its reader, if the account has one.
    pub fn link(&self, portal: Portal, locale: Option<&str>, carries: Carries, token: &str) -> String {
        let language = locale.and_then(|locale| locale.split(['-', '_']).next());
        let is_plain = |language: &&str| language.bytes().all(|byte| byte.is_ascii_alphabetic());
        let language = language.filter(|_| self.portals.of(portal).is_none()).filter(is_plain);
        let query = language.map(|language| format!("?lang={}", language.to_ascii_lowercase()));
        let (url, query) = (&self.urls(portal).recovery_url, query.unwrap_or_default());
        format!("{url}{query}#{}={token}", carries.as_str())
    }

    /// The origin of a portal's front page, from which alone a browser may sign in by cookie (S2). `None` when the
    /// address has none.
    pub fn origin(&self, portal: Portal) -> Option<Origin> {
        Origin::of(&self.urls(portal).url)
    }

    /// The rules for a new password in this practice.
    pub const fn password_policy(&self) -> PasswordPolicy {
        PasswordPolicy {
            min_length: self.policy.password_min_length,
            max_length: crate::secrets::password::LONGEST,
        }
    }
}

/// The length that a new password must have, for the person who chooses one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PasswordPolicy {
    /// The smallest number of characters (Unicode code points).
    pub min_length: u32,
    /// The largest number of characters (Unicode code points).
    pub max_length: usize,
}

const MEMBERS: [&str; 11] = [
    "slug",
    "name",
    "support",
    "time_zone",
    "locale",
    "portals",
    "sender",
    "policy",
    "brand",
    "domains",
    "senders",
];

fn rule(holds: bool, member: &str, text: &str) -> Result<(), SettingError> {
    if holds { Ok(()) } else { Err(SettingError::new(member, text)) }
}

/// Refuses a member that is not a setting. A stored policy may have members of a newer release, but an administrator
/// must not set a member that nobody reads.
fn refuse_unknown(value: &Value, known: &[&str], path: &str) -> Result<(), SettingError> {
    let object = value
        .as_object()
        .ok_or_else(|| SettingError::new(path.trim_end_matches('.'), "must be an object"))?;
    match object.keys().find(|member| !known.contains(&member.as_str())) {
        Some(member) => Err(SettingError::new(format!("{path}{member}"), "is not a setting")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
