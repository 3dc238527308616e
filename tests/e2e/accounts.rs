//! A1 to A3: staff find, make and change accounts within their rights, and nothing beyond.

use futures::future::join_all;
use rekey::event::{Action, Event};
use rekey::ids::AccountId;
use rekey::practice::Portal;
use serde_json::{Value, json};

use crate::support::desk::{ACCOUNTS, Desk, usernames};
use crate::support::event::HttpEvent;
use crate::support::seam::Fault;
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp, demo_accounts, password_hash, token_in};

async fn at(slug: &str, policy: Value) -> TestApp {
    let app = TestApp::start_with(&[]).await;
    app.create_practice(slug, policy).await;
    app.import(slug, &demo_accounts(slug)).await;
    app
}

async fn id_of(app: &TestApp, slug: &str, portal: Portal, username: &str) -> AccountId {
    app.account_of(slug, portal, username).await.id
}

async fn last_event(app: &TestApp, id: AccountId) -> Event {
    app.events(id).await.pop().unwrap()
}

#[tokio::test]
async fn a_client_is_registered_invited_and_found_and_signs_up() {
    let app = TestApp::start().await;
    let admin = Desk::of(&app, "agency", "staff", "admin").await;
    let asked = json!({"username": "Noor", "email": "noor@agency.test", "display_name": "Noor Amin",
        "record_email": "noor.amin@clinic.test", "representative": true, "locale": "es"});
    let reply = admin.create(asked.clone()).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_eq!(reply.headers["etag"], "\"0\"");
    let account = reply.json();
    let expected = json!({"portal": "client", "username": "Noor", "email": "noor@agency.test",
        "display_name": "Noor Amin", "record_email": "noor.amin@clinic.test", "locale": "es", "role": null,
        "active": true, "refused": false, "representative": true, "setup": "invited", "mail": "ok", "frozen_at": null,
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
    let admin = Desk::of(&app, "agency", "staff", "admin").await;
    for (account, status) in [
        (json!({"username": "a1", "display_name": "A"}), 201),
        (json!({"username": "a2", "display_name": "A", "email": "a2@agency.test", "invite": false}), 201),
        (json!({"username": "a3", "display_name": "A", "invite": true}), 400),
        (json!({"username": "a@4", "display_name": "A"}), 400),
        (json!({"username": "a5", "display_name": " "}), 400),
        (json!({"username": "a6", "display_name": "A", "email": "nowhere"}), 400),
        (json!({"username": "a7", "display_name": "A", "role": "admin"}), 400),
        (json!({"username": "a8", "display_name": "A", "portal": "staff"}), 400),
        (json!({"username": "a9", "display_name": "A", "locale": "tlh"}), 400),
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
    let admin = Desk::of(&app, "agency", "staff", "admin").await;
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
    let admin = Desk::of(&app, "agency", "staff", "admin").await;
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
async fn two_members_of_staff_do_not_overwrite_each_other() {
    let app = TestApp::start().await;
    let (admin, casey) =
        (Desk::of(&app, "agency", "staff", "admin").await, Desk::of(&app, "agency", "staff", "casey").await);
    let id = app.account("jane").await.id;
    let path = format!("{ACCOUNTS}/{id}");
    let change = |tag: &str, name: &str| {
        HttpEvent::new("PATCH", &path).header("if-match", tag).json(&json!({"display_name": name}))
    };
    let reply = admin.send(HttpEvent::new("PATCH", &path).json(&json!({"display_name": "X"}))).await;
    assert_eq!(reply.outcome(), (428, "precondition_required".to_owned()));
    let reply = admin.send(change("\"0\"", "First")).await;
    assert_eq!((reply.status.as_u16(), &reply.headers["etag"]), (200, &"\"1\"".parse().unwrap()));
    assert_eq!(
        casey.send(change("\"0\"", "Second")).await.outcome(),
        (412, "precondition_failed".to_owned())
    );
    assert_eq!(admin.get(&path).await.json()["display_name"], "First");
    let names: Vec<String> = (0..10).map(|n| format!("Name {n}")).collect();
    let replies = join_all(names.iter().map(|name| admin.send(change("\"1\"", name)))).await;
    let won = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(won, 1);
    assert!(replies.iter().all(|reply| [200, 412].contains(&reply.status.as_u16())));
    let before = app.dump().await;
    assert_eq!(admin.send(change("\"2\"", &app.account("jane").await.display_name)).await.status, 200);
    let changed =
        app.dump().await.into_iter().filter(|item| !before.contains(item) && !item.contains("SESSION#"));
    assert_eq!(changed.count(), 0, "what is as it was is no change");
}

#[tokio::test]
async fn another_email_voids_what_was_mailed_and_is_logged_masked() {
    let app = TestApp::start().await;
    let admin = Desk::of(&app, "agency", "staff", "admin").await;
    let session = app.session_of("jane", PASSWORD).await;
    let link = app.token_for("jane").await;
    let (request, code) = app.code_for("jane").await;
    let id = app.account("jane").await.id;
    let reply = admin.patch(id, json!({"email": "j.doe@elsewhere.test"})).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["email"]), (200, &json!("j.doe@elsewhere.test")));
    assert_eq!(app.preview(&link).await.outcome(), (410, "revoked_token".to_owned()));
    assert_eq!(app.verify(&request, &code).await.outcome(), (410, "code_expired".to_owned()));
    assert_eq!(app.account_with(&session).await.status, 200, "a session is not mail");
    assert_eq!(app.sign_in("jane@agency.test", PASSWORD).await.status, 401);
    assert_eq!(app.sign_in("j.doe@elsewhere.test", PASSWORD).await.status, 201);
    assert_eq!(app.sign_in("jane", PASSWORD).await.status, 201);
    let event = app.events(id).await.into_iter().find(|event| event.action == Action::UserUpdated).unwrap();
    let change = serde_json::to_value(&event.changes).unwrap();
    assert_eq!(change, json!([{"member": "email", "from": "j…@a….test", "to": "j…@e….test"}]));
    app.mailbox.clear();
    let fresh = app.token_for("j.doe@elsewhere.test").await;
    assert_eq!(app.mailbox.messages()[0].to, ["j.doe@elsewhere.test"]);
    assert_eq!(app.reset(&fresh, NEW_PASSWORD).await.status, 204);
    assert_eq!(admin.patch(id, json!({"email": null})).await.json()["email"], Value::Null);
    assert_eq!(app.sign_in("j.doe@elsewhere.test", NEW_PASSWORD).await.status, 401);
}

#[tokio::test]
async fn closing_an_account_ends_everything_at_once_and_opening_it_revives_nothing() {
    let app = TestApp::start().await;
    for (closed, opened) in [
        (json!({"active": false}), json!({"active": true})),
        (json!({"refused": true}), json!({"refused": false})),
    ] {
        let admin = Desk::of(&app, "agency", "staff", "admin").await;
        let session = app.session_of("jane@agency.test", PASSWORD).await;
        let link = app.token_for("jane").await;
        let id = app.account("jane").await.id;
        assert_eq!(admin.patch(id, closed).await.status, 200);
        assert_eq!(app.account_with(&session).await.outcome(), (401, "invalid_session".to_owned()));
        assert_eq!(app.preview(&link).await.outcome(), (410, "revoked_token".to_owned()));
        for name in ["jane", "jane@agency.test"] {
            assert_eq!(app.sign_in(name, PASSWORD).await.status, 401, "{name}");
            let identifier = rekey::identifier::Identifier::parse(name).unwrap();
            let slug = rekey::practice::Slug::parse("agency").unwrap();
            let logins = app.store.find_logins(&slug, Portal::Client, &identifier).await.unwrap();
            assert!(!logins[0].open, "the copies say so too: sign-in works alike for closed and wrong");
        }
        assert_eq!(admin.patch(id, opened).await.status, 200);
        assert_eq!(app.account_with(&session).await.status, 401);
        assert_eq!(app.preview(&link).await.outcome(), (410, "revoked_token".to_owned()));
        for name in ["jane", "jane@agency.test"] {
            assert_eq!(app.sign_in(name, PASSWORD).await.status, 201, "{name}");
        }
        app.clock.advance(rekey::clock::hours(1));
    }
}

#[tokio::test]
async fn staff_of_a_scoped_practice_see_and_help_their_own_clients_only() {
    let app = at("caseload", json!({"caseload_scoped": true, "session_idle": 3600})).await;
    let (admin, casey) = (
        Desk::of(&app, "caseload", "staff", "admin").await,
        Desk::of(&app, "caseload", "staff", "casey").await,
    );
    let staff = id_of(&app, "caseload", Portal::Staff, "casey").await;
    let jane = id_of(&app, "caseload", Portal::Client, "jane").await;
    let entry = format!("{ACCOUNTS}/{jane}/caseload/{staff}");
    let not_found = (404, "not_found".to_owned());

    assert!(casey.list("").await.is_empty());
    assert!(casey.list("q=jane").await.is_empty());
    assert_eq!(casey.get(&format!("{ACCOUNTS}/{jane}")).await.outcome(), not_found);
    assert_eq!(
        casey.put(&entry, json!({})).await.outcome(),
        (403, "forbidden".to_owned()),
        "not by themselves"
    );
    assert_eq!(casey.send(HttpEvent::new("GET", ACCOUNTS).query("caseload=all")).await.status, 403);

    assert_eq!(admin.put(&entry, json!({"role": "Primary Case Manager"})).await.status, 204);
    assert_eq!(casey.list("").await, ["jane"]);
    assert_eq!(casey.list("q=JAN&caseload=mine").await, ["jane"]);
    assert!(casey.list("q=sam").await.is_empty());
    let account = casey.get(&format!("{ACCOUNTS}/{jane}")).await.json();
    let expected = json!([{"staff": staff.to_string(), "role": "Primary Case Manager", "assigned_at": "2026-11-21T18:35:30Z"}]);
    assert_eq!(account["caseload"], expected);
    assert_eq!(casey.patch(jane, json!({"email": "jane@elsewhere.test"})).await.status, 200);
    app.clock.advance(std::time::Duration::from_mins(5));
    assert_eq!(admin.put(&entry, json!({"role": "Support"})).await.status, 204);
    let account = casey.get(&format!("{ACCOUNTS}/{jane}")).await.json();
    assert_eq!(
        (&account["caseload"][0]["role"], &account["caseload"][0]["assigned_at"]),
        (&json!("Support"), &expected[0]["assigned_at"])
    );
    let event = last_event(&app, jane).await;
    assert_eq!((event.action, event.other), (Action::CaseloadChanged, Some(staff)));

    let own = casey.create(json!({"username": "nova", "display_name": "Nova"})).await;
    assert_eq!(own.status, 201);
    assert_eq!(casey.list("").await, ["jane", "nova"], "whom they register is theirs");
    assert_eq!(admin.send(HttpEvent::new("DELETE", &entry)).await.status, 204);
    assert_eq!(admin.send(HttpEvent::new("DELETE", &entry)).await.outcome(), not_found);
    assert_eq!(casey.list("").await, ["nova"]);
    let entry_of_jane = format!("\"account\":\"{jane}\"");
    let left = app
        .dump()
        .await
        .into_iter()
        .filter(|item| item.contains("CASELOAD#") && item.contains(&entry_of_jane));
    assert_eq!(left.count(), 0);
    let sam = id_of(&app, "caseload", Portal::Client, "sam").await;
    let nova = id_of(&app, "caseload", Portal::Client, "nova").await;
    let guardian = format!("{ACCOUNTS}/{nova}/associations/{sam}");
    assert_eq!(admin.put(&guardian, json!({"relationship": "parent"})).await.status, 204);
    assert_eq!(admin.list("q=nova").await, ["nova", "sam"]);
    assert_eq!(casey.list("q=nova").await, ["nova"], "the guardian is not on the caseload");
    assert_eq!(casey.get(&format!("{ACCOUNTS}/{jane}")).await.outcome(), not_found);
    assert_eq!(admin.list("caseload=mine").await, Vec::<String>::new());
    assert_eq!(admin.list("q=jane&caseload=all").await, ["jane"]);
}

#[tokio::test]
async fn staff_of_an_open_practice_see_every_client_and_no_colleague() {
    let app = TestApp::start().await;
    let casey = Desk::of(&app, "agency", "staff", "casey").await;
    assert_eq!(casey.list("caseload=all").await.len(), 7);
    let boss = id_of(&app, "agency", Portal::Staff, "admin").await;
    assert_eq!(casey.get(&format!("{ACCOUNTS}/{boss}")).await.outcome(), (404, "not_found".to_owned()));
    assert_eq!(casey.send(HttpEvent::new("GET", ACCOUNTS).query("portal=staff")).await.status, 403);
    let (jane, own) = (app.account("jane").await.id, id_of(&app, "agency", Portal::Staff, "casey").await);
    assert_eq!(casey.put(&format!("{ACCOUNTS}/{jane}/caseload/{own}"), json!({})).await.status, 204);
    let change = serde_json::to_value(&last_event(&app, jane).await.changes).unwrap();
    assert_eq!(change, json!([{"member": "caseload", "to": "assigned"}]));
    assert_eq!(
        casey.patch(jane, json!({"active": null})).await.outcome(),
        (400, "invalid_request".to_owned())
    );
}

#[tokio::test]
async fn two_administrators_cannot_close_each_other_at_once() {
    let app = TestApp::start().await;
    let second = json!({"portal": "staff", "role": "admin", "username": "second", "display_name": "Second",
        "password_hash": password_hash()});
    app.import("agency", &[second]).await;
    let names = ["admin", "second"];
    let mut desks = Vec::new();
    for name in names {
        desks.push((
            Desk::of(&app, "agency", "staff", name).await,
            id_of(&app, "agency", Portal::Staff, name).await,
        ));
    }
    let close = |desk: usize, change: Value| {
        let (desk, other) = (&desks[desk].0, desks[1 - desk].1);
        let path = format!("{ACCOUNTS}/{other}");
        let event = HttpEvent::new("PATCH", &path).header("if-match", "\"0\"").json(&change);
        async move { desk.send(event).await.status.as_u16() }
    };
    let done = join_all([close(0, json!({"role": "staff"})), close(1, json!({"active": false}))]).await;
    assert_eq!(done.iter().filter(|status| **status == 200).count(), 1, "{done:?}");
    let mut left = 0;
    for name in names {
        let account = app.account_of("agency", Portal::Staff, name).await;
        left += usize::from(account.is_open() && account.role == Some(rekey::account::Role::Admin));
    }
    assert_eq!(left, 1);
}

#[tokio::test]
async fn a_guardian_and_a_client_show_each_other_and_a_search_for_either_finds_both() {
    let app = TestApp::start().await;
    let admin = Desk::of(&app, "agency", "staff", "admin").await;
    let ids = async |name: &'static str| app.account(name).await.id;
    let (lily, tom, sam, jane) = (ids("lily").await, ids("tom").await, ids("sam").await, ids("jane").await);
    let path = |client: AccountId, actor: AccountId| format!("{ACCOUNTS}/{client}/associations/{actor}");
    for (client, actor) in [(lily, jane), (tom, jane), (lily, sam)] {
        assert_eq!(admin.put(&path(client, actor), json!({"relationship": "parent"})).await.status, 204);
    }
    let associations = async |id: AccountId| {
        let account = admin.get(&format!("{ACCOUNTS}/{id}")).await.json();
        account["associations"].as_array().unwrap().clone()
    };
    let entry = |other: AccountId, acts: bool| json!({"account": other.to_string(), "relationship": "parent", "acts": acts});
    assert_eq!(associations(lily).await, [entry(jane, true), entry(sam, true)], "several guardians");
    assert_eq!(associations(jane).await, [entry(lily, false), entry(tom, false)], "several clients");
    assert_eq!(admin.list("q=lily").await, ["lily", "jane", "sam"]);
    assert_eq!(admin.list("q=jane").await, ["jane", "lily", "tom"]);
    assert_eq!(admin.put(&path(lily, jane), json!({"relationship": "guardian"})).await.status, 204);
    assert_eq!(associations(lily).await[0]["relationship"], "guardian", "said anew, not twice");
    assert_eq!(admin.send(HttpEvent::new("DELETE", &path(lily, jane))).await.status, 204);
    assert_eq!(admin.send(HttpEvent::new("DELETE", &path(lily, jane))).await.status, 404);
    assert_eq!(associations(lily).await, [entry(sam, true)]);
    assert_eq!(associations(jane).await, [entry(tom, false)]);
    for (client, actor, body, status) in [
        (lily, lily, json!({"relationship": "parent"}), 400),
        (lily, tom, json!({"relationship": ""}), 400),
        (lily, tom, json!({}), 400),
        (lily, id_of(&app, "agency", Portal::Staff, "casey").await, json!({"relationship": "parent"}), 400),
    ] {
        assert_eq!(admin.put(&path(client, actor), body.clone()).await.status.as_u16(), status, "{body}");
    }
}

#[tokio::test]
async fn every_action_leaves_one_event_and_one_that_cannot_be_recorded_is_not_done() {
    let app = TestApp::start().await;
    let admin = Desk::of(&app, "agency", "staff", "admin").await;
    let (jane, sam) = (app.account("jane").await.id, app.account("sam").await.id);
    let staff = id_of(&app, "agency", Portal::Staff, "casey").await;
    let events =
        async || app.dump().await.into_iter().filter(|item| item.contains("\"pk\":\"EVENT#")).count();
    let requests = || {
        let patch = HttpEvent::new("PATCH", &format!("{ACCOUNTS}/{jane}")).header("if-match", "\"0\"");
        let put = |path: String, body: Value| HttpEvent::new("PUT", &path).json(&body);
        [
            patch.json(&json!({"email": "other@agency.test", "active": false, "display_name": "Other"})),
            HttpEvent::new("POST", ACCOUNTS).json(&json!({"username": "new", "display_name": "New"})),
            put(format!("{ACCOUNTS}/{sam}/caseload/{staff}"), json!({})),
            HttpEvent::new("DELETE", &format!("{ACCOUNTS}/{sam}/caseload/{staff}")),
            put(format!("{ACCOUNTS}/{sam}/associations/{jane}"), json!({"relationship": "parent"})),
            HttpEvent::new("DELETE", &format!("{ACCOUNTS}/{sam}/associations/{jane}")),
        ]
    };
    for event in requests() {
        let before = (events().await, app.lasting().await);
        app.seam.inject("accounts", "TransactWriteItems", 3, Fault::Down);
        assert_eq!(admin.send(event.clone()).await.status, 503);
        app.seam.heal();
        let lasting = app.lasting().await.into_iter().filter(|item| !item.contains("SESSION#"));
        let known: Vec<_> = before.1.into_iter().filter(|item| !item.contains("SESSION#")).collect();
        assert_eq!(lasting.collect::<Vec<_>>(), known, "nothing half done");
        app.seam.inject("accounts", "TransactWriteItems", 1, Fault::AnswerLost);
        let reply = admin.send(event).await;
        assert!(reply.status.is_success(), "{reply:?}");
        app.seam.heal();
        assert_eq!(events().await, before.0 + 1, "{reply:?}");
    }
    let addresses = ["other@agency.test", "jane@agency.test"];
    let trail =
        app.dump().await.into_iter().filter(|item| item.contains("\"pk\":\"EVENT#")).collect::<String>();
    assert!(addresses.iter().all(|address| !trail.contains(address)));
}

#[tokio::test]
async fn a_password_set_while_staff_edit_is_not_undone() {
    let app = TestApp::start().await;
    let admin = Desk::of(&app, "agency", "staff", "admin").await;
    let account = app.account("jane").await;
    let token = app.token_for("jane").await;
    let path = format!("{ACCOUNTS}/{}", account.id);
    let tag = admin.get(&path).await.headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    let question = json!({"current_password": NEW_PASSWORD, "question": "Pet?", "answer": "Rex"});
    let session = app.session_of("jane", NEW_PASSWORD).await;
    let put = HttpEvent::new("PUT", "/v1/security-question").bearer(&session).json(&question);
    assert_eq!(app.send(put).await.status, 204);
    let edit =
        HttpEvent::new("PATCH", &path).header("if-match", &tag).json(&json!({"email": "new@agency.test"}));
    assert_eq!(admin.send(edit).await.status, 200, "nothing that staff see has changed");
    for name in ["jane", "new@agency.test"] {
        assert_eq!(app.sign_in(name, NEW_PASSWORD).await.status, 201, "{name}");
    }
    assert!(app.account("jane").await.question.is_some());
}

#[tokio::test]
async fn an_administrator_changes_settings_within_their_bounds_and_it_is_recorded() {
    let app = TestApp::start().await;
    let admin = Desk::of(&app, "agency", "staff", "admin").await;
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
        (json!({"slug": "therapy"}), "slug: never changes"),
        (json!({"revision": 7}), "revision: is not a setting"),
    ] {
        let reply = patch(body.clone()).await;
        assert_eq!(reply.outcome(), (422, "invalid_setting".to_owned()), "{body}");
        let said = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(said.starts_with(detail) || said.contains(detail.trim_end_matches(": ")), "{body}: {said}");
    }
    assert_eq!(patch(json!({"name": "New Harbor"})).await.status, 200, "no change");
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
