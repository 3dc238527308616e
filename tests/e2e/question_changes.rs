//! T8: a security question is set by an invitation, or with the current password.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::questions::{QUESTION, answer, code_for, left, link_for, pediatrics, put, sign_in};
use crate::support::{NEW_PASSWORD, PASSWORD, token_in};

#[tokio::test]
async fn an_invitation_sets_the_question_that_the_next_recovery_asks() {
    let app = pediatrics().await;
    let token = link_for(&app, "client", "ivan").await;
    assert_eq!(app.preview(&token).await.json()["purpose"], "invitation");
    let accept = |question: Value| json!({"token": token, "new_password": NEW_PASSWORD, "security_question": question});
    let before = app.lasting().await;
    for (broken, member) in [
        (json!({"question": " ", "answer": "Rex"}), "security_question.question"),
        (json!({"question": "x".repeat(201), "answer": "Rex"}), "security_question.question"),
        (json!({"question": "First\npet?", "answer": "Rex"}), "security_question.question"),
        (json!({"question": "First pet?", "answer": "?!"}), "security_question.answer"),
        (json!({"question": "First pet?"}), "security_question"),
        (json!({"question": "First pet?", "answer": "Rex", "hint": "dog"}), "security_question"),
        (json!("First pet?"), "security_question"),
    ] {
        let reply = app.post("/v1/password/reset", accept(broken.clone())).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{broken}");
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with(member) && !detail.contains("Rex"), "{broken}: {detail}");
    }
    assert_eq!(app.lasting().await, before);
    let chosen = accept(json!({"question": "First pet?", "answer": "Señor Bigotes"}));
    assert_eq!(app.post("/v1/password/reset", chosen).await.status, 204);
    assert!(!app.dump().await.join("").to_lowercase().contains("bigotes"), "kept like a password");

    let link = link_for(&app, "client", "ivan").await;
    assert_eq!(app.preview(&link).await.json()["question"], "First pet?");
    let reset = |answer: &str| {
        let body = json!({"token": link, "new_password": "another lantern in the rain", "answer": answer});
        app.post("/v1/password/reset", body)
    };
    assert_eq!(left(&reset("Biscuit").await), 4);
    assert_eq!(reset("sen\u{303}or  BIGOTES").await.status, 204);
}

#[tokio::test]
async fn staff_set_their_question_by_invitation_and_later() {
    let app = pediatrics().await;
    let invite = json!({"action": "create_administrator", "practice": "pediatrics", "username": "robin",
        "email": "robin@pediatrics.test", "display_name": "Robin"});
    app.operate(invite).await.unwrap();
    app.deliver().await;
    let token = token_in(&app.mailbox.messages()[0]);
    let body = json!({"token": token, "new_password": NEW_PASSWORD,
        "security_question": {"question": "First car?", "answer": "Beetle"}});
    assert_eq!(app.post("/v1/password/reset", body).await.status, 204);
    assert_eq!(code_for(&app, "staff", "robin").await["question"], "First car?");
    let session =
        sign_in(&app, "staff", "robin", NEW_PASSWORD).await.json()["token"].as_str().unwrap().to_owned();
    let body = json!({"current_password": NEW_PASSWORD, "question": "First boat?", "answer": "Dinghy"});
    assert_eq!(app.send(put(&session, &body)).await.status, 204);
    assert_eq!(code_for(&app, "staff", "robin").await["question"], "First boat?");
}

#[tokio::test]
async fn a_signed_in_holder_sets_a_question_with_the_current_password() {
    let app = pediatrics().await;
    let session =
        sign_in(&app, "client", "olga", PASSWORD).await.json()["token"].as_str().unwrap().to_owned();
    let body =
        |password: &str| json!({"current_password": password, "question": QUESTION, "answer": " Rex "});
    let before = app.lasting().await;
    for (event, outcome) in [
        (HttpEvent::new("PUT", "/v1/security-question").json(&body(PASSWORD)), (401, "invalid_session")),
        (put(&"A".repeat(86), &body(PASSWORD)), (401, "invalid_session")),
        (put(&session, &json!({"question": QUESTION, "answer": "Rex"})), (400, "invalid_request")),
        (
            put(&session, &json!({"current_password": "", "question": QUESTION, "answer": "Rex"})),
            (400, "invalid_request"),
        ),
        (
            put(&session, &json!({"current_password": PASSWORD, "question": "", "answer": "Rex"})),
            (400, "invalid_request"),
        ),
        (
            put(&session, &json!({"current_password": PASSWORD, "question": QUESTION, "answer": "-"})),
            (400, "invalid_request"),
        ),
        (
            put(&session, &json!({"current_password": PASSWORD, "question": QUESTION, "answer": ["Rex"]})),
            (400, "invalid_request"),
        ),
    ] {
        assert_eq!(app.send(event).await.outcome(), (outcome.0, outcome.1.to_owned()));
    }
    assert_eq!(app.lasting().await, before);
    assert_eq!(
        app.send(put(&session, &body("not the password"))).await.outcome(),
        (401, "invalid_credentials".to_owned())
    );
    assert_eq!(app.send(put(&session, &body(PASSWORD))).await.status, 204);

    let link = link_for(&app, "client", "olga").await;
    assert_eq!(app.preview(&link).await.json()["question"], QUESTION);
    assert_eq!(left(&answer(&app, &link, "Biscuit").await), 4);
    assert_eq!(answer(&app, &link, "REX").await.status, 204);
    let id = app.account_of("pediatrics", rekey::domain::practice::Portal::Client, "olga").await.id;
    let events = app.events(id).await;
    let words = |name: &str| {
        let events = events.iter().map(|event| serde_json::to_value(event).unwrap()[name].clone());
        events
            .filter(|word| word.as_str().is_some_and(|word| word.starts_with("security")))
            .collect::<Vec<_>>()
    };
    assert_eq!(words("action"), [json!("security_question_change_fail"), json!("security_question_change")]);
}

#[tokio::test]
async fn guessing_the_password_with_a_found_session_counts_like_signing_in() {
    let app = pediatrics().await;
    let session =
        sign_in(&app, "client", "jane", PASSWORD).await.json()["token"].as_str().unwrap().to_owned();
    let set = async |password: &str| {
        let body = json!({"current_password": password, "question": QUESTION, "answer": "Mine"});
        app.send(put(&session, &body)).await
    };
    let replies = join_all((0..20).map(|n| set(["a guess", "another"][n % 2]))).await;
    let compared = replies.iter().filter(|reply| reply.status == 401).count();
    assert_eq!(compared, 6, "in parallel as one by one");
    let refused = set(PASSWORD).await;
    assert_eq!(refused.outcome(), (429, "too_many_requests".to_owned()), "even the right one");
    assert_eq!(refused.headers["retry-after"], "30");
    assert_eq!(sign_in(&app, "client", "jane", PASSWORD).await.status, 429, "one count for both");
    app.clock.advance(Duration::from_secs(31));
    assert_eq!(set(PASSWORD).await.status, 204);
    assert_eq!(sign_in(&app, "client", "jane", PASSWORD).await.status, 201, "and success ends it");
}
