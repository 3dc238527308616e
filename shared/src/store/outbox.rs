//! Public requests and outbox items: put once, marked as done once.
//!
//! **Sending is at least once.** SES has no idempotency. When a mailer dies, or the store fails, after SES has taken the mail and
//! before that is recorded, the record comes again, and the mail is sent twice: the very same mail, with the same token or code.
//! There is one exception, a record that was answered with an earlier link because two links were open. Its repetition is answered
//! with the link that is then the newest, or with a new ticket if one has ended meanwhile. A ticket that was used or voided meanwhile
//! is not sent. That SES has taken a ticket's mail is recorded with the ticket first, and that mail does not go again.
//!
//! **Its event is there once.** The event that a mail was sent is put in the write that ends the item or its wait, however often the
//! mail went, and only if nobody else's mail of the item was recorded meanwhile. When a mailer has died before, the ticket says
//! whether a mail of the item has carried it. When nobody has heard that SES has taken a mail, what it carried may be used before it
//! goes again. That says that it has gone, and the event is put then.
//! What that does not cover: a name that no longer leads to the account when a mailer has died and the record comes again; and a link
//! of two requests whose mails nobody has heard of, which is recorded for the one that it was made for.

use crate::domain::event::Event;
use crate::domain::limit::{ForgotLimits, Subject, Window};
use crate::domain::outbox::{KEPT, OutboxItem};
use crate::domain::spray::Shard;
use crate::platform::clock::Timestamp;
use crate::store::conditions::as_served;
use crate::store::error::StoreError;
use crate::store::events::put_event;
use crate::store::items::Item;
use crate::store::keys::{self, Key};
use crate::store::limits::{self, Decision};
use crate::store::spray::count_in_shard;
use crate::store::transact::{Outcome, Store};
use crate::store::write::{Write, lacks, present};

/// The write that puts an outbox item. The stream hands the new item to the mailer.
pub(super) fn put_outbox_item(item: &OutboxItem) -> Write {
    Write::create(&keys::outbox_item(item), item, Some(item.at + KEPT))
        .with(keys::QUEUE_ATTRIBUTE, keys::queue(item.queue, item.id))
}

/// The write that marks an item as done, if it exists, is not done, and its `served` is as read.
pub(super) fn marked_done(read: &OutboxItem, now: Timestamp) -> Write {
    let mark = Write::update(&keys::outbox_item(read)).set("done_at", now);
    let mark = [keys::QUEUE_ATTRIBUTE, "queue", "due_at"].iter().fold(mark, |mark, left| mark.remove(left));
    mark.only_if(present().and(lacks("done_at")).and(as_served(read)))
}

/// One counter of a public request, and the windows that must have room.
struct Counter<'a> {
    key: Key,
    windows: &'a [Window],
    /// Whether the counter is the identifier's own, and not the one of the source address.
    is_own: bool,
}

/// The counters that a public request is counted at.
#[derive(Clone, Copy)]
pub struct RequestCounters<'a> {
    /// The identifier.
    pub identifier: &'a Subject,
    /// The source address, if it counts.
    pub address: Option<&'a Subject>,
    /// The counter of the practice's short codes, if the request is for one.
    pub short_codes: Option<&'a Shard>,
    /// The windows of the identifier and of the source address.
    pub limits: &'a ForgotLimits,
}

/// The decision of counters of which some are full.
fn refused_by(counters: &[Counter<'_>], full: &[Option<Item>], now: Timestamp) -> Decision {
    let (mut wait, mut is_own) = (1, false);
    for (counter, old) in counters.iter().zip(full) {
        if let Some(old) = old {
            wait = wait.max(limits::retry_after(old, counter.windows, now));
            is_own |= counter.is_own;
        }
    }
    Decision::Refused { retry_after: wait, since: is_own.then_some(now) }
}

impl Store {
    /// Takes a public request, if the limits of its identifier and of its source address have room.
    ///
    /// One transaction:
    ///
    /// - The identifier's counter takes the request. Condition: every window has room.
    /// - For a code, the identifier's counter of codes takes it too. Condition: it has fewer than four in a day and the
    ///   life of a code, which counts as 15 minutes at least.
    /// - The source address's counter takes the request. Condition: every window has room.
    /// - For a short code, the practice's counter of short codes of the day takes it. Condition: it has room.
    /// - The `REQUEST` item is put. Condition: it does not exist.
    ///
    /// The configuration may lift a limit; its counter is then left out. So is that of a source that does not count. Nothing
    /// lifts the limit on codes. [`Decision::Refused`] means that a window is full; nothing is written, and nothing is counted. When
    /// only the practice has had its short codes, the request is written for a long one. One round trip, and one more for the first
    /// long code of an hour.
    pub async fn create_request(
        &self,
        request: &OutboxItem,
        counters: RequestCounters<'_>,
    ) -> Result<Decision, StoreError> {
        // Nobody's configuration lifts the limit on codes: it is what keeps them from being guessed.
        let codes: Vec<Window> =
            request.challenge().map(|challenge| challenge.budget(request.at)).into_iter().collect();
        let RequestCounters { identifier, address, short_codes, limits } = counters;
        let own = |key, windows| Counter { key, windows, is_own: true };
        let mut counters = vec![
            own(keys::forgot_limit(identifier), &limits.identifier),
            own(keys::code_limit(identifier), &codes),
        ];
        counters.extend(address.map(|address| Counter {
            key: keys::forgot_limit(address),
            windows: &limits.address,
            is_own: false,
        }));
        counters.retain(|counter| !counter.windows.is_empty());
        let recall = |counter: &Counter<'_>| self.refusals.recall(&counter.key, request.at);
        let known: Vec<Option<Item>> = counters.iter().map(recall).collect();
        if known.iter().any(Option::is_some) {
            return Ok(refused_by(&counters, &known, request.at));
        }
        let short = short_codes.map(|shard| (keys::short_codes(&shard.subject), shard));
        if let Some((key, shard)) = short
            && self.refusals.recall(&key, request.at).is_none()
        {
            match self.write_request(request, &counters, Some((&key, shard))).await? {
                Some(decision) => return Ok(decision),
                None => self.refusals.note_lasting(&key, request.at),
            }
        }
        let request = if short_codes.is_some() { &request.clone().lengthened() } else { request };
        let decision = self.write_request(request, &counters, None).await?;
        Ok(decision.unwrap_or(Decision::Refused { retry_after: 1, since: None }))
    }

    /// Counts a request and writes it. `None` when only the practice has had its short codes; nothing is written then.
    async fn write_request(
        &self,
        request: &OutboxItem,
        counters: &[Counter<'_>],
        short: Option<(&Key, &Shard)>,
    ) -> Result<Option<Decision>, StoreError> {
        let count =
            |counter: &Counter<'_>| limits::count_in_windows(&counter.key, counter.windows, request.at);
        let mut writes: Vec<Write> = counters.iter().map(count).collect();
        writes.extend(short.map(|(key, shard)| count_in_shard(key, shard)));
        writes.push(put_outbox_item(request));
        let refused = match self.transact(writes).await? {
            Outcome::Written => return Ok(Some(Decision::Allowed)),
            Outcome::Refused(refused) => refused,
        };
        let full: Vec<Option<Item>> = (0..counters.len()).map(|place| refused.old(place).cloned()).collect();
        for (counter, old) in counters.iter().zip(&full).filter(|(_, old)| old.is_some()) {
            self.refusals.note(&counter.key, old.as_ref(), request.at);
        }
        let has_had_all = refused.old(counters.len()).is_some() && full.iter().all(Option::is_none);
        let is_short = short.is_some() && has_had_all;
        Ok((!is_short).then(|| refused_by(counters, &full, request.at)))
    }

    /// Takes a request for help, if the limit of its source address has room. It is the same work for every request id, whether or
    /// not there is such a request.
    ///
    /// One transaction:
    ///
    /// - The source address's counter takes the request, if it is given. Condition: every window has room.
    /// - The `REQUEST` item is put. Condition: it does not exist.
    ///
    /// [`Decision::Refused`] means that a window is full. When the item is there already, the person has asked before: nothing is
    /// written or counted, and the answer is [`Decision::Allowed`]. One round trip.
    pub async fn create_help_item(
        &self,
        item: &OutboxItem,
        address: Option<&Subject>,
        limits: &ForgotLimits,
    ) -> Result<Decision, StoreError> {
        let windows = limits.address.as_slice();
        let counter = address.filter(|_| !windows.is_empty()).map(keys::help_limit);
        let counters: Vec<Counter<'_>> =
            counter.map(|key| Counter { key, windows, is_own: false }).into_iter().collect();
        let known: Vec<Option<Item>> =
            counters.iter().map(|counter| self.refusals.recall(&counter.key, item.at)).collect();
        if known.iter().any(Option::is_some) {
            return Ok(refused_by(&counters, &known, item.at));
        }
        let count = |counter: &Counter<'_>| limits::count_in_windows(&counter.key, counter.windows, item.at);
        let mut writes: Vec<Write> = counters.iter().map(count).collect();
        writes.push(put_outbox_item(item));
        let Outcome::Refused(refused) = self.transact(writes).await? else { return Ok(Decision::Allowed) };
        let full: Vec<Option<Item>> = (0..counters.len()).map(|place| refused.old(place).cloned()).collect();
        if full.iter().all(Option::is_none) {
            return Ok(Decision::Allowed);
        }
        for (counter, old) in counters.iter().zip(&full) {
            self.refusals.note(&counter.key, old.as_ref(), item.at);
        }
        Ok(refused_by(&counters, &full, item.at))
    }

    /// Puts an item that asks for no mail and is bound to no limit: the note that a limit was hit.
    ///
    /// One transaction: the item is put. Condition: it does not exist.
    ///
    /// A refusal means that an item with its id is there; that stays as it is, and it is no error. The id of such a note is the
    /// same for all hits of an identifier within an hour, so a flood leaves one. One round trip.
    pub async fn create_outbox_item(&self, item: &OutboxItem) -> Result<(), StoreError> {
        let key = keys::outbox_item(item);
        if self.refusals.recall(&key, item.at).is_none() {
            self.transact(vec![put_outbox_item(item)]).await?;
            self.refusals.note_lasting(&key, item.at);
        }
        Ok(())
    }

    /// Finds an item as it is now. One round trip.
    pub async fn find_outbox_item(&self, key: &Key) -> Result<Option<OutboxItem>, StoreError> {
        self.get(key).await
    }

    /// Marks an item as done, and records its events.
    ///
    /// One transaction, or one update by itself when there is no event:
    ///
    /// - The item gets `done_at`, and leaves its queue. Condition: it exists, is not done, and its `served` is as read.
    /// - The events are put. Condition: none of them exists.
    ///
    /// `false` means that somebody else has dealt with the item since it was read; nothing is written. If that has left it in its
    /// queue, it is tried once more. One round trip.
    pub async fn record_done(&self, read: &OutboxItem, events: &[Event]) -> Result<bool, StoreError> {
        self.write_with_events(marked_done(read, self.ambient.now()), events).await
    }

    /// Writes an update with the events of what it records: all or nothing. Returns whether it was written.
    pub(super) async fn write_with_events(
        &self,
        update: Write,
        events: &[Event],
    ) -> Result<bool, StoreError> {
        if events.is_empty() {
            return Ok(self.update_alone(update).await?.is_written());
        }
        let mut writes = vec![update];
        writes.extend(events.iter().map(put_event));
        Ok(self.transact(writes).await?.is_written())
    }
}
