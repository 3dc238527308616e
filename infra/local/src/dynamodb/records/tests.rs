use std::net::SocketAddr;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodbstreams::types::{ShardIteratorType, StreamRecord};

use super::*;
use crate::dynamodb::{self, Dynamodb};

const TABLE: &str = "rekey";
const SHARD: &str = "shardId-00000001-rekey";

async fn start() -> Dynamodb {
    let dynamodb = dynamodb::start(SocketAddr::from(([127, 0, 0, 1], 0)), None).await.expect("a port");
    dynamodb::create_table(&dynamodb::client(dynamodb.url()), TABLE).await.expect("a table");
    dynamodb
}

async fn put(dynamodb: &Dynamodb, count: usize) {
    let client = dynamodb::client(dynamodb.url());
    for number in 0..count {
        let text = |value: String| AttributeValue::S(value);
        let put = client.put_item().table_name(TABLE).item("pk", text(format!("OUTBOX#{number}")));
        put.item("sk", text("-".to_owned())).send().await.expect("put");
    }
}

async fn stream(dynamodb: &Dynamodb) -> String {
    let answer = dynamodb::client(dynamodb.url()).describe_table().table_name(TABLE).send().await;
    answer.expect("a table").table.expect("a table").latest_stream_arn.expect("a stream")
}

/// The records that are left, oldest first.
async fn changes(dynamodb: &Dynamodb) -> Vec<StreamRecord> {
    let client = dynamodb::streams_client(dynamodb.url());
    let request = client.get_shard_iterator().stream_arn(stream(dynamodb).await).shard_id(SHARD);
    let request = request.shard_iterator_type(ShardIteratorType::TrimHorizon);
    let iterator = request.send().await.expect("an iterator").shard_iterator;
    let page = client.get_records().set_shard_iterator(iterator).send().await.expect("records");
    page.records().iter().filter_map(|record| record.dynamodb().cloned()).collect()
}

/// The sequence numbers that are left, oldest first.
async fn numbers(dynamodb: &Dynamodb) -> Vec<String> {
    let changes = changes(dynamodb).await;
    changes.iter().filter_map(StreamRecord::sequence_number).map(str::to_owned).collect()
}

#[tokio::test]
async fn records_are_deleted_up_to_a_number_and_the_rest_can_still_be_read() {
    let dynamodb = start().await;
    put(&dynamodb, 5).await;
    let before = numbers(&dynamodb).await;
    let deleted = dynamodb.records().trim(&stream(&dynamodb).await, SHARD, &before[2]).await;
    assert_eq!(deleted.expect("deleted"), 3);
    assert_eq!(numbers(&dynamodb).await, before[3..]);
    assert_eq!(dynamodb.records().count(TABLE).expect("a number"), 2);
}

#[tokio::test]
async fn the_newest_record_stays_so_that_numbers_never_come_again() {
    let dynamodb = start().await;
    put(&dynamodb, 3).await;
    let before = numbers(&dynamodb).await;
    let stream = stream(&dynamodb).await;
    for deleted in [2, 0] {
        let answer = dynamodb.records().trim(&stream, SHARD, &before[2]).await;
        assert_eq!(answer.expect("deleted"), deleted);
    }
    put(&dynamodb, 1).await;
    let after = numbers(&dynamodb).await;
    assert_eq!(after[0], before[2]);
    assert!(after[1] > before[2], "{after:?}");
}

#[tokio::test]
async fn many_records_are_deleted_in_several_batches() {
    let dynamodb = start().await;
    let rows = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= {})
         INSERT INTO _stream_records (table_name, event_name, keys_json, sequence_number, shard_id, created_at)
         SELECT '{TABLE}', 'INSERT', '{{}}', i, '{SHARD}', 0 FROM n",
        2 * BATCH
    );
    connection(&dynamodb.records()).execute_batch(&rows).expect("rows");
    let last = numbers(&dynamodb).await.pop().expect("a record");
    let deleted = dynamodb.records().trim(&stream(&dynamodb).await, SHARD, &last).await;
    assert_eq!(deleted.expect("deleted"), 2 * BATCH);
    assert_eq!(dynamodb.records().count(TABLE).expect("a number"), 1);
}

#[tokio::test]
async fn other_tables_keep_theirs() {
    let dynamodb = start().await;
    dynamodb::create_table(&dynamodb::client(dynamodb.url()), "another").await.expect("a table");
    put(&dynamodb, 2).await;
    let client = dynamodb::client(dynamodb.url());
    for number in 0..2 {
        let put = client.put_item().table_name("another").item("pk", AttributeValue::S(number.to_string()));
        put.item("sk", AttributeValue::S("-".to_owned())).send().await.expect("put");
    }
    let last = numbers(&dynamodb).await.pop().expect("a record");
    dynamodb.records().trim(&stream(&dynamodb).await, SHARD, &last).await.expect("deleted");
    let counts = [TABLE, "another"].map(|table| dynamodb.records().count(table).expect("a number"));
    assert_eq!(counts, [1, 2]);
}

#[tokio::test]
async fn only_inserts_of_what_is_read_keep_a_record() {
    let dynamodb = start().await;
    dynamodb::create_table(&dynamodb::client(dynamodb.url()), "another").await.expect("a table");
    let records = dynamodb.records();
    // The last call counts, and a prefix is no pattern.
    for prefixes in [["SESSION#", "*"], ["OUTBOX#", "O'B_%*"]] {
        records.keep_only_inserts_of(TABLE, &prefixes).expect("a trigger");
    }
    let client = dynamodb::client(dynamodb.url());
    let put = |table: &str, key: &str| {
        let put = client.put_item().table_name(table).item("pk", AttributeValue::S(key.to_owned()));
        put.item("sk", AttributeValue::S("-".to_owned())).send()
    };
    let keys =
        ["OUTBOX#1", "SESSION#1", "O'B_%*1", "OUTBOX#1", "XOUTBOX#2", "OUTBOX", "O'BxyZ", "OUTBOX#é", "-"];
    for key in keys {
        put(TABLE, key).await.expect("put");
        put("another", key).await.expect("put");
    }
    let numbers = numbers(&dynamodb).await;
    let delete = client.delete_item().table_name(TABLE).key("pk", AttributeValue::S("OUTBOX#1".to_owned()));
    delete.key("sk", AttributeValue::S("-".to_owned())).send().await.expect("deleted");
    put(TABLE, "SESSION#2").await.expect("put");
    let changes = changes(&dynamodb).await;
    let kept = changes.iter().map(|change| change.keys().expect("keys")["pk"].as_s().expect("text"));
    assert_eq!(kept.collect::<Vec<_>>(), ["OUTBOX#1", "O'B_%*1", "OUTBOX#é", "SESSION#2"]);
    let last = changes.last().and_then(StreamRecord::sequence_number).expect("a number");
    assert!(numbers.iter().all(|number| number.as_str() < last), "{numbers:?} {last}");
    assert_eq!(records.count("another").expect("a number"), keys.len());
}

#[tokio::test]
async fn a_number_that_was_never_given_is_an_error() {
    let dynamodb = start().await;
    for (stream, last) in [(stream(&dynamodb).await, "5"), ("arn:none".to_owned(), "100000000000000000005")] {
        let error = dynamodb.records().trim(&stream, SHARD, last).await.expect_err("refused");
        assert!(matches!(error, Error::Records(_)), "{error}");
    }
}

/// The first three statements are the engine's (`Storage` in `src/storage.rs` of dynoxide 3.2).
#[tokio::test]
async fn what_the_engine_asks_is_answered_by_the_index() {
    let dynamodb = start().await;
    let last = "SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1 FROM _stream_records \
                WHERE table_name = ?1";
    let page = "SELECT event_name FROM _stream_records \
                WHERE table_name = ?1 AND shard_id = ?2 AND CAST(sequence_number AS INTEGER) > ?3 \
                ORDER BY CAST(sequence_number AS INTEGER) ASC LIMIT ?4";
    let range = "SELECT MIN(CAST(sequence_number AS INTEGER)), MAX(CAST(sequence_number AS INTEGER)) \
                 FROM _stream_records WHERE table_name = ?1 AND shard_id = ?2";
    let before = BEFORE.replace("NEW.table_name", "?1").replace("NEW.sequence_number", "?2");
    for plan in [
        plan(&dynamodb, last, params![TABLE]),
        plan(&dynamodb, page, params![TABLE, SHARD, 1, 100]),
        plan(&dynamodb, range, params![TABLE, SHARD]),
        plan(&dynamodb, TRIM, params![TABLE, SHARD, 1, 100]),
        plan(&dynamodb, &before, params![TABLE, 1]),
    ] {
        assert!(plan.iter().any(|step| step.contains("rekey_stream_records")), "{plan:?}");
        let looks_at_all = |step: &String| step.starts_with("SCAN") || step.contains("TEMP B-TREE");
        assert!(!plan.iter().any(looks_at_all), "{plan:?}");
    }
}

/// The steps in which the database would execute a statement.
fn plan(dynamodb: &Dynamodb, sql: &str, values: impl rusqlite::Params) -> Vec<String> {
    let records = dynamodb.records();
    let connection = connection(&records);
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a statement");
    let steps = statement.query_map(values, |row| row.get("detail")).expect("a plan");
    steps.collect::<Result<_, _>>().expect("a plan")
}

fn connection(records: &Records) -> std::sync::MutexGuard<'_, Connection> {
    records.0.connection.lock().expect("a lock")
}
