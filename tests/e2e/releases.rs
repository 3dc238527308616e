//! Two releases on one table: what each has stored is read by the other.
//!
//! `tests/e2e/items` has what each release has stored. `CONTRIBUTING.md` says how a stored form changes, and when a file is added.

use std::collections::BTreeSet;
use std::time::Duration;

use rekey::platform::clock::Clock as _;
use rekey_local::mailbox::Failure;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::everything::everything;
use crate::support::reader::{forms, kind, lost, objections, one_of_each};
use crate::support::staff::StaffMember;
use crate::support::stored::{self, Stored};
use crate::support::template::root;
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp, not_me_in, password_hash, temporary, token_in};

/// Has people begin what they do not finish, and returns what they hold.
async fn begin(app: &TestApp) -> Value {
    let person = |name: &str| json!({"username": name, "email": format!("{name}@agency.test"), "display_name": name, "password_hash": password_hash()});
    app.import("agency", &[person("mia"), person("noa")]).await;
    let session = app.session_of("noa", PASSWORD).await;
    assert_eq!(temporary::change(app, &session, PASSWORD, NEW_PASSWORD).await.status, 204);
    app.deliver().await;
    let notice = app.mailbox.messages()[0].text.clone().unwrap();
    let repudiate = notice.split_once("#repudiate=").unwrap().1.split_whitespace().next().unwrap().to_owned();
    let not_me = not_me_in(&app.mailbox.messages()[0]).unwrap();
    let admin = StaffMember::of(app, "agency", "staff", "admin").await;
    let temporary = temporary::mailed(app, &admin, "tom").await;
    for _ in 0..7 {
        app.sign_in("dora", "wrong").await;
    }
    let link = app.token_for("jane").await;
    let invitation = app.token_for("ivan").await;
    let (request, code) = app.code_for("sam").await;
    let session = app.session_of("lily", PASSWORD).await;
    app.mailbox.fail_next(1, Failure::Unverified);
    app.forgot("mia").await;
    app.deliver().await;
    json!({"link": link, "invitation": invitation, "request": request, "code": code, "session": session,
        "repudiate": repudiate, "not_me": not_me, "temporary": temporary})
}

/// Fills the counters that nothing else fills: of short codes, and of answers.
async fn count(app: &TestApp) {
    app.create_practice("short", json!({"code_length": 6})).await;
    app.forgot_by_code("short", "client", "nobody").await;
    app.post("/v1/password/forgot", json!({"practice": "pediatrics", "identifier": "jane"})).await;
    app.deliver().await;
    let token = token_in(&app.mailbox.messages()[0]);
    let wrong = json!({"token": token, "new_password": "a second stone bridge", "answer": "Rex"});
    assert_eq!(app.post("/v1/password/reset", wrong).await.code(), "wrong_answer");
}

/// What this release stores.
async fn store() -> Stored {
    let (app, whole) = (TestApp::start().await, TestApp::start().await);
    everything(&whole).await;
    count(&whole).await;
    let held = begin(&app).await;
    let table = app.plain_items().await;
    let every: Vec<Value> = whole.plain_items().await.into_iter().chain(table.clone()).collect();
    let samples = one_of_each(every);
    let keys = app.keys.clone().into_iter().collect();
    Stored { at: app.clock.now().millis(), forms: forms(&samples), keys, held, samples, table }
}

#[test]
fn whatever_a_release_has_stored_is_read_whole() {
    let releases = stored::all();
    assert!(!releases.is_empty());
    let mut unread = BTreeSet::new();
    for (number, stored) in releases.iter().enumerate() {
        for item in stored.samples.iter().chain(&stored.table) {
            let of = format!("release {}: {}", number + 1, kind(item));
            match lost(item) {
                Ok(members) => unread.extend(members.iter().map(|member| format!("{of}: {member} is lost"))),
                Err(refusal) => drop(unread.insert(format!("{of}: {refusal}"))),
            }
        }
    }
    assert_eq!(unread, BTreeSet::new());
}

#[tokio::test]
async fn whatever_is_stored_now_is_read_by_the_release_before() {
    let now = store().await;
    if std::env::var_os("REKEY_WRITE_SAMPLES").is_some() {
        stored::write(&now);
    }
    let before = stored::all().pop().unwrap();
    let objections: BTreeSet<String> =
        now.samples.iter().flat_map(|item| objections(&before.forms, item)).collect();
    assert_eq!(
        objections,
        BTreeSet::new(),
        "the release before cannot read it, and both run during a deployment: \
         CONTRIBUTING.md, \"Changing what is stored\", says how this takes two releases"
    );
    let text = std::fs::read_to_string(root().join("shared/src/store/keys.rs")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! | "));
    let keys = rows.map(|row| row.split('`').skip(1).step_by(2).take(2).collect::<Vec<_>>());
    let of_keys = |keys: Vec<&str>| {
        (keys.len() == 2).then(|| kind(&json!({"pk": keys[0], "sk": keys[1], "kind": "link"})))
    };
    let kinds: BTreeSet<String> = keys.filter_map(of_keys).collect();
    let unsampled: Vec<String> = kinds.into_iter().filter(|kind| !now.forms.contains_key(kind)).collect();
    assert_eq!(unsampled, [] as [String; 0], "kinds of items that no sample shows");
}

/// Everything that is begun under one release can be finished under the next.
#[tokio::test]
async fn people_go_on_where_they_were_when_another_release_came() {
    for stored in stored::all() {
        let app = TestApp::start_from(&stored).await;
        let held = |name: &str| stored.held[name].as_str().unwrap();
        assert_eq!(app.sign_in("dora", "wrong").await.status, 429);
        assert_eq!(app.account_with(held("session")).await.status, 200);
        assert_eq!(app.preview(held("link")).await.status, 200);
        assert_eq!(app.reset(held("link"), NEW_PASSWORD).await.status, 204);
        assert_eq!(app.sign_in("jane@agency.test", NEW_PASSWORD).await.status, 201);
        assert_eq!(app.reset(held("invitation"), NEW_PASSWORD).await.status, 204);
        let exchanged = app.verify(held("request"), held("code")).await;
        assert_eq!(exchanged.status, 200, "{exchanged:?}");
        assert_eq!(app.reset(exchanged.json()["token"].as_str().unwrap(), NEW_PASSWORD).await.status, 204);
        assert_eq!(app.sign_in("tom", held("temporary")).await.json()["next"], "change_password");
        let repudiated = app.post("/v1/password/repudiate", json!({"token": held("repudiate")})).await;
        assert_eq!(repudiated.status, 204);
        assert_eq!(app.not_me(held("not_me")).await.status, 204);
        app.clock.advance(Duration::from_mins(1));
        app.mailbox.clear_failures();
        app.sweep().await;
        let mails = app.mailbox.messages();
        let waited = mails.iter().find(|mail| mail.to == ["mia@agency.test"]).expect("the mail that waited");
        assert_eq!(app.preview(&token_in(waited)).await.status, 200);

        let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
        let get =
            async |path: &str, query: &str| admin.send(HttpEvent::new("GET", path).query(query)).await.json();
        let found = get("/v1/admin/accounts", "q=jane").await;
        assert_eq!(found["accounts"][0]["username"], "jane", "{found}");
        let created = get("/v1/admin/changes", "type=user_created").await;
        assert!(created["events"].as_array().unwrap().len() >= 11, "{created}");
    }
}

#[test]
fn a_form_that_the_release_before_does_not_read_would_be_seen() {
    let stored = stored::all().pop().unwrap();
    let sample = |wanted: &str| stored.samples.iter().find(|item| kind(item) == wanted).unwrap().clone();
    let seen = |mut item: Value, at: &str, name: &str, value: Option<Value>| {
        let members = item.pointer_mut(at).unwrap().as_object_mut().unwrap();
        match value {
            Some(value) => drop(members.insert(name.to_owned(), value)),
            None => drop(members.remove(name)),
        }
        objections(&stored.forms, &item)
    };
    for (kind, at, name, value, objection) in [
        ("EVENT", "", "action", Some(json!("invented")), "EVENT: action is \"invented\""),
        ("EVENT", "", "practice_log", None, "EVENT: practice_log is missing"),
        ("ACCOUNT", "", "display_name", None, "ACCOUNT: display_name is missing"),
        ("ACCOUNT", "", "session_epoch", Some(json!("1")), "ACCOUNT: session_epoch is a text"),
        ("PRACTICE", "/portals/client", "logo", Some(json!("x")), "PRACTICE: portals.client.logo is unknown"),
        ("OUTBOX recovery", "", "identifier", None, "OUTBOX recovery: identifier is missing"),
        ("OUTBOX recovery", "", "kind", Some(json!("invented")), "OUTBOX invented: nothing reads it"),
        ("LIMIT#SIGN_IN#SIGN_IN", "", "failed", Some(json!(1)), "LIMIT#SIGN_IN#SIGN_IN: failed is unknown"),
    ] {
        assert_eq!(seen(sample(kind), at, name, value), [objection]);
    }
    // What a reader overlooks does no harm.
    assert_eq!(seen(sample("ACCOUNT"), "", "nickname", Some(json!("J"))), [] as [&str; 0]);
}
