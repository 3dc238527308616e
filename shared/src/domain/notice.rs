//! The notice of a changed password, and its way to say "this wasn't me" (P3).
//!
//! A confirmation carries a link whose token ends what somebody else may have begun. It opens nothing: with it an account can
//! only be frozen, which whoever owns the mailbox undoes by recovering.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::practice::{Portal, Slug};
use crate::platform::clock::{Timestamp, days};
use crate::platform::ids::{AccountId, OutboxId};
use crate::secrets::token::Digest;

/// How long a change can be repudiated: as long as somebody may take to come back to their mail.
pub const LIFE: Duration = days(30);

/// A confirmation that was mailed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The outbox item that asked for the mail.
    pub id: OutboxId,
    /// Whose password was changed.
    pub account: AccountId,
    /// The account's practice.
    pub practice: Slug,
    /// The account's portal.
    pub portal: Portal,
    /// Of the address that it was mailed to: who has that no longer has no say any more.
    pub mailbox: Digest,
    /// Of the token.
    pub digest: Digest,
    /// The id of the key that the token was derived with.
    pub derivation_key: String,
    /// Until when the change can be repudiated.
    pub valid_until: Timestamp,
    /// When it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<Timestamp>,
}
