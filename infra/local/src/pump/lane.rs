//! One shard of the stream, as far as it has been read and delivered.

use serde_json::Value;
use tokio::time::Instant;

use super::queue::Queue;

/// A record of a shard, reduced to what the pump needs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Read {
    /// The sequence number of the record, which is its place in the shard.
    pub(super) sequence: String,
    /// The record for the function, if it passes the filter.
    pub(super) record: Option<Value>,
}

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) shard: String,
    pub(super) parent: Option<String>,
    /// The iterator of the next page, for as long as it is valid.
    pub(super) iterator: Option<String>,
    /// The last sequence number that was read.
    pub(super) read: Option<String>,
    /// Whether nothing will ever follow the last record that was read.
    pub(super) closed: bool,
    pub(super) queue: Queue,
    /// The time before which nothing is delivered.
    pub(super) retry_at: Option<Instant>,
    /// The sequence number up to which the records have been deleted.
    pub(super) trimmed: Option<String>,
    /// The last sequence number that is done with.
    done: Option<String>,
}

impl Lane {
    /// A shard that is read after `place`, or from its beginning.
    pub(super) fn new(shard: String, parent: Option<String>, place: Option<String>) -> Self {
        Self {
            shard,
            parent,
            iterator: None,
            read: place.clone(),
            closed: false,
            queue: Queue::default(),
            retry_at: None,
            trimmed: None,
            done: place,
        }
    }

    /// Whether the shard has been read and delivered to its end.
    pub(super) fn is_done(&self) -> bool {
        self.closed && self.queue.is_empty()
    }

    /// Whether nothing is delivered at present, because the last delivery failed.
    pub(super) fn rests(&self) -> bool {
        self.retry_at.is_some_and(|at| at > Instant::now())
    }

    /// Adds the records of a page to the queue, which must be empty.
    pub(super) fn take_page(&mut self, page: &[Read]) {
        self.done.clone_from(&self.read);
        for read in page {
            if let Some(record) = &read.record {
                self.queue.push(read.sequence.clone(), record.clone());
            }
            self.read = Some(read.sequence.clone());
        }
    }

    /// The sequence number up to which nothing is left to do.
    pub(super) fn place(&self) -> Option<&str> {
        let place = if self.queue.is_empty() {
            self.read.as_ref()
        } else {
            self.queue.last_done().or(self.done.as_ref())
        };
        place.map(String::as_str)
    }

    /// [`Self::place`], if the records up to it have not been deleted yet.
    pub(super) fn untrimmed(&self) -> Option<String> {
        let place = self.place().filter(|place| self.trimmed.as_deref() != Some(*place));
        place.map(str::to_owned)
    }
}
