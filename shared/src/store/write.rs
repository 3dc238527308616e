//! Writes, conditions and key ranges: the one place that speaks DynamoDB's expression language.
//!
//! A [`Write`] is a change of one item, and a [`Condition`] says when it is made. Both number their own placeholders, so no name
//! can be a reserved word and no two values can share one. A value that cannot be stored is an error of the whole write when it
//! is sent.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};
use serde::Serialize;

use crate::platform::clock::Timestamp;
use crate::store::error::StoreError;
use crate::store::items::{self, Item};
use crate::store::keys::Key;

mod condition;

pub(super) use condition::{
    Condition, above, absent, at_least, at_most, below, differs, equals, has, has_size, lacks, one_of,
    present,
};
use condition::{Expressions, Value};

/// A write to one item: a put, an update, a deletion, or a check that changes nothing.
pub(super) struct Write {
    key: Key,
    action: Action,
    condition: Option<Condition>,
}

enum Action {
    Put(Result<Item, StoreError>),
    Update(Vec<Change>),
    Delete,
    Check,
}

/// A change of one member. A path such as `state` or `challenge.attempts` names the member.
struct Change {
    path: String,
    to: To,
}

enum To {
    Value(Value),
    /// The member's number, or where there is none the first number, plus the second.
    More(i64, i64),
    /// The value of another member, or zero where there is none.
    CopyOf(String),
    /// The number of another member, plus this.
    SumWith(&'static str, Value),
    /// The member's list, with one more entry.
    Longer(Value),
    Nothing,
}

/// Gives a builder its condition and the placeholders of all its expressions.
macro_rules! expressed {
    ($builder:expr, $condition:expr, $expressions:expr) => {{
        let (names, values) = $expressions.finish();
        let builder = $builder.set_condition_expression($condition);
        builder.set_expression_attribute_names(names).set_expression_attribute_values(values)
    }};
}

impl Write {
    fn new(key: &Key, action: Action) -> Self {
        Self { key: key.clone(), action, condition: None }
    }

    /// A write that replaces the whole item.
    pub(super) fn put(key: &Key, value: &impl Serialize, ttl: Option<Timestamp>) -> Self {
        Self::new(key, Action::Put(items::write(key, value, ttl)))
    }

    /// A write that makes the item, if there is none.
    pub(super) fn create(key: &Key, value: &impl Serialize, ttl: Option<Timestamp>) -> Self {
        Self::put(key, value, ttl).only_if(absent())
    }

    /// Adds a member that is not one of the value's own.
    pub(super) fn with(mut self, member: &str, value: impl Serialize) -> Self {
        if let Action::Put(Ok(item)) = &mut self.action {
            match items::attribute(&value) {
                Ok(value) => drop(item.insert(member.to_owned(), value)),
                Err(error) => self.action = Action::Put(Err(error)),
            }
        }
        self
    }

    /// A write that changes members of the item. Without a condition, it makes an item that is not there.
    pub(super) fn update(key: &Key) -> Self {
        Self::new(key, Action::Update(Vec::new()))
    }

    /// A write that gives an item the members in which the new value differs from the old one, and removes those that the new
    /// value lacks. All other members stay as they are, also when somebody else has written them since. Where nothing differs,
    /// the write still holds its condition; it then writes the id over itself, which never changes.
    pub(super) fn difference(key: &Key, old: &impl Serialize, new: &impl Serialize) -> Self {
        let (old, new) = match (items::members(key, old), items::members(key, new)) {
            (Ok(old), Ok(new)) => (old, new),
            (Err(error), _) | (_, Err(error)) => return Self::new(key, Action::Put(Err(error))),
        };
        let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let differing = names.iter().filter(|name| old.get(**name) != new.get(**name));
        let mut write = differing.fold(Self::update(key), |write, name| match new.get(*name) {
            Some(value) => write.change(name, To::Value(Ok(value.clone()))),
            None => write.remove(name),
        });
        let same = names.iter().find(|name| ["account", "id"].contains(&name.as_str()));
        if let (Action::Update(changes), Some(name)) = (&mut write.action, same.or(names.first()))
            && changes.is_empty()
            && let Some(same) = new.get(*name)
        {
            changes.push(Change { path: (*name).clone(), to: To::Value(Ok(same.clone())) });
        }
        write
    }

    /// A write that removes the item, whether or not there is one.
    pub(super) fn delete(key: &Key) -> Self {
        Self::new(key, Action::Delete)
    }

    /// A write that changes nothing and holds a condition.
    pub(super) fn check(key: &Key) -> Self {
        Self::new(key, Action::Check)
    }

    /// The item that is written.
    pub(super) const fn key(&self) -> &Key {
        &self.key
    }

    /// Gives the write a condition on the item as it is when it is written. When the condition fails, nothing of its transaction
    /// is done.
    pub(super) fn only_if(self, condition: Condition) -> Self {
        Self { condition: Some(condition), ..self }
    }

    fn change(mut self, path: &str, to: To) -> Self {
        if let Action::Update(changes) = &mut self.action {
            changes.push(Change { path: path.to_owned(), to });
        }
        self
    }

    /// Sets a member.
    pub(super) fn set(self, path: &str, value: impl Serialize) -> Self {
        self.change(path, To::Value(items::attribute(&value)))
    }

    /// Adds to a number, which is zero where it is not there.
    pub(super) fn add(self, path: &str, more: i64) -> Self {
        self.add_from(path, 0, more)
    }

    /// Adds to a number, which is `from` where it is not there.
    pub(super) fn add_from(self, path: &str, from: i64, more: i64) -> Self {
        self.change(path, To::More(from, more))
    }

    /// Copies the value of another member, or zero where that is not there.
    pub(super) fn copy(self, path: &str, from: &str) -> Self {
        self.change(path, To::CopyOf(from.to_owned()))
    }

    /// Sets a member to the number of another member plus a value.
    pub(super) fn set_sum(self, path: &str, of: &'static str, and: impl Serialize) -> Self {
        self.change(path, To::SumWith(of, items::attribute(&and)))
    }

    /// Appends an entry to a list, which may not be there yet.
    pub(super) fn append(self, path: &str, entry: impl Serialize) -> Self {
        self.change(path, To::Longer(items::attribute(&[entry])))
    }

    /// Removes a member.
    pub(super) fn remove(self, path: &str) -> Self {
        self.change(path, To::Nothing)
    }

    /// The write as part of a transaction. When the condition of an update fails, the item as it was comes back.
    pub(super) fn into_item(self, table: &str) -> Result<TransactWriteItem, StoreError> {
        let mut expressions = Expressions::default();
        let condition = self.condition.map(|condition| condition.write(&mut expressions)).transpose()?;
        let key = Some(self.key.attributes());
        let item = TransactWriteItem::builder();
        let built = match self.action {
            Action::Put(value) => {
                let put = Put::builder().table_name(table).set_item(Some(value?));
                expressed!(put, condition, expressions).build().map(|put| item.put(put))
            }
            Action::Update(changes) => {
                let update = Update::builder().table_name(table).set_key(key);
                let update = update.update_expression(write_changes(changes, &mut expressions)?);
                let old = ReturnValuesOnConditionCheckFailure::AllOld;
                let update = update.return_values_on_condition_check_failure(old);
                expressed!(update, condition, expressions).build().map(|update| item.update(update))
            }
            Action::Delete => {
                let delete = Delete::builder().table_name(table).set_key(key);
                expressed!(delete, condition, expressions).build().map(|delete| item.delete(delete))
            }
            Action::Check => {
                let check = ConditionCheck::builder().table_name(table).set_key(key);
                expressed!(check, condition, expressions).build().map(|check| item.condition_check(check))
            }
        };
        let built = built.map_err(|error| StoreError::unavailable("building a write", error))?;
        Ok(built.build())
    }

    /// The write as a call of its own. Only an update can be one.
    pub(super) fn into_call(
        self,
        call: UpdateItemFluentBuilder,
    ) -> Result<UpdateItemFluentBuilder, StoreError> {
        let Action::Update(changes) = self.action else {
            return Err(StoreError::unavailable("building a write", "only an update stands alone"));
        };
        let mut expressions = Expressions::default();
        let condition = self.condition.map(|condition| condition.write(&mut expressions)).transpose()?;
        let call = call.set_key(Some(self.key.attributes()));
        let call = call.update_expression(write_changes(changes, &mut expressions)?);
        Ok(expressed!(call, condition, expressions))
    }

    /// The members that an update names.
    #[cfg(test)]
    pub(super) fn members(&self) -> Vec<String> {
        match &self.action {
            Action::Update(changes) => changes.iter().map(|change| change.path.clone()).collect(),
            _ => Vec::new(),
        }
    }
}

fn write_changes(changes: Vec<Change>, expressions: &mut Expressions) -> Result<String, StoreError> {
    let (mut set, mut remove) = (String::new(), String::new());
    for Change { path, to } in changes {
        let name = expressions.name(&path);
        let change = match to {
            To::Nothing => {
                remove += if remove.is_empty() { "REMOVE " } else { ", " };
                remove += &name;
                continue;
            }
            To::Value(value) => format!("{name} = {}", expressions.value(value)?),
            To::More(from, more) => {
                let (from, more) = (expressions.number(from), expressions.number(more));
                format!("{name} = if_not_exists({name}, {from}) + {more}")
            }
            To::CopyOf(from) => {
                let (from, zero) = (expressions.name(&from), expressions.number(0));
                format!("{name} = if_not_exists({from}, {zero})")
            }
            To::SumWith(of, more) => {
                format!("{name} = {} + {}", expressions.name(of), expressions.value(more)?)
            }
            To::Longer(entry) => {
                let none = expressions.value(items::attribute(&[(); 0]))?;
                format!("{name} = list_append(if_not_exists({name}, {none}), {})", expressions.value(entry)?)
            }
        };
        set += if set.is_empty() { "SET " } else { ", " };
        set += &change;
    }
    let between = if set.is_empty() || remove.is_empty() { "" } else { " " };
    Ok(set + between + &remove)
}

/// Items of one partition, of the table or of an index, in the order of their sort keys.
pub(super) struct Range<'a> {
    /// The index; `None` for the table itself.
    pub(super) index: Option<&'static str>,
    /// The attribute that names the partition.
    pub(super) name: &'static str,
    /// The value of that attribute.
    pub(super) partition: &'a str,
    /// The part of the partition.
    pub(super) within: Within<'a>,
}

/// A part of a partition.
pub(super) enum Within<'a> {
    /// All items.
    All,
    /// The items whose sort key begins so.
    Prefix(&'a str),
    /// The items from one sort key to another, both included.
    Between(String, String),
    /// The items whose sort key, a number of this name, is at most this.
    UpTo(&'static str, i64),
}

impl<'a> Range<'a> {
    /// All items of a partition of the table.
    pub(super) const fn of(partition: &'a str) -> Self {
        Self { index: None, name: "pk", partition, within: Within::All }
    }

    /// The range as a query; strongly consistent where it can be, which an index cannot.
    pub(super) fn into_call(self, call: QueryFluentBuilder) -> QueryFluentBuilder {
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let call = call
            .set_index_name(self.index.map(str::to_owned))
            .consistent_read(self.index.is_none())
            .expression_attribute_names("#pk", self.name)
            .expression_attribute_values(":pk", text(self.partition));
        match self.within {
            Within::All => call.key_condition_expression("#pk = :pk"),
            Within::Prefix(prefix) => call
                .key_condition_expression("#pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":prefix", text(prefix)),
            Within::Between(low, high) => call
                .key_condition_expression("#pk = :pk AND sk BETWEEN :low AND :high")
                .expression_attribute_values(":low", text(&low))
                .expression_attribute_values(":high", text(&high)),
            Within::UpTo(name, number) => call
                .key_condition_expression("#pk = :pk AND #sort <= :high")
                .expression_attribute_names("#sort", name)
                .expression_attribute_values(":high", AttributeValue::N(number.to_string())),
        }
    }
}

#[cfg(test)]
mod tests;
