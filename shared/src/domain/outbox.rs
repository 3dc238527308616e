//! The outbox: items that ask for a mail. Each is written in the same transaction as the change that the mail reports.
//!
//! The mailer turns each outbox item into one mail. An item carries facts and a nonce, never a secret. A person who can
//! read the table or the stream, but has no derivation key, can make no link, code or password from it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::domain::challenge::Challenge;
use crate::domain::identifier::Identifier;
use crate::domain::practice::{Portal, Slug};
use crate::platform::clock::{Ambient, NoRandomness, Timestamp};
use crate::platform::ids::{AccountId, OutboxId};
use crate::secrets::token::Nonce;

/// The reason for an outbox item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OutboxKind {
    /// A person asked for a recovery. The mailer finds out whether an account has the identifier.
    Recovery {
        /// The portal at which the person asked.
        portal: Portal,
        /// The identifier that the person typed, in its canonical form.
        identifier: Identifier,
        /// The challenge, for a recovery by code; absent for a recovery by link.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        challenge: Option<Challenge>,
    },
    /// A person asked for a recovery more often than the limit allows. No mail follows. If an account has the
    /// identifier, an event is recorded.
    LimitHit {
        /// The portal at which the person asked.
        portal: Portal,
        /// The identifier that the person typed, in its canonical form.
        identifier: Identifier,
    },
    /// The owner of an account is to be sent a link, to set the account up or to choose a new password. The ticket of
    /// the link may have been issued already.
    Link {
        /// The id of the account.
        account: AccountId,
        /// The id of the member of staff who asked for the link; absent when the operator did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<AccountId>,
    },
    /// The owner of an account is to be sent a temporary password. Staff have issued its ticket.
    TemporaryPassword {
        /// The id of the account.
        account: AccountId,
    },
    /// A password was changed, and the owner of the account is to be told.
    PasswordChanged {
        /// The id of the account.
        account: AccountId,
    },
    /// Staff have lifted the mark of an account's address. SES may have the address on its list of those that it does not mail,
    /// and takes it off. No mail follows.
    MailRestored {
        /// The id of the account.
        account: AccountId,
    },
    /// Another administrator has changed where the practice's people are led, or whom they turn to.
    SettingsChanged {
        /// The id of the administrator who is told.
        account: AccountId,
        /// The settings that have changed, by dotted path.
        members: Vec<String>,
    },
    /// The owner of an account has frozen it, and the practice is to be told. The item is stored under the name that
    /// the API uses.
    #[serde(rename = "repudiated")]
    Frozen {
        /// The id of the account.
        account: AccountId,
    },
}

/// An outbox item. The key of an item begins with `REQUEST#` if it comes from a public request, and with `OUTBOX#` if
/// it comes from a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxItem {
    /// The id of the item.
    pub id: OutboxId,
    /// The practice that the item belongs to.
    pub practice: Slug,
    /// The reason for the item.
    #[serde(flatten)]
    pub kind: OutboxKind,
    /// A random number. The secrets that the mail carries are derived from it with the derivation key.
    pub nonce: Nonce,
    /// The time at which the item was written.
    pub at: Timestamp,
    /// The source address of the request, as the gateway saw it; absent when there was no request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// The time at which the mailer finished with the item: the mail was sent, none was needed, or none can ever be
    /// sent. Absent until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Timestamp>,
}

impl OutboxItem {
    /// Creates an item of the present time with a nonce of its own. `ip` is the source address of the request.
    ///
    /// # Errors
    /// [`NoRandomness`] when no id or nonce can be drawn.
    pub fn new(
        ambient: &Ambient,
        practice: &Slug,
        kind: OutboxKind,
        ip: Option<IpAddr>,
    ) -> Result<Self, NoRandomness> {
        Ok(Self {
            id: OutboxId::from(ambient.ulid()?),
            practice: practice.clone(),
            kind,
            nonce: Nonce::from(ambient.bytes()?),
            at: ambient.now(),
            ip: ip.map(|ip| ip.to_string()),
            done_at: None,
        })
    }

    /// The challenge, if the item is a request for a code.
    pub const fn challenge(&self) -> Option<&Challenge> {
        match &self.kind {
            OutboxKind::Recovery { challenge, .. } => challenge.as_ref(),
            _ => None,
        }
    }

    /// The same request, for a code that is not short.
    #[must_use]
    pub fn lengthened(mut self) -> Self {
        if let OutboxKind::Recovery { challenge, .. } = &mut self.kind {
            *challenge = challenge.take().map(Challenge::lengthened);
        }
        self
    }

    /// Whether the item comes from a public request.
    pub const fn is_request(&self) -> bool {
        matches!(self.kind, OutboxKind::Recovery { .. } | OutboxKind::LimitHit { .. })
    }
}
