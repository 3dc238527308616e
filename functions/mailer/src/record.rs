//! One record of the stream: its outbox item as it is now, the accounts that the item is about, and the outcome.

use aws_lambda_events::dynamodb::EventRecord;
use rekey::domain::account::{Account, MailStatus};
use rekey::domain::event::{Action, Actor, Event, Reason};
use rekey::domain::identifier::{Email, Identifier};
use rekey::domain::issuer::Issuer;
use rekey::domain::outbox::{OutboxItem, OutboxKind};
use rekey::domain::ticket::MailFate;
use rekey::mail::postbox::MailError;
use rekey::platform::error::chain;
use rekey::platform::ids::{AccountId, TicketId};
use rekey::store::accounts::Changed;
use rekey::store::error::StoreError;
use rekey::store::mail::Undelivered;
use rekey::store::race::outrun;

use crate::delivery::{Delivery, item_event};
use crate::{Deps, Failure, notice, recovery, temporary};

/// The largest number of accounts of one mailbox that a mail serves: the open ones that were created first. The others can still
/// be recovered by username.
const MOST_SHARED: usize = 20;

/// Handles a record. The record shows its item as it was written, and another delivery may have come first, so an item that was
/// handled before is left alone.
pub(crate) async fn process(deps: &Deps, record: EventRecord) -> Result<(), Failure> {
    let written: OutboxItem = match serde_dynamo::from_item(record.change.new_image) {
        Ok(item) => item,
        Err(error) => {
            // An item that cannot be read now cannot be read later.
            tracing::error!(event = "mail_parked", cause = error.to_string());
            return Ok(());
        }
    };
    let handled = match read_and_run(deps, &written).await {
        Ok(None) => return Ok(()),
        Ok(Some(handled)) => handled,
        // No account is known here. An item that can never be read must not hold up the records behind it.
        Err(failure) => Handled { accounts: Vec::new(), outcome: Err(failure) },
    };
    let events = match handled.outcome {
        Err(failure) if failure.is_final() => park(deps, &written, &handled.accounts, &failure).await?,
        outcome => outcome?,
    };
    deps.store.record_done(&written, &events, deps.ambient.now()).await?;
    tracing::info!(event = "outbox_item_done", outbox = written.id.to_string());
    Ok(())
}

/// The outcome of an item.
struct Handled {
    /// The accounts that the item is about.
    accounts: Vec<Account>,
    /// The events that are to be recorded.
    outcome: Result<Vec<Event>, Failure>,
}

/// Reads an item again and does what it asks for. Returns `None` when the item was handled before.
async fn read_and_run(deps: &Deps, written: &OutboxItem) -> Result<Option<Handled>, Failure> {
    let item = deps.store.find_outbox_item(written).await?;
    let Some(item) = item.filter(|item| item.done_at.is_none()) else { return Ok(None) };
    let accounts = addressees(deps, &item).await?;
    let outcome = Box::pin(run(deps, &item, &accounts)).await;
    Ok(Some(Handled { accounts, outcome }))
}

/// The accounts that an item is about.
async fn addressees(deps: &Deps, item: &OutboxItem) -> Result<Vec<Account>, StoreError> {
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
        OutboxKind::Link { account, .. }
        | OutboxKind::TemporaryPassword { account }
        | OutboxKind::PasswordChanged { account }
        | OutboxKind::MailRestored { account }
        | OutboxKind::SettingsChanged { account, .. }
        | OutboxKind::Frozen { account } => vec![*account],
    };
    let mut accounts = Vec::with_capacity(ids.len().min(MOST_SHARED));
    for id in ids.into_iter().take(MOST_SHARED) {
        accounts.extend(deps.store.find_account(id).await?);
    }
    Ok(accounts)
}

/// Does what an item asks for. Returns the events that are to be recorded.
async fn run(deps: &Deps, item: &OutboxItem, accounts: &[Account]) -> Result<Vec<Event>, Failure> {
    let practice = deps.practices.find(&deps.store, &item.practice, deps.ambient.now()).await?;
    let Some(practice) = practice else { return Ok(Vec::new()) };
    let delivery = Delivery { deps, item, practice: &practice };
    match &item.kind {
        OutboxKind::LimitHit { .. } => {
            let event = |account: &Account| {
                let event = delivery.event(Action::ExcessRateLimitExceeded, Actor::Anonymous)?;
                Ok(event.of(account.id, account.portal))
            };
            accounts.iter().map(event).collect()
        }
        OutboxKind::Recovery { .. } => recovery::recover(delivery, accounts, Issuer::SelfService).await,
        OutboxKind::Link { by, .. } => {
            let issuer = if by.is_some() { Issuer::Staff } else { Issuer::Operator };
            recovery::recover(delivery, accounts, issuer).await
        }
        OutboxKind::TemporaryPassword { .. } => temporary::send_temporary(delivery, accounts).await,
        OutboxKind::PasswordChanged { .. } => notice::confirm_change(delivery, accounts).await,
        OutboxKind::Frozen { .. } => notice::tell_practice(delivery, accounts).await,
        OutboxKind::SettingsChanged { members, .. } => {
            notice::tell_administrator(delivery, accounts, members).await
        }
        OutboxKind::MailRestored { .. } => unsuppress(deps, accounts).await,
    }
}

/// Gives an item up when no mail can ever come of it. Returns the events that are to be recorded.
async fn park(
    deps: &Deps,
    item: &OutboxItem,
    accounts: &[Account],
    failure: &Failure,
) -> Result<Vec<Event>, Failure> {
    tracing::error!(event = "mail_parked", outbox = item.id.to_string(), cause = chain(failure));
    let mut events = Vec::new();
    let refused = match failure {
        Failure::NotTaken { to, addressed, cause } => {
            let address = matches!(cause, MailError::Refused { address: true, .. });
            Some((addressed, address.then_some(to)))
        }
        _ => None,
    };
    for account in accounts {
        let ticket = refused.and_then(|(addressed, _)| {
            addressed.iter().find(|addressed| addressed.account == account.id)?.ticket
        });
        let at_fault = refused.and_then(|(_, to)| to).filter(|to| account.email.as_ref() == Some(*to));
        if ticket.is_none() && at_fault.is_none() {
            events.push(not_sent(deps, item, account)?);
        } else {
            record_refused(deps, item, account.id, Refused { ticket, at_fault }).await?;
        }
    }
    Ok(events)
}

fn not_sent(deps: &Deps, item: &OutboxItem, account: &Account) -> Result<Event, Failure> {
    let event = item_event(deps, item, Action::MailNotSent, Actor::System)?;
    Ok(event.of(account.id, account.portal).because(Reason::MailRejected))
}

/// A mail that SES refused.
struct Refused<'a> {
    /// Its ticket, if it had one.
    ticket: Option<TicketId>,
    /// The account's address, if that is why.
    at_fault: Option<&'a Email>,
}

/// Records that SES refused a mail: with its ticket, and with the account, if its address is at fault. What is known already is
/// not recorded again.
async fn record_refused(
    deps: &Deps,
    item: &OutboxItem,
    account: AccountId,
    Refused { ticket, at_fault }: Refused<'_>,
) -> Result<(), Failure> {
    let found = match ticket {
        Some(ticket) => deps.store.find_ticket_with_account(account, ticket).await?,
        None => None,
    };
    let (ticket, account) = match found {
        Some(found) => (Some(found.ticket), Some(found.account)),
        None => (None, deps.store.find_account(account).await?),
    };
    let Some(account) = account else { return Ok(()) };
    let is_later = account.mail_failed_at.is_none_or(|failed_at| failed_at < item.at);
    let is_news = is_later && account.mail != MailStatus::Complained && account.email.as_ref() == at_fault;
    let marked =
        (at_fault.is_some() && is_news).then(|| account.with_failed_mail(MailStatus::Bounced, item.at));
    let unknown = ticket.filter(|ticket| ticket.mail.is_none());
    if unknown.is_none() && marked.is_none() {
        return Ok(());
    }
    let mut event = not_sent(deps, item, &account)?;
    event.ticket = unknown.as_ref().map(|ticket| ticket.id);
    let undelivered = Undelivered {
        fate: MailFate::NotSent,
        account: marked.as_ref().map(|new| Changed { old: &account, new }),
        ticket: unknown.as_ref(),
        event: &event,
    };
    let written = deps.store.record_undelivered(&undelivered).await?.is_written();
    if written { Ok(()) } else { Err(outrun("recording a refused mail").into()) }
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
