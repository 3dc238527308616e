//! Mails that have not been sent: `list_undelivered` shows them, and `redrive` puts them back.

use rekey::domain::outbox::{OutboxItem, OutboxKind, Queue};
use rekey::domain::practice::Slug;
use rekey::platform::clock::Timestamp;
use rekey::platform::ids::{AccountId, OutboxId};
use rekey::store::keys;
use rekey::store::queue::{Place, QueuePage};
use serde::{Deserialize, Serialize};

use crate::{Deps, OperatorError, time};

/// The most parts of the queues that one invocation reads. It answers a cursor for the rest.
const PARTS: usize = 50;

/// The mails that are meant. What is left out does not narrow them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Undelivered {
    /// One item.
    item: Option<OutboxId>,
    practice: Option<Slug>,
    /// Those that wait for another attempt, or those that were given up.
    queue: Option<Queue>,
    /// The time from which on they were asked for, RFC 3339.
    from: Option<String>,
    /// The time until which they were asked for, RFC 3339.
    until: Option<String>,
    cursor: Option<String>,
}

/// The same, read.
struct Meant {
    practice: Option<Slug>,
    queue: Option<Queue>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    now: Timestamp,
}

impl Meant {
    fn read(asked: &Undelivered, now: Timestamp) -> Result<Self, OperatorError> {
        let time = |member, text: &Option<String>| text.as_ref().map(|text| time(member, text)).transpose();
        Ok(Self {
            practice: asked.practice.clone(),
            queue: asked.queue,
            from: time("from", &asked.from)?,
            until: time("until", &asked.until)?,
            now,
        })
    }

    /// Whether an item is one of them. A new item that the stream has not brought to the mailer yet is none.
    fn has(&self, item: &OutboxItem) -> bool {
        let is_late = item.queue == Queue::Parked
            || item.attempts > 0
            || item.due_at.is_some_and(|due_at| due_at <= self.now);
        is_late
            && self.practice.as_ref().is_none_or(|practice| item.practice == *practice)
            && self.queue.is_none_or(|queue| item.queue == queue)
            && self.from.is_none_or(|from| from <= item.at)
            && self.until.is_none_or(|until| item.at <= until)
    }
}

fn invalid(member: &str, reason: &str) -> OperatorError {
    OperatorError::Invalid(format!("{member}: {reason}"))
}

/// A mail that has not been sent.
#[derive(Debug, Serialize)]
pub struct Listed {
    id: OutboxId,
    /// Its practice; absent where the item names none.
    #[serde(skip_serializing_if = "Slug::is_none")]
    practice: Slug,
    kind: &'static str,
    /// The account that it is for, where the item names one. A request names what somebody typed, which is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<AccountId>,
    asked_at: String,
    queue: Queue,
    /// The time of the next attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<String>,
    attempts: u32,
    failure: Option<String>,
}

impl Listed {
    fn of(item: OutboxItem) -> Self {
        let due_at = item.due_at.filter(|_| item.queue == Queue::Waiting);
        Self {
            id: item.id,
            practice: item.practice,
            account: account_of(&item.kind),
            kind: item.kind.name(),
            asked_at: item.at.to_string(),
            queue: item.queue,
            due_at: due_at.map(|at| at.to_string()),
            attempts: item.attempts,
            failure: item.failure,
        }
    }
}

const fn account_of(kind: &OutboxKind) -> Option<AccountId> {
    match kind {
        OutboxKind::Recovery { .. } | OutboxKind::LimitHit { .. } | OutboxKind::Help { .. } => None,
        OutboxKind::Link { account, .. }
        | OutboxKind::TemporaryPassword { account }
        | OutboxKind::CallerCheck { account, .. }
        | OutboxKind::PasswordChanged { account }
        | OutboxKind::Notice { account, .. }
        | OutboxKind::Task { account, .. }
        | OutboxKind::MailRestored { account }
        | OutboxKind::SettingsChanged { account, .. }
        | OutboxKind::ProofOverruled { account, .. }
        | OutboxKind::AdministratorActed { account, .. }
        | OutboxKind::StaffClosed { account, .. }
        | OutboxKind::Frozen { account } => Some(*account),
    }
}

/// Mails that have not been sent.
#[derive(Debug, Serialize)]
pub struct List {
    /// The mails, the oldest of each part first.
    pub items: Vec<Listed>,
    /// Where to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// The outcome of putting mails back.
#[derive(Debug, Serialize)]
pub struct Redriven {
    /// The number of mails that the next sweep tries.
    pub redriven: usize,
    /// The number of mails whose secret is over and cannot be made anew: codes, and temporary passwords.
    pub over: usize,
    /// Where to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Lists mails that have not been sent.
pub(crate) async fn list_undelivered(deps: &Deps, asked: &Undelivered) -> Result<List, OperatorError> {
    let (items, cursor) = find(deps, asked).await?;
    Ok(List { items: items.into_iter().map(Listed::of).collect(), cursor })
}

/// Puts mails back, so that the next sweep tries them. A mail has the secret that it had; when that is over, a fresh link.
pub(crate) async fn redrive(deps: &Deps, asked: &Undelivered) -> Result<Redriven, OperatorError> {
    let is_narrow = asked.item.is_some() || asked.practice.is_some() || asked.from.is_some();
    if !is_narrow {
        return Err(OperatorError::Invalid("one of item, practice and from is required".to_owned()));
    }
    let (items, cursor) = find(deps, asked).await?;
    let (mut redriven, mut over) = (0, 0);
    for item in items {
        if item.is_spent(deps.ambient.now()) {
            over += 1;
        } else if deps.store.redrive(&item, deps.ambient.now()).await? {
            redriven += 1;
        }
    }
    tracing::info!(event = "mail_redriven", redriven, over);
    Ok(Redriven { redriven, over, cursor })
}

/// The items that are meant, as far as one invocation reads, and where to go on.
async fn find(deps: &Deps, asked: &Undelivered) -> Result<(Vec<OutboxItem>, Option<String>), OperatorError> {
    let meant = Meant::read(asked, deps.ambient.now())?;
    if let Some(id) = asked.item {
        let mut found = Vec::new();
        for key in [keys::request(id), keys::outbox(id)] {
            found.extend(deps.store.find_outbox_item(&key).await?);
        }
        found.retain(|item| item.done_at.is_none() && meant.has(item));
        return Ok((found, None));
    }
    let start = Place::start_of(asked.queue.unwrap_or(Queue::Parked));
    let mut place = match &asked.cursor {
        None => start,
        Some(cursor) => Place::parse(cursor).ok_or_else(|| invalid("cursor", "is none that was answered"))?,
    };
    let mut found = Vec::new();
    for _ in 0..PARTS {
        let queue = place.queue();
        let QueuePage { items, next } = deps.store.read_queue(place).await?;
        found.extend(items.into_iter().filter(|item| meant.has(item)));
        place = match next {
            Some(next) => next,
            None if queue == Queue::Parked && asked.queue.is_none() => Place::start_of(Queue::Waiting),
            None => return Ok((found, None)),
        };
    }
    Ok((found, Some(place.to_string())))
}
