//! A pump that does what Lambda's event source mapping does between the table's stream and the mailer.
//!
//! It reads the stream through the real DynamoDB Streams API. It keeps the inserts that the mailer handles (the filter
//! of `infra/template.yaml`) and delivers them in order, at most ten at a time, by the rules of
//! `ReportBatchItemFailures` and `BisectBatchOnFunctionError`:
//!
//! - The answer names the records that failed. Everything from the first of them on is delivered again.
//! - After an error everything is delivered again. A batch of several records is halved, so that one bad record is
//!   found.
//! - A record that has failed as often as it may is set aside ([`DeadLetter`]), and the rest goes on.
//!
//! The pump never skips a record, and never delivers a child shard before its parent is done. It delivers at least
//! once. While nobody writes it makes no calls.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::dynamodb::records::Records;
use crate::error::Error;

mod backoff;
mod checkpoint;
mod event;
mod lane;
mod queue;
mod stream;

use checkpoint::Checkpoint;
use lane::Lane;
use stream::Reader;

/// The number of times that a failing record is delivered, unless [`Pump::with_max_attempts`] sets another.
const MAX_ATTEMPTS: u32 = 5;

type Answer = Pin<Box<dyn Future<Output = Result<Value, String>> + Send>>;
type Deliver = Box<dyn Fn(Value) -> Answer + Send + Sync>;

/// A record that was given up, and the reason.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// The record, in the form of Lambda's event.
    pub record: Value,
    /// The last error.
    pub error: String,
    /// The number of times that the record failed.
    pub attempts: u32,
}

/// The work that [`Pump::drain`] has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// The number of batches that were delivered, repetitions included.
    pub invocations: usize,
    /// The number of records that succeeded.
    pub delivered: usize,
    /// The number of records that were given up.
    pub dead: usize,
}

/// A message of [`Pump::run`] for its operator.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// A delivery failed and will be repeated.
    Failed {
        /// The error that was answered.
        error: String,
        /// The wait before the next attempt.
        retry_in: Duration,
    },
    /// A record was given up.
    GivenUp(DeadLetter),
    /// The stream could not be read. The pump will try again.
    Unreadable(String),
    /// The records that were delivered could not be deleted. The pump will try again after the next ones.
    Untrimmed(String),
}

/// A pump from the stream of one table to one function.
pub struct Pump {
    reader: Reader,
    deliver: Deliver,
    max_attempts: u32,
    lanes: Vec<Lane>,
    checkpoint: Option<Checkpoint>,
    records: Option<Records>,
    dead: Vec<DeadLetter>,
}

impl Pump {
    /// Creates a pump from the stream of `table`, from its oldest record on, to `deliver`.
    ///
    /// `deliver` gets Lambda's event `{"Records": [...]}`. It returns the function's answer,
    /// `{"batchItemFailures": [{"itemIdentifier": "<SequenceNumber>"}]}`, or an error if there is no answer.
    pub fn new<D, F>(
        dynamodb: aws_sdk_dynamodb::Client,
        streams: aws_sdk_dynamodbstreams::Client,
        table: impl Into<String>,
        deliver: D,
    ) -> Self
    where
        D: Fn(Value) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Value, String>> + Send + 'static,
    {
        Self {
            reader: Reader::new(dynamodb, streams, table.into()),
            deliver: Box::new(move |event| Box::pin(deliver(event))),
            max_attempts: MAX_ATTEMPTS,
            lanes: Vec::new(),
            checkpoint: None,
            records: None,
            dead: Vec::new(),
        }
    }

    /// Sets how often a record that keeps failing is delivered: at least once, 5 times by default.
    #[must_use]
    pub fn with_max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }

    /// Stores the place that was reached in the file `path`, and goes on from there if the file exists.
    ///
    /// # Errors
    /// [`Error::Checkpoint`].
    pub fn with_checkpoint(mut self, path: PathBuf) -> Result<Self, Error> {
        self.checkpoint = Some(Checkpoint::load(path)?);
        Ok(self)
    }

    /// Deletes records of an embedded DynamoDB once they are done with, and those that the filter drops unread. AWS
    /// keeps them all for a day, so that others can read them too.
    ///
    /// # Errors
    /// [`Error::Records`]: the database does not answer.
    pub fn with_trimming(mut self, records: Records) -> Result<Self, Error> {
        records.keep_only_inserts_of(self.reader.table(), &event::PREFIXES)?;
        self.records = Some(records);
        Ok(self)
    }

    /// The records that were given up, oldest first.
    pub fn dead_letters(&self) -> &[DeadLetter] {
        &self.dead
    }

    /// Delivers everything in the stream, including what the deliveries themselves write, and returns when nothing is
    /// left. It repeats failed deliveries at once and never waits.
    ///
    /// # Errors
    /// The stream cannot be read, or its records cannot be deleted. Records that were delivered stay delivered, and
    /// another call goes on from there.
    pub async fn drain(&mut self) -> Result<Drained, Error> {
        let mut drained = Drained::default();
        loop {
            self.discover().await?;
            let mut moved = false;
            for index in 0..self.lanes.len() {
                while self.fill(index).await? {
                    moved = true;
                    while self.hand_over(index, &mut drained).await? {}
                }
            }
            if !moved {
                self.trim().await?;
                return Ok(drained);
            }
        }
    }

    /// Delivers what the stream brings, for as long as it is polled. It reads the stream once, and then after each
    /// change of `writes`; when nothing can change that any more, it ends. Between deliveries that fail it waits longer
    /// and longer, up to half a minute.
    pub async fn run(mut self, mut writes: watch::Receiver<()>, mut report: impl FnMut(Notice) + Send) {
        let mut failures = 0;
        loop {
            if let Err(error) = self.deliver_all(&mut report).await {
                failures += 1;
                report(Notice::Unreadable(error.to_string()));
                tokio::time::sleep(backoff::delay(failures)).await;
                continue;
            }
            failures = 0;
            if let Err(error) = self.trim().await {
                report(Notice::Untrimmed(error.to_string()));
            }
            // A write since the stream was read last has been noted, and ends this at once.
            tokio::select! {
                written = writes.changed() => if written.is_err() { return },
                () = self.next_retry() => {}
            }
        }
    }

    /// Delivers what every shard has. A shard whose last delivery failed rests until its time has come.
    async fn deliver_all(&mut self, report: &mut (impl FnMut(Notice) + Send)) -> Result<(), Error> {
        loop {
            let done = self.lanes.iter().filter(|lane| lane.is_done()).count();
            self.discover().await?;
            for index in 0..self.lanes.len() {
                while !self.lanes[index].rests() && self.fill(index).await? {
                    while self.hand_over_once(index, report).await? {}
                }
            }
            // The children of a shard that is done by now may have come before it.
            if self.lanes.iter().filter(|lane| lane.is_done()).count() == done {
                return Ok(());
            }
        }
    }

    /// Waits until the first of the shards that rest may go on, without end if none rests.
    async fn next_retry(&self) {
        match self.lanes.iter().filter_map(|lane| lane.retry_at).min() {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
    }

    /// Deletes the records that are done with, if this pump does so at all.
    async fn trim(&mut self) -> Result<(), Error> {
        let Some(records) = &self.records else { return Ok(()) };
        for lane in &mut self.lanes {
            let Some(place) = lane.untrimmed() else { continue };
            records.trim(self.reader.stream(), &lane.shard, &place).await?;
            lane.trimmed = Some(place);
        }
        Ok(())
    }

    /// Delivers one batch. Returns whether the next one may follow at once.
    async fn hand_over_once(
        &mut self,
        index: usize,
        report: &mut (impl FnMut(Notice) + Send),
    ) -> Result<bool, Error> {
        self.lanes[index].retry_at = None;
        let known = self.dead.len();
        let handed_over = self.hand_over(index, &mut Drained::default()).await?;
        if self.dead.len() > known {
            self.dead[known..].iter().cloned().for_each(|letter| report(Notice::GivenUp(letter)));
            return Ok(true);
        }
        let lane = &mut self.lanes[index];
        let Some(error) = lane.queue.last_error().filter(|_| handed_over) else {
            return Ok(handed_over);
        };
        let retry_in = backoff::delay(lane.queue.failures());
        report(Notice::Failed { error: error.to_owned(), retry_in });
        lane.retry_at = Some(Instant::now() + retry_in);
        Ok(false)
    }

    /// Finds the stream's shards. It starts again when the table has another stream.
    async fn discover(&mut self) -> Result<(), Error> {
        let found = self.reader.shards().await?;
        if found.is_another_stream {
            self.lanes.clear();
        }
        let kept = self.checkpoint.as_ref().map(|checkpoint| checkpoint.places(&found.stream));
        let kept: BTreeMap<String, String> = kept.unwrap_or_default();
        for shard in found.shards {
            if !self.lanes.iter().any(|lane| lane.shard == shard.id) {
                let place = kept.get(&shard.id).cloned();
                self.lanes.push(Lane::new(shard.id, shard.parent, place));
            }
        }
        Ok(())
    }

    /// Reads one page of the shard if no record of it waits. Returns whether there was anything to read.
    async fn fill(&mut self, index: usize) -> Result<bool, Error> {
        let parent = self.lanes[index].parent.as_deref();
        let parent = parent.and_then(|id| self.lanes.iter().find(|lane| lane.shard == id));
        let lane_is_held = parent.is_some_and(|parent| !parent.is_done());
        let lane = &mut self.lanes[index];
        if lane_is_held || lane.is_done() {
            return Ok(false);
        }
        if !lane.queue.is_empty() {
            return Ok(true);
        }
        let records = self.reader.page(lane).await?;
        let moved = !records.is_empty() || lane.closed;
        lane.take_page(&records);
        if moved {
            self.keep_place(index).await?;
        }
        Ok(moved)
    }

    /// Delivers one batch of the shard. Returns whether there was one.
    async fn hand_over(&mut self, index: usize, drained: &mut Drained) -> Result<bool, Error> {
        let Some(event) = self.lanes[index].queue.batch() else {
            return Ok(false);
        };
        let answer = (self.deliver)(event).await;
        let settled = self.lanes[index].queue.record_answer(answer, self.max_attempts);
        drained.invocations += 1;
        drained.delivered += settled.delivered;
        drained.dead += settled.dead.len();
        self.dead.extend(settled.dead);
        self.keep_place(index).await?;
        Ok(true)
    }

    async fn keep_place(&mut self, index: usize) -> Result<(), Error> {
        let lane = &self.lanes[index];
        match (&mut self.checkpoint, lane.place()) {
            (Some(checkpoint), Some(place)) => {
                checkpoint.keep_place(self.reader.stream(), &lane.shard, place).await
            }
            _ => Ok(()),
        }
    }
}
