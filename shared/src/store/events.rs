//! Events: put with what they record, never changed, never deleted (U1); read newest first.

use aws_sdk_dynamodb::error::SdkError;

use crate::domain::event::Event;
use crate::platform::ids::{AccountId, EventId};
use crate::store::error::StoreError;
use crate::store::items;
use crate::store::keys::{self, Log};
use crate::store::transact::{Page, Store};
use crate::store::write::{Range, Within, Write};

/// Which events of a log: between two ids, both included, the newest first, at most so many.
#[derive(Clone, Copy, Debug)]
pub struct LogPart {
    /// The oldest.
    pub low: EventId,
    /// The newest.
    pub high: EventId,
    /// How many at most.
    pub limit: Option<i32>,
}

/// Events as far as one answer of the store goes: at most a megabyte of them.
pub struct LogPage {
    /// The newest first.
    pub events: Vec<Event>,
    /// Whether there may be more.
    pub more: bool,
}

impl Store {
    /// Writes down what changed nothing else, such as a failed sign-in.
    pub async fn record_event(&self, event: &Event) -> Result<(), StoreError> {
        let put = put_event(event).into_item(&self.table)?;
        let Some(put) = put.put() else { return Ok(()) };
        let call = self.client.put_item().table_name(&self.table).set_item(Some(put.item().clone()));
        let call = call.set_condition_expression(put.condition_expression().map(str::to_owned));
        match call.send().await {
            Ok(_) => Ok(()),
            // Its id is fresh: it can only be there because an attempt whose answer was lost has written it.
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
                Ok(())
            }
            Err(error) => Err(StoreError::failed("PutItem", &error)),
        }
    }

    /// An account's events, newest first, as far as one answer of the store goes.
    pub async fn list_events(&self, account: AccountId) -> Result<Vec<Event>, StoreError> {
        let all = LogPart { low: EventId::FIRST, high: EventId::LAST, limit: None };
        Ok(self.read_log(&Log::Account(account), all).await?.events)
    }

    /// Events of a log. Reads no more than it answers. An account's log is strongly consistent; the others are indexes, a moment
    /// behind.
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

/// An event with its places in the logs, as part of a transaction.
pub(super) fn put_event(event: &Event) -> Write {
    let put = Write::create(&keys::event(event), event, None);
    keys::logs(event).into_iter().fold(put, |put, place| put.with(place.name, place.partition))
}
