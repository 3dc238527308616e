//! Events: put with what they record, never changed, never deleted (U1), and read newest first.
//!
//! An account's log is a partition of the table. The logs of a practice, of an actor and of an action are indexes, which DynamoDB
//! keeps by itself, after the write and outside the transaction.
//!
//! **Why indexes and no copies.** Three more items beside each event would be three more writes in every transaction that records
//! one, at twice the price, and these could conflict; and each role would have three more kinds to put. An index is a moment
//! behind, which does no harm, because a log decides nothing. Each index has the whole event, so a page needs no second read.

use aws_sdk_dynamodb::error::SdkError;

use crate::domain::event::Event;
use crate::platform::ids::{AccountId, EventId};
use crate::store::error::StoreError;
use crate::store::items;
use crate::store::keys::{self, Log};
use crate::store::transact::{Page, Store};
use crate::store::write::{Range, Within, Write};

/// The part of a log that is read: the events between two ids, both included, the newest first.
#[derive(Clone, Copy, Debug)]
pub struct LogPart {
    /// The id of the oldest event.
    pub low: EventId,
    /// The id of the newest event.
    pub high: EventId,
    /// The most events that are read; `None` for as many as one reply of DynamoDB holds.
    pub limit: Option<i32>,
}

/// The events of one reply of DynamoDB: at most a megabyte of them.
pub struct LogPage {
    /// The events, the newest first.
    pub events: Vec<Event>,
    /// Whether there may be more.
    pub more: bool,
}

impl Store {
    /// Records an event that belongs to no change, such as a failed sign-in.
    ///
    /// One put by itself. Condition: the event does not exist.
    ///
    /// When the condition fails, the event is there, and the method succeeds: an earlier attempt whose reply was lost has put it,
    /// or its id was made to be the same for all attempts that meet one limit, so that a flood leaves one event. One round trip.
    pub async fn record_event(&self, event: &Event) -> Result<(), StoreError> {
        let put = put_event(event).into_item(&self.table)?;
        let Some(put) = put.put() else { return Ok(()) };
        let call = self.client.put_item().table_name(&self.table).set_item(Some(put.item().clone()));
        let call = call.set_condition_expression(put.condition_expression().map(str::to_owned));
        match call.send().await {
            Ok(_) => Ok(()),
            // It is there already: by an attempt whose reply was lost, or by another that met the same limit.
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
                Ok(())
            }
            Err(error) => Err(StoreError::failed("PutItem", &error)),
        }
    }

    /// Lists the events of an account, the newest first, as far as one reply of DynamoDB goes. One round trip.
    pub async fn list_events(&self, account: AccountId) -> Result<Vec<Event>, StoreError> {
        let all = LogPart { low: EventId::FIRST, high: EventId::LAST, limit: None };
        Ok(self.read_log(&Log::Account(account), all).await?.events)
    }

    /// Reads a part of a log. It reads no more events than it returns. The log of an account is strongly consistent; the others
    /// are indexes, which are a moment behind. One round trip.
    pub async fn read_log(&self, log: &Log, part: LogPart) -> Result<LogPage, StoreError> {
        let place = log.place();
        let within = Within::Between(part.low.to_string(), part.high.to_string());
        let range = Range { index: place.index, name: place.name, partition: &place.partition, within };
        let page = Page { after: None, limit: part.limit, newest_first: true };
        let answer = self.query_page(range, page).await?;
        let more = answer.last_evaluated_key.is_some();
        let events =
            answer.items.unwrap_or_default().into_iter().map(|item| items::read(&place.partition, item));
        Ok(LogPage { events: events.collect::<Result<_, _>>()?, more })
    }
}

/// The write that puts an event with its places in the logs.
pub(super) fn put_event(event: &Event) -> Write {
    let put = Write::create(&keys::event(event), event, None);
    keys::logs(event).into_iter().fold(put, |put, place| put.with(place.name, place.partition))
}
