//! R2 and the contract: shapes, headers, errors, the OpenAPI document and the sample events.

use std::path::{Path, PathBuf};

use rekey::http::problem::ProblemBody;
use serde_json::{Value, json};
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use crate::support::event::{HttpEvent, request_from};
use crate::support::{NEW_PASSWORD, PASSWORD, Reply, TestApp, function_of};

/// A path of the contract, its methods, and a body that is fine.
fn routes() -> Vec<(&'static str, Vec<&'static str>, Option<Value>)> {
    let token = "A".repeat(86);
    vec![
        ("/v1/password/forgot", vec!["POST"], Some(json!({"practice": "agency", "identifier": "jane"}))),
        (
            "/v1/password/verify-code",
            vec!["POST"],
            Some(json!({"request_id": "01JD7Z3M5V8Q2X4Y6W0N1R9T3K", "code": "1234 5678"})),
        ),
        (
            "/v1/password/change",
            vec!["POST"],
            Some(json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD})),
        ),
        (
            "/v1/security-question",
            vec!["PUT"],
            Some(json!({"current_password": PASSWORD, "question": "First pet?", "answer": "Biscuit"})),
        ),
        ("/v1/password/reset/preview", vec!["POST"], Some(json!({"token": token}))),
        ("/v1/password/reset", vec!["POST"], Some(json!({"token": token, "new_password": NEW_PASSWORD}))),
        (
            "/v1/sessions",
            vec!["POST", "GET", "DELETE"],
            Some(json!({"practice": "agency", "identifier": "jane", "password": "x"})),
        ),
        ("/v1/sessions/current", vec!["DELETE"], None),
        ("/v1/sessions/01JD7Z3M5V8Q2X4Y6W0N1R9T3K", vec!["DELETE"], None),
        ("/v1/account", vec!["GET"], None),
        ("/v1/password/repudiate", vec!["POST"], Some(json!({"token": token}))),
        ("/v1/activity", vec!["GET"], None),
        ("/v1/admin/changes", vec!["GET"], None),
        ("/v1/admin/accounts/01JD7Z3M5V8Q2X4Y6W0N1R9T3K/activity", vec!["GET"], None),
        ("/v1/admin/practice", vec!["GET", "PATCH"], None),
        ("/v1/admin/accounts", vec!["GET", "POST"], None),
        ("/v1/admin/accounts/01JD7Z3M5V8Q2X4Y6W0N1R9T3K/links", vec!["POST"], None),
        ("/v1/admin/accounts/01JD7Z3M5V8Q2X4Y6W0N1R9T3K/temporary-password", vec!["POST"], None),
        ("/v1/admin/accounts/01JD7Z3M5V8Q2X4Y6W0N1R9T3K/invitation", vec!["POST"], None),
        ("/v1/admin/accounts/01JD7Z3M5V8Q2X4Y6W0N1R9T3K/tickets", vec!["GET"], None),
        (
            "/v1/admin/accounts/01JD7Z3M5V8Q2X4Y6W0N1R9T3K/tickets/01JD7Z3M5V8Q2X4Y6W0N1R9T3K",
            vec!["DELETE"],
            None,
        ),
        ("/v1/admin/accounts/01JD7Z3M5V8Q2X4Y6W0N1R9T3K/sessions", vec!["DELETE"], None),
        ("/v1/admin/accounts/01JD7Z3M5V8Q2X4Y6W0N1R9T3K", vec!["GET", "PATCH"], None),
        (
            "/v1/admin/accounts/01JD7Z3M5V8Q2X4Y6W0N1R9T3K/caseload/01JD7Z3M5V8Q2X4Y6W0N1R9T3K",
            vec!["PUT", "DELETE"],
            None,
        ),
        (
            "/v1/admin/accounts/01JD7Z3M5V8Q2X4Y6W0N1R9T3K/associations/01JD7Z3M5V8Q2X4Y6W0N1R9T3K",
            vec!["PUT", "DELETE"],
            None,
        ),
        ("/v1/practices/agency", vec!["GET"], None),
        ("/.well-known/change-password", vec!["GET"], None),
    ]
}

fn is_guarded(reply: &Reply) {
    let header = |name: &str| reply.headers.get(name).map(|value| value.to_str().unwrap());
    assert_eq!(header("cache-control"), Some("no-store"), "{reply:?}");
    assert_eq!(header("x-content-type-options"), Some("nosniff"), "{reply:?}");
    assert!(header("strict-transport-security").unwrap().starts_with("max-age=63072000"), "{reply:?}");
    assert_eq!(header("access-control-allow-origin"), None, "origins are the gateway's to allow");
    if reply.status.as_u16() >= 400 {
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
    for (path, methods, body) in routes() {
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
        let large = format!("{{\"x\":\"{}\"}}", "x".repeat(16 * 1024));
        for (event, outcome) in [
            (post().json(&json!({})).body(&large), (413, "body_too_large")),
            (post().body(&body.to_string()), (415, "unsupported_media_type")),
            (post().json(&body).header("content-type", "text/plain"), (415, "unsupported_media_type")),
            (post().json(&body).body("{\"x"), (400, "malformed_json")),
            (post().json(&body).body("{} {}"), (400, "invalid_request")),
            (post().json(&body).body(""), (400, "malformed_json")),
            (post().json(&json!([1])), (400, "invalid_request")),
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
async fn a_body_in_base64_is_a_body() {
    let app = TestApp::start().await;
    let event = HttpEvent::new("POST", "/v1/password/forgot").json(&json!({}));
    let mut value = event.into_value();
    value["body"] = json!("eyJwcmFjdGljZSI6ImFnZW5jeSIsImlkZW50aWZpZXIiOiJqYW5lIn0=");
    value["isBase64Encoded"] = json!(true);
    let reply = app.send_value(value).await;
    assert_eq!(reply.status, 202);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every sample event of a function: name and content.
fn samples(function: &str) -> Vec<(String, Value)> {
    let folder = root().join("events").join(function);
    let mut samples: Vec<(String, Value)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), serde_json::from_str(&text).unwrap())
        })
        .collect();
    samples.sort_by(|one, other| one.0.cmp(&other.0));
    assert!(samples.len() >= 4, "{function} has sample events");
    samples
}

/// Not an invocation without the gateway.
fn is_request((_, event): &(String, Value)) -> bool {
    event.get("requestContext").is_some()
}

const HTTP_FUNCTIONS: [&str; 8] = [
    "accounts",
    "activity",
    "admin-link",
    "change-password",
    "forgot-password",
    "reset-password",
    "sessions",
    "verify-code",
];

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
        assert_eq!(app.invoke_mailer(event).await, json!({"batchItemFailures": []}), "mailer/{name}");
    }
}

#[test]
fn sample_events_have_the_shape_of_the_gateway() {
    for function in HTTP_FUNCTIONS {
        for (_, event) in samples(function).into_iter().filter(is_request) {
            let ip = event["requestContext"]["http"]["sourceIp"].clone();
            assert_eq!(ip, "203.0.113.7");
            request_from(event);
        }
    }
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Rekey", version = "1", description = "Credential recovery for patient portals. Times are RFC 3339 UTC, ids are ULIDs. Every error is a problem (RFC 9457) with a stable `code`.", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    paths(
        forgot_password::forgot,
        forgot_password::public_facts,
        forgot_password::change_page,
        verify_code::verify_code,
        reset_password::preview::preview,
        reset_password::reset::reset,
        reset_password::repudiate::repudiate,
        sessions::sign_in::create_session,
        sessions::holder::list_sessions,
        sessions::holder::end_others,
        sessions::holder::sign_out,
        sessions::holder::end_session,
        sessions::holder::get_account,
        change_password::change::change_password,
        change_password::question::set_question,
        activity::own::list_activity,
        activity::changes::list_account_activity,
        activity::changes::list_changes,
        accounts::practice::get_settings,
        accounts::practice::change_settings,
        accounts::list::list_accounts,
        accounts::create::create_account,
        accounts::edit::get_account,
        accounts::edit::edit_account,
        accounts::relations::assign,
        accounts::relations::unassign,
        accounts::relations::associate,
        accounts::relations::dissociate,
        admin_link::issue::create_link,
        admin_link::issue::create_temporary_password,
        admin_link::issue::invite,
        admin_link::issued::list_tickets,
        admin_link::issued::revoke_ticket,
        admin_link::issued::end_sessions,
    ),
    components(schemas(ProblemBody)),
    security(("session" = [])),
)]
struct Api;

pub fn document() -> String {
    let mut api = Api::openapi();
    let bearer =
        Http::builder().scheme(HttpAuthScheme::Bearer).description(Some("The token of a session")).build();
    api.components.get_or_insert_default().add_security_scheme("session", SecurityScheme::Http(bearer));
    api.to_pretty_json().unwrap() + "\n"
}

/// `REKEY_WRITE_OPENAPI=1 cargo test openapi` writes the document anew.
#[test]
fn the_openapi_document_is_current() {
    let path = root().join("infra/openapi.json");
    if std::env::var_os("REKEY_WRITE_OPENAPI").is_some() {
        std::fs::write(&path, document()).unwrap();
    }
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        checked_in == document(),
        "infra/openapi.json is stale: REKEY_WRITE_OPENAPI=1 cargo test openapi"
    );
}

#[test]
fn the_openapi_document_is_3_1_and_has_every_route() {
    let api: Value = serde_json::from_str(&document()).unwrap();
    assert!(api["openapi"].as_str().unwrap().starts_with("3.1"));
    for (path, methods, _) in routes() {
        let path = match path {
            "/v1/practices/agency" => "/v1/practices/{slug}",
            "/v1/sessions/01JD7Z3M5V8Q2X4Y6W0N1R9T3K" => "/v1/sessions/{id}",
            "/v1/admin/accounts/01JD7Z3M5V8Q2X4Y6W0N1R9T3K" => "/v1/admin/accounts/{id}",
            "/v1/admin/accounts/01JD7Z3M5V8Q2X4Y6W0N1R9T3K/links" => "/v1/admin/accounts/{id}/links",
            "/v1/admin/accounts/01JD7Z3M5V8Q2X4Y6W0N1R9T3K/temporary-password" => {
                "/v1/admin/accounts/{id}/temporary-password"
            }
            "/v1/admin/accounts/01JD7Z3M5V8Q2X4Y6W0N1R9T3K/activity" => "/v1/admin/accounts/{id}/activity",
            "/v1/admin/accounts/01JD7Z3M5V8Q2X4Y6W0N1R9T3K/invitation" => {
                "/v1/admin/accounts/{id}/invitation"
            }
            "/v1/admin/accounts/01JD7Z3M5V8Q2X4Y6W0N1R9T3K/tickets" => "/v1/admin/accounts/{id}/tickets",
            "/v1/admin/accounts/01JD7Z3M5V8Q2X4Y6W0N1R9T3K/tickets/01JD7Z3M5V8Q2X4Y6W0N1R9T3K" => {
                "/v1/admin/accounts/{id}/tickets/{ticket_id}"
            }
            "/v1/admin/accounts/01JD7Z3M5V8Q2X4Y6W0N1R9T3K/sessions" => "/v1/admin/accounts/{id}/sessions",
            "/v1/admin/accounts/01JD7Z3M5V8Q2X4Y6W0N1R9T3K/caseload/01JD7Z3M5V8Q2X4Y6W0N1R9T3K" => {
                "/v1/admin/accounts/{id}/caseload/{staff_id}"
            }
            "/v1/admin/accounts/01JD7Z3M5V8Q2X4Y6W0N1R9T3K/associations/01JD7Z3M5V8Q2X4Y6W0N1R9T3K" => {
                "/v1/admin/accounts/{id}/associations/{account_id}"
            }
            other => other,
        };
        for method in methods {
            let operation = &api["paths"][path][method.to_lowercase()];
            assert!(operation["responses"].is_object(), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn answers_have_exactly_the_members_that_the_document_says() {
    let app = TestApp::start().await;
    let api: Value = serde_json::from_str(&document()).unwrap();
    let token = app.token_for("jane").await;
    let (request, code) = app.code_for("jane").await;
    let (shared, shared_code) = app.code_for("family@agency.test").await;
    let session = app.session_of("jane", PASSWORD).await;
    let get = |path: &str| HttpEvent::new("GET", path).bearer(&session);
    for (schema, reply) in [
        ("ForgotAnswer", app.forgot("sam").await),
        ("VerifiedAccount", app.verify(&request, &code).await),
        ("VerifiedMailbox", app.verify(&shared, &shared_code).await),
        ("Preview", app.preview(&token).await),
        ("SignInAnswer", app.sign_in("jane", PASSWORD).await),
        ("AccountFacts", app.send(get("/v1/account")).await),
        ("Sessions", app.send(get("/v1/sessions")).await),
        ("PublicPractice", app.send(get("/v1/practices/agency")).await),
    ] {
        let documented = api["components"]["schemas"][schema]["properties"]
            .as_object()
            .unwrap_or_else(|| panic!("{schema}"));
        let mut documented: Vec<&String> = documented.keys().collect();
        let answered = reply.json();
        let mut answered: Vec<&String> = answered.as_object().unwrap().keys().collect();
        documented.sort();
        answered.sort();
        assert_eq!(documented, answered, "{schema}");
    }
}
