//! An administrator changes the practice's settings.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::event::HttpEvent;
use crate::support::staff::StaffMember;

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
    assert!(changes[4].get("to").is_none(), "a contact of the practice is not shown: {changes:?}");

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
