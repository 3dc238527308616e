//! A1 to A3: staff register accounts and find them again.

use rekey::domain::event::Action;
use rekey::domain::practice::Portal;
use rekey::platform::ids::AccountId;
use serde_json::{Value, json};

use crate::support::demo::at;
use crate::support::event::HttpEvent;
use crate::support::staff::{ACCOUNTS, StaffMember, at_work, id_of, usernames};
use crate::support::template::root;
use crate::support::{NEW_PASSWORD, TestApp, password_hash, token_in};

#[tokio::test]
async fn a_client_is_registered_invited_and_found_and_signs_up() {
    let app = TestApp::start().await;
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    let asked = json!({"username": "Noor", "email": "noor@agency.test", "display_name": "Noor Amin",
        "record_email": "noor.amin@clinic.test", "representative": true, "locale": "es"});
    let reply = admin.create(asked.clone()).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_eq!(reply.headers["etag"], "\"0\"");
    let account = reply.json();
    let expected = json!({"portal": "client", "username": "Noor", "email": "noor@agency.test",
        "display_name": "Noor Amin", "signs_in_by_email": true, "signs_in_by_email": true, "record_email": "noor.amin@clinic.test", "locale": "es", "role": null,
        "active": true, "refused": false, "representative": true, "setup": "invited", "mail": "ok", "frozen_at": null,
        "needs_proof": false, "address_held_until": null, "closed_reason": null, "email_proven_at": null,
        "caseload": [], "associations": [], "created_at": "2026-11-21T18:35:30Z", "id": account["id"]});
    assert_eq!(account, expected);
    assert_eq!(admin.create(asked).await.outcome(), (409, "username_taken".to_owned()));
    for q in ["q=noor", "q=AMIN", "q=noor%20am", "q=noor.amin%40clinic", "q=noor%40agency.test"] {
        assert_eq!(admin.list(q).await, ["Noor"], "{q}");
    }

    app.deliver().await;
    let mails = app.mailbox.messages();
    assert_eq!((mails.len(), &mails[0].to[..]), (1, &["noor@agency.test".to_owned()][..]));
    assert!(mails[0].text.as_ref().unwrap().contains("Nombre de usuario: Noor"));
    assert_eq!(app.reset(&token_in(&mails[0]), NEW_PASSWORD).await.status, 204);
    let id: AccountId = account["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(admin.get(&format!("{ACCOUNTS}/{id}")).await.json()["setup"], "signed_up");
    assert_eq!(app.sign_in("noor", NEW_PASSWORD).await.status, 201);
    let events = app.events(id).await;
    let staff = id_of(&app, "agency", Portal::Staff, "admin").await;
    assert_eq!((events[0].action, events[0].by), (Action::UserCreated, Some(staff)));
    assert_eq!((events[1].action, events[1].by), (Action::AuthnTokenCreated, Some(staff)));
}

#[tokio::test]
async fn an_account_without_an_address_or_an_invitation_gets_no_mail() {
    let app = TestApp::start().await;
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    for (account, status) in [
        (json!({"username": "a1", "display_name": "A"}), 201),
        (json!({"username": "a2", "display_name": "A", "email": "a2@agency.test", "invite": false}), 201),
        (json!({"username": "a3", "display_name": "A", "invite": true}), 400),
        (json!({"username": "a@4", "display_name": "A"}), 400),
        (json!({"username": "a5", "display_name": " "}), 400),
        (json!({"username": "a6", "display_name": "A", "email": "nowhere"}), 400),
        (json!({"username": "a7", "display_name": "A", "role": "admin"}), 400),
        (json!({"username": "a8", "display_name": "A", "portal": "staff"}), 400),
        (json!({"username": "a9", "display_name": "A", "locale": "klingon!"}), 400),
        (json!({"username": "a0", "display_name": "A", "password": "walk the green river"}), 400),
        (json!({"username": "a0", "display_name": "A", "practice": "therapy"}), 400),
    ] {
        let reply = admin.create(account.clone()).await;
        assert_eq!(reply.status.as_u16(), status, "{account}: {}", reply.body);
    }
    app.deliver().await;
    assert!(app.mailbox.messages().is_empty());
    assert_eq!(admin.list("q=a2").await, ["a2"]);
    assert_eq!(admin.list("status=not_invited").await, ["a1", "a2"]);
}

#[tokio::test]
async fn a_long_list_is_read_page_by_page_and_filtered() {
    let app = at("agency", json!({})).await;
    let twins: Vec<Value> = (0..530)
        .map(|n| json!({"username": format!("twin{n:03}"), "display_name": "Zita Zitadel"}))
        .collect();
    app.import("agency", &twins).await;
    let account = |n: usize| {
        let mut account = json!({"username": format!("c{n:02}"), "display_name": format!("Client Cl{n:02}"),
            "email": format!("cl{n:02}@agency.test")});
        if n.is_multiple_of(2) {
            account["password_hash"] = json!(password_hash());
        }
        account
    };
    app.import("agency", &(0..60).map(account).collect::<Vec<_>>()).await;
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    for (query, expected) in
        [("q=cl", 60), ("q=client%20cl0", 10), ("q=cl&status=signed_up", 30), ("", 597), ("q=zi", 530)]
    {
        let (mut all, mut cursor) = (Vec::new(), Value::Null);
        loop {
            let next = cursor.as_str().map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
            let reply = admin.send(HttpEvent::new("GET", ACCOUNTS).query(&format!("{query}{next}"))).await;
            let page = usernames(&reply);
            assert!(page.len() <= 25);
            all.extend(page);
            cursor = reply.json()["next_cursor"].clone();
            if cursor.is_null() {
                break;
            }
        }
        assert_eq!(all.len(), expected, "{query}: {all:?}");
        let mut once = all.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), expected, "{query}: each once");
    }
    assert_eq!(admin.list("portal=staff").await, ["admin", "casey"]);
    for broken in [
        "colour=red",
        "portal=attic",
        "cursor=x",
        "cursor=01JD7Z3M5V8Q2X4Y6W0N1R9T3K.0",
        "q=a&q=b",
        "status=dead",
    ] {
        let reply = admin.send(HttpEvent::new("GET", ACCOUNTS).query(broken)).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{broken}");
    }
}

#[tokio::test]
async fn what_is_found_follows_what_was_changed() {
    let app = TestApp::start().await;
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    let id = app.account("jane").await.id;
    let change = json!({"display_name": "Zora Quist", "record_email": "zora@clinic.test"});
    assert_eq!(admin.patch(id, change).await.status, 200);
    for q in ["q=zora", "q=quist", "q=zora%40clinic.test", "q=jane"] {
        assert_eq!(admin.list(q).await, ["jane"], "{q}");
    }
    let change = json!({"display_name": "Jane", "record_email": null});
    assert_eq!(admin.patch(id, change).await.status, 200);
    for q in ["q=zora", "q=quist"] {
        assert!(admin.list(q).await.is_empty(), "{q}");
    }
    let left = app
        .dump()
        .await
        .into_iter()
        .filter(|item| item.contains("\"FIND#") && item.contains(&id.to_string()));
    assert_eq!(left.count(), 2, "one by name, one by address");
}

#[tokio::test]
async fn a_language_is_kept_as_given_and_mails_are_in_the_nearest_there_is() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let subject = |language: &str| {
        let file = format!("shared/src/mail/templates/invitation/{language}/subject.txt");
        std::fs::read_to_string(root().join(file)).unwrap().trim().to_owned()
    };
    for (number, (locale, language)) in
        [("es_MX", "es"), ("ES", "es"), ("en-US", "en"), ("pt-BR", "en"), ("zh-Hant", "en"), ("tlh", "en")]
            .into_iter()
            .enumerate()
    {
        let username = format!("speaker{number}");
        let new = json!({"username": username, "email": format!("{username}@agency.test"), "display_name": "S", "locale": locale});
        let created = member.create(new).await;
        assert_eq!(
            (created.status.as_u16(), &created.json()["locale"]),
            (201, &json!(locale)),
            "{created:?}"
        );
        app.deliver().await;
        assert_eq!(app.mailbox.messages()[0].subject, subject(language), "{locale}");
    }
    let practice = json!({"locale": "es-419"});
    let patched = member.send(HttpEvent::new("PATCH", "/v1/admin/practice").json(&practice)).await;
    assert_eq!(patched.json()["locale"], "es-419", "{patched:?}");
}
