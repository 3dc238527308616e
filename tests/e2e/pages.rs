//! The pages that a practice without a front end has: what the server sends, to whomever it is sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::seam::Fault;
use crate::support::staff::StaffMember;
use crate::support::{PASSWORD, Reply, TestApp, demo_accounts, logo};

const PAGES: &str = "https://recovery.test";

/// A deployment with pages, and a practice whose portals are there.
async fn with_pages() -> TestApp {
    let app = TestApp::start_with(&[("REKEY_PAGES_URL", PAGES)]).await;
    let practice = json!({
        "slug": "agency", "name": "Harbor </script> & Agency", "support": {"email": "help@agency.test", "phone": "+1 555 0100"},
        "time_zone": "America/New_York", "locale": "en", "domains": ["agency.test"],
    });
    let created = app.operate(json!({"action": "create_practice", "practice": practice})).await.unwrap();
    assert_eq!(created["status"], "created", "{created}");
    app.import("agency", &demo_accounts("agency")).await;
    app
}

fn get(path: &str) -> HttpEvent {
    HttpEvent::new("GET", path).header("accept", "text/html")
}

/// The value of a header of an answer.
fn header<'a>(reply: &'a Reply, name: &str) -> &'a str {
    reply.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_page_runs_its_own_script_alone_and_is_kept_by_nobody() {
    let app = with_pages().await;
    let reply = app.send(get("/p/agency/client")).await;
    assert_eq!((reply.status.as_u16(), header(&reply, "content-type")), (200, "text/html; charset=utf-8"));
    let policy = header(&reply, "content-security-policy");
    let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap();
    assert_eq!(nonce.len(), 22, "128 bits");
    assert!(!policy.contains("unsafe") && policy.contains("default-src 'none'"), "{policy}");
    for rule in [
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self';",
        "require-trusted-types-for 'script'",
    ] {
        assert!(policy.contains(rule), "{rule}");
    }
    assert_eq!(
        (header(&reply, "cache-control"), header(&reply, "referrer-policy")),
        ("no-store", "no-referrer")
    );
    let html = &reply.body;
    let scripts = html.matches("<script").count();
    let (ours, data) = (
        html.matches(&format!("nonce=\"{nonce}\"")).count(),
        html.matches("type=\"application/json\"").count(),
    );
    assert_eq!((ours + data, data), (scripts, 1), "each script has the nonce, or is no script");
    assert!(!html.contains("style=\"") && !html.contains("onclick"), "nothing that the policy refuses");
    let again = app.send(get("/p/agency/client")).await;
    assert!(!header(&again, "content-security-policy").contains(nonce), "a nonce is used once");
}

#[tokio::test]
async fn a_practices_name_can_end_no_script_and_no_attribute() {
    let app = with_pages().await;
    let html = app.send(get("/p/agency/client")).await.body;
    assert!(!html.contains("Harbor </script>"), "it is escaped wherever it stands");
    let given = html.split("id=\"given\">").nth(1).unwrap().split("</script>").next().unwrap();
    let given: Value = serde_json::from_str(given).unwrap();
    assert_eq!((&given["practice"], &given["portal"]), (&json!("agency"), &json!("client")));
}

#[tokio::test]
async fn a_page_is_in_the_language_that_was_chosen_or_else_the_browsers_or_the_practices() {
    let app = with_pages().await;
    let language = async |event: HttpEvent| {
        let html = app.send(event).await.body;
        html.split("<html lang=\"").nth(1).unwrap()[..2].to_owned()
    };
    let page = || get("/p/agency/client/forgot");
    assert_eq!(language(page()).await, "en");
    assert_eq!(language(page().header("accept-language", "fr;q=1, es-MX;q=0.9, en;q=0.8")).await, "es");
    assert_eq!(language(page().header("accept-language", "es;q=0, en")).await, "en");
    assert_eq!(language(page().header("accept-language", "es").query("lang=en")).await, "en");
    assert_eq!(language(page().cookies("rekey-language=es")).await, "es");
    assert_eq!(language(page().cookies("rekey-language=es").query("lang=en")).await, "en");
    let hostile = format!("{},;q=x,;;;,es;q=", "a,".repeat(2_000));
    assert_eq!(
        language(page().header("accept-language", &hostile)).await,
        "en",
        "it is read as far as it can be"
    );
}

#[tokio::test]
async fn what_is_not_there_is_a_page_too_and_says_nothing_of_what_is() {
    let app = with_pages().await;
    for path in [
        "/p/nowhere",
        "/p/nowhere/client",
        "/p/agency/nobody",
        "/p/agency/client/clients",
        "/p/agency/staff/x",
        "/p/AGENCY/client",
    ] {
        let reply = app.send(get(path)).await;
        assert_eq!(
            (reply.status.as_u16(), header(&reply, "content-type")),
            (404, "text/html; charset=utf-8"),
            "{path}"
        );
        assert!(reply.body.contains("Page not found") && !reply.body.contains("<script"), "{path}");
    }
    let reply = app.send(HttpEvent::new("POST", "/p/agency/client")).await;
    assert_eq!((reply.status.as_u16(), header(&reply, "allow")), (405, "GET"));
}

#[tokio::test]
async fn a_store_that_fails_is_said_in_words_and_can_be_tried_again() {
    let app = with_pages().await;
    app.seam.inject("pages", "GetItem", 10, Fault::Down);
    let reply = app.send(get("/p/agency/client")).await;
    assert_eq!((reply.status.as_u16(), header(&reply, "retry-after")), (503, "1"));
    assert!(reply.body.contains("Sorry, something is not working"));
}

#[tokio::test]
async fn a_page_costs_one_read_and_then_none() {
    let app = with_pages().await;
    for (path, calls) in [("/p/agency/client", 1), ("/p/agency/client/forgot", 1), ("/p/_/x/rekey.css", 1)] {
        assert_eq!(app.send(get(path)).await.status, 200, "{path}");
        assert_eq!(app.seam.counts("pages").values().sum::<usize>(), calls, "{path}");
    }
}

#[tokio::test]
async fn the_parts_of_a_page_may_be_kept_and_come_compressed() {
    let app = with_pages().await;
    let html = app.send(get("/p/agency/client")).await.body;
    let path = html.split("rel=\"stylesheet\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    let whole = app.send(get(path)).await;
    assert_eq!(header(&whole, "cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(header(&whole, "content-type"), "text/css; charset=utf-8");
    let zipped = app.send(get(path).header("accept-encoding", "br, gzip;q=0.5")).await;
    assert_eq!(
        (header(&zipped, "content-encoding"), header(&zipped, "vary")),
        ("gzip", "accept-encoding, Origin")
    );
    assert!(zipped.body.len() * 3 < whole.body.len());
    let refused = app.send(get(path).header("accept-encoding", "gzip;q=0")).await;
    assert_eq!(header(&refused, "content-encoding"), "");
    let other = app.send(get("/p/_/another/core.js")).await;
    assert_eq!(
        (other.status.as_u16(), header(&other, "cache-control")),
        (200, "no-store"),
        "of another release"
    );
    for path in ["/p/_/x/other.js", "/p/_/x/..%2fcore.js", "/p/_/x/"] {
        assert_eq!(app.send(get(path)).await.status, 404, "{path}");
    }
}

/// The size of an answer as it goes over the wire.
async fn sent(app: &TestApp, path: &str) -> usize {
    STANDARD.decode(app.send(get(path).header("accept-encoding", "gzip")).await.body).unwrap().len()
}

#[tokio::test]
async fn a_page_with_its_two_parts_is_at_most_60_kilobytes() {
    let app = with_pages().await;
    for kind in &pages::page::KINDS {
        let path = format!("/p/agency/staff/{}", kind.name);
        let html = app.send(get(&path)).await.body;
        let parts: Vec<&str> = html.split('"').filter(|part| part.starts_with("/p/_/")).collect();
        let mut parts: Vec<&str> = parts.into_iter().collect();
        parts.sort_unstable();
        parts.dedup();
        assert_eq!(parts.len(), 2, "{path} loads a stylesheet and a script");
        let mut total = sent(&app, &path).await;
        for part in parts {
            total += sent(&app, part).await;
        }
        assert!(total < 60_000, "{path}: {total} bytes");
    }
}

#[tokio::test]
async fn mails_lead_to_the_pages_of_a_portal_that_is_left_out() {
    let app = with_pages().await;
    app.post("/v1/password/forgot", json!({"practice": "agency", "identifier": "jane"})).await;
    app.deliver().await;
    let mail = app.mailbox.messages()[0].text.clone().unwrap();
    assert!(mail.contains("https://recovery.test/p/agency/client/reset#token="), "{mail}");
    assert!(mail.contains("https://recovery.test/p/agency/client\n"), "{mail}");
    let facts = app.send(HttpEvent::new("GET", "/v1/practices/agency")).await.json();
    assert_eq!(facts["portals"]["staff"]["url"], "https://recovery.test/p/agency/staff");
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    let settings = admin.send(HttpEvent::new("GET", "/v1/admin/practice")).await.json();
    assert_eq!(settings.get("portals"), None, "nobody has set them");
}

#[tokio::test]
async fn a_portal_moves_to_its_own_address_and_back() {
    let app = with_pages().await;
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    let patch = async |settings: Value| {
        admin.send(HttpEvent::new("PATCH", "/v1/admin/practice").json(&settings)).await
    };
    let own = json!({"url": "https://my.agency.test", "recovery_url": "https://my.agency.test/reset"});
    let moved = patch(json!({"portals": {"client": own}})).await;
    assert_eq!((moved.status.as_u16(), &moved.json()["portals"]), (200, &json!({"client": own})));
    let half = patch(json!({"portals": {"staff": {"url": "https://staff.agency.test"}}})).await;
    assert_eq!(half.outcome(), (422, "invalid_setting".to_owned()), "both addresses or none");
    let back = patch(json!({"portals": null})).await;
    assert_eq!((back.status.as_u16(), back.json().get("portals")), (200, None), "{back:?}");
    assert!(app.items().await.iter().all(|item| !item["pk"].as_s().unwrap().starts_with("ORIGIN#")));
}

#[tokio::test]
async fn a_deployment_without_pages_wants_the_addresses() {
    let app = TestApp::start().await;
    let practice = json!({
        "slug": "harbor", "name": "Harbor", "support": {"email": "help@harbor.test"}, "time_zone": "UTC", "locale": "en"});
    let refused = app.operate(json!({"action": "create_practice", "practice": practice})).await;
    let expected = "portals.client: must be set, because this deployment has no pages of its own";
    assert!(refused.unwrap_err().to_string().contains(expected));
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    let gone = admin
        .send(HttpEvent::new("PATCH", "/v1/admin/practice").json(&json!({"portals": {"client": null}})))
        .await;
    assert_eq!(gone.outcome(), (422, "invalid_setting".to_owned()));
}

#[tokio::test]
async fn a_password_manager_is_led_by_the_host_and_asked_where_that_says_nothing() {
    let app = with_pages().await;
    let page = || get("/.well-known/change-password");
    let choice = app.send(page().header("host", "portal.agency.test")).await;
    assert_eq!(choice.status, 200, "a header says nothing");
    assert!(choice.body.contains("name=\"practice\"") && !choice.body.contains("agency"), "it lists nobody");
    let policy = header(&choice, "content-security-policy");
    assert!(policy.contains("form-action http: https:;"), "the form leads to a portal wherever it is");
    let spanish = app.send(page().query("lang=es")).await;
    assert!(spanish.body.contains("<html lang=\"es\">"), "its link to the other language: {}", spanish.body);
    let wrong = app.send(page().query("practice=nowhere")).await;
    assert_eq!((wrong.status.as_u16(), header(&wrong, "content-type")), (404, "text/html; charset=utf-8"));
    assert!(wrong.body.contains("We do not know a practice of this name") && !wrong.body.contains("nowhere"));
    let chosen = app.send(page().query("practice=agency&portal=staff")).await;
    assert_eq!(header(&chosen, "location"), "https://recovery.test/p/agency/staff/change-password");
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    let url = "https://api.rekey.test/p/agency/client";
    let own = json!({"url": url, "recovery_url": format!("{url}/reset"), "change_password_url": format!("{url}/change-password")});
    let widened = json!({"action": "set_domains", "practice": "agency", "domains": ["agency.test", "rekey.test"], "senders": []});
    app.operate(widened).await.unwrap();
    let moved = admin
        .send(HttpEvent::new("PATCH", "/v1/admin/practice").json(&json!({"portals": {"client": own}})))
        .await;
    assert_eq!(moved.status, 200, "{moved:?}");
    app.clock.advance(std::time::Duration::from_mins(2));
    let bound = app.send(page()).await;
    assert_eq!(
        header(&bound, "location"),
        "https://api.rekey.test/p/agency/client/change-password",
        "the gateway's own name"
    );
}

fn sign_in(portal: &str, name: &str) -> HttpEvent {
    let body = json!({"practice": "agency", "portal": portal, "identifier": name, "password": PASSWORD, "transport": "cookie"});
    HttpEvent::new("POST", "/v1/sessions").json(&body).header("origin", PAGES)
}

#[tokio::test]
async fn a_person_is_signed_in_at_two_portals_of_one_host_and_each_call_says_which_it_means() {
    let app = with_pages().await;
    let mut cookies = Vec::new();
    for (portal, name) in [("client", "jane"), ("staff", "casey")] {
        let reply = app.send(sign_in(portal, name)).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        let cookie = header(&reply, "set-cookie").split(';').next().unwrap().to_owned();
        assert!(cookie.starts_with(&format!("__Host-rekey-agency-{portal}=")), "{cookie}");
        cookies.push(cookie);
    }
    let both = cookies.join("; ");
    let account = || HttpEvent::new("GET", "/v1/account").cookies(&both);
    for (portal, name) in [("agency/client", "jane"), ("agency/staff", "casey")] {
        assert_eq!(app.send(account().header("rekey-portal", portal)).await.json()["username"], name);
    }
    let refused = (401, "invalid_session".to_owned());
    for meant in ["agency/nobody", "agency", "other/client", "", "agency/client/x"] {
        assert_eq!(app.send(account().header("rekey-portal", meant)).await.outcome(), refused, "{meant}");
    }
    assert_eq!(app.send(account()).await.outcome(), refused, "it does not say which");
    let staffs = cookies[1].split_once('=').unwrap().1;
    let moved = HttpEvent::new("GET", "/v1/account").cookies(&format!("__Host-rekey-agency-client={staffs}"));
    assert_eq!(app.send(moved).await.outcome(), refused, "a token in another portal's cookie");
    let out = HttpEvent::new("DELETE", "/v1/sessions/current").cookies(&both).header("origin", PAGES);
    let out = app.send(out.header("rekey-portal", "agency/client")).await;
    assert!(header(&out, "set-cookie").starts_with("__Host-rekey-agency-client=;"), "{out:?}");
    assert_eq!(app.send(account().header("rekey-portal", "agency/staff")).await.json()["username"], "casey");
}

#[tokio::test]
async fn a_practices_brand_is_on_its_pages_and_no_others() {
    let app = with_pages().await;
    let plain = app.send(get("/p/agency/client")).await.body;
    assert!(!plain.contains("<style") && !plain.contains("<img"));
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    let color = json!({"brand": {"color": "#0B5D3B"}});
    assert_eq!(admin.send(HttpEvent::new("PATCH", "/v1/admin/practice").json(&color)).await.status, 200);
    assert_eq!(admin.send(logo::put_logo(&logo::png(64, 32))).await.status, 204);
    app.clock.advance(std::time::Duration::from_mins(2));
    let html = app.send(get("/p/agency/client")).await.body;
    assert!(html.contains("--brand: #0b5d3b;"), "{html}");
    let path = html.split("<img src=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(path.starts_with("/v1/practices/agency/logo?v=") && html.contains("width=\"64\" height=\"32\""));
    let (path, query) = path.split_once('?').unwrap();
    assert_eq!(app.send(get(path).query(query)).await.status, 200);
}
