//! One person's account at its end: held, erased, merged, and what of it is exported.

use std::collections::BTreeSet;

use rekey::domain::practice::Portal;
use rekey::platform::ids::AccountId;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::seam::Fault;
use crate::support::staff::{ACCOUNTS, StaffMember, at_work};
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp};

async fn invoke(app: &TestApp, action: &str, username: &str) -> Result<Value, String> {
    let invocation = json!({"action": action, "practice": "agency", "who": {"username": username}});
    app.operate(invocation).await.map_err(|error| error.to_string())
}

/// The items that name a person's id, address or name, by the kind of each.
async fn traces(app: &TestApp, id: AccountId, name: &str) -> BTreeSet<String> {
    let items = app.dump().await.into_iter();
    let of = items.filter(|item| item.contains(&id.to_string()) || item.contains(name));
    let kind = |item: String| item.split("\"pk\":\"").nth(1).unwrap().split('#').next().unwrap().to_owned();
    of.map(kind).collect()
}

/// A colleague, a guardian and a client who are linked to one another.
async fn linked(app: &TestApp) -> [AccountId; 3] {
    let casey = app.account_of("agency", Portal::Staff, "casey").await.id;
    let (jane, tom) = (app.account("jane").await.id, app.account("tom").await.id);
    let member = at_work(app).await;
    let on = member.put(&format!("{ACCOUNTS}/{jane}/caseload/{casey}"), json!({"role": "nurse"})).await;
    assert_eq!(on.status, 204);
    let parent = json!({"relationship": "parent"});
    let with = member.put(&format!("{ACCOUNTS}/{jane}/associations/{tom}"), parent).await;
    assert_eq!(with.status, 204);
    [casey, jane, tom]
}

#[tokio::test]
async fn of_an_erased_person_only_events_are_left() {
    let app = TestApp::start().await;
    let [casey, jane, tom] = linked(&app).await;
    app.session_of("jane", PASSWORD).await;
    let token = app.token_for("jane").await;
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    app.deliver().await;
    let kinds = traces(&app, jane, "jane").await;
    for kind in ["ACCOUNT", "LOGIN", "EMAIL", "LOOKS", "FIND", "CASELOAD", "TICKET", "SESSION", "NOTICE"] {
        assert!(kinds.contains(kind), "{kind}: {kinds:?}");
    }
    assert_eq!(invoke(&app, "erase_person", "jane").await.unwrap(), json!({"account": jane}));
    let left = traces(&app, jane, "jane").await;
    // Requests and what was due end by themselves after eight days.
    assert_eq!(left.into_iter().collect::<Vec<_>>(), ["EVENT", "OUTBOX", "REQUEST"]);
    let events = app.events(jane).await;
    assert_eq!(events.last().unwrap().action.name(), "user_deleted");
    assert!(events.len() > 5, "and those of before");
    assert!(app.account("tom").await.associations.is_empty());
    assert_eq!(invoke(&app, "erase_person", "jane").await.unwrap_err(), "the practice has no such account");

    // The name is free, and what was the old one's is not the new one's.
    let member = at_work(&app).await;
    let new = json!({"username": "jane", "email": "jane@agency.test", "display_name": "Another Jane"});
    let reply = member.create(new).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    assert_ne!(reply.json()["id"], json!(jane));
    let log = member.send(HttpEvent::new("GET", "/v1/admin/changes").query("type=user_deleted")).await;
    let event = log.json()["events"][0].clone();
    assert_eq!((&event["account"], &event["username"]), (&json!(jane), &Value::Null));
    assert_eq!(event["description"], "A portal login was erased by the operator");

    // A colleague goes: their clients lose them and stay.
    let sam = app.account("sam").await.id;
    let on = member.put(&format!("{ACCOUNTS}/{sam}/caseload/{casey}"), json!({})).await;
    assert_eq!(on.status, 204);
    let erased = json!({"action": "erase_person", "practice": "agency", "portal": "staff", "who": {"username": "casey"}});
    app.operate(erased).await.unwrap();
    assert!(app.account("sam").await.caseload.is_empty());
    assert_eq!(traces(&app, casey, "casey@").await.into_iter().collect::<Vec<_>>(), ["EVENT"]);
    assert!(app.account("tom").await.id == tom);
}

#[tokio::test]
async fn a_look_stays_while_another_name_has_it() {
    let app = TestApp::start().await;
    // Two names that look alike, each of ASCII.
    let twins = ["l1ly", "llly"].map(|name| json!({"username": name, "display_name": "L"}));
    app.import("agency", &twins).await;
    let looks = || async {
        let items = app.dump().await;
        items.into_iter().filter(|item| item.contains("\"pk\":\"LOOKS#") && item.contains("llly")).count()
    };
    assert_eq!(looks().await, 1);
    invoke(&app, "erase_person", "l1ly").await.unwrap();
    assert_eq!(looks().await, 1);
    invoke(&app, "erase_person", "llly").await.unwrap();
    assert_eq!(looks().await, 0);
}

#[tokio::test]
async fn a_held_person_is_neither_erased_nor_merged() {
    let app = TestApp::start().await;
    let held = invoke(&app, "hold_person", "sam").await.unwrap();
    assert_eq!(invoke(&app, "hold_person", "sam").await.unwrap(), held, "since the first time");
    let before = app.lasting().await;
    let refusal = "the account is held: release it first";
    assert_eq!(invoke(&app, "erase_person", "sam").await.unwrap_err(), refusal);
    let merge = json!({"action": "merge_accounts", "practice": "agency", "duplicate": {"username": "sam"}, "into": {"username": "jane"}});
    assert_eq!(app.operate(merge).await.unwrap_err().to_string(), refusal);
    assert_eq!(app.lasting().await, before);
    assert_eq!(app.sign_in("sam", PASSWORD).await.status, 201, "nothing else is held");
    invoke(&app, "release_person", "sam").await.unwrap();
    invoke(&app, "erase_person", "sam").await.unwrap();
    let erased = app.dump().await;
    let changes = erased.iter().filter(|item| item.contains("\"member\":\"held\"")).count();
    assert_eq!(changes, 2);
}

#[tokio::test]
async fn an_account_is_found_by_its_own_name_in_its_own_practice() {
    let app = TestApp::start().await;
    app.create_practice("therapy", json!({})).await;
    let jane = app.account("jane").await.id;
    let before = app.dump().await;
    for (practice, portal, who) in [
        ("therapy", "client", json!({"username": "jane"})),
        ("therapy", "client", json!({"account": jane})),
        ("agency", "staff", json!({"username": "jane"})),
        // An address is shared by many, and names nobody.
        ("agency", "client", json!({"username": "jane@agency.test"})),
        ("agency", "client", json!({"username": ""})),
        ("agency", "client", json!({"username": jane.to_string()})),
    ] {
        let erase = json!({"action": "erase_person", "practice": practice, "portal": portal, "who": who});
        let error = app.operate(erase).await.unwrap_err().to_string();
        assert_eq!(error, "the practice has no such account", "{practice} {portal} {who}");
    }
    for who in [json!({}), json!("jane"), json!({"username": "jane", "account": jane}), json!({"account": 1})]
    {
        let erase = json!({"action": "erase_person", "practice": "agency", "who": who});
        let error = app.operate(erase).await.unwrap_err().to_string();
        assert!(error.starts_with("invalid invocation: who"), "{who}: {error}");
    }
    assert_eq!(app.dump().await, before);
}

#[tokio::test]
async fn a_duplicate_gives_its_places_to_the_account_that_stays() {
    let app = TestApp::start().await;
    let [casey, jane, tom] = linked(&app).await;
    let sam = app.account("sam").await.id;
    let member = at_work(&app).await;
    let parent = json!({"relationship": "guardian"});
    let lily = app.account("lily").await.id;
    member.put(&format!("{ACCOUNTS}/{lily}/associations/{jane}"), parent).await;
    let merge = json!({"action": "merge_accounts", "practice": "agency", "duplicate": {"username": "jane"}, "into": {"account": sam}});
    // What fails on the way is made again with the same invocation.
    let second = app.seam.hold("operator", "TransactWriteItems", 1);
    let fail = async {
        second.reached().await;
        app.seam.inject("operator", "TransactWriteItems", 4, Fault::Down);
        second.release();
    };
    let (failed, ()) = tokio::join!(app.operate(merge.clone()), fail);
    assert!(failed.is_err());
    assert_eq!(app.operate(merge.clone()).await.unwrap(), json!({"account": sam, "duplicate": jane}));
    let merged = app.account("sam").await;
    assert_eq!(merged.caseload.iter().map(|entry| entry.staff).collect::<Vec<_>>(), [casey]);
    let mut others: Vec<AccountId> = merged.associations.iter().map(|entry| entry.account).collect();
    others.sort_unstable();
    let mut expected = [tom, lily];
    expected.sort_unstable();
    assert_eq!(others, expected);
    for other in ["tom", "lily"] {
        let found = app.account(other).await.associations;
        assert_eq!(found.iter().map(|entry| entry.account).collect::<Vec<_>>(), [sam], "{other}");
    }
    let colleague = StaffMember::of(&app, "agency", "staff", "casey").await;
    assert_eq!(colleague.list("portal=client&caseload=mine").await, ["sam"]);
    assert_eq!(app.sign_in("jane", PASSWORD).await.status, 401);
    assert_eq!(app.sign_in("sam", PASSWORD).await.status, 201);
    let gone = app.events(jane).await.pop().unwrap();
    assert_eq!((gone.action.name().as_str(), gone.other), ("user_deleted", Some(sam)));
    let same = json!({"action": "merge_accounts", "practice": "agency", "duplicate": {"username": "sam"}, "into": {"account": sam}});
    let error = app.operate(same).await.unwrap_err().to_string();
    assert_eq!(error, "invalid invocation: into: must be another account of the same portal");
}

#[tokio::test]
async fn a_person_gets_all_that_is_known_of_them_and_no_secret() {
    let app = TestApp::start().await;
    let [casey, jane, tom] = linked(&app).await;
    let session = app.session_of("jane", PASSWORD).await;
    let question = json!({"current_password": PASSWORD, "question": "Pet?", "answer": "Biscuit"});
    app.send(HttpEvent::new("PUT", "/v1/security-question").bearer(&session).json(&question)).await;
    let token = app.token_for("jane").await;
    let export = invoke(&app, "export_person", "jane").await.unwrap();
    let account = &export["account"];
    assert_eq!((&account["id"], &account["display_name"]), (&json!(jane), &json!("jane")));
    assert_eq!(account["security_question"], "Pet?");
    assert_eq!(account["caseload"][0]["staff"], json!(casey));
    assert_eq!(account["associations"][0]["account"], json!(tom));
    assert_eq!(export["tickets"].as_array().unwrap().len(), 1);
    assert_eq!(export["sessions"].as_array().unwrap().len(), 1);
    let events = export["events"].as_array().unwrap();
    assert_eq!(events.len(), app.events(jane).await.len());
    assert!(events.iter().all(|event| event["at"].as_str().unwrap().ends_with('Z')));
    assert_eq!(events[0]["action"], "data_exported");
    let whole = export.to_string();
    for secret in ["$argon2", "biscuit", "Biscuit", "digest", "nonce", &token, &session, &token[43..]] {
        assert!(!whole.contains(secret), "{secret}");
    }
}
