//! Conditions on items, and the placeholders of an expression.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;

use crate::store::error::StoreError;
use crate::store::items;

/// A value as DynamoDB takes it, or the reason why it cannot be stored.
pub(in crate::store) type Value = Result<AttributeValue, StoreError>;

/// A condition on an item. Conditions compose with [`Condition::and`] and [`Condition::or`].
pub(in crate::store) enum Condition {
    Compare { path: String, operator: &'static str, value: Value },
    OneOf(String, Vec<Value>),
    Size(String, Value),
    Exists(String),
    Absent(String),
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

fn compare(path: &str, operator: &'static str, value: impl Serialize) -> Condition {
    Condition::Compare { path: path.to_owned(), operator, value: items::attribute(&value) }
}

/// The member has this value.
pub(in crate::store) fn equals(path: &str, value: impl Serialize) -> Condition {
    compare(path, "=", value)
}

/// The member has another value.
pub(in crate::store) fn differs(path: &str, value: impl Serialize) -> Condition {
    compare(path, "<>", value)
}

/// The member is greater.
pub(in crate::store) fn above(path: &str, value: impl Serialize) -> Condition {
    compare(path, ">", value)
}

/// The member is less.
pub(in crate::store) fn below(path: &str, value: impl Serialize) -> Condition {
    compare(path, "<", value)
}

/// The member is no greater.
pub(in crate::store) fn at_most(path: &str, value: impl Serialize) -> Condition {
    compare(path, "<=", value)
}

/// The member is no less.
pub(in crate::store) fn at_least(path: &str, value: impl Serialize) -> Condition {
    compare(path, ">=", value)
}

/// The member has one of these values.
pub(in crate::store) fn one_of<T: Serialize>(path: &str, values: impl IntoIterator<Item = T>) -> Condition {
    Condition::OneOf(path.to_owned(), values.into_iter().map(|value| items::attribute(&value)).collect())
}

/// The list has so many entries.
pub(in crate::store) fn has_size(path: &str, size: usize) -> Condition {
    Condition::Size(path.to_owned(), items::attribute(&size))
}

/// The member is there.
pub(in crate::store) fn has(path: &str) -> Condition {
    Condition::Exists(path.to_owned())
}

/// The member is not there.
pub(in crate::store) fn lacks(path: &str) -> Condition {
    Condition::Absent(path.to_owned())
}

/// There is no such item.
pub(in crate::store) fn absent() -> Condition {
    lacks("pk")
}

/// There is such an item.
pub(in crate::store) fn present() -> Condition {
    has("pk")
}

impl Condition {
    /// Both conditions hold.
    pub(in crate::store) fn and(self, other: Self) -> Self {
        match self {
            Self::All(mut parts) => {
                parts.push(other);
                Self::All(parts)
            }
            first => Self::All(vec![first, other]),
        }
    }

    /// At least one of the conditions holds.
    pub(in crate::store) fn or(self, other: Self) -> Self {
        match self {
            Self::Any(mut parts) => {
                parts.push(other);
                Self::Any(parts)
            }
            first => Self::Any(vec![first, other]),
        }
    }

    pub(super) fn write(self, expressions: &mut Expressions) -> Result<String, StoreError> {
        Ok(match self {
            Self::Compare { path, operator, value } => {
                format!("{} {operator} {}", expressions.name(&path), expressions.value(value)?)
            }
            Self::OneOf(path, values) => {
                let name = expressions.name(&path);
                let values: Vec<String> =
                    values.into_iter().map(|value| expressions.value(value)).collect::<Result<_, _>>()?;
                format!("{name} IN ({})", values.join(", "))
            }
            Self::Size(path, size) => {
                format!("size({}) = {}", expressions.name(&path), expressions.value(size)?)
            }
            Self::Exists(path) => format!("attribute_exists({})", expressions.name(&path)),
            Self::Absent(path) => format!("attribute_not_exists({})", expressions.name(&path)),
            Self::All(parts) => write_all(parts, " AND ", expressions)?,
            Self::Any(parts) => write_all(parts, " OR ", expressions)?,
        })
    }
}

fn write_all(parts: Vec<Condition>, word: &str, expressions: &mut Expressions) -> Result<String, StoreError> {
    let nested = |part: Condition| {
        let compound = matches!(part, Condition::All(_) | Condition::Any(_));
        let text = part.write(expressions)?;
        Ok(if compound { format!("({text})") } else { text })
    };
    let parts: Vec<String> = parts.into_iter().map(nested).collect::<Result<_, StoreError>>()?;
    Ok(parts.join(word))
}

/// The placeholders of one write: one for each name, and one for each value.
#[derive(Default)]
pub(super) struct Expressions {
    names: Vec<String>,
    values: Vec<AttributeValue>,
}

pub(super) type Placeholders<T> = Option<HashMap<String, T>>;

impl Expressions {
    /// A path, segment by segment. The table's own keys stand for themselves: no reserved word is called so.
    pub(super) fn name(&mut self, path: &str) -> String {
        let mut written = String::with_capacity(path.len() + 4);
        for segment in path.split('.') {
            if !written.is_empty() {
                written.push('.');
            }
            match segment {
                "pk" | "sk" => written.push_str(segment),
                _ => {
                    written.push_str("#n");
                    written.push_str(&self.place_of(segment).to_string());
                }
            }
        }
        written
    }

    /// The place of a name. A window names each of its times twice.
    fn place_of(&mut self, name: &str) -> usize {
        self.names.iter().position(|known| known == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        })
    }

    pub(super) fn value(&mut self, value: Value) -> Result<String, StoreError> {
        Ok(self.known_value(value?))
    }

    pub(super) fn number(&mut self, number: i64) -> String {
        self.known_value(AttributeValue::N(number.to_string()))
    }

    fn known_value(&mut self, value: AttributeValue) -> String {
        let place = self.values.iter().position(|known| *known == value).unwrap_or_else(|| {
            self.values.push(value);
            self.values.len() - 1
        });
        format!(":v{place}")
    }

    /// The names and the values, each with its placeholder. `None` where there are none, because DynamoDB refuses empty maps.
    pub(super) fn finish(self) -> (Placeholders<String>, Placeholders<AttributeValue>) {
        fn named<T>(all: Vec<T>, sign: &str) -> Placeholders<T> {
            let all: HashMap<String, T> =
                all.into_iter().enumerate().map(|(place, one)| (format!("{sign}{place}"), one)).collect();
            (!all.is_empty()).then_some(all)
        }
        (named(self.names, "#n"), named(self.values, ":v"))
    }
}
