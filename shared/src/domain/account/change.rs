//! The one place where an account changes: each change is a function from an account to an account, and decides alone what it
//! raises, what it voids and what it keeps.
//!
//! Three counters tell others of a change. `credential_version` voids every ticket, `session_epoch` every session; `revision`
//! makes whoever edits the account look again (its `ETag`).

use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::{Account, Assignment, Association, MailStatus, Role, Setup};
use crate::domain::identifier::Email;
use crate::domain::issuer::Issuer;
use crate::domain::question::Question;
use crate::platform::clock::Timestamp;
use crate::secrets::password::PasswordHash;
use crate::secrets::temporary::Temporary;
use crate::secrets::token::Digest;

/// What is to be changed; what is left out stays. `null` takes an optional member away.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccountPatch {
    /// Another address voids every link and code that was mailed.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub email: Option<Option<Email>>,
    /// The address in the clinical record.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub record_email: Option<Option<Email>>,
    /// 1 to 100 characters.
    #[serde(deserialize_with = "given")]
    pub display_name: Option<String>,
    /// `false` ends every session, link and code.
    #[serde(deserialize_with = "given")]
    pub active: Option<bool>,
    /// `true` does the same.
    #[serde(deserialize_with = "given")]
    pub refused: Option<bool>,
    /// Acts for a client.
    #[serde(deserialize_with = "given")]
    pub representative: Option<bool>,
    /// Of staff accounts only.
    #[serde(deserialize_with = "given")]
    pub role: Option<Role>,
    /// `en` or `es`.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub locale: Option<Option<String>>,
}

/// Tells a member that is `null` from one that is left out, and refuses it where `null` means nothing.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl Account {
    /// With a password that its owner has chosen, by a ticket or while signed in: every other way in ends, a temporary password
    /// and a freeze included. `question` is one that is set with it; `issuer` says who has helped, since a frozen account's
    /// question goes when the practice has.
    #[must_use]
    pub fn with_password(&self, password: PasswordHash, question: Option<Question>, issuer: Issuer) -> Self {
        let kept = self.question.clone().filter(|_| !self.drops_question(issuer));
        Self {
            password: Some(password),
            question: question.or(kept),
            temporary: None,
            frozen_at: None,
            setup: Setup::SignedUp,
            credential_version: self.credential_version + 1,
            session_epoch: self.session_epoch + 1,
            ..self.clone()
        }
    }

    /// With the same password, hashed as new ones are. Nothing else changes.
    #[must_use]
    pub fn rehashed(&self, password: PasswordHash) -> Self {
        Self { password: Some(password), ..self.clone() }
    }

    /// With another security question.
    #[must_use]
    pub fn with_question(&self, question: Question) -> Self {
        Self { question: Some(question), ..self.clone() }
    }

    /// With a temporary password that staff have issued: an earlier one is no longer the account's. Where the practice says so,
    /// the current password and every session end.
    #[must_use]
    pub fn with_temporary(&self, temporary: Temporary, voids_current: bool) -> Self {
        Self {
            temporary: Some(temporary),
            password: self.password.clone().filter(|_| !voids_current),
            session_epoch: self.session_epoch + u64::from(voids_current),
            ..self.invited()
        }
    }

    /// With what is compared when somebody signs in with the temporary password, which is mailed now.
    #[must_use]
    pub fn with_temporary_digest(&self, digest: Digest) -> Self {
        let mailed = |temporary| Temporary { digest: Some(digest), ..temporary };
        Self { temporary: self.temporary.clone().map(mailed), ..self.clone() }
    }

    /// After its owner has been issued a way in: whoever never was is invited now.
    #[must_use]
    pub fn invited(&self) -> Self {
        let setup = if self.setup == Setup::NotInvited { Setup::Invited } else { self.setup };
        Self { setup, revision: self.revision + 1, ..self.clone() }
    }

    /// After its owner has opened an invitation. `None` when the set-up has come further already.
    pub fn started(&self) -> Option<Self> {
        let before = matches!(self.setup, Setup::NotInvited | Setup::Invited);
        before.then(|| Self { setup: Setup::Started, ..self.clone() })
    }

    /// With every session ended.
    #[must_use]
    pub fn signed_out(&self) -> Self {
        Self { session_epoch: self.session_epoch + 1, ..self.clone() }
    }

    /// After its owner has said that a change was not theirs. The password goes, not only the sessions: whoever changed it
    /// knows it.
    #[must_use]
    pub fn frozen(&self, now: Timestamp) -> Self {
        Self {
            password: None,
            temporary: None,
            frozen_at: Some(now),
            credential_version: self.credential_version + 1,
            session_epoch: self.session_epoch + 1,
            revision: self.revision + 1,
            ..self.clone()
        }
    }

    /// As staff have edited it. Another address voids what was mailed to the old one; closing voids that, and ends the sessions
    /// that were opened while the account was open. An edit that changes nothing raises nothing.
    #[must_use]
    pub fn patched(&self, patch: AccountPatch) -> Self {
        let new = Self {
            email: patch.email.unwrap_or_else(|| self.email.clone()),
            record_email: patch.record_email.unwrap_or_else(|| self.record_email.clone()),
            display_name: patch.display_name.unwrap_or_else(|| self.display_name.clone()),
            active: patch.active.unwrap_or(self.active),
            refused: patch.refused.unwrap_or(self.refused),
            representative: patch.representative.unwrap_or(self.representative),
            role: patch.role.or(self.role),
            locale: patch.locale.unwrap_or_else(|| self.locale.clone()),
            ..self.clone()
        };
        let changed = new != *self;
        let moved = self.email != new.email;
        let closed = self.is_open() && !new.is_open();
        Self {
            mail: if moved { MailStatus::Ok } else { self.mail },
            temporary: self.temporary.clone().filter(|_| !moved && !closed),
            credential_version: self.credential_version + u64::from(moved || closed),
            session_epoch: self.session_epoch + u64::from(closed),
            revision: self.revision + u64::from(changed),
            ..new
        }
    }

    /// With other members of staff who look after it.
    #[must_use]
    pub fn with_caseload(&self, caseload: Vec<Assignment>) -> Self {
        Self { caseload, revision: self.revision + 1, ..self.clone() }
    }

    /// With other accounts that act for it, or that it acts for.
    #[must_use]
    pub fn with_associations(&self, associations: Vec<Association>) -> Self {
        Self { associations, revision: self.revision + 1, ..self.clone() }
    }

    /// With what has become of the mail to its address.
    #[must_use]
    pub fn with_mail(&self, mail: MailStatus) -> Self {
        Self { mail, ..self.clone() }
    }
}

#[cfg(test)]
mod tests;
