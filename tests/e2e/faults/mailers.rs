//! The way of a record from the stream to the mailers: in any order, late, twice, and in many batches at once; and the sweeps.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rekey::platform::clock::{Clock as _, Timestamp};
use rekey_local::pump::Pump;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::World;
use super::chance::Chance;
use crate::support::stack::dynamodb_endpoint;

/// How many of a thousand records come late, and how many come again.
const LATE: usize = 150;
const AGAIN: usize = 150;
/// The minutes within which they come.
const LATEST: usize = 15;
/// The most records of a batch.
const BATCH: usize = 10;
/// How often a batch is delivered.
const DELIVERIES: usize = 4;
/// The batches that are delivered at once, as many as there are functions for them.
const AT_ONCE: usize = 64;
/// The sweeps at once. A deployment begins one every minute, which may meet the one before.
const SWEEPS: usize = 2;

/// What has happened to the records.
#[derive(Clone, Copy, Default)]
pub struct Deliveries {
    pub records: usize,
    pub late: usize,
    pub twice: usize,
    /// The batches that were delivered again because the mailer has died or has asked for it.
    pub repeated: usize,
    /// The records that no delivery has settled, so that they are left to the sweeps.
    pub given_up: usize,
}

pub struct Mailers {
    pump: Pump,
    fresh: Arc<Mutex<Vec<Value>>>,
    later: Vec<(Timestamp, Value)>,
    chance: Chance,
    deliveries: Arc<Mutex<Deliveries>>,
    sweeps: JoinSet<()>,
}

impl Mailers {
    pub fn start(world: &World, chance: Chance) -> Self {
        let fresh = Arc::new(Mutex::new(Vec::new()));
        let (taken, app) = (fresh.clone(), &world.app);
        let streams = rekey_local::dynamodb::streams_client(&dynamodb_endpoint());
        let pump = Pump::new(app.dynamodb.clone(), streams, &app.table, move |batch: Value| {
            taken.lock().unwrap().extend(batch["Records"].as_array().unwrap().clone());
            async { Ok(json!({"batchItemFailures": []})) }
        });
        let (later, deliveries, sweeps) = (Vec::new(), Arc::default(), JoinSet::new());
        Self { pump, fresh, later, chance, deliveries, sweeps }
    }

    pub fn deliveries(&self) -> Deliveries {
        *self.deliveries.lock().unwrap()
    }

    /// Whether records are still to come.
    pub fn are_idle(&self) -> bool {
        self.later.is_empty()
    }

    /// A minute: the mailers get what the stream brings, and sweep the outbox meanwhile. While people act, a sweep may take longer.
    pub async fn work(&mut self, world: &Arc<World>, do_people_act: bool) {
        while self.sweeps.len() < SWEEPS {
            let world = world.clone();
            let sweep = async move { drop(world.fleet.invoke_mailer(json!({"sweep": "outbox"})).await) };
            self.sweeps.spawn(sweep);
        }
        let mut records = self.due_records(world.app.clock.now()).await;
        self.chance.shuffle(&mut records);
        let (mut running, room) = (JoinSet::new(), Arc::new(Semaphore::new(AT_ONCE)));
        let mut records = records.into_iter();
        loop {
            let batch: Vec<Value> = records.by_ref().take(1 + self.chance.below(BATCH)).collect();
            if batch.is_empty() {
                break;
            }
            let (world, room, deliveries) = (world.clone(), room.clone(), self.deliveries.clone());
            running.spawn(async move {
                let _room = room.acquire().await.unwrap();
                deliver(&world, batch, &deliveries).await;
            });
        }
        while let Some(done) = running.join_next().await {
            done.unwrap();
        }
        while let Some(done) =
            if do_people_act { self.sweeps.try_join_next() } else { self.sweeps.join_next().await }
        {
            done.unwrap();
        }
        world.inbox.take_in(&world.app.mailbox.take().unwrap());
        world.app.mailbox.take_events();
    }

    /// The records that are to be delivered now.
    async fn due_records(&mut self, now: Timestamp) -> Vec<Value> {
        self.pump.drain().await.unwrap();
        let (due, later) = std::mem::take(&mut self.later).into_iter().partition(|(at, _)| *at <= now);
        self.later = later;
        let due: Vec<(Timestamp, Value)> = due;
        let mut records: Vec<Value> = due.into_iter().map(|(_, record)| record).collect();
        let mut deliveries = self.deliveries.lock().unwrap();
        for record in std::mem::take(&mut *self.fresh.lock().unwrap()) {
            let minutes = u64::try_from(self.chance.below(LATEST)).unwrap();
            let at = now + Duration::from_mins(minutes);
            deliveries.records += 1;
            if self.chance.happens(AGAIN) {
                deliveries.twice += 1;
                self.later.push((at, record.clone()));
            }
            if self.chance.happens(LATE) {
                deliveries.late += 1;
                self.later.push((at + Duration::from_mins(1), record));
            } else {
                records.push(record);
            }
        }
        records
    }
}

/// Delivers a batch as the event source mapping does: again after a failure, from the first record on that has failed.
async fn deliver(world: &World, mut batch: Vec<Value>, deliveries: &Mutex<Deliveries>) {
    for _ in 0..DELIVERIES {
        if let Some(answer) = world.fleet.invoke_mailer(json!({"Records": batch})).await {
            let failed = answer["batchItemFailures"].as_array().unwrap();
            let is_failed = |record: &Value| {
                let sequence = &record["dynamodb"]["SequenceNumber"];
                failed.iter().any(|failure| failure["itemIdentifier"] == *sequence)
            };
            let Some(first) = batch.iter().position(is_failed) else { return };
            batch.drain(..first);
        }
        deliveries.lock().unwrap().repeated += 1;
    }
    deliveries.lock().unwrap().given_up += batch.len();
}
