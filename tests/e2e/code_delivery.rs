//! R1 for recovery by code: a record that is delivered twice mails one code, and one that is delivered too late mails
//! none.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::codes::token_of;
use crate::support::{TestApp, code_in};

/// What is kept of the codes that a request has led to.
async fn mailed(app: &TestApp, request: &str) -> Value {
    let dump = app.dump().await;
    let item = dump.iter().find(|item| item.contains(&format!("REQUEST#{request}"))).unwrap();
    serde_json::from_str::<Value>(item).unwrap()["challenge"]["mailed"].clone()
}

#[tokio::test]
async fn a_redelivered_record_sends_the_same_code_again_after_a_key_rotation_too() {
    for secret in ["rekey/derivation", "rekey/codes"] {
        let app = TestApp::start().await;
        let request = app.forgot_by_code("agency", "client", "jane").await;
        let record = app.stream_records().await.pop().unwrap();
        let batch = json!({"Records": [record]});
        app.mailbox.fail_next(3, rekey_local::mailbox::Failure::AccountPaused);
        app.invoke_mailer(batch.clone()).await;
        assert!(app.mailbox.messages().is_empty());
        let before = mailed(&app, &request).await;
        assert_eq!(before.as_array().unwrap().len(), 1, "remembered before it is mailed");
        assert_eq!((&before[0]["key"], &before[0]["derivation_key"]), (&json!("k1"), &json!("k1")));

        app.mailbox.clear_failures();
        app.sweep_after_rotation(secret).await;
        assert_eq!(mailed(&app, &request).await, before, "{secret}: the same code");
        let code = code_in(&app.mailbox.messages()[0]);
        app.invoke_mailer(batch).await;
        assert_eq!(app.mailbox.messages().len(), 1);
        token_of(&app.verify(&request, &code).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mailers_that_race_over_one_record_mail_one_code() {
    let app = TestApp::start().await;
    let request = app.forgot_by_code("agency", "client", "family@agency.test").await;
    let record = app.stream_records().await.pop().unwrap();
    join_all((0..5).map(|_| app.invoke_mailer(json!({"Records": [record]})))).await;
    let codes: Vec<String> = app.mailbox.messages().iter().map(code_in).collect();
    assert!(!codes.is_empty() && codes.iter().all(|code| *code == codes[0]), "{codes:?}");
    assert_eq!(mailed(&app, &request).await.as_array().unwrap().len(), 1);
    assert_eq!(app.verify(&request, &codes[0]).await.json()["accounts"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_code_that_would_come_too_late_is_not_mailed() {
    let app = TestApp::start().await;
    app.forgot_by_code("agency", "client", "jane").await;
    app.clock.advance(Duration::from_mins(10));
    app.deliver().await;
    assert!(app.mailbox.messages().is_empty());
    let event = app.events(app.account("jane").await.id).await.pop().unwrap();
    let event = serde_json::to_value(event).unwrap();
    assert_eq!((&event["action"], &event["reason"]), (&json!("recovery_refused"), &json!("expired")));
}
