//! A8: what one administrator does to another is told to all of them, and one of them is always left.

use std::collections::BTreeSet;

use futures::future::join_all;
use rekey::domain::account::Role;
use rekey::domain::practice::Portal;
use rekey::platform::clock::hours;
use rekey::platform::ids::AccountId;
use rekey_local::mailbox::Failure;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::help::TOMORROW;
use crate::support::seam::Fault;
use crate::support::staff::{ACCOUNTS, StaffMember, at_work, id_of};
use crate::support::{NEW_PASSWORD, TestApp, password_hash, token_in};

const SUBJECT: &str = "An administrator's account was changed";
const SUBJECT_ES: &str = "Se cambió la cuenta de una persona administradora";

fn administrator(name: &str) -> Value {
    json!({"portal": "staff", "role": "admin", "username": name, "display_name": name,
        "email": format!("{name}@agency.test"), "password_hash": password_hash()})
}

async fn app_with(others: &[Value]) -> TestApp {
    let app = TestApp::start().await;
    app.import("agency", others).await;
    app
}

async fn of(app: &TestApp, name: &str) -> AccountId {
    id_of(app, "agency", Portal::Staff, name).await
}

/// To whom the mails about administrators went since the mailbox was emptied, each once.
async fn told(app: &TestApp) -> BTreeSet<String> {
    app.deliver().await;
    let mails = app.mailbox.messages().into_iter();
    let told = mails.filter(|mail| [SUBJECT, SUBJECT_ES].contains(&mail.subject.as_str()));
    let told: Vec<String> = told.map(|mail| mail.to[0].clone()).collect();
    app.mailbox.clear().unwrap();
    let each: BTreeSet<String> = told.iter().cloned().collect();
    assert_eq!(each.len(), told.len(), "one each: {told:?}");
    each
}

fn addresses(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| format!("{name}@agency.test")).collect()
}

async fn administrators(app: &TestApp) -> Vec<String> {
    let practice = rekey::domain::practice::Slug::parse("agency").unwrap();
    let found = app.store.find_administrators(&practice).await.unwrap();
    found.iter().map(|account| account.username.as_str().to_owned()).collect()
}

/// Of what one does to another each is told once an hour. The administrator signs in anew.
async fn an_hour_later(app: &TestApp) -> StaffMember<'_> {
    app.clock.advance(hours(1));
    at_work(app).await
}

async fn admin_again(app: &TestApp, sessions: &str) -> u16 {
    at_work(app).await.send(HttpEvent::new("DELETE", sessions)).await.status.as_u16()
}

#[tokio::test]
async fn what_an_administrator_does_to_another_is_mailed_to_all_of_them_whatever_it_is() {
    let with = |name: &str, members: Value| {
        let mut account = administrator(name);
        account.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        account
    };
    let fresh = json!({"portal": "staff", "role": "admin", "username": "fresh", "display_name": "F",
        "email": "fresh@agency.test"});
    let silent = with("silent", json!({"email": null}));
    let (maria, gone) = (with("maria", json!({"locale": "es"})), with("gone", json!({"active": false})));
    let app = app_with(&[administrator("robin"), maria, gone, silent, fresh]).await;
    let (robin, fresh) = (of(&app, "robin").await, of(&app, "fresh").await);
    app.mailbox.fail_for("robin@agency.test", Failure::Rejected);
    let recover = json!({"practice": "agency", "portal": "staff", "identifier": "robin"});
    app.post("/v1/password/forgot", recover).await;
    app.deliver().await;
    app.mailbox.clear_failures();
    app.mailbox.clear().unwrap();
    let at = |id: AccountId, tail: &str| format!("{ACCOUNTS}/{id}/{tail}");
    let link = |deliver: &str| json!({"expires_at": TOMORROW, "deliver": deliver});
    let all = addresses(&["admin", "robin", "maria", "fresh"]);
    for (method, path, body) in [
        ("POST", at(robin, "mail"), json!({"status": "ok"})),
        ("POST", at(robin, "links"), link("copy")),
        ("POST", at(robin, "links"), link("email")),
        ("POST", at(robin, "temporary-password"), Value::Null),
        ("POST", at(fresh, "invitation"), Value::Null),
        ("DELETE", at(robin, "sessions"), Value::Null),
    ] {
        let event = HttpEvent::new(method, &path);
        let admin = an_hour_later(&app).await;
        let reply = admin.send(if body.is_null() { event } else { event.json(&body) }).await;
        assert!(reply.status.is_success(), "{path}: {reply:?}");
        assert_eq!(told(&app).await, all, "{method} {path} {body}");
    }
    assert_eq!(admin_again(&app, &at(robin, "sessions")).await, 204);
    assert_eq!(told(&app).await, BTreeSet::new(), "once an hour");
    let admin = an_hour_later(&app).await;
    let tickets = admin.get(&at(robin, "tickets")).await.json();
    let ticket = at(robin, &format!("tickets/{}", tickets["tickets"][0]["id"].as_str().unwrap()));
    assert_eq!(admin.send(HttpEvent::new("DELETE", &ticket)).await.status, 204);
    assert_eq!(told(&app).await, all, "a ticket that is taken back");
    assert_eq!(admin.send(HttpEvent::new("DELETE", &ticket)).await.status, 204);
    assert_eq!(told(&app).await, BTreeSet::new(), "it was taken back before");
    for change in [
        json!({"display_name": "R"}),
        json!({"locale": "en"}),
        json!({"active": false}),
        json!({"active": true}),
    ] {
        let before = administrators(&app).await.contains(&"robin".to_owned());
        let admin = an_hour_later(&app).await;
        assert_eq!(admin.patch(robin, change.clone()).await.status, 200);
        let those = if before { all.clone() } else { addresses(&["admin", "maria", "fresh"]) };
        assert_eq!(told(&app).await, those, "who was open, and whoever is closed by it: {change}");
    }
    let admin = an_hour_later(&app).await;
    assert_eq!(admin.patch(robin, json!({"role": "staff"})).await.status, 200);
    assert_eq!(told(&app).await, all, "whoever is none any more is told of it");
    let admin = an_hour_later(&app).await;
    assert_eq!(admin.patch(robin, json!({"role": "admin"})).await.status, 200);
    assert_eq!(told(&app).await, addresses(&["admin", "maria", "fresh"]), "an accomplice is made");
    let new =
        json!({"portal": "staff", "role": "admin", "username": "eve", "display_name": "E", "invite": false});
    assert_eq!(admin.create(new).await.status, 201);
    assert_eq!(told(&app).await, all, "and another one from nothing");
}

#[tokio::test]
async fn the_mail_says_what_happened_and_whom_to_ask_and_names_nobody() {
    let maria = json!({"portal": "staff", "role": "admin", "username": "maria", "display_name": "María Ruiz",
        "email": "maria@agency.test", "locale": "es", "password_hash": password_hash()});
    let app = app_with(&[maria]).await;
    let admin = at_work(&app).await;
    assert_eq!(admin.patch(of(&app, "maria").await, json!({"locale": "es-MX"})).await.status, 200);
    app.deliver().await;
    let mails = app.mailbox.messages();
    assert_eq!(mails.len(), 2);
    for mail in &mails {
        let text = mail.text.as_ref().unwrap();
        for part in ["https://staff.agency.test", "help@agency.test", "2026"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        for name in ["maria", "María", "Ruiz", "admin@"] {
            assert!(!text.contains(name) && !mail.subject.contains(name), "{name}: {text}");
        }
    }
    let spanish = mails.iter().find(|mail| mail.to == ["maria@agency.test"]).unwrap();
    assert_eq!(spanish.subject, SUBJECT_ES);
}

#[tokio::test]
async fn what_is_no_act_on_another_administrator_or_is_not_done_is_told_to_nobody() {
    let app = app_with(&[administrator("robin")]).await;
    let (admin, casey) = (at_work(&app).await, StaffMember::of(&app, "agency", "staff", "casey").await);
    let (own, robin) = (of(&app, "admin").await, of(&app, "robin").await);
    let (colleague, jane) = (of(&app, "casey").await, app.account("jane").await.id);
    assert_eq!(admin.patch(own, json!({"locale": "en"})).await.status, 200);
    assert_eq!(admin.patch(colleague, json!({"locale": "en"})).await.status, 200);
    assert_eq!(admin.patch(jane, json!({"locale": "en"})).await.status, 200);
    assert_eq!(casey.patch(jane, json!({"locale": "es"})).await.status, 200);
    assert_eq!(admin.patch(robin, json!({"display_name": "robin"})).await.status, 200, "no change");
    let stale = HttpEvent::new("PATCH", &format!("{ACCOUNTS}/{robin}")).header("if-match", "\"9\"");
    assert_eq!(admin.send(stale.json(&json!({"active": false}))).await.status, 412);
    let end = || HttpEvent::new("DELETE", &format!("{ACCOUNTS}/{robin}/sessions"));
    app.seam.inject("admin-link", "TransactWriteItems", 30, Fault::Down);
    assert_eq!(admin.send(end()).await.status, 503, "neither is there without the other");
    app.seam.heal();
    assert_eq!(told(&app).await, BTreeSet::new());
    assert_eq!(admin.send(end()).await.status, 204);
    assert_eq!(told(&app).await, addresses(&["admin", "robin"]));
}

#[tokio::test]
async fn of_very_many_administrators_as_many_are_told_as_a_transaction_has_room_for() {
    let names: Vec<String> = (0..120).map(|n| format!("a{n:03}")).collect();
    let many: Vec<Value> = names.iter().map(|name| administrator(name)).collect();
    let app = app_with(&many[..60]).await;
    app.import("agency", &many[60..]).await;
    let admin = at_work(&app).await;
    let last = of(&app, "a119").await;
    app.seam.forget();
    let renamed = json!({"username": "b119", "email": "b119@agency.test", "display_name": "Maria de la Luz Ruiz Garcia"});
    assert_eq!(admin.patch(last, renamed).await.status, 200);
    let written =
        app.seam.said().into_iter().filter_map(|said| said.body["TransactItems"].as_array().map(Vec::len));
    assert_eq!(written.collect::<Vec<_>>(), [100]);
    let told = told(&app).await;
    assert!(
        told.len() > 70 && told.contains("a119@agency.test"),
        "its owner is told first, where they were: {told:?}"
    );
}

/// An administrator whose password somebody knows leads the mails to another one elsewhere.
#[tokio::test]
async fn an_administrator_whose_address_is_taken_away_is_told_where_they_were() {
    for new in [json!("eve@elsewhere.test"), Value::Null] {
        let app = app_with(&[administrator("robin")]).await;
        let admin = at_work(&app).await;
        assert_eq!(admin.patch(of(&app, "robin").await, json!({"email": new})).await.status, 200);
        assert_eq!(told(&app).await, addresses(&["admin", "robin"]), "{new}");
    }
}

/// Each administrator of a circle closes or demotes the next one at once.
async fn those_left_of_a_circle(of_so_many: usize, changes: &[Value]) -> usize {
    let others: Vec<Value> = (1..of_so_many).map(|n| administrator(&format!("a{n}"))).collect();
    let app = app_with(&others).await;
    let mut circle = vec![(at_work(&app).await, of(&app, "admin").await)];
    for n in 1..of_so_many {
        let name = format!("a{n}");
        circle.push((StaffMember::of(&app, "agency", "staff", &name).await, of(&app, &name).await));
    }
    let held: Vec<_> = circle.iter().map(|_| app.seam.hold("accounts", "TransactWriteItems", 0)).collect();
    let acts = circle.iter().enumerate().map(|(place, (member, _))| {
        let next = circle[(place + 1) % of_so_many].1;
        let event = HttpEvent::new("PATCH", &format!("{ACCOUNTS}/{next}")).header("if-match", "\"0\"");
        member.send(event.json(&changes[place % changes.len()]))
    });
    let release = async {
        for held in &held {
            held.reached().await;
        }
        held.iter().for_each(crate::support::seam::Held::release);
    };
    let (replies, ()) = tokio::join!(join_all(acts), release);
    assert!(replies.iter().any(|reply| reply.status == 200), "{replies:?}");
    let left = administrators(&app).await.len();
    let done = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(left + done, of_so_many, "whatever was answered with 200 was done: {replies:?}");
    left
}

#[tokio::test]
async fn of_administrators_who_close_and_demote_each_other_at_once_one_is_left() {
    let (close, demote, refuse) =
        (json!({"active": false}), json!({"role": "staff"}), json!({"refused": true}));
    for number in [2, 3, 5] {
        for changes in
            [vec![close.clone()], vec![demote.clone()], vec![close.clone(), demote.clone(), refuse.clone()]]
        {
            let left = those_left_of_a_circle(number, &changes).await;
            assert!(left >= 1, "{number}: {changes:?}");
        }
    }
}

#[tokio::test]
async fn the_last_administrator_is_neither_closed_nor_demoted_by_anybody_of_the_practice() {
    let app = app_with(&[administrator("robin")]).await;
    let robin = StaffMember::of(&app, "agency", "staff", "robin").await;
    let casey = StaffMember::of(&app, "agency", "staff", "casey").await;
    let (own, id) = (of(&app, "robin").await, of(&app, "admin").await);
    // A chain: whoever closes the one before is the last.
    assert_eq!(robin.patch(id, json!({"active": false})).await.status, 200);
    let path = format!("{ACCOUNTS}/{own}");
    for change in [json!({"active": false}), json!({"refused": true}), json!({"role": "staff"})] {
        let event = HttpEvent::new("PATCH", &path).header("if-match", "\"0\"").json(&change);
        assert_eq!(robin.send(event.clone()).await.outcome(), (403, "forbidden".to_owned()), "{change}");
        assert_eq!(casey.send(event).await.outcome(), (404, "not_found".to_owned()), "{change}");
    }
    let last = app.account_of("agency", Portal::Staff, "robin").await;
    assert!(last.is_open() && last.role == Some(Role::Admin));
}

#[tokio::test]
async fn when_all_administrators_are_gone_the_operator_makes_one() {
    let app = app_with(&[administrator("robin")]).await;
    let person = |name: &str| json!({"action": "erase_person", "practice": "agency", "portal": "staff", "who": {"username": name}});
    app.operate(person("robin")).await.unwrap();
    let merge = json!({"action": "merge_accounts", "practice": "agency", "portal": "staff",
        "duplicate": {"username": "admin"}, "into": {"username": "casey"}});
    app.operate(merge).await.unwrap();
    assert_eq!(administrators(&app).await, [] as [String; 0]);
    assert_eq!(
        app.account_of("agency", Portal::Staff, "casey").await.role,
        Some(Role::Staff),
        "no role is inherited"
    );
    let new = json!({"action": "create_administrator", "practice": "agency", "username": "admin",
        "email": "new@agency.test", "display_name": "New"});
    assert_eq!(app.operate(new).await.unwrap()["status"], "created");
    app.deliver().await;
    let invitation = app.mailbox.messages().into_iter().find(|mail| mail.to == ["new@agency.test"]).unwrap();
    assert_eq!(app.reset(&token_in(&invitation), NEW_PASSWORD).await.status, 204);
    let body =
        json!({"practice": "agency", "portal": "staff", "identifier": "admin", "password": NEW_PASSWORD});
    let session = app.post("/v1/sessions", body).await.json()["token"].as_str().unwrap().to_owned();
    let admin = StaffMember { app: &app, session };
    let casey = of(&app, "casey").await;
    assert_eq!(admin.patch(casey, json!({"role": "admin"})).await.status, 200, "and may do everything");
}
