//! Events: put with what they record, never changed, never deleted (U1); read newest first.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::TransactWriteItem;

use super::items::text;
use super::keys::{self, Log};
use super::{Item, Store, StoreError, items};
use crate::event::Event;
use crate::ids::{AccountId, EventId};

impl Store {
    /// An event as part of a transaction.
    pub(super) fn put_event(&self, event: &Event) -> Result<TransactWriteItem, StoreError> {
        self.put_once(item(event)?)
    }

    /// Writes down what changed nothing else, such as a failed sign-in.
    pub async fn record_event(&self, event: &Event) -> Result<(), StoreError> {
        let call = self.client.put_item().table_name(&self.table).set_item(Some(item(event)?));
        let call = call.condition_expression("attribute_not_exists(pk)");
        match call.send().await {
            Ok(_) => Ok(()),
            // Its id is fresh: it can only be there because an attempt whose answer was lost has written it.
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
                Ok(())
            }
            Err(error) => Err(StoreError::failed("PutItem", &error)),
        }
    }

    /// An account's events, newest first, as far as one answer of the store goes.
    pub async fn list_events(&self, account: AccountId) -> Result<Vec<Event>, StoreError> {
        Ok(self.read_log(&Log::Account(account), (EventId::FIRST, EventId::LAST), None).await?.0)
    }

    /// Events of a log between two ids, both included, newest first, at most `limit` and at most a megabyte of them; and whether
    /// there may be more. Reads no more than it answers. An account's log is strongly consistent; the others are indexes, a moment behind.
    pub async fn read_log(
        &self,
        log: &Log,
        (low, high): (EventId, EventId),
        limit: Option<i32>,
    ) -> Result<(Vec<Event>, bool), StoreError> {
        let (index, name, key) = log.place();
        let call = self
            .client
            .query()
            .table_name(&self.table)
            .set_index_name(index.map(str::to_owned))
            .consistent_read(index.is_none())
            .scan_index_forward(false)
            .set_limit(limit)
            .key_condition_expression("#log = :pk AND sk BETWEEN :low AND :high")
            .expression_attribute_names("#log", name)
            .expression_attribute_values(":pk", text(&key))
            .expression_attribute_values(":low", text(&low))
            .expression_attribute_values(":high", text(&high));
        let answer = call.send().await.map_err(|error| StoreError::failed("Query", &error))?;
        let more = answer.last_evaluated_key.is_some();
        let events = answer.items.unwrap_or_default().into_iter().map(|item| items::read(&key, item));
        Ok((events.collect::<Result<_, _>>()?, more))
    }
}

/// An event with its places in the logs.
fn item(event: &Event) -> Result<Item, StoreError> {
    let mut item = items::write(&keys::event(event), event, None)?;
    item.extend(keys::logs(event).into_iter().map(|(name, key)| (name.to_owned(), text(&key))));
    Ok(item)
}
