//! Requests and outbox items: put once, marked once.

use std::time::Duration;

use crate::domain::challenge;
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

/// An outbox item outlives the stream (24 hours) and every retry of it.
const KEPT: Duration = days(8);

/// An outbox item as part of a transaction. Its insertion is what the stream hands to the mailer.
pub(super) fn put_outbox_item(item: &OutboxItem) -> Write {
    Write::create(&keys::outbox_item(item), item, Some(item.at + KEPT))
}

/// One counter of a public request, and the windows that must have room.
struct Counter<'a> {
    key: Key,
    windows: &'a [Window],
    /// Counts what the request names, not where it comes from or what else it asks for.
    is_own: bool,
}

impl Store {
    /// Takes a public request, if the limits of who is named and of where it comes from have room: one round trip.
    ///
    /// | Write | Condition |
    /// |---|---|
    /// | update the counter of the identifier | every window has room |
    /// | by code: update the counter of the identifier's codes | fewer than four in 24 hours and 15 minutes |
    /// | update the counter of the source address | every window has room |
    /// | put the `REQUEST` item | there is none |
    pub async fn create_request(
        &self,
        request: &OutboxItem,
        identifier: &Subject,
        address: &Subject,
        limits: &ForgotLimits,
    ) -> Result<Decision, StoreError> {
        // Nobody's configuration lifts the limit on codes: it is what keeps them from being guessed.
        let codes: &[Window] = if request.challenge().is_some() { &[challenge::BUDGET] } else { &[] };
        let mut counters = vec![
            Counter { key: keys::forgot_limit(identifier), windows: &limits.identifier, is_own: true },
            Counter { key: keys::code_limit(identifier), windows: codes, is_own: true },
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

    /// Takes an item that asks for no mail and is bound to no limit. One with its id that is there stays as it is.
    pub async fn create_outbox_item(&self, item: &OutboxItem) -> Result<(), StoreError> {
        self.transact(vec![put_outbox_item(item)]).await.map(|_| ())
    }

    /// The item as it is now. A stream record shows it as it was.
    pub async fn find_outbox_item(&self, item: &OutboxItem) -> Result<Option<OutboxItem>, StoreError> {
        self.get(&keys::outbox_item(item)).await
    }

    /// Marks an item as dealt with and records what came of it. Refused, without harm, when it was marked before.
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
