//! Associations: who acts for a client, as what, and until when.
//!
//! **Nothing waits for a job.** An association whose time has come counts as ended for everybody who reads it, from that moment on. What
//! its end takes from the guardian is taken by the sweep of the next minute (`domain::guardian`).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Account;
use crate::domain::identifier::Email;
use crate::platform::clock::Timestamp;
use crate::platform::ids::AccountId;

/// What the guardian does for the client, as the portal is to take it: `acts` for the client, or only `views` what the client has there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GuardianRole {
    /// The guardian acts for the client.
    #[default]
    Acts,
    /// The guardian views what the client has in the portal.
    Views,
}

impl GuardianRole {
    /// The name of the role in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acts => "acts",
            Self::Views => "views",
        }
    }
}

/// The association of a client's account with the account of a guardian. Each of the two accounts stores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Association {
    /// The id of the other account.
    pub account: AccountId,
    /// The relationship of the guardian to the client, such as parent or guardian, in the practice's own words.
    pub relationship: String,
    /// Whether the other account is the guardian's. If not, the other account is the client's.
    pub acts: bool,
    /// What the guardian does for the client.
    #[serde(default)]
    pub role: GuardianRole,
    /// The time at which the association ends; absent when no end is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Association {
    /// Whether the time of the association has ended.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

impl Account {
    /// The account's associations that have not ended.
    pub fn open_associations(&self, now: Timestamp) -> impl Iterator<Item = &Association> {
        self.associations.iter().filter(move |entry| !entry.has_ended(now))
    }

    /// The association with another account, whether or not its time has ended.
    pub fn association_with(&self, other: AccountId) -> Option<&Association> {
        self.associations.iter().find(|entry| entry.account == other)
    }

    /// The guardians of the client.
    pub fn guardians(&self) -> impl Iterator<Item = &Association> {
        self.associations.iter().filter(|entry| entry.acts)
    }

    /// A guardian whose time has ended, and from whom nothing has been taken yet.
    pub fn overdue_guardian(&self, now: Timestamp) -> Option<AccountId> {
        self.guardians().find(|entry| entry.has_ended(now)).map(|entry| entry.account)
    }

    /// The time at which the next of the client's guardians ends.
    pub fn next_ending(&self) -> Option<Timestamp> {
        self.guardians().filter_map(|entry| entry.until).min()
    }

    /// The mailbox that the account has together with a guardian, or had before an address that is on hold.
    pub fn mailbox_shared_with<'a>(&'a self, guardian: &Self, now: Timestamp) -> Option<&'a Email> {
        let of_guardian = guardian.address();
        let former = self.on_hold(now).and_then(|hold| hold.former.as_ref());
        let is_same = |email: &&Email| email.identifier().is_some() && email.identifier() == of_guardian;
        self.email.as_ref().into_iter().chain(former).find(is_same)
    }
}

/// The place of a client in the list of those whose guardians end, by the time at which the next one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// The id of the client's account.
    pub account: AccountId,
    /// The time.
    pub until: Timestamp,
}
