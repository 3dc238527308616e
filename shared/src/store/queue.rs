//! The queues of outbox items that are not done: those that wait for an attempt, and those that were given up.
//!
//! **One index.** Each item names its queue's partition and its time, so the index `outbox-queue` has it until both are removed. A
//! queue is in 64 partitions, of which an item's id chooses one. The index has keys alone: a code that is entered, or a report of
//! SES, changes nothing there. It is a moment behind, so nothing is done on its word. An item is claimed by a condition on the item
//! itself, and of two sweeps that see it one claims it.

use std::time::Duration;

use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::try_join_all;

use crate::domain::event::Event;
use crate::domain::outbox::{KEPT, OutboxItem, Queue};
use crate::platform::clock::Timestamp;
use crate::platform::ids::{AccountId, OutboxId};
use crate::store::conditions::as_served;
use crate::store::error::StoreError;
use crate::store::items::{Item, number_of};
use crate::store::keys::{self, Key, OUTBOX_QUEUE, QUEUE_ATTRIBUTE, QUEUE_SHARDS};
use crate::store::transact::{Store, Updated};
use crate::store::write::{Condition, Range, Within, Write, equals, lacks, present};

/// The most items of a partition that one look at a queue finds.
const LOOKED_AT: i32 = 50;
/// The time for which a claimed item is left alone. It is longer than an attempt takes.
const CLAIMED: Duration = Duration::from_mins(2);
/// The most keys that DynamoDB reads at once.
const BATCH: i32 = 100;

/// An item of a queue, as the index has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// The key of the item.
    pub key: Key,
    /// The id of the item.
    pub id: OutboxId,
    /// The time of its next attempt, or at which it was parked.
    pub due_at: Timestamp,
}

impl Queued {
    fn read(item: &Item) -> Option<Self> {
        let pk = item.get("pk")?.as_s().ok()?;
        Self::of(pk, number_of(item, "due_at")?)
    }

    fn of(pk: &str, due_at: i64) -> Option<Self> {
        Some(Self {
            key: keys::outbox_key(pk)?,
            id: keys::outbox_id(pk)?,
            due_at: Timestamp::from_millis(due_at),
        })
    }
}

/// A place in the queues: after this item, in this partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    queue: Queue,
    shard: u128,
    after: Option<Queued>,
}

impl Place {
    /// The beginning of a queue.
    pub const fn start_of(queue: Queue) -> Self {
        Self { queue, shard: 0, after: None }
    }

    /// The queue that it is a place of.
    pub const fn queue(&self) -> Queue {
        self.queue
    }

    /// Reads the text of a place.
    pub fn parse(text: &str) -> Option<Self> {
        let [queue, shard, pk, due_at] = text.splitn(4, '/').collect::<Vec<_>>()[..] else { return None };
        let queue = Queue::ALL.into_iter().find(|each| each.name() == queue)?;
        let shard = shard.parse().ok().filter(|shard| *shard < QUEUE_SHARDS)?;
        let after = (!pk.is_empty()).then(|| Queued::of(pk, due_at.parse().ok()?));
        // What has been given and cannot be read is no place.
        let after = after.map_or(Some(None), |after| after.map(Some))?;
        Some(Self { queue, shard, after })
    }

    fn partition(&self) -> String {
        keys::queue_shard(self.queue, self.shard)
    }

    fn start_key(&self) -> Option<Item> {
        let Queued { key, due_at, .. } = self.after.as_ref()?;
        let mut start = key.attributes();
        start.insert(QUEUE_ATTRIBUTE.to_owned(), AttributeValue::S(self.partition()));
        start.insert("due_at".to_owned(), AttributeValue::N(due_at.millis().to_string()));
        Some(start)
    }

    /// The next partition, if there is one.
    fn next(&self) -> Option<Self> {
        let shard = self.shard + 1;
        (shard < QUEUE_SHARDS).then_some(Self { shard, after: None, ..*self })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (pk, due_at) =
            self.after.as_ref().map_or(("", 0), |queued| (queued.key.pk.as_str(), queued.due_at.millis()));
        write!(f, "{}/{}/{pk}/{due_at}", self.queue.name(), self.shard)
    }
}

/// Items of a queue, in no order.
pub struct QueuePage {
    /// The items. One that is gone, or that cannot be read, is left out.
    pub items: Vec<OutboxItem>,
    /// Where to go on; `None` at the end of the queue.
    pub next: Option<Place>,
}

impl Store {
    /// Finds waiting items whose time has come, those of requests first, and the longest due first: at most 50 of each partition. Eight round trips.
    pub async fn list_due(&self, now: Timestamp) -> Result<Vec<Queued>, StoreError> {
        let partitions: Vec<String> =
            (0..QUEUE_SHARDS).map(|shard| keys::queue_shard(Queue::Waiting, shard)).collect();
        let look = |partition| self.look(partition, Within::UpTo("due_at", now.millis()), LOOKED_AT, None);
        let mut due: Vec<Queued> = Vec::new();
        // A small function opens few connections at once.
        for some in partitions.chunks(8) {
            for page in try_join_all(some.iter().map(String::as_str).map(look)).await? {
                due.extend(page.items.unwrap_or_default().iter().filter_map(Queued::read));
            }
        }
        // Somebody waits for the mail of a request.
        due.sort_unstable_by_key(|queued| (keys::kind(&queued.key.pk) != "REQUEST", queued.due_at));
        Ok(due)
    }

    /// A page of a partition of a queue.
    async fn look(
        &self,
        partition: &str,
        within: Within<'_>,
        limit: i32,
        start: Option<Item>,
    ) -> Result<QueryOutput, StoreError> {
        let range = Range { index: Some(OUTBOX_QUEUE), name: QUEUE_ATTRIBUTE, partition, within };
        let call = range.into_call(self.client.query().table_name(&self.table));
        let answer = call.limit(limit).set_exclusive_start_key(start).send().await;
        answer.map_err(|error| StoreError::failed("Query", &error))
    }

    /// Takes an item for an attempt. Nobody else takes it for the next two minutes.
    ///
    /// One update by itself: the item's `due_at` becomes later. Condition: it waits, and its `due_at` is as the index had it. When the
    /// condition fails, it is done, parked or somebody else's, and `None` is returned.
    ///
    /// # Errors
    /// [`StoreError::Broken`] when the item cannot be read; it has been claimed then. One round trip.
    pub async fn claim(&self, queued: &Queued, now: Timestamp) -> Result<Option<OutboxItem>, StoreError> {
        let is_free = waits().and(equals("due_at", queued.due_at));
        let claim = Write::update(&queued.key).set("due_at", now + CLAIMED).only_if(is_free);
        match self.update_alone(claim).await? {
            Updated::Written(item) => self.reader.value(&queued.key.pk, item).map(Some),
            Updated::Refused(_) => Ok(None),
        }
    }

    /// Records that an attempt has failed for now, and when the item is to be tried again.
    ///
    /// One transaction, or one update by itself when there is no event:
    ///
    /// - The item gets `due_at`, `attempts`, `failure` and `served`. Condition: it waits, and its `served` is as read.
    /// - The events of the mails that SES has taken are put. Condition: none of them exists.
    ///
    /// A refusal means that somebody else has dealt with the item; nothing is written, and that is no error. One round trip.
    pub async fn record_delay(
        &self,
        read: &OutboxItem,
        delayed: &OutboxItem,
        sent: &[Event],
    ) -> Result<(), StoreError> {
        let now = self.ambient.now();
        let due_at = delayed.due_at.unwrap_or(now);
        let write = moved(&keys::outbox_item(delayed), delayed.id, Queue::Waiting, due_at, now)
            .set("attempts", delayed.attempts)
            .set("failure", &delayed.failure)
            .set("served", &delayed.served);
        self.write_with_events(write.only_if(waits().and(as_served(read))), sent).await.map(|_| ())
    }

    /// Parks an item, and records its events. A parked item is kept for eight days more.
    ///
    /// One transaction, or one update by itself when there is no event:
    ///
    /// - The item's queue becomes `parked`, its `failure` the given one, and it gets `served`. Condition: it waits, and its `served`
    ///   is as read.
    /// - The events are put. Condition: none of them exists.
    ///
    /// `false` means that somebody else has dealt with the item since it was read; nothing is written. One round trip.
    pub async fn park(
        &self,
        read: &OutboxItem,
        served: &[AccountId],
        failure: &str,
        events: &[Event],
    ) -> Result<bool, StoreError> {
        let park = parked(&keys::outbox_item(read), read.id, failure, self.ambient.now());
        let park = park.set("served", served).only_if(waits().and(as_served(read)));
        self.write_with_events(park, events).await
    }

    /// Parks an item that cannot be read. One update by itself. Condition: it is there, and not done. One round trip.
    pub async fn park_unread(&self, key: &Key, now: Timestamp) -> Result<(), StoreError> {
        let Some(id) = keys::outbox_id(&key.pk) else { return Ok(()) };
        let park = parked(key, id, "unreadable", now).only_if(present().and(lacks("done_at")));
        self.update_alone(park).await.map(|_| ())
    }

    /// Reads a part of a queue: some hundred items at most. Two round trips, and more where partitions are empty.
    pub async fn read_queue(&self, from: Place) -> Result<QueuePage, StoreError> {
        let mut place = from;
        loop {
            let answer = self.look(&place.partition(), Within::All, BATCH, place.start_key()).await?;
            let more = answer.last_evaluated_key.as_ref().and_then(Queued::read);
            let next = match more {
                Some(last) => Some(Place { after: Some(last), ..place.clone() }),
                None => place.next(),
            };
            let found: Vec<Queued> =
                answer.items.unwrap_or_default().iter().filter_map(Queued::read).collect();
            if found.is_empty()
                && let Some(next) = next
            {
                place = next;
                continue;
            }
            let items = self.read_queued(&found, place.queue).await?;
            return Ok(QueuePage { items, next });
        }
    }

    /// The items as they are now, without those that have left the queue.
    async fn read_queued(&self, found: &[Queued], queue: Queue) -> Result<Vec<OutboxItem>, StoreError> {
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let items = self.get_batch(found.iter().map(|queued| queued.key.clone())).await?;
        let items = items.into_iter().filter_map(|item| self.reader.value::<OutboxItem>("OUTBOX", item).ok());
        Ok(items.filter(|item| item.done_at.is_none() && item.queue == queue).collect())
    }

    /// Puts an item back, so that the next sweep tries it: with the secret that it had, or, when that is over, with a fresh one.
    ///
    /// An item whose time has come is left alone, because the next sweep tries it anyway.
    ///
    /// One update by itself: the item waits from now on, its attempts begin anew, and it is kept for eight days more. One that was
    /// parked gets `redriven_at`. Condition: it is not done, and its queue is as read. When the condition fails, it was put back or is
    /// done, and that is no error; returns whether it was written. One round trip.
    pub async fn redrive(&self, item: &OutboxItem, now: Timestamp) -> Result<bool, StoreError> {
        if item.queue == Queue::Waiting && item.due_at.is_some_and(|due_at| due_at <= now) {
            return Ok(false);
        }
        let as_read = present().and(lacks("done_at")).and(equals("queue", item.queue));
        let key = keys::outbox_item(item);
        let write = moved(&key, item.id, Queue::Waiting, now, now).remove("attempts");
        let was_parked = item.queue == Queue::Parked;
        let write = if was_parked { write.set("redriven_at", now) } else { write };
        Ok(self.update_alone(write.only_if(as_read)).await?.is_written())
    }
}

/// The condition that an item waits for an attempt. One of an earlier release names no queue.
fn waits() -> Condition {
    present().and(lacks("done_at")).and(lacks("queue").or(equals("queue", Queue::Waiting)))
}

fn parked(key: &Key, id: OutboxId, failure: &str, now: Timestamp) -> Write {
    moved(key, id, Queue::Parked, now, now).set("failure", failure)
}

/// The write that puts an item into a queue, at its time there. It is kept for eight days from now: until it has been looked at once
/// more, which is when it is parked at last, or until an operator has.
fn moved(key: &Key, id: OutboxId, queue: Queue, due_at: Timestamp, now: Timestamp) -> Write {
    Write::update(key)
        .set(QUEUE_ATTRIBUTE, keys::queue(queue, id))
        .set("queue", queue)
        .set("due_at", due_at)
        .set("expires_at", (now + KEPT).seconds())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_same_after_its_text() {
        let id = OutboxId::from_bytes([7; 16]);
        let after = Queued { key: keys::request(id), id, due_at: Timestamp::from_millis(12) };
        let first = Place::start_of(Queue::Parked);
        for place in [first.clone(), Place { shard: 63, after: Some(after), ..first }] {
            assert_eq!(Place::parse(&place.to_string()), Some(place));
        }
        for text in ["", "PARKED", "PARKED/64//0", "LOST/1//0", "PARKED/-1//0", "PARKED/1/REQUEST#x"] {
            assert_eq!(Place::parse(text), None, "{text}");
        }
    }
}
