//! What members of staff have issued, from whoever issued it to each ticket.
//!
//! **Written with the ticket, read as it is.** What leads to a ticket is put in the transaction that puts the ticket, under the
//! check that its issuer is open (A4). So whoever reads the list after the issuer was closed sees everything: nothing can be issued
//! later. An invitation that is asked for with an account has its place before the mailer issues it.

use std::collections::{BTreeSet, HashMap};

use crate::domain::account::Account;
use crate::domain::event::Event;
use crate::domain::issued::IssuedTicket;
use crate::domain::outbox::OutboxItem;
use crate::domain::ticket::{Standing, State, Ticket};
use crate::platform::ids::{AccountId, TicketId};
use crate::store::error::StoreError;
use crate::store::events::put_event;
use crate::store::items::Item;
use crate::store::keys::{self, Key};
use crate::store::tickets::{TicketOfAccount, move_ticket, put_ticket};
use crate::store::transact::{Newest, Outcome, Store};
use crate::store::write::Range;

/// The tickets that one transaction takes back: each is two writes, and the member of staff who does it is checked beside them.
pub const AT_ONCE: usize = 40;
/// The places whose tickets and accounts are read at once.
const BATCH: usize = 50;

/// Something that a member of staff has issued and nobody has used.
pub enum Unused {
    /// A ticket that can be used now.
    Open(Box<TicketOfAccount>),
    /// An invitation that the mailer has still to issue.
    Awaited(Box<Awaited>),
}

/// An invitation that waits for its mail.
pub struct Awaited {
    /// The id that its ticket will have.
    pub ticket: TicketId,
    /// The account that is invited.
    pub account: Account,
    /// The outbox item of its mail.
    pub item: OutboxItem,
}

/// A ticket that is taken back, and the event that records it.
pub struct Revocation {
    /// The ticket.
    pub ticket: Ticket,
    /// The event.
    pub event: Event,
}

impl Store {
    /// Lists a page of what a member of staff has issued and has not been cleaned up. One round trip, strongly consistent.
    pub async fn page_of_issued(
        &self,
        staff: AccountId,
        after: Option<TicketId>,
        limit: usize,
    ) -> Result<Newest<IssuedTicket>, StoreError> {
        self.newest(&keys::issued(staff), after.map(|id| id.to_string()), limit).await
    }

    /// Lists what a member of staff has issued and nobody has used. Two round trips, and more where it is much.
    pub async fn list_unused(&self, staff: AccountId) -> Result<Vec<Unused>, StoreError> {
        let pk = keys::issued(staff);
        let items = self.query_all(Range::of(&pk)).await?.into_iter();
        let places: Vec<IssuedTicket> =
            items.map(|item| self.reader.value(&pk, item)).collect::<Result<_, _>>()?;
        let mut unused = Vec::new();
        for some in places.chunks(BATCH) {
            unused.extend(self.find_unused(some).await?);
        }
        Ok(unused)
    }

    /// Finds those of these tickets that can be used, and the invitations among them that wait for their mail. One round trip for
    /// each 50, and one for each ticket that is not there.
    pub async fn find_unused(&self, places: &[IssuedTicket]) -> Result<Vec<Unused>, StoreError> {
        let now = self.ambient.now();
        let (mut tickets, mut accounts) = (HashMap::new(), HashMap::new());
        for some in places.chunks(BATCH) {
            let of_tickets = some.iter().map(|place| keys::ticket(place.account, place.ticket));
            let owners: BTreeSet<AccountId> = some.iter().map(|place| place.account).collect();
            let wanted: Vec<Key> = of_tickets.chain(owners.into_iter().map(keys::account)).collect();
            for item in self.get_batch(wanted).await? {
                if is_account(&item) {
                    let account: Account = self.reader.value("ACCOUNT", item)?;
                    accounts.insert(account.id, account);
                } else {
                    let ticket: Ticket = self.reader.value("TICKET", item)?;
                    tickets.insert((ticket.account, ticket.id), ticket);
                }
            }
        }
        let mut unused = Vec::new();
        for place in places {
            let Some(account) = accounts.get(&place.account).cloned() else { continue };
            match tickets.remove(&(place.account, place.ticket)) {
                Some(ticket) if ticket.standing(&account, now) == Standing::Open => {
                    unused.push(Unused::Open(Box::new(TicketOfAccount { ticket, account })));
                }
                Some(_) => {}
                None => unused.extend(self.find_awaited(*place, account).await?),
            }
        }
        Ok(unused)
    }

    async fn find_awaited(
        &self,
        IssuedTicket { ticket, .. }: IssuedTicket,
        account: Account,
    ) -> Result<Option<Unused>, StoreError> {
        let item = self.find_outbox_item(&keys::outbox(ticket.into())).await?;
        let item = item.filter(|item| item.done_at.is_none());
        Ok(item.map(|item| Unused::Awaited(Box::new(Awaited { ticket, account, item }))))
    }

    /// Takes tickets back, as many in a transaction as it has room for.
    ///
    /// One transaction for each 40:
    ///
    /// - Each ticket becomes `revoked`. Condition: it is `issued` or `sent`.
    /// - Each event is put. Condition: it does not exist.
    /// - The account of the member of staff is checked, if one does it. Condition: it is open, and its role and its session epoch
    ///   are as read.
    ///
    /// When one is refused, each of its tickets is tried by itself. Returns how many were taken back by this call: the others have
    /// been used or taken back meanwhile. One round trip for each 40.
    pub async fn revoke_tickets(
        &self,
        staff: Option<&Account>,
        revocations: &[Revocation],
    ) -> Result<usize, StoreError> {
        let mut revoked = 0;
        for some in revocations.chunks(AT_ONCE) {
            let writes = some.iter().flat_map(|Revocation { ticket, event }| {
                [move_ticket(ticket.account, ticket.id, State::Revoked), put_event(event)]
            });
            if self.transact_by(staff, writes.collect()).await?.is_written() {
                revoked += some.len();
                continue;
            }
            for Revocation { ticket, event } in some {
                let outcome = self.revoke_ticket(staff, ticket.account, ticket.id, event).await?;
                revoked += usize::from(outcome.is_written());
            }
        }
        Ok(revoked)
    }

    /// Takes an invitation back before the mailer issues it: a revoked ticket is put in its place.
    ///
    /// One transaction: the ticket, what leads to it from its issuer, and the event are put. Condition: neither the ticket nor the
    /// event exists.
    ///
    /// A refusal means that it has been issued meanwhile; nothing is written. One round trip.
    pub async fn revoke_awaited(&self, ticket: &Ticket, event: &Event) -> Result<Outcome, StoreError> {
        let writes = put_ticket(ticket).chain([put_event(event)]);
        self.transact(writes.collect()).await
    }
}

fn is_account(item: &Item) -> bool {
    item.get("pk").and_then(|pk| pk.as_s().ok()).is_some_and(|pk| keys::kind(pk) == "ACCOUNT")
}
