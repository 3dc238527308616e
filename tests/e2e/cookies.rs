//! S2: sessions that a cookie carries, and pages of other sites that try to use them.

use rekey::platform::clock::hours;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::{NEW_PASSWORD, PASSWORD, Reply, TestApp};

const PORTAL: &str = "https://portal.agency.test";

fn sign_in(origin: Option<&str>) -> HttpEvent {
    let body =
        json!({"practice": "agency", "identifier": "jane", "password": PASSWORD, "transport": "cookie"});
    let event = HttpEvent::new("POST", "/v1/sessions").json(&body);
    origin.iter().fold(event, |event, origin| event.header("origin", origin))
}

/// The cookie that a reply sets, and its attributes.
fn cookie(reply: &Reply) -> (String, Vec<String>) {
    let mut parts = reply.headers["set-cookie"].to_str().unwrap().split("; ").map(str::to_owned);
    (parts.next().unwrap(), parts.collect())
}

async fn signed_in(app: &TestApp) -> String {
    let reply = app.send(sign_in(Some(PORTAL))).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    cookie(&reply).0
}

#[tokio::test]
async fn the_cookie_is_the_hosts_own_and_no_script_sees_the_token() {
    let app = TestApp::start().await;
    let reply = app.send(sign_in(Some(PORTAL))).await;
    assert_eq!(reply.json().get("token"), None);
    assert_eq!(reply.json()["account"]["username"], "jane");
    let (pair, attributes) = cookie(&reply);
    assert_eq!(
        attributes,
        ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"],
        "no Domain, as __Host- wants"
    );
    let (name, token) = pair.split_once('=').unwrap();
    assert_eq!((name, token.len()), ("__Host-rekey-agency-client", 86));
    let get = HttpEvent::new("GET", "/v1/account").cookies(&format!("theme=dark; {pair}; a=b"));
    assert_eq!(app.send(get).await.json()["username"], "jane");
    let out = HttpEvent::new("DELETE", "/v1/sessions/current").cookies(&pair).header("origin", PORTAL);
    let reply = app.send(out).await;
    let (gone, attributes) = cookie(&reply);
    assert_eq!((reply.status.as_u16(), gone.as_str()), (204, "__Host-rekey-agency-client="));
    assert!(attributes.contains(&"Max-Age=0".to_owned()));
    let replayed = HttpEvent::new("GET", "/v1/account").cookies(&pair);
    assert_eq!(app.send(replayed).await.outcome(), (401, "invalid_session".to_owned()));
}

#[tokio::test]
async fn only_the_portals_own_pages_sign_in_and_change_anything() {
    let app = TestApp::start().await;
    let elsewhere = [
        "https://evil.test",
        "https://staff.agency.test",
        "http://portal.agency.test",
        "https://portal.agency.test.evil.test",
        "null",
        "",
    ];
    let before = app.lasting().await;
    for origin in elsewhere.map(Some).into_iter().chain([None]) {
        let reply = app.send(sign_in(origin)).await;
        assert_eq!(reply.outcome(), (403, "origin_not_allowed".to_owned()), "{origin:?}");
        assert!(reply.headers.get("set-cookie").is_none());
    }
    assert_eq!(app.lasting().await, before);

    let pair = signed_in(&app).await;
    let change = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    let question = json!({"current_password": PASSWORD, "question": "Pet?", "answer": "x"});
    for (method, path, body) in [
        ("POST", "/v1/password/change", Some(change.clone())),
        ("PUT", "/v1/security-question", Some(question)),
        ("DELETE", "/v1/sessions", None),
        ("DELETE", "/v1/sessions/current", None),
        ("POST", "/v1/admin/accounts/01JD7Z3M5V8Q2X4Y6W0N1R9T3K/temporary-password", None::<Value>),
    ] {
        for origin in elsewhere.map(Some).into_iter().chain([None]) {
            let event = HttpEvent::new(method, path).cookies(&pair);
            let event = body.iter().fold(event, HttpEvent::json);
            let event = origin.iter().fold(event, |event, origin| event.header("origin", origin));
            let reply = app.send(event).await;
            assert_eq!(reply.outcome(), (403, "origin_not_allowed".to_owned()), "{method} {path} {origin:?}");
        }
    }
    let get = || HttpEvent::new("GET", "/v1/account").cookies(&pair);
    assert_eq!(app.send(get().header("origin", "https://evil.test")).await.status, 403);
    assert_eq!(app.send(get().header("sec-fetch-site", "cross-site")).await.status, 403);
    for site in ["same-origin", "same-site", "none"] {
        assert_eq!(app.send(get().header("sec-fetch-site", site)).await.status, 200, "{site}");
    }
    let own = HttpEvent::new("POST", "/v1/password/change").cookies(&pair).json(&change);
    assert_eq!(app.send(own.header("origin", PORTAL)).await.status, 204);
    assert_eq!(app.send(get()).await.status, 200, "a change keeps its own");
}

#[tokio::test]
async fn a_token_works_only_where_it_belongs() {
    let app = TestApp::start().await;
    let pair = signed_in(&app).await;
    let token = pair.split_once('=').unwrap().1;
    assert_eq!(app.account_with(token).await.outcome(), (401, "invalid_session".to_owned()), "no bearer");
    let bearer = app.session_of("jane", PASSWORD).await;
    let planted =
        HttpEvent::new("GET", "/v1/account").cookies(&format!("__Host-rekey-agency-client={bearer}"));
    assert_eq!(app.send(planted).await.outcome(), (401, "invalid_session".to_owned()), "no cookie");
    let both = HttpEvent::new("GET", "/v1/account").cookies(&pair).bearer(&bearer);
    assert_eq!(app.send(both).await.status, 200, "the header decides");
    let beside = [
        "x=café; {}",
        "x=\u{1}; {}",
        "{}; __host-rekey=x",
        "=; {}; ;",
        "\u{a0}__Host-rekey-agency-client=x; {}",
        "__Host-rekey-agency-client =x; {}",
    ];
    for beside in beside {
        let event = HttpEvent::new("GET", "/v1/account").cookies(&beside.replace("{}", &pair));
        assert_eq!(app.send(event).await.status, 200, "{beside}");
    }
    for spoilt in [
        "{}; {}",
        "{}; __Host-rekey-agency-client=x",
        "__Host-rekey-agency-client=; {}",
        "\u{a0}{}",
        "{}\u{a0}",
        "{} ",
    ] {
        let event = HttpEvent::new("GET", "/v1/account").cookies(&spoilt.replace("{}", &pair));
        assert_eq!(app.send(event).await.outcome(), (401, "invalid_session".to_owned()), "{spoilt}");
    }
    for broken in [
        "__Host-rekey-agency-client=",
        "__Host-rekey-agency-client=x",
        "rekey=x",
        "=",
        ";;",
        "__host-rekey=x",
    ] {
        let event = HttpEvent::new("GET", "/v1/account").cookies(broken);
        assert_eq!(app.send(event).await.outcome(), (401, "invalid_session".to_owned()), "{broken}");
    }
}

#[tokio::test]
async fn it_ends_by_idleness_and_at_its_time_like_any_other() {
    let app = TestApp::start().await;
    let pair = signed_in(&app).await;
    let get = || HttpEvent::new("GET", "/v1/account").cookies(&pair);
    for turn in 1..60 {
        app.clock.advance(std::time::Duration::from_mins(12));
        assert_eq!(app.send(get()).await.status, 200, "used all the time: {turn}");
    }
    app.clock.advance(std::time::Duration::from_mins(12));
    assert_eq!(app.send(get()).await.status, 401, "12 hours, however much it is used");
    let pair = signed_in(&app).await;
    app.clock.advance(hours(1));
    let event = HttpEvent::new("GET", "/v1/account").cookies(&pair);
    assert_eq!(app.send(event).await.status, 401, "idle");
}
