//! The outbox: what asks for a mail, written in the same transaction as what it tells of.
//!
//! The mailer turns an outbox item into one mail. The item carries facts and a nonce, never a secret: who reads the table
//! or the stream without the derivation key can send nothing and open nothing.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::domain::challenge::Challenge;
use crate::domain::identifier::Identifier;
use crate::domain::practice::{Portal, Slug};
use crate::platform::clock::{Ambient, NoRandomness, Timestamp};
use crate::platform::ids::{AccountId, OutboxId};
use crate::secrets::token::Nonce;

/// What to mail about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OutboxKind {
    /// Somebody asked for a recovery. Whether an account has the identifier is the mailer's to find out.
    Recovery {
        /// The portal that it was asked at.
        portal: Portal,
        /// What was typed, canonical.
        identifier: Identifier,
        /// By code: how it can be entered. By link otherwise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        challenge: Option<Challenge>,
    },
    /// Somebody asked more often than the limit allows. No mail follows; an account that is named gets an event.
    LimitHit {
        /// The portal that it was asked at.
        portal: Portal,
        /// What was typed, canonical.
        identifier: Identifier,
    },
    /// An account's owner is to be sent a link: to set the account up, or to choose a new password. Its ticket may have been
    /// issued already.
    Link {
        /// Which.
        account: AccountId,
        /// The member of staff who asks for it; the operator where there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<AccountId>,
    },
    /// An account's owner is to be sent the temporary password of a ticket that staff have issued.
    TemporaryPassword {
        /// Whose.
        account: AccountId,
    },
    /// A password was changed.
    PasswordChanged {
        /// Whose.
        account: AccountId,
    },
    /// An account was frozen by its owner: the practice is to know. Stored under the name that callers know.
    #[serde(rename = "repudiated")]
    Frozen {
        /// Which.
        account: AccountId,
    },
}

/// One item: from a public request (`REQUEST#`), or from a change (`OUTBOX#`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxItem {
    /// Names it.
    pub id: OutboxId,
    /// Whose practice.
    pub practice: Slug,
    /// What to mail about.
    #[serde(flatten)]
    pub kind: OutboxKind,
    /// Makes the tokens of this item's tickets, or its code.
    pub nonce: Nonce,
    /// When it was written.
    pub at: Timestamp,
    /// Where the request came from, as the gateway saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// When it was dealt with: a mail is on its way, none was due, or none will ever be taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Timestamp>,
}

impl OutboxItem {
    /// An item of now, with a nonce of its own. `ip` is where its request came from.
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

    /// Of a request for a code: how it can be entered.
    pub const fn challenge(&self) -> Option<&Challenge> {
        match &self.kind {
            OutboxKind::Recovery { challenge, .. } => challenge.as_ref(),
            _ => None,
        }
    }

    /// Comes from the public front door.
    pub const fn is_request(&self) -> bool {
        matches!(self.kind, OutboxKind::Recovery { .. } | OutboxKind::LimitHit { .. })
    }
}
