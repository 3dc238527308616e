//! The directory and the caseloads: which accounts staff see in a list. What an account says is read from the account.

use std::collections::{BTreeSet, HashMap};

use serde_json::json;

use crate::domain::account::Account;
use crate::domain::directory::{Search, entries};
use crate::domain::practice::{Portal, Slug};
use crate::platform::ids::AccountId;
use crate::store::error::StoreError;
use crate::store::items::{self, Item};
use crate::store::keys::{self, Key};
use crate::store::transact::{Page, Store};
use crate::store::write::{Range, Within, Write};

/// A place in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its sort key.
    pub entry: String,
    /// The account that it leads to.
    pub account: AccountId,
}

/// Which part of a list is read: the places after an entry, at most so many. Fewer mean that there are no more.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The last entry of the part before.
    pub after: Option<&'a str>,
    /// How many places at most.
    pub limit: i32,
}

/// Accounts that one `BatchGetItem` takes.
const BATCH: usize = 100;

impl Store {
    /// Places of accounts of a portal that a search may find, in the order of their entries. An account may have several.
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

    /// Places of the clients on a member of staff's caseload.
    pub async fn list_caseload(&self, staff: AccountId, part: Part<'_>) -> Result<Vec<Place>, StoreError> {
        self.list_places(Range::of(&keys::caseload(staff)), part).await
    }

    /// A sort key cannot have two conditions: the entry before the part is where the query starts.
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

    /// Accounts by id, in the order given, without those that do not exist.
    pub async fn find_accounts(&self, ids: &[AccountId]) -> Result<Vec<Account>, StoreError> {
        let mut found = HashMap::new();
        for batch in ids.chunks(BATCH) {
            let wanted: BTreeSet<AccountId> = batch.iter().copied().collect();
            for item in self.get_batch(wanted.into_iter().map(keys::account)).await? {
                let account: Account = items::read("ACCOUNT", item)?;
                found.insert(account.id, account);
            }
        }
        Ok(ids.iter().filter_map(|id| found.get(id).cloned()).collect())
    }
}

/// The writes that keep the directory with an account: as it was, if it was, and as it becomes.
pub(super) fn directory_writes(old: Option<&Account>, new: &Account) -> Vec<Write> {
    let key = |entry: &String| keys::directory_entry(new, entry);
    moved(&old.map(entries).unwrap_or_default(), &entries(new), key, new.id)
}

/// The writes that keep the caseloads with a client: as it was, and as it becomes.
pub(super) fn caseload_writes(old: Option<&Account>, new: &Account) -> Vec<Write> {
    let staff = |account: &Account| -> BTreeSet<AccountId> {
        account.caseload.iter().map(|assignment| assignment.staff).collect()
    };
    let key = |staff: &AccountId| keys::caseload_entry(*staff, new.id);
    moved(&old.map(staff).unwrap_or_default(), &staff(new), key, new.id)
}

/// Takes places away and makes others. Such an item says nothing but which account it leads to.
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
