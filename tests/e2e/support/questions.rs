//! A practice that asks security questions, and the steps of a recovery there.

use serde_json::{Value, json};

use super::event::HttpEvent;
use super::{NEW_PASSWORD, Reply, TestApp, code_in, demo_accounts, password_hash, token_in};

pub const QUESTION: &str = "What was the name of your first pet?";

/// A deployment with `pediatrics`. Every account but `ivan` and `olga` has a question with the answer `Biscuit`.
pub async fn pediatrics() -> TestApp {
    let app = TestApp::start_with(&[]).await;
    app.create_practice("pediatrics", json!({"security_question": "required", "link_ttl": 172_800})).await;
    let mut accounts = demo_accounts("pediatrics");
    for account in &mut accounts {
        if account["username"] != "ivan" {
            account["security_question"] = json!({"question": QUESTION, "answer": "Biscuit"});
        }
    }
    accounts.push(json!({"username": "olga", "email": "olga@pediatrics.test", "display_name": "Olga",
        "password_hash": password_hash()}));
    app.import("pediatrics", &accounts).await;
    app
}

pub async fn link_for(app: &TestApp, portal: &str, identifier: &str) -> String {
    let body =
        json!({"practice": "pediatrics", "portal": portal, "identifier": identifier, "method": "link"});
    assert_eq!(app.post("/v1/password/forgot", body).await.status, 202);
    app.deliver().await;
    token_in(&app.mailbox.messages()[0])
}

pub async fn code_for(app: &TestApp, portal: &str, identifier: &str) -> Value {
    let request = app.forgot_by_code("pediatrics", portal, identifier).await;
    app.deliver().await;
    let reply = app.verify(&request, &code_in(&app.mailbox.messages()[0])).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

pub async fn answer(app: &TestApp, token: &str, answer: &str) -> Reply {
    let body = json!({"token": token, "new_password": NEW_PASSWORD, "answer": answer});
    app.post("/v1/password/reset", body).await
}

pub async fn sign_in(app: &TestApp, portal: &str, username: &str, password: &str) -> Reply {
    let body =
        json!({"practice": "pediatrics", "portal": portal, "identifier": username, "password": password});
    app.post("/v1/sessions", body).await
}

pub fn left(reply: &Reply) -> u64 {
    assert_eq!(reply.outcome(), (403, "wrong_answer".to_owned()));
    reply.json()["attempts_left"].as_u64().unwrap()
}

pub fn put(session: &str, body: &Value) -> HttpEvent {
    HttpEvent::new("PUT", "/v1/security-question").bearer(session).json(body)
}
