//! One record of the stream: the outbox item as it is now, the accounts that it is about, what came of it.

use aws_lambda_events::dynamodb::EventRecord;
use rekey::domain::account::Account;
use rekey::domain::event::{Action, Actor, Event, Reason};
use rekey::domain::issuer::Issuer;
use rekey::domain::outbox::{OutboxItem, OutboxKind};
use rekey::platform::error::chain;
use rekey::platform::ids::AccountId;
use rekey::store::error::StoreError;

use crate::delivery::{Delivery, item_event};
use crate::{Deps, Failure, notice, recovery, temporary};

/// Accounts of one mailbox that a mail serves: the first made. Whoever shares an address with more is still
/// reached by username.
const MOST_SHARED: usize = 20;

/// Deals with a record. An item that was dealt with before is left alone: the record shows it as it was written, and another
/// delivery may have come first.
pub(crate) async fn process(deps: &Deps, record: EventRecord) -> Result<(), Failure> {
    let written: OutboxItem = match serde_dynamo::from_item(record.change.new_image) {
        Ok(item) => item,
        Err(error) => {
            // What cannot be read now cannot be read later.
            tracing::error!(event = "mail_parked", cause = error.to_string());
            return Ok(());
        }
    };
    let handled = match read_and_run(deps, &written).await {
        Ok(None) => return Ok(()),
        Ok(Some(handled)) => handled,
        // What cannot be read now cannot be read later, and must not hold up those behind it.
        Err(failure) => Handled { accounts: Vec::new(), outcome: Err(failure) },
    };
    let events = match handled.outcome {
        Err(failure) if failure.is_final() => park(deps, &written, &handled.accounts, &failure)?,
        outcome => outcome?,
    };
    deps.store.record_done(&written, &events, deps.ambient.now()).await?;
    tracing::info!(event = "outbox_item_done", outbox = written.id.to_string());
    Ok(())
}

/// What came of an item.
struct Handled {
    /// The accounts that it is about.
    accounts: Vec<Account>,
    /// What is to be recorded.
    outcome: Result<Vec<Event>, Failure>,
}

/// Reads an item anew and does what it asks for. `None` when it was dealt with before.
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
            let logins = deps.store.find_logins(&item.practice, *portal, identifier).await?;
            logins.into_iter().map(|login| login.account).collect()
        }
        OutboxKind::Link { account, .. }
        | OutboxKind::TemporaryPassword { account }
        | OutboxKind::PasswordChanged { account }
        | OutboxKind::Frozen { account } => vec![*account],
    };
    let mut accounts = Vec::with_capacity(ids.len().min(MOST_SHARED));
    for id in ids.into_iter().take(MOST_SHARED) {
        accounts.extend(deps.store.find_account(id).await?);
    }
    Ok(accounts)
}

/// Does what an item asks for. What is to be recorded.
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
    }
}

/// What is recorded when no mail can ever come of an item.
fn park(
    deps: &Deps,
    item: &OutboxItem,
    accounts: &[Account],
    failure: &Failure,
) -> Result<Vec<Event>, Failure> {
    tracing::error!(event = "mail_parked", outbox = item.id.to_string(), cause = chain(failure));
    let not_sent = |account: &Account| {
        let event = item_event(deps, item, Action::MailNotSent, Actor::System)?;
        Ok(event.of(account.id, account.portal).because(Reason::MailRejected))
    };
    accounts.iter().map(not_sent).collect()
}
