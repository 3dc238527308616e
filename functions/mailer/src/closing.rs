//! What a closed member of staff has left behind: what they have issued and nobody has used is taken back (A8). No mail follows.
//!
//! The call that closed them has done so already, unless it was interrupted. What it could not do is done here: an invitation that
//! waits for its mail gets a revoked ticket in the place of its own, so that it is not issued any more.

use rekey::domain::event::{Action, Actor, Event};
use rekey::domain::issuer::Issuer;
use rekey::domain::outbox::OutboxItem;
use rekey::domain::ticket::{Grant, Kind, State, Ticket};
use rekey::platform::ids::AccountId;
use rekey::store::issued::{Awaited, Revocation, Unused};
use rekey::store::race::outrun;

use crate::delivery::item_event;
use crate::{Deps, Failure};

/// The looks at what is left. What was issued between two looks is found by the next.
const LOOKS: usize = 5;

/// A member of staff who was closed, by whom, and whether what was mailed is kept.
#[derive(Clone, Copy)]
pub(crate) struct Closed {
    pub(crate) account: AccountId,
    pub(crate) by: AccountId,
    pub(crate) keeps_mailed: bool,
}

/// Takes back what the member of staff has issued, and ends the item.
pub(crate) async fn end_issued(deps: &Deps, item: &OutboxItem, closed: Closed) -> Result<(), Failure> {
    // Whoever works here again has lost what they issued before.
    let is_back = deps.store.find_account(closed.account).await?.is_some_and(|account| account.is_open());
    let mut revoked = 0;
    for _ in 0..LOOKS {
        let mut revocations = Vec::new();
        let mut awaited = Vec::new();
        for unused in deps.store.list_unused(closed.account).await? {
            match unused {
                Unused::Open(found) => {
                    let ticket = found.ticket;
                    let is_meant = !closed.keeps_mailed || ticket.shown_to().is_some();
                    if is_meant && (!is_back || ticket.issued_at <= item.at) {
                        let event = event(deps, item, closed, &ticket)?;
                        revocations.push(Revocation { ticket, event });
                    }
                }
                Unused::Awaited(next) if !closed.keeps_mailed && (!is_back || next.item.at <= item.at) => {
                    awaited.push(next);
                }
                Unused::Awaited(_) => {}
            }
        }
        if revocations.is_empty() && awaited.is_empty() {
            if deps.store.record_done(item, &[]).await? {
                tracing::info!(event = "issued_revoked", outbox = item.id.to_string(), revoked);
            }
            return Ok(());
        }
        revoked += deps.store.revoke_tickets(None, &revocations).await?;
        for next in awaited {
            let ticket = revoked_ticket(deps, closed, &next);
            let event = event(deps, item, closed, &ticket)?;
            revoked += usize::from(deps.store.revoke_awaited(&ticket, &event).await?.is_written());
        }
    }
    Err(outrun("taking back what was issued").into())
}

fn event(deps: &Deps, item: &OutboxItem, closed: Closed, ticket: &Ticket) -> Result<Event, Failure> {
    let event = item_event(deps, item, Action::AuthnTokenRevoked, Actor::Staff)?;
    Ok(event.of(ticket.account, ticket.portal).with_ticket(ticket.id).by(closed.by))
}

/// The ticket of an invitation that is taken back before it is issued.
fn revoked_ticket(deps: &Deps, closed: Closed, awaited: &Awaited) -> Ticket {
    let now = deps.ambient.now();
    let account = &awaited.account;
    let grant =
        Grant { kind: Kind::of_link(account), issuer: Issuer::Staff, issued_at: now, valid_until: now };
    let ticket = Ticket::new(awaited.ticket, account, grant, awaited.item.nonce);
    Ticket { state: State::Revoked, by: Some(closed.account), ..ticket }
}
