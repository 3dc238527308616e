//! U1 as it is read: a holder's own log, and the practice's change log for staff and auditors.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeValue, PutRequest, ReturnConsumedCapacity, StreamSpecification, WriteRequest,
};
use rekey::practice::Portal;
use serde_json::{Value, json};

use crate::support::desk::{ACCOUNTS, Desk};
use crate::support::event::HttpEvent;
use crate::support::{NEW_PASSWORD, PASSWORD, Reply, TestApp, other_than, token_in};

const CHANGES: &str = "/v1/admin/changes";

async fn activity(app: &TestApp, session: &str, query: &str) -> Reply {
    app.send(HttpEvent::new("GET", "/v1/activity").query(query).bearer(session)).await
}

async fn changes(desk: &Desk<'_>, query: &str) -> Vec<Value> {
    let reply = desk.send(HttpEvent::new("GET", CHANGES).query(query)).await;
    assert_eq!(reply.status, 200, "{query}: {reply:?}");
    reply.json()["events"].as_array().unwrap().clone()
}

fn words(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["description"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_holder_reads_what_happened_newest_first() {
    let app = TestApp::start().await;
    let jane = app.account("jane").await.id;
    let minute = || app.clock.advance(Duration::from_mins(1));
    let link = app.token_for("jane").await;
    minute();
    assert_eq!(app.reset(&link, NEW_PASSWORD).await.status, 204);
    minute();
    app.sign_in("jane", "wrong").await;
    minute();
    let session = app.session_of("jane", NEW_PASSWORD).await;
    minute();
    app.send(HttpEvent::new("DELETE", "/v1/sessions/current").bearer(&session)).await;
    minute();
    let desk = Desk::of(&app, "agency", "staff", "casey").await;
    assert_eq!(desk.patch(jane, json!({"representative": true})).await.status, 200);
    minute();
    let session = app.session_of("jane", NEW_PASSWORD).await;
    app.session_of("sam", PASSWORD).await;

    let reply = activity(&app, &session, "").await.json();
    let events = reply["events"].as_array().unwrap();
    assert_eq!(
        words(events),
        [
            "Portal login by jane",
            "Portal login jane was modified by the practice. Changes: representative",
            "Portal logout by jane",
            "Portal login by jane",
            "Failed portal login as jane",
            "Password changed by jane",
            "A mail was sent to jane",
            "Password reset requested for jane",
            "Portal login jane was added by the operator",
        ]
    );
    let members: Vec<&String> = events[0].as_object().unwrap().keys().collect();
    assert_eq!(members, ["action", "actor", "at", "description", "id", "ip"]);
    assert_eq!(
        (&events[0]["ip"], &events[1]["ip"]),
        (&json!("203.0.113.7"), &Value::Null),
        "staff's is theirs"
    );
    let desk = Desk::of(&app, "agency", "staff", "casey").await;
    let issue = HttpEvent::new("POST", &format!("{ACCOUNTS}/{jane}/links"));
    let link = json!({"expires_at": "2026-11-22T18:00:00Z", "deliver": "email"});
    assert_eq!(desk.send(issue.json(&link)).await.status, 201);
    app.deliver().await;
    let mailed = activity(&app, &session, "limit=2").await.json()["events"].clone();
    assert_eq!(
        (&mailed[0]["action"], &mailed[0]["ip"]),
        (&json!("mail_sent"), &Value::Null),
        "nor by the mail"
    );
    assert_eq!((&events[0]["at"], &events[0]["actor"]), (&json!("2026-11-21T18:41:30Z"), &json!("holder")));
    assert_eq!(events[1]["action"], "user_updated");
    assert_eq!(reply["next_cursor"], Value::Null);
}

#[tokio::test]
async fn pages_follow_each_other_and_bad_queries_are_refused() {
    let app = TestApp::start().await;
    let session = app.session_of("jane", PASSWORD).await;
    for _ in 0..5 {
        app.session_of("jane", PASSWORD).await;
    }
    let whole = activity(&app, &session, "limit=100").await.json()["events"].clone();
    assert_eq!(whole.as_array().unwrap().len(), 7);
    for limit in [1, 2, 3, 7] {
        let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let reply = activity(&app, &session, &format!("limit={limit}{cursor}")).await.json();
            let events = reply["events"].as_array().unwrap().clone();
            assert!(events.len() <= limit);
            seen.extend(events);
            pages += 1;
            let Some(next) = reply["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!((Value::from(seen), pages), (whole.clone(), 7_usize.div_ceil(limit)), "{limit}");
    }
    for query in ["limit=0", "limit=101", "limit=x", "cursor=x", "limit=5&limit=6", "account=x"] {
        let reply = activity(&app, &session, query).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{query}");
    }
}

#[tokio::test]
async fn the_change_log_is_filtered_by_client_actor_kind_and_date() {
    let app = TestApp::start().await;
    let (jane, sam) = (app.account("jane").await.id, app.account("sam").await.id);
    let staff = app.account_of("agency", Portal::Staff, "casey").await.id;
    let casey = Desk::of(&app, "agency", "staff", "casey").await;
    let admin = Desk::of(&app, "agency", "staff", "admin").await;
    app.clock.advance(Duration::from_hours(48));
    let (casey_later, admin_later) =
        (Desk::of(&app, "agency", "staff", "casey").await, Desk::of(&app, "agency", "staff", "admin").await);
    drop((casey, admin));
    let (casey, admin) = (casey_later, admin_later);
    assert_eq!(casey.patch(jane, json!({"email": "new@agency.test"})).await.status, 200);
    assert_eq!(admin.patch(sam, json!({"refused": true})).await.status, 200);
    let new = json!({"username": "noor", "display_name": "N", "invite": false});
    assert_eq!(casey.create(new).await.status, 201);

    let by_casey = changes(&admin, &format!("actor={staff}")).await;
    let words_of = words(&by_casey);
    assert_eq!(
        words_of[..2],
        ["Portal login noor was added by casey", "Portal login jane was modified by casey. Changes: email"]
    );
    assert!(
        by_casey
            .iter()
            .all(|event| event["by"] == staff.to_string() || event["account"] == staff.to_string())
    );
    let change = &by_casey[1]["changes"][0];
    assert_eq!((&change["from"], &change["to"]), (&json!("j…@a….test"), &json!("n…@a….test")), "masked");

    let updated = changes(&admin, "type=user_updated").await;
    assert_eq!(updated.len(), 2);
    let both = changes(&admin, &format!("type=user_updated&actor={staff}")).await;
    assert_eq!(words(&both), ["Portal login jane was modified by casey. Changes: email"]);
    let of_jane = changes(&admin, &format!("account={jane}&type=user_updated&actor={staff}")).await;
    assert_eq!(of_jane, both);
    assert!(changes(&admin, &format!("account={sam}&actor={staff}")).await.is_empty());
    assert_eq!(
        words(&changes(&casey, &format!("account={jane}")).await).last().unwrap(),
        "Portal login jane was added by the operator"
    );
    assert_eq!(changes(&admin, "actor=operator&type=user_created").await.len(), 9);

    let late = changes(&admin, "from=2026-11-23T00:00:00Z").await;
    assert!(late.iter().all(|event| event["at"].as_str().unwrap() > "2026-11-23"));
    let early = changes(&admin, "to=2026-11-23T00:00:00Z&limit=100").await;
    assert!(early.iter().all(|event| event["at"].as_str().unwrap() < "2026-11-23"));
    assert_eq!(late.len() + early.len(), changes(&admin, "limit=100").await.len());
    assert!(changes(&admin, "from=2026-11-23T00:00:00Z&to=2026-11-23T00:00:00Z").await.is_empty());
    assert!(changes(&admin, "from=2027-01-01T00:00:00Z&to=2020-01-01T00:00:00Z").await.is_empty());

    for (query, outcome) in [
        ("actor=jane", (400, "invalid_request")),
        ("type=everything", (400, "invalid_request")),
        ("from=yesterday", (400, "invalid_request")),
        ("user=x", (400, "invalid_request")),
        ("account=01JD7Z3M5V8Q2X4Y6W0N1R9T3K", (404, "not_found")),
    ] {
        let reply = admin.send(HttpEvent::new("GET", CHANGES).query(query)).await;
        assert_eq!(reply.outcome(), (outcome.0, outcome.1.to_owned()), "{query}");
    }
}

#[tokio::test]
async fn another_practices_log_is_out_of_reach() {
    let app = TestApp::start().await;
    app.create_practice("therapy", json!({})).await;
    app.import("therapy", &crate::support::demo_accounts("therapy")).await;
    let admin = Desk::of(&app, "therapy", "staff", "admin").await;
    let foreign = app.account("jane").await.id;
    let staff = app.account_of("agency", Portal::Staff, "admin").await.id;
    app.session_of("jane", PASSWORD).await;
    assert!(changes(&admin, &format!("actor={foreign}")).await.is_empty());
    assert!(changes(&admin, &format!("actor={staff}")).await.is_empty());
    let mut own = Vec::new();
    for (portal, name) in [
        (Portal::Client, "jane"),
        (Portal::Client, "sam"),
        (Portal::Client, "lily"),
        (Portal::Client, "tom"),
        (Portal::Client, "dora"),
        (Portal::Client, "ruth"),
        (Portal::Client, "ivan"),
        (Portal::Staff, "admin"),
        (Portal::Staff, "casey"),
    ] {
        own.push(json!(app.account_of("therapy", portal, name).await.id.to_string()));
    }
    let all = changes(&admin, "limit=100").await;
    assert!(
        all.len() > 9
            && all.iter().all(|event| event["account"].is_null() || own.contains(&event["account"]))
    );
    let of_account = admin.get(&format!("{ACCOUNTS}/{foreign}/activity")).await;
    assert_eq!(of_account.outcome(), (404, "not_found".to_owned()));
    let filtered = admin.send(HttpEvent::new("GET", CHANGES).query(&format!("account={foreign}"))).await;
    assert_eq!(filtered.outcome(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn who_is_scoped_reads_no_name_of_whom_they_do_not_look_after() {
    let app = TestApp::start_with(&[]).await;
    app.create_practice("agency", json!({"caseload_scoped": true})).await;
    app.import("agency", &crate::support::demo_accounts("agency")).await;
    let (jane, sam) = (app.account("jane").await.id, app.account("sam").await.id);
    let casey = app.account_of("agency", Portal::Staff, "casey").await.id;
    let admin = Desk::of(&app, "agency", "staff", "admin").await;
    assert_eq!(admin.put(&format!("{ACCOUNTS}/{jane}/caseload/{casey}"), json!({})).await.status, 204);
    let relation = format!("{ACCOUNTS}/{jane}/associations/{sam}");
    assert_eq!(admin.put(&relation, json!({"relationship": "parent"})).await.status, 204);
    let staff = Desk::of(&app, "agency", "staff", "casey").await;
    let query = format!("account={jane}&type=association_changed");
    assert_eq!(words(&changes(&admin, &query).await), ["Association of jane with sam was modified by admin"]);
    let seen = changes(&staff, &query).await;
    assert_eq!(words(&seen), ["Association of jane with another login was modified by admin"]);
}

#[tokio::test]
async fn an_auditor_gets_a_table() {
    let app = TestApp::start().await;
    let admin = Desk::of(&app, "agency", "staff", "admin").await;
    let new = json!({"username": "=cmd()", "display_name": "N", "invite": false});
    assert_eq!(admin.create(new).await.status, 201);
    let jane = app.account("jane").await.id;
    let link =
        json!({"expires_at": "2026-11-22T18:00:00Z", "deliver": "copy", "reason": "Phoned, said \"lost\""});
    let event = HttpEvent::new("POST", &format!("{ACCOUNTS}/{jane}/links")).json(&link);
    assert_eq!(admin.send(event).await.status, 201);
    let table = async |query: &str| {
        let event = HttpEvent::new("GET", CHANGES).query(query);
        admin.send(event.header("accept", "text/csv;q=0.9, */*")).await
    };
    let reply = table("limit=2").await;
    assert_eq!(reply.headers["content-type"], "text/csv; charset=utf-8");
    let lines: Vec<&str> = reply.body.split("\r\n").collect();
    let header = ["at", "action", "description", "actor", "by", "account", "username", "note", "ip", "id"];
    assert_eq!(lines[0], header.map(|name| format!("\"{name}\"")).join(","));
    let jane = jane.to_string();
    let cells = [
        "authn_token_created",
        "A way to set the password of jane was issued by admin",
        "staff",
        "admin",
        &jane,
        "jane",
        "Phoned, said \"\"lost\"\"",
        "203.0.113.7",
    ];
    assert!(lines[1].contains(&cells.map(|cell| format!("\"{cell}\"")).join(",")), "{}", lines[1]);
    assert!(lines[2].contains(",\"'=cmd()\","), "no formula: {}", lines[2]);
    assert_eq!((lines.len(), lines[3]), (4, ""));
    let next = reply.headers["link"].to_str().unwrap();
    let (target, relation) = next.split_once("; ").unwrap();
    assert_eq!(relation, "rel=\"next\"");
    let rest = table(target.trim_matches(['<', '>', '?'])).await;
    assert!(rest.status.is_success() && !rest.body.contains("lost"), "{rest:?}");
    let all = table("").await;
    assert!(all.headers.get("link").is_none());
    assert_eq!(all.body.lines().count(), 1 + changes(&admin, "limit=100").await.len());
}

/// 100,000 events in 1,000 accounts: what a query reads is what it answers.
#[tokio::test]
async fn a_large_log_is_read_a_page_at_a_time() {
    let app = TestApp::start().await;
    let admin = Desk::of(&app, "agency", "staff", "admin").await;
    let staff = app.account_of("agency", Portal::Staff, "casey").await.id;
    // The embedded engine's stream grows slow with so much in it, and nobody listens.
    let off = StreamSpecification::builder().stream_enabled(false).build().unwrap();
    app.dynamodb.update_table().table_name(&app.table).stream_specification(off).send().await.unwrap();
    fill(&app, 1_000, 100, &staff.to_string()).await;
    let client = "01KAMJ5PYG0000000000000007";
    for (query, most) in [
        ("limit=50".to_owned(), 51),
        ("limit=100&from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z".to_owned(), 101),
        (format!("limit=10&actor={staff}"), 11),
        ("limit=25&type=user_updated".to_owned(), 26),
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
        let name = body["ExpressionAttributeNames"]["#log"].as_str().unwrap();
        let call =
            call.expression_attribute_names("#log", name).set_expression_attribute_values(Some(values));
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
        let mut item: HashMap<String, AttributeValue> = [
            ("pk", format!("EVENT#{account}")),
            ("sk", id.clone()),
            ("id", id),
            ("practice", "agency".to_owned()),
            ("action", action.to_owned()),
            ("actor", actor.to_owned()),
            ("account", account),
            ("portal", "client".to_owned()),
            ("practice_log", "LOG#agency".to_owned()),
            ("actor_log", format!("ACTOR#agency#{who}")),
            ("action_log", format!("ACTION#agency#{action}")),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), text(&value)))
        .collect();
        if actor == "staff" {
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

/// Runs operations and holds what each has recorded.
struct Recorder<'a> {
    app: &'a TestApp,
    seen: BTreeSet<String>,
}

impl Recorder<'_> {
    async fn actions(&self) -> BTreeMap<String, String> {
        let items = self.app.dump().await.into_iter().filter(|item| item.contains("\"pk\":\"EVENT#"));
        let events = items.map(|item| serde_json::from_str::<Value>(&item).unwrap());
        events.map(|event| (text(&event["id"]), text(&event["action"]))).collect()
    }

    /// An operation, and the events that it leaves, sorted.
    async fn expect(&mut self, what: &str, operation: impl Future, expected: &[&str]) {
        let before = self.actions().await;
        operation.await;
        self.app.deliver().await;
        self.app.report_mails().await;
        let after = self.actions().await;
        let mut new: Vec<String> = after
            .iter()
            .filter(|(id, _)| !before.contains_key(*id))
            .map(|(_, action)| action.clone())
            .collect();
        new.sort();
        assert_eq!(new, expected, "{what}");
        self.seen.extend(new);
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// U1: each operation, and the events that it must leave. An action that no operation here leaves is a failure.
#[tokio::test]
async fn every_operation_leaves_its_events() {
    let app = TestApp::start_with(&[]).await;
    let mut recorder = Recorder { app: &app, seen: BTreeSet::new() };
    let practice = Box::pin(app.create_practice("agency", json!({})));
    recorder.expect("practice", practice, &["practice_created"]).await;
    let people = crate::support::demo_accounts("agency");
    recorder.expect("import", Box::pin(app.import("agency", &people)), &["user_created"; 9]).await;
    let desk = Desk::of(&app, "agency", "staff", "admin").await;
    let (jane, sam) = (app.account("jane").await.id, app.account("sam").await.id);
    let casey = app.account_of("agency", Portal::Staff, "casey").await.id;
    let of = |tail: &str| format!("{ACCOUNTS}/{jane}/{tail}");
    let settings = HttpEvent::new("PATCH", "/v1/admin/practice").json(&json!({"name": "Other"}));
    recorder.expect("settings", desk.send(settings), &["practice_updated"]).await;
    let new = json!({"username": "noor", "email": "bounce@simulator.amazonses.com", "display_name": "N"});
    let invited = ["authn_token_created", "mail_bounced", "mail_sent", "user_created"];
    recorder.expect("registration", desk.create(new), &invited).await;
    recorder.expect("edit", desk.patch(jane, json!({"locale": "es"})), &["user_updated"]).await;
    let caseload = of(&format!("caseload/{casey}"));
    recorder.expect("caseload", desk.put(&caseload, json!({})), &["caseload_changed"]).await;
    let association = of(&format!("associations/{sam}"));
    let parent = json!({"relationship": "parent"});
    recorder.expect("association", desk.put(&association, parent), &["association_changed"]).await;
    let link = json!({"expires_at": "2026-11-22T18:00:00Z", "deliver": "copy"});
    let issue = HttpEvent::new("POST", &of("links")).json(&link);
    recorder.expect("copied link", desk.send(issue), &["authn_token_created"]).await;
    let ticket = desk.get(&of("tickets")).await.json()["tickets"][0]["id"].as_str().unwrap().to_owned();
    let revoke = HttpEvent::new("DELETE", &of(&format!("tickets/{ticket}")));
    recorder.expect("revocation", desk.send(revoke), &["authn_token_revoked"]).await;
    let temporary = HttpEvent::new("POST", &of("temporary-password"));
    recorder.expect("temporary password", desk.send(temporary), &["authn_token_created", "mail_sent"]).await;
    let complaining = json!({"email": "complaint@simulator.amazonses.com"});
    recorder.expect("address", desk.patch(sam, complaining), &["user_updated"]).await;
    let complained = ["authn_token_created", "mail_complained", "mail_sent"];
    recorder.expect("spam", app.forgot("sam"), &complained).await;

    recorder.expect("closed", app.forgot("dora"), &["recovery_refused"]).await;
    let asked = ["authn_token_created", "mail_sent"];
    recorder.expect("forgot", app.forgot("jane"), &asked).await;
    let token = token_in(&app.mailbox.messages()[0]);
    recorder.expect("reset", app.reset(&token, NEW_PASSWORD), &["authn_password_change", "mail_sent"]).await;
    recorder.expect("used link", app.reset(&token, PASSWORD), &["authn_token_reuse"]).await;
    app.mailbox.fail_for("tom@agency.test", rekey_local::mailbox::Failure::Rejected);
    app.mailbox.fail_for("family@agency.test", rekey_local::mailbox::Failure::Rejected);
    recorder.expect("refused by SES", app.forgot("tom"), &["authn_token_created", "mail_not_sent"]).await;
    app.mailbox.clear_failures();
    recorder.expect("again", app.forgot("jane"), &asked).await;
    recorder.expect("once more", app.forgot("jane"), &asked).await;
    recorder.expect("too often", app.forgot("jane"), &["excess_rate_limit_exceeded"]).await;
    app.clock.advance(Duration::from_hours(25));
    let mut code = (String::new(), String::new());
    let ask = Box::pin(async { code = app.code_for("jane").await });
    recorder.expect("code", ask, &asked).await;
    let (request, code) = code;
    recorder.expect("wrong code", app.verify(&request, &other_than(&code)), &["authn_code_fail"]).await;
    recorder.expect("right code", app.verify(&request, &code), &["authn_code_success"]).await;

    recorder.expect("wrong password", app.sign_in("jane", "wrong"), &["authn_login_fail"]).await;
    recorder.expect("sign-in", app.sign_in("jane", NEW_PASSWORD), &["authn_login_success"]).await;
    let session = app.session_of("jane", NEW_PASSWORD).await;
    let change = |current: &str, new: &str| {
        let body = json!({"current_password": current, "new_password": new});
        app.send(HttpEvent::new("POST", "/v1/password/change").bearer(&session).json(&body))
    };
    let question = |current: &str| {
        let body = json!({"current_password": current, "question": "Pet?", "answer": "x"});
        app.send(HttpEvent::new("PUT", "/v1/security-question").bearer(&session).json(&body))
    };
    recorder.expect("bad change", change("wrong", PASSWORD), &["authn_password_change_fail"]).await;
    recorder.expect("bad question", question("wrong"), &["security_question_change_fail"]).await;
    recorder.expect("question", question(NEW_PASSWORD), &["security_question_change"]).await;
    let changed = ["authn_password_change", "mail_sent"];
    recorder.expect("change", change(NEW_PASSWORD, "a third quiet harbor"), &changed).await;
    let others = HttpEvent::new("DELETE", "/v1/sessions").bearer(&session);
    recorder.expect("other sessions", app.send(others), &["session_revoked"]).await;
    let out = HttpEvent::new("DELETE", "/v1/sessions/current").bearer(&session);
    recorder.expect("sign-out", app.send(out), &["authn_logout"]).await;
    let desk = Desk::of(&app, "agency", "staff", "admin").await;
    let end = HttpEvent::new("DELETE", &of("sessions"));
    recorder.expect("sessions by staff", desk.send(end), &["session_revoked"]).await;
    let mails = app.mailbox.messages();
    let repudiate = mails.iter().find_map(|mail| mail.text.as_ref()?.split_once("#repudiate=")).unwrap().1;
    let token = json!({"token": repudiate.split_whitespace().next().unwrap()});
    let taken_back = ["authn_password_repudiated", "mail_sent"];
    recorder.expect("this wasn't me", app.post("/v1/password/repudiate", token), &taken_back).await;
    let locked = async {
        for _ in 0..7 {
            app.sign_in("jane", "wrong").await;
        }
    };
    let mut many = vec!["authn_login_fail"; 6];
    many.push("authn_login_lock");
    recorder.expect("lock", locked, &many).await;

    let api: Value = serde_json::from_str(&crate::contract::document()).unwrap();
    let all = api["components"]["schemas"]["Action"].clone();
    let all: BTreeSet<String> =
        all["enum"].as_array().unwrap_or_else(|| panic!("{all}")).iter().map(text).collect();
    assert_eq!(recorder.seen, all);
}
