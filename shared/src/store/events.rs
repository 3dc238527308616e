//! Events: put with what they record, never changed, never deleted (U1).

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::TransactWriteItem;

use super::keys;
use super::{Store, StoreError, items};
use crate::event::Event;
use crate::ids::AccountId;

impl Store {
    /// An event as part of a transaction.
    pub(super) fn put_event(&self, event: &Event) -> Result<TransactWriteItem, StoreError> {
        self.put_once(items::write(&keys::event(event), event, None)?)
    }

    /// Writes down what changed nothing else, such as a failed sign-in.
    pub async fn record_event(&self, event: &Event) -> Result<(), StoreError> {
        let item = items::write(&keys::event(event), event, None)?;
        let call = self.client.put_item().table_name(&self.table).set_item(Some(item));
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

    /// An account's events, newest first.
    pub async fn list_events(&self, account: AccountId) -> Result<Vec<Event>, StoreError> {
        let pk = keys::events(account);
        let call = self.client.query().table_name(&self.table).scan_index_forward(false);
        let call =
            call.key_condition_expression("pk = :pk").expression_attribute_values(":pk", items::text(&pk));
        let answer = call.send().await.map_err(|error| StoreError::failed("Query", &error))?;
        answer.items.unwrap_or_default().into_iter().map(|item| items::read(&pk, item)).collect()
    }
}
