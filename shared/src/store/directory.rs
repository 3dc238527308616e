//! The directory and the caseloads: the lists in which staff find accounts.
//!
//! Staff search by the beginning of a word. Each account has an entry for its name, and one for each term that does not begin
//! another of its terms (`domain::directory`), in a partition of its practice and portal. A search reads the entries that begin
//! with its longest word, and then the accounts behind them. So its cost depends on the entries that it reads and not on the
//! number of accounts, and no index can lag behind. An entry says only which account it leads to; the other words, the filters
//! and the caller's rights are held against the account itself.

use std::collections::{BTreeSet, HashMap};

use serde_json::json;

use crate::domain::account::Account;
use crate::domain::directory::{Search, entries};
use crate::domain::practice::{Portal, Slug};
use crate::platform::ids::AccountId;
use crate::store::error::StoreError;
use crate::store::items::Item;
use crate::store::keys::{self, Key};
use crate::store::transact::{Page, Store};
use crate::store::write::{Range, Within, Write};

/// A place in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The sort key of the entry.
    pub entry: String,
    /// The id of the account that the entry leads to.
    pub account: AccountId,
}

/// The part of a list that is read: the places after an entry, and at most so many. Fewer mean that the list has ended.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The last entry of the part before; `None` at the beginning of the list.
    pub after: Option<&'a str>,
    /// The most places that are read.
    pub limit: i32,
}

/// The number of items that one `BatchGetItem` takes.
pub(super) const BATCH: usize = 100;

impl Store {
    /// Lists the places of a portal's accounts that a search may find, in the order of their entries. An account may have
    /// several. One round trip, strongly consistent.
    pub async fn search_directory(
        &self,
        practice: &Slug,
        portal: Portal,
        search: &Search,
        part: Part<'_>,
    ) -> Result<Vec<Place>, StoreError> {
        let (pk, prefix) = (keys::directory(practice, portal), search.prefix());
        self.list_places(Range { within: Within::Prefix(&prefix), ..Range::of(&pk) }, part).await
    }

    /// Lists the places of the clients on a member of staff's caseload. One round trip, strongly consistent.
    pub async fn list_caseload(&self, staff: AccountId, part: Part<'_>) -> Result<Vec<Place>, StoreError> {
        self.list_places(Range::of(&keys::caseload(staff)), part).await
    }

    /// Reads a part of a list. DynamoDB takes only one condition on a sort key, so the entry before the part is where the query
    /// starts.
    async fn list_places(&self, range: Range<'_>, part: Part<'_>) -> Result<Vec<Place>, StoreError> {
        let kind = range.partition.to_owned();
        let page = Page { after: part.after, limit: Some(part.limit), newest_first: false };
        let answer = self.query_page(range, page).await?;
        let place = |item: Item| {
            let text = |name: &str| item.get(name)?.as_s().ok().cloned();
            let place = text("sk").zip(text("account").and_then(|id| id.parse().ok()));
            let place = place.map(|(entry, account)| Place { entry, account });
            place.ok_or_else(|| StoreError::broken(&kind, "it names no account"))
        };
        answer.items.unwrap_or_default().into_iter().map(place).collect()
    }

    /// Puts every entry of an account, whether or not it is there. `found` are entries that led to the account; those that it does
    /// not have now are deleted.
    ///
    /// One transaction: each entry is put, and each former one deleted, without a condition. One round trip.
    pub async fn put_entries(
        &self,
        account: &Account,
        found: impl Iterator<Item = &str>,
    ) -> Result<(), StoreError> {
        let own = entries(account);
        let former = found.filter(|entry| !own.contains(*entry));
        let gone = former.map(|entry| Write::delete(&keys::directory_entry(account, entry)));
        self.transact(directory_writes(None, account).into_iter().chain(gone).collect()).await.map(|_| ())
    }

    /// Deletes entries of a practice's directory that lead to no account any more, without a condition. One round trip for each
    /// hundred.
    pub async fn delete_entries(
        &self,
        practice: &Slug,
        portal: Portal,
        gone: impl Iterator<Item = &Place>,
    ) -> Result<(), StoreError> {
        let pk = keys::directory(practice, portal);
        let gone: Vec<Key> = gone.map(|place| Key { pk: pk.clone(), sk: place.entry.clone() }).collect();
        self.delete_all(&gone).await
    }

    /// Finds accounts by id, in the order given, without those that do not exist. One round trip for each 100 accounts.
    pub async fn find_accounts(&self, ids: &[AccountId]) -> Result<Vec<Account>, StoreError> {
        let mut found = HashMap::new();
        for batch in ids.chunks(BATCH) {
            let wanted: BTreeSet<AccountId> = batch.iter().copied().collect();
            for item in self.get_batch(wanted.into_iter().map(keys::account)).await? {
                let account: Account = self.reader.value("ACCOUNT", item)?;
                found.insert(account.id, account);
            }
        }
        Ok(ids.iter().filter_map(|id| found.get(id).cloned()).collect())
    }
}

/// The writes that keep the directory true to an account that is created or changes. `old` is `None` for a new account.
pub(super) fn directory_writes(old: Option<&Account>, new: &Account) -> Vec<Write> {
    let key = |entry: &String| keys::directory_entry(new, entry);
    moved(&old.map(entries).unwrap_or_default(), &entries(new), key, new.id)
}

/// The writes that keep the caseloads true to a client that is created or changes. `old` is `None` for a new account.
pub(super) fn caseload_writes(old: Option<&Account>, new: &Account) -> Vec<Write> {
    let staff = |account: &Account| -> BTreeSet<AccountId> {
        account.caseload.iter().map(|assignment| assignment.staff).collect()
    };
    let key = |staff: &AccountId| keys::caseload_entry(*staff, new.id);
    moved(&old.map(staff).unwrap_or_default(), &staff(new), key, new.id)
}

/// The writes that delete former places and put new ones. Such an item says only which account it leads to.
fn moved<T: Ord>(
    before: &BTreeSet<T>,
    after: &BTreeSet<T>,
    key: impl Fn(&T) -> Key,
    account: AccountId,
) -> Vec<Write> {
    let gone = before.difference(after).map(|place| Write::delete(&key(place)));
    let come =
        after.difference(before).map(|place| Write::put(&key(place), &json!({"account": account}), None));
    gone.chain(come).collect()
}
