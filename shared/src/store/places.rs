//! The writes of what leads from a member of staff to what they issue. They are part of the transactions that issue it.

use crate::domain::issued::IssuedTicket;
use crate::domain::outbox::{KEPT, OutboxItem, OutboxKind};
use crate::domain::ticket::Ticket;
use crate::platform::clock::Timestamp;
use crate::platform::ids::{AccountId, TicketId};
use crate::store::items::AFTERLIFE;
use crate::store::keys;
use crate::store::write::Write;

/// The write that puts what leads to a ticket from the member of staff who issues it, if one does.
pub(super) fn put_issued(ticket: &Ticket) -> Option<Write> {
    let place = IssuedTicket { ticket: ticket.id, account: ticket.account };
    Some(put_place(ticket.by?, place, ticket.valid_until + AFTERLIFE))
}

/// The same for an invitation whose ticket the mailer will issue. An item that is gone issues none.
pub(super) fn put_awaited(invitation: &OutboxItem) -> Option<Write> {
    let OutboxKind::Link { account, by: Some(by) } = invitation.kind else { return None };
    let place = IssuedTicket { ticket: TicketId::from(invitation.id), account };
    Some(put_place(by, place, invitation.at + KEPT + AFTERLIFE))
}

fn put_place(staff: AccountId, place: IssuedTicket, kept_until: Timestamp) -> Write {
    Write::put(&keys::issued_ticket(staff, place.ticket), &place, Some(kept_until))
}
