//! Events: put with what they record, never changed, never deleted (U1), and read newest first.
//!
//! An account's log is a partition of the table. The logs of a practice, of an actor and of an action are indexes, which DynamoDB
//! keeps by itself, after the write and outside the transaction.
//!
//! **Partitions.** Events of many people come together in the logs of a practice, of an action and of the operator. No flood may
//! make such a log wait, because an index that cannot follow makes the writes of its table wait. So each is in several partitions, of
//! which an event's id chooses one, and a page is put together from all of them.
//!
//! **Why indexes and no copies.** Three more items beside each event would be three more writes in every transaction that records
//! one, at twice the price, and these could conflict; and each role would have three more kinds to put. An index is a moment
//! behind, which does no harm, because a log decides nothing. Each index has the whole event, so a page needs no second read.

use std::cmp::Reverse;

use futures::future::try_join_all;

use crate::domain::event::Event;
use crate::domain::practice::Portal;
use crate::platform::clock::{Timestamp, days};
use crate::platform::ids::{AccountId, EventId};
use crate::store::error::StoreError;
use crate::store::keys::{self, Log, LogPlace};
use crate::store::transact::{Page, Store};
use crate::store::write::{Range, Within, Write};

/// The part of a log that is read: the events between two ids, both included, the newest first.
#[derive(Clone, Copy, Debug)]
pub struct LogPart {
    /// The id of the oldest event.
    pub low: EventId,
    /// The id of the newest event.
    pub high: EventId,
    /// The most events that are read; `None` for as many as one reply of DynamoDB holds.
    pub limit: Option<i32>,
}

/// The events of one reply of DynamoDB: at most a megabyte of them.
pub struct LogPage {
    /// The events, the newest first.
    pub events: Vec<Event>,
    /// Whether there may be more.
    pub more: bool,
}

impl Store {
    /// Records an event that belongs to no change, such as a failed sign-in.
    ///
    /// One put by itself. Condition: the event does not exist.
    ///
    /// When the condition fails, the event is there, and the method succeeds: an earlier attempt whose reply was lost has put it,
    /// or its id was made to be the same for all attempts that meet one limit, so that a flood leaves one event. Up to one round
    /// trip.
    pub async fn record_event(&self, event: &Event) -> Result<(), StoreError> {
        self.record(put_event(event), event.at).await.map(|_| ())
    }

    /// Does what [`Store::record_event`] does, and tells whether the event was not there. Up to one round trip.
    pub async fn record_first(&self, event: &Event) -> Result<bool, StoreError> {
        self.record(put_event(event), event.at).await
    }

    /// Does for a name that nobody has, by an id of its own, what [`Store::record_event`] does for an account, with an item that
    /// nobody reads and that is deleted after a day (F1). Up to one round trip.
    pub async fn record_nobody(&self, nobody: AccountId, event: &Event) -> Result<(), StoreError> {
        let event = Event { account: Some(nobody), portal: Some(Portal::Client), ..event.clone() };
        let put = Write::create(&keys::event_of_nobody(nobody, &event), &event, Some(event.at + days(1)));
        let places = keys::logs(&event);
        // The names are as long as those of the indexes, which must not have the item.
        let put = places.fold(put, |put, place| put.with(&place.name.replace("log", "not"), place.partition));
        self.record(put, event.at).await.map(|_| ())
    }

    async fn record(&self, put: Write, now: Timestamp) -> Result<bool, StoreError> {
        let key = put.key().clone();
        if self.refusals.recall(&key, now).is_some() {
            return Ok(false);
        }
        // If not, it is there already: by an attempt whose reply was lost, or by another that met the same limit.
        let is_first = self.put_alone(put).await?;
        self.refusals.note_lasting(&key, now);
        Ok(is_first)
    }

    /// Lists the events of an account, the newest first, as far as one reply of DynamoDB goes. One round trip.
    pub async fn list_events(&self, account: AccountId) -> Result<Vec<Event>, StoreError> {
        let all = LogPart { low: EventId::FIRST, high: EventId::LAST, limit: None };
        Ok(self.read_log(&Log::Account(account), all).await?.events)
    }

    /// Reads a part of a log. The log of an account is strongly consistent; the others are indexes, which are a moment behind.
    ///
    /// A log that many write to is in several partitions. Each is read as far as its part of the page is likely to go, and the
    /// events are returned as far as every partition has been read: they are never fewer than one partition's part, unless the log
    /// ends. One round trip.
    pub async fn read_log(&self, log: &Log, part: LogPart) -> Result<LogPage, StoreError> {
        let places = log.places();
        let limit = match part.limit {
            // An eighth of a page is more than three times a partition's part; four more are for the smallest pages.
            Some(limit) if places.len() > 1 => Some(limit / 8 + 4),
            limit => limit,
        };
        let pages = places.iter().map(|place| self.read_place(place, LogPart { limit, ..part }));
        let pages = try_join_all(pages).await?;
        // What is older than the last event of a partition that has more may have neighbours that have not been read.
        let unread = pages.iter().filter(|page| page.more).filter_map(|page| page.events.last());
        let horizon = unread.map(|event| event.id).max();
        let mut more = horizon.is_some();
        let mut events: Vec<Event> = pages.into_iter().flat_map(|page| page.events).collect();
        events.retain(|event| horizon.is_none_or(|horizon| event.id >= horizon));
        events.sort_unstable_by_key(|event| Reverse(event.id));
        if let Some(limit) =
            part.limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit < events.len())
        {
            events.truncate(limit);
            more = true;
        }
        Ok(LogPage { events, more })
    }

    async fn read_place(&self, place: &LogPlace, part: LogPart) -> Result<LogPage, StoreError> {
        let within = Within::Between(part.low.to_string(), part.high.to_string());
        let range = Range { index: place.index, name: place.name, partition: &place.partition, within };
        let page = Page { after: None, limit: part.limit, newest_first: true };
        let answer = self.query_page(range, page).await?;
        let more = answer.last_evaluated_key.is_some();
        let events = answer
            .items
            .unwrap_or_default()
            .into_iter()
            .map(|item| self.reader.value(&place.partition, item));
        Ok(LogPage { events: events.collect::<Result<_, _>>()?, more })
    }
}

/// The write that puts an event with its places in the logs.
pub(super) fn put_event(event: &Event) -> Write {
    let put = Write::create(&keys::event(event), event, None);
    keys::logs(event).fold(put, |put, place| put.with(place.name, place.partition))
}
