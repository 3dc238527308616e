//! An edit of an account, and the mails about it.

use crate::domain::account::Account;
use crate::domain::help::Cause;
use crate::store::accounts::{Changed, Guard, account_writes};
use crate::store::error::StoreError;
use crate::store::keys;
use crate::store::limits::{CountedMail, Issuance};
use crate::store::names::looks_writes;
use crate::store::told::Told;
use crate::store::transact::Store;
use crate::store::write::Write;

/// An edit of an account by a member of staff.
pub struct Edit<'a> {
    /// The account, as it was read and as it becomes.
    pub edited: Changed<'a>,
    /// The event that records it, and the mails about it.
    pub told: Told<'a>,
    /// What the mail to the owner counts for, if they are told.
    pub mail: Option<CountedMail<'a>>,
}

impl Store {
    /// Writes an edit of an account by a member of staff.
    ///
    /// One transaction:
    ///
    /// - If the owner is told, the mail is counted for the member of staff, for the account and for its mailbox. Condition: every
    ///   window has room.
    /// - That of [`Store::update_accounts`].
    /// - When the address is held, or no longer, the account's one open task of a recovery to a held address is open no longer, without
    ///   a condition: the next such recovery is another task.
    ///
    /// [`Issuance::Limited`] means that a window is full, and [`Issuance::Outrun`] the same as a refusal there; nothing is written. One
    /// round trip.
    pub async fn edit_account(&self, staff: &Account, edit: Edit<'_>) -> Result<Issuance, StoreError> {
        let Edit { edited, told, mail } = edit;
        let now = told.event.at;
        let mut writes = mail.map(|mail| mail.writes(now)).unwrap_or_default();
        writes.extend(account_writes(edited, Guard::Unchanged));
        writes.extend(looks_writes(Some(edited.old), edited.new, false));
        // What somebody asks for at another address is another task, and tells another former address.
        let asks_anew = edited.old.address_hold != edited.new.address_hold;
        writes.extend(asks_anew.then(|| Write::delete(&keys::open_help_of(edited.new.id, Cause::OnHold))));
        told.add_to(&mut writes);
        self.transact_counted(Some(staff), writes, mail, now).await
    }
}
