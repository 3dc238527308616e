//! "I am not this person": what a mail to an address that nobody has proven lets its reader say.
//!
//! A mistyped address belongs to somebody. Whoever gets a mail that is meant for a patient is told how to say so, by a link that
//! every such mail carries. It voids what was mailed, stops mail to the address, and gives staff a task. It says nothing of the
//! patient.
//!
//! **Proven addresses have no such link.** Once somebody has set a password with what was mailed to an address, an old mail has no
//! say any more: otherwise whoever finds one could keep the owner from recovering.
//!
//! **The link can only stop mail.** Somebody who reads the mailbox before its owner can cost the owner a call to the practice, and
//! gains nothing: no password, no session and no other address comes of it. A password that was set without the address stays. One
//! mail has one link, which speaks for all accounts of the mail whose address is not proven: whoever gets a mail for a family knows
//! none of them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::account::Account;
use crate::domain::identifier::Email;
use crate::domain::practice::Slug;
use crate::platform::clock::{Timestamp, days};
use crate::platform::ids::{AccountId, OutboxId};
use crate::secrets::token::Digest;

/// The life of the link, from the time at which the mail was asked for: people may be away from their mail for weeks.
pub const LIFE: Duration = days(30);

/// The most accounts that a link speaks for. One transaction has room for them: each takes up to five writes.
pub const MOST: usize = 19;

/// The link of a mail, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotMe {
    /// The id of the outbox item that asked for the mail.
    pub id: OutboxId,
    /// The practice.
    pub practice: Slug,
    /// The accounts that the link speaks for. The item is kept with the first.
    pub accounts: Vec<AccountId>,
    /// The digest of the address that the mail was sent to. The link says nothing of an account that has another address by then.
    pub mailbox: Digest,
    /// The digest of the link's token.
    pub digest: Digest,
    /// The id of the key that the token was derived with.
    pub derivation_key: String,
    /// The time from which the link no longer works.
    pub valid_until: Timestamp,
    /// The time at which the link was used; absent until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<Timestamp>,
}

impl NotMe {
    /// Whether the link says anything of an account: it has the address to which the mail went, and nobody has proven it since.
    pub fn is_about(&self, account: &Account) -> bool {
        let mailbox = account.email.as_ref().map(Email::mailbox_digest);
        account.email_proven_at.is_none() && mailbox == Some(self.mailbox)
    }
}
