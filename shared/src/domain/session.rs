//! A session: what a sign-in returns. It is opaque, it can be revoked, and it is checked against its account at every
//! use.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::account::Account;
use crate::platform::clock::Timestamp;
use crate::platform::ids::{AccountId, SessionId, TicketId};
use crate::secrets::token::Digest;

/// How long a session counts as confirmed after its holder has given the account's own password.
pub const CONFIRMED_FOR: Duration = Duration::from_mins(10);

/// A session. It is stored in the partition of its account, so that one query reads all sessions of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The id of the session, unique within its account.
    pub id: SessionId,
    /// The id of the account that the session is for.
    pub account: AccountId,
    /// The digest of the session's token.
    pub digest: Digest,
    /// The session epoch of the account at sign-in. A later epoch voids the session.
    pub epoch: u64,
    /// The origin of the page that the session was made for; absent when the token is not in a cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The id of the temporary password that the session began with. Such a session can only change the password and
    /// end. Absent for every other session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<TicketId>,
    /// The time of the sign-in.
    pub created_at: Timestamp,
    /// The time at which the session was last used.
    pub seen_at: Timestamp,
    /// The time that the session lives without being used, in milliseconds.
    pub idle_millis: i64,
    /// The time at which the session ends if it is not used again.
    pub idle_until: Timestamp,
    /// The time at which the session ends even if it is used.
    pub valid_until: Timestamp,
    /// The time until which the session is confirmed: its holder has just given the account's own password, to sign in or again.
    /// Absent when they have not, as in a session of a temporary password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_until: Option<Timestamp>,
    /// The source address of the sign-in.
    pub ip: String,
    /// The name that the browser or app gave itself, cut to 200 characters; absent when it gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

impl Session {
    /// The time at which the session ends if it is not used again: the earlier of its two ends.
    pub fn expires_at(&self) -> Timestamp {
        self.idle_until.min(self.valid_until)
    }

    /// The session after a change of its account that ends every other session. The session goes on. If it began with a
    /// temporary password, it can do everything once a password has been chosen.
    #[must_use]
    pub fn kept_with(&self, account: &Account) -> Self {
        let ticket = self.ticket.filter(|_| account.temporary.is_some());
        Self { epoch: account.session_epoch, ticket, ..self.clone() }
    }

    /// Whether the account's own password was given in this session within the last ten minutes ([`CONFIRMED_FOR`]).
    pub fn is_confirmed(&self, now: Timestamp) -> bool {
        self.confirmed_until.is_some_and(|until| now < until)
    }

    /// Whether the session is valid now: it has not ended, it has the account's present epoch and temporary password,
    /// and the account is open.
    pub fn is_good(&self, account: &Account, now: Timestamp) -> bool {
        let temporary = account.temporary.as_ref().map(|temporary| temporary.ticket);
        let current =
            self.epoch == account.session_epoch && (self.ticket.is_none() || self.ticket == temporary);
        now < self.expires_at() && current && account.is_open()
    }
}
