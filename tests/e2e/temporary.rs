//! T9: temporary passwords.

use std::time::Duration;

use futures::future::join_all;
use rekey::event::{Action, Reason};
use rekey::ids::AccountId;
use rekey_local::mailbox::Failure;
use serde_json::{Value, json};

use crate::support::desk::{ACCOUNTS, Desk};
use crate::support::event::HttpEvent;
use crate::support::{NEW_PASSWORD, PASSWORD, Reply, TestApp, demo_accounts, logs, temporary_in, token_in};

async fn at_work(app: &TestApp) -> Desk<'_> {
    Desk::of(app, "agency", "staff", "admin").await
}

async fn issue(desk: &Desk<'_>, id: AccountId, body: Option<Value>) -> Reply {
    let event = HttpEvent::new("POST", &format!("{ACCOUNTS}/{id}/temporary-password"));
    desk.send(body.iter().fold(event, HttpEvent::json)).await
}

/// Issues one for a client and takes it from the mail.
async fn mailed(app: &TestApp, desk: &Desk<'_>, username: &str) -> String {
    let reply = issue(desk, app.account(username).await.id, None).await;
    assert_eq!(reply.status, 202, "{reply:?}");
    assert_eq!(app.deliver().await.dead, 0);
    temporary_in(&app.mailbox.messages()[0])
}

async fn change(app: &TestApp, session: &str, current: &str, new: &str) -> Reply {
    let body = json!({"current_password": current, "new_password": new});
    app.send(HttpEvent::new("POST", "/v1/password/change").bearer(session).json(&body)).await
}

/// Guesses until sign-in by a name has to wait.
async fn lock(app: &TestApp, name: &str) {
    for _ in 0..10 {
        if app.sign_in(name, "a wrong guess entirely").await.status == 429 {
            return;
        }
    }
    panic!("{name} is never locked");
}

async fn states(desk: &Desk<'_>, id: AccountId) -> Vec<String> {
    let reply = desk.get(&format!("{ACCOUNTS}/{id}/tickets")).await.json();
    let tickets = reply["tickets"].as_array().unwrap();
    tickets.iter().map(|ticket| ticket["state"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn it_signs_in_once_and_leads_to_a_password_of_ones_own() {
    let app = TestApp::start().await;
    let desk = at_work(&app).await;
    let id = app.account("jane").await.id;
    let old = app.session_of("jane", PASSWORD).await;
    let link = app.token_for("jane").await;
    app.mailbox.clear();
    let reply = issue(&desk, id, None).await;
    let json = reply.json();
    assert_eq!((reply.status.as_u16(), &json["sent_to"]), (202, &json!("j…@a….test")));
    assert_eq!(json["expires_at"], "2026-11-22T18:35:30Z");
    assert_eq!(json.as_object().unwrap().len(), 3, "and nothing that opens anything: {json}");
    assert_eq!(app.sign_in("jane", PASSWORD).await.status, 401, "the current one is void at once");
    assert_eq!(app.account_with(&old).await.status, 401, "and what was opened with it");

    app.deliver().await;
    let mail = app.mailbox.messages().remove(0);
    assert_eq!(
        (mail.to.as_slice(), mail.subject.as_str()),
        (&["jane@agency.test".to_owned()][..], "Your temporary password")
    );
    let text = mail.text.clone().unwrap();
    for part in ["Username: jane", "https://portal.agency.test", "Sunday, November 22, 2026 at 1:35 PM EST"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let temporary = temporary_in(&mail);
    assert!(mail.html.as_ref().unwrap().contains(&temporary));
    for shown in [app.dump().await.join(""), logs::printed()] {
        assert!(!shown.contains(&temporary) && !shown.contains(&temporary.replace('-', "")));
    }

    let reply = app.sign_in("jane@agency.test", &temporary).await;
    let json = reply.json();
    assert_eq!((reply.status.as_u16(), &json["next"]), (201, &json!("change_password")));
    let session = json["token"].as_str().unwrap();
    assert_eq!(
        app.sign_in("jane", &temporary).await.outcome(),
        (401, "invalid_credentials".to_owned()),
        "once"
    );
    assert_eq!(states(&desk, id).await, ["used", "sent"]);
    let weak = change(&app, session, &temporary, &temporary.replace('-', " ").to_uppercase()).await;
    assert_eq!((weak.status.as_u16(), &weak.json()["reasons"][0]["code"]), (422, &json!("same_as_current")));
    assert_eq!(
        change(&app, session, PASSWORD, NEW_PASSWORD).await.status,
        401,
        "the temporary one is the current one"
    );
    assert_eq!(change(&app, session, &temporary, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.account_with(session).await.status, 200, "a full session now");
    assert_eq!(app.preview(&link).await.outcome(), (410, "revoked_token".to_owned()));
    let reply = app.sign_in("jane", NEW_PASSWORD).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["next"]), (201, &Value::Null));
    assert_eq!(app.sign_in("jane", &temporary).await.status, 401);
    assert_eq!(app.account("jane").await.temporary, None);

    app.deliver().await;
    assert_eq!(app.mailbox.messages()[0].subject, "Your password was changed");
    let events = app.events(id).await;
    let issued =
        events.iter().find(|event| event.action == Action::AuthnTokenCreated && event.by.is_some()).unwrap();
    let with =
        events.iter().find(|event| event.action == Action::AuthnLoginSuccess && event.ticket.is_some());
    assert_eq!(with.unwrap().ticket, issued.ticket);
}

#[tokio::test]
async fn its_session_can_do_nothing_but_change_the_password_and_end() {
    let app = TestApp::start().await;
    let desk = at_work(&app).await;
    let staff = app.account_of("agency", rekey::practice::Portal::Staff, "casey").await.id;
    assert_eq!(issue(&desk, staff, None).await.status, 202);
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
async fn a_new_one_is_sent_and_the_first_no_longer_works() {
    let app = TestApp::start().await;
    let desk = at_work(&app).await;
    let first = mailed(&app, &desk, "jane").await;
    let second = mailed(&app, &desk, "jane").await;
    assert_ne!(first, second);
    assert_eq!(app.sign_in("jane", &first).await.status, 401);
    assert_eq!(states(&desk, app.account("jane").await.id).await, ["sent", "superseded"]);
    let session = app.session_of("jane", &second).await;
    let third = mailed(&app, &desk, "jane").await;
    assert_eq!(
        change(&app, &session, &second, NEW_PASSWORD).await.outcome(),
        (401, "invalid_session".to_owned())
    );
    assert_eq!(app.sign_in("jane", &third).await.status, 201);
}

#[tokio::test]
async fn its_holder_is_told_when_it_has_expired_and_can_recover() {
    let app = TestApp::start().await;
    let desk = at_work(&app).await;
    let id = app.account("jane").await.id;
    assert_eq!(
        issue(&desk, id, Some(json!({"hours": 2}))).await.json()["expires_at"],
        "2026-11-21T20:35:30Z"
    );
    app.deliver().await;
    let temporary = temporary_in(&app.mailbox.messages()[0]);
    app.clock.advance(Duration::from_secs(2 * 60 * 60 - 1));
    assert_eq!(
        app.sign_in("jane", "0000-0000-0000-0000-0000").await.outcome(),
        (401, "invalid_credentials".to_owned())
    );
    app.clock.advance(Duration::from_secs(1));
    for name in ["jane", "jane@agency.test"] {
        assert_eq!(
            app.sign_in(name, &temporary).await.outcome(),
            (401, "temporary_password_expired".to_owned())
        );
    }
    let wrong = app.sign_in("jane", "0000-0000-0000-0000-0000").await;
    assert_eq!(
        wrong.outcome(),
        (401, "invalid_credentials".to_owned()),
        "who does not have it learns nothing"
    );
    let events = app.events(id).await;
    assert!(
        events
            .iter()
            .any(|event| event.action == Action::AuthnLoginFail && event.reason == Some(Reason::Expired))
    );
    app.forgot("jane").await;
    app.deliver().await;
    let link = token_in(&app.mailbox.messages()[0]);
    assert_eq!(app.preview(&link).await.json()["purpose"], "reset");
    let kept = app.reset(&link, &temporary).await;
    assert_eq!(kept.outcome(), (422, "weak_password".to_owned()), "not by this way either");
    assert_eq!(app.reset(&link, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.sign_in("jane", &temporary).await.outcome(), (401, "invalid_credentials".to_owned()));
    assert_eq!(app.sign_in("jane", NEW_PASSWORD).await.status, 201);
}

#[tokio::test]
async fn forgot_goes_on_working_while_one_is_open_and_voids_it_in_the_end() {
    let app = TestApp::start().await;
    let desk = at_work(&app).await;
    let temporary = mailed(&app, &desk, "jane").await;
    let link = app.token_for("jane").await;
    assert_eq!(app.reset(&link, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.sign_in("jane", &temporary).await.status, 401);
    let desk = at_work(&app).await;
    assert_eq!(states(&desk, app.account("jane").await.id).await, ["used", "superseded"]);
}

#[tokio::test]
async fn a_practice_may_let_the_current_password_live_on() {
    let app = TestApp::start_with(&[]).await;
    app.create_practice(
        "agency",
        json!({"temporary_password_voids_current": false, "temporary_password_ttl": 3600}),
    )
    .await;
    app.import("agency", &demo_accounts("agency")).await;
    let desk = at_work(&app).await;
    let session = app.session_of("jane", PASSWORD).await;
    let id = app.account("jane").await.id;
    assert_eq!(issue(&desk, id, Some(json!({}))).await.json()["expires_at"], "2026-11-21T19:35:30Z");
    app.deliver().await;
    let temporary = temporary_in(&app.mailbox.messages()[0]);
    assert_eq!(app.account_with(&session).await.status, 200);
    let reply = app.sign_in("jane", PASSWORD).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["next"]), (201, &Value::Null));
    let restricted = app.session_of("jane", &temporary).await;
    assert_eq!(
        change(&app, &restricted, &temporary, PASSWORD).await.outcome(),
        (422, "weak_password".to_owned())
    );
    assert_eq!(change(&app, &restricted, PASSWORD, NEW_PASSWORD).await.status, 401);
    // Another one is issued: what the first has opened can no longer choose the password.
    let second = mailed(&app, &desk, "jane").await;
    assert_eq!(
        change(&app, &restricted, &temporary, NEW_PASSWORD).await.outcome(),
        (401, "invalid_session".to_owned())
    );
    assert_eq!(app.account_with(&session).await.status, 200);
    let restricted = app.session_of("jane", &second).await;
    assert_eq!(change(&app, &restricted, &second, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.account_with(&session).await.status, 401);
}

#[tokio::test]
async fn one_that_is_taken_back_or_moved_away_from_signs_nobody_in() {
    let app = TestApp::start().await;
    let desk = at_work(&app).await;
    let jane = app.account("jane").await.id;
    let ticket = issue(&desk, jane, None).await.json()["ticket_id"].as_str().unwrap().to_owned();
    app.deliver().await;
    let temporary = temporary_in(&app.mailbox.messages()[0]);
    let path = format!("{ACCOUNTS}/{jane}/tickets/{ticket}");
    assert_eq!(desk.send(HttpEvent::new("DELETE", &path)).await.status, 204);
    assert_eq!(app.sign_in("jane", &temporary).await.outcome(), (401, "invalid_credentials".to_owned()));

    let sam = app.account("sam").await.id;
    let temporary = mailed(&app, &desk, "sam").await;
    assert_eq!(desk.patch(sam, json!({"email": "elsewhere@agency.test"})).await.status, 200);
    for name in ["sam", "elsewhere@agency.test"] {
        assert_eq!(app.sign_in(name, &temporary).await.status, 401, "its mail went to another address");
    }
    let temporary = mailed(&app, &desk, "sam").await;
    assert_eq!(desk.patch(sam, json!({"active": false})).await.status, 200);
    assert_eq!(desk.patch(sam, json!({"active": true})).await.status, 200);
    assert_eq!(app.sign_in("sam", &temporary).await.status, 401, "closed once, and open again");
}

#[tokio::test]
async fn it_is_a_first_way_in_too() {
    let app = TestApp::start().await;
    let desk = at_work(&app).await;
    let new = json!({"username": "noor", "email": "noor@agency.test", "display_name": "N", "invite": false});
    let id = desk.create(new).await.json()["id"].as_str().unwrap().to_owned();
    let temporary = mailed(&app, &desk, "noor").await;
    let setup = async || desk.get(&format!("{ACCOUNTS}/{id}")).await.json()["setup"].clone();
    assert_eq!(setup().await, "invited");
    app.forgot("noor").await;
    app.deliver().await;
    assert_eq!(app.mailbox.messages()[0].subject, "Your account is ready to set up", "F6");
    let session = app.session_of("noor", &temporary).await;
    assert_eq!(change(&app, &session, &temporary, NEW_PASSWORD).await.status, 204);
    assert_eq!(setup().await, "signed_up");
    assert_eq!(app.sign_in("noor", NEW_PASSWORD).await.status, 201);
}

#[tokio::test]
async fn a_redelivered_record_sends_the_same_one_whatever_the_key_is_by_then() {
    let app = TestApp::start().await;
    let desk = at_work(&app).await;
    assert_eq!(issue(&desk, app.account("jane").await.id, None).await.status, 202);
    let record = app.stream_records().await.pop().unwrap();
    app.mailbox.fail_next(3, Failure::AccountPaused);
    app.invoke_mailer(json!({"Records": [record]})).await;
    app.mailbox.clear_failures();
    assert!(app.mailbox.messages().is_empty());
    app.invoke_mailer_after_rotation("rekey/derivation", json!({"Records": [record]})).await;
    app.invoke_mailer(json!({"Records": [record]})).await;
    let mails = app.mailbox.messages();
    assert_eq!(mails.len(), 1, "one mail");
    assert_eq!(app.sign_in("jane", &temporary_in(&mails[0])).await.status, 201);
}

#[tokio::test]
async fn whom_no_mail_can_reach_gets_none_and_bad_hours_are_refused() {
    let app = TestApp::start().await;
    let desk = at_work(&app).await;
    let jane = app.account("jane").await;
    for body in [
        json!({"hours": 0}),
        json!({"hours": 73}),
        json!({"hours": 1.5}),
        json!({"hours": "24"}),
        json!({"hours": -1}),
        json!({"password": "x"}),
    ] {
        assert_eq!(
            issue(&desk, jane.id, Some(body.clone())).await.outcome(),
            (400, "invalid_request".to_owned()),
            "{body}"
        );
    }
    let new = json!({"username": "nomail", "display_name": "N"});
    let id: AccountId = desk.create(new).await.json()["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(issue(&desk, id, None).await.outcome(), (409, "no_address".to_owned()));
    for closed in ["dora", "ruth"] {
        let id = app.account(closed).await.id;
        assert_eq!(issue(&desk, id, None).await.outcome(), (409, "account_closed".to_owned()));
    }
    let own = app.account_of("agency", rekey::practice::Portal::Staff, "admin").await.id;
    assert_eq!(issue(&desk, own, None).await.outcome(), (403, "forbidden".to_owned()));
    assert_eq!(app.account("jane").await, jane);
    assert!(app.stream_records().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_sign_ins_at_once_one_gets_in() {
    let app = TestApp::start().await;
    let desk = at_work(&app).await;
    let temporary = mailed(&app, &desk, "jane").await;
    let name = |n: u32| if n.is_multiple_of(2) { "jane" } else { "jane@agency.test" };
    let replies = join_all((0..100).map(|n| app.sign_in(name(n), &temporary))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
    let sessions = app.store.list_sessions(app.account("jane").await.id).await.unwrap();
    assert_eq!(sessions.len(), 1);
}

#[tokio::test]
async fn whoever_locks_an_account_does_not_keep_its_owner_from_the_help_that_staff_have_sent() {
    let app = TestApp::start().await;
    let desk = at_work(&app).await;
    for name in ["jane", "jane@agency.test"] {
        lock(&app, name).await;
    }
    let temporary = mailed(&app, &desk, "jane").await;
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
    assert_eq!(app.sign_in("jane", NEW_PASSWORD).await.status, 201, "and the locks are gone");

    let late = mailed(&app, &desk, "jane").await;
    lock(&app, "jane").await;
    app.clock.advance(Duration::from_hours(24));
    lock(&app, "jane").await;
    let reply = app.sign_in("jane", &late).await;
    assert_eq!(reply.outcome(), (401, "temporary_password_expired".to_owned()));
}

#[tokio::test]
async fn one_that_is_taken_back_or_replaced_before_its_mail_is_not_mailed() {
    let app = TestApp::start().await;
    let desk = at_work(&app).await;
    let id = app.account("jane").await.id;
    let first = issue(&desk, id, None).await.json()["ticket_id"].as_str().unwrap().to_owned();
    let path = format!("{ACCOUNTS}/{id}/tickets/{first}");
    assert_eq!(desk.send(HttpEvent::new("DELETE", &path)).await.status, 204);
    assert_eq!(app.deliver().await.dead, 0);
    assert!(app.mailbox.messages().is_empty());
    for _ in 0..2 {
        assert_eq!(issue(&desk, id, None).await.status, 202);
    }
    assert_eq!(app.deliver().await.dead, 0);
    let mails = app.mailbox.messages();
    assert_eq!(mails.len(), 1, "the newest alone");
    assert_eq!(app.sign_in("jane", &temporary_in(&mails[0])).await.status, 201);
}

#[tokio::test]
async fn what_is_typed_like_one_costs_as_much_for_every_account() {
    let app = TestApp::start().await;
    let desk = at_work(&app).await;
    mailed(&app, &desk, "jane").await;
    app.sign_in("sam", "wrong").await;
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
    let desk = at_work(&app).await;
    let temporary = mailed(&app, &desk, "jane").await;
    let session = app.session_of("jane", &temporary).await;
    app.clock.advance(Duration::from_hours(1));
    assert_eq!(
        change(&app, &session, &temporary, NEW_PASSWORD).await.outcome(),
        (401, "invalid_session".to_owned())
    );
}
