//! What an item looks like: the domain's own types as attributes, plus the key and the TTL.
//!
//! Times are numbers of milliseconds; `expires_at` alone is in seconds, because DynamoDB's TTL reads it.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::keys::Key;
use super::{Item, StoreError};
use crate::clock::{Timestamp, days};

/// How long an item stays readable after it has stopped counting: a late caller is told why, not that nothing was there.
pub const AFTERLIFE: Duration = days(30);

/// An item, with its key, and with a TTL when it is to go one day.
pub(super) fn write(key: &Key, value: &impl Serialize, ttl: Option<Timestamp>) -> Result<Item, StoreError> {
    let mut item: Item = serde_dynamo::to_item(value).map_err(|error| StoreError::broken(&key.pk, error))?;
    item.extend(key.attributes());
    item.extend(ttl.map(|at| ("expires_at".to_owned(), seconds(at))));
    Ok(item)
}

/// What an item says.
pub(super) fn read<T: DeserializeOwned>(pk: &str, item: Item) -> Result<T, StoreError> {
    serde_dynamo::from_item(item).map_err(|error| StoreError::broken(pk, error))
}

/// A string attribute.
pub(super) fn text(value: &(impl ToString + ?Sized)) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

/// A number attribute.
pub(super) fn number(value: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(format!("{value}"))
}

/// A moment, as stored.
pub(super) fn time(at: Timestamp) -> AttributeValue {
    number(at.millis())
}

/// A moment, as TTL wants it.
pub(super) fn seconds(at: Timestamp) -> AttributeValue {
    number(at.seconds())
}

/// A number of an item, if it has it.
pub(super) fn number_of(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// Any of the domain's types as one attribute.
pub(super) fn attribute(value: &impl Serialize) -> Result<AttributeValue, StoreError> {
    serde_dynamo::to_attribute_value(value).map_err(|error| StoreError::broken("attribute", error))
}
