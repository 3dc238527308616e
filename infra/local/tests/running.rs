//! Tests of a pump that runs beside a DynamoDB: it is told of writes, deletes what it has delivered, and rests.

#![expect(clippy::expect_used, reason = "what a test needs and does not get fails the test")]

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::{BoxError, SdkError};
use aws_sdk_dynamodb::types::AttributeValue;
use rekey_local::dynamodb::front::Front;
use rekey_local::dynamodb::{self, Dynamodb};
use rekey_local::pump::{Notice, Pump};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{mpsc, watch};

/// A DynamoDB with its front, and a client of the front.
struct Stack {
    engine: Dynamodb,
    front: Front,
    client: aws_sdk_dynamodb::Client,
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

async fn stack() -> Stack {
    let engine = dynamodb::start(any_port(), None).await.expect("a port");
    let front = Front::start(any_port(), engine.url()).await.expect("a port");
    let client = dynamodb::client(front.url());
    dynamodb::create_table(&client, "rekey").await.expect("a table");
    Stack { engine, front, client }
}

impl Stack {
    async fn put(&self, key: &str) {
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let put = self.client.put_item().table_name("rekey").item("pk", text(key)).item("sk", text("-"));
        put.send().await.expect("put");
    }

    /// A pump to `function`, whose calls are counted.
    fn pump(&self, calls: &Calls, function: impl Fn(Vec<String>) -> Answer + Send + Sync + 'static) -> Pump {
        let client = dynamodb::client(self.engine.url());
        let client = client.config().to_builder().interceptor(calls.clone()).build();
        let streams = dynamodb::streams_client(self.engine.url());
        let streams = streams.config().to_builder().interceptor(calls.clone()).build();
        Pump::new(
            aws_sdk_dynamodb::Client::from_conf(client),
            aws_sdk_dynamodbstreams::Client::from_conf(streams),
            "rekey",
            move |event| std::future::ready(function(keys(&event))),
        )
    }

    fn records(&self) -> usize {
        self.engine.records().count("rekey").expect("a number")
    }
}

type Answer = Result<Value, String>;

fn keys(event: &Value) -> Vec<String> {
    let records = event["Records"].as_array().expect("records");
    let key = |record: &Value| record["dynamodb"]["Keys"]["pk"]["S"].as_str().map(str::to_owned);
    records.iter().filter_map(key).collect()
}

/// Counts the requests of the clients that it is given to.
#[derive(Clone, Debug)]
struct Calls(watch::Sender<usize>);

impl Calls {
    fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    fn count(&self) -> usize {
        *self.0.borrow()
    }
}

impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "calls"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.send_modify(|count| *count += 1);
        Ok(())
    }
}

#[tokio::test]
async fn it_runs_by_itself_and_repeats_what_failed() {
    let stack = stack().await;
    stack.put("OUTBOX#1").await;
    let (delivered, mut deliveries) = mpsc::unbounded_channel();
    let first = Mutex::new(true);
    let pump = stack.pump(&Calls::new(), move |keys| {
        if std::mem::take(&mut *first.lock().expect("a lock")) {
            return Err("not yet".to_owned());
        }
        delivered.send(keys).expect("a receiver");
        Ok(Value::Null)
    });
    let (reports, mut notices) = mpsc::unbounded_channel();
    let run = pump.run(stack.front.writes(), move |notice| reports.send(notice).expect("a receiver"));
    let task = tokio::spawn(run);
    assert_eq!(deliveries.recv().await.expect("a delivery"), ["OUTBOX#1"]);
    let notice = notices.recv().await.expect("a notice");
    assert!(matches!(notice, Notice::Failed { error, .. } if error == "not yet"));
    stack.put("OUTBOX#2").await;
    assert_eq!(deliveries.recv().await.expect("a delivery"), ["OUTBOX#2"]);
    task.abort();
}

/// The first reading takes four calls: the table, the stream, an iterator, a page with the record. The delivery fails.
/// The second takes two: the stream, an empty page after the delivery.
#[tokio::test]
async fn an_idle_pump_makes_no_calls_until_a_write_wakes_it() {
    let stack = stack().await;
    stack.put("OUTBOX#1").await;
    let calls = Calls::new();
    let (delivered, mut deliveries) = mpsc::unbounded_channel();
    let first = Mutex::new(true);
    let pump = stack.pump(&calls, move |keys| {
        if std::mem::take(&mut *first.lock().expect("a lock")) {
            return Err("not yet".to_owned());
        }
        delivered.send(keys).expect("a receiver");
        Ok(Value::Null)
    });
    let mut counted = calls.0.subscribe();
    let task = tokio::spawn(pump.run(stack.front.writes(), |_| ()));
    assert_eq!(deliveries.recv().await.expect("a delivery"), ["OUTBOX#1"]);
    counted.wait_for(|count| *count == 6).await.expect("a pump");
    stack.client.describe_table().table_name("rekey").send().await.expect("reads wake nobody");
    stack.client.scan().table_name("rekey").send().await.expect("reads wake nobody");
    let_pass(Duration::from_hours(24)).await;
    assert_eq!(calls.count(), 6);
    stack.put("OUTBOX#2").await;
    assert_eq!(deliveries.recv().await.expect("a delivery"), ["OUTBOX#2"]);
    task.abort();
}

/// Whoever waits for a time is woken, so that nobody who looks at intervals goes unnoticed, and everybody gets their
/// turn many times.
async fn let_pass(time: Duration) {
    tokio::time::pause();
    for _ in 0..1440 {
        tokio::time::advance(time / 1440).await;
    }
    tokio::time::resume();
}

/// A page of the stream has 100 records.
#[tokio::test]
async fn several_pages_are_delivered_without_another_write() {
    let stack = stack().await;
    for number in 0..250 {
        stack.put(&format!("OUTBOX#{number}")).await;
    }
    let (delivered, mut deliveries) = mpsc::unbounded_channel();
    let pump = stack.pump(&Calls::new(), move |keys| {
        delivered.send(keys.len()).expect("a receiver");
        Ok(Value::Null)
    });
    let task = tokio::spawn(pump.run(stack.front.writes(), |notice| panic!("{notice:?}")));
    let mut left = 250;
    while left > 0 {
        left -= deliveries.recv().await.expect("a delivery");
    }
    task.abort();
}

#[tokio::test]
async fn what_has_been_delivered_is_deleted() {
    let stack = stack().await;
    for number in 1..=25 {
        stack.put(&format!("OUTBOX#{number}")).await;
        stack.put(&format!("SESSION#{number}")).await;
    }
    let pump = stack.pump(&Calls::new(), |_| Ok(Value::Null)).with_trimming(stack.engine.records());
    let mut pump = pump.expect("a trigger");
    assert_eq!(pump.drain().await.expect("read").delivered, 25);
    assert_eq!(stack.records(), 1, "the newest");
    stack.put("OUTBOX#26").await;
    assert_eq!(pump.drain().await.expect("read").delivered, 1);
    assert_eq!(stack.records(), 1);
}

#[tokio::test]
async fn what_the_filter_drops_is_deleted_unread() {
    let stack = stack().await;
    let pump = stack.pump(&Calls::new(), |_| Ok(Value::Null)).with_trimming(stack.engine.records());
    let mut pump = pump.expect("a trigger");
    for number in 1..=5 {
        stack.put(&format!("SESSION#{number}")).await;
        stack.put(&format!("OUTBOX#{number}")).await;
        stack.put(&format!("REQUEST#{number}")).await;
        stack.put(&format!("REQUEST#{number}")).await;
    }
    assert_eq!(stack.records(), 11, "the inserts, and the newest, which is none");
    assert_eq!(pump.drain().await.expect("read").delivered, 10);
}

#[tokio::test]
async fn what_has_not_been_delivered_stays() {
    let stack = stack().await;
    for number in 1..=3 {
        stack.put(&format!("OUTBOX#{number}")).await;
    }
    let from_the_second_on = |keys: Vec<String>| match keys.first() {
        Some(key) if key == "OUTBOX#1" && keys.len() == 1 => Ok(Value::Null),
        _ => Err("not yet".to_owned()),
    };
    let pump = stack.pump(&Calls::new(), from_the_second_on).with_trimming(stack.engine.records());
    let pump = pump.expect("a trigger");
    let (reports, mut notices) = mpsc::unbounded_channel();
    let run = pump.run(stack.front.writes(), move |notice| reports.send(notice).expect("a receiver"));
    let task = tokio::spawn(run);
    // The batch of three fails, then that of two. The first record succeeds alone, and the second fails. Between two
    // failures the pump deletes what is done with.
    for _ in 0..4 {
        notices.recv().await.expect("a notice");
    }
    task.abort();
    assert_eq!(stack.records(), 2);
}

#[tokio::test]
async fn records_that_cannot_be_deleted_are_reported_and_the_rest_goes_on() {
    let stack = stack().await;
    let another = dynamodb::start(any_port(), None).await.expect("a port");
    let (delivered, mut deliveries) = mpsc::unbounded_channel();
    let pump = stack.pump(&Calls::new(), move |keys| {
        delivered.send(keys).expect("a receiver");
        Ok(Value::Null)
    });
    let (reports, mut notices) = mpsc::unbounded_channel();
    let pump = pump.with_trimming(another.records()).expect("a trigger");
    let run = pump.run(stack.front.writes(), move |notice| reports.send(notice).expect("a receiver"));
    let task = tokio::spawn(run);
    for key in ["OUTBOX#1", "OUTBOX#2"] {
        stack.put(key).await;
        assert_eq!(deliveries.recv().await.expect("a delivery"), [key]);
        let notice = notices.recv().await.expect("a notice");
        assert!(matches!(&notice, Notice::Untrimmed(error) if error.contains("not found")), "{notice:?}");
    }
    task.abort();
    assert_eq!(stack.records(), 2);
}

#[tokio::test]
async fn a_pump_ends_with_the_front() {
    let stack = stack().await;
    let pump = stack.pump(&Calls::new(), |_| Ok(Value::Null));
    let task = tokio::spawn(pump.run(stack.front.writes(), |notice| panic!("{notice:?}")));
    stack.front.stop().await;
    task.await.expect("it ends by itself");
}

/// The answer of a DynamoDB to a raw request, without what differs from answer to answer.
async fn raw(url: &str, operation: &str, body: &str) -> (u16, Vec<(String, String)>, String) {
    let request =
        reqwest::Client::new().post(url).header("x-amz-target", format!("DynamoDB_20120810.{operation}"));
    let request =
        request.header("content-type", "application/x-amz-json-1.0").header("x-amz-date", "20260101T000000Z");
    let credential =
        "Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";
    let request = request.header("authorization", format!("AWS4-HMAC-SHA256 {credential}"));
    let answer = request.body(body.to_owned()).send().await.expect("an answer");
    let differs = |name: &str| name == "x-amzn-requestid" || name == "date";
    let headers = answer.headers().iter().filter(|(name, _)| !differs(name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()));
    let mut headers: Vec<_> = headers.collect();
    headers.sort();
    (answer.status().as_u16(), headers, answer.text().await.expect("text"))
}

#[tokio::test]
async fn the_front_answers_as_the_engine_does() {
    let stack = stack().await;
    for (operation, body) in [
        ("ListTables", "{}"),
        ("GetItem", r#"{"TableName":"rekey","Key":{"pk":{"S":"none"},"sk":{"S":"-"}}}"#),
        ("GetItem", r#"{"TableName":"none","Key":{"pk":{"S":"none"}}}"#),
        ("NoSuchOperation", "{}"),
        ("PutItem", "no JSON"),
    ] {
        let (engine, front) =
            tokio::join!(raw(stack.engine.url(), operation, body), raw(stack.front.url(), operation, body));
        assert_eq!(engine, front, "{operation}");
    }
    let large = "x".repeat(300 * 1024);
    let key = r#""pk":{"S":"large"},"sk":{"S":"-"}"#;
    let put = format!(r#"{{"TableName":"rekey","Item":{{{key},"text":{{"S":"{large}"}}}}}}"#);
    assert_eq!(raw(stack.front.url(), "PutItem", &put).await.0, 200, "a request of several chunks");
    let get = format!(r#"{{"TableName":"rekey","Key":{{{key}}}}}"#);
    let (status, _, answer) = raw(stack.front.url(), "GetItem", &get).await;
    assert!(status == 200 && answer.contains(&large), "an answer of several chunks");
    let too_large = "x".repeat(16 * 1024 * 1024 + 1);
    let (status, ..) = raw(stack.front.url(), "PutItem", &too_large).await;
    assert_eq!(status, 413);
}

#[tokio::test]
async fn an_engine_that_is_gone_closes_the_connection() {
    let Stack { engine, client, front } = stack().await;
    engine.stop().await;
    let once = aws_sdk_dynamodb::config::retry::RetryConfig::disabled();
    let client = client.config().to_builder().retry_config(once).build();
    let answer = aws_sdk_dynamodb::Client::from_conf(client).list_tables().send().await;
    assert!(matches!(answer, Err(SdkError::DispatchFailure(_))), "{answer:?}");
    front.stop().await;
}

/// A front of an engine that answers when it is let go on. The engine tells of each request that it has as a whole.
async fn slow_engine() -> (Front, mpsc::UnboundedReceiver<()>, watch::Sender<()>) {
    let (asked, questions) = mpsc::unbounded_channel();
    let (go, gone) = watch::channel(());
    let engine = axum::Router::new().fallback(move |_: String| {
        let (asked, mut gone) = (asked.clone(), gone.clone());
        async move {
            asked.send(()).expect("a receiver");
            gone.changed().await.expect("a sender");
            "done"
        }
    });
    let listener = tokio::net::TcpListener::bind(any_port()).await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, engine).await });
    (Front::start(any_port(), &url).await.expect("a port"), questions, go)
}

#[tokio::test]
async fn a_write_whose_caller_has_hung_up_is_told_of_when_it_is_answered() {
    let (front, mut questions, go) = slow_engine().await;
    let mut writes = front.writes();
    let url = front.url().to_owned();
    let caller = tokio::spawn(async move { raw(&url, "PutItem", "{}").await });
    questions.recv().await.expect("the engine is asked");
    caller.abort();
    caller.await.expect_err("it has hung up");
    // The front sees it, and waits for the engine.
    let_pass(Duration::from_secs(50)).await;
    assert!(!writes.has_changed().expect("a front"), "nothing is written yet");
    go.send_replace(());
    writes.changed().await.expect("a write");
}

#[tokio::test]
async fn a_write_that_was_cut_off_is_told_of_after_a_minute() {
    let (front, mut questions, _go) = slow_engine().await;
    let writes = front.writes();
    let address = front.url().strip_prefix("http://").expect("an address");
    let mut caller = tokio::net::TcpStream::connect(address).await.expect("a front");
    let head = "POST / HTTP/1.1\r\nhost: here\r\nx-amz-target: D.PutItem\r\ncontent-length: 10\r\n\r\nhalf";
    caller.write_all(head.as_bytes()).await.expect("a front");
    drop(caller);
    let_pass(Duration::from_secs(50)).await;
    assert!(!writes.has_changed().expect("a front"), "the rest may come");
    let_pass(Duration::from_secs(20)).await;
    assert!(writes.has_changed().expect("a front"));
    questions.try_recv().expect_err("the engine has half of it");
}
