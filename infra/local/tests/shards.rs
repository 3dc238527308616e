//! Tests of what AWS's streams do and the embedded DynamoDB does not: shards that close and have children, lists in
//! pages, iterators that expire, and records that are gone. A scripted API stands in for AWS.

#![expect(clippy::expect_used, reason = "what a test needs and does not get fails the test")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router, routing::post};
use rekey_local::dynamodb;
use rekey_local::pump::Pump;
use serde_json::{Value, json};
use tokio::sync::watch;

#[derive(Default)]
struct Shard {
    parent: Option<&'static str>,
    records: Vec<&'static str>,
    /// The number of records at the front that are gone.
    trimmed: usize,
    closed: bool,
}

#[derive(Default)]
struct Script {
    arn: &'static str,
    /// Whether the table's stream has been disabled, and has no successor.
    disabled: bool,
    /// The stream that there was before.
    gone: Option<&'static str>,
    shards: BTreeMap<&'static str, Shard>,
    /// The number of iterators that were given so far. Those before `valid_from` have expired.
    given: usize,
    valid_from: usize,
    calls: Vec<String>,
}

type Shared = Arc<Mutex<Script>>;

const FIRST: usize = 100;

fn sequence(position: usize) -> String {
    format!("{:021}", FIRST + position)
}

impl Script {
    fn answer(&mut self, call: &str, request: &Value) -> Result<Value, &'static str> {
        match call {
            "DescribeTable" => Ok(json!({"Table": {"LatestStreamArn": self.arn}})),
            "DescribeStream" if self.gone == request["StreamArn"].as_str() => {
                Err("ResourceNotFoundException")
            }
            "DescribeStream" => Ok(self.describe(request)),
            "GetShardIterator" => self.iterator(request),
            _ => self.records(request["ShardIterator"].as_str().expect("an iterator")),
        }
    }

    /// Answers one shard per page, children first, so that the order of the list is of no help.
    fn describe(&self, request: &Value) -> Value {
        let (arn, after) = (&request["StreamArn"], request["ExclusiveStartShardId"].as_str());
        let status = if *arn == self.arn && !self.disabled { "ENABLED" } else { "DISABLED" };
        let ids: Vec<&str> = self.shards.keys().rev().copied().collect();
        let index = after.map_or(0, |id| ids.iter().position(|each| *each == id).expect("listed") + 1);
        let shard = json!({"ShardId": ids[index], "ParentShardId": self.shards[ids[index]].parent});
        let last = (index + 1 < ids.len()).then_some(ids[index]);
        json!({"StreamDescription": {"StreamArn": arn, "StreamStatus": status, "Shards": [shard],
            "LastEvaluatedShardId": last}})
    }

    fn iterator(&mut self, request: &Value) -> Result<Value, &'static str> {
        let shard = request["ShardId"].as_str().expect("a shard");
        let trimmed = self.shards[shard].trimmed;
        let position = match request["SequenceNumber"].as_str() {
            None => trimmed,
            Some(after) => after.parse::<usize>().expect("a number") - FIRST + 1,
        };
        self.calls
            .push(format!("{} {shard} {position}", request["ShardIteratorType"].as_str().expect("a type")));
        if position < trimmed {
            return Err("TrimmedDataAccessException");
        }
        Ok(json!({"ShardIterator": self.give(shard, position)}))
    }

    fn give(&mut self, shard: &str, position: usize) -> String {
        self.given += 1;
        format!("{shard}/{position}/{}", self.given)
    }

    fn records(&mut self, iterator: &str) -> Result<Value, &'static str> {
        let parts: Vec<&str> = iterator.split('/').collect();
        let (shard, position) = (parts[0], parts[1].parse::<usize>().expect("a position"));
        if parts[2].parse::<usize>().expect("a number") < self.valid_from {
            return Err("ExpiredIteratorException");
        }
        let Shard { records, closed, .. } = &self.shards[shard];
        // A page has one record, so that every record needs an iterator.
        let page: Vec<Value> = records.get(position).map(|key| record(key, position)).into_iter().collect();
        let next = position + page.len();
        let ended = *closed && next == records.len();
        let next = (!ended).then(|| self.give(shard, next));
        Ok(json!({"Records": page, "NextShardIterator": next}))
    }
}

fn record(key: &str, position: usize) -> Value {
    let keys = json!({"pk": {"S": key}, "sk": {"S": "-"}});
    let change = json!({"Keys": keys, "SequenceNumber": sequence(position)});
    json!({"eventName": "INSERT", "awsRegion": "us-east-1", "dynamodb": change})
}

async fn respond(State(script): State<Shared>, headers: HeaderMap, Json(request): Json<Value>) -> Response {
    let target = headers["x-amz-target"].to_str().expect("text");
    let (_, call) = target.split_once('.').expect("a call");
    let answer = script.lock().expect("a lock").answer(call, &request);
    match answer {
        Ok(answer) => Json(answer).into_response(),
        Err(kind) => (StatusCode::BAD_REQUEST, Json(json!({"__type": kind}))).into_response(),
    }
}

/// Changes the content type of a request. The SDK sends `application/x-amz-json-1.0`, which axum's reader does not
/// accept as JSON.
async fn as_json(mut request: axum::extract::Request, next: axum::middleware::Next) -> Response {
    let json = axum::http::HeaderValue::from_static("application/json");
    request.headers_mut().insert(axum::http::header::CONTENT_TYPE, json);
    next.run(request).await
}

/// The scripted API, a pump that reads from it, and the keys that the pump has delivered.
async fn stack(shards: BTreeMap<&'static str, Shard>) -> (Shared, Pump, Delivered) {
    let script = Arc::new(Mutex::new(Script { arn: "arn:1", shards, ..Script::default() }));
    let router = Router::new().route("/", post(respond)).with_state(script.clone());
    let router = router.layer(axum::middleware::from_fn(as_json));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let delivered = Delivered::new(Vec::new());
    let kept = delivered.clone();
    let pump = Pump::new(dynamodb::client(&url), dynamodb::streams_client(&url), "rekey", move |event| {
        let records = event["Records"].as_array().expect("records");
        let keys =
            records.iter().map(|record| record["dynamodb"]["Keys"]["pk"]["S"].as_str().expect("a key"));
        kept.send_modify(|delivered| delivered.extend(keys.map(str::to_owned)));
        std::future::ready(Ok(Value::Null))
    });
    (script, pump, delivered)
}

fn open(records: &[&'static str]) -> Shard {
    Shard { records: records.to_vec(), ..Shard::default() }
}

type Delivered = watch::Sender<Vec<String>>;

fn take(delivered: &Delivered) -> Vec<String> {
    delivered.send_replace(Vec::new())
}

#[tokio::test]
async fn a_child_waits_until_its_parent_is_done() {
    let parent = Shard { closed: true, ..open(&["OUTBOX#1", "OUTBOX#2"]) };
    let child = Shard { parent: Some("a"), ..open(&["OUTBOX#3"]) };
    let orphan = Shard { parent: Some("gone"), ..open(&["OUTBOX#0"]) };
    let (_, mut pump, delivered) = stack(BTreeMap::from([("a", parent), ("b", child), ("c", orphan)])).await;
    assert_eq!(pump.drain().await.expect("read").delivered, 4);
    let mut order = take(&delivered);
    order.retain(|key| key != "OUTBOX#0");
    assert_eq!(order, ["OUTBOX#1", "OUTBOX#2", "OUTBOX#3"]);
}

#[tokio::test]
async fn a_pump_that_runs_goes_on_to_the_child_without_another_write() {
    let parent = Shard { closed: true, ..open(&["OUTBOX#1", "OUTBOX#2"]) };
    let child = Shard { parent: Some("a"), ..open(&["OUTBOX#3"]) };
    let (_, pump, delivered) = stack(BTreeMap::from([("a", parent), ("b", child)])).await;
    let (_writes, written) = watch::channel(());
    let task = tokio::spawn(pump.run(written, |_| ()));
    let mut seen = delivered.subscribe();
    let all = seen.wait_for(|keys| keys.len() == 3).await.expect("a pump");
    assert_eq!(*all, ["OUTBOX#1", "OUTBOX#2", "OUTBOX#3"]);
    task.abort();
}

#[tokio::test]
async fn a_shard_that_closes_later_is_followed_by_its_child() {
    let (script, mut pump, delivered) = stack(BTreeMap::from([("a", open(&["OUTBOX#1"]))])).await;
    pump.drain().await.expect("read");
    {
        let mut script = script.lock().expect("a lock");
        let parent = script.shards.get_mut("a").expect("the parent");
        parent.records.push("OUTBOX#2");
        parent.closed = true;
        script.shards.insert("b", Shard { parent: Some("a"), ..open(&["OUTBOX#3"]) });
    }
    pump.drain().await.expect("read");
    assert_eq!(take(&delivered), ["OUTBOX#1", "OUTBOX#2", "OUTBOX#3"]);
}

#[tokio::test]
async fn an_iterator_that_has_expired_is_replaced() {
    let (script, mut pump, delivered) = stack(BTreeMap::from([("a", open(&["OUTBOX#1"]))])).await;
    pump.drain().await.expect("read");
    {
        let mut script = script.lock().expect("a lock");
        script.valid_from = script.given + 1;
        script.shards.get_mut("a").expect("the shard").records.push("OUTBOX#2");
    }
    pump.drain().await.expect("read");
    assert_eq!(take(&delivered), ["OUTBOX#1", "OUTBOX#2"]);
    assert_eq!(script.lock().expect("a lock").calls, ["TRIM_HORIZON a 0", "AFTER_SEQUENCE_NUMBER a 1"]);
}

#[tokio::test]
async fn a_place_that_is_gone_is_the_oldest_that_is_left() {
    let (script, mut pump, delivered) = stack(BTreeMap::from([("a", open(&["OUTBOX#1"]))])).await;
    pump.drain().await.expect("read");
    {
        let mut script = script.lock().expect("a lock");
        script.valid_from = script.given + 1;
        let shard = script.shards.get_mut("a").expect("the shard");
        shard.records.extend(["OUTBOX#2", "OUTBOX#3"]);
        shard.trimmed = 2;
    }
    pump.drain().await.expect("read");
    assert_eq!(take(&delivered), ["OUTBOX#1", "OUTBOX#3"]);
}

#[tokio::test]
async fn a_stream_that_is_over_is_read_to_its_end() {
    let (script, mut pump, delivered) = stack(BTreeMap::from([("a", open(&["OUTBOX#1"]))])).await;
    pump.drain().await.expect("read");
    {
        let mut script = script.lock().expect("a lock");
        script.disabled = true;
        script.shards.insert("a", open(&["OUTBOX#1", "OUTBOX#2"]));
    }
    pump.drain().await.expect("read");
    assert_eq!(take(&delivered), ["OUTBOX#1", "OUTBOX#2"]);
}

#[tokio::test]
async fn another_stream_is_read_from_its_beginning() {
    let (script, mut pump, delivered) = stack(BTreeMap::from([("a", open(&["OUTBOX#1"]))])).await;
    pump.drain().await.expect("read");
    // AWS keeps a stream for a day after the table has another.
    script.lock().expect("a lock").arn = "arn:2";
    pump.drain().await.expect("read");
    assert_eq!(take(&delivered), ["OUTBOX#1", "OUTBOX#1"]);
    {
        let mut script = script.lock().expect("a lock");
        (script.arn, script.gone) = ("arn:3", Some("arn:2"));
    }
    pump.drain().await.expect("read");
    assert_eq!(take(&delivered), ["OUTBOX#1"]);
}
