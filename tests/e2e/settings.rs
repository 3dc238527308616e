//! An administrator changes the practice's settings.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::staff::StaffMember;
use crate::support::{Reply, TestApp};

#[tokio::test]
async fn an_administrator_changes_settings_within_their_bounds_and_it_is_recorded() {
    let app = TestApp::start().await;
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    let patch =
        async |body: Value| admin.send(HttpEvent::new("PATCH", "/v1/admin/practice").json(&body)).await;
    let before = admin.get("/v1/admin/practice").await.json();
    assert_eq!((&before["slug"], &before["policy"]["link_ttl"]), (&json!("agency"), &json!(86_400)));
    let change = json!({"name": "New Harbor", "support": {"phone": null, "url": "https://agency.test/help"},
        "portals": {"client": {"url": "https://my.agency.test"}}, "policy": {"link_ttl": 3600, "recovery_methods": ["code"]}});
    let after = patch(change).await;
    assert_eq!(after.status, 200, "{after:?}");
    let after = after.json();
    assert_eq!(after["support"], json!({"email": "help@agency.test", "url": "https://agency.test/help"}));
    let urls = json!({"url": "https://my.agency.test", "recovery_url": "https://portal.agency.test/reset"});
    assert_eq!(after["portals"]["client"], urls, "what is left out stays");
    assert_eq!((&after["policy"]["link_ttl"], &after["policy"]["code_ttl"]), (&json!(3600), &json!(600)));
    assert_eq!(admin.get("/v1/admin/practice").await.json(), after);
    app.clock.advance(std::time::Duration::from_mins(1));
    let facts = app.send(HttpEvent::new("GET", "/v1/practices/agency")).await.json();
    assert_eq!((&facts["name"], &facts["recovery_methods"]), (&json!("New Harbor"), &json!(["code"])));

    let stored = app.dump().await;
    for (body, detail) in [
        (json!({"policy": {"link_ttl": 172_801}}), "policy.link_ttl: must be 600 to 172800"),
        (json!({"policy": {"link_tll": 3600}}), "policy.link_tll: is not a setting"),
        (json!({"policy": {"code_length": "8"}}), "policy.code_length: "),
        (json!({"portals": {"staff": {"url": "http://agency.test"}}}), "portals.staff.url: "),
        (json!({"support": null}), "support: "),
        (json!({"slug": "therapy"}), "slug: cannot be changed"),
        (json!({"revision": 7}), "revision: is not a setting"),
        (json!({"sendr": null}), "sendr: is not a setting"),
        (json!({"": null}), ": is not a setting"),
        (json!({"policy": {"link_tll": null}}), "policy.link_tll: is not a setting"),
        (json!({"support": {"fax": null}}), "unknown field `fax`"),
        (json!({"portals": {"client": {"logo": null}}}), "unknown field `logo`"),
        (json!({"portals": {"parents": null}}), "unknown field `parents`"),
    ] {
        let reply = patch(body.clone()).await;
        assert_eq!(reply.outcome(), (422, "invalid_setting".to_owned()), "{body}");
        let said = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(said.starts_with(detail) || said.contains(detail.trim_end_matches(": ")), "{body}: {said}");
    }
    for none in [
        json!({"name": "New Harbor"}),
        json!({"sender": null, "portals": {"client": {"change_password_url": null}}}),
    ] {
        assert_eq!(patch(none).await.status, 200, "no change");
    }
    let written =
        app.dump().await.into_iter().filter(|item| !stored.contains(item) && !item.contains("SESSION#"));
    assert_eq!(written.count(), 0);
    let events = app.dump().await.into_iter().filter(|item| item.contains("practice_updated"));
    let events: Vec<Value> = events.map(|event| serde_json::from_str(&event).unwrap()).collect();
    assert_eq!(events.len(), 1);
    let changes = events[0]["changes"].as_array().unwrap();
    let members: Vec<&str> = changes.iter().map(|change| change["member"].as_str().unwrap()).collect();
    let expected = [
        "name",
        "policy.link_ttl",
        "policy.recovery_methods",
        "portals.client.url",
        "support.phone",
        "support.url",
    ];
    assert_eq!(members, expected);
    assert_eq!((&changes[1]["from"], &changes[1]["to"]), (&json!("86400"), &json!("3600")));
    let moved = (&changes[3]["from"], &changes[3]["to"]);
    assert_eq!(moved, (&json!("https://portal.agency.test"), &json!("https://my.agency.test")));
    assert_eq!((&changes[4]["from"], changes[4].get("to")), (&json!("+1 555 0100"), None), "it was removed");

    let both = [
        json!({"policy": {"code_length": 6}}),
        json!({"policy": {"code_ttl": 300}}),
        json!({"locale": "es"}),
    ];
    let replies = join_all(both.into_iter().map(&patch)).await;
    assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
    let settings = admin.get("/v1/admin/practice").await.json();
    let all = [&settings["policy"]["code_length"], &settings["policy"]["code_ttl"], &settings["locale"]];
    assert_eq!(all, [&json!(6), &json!(300), &json!("es")], "none undoes another");
}

async fn patch(member: &StaffMember<'_>, change: &Value) -> Reply {
    member.send(HttpEvent::new("PATCH", "/v1/admin/practice").json(change)).await
}

/// A patch of one setting, by dotted path.
fn setting(path: &str, value: &Value) -> Value {
    path.rsplit('.').fold(value.clone(), |inner, member| json!({member: inner}))
}

const URLS: [&str; 7] = [
    "portals.client.url",
    "portals.client.recovery_url",
    "portals.client.change_password_url",
    "portals.staff.url",
    "portals.staff.recovery_url",
    "portals.staff.change_password_url",
    "support.url",
];

#[tokio::test]
async fn settings_lead_nowhere_beyond_the_practices_domains() {
    let app = TestApp::start().await;
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    let set = json!({"action": "set_domains", "practice": "agency", "domains": ["agency.test"], "senders": ["*@agency.test"]});
    app.operate(set).await.unwrap();
    let before = app.lasting().await;
    let elsewhere = [
        "https://evil.test/reset",
        "https://agency.test.evil.test",
        "https://evilagency.test",
        "https://test",
        "https://203.0.113.7",
        "https://[2001:db8::1]",
        "https://agency.test.",
        "https://localhost",
    ];
    let urls = URLS.iter().flat_map(|path| elsewhere.map(|url| (*path, json!(url))));
    let addresses = ["help@evil.test", "help@agency.test.evil.test", "help@evilagency.test"];
    let addresses = ["support.email", "sender"]
        .into_iter()
        .flat_map(|path| addresses.map(|address| (path, json!(address))));
    let bounds =
        [("domains", json!(["evil.test"])), ("senders", json!(["*@evil.test"])), ("domains", json!([]))];
    let below = [("sender", json!("care@below.agency.test"))];
    for (path, value) in urls.chain(addresses).chain(bounds).chain(below) {
        let reply = patch(&admin, &setting(path, &value)).await;
        assert_eq!(reply.outcome(), (422, "invalid_setting".to_owned()), "{path} {value}");
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(
            detail.starts_with(&format!("{path}: ")) && detail.contains("operator"),
            "{path} {value}: {detail}"
        );
    }
    let unsaid =
        |lines: Vec<String>| lines.into_iter().filter(|line| !line.contains("SESSION#")).collect::<Vec<_>>();
    assert!(unsaid(app.lasting().await) == unsaid(before), "nothing was written");
    for path in URLS {
        for url in ["https://agency.test", "https://my.agency.test/x", "https://a.b.agency.test:8443"] {
            assert_eq!(patch(&admin, &setting(path, &json!(url))).await.status, 200, "{path} {url}");
        }
    }
    for (path, value) in [("support.email", "help@below.agency.test"), ("sender", "care@agency.test")] {
        assert_eq!(patch(&admin, &setting(path, &json!(value))).await.status, 200, "{path} {value}");
    }
}

#[tokio::test]
async fn the_operator_sets_the_domains_around_what_is_there() {
    let app = TestApp::start().await;
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    let set = async |practice: &str, domains: Value, senders: Value| {
        app.operate(
            json!({"action": "set_domains", "practice": practice, "domains": domains, "senders": senders}),
        )
        .await
    };
    let moved = setting("portals.client.url", &json!("https://portal.other.test"));
    assert_eq!(patch(&admin, &moved).await.status, 422);
    let answer =
        set("agency", json!(["Agency.test", "other.test"]), json!(["care@agency.test"])).await.unwrap();
    assert_eq!(answer["domains"], json!(["agency.test", "other.test"]));
    assert_eq!(answer["senders"], json!(["care@agency.test"]));
    assert_eq!(patch(&admin, &moved).await.status, 200);
    let shown = admin.get("/v1/admin/practice").await.json();
    assert_eq!((&shown["domains"], &shown["senders"]), (&answer["domains"], &answer["senders"]));
    for (practice, domains, senders, said) in [
        ("agency", json!(["agency.test"]), json!([]), "portals.client.url: must be within"),
        ("agency", json!(["test"]), json!([]), "must be a domain"),
        ("agency", json!([]), json!([]), "domains: "),
        ("agency", json!(["agency.test", "other.test"]), json!(["*"]), "must be an address"),
        ("nowhere", json!(["agency.test"]), json!([]), "no practice is called nowhere"),
    ] {
        let error = set(practice, domains.clone(), senders.clone()).await.unwrap_err().to_string();
        assert!(error.contains(said), "{domains} {senders}: {error}");
    }
    let events = app.dump().await.into_iter().filter(|item| item.contains("practice_updated"));
    let events: Vec<Value> = events.map(|event| serde_json::from_str(&event).unwrap()).collect();
    let by_operator: Vec<&Value> = events.iter().filter(|event| event["actor"] == "operator").collect();
    let changes = json!([
        {"member": "domains", "from": "agency.test, portal.agency.test, staff.agency.test", "to": "agency.test, other.test"},
        {"member": "senders", "from": "", "to": "care@agency.test"}]);
    assert!(by_operator.len() == 1 && by_operator[0]["changes"] == changes, "{by_operator:?}");
}

#[tokio::test]
async fn a_practice_of_an_earlier_release_is_bounded_by_what_it_leads_to() {
    let app = TestApp::start().await;
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    let key = rekey::store::keys::practice(&rekey::domain::practice::Slug::parse("agency").unwrap());
    let update = app.dynamodb.update_item().table_name(&app.table).set_key(Some(key.attributes()));
    update.update_expression("REMOVE domains, senders").send().await.unwrap();
    let elsewhere = setting("portals.client.recovery_url", &json!("https://evil.test"));
    assert_eq!(patch(&admin, &elsewhere).await.outcome(), (422, "invalid_setting".to_owned()));
    assert_eq!(patch(&admin, &json!({"name": "Harbor"})).await.status, 200);
    let shown = admin.get("/v1/admin/practice").await.json();
    assert_eq!(shown["domains"], json!(["agency.test", "portal.agency.test", "staff.agency.test"]));
}

#[tokio::test]
async fn the_other_administrators_are_told_where_people_are_led_now() {
    let app = TestApp::start().await;
    let another = |name: &str, locale: &str, active: bool| {
        json!({"portal": "staff", "role": "admin", "username": name, "display_name": name, "active": active,
            "locale": locale, "email": format!("{name}@agency.test"), "password_hash": crate::support::password_hash()})
    };
    app.import(
        "agency",
        &[another("maria", "es", true), another("robin", "en", true), another("gone", "en", false)],
    )
    .await;
    let robin = StaffMember::of(&app, "agency", "staff", "robin").await;
    for leading in [
        json!({"portals": {"client": {"recovery_url": "https://portal.agency.test/new"}}}),
        json!({"support": {"phone": "+1 555 0177"}}),
        json!({"policy": {"link_ttl": 3600}, "support": {"email": "desk@agency.test"}}),
    ] {
        app.mailbox.clear().unwrap();
        assert_eq!(patch(&robin, &leading).await.status, 200);
        app.deliver().await;
        let mails = app.mailbox.messages();
        let mut to: Vec<&str> = mails.iter().map(|mail| mail.to[0].as_str()).collect();
        to.sort_unstable();
        assert_eq!(to, ["admin@agency.test", "maria@agency.test"], "open, and not who did it");
        let spanish = mails.iter().find(|mail| mail.to[0].starts_with("maria")).unwrap();
        assert_eq!(spanish.subject, "Se cambiaron ajustes de su consulta");
        let member = leading.as_object().unwrap().keys().next_back().unwrap();
        let text = spanish.text.as_ref().unwrap();
        assert!(text.contains(&format!("\n{member}.")), "{text}");
        assert!(!text.contains("/new"), "no value of somebody's choice: {text}");
        assert!(!text.contains("policy"), "{text}");
    }
    app.mailbox.clear().unwrap();
    for other in [json!({"policy": {"code_length": 6}}), json!({"name": "Harbor"}), json!({})] {
        assert_eq!(patch(&robin, &other).await.status, 200);
    }
    app.deliver().await;
    assert!(app.mailbox.messages().is_empty(), "these lead nobody anywhere");
}

#[tokio::test]
async fn a_portal_that_moves_to_or_from_the_deployments_pages_leads_people_too() {
    let app = TestApp::start_with(&[("REKEY_PAGES_URL", "https://recovery.test")]).await;
    app.create_practice("agency", json!({})).await;
    app.import("agency", &crate::support::demo_accounts("agency")).await;
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    let portals = admin.get("/v1/admin/practice").await.json()["portals"].clone();
    for change in [json!({"portals": null}), json!({"portals": portals})] {
        app.clock.advance(std::time::Duration::from_mins(10));
        let reply = patch(&admin, &change).await;
        assert_eq!(reply.outcome(), (403, "confirmation_required".to_owned()), "{change}");
        let confirm = json!({"current_password": crate::support::PASSWORD});
        let confirm = HttpEvent::new("POST", "/v1/sessions/current/confirm").json(&confirm);
        assert_eq!(admin.send(confirm).await.status, 204);
        assert_eq!(patch(&admin, &change).await.status, 200, "{change}");
    }
    assert_eq!(admin.get("/v1/admin/practice").await.json()["portals"], portals);
}
