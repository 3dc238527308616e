//! The table, and how it is spoken to: one item, one update, one transaction.
//!
//! **Contention is waited out.** DynamoDB cancels one of two transactions that meet. `Store::transact` tries again, up to 12
//! times with full jitter, on conflicts and throttles. A condition that failed is final at once. So callers see success, a
//! refusal, or an unavailable store.
//!
//! **A lost reply is no second write.** Under each of these tries the SDK makes up to three attempts with one idempotency token,
//! so a transaction whose reply was lost is not written twice. An update by itself (`Store::update_alone`) waits conflicts out
//! too, but has no such token: when its reply is lost, it is done again. Each of these updates can be done again without harm:
//! the use of a session sets the same members once more, the counts of a code and of a sign-in recognize their own mark, a count
//! of a spray is one too high or too low for the rest of its hour, and the others change nothing more. A put by itself
//! (`Store::put_alone`) that is done again finds its item.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, KeysAndAttributes, ReturnValue, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem,
};

use crate::domain::account::Account;
use crate::domain::practice::Pages;
use crate::platform::aws::Environment;
use crate::platform::clock::Ambient;
use crate::platform::config::{ConfigError, Lookup, required};
use crate::platform::ids::EventId;
use crate::store::conditions::actor;
use crate::store::error::StoreError;
use crate::store::items::Item;
use crate::store::keys::{self, Key};
use crate::store::reader::{Reader, Stored};
use crate::store::refusals::Refusals;
use crate::store::write::{Range, Within, Write};

/// The most writes of one transaction.
pub(super) const MOST_WRITES: usize = 100;
/// The number of attempts at a transaction that meets others.
const ATTEMPTS: u32 = 12;
const FIRST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_WAIT: Duration = Duration::from_millis(400);

/// The outcome of a transaction that DynamoDB could decide.
#[derive(Debug)]
pub enum Outcome {
    /// All of it was written.
    Written,
    /// None of it was written, because conditions failed.
    Refused(Refused),
}

impl Outcome {
    /// Whether the transaction was written.
    pub const fn is_written(&self) -> bool {
        matches!(self, Self::Written)
    }
}

/// The conditions of a transaction that failed.
#[derive(Debug)]
pub struct Refused(Vec<Option<Item>>);

impl Refused {
    /// The item as it was, when the condition of the write at this index failed.
    pub fn old(&self, index: usize) -> Option<&Item> {
        self.0.get(index).and_then(Option::as_ref)
    }

    /// Whether the condition of the last write failed. After `Store::transact_by` that is the member of staff's.
    pub(super) fn is_of_last(&self) -> bool {
        self.0.last().is_some_and(Option::is_some)
    }
}

/// The outcome of an update by itself.
#[derive(Debug)]
pub(super) enum Updated {
    /// The update was written. This is the item after it.
    Written(Item),
    /// The condition failed. This is the item as it is, if there is one.
    Refused(Option<Item>),
}

impl Updated {
    /// Whether the update was written.
    pub(super) const fn is_written(&self) -> bool {
        matches!(self, Self::Written(_))
    }

    /// The item as it is now, whether or not the update was written.
    pub(super) fn into_item(self) -> Option<Item> {
        match self {
            Self::Written(item) => Some(item),
            Self::Refused(item) => item,
        }
    }
}

/// The table, and how to reach it.
#[derive(Clone)]
pub struct Store {
    pub(super) client: Client,
    pub(super) table: String,
    pub(super) ambient: Ambient,
    pub(super) refusals: Refusals,
    pub(super) reader: Reader,
}

impl Store {
    /// A store of the table that `REKEY_TABLE` names, in which everything that was issued before `REKEY_VOID_BEFORE` has ended.
    ///
    /// # Errors
    /// [`ConfigError`] when there is no table, or when the moment cannot be used.
    pub fn read(lookup: &Lookup<'_>, aws: &Environment, ambient: Ambient) -> Result<Self, ConfigError> {
        let reader = Reader::read(lookup, ambient.now())?;
        Ok(Self { reader, ..Self::new(aws.dynamodb(), required(lookup, "REKEY_TABLE")?, ambient) })
    }

    /// The deployment's own pages.
    pub const fn pages(&self) -> &Pages {
        self.reader.pages()
    }

    /// A store of the given table.
    pub fn new(client: Client, table: impl Into<String>, ambient: Ambient) -> Self {
        let (refusals, reader) = (Refusals::default(), Reader::default());
        Self { client, table: table.into(), ambient, refusals, reader }
    }

    /// Writes everything or nothing. One round trip while no other transaction is in the way.
    pub(super) async fn transact(&self, writes: Vec<Write>) -> Result<Outcome, StoreError> {
        let items = writes.into_iter().map(|write| write.into_item(&self.table));
        let items = items.collect::<Result<Vec<TransactWriteItem>, _>>()?;
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            let call = self.client.transact_write_items().set_transact_items(Some(items.clone()));
            let Err(error) = call.send().await else { return Ok(Outcome::Written) };
            let reasons = match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(e)) => {
                    e.cancellation_reasons().to_vec()
                }
                _ => Vec::new(),
            };
            if let Some(refused) = refused(&reasons) {
                return Ok(Outcome::Refused(refused));
            }
            if attempt == ATTEMPTS || !passes(&reasons) {
                return Err(StoreError::failed("TransactWriteItems", &error));
            }
            self.pause(wait).await?;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        Ok(Outcome::Written)
    }

    /// Writes as `transact` does. If a member of staff does it, their own account is checked last, unless it is among the writes
    /// (A4). Condition: it is open, and its role and its session epoch are as read.
    pub(super) async fn transact_by(
        &self,
        staff: Option<&Account>,
        mut writes: Vec<Write>,
    ) -> Result<Outcome, StoreError> {
        let own = staff.map(|staff| (keys::account(staff.id), actor(staff)));
        if let Some((own, good)) = own.filter(|(own, _)| writes.iter().all(|write| write.key() != own)) {
            writes.push(Write::check(&own).only_if(good));
        }
        self.transact(writes).await
    }

    /// Deletes items, without a condition. One round trip for each hundred.
    pub(super) async fn delete_all(&self, keys: &[Key]) -> Result<(), StoreError> {
        for some in keys.chunks(MOST_WRITES) {
            self.transact(some.iter().map(Write::delete).collect()).await?;
        }
        Ok(())
    }

    /// Makes one put by itself, of an item that must not be there. `false` means that it is there, perhaps by this put, whose reply
    /// was lost. One round trip.
    pub(super) async fn put_alone(&self, write: Write) -> Result<bool, StoreError> {
        let item = write.into_item(&self.table)?;
        let Some(put) = item.put() else {
            return Err(StoreError::unavailable("building a write", "it is no put"));
        };
        let call = self.client.put_item().table_name(&self.table).set_item(Some(put.item().clone()));
        let call = call.set_condition_expression(put.condition_expression().map(str::to_owned));
        match call.send().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
                Ok(false)
            }
            Err(error) => Err(StoreError::failed("PutItem", &error)),
        }
    }

    /// Makes one update by itself. One round trip while no transaction is in the way. It is done again when its reply was lost,
    /// and must be harmless then.
    pub(super) async fn update_alone(&self, write: Write) -> Result<Updated, StoreError> {
        let call = write
            .into_call(self.client.update_item())?
            .table_name(&self.table)
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            let error = match call.clone().send().await {
                Ok(answer) => return Ok(Updated::Written(answer.attributes.unwrap_or_default())),
                Err(error) => error,
            };
            let cause = error.as_service_error();
            if let Some(UpdateItemError::ConditionalCheckFailedException(refused)) = cause {
                return Ok(Updated::Refused(refused.item.clone()));
            }
            let passes = |cause: &UpdateItemError| {
                cause.is_transaction_conflict_exception()
                    || cause.is_provisioned_throughput_exceeded_exception()
                    || cause.code() == Some("ThrottlingException")
            };
            if attempt == ATTEMPTS || !cause.is_some_and(passes) {
                return Err(StoreError::failed("UpdateItem", &error));
            }
            self.pause(wait).await?;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        Ok(Updated::Refused(None))
    }

    /// Waits with full jitter, so that of two transactions in each other's way one goes first.
    async fn pause(&self, at_most: Duration) -> Result<(), StoreError> {
        let [byte] = self.ambient.bytes().map_err(|error| StoreError::unavailable("waiting", error))?;
        tokio::time::sleep(at_most * u32::from(byte) / 256).await;
        Ok(())
    }

    /// Reads items by key, strongly consistent, in no order. What DynamoDB leaves unread, because it is busy, is asked for again.
    pub(super) async fn get_batch(
        &self,
        keys: impl IntoIterator<Item = Key>,
    ) -> Result<Vec<Item>, StoreError> {
        let mut keys: Vec<_> = keys.into_iter().map(|key| key.attributes()).collect();
        let (mut items, mut wait) = (Vec::new(), FIRST_WAIT);
        for _ in 0..ATTEMPTS {
            let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            let wanted = wanted.map_err(|error| StoreError::unavailable("building a read", error))?;
            let answer = self.client.batch_get_item().request_items(&self.table, wanted).send().await;
            let answer = answer.map_err(|error| StoreError::failed("BatchGetItem", &error))?;
            items.extend(answer.responses.unwrap_or_default().remove(&self.table).unwrap_or_default());
            keys = answer
                .unprocessed_keys
                .unwrap_or_default()
                .remove(&self.table)
                .map_or(Vec::new(), |left| left.keys);
            if keys.is_empty() {
                return Ok(items);
            }
            self.pause(wait).await?;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        Err(StoreError::unavailable("BatchGetItem", "the store left keys unread"))
    }

    /// Reads every item of a range, in however many pages it comes.
    pub(super) async fn query_all(&self, range: Range<'_>) -> Result<Vec<Item>, StoreError> {
        let call = range.into_call(self.client.query().table_name(&self.table));
        let items = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        items.map_err(|error| StoreError::failed("Query", &error))
    }

    /// Reads the first page of a range: at most a megabyte, and at most `limit` items after the sort key `after`.
    pub(super) async fn query_page(
        &self,
        range: Range<'_>,
        page: Page<'_>,
    ) -> Result<QueryOutput, StoreError> {
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let start = page
            .after
            .map(|sk| HashMap::from([("pk".to_owned(), text(range.partition)), ("sk".to_owned(), text(sk))]));
        let call = range.into_call(self.client.query().table_name(&self.table));
        let call = call.set_limit(page.limit).set_exclusive_start_key(start);
        let call = if page.newest_first { call.scan_index_forward(false) } else { call };
        call.send().await.map_err(|error| StoreError::failed("Query", &error))
    }

    /// Reads the items of a partition whose sort keys are ids, the newest first: at most `limit`, after the id of the last item of
    /// the page before.
    pub(super) async fn newest<T: Stored>(
        &self,
        partition: &str,
        after: Option<String>,
        limit: usize,
    ) -> Result<Newest<T>, StoreError> {
        let within = Within::Between(EventId::FIRST.to_string(), EventId::LAST.to_string());
        let asked = i32::try_from(limit + 1).unwrap_or(i32::MAX);
        let page = Page { after: after.as_deref(), limit: Some(asked), newest_first: true };
        let answer = self.query_page(Range { within, ..Range::of(partition) }, page).await?;
        let items = answer.items.unwrap_or_default();
        let more = items.len() > limit || answer.last_evaluated_key.is_some();
        let entries = items.into_iter().take(limit).map(|item| self.reader.value(partition, item));
        Ok(Newest { entries: entries.collect::<Result<_, _>>()?, more })
    }

    /// Reads a value by its item's key, strongly consistent.
    pub(super) async fn get<T: Stored>(&self, key: &Key) -> Result<Option<T>, StoreError> {
        self.get_item(key).await?.map(|item| self.reader.value(&key.pk, item)).transpose()
    }

    /// Reads an item by key, strongly consistent.
    pub(super) async fn get_item(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        let call = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key.attributes()))
            .consistent_read(true);
        let answer = call.send().await.map_err(|error| StoreError::failed("GetItem", &error))?;
        Ok(answer.item)
    }
}

/// A page of a list, the newest entry first.
pub struct Newest<T> {
    /// The entries.
    pub entries: Vec<T>,
    /// Whether there may be more.
    pub more: bool,
}

/// The part of a range that is read at once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Page<'a> {
    /// The sort key of the last item of the page before.
    pub(super) after: Option<&'a str>,
    /// The most items that are read.
    pub(super) limit: Option<i32>,
    /// Whether the range is read from its end.
    pub(super) newest_first: bool,
}

/// The conditions that failed, if any did. One failed condition decides the transaction, whatever else it met: the causes (a used
/// ticket, a full window, a taken name) do not go away by trying again.
fn refused(reasons: &[CancellationReason]) -> Option<Refused> {
    let failed = |reason: &CancellationReason| reason.code() == Some("ConditionalCheckFailed");
    reasons.iter().any(failed).then(|| {
        Refused(
            reasons
                .iter()
                .map(|reason| failed(reason).then(|| reason.item().cloned().unwrap_or_default()))
                .collect(),
        )
    })
}

/// Whether the transaction failed for a reason that passes with time.
fn passes(reasons: &[CancellationReason]) -> bool {
    let passing = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
    reasons.iter().any(|reason| reason.code().is_some_and(|code| passing.contains(&code)))
}
