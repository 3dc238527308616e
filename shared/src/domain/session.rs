//! A session: what sign-in returns. Opaque, revocable, checked against its account at every use.

use serde::{Deserialize, Serialize};

use crate::domain::account::Account;
use crate::platform::clock::Timestamp;
use crate::platform::ids::{AccountId, SessionId, TicketId};
use crate::secrets::token::Digest;

/// A session. Stored in its account's partition, so that all of an account's are one query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Names it within its account.
    pub id: SessionId,
    /// Whose it is.
    pub account: AccountId,
    /// Of its token.
    pub digest: Digest,
    /// The account's at sign-in; a later one voids the session.
    pub epoch: u64,
    /// The origin of the page that it was made for, when a cookie carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Of the temporary password that it began with. It can only change the password then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<TicketId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used.
    pub seen_at: Timestamp,
    /// Milliseconds of idleness it survives.
    pub idle_millis: i64,
    /// Until when it lives if it is not used again.
    pub idle_until: Timestamp,
    /// Until when it lives whatever happens.
    pub valid_until: Timestamp,
    /// Where sign-in came from.
    pub ip: String,
    /// The browser or app, as it named itself, cut to 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

impl Session {
    /// When it ends if it is not used again.
    pub fn expires_at(&self) -> Timestamp {
        self.idle_until.min(self.valid_until)
    }

    /// The session after its account has changed so that every other one ends: it stays, and can do everything once a password
    /// has been chosen.
    #[must_use]
    pub fn kept_with(&self, account: &Account) -> Self {
        let ticket = self.ticket.filter(|_| account.temporary.is_some());
        Self { epoch: account.session_epoch, ticket, ..self.clone() }
    }

    /// Opens its account now: in time, of the account's present epoch and temporary password, and the account open.
    pub fn is_good(&self, account: &Account, now: Timestamp) -> bool {
        let temporary = account.temporary.as_ref().map(|temporary| temporary.ticket);
        let current =
            self.epoch == account.session_epoch && (self.ticket.is_none() || self.ticket == temporary);
        now < self.expires_at() && current && account.is_open()
    }
}
