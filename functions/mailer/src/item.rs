//! One item of the outbox: the accounts that it is about, one attempt at it, and the outcome.

use std::time::Duration;

use rekey::domain::account::Account;
use rekey::domain::event::{Action, Actor, Event, Reason};
use rekey::domain::identifier::Identifier;
use rekey::domain::issuer::Issuer;
use rekey::domain::outbox::{EXPIRED, OutboxItem, OutboxKind};
use rekey::domain::practice::Practice;
use rekey::domain::ticket::Purpose;
use rekey::mail::compose::Kind;
use rekey::mail::postbox::{MailError, Scope};
use rekey::platform::clock::Timestamp;
use rekey::platform::error::chain;
use rekey::platform::ids::AccountId;
use rekey::store::error::StoreError;
use rekey::store::keys::{Key, outbox_id};
use rekey::store::queue::Queued;

use crate::closing::{Closed, end_issued};
use crate::delivery::{Delivery, facts};
use crate::hold::Hold;
use crate::refusal::{not_sent, refused};
use crate::{Deps, Failure, check, help, issue, notice, recovery, temporary};

/// The largest number of accounts of one mailbox that a mail serves: the open ones that were created first. The others can still
/// be recovered by username.
const MOST_SHARED: usize = 20;
/// The `failure` of a mail whose practice is disabled.
const DISABLED: &str = "practice_disabled";
/// The pause of a lane that has sent faster than SES takes mails.
const PAUSE: Duration = Duration::from_secs(1);

/// What has come of an attempt.
#[derive(Default)]
pub(crate) struct Outcome {
    /// The events that are to be recorded when the item is done.
    pub(crate) events: Vec<Event>,
    /// The events of the accounts whose mail SES has taken. They are recorded even if the item has to wait for others.
    pub(crate) sent: Vec<Event>,
    /// The mails that have failed.
    pub(crate) failures: Vec<Failure>,
    /// Whether what the item carries is over, so that nothing was sent.
    pub(crate) is_over: bool,
}

impl Outcome {
    /// Notes why no mail goes to an account, or that one has gone: a mailer that died before it was recorded has sent it.
    pub(crate) async fn note_no_mail(
        &mut self,
        delivery: Delivery<'_>,
        account: &Account,
        event: Event,
    ) -> Result<(), Failure> {
        match issue::carried_ticket(delivery, account).await? {
            Some(ticket) => self.sent.push(delivery.sent(account)?.with_ticket(ticket)),
            None => self.events.push(event),
        }
        Ok(())
    }
}

impl From<Vec<Event>> for Outcome {
    fn from(events: Vec<Event>) -> Self {
        Self { events, ..Self::default() }
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        Self { failures: vec![failure], ..Self::default() }
    }
}

/// Handles a record of the stream: reads its item, and tries it. A record can come again, and late. So an item that was handled
/// before, or that a sweep has taken, is left alone; and one that a sweep may be about to take is claimed first.
pub(crate) async fn process(deps: &Deps, hold: &Hold, key: &Key) -> Result<(), Failure> {
    let found = match deps.store.find_outbox_item(key).await {
        // An item that cannot be read now cannot be read later.
        Err(error @ StoreError::Broken { .. }) => return park_unread(deps, key, &error).await,
        found => found?.filter(OutboxItem::is_untouched),
    };
    let Some(item) = found else { return Ok(()) };
    let now = deps.ambient.now();
    let Some(due_at) = item.due_at.filter(|due_at| *due_at <= now) else {
        return attempt(deps, hold, &item).await;
    };
    let late = Queued { key: key.clone(), id: item.id, due_at };
    match deps.store.claim(&late, now).await? {
        Some(claimed) => attempt(deps, hold, &claimed).await,
        None => Ok(()),
    }
}

/// Parks an item that cannot be read.
pub(crate) async fn park_unread(deps: &Deps, key: &Key, error: &StoreError) -> Result<(), Failure> {
    let now = deps.ambient.now();
    let delay = outbox_id(&key.pk).map(|id| now.millis_since(id.made_at()));
    tracing::error!(event = "mail_parked", fate = "parked", kind = "unknown", delay, cause = chain(error));
    Ok(deps.store.park_unread(key, now).await?)
}

/// Tries an item once, and records the outcome with it.
///
/// # Errors
/// Nothing could be recorded, or another change came first.
pub(crate) async fn attempt(deps: &Deps, hold: &Hold, item: &OutboxItem) -> Result<(), Failure> {
    let (accounts, outcome) = match item.kind {
        OutboxKind::Help { request, reach } => {
            match Box::pin(help::ask_staff(deps, item, (request, reach))).await {
                Ok(()) => return Ok(()),
                Err(failure) => (Vec::new(), Outcome::from(failure)),
            }
        }
        OutboxKind::Task { account, cause } => {
            match Box::pin(help::make_task(deps, item, (account, cause))).await {
                Ok(()) => return Ok(()),
                Err(failure) => (Vec::new(), Outcome::from(failure)),
            }
        }
        OutboxKind::StaffClosed { account, by, keeps_mailed } => {
            match Box::pin(end_issued(deps, item, Closed { account, by, keeps_mailed })).await {
                Ok(()) => return Ok(()),
                Err(failure) => (Vec::new(), Outcome::from(failure)),
            }
        }
        _ => try_mails(deps, hold, item).await,
    };
    let Outcome { mut events, sent, failures, is_over } = outcome;
    let served = item.served.iter().copied().chain(sent.iter().filter_map(|event| event.account));
    let served: Vec<AccountId> = served.collect();
    if let Some(place) = failures.iter().position(|failure| !failure.is_final()) {
        return delay(deps, item, Sent { served, events: sent }, failures, place).await;
    }
    events.extend(sent);
    for failure in &failures {
        let unserved = accounts.iter().filter(|account| !served.contains(&account.id));
        events.extend(refused(deps, item, unserved, failure).await?);
    }
    let (outbox, kind, delay) = facts(deps, item);
    if let Some(failure) = failures.first() {
        if deps.store.park(item, &served, failure.code(), &events).await? {
            for failure in &failures {
                let cause = chain(failure);
                tracing::error!(event = "mail_parked", outbox, fate = "parked", kind, delay, cause);
            }
        }
    } else if is_over {
        if deps.store.park(item, &served, EXPIRED, &events).await? {
            tracing::error!(event = "mail_parked", outbox, fate = "parked", kind, delay, cause = EXPIRED);
        }
    } else if deps.store.record_done(item, &events).await? {
        tracing::info!(event = "outbox_item_done", outbox);
    }
    Ok(())
}

/// Tries the mails of an item. Returns the accounts that they are for.
async fn try_mails(deps: &Deps, hold: &Hold, item: &OutboxItem) -> (Vec<Account>, Outcome) {
    match addressees(deps, item).await {
        Ok(accounts) => {
            let outcome = Box::pin(run(deps, hold, item, &accounts)).await;
            (accounts, outcome.unwrap_or_else(Outcome::from))
        }
        // An account that can never be read must not hold up the records behind it.
        Err(error) => (Vec::new(), Outcome::from(Failure::from(error))),
    }
}

/// The mails of an item that SES has taken.
struct Sent {
    /// The accounts that have got one, those of earlier attempts included.
    served: Vec<AccountId>,
    /// The events of this attempt's.
    events: Vec<Event>,
}

/// Records when an item is tried again.
///
/// # Errors
/// The failure itself, when another change came first or when nothing can be recorded.
async fn delay(
    deps: &Deps,
    item: &OutboxItem,
    sent: Sent,
    mut failures: Vec<Failure>,
    place: usize,
) -> Result<(), Failure> {
    let failure = failures.swap_remove(place);
    if failure.is_outrun() {
        // It is tried again, and finds with the tickets what has gone.
        return Err(failure);
    }
    let delayed = item.delayed(deps.ambient.now(), failure.code(), failure.is_for_all());
    let delayed = OutboxItem { served: sent.served, ..delayed };
    if let Err(error) = deps.store.record_delay(item, &delayed, &sent.events).await {
        tracing::error!(event = "delay_not_recorded", outbox = item.id.to_string(), cause = chain(&error));
        return Err(failure);
    }
    let ((outbox, kind, delay), attempts) = (facts(deps, item), delayed.attempts);
    let cause = chain(&failure);
    tracing::warn!(event = "mail_delayed", outbox, fate = "delayed", kind, delay, attempts, cause);
    if failure.is_of_rate() {
        // The mails behind this one would come too soon as well.
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// The accounts that an item is about.
pub(crate) async fn addressees(deps: &Deps, item: &OutboxItem) -> Result<Vec<Account>, StoreError> {
    let ids: Vec<AccountId> = match &item.kind {
        OutboxKind::Recovery { portal, identifier, .. } | OutboxKind::LimitHit { portal, identifier } => {
            let (store, practice) = (&deps.store, &item.practice);
            if let Identifier::Email(_) = identifier {
                let recipients = store.find_recipients(practice, *portal, identifier).await?;
                recipients.into_iter().map(|recipient| recipient.account).collect()
            } else {
                let login = store.find_login(practice, *portal, identifier).await?;
                login.into_iter().map(|login| login.account).collect()
            }
        }
        OutboxKind::Help { .. } | OutboxKind::Task { .. } | OutboxKind::StaffClosed { .. } => Vec::new(),
        OutboxKind::Link { account, .. }
        | OutboxKind::TemporaryPassword { account }
        | OutboxKind::CallerCheck { account, .. }
        | OutboxKind::PasswordChanged { account }
        | OutboxKind::Notice { account, .. }
        | OutboxKind::MailRestored { account }
        | OutboxKind::SettingsChanged { account, .. }
        | OutboxKind::ProofOverruled { account, .. }
        | OutboxKind::AdministratorActed { account, .. }
        | OutboxKind::Frozen { account } => vec![*account],
    };
    let mut accounts = Vec::with_capacity(ids.len().min(MOST_SHARED));
    for id in ids.into_iter().take(MOST_SHARED) {
        accounts.extend(deps.store.find_account(id).await?);
    }
    Ok(accounts)
}

/// Does what an item asks for.
async fn run(deps: &Deps, hold: &Hold, item: &OutboxItem, accounts: &[Account]) -> Result<Outcome, Failure> {
    let now = deps.ambient.now();
    let practice = deps.practices.find(&deps.store, &item.practice, now).await?;
    let Some(practice) = practice else {
        return match deps.store.find_practice(&item.practice).await? {
            None => Ok(Outcome::default()),
            // It may be enabled again, and the mail is worth as much then.
            Some(_) => {
                Err(MailError::Unavailable { code: DISABLED.to_owned(), scope: Scope::Practice }.into())
            }
        };
    };
    let delivery = Delivery { deps, item, practice: &practice };
    match &item.kind {
        OutboxKind::LimitHit { .. } => {
            let event = |account: &Account| {
                let event = delivery.event(Action::ExcessRateLimitExceeded, Actor::Anonymous)?;
                Ok(event.of(account.id, account.portal))
            };
            accounts.iter().map(event).collect::<Result<Vec<_>, Failure>>().map(Outcome::from)
        }
        OutboxKind::MailRestored { .. } if item.is_over(now) => {
            tracing::error!(event = "suppression_kept", cause = EXPIRED);
            Ok(Outcome::default())
        }
        OutboxKind::MailRestored { .. } => Ok(unsuppress(deps, accounts).await?.into()),
        _ if item.is_over(now) || has_outlived_its_link(item, &practice, accounts, now) => {
            let mut outcome = Outcome::default();
            for account in accounts.iter().filter(|account| !item.served.contains(&account.id)) {
                let event = not_sent(deps, item, account, Reason::Expired)?;
                outcome.note_no_mail(delivery, account, event).await?;
            }
            Ok(Outcome { is_over: outcome.sent.is_empty() || !outcome.events.is_empty(), ..outcome })
        }
        _ => {
            // A code that is over asks for no mail, but for an event.
            let is_over = item.challenge().is_some_and(|challenge| challenge.valid_until <= now);
            if let Some(held) = hold.of(&practice).filter(|_| !accounts.is_empty() && !is_over) {
                return Err(held.into());
            }
            let outcome = mail(delivery, accounts).await?;
            if outcome.failures.is_empty() && !accounts.is_empty() {
                hold.note_taken();
            }
            outcome.failures.iter().filter_map(Failure::mail).for_each(|cause| hold.note(&practice, cause));
            Ok(outcome)
        }
    }
}

/// Whether a link that was asked for so long ago would have ended, also when no attempt has made it yet. Staff give theirs an end.
fn has_outlived_its_link(
    item: &OutboxItem,
    practice: &Practice,
    accounts: &[Account],
    now: Timestamp,
) -> bool {
    let is_link =
        matches!(item.kind, OutboxKind::Recovery { challenge: None, .. } | OutboxKind::Link { by: None, .. });
    let invites = accounts.iter().any(|account| Purpose::of(account) == Purpose::Invitation);
    let life = if invites { practice.policy.invitation_ttl() } else { practice.policy.link_ttl() };
    is_link && item.redriven_at.unwrap_or(item.at) + life <= now
}

/// Mails what an item asks for.
async fn mail(delivery: Delivery<'_>, accounts: &[Account]) -> Result<Outcome, Failure> {
    let sent = match &delivery.item.kind {
        OutboxKind::Recovery { .. } => {
            return recovery::recover(delivery, accounts, Issuer::SelfService).await;
        }
        OutboxKind::Link { by, .. } => {
            let issuer = if by.is_some() { Issuer::Staff } else { Issuer::Operator };
            return recovery::recover(delivery, accounts, issuer).await;
        }
        OutboxKind::TemporaryPassword { .. } => temporary::send_temporary(delivery, accounts).await,
        OutboxKind::CallerCheck { challenge, .. } => check::send_check(delivery, challenge, accounts).await,
        OutboxKind::PasswordChanged { .. } => notice::confirm_change(delivery, accounts).await,
        OutboxKind::Notice { to, masked, about, .. } => {
            notice::tell_owner(delivery, accounts, (to, *about), masked.as_deref()).await
        }
        OutboxKind::Frozen { .. } => notice::tell_practice(delivery, accounts).await,
        OutboxKind::SettingsChanged { members, .. } => {
            notice::tell_administrator(delivery, accounts, members).await
        }
        OutboxKind::ProofOverruled { to, .. } => {
            notice::tell_of_administrator(delivery, accounts, to, Kind::ProofOverruled).await
        }
        OutboxKind::AdministratorActed { to, .. } => {
            notice::tell_of_administrator(delivery, accounts, to, Kind::AdministratorActed).await
        }
        OutboxKind::LimitHit { .. }
        | OutboxKind::MailRestored { .. }
        | OutboxKind::Help { .. }
        | OutboxKind::Task { .. }
        | OutboxKind::StaffClosed { .. } => Ok(Vec::new()),
    };
    Ok(sent.map_or_else(Outcome::from, Outcome::from))
}

/// Takes the address of an account off SES's list of those that it does not mail.
async fn unsuppress(deps: &Deps, accounts: &[Account]) -> Result<Vec<Event>, Failure> {
    for address in accounts.iter().filter_map(|account| account.email.as_ref()) {
        match deps.postbox.unsuppress(address).await {
            // Another attempt is useless, and would delay the mails behind it.
            Err(refused @ MailError::Refused { .. }) => {
                tracing::error!(event = "suppression_kept", cause = chain(&refused));
            }
            outcome => outcome?,
        }
    }
    Ok(Vec::new())
}
