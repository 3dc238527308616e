//! The records of one shard that wait to be delivered, and what an answer of the function does to them.
//!
//! Pure: this module owns the rules of retries. It does not read a stream or wait.

use std::collections::{HashSet, VecDeque};

use serde_json::{Value, json};

use super::DeadLetter;

/// The largest number of records in one batch, the same as in `infra/template.yaml`.
const BATCH: usize = 10;

#[derive(Debug)]
pub(super) struct Queue {
    waiting: VecDeque<Waiting>,
    /// The largest number of records in the next batch. It is smaller after an error, to find the record that causes
    /// it.
    batch: usize,
    /// The sequence number of the last record of this page that left in order.
    last_done: Option<String>,
    last_error: Option<String>,
    /// The number of failed deliveries since the last one that made progress.
    failures: u32,
}

#[derive(Debug)]
struct Waiting {
    sequence: String,
    record: Value,
    attempts: u32,
}

/// The result of a delivery.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Settled {
    /// The number of records that succeeded.
    pub(super) delivered: usize,
    /// The records that have failed too often.
    pub(super) dead: Vec<DeadLetter>,
}

/// The records of a batch that failed.
enum Failed {
    /// The batch as a whole failed.
    All(String),
    /// The records at these positions of the batch failed. The list is never empty.
    Some(Vec<usize>),
}

impl Default for Queue {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), batch: BATCH, last_done: None, last_error: None, failures: 0 }
    }
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn push(&mut self, sequence: String, record: Value) {
        if self.waiting.is_empty() {
            self.last_done = None;
        }
        self.waiting.push_back(Waiting { sequence, record, attempts: 0 });
    }

    /// The sequence number of the last record before those that wait, if a record of their page has left.
    pub(super) fn last_done(&self) -> Option<&String> {
        self.last_done.as_ref()
    }

    /// The error of the last delivery, unless it succeeded.
    pub(super) fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// The number of deliveries in a row that made no progress.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// The next batch, as an event of Lambda.
    pub(super) fn batch(&self) -> Option<Value> {
        let records: Vec<&Value> =
            self.waiting.iter().take(self.batch).map(|waiting| &waiting.record).collect();
        (!records.is_empty()).then(|| json!({"Records": records}))
    }

    /// Records the answer to [`Self::batch`].
    pub(super) fn record_answer(&mut self, answer: Result<Value, String>, max_attempts: u32) -> Settled {
        let size = self.batch.min(self.waiting.len());
        let failed = match answer {
            Err(error) => Some(Failed::All(error)),
            Ok(answer) => self.failures_in(&answer, size),
        };
        let settled = match failed {
            None => {
                self.last_error = None;
                Settled { delivered: self.leave(size), dead: Vec::new() }
            }
            Some(Failed::All(error)) => self.fail_all(size, error, max_attempts),
            Some(Failed::Some(places)) => self.fail_some(&places, max_attempts),
        };
        let got_somewhere = settled.delivered > 0 || !settled.dead.is_empty();
        self.failures = if got_somewhere { u32::from(self.last_error.is_some()) } else { self.failures + 1 };
        settled
    }

    /// Records that a whole batch failed. If it has several records, the cause is unknown, and the batch is delivered
    /// again in halves.
    fn fail_all(&mut self, size: usize, error: String, max_attempts: u32) -> Settled {
        self.batch = size.div_ceil(2).max(1);
        let dead = if size == 1 { self.blame(&[0], &error, max_attempts) } else { Vec::new() };
        self.last_error = Some(error);
        Settled { delivered: 0, dead }
    }

    /// Records that some records of a batch failed. The records before the first failure are done. Those after it are
    /// delivered again, whether they failed or not.
    fn fail_some(&mut self, places: &[usize], max_attempts: u32) -> Settled {
        let error = "the function reported that the record failed";
        let first = places.iter().copied().min().unwrap_or_default();
        let delivered = self.leave(first);
        let places: Vec<usize> = places.iter().map(|place| place - first).collect();
        let dead = self.blame(&places, error, max_attempts);
        self.last_error = Some(error.to_owned());
        Settled { delivered, dead }
    }

    /// Removes the first `count` records, which are done.
    fn leave(&mut self, count: usize) -> usize {
        self.batch = BATCH;
        for waiting in self.waiting.drain(..count) {
            self.last_done = Some(waiting.sequence);
        }
        count
    }

    /// Counts a failure of each of these records, and removes those that have failed too often.
    fn blame(&mut self, places: &[usize], error: &str, max_attempts: u32) -> Vec<DeadLetter> {
        let mut places = places.to_vec();
        places.sort_unstable();
        places.dedup();
        let mut dead = VecDeque::new();
        for place in places.into_iter().rev() {
            let Some(waiting) = self.waiting.get_mut(place) else { continue };
            waiting.attempts += 1;
            if waiting.attempts < max_attempts {
                continue;
            }
            if let Some(Waiting { sequence, record, attempts }) = self.waiting.remove(place) {
                if place == 0 {
                    self.last_done = Some(sequence);
                }
                dead.push_front(DeadLetter { record, error: error.to_owned(), attempts });
            }
        }
        dead.into()
    }

    /// Reads a partial batch response as Lambda does. If it names no record, all succeeded. If it cannot be read, or
    /// names a record that is not in the batch, all failed.
    fn failures_in(&self, answer: &Value, size: usize) -> Option<Failed> {
        let items = match answer {
            Value::Null => return None,
            Value::Object(members) => match members.get("batchItemFailures") {
                None | Some(Value::Null) => return None,
                Some(Value::Array(items)) => items,
                Some(_) => return Some(Failed::All("batchItemFailures is not a list".to_owned())),
            },
            _ => return Some(Failed::All("the answer is not a partial batch response".to_owned())),
        };
        let failed: Option<HashSet<&str>> =
            items.iter().map(|item| item["itemIdentifier"].as_str()).collect();
        let Some(failed) = failed else {
            return Some(Failed::All("batchItemFailures has an item without itemIdentifier".to_owned()));
        };
        let batch = self.waiting.iter().take(size).enumerate();
        let places: Vec<usize> = batch
            .filter(|(_, waiting)| failed.contains(waiting.sequence.as_str()))
            .map(|(place, _)| place)
            .collect();
        if places.len() < failed.len() {
            return Some(Failed::All(
                "batchItemFailures names a record that was not in the batch".to_owned(),
            ));
        }
        (!places.is_empty()).then_some(Failed::Some(places))
    }
}

#[cfg(test)]
mod tests;
