//! The form of an item: the members of the domain's own types as attributes, with the key and the TTL beside them.
//!
//! Times are numbers of milliseconds. `expires_at` alone is in seconds, because DynamoDB's clean-up reads it.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;

use crate::platform::clock::{Timestamp, days};
use crate::store::error::StoreError;
use crate::store::keys::Key;

/// An item as DynamoDB has it.
pub type Item = HashMap<String, AttributeValue>;

/// The time for which a ticket or a notice is kept after its end, so that a late caller is told the reason.
pub const AFTERLIFE: Duration = days(30);

/// A value as an item with its key, and with a TTL when it is to be cleaned up one day.
pub(super) fn write(key: &Key, value: &impl Serialize, ttl: Option<Timestamp>) -> Result<Item, StoreError> {
    let mut item = members(key, value)?;
    item.extend(key.attributes());
    item.extend(ttl.map(|at| ("expires_at".to_owned(), AttributeValue::N(at.seconds().to_string()))));
    Ok(item)
}

/// The members of a value as attributes, without key and TTL.
pub(super) fn members(key: &Key, value: &impl Serialize) -> Result<Item, StoreError> {
    serde_dynamo::to_item(value).map_err(|error| StoreError::broken(&key.pk, error))
}

/// A number of an item; `None` when the item does not have it.
pub(super) fn number_of(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// A value of any of the domain's types as one attribute.
pub(super) fn attribute(value: &impl Serialize) -> Result<AttributeValue, StoreError> {
    serde_dynamo::to_attribute_value(value).map_err(|error| StoreError::broken("attribute", error))
}
