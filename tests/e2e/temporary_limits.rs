//! T9: the limits of a temporary password and of the session that it opens.

use std::time::Duration;

use futures::future::join_all;
use serde_json::json;

use crate::support::event::HttpEvent;
use crate::support::staff::{ACCOUNTS, at_work};
use crate::support::temporary::{change, issue, mailed};
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp, demo_accounts, temporary_in};

/// Guesses until sign-in by a name has to wait.
async fn lock(app: &TestApp, name: &str) {
    for _ in 0..10 {
        if app.sign_in(name, "a wrong guess entirely").await.status == 429 {
            return;
        }
    }
    panic!("{name} is never locked");
}

#[tokio::test]
async fn its_session_can_do_nothing_but_change_the_password_and_end() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let staff = app.account_of("agency", rekey::domain::practice::Portal::Staff, "casey").await.id;
    assert_eq!(issue(&member, staff, None).await.status, 202);
    app.deliver().await;
    let body = json!({"practice": "agency", "portal": "staff", "identifier": "casey",
        "password": temporary_in(&app.mailbox.messages()[0])});
    let session = app.post("/v1/sessions", body).await.json()["token"].as_str().unwrap().to_owned();
    let jane = app.account("jane").await.id;
    let of = |tail: &str| format!("{ACCOUNTS}/{jane}{tail}");
    let put = json!({"current_password": PASSWORD, "question": "Pet?", "answer": "x"});
    for (method, path, body) in [
        ("GET", "/v1/account".to_owned(), None),
        ("GET", "/v1/sessions".to_owned(), None),
        ("DELETE", "/v1/sessions/01JD7Z3M5V8Q2X4Y6W0N1R9T3K".to_owned(), None),
        ("PUT", "/v1/security-question".to_owned(), Some(put)),
        ("GET", "/v1/admin/practice".to_owned(), None),
        ("PATCH", "/v1/admin/practice".to_owned(), Some(json!({}))),
        ("GET", ACCOUNTS.to_owned(), None),
        ("POST", ACCOUNTS.to_owned(), Some(json!({"username": "x", "display_name": "x"}))),
        ("GET", of(""), None),
        ("PATCH", of(""), Some(json!({}))),
        ("PUT", of(&format!("/caseload/{staff}")), Some(json!({}))),
        ("DELETE", of(&format!("/associations/{jane}")), None),
        ("POST", of("/links"), Some(json!({}))),
        ("POST", of("/temporary-password"), None),
        ("POST", of("/invitation"), None),
        ("GET", of("/tickets"), None),
        ("DELETE", of("/tickets/01JD7Z3M5V8Q2X4Y6W0N1R9T3K"), None),
        ("DELETE", of("/sessions"), None),
    ] {
        let event = HttpEvent::new(method, &path).bearer(&session);
        let reply = app.send(body.iter().fold(event, HttpEvent::json)).await;
        assert_eq!(reply.outcome(), (403, "password_change_required".to_owned()), "{method} {path}");
    }
    let out = HttpEvent::new("DELETE", "/v1/sessions/current").bearer(&session);
    assert_eq!(app.send(out).await.status, 204);
    assert_eq!(app.account_with(&session).await.status, 401);
}

#[tokio::test]
async fn one_that_is_taken_back_or_moved_away_from_signs_nobody_in() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let jane = app.account("jane").await.id;
    let ticket = issue(&member, jane, None).await.json()["ticket_id"].as_str().unwrap().to_owned();
    app.deliver().await;
    let temporary = temporary_in(&app.mailbox.messages()[0]);
    let path = format!("{ACCOUNTS}/{jane}/tickets/{ticket}");
    assert_eq!(member.send(HttpEvent::new("DELETE", &path)).await.status, 204);
    assert_eq!(app.sign_in("jane", &temporary).await.outcome(), (401, "invalid_credentials".to_owned()));

    let sam = app.account("sam").await.id;
    let temporary = mailed(&app, &member, "sam").await;
    assert_eq!(member.patch(sam, json!({"email": "elsewhere@agency.test"})).await.status, 200);
    for name in ["sam", "elsewhere@agency.test"] {
        assert_eq!(app.sign_in(name, &temporary).await.status, 401, "its mail went to another address");
    }
    let temporary = mailed(&app, &member, "sam").await;
    assert_eq!(member.patch(sam, json!({"active": false})).await.status, 200);
    assert_eq!(member.patch(sam, json!({"active": true})).await.status, 200);
    assert_eq!(app.sign_in("sam", &temporary).await.status, 401, "closed once, and open again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_sign_ins_at_once_one_gets_in() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let temporary = mailed(&app, &member, "jane").await;
    let name = |n: u32| if n.is_multiple_of(2) { "jane" } else { "jane@agency.test" };
    let replies = join_all((0..100).map(|n| app.sign_in(name(n), &temporary))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
    let sessions = app.store.page_of_sessions(app.account("jane").await.id, None, 100).await.unwrap();
    assert_eq!(sessions.entries.len(), 1);
}

#[tokio::test]
async fn whoever_locks_an_account_does_not_keep_its_owner_from_the_help_that_staff_have_sent() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    for name in ["jane", "jane@agency.test"] {
        lock(&app, name).await;
    }
    let temporary = mailed(&app, &member, "jane").await;
    for guess in ["a wrong guess entirely", "0000-0000-0000-0000-0000", PASSWORD] {
        assert_eq!(app.sign_in("jane", guess).await.status, 429, "{guess}");
    }
    let session = app.session_of("jane", &temporary).await;
    // Somebody goes on guessing at both names.
    for name in ["jane", "jane@agency.test"] {
        lock(&app, name).await;
    }
    assert_eq!(change(&app, &session, "0000-0000-0000-0000-0000", NEW_PASSWORD).await.status, 401);
    assert_eq!(change(&app, &session, &temporary, NEW_PASSWORD).await.status, 204);
    // A function that was being flooded is half a second behind.
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(app.sign_in("jane", NEW_PASSWORD).await.status, 201, "and the locks are gone");

    let late = mailed(&app, &member, "jane").await;
    lock(&app, "jane").await;
    app.clock.advance(Duration::from_hours(24));
    lock(&app, "jane").await;
    let reply = app.sign_in("jane", &late).await;
    assert_eq!(reply.outcome(), (401, "temporary_password_expired".to_owned()));
}

#[tokio::test]
async fn what_is_typed_like_one_costs_as_much_for_every_account() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    mailed(&app, &member, "jane").await;
    app.sign_in("zoe", "wrong").await;
    let mut work = None;
    for name in ["jane", "sam", "nobody", "dora", "ivan", "jane@agency.test", "family@agency.test"] {
        app.seam.forget();
        let reply = app.sign_in(name, "0000-1111-2222-3333-4444").await;
        assert_eq!(reply.outcome(), (401, "invalid_credentials".to_owned()), "{name}");
        let calls = app.seam.counts("sessions");
        assert_eq!(work.get_or_insert(calls.clone()), &calls, "{name}");
    }
}

#[tokio::test]
async fn its_session_lives_an_hour_at_most() {
    let app = TestApp::start_with(&[]).await;
    app.create_practice("agency", json!({"session_idle": 7200})).await;
    app.import("agency", &demo_accounts("agency")).await;
    let member = at_work(&app).await;
    let temporary = mailed(&app, &member, "jane").await;
    let session = app.session_of("jane", &temporary).await;
    app.clock.advance(Duration::from_hours(1));
    assert_eq!(
        change(&app, &session, &temporary, NEW_PASSWORD).await.outcome(),
        (401, "invalid_session".to_owned())
    );
}
