//! How values are spelled in JSON: enumerated values as serde writes them, also in keys and logs, and whole numbers.

use std::fmt;

use serde::de::{DeserializeOwned, Error, Visitor};
use serde::{Deserializer, Serialize};
use serde_json::Value;

/// An enumerated value as the API spells it; empty for a value that is not a string in JSON.
pub fn name_of(value: &impl Serialize) -> String {
    let name = serde_json::to_value(value).ok();
    name.and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The enumerated value of a name. `None` when no value is spelled so.
pub fn named<T: DeserializeOwned>(name: &str) -> Option<T> {
    serde_json::from_value(Value::from(name)).ok()
}

/// Reads a whole number that is at least 0. JSON has one kind of number, so `2.0` is a whole number too (JSON Schema says so).
///
/// # Errors
/// The value is not a whole number, or does not fit into the type.
pub fn whole_number<'de, D: Deserializer<'de>, T: TryFrom<u64>>(deserializer: D) -> Result<T, D::Error> {
    let number = deserializer.deserialize_any(WholeNumber)?;
    T::try_from(number).map_err(|_| D::Error::custom("too large, expected a smaller number"))
}

/// The same for a member that can be null.
///
/// # Errors
/// As [`whole_number`].
pub fn optional_whole_number<'de, D: Deserializer<'de>, T: TryFrom<u64>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(bound = "T: TryFrom<u64>")]
    struct Whole<T>(#[serde(deserialize_with = "whole_number")] T);
    let number = <Option<Whole<T>> as serde::Deserialize>::deserialize(deserializer)?;
    Ok(number.map(|Whole(number)| number))
}

struct WholeNumber;

impl Visitor<'_> for WholeNumber {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        Ok(number)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
        u64::try_from(number).map_err(|_| E::invalid_value(serde::de::Unexpected::Signed(number), &self))
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the number is whole and between 0 and 2^53, where every whole number is exact"
    )]
    fn visit_f64<E: Error>(self, number: f64) -> Result<u64, E> {
        if number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(&number) {
            return Ok(number as u64);
        }
        Err(E::invalid_value(serde::de::Unexpected::Float(number), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Sample {
        #[serde(deserialize_with = "whole_number")]
        count: u32,
        #[serde(default, deserialize_with = "optional_whole_number")]
        hours: Option<u64>,
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_fraction_of_zero() {
        for (text, count, hours) in [
            (r#"{"count": 2}"#, 2, None),
            (r#"{"count": 2.0, "hours": 39.0}"#, 2, Some(39)),
            (r#"{"count": 6e2, "hours": null}"#, 600, None),
            (r#"{"count": -0.0, "hours": 0}"#, 0, Some(0)),
        ] {
            let sample: Sample = serde_json::from_str(text).expect(text);
            assert_eq!((sample.count, sample.hours), (count, hours), "{text}");
        }
    }

    #[test]
    fn what_is_not_whole_is_refused_and_told_so() {
        for value in ["2.5", "-1", "-1.0", "1e300", "\"2\"", "true", "[]", "null"] {
            let read: Result<Sample, _> = serde_json::from_str(&format!(r#"{{"count": {value}}}"#));
            let error = read.err().expect(value).to_string();
            assert!(error.contains("expected a whole number"), "{value}: {error}");
        }
        let read: Result<Sample, _> = serde_json::from_str(r#"{"count": 4294967296}"#);
        assert!(read.err().expect("too large").to_string().contains("expected a smaller number"));
        let read: Result<Sample, _> = serde_json::from_str(r#"{"count": 1, "hours": 0.5}"#);
        assert!(read.err().expect("a fraction").to_string().contains("expected a whole number"));
    }
}
