//! A record of the DynamoDB Streams API, in the shape in which Lambda passes it to a function.
//!
//! This module owns the filter, which must be the same as the `FilterCriteria` of the mailer in `infra/template.yaml`.

use std::collections::HashMap;

use aws_sdk_dynamodbstreams::primitives::DateTime;
use aws_sdk_dynamodbstreams::types::{AttributeValue, OperationType, Record, StreamRecord};
use serde_json::{Map, Value, json};

use super::lane::Read;

/// The key prefixes of the items that the mailer handles.
pub(super) const PREFIXES: [&str; 2] = ["REQUEST#", "OUTBOX#"];

/// Reads a record of the stream `arn`. `None` when it has no sequence number, which the API never lets happen.
pub(super) fn read(record: &Record, arn: &str) -> Option<Read> {
    let change = record.dynamodb()?;
    let sequence = change.sequence_number()?.to_owned();
    let record = passes(record, change).then(|| to_event(record, change, arn));
    Some(Read { sequence, record })
}

fn passes(record: &Record, change: &StreamRecord) -> bool {
    let key = change.keys().and_then(|keys| keys.get("pk"));
    let key = key.and_then(|value| value.as_s().ok());
    let is_for_mailer = key.is_some_and(|key| PREFIXES.iter().any(|prefix| key.starts_with(prefix)));
    record.event_name() == Some(&OperationType::Insert) && is_for_mailer
}

fn to_event(record: &Record, change: &StreamRecord, arn: &str) -> Value {
    json!({
        "eventID": record.event_id(),
        "eventName": record.event_name().map(OperationType::as_str),
        "eventVersion": record.event_version(),
        "eventSource": "aws:dynamodb",
        "awsRegion": record.aws_region(),
        "dynamodb": {
            "ApproximateCreationDateTime": change.approximate_creation_date_time().map(DateTime::secs),
            "Keys": change.keys().map(key),
            "SequenceNumber": change.sequence_number(),
            "SizeBytes": change.size_bytes(),
            "StreamViewType": change.stream_view_type().map(|kind| kind.as_str().to_owned()),
        },
        "eventSourceARN": arn,
    })
}

/// The key of an item, whose parts are strings.
fn key(attributes: &HashMap<String, AttributeValue>) -> Value {
    let part =
        |(name, value): (&String, &AttributeValue)| Some((name.clone(), json!({"S": value.as_s().ok()?})));
    Value::Object(attributes.iter().filter_map(part).collect::<Map<String, Value>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_dynamodbstreams::types::StreamViewType;

    fn record(kind: OperationType, key: &str) -> Record {
        let change = StreamRecord::builder()
            .sequence_number("100000000000000000001")
            .approximate_creation_date_time(DateTime::from_secs(1_700_000_000))
            .keys("pk", AttributeValue::S(key.to_owned()))
            .size_bytes(42)
            .stream_view_type(StreamViewType::KeysOnly);
        Record::builder()
            .event_id("e1")
            .aws_region("us-east-1")
            .event_name(kind)
            .event_version("1.1")
            .dynamodb(change.build())
            .build()
    }

    #[test]
    fn an_event_has_the_shape_that_lambda_gives_it() {
        let read = read(&record(OperationType::Insert, "OUTBOX#1"), "arn:stream").expect("a record");
        let event = read.record.expect("for the mailer");
        assert_eq!(event["eventSourceARN"], "arn:stream");
        assert_eq!(event["dynamodb"]["ApproximateCreationDateTime"], 1_700_000_000);
        assert_eq!(event["dynamodb"]["Keys"], json!({"pk": {"S": "OUTBOX#1"}}));
        let batch = json!({"Records": [event]});
        let typed: aws_lambda_events::event::dynamodb::Event =
            serde_json::from_value(batch).expect("Lambda's type");
        assert_eq!(typed.records[0].change.sequence_number.as_deref(), Some("100000000000000000001"));
    }

    #[test]
    fn only_inserts_of_requests_and_outbox_items_are_for_the_mailer() {
        let passes = |kind, key| read(&record(kind, key), "arn").expect("a record").record.is_some();
        assert!(passes(OperationType::Insert, "REQUEST#1"));
        assert!(passes(OperationType::Insert, "OUTBOX#1"));
        assert!(!passes(OperationType::Insert, "ACCOUNT#1"));
        assert!(!passes(OperationType::Insert, "OUTBOX"));
        assert!(!passes(OperationType::Modify, "OUTBOX#1"));
        assert!(!passes(OperationType::Remove, "OUTBOX#1"));
    }
}
