//! What is recorded and told of a change: its event, and the mails to people who must know of it, in the transaction of the change.
//! So neither is there without the change, and the change is not there without them.

use std::collections::HashSet;

use crate::domain::account::{Account, Role};
use crate::domain::directory::Search;
use crate::domain::event::Event;
use crate::domain::outbox::OutboxItem;
use crate::domain::practice::{Portal, Slug};
use crate::platform::ids::AccountId;
use crate::store::directory::Part;
use crate::store::error::StoreError;
use crate::store::events::put_event;
use crate::store::keys;
use crate::store::outbox::put_outbox_item;
use crate::store::transact::{MOST_WRITES, Store};
use crate::store::write::Write;

/// The number of entries of the directory that are read at once.
const READ: i32 = 100;

/// An event, and the mails about what it records.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    /// The event.
    pub event: &'a Event,
    /// The outbox items of the mails, the most important first.
    pub mails: &'a [OutboxItem],
}

impl<'a> From<&'a Event> for Told<'a> {
    fn from(event: &'a Event) -> Self {
        Self { event, mails: &[] }
    }
}

impl Told<'_> {
    /// Adds the writes to those of a change: the event, and as many mails as the transaction has room for beside the check of the
    /// member of staff who acts.
    pub(super) fn add_to(self, writes: &mut Vec<Write>) {
        writes.push(put_event(self.event));
        add_mails(writes, self.mails);
    }
}

/// Adds the writes of mails to those of a change, as many as the transaction has room for beside the check of the member of staff who
/// acts.
pub(super) fn add_mails(writes: &mut Vec<Write>, mails: &[OutboxItem]) {
    let room = (MOST_WRITES - 1).saturating_sub(writes.len());
    writes.extend(mails.iter().take(room).map(put_outbox_item));
}

impl Store {
    /// The mails among these that nobody has asked for yet, as many as a transaction has room for. One round trip, and none for none.
    pub async fn without_known(&self, mut mails: Vec<OutboxItem>) -> Result<Vec<OutboxItem>, StoreError> {
        mails.truncate(MOST_WRITES);
        if mails.is_empty() {
            return Ok(mails);
        }
        let known = self.get_batch(mails.iter().map(keys::outbox_item)).await?;
        let known: HashSet<&String> = known.iter().filter_map(|item| item.get("pk")?.as_s().ok()).collect();
        mails.retain(|mail| !known.contains(&keys::outbox_item(mail).pk));
        Ok(mails)
    }

    /// Finds the administrators of a practice whose accounts are open. Two round trips for each hundred entries of the staff portal's
    /// directory, and one more at its end.
    pub async fn find_administrators(&self, practice: &Slug) -> Result<Vec<Account>, StoreError> {
        let everybody = Search::parse("");
        let (mut found, mut after): (Vec<Account>, Option<String>) = (Vec::new(), None);
        loop {
            let part = Part { after: after.as_deref(), limit: READ };
            let places = self.search_directory(practice, Portal::Staff, &everybody, part).await?;
            let ids: Vec<AccountId> = places.iter().map(|place| place.account).collect();
            let accounts = self.find_accounts(&ids).await?.into_iter();
            found.extend(accounts.filter(|account| account.role == Some(Role::Admin) && account.is_open()));
            let Some(last) = places.into_iter().next_back() else { return Ok(found) };
            after = Some(last.entry);
        }
    }
}
