//! What a practice looks like on pages and in mails: its colour and its logo.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rekey::store::logos::StoredLogo;
use rekey_local::mailbox::Message;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::logo::{LOGO, png, put_logo, with_chunk};
use crate::support::staff::{StaffMember, at_work};
use crate::support::template::root;
use crate::support::{Reply, TestApp, demo_accounts, password_hash, practice};

const PAGES: &str = "https://recovery.test";

/// A deployment that has pages of its own.
async fn app_with_pages() -> TestApp {
    let app = TestApp::start_with(&[("REKEY_PAGES_URL", PAGES)]).await;
    app.create_practice("agency", json!({})).await;
    app.import("agency", &demo_accounts("agency")).await;
    app
}

async fn patch(member: &StaffMember<'_>, change: Value) -> Reply {
    member.send(HttpEvent::new("PATCH", "/v1/admin/practice").json(&change)).await
}

async fn settings(member: &StaffMember<'_>) -> Value {
    member.get("/v1/admin/practice").await.json()
}

/// The brand that anybody sees, a minute later.
async fn shown(app: &TestApp) -> Value {
    app.clock.advance(Duration::from_mins(1));
    app.send(HttpEvent::new("GET", "/v1/practices/agency")).await.json()["brand"].clone()
}

async fn public_logo(app: &TestApp, query: &str) -> Reply {
    app.send(HttpEvent::new("GET", "/v1/practices/agency/logo").query(query)).await
}

/// The changes that the log has of the brand, oldest first.
async fn recorded(app: &TestApp) -> Vec<Value> {
    let events = app.dump().await.into_iter().filter(|item| item.contains("practice_updated"));
    let mut events: Vec<Value> = events.map(|event| serde_json::from_str(&event).unwrap()).collect();
    events.sort_by_key(|event| event["sk"].as_str().unwrap().to_owned());
    let changes = events.iter().flat_map(|event| event["changes"].as_array().unwrap().clone());
    changes.filter(|change| change["member"].as_str().unwrap().starts_with("brand")).collect()
}

async fn mail_to(app: &TestApp, name: &str) -> Message {
    app.mailbox.clear().unwrap();
    app.forgot(name).await;
    app.deliver().await;
    app.mailbox.messages().remove(0)
}

fn html(mail: &Message) -> &str {
    mail.html.as_deref().unwrap()
}

#[tokio::test]
async fn a_practice_has_a_colour_on_its_pages_and_in_its_mails_until_it_takes_it_away() {
    let app = app_with_pages().await;
    let admin = at_work(&app).await;
    assert_eq!((shown(&app).await, settings(&admin).await.get("brand")), (json!({}), None));
    let before = mail_to(&app, "jane").await;
    assert!(html(&before).contains("background-color:#1a56b0"), "{}", html(&before));

    let set = patch(&admin, json!({"brand": {"color": "#7A1F3D"}})).await;
    assert_eq!((set.status.as_u16(), set.json()["brand"].clone()), (200, json!({"color": "#7a1f3d"})));
    assert_eq!(settings(&admin).await["brand"], json!({"color": "#7a1f3d"}));
    assert_eq!(shown(&app).await, json!({"color": "#7a1f3d"}));
    let after = mail_to(&app, "sam").await;
    assert!(html(&after).contains("background-color:#7a1f3d"), "{}", html(&after));
    assert!(!html(&after).contains("#1a56b0") && !html(&after).contains("<img"), "{}", html(&after));

    assert_eq!(patch(&admin, json!({"brand": {"color": "#008A00"}})).await.status, 200);
    assert_eq!(patch(&admin, json!({"brand": {"color": null}})).await.json().get("brand"), None);
    for none in [json!({"brand": {"color": null}}), json!({"brand": {}}), json!({"brand": null})] {
        assert_eq!(patch(&admin, none.clone()).await.status, 200, "no change: {none}");
    }
    assert_eq!(shown(&app).await, json!({}));
    let expected = [
        json!({"member": "brand.color", "to": "#7a1f3d"}),
        json!({"member": "brand.color", "from": "#7a1f3d", "to": "#008a00"}),
        json!({"member": "brand.color", "from": "#008a00"}),
    ];
    assert_eq!(recorded(&app).await, expected);
}

#[tokio::test]
async fn the_operator_creates_a_practice_with_a_colour_and_no_logo() {
    let app = TestApp::start_with(&[]).await;
    let create = async |brand: Value| {
        let mut made = practice("agency", &json!({}));
        made["brand"] = brand;
        app.operate(json!({"action": "create_practice", "practice": made}))
            .await
            .map_err(|error| error.to_string())
    };
    let digest = "A".repeat(22);
    for (brand, rule) in [
        (json!({"color": "#ffcc00"}), "brand.color: must be darker"),
        (json!({"color": "red"}), "brand.color: must be a colour"),
        (json!({"colour": "#7a1f3d"}), "brand.colour: is not a setting"),
        (json!({"logo": {"digest": digest, "width": 16, "height": 16}}), "brand.logo: is given by"),
    ] {
        let refused = create(brand.clone()).await.unwrap_err();
        assert!(refused.contains(rule), "{brand}: {refused}");
    }
    assert!(app.dump().await.is_empty(), "nothing is half done");
    create(json!({"color": "#7a1f3d"})).await.unwrap();
    assert_eq!(shown(&app).await, json!({"color": "#7a1f3d"}));
}

#[tokio::test]
async fn a_logo_is_shown_to_everybody_and_may_be_kept_as_long_as_its_address_is_its_own() {
    let app = app_with_pages().await;
    let admin = at_work(&app).await;
    assert_eq!(admin.get(LOGO).await.outcome(), (404, "not_found".to_owned()));
    assert_eq!(public_logo(&app, "").await.outcome(), (404, "not_found".to_owned()));
    let picture = png(480, 128);
    let known = with_chunk(&picture, "tEXt", b"Author\0Maria");
    assert_eq!(admin.send(put_logo(&known)).await.outcome(), (204, String::new()));

    let logo = settings(&admin).await["brand"]["logo"].clone();
    let digest = logo["digest"].as_str().unwrap();
    assert_eq!((&logo["width"], &logo["height"], digest.len()), (&json!(480), &json!(128), 22));
    let url = format!("/v1/practices/agency/logo?v={digest}");
    let brand = json!({"logo_url": url, "logo_width": 480, "logo_height": 128});
    assert_eq!(shown(&app).await, brand);
    let kept = "public, max-age=31536000, immutable";
    for (query, cache) in [
        (format!("v={digest}"), kept),
        (String::new(), "no-store"),
        ("v=".to_owned(), "no-store"),
        (format!("v={}", &digest[..21]), "no-store"),
        (format!("v={}", digest.to_lowercase()), "no-store"),
    ] {
        let reply = public_logo(&app, &query).await;
        assert_eq!(
            (reply.status.as_u16(), reply.headers["content-type"].to_str().unwrap()),
            (200, "image/png")
        );
        assert_eq!(reply.headers["cache-control"], cache, "{query}");
        assert_eq!(reply.headers["x-content-type-options"], "nosniff");
        assert_eq!(reply.body, STANDARD.encode(&picture), "the image and nothing beside it");
    }
    assert_eq!(admin.get(LOGO).await.body, STANDARD.encode(&picture));
    assert_eq!(StaffMember::of(&app, "agency", "staff", "casey").await.get(LOGO).await.status, 200);
    for (query, code) in [("w=1", 400), ("v=a&v=b", 400)] {
        assert_eq!(public_logo(&app, query).await.status, code, "{query}");
    }

    // Another one has another address, at once: the old address shows it, and is not kept.
    let other = png(64, 64);
    assert_eq!(admin.send(put_logo(&other)).await.status, 204);
    let reply = public_logo(&app, &format!("v={digest}")).await;
    assert_eq!(
        (reply.body, reply.headers["cache-control"].to_str().unwrap()),
        (STANDARD.encode(&other), "no-store")
    );
    assert_eq!(admin.send(HttpEvent::new("DELETE", LOGO)).await.outcome(), (204, String::new()));
    assert_eq!(public_logo(&app, &format!("v={digest}")).await.outcome(), (404, "not_found".to_owned()));
    assert_eq!((shown(&app).await, settings(&admin).await.get("brand")), (json!({}), None));
    let stored: Vec<_> = app.dump().await.into_iter().filter(|item| item.contains("LOGO#")).collect();
    assert!(stored.is_empty(), "{stored:?}");
}

#[tokio::test]
async fn each_change_of_the_logo_is_one_event_and_what_changes_nothing_is_none() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    let digest = async || settings(&admin).await["brand"]["logo"]["digest"].clone();
    assert_eq!(admin.send(HttpEvent::new("DELETE", LOGO)).await.status, 204, "there is none");
    assert_eq!(recorded(&app).await, [] as [Value; 0]);
    app.seam.forget();
    assert_eq!(admin.send(put_logo(&png(64, 64))).await.status, 204);
    let counts = app.seam.counts("settings");
    assert_eq!((counts["TransactWriteItems"], counts["GetItem"]), (1, 2), "one transaction: {counts:?}");
    let first = digest().await;
    for _ in 0..2 {
        assert_eq!(admin.send(put_logo(&png(64, 64))).await.status, 204, "the same again");
    }
    assert_eq!(admin.send(put_logo(&png(64, 65))).await.status, 204);
    let second = digest().await;
    assert_ne!(first, second);
    assert_eq!(admin.send(HttpEvent::new("DELETE", LOGO)).await.status, 204);
    let expected = [
        json!({"member": "brand.logo", "to": first}),
        json!({"member": "brand.logo", "from": first, "to": second}),
        json!({"member": "brand.logo", "from": second}),
    ];
    assert_eq!(recorded(&app).await, expected);
}

#[tokio::test]
async fn a_mail_loads_the_logo_from_the_deployments_pages_and_from_the_same_place_for_everybody() {
    let app = app_with_pages().await;
    let admin = at_work(&app).await;
    let before = mail_to(&app, "jane").await;
    assert_eq!(admin.send(put_logo(&png(480, 128))).await.status, 204);
    let logo = settings(&admin).await["brand"]["logo"].clone();
    app.clock.advance(Duration::from_mins(1));
    let url = format!("{PAGES}/v1/practices/agency/logo?v={}", logo["digest"].as_str().unwrap());
    let image = format!("<img src=\"{url}\" alt=\"Harbor Agency\" width=\"240\" height=\"64\"");
    for name in ["sam", "jane"] {
        let mail = mail_to(&app, name).await;
        assert!(html(&mail).contains(&image) && html(&mail).matches("src=").count() == 1, "{}", html(&mail));
        let lines = |mail: &Message| mail.text.as_ref().unwrap().lines().count();
        assert!(!mail.text.as_ref().unwrap().contains(&url) && lines(&mail) == lines(&before));
    }
    // What a page or a mail program asks for is there.
    let (_, query) = url.split_once('?').unwrap();
    assert_eq!(
        public_logo(&app, query).await.headers["cache-control"],
        "public, max-age=31536000, immutable"
    );
}

#[tokio::test]
async fn a_deployment_without_pages_sends_mails_without_a_logo() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    assert_eq!(admin.send(put_logo(&png(480, 128))).await.status, 204);
    app.clock.advance(Duration::from_mins(1));
    let mail = mail_to(&app, "jane").await;
    assert!(!html(&mail).contains("<img") && !html(&mail).contains("src="), "{}", html(&mail));
    assert!(shown(&app).await["logo_url"].is_string(), "pages elsewhere may show it");
}

#[tokio::test]
async fn a_brand_is_changed_with_the_password_and_the_other_administrators_are_told() {
    let app = TestApp::start().await;
    let another = json!({"portal": "staff", "role": "admin", "username": "maria", "display_name": "Maria", "locale": "es",
        "email": "maria@agency.test", "password_hash": password_hash()});
    app.import("agency", &[another]).await;
    let admin = at_work(&app).await;
    let confirm = json!({"current_password": crate::support::PASSWORD});
    let changes = [
        (
            HttpEvent::new("PATCH", "/v1/admin/practice").json(&json!({"brand": {"color": "#7a1f3d"}})),
            "brand.color",
        ),
        (put_logo(&png(64, 64)), "brand.logo"),
        (HttpEvent::new("DELETE", LOGO), "brand.logo"),
        (HttpEvent::new("PATCH", "/v1/admin/practice").json(&json!({"brand": null})), "brand.color"),
    ];
    for (event, member) in changes {
        app.clock.advance(Duration::from_mins(10));
        let before = app.lasting().await;
        let refused = admin.send(event.clone()).await;
        assert_eq!(refused.outcome(), (403, "confirmation_required".to_owned()), "{member}");
        let unsaid = |items: Vec<String>| {
            items.into_iter().filter(|item| !item.contains("SESSION#")).collect::<Vec<_>>()
        };
        assert!(unsaid(app.lasting().await) == unsaid(before), "nothing was written");
        let post = HttpEvent::new("POST", "/v1/sessions/current/confirm").json(&confirm);
        assert_eq!(admin.send(post).await.status, 204);
        app.mailbox.clear().unwrap();
        assert!(admin.send(event).await.status.is_success(), "{member}");
        app.deliver().await;
        let [mail] = &app.mailbox.messages()[..] else { panic!("one, and not to who did it") };
        assert_eq!(
            (mail.to[0].as_str(), mail.subject.as_str()),
            ("maria@agency.test", "Se cambiaron ajustes de su consulta")
        );
        assert!(mail.text.as_ref().unwrap().contains(&format!("\n{member}\n")), "{mail:?}");
    }
}

#[tokio::test]
async fn the_logo_of_a_practice_goes_with_it() {
    let app = TestApp::start_with(&[]).await;
    for slug in ["agency", "therapy"] {
        app.create_practice(slug, json!({})).await;
        app.import(slug, &demo_accounts(slug)).await;
        let admin = StaffMember::of(&app, slug, "staff", "admin").await;
        assert_eq!(admin.send(put_logo(&png(64, 64))).await.status, 204);
    }
    app.operate(json!({"action": "disable_practice", "practice": "agency"})).await.unwrap();
    app.clock.advance(Duration::from_mins(1));
    assert_eq!(public_logo(&app, "").await.outcome(), (404, "unknown_practice".to_owned()), "it is disabled");
    let mut asked = json!({"action": "delete_practice", "practice": "agency"});
    while let Some(cursor) = app.operate(asked.clone()).await.unwrap().get("cursor") {
        asked["cursor"] = cursor.clone();
    }
    let logos: Vec<_> = app.dump().await.into_iter().filter(|item| item.contains("\"pk\":\"LOGO#")).collect();
    assert!(logos.len() == 1 && logos[0].contains("LOGO#therapy"), "{logos:?}");
    let stored: StoredLogo = serde_json::from_str(&logos[0]).unwrap();
    assert_eq!(stored.png().unwrap(), png(64, 64));
}

/// The guide's commands are run elsewhere; this tells sooner that its picture is none any more.
#[tokio::test]
async fn the_picture_of_the_guide_is_a_logo() {
    let app = TestApp::start().await;
    let guide = std::fs::read_to_string(root().join("functions/README.md")).unwrap();
    let (before, _) = guide.split_once(" | base64 -d > logo.png").unwrap();
    let picture = STANDARD.decode(before.rsplit(' ').next().unwrap()).unwrap();
    let admin = at_work(&app).await;
    assert_eq!(admin.send(put_logo(&picture)).await.status, 204);
    assert_eq!(admin.get(LOGO).await.body, STANDARD.encode(&picture), "it comes back as it was sent");
}
