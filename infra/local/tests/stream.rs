//! Tests of the table and the pump against a DynamoDB API, through the real SDKs.

#![expect(clippy::expect_used, reason = "what a test needs and does not get fails the test")]

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::types::{
    AttributeValue, KeySchemaElement, StreamSpecification, StreamViewType, TimeToLiveStatus,
};
use rekey_local::Error;
use rekey_local::dynamodb::{self, Dynamodb};
use rekey_local::pump::{Drained, Pump};
use serde_json::{Value, json};

struct Stack {
    server: Dynamodb,
    client: aws_sdk_dynamodb::Client,
}

async fn stack(path: Option<&Path>) -> Stack {
    let server = dynamodb::start(SocketAddr::from(([127, 0, 0, 1], 0)), path).await.expect("a port");
    let client = dynamodb::client(server.url());
    dynamodb::create_table(&client, "rekey").await.expect("a table");
    Stack { server, client }
}

impl Stack {
    async fn put(&self, key: &str) {
        put(&self.client, key).await;
    }

    /// A pump to `function`, and the keys that it was invoked with, batch by batch.
    fn pump(
        &self,
        function: impl Fn(&Value) -> Result<Value, String> + Send + Sync + 'static,
    ) -> (Pump, Log) {
        let log = Log::default();
        let kept = log.clone();
        let streams = dynamodb::streams_client(self.server.url());
        let pump = Pump::new(self.client.clone(), streams, "rekey", move |event| {
            kept.0.lock().expect("a lock").push(keys(&event));
            std::future::ready(function(&event))
        });
        (pump, log)
    }
}

async fn put(client: &aws_sdk_dynamodb::Client, key: &str) {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    client
        .put_item()
        .table_name("rekey")
        .item("pk", text(key))
        .item("sk", text("-"))
        .send()
        .await
        .expect("put");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Vec<String>>>>);

impl Log {
    fn take(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut *self.0.lock().expect("a lock"))
    }
}

fn records(event: &Value) -> &Vec<Value> {
    event["Records"].as_array().expect("records")
}

fn key(record: &Value) -> &str {
    record["dynamodb"]["Keys"]["pk"]["S"].as_str().expect("a key")
}

fn keys(event: &Value) -> Vec<String> {
    records(event).iter().map(|record| key(record).to_owned()).collect()
}

#[expect(clippy::unnecessary_wraps, reason = "it is what a function answers")]
fn all_good(_: &Value) -> Result<Value, String> {
    Ok(json!({"batchItemFailures": []}))
}

/// A function that fails these keys by naming them in its answer.
fn failing(bad: &'static [&str]) -> impl Fn(&Value) -> Result<Value, String> {
    move |event| {
        let failed = records(event).iter().filter(|record| bad.contains(&key(record)));
        let failed: Vec<Value> =
            failed.map(|record| json!({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})).collect();
        Ok(json!({"batchItemFailures": failed}))
    }
}

#[tokio::test]
async fn the_table_is_the_templates_and_is_created_once() {
    let stack = stack(None).await;
    dynamodb::create_table(&stack.client, "rekey").await.expect("again");
    let table = stack
        .client
        .describe_table()
        .table_name("rekey")
        .send()
        .await
        .expect("a table")
        .table
        .expect("a table");
    let keys: Vec<&str> = table.key_schema().iter().map(KeySchemaElement::attribute_name).collect();
    assert_eq!(keys, ["pk", "sk"]);
    let stream = table.stream_specification.expect("a stream");
    assert_eq!((stream.stream_enabled, stream.stream_view_type), (true, Some(StreamViewType::KeysOnly)));
    let ttl = stack.client.describe_time_to_live().table_name("rekey").send().await.expect("an answer");
    let ttl = ttl.time_to_live_description.expect("TTL");
    assert_eq!(ttl.attribute_name(), Some("expires_at"));
    assert_eq!(ttl.time_to_live_status, Some(TimeToLiveStatus::Enabled));
}

#[tokio::test]
async fn only_new_requests_and_outbox_items_are_delivered_in_order() {
    let stack = stack(None).await;
    for key in ["REQUEST#1", "ACCOUNT#1", "OUTBOX#1", "OUTBOX#1", "EVENT#1", "REQUEST#2"] {
        stack.put(key).await;
    }
    let (mut pump, log) = stack.pump(all_good);
    assert_eq!(pump.drain().await.expect("read"), Drained { invocations: 1, delivered: 3, dead: 0 });
    assert_eq!(
        log.take(),
        [["REQUEST#1", "OUTBOX#1", "REQUEST#2"]],
        "the second put of OUTBOX#1 is no insert"
    );
    assert_eq!(pump.drain().await.expect("read"), Drained::default(), "nothing comes twice");
    stack.put("OUTBOX#2").await;
    pump.drain().await.expect("read");
    assert_eq!(log.take(), [["OUTBOX#2"]]);
}

#[tokio::test]
async fn a_record_is_lambdas_event() {
    let stack = stack(None).await;
    stack.put("OUTBOX#1").await;
    let seen = Arc::new(Mutex::new(Value::Null));
    let kept = seen.clone();
    let (mut pump, _) = stack.pump(move |event| {
        *kept.lock().expect("a lock") = event.clone();
        all_good(event)
    });
    pump.drain().await.expect("read");
    let event = seen.lock().expect("a lock").clone();
    let record = &event["Records"][0];
    let members: BTreeSet<&str> = record.as_object().expect("a record").keys().map(String::as_str).collect();
    let expected =
        ["awsRegion", "dynamodb", "eventID", "eventName", "eventSource", "eventSourceARN", "eventVersion"];
    assert_eq!(members, BTreeSet::from(expected));
    assert_eq!((&record["eventName"], &record["eventSource"]), (&json!("INSERT"), &json!("aws:dynamodb")));
    assert_eq!(record["dynamodb"]["Keys"], json!({"pk": {"S": "OUTBOX#1"}, "sk": {"S": "-"}}));
    assert_eq!(record["dynamodb"]["StreamViewType"], "KEYS_ONLY");
    assert!(record["dynamodb"]["ApproximateCreationDateTime"].is_i64());
    let typed: aws_lambda_events::event::dynamodb::Event =
        serde_json::from_value(event).expect("Lambda's type");
    assert_eq!(typed.records[0].event_name, "INSERT");
}

#[tokio::test]
async fn batches_of_ten_keep_the_order() {
    let stack = stack(None).await;
    let keys: Vec<String> = (0..123).map(|number| format!("OUTBOX#{number}")).collect();
    for key in &keys {
        stack.put(key).await;
    }
    let (mut pump, log) = stack.pump(all_good);
    assert_eq!(pump.drain().await.expect("read").delivered, 123);
    let batches = log.take();
    assert!(batches.iter().all(|batch| batch.len() <= 10));
    assert_eq!(batches.concat(), keys);
}

#[tokio::test]
async fn what_follows_a_failure_is_delivered_again() {
    let stack = stack(None).await;
    for number in 1..=3 {
        stack.put(&format!("OUTBOX#{number}")).await;
    }
    let first = Mutex::new(true);
    let (mut pump, log) = stack.pump(move |event| {
        let is_first = std::mem::take(&mut *first.lock().expect("a lock"));
        if is_first { failing(&["OUTBOX#2"])(event) } else { all_good(event) }
    });
    assert_eq!(pump.drain().await.expect("read"), Drained { invocations: 2, delivered: 3, dead: 0 });
    assert_eq!(log.take(), [vec!["OUTBOX#1", "OUTBOX#2", "OUTBOX#3"], vec!["OUTBOX#2", "OUTBOX#3"]]);
}

#[tokio::test]
async fn a_poison_record_is_set_aside_and_the_rest_goes_on() {
    let stack = stack(None).await;
    for number in 1..=4 {
        stack.put(&format!("OUTBOX#{number}")).await;
    }
    let (pump, log) = stack.pump(failing(&["OUTBOX#2"]));
    let mut pump = pump.with_max_attempts(3);
    let drained = pump.drain().await.expect("read");
    assert_eq!((drained.delivered, drained.dead), (3, 1));
    let [letter] = pump.dead_letters() else { panic!("{:?}", pump.dead_letters()) };
    assert_eq!((key(&letter.record), letter.attempts), ("OUTBOX#2", 3));
    assert_eq!(log.take().last().expect("a batch"), &["OUTBOX#3", "OUTBOX#4"]);
}

#[tokio::test]
async fn a_function_that_crashes_on_one_record_loses_only_that_one() {
    let stack = stack(None).await;
    for number in 1..=10 {
        stack.put(&format!("OUTBOX#{number}")).await;
    }
    let (mut pump, log) = stack.pump(|event| {
        if keys(event).contains(&"OUTBOX#7".to_owned()) { Err("crashed".to_owned()) } else { all_good(event) }
    });
    let drained = pump.drain().await.expect("read");
    assert_eq!((drained.delivered, drained.dead), (9, 1));
    assert_eq!(
        (key(&pump.dead_letters()[0].record), pump.dead_letters()[0].error.as_str()),
        ("OUTBOX#7", "crashed")
    );
    let delivered: Vec<String> =
        log.take().into_iter().filter(|batch| !batch.contains(&"OUTBOX#7".to_owned())).flatten().collect();
    assert_eq!(delivered, [1, 2, 3, 4, 5, 6, 8, 9, 10].map(|number| format!("OUTBOX#{number}")));
}

#[tokio::test]
async fn what_a_delivery_writes_is_delivered_too() {
    let stack = stack(None).await;
    stack.put("REQUEST#1").await;
    let (client, streams) = (stack.client.clone(), dynamodb::streams_client(stack.server.url()));
    let mut pump = Pump::new(stack.client.clone(), streams, "rekey", move |event| {
        let client = client.clone();
        async move {
            for record in records(&event).iter().filter(|record| key(record).starts_with("REQUEST#")) {
                put(&client, &key(record).replace("REQUEST", "OUTBOX")).await;
            }
            Ok(Value::Null)
        }
    });
    assert_eq!(pump.drain().await.expect("read"), Drained { invocations: 2, delivered: 2, dead: 0 });
}

#[tokio::test]
async fn a_pump_goes_on_where_the_last_one_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, place) = (folder.path().join("dynamodb.sqlite"), folder.path().join("pump.json"));
    let before = stack(Some(&file)).await;
    before.put("OUTBOX#1").await;
    let (pump, log) = before.pump(all_good);
    let pump = pump.with_trimming(before.server.records()).expect("a trigger");
    pump.with_checkpoint(place.clone()).expect("no file yet").drain().await.expect("read");
    assert_eq!(log.take(), [["OUTBOX#1"]]);
    before.server.stop().await;
    drop(before.client);

    let after = stack(Some(&file)).await;
    after.put("OUTBOX#2").await;
    let (pump, log) = after.pump(all_good);
    pump.with_checkpoint(place).expect("a place").drain().await.expect("read");
    assert_eq!(log.take(), [["OUTBOX#2"]]);
}

#[tokio::test]
async fn a_table_without_a_stream_is_an_error_that_says_so() {
    let stack = stack(None).await;
    let streams = dynamodb::streams_client(stack.server.url());
    let mut pump =
        Pump::new(stack.client.clone(), streams, "another", |_| std::future::ready(Ok(Value::Null)));
    let error = pump.drain().await.expect_err("no such table").to_string();
    assert!(error.contains("DescribeTable") && error.contains("ResourceNotFoundException"), "{error}");
}

#[tokio::test]
async fn a_stream_that_was_replaced_is_found() {
    let stack = stack(None).await;
    let (mut pump, log) = stack.pump(all_good);
    stack.put("OUTBOX#1").await;
    pump.drain().await.expect("read");
    let enable = |enabled: bool| {
        let kind = enabled.then_some(StreamViewType::KeysOnly);
        let stream =
            StreamSpecification::builder().stream_enabled(enabled).set_stream_view_type(kind).build();
        stack.client.update_table().table_name("rekey").stream_specification(stream.expect("a stream")).send()
    };
    enable(false).await.expect("no stream");
    assert!(matches!(pump.drain().await, Err(Error::NoStream(table)) if table == "rekey"));
    enable(true).await.expect("another stream");
    stack.put("OUTBOX#2").await;
    pump.drain().await.expect("read");
    let events = log.take().concat();
    assert_eq!(events, ["OUTBOX#1", "OUTBOX#1", "OUTBOX#2"], "dynoxide keeps its records");
}
