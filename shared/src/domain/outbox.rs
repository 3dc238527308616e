//! The outbox: items that ask for a mail. Each is written in the same transaction as the change that the mail reports.
//!
//! The mailer turns each outbox item into one mail. An item carries facts and a nonce, never a secret. A person who can
//! read the table or the stream, but has no derivation key, can make no link, code or password from it.
//!
//! **No mail is lost.** From the first moment an item is in a queue, by the time at which it is tried next. The stream brings it
//! to the mailer at once, and a mail that SES takes ends it. Whatever happens instead, the item stays where a sweep finds it: when
//! SES takes nothing, when the mailer dies, when the stream stops. The mailer tries it for as long as what it carries is worth
//! sending. Then it is parked, for an operator to look at and to redrive.

mod kind;

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::challenge::Challenge;
use crate::domain::help::Reach;
use crate::domain::notice::Telling;
use crate::domain::practice::Slug;
use crate::platform::clock::{Ambient, NoRandomness, Timestamp, days};
use crate::platform::ids::{AccountId, OutboxId};
use crate::secrets::token::{Nonce, derived_id};

pub use kind::OutboxKind;

/// The time that the stream has for a new item, before a sweep tries it.
const GRACE: Duration = Duration::from_mins(2);
/// The time for which an item is tried, unless what it carries ends before.
const WORTH: Duration = days(7);
/// The time for which an item is kept: longer than the stream (24 hours) and every retry of it.
pub const KEPT: Duration = days(8);
/// The time between two attempts: the first, and the longest. Each is twice the one before.
const FIRST_DELAY: Duration = Duration::from_mins(1);
const LONGEST_DELAY: Duration = Duration::from_mins(15);

/// The `failure` of an item that was given up because what it carries is over.
pub const EXPIRED: &str = "expired";

/// The queue of an item that is not done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Queue {
    /// The mailer tries the item at its time.
    #[default]
    Waiting,
    /// The mailer has given the item up. An operator can put it back.
    Parked,
}

impl Queue {
    /// Both queues.
    pub const ALL: [Self; 2] = [Self::Waiting, Self::Parked];

    /// The name under which the queue is stored, in capitals.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Parked => "PARKED",
        }
    }
}

/// An outbox item. The key of an item begins with `REQUEST#` if it comes from a public request, and with `OUTBOX#` if
/// it comes from a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxItem {
    /// The id of the item.
    pub id: OutboxId,
    /// The practice that the item belongs to; absent where the item names none.
    #[serde(default = "Slug::none", skip_serializing_if = "Slug::is_none")]
    pub practice: Slug,
    /// The reason for the item.
    #[serde(flatten)]
    pub kind: OutboxKind,
    /// A random number. The secrets that the mail carries are derived from it with the derivation key.
    pub nonce: Nonce,
    /// The time at which the item was written, or from which its mail is due.
    pub at: Timestamp,
    /// The source address of the request, as the gateway saw it; absent when there was no request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// The time at which the mailer finished with the item: the mail was sent, none was needed, or none can ever be
    /// sent. Absent until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Timestamp>,
    /// The queue that the item is in until it is done.
    #[serde(default)]
    pub queue: Queue,
    /// The time of the next attempt; for a parked item, the time at which it was parked. Absent when the item is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// The number of attempts that have failed since the item was written or redriven.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u32,
    /// The reason why the last attempt failed: a code of SES, or what could not be reached. Absent until one has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The accounts whose mail SES has taken, while that of others is still to be sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub served: Vec<AccountId>,
    /// The time at which an operator last put the parked item back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redriven_at: Option<Timestamp>,
    /// The moment from which the item is over, because it was written before a restore. The configuration says it, and it is not
    /// stored.
    #[serde(skip)]
    pub void_from: Option<Timestamp>,
}

/// Whether an item of this time has been tried for so long that it is given up, unless an operator has put it back since.
pub fn is_over(at: Timestamp, now: Timestamp) -> bool {
    at + WORTH <= now
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
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
        let at = ambient.now();
        Ok(Self {
            id: OutboxId::from(ambient.ulid()?),
            practice: practice.clone(),
            kind,
            nonce: Nonce::from(ambient.bytes()?),
            at,
            ip: ip.map(|ip| ip.to_string()),
            done_at: None,
            queue: Queue::Waiting,
            due_at: Some(at + GRACE),
            attempts: 0,
            failure: None,
            served: Vec::new(),
            redriven_at: None,
            void_from: None,
        })
    }

    /// The item of a person who asks for help with a request. Every repetition for the request has the same id. The time in the id is
    /// that of the request, as far as there can be a request of that time.
    ///
    /// # Errors
    /// [`NoRandomness`] when no id or nonce can be drawn.
    pub fn help(
        ambient: &Ambient,
        request: OutboxId,
        reach: Reach,
        ip: IpAddr,
    ) -> Result<Self, NoRandomness> {
        let item = Self::new(ambient, &Slug::none(), OutboxKind::Help { request, reach }, Some(ip))?;
        let made_at = request.made_at().clamp(item.at - KEPT, item.at);
        Ok(Self { id: OutboxId::from(derived_id(made_at, &["help", &request.to_string()])), ..item })
    }

    /// The same item, whose mail is due at a later time: the stream passes over it, and the sweep of that time tries it. So a great
    /// many mails hold up no others.
    #[must_use]
    pub fn scheduled(self, at: Timestamp) -> Self {
        Self { at, due_at: Some(at), ..self }
    }

    /// Whether the mailer may try the item.
    pub fn is_waiting(&self) -> bool {
        self.done_at.is_none() && self.queue == Queue::Waiting
    }

    /// Whether nobody has tried the item, nor taken it for an attempt.
    pub fn is_untouched(&self) -> bool {
        self.is_waiting() && self.due_at.is_none_or(|due_at| self.was_untouched(due_at))
    }

    /// Whether nobody had tried or taken the item as long as this was the time of its next attempt.
    pub fn was_untouched(&self, due_at: Timestamp) -> bool {
        self.attempts == 0 && due_at == self.at + GRACE
    }

    /// Whether the item has been tried for so long that it is given up, or was written before a restore: its mail may have been
    /// sent then. An operator can put it back all the same.
    pub fn is_over(&self, now: Timestamp) -> bool {
        let since = self.redriven_at.unwrap_or(self.at);
        is_over(since, now) || self.void_from.is_some_and(|moment| since < moment && moment <= now)
    }

    /// Whether what the item carries is over and cannot be made anew: nobody waits for a code that has expired, and a temporary
    /// password works only at the word of the staff who issue it.
    pub fn is_spent(&self, now: Timestamp) -> bool {
        match (&self.kind, self.challenge()) {
            (_, Some(challenge)) => challenge.valid_until <= now,
            (OutboxKind::TemporaryPassword { .. }, _) => {
                self.failure.as_deref() == Some(EXPIRED) || self.void_from.is_some_and(|moment| moment <= now)
            }
            _ => false,
        }
    }

    /// The item after an attempt that has failed for now. `failure` is the reason. When it is the same for all mails, the item does
    /// not wait longer each time.
    #[must_use]
    pub fn delayed(&self, now: Timestamp, failure: &str, for_all: bool) -> Self {
        let doubled = FIRST_DELAY * 2_u32.saturating_pow(self.attempts.min(8));
        let delay = if for_all { FIRST_DELAY } else { doubled.min(LONGEST_DELAY) };
        Self {
            attempts: self.attempts.saturating_add(1),
            due_at: Some(now + delay),
            failure: Some(failure.to_owned()),
            ..self.clone()
        }
    }

    /// The challenge, if the item asks for a code to be mailed.
    pub const fn challenge(&self) -> Option<&Challenge> {
        match &self.kind {
            OutboxKind::Recovery { challenge, .. } => challenge.as_ref(),
            OutboxKind::CallerCheck { challenge, .. } => Some(challenge),
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

    /// What a mail of the item tells the owner of an account that was done, if it does.
    pub const fn telling(&self) -> Option<Telling> {
        match self.kind {
            OutboxKind::PasswordChanged { .. } => Some(Telling::PasswordChanged),
            OutboxKind::Notice { about, .. } => Some(about),
            _ => None,
        }
    }

    /// Whether the item comes from a public request.
    pub const fn is_request(&self) -> bool {
        matches!(
            self.kind,
            OutboxKind::Recovery { .. } | OutboxKind::LimitHit { .. } | OutboxKind::Help { .. }
        )
    }
}

#[cfg(test)]
mod tests;
