//! A mailbox that every mail arrives in: an SES v2 endpoint in front, a page and `GET /messages` behind.
//!
//! Owns the mails and the failures that a test has ordered. No mail ever leaves this process.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;

mod address;
mod outcome;
pub(crate) mod page;
mod request;
pub(crate) mod ses;

/// A mail that has arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// What SES answered as `MessageId`.
    pub id: String,
    /// The recipients, as they were written.
    pub to: Vec<String>,
    /// The sender, as it was written.
    pub from: String,
    /// The subject line.
    pub subject: String,
    /// The plain text part.
    pub text: Option<String>,
    /// The HTML part.
    pub html: Option<String>,
    /// The mail's own headers, and those that SES adds: `Reply-To`, `X-SES-CONFIGURATION-SET`, `X-SES-MESSAGE-TAGS`.
    /// A header that occurs twice has its values joined by a comma.
    pub headers: BTreeMap<String, String>,
    /// The tags that SES would repeat in its events.
    pub tags: BTreeMap<String, String>,
    /// What the message overrides of the configuration set's tracking.
    pub tracking: Tracking,
    /// When it arrived; RFC 3339 UTC in JSON.
    pub received_at: jiff::Timestamp,
}

/// Whether SES would watch opens and clicks of one message: `None` leaves it to the configuration set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tracking {
    /// An image that reports that the mail was opened.
    pub open: Option<bool>,
    /// Links that lead through SES.
    pub click: Option<bool>,
}

/// How SES can fail to take a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// 429 `TooManyRequestsException`; the SDK retries it by itself.
    Throttled,
    /// 500 `InternalServiceErrorException`; the SDK retries it by itself.
    Unavailable,
    /// 400 `MessageRejected`.
    Rejected,
    /// 400 `SendingPausedException`: the account may not send at present.
    AccountPaused,
}

/// The mailbox. Clones are the same mailbox.
#[derive(Clone, Debug)]
pub struct Mailbox(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Ticks at every change of the mails.
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    /// Oldest first.
    messages: Vec<Message>,
    /// What SES would report of them, not yet taken.
    events: VecDeque<Value>,
    attempts: usize,
    next_failures: VecDeque<Failure>,
    failures_by_address: HashMap<String, Failure>,
}

impl Default for Mailbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Mailbox {
    /// An empty mailbox.
    pub fn new() -> Self {
        Self(Arc::new(Shared { state: Mutex::default(), changed: watch::Sender::new(()) }))
    }

    /// The mails, newest first.
    pub fn messages(&self) -> Vec<Message> {
        self.lock().messages.iter().rev().cloned().collect()
    }

    /// How many sendings were well formed, failed ones included. The SDK's own retries count.
    pub fn attempts(&self) -> usize {
        self.lock().attempts
    }

    /// Throws all mails away. What was ordered to fail still fails.
    pub fn clear(&self) {
        self.lock().messages.clear();
        self.0.changed.send_replace(());
    }

    /// Waits for a mail of which `predicate` holds, also one that is there already; the newest when there are several.
    /// `None` after `timeout`.
    pub async fn wait_for(&self, predicate: impl Fn(&Message) -> bool, timeout: Duration) -> Option<Message> {
        let mut changes = self.0.changed.subscribe();
        let found = async {
            loop {
                changes.borrow_and_update();
                let message = self.lock().messages.iter().rev().find(|message| predicate(message)).cloned();
                if message.is_some() || changes.changed().await.is_err() {
                    return message;
                }
            }
        };
        tokio::time::timeout(timeout, found).await.ok().flatten()
    }

    /// What SES has to report of mails since this was last asked, as EventBridge would bring it, oldest first.
    pub fn take_events(&self) -> Vec<Value> {
        self.lock().events.drain(..).collect()
    }

    /// The next thing that SES has to report; waits for it.
    pub async fn next_event(&self) -> Value {
        let mut changes = self.0.changed.subscribe();
        loop {
            changes.borrow_and_update();
            let event = self.lock().events.pop_front();
            // The sender is this mailbox's own: it lives as long as this call.
            match event {
                Some(event) => return event,
                None => drop(changes.changed().await),
            }
        }
    }

    /// Lets the next `count` sendings fail, whoever they are for. Calls queue up. The SDK's own retries each use one.
    pub fn fail_next(&self, count: usize, failure: Failure) {
        self.lock().next_failures.extend(std::iter::repeat_n(failure, count));
    }

    /// Lets every sending to `address` fail from now on, however its case is written.
    pub fn fail_for(&self, address: &str, failure: Failure) {
        self.lock().failures_by_address.insert(address.to_lowercase(), failure);
    }

    /// Takes back all failures that were ordered.
    pub fn clear_failures(&self) {
        let mut state = self.lock();
        state.next_failures.clear();
        state.failures_by_address.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a mail in, unless it was ordered to fail.
    fn receive(&self, message: Message) -> Result<(), Failure> {
        let mut state = self.lock();
        state.attempts += 1;
        if let Some(failure) = state.next_failures.pop_front() {
            return Err(failure);
        }
        for recipient in &message.to {
            let bare = address::bare(recipient).unwrap_or(recipient).to_lowercase();
            if let Some(failure) = state.failures_by_address.get(&bare) {
                return Err(*failure);
            }
        }
        state.events.extend(outcome::events(&message));
        state.messages.push(message);
        drop(state);
        self.0.changed.send_replace(());
        Ok(())
    }
}
