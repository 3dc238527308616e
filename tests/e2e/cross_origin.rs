//! R2: pages of the portals may call the API from a browser, and no others.

use std::time::Duration;

use futures::future::join;
use http::HeaderMap;
use serde_json::json;

use crate::support::event::HttpEvent;
use crate::support::seam::Fault;
use crate::support::staff::StaffMember;
use crate::support::{PASSWORD, Reply, TestApp, logs, routes};

const PORTAL: &str = "https://portal.agency.test";
const STAFF: &str = "https://staff.agency.test";
/// Origins that are no portal's, or that no browser would write so.
const ELSEWHERE: [&str; 16] = [
    "https://evil.test",
    "null",
    "",
    "*",
    "https://portal.agency.test/",
    "https://portal.agency.test:443",
    "https://portal.agency.test:8443",
    "https://PORTAL.agency.test",
    "https://portal.agency.test.",
    "https://portal.agency.test.evil.test",
    "https://evil.test#https://portal.agency.test",
    "https://xn--prtal-pqa.agency.test",
    "http://portal.agency.test",
    "http://localhost:3000",
    "https://portal.agency.test https://staff.agency.test",
    "https://portal.agency.test,https://staff.agency.test",
];

fn preflight(path: &str, origin: &str) -> HttpEvent {
    let event = HttpEvent::new("OPTIONS", path).header("origin", origin);
    event
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type")
}

fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}

/// Whether an answer is open to the pages of an origin. It is open to one origin or to none.
fn is_open_to(reply: &Reply, origin: &str) -> bool {
    let header = |name: &str| value(&reply.headers, name);
    assert_eq!(header("vary"), Some("Origin"), "{reply:?}");
    assert_eq!(header("cache-control"), Some("no-store"), "{reply:?}");
    assert_eq!(header("x-content-type-options"), Some("nosniff"), "{reply:?}");
    assert!(header("strict-transport-security").is_some(), "{reply:?}");
    let Some(allowed) = header("access-control-allow-origin") else {
        let any = reply.headers.keys().find(|name| name.as_str().starts_with("access-control"));
        assert_eq!(any, None, "{reply:?}");
        return false;
    };
    assert_eq!(allowed, origin);
    assert_eq!(header("access-control-allow-credentials"), Some("true"));
    let exposed = "Allow, ETag, Link, Location, Retry-After, WWW-Authenticate";
    assert_eq!(header("access-control-expose-headers"), Some(exposed));
    true
}

#[tokio::test]
async fn every_route_answers_a_preflight_with_the_methods_of_its_path() {
    let app = TestApp::start().await;
    for known in routes::all() {
        let path = known.pattern.replace(['{', '}'], "");
        let methods: Vec<&str> = routes::at(&path).iter().map(|known| known.method.as_str()).collect();
        for origin in [PORTAL, STAFF] {
            let reply = app.send(preflight(&path, origin)).await;
            assert_eq!((reply.status.as_u16(), reply.body.as_str()), (204, ""), "{path}: {reply:?}");
            assert!(is_open_to(&reply, origin), "{path}: {reply:?}");
            let header = |name: &str| value(&reply.headers, name);
            assert_eq!(header("access-control-allow-methods"), Some(methods.join(", ").as_str()), "{path}");
            let headers = "Authorization, Content-Type, Idempotency-Key, If-Match, Rekey-Portal";
            assert_eq!(header("access-control-allow-headers"), Some(headers));
            assert_eq!(header("access-control-max-age"), Some("600"));
            assert_eq!(header("content-type"), None);
        }
    }
}

#[tokio::test]
async fn a_page_from_elsewhere_is_told_no_and_nothing_else() {
    let app = TestApp::start().await;
    let long = format!("https://{}.test", "a".repeat(4_000));
    for origin in ELSEWHERE.into_iter().chain([long.as_str()]) {
        let reply = app.send(preflight("/v1/sessions", origin)).await;
        assert_eq!(reply.outcome(), (403, "origin_not_allowed".to_owned()), "{origin}");
        assert!(!is_open_to(&reply, origin), "{origin}");
        let body = json!({"practice": "agency", "identifier": "jane", "password": PASSWORD});
        let call = HttpEvent::new("POST", "/v1/sessions").json(&body).header("origin", origin);
        let reply = app.send(call).await;
        assert_eq!(reply.status, 201, "a bearer token is not the browser's to guard: {origin}");
        assert!(!is_open_to(&reply, origin), "{origin}");
    }
}

#[tokio::test]
async fn options_without_a_question_is_a_method_like_any_other() {
    let app = TestApp::start().await;
    let options = || HttpEvent::new("OPTIONS", "/v1/sessions");
    let reply = app.send(options()).await;
    assert_eq!(reply.outcome(), (405, "method_not_allowed".to_owned()));
    assert!(!is_open_to(&reply, PORTAL));
    let reply = app.send(options().header("origin", PORTAL)).await;
    assert_eq!(reply.outcome(), (405, "method_not_allowed".to_owned()));
    assert!(is_open_to(&reply, PORTAL), "its page can read why");
    let reply = app.send(options().header("access-control-request-method", "POST")).await;
    assert_eq!(reply.outcome(), (405, "method_not_allowed".to_owned()));
    let reply = app.send(preflight("/v1/nothing", PORTAL)).await;
    assert_eq!(reply.outcome(), (404, "not_found".to_owned()));
    assert!(is_open_to(&reply, PORTAL));
    let other = HttpEvent::new("POST", "/v1/account").header("origin", PORTAL);
    let reply = app.send(other.header("access-control-request-method", "POST")).await;
    assert_eq!(reply.outcome(), (405, "method_not_allowed".to_owned()), "only OPTIONS asks");
}

#[tokio::test]
async fn a_portals_page_can_read_every_answer_with_its_headers() {
    let app = TestApp::start().await;
    let session = app.session_of("jane", PASSWORD).await;
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await.session;
    let jane = app.account("jane").await.id;
    let post = |path: &str, body: &str| HttpEvent::new("POST", path).json(&json!({})).body(body);
    let get = |path: &str| HttpEvent::new("GET", path);
    for _ in 0..7 {
        app.sign_in("dora", "wrong").await;
    }
    let locked = json!({"practice": "agency", "identifier": "dora", "password": "wrong"}).to_string();
    for (event, status, header) in [
        (get("/v1/practices/agency"), 200, "content-type"),
        (get("/v1/account").bearer(&session), 200, "content-type"),
        (get("/v1/account"), 401, "www-authenticate"),
        (get("/v1/sessions/none"), 405, "allow"),
        (get("/v1/nothing"), 404, "content-type"),
        (get(&format!("/v1/admin/accounts/{jane}")).bearer(&admin), 200, "etag"),
        (get(&format!("/v1/admin/accounts/{jane}")).bearer(&session), 403, "content-type"),
        (get("/v1/admin/changes").query("limit=1").header("accept", "text/csv").bearer(&admin), 200, "link"),
        (get("/.well-known/change-password").query("practice=agency"), 302, "location"),
        (post("/v1/sessions", &locked), 429, "retry-after"),
        (post("/v1/password/forgot", "{"), 400, "content-type"),
        (post("/v1/password/forgot", &"x".repeat(20_000)), 413, "content-type"),
        (post("/v1/password/forgot", "{}").header("content-type", "text/plain"), 415, "content-type"),
        (HttpEvent::new("DELETE", "/v1/sessions").bearer(&session), 204, "vary"),
    ] {
        let reply = app.send(event.header("origin", PORTAL)).await;
        assert_eq!(reply.status.as_u16(), status, "{reply:?}");
        assert!(is_open_to(&reply, PORTAL), "{reply:?}");
        assert!(reply.headers.contains_key(header), "{header}: {reply:?}");
    }
    app.clock.advance(Duration::from_secs(1));
    app.seam.inject("sessions", "UpdateItem", 3, Fault::Down);
    let reply = app.send(get("/v1/account").bearer(&session).header("origin", PORTAL)).await;
    assert_eq!(reply.outcome(), (503, "unavailable".to_owned()));
    assert!(is_open_to(&reply, PORTAL));
}

#[tokio::test]
async fn an_answer_does_not_wait_for_a_store_that_hangs_over_the_origin() {
    let app = TestApp::start().await;
    let held = app.seam.hold("forgot-password", "Query", 0);
    let body = json!({"practice": "agency", "identifier": "jane"});
    let ask = HttpEvent::new("POST", "/v1/password/forgot").json(&body).header("origin", PORTAL);
    let reply = app.send(ask.clone()).await;
    assert_eq!(reply.status, 202, "{reply:?}");
    assert!(!is_open_to(&reply, PORTAL));
    held.reached().await;
    held.release();
    assert!(is_open_to(&app.send(ask).await, PORTAL), "the next call asks again");
}

#[tokio::test]
async fn a_store_that_does_not_know_the_origin_costs_no_call_its_answer() {
    let app = TestApp::start().await;
    let ask = || {
        let body = json!({"practice": "agency", "identifier": "jane"});
        HttpEvent::new("POST", "/v1/password/forgot").json(&body).header("origin", PORTAL)
    };
    for fault in [Fault::Down, Fault::Denied, Fault::Throttle] {
        let before = logs::printed().matches("looking up an origin").count();
        app.seam.inject("forgot-password", "Query", usize::MAX, fault);
        let reply = app.send(ask()).await;
        assert_eq!(reply.status, 202, "{fault:?}: {reply:?}");
        assert!(!is_open_to(&reply, PORTAL), "{fault:?}");
        let reply = app.send(preflight("/v1/password/forgot", PORTAL)).await;
        assert_eq!(reply.outcome(), (503, "unavailable".to_owned()), "{fault:?}");
        assert_eq!(value(&reply.headers, "retry-after"), Some("1"));
        assert!(!is_open_to(&reply, PORTAL), "{fault:?}");
        let logged = logs::printed();
        assert_eq!(logged.matches("looking up an origin").count(), before + 2, "once for each call");
        assert!(!logged.contains("portal.agency.test") && !logged.contains("Origin: "));
        app.seam.heal();
    }
    assert!(is_open_to(&app.send(preflight("/v1/password/forgot", PORTAL)).await, PORTAL), "and heals");
    app.clock.advance(Duration::from_mins(1));
    app.seam.inject("forgot-password", "Query", usize::MAX, Fault::Down);
    let reply = app.send(ask()).await;
    assert!(!is_open_to(&reply, PORTAL), "what was known a minute ago is not known now");
}

#[tokio::test]
async fn an_origin_is_looked_up_beside_the_call_and_once_a_minute() {
    let app = TestApp::start().await;
    let ask = async |name: &str, origin: &str| {
        let body = json!({"practice": "agency", "identifier": name});
        let event = HttpEvent::new("POST", "/v1/password/forgot").json(&body);
        app.send(event.header("origin", origin)).await
    };
    app.forgot("jane").await;
    let (look, write) = (
        app.seam.hold("forgot-password", "Query", 0),
        app.seam.hold("forgot-password", "TransactWriteItems", 0),
    );
    let both_at_once = async {
        let reached = join(look.reached(), write.reached());
        tokio::time::timeout(Duration::from_mins(1), reached).await.expect("neither waits for the other");
        look.release();
        write.release();
    };
    let (reply, ()) = join(ask("sam", PORTAL), both_at_once).await;
    assert!(is_open_to(&reply, PORTAL), "{reply:?}");

    app.seam.forget();
    let origins = [PORTAL, PORTAL, "null", "https://Evil.test", "http://evil.test"];
    for (name, origin) in ["nobody", "lily", "tom", "dora", "ruth"].into_iter().zip(origins) {
        assert_eq!(ask(name, origin).await.status, 202);
    }
    assert_eq!(
        app.seam.counts("forgot-password"),
        [("TransactWriteItems".to_owned(), 5)].into(),
        "as without"
    );
    app.clock.advance(Duration::from_mins(1));
    ask("jane", PORTAL).await;
    assert_eq!(app.seam.counts("forgot-password")["Query"], 1);
}

#[tokio::test]
async fn a_flood_of_invented_origins_costs_a_read_each_and_no_more() {
    let app = TestApp::start().await;
    let ask =
        async |origin: &str| app.send(preflight("/v1/password/verify-code", origin)).await.status.as_u16();
    assert_eq!(ask(PORTAL).await, 204);
    app.seam.forget();
    for turn in 1..=3 {
        for number in 0..400 {
            assert_eq!(ask(&format!("https://{number}.evil.test")).await, 403);
        }
        assert_eq!(app.seam.counts("verify-code")["Query"], 400, "turn {turn}: remembered as no portal's");
    }
    for number in 400..1_200 {
        ask(&format!("https://{number}.evil.test")).await;
    }
    assert_eq!(app.seam.counts("verify-code")["Query"], 1_200, "one each");
    assert_eq!(ask(PORTAL).await, 204);
    assert_eq!(app.seam.counts("verify-code")["Query"], 1_200, "and the portal is not forgotten over it");
}
