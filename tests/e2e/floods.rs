//! A flood of one kind of request writes to no item of the table often, so that it makes nobody else wait.

use std::collections::HashMap;

use rekey::platform::clock::hours;
use serde_json::{Value, json};

use crate::support::event::{HttpEvent, source};
use crate::support::seam::{LOGS, Said};
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp, other_than};

/// The requests of a flood, which one warm function answers within some seconds of its clock.
const FLOOD: usize = 300;
/// The most writes to one item: the thirty or so that a limit counts, and then four a second for the second or two that pass.
const MOST: usize = 40;

/// The writes to each item and to each partition of an index.
fn writes(app: &TestApp) -> HashMap<String, usize> {
    let mut writes = HashMap::new();
    let mut count = |place: String| *writes.entry(place).or_default() += 1;
    let said = app.seam.said();
    for item in said.iter().flat_map(Said::writes) {
        count(format!("{} {}", item["pk"]["S"], item["sk"]["S"]));
        LOGS.iter().filter_map(|log| item[*log]["S"].as_str()).for_each(|log| count(log.to_owned()));
    }
    writes
}

/// Sends a flood and returns the most writes to one item.
async fn flood(app: &TestApp, what: &str, event: impl Fn(usize) -> HttpEvent, statuses: &[u16]) {
    app.seam.forget();
    for n in 0..FLOOD {
        let reply = app.send(event(n)).await;
        assert!(statuses.contains(&reply.status.as_u16()), "{what}: {reply:?}");
    }
    let writes = writes(app);
    let (place, most) = writes.iter().max_by_key(|(_, most)| **most).unwrap();
    assert!(*most <= MOST, "{what}: {most} of {FLOOD} write to {place}");
    app.clock.advance(hours(1));
}

fn post(path: &str, body: &Value) -> HttpEvent {
    HttpEvent::new("POST", path).json(body)
}

fn sign_in(name: &str, ip: &str) -> HttpEvent {
    post("/v1/sessions", &json!({"practice": "agency", "identifier": name, "password": "wrong"})).at_ip(ip)
}

fn forgot(name: &str, method: &str) -> HttpEvent {
    post("/v1/password/forgot", &json!({"practice": "agency", "identifier": name, "method": method}))
}

#[tokio::test]
async fn a_flood_of_anonymous_requests_writes_to_no_item_often() {
    let app = TestApp::start().await;
    flood(&app, "one name", |_| sign_in("jane", "192.0.2.1"), &[401, 429]).await;
    flood(&app, "a name that nobody has", |_| sign_in("nobody", "192.0.2.1"), &[401, 429]).await;
    flood(&app, "one name from everywhere", |n| sign_in("sam", &source(n)), &[401, 429]).await;
    flood(&app, "one source", |n| sign_in(&format!("name{n}"), "192.0.2.1"), &[401, 429]).await;
    flood(&app, "a name's links", |_| forgot("jane", "link"), &[202, 429]).await;
    flood(&app, "a name's codes", |_| forgot("sam", "code"), &[202, 429]).await;
    flood(&app, "the requests of a source", |n| forgot(&format!("name{n}"), "link"), &[202, 429]).await;
    let (request, code) = app.code_for("jane").await;
    for (what, code) in
        [("a wrong code", other_than(&code)), ("a code of another length", "123456".to_owned())]
    {
        let body = json!({"request_id": request, "code": code});
        flood(&app, what, |_| post("/v1/password/verify-code", &body), &[400, 410]).await;
    }
    let nothing = json!({"request_id": "01JD7Z3M5V8Q2X4Y6W0N1R9T3K", "code": "12345678"});
    flood(&app, "no request", |_| post("/v1/password/verify-code", &nothing), &[410]).await;
}

#[tokio::test]
async fn a_flood_of_what_somebody_has_writes_to_no_item_often() {
    let app = TestApp::start().await;
    let session = app.session_of("jane", PASSWORD).await;
    let used = app.token_for("jane").await;
    let own = |token: &str| HttpEvent::new("GET", "/v1/account").bearer(token);
    flood(&app, "a session", |_| own(&session), &[200]).await;
    let session = app.session_of("jane", PASSWORD).await;
    let other = format!("{}{}", &session[..43], "A".repeat(43));
    flood(&app, "a session's id", |_| own(&other), &[401]).await;
    let change = json!({"current_password": "wrong", "new_password": NEW_PASSWORD});
    let session = app.session_of("sam", PASSWORD).await;
    let change = |_| post("/v1/password/change", &change).bearer(&session);
    flood(&app, "a current password", change, &[401, 429]).await;
    assert_eq!(app.reset(&used, NEW_PASSWORD).await.status, 204);
    let body = json!({"token": used, "new_password": "another quiet harbor"});
    flood(&app, "a used link", |_| post("/v1/password/reset", &body), &[410]).await;
    let actions = app.actions("jane").await;
    let reused = actions.iter().filter(|action| *action == "authn_token_reuse").count();
    assert_eq!(reused, 1, "one event an hour");
}

#[tokio::test]
async fn a_session_that_is_used_often_stays_and_ends_as_any_other() {
    let app = TestApp::start().await;
    let session = app.session_of("jane", PASSWORD).await;
    for _ in 0..20 {
        assert_eq!(app.account_with(&session).await.status, 200);
    }
    let out = HttpEvent::new("DELETE", "/v1/sessions/current").bearer(&session);
    assert_eq!(app.send(out).await.status, 204);
    assert_eq!(app.account_with(&session).await.status, 401, "it is read at each use");
}
