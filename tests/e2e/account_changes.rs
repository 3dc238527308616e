//! A2, A3, T7: an edit of an account by staff takes effect at once, is recorded, and undoes no other edit.

use futures::future::join_all;
use rekey::domain::event::Action;
use rekey::domain::practice::Portal;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::seam::Fault;
use crate::support::staff::{ACCOUNTS, StaffMember, id_of};
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp, password_hash};

#[tokio::test]
async fn two_members_of_staff_do_not_overwrite_each_other() {
    let app = TestApp::start().await;
    let (admin, casey) = (
        StaffMember::of(&app, "agency", "staff", "admin").await,
        StaffMember::of(&app, "agency", "staff", "casey").await,
    );
    let id = app.account("jane").await.id;
    let path = format!("{ACCOUNTS}/{id}");
    let change = |tag: &str, name: &str| {
        HttpEvent::new("PATCH", &path).header("if-match", tag).json(&json!({"display_name": name}))
    };
    let reply = admin.send(HttpEvent::new("PATCH", &path).json(&json!({"display_name": "X"}))).await;
    assert_eq!(reply.outcome(), (428, "precondition_required".to_owned()));
    let reply = admin.send(change("\"0\"", "First")).await;
    assert_eq!((reply.status.as_u16(), &reply.headers["etag"]), (200, &"\"1\"".parse().unwrap()));
    assert_eq!(
        casey.send(change("\"0\"", "Second")).await.outcome(),
        (412, "precondition_failed".to_owned())
    );
    assert_eq!(admin.get(&path).await.json()["display_name"], "First");
    let names: Vec<String> = (0..10).map(|n| format!("Name {n}")).collect();
    let replies = join_all(names.iter().map(|name| admin.send(change("\"1\"", name)))).await;
    let won = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(won, 1);
    assert!(replies.iter().all(|reply| [200, 412].contains(&reply.status.as_u16())));
    let before = app.dump().await;
    assert_eq!(admin.send(change("\"2\"", &app.account("jane").await.display_name)).await.status, 200);
    let changed =
        app.dump().await.into_iter().filter(|item| !before.contains(item) && !item.contains("SESSION#"));
    assert_eq!(changed.count(), 0, "what is as it was is no change");
}

#[tokio::test]
async fn another_email_voids_what_was_mailed_and_is_logged_masked() {
    let app = TestApp::start().await;
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    let session = app.session_of("jane", PASSWORD).await;
    let link = app.token_for("jane").await;
    let (request, code) = app.code_for("jane").await;
    let id = app.account("jane").await.id;
    let reply =
        admin.patch(id, json!({"email": "j.doe@elsewhere.test", "proof": {"method": "in_person"}})).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["email"]), (200, &json!("j.doe@elsewhere.test")));
    assert_eq!(app.preview(&link).await.outcome(), (410, "revoked_token".to_owned()));
    assert_eq!(app.verify(&request, &code).await.outcome(), (410, "code_expired".to_owned()));
    assert_eq!(app.account_with(&session).await.status, 200, "a session is not mail");
    assert_eq!(app.sign_in("jane@agency.test", PASSWORD).await.status, 401);
    assert_eq!(app.sign_in("j.doe@elsewhere.test", PASSWORD).await.status, 201);
    assert_eq!(app.sign_in("jane", PASSWORD).await.status, 201);
    let event = app.events(id).await.into_iter().find(|event| event.action == Action::UserUpdated).unwrap();
    let change = serde_json::to_value(&event.changes).unwrap();
    assert_eq!(change, json!([{"member": "email", "from": "j…@a….test", "to": "j…@e….test"}]));
    app.deliver().await;
    app.mailbox.clear().unwrap();
    let fresh = app.token_for("j.doe@elsewhere.test").await;
    assert_eq!(app.mailbox.messages()[0].to, ["j.doe@elsewhere.test"]);
    assert_eq!(app.reset(&fresh, NEW_PASSWORD).await.status, 204);
    assert_eq!(admin.patch(id, json!({"email": null})).await.json()["email"], Value::Null);
    assert_eq!(app.sign_in("j.doe@elsewhere.test", NEW_PASSWORD).await.status, 401);
}

#[tokio::test]
async fn closing_an_account_ends_everything_at_once_and_opening_it_revives_nothing() {
    let app = TestApp::start().await;
    for (closed, opened) in [
        (json!({"active": false}), json!({"active": true})),
        (json!({"refused": true}), json!({"refused": false})),
    ] {
        let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
        let session = app.session_of("jane@agency.test", PASSWORD).await;
        let link = app.token_for("jane").await;
        let id = app.account("jane").await.id;
        assert_eq!(admin.patch(id, closed).await.status, 200);
        assert_eq!(app.account_with(&session).await.outcome(), (401, "invalid_session".to_owned()));
        assert_eq!(app.preview(&link).await.outcome(), (410, "revoked_token".to_owned()));
        for name in ["jane", "jane@agency.test"] {
            assert_eq!(app.sign_in(name, PASSWORD).await.status, 401, "{name}");
            let identifier = rekey::domain::identifier::Identifier::parse(name).unwrap();
            let slug = rekey::domain::practice::Slug::parse("agency").unwrap();
            let login = app.store.find_login(&slug, Portal::Client, &identifier).await.unwrap().unwrap();
            assert!(!login.open, "the copies say so too: sign-in works alike for closed and wrong");
        }
        assert_eq!(admin.patch(id, opened).await.status, 200);
        assert_eq!(app.account_with(&session).await.status, 401);
        assert_eq!(app.preview(&link).await.outcome(), (410, "revoked_token".to_owned()));
        for name in ["jane", "jane@agency.test"] {
            assert_eq!(app.sign_in(name, PASSWORD).await.status, 201, "{name}");
        }
        app.clock.advance(rekey::platform::clock::hours(1));
    }
}

#[tokio::test]
async fn two_administrators_cannot_close_each_other_at_once() {
    let app = TestApp::start().await;
    let second = json!({"portal": "staff", "role": "admin", "username": "second", "display_name": "Second",
        "password_hash": password_hash()});
    app.import("agency", &[second]).await;
    let names = ["admin", "second"];
    let mut members = Vec::new();
    for name in names {
        members.push((
            StaffMember::of(&app, "agency", "staff", name).await,
            id_of(&app, "agency", Portal::Staff, name).await,
        ));
    }
    let close = |member: usize, change: Value| {
        let (member, other) = (&members[member].0, members[1 - member].1);
        let path = format!("{ACCOUNTS}/{other}");
        let event = HttpEvent::new("PATCH", &path).header("if-match", "\"0\"").json(&change);
        async move { member.send(event).await.status.as_u16() }
    };
    let done = join_all([close(0, json!({"role": "staff"})), close(1, json!({"active": false}))]).await;
    assert_eq!(done.iter().filter(|status| **status == 200).count(), 1, "{done:?}");
    let mut left = 0;
    for name in names {
        let account = app.account_of("agency", Portal::Staff, name).await;
        left += usize::from(account.is_open() && account.role == Some(rekey::domain::account::Role::Admin));
    }
    assert_eq!(left, 1);
}

#[tokio::test]
async fn every_action_leaves_one_event_and_one_that_cannot_be_recorded_is_not_done() {
    let app = TestApp::start().await;
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    let (jane, sam) = (app.account("jane").await.id, app.account("sam").await.id);
    let staff = id_of(&app, "agency", Portal::Staff, "casey").await;
    let events =
        async || app.dump().await.into_iter().filter(|item| item.contains("\"pk\":\"EVENT#")).count();
    let requests = || {
        let patch = HttpEvent::new("PATCH", &format!("{ACCOUNTS}/{jane}")).header("if-match", "\"0\"");
        let put = |path: String, body: Value| HttpEvent::new("PUT", &path).json(&body);
        [
            patch.json(&json!({"email": "other@agency.test", "active": false, "display_name": "Other"})),
            HttpEvent::new("POST", ACCOUNTS).json(&json!({"username": "new", "display_name": "New"})),
            put(format!("{ACCOUNTS}/{sam}/caseload/{staff}"), json!({})),
            HttpEvent::new("DELETE", &format!("{ACCOUNTS}/{sam}/caseload/{staff}")),
            put(format!("{ACCOUNTS}/{sam}/associations/{jane}"), json!({"relationship": "parent"})),
            HttpEvent::new("DELETE", &format!("{ACCOUNTS}/{sam}/associations/{jane}")),
        ]
    };
    // The end of a guardian is in two logs: the client's and the guardian's.
    for (event, number) in requests().into_iter().zip([1, 1, 1, 1, 1, 2]) {
        let before = (events().await, app.lasting().await);
        app.seam.inject("accounts", "TransactWriteItems", 3, Fault::Down);
        assert_eq!(admin.send(event.clone()).await.status, 503);
        app.seam.heal();
        let lasting = app.lasting().await.into_iter().filter(|item| !item.contains("SESSION#"));
        let known: Vec<_> = before.1.into_iter().filter(|item| !item.contains("SESSION#")).collect();
        assert_eq!(lasting.collect::<Vec<_>>(), known, "nothing half done");
        app.seam.inject("accounts", "TransactWriteItems", 1, Fault::AnswerLost);
        let reply = admin.send(event).await;
        assert!(reply.status.is_success(), "{reply:?}");
        app.seam.heal();
        assert_eq!(events().await, before.0 + number, "{reply:?}");
    }
    let addresses = ["other@agency.test", "jane@agency.test"];
    let trail =
        app.dump().await.into_iter().filter(|item| item.contains("\"pk\":\"EVENT#")).collect::<String>();
    assert!(addresses.iter().all(|address| !trail.contains(address)));
}

#[tokio::test]
async fn a_password_set_while_staff_edit_is_not_undone() {
    let app = TestApp::start().await;
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    let account = app.account("jane").await;
    let token = app.token_for("jane").await;
    let path = format!("{ACCOUNTS}/{}", account.id);
    let tag = admin.get(&path).await.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    let question = json!({"current_password": NEW_PASSWORD, "question": "Pet?", "answer": "Rex"});
    let session = app.session_of("jane", NEW_PASSWORD).await;
    let put = HttpEvent::new("PUT", "/v1/security-question").bearer(&session).json(&question);
    assert_eq!(app.send(put).await.status, 204);
    let edit =
        HttpEvent::new("PATCH", &path).header("if-match", &tag).json(&json!({"email": "new@agency.test"}));
    assert_eq!(admin.send(edit).await.status, 200, "nothing that staff see has changed");
    for name in ["jane", "new@agency.test"] {
        assert_eq!(app.sign_in(name, NEW_PASSWORD).await.status, 201, "{name}");
    }
    assert!(app.account("jane").await.question.is_some());
}
