//! Lost races: a caller whose change comes second gets the answer that a repeated call would get.

use std::future::Future;

use futures::future::{BoxFuture, join};
use rekey::domain::practice::Portal;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::seam::Held;
use crate::support::staff::{ACCOUNTS, StaffMember, at_work};
use crate::support::{NEW_PASSWORD, PASSWORD, Reply, TestApp, demo_accounts, function_of, temporary_in};

const TOMORROW: &str = "2026-11-22T18:00:00Z";

/// A call whose write waits until something else has been done.
pub fn overtaken<'a>(
    held: Held,
    call: impl Future<Output = Reply> + Send + 'a,
    other: impl Future<Output = ()> + Send + 'a,
) -> BoxFuture<'a, Reply> {
    let first = async move {
        held.reached().await;
        other.await;
        held.release();
    };
    Box::pin(async { join(call, first).await.0 })
}

/// Staff end every session of an account: its session epoch rises, and nothing else.
async fn end_sessions(member: &StaffMember<'_>, path: &str) {
    let ended = member.send(HttpEvent::new("DELETE", &format!("{path}/sessions"))).await;
    assert_eq!(ended.status, 204);
}

async fn path_of(app: &TestApp, username: &str) -> String {
    format!("{ACCOUNTS}/{}", app.account_of("agency", Portal::Client, username).await.id)
}

#[tokio::test]
async fn a_reset_whose_account_has_changed_sets_the_password_all_the_same() {
    let app = TestApp::start().await;
    let (member, path) = (at_work(&app).await, path_of(&app, "jane").await);
    let token = app.token_for("jane").await;
    let held = app.seam.hold("reset-password", "TransactWriteItems", 0);
    let reply = overtaken(held, app.reset(&token, NEW_PASSWORD), end_sessions(&member, &path)).await;
    assert_eq!(reply.outcome(), (204, String::new()));
    assert_eq!(app.sign_in("jane", NEW_PASSWORD).await.status, 201);
    let changes = app.actions("jane").await;
    assert_eq!(changes.iter().filter(|action| *action == "authn_password_change").count(), 1);
    assert!(!changes.contains(&"authn_token_reuse".to_owned()));
}

#[tokio::test]
async fn a_reset_whose_ticket_was_taken_back_says_so() {
    let app = TestApp::start().await;
    let (member, path) = (at_work(&app).await, path_of(&app, "jane").await);
    let token = app.token_for("jane").await;
    let held = app.seam.hold("reset-password", "TransactWriteItems", 0);
    let close = async {
        let id = app.account("jane").await.id;
        assert_eq!(member.patch(id, json!({"active": false})).await.status, 200, "{path}");
    };
    let reply = overtaken(held, app.reset(&token, NEW_PASSWORD), close).await;
    assert_eq!(reply.outcome(), (410, "revoked_token".to_owned()));
}

#[tokio::test]
async fn what_a_holder_changes_is_refused_once_the_session_has_ended() {
    let app = TestApp::start().await;
    let (member, path) = (at_work(&app).await, path_of(&app, "sam").await);
    let change = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    let question = json!({"current_password": PASSWORD, "question": "Pet?", "answer": "Biscuit"});
    for (method, at, body) in
        [("POST", "/v1/password/change", change), ("PUT", "/v1/security-question", question)]
    {
        let session = app.session_of("sam", PASSWORD).await;
        let held = app.seam.hold("change-password", "TransactWriteItems", 0);
        let call = app.send(HttpEvent::new(method, at).bearer(&session).json(&body));
        let reply = overtaken(held, call, end_sessions(&member, &path)).await;
        assert_eq!(reply.outcome(), (401, "invalid_session".to_owned()), "{at}");
    }
    assert_eq!(app.sign_in("sam", PASSWORD).await.status, 201, "nothing was changed");
}

#[tokio::test]
async fn ending_other_sessions_goes_on_when_staff_have_edited_the_account() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = app.account("jane").await.id;
    let (session, other) = (app.session_of("jane", PASSWORD).await, app.session_of("jane", PASSWORD).await);
    let held = app.seam.hold("sessions", "TransactWriteItems", 0);
    let edit = async {
        assert_eq!(member.patch(id, json!({"display_name": "Janet"})).await.status, 200);
    };
    let call = app.send(HttpEvent::new("DELETE", "/v1/sessions").bearer(&session));
    assert_eq!(overtaken(held, call, edit).await.status, 204);
    assert_eq!(app.account_with(&other).await.status, 401);
    assert_eq!(app.account_with(&session).await.status, 200);
    assert_eq!(app.account("jane").await.display_name, "Janet");
}

#[tokio::test]
async fn an_edit_goes_on_when_its_etag_is_still_good_and_is_refused_when_it_is_not() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = app.account("jane").await.id;
    // A sign-in replaces the imported hash, which no ETag shows.
    let held = app.seam.hold("accounts", "TransactWriteItems", 0);
    let rehash = async { drop(app.session_of("jane", PASSWORD).await) };
    let reply = overtaken(held, member.patch(id, json!({"email": "janet@agency.test"})), rehash).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(app.sign_in("janet@agency.test", PASSWORD).await.status, 201);

    let held = app.seam.hold("accounts", "TransactWriteItems", 0);
    let edit = async {
        assert_eq!(member.patch(id, json!({"locale": "es"})).await.status, 200);
    };
    let reply = overtaken(held, member.patch(id, json!({"display_name": "Janet"})), edit).await;
    assert_eq!(reply.outcome(), (412, "precondition_failed".to_owned()));
}

#[tokio::test]
async fn help_goes_on_for_an_account_that_was_edited_and_not_for_one_that_was_closed() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let new =
        json!({"username": "noor", "email": "noor@agency.test", "display_name": "Noor", "invite": false});
    let created = member.create(new).await.json();
    let path = format!("{ACCOUNTS}/{}", created["id"].as_str().unwrap());
    let id = app.account("noor").await.id;
    let copy = json!({"expires_at": TOMORROW, "deliver": "copy"});
    for (tail, body, status) in [
        ("links", copy.clone(), 201),
        ("temporary-password", Value::Null, 202),
        ("invitation", Value::Null, 202),
    ] {
        let held = app.seam.hold("admin-link", "TransactWriteItems", 0);
        let event = HttpEvent::new("POST", &format!("{path}/{tail}"));
        let event = if body.is_null() { event } else { event.json(&body) };
        let edit = async {
            let email = json!({"email": format!("{tail}@agency.test")});
            assert_eq!(member.patch(id, email).await.status, 200);
        };
        let reply = overtaken(held, member.send(event), edit).await;
        assert_eq!(reply.status.as_u16(), status, "{tail}: {reply:?}");
    }
    let held = app.seam.hold("admin-link", "TransactWriteItems", 0);
    let close = async {
        assert_eq!(member.patch(id, json!({"active": false})).await.status, 200);
    };
    let reply =
        overtaken(held, member.send(HttpEvent::new("POST", &format!("{path}/links")).json(&copy)), close)
            .await;
    assert_eq!(reply.outcome(), (409, "account_closed".to_owned()));
}

/// Every call by which staff write anything, on `jane` and one of her tickets.
async fn staff_writes(app: &TestApp) -> Vec<(&'static str, String, Option<Value>)> {
    let jane = path_of(app, "jane").await;
    let casey = app.account_of("agency", Portal::Staff, "casey").await.id;
    let sam = app.account("sam").await.id;
    drop(app.token_for("jane").await);
    let ticket = app.store.list_tickets(app.account("jane").await.id).await.unwrap().tickets[0].id;
    let new = json!({"portal": "client", "username": "noor", "display_name": "Noor"});
    let link = |deliver: &str| json!({"expires_at": TOMORROW, "deliver": deliver});
    vec![
        ("POST", ACCOUNTS.to_owned(), Some(new)),
        ("PATCH", jane.clone(), Some(json!({"display_name": "Janet"}))),
        ("PUT", format!("{jane}/caseload/{casey}"), Some(json!({}))),
        ("PUT", format!("{jane}/associations/{sam}"), Some(json!({"relationship": "parent"}))),
        ("POST", format!("{jane}/links"), Some(link("copy"))),
        ("POST", format!("{jane}/links"), Some(link("email"))),
        ("POST", format!("{jane}/temporary-password"), None),
        ("DELETE", format!("{jane}/tickets/{ticket}"), None),
        ("DELETE", format!("{jane}/sessions"), None),
        ("PATCH", "/v1/admin/practice".to_owned(), Some(json!({"name": "Another"}))),
        ("PATCH", "/v1/admin/practice".to_owned(), Some(json!({}))),
    ]
}

/// What lasts but sessions, which every call with one writes.
async fn beside_sessions(app: &TestApp) -> Vec<String> {
    let lines = app.lasting().await.into_iter();
    lines.filter(|line| !line.contains("\"pk\":\"SESSION#")).collect()
}

#[tokio::test]
async fn whoever_was_closed_or_signed_out_meanwhile_writes_nothing() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let second = json!({"portal": "staff", "role": "admin", "username": "second", "display_name": "Second",
        "password_hash": crate::support::password_hash()});
    app.import("agency", &[second]).await;
    let id = app.account_of("agency", Portal::Staff, "second").await.id;
    let jane = path_of(&app, "jane").await;
    let tag = member.get(&jane).await.headers["etag"].to_str().unwrap().to_owned();
    for (method, path, body) in staff_writes(&app).await {
        for close in [true, false] {
            let acting = StaffMember::of(&app, "agency", "staff", "second").await;
            let event = HttpEvent::new(method, &path).header("if-match", &tag);
            let event = body.iter().fold(event, HttpEvent::json);
            let held = app.seam.hold(function_of(&path), "TransactWriteItems", 0);
            let between = std::sync::Mutex::new(Vec::new());
            let others = async {
                if close {
                    assert_eq!(member.patch(id, json!({"active": false})).await.status, 200);
                } else {
                    end_sessions(&member, &format!("{ACCOUNTS}/{id}")).await;
                }
                *between.lock().unwrap() = beside_sessions(&app).await;
            };
            let reply = overtaken(held, acting.send(event), others).await;
            assert_eq!(reply.outcome(), (401, "invalid_session".to_owned()), "{method} {path}");
            assert!(beside_sessions(&app).await == *between.lock().unwrap(), "{method} {path}");
            if close {
                assert_eq!(member.patch(id, json!({"active": true})).await.status, 200);
            }
        }
    }
}

#[tokio::test]
async fn a_temporary_password_that_staff_issue_during_a_reset_is_not_left_over() {
    let app = TestApp::start_with(&[]).await;
    app.create_practice("agency", json!({"temporary_password_voids_current": false})).await;
    app.import("agency", &demo_accounts("agency")).await;
    let (member, path) = (at_work(&app).await, path_of(&app, "jane").await);
    let token = app.token_for("jane").await;
    let held = app.seam.hold("reset-password", "TransactWriteItems", 0);
    let issue = async {
        let issued = member.send(HttpEvent::new("POST", &format!("{path}/temporary-password"))).await;
        assert_eq!(issued.status, 202);
        app.deliver().await;
    };
    assert_eq!(overtaken(held, app.reset(&token, NEW_PASSWORD), issue).await.status, 204);
    let mails = app.mailbox.messages();
    let mail = mails.iter().find(|mail| mail.text.as_ref().unwrap().lines().any(|line| line.len() == 24));
    let temporary = temporary_in(mail.expect("it was mailed"));
    assert_eq!(app.sign_in("jane", &temporary).await.outcome(), (401, "invalid_credentials".to_owned()));
    assert_eq!(app.sign_in("jane", NEW_PASSWORD).await.status, 201);
}
