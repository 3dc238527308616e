//! R2 and the contract: shapes, headers, errors, the OpenAPI document and the sample events.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::routes;
use crate::support::samples::{HTTP_FUNCTIONS, is_request, samples};
use crate::support::{NEW_PASSWORD, PASSWORD, Reply, TestApp, function_of};

/// A path of the contract, with the methods that it has, and a body that is fine where one is wanted.
struct PathCase {
    pattern: &'static str,
    path: String,
    methods: Vec<&'static str>,
    body: Option<Value>,
}

/// Every path that the functions have routes for.
fn paths() -> Vec<PathCase> {
    let mut paths: Vec<PathCase> = Vec::new();
    for known in routes::all() {
        match paths.iter_mut().find(|case| case.pattern == known.pattern) {
            Some(case) => case.methods.push(&known.method),
            None => paths.push(PathCase {
                pattern: known.pattern,
                path: filled(known.pattern),
                methods: vec![&known.method],
                body: body_for(known.pattern),
            }),
        }
    }
    paths
}

/// A path that fits a pattern.
fn filled(pattern: &str) -> String {
    let segment = |segment: &str| match segment {
        "{slug}" => "agency".to_owned(),
        _ if segment.starts_with('{') => "01JD7Z3M5V8Q2X4Y6W0N1R9T3K".to_owned(),
        _ => segment.to_owned(),
    };
    pattern.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// The body that the first method of a path is sent, where nobody has to be signed in for it to be looked at.
fn body_for(pattern: &str) -> Option<Value> {
    let token = "A".repeat(86);
    Some(match pattern {
        "/v1/password/forgot" => json!({"practice": "agency", "identifier": "jane"}),
        "/v1/password/verify-code" => {
            json!({"request_id": "01JD7Z3M5V8Q2X4Y6W0N1R9T3K", "code": "1234 5678"})
        }
        "/v1/password/help" => json!({"request_id": "01JD7Z3M5V8Q2X4Y6W0N1R9T3K", "reach": "call"}),
        "/v1/password/change" => json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD}),
        "/v1/security-question" => {
            json!({"current_password": PASSWORD, "question": "First pet?", "answer": "Biscuit"})
        }
        "/v1/password/reset/preview" | "/v1/password/repudiate" | "/v1/password/not-me" => {
            json!({"token": token})
        }
        "/v1/password/reset" => json!({"token": token, "new_password": NEW_PASSWORD}),
        "/v1/sessions" => json!({"practice": "agency", "identifier": "jane", "password": "x"}),
        _ => return None,
    })
}

fn is_guarded(reply: &Reply) {
    let header = |name: &str| reply.headers.get(name).map(|value| value.to_str().unwrap());
    assert_eq!(header("cache-control"), Some("no-store"), "{reply:?}");
    assert_eq!(header("x-content-type-options"), Some("nosniff"), "{reply:?}");
    assert!(header("strict-transport-security").unwrap().starts_with("max-age=63072000"), "{reply:?}");
    assert!(header("vary").unwrap().ends_with("Origin"), "{reply:?}");
    let is_page = header("content-type") == Some("text/html; charset=utf-8");
    if is_page {
        assert!(header("content-security-policy").unwrap().starts_with("default-src 'none'"), "{reply:?}");
    } else if reply.status.as_u16() >= 400 {
        assert_eq!(header("content-type"), Some("application/problem+json"), "{reply:?}");
        let json = reply.json();
        assert_eq!(json["status"], reply.status.as_u16());
        assert_eq!(json["type"], format!("urn:rekey:problem:{}", reply.code()));
        assert!(!json["title"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn every_path_refuses_what_it_must_and_every_answer_is_guarded() {
    let app = TestApp::start().await;
    let before = app.lasting().await;
    for PathCase { path, methods, body, .. } in paths() {
        let path = path.as_str();
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let reply = app.send(HttpEvent::new(method, path)).await;
            is_guarded(&reply);
            if !methods.contains(&method) {
                assert_eq!(reply.outcome(), (405, "method_not_allowed".to_owned()), "{method} {path}");
                assert_eq!(reply.headers["allow"], methods.join(", "));
            }
        }
        let Some(body) = body else { continue };
        let method = methods[0];
        let post = || HttpEvent::new(method, path);
        // An array of the members is no object, although serde would take it for one.
        let in_order: Value = body.as_object().unwrap().values().cloned().collect();
        let large = format!("{{\"x\":\"{}\"}}", "x".repeat(16 * 1024));
        for (event, outcome) in [
            (post().json(&json!({})).body(&large), (413, "body_too_large")),
            (post().body(&body.to_string()), (415, "unsupported_media_type")),
            (post().json(&body).header("content-type", "text/plain"), (415, "unsupported_media_type")),
            (post().json(&body).body("{\"x"), (400, "malformed_json")),
            (post().json(&body).body("{} {}"), (400, "invalid_request")),
            (post().json(&body).body(""), (400, "malformed_json")),
            (post().json(&json!([1])), (400, "invalid_request")),
            (post().json(&in_order), (400, "invalid_request")),
            (post().json(&json!({"colour": "red"})), (400, "invalid_request")),
        ] {
            let reply = app.send(event).await;
            assert_eq!(reply.outcome(), (outcome.0, outcome.1.to_owned()), "{path}: {}", reply.body);
            is_guarded(&reply);
        }
        let mut unknown = body.clone();
        unknown["role"] = json!("admin");
        let reply = app.send(post().json(&unknown)).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()));
        assert!(reply.json()["detail"].as_str().unwrap().contains("unknown field `role`"), "{}", reply.body);
    }
    assert_eq!(app.lasting().await, before);
}

#[tokio::test]
async fn another_spelling_of_a_path_is_another_path() {
    let app = TestApp::start().await;
    for path in [
        "/v1/password/forgot/",
        "//v1/password/forgot",
        "/v1/password//forgot",
        "/V1/password/forgot",
        "/",
        "/v1",
    ] {
        let reply = app.post(path, json!({"practice": "agency", "identifier": "jane"})).await;
        assert_eq!(reply.outcome(), (404, "not_found".to_owned()), "{path}");
        is_guarded(&reply);
    }
}

#[tokio::test]
async fn an_error_never_repeats_what_was_sent() {
    let app = TestApp::start().await;
    for body in [
        json!({"practice": "agency", "identifier": "jane", "password": ["hunter2hunter2"]}),
        json!({"practice": "agency", "identifier": "jane", "password": 41_424_344}),
        json!({"practice": "agency", "identifier": "jane", "password": "x", "portal": "hunter2hunter2"}),
        json!("hunter2hunter2"),
    ] {
        let reply = app.post("/v1/sessions", body).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()));
        assert!(!reply.body.contains("hunter2") && !reply.body.contains("41424344"), "{}", reply.body);
    }
}

#[tokio::test]
async fn a_value_of_another_type_is_valid_json_and_its_member_is_named() {
    let app = TestApp::start().await;
    for (member, value) in
        [("portal", json!(null)), ("method", json!(5)), ("method", json!([])), ("portal", json!({}))]
    {
        let mut body = json!({"practice": "agency", "identifier": "jane"});
        body[member] = value;
        let reply = app.post("/v1/password/forgot", body.clone()).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{body}");
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with(&format!("{member}: ")), "{body}: {detail}");
    }
}

#[tokio::test]
async fn a_body_in_base64_is_a_body() {
    let app = TestApp::start().await;
    let event = HttpEvent::new("POST", "/v1/password/forgot").json(&json!({}));
    let mut value = event.into_value();
    value["body"] = json!("eyJwcmFjdGljZSI6ImFnZW5jeSIsImlkZW50aWZpZXIiOiJqYW5lIn0=");
    value["isBase64Encoded"] = json!(true);
    let reply = app.send_value(value.clone()).await;
    assert_eq!(reply.status, 202);
    // The gateway encodes what is not UTF-8: here the bytes ff fe.
    value["body"] = json!("//4=");
    let reply = app.send_value(value).await;
    assert_eq!(reply.outcome(), (400, "malformed_json".to_owned()));
}

#[tokio::test]
async fn every_http_sample_event_gets_the_status_in_its_name() {
    let app = TestApp::start().await;
    for function in HTTP_FUNCTIONS {
        for (name, event) in samples(function).into_iter().filter(is_request) {
            let path = event["rawPath"].as_str().unwrap().to_owned();
            assert_eq!(function_of(&path), function, "{name}");
            let reply = app.send_value(event).await;
            assert_eq!(
                reply.status.as_str(),
                name.rsplit('_').next().unwrap(),
                "{function}/{name}: {}",
                reply.body
            );
        }
    }
}

#[tokio::test]
async fn every_other_sample_event_ends_as_its_name_says() {
    let app = TestApp::start().await;
    for (name, event) in samples("operator") {
        let outcome = app.operate(event).await;
        assert_eq!(outcome.is_ok(), name.ends_with("_ok"), "operator/{name}: {outcome:?}");
        if let Some(failed) = outcome.ok().as_ref().and_then(|answer| answer.get("failed")) {
            assert_eq!(failed, 1, "operator/{name}: the one line that says it is broken");
        }
    }
    for (name, event) in samples("mail-events") {
        assert!(app.mail_event(event).await.is_ok(), "mail-events/{name}");
    }
    for (name, event) in samples("admin-link").into_iter().filter(|sample| !is_request(sample)) {
        let outcome = app.invoke_admin_link(event).await;
        assert_eq!(outcome.is_ok(), name.ends_with("_ok"), "admin-link/{name}: {outcome:?}");
    }
    for (name, event) in samples("mailer") {
        let is_sweep = event["sweep"].is_string();
        let expected =
            if is_sweep { json!({"due": 0, "tried": 0}) } else { json!({"batchItemFailures": []}) };
        assert_eq!(app.invoke_mailer(event).await, expected, "mailer/{name}");
    }
}

#[test]
fn sample_events_have_the_shape_of_the_gateway() {
    for function in HTTP_FUNCTIONS {
        for (_, event) in samples(function).into_iter().filter(is_request) {
            let ip = event["requestContext"]["http"]["sourceIp"].clone();
            assert_eq!(ip, "203.0.113.7");
            serde_json::from_value::<ApiGatewayV2httpRequest>(event).unwrap();
        }
    }
}
