//! Caseloads that are handed over, from one member of staff to another.

use crate::domain::account::Account;
use crate::domain::event::Event;
use crate::platform::ids::AccountId;
use crate::store::accounts::{Changed, Guard, account_writes};
use crate::store::conditions::open_account;
use crate::store::error::StoreError;
use crate::store::events::put_event;
use crate::store::keys;
use crate::store::transact::{Outcome, Store};
use crate::store::write::Write;

/// The clients that one transaction hands over: each is four writes at most, and two members of staff are checked beside them.
pub const HANDED_AT_ONCE: usize = 24;

/// A client who is handed over: as they were read, as they become, and the event that records it.
pub struct Handed {
    /// The account as it was read.
    pub old: Account,
    /// The account as it becomes.
    pub new: Account,
    /// The event.
    pub event: Event,
}

impl Store {
    /// Hands clients over to a member of staff.
    ///
    /// One transaction:
    ///
    /// - The account of whoever gets the clients is checked. Condition: it is open.
    /// - Each client gets the other list of those who look after them, and their places on the two caseloads are deleted and put.
    ///   Condition: the client's revision, credential version, session epoch, password and `mail` are as read.
    /// - Each event is put. Condition: it does not exist.
    /// - The account of the member of staff who does it is checked. Condition: it is open, and its role and its session epoch are
    ///   as read.
    ///
    /// A refusal means that a client has changed since they were read, that whoever gets them has been closed, or that the member
    /// of staff has been closed, signed out or given another role; nothing is written. One round trip.
    pub async fn hand_over(
        &self,
        staff: &Account,
        to: AccountId,
        clients: &[Handed],
    ) -> Result<Outcome, StoreError> {
        // A transaction names an item once, and the check of whoever acts says more.
        let other = (to != staff.id).then(|| Write::check(&keys::account(to)).only_if(open_account()));
        let mut writes: Vec<Write> = other.into_iter().collect();
        for Handed { old, new, event } in clients {
            writes.extend(account_writes(Changed { old, new }, Guard::Unchanged));
            writes.push(put_event(event));
        }
        self.transact_by(Some(staff), writes).await
    }
}
