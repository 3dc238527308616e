//! The directory and the caseloads: which accounts staff see in a list. What an account says is read from the account.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::{KeysAndAttributes, Put, TransactWriteItem};

use super::items::{self, text};
use super::keys::{self, Key};
use super::{Item, Store, StoreError};
use crate::account::Account;
use crate::directory::{Search, entries};
use crate::ids::AccountId;
use crate::practice::{Portal, Slug};

/// A place in a list, by its sort key, and the account that it leads to.
pub type Place = (String, AccountId);

/// Accounts that one `BatchGetItem` takes.
const BATCH: usize = 100;

impl Store {
    /// Accounts that a search may find, in the order of their entries, after the given entry. At most `limit`; fewer mean
    /// that there are no more. An account may have several entries.
    pub async fn search_directory(
        &self,
        (practice, portal): (&Slug, Portal),
        search: &Search,
        after: Option<&str>,
        limit: i32,
    ) -> Result<Vec<Place>, StoreError> {
        let pk = keys::directory(practice, portal);
        self.list_ids(&pk, Some(&search.prefix()), after, limit).await
    }

    /// Clients on a caseload, after the given one, at most `limit`.
    pub async fn list_caseload(
        &self,
        staff: AccountId,
        after: Option<&str>,
        limit: i32,
    ) -> Result<Vec<Place>, StoreError> {
        self.list_ids(&keys::caseload(staff), None, after, limit).await
    }

    /// The accounts that a partition's items name. A sort key cannot have two conditions: an `after` is the page's start.
    async fn list_ids(
        &self,
        pk: &str,
        prefix: Option<&str>,
        after: Option<&str>,
        limit: i32,
    ) -> Result<Vec<Place>, StoreError> {
        let mut call = self.client.query().table_name(&self.table).consistent_read(true).limit(limit);
        call = match prefix {
            Some(prefix) => call
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":prefix", text(prefix)),
            None => call.key_condition_expression("pk = :pk"),
        };
        let start = after.map(|sk| HashMap::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text(sk))]));
        let call = call.expression_attribute_values(":pk", text(pk)).set_exclusive_start_key(start);
        let answer = call.send().await.map_err(|error| StoreError::failed("Query", &error))?;
        let place = |item: Item| {
            let text = |name: &str| item.get(name)?.as_s().ok().cloned();
            let place = text("sk").zip(text("account").and_then(|id| id.parse().ok()));
            place.ok_or_else(|| StoreError::broken(pk, "it names no account"))
        };
        answer.items.unwrap_or_default().into_iter().map(place).collect()
    }

    /// Accounts by id, in the order given, without those that do not exist.
    pub async fn find_accounts(&self, ids: &[AccountId]) -> Result<Vec<Account>, StoreError> {
        let mut found = HashMap::new();
        for batch in ids.chunks(BATCH) {
            let mut wanted: Vec<_> = batch.to_vec();
            wanted.sort();
            wanted.dedup();
            let keys = wanted.into_iter().map(|id| keys::account(id).attributes()).collect();
            for item in self.get_batch(keys).await? {
                let account: Account = items::read("ACCOUNT", item)?;
                found.insert(account.id, account);
            }
        }
        Ok(ids.iter().filter_map(|id| found.get(id).cloned()).collect())
    }

    /// Items by key, strongly consistent, in no order.
    pub(super) async fn get_batch(
        &self,
        keys: Vec<HashMap<String, aws_sdk_dynamodb::types::AttributeValue>>,
    ) -> Result<Vec<Item>, StoreError> {
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let wanted = wanted.map_err(|error| StoreError::unavailable("building a read", error))?;
        let answer = self.client.batch_get_item().request_items(&self.table, wanted).send().await;
        let answer = answer.map_err(|error| StoreError::failed("BatchGetItem", &error))?;
        if answer.unprocessed_keys.is_some_and(|keys| !keys.is_empty()) {
            return Err(StoreError::unavailable("BatchGetItem", "the store left keys unprocessed"));
        }
        Ok(answer.responses.unwrap_or_default().remove(&self.table).unwrap_or_default())
    }

    /// The writes that keep the directory with an account: as it was, if it was, and as it becomes.
    pub(super) fn directory_writes(
        &self,
        old: Option<&Account>,
        new: &Account,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let (before, after) = (old.map(entries).unwrap_or_default(), entries(new));
        let gone = before.difference(&after).map(|entry| self.remove(&keys::directory_entry(new, entry)));
        let come =
            after.difference(&before).map(|entry| self.name(&keys::directory_entry(new, entry), new.id));
        gone.chain(come).collect()
    }

    /// The writes that keep the caseloads with a client: as it was, and as it becomes.
    pub(super) fn caseload_writes(
        &self,
        old: Option<&Account>,
        new: &Account,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let staff = |account: &Account| -> BTreeSet<AccountId> {
            account.caseload.iter().map(|assignment| assignment.staff).collect()
        };
        let (before, after) = (old.map(staff).unwrap_or_default(), staff(new));
        let gone = before.difference(&after).map(|staff| self.remove(&keys::caseload_entry(*staff, new.id)));
        let come =
            after.difference(&before).map(|staff| self.name(&keys::caseload_entry(*staff, new.id), new.id));
        gone.chain(come).collect()
    }

    /// An item that says nothing but which account it leads to.
    fn name(&self, key: &Key, account: AccountId) -> Result<TransactWriteItem, StoreError> {
        let mut item = key.attributes();
        item.insert("account".to_owned(), text(&account));
        let put = Put::builder().table_name(&self.table).set_item(Some(item)).build();
        let put = put.map_err(|error| StoreError::unavailable("building a put", error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}
