//! The steps of a recovery by code.

use serde_json::json;

use super::event::HttpEvent;
use super::{Reply, TestApp};

pub fn token_of(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["token"].as_str().unwrap().to_owned()
}

pub fn expired() -> (u16, String) {
    (410, "code_expired".to_owned())
}

pub async fn verify_from(app: &TestApp, request: &str, code: &str, ip: &str) -> Reply {
    let body = json!({"request_id": request, "code": code});
    app.send(HttpEvent::new("POST", "/v1/password/verify-code").at_ip(ip).json(&body)).await
}
