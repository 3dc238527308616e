//! The end of an account: what it leaves, and what it takes with it.
//!
//! **Its events stay**, with its id and without its name (U1). Everything else that tells of a person goes: the account, its logins,
//! its places in the directory, on caseloads and among those that share an address, its tickets, its sessions, the notices of
//! changes, and the help requests that it has come into. What carries an address that somebody typed ends by itself: a request after
//! eight days, a help request with a name that nobody has after sixty.
//!
//! The account's own item goes last, with all that leads to it, in one transaction. So an erasure that was interrupted can be found
//! and made again.

use crate::domain::account::Account;
use crate::domain::directory::entries;
use crate::domain::event::Event;
use crate::store::accounts::Guard;
use crate::store::endings::ending_key;
use crate::store::error::StoreError;
use crate::store::events::put_event;
use crate::store::items::Item;
use crate::store::keys::{self, Key};
use crate::store::names::looks_removal;
use crate::store::transact::{Outcome, Store};
use crate::store::write::{Range, Write};

impl Store {
    /// Deletes the help requests, the tickets, the sessions and the notices of an account, what leads to its tickets from members of
    /// staff, and what leads from it to tickets that it has issued. Five round trips, one for each further megabyte and each 100
    /// items, and two where there is a help request.
    pub async fn delete_belongings(&self, account: &Account) -> Result<(), StoreError> {
        self.delete_help_of(account).await?;
        let (id, own) = (account.id, [keys::tickets, keys::sessions, keys::notices, keys::issued]);
        for partition in own.map(|partition| partition(id)) {
            let items = self.query_all(Range::of(&partition)).await?;
            let places: Vec<Key> = items.iter().filter_map(place_of).collect();
            let keys: Vec<Key> = items.iter().filter_map(key_of).collect();
            self.delete_all(&places).await?;
            self.delete_all(&keys).await?;
        }
        Ok(())
    }

    /// Deletes an account.
    ///
    /// One transaction:
    ///
    /// - The account is deleted. Condition: its revision, credential version, session epoch, password and `mail` are as read.
    /// - Its logins are deleted, its place among those that share its address, and its entries in the directory, on caseloads and in
    ///   the list of guardians' ends, without a condition.
    /// - Its username is taken from those of its look. Condition: they are as read.
    /// - The event is put. Condition: it does not exist.
    ///
    /// A refusal means that the account, or the names that look like its own, have changed since they were read; nothing is written.
    /// Two round trips.
    pub async fn delete_account(&self, account: &Account, event: &Event) -> Result<Outcome, StoreError> {
        let unchanged = Guard::Unchanged.on_account(account);
        let mut writes = vec![Write::delete(&keys::account(account.id)).only_if(unchanged)];
        let mut gone = Vec::new();
        let names = account.sign_in_names();
        gone.extend(names.iter().map(|name| keys::login(&account.practice, account.portal, name)));
        gone.extend(account.address().map(|address| keys::recipient(account, &address)));
        gone.extend(entries(account).iter().map(|entry| keys::directory_entry(account, entry)));
        gone.extend(account.caseload.iter().map(|entry| keys::caseload_entry(entry.staff, account.id)));
        gone.extend(ending_key(account));
        writes.extend(gone.iter().map(Write::delete));
        if let Some(looks) = account.username.looks() {
            let found = self.get_item(&keys::looks(account, &looks.skeleton)).await?.unwrap_or_default();
            writes.extend(looks_removal(account, &found));
        }
        writes.push(put_event(event));
        self.transact(writes).await
    }
}

/// The key of what leads to a ticket from the member of staff who issued it.
fn place_of(item: &Item) -> Option<Key> {
    let text = |name: &str| item.get(name)?.as_s().ok();
    text("pk").filter(|pk| keys::kind(pk) == "TICKET")?;
    Some(keys::issued_ticket(text("by")?.parse().ok()?, text("sk")?.parse().ok()?))
}

fn key_of(item: &Item) -> Option<Key> {
    let text = |name: &str| item.get(name)?.as_s().ok().cloned();
    Some(Key { pk: text("pk")?, sk: text("sk")? })
}
