//! The one place where an account changes. Each change is a function from an account to an account. It alone decides
//! which counters the change raises, what it voids, and what it keeps.
//!
//! Three counters tell others of a change. A higher `credential_version` voids every ticket, and a higher
//! `session_epoch` every session. The `revision` is the account's `ETag`: when it is raised, an edit that is based on
//! an earlier reading is refused.

mod relations;

use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::{Account, AddressHold, ClosedReason, MailStatus, Role, Setup};
use crate::domain::identifier::{Email, IdentifierError, NewUsername, Username};
use crate::domain::proof::NewProof;
use crate::domain::question::Question;
use crate::platform::clock::Timestamp;
use crate::secrets::password::PasswordHash;
use crate::secrets::temporary::Temporary;
use crate::secrets::token::Digest;

/// The members of an account that are to change. A member that is left out stays as it is. `null` removes the address,
/// the record address and the locale, and is refused for the other members.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccountPatch {
    /// Another username, by the rules of a new account. A change voids every link, code and temporary password that has been
    /// issued.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub username: Option<NewUsername>,
    /// The address that mail is sent to. A username that is the address becomes the new one too. `null` removes it. A change voids
    /// every link, code and temporary password that has been issued.
    #[serde(deserialize_with = "given")]
    pub email: Option<Option<Email>>,
    /// The address in the clinical record. `null` removes it.
    #[serde(deserialize_with = "given")]
    pub record_email: Option<Option<Email>>,
    /// The name of the account's owner, as staff see it: 1 to 100 characters, without control characters.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    pub display_name: Option<String>,
    /// Whether the account is active. `false` ends every session and voids every link, code and temporary password.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub active: Option<bool>,
    /// Whether the client has refused a portal login. `true` ends every session and voids every link, code and
    /// temporary password.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub refused: Option<bool>,
    /// The reason for which the account is closed. It is `other` if an account is closed without one. After `deceased` nothing is
    /// mailed, and nobody acts for the account any more. It is refused for an account that is open, or opened.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub closed_reason: Option<ClosedReason>,
    /// Whether the account's owner acts for a client.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub representative: Option<bool>,
    /// The role of a member of staff. An account of the client portal has no role.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub role: Option<Role>,
    /// The language of mails to the account, as a tag of BCP 47 such as `es-MX`. `null` stands for the practice's language.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 35, pattern = "^([A-Za-z]{2,8}|[IXix][-_][A-Za-z0-9]{1,8})([-_][A-Za-z0-9]{1,8})*([.@][-A-Za-z0-9._@]*)?$")]
    pub locale: Option<Option<String>>,
    /// Whether closing a member of staff revokes what they have issued and nobody has used. It is true without it. `false` keeps
    /// what was mailed; a link that was copied or printed ends in any case. It is refused for every other change.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub revoke_issued: Option<bool>,
    /// How the caller is known for whom the address is changed. By the practice's `caller_proof`, another address needs it.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub proof: Option<NewProof>,
    /// Whether an `email` is meant that another account of the portal has proven to be its own. Otherwise such an address is
    /// refused.
    #[serde(deserialize_with = "given")]
    #[schema(nullable = false)]
    pub shares_address: Option<bool>,
}

/// Reads a member that is present, so that `null` differs from a member that is left out. `null` is refused for a type
/// that has no value for it.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

impl Account {
    /// Sets a password that the owner has chosen, with a ticket or while signed in. Every other way in ends: all
    /// tickets, all sessions, a temporary password and a freeze.
    ///
    /// `question` is a security question that is set together with the password. `owner_seen` says whether whoever
    /// issued the ticket has seen the owner: then the old security question of a frozen account is removed.
    #[must_use]
    pub fn with_password(
        &self,
        password: PasswordHash,
        question: Option<Question>,
        owner_seen: bool,
    ) -> Self {
        let kept = self.question.clone().filter(|_| !self.drops_question(owner_seen));
        Self {
            password: Some(password),
            question: question.or(kept),
            temporary: None,
            frozen_at: None,
            needs_proof: false,
            setup: Setup::SignedUp,
            credential_version: self.credential_version + 1,
            session_epoch: self.session_epoch + 1,
            ..self.clone()
        }
    }

    /// Replaces the hash of the current password by one with the present parameters and pepper. Nothing else changes.
    #[must_use]
    pub fn rehashed(&self, password: PasswordHash) -> Self {
        Self { password: Some(password), ..self.clone() }
    }

    /// Replaces the security question.
    #[must_use]
    pub fn with_question(&self, question: Question) -> Self {
        Self { question: Some(question), ..self.clone() }
    }

    /// Sets a temporary password that staff have issued. It replaces an earlier one. If `voids_current` is true, which
    /// the practice's policy decides, the current password and every session end.
    #[must_use]
    pub fn with_temporary(&self, temporary: Temporary, voids_current: bool) -> Self {
        Self {
            temporary: Some(temporary),
            password: self.password.clone().filter(|_| !voids_current),
            session_epoch: self.session_epoch + u64::from(voids_current),
            ..self.invited()
        }
    }

    /// Adds the digest of the temporary password, when the password is mailed. A sign-in compares what is typed with
    /// the digest.
    #[must_use]
    pub fn with_temporary_digest(&self, digest: Digest) -> Self {
        let mailed = |temporary| Temporary { digest: Some(digest), ..temporary };
        Self { temporary: self.temporary.clone().map(mailed), ..self.clone() }
    }

    /// Records that the owner has been issued a way in. An account that was never invited is invited from now on.
    #[must_use]
    pub fn invited(&self) -> Self {
        let setup = if self.setup == Setup::NotInvited { Setup::Invited } else { self.setup };
        Self { setup, revision: self.revision + 1, ..self.clone() }
    }

    /// Records that the owner has opened an invitation. `None` when the set-up has already come that far.
    pub fn started(&self) -> Option<Self> {
        let before = matches!(self.setup, Setup::NotInvited | Setup::Invited);
        before.then(|| Self { setup: Setup::Started, ..self.clone() })
    }

    /// Ends every session.
    #[must_use]
    pub fn signed_out(&self) -> Self {
        Self { session_epoch: self.session_epoch + 1, ..self.clone() }
    }

    /// Freezes the account after its owner has reported that a change was not theirs. The password is removed, and not only the
    /// sessions are ended, because the person who changed the password knows it. When the report comes from a former address, a
    /// recovery would go to whoever has the present one: then staff alone open the account, with a proof.
    #[must_use]
    pub fn frozen(&self, now: Timestamp, from_former: bool) -> Self {
        Self {
            password: None,
            temporary: None,
            frozen_at: Some(now),
            needs_proof: self.needs_proof || from_former,
            credential_version: self.credential_version + 1,
            session_epoch: self.session_epoch + 1,
            revision: self.revision + 1,
            ..self.clone()
        }
    }

    /// Ends every way in, so that the owner has to recover: the password, a temporary one, all tickets and all sessions. The operator
    /// does so when a password may be known to others, or when its hash is not to be kept. The security question goes when nobody
    /// could compare its answer without the given pepper.
    #[must_use]
    pub fn with_password_voided(&self, lost_pepper: Option<&str>) -> Self {
        let needs_it = |question: &Question| {
            lost_pepper.is_some() && question.answer.pepper_id().as_deref() == lost_pepper
        };
        Self {
            password: None,
            question: self.question.clone().filter(|question| !needs_it(question)),
            temporary: None,
            credential_version: self.credential_version + 1,
            session_epoch: self.session_epoch + 1,
            revision: self.revision + 1,
            ..self.clone()
        }
    }

    /// Holds the account from now on, so that nobody erases it, or lets it go.
    #[must_use]
    pub fn held(&self, since: Option<Timestamp>) -> Self {
        Self { held_at: since, revision: self.revision + 1, ..self.clone() }
    }

    /// Records that the owner has shown to have the address. It is proven since the first time.
    #[must_use]
    pub fn with_email_proven(&self, now: Timestamp) -> Self {
        let since = self.email_proven_at.unwrap_or(now);
        Self { email_proven_at: self.email.as_ref().map(|_| since), ..self.clone() }
    }

    /// Records that whoever has the address is somebody else. What was mailed there is void. A password that has been set without
    /// the address stays, and so do its sessions: they are not the stranger's.
    #[must_use]
    pub fn of_wrong_person(&self) -> Self {
        Self {
            mail: MailStatus::WrongPerson,
            temporary: None,
            credential_version: self.credential_version + 1,
            revision: self.revision + 1,
            ..self.clone()
        }
    }

    /// Applies an edit by staff. A change of the address or of the username voids what was mailed before. Closing the account
    /// voids all tickets and ends all sessions. An edit that changes nothing raises no counter.
    ///
    /// Whoever is known by their address goes by the new one, which nobody has proven. For somebody who has died nobody acts. A
    /// name by which somebody else could be reached is never kept.
    ///
    /// # Errors
    /// [`IdentifierError`] when the username is to be an address that the account does not have.
    pub fn patched(&self, patch: AccountPatch) -> Result<Self, IdentifierError> {
        let email = patch.email.unwrap_or_else(|| self.email.clone());
        let username = match (patch.username, &email) {
            (Some(new), email) => new.of(email.as_ref())?,
            (None, Some(email)) if self.username.is_address() && self.email.as_ref() != Some(email) => {
                Username::from(email)
            }
            (None, None) if self.username.is_address() => return Err(IdentifierError::NEEDS_USERNAME),
            (None, _) => self.username.clone(),
        };
        let mut new = Self {
            username,
            email,
            record_email: patch.record_email.unwrap_or_else(|| self.record_email.clone()),
            display_name: patch.display_name.unwrap_or_else(|| self.display_name.clone()),
            active: patch.active.unwrap_or(self.active),
            refused: patch.refused.unwrap_or(self.refused),
            representative: patch.representative.unwrap_or(self.representative),
            role: patch.role.or(self.role),
            locale: patch.locale.unwrap_or_else(|| self.locale.clone()),
            ..self.clone()
        };
        new.closed_reason = self.reason_after(new.is_open(), patch.closed_reason);
        let changed = new != *self;
        let moved = self.email != new.email || self.username != new.username;
        let readdressed = self.email != new.email;
        let closed = self.is_open() && !new.is_open();
        let mail = match readdressed {
            true if self.is_of_former_guardian(new.email.as_ref()) => MailStatus::SharedMailbox,
            true => MailStatus::Ok,
            false => self.mail,
        };
        Ok(Self {
            mail,
            mail_failed_at: self.mail_failed_at.filter(|_| !readdressed),
            email_proven_at: self.email_proven_at.filter(|_| !readdressed),
            temporary: self.temporary.clone().filter(|_| !moved && !closed),
            credential_version: self.credential_version + u64::from(moved || closed),
            session_epoch: self.session_epoch + u64::from(closed),
            revision: self.revision + u64::from(changed),
            ..new
        })
    }

    /// Holds the address that an edit has set, until this time, or lets it go. The former address is the last one that was not on
    /// hold, so that whoever changes it twice does not tell themselves; it needs no hold when it comes back. The first address of an
    /// account to which nobody has been invited has nothing to be held against.
    #[must_use]
    pub fn holding_address(&self, old: &Self, now: Timestamp, until: Option<Timestamp>) -> Self {
        let before = old.on_hold(now);
        let former = before.map_or_else(|| old.mailed_at().cloned(), |hold| hold.former.clone());
        let is_first = before.is_none() && old.email.is_none() && old.setup == Setup::NotInvited;
        let is_back = former.is_some() && former == self.email;
        let hold =
            until.filter(|_| !is_first && !is_back).map(|valid_until| AddressHold { valid_until, former });
        Self { address_hold: hold, ..self.clone() }
    }

    /// Records that a mail to the account's address has failed, which was asked for at this time.
    #[must_use]
    pub fn with_failed_mail(&self, mail: MailStatus, asked_at: Timestamp) -> Self {
        Self { mail, mail_failed_at: self.mail_failed_at.max(Some(asked_at)), ..self.clone() }
    }

    /// Records that the account's address accepts mail again, or is the owner's own.
    #[must_use]
    pub fn with_mail_restored(&self) -> Self {
        let former = self.former_mailbox.clone().filter(|_| self.mail != MailStatus::SharedMailbox);
        Self { mail: MailStatus::Ok, former_mailbox: former, ..self.clone() }
    }
}

#[cfg(test)]
mod tests;
