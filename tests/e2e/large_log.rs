//! U1: reading a page of a large log costs as much as the page, and not as much as the log.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{
    AttributeValue, PutRequest, ReturnConsumedCapacity, StreamSpecification, WriteRequest,
};
use rekey::domain::practice::Portal;
use rekey::platform::ids::EventId;

use crate::support::TestApp;
use crate::support::change_log::{CHANGES, changes};
use crate::support::event::HttpEvent;
use crate::support::staff::StaffMember;

/// 100,000 events in 1,000 accounts: what a query reads is what it answers.
#[tokio::test]
async fn a_large_log_is_read_a_page_at_a_time() {
    let app = TestApp::start().await;
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    let staff = app.account_of("agency", Portal::Staff, "casey").await.id;
    // The embedded engine's stream grows slow with so much in it, and nobody listens.
    let off = StreamSpecification::builder().stream_enabled(false).build().unwrap();
    app.dynamodb.update_table().table_name(&app.table).stream_specification(off).send().await.unwrap();
    fill(&app, 1_000, 100, &staff.to_string()).await;
    let client = "01KAMJ5PYG0000000000000007";
    for (query, most) in [
        // A log of many writers is in 32 partitions, and an eighth of the page and four are read of each.
        ("limit=50".to_owned(), 32 * 10),
        ("limit=100&from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z".to_owned(), 32 * 16),
        (format!("limit=10&actor={staff}"), 11),
        ("limit=25&type=user_updated".to_owned(), 32 * 7),
        // Nine twentieths are the system's, and what is not asked for is read with it.
        ("limit=25&actor=system".to_owned(), 300),
        // Casey has done half of it all, and a tenth of what is done are updates.
        (format!("limit=10&actor={staff}&type=user_updated"), 300),
    ] {
        app.seam.forget();
        let events = changes(&admin, &query).await;
        assert_eq!(events.len(), query.split('&').next().unwrap()[6..].parse::<usize>().unwrap(), "{query}");
        let read: i32 = scanned(&app).await;
        assert!(read <= most, "{query}: {read}");
    }
    let event = HttpEvent::new("GET", CHANGES).query(&format!("account={client}"));
    assert_eq!(admin.send(event).await.status, 404, "an account that is not there");
}

/// What the queries of `activity` have read, by asking the store again for the capacity that each consumes.
async fn scanned(app: &TestApp) -> i32 {
    let said = app.seam.said();
    let mut read = 0;
    for said in said.iter().filter(|said| said.function == "activity" && said.target.ends_with("Query")) {
        let body = &said.body;
        let values: HashMap<String, AttributeValue> = body["ExpressionAttributeValues"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), AttributeValue::S(value["S"].as_str().unwrap().to_owned())))
            .collect();
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        let call = app.dynamodb.query().table_name(&app.table).set_index_name(text("IndexName"));
        let call = call.set_key_condition_expression(text("KeyConditionExpression"));
        let name = body["ExpressionAttributeNames"]["#pk"].as_str().unwrap();
        let call = call.expression_attribute_names("#pk", name).set_expression_attribute_values(Some(values));
        let limit = body["Limit"].as_i64().and_then(|limit| i32::try_from(limit).ok());
        let call = call.scan_index_forward(false).set_limit(limit);
        let answer = call.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.unwrap();
        let units = answer.consumed_capacity.unwrap().capacity_units.unwrap();
        // An event is some 400 bytes: at most a unit for eight of them, eventually consistent.
        assert!(units <= f64::from(answer.scanned_count) / 8.0 + 1.0, "{units} for {}", answer.scanned_count);
        read += answer.scanned_count;
    }
    assert!(read > 0);
    read
}

/// Events as the functions write them, some every second minute of November.
async fn fill(app: &TestApp, accounts: u32, each: u32, staff: &str) {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let start: u64 = 1_793_491_200_000;
    let mut writes = Vec::with_capacity(25);
    for n in 0..accounts * each {
        let account = format!("01KAMJ5PYG{:016}", n % accounts);
        let at = start + u64::from(n) * 17_000;
        let id = format!("{}{n:016}", &ulid_time(at));
        let action = if n % 10 == 0 { "user_updated" } else { "authn_token_created" };
        let who = if n % 20 < 11 && n % 20 != 9 { staff } else { "system" };
        let actor = if who == "system" { "system" } else { "staff" };
        let shard = format!("{:02}", id.parse::<EventId>().unwrap().random() % 32);
        let mut item: HashMap<String, AttributeValue> = [
            ("pk", format!("EVENT#{account}")),
            ("sk", id.clone()),
            ("id", id),
            ("practice", "agency".to_owned()),
            ("action", action.to_owned()),
            ("actor", actor.to_owned()),
            ("account", account),
            ("portal", "client".to_owned()),
            ("practice_log", format!("LOG#agency#{shard}")),
            ("action_log", format!("ACTION#agency#{action}#{shard}")),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), text(&value)))
        .collect();
        if actor == "staff" {
            item.insert("actor_log".to_owned(), text(&format!("ACTOR#agency#{staff}")));
            item.insert("by".to_owned(), text(staff));
        }
        item.insert("at".to_owned(), AttributeValue::N(at.to_string()));
        let put = PutRequest::builder().set_item(Some(item)).build().unwrap();
        writes.push(WriteRequest::builder().put_request(put).build());
        if writes.len() == 25 {
            let batch = std::mem::take(&mut writes);
            let answer =
                app.dynamodb.batch_write_item().request_items(&app.table, batch).send().await.unwrap();
            assert!(answer.unprocessed_items.unwrap_or_default().is_empty());
        }
    }
}

/// The ten characters of a ULID that are its time.
fn ulid_time(millis: u64) -> String {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    (0..10)
        .rev()
        .map(|place| char::from(ALPHABET[usize::try_from((millis >> (5 * place)) & 31).unwrap()]))
        .collect()
}
