//! Reading a table's stream through the DynamoDB Streams API.
//!
//! A shard is at its end when it gives no further iterator. Its ending sequence number does not tell: DynamoDB shows
//! one on closed shards only, dynoxide on open ones too. Iterators expire after a quarter of an hour, and records after
//! a day. In both cases the reader gets a new iterator, after the last record that was read or at the oldest record
//! that is left.

use aws_sdk_dynamodbstreams::error::SdkError;
use aws_sdk_dynamodbstreams::operation::describe_stream::DescribeStreamError;
use aws_sdk_dynamodbstreams::operation::get_records::{GetRecordsError, GetRecordsOutput};
use aws_sdk_dynamodbstreams::operation::get_shard_iterator::GetShardIteratorError;
use aws_sdk_dynamodbstreams::types::{ShardIteratorType, StreamStatus};

use super::event;
use super::lane::{Lane, Read};
use crate::error::Error;

/// The largest number of records on a page.
const PAGE: i32 = 100;

pub(super) struct Reader {
    dynamodb: aws_sdk_dynamodb::Client,
    streams: aws_sdk_dynamodbstreams::Client,
    table: String,
    /// The ARN of the stream; empty until it is known.
    stream: String,
}

/// The stream and shards that there are to read.
pub(super) struct Found {
    /// The ARN of the stream.
    pub(super) stream: String,
    /// Whether this is another stream than the one found before.
    pub(super) is_another_stream: bool,
    pub(super) shards: Vec<Shard>,
}

/// A stream as the API describes it.
struct Described {
    shards: Vec<Shard>,
    /// Whether nothing is written to it any more. What it has can still be read.
    is_over: bool,
}

pub(super) struct Shard {
    pub(super) id: String,
    pub(super) parent: Option<String>,
}

impl Reader {
    pub(super) fn new(
        dynamodb: aws_sdk_dynamodb::Client,
        streams: aws_sdk_dynamodbstreams::Client,
        table: String,
    ) -> Self {
        Self { dynamodb, streams, table, stream: String::new() }
    }

    pub(super) fn table(&self) -> &str {
        &self.table
    }

    /// The ARN of the stream that was found last.
    pub(super) fn stream(&self) -> &str {
        &self.stream
    }

    /// The table's stream as it is now, with its shards in the order in which the API lists them.
    ///
    /// Which stream the table has is asked for only when the one that is known is over: to describe a table, dynoxide
    /// counts every item of it.
    pub(super) async fn shards(&mut self) -> Result<Found, Error> {
        let known = if self.stream.is_empty() { None } else { self.describe(&self.stream).await? };
        if let Some(Described { shards, is_over: false }) = known {
            return Ok(Found { stream: self.stream.clone(), is_another_stream: false, shards });
        }
        let stream = self.find_stream().await?;
        let is_another_stream = self.stream != stream;
        let described = match known {
            Some(known) if !is_another_stream => Some(known),
            _ => self.describe(&stream).await?,
        };
        let Described { shards, .. } = described.ok_or_else(|| Error::NoStream(self.table.clone()))?;
        self.stream.clone_from(&stream);
        Ok(Found { stream, is_another_stream, shards })
    }

    /// `None` when the stream is gone.
    async fn describe(&self, stream: &str) -> Result<Option<Described>, Error> {
        let (mut shards, mut is_over) = (Vec::new(), false);
        let mut last = None;
        loop {
            let request =
                self.streams.describe_stream().stream_arn(stream).set_exclusive_start_shard_id(last);
            let answer = match request.send().await {
                Err(error) if is_no_stream(&error) => return Ok(None),
                answer => answer.map_err(|error| Error::aws("DescribeStream", error))?,
            };
            let page = answer.stream_description.ok_or_else(|| Error::NoStream(self.table.clone()))?;
            // dynoxide answers for the table's stream, whichever was asked for. Its label is the end of its ARN.
            let is_another = page.stream_label().is_some_and(|label| !stream.ends_with(label));
            is_over |= is_another || page.stream_status == Some(StreamStatus::Disabled);
            shards.extend(page.shards().iter().filter_map(|shard| {
                let parent = shard.parent_shard_id().map(str::to_owned);
                Some(Shard { id: shard.shard_id()?.to_owned(), parent })
            }));
            last = page.last_evaluated_shard_id;
            if last.is_none() {
                return Ok(Some(Described { shards, is_over }));
            }
        }
    }

    async fn find_stream(&self) -> Result<String, Error> {
        let answer = self.dynamodb.describe_table().table_name(&self.table).send().await;
        let table = answer.map_err(|error| Error::aws("DescribeTable", error))?.table;
        table.and_then(|table| table.latest_stream_arn).ok_or_else(|| Error::NoStream(self.table.clone()))
    }

    /// The next records of a shard. It is empty when there are none yet, or when the shard is at its end.
    pub(super) async fn page(&self, lane: &mut Lane) -> Result<Vec<Read>, Error> {
        let iterator = match lane.iterator.take() {
            Some(iterator) => iterator,
            None => self.iterator(lane).await?,
        };
        let page = match self.records(&iterator).await {
            Err(error) if is_spent(&error) => {
                let fresh = self.iterator(lane).await?;
                self.records(&fresh).await
            }
            answer => answer,
        };
        let page = page.map_err(|error| Error::aws("GetRecords", error))?;
        lane.closed = page.next_shard_iterator.is_none();
        lane.iterator = page.next_shard_iterator;
        Ok(page
            .records
            .unwrap_or_default()
            .iter()
            .filter_map(|record| event::read(record, &self.stream))
            .collect())
    }

    async fn records(&self, iterator: &str) -> Result<GetRecordsOutput, SdkError<GetRecordsError>> {
        self.streams.get_records().shard_iterator(iterator).limit(PAGE).send().await
    }

    /// An iterator after the last record that was read, or at the oldest record if that one is gone.
    async fn iterator(&self, lane: &Lane) -> Result<String, Error> {
        let request = self.streams.get_shard_iterator().stream_arn(&self.stream).shard_id(&lane.shard);
        let oldest = request.clone().shard_iterator_type(ShardIteratorType::TrimHorizon);
        let answer = match &lane.read {
            None => oldest.send().await,
            Some(read) => {
                let after = request.shard_iterator_type(ShardIteratorType::AfterSequenceNumber);
                match after.sequence_number(read).send().await {
                    Err(error) if is_gone(&error) => oldest.send().await,
                    answer => answer,
                }
            }
        };
        let iterator = answer.map_err(|error| Error::aws("GetShardIterator", error))?.shard_iterator;
        iterator.ok_or_else(|| Error::NoStream(self.table.clone()))
    }
}

fn is_no_stream(error: &SdkError<DescribeStreamError>) -> bool {
    error.as_service_error().is_some_and(DescribeStreamError::is_resource_not_found_exception)
}

/// Whether the record to start after is no longer in the stream.
fn is_gone(error: &SdkError<GetShardIteratorError>) -> bool {
    error.as_service_error().is_some_and(GetShardIteratorError::is_trimmed_data_access_exception)
}

/// Whether the iterator has expired, or its record is gone, so that a new one is needed.
fn is_spent(error: &SdkError<GetRecordsError>) -> bool {
    error
        .as_service_error()
        .is_some_and(|e| e.is_expired_iterator_exception() || e.is_trimmed_data_access_exception())
}
