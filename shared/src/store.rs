//! The store: every word spoken with DynamoDB.
//!
//! One table. Reads that decide are strongly consistent; a decision that counts is a condition on the write. Contention is
//! waited out here, so that callers see success, a condition that failed, or an unavailable store, and nothing between.

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use serde::de::DeserializeOwned;

use crate::aws::Environment;
use crate::clock::Ambient;
use crate::config::{ConfigError, Lookup, required};

pub mod accounts;
pub mod codes;
pub mod directory;
pub mod events;
pub mod items;
pub mod keys;
pub mod limits;
pub mod mail;
pub mod notices;
pub mod outbox;
pub mod practices;
pub mod sessions;
pub mod tickets;

use keys::Key;

/// An item as DynamoDB has it.
pub type Item = HashMap<String, AttributeValue>;

/// How often a transaction that met another one is tried again.
const ATTEMPTS: u32 = 12;
const FIRST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_WAIT: Duration = Duration::from_millis(400);

/// The store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It did not answer, refused, or stayed contended. Nothing was done, or the SDK's idempotency token makes a repeat safe.
    #[error("{operation} failed: {source}")]
    Unavailable {
        /// The operation.
        operation: &'static str,
        /// What the SDK says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// An item is not what this release reads.
    #[error("the item {key} is broken: {source}")]
    Broken {
        /// Its kind; the rest of a key may be personal.
        key: String,
        /// What is wrong.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl StoreError {
    fn unavailable(operation: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable { operation, source: source.into() }
    }

    /// A call that failed: the service's code, or how it went wrong. The service's own sentences may quote an item.
    fn failed<E: ProvideErrorMetadata, R>(operation: &'static str, error: &SdkError<E, R>) -> Self {
        let how = match error {
            SdkError::ServiceError(service) => service.err().code().unwrap_or("an error without a code"),
            SdkError::TimeoutError(_) => "it took too long",
            SdkError::DispatchFailure(_) => "no connection",
            _ => "no usable answer",
        };
        Self::Unavailable { operation, source: how.into() }
    }

    fn broken(pk: &str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Broken { key: keys::kind(pk).to_owned(), source: source.into() }
    }
}

/// How a transaction ended that the store could decide.
#[derive(Debug)]
pub enum Outcome {
    /// All of it was written.
    Written,
    /// None of it was: conditions failed.
    Refused(Refused),
}

impl Outcome {
    /// Whether it was written.
    pub const fn is_written(&self) -> bool {
        matches!(self, Self::Written)
    }
}

/// Which conditions of a transaction failed.
#[derive(Debug)]
pub struct Refused(Vec<Option<Item>>);

impl Refused {
    /// The item as it was, when the condition of the write at this index failed.
    pub fn old(&self, index: usize) -> Option<&Item> {
        self.0.get(index).and_then(Option::as_ref)
    }
}

/// The table, and how to reach it.
#[derive(Clone)]
pub struct Store {
    client: Client,
    table: String,
    ambient: Ambient,
}

impl Store {
    /// Works on the table that `REKEY_TABLE` names.
    ///
    /// # Errors
    /// [`ConfigError`] when it names none.
    pub fn read(lookup: &Lookup<'_>, aws: &Environment, ambient: Ambient) -> Result<Self, ConfigError> {
        Ok(Self::new(aws.dynamodb(), required(lookup, "REKEY_TABLE")?, ambient))
    }

    /// Works on the given table.
    pub fn new(client: Client, table: impl Into<String>, ambient: Ambient) -> Self {
        Self { client, table: table.into(), ambient }
    }

    /// Writes everything or nothing. One round trip unless another transaction is in the way.
    async fn transact(&self, writes: Vec<TransactWriteItem>) -> Result<Outcome, StoreError> {
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            let call = self.client.transact_write_items().set_transact_items(Some(writes.clone()));
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

    /// One update by itself: the item after it, or, when its condition failed, the item as it is, if there is one. One round
    /// trip unless a transaction is in the way. It is done again when its answer was lost, and must be harmless then.
    async fn update_alone(
        &self,
        call: UpdateItemFluentBuilder,
    ) -> Result<Result<Item, Option<Item>>, StoreError> {
        let call = call
            .table_name(&self.table)
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut wait = FIRST_WAIT;
        for attempt in 1.. {
            let error = match call.clone().send().await {
                Ok(answer) => return Ok(Ok(answer.attributes.unwrap_or_default())),
                Err(error) => error,
            };
            let cause = error.as_service_error();
            if let Some(UpdateItemError::ConditionalCheckFailedException(refused)) = cause {
                return Ok(Err(refused.item.clone()));
            }
            let in_the_way = cause.is_some_and(UpdateItemError::is_transaction_conflict_exception);
            if attempt == ATTEMPTS || !in_the_way {
                return Err(StoreError::failed("UpdateItem", &error));
            }
            self.pause(wait).await?;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        Ok(Err(None))
    }

    /// Full jitter: of two transactions in each other's way, one goes first.
    async fn pause(&self, at_most: Duration) -> Result<(), StoreError> {
        let [byte] = self.ambient.bytes().map_err(|error| StoreError::unavailable("waiting", error))?;
        tokio::time::sleep(at_most * u32::from(byte) / 256).await;
        Ok(())
    }

    async fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, StoreError> {
        self.get_item(key).await?.map(|item| items::read(&key.pk, item)).transpose()
    }

    async fn get_item(&self, key: &Key) -> Result<Option<Item>, StoreError> {
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

/// Conditions that failed, if any did. One that failed is decided, whatever else the transaction met: what makes these
/// conditions fail (a used ticket, a full window, a taken name) does not go away by trying again.
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

/// Reasons that pass with time.
fn passes(reasons: &[CancellationReason]) -> bool {
    let passing = ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
    reasons.iter().any(|reason| reason.code().is_some_and(|code| passing.contains(&code)))
}
