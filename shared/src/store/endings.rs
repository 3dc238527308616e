//! The list of clients whose guardians end, by the time at which the next one does.
//!
//! **The list follows from the accounts.** Every write of an account that has another time for the next end of a guardian moves its place
//! in the list, in the same transaction. So whoever moves a date, takes it away, merges or erases an account leaves no former date behind,
//! and none can be missing. An association that was ended leaves its place to the next one.

use futures::future::try_join_all;

use crate::domain::account::{Account, Ending};
use crate::platform::clock::Timestamp;
use crate::store::error::StoreError;
use crate::store::keys::{self, Key};
use crate::store::transact::{Page, Store};
use crate::store::write::{Range, Within, Write};

/// The most clients of a partition that one look finds, the longest due first.
const LOOKED_AT: i32 = 25;

fn place(account: &Account) -> Option<Ending> {
    account.next_ending().map(|until| Ending { account: account.id, until })
}

/// The key of an account's place in the list, if it has one.
pub(super) fn ending_key(account: &Account) -> Option<Key> {
    place(account).as_ref().map(keys::ending)
}

/// The writes that keep an account's place in the list.
pub(super) fn ending_writes(old: &Account, new: &Account) -> Vec<Write> {
    let (before, after) = (place(old), place(new));
    if before == after {
        return Vec::new();
    }
    let gone = before.map(|ending| Write::delete(&keys::ending(&ending)));
    let come = after.map(|ending| Write::put(&keys::ending(&ending), &ending, None));
    gone.into_iter().chain(come).collect()
}

impl Store {
    /// Finds the clients a guardian of whom has ended by now, and is to lose what they have: at most 25 of each of the eight partitions.
    /// One round trip, strongly consistent.
    pub async fn list_endings(&self, now: Timestamp) -> Result<Vec<Ending>, StoreError> {
        let partitions: Vec<String> = keys::ending_partitions().collect();
        let until = || Within::Between(String::new(), keys::endings_until(now));
        let page = Page { limit: Some(LOOKED_AT), ..Page::default() };
        let reads = partitions
            .iter()
            .map(|partition| self.query_page(Range { within: until(), ..Range::of(partition) }, page));
        let mut due = Vec::new();
        for answer in try_join_all(reads).await? {
            for item in answer.items.unwrap_or_default() {
                due.push(self.reader.value::<Ending>("ENDING", item)?);
            }
        }
        due.sort_unstable_by_key(|ending| ending.until);
        Ok(due)
    }
}
