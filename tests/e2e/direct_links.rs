//! A3: a link that is created by invoking the function directly keeps the same bounds and is recorded.

use rekey::domain::event::Action;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::help::{IN_FIVE_DAYS, TOMORROW, tickets};
use crate::support::seam::Fault;
use crate::support::staff::{ACCOUNTS, at_work};
use crate::support::{NEW_PASSWORD, TestApp, token_in};

#[tokio::test]
async fn a_link_is_made_by_direct_invocation_too() {
    let app = TestApp::start().await;
    let id = app.account("jane").await.id;
    let ask = |deliver: &str| json!({"practice": "agency", "username": "Jane", "expires_at": IN_FIVE_DAYS, "deliver": deliver, "reason": "Called us"});
    let copied = app.invoke_admin_link(ask("copy")).await.unwrap();
    assert_eq!(copied["expires_at"], "2026-11-26T10:00:00Z");
    let (_, token) = copied["url"].as_str().unwrap().split_once("#token=").unwrap();
    let mailed = app.invoke_admin_link(ask("email")).await.unwrap();
    assert_eq!((&mailed["sent_to"], mailed.get("url")), (&json!("j…@a….test"), None));
    app.deliver().await;
    let link = token_in(&app.mailbox.messages()[0]);
    assert_eq!(app.preview(&link).await.status, 200);
    let member = at_work(&app).await;
    let expected = ["email", "copy"].map(|_| ("operator".to_owned(), Value::Null, json!("Called us")));
    let listed = tickets(&member, id).await;
    let seen: Vec<_> = listed
        .iter()
        .map(|ticket| {
            (
                ticket["issuer"].as_str().unwrap().to_owned(),
                ticket["issued_by"].clone(),
                ticket["reason"].clone(),
            )
        })
        .collect();
    assert_eq!(seen, expected);
    let event =
        app.events(id).await.into_iter().find(|event| event.action == Action::AuthnTokenCreated).unwrap();
    assert_eq!((event.actor, event.by, event.ip), (rekey::domain::event::Actor::Operator, None, None));
    assert_eq!(event.note.as_deref(), Some("Called us"));
    assert_eq!(app.reset(token, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.preview(&link).await.outcome(), (410, "revoked_token".to_owned()));

    let staff = json!({"practice": "agency", "portal": "staff", "username": "admin", "expires_at": TOMORROW, "deliver": "copy"});
    assert!(app.invoke_admin_link(staff).await.is_ok(), "IAM is the authority");
}

#[tokio::test]
async fn a_direct_invocation_that_cannot_be_done_says_why_and_does_nothing() {
    let app = TestApp::start().await;
    let before = app.dump().await;
    let good = json!({"practice": "agency", "username": "jane", "expires_at": TOMORROW, "deliver": "copy"});
    let with = |member: &str, value: Value| {
        let mut event = good.clone();
        event[member] = value;
        event
    };
    for (event, kind, part) in [
        (json!({}), "invalid_request", "missing field"),
        (json!([]), "invalid_request", ""),
        (with("practice", json!("nowhere")), "unknown_practice", ""),
        (with("username", json!("nobody")), "not_found", ""),
        (with("portal", json!("staff")), "not_found", ""),
        (with("username", json!("dora")), "account_closed", ""),
        (with("expires_at", json!("2026-12-25T00:00:00Z")), "invalid_request", "168 hours ahead"),
        (with("expires_at", json!(IN_FIVE_DAYS)), "invalid_request", "reason: is required"),
        (with("deliver", json!("pigeon")), "invalid_request", "deliver"),
        (with("password", json!("x")), "invalid_request", "unknown field `password`"),
    ] {
        let error = app.invoke_admin_link(event.clone()).await.unwrap_err();
        assert_eq!(error.error_type, kind, "{event}: {}", error.error_message);
        assert!(error.error_message.contains(part), "{event}: {}", error.error_message);
    }
    app.seam.inject("admin-link", "TransactWriteItems", 30, Fault::Down);
    assert_eq!(app.invoke_admin_link(good).await.unwrap_err().error_type, "unavailable");
    assert_eq!(app.dump().await, before);
}

#[tokio::test]
async fn a_request_by_way_of_the_gateway_is_answered_as_one() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = app.account("jane").await.id;
    let path = format!("{ACCOUNTS}/{id}/tickets");
    let asked = HttpEvent::new("GET", &path).bearer(&member.session).into_value();
    let answer = app.invoke_admin_link(asked).await.unwrap();
    assert_eq!(
        (&answer["statusCode"], &answer["body"]),
        (&json!(200), &json!("{\"tickets\":[],\"next_cursor\":null}"))
    );
    let anonymous = app.invoke_admin_link(HttpEvent::new("GET", &path).into_value()).await.unwrap();
    assert_eq!(anonymous["statusCode"], 401);
}
