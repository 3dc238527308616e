//! A preview of the practice's mails: every mail as it is sent, and nobody's.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::document::api;
use crate::support::event::HttpEvent;
use crate::support::logo::{png, put_logo};
use crate::support::staff::{StaffMember, at_work};
use crate::support::template::root;
use crate::support::{Reply, TestApp, demo_accounts};

const PREVIEW: &str = "/v1/admin/practice/mail-preview";

async fn preview(member: &StaffMember<'_>, body: &Value) -> Reply {
    member.send(HttpEvent::new("POST", PREVIEW).json(body)).await
}

fn kinds() -> Vec<String> {
    let names = api()["components"]["schemas"]["MailKind"]["enum"].as_array().unwrap();
    names.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// Every address that a mail leads to.
fn addresses(html: &str) -> BTreeSet<String> {
    let parts = html.split(['"', '<', '>', ' ', '\n']);
    parts.filter(|part| part.starts_with("http")).map(str::to_owned).collect()
}

#[test]
fn every_folder_of_templates_is_a_mail_that_can_be_seen() {
    let folders = std::fs::read_dir(root().join("shared/src/mail/templates")).unwrap();
    let folders =
        folders.map(|entry| entry.unwrap().path()).filter(|path| path.join("en/subject.txt").exists());
    let folders: BTreeSet<String> =
        folders.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(kinds().into_iter().collect::<BTreeSet<_>>(), folders);
}

#[tokio::test]
async fn every_mail_is_shown_in_the_practices_look_and_in_the_language_asked_for() {
    let app = TestApp::start_with(&[("REKEY_PAGES_URL", "https://recovery.test")]).await;
    app.create_practice("agency", json!({"code_length": 6})).await;
    app.import("agency", &demo_accounts("agency")).await;
    let admin = at_work(&app).await;
    let brand = HttpEvent::new("PATCH", "/v1/admin/practice").json(&json!({"brand": {"color": "#7a1f3d"}}));
    assert_eq!(admin.send(brand).await.status, 200);
    assert_eq!(admin.send(put_logo(&png(64, 64))).await.status, 204);
    let logo = admin.get("/v1/admin/practice").await.json()["brand"]["logo"]["digest"].clone();
    let logo = format!("https://recovery.test/v1/practices/agency/logo?v={}", logo.as_str().unwrap());
    let own = [
        logo.as_str(),
        "https://portal.agency.test",
        "https://staff.agency.test",
        "https://example.test/reset#token=EXAMPLE",
        "https://example.test/reset#repudiate=EXAMPLE",
    ];
    for (kind, (locale, lang)) in kinds()
        .iter()
        .flat_map(|kind| [("en", "en"), ("es-MX", "es"), ("fr", "en")].map(|language| (kind, language)))
    {
        let reply = preview(&admin, &json!({"mail": kind, "locale": locale})).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let mail = reply.json();
        let [subject, text, html] = ["subject", "text", "html"].map(|part| mail[part].as_str().unwrap());
        assert!(
            !subject.is_empty()
                && html.contains(&format!("<title>{}</title>", subject.replace('\'', "&#39;"))),
            "{subject}"
        );
        assert!(html.starts_with(&format!("<!doctype html>\n<html lang=\"{lang}\">")), "{html}");
        assert!(html.contains(&format!("<img src=\"{logo}\"")) && !html.contains("#1a56b0"), "{html}");
        assert!(text.contains("Harbor Agency") && html.contains("Harbor Agency"), "{text}");
        let led = addresses(html);
        assert!(led.iter().all(|url| own.contains(&url.as_str())), "{kind}: {led:?}");
        assert_eq!(
            text.contains("123 456"),
            ["verification_code", "caller_check"].contains(&kind.as_str()),
            "{text}"
        );
        assert_eq!(
            html.contains("background-color:#7a1f3d"),
            html.contains("display:inline-block"),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn a_preview_is_what_would_be_sent_but_for_the_facts_of_a_person() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    app.forgot("jane").await;
    app.deliver().await;
    let sent = app.mailbox.messages().remove(0);
    let shown = preview(&admin, &json!({"mail": "reset_link", "locale": "en"})).await.json();
    assert_eq!(shown["subject"], sent.subject);
    // The mail to an address that is not proven also says how to tell that it has reached somebody else.
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (shown, sent) = (lines(shown["text"].as_str().unwrap()), lines(sent.text.as_ref().unwrap()));
    let changed: Vec<&String> = shown.iter().filter(|line| !sent.contains(line)).collect();
    assert!(
        (1..=2).contains(&changed.len()) && changed.iter().any(|line| line.contains("example.test")),
        "{changed:?}"
    );
}

#[tokio::test]
async fn a_preview_writes_nothing_mails_nobody_and_knows_nobody() {
    let app = TestApp::start().await;
    let casey = StaffMember::of(&app, "agency", "staff", "casey").await;
    let token = app.token_for("jane").await;
    app.mailbox.clear().unwrap();
    let unsaid = async || {
        let items = app.dump().await.into_iter();
        items.filter(|item| !item.contains("\"pk\":\"SESSION#")).collect::<Vec<_>>()
    };
    let before = unsaid().await;
    let people = ["jane", "lily", "casey", &token, &casey.session];
    app.seam.forget();
    for kind in kinds() {
        let reply = preview(&casey, &json!({"mail": kind, "locale": "en"})).await;
        assert_eq!(reply.status, 200, "any member of staff may see it");
        let known: Vec<&&str> = people.iter().filter(|name| reply.body.contains(**name)).collect();
        assert!(known.is_empty(), "{kind}: {known:?}");
    }
    assert!(unsaid().await == before);
    let touched = app.seam.counts("settings");
    assert!(!touched.contains_key("PutItem") && !touched.contains_key("Query"), "{touched:?}");
    app.deliver().await;
    assert!(app.mailbox.messages().is_empty());
}

#[tokio::test]
async fn what_is_no_mail_or_no_language_is_refused_without_repeating_it() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    for (body, member) in [
        (json!({"mail": "hunter2hunter2", "locale": "en"}), "mail: "),
        (json!({"mail": "ResetLink", "locale": "en"}), "mail: "),
        (json!({"mail": "../reset_link", "locale": "en"}), "mail: "),
        (json!({"mail": null, "locale": "en"}), "mail: "),
        (json!({"mail": ["reset_link"], "locale": "en"}), "mail: "),
        (json!({"mail": {"reset_link": {}}, "locale": "en"}), "mail.reset_link: "),
        (json!({"mail": {"hunter2hunter2": {}}, "locale": "en"}), "mail: "),
        (json!({"mail": "reset_link", "locale": "hunter2 hunter2"}), "locale: must be a language tag"),
        (json!({"mail": "reset_link", "locale": ""}), "locale: must be a language tag"),
        (json!({"mail": "reset_link", "locale": null}), "locale: "),
        (json!({"mail": "reset_link"}), "missing field `locale`"),
        (json!({"locale": "en"}), "missing field `mail`"),
        (json!({"mail": "reset_link", "locale": "en", "to": "hunter2@evil.test"}), "unknown field `to`"),
    ] {
        let reply = preview(&admin, &body).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{body}");
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(member) && !detail.contains("hunter2"), "{body}: {detail}");
    }
}
