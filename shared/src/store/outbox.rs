//! Public requests and outbox items: put once, marked as done once.
//!
//! **Sending is at least once.** SES has no idempotency. When a mailer dies, or the store fails, after SES has taken the mail and
//! before `done_at` is written, the record comes again, and the mail is sent twice: the very same mail, with the same token or
//! code. There is one exception, a record that was answered with an earlier link because two links were open. Its repetition is
//! answered with the link that is then the newest, or with a new ticket if one has ended meanwhile. A ticket that was used or
//! voided meanwhile is not sent.

use std::time::Duration;

use crate::domain::event::Event;
use crate::domain::limit::{ForgotLimits, Subject, Window};
use crate::domain::outbox::OutboxItem;
use crate::platform::clock::{Timestamp, days};
use crate::store::error::StoreError;
use crate::store::events::put_event;
use crate::store::keys::{self, Key};
use crate::store::limits::{self, Decision};
use crate::store::transact::{Outcome, Store};
use crate::store::write::{Write, lacks, present};

/// The time for which an outbox item is kept: longer than the stream (24 hours) and every retry of it.
const KEPT: Duration = days(8);

/// The write that puts an outbox item. The stream hands the new item to the mailer.
pub(super) fn put_outbox_item(item: &OutboxItem) -> Write {
    Write::create(&keys::outbox_item(item), item, Some(item.at + KEPT))
}

/// One counter of a public request, and the windows that must have room.
struct Counter<'a> {
    key: Key,
    windows: &'a [Window],
    /// Whether the counter is the identifier's own, and not the one of the source address.
    is_own: bool,
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
    /// - The `REQUEST` item is put. Condition: it does not exist.
    ///
    /// The configuration may lift a limit; its counter is then left out. Nothing lifts the limit on codes. [`Decision::Refused`]
    /// means that a window is full; nothing is written, and nothing is counted. One round trip.
    pub async fn create_request(
        &self,
        request: &OutboxItem,
        identifier: &Subject,
        address: &Subject,
        limits: &ForgotLimits,
    ) -> Result<Decision, StoreError> {
        // Nobody's configuration lifts the limit on codes: it is what keeps them from being guessed.
        let codes: Vec<Window> =
            request.challenge().map(|challenge| challenge.budget(request.at)).into_iter().collect();
        let mut counters = vec![
            Counter { key: keys::forgot_limit(identifier), windows: &limits.identifier, is_own: true },
            Counter { key: keys::code_limit(identifier), windows: &codes, is_own: true },
            Counter { key: keys::forgot_limit(address), windows: &limits.address, is_own: false },
        ];
        counters.retain(|counter| !counter.windows.is_empty());
        let count =
            |counter: &Counter<'_>| limits::count_in_windows(&counter.key, counter.windows, request.at);
        let writes = counters.iter().map(count).chain([put_outbox_item(request)]).collect();
        let refused = match self.transact(writes).await? {
            Outcome::Written => return Ok(Decision::Allowed),
            Outcome::Refused(refused) => refused,
        };
        let (mut wait, mut is_own) = (1, false);
        for (place, counter) in counters.iter().enumerate() {
            if let Some(old) = refused.old(place) {
                wait = wait.max(limits::retry_after(old, counter.windows, request.at));
                is_own |= counter.is_own;
            }
        }
        Ok(Decision::Refused { retry_after: wait, since: is_own.then_some(request.at) })
    }

    /// Puts an item that asks for no mail and is bound to no limit: the note that a limit was hit.
    ///
    /// One transaction: the item is put. Condition: it does not exist.
    ///
    /// A refusal means that an item with its id is there; that stays as it is, and it is no error. The id of such a note is the
    /// same for all hits of an identifier within an hour, so a flood leaves one. One round trip.
    pub async fn create_outbox_item(&self, item: &OutboxItem) -> Result<(), StoreError> {
        self.transact(vec![put_outbox_item(item)]).await.map(|_| ())
    }

    /// Finds an item as it is now; a record of the stream shows it as it was put. One round trip.
    pub async fn find_outbox_item(&self, item: &OutboxItem) -> Result<Option<OutboxItem>, StoreError> {
        self.get(&keys::outbox_item(item)).await
    }

    /// Marks an item as done, and records the events that belong to no ticket.
    ///
    /// One transaction:
    ///
    /// - The item gets `done_at`. Condition: it exists, and has none.
    /// - The events are put. Condition: none of them exists.
    ///
    /// A refusal means that the item was marked before; nothing is written, and no harm is done. One round trip.
    pub async fn record_done(
        &self,
        item: &OutboxItem,
        events: &[Event],
        now: Timestamp,
    ) -> Result<Outcome, StoreError> {
        let mark = Write::update(&keys::outbox_item(item)).set("done_at", now);
        let mut writes = vec![mark.only_if(present().and(lacks("done_at")))];
        writes.extend(events.iter().map(put_event));
        self.transact(writes).await
    }
}
