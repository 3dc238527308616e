//! An account: one login at one portal of one practice.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

mod association;
mod change;
mod closing;
mod mail;

pub use association::{Association, Ending, GuardianRole};
pub use change::AccountPatch;
pub use closing::ClosedReason;
pub use mail::{AddressHold, MailStatus};

use crate::domain::identifier::{Email, Identifier, Username};
use crate::domain::limit::Subject;
use crate::domain::practice::{Policy, Portal, SecurityQuestion, Slug};
use crate::domain::question::Question;
use crate::platform::clock::{Ambient, NoRandomness, Timestamp};
use crate::platform::ids::AccountId;
use crate::secrets::password::PasswordHash;
use crate::secrets::temporary::Temporary;

/// The role of a member of staff, which decides what they may do: `staff` help clients, and `admin` also help staff and
/// change the practice's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A member of staff, who helps clients.
    Staff,
    /// An administrator, who also helps staff and changes the practice's settings.
    Admin,
}

impl Role {
    /// The name of the role in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Staff => "staff",
            Self::Admin => "admin",
        }
    }
}

/// The progress of an account's set-up: `not_invited`, `invited`, `started` after the owner has opened the link of an
/// invitation, and `signed_up` after a password has been set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Setup {
    /// The owner has not been issued an invitation or any other way in.
    NotInvited,
    /// The owner has been issued an invitation or a temporary password.
    Invited,
    /// The owner has opened the link of an invitation.
    Started,
    /// A password has been set.
    SignedUp,
}

/// Checks that an account of the staff portal has a role and an account of the client portal has none.
///
/// # Errors
/// The rule that is broken, as a text for the caller.
pub const fn check_role(portal: Portal, role: Option<Role>) -> Result<(), &'static str> {
    match (portal, role) {
        (Portal::Client, None) | (Portal::Staff, Some(_)) => Ok(()),
        (Portal::Client, Some(_)) => Err("a client has none"),
        (Portal::Staff, None) => Err("must be staff or admin"),
    }
}

/// The most associations of an account, and the most members of staff who look after it, because one item holds them all.
pub const MOST_LINKS: usize = 50;

/// The assignment of a client to a member of staff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The id of the account of the member of staff.
    pub staff: AccountId,
    /// The role of the member of staff for this client, in the practice's own words; absent when none was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The time of the assignment.
    pub assigned_at: Timestamp,
}

/// An account. It is stored whole, as one item. Each name by which its owner signs in has a [`Login`] that leads to it, and its
/// email address a [`Recipient`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own that staff see")]
pub struct Account {
    /// The id of the account.
    pub id: AccountId,
    /// The practice that the account belongs to.
    pub practice: Slug,
    /// The portal that the account belongs to.
    pub portal: Portal,
    /// The username, which is unique in the portal.
    pub username: Username,
    /// Whether the address is a name by which the owner signs in. An address is one for the account alone that had it while no
    /// other account of the portal had it, and stays one when others get the same address.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signs_in_by_email: bool,
    /// The address that the account's mail is sent to; absent when there is none. Several accounts may share an
    /// address.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Email::stored")]
    pub email: Option<Email>,
    /// The name of the account's owner, as staff see it.
    pub display_name: String,
    /// The address in the clinical record; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Email::stored")]
    pub record_email: Option<Email>,
    /// The language of mails to the account; absent when it is the practice's language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Whether the account is active. Nobody can sign in to an inactive account or recover it.
    pub active: bool,
    /// Whether the account's owner acts for a client.
    pub representative: bool,
    /// Whether the client has refused a portal login. Nobody can sign in to such an account or recover it.
    pub refused: bool,
    /// The reason for which the account was closed; absent while it is open, and when nobody has given one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_reason: Option<ClosedReason>,
    /// The role of a member of staff; absent for accounts of the client portal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The progress of the set-up.
    pub setup: Setup,
    /// The hash of the current password; absent when there is no password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<PasswordHash>,
    /// The temporary password that staff issued last; absent when there is none, or when a password has been set since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporary: Option<Temporary>,
    /// The time at which the owner reported that something was not their doing, or a guardian ended who had the same mailbox. While
    /// it is present, the account is frozen and has no password. Setting a password removes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen_at: Option<Timestamp>,
    /// Whether the freeze came from a former address. While it is true nothing is mailed by self-service, and whatever staff issue
    /// needs a proof of who called. Setting a password makes it false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_proof: bool,
    /// The hold of an address that staff have set without having seen the owner; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address_hold: Option<AddressHold>,
    /// A counter that is raised by every change of the password or the address, and when the account is closed or
    /// frozen. A ticket of an earlier version is void, and a temporary password is removed.
    pub credential_version: u64,
    /// A counter that is raised by every change that ends all sessions. A session of an earlier epoch is void.
    pub session_epoch: u64,
    /// The security question; absent when none has been set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<Question>,
    /// The state of mail to the account's address.
    #[serde(default)]
    pub mail: MailStatus,
    /// The time at which the latest mail to the address was asked for that failed; absent when none has. It stays when the mark is
    /// lifted: reports of mails that are no later are no news. A delivery of a later mail shows that the address accepts mail
    /// again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail_failed_at: Option<Timestamp>,
    /// The address of a guardian whose time has ended, which the account had as well; absent when there is none. No mail of the account
    /// goes there, also when staff enter the address again.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Email::stored")]
    pub former_mailbox: Option<Email>,
    /// The time since which it is proven that the owner has the address: somebody has set a password with what was mailed to it, or
    /// read a mailed code out to staff. Absent until then, and after a change of the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_proven_at: Option<Timestamp>,
    /// The members of staff who look after the client; empty for accounts of the staff portal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caseload: Vec<Assignment>,
    /// The accounts that act for this one, and those that this one acts for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub associations: Vec<Association>,
    /// A counter that is raised by every change that staff make and when the account is frozen. It is the account's
    /// `ETag`.
    #[serde(default)]
    pub revision: u64,
    /// The time from which the account must be kept, because the law or a dispute asks for it; absent when it may be erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_at: Option<Timestamp>,
    /// The time at which the account was created.
    pub created_at: Timestamp,
}

/// The members that a new account must have.
pub struct NewAccount {
    /// The practice that the account belongs to.
    pub practice: Slug,
    /// The portal that the account belongs to.
    pub portal: Portal,
    /// The username, which must be unique in the portal.
    pub username: Username,
    /// The name of the account's owner, as staff see it.
    pub display_name: String,
    /// The address that the account's mail is sent to; absent when there is none.
    pub email: Option<Email>,
}

impl Account {
    /// Creates an account of the present time with only the required members. It is open, and has not been invited. Its address is
    /// no name for sign-in, unless it is the username.
    ///
    /// # Errors
    /// [`NoRandomness`] when no id can be drawn.
    pub fn new(ambient: &Ambient, new: NewAccount) -> Result<Self, NoRandomness> {
        Ok(Self {
            id: AccountId::from(ambient.ulid()?),
            practice: new.practice,
            portal: new.portal,
            signs_in_by_email: new.username.is_address(),
            username: new.username,
            email: new.email,
            display_name: new.display_name,
            record_email: None,
            locale: None,
            active: true,
            representative: false,
            refused: false,
            closed_reason: None,
            role: None,
            setup: Setup::NotInvited,
            password: None,
            temporary: None,
            frozen_at: None,
            needs_proof: false,
            address_hold: None,
            credential_version: 1,
            session_epoch: 1,
            question: None,
            mail: MailStatus::Ok,
            mail_failed_at: None,
            former_mailbox: None,
            email_proven_at: None,
            caseload: Vec::new(),
            associations: Vec::new(),
            revision: 0,
            held_at: None,
            created_at: ambient.now(),
        })
    }

    /// Whether the owner may sign in and recover: the account is active and has not been refused.
    pub const fn is_open(&self) -> bool {
        self.active && !self.refused
    }

    /// The security question that the holder of a ticket must answer. An account that has a question is asked it, for a
    /// first password too. The question is not asked when the owner of a frozen account was seen by whoever issued the ticket,
    /// because the person who made the disputed change may have set the question.
    pub fn asked_question(&self, policy: &Policy, owner_seen: bool) -> Option<&Question> {
        let asks = policy.security_question != SecurityQuestion::Off && !self.drops_question(owner_seen);
        self.question.as_ref().filter(|_| asks)
    }

    /// Whether the security question is removed when a password is set. Nothing less than seeing the owner does it: whoever has the
    /// mailbox or the telephone may have set the question.
    pub const fn drops_question(&self, owner_seen: bool) -> bool {
        self.frozen_at.is_some() && owner_seen
    }

    /// The canonical address of the account.
    pub fn address(&self) -> Option<Identifier> {
        self.email.as_ref().and_then(Email::identifier)
    }

    /// The canonical identifiers by which the owner may name the account in a recovery: the username and the address.
    pub fn identifiers(&self) -> Vec<Identifier> {
        let username = self.username.identifier();
        let address = self.address().filter(|address| Some(address) != username.as_ref());
        username.into_iter().chain(address).collect()
    }

    /// The canonical identifiers by which the owner signs in. No other account of the portal has one of them.
    pub fn sign_in_names(&self) -> Vec<Identifier> {
        let username = self.username.identifier();
        let names = self.identifiers().into_iter();
        names.filter(|name| self.signs_in_by_email || Some(name) == username.as_ref()).collect()
    }

    /// The same account, with its address as a name for sign-in, or without. A username that is the address stays one.
    #[must_use]
    pub fn signing_in_by_email(&self, does: bool) -> Self {
        let does = self.email.is_some() && (does || self.username.is_address());
        Self { signs_in_by_email: does, ..self.clone() }
    }

    /// The counters of sign-in failures, one for each name by which the owner signs in. The address of somebody else's sign-in is
    /// none of them.
    pub fn sign_in_subjects(&self, key: &[u8]) -> Vec<Subject> {
        let subject = |identifier| Subject::identifier(key, &self.practice, self.portal, identifier);
        self.sign_in_names().iter().map(subject).collect()
    }

    /// The account as one that shares its address.
    pub fn recipient(&self) -> Recipient {
        Recipient { account: self.id, open: self.is_open() }
    }

    /// The copy of the account's credentials that each of its [`Login`] items carries.
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

/// The item by which a mail to an address finds the accounts that share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// The id of the account.
    pub account: AccountId,
    /// A copy of [`Account::is_open`].
    pub open: bool,
}

/// The item that a name for sign-in leads to. It has the account's id and a copy of what a sign-in compares, so that a
/// sign-in takes two round trips.
///
/// The copy is written in every transaction that writes the account's own values, and is never trusted alone. The
/// transaction of the sign-in requires that the account still has the same credential version and session epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The id of the account that the identifier leads to.
    pub account: AccountId,
    /// A copy of [`Account::password`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<PasswordHash>,
    /// A copy of [`Account::temporary`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporary: Option<Temporary>,
    /// A copy of [`Account::credential_version`].
    pub credential_version: u64,
    /// A copy of [`Account::session_epoch`].
    pub session_epoch: u64,
    /// A copy of [`Account::is_open`]. With it, a sign-in to a closed account costs the same as one with a wrong
    /// password (F1).
    pub open: bool,
}
