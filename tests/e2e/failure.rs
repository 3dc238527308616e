//! R1: when something fails, callers get a 503 problem, and no change is half done.

use std::collections::HashSet;
use std::sync::Mutex;

use serde_json::json;

use crate::support::seam::Fault;
use crate::support::{NEW_PASSWORD, PASSWORD, Reply, TestApp};

fn unavailable(reply: &Reply) {
    assert_eq!(reply.outcome(), (503, "unavailable".to_owned()), "{reply:?}");
    assert_eq!(reply.headers["content-type"], "application/problem+json");
    assert_eq!(reply.headers["retry-after"], "1");
    for internal in ["Dynamo", "Transact", "Secret", "secret", "rekey/"] {
        assert!(!reply.body.contains(internal), "{}", reply.body);
    }
}

#[tokio::test]
async fn the_store_failing_anywhere_is_a_503_and_nothing_is_half_done() {
    let app = TestApp::start().await;
    let token = app.token_for("jane").await;
    app.forgot("sam").await;
    app.sign_in("sam", PASSWORD).await;
    let before = app.lasting().await;
    for (function, operation) in [
        ("forgot-password", "TransactWriteItems"),
        ("reset-password", "BatchGetItem"),
        ("reset-password", "TransactWriteItems"),
        ("sessions", "GetItem"),
        ("sessions", "TransactWriteItems"),
    ] {
        app.seam.inject(function, operation, 9, Fault::Down);
        let reply = match function {
            "forgot-password" => app.forgot("jane").await,
            "reset-password" => app.reset(&token, NEW_PASSWORD).await,
            _ => app.sign_in("jane", PASSWORD).await,
        };
        unavailable(&reply);
        app.seam.heal();
        assert_eq!(app.lasting().await, before, "{function} {operation}");
    }
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204, "and afterwards it works");
    assert_eq!(app.sign_in("jane", NEW_PASSWORD).await.status, 201);
}

#[tokio::test]
async fn keys_failing_is_a_503_and_heals_by_itself_and_keys_are_fetched_once() {
    let app = TestApp::start().await;
    let imported = app.secrets.calls();
    app.secrets.set_failing(true);
    unavailable(&app.forgot("jane").await);
    unavailable(&app.sign_in("jane", PASSWORD).await);
    app.secrets.set_failing(false);
    assert_eq!(app.forgot("jane").await.status, 202);
    app.deliver().await;
    let token = crate::support::token_in(&app.mailbox.messages()[0]);
    app.secrets.set_failing(true);
    unavailable(&app.reset(&token, NEW_PASSWORD).await);
    app.secrets.set_failing(false);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);

    let app = TestApp::start().await;
    for _ in 0..3 {
        let token = app.token_for("jane").await;
        assert_eq!(app.preview(&token).await.status, 200);
        app.sign_in("jane", PASSWORD).await;
    }
    let token = app.token_for("sam").await;
    app.reset(&token, NEW_PASSWORD).await;
    let fetched = |name: &str| app.secrets.calls_for(name);
    assert_eq!(fetched("rekey/limits"), 3, "forgot-password, sessions, reset-password: once each");
    assert_eq!(fetched("rekey/pepper"), 3, "sessions, reset-password, operator, which seals imported hashes");
    assert_eq!(fetched("rekey/derivation"), 1, "mailer");
    assert_eq!(imported, 1, "an import of many hashes needs the pepper once");
}

#[tokio::test]
async fn an_answer_lost_on_the_way_back_is_asked_for_again_and_nothing_is_written_twice() {
    let app = TestApp::start().await;
    let token = app.token_for("jane").await;
    app.mailbox.clear().unwrap();
    app.seam.inject("reset-password", "TransactWriteItems", 1, Fault::AnswerLost);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.account("jane").await.credential_version, 2);
    app.deliver().await;
    assert_eq!(app.mailbox.messages().len(), 1, "one confirmation");
    app.seam.inject("sessions", "PutItem", 1, Fault::AnswerLost);
    assert_eq!(app.sign_in("jane", "wrong").await.outcome(), (401, "invalid_credentials".to_owned()));
    app.seam.inject("forgot-password", "TransactWriteItems", 1, Fault::AnswerLost);
    assert_eq!(app.forgot("sam").await.status, 202);
    app.deliver().await;
    assert_eq!(app.mailbox.messages().len(), 2, "one link");
}

#[tokio::test]
async fn conflicts_and_throttles_are_waited_out() {
    let app = TestApp::start().await;
    for fault in [Fault::Conflict, Fault::Throttle] {
        let password = format!("{NEW_PASSWORD} {fault:?}");
        let token = app.token_for("jane").await;
        app.seam.inject("reset-password", "TransactWriteItems", 3, fault);
        assert_eq!(app.reset(&token, &password).await.status, 204, "{fault:?}");
        app.seam.inject("sessions", "TransactWriteItems", 3, fault);
        assert_eq!(app.sign_in("jane", &password).await.status, 201, "{fault:?}");
        app.deliver().await;
    }
}

#[tokio::test]
async fn a_store_that_is_not_reached_at_first_is_asked_again() {
    let app = TestApp::start().await;
    let token = app.token_for("jane").await;
    let asked = Mutex::new(HashSet::new());
    app.seam.plan(move |said| {
        let is_first = asked.lock().unwrap().insert(format!("{} {}", said.target, said.body));
        (said.function == "reset-password" && is_first).then_some(Fault::Unreachable)
    });
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.sign_in("jane", NEW_PASSWORD).await.status, 201);
}

#[tokio::test]
async fn what_a_busy_store_leaves_unread_is_asked_for_again() {
    let app = TestApp::start().await;
    let token = app.token_for("jane").await;
    app.seam.inject("reset-password", "BatchGetItem", 3, Fault::Unread);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    let token = app.token_for("sam").await;
    app.seam.inject("reset-password", "BatchGetItem", usize::MAX, Fault::Unread);
    unavailable(&app.reset(&token, NEW_PASSWORD).await);
    app.seam.heal();
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204, "nothing is lost");
}

#[tokio::test]
async fn a_contention_that_never_ends_is_a_503() {
    let app = TestApp::start().await;
    let token = app.token_for("jane").await;
    let before = app.lasting().await;
    app.seam.inject("reset-password", "TransactWriteItems", usize::MAX, Fault::Conflict);
    unavailable(&app.reset(&token, NEW_PASSWORD).await);
    app.seam.heal();
    assert_eq!(app.lasting().await, before);
}

#[tokio::test]
async fn a_broken_item_is_a_500_that_says_nothing() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let app = TestApp::start().await;
    let token = app.token_for("jane").await;
    let key = rekey::store::keys::account(app.account("jane").await.id).attributes();
    let update = app.dynamodb.update_item().table_name(&app.table).set_key(Some(key));
    let update = update.update_expression("SET credential_version = :v");
    update.expression_attribute_values(":v", AttributeValue::S("one".to_owned())).send().await.unwrap();
    let reply = app.preview(&token).await;
    assert_eq!(reply.outcome(), (500, "internal".to_owned()));
    let expected = json!({"type": "urn:rekey:problem:internal", "title": "Something went wrong. Try again later.",
        "status": 500, "code": "internal"});
    assert_eq!(reply.json(), expected);
}

#[tokio::test]
async fn a_hash_that_can_no_longer_be_compared_looks_like_no_account() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let app = TestApp::start().await;
    assert_eq!(app.sign_in("jane", PASSWORD).await.status, 201, "her hash is Rekey's own from now on");
    let jane = app.account("jane").await;
    let hash = serde_json::to_value(&jane.password).unwrap().as_str().unwrap().to_owned();
    let unknown = app.sign_in("nobody", PASSWORD).await;
    assert!(hash.contains("keyid=azE"), "the key k1: {hash}");
    for kept in [hash.replace("keyid=azE", "keyid=azk"), "$2b$10$short".to_owned(), String::new()] {
        for name in jane.sign_in_names() {
            let key = rekey::store::keys::login(&jane.practice, jane.portal, &name).attributes();
            let update = app.dynamodb.update_item().table_name(&app.table).set_key(Some(key));
            let update = update.update_expression("SET password = :p");
            update.expression_attribute_values(":p", AttributeValue::S(kept.clone())).send().await.unwrap();
        }
        let reply = app.sign_in("jane", PASSWORD).await;
        assert_eq!((reply.status, &reply.body), (unknown.status, &unknown.body), "{kept}");
        assert_eq!(reply.outcome(), (401, "invalid_credentials".to_owned()), "{kept}");
    }
    let token = app.token_for("jane").await;
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204, "a recovery helps");
    assert_eq!(app.sign_in("jane", NEW_PASSWORD).await.status, 201);
}
