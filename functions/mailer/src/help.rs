//! A request for help: from what a person asked for, the task that staff see.
//!
//! The front door has taken any id. Only a request for a recovery that is in the table leads to a task; whatever else somebody has
//! sent is dropped with a line in the log, and leaves nothing in the list of staff.

use rekey::domain::account::{Account, MailStatus};
use rekey::domain::event::{Action, Actor, Event, Reason};
use rekey::domain::help::{Asked, Candidate, Cause, HelpRequest, Reach, Sought, Why};
use rekey::domain::issuer::Issuer;
use rekey::domain::notice::Telling;
use rekey::domain::outbox::{OutboxItem, OutboxKind, Queue};
use rekey::domain::practice::RecoveryMethod;
use rekey::domain::ticket::Ticket;
use rekey::platform::ids::{AccountId, HelpId, OutboxId};
use rekey::secrets::token::derived_id;
use rekey::store::help::Made;
use rekey::store::keys;

use crate::delivery::{Delivery, item_event};
use crate::item::addressees;
use crate::{Deps, Failure};

/// Makes the task of a request for help, if there is something to make it of, and ends the item with it.
pub(crate) async fn ask_staff(
    deps: &Deps,
    item: &OutboxItem,
    (id, reach): (OutboxId, Reach),
) -> Result<(), Failure> {
    let found = deps.store.find_outbox_item(&keys::request(id)).await?;
    let Some((asked, request)) = found.and_then(|request| Some((asked_by(item, &request, reach)?, request)))
    else {
        return drop_item(deps, item, "no_request").await;
    };
    let practice = deps.practices.find(&deps.store, &request.practice, deps.ambient.now()).await?;
    let Some(practice) = practice else { return drop_item(deps, item, "practice_closed").await };
    if !practice.policy.help_requests {
        return drop_item(deps, item, "switched_off").await;
    }
    let accounts = addressees(deps, &request).await?;
    let mut candidates = Vec::with_capacity(accounts.len());
    for account in &accounts {
        candidates.push(Candidate { account: account.id, why: why(deps, &request, account).await? });
    }
    let help = HelpRequest::new(asked, item.at, candidates);
    let events = events(deps, item, &request, &accounts)?;
    match deps.store.create_help(item, &help, &events).await? {
        Made::Listed => {
            tracing::info!(event = "help_requested", help = help.id.to_string(), accounts = accounts.len());
            Ok(())
        }
        Made::Before => Ok(()),
        Made::Open => drop_item(deps, item, "open_already").await,
        Made::TooMany => drop_item(deps, item, "too_many_unknown").await,
    }
}

/// What a person asked for with a request; `None` when it is no request for a recovery.
fn asked_by(item: &OutboxItem, request: &OutboxItem, reach: Reach) -> Option<Asked> {
    let OutboxKind::Recovery { portal, .. } = &request.kind else { return None };
    Some(Asked {
        id: HelpId::from(item.id),
        practice: request.practice.clone(),
        portal: *portal,
        cause: Cause::Asked,
        sought: sought(request),
        reach: Some(reach),
    })
}

/// What was sought with a request; `None` when it is no request for a recovery.
fn sought(request: &OutboxItem) -> Option<Sought> {
    let OutboxKind::Recovery { identifier, challenge, .. } = &request.kind else { return None };
    let method = challenge.as_ref().map_or(RecoveryMethod::Link, |_| RecoveryMethod::Code);
    let (request, requested_at) = (request.id, request.at);
    Some(Sought { request, identifier: identifier.clone(), method, requested_at })
}

/// Asks staff to see to an account that gets no mail, where they alone can help: its new address is on hold, which the former one is
/// told, or its mailbox is a former guardian's. It is done once, for as long as staff have not settled the task: whoever asks again and
/// again changes nothing.
pub(crate) async fn ask_about(
    delivery: Delivery<'_>,
    account: &Account,
    reason: Reason,
) -> Result<(), Failure> {
    let (deps, request) = (delivery.deps, delivery.item);
    let (cause, why, sought, former) = match reason {
        Reason::AddressOnHold => {
            let former = account.address_hold.as_ref().and_then(|hold| hold.former.clone());
            (Cause::OnHold, Why::OnHold, sought(request), former)
        }
        Reason::AddressOfAnother if account.mail == MailStatus::SharedMailbox => {
            (Cause::SharedMailbox, Why::SharedMailbox, None, None)
        }
        _ => return Ok(()),
    };
    let id = derived_id(request.at, &[cause.as_str(), &request.id.to_string(), &account.id.to_string()]);
    let asked = Asked {
        id: HelpId::from(id),
        practice: account.practice.clone(),
        portal: account.portal,
        cause,
        sought,
        reach: None,
    };
    let task = HelpRequest::new(asked, deps.ambient.now(), vec![Candidate { account: account.id, why }]);
    let notice = former.map(|to| {
        let kind = OutboxKind::Notice { account: account.id, about: Telling::RecoveryHeld, to, masked: None };
        let item = OutboxItem::new(&deps.ambient, &account.practice, kind, None);
        item.map(|item| OutboxItem { id: OutboxId::from(id), ..item })
    });
    if deps.store.create_task(&task, notice.transpose()?.as_ref()).await? {
        tracing::info!(event = "task_made", help = task.id.to_string(), cause = cause.as_str());
    }
    Ok(())
}

/// Makes the task of staff that an account asks for, and ends the item with it. An account has one open task of a cause.
pub(crate) async fn make_task(
    deps: &Deps,
    item: &OutboxItem,
    (account, cause): (AccountId, Cause),
) -> Result<(), Failure> {
    let Some(account) = deps.store.find_account(account).await? else {
        return drop_item(deps, item, "no_account").await;
    };
    if cause == Cause::SharedMailbox && account.mail != MailStatus::SharedMailbox {
        return drop_item(deps, item, "no_need").await;
    }
    let asked = Asked {
        id: HelpId::from(item.id),
        practice: account.practice.clone(),
        portal: account.portal,
        cause,
        sought: None,
        reach: None,
    };
    let why = Why::of_account(&account, deps.ambient.now()).unwrap_or(Why::NotSent);
    let task = HelpRequest::new(asked, item.at, vec![Candidate { account: account.id, why }]);
    match deps.store.create_help(item, &task, &[]).await? {
        Made::Listed => {
            tracing::info!(event = "task_made", help = task.id.to_string(), cause = cause.as_str());
            Ok(())
        }
        Made::Before => Ok(()),
        Made::Open | Made::TooMany => drop_item(deps, item, "open_already").await,
    }
}

/// The reason why no mail of a request reached the owner of an account.
async fn why(deps: &Deps, request: &OutboxItem, account: &Account) -> Result<Why, Failure> {
    if let Some(why) = Why::of_account(account, deps.ambient.now()) {
        return Ok(why);
    }
    if request.done_at.is_none() && !request.served.contains(&account.id) {
        return Ok(if request.queue == Queue::Waiting { Why::Waiting } else { Why::NotSent });
    }
    let tickets = deps.store.list_tickets(account.id).await?.tickets;
    // When enough tickets were open, the mail has carried one of those again.
    let was_open = |ticket: &&Ticket| {
        ticket.issuer == Issuer::SelfService && !ticket.sent_for.is_empty() && request.at < ticket.valid_until
    };
    let carried = tickets.iter().find(|ticket| ticket.was_carried_by(request.id));
    let carried = carried.or_else(|| tickets.iter().rev().find(was_open));
    Ok(carried.map_or(Why::NotSent, |ticket| Why::of_fate(ticket.mail)))
}

/// The events of a request for help: one for each account, or one for the practice when nobody has the name.
fn events(
    deps: &Deps,
    item: &OutboxItem,
    request: &OutboxItem,
    accounts: &[Account],
) -> Result<Vec<Event>, Failure> {
    let of_practice = OutboxItem { practice: request.practice.clone(), ..item.clone() };
    let event = || item_event(deps, &of_practice, Action::HelpRequested, Actor::Anonymous);
    if accounts.is_empty() {
        return Ok(vec![event()?]);
    }
    let events = accounts.iter().map(|account| Ok(event()?.of(account.id, account.portal)));
    events.collect()
}

/// Ends an item that leads to no task.
async fn drop_item(deps: &Deps, item: &OutboxItem, cause: &'static str) -> Result<(), Failure> {
    if deps.store.record_done(item, &[]).await? {
        tracing::info!(event = "help_dropped", outbox = item.id.to_string(), cause);
    }
    Ok(())
}
