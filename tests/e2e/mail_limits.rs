//! L4: every mail that somebody has asked for counts, for whoever has it sent, for its account and for its mailbox.

use std::time::Duration;

use rekey::domain::practice::Portal;
use rekey::platform::clock::hours;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::logs;
use crate::support::staff::{ACCOUNTS, StaffMember, at_work};
use crate::support::{PASSWORD, Reply, TestApp, password_hash};

async fn post(member: &StaffMember<'_>, path: &str, body: &Value) -> Reply {
    let event = HttpEvent::new("POST", path);
    member.send(if body.is_null() { event } else { event.json(body) }).await
}

fn mailed_link() -> Value {
    json!({"expires_at": "2026-11-22T18:00:00Z", "deliver": "email"})
}

/// How many mails the app has sent to an address since the mailbox was emptied.
fn sent_to(app: &TestApp, address: &str) -> usize {
    app.mailbox.messages().iter().filter(|mail| mail.to == [address]).count()
}

async fn limit_hits(app: &TestApp, username: &str) -> usize {
    let actions = app.actions(username).await;
    actions.iter().filter(|action| *action == "excess_rate_limit_exceeded").count()
}

#[tokio::test]
async fn an_account_gets_five_mails_an_hour_from_staff_whatever_they_are() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let path = |tail: &str| format!("{ACCOUNTS}/{{}}/{tail}");
    let of = async |name: &str| app.account_of("agency", Portal::Client, name).await.id.to_string();
    let (jane, ivan) = (of("jane").await, of("ivan").await);
    let ways = [("links", mailed_link()), ("temporary-password", Value::Null)];
    for turn in 0..15 {
        let (tail, body) = &ways[turn % 2];
        let reply = post(&member, &path(tail).replace("{}", &jane), body).await;
        let again = post(&member, &path("invitation").replace("{}", &ivan), &Value::Null).await;
        app.deliver().await;
        if turn < 5 {
            assert!(reply.status.is_success() && again.status.is_success(), "{turn}: {reply:?} {again:?}");
            continue;
        }
        for reply in [reply, again] {
            assert_eq!(reply.outcome(), (429, "too_many_requests".to_owned()), "{turn}");
            let wait: u64 = reply.headers["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((3590..=3600).contains(&wait), "{wait}");
        }
    }
    assert_eq!((sent_to(&app, "jane@agency.test"), sent_to(&app, "ivan@agency.test")), (5, 5));
    assert_eq!((limit_hits(&app, "jane").await, limit_hits(&app, "ivan").await), (1, 1), "one an hour");
    let copy = json!({"expires_at": "2026-11-22T18:00:00Z", "deliver": "copy"});
    assert_eq!(post(&member, &path("links").replace("{}", &jane), &copy).await.status, 201, "no mail");
    let casey = StaffMember::of(&app, "agency", "staff", "casey").await;
    let other = post(&casey, &path("temporary-password").replace("{}", &jane), &Value::Null).await;
    assert_eq!(other.status, 429, "whoever asks");
    app.clock.advance(hours(1));
    let member = at_work(&app).await;
    assert_eq!(post(&member, &path("links").replace("{}", &jane), &mailed_link()).await.status, 201);
}

#[tokio::test]
async fn a_mailbox_gets_ten_mails_an_hour_from_whatever_accounts() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let child = |n: usize| json!({"username": format!("child{n}"), "email": "many@agency.test", "display_name": "Child"});
    for n in 0..10 {
        assert_eq!(member.create(child(n)).await.status, 201, "{n}");
    }
    let before = app.lasting().await.len();
    assert_eq!(member.create(child(10)).await.outcome(), (429, "too_many_requests".to_owned()));
    assert_eq!(app.lasting().await.len(), before, "and no account without its invitation");
    let mut quiet = child(11);
    quiet["invite"] = json!(false);
    assert_eq!(member.create(quiet).await.status, 201, "nothing is mailed");
    let elsewhere = json!({"username": "elsewhere", "email": "else@agency.test", "display_name": "Else"});
    assert_eq!(member.create(elsewhere).await.status, 201, "another mailbox");
    app.deliver().await;
    assert_eq!(sent_to(&app, "many@agency.test"), 10);
}

#[tokio::test]
async fn a_member_of_staff_has_a_hundred_mails_sent_an_hour() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let new = |n: usize| json!({"username": format!("new{n}"), "email": format!("new{n}@agency.test"), "display_name": "New"});
    for n in 0..100 {
        assert_eq!(member.create(new(n)).await.status, 201, "{n}");
    }
    assert_eq!(member.create(new(100)).await.status, 429);
    let casey = StaffMember::of(&app, "agency", "staff", "casey").await;
    assert_eq!(casey.create(new(100)).await.status, 201, "each has their own");
}

#[tokio::test]
async fn asking_for_each_account_of_a_mailbox_floods_nobody_and_is_answered_as_ever() {
    let app = TestApp::start().await;
    let family: Vec<Value> = (0..8)
        .map(|n| json!({"username": format!("kid{n}"), "email": "house@agency.test", "display_name": "Kid", "password_hash": password_hash()}))
        .collect();
    app.import("agency", &family).await;
    for turn in 0..2 {
        for n in 0..8 {
            let reply = app.forgot(&format!("kid{n}")).await;
            assert_eq!(reply.status, 202, "{turn} {n}");
        }
        app.deliver().await;
    }
    assert_eq!(sent_to(&app, "house@agency.test"), 10);
    assert_eq!(
        (limit_hits(&app, "kid0").await, limit_hits(&app, "kid7").await),
        (0, 1),
        "the last six went nowhere"
    );
    let withheld = logs::lines().into_iter().filter(|line| line["event"] == "mail_withheld");
    assert!(withheld.into_iter().map(|line| line["fate"].clone()).eq(["withheld"; 6]), "and are measured");
    assert_eq!(app.sign_in("kid7", PASSWORD).await.status, 201, "and nothing else changes");
    app.clock.advance(hours(1));
    app.mailbox.clear().unwrap();
    app.forgot("kid7").await;
    app.deliver().await;
    assert_eq!(sent_to(&app, "house@agency.test"), 1);
}

#[tokio::test]
async fn a_record_that_comes_again_is_counted_once() {
    let app = TestApp::start().await;
    app.forgot("jane").await;
    let record = app.stream_records().await.pop().unwrap();
    app.mailbox.fail_for("jane@agency.test", rekey_local::mailbox::Failure::Unavailable);
    let answer = app.invoke_mailer(json!({"Records": [record]})).await;
    assert_eq!(answer, json!({"batchItemFailures": []}), "SES is out");
    for _ in 0..12 {
        app.clock.advance(Duration::from_mins(1));
        assert_eq!(app.sweep().await["tried"], 1);
    }
    app.mailbox.clear_failures();
    app.clock.advance(Duration::from_mins(1));
    app.sweep().await;
    assert_eq!(sent_to(&app, "jane@agency.test"), 1, "late, and not lost");
}
