//! An account: one login of one portal of one practice.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

mod change;

pub use change::AccountPatch;

use crate::domain::identifier::{Email, Identifier, Username};
use crate::domain::issuer::Issuer;
use crate::domain::limit::Subject;
use crate::domain::practice::{Policy, Portal, SecurityQuestion, Slug};
use crate::domain::question::Question;
use crate::platform::clock::{Ambient, NoRandomness, Timestamp};
use crate::platform::ids::AccountId;
use crate::secrets::password::PasswordHash;
use crate::secrets::temporary::Temporary;

/// What a member of staff may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Helps clients.
    Staff,
    /// Also helps staff, and changes the practice's settings.
    Admin,
}

impl Role {
    /// As in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Staff => "staff",
            Self::Admin => "admin",
        }
    }
}

/// How far an account's set-up has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Setup {
    /// Nobody has been mailed.
    NotInvited,
    /// An invitation has been issued.
    Invited,
    /// Its link has been opened.
    Started,
    /// A password has been set.
    SignedUp,
}

/// Staff have a role, and clients none.
///
/// # Errors
/// The rule.
pub const fn check_role(portal: Portal, role: Option<Role>) -> Result<(), &'static str> {
    match (portal, role) {
        (Portal::Client, None) | (Portal::Staff, Some(_)) => Ok(()),
        (Portal::Client, Some(_)) => Err("a client has none"),
        (Portal::Staff, None) => Err("must be staff or admin"),
    }
}

/// What became of the mail to an account's address. Later ones are worse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MailStatus {
    /// Nothing bad is known.
    #[default]
    Ok,
    /// The address does not take mail.
    Bounced,
    /// Its owner called the mail spam.
    Complained,
}

/// A member of staff who looks after a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The member of staff's account.
    pub staff: AccountId,
    /// In which role, in the practice's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Since when.
    pub assigned_at: Timestamp,
}

/// An account that acts for another, seen from either.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Association {
    /// The other account.
    pub account: AccountId,
    /// What the one who acts is to the client: parent, guardian, …
    pub relationship: String,
    /// The other account is the one who acts.
    pub acts: bool,
}

/// An account. Stored whole as one item; its username and email each have a [`Login`] that points here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Names it.
    pub id: AccountId,
    /// Whose it is.
    pub practice: Slug,
    /// The portal that it belongs to.
    pub portal: Portal,
    /// Unique in its portal.
    pub username: Username,
    /// Where its mail goes. May be shared; may be absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// Its owner's name, for staff.
    pub display_name: String,
    /// The address in the clinical record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_email: Option<Email>,
    /// Its language, when not the practice's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// May sign in and recover.
    pub active: bool,
    /// Acts for a client.
    pub representative: bool,
    /// The client has refused a portal login.
    pub refused: bool,
    /// Of staff accounts only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// How far its set-up has come.
    pub setup: Setup,
    /// The current password, if one has been set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<PasswordHash>,
    /// The temporary password that staff have had mailed last, until a password is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporary: Option<Temporary>,
    /// When its owner has said that a change of the password was not theirs. It has no password then, until one is set anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen_at: Option<Timestamp>,
    /// Raised by every change of the password, of the address, and by closing: a ticket of an earlier version is void, and a
    /// temporary password goes with it.
    pub credential_version: u64,
    /// Raised by whatever ends all sessions: a session of an earlier epoch is void.
    pub session_epoch: u64,
    /// The security question, if one has been set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Question>,
    /// What became of the mail to its address.
    #[serde(default)]
    pub mail: MailStatus,
    /// Who looks after it. Of client accounts only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caseload: Vec<Assignment>,
    /// Who acts for it, and whom it acts for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub associations: Vec<Association>,
    /// Raised by every change that staff make: its `ETag`.
    #[serde(default)]
    pub revision: u64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a new account cannot do without.
pub struct NewAccount {
    /// Whose it is.
    pub practice: Slug,
    /// Which portal it belongs to.
    pub portal: Portal,
    /// Unique in its portal.
    pub username: Username,
    /// Its owner's name, for staff.
    pub display_name: String,
}

impl Account {
    /// An account of now that has nothing but the necessary: open, without an address, never invited.
    ///
    /// # Errors
    /// [`NoRandomness`] when no id can be drawn.
    pub fn new(ambient: &Ambient, new: NewAccount) -> Result<Self, NoRandomness> {
        Ok(Self {
            id: AccountId::from(ambient.ulid()?),
            practice: new.practice,
            portal: new.portal,
            username: new.username,
            email: None,
            display_name: new.display_name,
            record_email: None,
            locale: None,
            active: true,
            representative: false,
            refused: false,
            role: None,
            setup: Setup::NotInvited,
            password: None,
            temporary: None,
            frozen_at: None,
            credential_version: 1,
            session_epoch: 1,
            question: None,
            mail: MailStatus::Ok,
            caseload: Vec::new(),
            associations: Vec::new(),
            revision: 0,
            created_at: ambient.now(),
        })
    }

    /// May sign in and recover: active and not refused.
    pub const fn is_open(&self) -> bool {
        self.active && !self.refused
    }

    /// The question that a ticket's holder must answer. Whoever has one is asked, for a first password too; but not who is helped
    /// by the practice after a change that was not theirs: whoever made that may have set the question.
    pub fn asked_question(&self, policy: &Policy, issuer: Issuer) -> Option<&Question> {
        let asks = policy.security_question != SecurityQuestion::Off && !self.drops_question(issuer);
        self.question.as_ref().filter(|_| asks)
    }

    /// Whether a password that is set with the practice's help takes the question away.
    pub const fn drops_question(&self, issuer: Issuer) -> bool {
        self.frozen_at.is_some() && !matches!(issuer, Issuer::SelfService)
    }

    /// Everything its owner may type to name it, canonical.
    pub fn identifiers(&self) -> Vec<Identifier> {
        let username = Identifier::parse(self.username.as_str()).ok();
        let email = self.email.as_ref().and_then(|email| Identifier::parse(email.as_str()).ok());
        username.into_iter().chain(email).collect()
    }

    /// The counters of sign-in failures of everything that its owner may sign in by.
    pub fn sign_in_subjects(&self, key: &[u8]) -> Vec<Subject> {
        let subject = |identifier| Subject::identifier(key, &self.practice, self.portal, identifier);
        self.identifiers().iter().map(subject).collect()
    }

    /// What a sign-in compares against, as its [`Login`]s carry it.
    pub fn login(&self) -> Login {
        Login {
            account: self.id,
            password: self.password.clone(),
            temporary: self.temporary.clone(),
            credential_version: self.credential_version,
            session_epoch: self.session_epoch,
            open: self.is_open(),
        }
    }
}

/// What an identifier leads to: the account and, so that a sign-in takes two round trips, a copy of its verifier.
///
/// The copy is written in every transaction that writes the account's own and is never trusted alone: the sign-in's
/// transaction holds the account to the same credential version and session epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// Where it leads.
    pub account: AccountId,
    /// Copy of [`Account::password`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<PasswordHash>,
    /// Copy of [`Account::temporary`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporary: Option<Temporary>,
    /// Copy of [`Account::credential_version`].
    pub credential_version: u64,
    /// Copy of [`Account::session_epoch`].
    pub session_epoch: u64,
    /// Copy of [`Account::is_open`]: a closed account costs a sign-in what a wrong password costs (F1).
    pub open: bool,
}
