//! A practice after its creation: the list of all, disabling, what it takes with it, and its end.

use std::time::Duration;

use rekey::domain::practice::Portal;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::seam::Fault;
use crate::support::staff::{ACCOUNTS, StaffMember};
use crate::support::{PASSWORD, TestApp, demo_accounts};

/// A deployment with two practices, of which the first has its accounts.
async fn two() -> TestApp {
    let app = TestApp::start().await;
    app.create_practice("veterinary", json!({})).await;
    app
}

async fn invoke(app: &TestApp, action: &str, members: Value) -> Value {
    let mut invocation = json!({"action": action, "practice": "agency"});
    invocation.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    app.operate(invocation).await.unwrap()
}

async fn disable(app: &TestApp) {
    invoke(app, "disable_practice", json!({})).await;
    // A running function remembers a practice for a minute.
    app.clock.advance(Duration::from_mins(1));
}

/// Everything that an action answers, a part after the other.
async fn parts(app: &TestApp, action: &str) -> Vec<Value> {
    let (mut parts, mut members) = (Vec::new(), json!({}));
    loop {
        let part = invoke(app, action, members).await;
        let cursor = part.get("cursor").cloned();
        parts.push(part);
        match cursor {
            Some(cursor) => members = json!({"cursor": cursor}),
            None => return parts,
        }
    }
}

#[tokio::test]
async fn every_practice_is_listed_and_the_disabled_ones_say_so() {
    let app = two().await;
    for n in 0..99 {
        app.create_practice(&format!("clinic-{n:02}"), json!({})).await;
    }
    disable(&app).await;
    let mut listed = Vec::new();
    let mut invocation = json!({"action": "list_practices"});
    loop {
        let page = app.operate(invocation).await.unwrap();
        listed.extend(page["practices"].as_array().unwrap().clone());
        match page.get("cursor") {
            Some(cursor) => invocation = json!({"action": "list_practices", "cursor": cursor}),
            None => break,
        }
    }
    let slugs: Vec<&str> = listed.iter().map(|each| each["practice"].as_str().unwrap()).collect();
    assert_eq!(slugs.len(), 101);
    assert!(slugs.is_sorted());
    let disabled: Vec<&Value> = listed.iter().filter(|each| each.get("disabled_at").is_some()).collect();
    assert_eq!(disabled.len(), 1);
    assert_eq!((&disabled[0]["practice"], &disabled[0]["name"]), (&json!("agency"), &json!("Harbor Agency")));
}

#[tokio::test]
async fn nobody_comes_in_at_a_disabled_practice_and_it_sends_no_mail() {
    let app = two().await;
    let member = StaffMember::of(&app, "agency", "staff", "admin").await;
    let session = app.session_of("jane", PASSWORD).await;
    let token = app.token_for("sam").await;
    app.forgot("lily").await;
    disable(&app).await;
    app.deliver().await;
    assert_eq!(app.mailbox.messages().len(), 1, "the mail that went before");
    assert_eq!(app.forgot("jane").await.outcome(), (404, "unknown_practice".to_owned()));
    assert_eq!(app.send(HttpEvent::new("GET", "/v1/practices/agency")).await.status, 404);
    assert_eq!(app.preview(&token).await.outcome(), (404, "invalid_token".to_owned()));
    assert_eq!(app.reset(&token, "a first stone bridge").await.outcome(), (404, "invalid_token".to_owned()));
    // A sign-in says no more than at a practice that does not exist.
    let closed = app.sign_in("jane", PASSWORD).await;
    let body = json!({"practice": "nowhere", "identifier": "jane", "password": PASSWORD});
    assert_eq!(closed.outcome(), app.post("/v1/sessions", body).await.outcome());
    assert_eq!(member.get(ACCOUNTS).await.status, 401);
    let change = json!({"current_password": PASSWORD, "new_password": "a first stone bridge"});
    let change = HttpEvent::new("POST", "/v1/password/change").bearer(&session).json(&change);
    assert_eq!(app.send(change).await.status, 401);
    assert_eq!(app.account_with(&session).await.status, 200);
    invoke(&app, "end_sessions", json!({"portal": "client"})).await;
    assert_eq!(app.account_with(&session).await.status, 401);

    let repeated = invoke(&app, "disable_practice", json!({})).await;
    assert!(repeated["disabled_at"].is_string());
    let open = invoke(&app, "enable_practice", json!({})).await;
    assert_eq!(open, json!({"practice": "agency"}));
    assert_eq!(app.preview(&token).await.status, 200, "nothing was used up");
    app.clock.advance(Duration::from_mins(1));
    app.sweep().await;
    assert_eq!(app.mailbox.messages()[0].to, ["family@agency.test"], "what was asked for goes now");
    assert_eq!(app.sign_in("jane", PASSWORD).await.status, 201);
    let member = StaffMember::of(&app, "agency", "staff", "admin").await;
    let changes =
        member.send(HttpEvent::new("GET", "/v1/admin/changes").query("type=practice_updated")).await;
    let changes = changes.json()["events"].clone();
    let seen: Vec<&Value> = changes.as_array().unwrap().iter().map(|event| &event["changes"]).collect();
    let change = |from, to| json!([{"member": "disabled", "from": from, "to": to}]);
    assert_eq!(seen, [&change("true", "false"), &change("false", "true")], "each once");
}

#[tokio::test]
async fn a_practice_takes_its_settings_its_accounts_and_its_log_with_it() {
    let app = two().await;
    let more: Vec<Value> =
        (0..150).map(|n| json!({"username": format!("client{n:03}"), "display_name": "C"})).collect();
    app.import("agency", &more).await;
    app.sign_in("jane", "wrong").await;
    let parts = parts(&app, "export_practice").await;
    let lines: Vec<&Value> = parts.iter().flat_map(|part| part["lines"].as_array().unwrap()).collect();
    let of = |member: &str| lines.iter().filter_map(|line| line.get(member)).collect::<Vec<_>>();
    assert_eq!(of("practice").len(), 1);
    assert_eq!(of("practice")[0]["name"], "Harbor Agency");
    assert_eq!(of("account").len(), 159);
    let jane = of("account").into_iter().find(|account| account["username"] == "jane").unwrap();
    assert_eq!((&jane["email"], &jane["has_password"]), (&json!("jane@agency.test"), &json!(true)));
    let actions: Vec<&str> = of("event").iter().map(|event| event["action"].as_str().unwrap()).collect();
    let number = |action: &str| actions.iter().filter(|each| **each == action).count();
    assert_eq!(
        (number("user_created"), number("authn_login_fail"), number("data_exported"), actions.len()),
        (159, 1, 1, 162)
    );
    let text = lines.iter().map(ToString::to_string).collect::<String>();
    assert!(!text.contains("$argon2") && !text.contains("digest") && !text.contains("nonce"), "no secret");
}

#[tokio::test]
async fn an_open_practice_is_not_deleted() {
    let app = two().await;
    let before = app.dump().await;
    let error = app.operate(json!({"action": "delete_practice", "practice": "agency"})).await.unwrap_err();
    assert_eq!(error.to_string(), "invalid invocation: agency is not disabled");
    let error = app.operate(json!({"action": "delete_practice", "practice": "nowhere"})).await.unwrap_err();
    assert_eq!(error.to_string(), "no practice is called nowhere");
    assert_eq!(app.dump().await, before);
}

#[tokio::test]
async fn of_a_deleted_practice_only_events_are_left_and_what_ends_by_itself() {
    let app = two().await;
    app.create_practice("caseload", json!({})).await;
    app.import("caseload", &demo_accounts("caseload")).await;
    let casey = app.account_of("agency", Portal::Staff, "casey").await.id;
    let (jane, tom) = (app.account("jane").await.id, app.account("tom").await.id);
    let member = StaffMember::of(&app, "agency", "staff", "admin").await;
    for path in [format!("{jane}/caseload/{casey}"), format!("{jane}/associations/{tom}")] {
        let reply = member.put(&format!("{ACCOUNTS}/{path}"), json!({"relationship": "parent"})).await;
        let reply = if reply.status == 400 {
            member.put(&format!("{ACCOUNTS}/{path}"), json!({})).await
        } else {
            reply
        };
        assert_eq!(reply.status, 204, "{reply:?}");
    }
    app.token_for("sam").await;
    app.put_former_entry(&app.account("jane").await).await;
    let hold = json!({"who": {"username": "jane"}});
    invoke(&app, "hold_person", hold.clone()).await;
    let others = |dump: Vec<String>| -> Vec<String> {
        dump.into_iter()
            .filter(|item| item.contains("caseload#") || item.contains("@caseload.test"))
            .collect()
    };
    let kept = others(app.dump().await);
    disable(&app).await;

    // A part that fails is made again, and those after it go on.
    app.seam.inject("operator", "TransactWriteItems", 3, Fault::Down);
    let failed = app.operate(json!({"action": "delete_practice", "practice": "agency"})).await;
    assert!(failed.is_err());
    let answers = parts(&app, "delete_practice").await;
    let sum = |name: &str| answers.iter().filter_map(|part| part[name].as_u64()).sum::<u64>();
    assert_eq!(sum("held"), 1);
    assert!(answers.iter().all(|part| part["deleted"] == false), "somebody is held");
    assert!(app.account("jane").await.held_at.is_some());
    invoke(&app, "release_person", hold).await;
    let answers = parts(&app, "delete_practice").await;
    assert_eq!(answers.last().unwrap()["deleted"], true);

    let left = app.dump().await;
    let left = left.iter().filter(|item| item.contains("agency") || item.contains(&jane.to_string()));
    let kinds: Vec<&str> = left.map(|item| item.split("\"pk\":\"").nth(1).unwrap()).collect();
    let ends = ["EVENT#", "REQUEST#", "OUTBOX#", "LIMIT#", "COUNT#", "PRACTICES#"];
    assert!(kinds.iter().all(|pk| ends.iter().any(|kind| pk.starts_with(kind))), "{kinds:?}");
    let personal = ["@agency.test", "display_name", "username"];
    let events = kinds.iter().filter(|item| item.starts_with("EVENT#"));
    assert!(events.clone().count() > 20);
    assert!(events.into_iter().all(|event| personal.iter().all(|word| !event.contains(word))));
    assert_eq!(others(app.dump().await), kept, "the others are as they were");

    // Whoever had the slug would read the log.
    let again =
        json!({"action": "create_practice", "practice": crate::support::practice("agency", &json!({}))});
    assert_eq!(app.operate(again).await.unwrap()["status"], "exists");
    let listed = app.operate(json!({"action": "list_practices"})).await.unwrap();
    let listed =
        listed["practices"].as_array().unwrap().iter().map(|each| each["practice"].as_str().unwrap());
    assert_eq!(listed.collect::<Vec<_>>(), ["caseload", "veterinary"]);
}
