//! P3: the owner of an account reports that a change of the password was not theirs ("this wasn't me").

use rekey::domain::event::Action;
use rekey::platform::clock::days;
use rekey_local::mailbox::{Failure, Message};
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::seam::Fault;
use crate::support::staff::{ACCOUNTS, StaffMember};
use crate::support::{NEW_PASSWORD, PASSWORD, Reply, TestApp, logs, temporary_in};

const STOLEN: &str = "another quiet harbor";

async fn repudiate(app: &TestApp, token: &str) -> Reply {
    app.post("/v1/password/repudiate", json!({"token": token})).await
}

/// The token of the link that says so, in a confirmation.
fn token_of(mail: &Message) -> String {
    assert_eq!(mail.subject, "Your password was changed");
    let text = mail.text.as_deref().unwrap();
    let line = text.lines().find_map(|line| line.split_once("#repudiate="));
    let (page, token) = line.expect("a link");
    assert_eq!(page, "https://portal.agency.test/reset");
    token.to_owned()
}

/// Somebody else has changed Jane's password; the confirmation is in her mailbox.
async fn changed(app: &TestApp) -> (String, String) {
    let link = app.token_for("jane").await;
    assert_eq!(app.reset(&link, STOLEN).await.status, 204);
    app.deliver().await;
    let token = token_of(&app.mailbox.messages()[0]);
    (token, app.session_of("jane", STOLEN).await)
}

#[tokio::test]
async fn it_freezes_the_account_until_a_new_recovery_and_the_practice_is_told() {
    let app = TestApp::start().await;
    let id = app.account("jane").await.id;
    let (token, session) = changed(&app).await;
    let open = app.token_for("jane").await;
    app.mailbox.clear().unwrap();
    for text in [app.dump().await.join(""), logs::printed()] {
        assert!(!text.contains(&token) && !text.contains(&token[43..]));
    }
    assert_eq!(repudiate(&app, &token).await.status, 204);
    assert_eq!(app.account_with(&session).await.outcome(), (401, "invalid_session".to_owned()));
    assert_eq!(app.preview(&open).await.outcome(), (410, "revoked_token".to_owned()));
    for name in ["jane", "jane@agency.test"] {
        let reply = app.sign_in(name, STOLEN).await;
        assert_eq!(reply.outcome(), (401, "invalid_credentials".to_owned()), "{name}");
    }
    app.deliver().await;
    let mail = app.mailbox.messages().remove(0);
    assert_eq!(
        (mail.to.as_slice(), mail.subject.as_str()),
        (&["help@agency.test".to_owned()][..], "An account was locked by its owner")
    );
    assert!(mail.text.as_ref().unwrap().contains("Username: jane"));

    let member = StaffMember::of(&app, "agency", "staff", "admin").await;
    let shown = member.get(&format!("{ACCOUNTS}/{id}")).await.json();
    assert_eq!((&shown["frozen_at"], &shown["active"]), (&json!("2026-11-21T18:35:30Z"), &json!(true)));
    assert_eq!(repudiate(&app, &token).await.status, 204, "twice is once");
    let count =
        app.events(id).await.iter().filter(|event| event.action == Action::AuthnPasswordRepudiated).count();
    assert_eq!(count, 1);

    let link = app.token_for("jane").await;
    assert_eq!(app.preview(&link).await.json()["purpose"], "reset");
    assert_eq!(app.reset(&link, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.sign_in("jane", NEW_PASSWORD).await.status, 201);
    assert_eq!(member.get(&format!("{ACCOUNTS}/{id}")).await.json()["frozen_at"], Value::Null);
    assert_eq!(repudiate(&app, &token).await.status, 204, "used up: it freezes nothing again");
    assert_eq!(app.sign_in("jane", NEW_PASSWORD).await.status, 201);
}

#[tokio::test]
async fn staff_can_open_it_again_and_so_can_whoever_changed_it_not() {
    let app = TestApp::start().await;
    let id = app.account("jane").await.id;
    let (first, session) = changed(&app).await;
    // The thief changes it once more; the link of the first notice is as good as the second's.
    let body = json!({"current_password": STOLEN, "new_password": "a third quiet harbor"});
    let change = HttpEvent::new("POST", "/v1/password/change").bearer(&session).json(&body);
    assert_eq!(app.send(change).await.status, 204);
    app.deliver().await;
    let second = token_of(&app.mailbox.messages()[0]);
    assert_ne!(first, second);
    assert_eq!(repudiate(&app, &first).await.status, 204);
    assert_eq!(app.account_with(&session).await.status, 401);
    for password in [PASSWORD, STOLEN, "a third quiet harbor"] {
        assert_eq!(app.sign_in("jane", password).await.status, 401);
    }
    let member = StaffMember::of(&app, "agency", "staff", "casey").await;
    let issue = HttpEvent::new("POST", &format!("{ACCOUNTS}/{id}/temporary-password"));
    assert_eq!(member.send(issue).await.status, 202);
    app.deliver().await;
    let temporary = temporary_in(&app.mailbox.messages()[0]);
    let session = app.session_of("jane", &temporary).await;
    assert!(app.account("jane").await.frozen_at.is_some());
    let body = json!({"current_password": temporary, "new_password": NEW_PASSWORD});
    let change = HttpEvent::new("POST", "/v1/password/change").bearer(&session).json(&body);
    assert_eq!(app.send(change).await.status, 204);
    assert_eq!(app.account("jane").await.frozen_at, None);
}

#[tokio::test]
async fn only_the_link_does_it_by_post_alone_and_in_its_time() {
    let app = TestApp::start().await;
    let (token, session) = changed(&app).await;
    let before = app.dump().await;
    for method in ["GET", "HEAD", "PUT", "DELETE"] {
        let reply =
            app.send(HttpEvent::new(method, "/v1/password/repudiate").query(&format!("token={token}"))).await;
        assert_eq!(reply.status, 405, "{method}");
    }
    let mut forged = token.clone().into_bytes();
    forged[60] = if forged[60] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    let link = app.token_for("sam").await;
    for (token, outcome) in [
        (forged.as_str(), (404, "invalid_token")),
        (&link, (404, "invalid_token")),
        (&session, (404, "invalid_token")),
        ("x", (404, "invalid_token")),
        ("", (400, "invalid_request")),
    ] {
        assert_eq!(repudiate(&app, token).await.outcome(), (outcome.0, outcome.1.to_owned()), "{token}");
    }
    assert_eq!(
        app.reset(&token, NEW_PASSWORD).await.outcome(),
        (404, "invalid_token".to_owned()),
        "and it sets none"
    );
    let jane = |dump: Vec<String>| dump.into_iter().filter(|item| item.contains("jane")).collect::<Vec<_>>();
    assert_eq!(jane(app.dump().await), jane(before));
    app.clock.advance(days(30));
    assert_eq!(repudiate(&app, &token).await.outcome(), (410, "expired_token".to_owned()));
    assert!(app.account("jane").await.frozen_at.is_none());
}

#[tokio::test]
async fn a_redelivered_confirmation_has_the_same_link_whatever_the_key_is_by_then() {
    let app = TestApp::start().await;
    let link = app.token_for("jane").await;
    assert_eq!(app.reset(&link, STOLEN).await.status, 204);
    let record = app.stream_records().await.pop().unwrap();
    app.mailbox.clear().unwrap();
    app.mailbox.fail_next(3, Failure::AccountPaused);
    app.invoke_mailer(json!({"Records": [record]})).await;
    app.mailbox.clear_failures();
    app.sweep_after_rotation("rekey/derivation").await;
    let mails = app.mailbox.messages();
    assert_eq!(mails.len(), 1);
    assert_eq!(repudiate(&app, &token_of(&mails[0])).await.status, 204);
    assert!(app.account("jane").await.frozen_at.is_some());
}

#[tokio::test]
async fn a_failing_store_freezes_nothing_by_halves() {
    let app = TestApp::start().await;
    let (token, _) = changed(&app).await;
    let before = app.account("jane").await;
    for (operation, fault) in [("TransactWriteItems", Fault::Down), ("GetItem", Fault::Down)] {
        app.seam.inject("reset-password", operation, 30, fault);
        assert_eq!(repudiate(&app, &token).await.outcome(), (503, "unavailable".to_owned()));
        app.seam.heal();
        assert_eq!(app.account("jane").await, before);
    }
    app.seam.inject("reset-password", "TransactWriteItems", 1, Fault::AnswerLost);
    assert_eq!(repudiate(&app, &token).await.status, 204);
    assert!(app.account("jane").await.frozen_at.is_some());
}

#[tokio::test]
async fn a_practice_without_an_address_is_told_by_its_log_alone() {
    let app = TestApp::start().await;
    let member = StaffMember::of(&app, "agency", "staff", "admin").await;
    let settings = HttpEvent::new("PATCH", "/v1/admin/practice").json(&json!({"support": {"email": null}}));
    assert_eq!(member.send(settings).await.status, 200);
    app.clock.advance(std::time::Duration::from_mins(2));
    let (token, _) = changed(&app).await;
    app.mailbox.clear().unwrap();
    assert_eq!(repudiate(&app, &token).await.status, 204);
    assert_eq!(app.deliver().await.dead, 0);
    assert!(app.mailbox.messages().is_empty());
    assert_eq!(app.actions("jane").await.pop().unwrap(), "authn_password_repudiated");
    let member = StaffMember::of(&app, "agency", "staff", "admin").await;
    let log =
        member.send(HttpEvent::new("GET", "/v1/admin/changes").query("type=mail_not_sent")).await.json();
    assert_eq!(log["events"][0]["description"], "A mail to the practice could not be sent");
}

#[tokio::test]
async fn who_has_the_address_no_longer_has_no_say() {
    let app = TestApp::start().await;
    let (token, _) = changed(&app).await;
    let member = StaffMember::of(&app, "agency", "staff", "admin").await;
    let id = app.account("jane").await.id;
    assert_eq!(member.patch(id, json!({"email": "new@agency.test"})).await.status, 200);
    assert_eq!(repudiate(&app, &token).await.outcome(), (410, "revoked_token".to_owned()));
    assert_eq!(app.sign_in("jane", STOLEN).await.status, 201);
}

#[tokio::test]
async fn a_question_that_the_thief_has_set_does_not_keep_the_practice_from_helping() {
    let app = TestApp::start_with(&[]).await;
    app.create_practice("agency", json!({"security_question": "optional"})).await;
    app.import("agency", &crate::support::demo_accounts("agency")).await;
    let (token, session) = changed(&app).await;
    let question = json!({"current_password": STOLEN, "question": "Whose?", "answer": "Mine"});
    let set = HttpEvent::new("PUT", "/v1/security-question").bearer(&session).json(&question);
    assert_eq!(app.send(set).await.status, 204);
    assert_eq!(repudiate(&app, &token).await.status, 204);
    app.deliver().await;
    let own = app.token_for("jane").await;
    assert_eq!(app.preview(&own).await.json()["question"], "Whose?", "a mailbox alone is not enough");
    let member = StaffMember::of(&app, "agency", "staff", "admin").await;
    let id = app.account("jane").await.id;
    let link =
        json!({"expires_at": "2026-11-22T18:00:00Z", "deliver": "copy", "proof": {"method": "in_person"}});
    let reply =
        member.send(HttpEvent::new("POST", &format!("{ACCOUNTS}/{id}/links")).json(&link)).await.json();
    let link = reply["url"].as_str().unwrap().split_once("#token=").unwrap().1.to_owned();
    assert_eq!(app.preview(&link).await.json()["question"], Value::Null);
    assert_eq!(app.reset(&link, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.account("jane").await.question, None, "it is gone with the thief");
}

#[tokio::test]
async fn of_many_at_once_one_freezes() {
    let app = TestApp::start().await;
    let (token, _) = changed(&app).await;
    let replies = futures::future::join_all((0..10).map(|_| repudiate(&app, &token))).await;
    assert!(replies.iter().all(|reply| reply.status == 204), "{replies:?}");
    let actions = app.actions("jane").await;
    assert_eq!(actions.iter().filter(|action| *action == "authn_password_repudiated").count(), 1);
    assert_eq!(app.deliver().await.dead, 0);
    let told = app.mailbox.messages().into_iter().filter(|mail| mail.to == ["help@agency.test"]).count();
    assert_eq!(told, 1, "and the practice is told once");
}
