//! A person whose mail does not come asks for help, and staff see to it.

use std::time::Duration;

use rekey::domain::practice::Portal;
use rekey::platform::clock::{days, hours};
use rekey_local::mailbox::Failure;
use serde_json::{Value, json};

use crate::support::asking::TASKS;
use crate::support::event::HttpEvent;
use crate::support::staff::{ACCOUNTS, StaffMember, at_work};
use crate::support::{TestApp, logs};

/// The one open task.
async fn task(member: &StaffMember<'_>) -> Value {
    let tasks = member.tasks("").await;
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    tasks[0].clone()
}

#[tokio::test]
async fn staff_see_whose_account_it_would_be_what_was_asked_for_and_when() {
    let app = TestApp::start().await;
    let request = app.forgot_by_code("agency", "client", "jane@agency.test").await;
    app.deliver().await;
    app.clock.advance(Duration::from_mins(20));
    let body = json!({"request_id": request, "reach": "visit"});
    assert_eq!(app.post("/v1/password/help", body).await.status, 202);
    app.deliver().await;
    let task = task(&at_work(&app).await).await;
    assert_eq!((&task["state"], &task["portal"]), (&json!("open"), &json!("client")));
    assert_eq!((&task["identifier"], &task["method"]), (&json!("jane@agency.test"), &json!("code")));
    assert_eq!((&task["reach"], &task["no_such_name"]), (&json!("visit"), &json!(false)));
    let jane = app.account("jane").await;
    let named =
        json!([{"id": jane.id, "username": "jane", "display_name": jane.display_name, "why": "sent"}]);
    assert_eq!(task["accounts"], named);
    assert_eq!(task["requested_at"].as_str().unwrap()[..16], *"2026-11-21T18:35");
    assert_eq!(task["asked_at"].as_str().unwrap()[..16], *"2026-11-21T18:55");
    assert!(!task.to_string().contains(&request), "codes are entered with it");
    assert!(app.mailbox.messages().len() == 1, "no mail follows");
}

#[tokio::test]
async fn staff_see_why_no_mail_arrived() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let accounts = [("none", None), ("back", Some("bounce@simulator.amazonses.com"))];
    for (name, email) in accounts {
        app.import("agency", &[json!({"username": name, "email": email, "display_name": name})]).await;
    }
    let spam = json!({"username": "spam", "email": "complaint@simulator.amazonses.com", "display_name": "S"});
    let good = json!({"username": "good", "email": "success@simulator.amazonses.com", "display_name": "G"});
    app.import("agency", &[spam, good]).await;
    let mut requests = Vec::new();
    for name in ["none", "back", "spam", "good", "dora", "ruth", "nobody"] {
        requests.push(app.request_at("agency", "client", name).await);
    }
    app.deliver().await;
    app.report_mails().await;
    requests.push(app.request_at("agency", "client", "jane").await);
    app.deliver().await;
    app.mailbox.fail_next(1, Failure::Unverified);
    requests.push(app.request_at("agency", "client", "sam").await);
    app.deliver().await;
    app.mailbox.fail_for("family@agency.test", Failure::BadContent);
    requests.push(app.request_at("agency", "client", "lily").await);
    app.deliver().await;
    for request in &requests {
        assert_eq!(app.ask_help(request).await.status, 202);
    }
    app.deliver().await;
    let tasks = member.tasks("limit=50").await;
    let why = |name: &str| {
        let task = tasks.iter().find(|task| task["identifier"] == name).unwrap();
        assert_eq!(task["no_such_name"], name == "nobody", "{task}");
        task["accounts"].as_array().unwrap().first().map(|account| account["why"].clone())
    };
    for (name, expected) in [
        ("none", "no_address"),
        ("back", "bounced"),
        ("spam", "complained"),
        ("good", "delivered"),
        ("dora", "closed"),
        ("ruth", "closed"),
        ("jane", "sent"),
        ("sam", "waiting"),
        ("lily", "not_sent"),
    ] {
        assert_eq!(why(name), Some(json!(expected)), "{name}");
    }
    assert_eq!(why("nobody"), None, "nobody has the name");
}

#[tokio::test]
async fn a_shared_mailbox_is_one_task_with_each_of_its_accounts() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    app.in_need("family@agency.test").await;
    let task = task(&member).await;
    let mut names: Vec<&str> = task["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|account| account["username"].as_str().unwrap())
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["lily", "tom"]);
    assert_eq!(member.act(&task, json!({"action": "done"})).await.status, 200);
    for name in ["lily", "tom"] {
        let actions = app.actions(name).await;
        assert!(actions.ends_with(&["help_requested".to_owned(), "help_done".to_owned()]), "{actions:?}");
    }
}

#[tokio::test]
async fn a_request_that_was_answered_with_an_earlier_link_was_sent_too() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    for _ in 0..2 {
        app.forgot("jane").await;
    }
    app.in_need("jane").await;
    assert_eq!(app.mailbox.messages().len(), 3);
    assert_eq!(task(&member).await["accounts"][0]["why"], "sent");
}

#[tokio::test]
async fn each_act_is_one_event_and_moves_the_task_to_another_list() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let (admin, jane) =
        (app.account_of("agency", Portal::Staff, "admin").await.id, app.account("jane").await.id);
    app.in_need("jane").await;
    let open = task(&member).await;
    let before = app.events(jane).await.len();
    let taken = member.act(&open, json!({"action": "take"})).await.json();
    assert_eq!((&taken["state"], &taken["by"]), (&json!("taken"), &json!(admin)));
    assert!(taken["acted_at"].is_string());
    assert!(member.tasks("").await.is_empty());
    assert_eq!(member.tasks("state=taken").await, std::slice::from_ref(&taken));
    let note = json!({"action": "refuse", "note": "  Voice was not theirs  "});
    let refused = member.act(&taken, note).await.json();
    assert_eq!((&refused["state"], &refused["note"]), (&json!("refused"), &json!("Voice was not theirs")));
    assert_eq!(member.tasks("state=refused").await, [refused]);
    assert!(member.tasks("state=taken").await.is_empty() && member.tasks("state=done").await.is_empty());
    let events = app.events(jane).await.split_off(before);
    let told: Vec<_> =
        events.iter().map(|event| (event.action.name(), event.by, event.note.clone())).collect();
    let note = Some("Voice was not theirs".to_owned());
    let expected =
        [("help_taken".to_owned(), Some(admin), None), ("help_refused".to_owned(), Some(admin), note)];
    assert_eq!(told, expected);
    for event in &events {
        assert_eq!(json!(event.outbox), open["id"], "an event names the task, and nothing of it");
    }
    let log = member.get(&format!("{ACCOUNTS}/{jane}/activity")).await.json();
    let said: Vec<&str> = log["events"].as_array().unwrap()[..3]
        .iter()
        .map(|event| event["description"].as_str().unwrap())
        .collect();
    let who = app.account_of("agency", Portal::Staff, "admin").await.display_name;
    assert_eq!(
        said,
        [
            format!("A request for help with jane was refused by {who}"),
            format!("A request for help with jane was taken by {who}"),
            "Help was asked for with jane, because no mail came".to_owned(),
        ]
    );
}

#[tokio::test]
async fn a_name_that_nobody_has_is_a_task_and_its_events_are_the_practices() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    app.in_need("old.address@elsewhere.test").await;
    let open = task(&member).await;
    assert_eq!((&open["no_such_name"], &open["accounts"]), (&json!(true), &json!([])));
    assert_eq!(open["identifier"], "old.address@elsewhere.test", "staff could call nobody back without it");
    assert_eq!(member.act(&open, json!({"action": "done"})).await.status, 200);
    let changes = member.get("/v1/admin/changes").await.json()["events"].clone();
    let changes = changes.as_array().unwrap();
    assert_eq!(changes[0]["action"], "help_done");
    let asked = changes.iter().find(|event| event["action"] == "help_requested").unwrap();
    assert_eq!((&asked["actor"], &asked["account"]), (&json!("anonymous"), &Value::Null));
    assert!(!json!(changes).to_string().contains("elsewhere.test"), "no event says what was typed");
    assert!(!logs::printed().contains("elsewhere.test"), "and no line");
}

#[tokio::test]
async fn how_long_people_waited_is_in_the_log_and_measured() {
    let app = TestApp::start().await;
    let request = app.request_at("agency", "client", "dora").await;
    app.clock.advance(Duration::from_mins(30));
    app.ask_help(&request).await;
    app.deliver().await;
    app.clock.advance(hours(1));
    let member = at_work(&app).await;
    let open = task(&member).await;
    assert_eq!(member.act(&open, json!({"action": "take"})).await.status, 200);
    app.clock.advance(Duration::from_mins(10));
    assert_eq!(member.act(&open, json!({"action": "done"})).await.status, 200);
    let lines = logs::lines().into_iter().filter(|line| line["event"] == "help_request_acted_on");
    let lines: Vec<Value> = lines.filter(|line| line["help"] == open["id"]).collect();
    let minutes = |line: &Value| line["waited"].as_u64().unwrap() / 60_000;
    let told: Vec<_> = lines.iter().map(|line| (line["state"].as_str().unwrap(), minutes(line))).collect();
    assert_eq!(told, [("taken", 90), ("done", 100)], "from the request for a recovery on");
    assert_eq!(lines[0]["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"], "waited");
}

#[tokio::test]
async fn a_list_comes_in_pages_who_waits_longest_first_and_of_what_is_settled_the_latest() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let names: Vec<String> = (0..7).map(|n| format!("nobody{n}")).collect();
    for name in &names {
        app.in_need(name).await;
    }
    let mut pages = Vec::new();
    let mut query = "limit=3".to_owned();
    loop {
        let page = member.page_of_tasks(&query).await;
        let of_page = page["help_requests"].as_array().unwrap().iter();
        pages.push(of_page.map(|task| task["identifier"].as_str().unwrap().to_owned()).collect::<Vec<_>>());
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("limit=3&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(pages.concat(), names);
    assert!(pages.iter().all(|page| page.len() <= 3) && pages.len() <= 4, "{pages:?}");
    for task in member.tasks("").await {
        assert_eq!(member.act(&task, json!({"action": "done"})).await.status, 200);
    }
    let mut latest = names.clone();
    latest.reverse();
    assert_eq!(member.names_of_tasks("state=done").await, latest);
    for query in ["limit=0", "limit=51", "state=lost", "cursor=x", "portal=x", "colour=red"] {
        let reply = member.send(HttpEvent::new("GET", TASKS).query(query)).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{query}");
    }
}

#[tokio::test]
async fn a_task_ends_by_itself_and_a_settled_one_thirty_days_later() {
    let app = TestApp::start().await;
    app.in_need("jane").await;
    app.in_need("sam").await;
    app.clock.advance(days(29));
    let member = at_work(&app).await;
    let tasks = member.tasks("").await;
    let sams = tasks.iter().find(|task| task["identifier"] == "sam").unwrap();
    assert_eq!(member.act(sams, json!({"action": "done"})).await.status, 200);
    app.clock.advance(days(2));
    let member = at_work(&app).await;
    assert!(member.tasks("").await.is_empty());
    let janes = tasks.iter().find(|task| task["identifier"] == "jane").unwrap();
    assert_eq!(member.act(janes, json!({"action": "take"})).await.outcome(), (404, "not_found".to_owned()));
    assert_eq!(member.names_of_tasks("state=done").await, ["sam"]);
    app.clock.advance(days(29));
    assert!(at_work(&app).await.tasks("state=done").await.is_empty());
    // Who has asked in vain may ask again.
    app.in_need("jane").await;
    assert_eq!(at_work(&app).await.names_of_tasks("").await, ["jane"]);
    let kept = app.plain_items().await;
    let ends = kept.iter().filter(|item| item["pk"].as_str().unwrap().starts_with("HELP#"));
    assert!(
        ends.clone().count() > 5 && ends.clone().all(|item| item["expires_at"].is_i64()),
        "all are cleaned up"
    );
}

#[tokio::test]
async fn a_practice_can_switch_it_off() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let facts = async || app.send(HttpEvent::new("GET", "/v1/practices/agency")).await.json();
    assert_eq!(facts().await["help_requests"], true);
    let off = json!({"policy": {"help_requests": false}});
    assert_eq!(member.send(HttpEvent::new("PATCH", "/v1/admin/practice").json(&off)).await.status, 200);
    app.clock.advance(Duration::from_mins(1));
    assert_eq!(facts().await["help_requests"], false, "so that a page does not offer it");
    app.in_need("jane").await;
    app.in_need("nobody").await;
    assert!(member.tasks("").await.is_empty());
    assert!(!app.actions("jane").await.contains(&"help_requested".to_owned()));
    let lines = logs::lines().into_iter().filter(|line| line["event"] == "help_dropped");
    assert!(lines.filter(|line| line["cause"] == "switched_off").count() == 2);
}

#[tokio::test]
async fn a_note_is_one_line_of_words() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    app.in_need("jane").await;
    let open = task(&member).await;
    for note in [json!(""), json!("  "), json!("x".repeat(201)), json!("two\nlines"), json!(7), json!([])] {
        let reply = member.act(&open, json!({"action": "take", "note": note})).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{note}");
    }
    for body in
        [json!({"action": "open"}), json!({"action": null}), json!({}), json!({"action": "take", "by": "x"})]
    {
        let reply = member.act(&open, body.clone()).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{body}");
    }
    assert_eq!(task(&member).await, open, "nothing was done");
    assert_eq!(member.act(&open, json!({"action": "take", "note": "x".repeat(200)})).await.status, 200);
}

#[tokio::test]
async fn who_is_helped_gets_in_by_a_link_to_a_corrected_address() {
    let app = TestApp::start().await;
    let old = json!({"username": "mia", "email": "bounce@simulator.amazonses.com", "display_name": "Mia"});
    app.import("agency", &[old]).await;
    app.forgot("mia").await;
    app.deliver().await;
    app.report_mails().await;
    app.clock.advance(hours(1));
    app.in_need("mia").await;
    let member = at_work(&app).await;
    let open = task(&member).await;
    assert_eq!(open["accounts"][0]["why"], "bounced");
    assert_eq!(member.act(&open, json!({"action": "take"})).await.status, 200);
    let id = app.account("mia").await.id;
    assert_eq!(member.patch(id, json!({"email": "mia@agency.test"})).await.status, 200);
    let link = HttpEvent::new("POST", &format!("{ACCOUNTS}/{id}/invitation"));
    assert_eq!(member.send(link).await.status, 202);
    app.deliver().await;
    assert_eq!(app.mailbox.messages()[0].to, ["mia@agency.test"]);
    assert_eq!(member.act(&open, json!({"action": "done"})).await.status, 200);
}
