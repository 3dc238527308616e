//! F1 to F3, A1, A4: what strangers, outsiders and colleagues in a hurry can do with requests for help, which is nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join;
use http::HeaderMap;
use rekey::domain::practice::Portal;
use rekey::platform::clock::{days, hours};
use rekey::platform::ids::OutboxId;
use serde_json::{Value, json};

use crate::support::asking::TASKS;
use crate::support::event::{HttpEvent, source};
use crate::support::seam::{Fault, members};
use crate::support::staff::{ACCOUNTS, StaffMember, at_work};
use crate::support::{PASSWORD, Reply, TestApp, demo_accounts, logs};

const MADE_UP: [&str; 4] = [
    "01JD7Z3M5V8Q2X4Y6W0N1R9T3K",
    "00000000000000000000000000",
    "7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "01KAJYRZKQ0000000000000000",
];

async fn ask_from(app: &TestApp, request: &str, ip: &str) -> Reply {
    let body = json!({"request_id": request, "reach": "call"});
    app.send(HttpEvent::new("POST", "/v1/password/help").at_ip(ip).json(&body)).await
}

/// The items of help requests, as the table has them.
async fn stored(app: &TestApp) -> Vec<String> {
    app.dump().await.into_iter().filter(|item| item.contains("\"pk\":\"HELP#")).collect()
}

#[tokio::test]
async fn help_answers_and_works_alike_for_every_request_known_or_made_up() {
    let app = TestApp::start().await;
    let bounced = json!({"username": "back", "email": "bounce@simulator.amazonses.com", "display_name": "B"});
    app.import("agency", &[bounced]).await;
    let mut requests: Vec<String> = MADE_UP.map(str::to_owned).into();
    for name in ["jane", "nobody", "dora", "ruth", "ivan", "back", "family@agency.test"] {
        requests.push(app.request_at("agency", "client", name).await);
    }
    app.deliver().await;
    app.report_mails().await;
    ask_from(&app, "01JD7Z3M5V8Q2X4Y6W0N1R9T3M", "203.0.113.7").await;
    let mut seen: BTreeSet<(u16, String, String, String)> = BTreeSet::new();
    for request in &requests {
        app.seam.forget();
        let reply = app.ask_help(request).await;
        let calls = app.seam.said().into_iter().map(|said| (said.target, members(&said.body)));
        let calls: Vec<_> = calls.collect();
        assert_eq!(calls.len(), 1, "one round trip: {calls:?}");
        let headers: &HeaderMap = &reply.headers;
        seen.insert((
            reply.status.as_u16(),
            reply.body.clone(),
            format!("{headers:?}"),
            format!("{calls:?}"),
        ));
    }
    assert_eq!(seen.len(), 1, "{seen:#?}");
    let (status, body, ..) = seen.first().unwrap();
    assert_eq!((*status, body.as_str()), (202, "{}"));
    for request in &requests {
        assert_eq!(app.ask_help(request).await.body, "{}", "and again");
    }
}

#[tokio::test]
async fn the_front_door_asks_for_help_without_reading_anything() {
    let app = TestApp::start().await;
    let request = app.request_at("agency", "client", "jane").await;
    app.seam.forget();
    app.ask_help(&request).await;
    let said = app.seam.said();
    assert_eq!(said.len(), 1);
    let writes: Vec<&str> = said[0].writes().iter().map(|key| key["pk"]["S"].as_str().unwrap()).collect();
    let kinds: Vec<&str> = writes.iter().map(|pk| pk.split('#').next().unwrap()).collect();
    assert_eq!(kinds, ["LIMIT", "REQUEST"]);
    assert!(!said[0].body.to_string().contains("agency"), "it cannot know whose request it is");
}

#[tokio::test]
async fn a_request_for_help_changes_no_account_ends_no_session_voids_no_ticket_and_mails_nobody() {
    let app = TestApp::start().await;
    let session = app.session_of("jane", PASSWORD).await;
    let token = app.token_for("jane").await;
    let (before, mails) = (app.account("jane").await, app.mailbox.messages().len());
    let request = app.request_at("agency", "client", "jane").await;
    app.deliver().await;
    assert_eq!(app.mailbox.messages().len(), mails + 1);
    app.ask_help(&request).await;
    app.deliver().await;
    assert_eq!(app.account("jane").await, before);
    assert_eq!(app.account_with(&session).await.status, 200);
    assert_eq!(app.preview(&token).await.status, 200);
    assert_eq!(app.mailbox.messages().len(), mails + 1);
}

#[tokio::test]
async fn what_is_no_request_id_is_refused_and_counts_for_nothing() {
    let app = TestApp::start().await;
    let before = app.dump().await;
    for id in
        [json!("jane"), json!(""), json!(null), json!(7), json!(["x"]), json!("01JD7Z3M5V8Q2X4Y6W0N1R9T3")]
    {
        let reply = app.post("/v1/password/help", json!({"request_id": id, "reach": "call"})).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{id}");
    }
    for reach in [json!("mail"), json!(null), json!("")] {
        let reply = app.post("/v1/password/help", json!({"request_id": MADE_UP[0], "reach": reach})).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{reach}");
    }
    let leading = json!({"request_id": MADE_UP[0], "reach": "call", "phone": "+1 555 0100"});
    assert_eq!(app.post("/v1/password/help", leading).await.status, 400, "nobody gives a number to call");
    assert_eq!(app.dump().await, before);
}

#[tokio::test]
async fn made_up_requests_leave_nothing_in_the_list_of_staff() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let request: OutboxId = app.request_at("agency", "client", "jane").await.parse().unwrap();
    // The note that a limit was hit, and a request for help itself, are no requests for a recovery.
    for _ in 0..3 {
        app.forgot("jane").await;
    }
    app.deliver().await;
    app.ask_help(&request.to_string()).await;
    app.deliver().await;
    let items = app.plain_items().await;
    let kinds = ["help", "limit_hit"];
    let of_kind = items.iter().filter(|item| kinds.contains(&item["kind"].as_str().unwrap_or_default()));
    let forged: Vec<String> = of_kind.map(|item| item["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(forged.len(), 2, "{forged:?}");
    let events = app.actions("jane").await.len();
    for id in forged.iter().map(String::as_str).chain(MADE_UP) {
        assert_eq!(app.ask_help(id).await.status, 202);
    }
    assert_eq!(app.deliver().await.dead, 0);
    assert_eq!(member.names_of_tasks("").await, ["jane"], "the one that was asked for");
    assert_eq!(app.actions("jane").await.len(), events);
    let dropped = logs::lines().into_iter().filter(|line| line["event"] == "help_dropped");
    assert_eq!(dropped.filter(|line| line["cause"] == "no_request").count(), 6);
    assert_eq!(app.sweep().await["due"], 0, "and nothing waits");
}

#[tokio::test]
async fn a_source_asks_thirty_times_an_hour_and_what_it_asks_beyond_is_not_written() {
    let app = TestApp::start().await;
    let ids: Vec<String> = (0..32).map(|n| format!("01KAJYRZKQ{n:016}")).collect();
    for id in &ids[..30] {
        assert_eq!(ask_from(&app, id, "203.0.113.9").await.status, 202);
    }
    let refused = ask_from(&app, &ids[30], "203.0.113.9").await;
    assert_eq!(refused.outcome(), (429, "too_many_requests".to_owned()));
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((3500..=3600).contains(&wait), "{wait}");
    let written = app.plain_items().await.iter().filter(|item| item["kind"] == "help").count();
    assert_eq!(written, 30);
    assert_eq!(ask_from(&app, &ids[30], "203.0.113.10").await.status, 202, "another source");
    let body = json!({"practice": "agency", "identifier": "jane"});
    let forgot = HttpEvent::new("POST", "/v1/password/forgot").at_ip("203.0.113.9").json(&body);
    assert_eq!(app.send(forgot).await.status, 202, "recoveries have a count of their own");
    app.clock.advance(hours(1));
    assert_eq!(ask_from(&app, &ids[31], "203.0.113.9").await.status, 202);
}

#[tokio::test]
async fn whoever_asks_again_and_again_for_one_name_leaves_one_task() {
    let app = TestApp::start().await;
    for round in 0..3 {
        for _ in 0..3 {
            app.in_need("jane").await;
        }
        app.clock.advance(hours(1));
        assert_eq!(
            stored(&app).await.iter().filter(|item| item.contains("identifier")).count(),
            1,
            "{round}"
        );
    }
    let member = at_work(&app).await;
    let tasks = member.tasks("").await;
    assert_eq!(tasks.len(), 1);
    let asked = async || {
        let actions = app.actions("jane").await;
        actions.iter().filter(|action| *action == "help_requested").count()
    };
    assert_eq!(asked().await, 1);
    assert_eq!(member.act(&tasks[0], json!({"action": "take"})).await.status, 200);
    app.clock.advance(days(1));
    app.in_need("jane").await;
    assert_eq!(asked().await, 1, "somebody sees to it");
    let member = at_work(&app).await;
    assert_eq!(member.act(&tasks[0], json!({"action": "done"})).await.status, 200);
    let request = app.in_need("jane").await;
    let tasks = member.tasks("").await;
    assert_eq!((asked().await, tasks.len()), (2, 1));
    assert_eq!(member.act(&tasks[0], json!({"action": "refuse"})).await.status, 200);
    assert_eq!(app.ask_help(&request).await.status, 202);
    app.deliver().await;
    assert_eq!((asked().await, member.tasks("").await.len()), (2, 0), "a request is used once");
}

#[tokio::test]
async fn a_flood_of_names_that_nobody_has_is_cut_off_and_keeps_out_no_client() {
    let app = TestApp::start().await;
    for n in 0..40 {
        let body = json!({"practice": "agency", "identifier": format!("nobody{n}")});
        let forgot = HttpEvent::new("POST", "/v1/password/forgot").at_ip(&source(n * 200)).json(&body);
        let request = app.send(forgot).await.json()["request_id"].as_str().unwrap().to_owned();
        assert_eq!(ask_from(&app, &request, &source(n * 200)).await.status, 202);
    }
    app.deliver().await;
    app.in_need("jane").await;
    let member = at_work(&app).await;
    let names = member.names_of_tasks("limit=50").await;
    assert_eq!(names.len(), 21, "twenty of an hour, and hers");
    assert!(names.contains(&"jane".to_owned()));
    app.clock.advance(hours(1));
    app.in_need("nobody41").await;
    assert_eq!(at_work(&app).await.names_of_tasks("limit=50").await.len(), 22);
}

#[tokio::test]
async fn a_record_that_comes_again_makes_no_second_task_and_no_second_event() {
    let app = TestApp::start().await;
    app.in_need("jane").await;
    let (before, records) = (app.dump().await, app.stream_records().await);
    assert!(records.len() >= 2);
    app.invoke_mailer(json!({"Records": records})).await;
    assert_eq!(app.dump().await, before);

    // A mailer whose write was carried out and never answered.
    let request = app.request_at("agency", "client", "sam").await;
    app.deliver().await;
    app.ask_help(&request).await;
    app.seam.inject("mailer", "TransactWriteItems", 1, Fault::AnswerLost);
    app.deliver().await;
    app.clock.advance(Duration::from_mins(3));
    app.sweep().await;
    let asked = app.actions("sam").await.into_iter().filter(|action| action == "help_requested");
    assert_eq!(asked.count(), 1);
}

/// Two practices, of which one is scoped by caseload, with jane on casey's.
async fn scoped() -> TestApp {
    let app = TestApp::start().await;
    app.create_practice("caseload", json!({"caseload_scoped": true})).await;
    app.import("caseload", &demo_accounts("caseload")).await;
    app
}

#[tokio::test]
async fn an_outsider_and_a_colleague_see_what_they_may_and_act_on_no_more() {
    let app = scoped().await;
    let admin = StaffMember::of(&app, "caseload", "staff", "admin").await;
    let of = async |portal, name: &'static str| app.account_of("caseload", portal, name).await.id;
    let (casey, tom) = (of(Portal::Staff, "casey").await, of(Portal::Client, "tom").await);
    for client in [of(Portal::Client, "jane").await, tom] {
        let path = format!("{ACCOUNTS}/{client}/caseload/{casey}");
        assert_eq!(admin.put(&path, json!({})).await.status, 204);
    }
    for name in ["jane", "sam", "nobody", "family@caseload.test"] {
        app.in_need_at("caseload", "client", name).await;
    }
    app.in_need_at("caseload", "staff", "casey").await;
    let staff = StaffMember::of(&app, "caseload", "staff", "casey").await;
    let (all, staffs) = (admin.tasks("").await, admin.tasks("portal=staff").await);
    assert_eq!((all.len(), staffs.len()), (4, 1));
    assert_eq!(staff.names_of_tasks("").await, ["jane", "family@caseload.test"], "of their caseload");
    let shared = staff.tasks("").await[1].clone();
    let seen: Vec<&Value> =
        shared["accounts"].as_array().unwrap().iter().map(|own| &own["username"]).collect();
    assert_eq!(seen, [&json!("tom")], "and not who shares the mailbox");
    let outsider = StaffMember::of(&app, "agency", "staff", "admin").await;
    assert!(outsider.tasks("").await.is_empty());
    let portal = HttpEvent::new("GET", TASKS).query("portal=staff");
    assert_eq!(staff.send(portal).await.outcome(), (403, "forbidden".to_owned()));
    let take = json!({"action": "take"});
    for task in all.iter().chain(&staffs) {
        assert_eq!(outsider.act(task, take.clone()).await.outcome(), (404, "not_found".to_owned()));
        let is_theirs = ["jane", "family@caseload.test"].iter().any(|name| task["identifier"] == *name);
        let is_theirs = is_theirs && task["portal"] == "client";
        let expected = if is_theirs { 200 } else { 404 };
        assert_eq!(staff.act(task, take.clone()).await.status.as_u16(), expected, "{task}");
    }
    for id in [MADE_UP[0], "jane"] {
        let reply = admin.act(&json!({"id": id}), take.clone()).await;
        assert_eq!(reply.outcome(), (404, "not_found".to_owned()), "{id}");
    }
}

#[tokio::test]
async fn of_two_colleagues_who_take_one_task_at_once_one_has_it() {
    let app = TestApp::start().await;
    let (admin, casey) = (at_work(&app).await, StaffMember::of(&app, "agency", "staff", "casey").await);
    app.in_need("jane").await;
    let task = admin.tasks("").await[0].clone();
    let held = app.seam.hold("accounts", "TransactWriteItems", 0);
    let first = async {
        held.reached().await;
        let reply = casey.act(&task, json!({"action": "take"})).await;
        held.release();
        reply
    };
    let (late, first) = join(Box::pin(admin.act(&task, json!({"action": "take"}))), Box::pin(first)).await;
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(late.outcome(), (409, "help_request_taken".to_owned()));
    let taken = || async {
        let actions = app.actions("jane").await;
        actions.iter().filter(|action| *action == "help_taken").count()
    };
    assert_eq!(taken().await, 1);
    let again = casey.act(&task, json!({"action": "take"})).await;
    assert_eq!((again.status.as_u16(), taken().await), (200, 1), "who has it has it");
    // A colleague may settle what lies about, and then it is over.
    assert_eq!(admin.act(&task, json!({"action": "done"})).await.status, 200);
    for (member, action) in [(&casey, "done"), (&casey, "refuse"), (&admin, "refuse"), (&admin, "take")] {
        let reply = member.act(&task, json!({"action": action})).await;
        assert_eq!(reply.outcome(), (409, "help_request_settled".to_owned()), "{action}");
    }
    assert_eq!(admin.act(&task, json!({"action": "done"})).await.status, 200, "what they did they did");
}

#[tokio::test]
async fn what_a_colleague_has_settled_meanwhile_is_not_taken() {
    let app = TestApp::start().await;
    let (admin, casey) = (at_work(&app).await, StaffMember::of(&app, "agency", "staff", "casey").await);
    app.in_need("jane").await;
    let task = admin.tasks("").await[0].clone();
    let held = app.seam.hold("accounts", "TransactWriteItems", 0);
    let first = async {
        held.reached().await;
        assert_eq!(casey.act(&task, json!({"action": "done"})).await.status, 200);
        held.release();
    };
    let (late, ()) = join(Box::pin(admin.act(&task, json!({"action": "take"}))), Box::pin(first)).await;
    assert_eq!(late.outcome(), (409, "help_request_settled".to_owned()));
    assert!(admin.tasks("state=taken").await.is_empty());
}

#[tokio::test]
async fn who_has_just_been_closed_acts_on_nothing() {
    let app = TestApp::start().await;
    let (admin, casey) = (at_work(&app).await, StaffMember::of(&app, "agency", "staff", "casey").await);
    let id = app.account_of("agency", Portal::Staff, "casey").await.id;
    app.in_need("jane").await;
    let task = admin.tasks("").await[0].clone();
    let held = app.seam.hold("accounts", "TransactWriteItems", 0);
    let close = async {
        held.reached().await;
        assert_eq!(admin.patch(id, json!({"active": false})).await.status, 200);
        held.release();
    };
    let (reply, ()) = join(Box::pin(casey.act(&task, json!({"action": "refuse"}))), Box::pin(close)).await;
    assert_eq!(reply.outcome(), (401, "invalid_session".to_owned()));
    assert_eq!(admin.tasks("").await, [task]);
}
