//! Mails that SES does not take now: they wait, are tried again, and hold up no others.

use std::time::Duration;

use rekey_local::mailbox::Failure;
use serde_json::{Value, json};

use crate::support::seam::Fault;
use crate::support::{NEW_PASSWORD, TestApp, token_in};

pub const MINUTE: Duration = Duration::from_mins(1);
pub const DAY: Duration = Duration::from_hours(24);

/// A minute passes, and the schedule comes.
pub async fn next_sweep(app: &TestApp) -> Value {
    app.clock.advance(MINUTE);
    app.sweep().await
}

pub async fn undelivered(app: &TestApp, filter: Value) -> Vec<Value> {
    let mut asked = filter;
    asked["action"] = "list_undelivered".into();
    let answer = app.operate(asked).await.unwrap();
    assert_eq!(answer.get("cursor"), None);
    answer["items"].as_array().unwrap().clone()
}

pub async fn redrive(app: &TestApp, mut filter: Value) -> Value {
    filter["action"] = "redrive".into();
    app.operate(filter).await.unwrap()
}

pub fn recipients(app: &TestApp) -> Vec<String> {
    let mut to: Vec<String> = app.mailbox.messages().into_iter().flat_map(|message| message.to).collect();
    to.sort();
    to
}

/// A deployment in which the practice `veterinary` sends from an address of its own.
pub async fn with_a_practice_of_its_own_sender() -> TestApp {
    let app = TestApp::start().await;
    let mut own = crate::support::practice("veterinary", &json!({}));
    own["sender"] = json!("vet@elsewhere.test");
    app.operate(json!({"action": "create_practice", "practice": own})).await.unwrap();
    app.import("veterinary", &crate::support::demo_accounts("veterinary")).await;
    app
}

/// A sweep that dies when it is about to send its first mail.
async fn dying_sweep(app: &TestApp) {
    app.seam.forget();
    app.seam.inject("mailer", "outbound-emails", 1, Fault::Killed);
    tokio::select! {
        _ = app.sweep() => unreachable!("it never answers"),
        () = async {
            while !app.seam.counts("mailer").contains_key("outbound-emails") {
                tokio::task::yield_now().await;
            }
        } => {}
    }
}

#[tokio::test]
async fn what_ses_does_not_take_now_waits_and_is_sent_once() {
    let failures = [Failure::Throttled, Failure::Unavailable, Failure::AccountPaused, Failure::Unverified];
    for (failure, name) in failures.into_iter().zip(["jane", "sam", "lily", "ivan"]) {
        let app = TestApp::start().await;
        app.mailbox.fail_next(1, failure);
        assert_eq!(app.forgot(name).await.status, 202, "the caller has the 202");
        assert_eq!(app.deliver().await.dead, 0);
        assert_eq!(
            (app.mailbox.attempts(), app.mailbox.messages().len()),
            (1, 0),
            "{failure:?}: one attempt"
        );
        assert_eq!(app.sweep().await, json!({"due": 0, "tried": 0}), "{failure:?}: its time has not come");
        assert_eq!(next_sweep(&app).await, json!({"due": 1, "tried": 1}), "{failure:?}");
        assert_eq!(app.mailbox.messages().len(), 1, "{failure:?}");
        app.clock.advance(DAY);
        assert_eq!(app.sweep().await, json!({"due": 0, "tried": 0}), "{failure:?}: it is done");
        assert_eq!(undelivered(&app, json!({})).await, Vec::<Value>::new());
    }
}

#[tokio::test]
async fn a_link_that_waited_has_the_secret_it_had_at_first() {
    let app = TestApp::start().await;
    app.mailbox.pause(true);
    app.forgot("jane").await;
    app.deliver().await;
    let account = app.account("jane").await;
    let issued = app.store.list_tickets(account.id).await.unwrap().tickets.remove(0);
    app.mailbox.pause(false);
    next_sweep(&app).await;
    let tickets = app.store.list_tickets(account.id).await.unwrap().tickets;
    assert_eq!(tickets.len(), 1);
    assert_eq!(tickets[0].digest, issued.digest);
    assert_eq!(app.reset(&token_in(&app.mailbox.messages()[0]), NEW_PASSWORD).await.status, 204);
}

#[tokio::test]
async fn while_ses_takes_nothing_it_is_asked_once_a_batch_and_never_by_a_sweep() {
    let app = TestApp::start().await;
    app.mailbox.pause(true);
    for name in ["jane", "sam", "lily", "ivan"] {
        app.forgot(name).await;
    }
    app.deliver().await;
    assert_eq!(app.mailbox.attempts(), 1, "one batch");
    assert_eq!(next_sweep(&app).await, json!({"due": 4, "tried": 0}), "the account says that it is paused");
    app.mailbox.pause(false);
    // SES says that it sends, and fails all the same: after three in a row the rest is not tried in vain.
    app.mailbox.fail_next(3, Failure::Unavailable);
    assert_eq!(app.sweep().await, json!({"due": 4, "tried": 3}));
    assert_eq!(app.sweep().await, json!({"due": 1, "tried": 1}));
    next_sweep(&app).await;
    let expected = ["family@agency.test", "ivan@agency.test", "jane@agency.test", "sam@agency.test"];
    assert_eq!(recipients(&app), expected);
}

/// A queue must not grow while SES fails now and then.
#[tokio::test]
async fn a_failure_of_ses_now_and_then_delays_no_other_mail() {
    let app = TestApp::start().await;
    app.mailbox.pause(true);
    for name in ["jane", "sam", "lily", "ivan"] {
        app.forgot(name).await;
    }
    app.deliver().await;
    app.mailbox.pause(false);
    app.clock.advance(2 * MINUTE);
    app.mailbox.fail_next(2, Failure::Unavailable);
    assert_eq!(app.sweep().await, json!({"due": 4, "tried": 4}));
    assert_eq!(app.mailbox.messages().len(), 2);
    for name in ["jane", "sam", "ivan"] {
        app.forgot(name).await;
    }
    app.mailbox.fail_next(1, Failure::Unavailable);
    app.deliver().await;
    assert_eq!(app.mailbox.messages().len(), 4, "nor does it in a batch of the stream");
}

#[tokio::test]
async fn a_mail_that_came_too_soon_delays_no_other() {
    let app = TestApp::start().await;
    app.mailbox.fail_next(1, Failure::Throttled);
    for name in ["jane", "sam", "ivan"] {
        app.forgot(name).await;
    }
    app.deliver().await;
    assert_eq!(recipients(&app), ["ivan@agency.test", "sam@agency.test"]);
    app.mailbox.fail_next(1, Failure::Throttled);
    app.forgot("lily").await;
    app.clock.advance(2 * MINUTE);
    assert_eq!(app.sweep().await, json!({"due": 2, "tried": 2}));
    assert_eq!(app.mailbox.messages().len(), 3);
}

#[tokio::test]
async fn a_sender_that_is_not_verified_delays_its_own_practice_alone() {
    let app = with_a_practice_of_its_own_sender().await;
    for fault in [Fault::Denied, Fault::Unverified] {
        app.mailbox.clear().unwrap();
        for name in ["jane", "sam"] {
            app.post("/v1/password/forgot", json!({"practice": "veterinary", "identifier": name})).await;
        }
        app.forgot("jane").await;
        app.seam.inject("mailer", "outbound-emails", 1, fault);
        app.deliver().await;
        assert_eq!(
            recipients(&app),
            ["jane@agency.test"],
            "{fault:?}: the second of theirs is not tried in vain"
        );
        let waiting = undelivered(&app, json!({"practice": "veterinary", "queue": "waiting"})).await;
        assert_eq!(waiting.len(), 2);
        assert_eq!(waiting[0]["attempts"], 1);
        next_sweep(&app).await;
        let sent = ["jane@agency.test", "jane@veterinary.test", "sam@veterinary.test"];
        assert_eq!(recipients(&app), sent, "{fault:?}: the sender is verified now");
    }
}

#[tokio::test]
async fn what_the_stream_never_brings_is_swept() {
    let app = TestApp::start().await;
    app.forgot("jane").await;
    assert_eq!(next_sweep(&app).await["due"], 0, "the stream has two minutes");
    assert_eq!(next_sweep(&app).await, json!({"due": 1, "tried": 1}));
    assert_eq!(app.deliver().await.dead, 0, "the stream comes late");
    assert_eq!(app.mailbox.messages().len(), 1);
}

#[tokio::test]
async fn the_stream_and_a_sweep_at_once_send_a_mail_once() {
    let app = TestApp::start().await;
    for name in ["jane", "sam", "ivan"] {
        app.forgot(name).await;
    }
    app.clock.advance(2 * MINUTE);
    // The stream is late, and comes while the sweep is at work; then it brings what a sweep has taken and has not sent yet.
    let (drained, _) = tokio::join!(app.deliver(), app.sweep());
    assert_eq!((drained.dead, app.mailbox.messages().len()), (0, 3));
    let record = {
        app.forgot("lily").await;
        app.stream_records().await.pop().unwrap()
    };
    app.clock.advance(2 * MINUTE);
    dying_sweep(&app).await;
    app.invoke_mailer(json!({"Records": [record]})).await;
    assert_eq!(app.mailbox.messages().len(), 3, "the sweep may be sending it");
    app.clock.advance(2 * MINUTE);
    app.sweep().await;
    assert_eq!(app.mailbox.messages().len(), 4);
}

#[tokio::test]
async fn two_sweeps_at_once_send_a_mail_once() {
    let app = TestApp::start().await;
    for name in ["jane", "sam", "ivan"] {
        app.forgot(name).await;
    }
    app.clock.advance(2 * MINUTE);
    tokio::join!(app.sweep(), app.sweep());
    assert_eq!(app.mailbox.messages().len(), 3);
}

#[tokio::test]
async fn a_sweep_that_dies_leaves_its_item_to_a_later_one() {
    let app = TestApp::start().await;
    app.forgot("jane").await;
    app.clock.advance(2 * MINUTE);
    dying_sweep(&app).await;
    assert_eq!(next_sweep(&app).await["due"], 0, "it is claimed");
    assert_eq!(next_sweep(&app).await, json!({"due": 1, "tried": 1}));
    assert_eq!(app.mailbox.messages().len(), 1);
}

#[tokio::test]
async fn of_two_mailboxes_the_one_that_was_served_gets_no_second_mail() {
    let app = TestApp::start().await;
    let spelled = |name: &str, email: &str| json!({"username": name, "email": email, "display_name": name});
    app.import("agency", &[spelled("ann", "Pat@agency.test"), spelled("bob", "pat@agency.test")]).await;
    app.mailbox.fail_next(1, Failure::Unverified);
    app.forgot("pat@agency.test").await;
    app.deliver().await;
    let first = recipients(&app);
    assert_eq!(first.len(), 1, "{first:?}");
    next_sweep(&app).await;
    assert_eq!(recipients(&app), ["Pat@agency.test", "pat@agency.test"]);
    next_sweep(&app).await;
    assert_eq!(app.mailbox.messages().len(), 2);
}

#[tokio::test]
async fn a_code_is_tried_until_it_ends_and_never_after() {
    let app = TestApp::start().await;
    app.mailbox.pause(true);
    let request = app.forgot_by_code("agency", "client", "jane").await;
    app.deliver().await;
    app.clock.advance(20 * MINUTE);
    app.mailbox.pause(false);
    app.sweep().await;
    assert!(app.mailbox.messages().is_empty());
    assert_eq!(app.actions("jane").await.last().unwrap(), "recovery_refused");
    assert_eq!(undelivered(&app, json!({})).await, Vec::<Value>::new());
    let again = redrive(&app, json!({"item": request})).await;
    assert_eq!(again, json!({"redriven": 0, "over": 0}), "nobody waits for it");
}
