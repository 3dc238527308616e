//! T9, R1: the mail of a temporary password is sent once, to an address that it can reach, and only while the password
//! is valid.

use rekey::platform::ids::AccountId;
use rekey_local::mailbox::Failure;
use serde_json::json;

use crate::support::event::HttpEvent;
use crate::support::staff::{ACCOUNTS, at_work};
use crate::support::temporary::issue;
use crate::support::{TestApp, temporary_in};

#[tokio::test]
async fn a_redelivered_record_sends_the_same_one_whatever_the_key_is_by_then() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    assert_eq!(issue(&member, app.account("jane").await.id, None).await.status, 202);
    let record = app.stream_records().await.pop().unwrap();
    app.mailbox.fail_next(3, Failure::AccountPaused);
    app.invoke_mailer(json!({"Records": [record]})).await;
    app.mailbox.clear_failures();
    assert!(app.mailbox.messages().is_empty());
    app.sweep_after_rotation("rekey/derivation").await;
    app.invoke_mailer(json!({"Records": [record]})).await;
    let mails = app.mailbox.messages();
    assert_eq!(mails.len(), 1, "one mail");
    assert_eq!(app.sign_in("jane", &temporary_in(&mails[0])).await.status, 201);
}

#[tokio::test]
async fn whom_no_mail_can_reach_gets_none_and_bad_hours_are_refused() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
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
            issue(&member, jane.id, Some(body.clone())).await.outcome(),
            (400, "invalid_request".to_owned()),
            "{body}"
        );
    }
    let new = json!({"username": "nomail", "display_name": "N"});
    let id: AccountId = member.create(new).await.json()["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(issue(&member, id, None).await.outcome(), (409, "no_address".to_owned()));
    for closed in ["dora", "ruth"] {
        let id = app.account(closed).await.id;
        assert_eq!(issue(&member, id, None).await.outcome(), (409, "account_closed".to_owned()));
    }
    let own = app.account_of("agency", rekey::domain::practice::Portal::Staff, "admin").await.id;
    assert_eq!(issue(&member, own, None).await.outcome(), (403, "forbidden".to_owned()));
    assert_eq!(app.account("jane").await, jane);
    assert!(app.stream_records().await.is_empty());
}

#[tokio::test]
async fn one_that_is_taken_back_or_replaced_before_its_mail_is_not_mailed() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = app.account("jane").await.id;
    let first = issue(&member, id, None).await.json()["ticket_id"].as_str().unwrap().to_owned();
    let path = format!("{ACCOUNTS}/{id}/tickets/{first}");
    assert_eq!(member.send(HttpEvent::new("DELETE", &path)).await.status, 204);
    assert_eq!(app.deliver().await.dead, 0);
    assert!(app.mailbox.messages().is_empty());
    for _ in 0..2 {
        assert_eq!(issue(&member, id, None).await.status, 202);
    }
    assert_eq!(app.deliver().await.dead, 0);
    let mails = app.mailbox.messages();
    assert_eq!(mails.len(), 1, "the newest alone");
    assert_eq!(app.sign_in("jane", &temporary_in(&mails[0])).await.status, 201);
}
