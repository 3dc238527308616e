//! The notice that a password was changed, with a link by which the account's owner can report that the change was not
//! theirs (P3).
//!
//! The mail that confirms a change of the password carries the link. The link's token can only freeze the account: it
//! signs nobody in and sets no password. The owner of the mailbox ends the freeze with a new recovery.
//!
//! **The password is taken away.** To end the sessions would not be enough: the person who changed the password knows
//! it, and would sign in again. To put the former password back would trust a password that may have been stolen first.
//! So no password is left, and the mailbox, or staff who know the person, lead to a new one. The account is not closed,
//! because a closed account cannot recover, and its owner would have to wait for the practice.
//!
//! **The link can only freeze.** It lies in a mailbox for 30 days, and mail is forwarded, scanned and read by others.
//! Somebody who finds it can cost the owner a recovery, and gains nothing. Its token is derived as the token of a
//! ticket is, but it is no ticket, and a reset does not know it. It freezes once, so that the same mail does not undo
//! the recovery that followed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::practice::{Portal, Slug};
use crate::platform::clock::{Timestamp, days};
use crate::platform::ids::{AccountId, OutboxId};
use crate::secrets::token::Digest;

/// The life of the link: 30 days from the change of the password, because people may be away from their mail for weeks.
pub const LIFE: Duration = days(30);

/// The notice that a password was changed, as the store keeps it. There is one for each confirmation that is mailed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The id of the outbox item that asked for the mail.
    pub id: OutboxId,
    /// The id of the account whose password was changed.
    pub account: AccountId,
    /// The account's practice.
    pub practice: Slug,
    /// The account's portal.
    pub portal: Portal,
    /// The digest of the address that the mail was sent to. The link no longer works once the account has another
    /// address.
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
