//! How enumerated values are spelled in JSON, in keys and in logs: one spelling, the one that serde writes.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// An enumerated value as the API spells it; empty for a value that is no string in JSON.
pub fn name_of(value: &impl Serialize) -> String {
    let name = serde_json::to_value(value).ok();
    name.and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The enumerated value of a name. `None` when no value is spelled so.
pub fn named<T: DeserializeOwned>(name: &str) -> Option<T> {
    serde_json::from_value(Value::from(name)).ok()
}
