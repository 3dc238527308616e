//! One record of the stream: its outbox item as it is now, the accounts that the item is about, and the outcome.

use aws_lambda_events::dynamodb::EventRecord;
use rekey::domain::account::Account;
use rekey::domain::event::{Action, Actor, Event, Reason};
use rekey::domain::identifier::Identifier;
use rekey::domain::issuer::Issuer;
use rekey::domain::outbox::{OutboxItem, OutboxKind};
use rekey::platform::error::chain;
use rekey::platform::ids::AccountId;
use rekey::store::error::StoreError;

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
        Err(failure) if failure.is_final() => park(deps, &written, &handled.accounts, &failure)?,
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
    }
}

/// Gives an item up when no mail can ever come of it. Returns the events that are to be recorded.
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
