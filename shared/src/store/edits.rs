//! An edit of an account that changes others too.

use crate::domain::account::Account;
use crate::domain::event::Event;
use crate::store::accounts::{Changed, Guard, account_writes};
use crate::store::error::StoreError;
use crate::store::events::put_event;
use crate::store::limits::{CountedMail, Issuance};
use crate::store::names::looks_writes;
use crate::store::told::Told;
use crate::store::transact::{MOST_WRITES, Store};

/// An account that changes with the edit of another one.
pub struct Follower<'a> {
    /// The account, as it was read and as it becomes.
    pub changed: Changed<'a>,
    /// The event that records it.
    pub event: &'a Event,
}

/// An edit of an account by a member of staff, and what follows from it.
pub struct Edit<'a> {
    /// The account, as it was read and as it becomes.
    pub edited: Changed<'a>,
    /// The event that records it, and the mails about it.
    pub told: Told<'a>,
    /// What the mail to the owner counts for, if they are told.
    pub mail: Option<CountedMail<'a>>,
    /// The others that change with it.
    pub followers: &'a [Follower<'a>],
}

impl Store {
    /// Writes an edit of an account by a member of staff, with what follows from it for others.
    ///
    /// One transaction:
    ///
    /// - If the owner is told, the mail is counted for the member of staff, for the account and for its mailbox. Condition: every
    ///   window has room.
    /// - That of [`Store::update_accounts`] for all of them.
    /// - The followers' events are put, as many as it has room for. Condition: none exists. The event of the edit says how many
    ///   followers there are.
    ///
    /// [`Issuance::Limited`] means that a window is full, and [`Issuance::Outrun`] the same as a refusal there; nothing is written. One
    /// round trip.
    pub async fn edit_account(&self, staff: &Account, edit: Edit<'_>) -> Result<Issuance, StoreError> {
        let Edit { edited, told, mail, followers } = edit;
        let now = told.event.at;
        let mut writes = mail.map(|mail| mail.writes(now)).unwrap_or_default();
        writes.extend(account_writes(edited, Guard::Unchanged));
        writes.extend(looks_writes(Some(edited.old), edited.new, false));
        writes.extend(followers.iter().flat_map(|other| account_writes(other.changed, Guard::Unchanged)));
        told.add_to(&mut writes);
        let room = (MOST_WRITES - 1).saturating_sub(writes.len());
        writes.extend(followers.iter().take(room).map(|other| put_event(other.event)));
        self.transact_counted(Some(staff), writes, mail, now).await
    }
}
