//! The end of a guardian, in one transaction with all that it takes and with what is recorded of it.

use crate::domain::account::Account;
use crate::domain::guardian::End;
use crate::store::accounts::{Changed, Guard, account_writes};
use crate::store::error::StoreError;
use crate::store::events::put_event;
use crate::store::outbox::put_outbox_item;
use crate::store::transact::{Outcome, Store};

impl Store {
    /// Ends an association.
    ///
    /// One transaction:
    ///
    /// - The client's account loses the guardian, and what the guardian may have had of it. Condition: its revision, credential version,
    ///   session epoch, password and `mail` are as read. Its logins get the same, and its place in the list of ends moves.
    /// - The guardian's account loses the client, if it is there. Condition: the same of it.
    /// - The events are put, and the outbox item of the task for staff, if there is to be one. Condition: none exists.
    /// - The account of the member of staff is checked, if one does it. Condition: it is open, and its role and its session epoch are as
    ///   read.
    ///
    /// A refusal means that one of the accounts has changed since it was read, or that the member of staff has been closed, signed out or
    /// given another role; nothing is written. One round trip.
    pub async fn end_association(
        &self,
        staff: Option<&Account>,
        (client, guardian): (&Account, Option<&Account>),
        end: &End,
    ) -> Result<Outcome, StoreError> {
        let mut writes = account_writes(Changed { old: client, new: &end.client }, Guard::Unchanged);
        if let (Some(old), Some(new)) = (guardian, &end.guardian) {
            writes.extend(account_writes(Changed { old, new }, Guard::Unchanged));
        }
        writes.extend(end.events.iter().map(put_event));
        writes.extend(end.task.iter().map(put_outbox_item));
        self.transact_by(staff, writes).await
    }
}
