//! The notice of what was done to an account, with a link by which its owner can report that it was not their doing (P3, A5).
//!
//! The mails that tell of a changed password, of another address and of a copied link carry it. The link's token can only freeze the
//! account: it signs nobody in and sets no password. The owner of the mailbox ends the freeze with a new recovery.
//!
//! **A former address freezes for staff to open.** When somebody at the desk was talked into another address, a recovery goes to
//! whoever talked them into it, and would end the freeze. So after a report from an address that the account no longer has, nobody
//! recovers it by self-service, and what staff issue needs a proof of who called. Whoever still reads a mailbox that the owner has left
//! can do that once for each notice; it costs the owner a visit, and gains nothing.
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
use utoipa::ToSchema;

use crate::domain::practice::{Portal, Slug};
use crate::platform::clock::{Timestamp, days};
use crate::platform::ids::{AccountId, OutboxId};
use crate::secrets::token::Digest;

/// What the owner of an account is told of by mail, with a link to say that it was somebody else: `password_changed`, or that staff
/// have given the account another address (`address_changed`), that somebody asked for a recovery while that address is on hold
/// (`recovery_held`), or that staff have handed a link over (`link_copied`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Notice)]
pub enum Telling {
    /// The password was changed.
    #[default]
    PasswordChanged,
    /// Staff have given the account another address. It goes to the former one.
    AddressChanged,
    /// Somebody asked for a recovery while the new address is on hold. It goes to the former one.
    RecoveryHeld,
    /// Staff have copied a link for somebody who called or came.
    LinkCopied,
}

impl Telling {
    /// Whether it goes to an address that the account no longer has.
    pub const fn is_to_former(self) -> bool {
        matches!(self, Self::AddressChanged | Self::RecoveryHeld)
    }
}

/// The life of the link: 30 days from what it tells of, because people may be away from their mail for weeks.
pub const LIFE: Duration = days(30);

/// The notice of a change, as the store keeps it. There is one for each that is mailed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The id of the outbox item that asked for the mail.
    pub id: OutboxId,
    /// The id of the account.
    pub account: AccountId,
    /// What it tells.
    #[serde(default)]
    pub about: Telling,
    /// The account's practice.
    pub practice: Slug,
    /// The account's portal.
    pub portal: Portal,
    /// The digest of the address that the mail was sent to. The link no longer works once the account has another address, unless
    /// it was mailed to a former one.
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
