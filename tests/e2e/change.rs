//! P3: a person who is signed in changes the password. The current password is needed, the session stays, and every
//! other session and ticket ends.

use rekey::domain::event::Action;
use rekey::platform::clock::hours;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::seam::Fault;
use crate::support::{NEW_PASSWORD, PASSWORD, Reply, TestApp};

async fn change(app: &TestApp, session: &str, current: &str, new: &str) -> Reply {
    send(app, session, json!({"current_password": current, "new_password": new})).await
}

async fn send(app: &TestApp, session: &str, body: Value) -> Reply {
    app.send(HttpEvent::new("POST", "/v1/password/change").bearer(session).json(&body)).await
}

#[tokio::test]
async fn a_change_ends_every_other_session_and_ticket_and_is_confirmed() {
    let app = TestApp::start().await;
    let own = app.session_of("jane", PASSWORD).await;
    let others = [app.session_of("jane", PASSWORD).await, app.session_of("jane@agency.test", PASSWORD).await];
    let link = app.token_for("jane").await;
    app.mailbox.clear().unwrap();
    assert_eq!(change(&app, &own, PASSWORD, NEW_PASSWORD).await.status, 204);
    for other in &others {
        assert_eq!(app.account_with(other).await.outcome(), (401, "invalid_session".to_owned()));
    }
    assert_eq!(app.account_with(&own).await.status, 200, "a change keeps its own");
    assert_eq!(app.preview(&link).await.outcome(), (410, "revoked_token".to_owned()));
    for name in ["jane", "jane@agency.test"] {
        assert_eq!(app.sign_in(name, PASSWORD).await.outcome(), (401, "invalid_credentials".to_owned()));
        assert_eq!(app.sign_in(name, NEW_PASSWORD).await.status, 201, "{name}");
    }
    app.deliver().await;
    let mails = app.mailbox.messages();
    assert_eq!((mails.len(), mails[0].subject.as_str()), (1, "Your password was changed"));
    let event = app.events(app.account("jane").await.id).await;
    let event = event.iter().find(|event| event.action == Action::AuthnPasswordChange).unwrap();
    assert!(event.session.is_some() && event.outbox.is_some());
}

#[tokio::test]
async fn the_current_password_is_needed_and_guesses_count_like_signing_in() {
    let app = TestApp::start().await;
    let session = app.session_of("jane", PASSWORD).await;
    let before = app.account("jane").await;
    for _ in 0..6 {
        let reply = change(&app, &session, "walk the green rivet", NEW_PASSWORD).await;
        assert_eq!(reply.outcome(), (401, "invalid_credentials".to_owned()));
    }
    let reply = change(&app, &session, PASSWORD, NEW_PASSWORD).await;
    assert_eq!(reply.outcome(), (429, "too_many_requests".to_owned()));
    assert!(reply.headers.contains_key("retry-after"));
    assert_eq!(app.account("jane").await, before);
    assert_eq!(app.sign_in("jane", PASSWORD).await.status, 429, "one counter for both");
    let failures = app.actions("jane").await;
    assert_eq!(
        failures.iter().filter(|action| *action == "authn_password_change_fail").count(),
        2,
        "the first and the sixth"
    );

    app.clock.advance(hours(2));
    let session = app.session_of("jane", PASSWORD).await;
    assert_eq!(change(&app, &session, PASSWORD, NEW_PASSWORD).await.status, 204);
}

#[tokio::test]
async fn what_is_refused_for_itself_counts_as_no_guess() {
    let app = TestApp::start().await;
    let session = app.session_of("jane", PASSWORD).await;
    for _ in 0..8 {
        for (new, reason) in
            [("short", "too_short"), ("passwordpassword", "too_common"), (PASSWORD, "same_as_current")]
        {
            let reply = change(&app, &session, PASSWORD, new).await;
            assert_eq!(reply.outcome(), (422, "weak_password".to_owned()), "{new}");
            assert_eq!(reply.json()["reasons"][0]["code"], reason, "{}", reply.body);
        }
        for body in [
            json!({"current_password": PASSWORD}),
            json!({"current_password": "", "new_password": NEW_PASSWORD}),
            json!({"current_password": PASSWORD, "new_password": null}),
            json!({"current_password": [PASSWORD], "new_password": NEW_PASSWORD}),
            json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD, "username": "sam"}),
        ] {
            assert_eq!(send(&app, &session, body).await.outcome(), (400, "invalid_request".to_owned()));
        }
    }
    assert_eq!(change(&app, &session, PASSWORD, NEW_PASSWORD).await.status, 204);
}

#[tokio::test]
async fn of_two_changes_at_once_one_is_made() {
    let app = TestApp::start().await;
    let sessions = [app.session_of("jane", PASSWORD).await, app.session_of("jane", PASSWORD).await];
    let (one, other) = tokio::join!(
        change(&app, &sessions[0], PASSWORD, NEW_PASSWORD),
        change(&app, &sessions[1], PASSWORD, "another quiet harbor")
    );
    let replies = [one, other];
    let made: Vec<usize> = (0..2).filter(|at| replies[*at].status == 204).collect();
    assert_eq!(made.len(), 1, "{replies:?}");
    let new = [NEW_PASSWORD, "another quiet harbor"];
    assert_eq!(app.sign_in("jane", new[made[0]]).await.status, 201);
    assert_eq!(app.sign_in("jane", new[1 - made[0]]).await.status, 401);
    assert_eq!(app.account_with(&sessions[made[0]]).await.status, 200);
    assert_eq!(app.account_with(&sessions[1 - made[0]]).await.status, 401);
}

#[tokio::test]
async fn a_failing_dependency_leaves_nothing_half_done() {
    let app = TestApp::start().await;
    let session = app.session_of("jane", PASSWORD).await;
    let before = app.account("jane").await;
    for (operation, fault) in
        [("TransactWriteItems", Fault::Down), ("UpdateItem", Fault::Down), ("GetItem", Fault::Denied)]
    {
        app.seam.inject("change-password", operation, 30, fault);
        let reply = change(&app, &session, PASSWORD, NEW_PASSWORD).await;
        assert_eq!(reply.outcome(), (503, "unavailable".to_owned()), "{operation}");
        app.seam.heal();
        assert_eq!(app.account("jane").await, before);
    }
    app.seam.inject("change-password", "TransactWriteItems", 1, Fault::AnswerLost);
    assert_eq!(change(&app, &session, PASSWORD, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.account_with(&session).await.status, 200);
}
