//! `revoke_issued`: what one member of staff, or the operator, has issued and nobody has used is taken back.

use rekey::domain::account::Account;
use rekey::domain::event::{Action, Event, Reason};
use rekey::domain::practice::Slug;
use rekey::domain::ticket::{Standing, Ticket};
use rekey::platform::ids::{AccountId, EventId, TicketId};
use rekey::store::events::LogPart;
use rekey::store::issued::{Revocation, Unused};
use rekey::store::keys::Log;
use rekey::store::tickets::TicketOfAccount;
use serde::{Deserialize, Serialize};

use crate::person::event_of;
use crate::{Deps, OperatorError, find_practice, time, walk};

/// The events that one invocation reads.
const EVENTS: i32 = 200;

/// The issuer, and the time from which on their tickets are taken back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevokeIssued {
    practice: Slug,
    issuer: Issuer,
    /// RFC 3339. What was issued before stays.
    from: Option<String>,
    cursor: Option<String>,
}

/// Whoever has issued tickets.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Issuer {
    /// A member of staff, by the id of their account, whether or not it is still there.
    Staff(AccountId),
    /// The operator, by direct invocation.
    Operator,
}

/// How far the revocation has come.
#[derive(Debug, Serialize)]
pub struct Revoked {
    /// The number of tickets that were taken back.
    pub revoked: usize,
    /// Where to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<EventId>,
}

/// Takes back the open tickets that an issuer has issued. Each is an event. It can be repeated.
pub(crate) async fn revoke_issued(deps: &Deps, asked: &RevokeIssued) -> Result<Revoked, OperatorError> {
    let practice = find_practice(deps, &asked.practice).await?;
    let who = match asked.issuer {
        Issuer::Staff(account) => account.to_string(),
        Issuer::Operator => "operator".to_owned(),
    };
    let low = match &asked.from {
        None => EventId::FIRST,
        Some(text) => EventId::first_at(time("from", text)?),
    };
    let high = match &asked.cursor {
        None => EventId::LAST,
        Some(cursor) => cursor.parse().map(EventId::before).map_err(|_| walk::not_a_cursor())?,
    };
    let part = LogPart { low, high, limit: Some(EVENTS) };
    let page = deps.store.read_log(&Log::Actor(practice.slug, who), part).await?;
    let mut revoked = 0;
    for event in page.events.iter().filter(|event| event.action == Action::AuthnTokenCreated) {
        if let (Some(account), Some(ticket)) = (event.account, event.ticket) {
            revoked += usize::from(revoke(deps, account, ticket).await?);
        }
    }
    let cursor = page.events.last().map(|event| event.id).filter(|_| page.more);
    Ok(Revoked { revoked, cursor })
}

/// Takes a ticket back. Returns `false` when it can no longer be used anyway.
async fn revoke(deps: &Deps, account: AccountId, ticket: TicketId) -> Result<bool, OperatorError> {
    let found = deps.store.find_ticket_with_account(account, ticket).await?;
    let Some(TicketOfAccount { ticket, account }) = found else { return Ok(false) };
    if ticket.standing(&account, deps.ambient.now()) != Standing::Open {
        return Ok(false);
    }
    let Ticket { id, .. } = ticket;
    let event: Event = event_of(deps, Action::AuthnTokenRevoked, &account)?.with_ticket(id);
    Ok(deps.store.revoke_ticket(None, account.id, id, &event).await?.is_written())
}

/// Takes back what a member of staff has issued and nobody has used, before their account is erased. An invitation that waits for its
/// mail is not sent. It can be repeated.
pub(crate) async fn end_issued(deps: &Deps, staff: &Account) -> Result<(), OperatorError> {
    let mut revocations = Vec::new();
    for unused in deps.store.list_unused(staff.id).await? {
        match unused {
            Unused::Open(found) => {
                let event = event_of(deps, Action::AuthnTokenRevoked, &found.account)?;
                let ticket = found.ticket;
                revocations.push(Revocation { event: event.with_ticket(ticket.id), ticket });
            }
            Unused::Awaited(next) => {
                let event = event_of(deps, Action::RecoveryRefused, &next.account)?;
                let event = event.with_outbox(next.item.id).because(Reason::Revoked);
                deps.store.record_done(&next.item, &[event]).await?;
            }
        }
    }
    deps.store.revoke_tickets(None, &revocations).await?;
    Ok(())
}
