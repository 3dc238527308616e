//! A5: an address that staff have changed without having seen the owner gets no mail by self-service for a while.

use std::time::Duration;

use rekey::domain::event::Action;
use rekey::platform::clock::{Clock, hours};
use serde_json::{Value, json};

use crate::former_address::{SEEN, mailed, object, readdress, told};
use crate::support::event::HttpEvent;
use crate::support::seam::Fault;
use crate::support::staff::{ACCOUNTS, at_work};
use crate::support::{NEW_PASSWORD, Reply, TestApp, code_in, token_in};

const TOLD: &str = "Somebody asked for a new password";

async fn ask(app: &TestApp, name: &str) -> Reply {
    let reply = app.forgot(name).await;
    assert_eq!(reply.status, 202);
    reply
}

async fn set_hold(app: &TestApp, seconds: u32) -> Reply {
    let policy = json!({"policy": {"address_hold": seconds}});
    let reply = at_work(app).await.send(HttpEvent::new("PATCH", "/v1/admin/practice").json(&policy)).await;
    app.clock.advance(Duration::from_mins(2));
    reply
}

/// The colleague who changes an address at night, and asks for a recovery from home.
#[tokio::test]
async fn a_recovery_to_a_new_address_is_a_task_of_staff_and_the_former_one_is_told() {
    let app = TestApp::start().await;
    let (member, jane) = (at_work(&app).await, app.account("jane").await.id);
    let known = ask(&app, "sam").await;
    assert_eq!(readdress(&member, jane, json!("night@evil.test"), None).await.status, 200);
    app.deliver().await;
    app.mailbox.clear().unwrap();
    let mut answers = Vec::new();
    for name in ["jane", "night@evil.test", "nobody"] {
        let reply = ask(&app, name).await;
        answers.push((reply.status, reply.body.len()));
        app.forgot_by_code("agency", "client", name).await;
    }
    answers.push((known.status, known.body.len()));
    assert!(answers.iter().all(|answer| *answer == answers[0]), "answered as always: {answers:?}");
    assert_eq!(mailed(&app).await, [told("jane@agency.test", TOLD)], "once, however often somebody asks");
    let tasks = member.tasks("").await;
    assert_eq!(tasks.len(), 1, "{tasks:#?}");
    let facts = ["cause", "identifier", "method", "reach"].map(|member| tasks[0][member].clone());
    assert_eq!(facts, [json!("on_hold"), json!("jane"), json!("link"), Value::Null]);
    assert_eq!(
        (&tasks[0]["accounts"][0]["why"], &tasks[0]["accounts"][0]["username"]),
        (&json!("on_hold"), &json!("jane"))
    );
    let event =
        app.events(jane).await.into_iter().rfind(|event| event.action == Action::RecoveryRefused).unwrap();
    assert_eq!(json!(event.reason), json!("address_on_hold"));
    assert!(app.store.list_tickets(jane).await.unwrap().tickets.is_empty(), "no ticket is made");
    let shown = member.get(&format!("{ACCOUNTS}/{jane}")).await.json();
    assert_eq!(shown["address_held_until"], "2026-11-22T18:35:30Z", "24 hours");

    // Whoever asks for help too is told the same, and staff see why.
    let request = app.request_at("agency", "client", "jane").await;
    app.deliver().await;
    assert_eq!(app.ask_help(&request).await.status, 202);
    app.deliver().await;
    let asked = member.tasks("").await.pop().unwrap();
    assert_eq!((&asked["cause"], &asked["accounts"][0]["why"]), (&json!("asked"), &json!("on_hold")));

    // Staff settle it; the next request is a task again, and tells again.
    assert_eq!(member.act(&tasks[0], json!({"action": "done"})).await.status, 200);
    ask(&app, "night@evil.test").await;
    assert_eq!(mailed(&app).await, [told("jane@agency.test", TOLD)]);
    app.clock.advance(Duration::from_secs(24 * 3600 - 1));
    ask(&app, "jane").await;
    assert_eq!(mailed(&app).await, []);
    app.clock.advance(Duration::from_secs(1));
    ask(&app, "jane").await;
    assert_eq!(mailed(&app).await.len(), 1, "after the hold it is an address like any other");
}

#[tokio::test]
async fn there_is_no_hold_after_a_proof_that_says_something() {
    let app = TestApp::start().await;
    let (member, jane) = (at_work(&app).await, app.account("jane").await.id);
    let held = async || app.account("jane").await.on_hold(app.clock.now()).is_some();
    for (method, holds) in
        [(None, true), (Some("called_back"), true), (Some(SEEN), false), (Some("identity_document"), false)]
    {
        assert_eq!(readdress(&member, jane, json!("jane@home.test"), method).await.status, 200);
        assert_eq!(held().await, holds, "{method:?}");
        assert_eq!(readdress(&member, jane, json!("jane@agency.test"), Some(SEEN)).await.status, 200);
        assert!(!held().await);
    }
    // A code that went to the former address.
    let checks = format!("{ACCOUNTS}/{jane}/caller-check");
    let begun = member.send(HttpEvent::new("POST", &checks)).await.json();
    app.deliver().await;
    let code = code_in(&app.mailbox.messages()[0]);
    let check = begun["check_id"].as_str().unwrap();
    let entered = HttpEvent::new("POST", &format!("{checks}/{check}")).json(&json!({"code": code}));
    let proof = member.send(entered).await.json()["proof"].clone();
    let moved = json!({"email": "jane@home.test", "proof": proof});
    assert_eq!(member.patch(jane, moved).await.status, 200);
    assert!(!held().await);
}

/// A code that goes to the address of the caller's own making proves nothing, and ends no hold. One that was on its way neither.
#[tokio::test]
async fn a_code_that_went_to_an_address_on_hold_is_no_proof() {
    let app = TestApp::start().await;
    let (member, jane) = (at_work(&app).await, app.account("jane").await.id);
    let checks = format!("{ACCOUNTS}/{jane}/caller-check");
    let begun = member.send(HttpEvent::new("POST", &checks)).await.json();
    app.deliver().await;
    let code = code_in(&app.mailbox.messages()[0]);
    assert_eq!(readdress(&member, jane, json!("thief@evil.test"), None).await.status, 200);
    let path = format!("{checks}/{}", begun["check_id"].as_str().unwrap());
    let entered = member.send(HttpEvent::new("POST", &path).json(&json!({"code": code}))).await;
    let moved = json!({"email": "thief2@evil.test", "proof": entered.json()["proof"]});
    assert_eq!(member.patch(jane, moved).await.outcome(), (403, "proof_required".to_owned()));
    let begun = member.send(HttpEvent::new("POST", &checks)).await;
    assert_eq!(begun.outcome(), (403, "proof_required".to_owned()));
    let account = app.account("jane").await;
    assert!(account.on_hold(app.clock.now()).is_some() && account.email_proven_at.is_none());
}

#[tokio::test]
async fn a_hold_cannot_be_stepped_around() {
    let app = TestApp::start().await;
    let (member, jane) = (at_work(&app).await, app.account("jane").await.id);
    for to in [json!("one@evil.test"), json!("two@evil.test"), Value::Null, json!("three@evil.test")] {
        assert_eq!(readdress(&member, jane, to, None).await.status, 200);
    }
    let hold = app.account("jane").await.address_hold.unwrap();
    assert_eq!(hold.former.unwrap().as_str(), "jane@agency.test", "the last one that was not on hold");
    app.deliver().await;
    app.mailbox.clear().unwrap();
    ask(&app, "jane").await;
    assert_eq!(mailed(&app).await, [told("jane@agency.test", TOLD)]);
    assert_eq!(readdress(&member, jane, json!("jane@agency.test"), None).await.status, 200);
    assert_eq!(app.account("jane").await.address_hold, None, "it is where it was");
    app.deliver().await;
    app.mailbox.clear().unwrap();
    app.token_for("jane").await;

    // A first address has none before it; one that is set where another was removed has.
    let new = |username: &str| json!({"portal": "client", "username": username, "display_name": "N"});
    for (username, empties) in [("fresh", false), ("emptied", true)] {
        let mut account = new(username);
        if empties {
            account["email"] = json!("e@agency.test");
        }
        let id = member.create(account).await.json()["id"].as_str().unwrap().parse().unwrap();
        if empties {
            assert_eq!(readdress(&member, id, Value::Null, None).await.status, 200);
        }
        assert_eq!(readdress(&member, id, json!("f@agency.test"), None).await.status, 200);
        assert_eq!(app.account(username).await.address_hold.is_some(), empties, "{username}");
    }
}

#[tokio::test]
async fn staff_help_at_once_and_an_account_on_hold_can_be_used() {
    let app = TestApp::start().await;
    let (member, jane) = (at_work(&app).await, app.account("jane").await.id);
    assert_eq!(readdress(&member, jane, json!("jane@home.test"), None).await.status, 200);
    app.deliver().await;
    app.mailbox.clear().unwrap();
    let link = json!({"expires_at": "2026-11-22T18:00:00Z", "deliver": "email"});
    let sent = member.send(HttpEvent::new("POST", &format!("{ACCOUNTS}/{jane}/links")).json(&link)).await;
    assert_eq!(sent.status, 201);
    app.deliver().await;
    let mail = app.mailbox.take().unwrap().pop().unwrap();
    assert_eq!(mail.to, ["jane@home.test"]);
    assert_eq!(app.reset(&token_in(&mail), NEW_PASSWORD).await.status, 204);
    assert_eq!(app.sign_in("jane@home.test", NEW_PASSWORD).await.status, 201);
}

#[tokio::test]
async fn a_practice_says_how_long_and_an_open_browser_cannot() {
    let app = TestApp::start().await;
    assert_eq!(set_hold(&app, 259_201).await.outcome(), (422, "invalid_setting".to_owned()));
    let jane = app.account("jane").await.id;
    for (seconds, until) in [(0, Value::Null), (259_200, json!("2026-11-24T18:41:30Z"))] {
        assert_eq!(set_hold(&app, seconds).await.status, 200);
        let member = at_work(&app).await;
        for to in ["jane@home.test", "jane@agency.test"] {
            let moved =
                readdress(&member, jane, json!(to), (to != "jane@home.test").then_some(SEEN)).await.json();
            let expected = if to == "jane@home.test" { until.clone() } else { Value::Null };
            assert_eq!(moved["address_held_until"], expected, "{seconds}: {to}");
        }
    }
    let member = at_work(&app).await;
    app.clock.advance(Duration::from_mins(11));
    let policy = json!({"policy": {"address_hold": 0}});
    let reply = member.send(HttpEvent::new("PATCH", "/v1/admin/practice").json(&policy)).await;
    assert_eq!(reply.outcome(), (403, "confirmation_required".to_owned()));
}

/// The mailbox of a family: the others get their links, and nothing is said of the one on hold.
#[tokio::test]
async fn of_a_shared_mailbox_only_the_new_one_is_held() {
    let app = TestApp::start().await;
    let (member, jane) = (at_work(&app).await, app.account("jane").await.id);
    assert_eq!(readdress(&member, jane, json!("family@agency.test"), None).await.status, 200);
    app.deliver().await;
    app.mailbox.clear().unwrap();
    ask(&app, "family@agency.test").await;
    app.deliver().await;
    let mails = app.mailbox.take().unwrap();
    let mail = mails.iter().find(|mail| mail.to == ["family@agency.test"]).unwrap();
    let text = mail.text.as_ref().unwrap();
    assert!(text.contains("lily") && text.contains("tom") && !text.contains("jane"), "{text}");
}

#[tokio::test]
async fn a_mailer_that_fails_or_dies_leaves_one_task_and_one_mail() {
    let app = TestApp::start().await;
    let (member, jane) = (at_work(&app).await, app.account("jane").await.id);
    assert_eq!(readdress(&member, jane, json!("night@evil.test"), None).await.status, 200);
    app.deliver().await;
    app.mailbox.clear().unwrap();
    for fault in [Fault::Down, Fault::AnswerLost] {
        ask(&app, "jane").await;
        app.seam.inject("mailer", "TransactWriteItems", 1, fault);
        app.deliver().await;
        app.seam.heal();
        app.clock.advance(Duration::from_mins(3));
        app.sweep().await;
        app.deliver().await;
    }
    let member = at_work(&app).await;
    assert_eq!(member.tasks("").await.len(), 1);
    let mails = app.mailbox.take().unwrap();
    assert_eq!(mails.len(), 1, "{:?}", mails.iter().map(|mail| &mail.subject).collect::<Vec<_>>());
    let refused = app.actions("jane").await.iter().filter(|action| *action == "recovery_refused").count();
    assert_eq!(refused, 2, "one event for each request");
    app.seam.inject("mailer", "TransactWriteItems", usize::MAX, Fault::Down);
    ask(&app, "jane").await;
    app.deliver().await;
    app.seam.heal();
    let waiting = app.operate(json!({"action": "list_undelivered"})).await.unwrap();
    assert_eq!(
        waiting["items"][0]["queue"], "waiting",
        "and what cannot be written is tried again: {waiting}"
    );
}

/// What the operator has put into the queue before knows nothing of the address since, and of no objection.
#[tokio::test]
async fn a_link_that_was_asked_for_before_goes_to_no_address_on_hold() {
    for objects in [false, true] {
        let app = TestApp::start().await;
        let jane = app.account("jane").await.id;
        if objects {
            assert_eq!(set_hold(&app, 0).await.status, 200);
        }
        let end = json!({"action": "reset_passwords", "practice": "agency", "portal": "client", "rate": 1});
        app.operate(end).await.unwrap();
        assert_eq!(readdress(&at_work(&app).await, jane, json!("night@evil.test"), None).await.status, 200);
        app.deliver().await;
        if objects {
            let mail = app.mailbox.take().unwrap().pop().unwrap();
            assert_eq!(object(&app, &mail).await.status, 204);
        }
        for _ in 0..6 {
            app.clock.advance(Duration::from_mins(1));
            app.sweep().await;
        }
        let to: Vec<String> = app.mailbox.take().unwrap().iter().map(|mail| mail.to.join(",")).collect();
        assert!(!to.contains(&"night@evil.test".to_owned()), "{to:?}");
        assert!(to.contains(&"sam@agency.test".to_owned()), "the others get theirs: {to:?}");
        let events = app.events(jane).await.into_iter();
        let refused = events.rev().find(|event| event.action == Action::RecoveryRefused).unwrap();
        let reason = if objects { "frozen" } else { "address_on_hold" };
        assert_eq!(json!(refused.reason), json!(reason));
    }
}

/// Another address after the first hold is another task, whatever became of the first.
#[tokio::test]
async fn each_hold_is_a_task_of_its_own() {
    let app = TestApp::start().await;
    let jane = app.account("jane").await.id;
    for (to, former) in [("one@home.test", "jane@agency.test"), ("two@evil.test", "one@home.test")] {
        let member = at_work(&app).await;
        assert_eq!(readdress(&member, jane, json!(to), None).await.status, 200);
        app.deliver().await;
        app.mailbox.clear().unwrap();
        ask(&app, "jane").await;
        assert_eq!(mailed(&app).await, [told(former, TOLD)]);
        app.clock.advance(hours(48));
    }
    assert_eq!(at_work(&app).await.tasks("").await.len(), 2);
}

/// Whoever was talked out of an address again gets nothing by which they could lock its owner out.
#[tokio::test]
async fn the_address_that_is_put_right_is_not_told() {
    let app = TestApp::start().await;
    let (member, jane) = (at_work(&app).await, app.account("jane").await.id);
    assert_eq!(readdress(&member, jane, json!("thief@evil.test"), None).await.status, 200);
    app.deliver().await;
    app.mailbox.clear().unwrap();
    assert_eq!(readdress(&member, jane, json!("jane@home.test"), Some(SEEN)).await.status, 200);
    assert_eq!(mailed(&app).await, [told("jane@agency.test", "Your email address was changed")]);
}
