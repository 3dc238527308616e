//! The origins of a practice's portals follow its settings, for CORS, for cookies and in mails.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::staff::StaffMember;
use crate::support::{PASSWORD, TestApp, demo_accounts, practice};

const PORTAL: &str = "https://portal.agency.test";

/// Whether pages of an origin may call a function.
async fn may_call(app: &TestApp, path: &str, origin: &str) -> bool {
    let event = HttpEvent::new("OPTIONS", path).header("access-control-request-method", "POST");
    match app.send(event.header("origin", origin)).await.status.as_u16() {
        204 => true,
        403 => false,
        other => panic!("{other}"),
    }
}

/// The origins in the table, each with the portal that it belongs to.
async fn stored(app: &TestApp) -> Vec<String> {
    let items = app.dump().await.into_iter().map(|item| serde_json::from_str::<Value>(&item).unwrap());
    let text = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
    let origins = items.filter(|item| text(item, "pk").starts_with("ORIGIN#"));
    let mut origins: Vec<String> = origins
        .map(|item| {
            assert_eq!(text(&item, "sk"), format!("{}#{}", text(&item, "practice"), text(&item, "portal")));
            format!("{} {}", text(&item, "pk"), text(&item, "sk"))
        })
        .collect();
    origins.sort();
    origins
}

async fn patch(app: &TestApp, slug: &str, change: Value) -> u16 {
    let admin = StaffMember::of(app, slug, "staff", "admin").await;
    admin.send(HttpEvent::new("PATCH", "/v1/admin/practice").json(&change)).await.status.as_u16()
}

/// Lets a practice's addresses lie within these domains too.
async fn allow(app: &TestApp, slug: &str, domains: &[&str]) {
    let own = format!("{slug}.test");
    let domains: Vec<&str> = domains.iter().copied().chain([own.as_str()]).collect();
    app.operate(json!({"action": "set_domains", "practice": slug, "domains": domains})).await.unwrap();
}

fn client_at(url: &str) -> Value {
    json!({"portals": {"client": {"url": url, "recovery_url": format!("{url}/reset")}}})
}

#[tokio::test]
async fn an_origin_moves_with_the_settings_within_a_minute() {
    let app = TestApp::start().await;
    let at_first =
        ["ORIGIN#https://portal.agency.test agency#client", "ORIGIN#https://staff.agency.test agency#staff"];
    assert_eq!(stored(&app).await, at_first);
    let (forgot, account) = ("/v1/password/forgot", "/v1/account");
    assert!(may_call(&app, forgot, PORTAL).await);
    assert!(!may_call(&app, forgot, "https://my.agency.test").await);
    assert_eq!(patch(&app, "agency", client_at("https://My.agency.test:443/app")).await, 200);
    let moved =
        ["ORIGIN#https://my.agency.test agency#client", "ORIGIN#https://staff.agency.test agency#staff"];
    assert_eq!(stored(&app).await, moved);
    assert!(
        may_call(&app, account, "https://my.agency.test").await,
        "at once where it was not looked up before"
    );
    app.clock.advance(Duration::from_mins(1));
    assert!(may_call(&app, forgot, "https://my.agency.test").await);
    assert!(!may_call(&app, forgot, PORTAL).await);
    assert!(may_call(&app, forgot, "https://staff.agency.test").await, "which has not moved");

    assert_eq!(patch(&app, "agency", client_at("http://my.agency.test")).await, 422);
    assert_eq!(patch(&app, "agency", json!({"policy": {"link_ttl": 3600}})).await, 200);
    assert_eq!(stored(&app).await, moved, "neither a refused change nor another one moves it");
}

#[tokio::test]
async fn every_address_of_a_portal_counts_and_each_origin_once() {
    let app = TestApp::start().await;
    allow(&app, "agency", &["a.test", "b.test", "c.test", "d.test"]).await;
    let client = json!({"url": "https://a.test/app", "recovery_url": "https://a.test/reset", "change_password_url": "https://b.test/p"});
    let staff = json!({"url": "https://a.test/staff", "recovery_url": "https://c.test/reset"});
    assert_eq!(patch(&app, "agency", json!({"portals": {"client": client, "staff": staff}})).await, 200);
    let all = [
        "ORIGIN#https://a.test agency#client",
        "ORIGIN#https://a.test agency#staff",
        "ORIGIN#https://b.test agency#client",
        "ORIGIN#https://c.test agency#staff",
    ];
    assert_eq!(stored(&app).await, all);
    let less = json!({"portals": {"client": {"url": "https://d.test", "recovery_url": "https://d.test/reset", "change_password_url": null}}});
    assert_eq!(patch(&app, "agency", less).await, 200);
    let left = [all[1], all[3], "ORIGIN#https://d.test agency#client"];
    assert_eq!(stored(&app).await, left, "the staff portal keeps what the client portal leaves");
    assert!(may_call(&app, "/v1/sessions", "https://a.test").await);
}

#[tokio::test]
async fn two_practices_may_share_an_origin_and_neither_takes_it_from_the_other() {
    let app = TestApp::start().await;
    app.create_practice("therapy", json!({})).await;
    app.import("therapy", &demo_accounts("therapy")).await;
    let shared = "https://shared.test";
    for slug in ["agency", "therapy"] {
        allow(&app, slug, &["shared.test", "own.test"]).await;
        assert_eq!(patch(&app, slug, client_at(shared)).await, 200);
    }
    assert!(may_call(&app, "/v1/account", shared).await);
    assert_eq!(patch(&app, "agency", client_at("https://own.test")).await, 200);
    app.clock.advance(Duration::from_mins(1));
    assert!(may_call(&app, "/v1/account", shared).await, "therapy is still there");
    assert_eq!(patch(&app, "therapy", client_at("https://own.test")).await, 200);
    app.clock.advance(Duration::from_mins(1));
    assert!(!may_call(&app, "/v1/account", shared).await);
    assert!(may_call(&app, "/v1/account", "https://own.test").await);
}

#[tokio::test]
async fn a_practice_without_origins_in_the_table_gets_them_with_the_next_patch() {
    for change in [json!({}), json!({"name": "Other"})] {
        let app = TestApp::start().await;
        let before = stored(&app).await;
        for origin in &before {
            let (pk, sk) = origin.split_once(' ').unwrap();
            let delete = app.dynamodb.delete_item().table_name(&app.table);
            let text = |value: &str| AttributeValue::S(value.to_owned());
            delete.key("pk", text(pk)).key("sk", text(sk)).send().await.unwrap();
        }
        assert!(!may_call(&app, "/v1/account", PORTAL).await);
        let events = app.dump().await.iter().filter(|item| item.contains("practice_updated")).count();
        assert_eq!(patch(&app, "agency", change.clone()).await, 200);
        assert_eq!(stored(&app).await, before);
        app.clock.advance(Duration::from_mins(1));
        assert!(may_call(&app, "/v1/account", PORTAL).await);
        let after = app.dump().await.iter().filter(|item| item.contains("practice_updated")).count();
        assert_eq!(after - events, usize::from(change != json!({})), "what changes nothing is no event");
    }
}

#[tokio::test]
async fn a_patch_that_changes_nothing_brings_no_origin_back() {
    let app = TestApp::start().await;
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    let send = |change: Value| admin.send(HttpEvent::new("PATCH", "/v1/admin/practice").json(&change));
    let held = app.seam.hold("settings", "TransactWriteItems", 0);
    let overtaking = async {
        held.reached().await;
        let reply = send(client_at("https://my.agency.test")).await;
        held.release();
        reply
    };
    let (nothing, moved) = futures::future::join(send(json!({})), overtaking).await;
    assert_eq!((nothing.status.as_u16(), moved.status.as_u16()), (200, 200));
    assert_eq!(nothing.json()["portals"]["client"]["url"], "https://my.agency.test", "it was read again");
    let expected =
        ["ORIGIN#https://my.agency.test agency#client", "ORIGIN#https://staff.agency.test agency#staff"];
    assert_eq!(stored(&app).await, expected);
}

#[tokio::test]
async fn a_practice_that_is_not_made_takes_no_origin() {
    let app = TestApp::start().await;
    let before = stored(&app).await;
    let mut other = practice("agency", &json!({}));
    other["portals"]["client"]["url"] = json!("https://evil.test");
    let answer = app.operate(json!({"action": "create_practice", "practice": other})).await.unwrap();
    assert_eq!(answer["status"], "exists");
    assert_eq!(stored(&app).await, before);
}

/// A portal at a developer's desk.
const DESK: &str = "http://localhost:3000";

fn practice_at_a_desk() -> Value {
    let mut practice = practice("agency", &json!({}));
    practice["portals"]["client"] = json!({"url": DESK, "recovery_url": format!("{DESK}/reset")});
    json!({"action": "create_practice", "practice": practice})
}

#[tokio::test]
async fn http_on_this_machine_is_refused_unless_the_deployment_says_otherwise() {
    let app = TestApp::start_with(&[]).await;
    let refused = app.operate(practice_at_a_desk()).await.unwrap_err().to_string();
    let expected = "invalid setting: portals.client.url: must be an https address of at most 300 characters";
    assert_eq!(refused, expected);
    let app = TestApp::start().await;
    assert_eq!(patch(&app, "agency", client_at(DESK)).await, 422);

    let app = TestApp::start_with(&[("REKEY_LOOPBACK", "1")]).await;
    assert_eq!(app.operate(practice_at_a_desk()).await.unwrap()["status"], "created");
    app.import("agency", &demo_accounts("agency")).await;
    assert_eq!(patch(&app, "agency", client_at("http://127.0.0.1:3000")).await, 200);
    assert_eq!(patch(&app, "agency", client_at("http://10.0.0.1:3000")).await, 422);
    let support = json!({"support": {"url": DESK}});
    assert_eq!(patch(&app, "agency", support).await, 422, "a portal's addresses only");
}

#[tokio::test]
async fn a_portal_at_a_desk_has_its_mails_its_calls_and_its_cookie() {
    let app = TestApp::start_with(&[("REKEY_LOOPBACK", "1")]).await;
    app.operate(practice_at_a_desk()).await.unwrap();
    app.import("agency", &demo_accounts("agency")).await;
    assert!(may_call(&app, "/v1/sessions", DESK).await);
    let from_desk = |event: HttpEvent| app.send(event.header("origin", DESK));
    let body = json!({"practice": "agency", "identifier": "jane"});
    let reply = from_desk(HttpEvent::new("POST", "/v1/password/forgot").json(&body)).await;
    assert_eq!(
        (reply.status.as_u16(), reply.headers["access-control-allow-origin"].to_str().unwrap()),
        (202, DESK)
    );
    app.deliver().await;
    let mail = app.mailbox.messages().remove(0);
    assert!(mail.text.unwrap().contains("http://localhost:3000/reset#token="));

    let body =
        json!({"practice": "agency", "identifier": "jane", "password": PASSWORD, "transport": "cookie"});
    let reply = from_desk(HttpEvent::new("POST", "/v1/sessions").json(&body)).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let cookie = reply.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let account = from_desk(HttpEvent::new("GET", "/v1/account").cookies(&cookie)).await;
    assert_eq!(account.json()["username"], "jane");
    let elsewhere = HttpEvent::new("GET", "/v1/account").cookies(&cookie);
    let staff = app.send(elsewhere.header("origin", "https://staff.agency.test")).await;
    assert_eq!(
        staff.outcome(),
        (403, "origin_not_allowed".to_owned()),
        "another portal's page, which may call"
    );
    let out = HttpEvent::new("DELETE", "/v1/sessions/current").cookies(&cookie);
    assert_eq!(from_desk(out).await.status, 204);
    let after = from_desk(HttpEvent::new("GET", "/v1/account").cookies(&cookie)).await;
    assert_eq!(after.outcome(), (401, "invalid_session".to_owned()));
}
