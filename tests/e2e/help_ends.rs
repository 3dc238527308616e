//! The ends of help requests: they go with a person and with a practice, come along with what is exported, and survive failures.

use std::time::Duration;

use rekey::platform::clock::{Clock as _, days};
use rekey::platform::ids::OutboxId;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::seam::Fault;
use crate::support::staff::at_work;

async fn invoke(app: &TestApp, action: &str, members: Value) -> Value {
    let mut invocation = json!({"action": action, "practice": "agency"});
    invocation.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    app.operate(invocation).await.unwrap()
}

async fn stored(app: &TestApp) -> Vec<String> {
    app.dump().await.into_iter().filter(|item| item.contains("\"pk\":\"HELP#")).collect()
}

/// Help requests of jane, open and settled, of sam, and of nobody.
async fn asked(app: &TestApp) {
    let member = at_work(app).await;
    app.in_need("jane").await;
    let task = member.tasks("").await[0].clone();
    assert_eq!(member.act(&task, json!({"action": "done"})).await.status, 200);
    for name in ["jane", "sam", "nobody"] {
        app.in_need(name).await;
    }
}

#[tokio::test]
async fn an_erased_person_takes_their_help_requests_along() {
    let app = TestApp::start().await;
    asked(&app).await;
    let id = app.account("jane").await.id;
    let of_jane = async || {
        let stored = stored(&app).await;
        stored.into_iter().filter(|item| item.contains(&id.to_string()) || item.contains("jane")).count()
    };
    let (before, all) = (of_jane().await, stored(&app).await.len());
    assert_eq!(before, 4, "two requests, and what leads to them");
    invoke(&app, "erase_person", json!({"who": {"username": "jane"}})).await;
    assert_eq!(of_jane().await, 0);
    assert_eq!(stored(&app).await.len(), all - 5, "and the name's one open request");
    let member = at_work(&app).await;
    assert_eq!(member.names_of_tasks("").await, ["sam", "nobody"]);
}

#[tokio::test]
async fn a_person_and_a_practice_are_exported_with_their_help_requests() {
    let app = TestApp::start().await;
    asked(&app).await;
    let person = invoke(&app, "export_person", json!({"who": {"username": "jane"}})).await;
    let mut states: Vec<&str> = person["help_requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|request| request["state"].as_str().unwrap())
        .collect();
    states.sort_unstable();
    assert_eq!(states, ["done", "open"]);
    app.in_need("family@agency.test").await;
    let lily = invoke(&app, "export_person", json!({"who": {"username": "lily"}})).await;
    let shared = lily["help_requests"].as_array().unwrap().last().unwrap()["accounts"].clone();
    assert_eq!(shared.as_array().unwrap().len(), 1, "nothing of tom: {shared}");
    assert_eq!(shared[0]["account"], app.account("lily").await.id.to_string());
    let (mut names, mut members) = (Vec::new(), json!({}));
    loop {
        let part = invoke(&app, "export_practice", members).await;
        let lines = part["lines"].as_array().unwrap().iter();
        names.extend(lines.filter_map(|line| line["help_request"]["identifier"].as_str().map(str::to_owned)));
        match part.get("cursor") {
            Some(cursor) => members = json!({"cursor": cursor}),
            None => break,
        }
    }
    names.sort();
    assert_eq!(names, ["family@agency.test", "jane", "jane", "nobody", "sam"]);
    let broken = json!({"action": "export_practice", "practice": "agency", "cursor": "help/x"});
    assert!(app.operate(broken).await.is_err());
}

#[tokio::test]
async fn a_deleted_practice_leaves_no_help_request() {
    let app = TestApp::start().await;
    asked(&app).await;
    invoke(&app, "disable_practice", json!({})).await;
    app.clock.advance(Duration::from_mins(1));
    let mut members = json!({});
    while let Some(cursor) = invoke(&app, "delete_practice", members.clone()).await.get("cursor") {
        members["cursor"] = cursor.clone();
    }
    assert_eq!(stored(&app).await, [] as [String; 0]);
}

#[tokio::test]
async fn a_disabled_practice_gets_no_task() {
    let app = TestApp::start().await;
    let request = app.request_at("agency", "client", "jane").await;
    app.deliver().await;
    invoke(&app, "disable_practice", json!({})).await;
    app.clock.advance(Duration::from_mins(1));
    assert_eq!(app.ask_help(&request).await.status, 202);
    app.deliver().await;
    assert!(stored(&app).await.is_empty());
}

#[tokio::test]
async fn a_request_that_is_gone_leads_to_no_task() {
    let app = TestApp::start().await;
    let request = app.request_at("agency", "client", "jane").await;
    app.deliver().await;
    let key = rekey::store::keys::request(request.parse().unwrap());
    let delete = app.dynamodb.delete_item().table_name(&app.table).set_key(Some(key.attributes()));
    delete.send().await.unwrap();
    app.clock.advance(days(9));
    assert_eq!(app.ask_help(&request).await.status, 202);
    assert_eq!(app.deliver().await.dead, 0);
    assert!(stored(&app).await.is_empty());
    let made_at = app.clock.now();
    let items = app.plain_items().await;
    let item = items.iter().find(|item| item["kind"] == "help").unwrap();
    let id: OutboxId = item["id"].as_str().unwrap().parse().unwrap();
    assert!(id.made_at() > made_at - days(9), "whatever time the id of a request has");
}

#[tokio::test]
async fn a_store_that_is_down_leaves_nothing_half_done() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let request = app.request_at("agency", "client", "jane").await;
    app.deliver().await;
    app.ask_help("01JD7Z3M5V8Q2X4Y6W0N1R9T3K").await;
    let before = app.dump().await;
    app.seam.inject("forgot-password", "TransactWriteItems", 9, Fault::Down);
    assert_eq!(app.ask_help(&request).await.outcome(), (503, "unavailable".to_owned()));
    app.seam.heal();
    assert_eq!(app.dump().await, before);

    app.ask_help(&request).await;
    app.seam.inject("mailer", "TransactWriteItems", 3, Fault::Down);
    app.deliver().await;
    app.seam.heal();
    assert!(stored(&app).await.is_empty());
    app.clock.advance(Duration::from_mins(2));
    app.sweep().await;
    let tasks = member.tasks("").await;
    assert_eq!(tasks.len(), 1, "the sweep makes it");

    let before = app.lasting().await;
    app.seam.inject("accounts", "TransactWriteItems", 9, Fault::Down);
    let reply = member.act(&tasks[0], json!({"action": "take"})).await;
    assert_eq!(reply.outcome(), (503, "unavailable".to_owned()));
    app.seam.heal();
    let without_sessions = |items: Vec<String>| {
        items.into_iter().filter(|item| !item.contains("\"pk\":\"SESSION#")).collect::<Vec<_>>()
    };
    assert_eq!(without_sessions(app.lasting().await), without_sessions(before));
    assert_eq!(member.act(&tasks[0], json!({"action": "take"})).await.status, 200);
}

/// R5: what was asked before a restore is still to be seen to, and is there once.
#[tokio::test]
async fn a_task_is_there_once_after_a_restore() {
    let mut app = TestApp::start().await;
    app.in_need("jane").await;
    let request = app.request_at("agency", "client", "sam").await;
    app.deliver().await;
    app.ask_help(&request).await;
    app.clock.advance(Duration::from_mins(1));
    let moment = app.clock.now();
    app.restart_void_before(moment);
    app.deliver().await;
    app.clock.advance(Duration::from_mins(3));
    app.sweep().await;
    let member = at_work(&app).await;
    let names = member.names_of_tasks("").await;
    assert_eq!(names, ["jane", "sam"]);
    let actions = app.actions("jane").await;
    assert_eq!(actions.iter().filter(|action| *action == "help_requested").count(), 1);
}
