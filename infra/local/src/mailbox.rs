//! A mailbox that receives every mail: an SES v2 endpoint takes the mails in, and a page and `GET /messages` show them.
//!
//! This module owns the mails and the failures that a test has ordered. It keeps the mails in memory, and in a file if it
//! is given one. No mail ever leaves this machine.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

mod address;
mod file;
pub(crate) mod identity;
mod outcome;
pub(crate) mod page;
mod request;
pub(crate) mod ses;

use file::MailFile;

/// A mail that has arrived.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Message {
    /// The `MessageId` that the SES endpoint answered.
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
    /// The values of a header that occurs twice are joined by a comma.
    pub headers: BTreeMap<String, String>,
    /// The tags that SES repeats in its events.
    pub tags: BTreeMap<String, String>,
    /// The tracking that the message sets in place of the configuration set's.
    pub tracking: Tracking,
    /// The time at which the mail arrived; RFC 3339 in UTC in the JSON form.
    pub received_at: jiff::Timestamp,
}

/// Whether SES tracks opens and clicks of a message. `None` leaves it to the configuration set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Tracking {
    /// Whether an image reports that the mail was opened.
    pub open: Option<bool>,
    /// Whether links lead through SES.
    pub click: Option<bool>,
}

/// A way in which SES can fail to accept a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// 429 `TooManyRequestsException`.
    Throttled,
    /// 500 `InternalServiceErrorException`.
    Unavailable,
    /// 400 `MessageRejected`, for a reason of the address.
    Rejected,
    /// 400 `MessageRejected`, for a reason of the text.
    BadContent,
    /// 400 `MessageRejected`, because the deployment's own sender is not verified.
    Unverified,
    /// 400 `SendingPausedException`: the account may not send at present.
    AccountPaused,
}

/// The reason why a mail was not received.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotReceived {
    /// A test has ordered it.
    #[error("a test has ordered a failure: {0:?}")]
    Ordered(Failure),
    /// The mailbox keeps its mails in a file, which cannot be written.
    #[error("the mail cannot be kept: {0}")]
    File(#[from] io::Error),
}

/// A mailbox. Its clones are the same mailbox.
#[derive(Clone, Debug)]
pub struct Mailbox(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Signals every change of the mails.
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    /// The mails, oldest first.
    messages: Vec<Message>,
    /// The file that keeps the mails, if the mailbox has one.
    file: Option<MailFile>,
    /// The events that SES would report and that have not been taken yet.
    events: VecDeque<Value>,
    attempts: usize,
    next_failures: VecDeque<Failure>,
    failures_by_address: HashMap<String, Failure>,
    /// The addresses that SES does not mail.
    suppressed: BTreeSet<String>,
    /// Whether the account may not send.
    is_paused: bool,
    identities: BTreeMap<String, identity::Identity>,
    paused_tenants: BTreeSet<String>,
}

impl Default for Mailbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Mailbox {
    /// Creates an empty mailbox in memory.
    pub fn new() -> Self {
        Self::of(State::default())
    }

    /// Opens the mailbox that is kept in the file `path`, which is created if there is none.
    ///
    /// # Errors
    /// The file cannot be read, or contains something else than mails.
    pub fn open(path: &Path) -> io::Result<Self> {
        let opened = MailFile::open(path)?;
        Ok(Self::of(State { messages: opened.messages, file: Some(opened.file), ..State::default() }))
    }

    fn of(state: State) -> Self {
        Self(Arc::new(Shared { state: Mutex::new(state), changed: watch::Sender::new(()) }))
    }

    /// The mails, newest first.
    pub fn messages(&self) -> Vec<Message> {
        self.lock().messages.iter().rev().cloned().collect()
    }

    /// The number of well-formed requests to send a mail, including those that failed and the SDK's own retries.
    pub fn attempts(&self) -> usize {
        self.lock().attempts
    }

    /// Deletes all mails. The failures that were ordered stay.
    ///
    /// # Errors
    /// The mailbox has a file, which cannot be written. The mails are all there still.
    pub fn clear(&self) -> io::Result<()> {
        self.take().map(drop)
    }

    /// Takes all mails out, oldest first. The failures that were ordered stay.
    ///
    /// # Errors
    /// The mailbox has a file, which cannot be written. The mails are all there still.
    pub fn take(&self) -> io::Result<Vec<Message>> {
        let mut state = self.lock();
        if let Some(file) = &mut state.file {
            file.empty()?;
        }
        let messages = std::mem::take(&mut state.messages);
        drop(state);
        self.0.changed.send_replace(());
        Ok(messages)
    }

    /// Waits for a mail that fits `predicate`, or finds one that is there already; the newest if several fit. `None`
    /// after `timeout`.
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

    /// Takes the events that SES has reported since the last call, in the form in which EventBridge brings them, oldest
    /// first.
    pub fn take_events(&self) -> Vec<Value> {
        self.lock().events.drain(..).collect()
    }

    /// Takes the next event that SES reports, and waits for it if there is none.
    pub async fn next_event(&self) -> Value {
        let mut changes = self.0.changed.subscribe();
        loop {
            changes.borrow_and_update();
            let event = self.lock().events.pop_front();
            // This mailbox owns the sender, so that it lives as long as this call.
            match event {
                Some(event) => return event,
                None => drop(changes.changed().await),
            }
        }
    }

    /// Makes the next `count` requests fail, whatever their recipients. Several calls queue up. Each of the SDK's own
    /// retries uses one.
    pub fn fail_next(&self, count: usize, failure: Failure) {
        self.lock().next_failures.extend(std::iter::repeat_n(failure, count));
    }

    /// Makes every request to send to `address` fail from now on. Letter case does not count.
    pub fn fail_for(&self, address: &str, failure: Failure) {
        self.lock().failures_by_address.insert(address.to_lowercase(), failure);
    }

    /// Pauses the account's sending, or lets it go on: every request to send fails, and the account says so when it is asked.
    pub fn pause(&self, is_paused: bool) {
        self.lock().is_paused = is_paused;
    }

    /// Pauses a tenant's sending, or lets it go on.
    pub fn pause_tenant(&self, tenant: &str, is_paused: bool) {
        let mut state = self.lock();
        if is_paused {
            state.paused_tenants.insert(tenant.to_owned());
        } else {
            state.paused_tenants.remove(tenant);
        }
    }

    /// Whether the account's sending is paused.
    pub(crate) fn is_paused(&self) -> bool {
        self.lock().is_paused
    }

    /// Puts an address on the list of those that SES does not mail: a mail to it comes back at once.
    pub fn suppress(&self, address: &str) {
        self.lock().suppressed.insert(address.to_lowercase());
    }

    /// Takes an address off that list. Returns whether it was on it.
    pub(crate) fn unsuppress(&self, address: &str) -> bool {
        self.lock().suppressed.remove(&address.to_lowercase())
    }

    /// Removes all failures that were ordered.
    pub fn clear_failures(&self) {
        let mut state = self.lock();
        state.next_failures.clear();
        state.failures_by_address.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Receives a mail, unless it was ordered to fail.
    fn receive(&self, message: Message) -> Result<(), NotReceived> {
        let mut state = self.lock();
        state.attempts += 1;
        let tenant = message.headers.get("X-SES-TENANT");
        if state.is_paused || tenant.is_some_and(|tenant| state.paused_tenants.contains(tenant)) {
            return Err(NotReceived::Ordered(Failure::AccountPaused));
        }
        if let Some(failure) = state.next_failures.pop_front() {
            return Err(NotReceived::Ordered(failure));
        }
        for recipient in &message.to {
            let bare = address::bare(recipient).unwrap_or(recipient).to_lowercase();
            if let Some(failure) = state.failures_by_address.get(&bare) {
                return Err(NotReceived::Ordered(*failure));
            }
        }
        if let Some(file) = &mut state.file {
            file.append(&message)?;
        }
        let events = outcome::events(&message, &state.suppressed);
        state.events.extend(events);
        state.messages.push(message);
        drop(state);
        self.0.changed.send_replace(());
        Ok(())
    }
}
