//! A1: a caseload that is handed over to a colleague in one call.

use std::collections::BTreeSet;

use rekey::domain::event::Action;
use rekey::domain::practice::Portal;
use rekey::platform::clock::Clock;
use rekey::platform::ids::AccountId;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::seam::Fault;
use crate::support::staff::{ACCOUNTS, StaffMember, id_of};
use crate::support::{Reply, TestApp, demo_accounts, password_hash};

async fn of(app: &TestApp, name: &str) -> AccountId {
    id_of(app, "caseload", Portal::Staff, name).await
}

/// A practice scoped by caseload, with two colleagues and clients on the caseload of the first.
async fn app_with(clients: usize) -> TestApp {
    let app = TestApp::start_with(&[]).await;
    app.create_practice("caseload", json!({"caseload_scoped": true, "session_idle": 3600})).await;
    app.import("caseload", &demo_accounts("caseload")).await;
    let robin = json!({"portal": "staff", "role": "staff", "username": "robin", "display_name": "Robin",
        "email": "robin@caseload.test", "password_hash": password_hash()});
    app.import("caseload", &[robin]).await;
    let client = |n: usize| {
        json!({"username": format!("c{n:03}"), "display_name": format!("C{n}"),
            "caseload": [{"staff": "casey", "role": "nurse"}]})
    };
    let lines: Vec<Value> = (0..clients).map(client).collect();
    for some in lines.chunks(200) {
        app.import("caseload", some).await;
    }
    app
}

async fn boss(app: &TestApp) -> StaffMember<'_> {
    StaffMember::of(app, "caseload", "staff", "admin").await
}

async fn hand_over(member: &StaffMember<'_>, from: AccountId, to: impl serde::Serialize) -> Reply {
    let event = HttpEvent::new("POST", &format!("{ACCOUNTS}/{from}/hand-over"));
    member.send(event.json(&json!({"to": to}))).await
}

/// The clients on the caseload of a colleague, as the table has them.
async fn clients_of(app: &TestApp, id: AccountId) -> BTreeSet<AccountId> {
    let part = rekey::store::directory::Part { after: None, limit: 1000 };
    let places = app.store.list_caseload(id, part).await.unwrap();
    places.into_iter().map(|place| place.account).collect()
}

#[tokio::test]
async fn a_caseload_goes_to_a_colleague_in_one_call_with_the_roles_and_an_event_for_each_client() {
    let app = app_with(3).await;
    let (casey, robin, admin) = (of(&app, "casey").await, of(&app, "robin").await, boss(&app).await);
    let jane = id_of(&app, "caseload", Portal::Client, "jane").await;
    for (staff, role) in [(casey, "doctor"), (robin, "friend")] {
        let path = format!("{ACCOUNTS}/{jane}/caseload/{staff}");
        assert_eq!(admin.put(&path, json!({"role": role})).await.status, 204);
    }
    let before = clients_of(&app, casey).await;
    assert_eq!(before.len(), 4);
    app.clock.advance(std::time::Duration::from_mins(7));
    let since = app.clock.now();
    let reply = hand_over(&admin, casey, robin).await;
    assert_eq!((reply.status.as_u16(), reply.json()), (200, json!({"moved": 4, "more": false})));
    assert!(clients_of(&app, casey).await.is_empty());
    assert_eq!(clients_of(&app, robin).await, before);
    let names = StaffMember::of(&app, "caseload", "staff", "robin").await.list("").await;
    assert_eq!(names, ["jane", "c000", "c001", "c002"], "they see them");
    assert!(StaffMember::of(&app, "caseload", "staff", "casey").await.list("").await.is_empty());
    for id in &before {
        let account = app.store.find_account(*id).await.unwrap().unwrap();
        assert_eq!(account.caseload.len(), 1, "one entry each");
        let entry = &account.caseload[0];
        let (role, is_new) = if *id == jane { ("friend", false) } else { ("nurse", true) };
        assert_eq!((entry.staff, entry.role.as_deref()), (robin, Some(role)));
        assert_eq!(entry.assigned_at >= since, is_new);
        let event = app.events(*id).await.pop().unwrap();
        assert_eq!((event.action, event.other), (Action::CaseloadChanged, Some(robin)));
        let change = &event.changes[0];
        let (from, to) = (casey.to_string(), robin.to_string());
        assert_eq!((change.from.as_ref(), change.to.as_ref()), (Some(&from), Some(&to)));
    }
    let again = hand_over(&admin, casey, robin).await;
    assert_eq!(again.json(), json!({"moved": 0, "more": false}));
}

#[tokio::test]
async fn hundreds_of_clients_go_some_in_a_transaction_and_the_answer_says_whether_more_are_left() {
    let app = app_with(680).await;
    let (casey, robin, admin) = (of(&app, "casey").await, of(&app, "robin").await, boss(&app).await);
    app.seam.forget();
    let reply = hand_over(&admin, casey, robin).await;
    let first = reply.json();
    assert_eq!(first["more"], true, "{first}");
    let moved = first["moved"].as_u64().unwrap();
    assert!((600..680).contains(&moved), "{moved}");
    assert_eq!(app.seam.counts("accounts")["TransactWriteItems"] as u64, moved.div_ceil(24));
    let second = hand_over(&admin, casey, robin).await.json();
    assert_eq!(second, json!({"moved": 680 - moved, "more": false}));
    assert_eq!(clients_of(&app, robin).await.len(), 680);
}

#[tokio::test]
async fn a_hand_over_that_is_interrupted_is_gone_on_with_by_the_same_call() {
    let app = app_with(60).await;
    let (casey, robin, admin) = (of(&app, "casey").await, of(&app, "robin").await, boss(&app).await);
    let second = app.seam.hold("accounts", "TransactWriteItems", 1);
    let fail = async {
        second.reached().await;
        app.seam.inject("accounts", "TransactWriteItems", 4, Fault::Down);
        second.release();
    };
    // The one that is held passes, and the one after it fails.
    let (failed, ()) = tokio::join!(hand_over(&admin, casey, robin), fail);
    assert_eq!(failed.outcome(), (503, "unavailable".to_owned()));
    app.seam.heal();
    let (left, gone) = (clients_of(&app, casey).await, clients_of(&app, robin).await);
    assert!(!gone.is_empty() && !left.is_empty(), "{} {}", gone.len(), left.len());
    assert!(left.is_disjoint(&gone), "each is with one of them");
    let again = hand_over(&admin, casey, robin).await.json();
    assert_eq!(again, json!({"moved": left.len(), "more": false}));
    assert_eq!(clients_of(&app, robin).await.len(), 60);
    for id in clients_of(&app, robin).await {
        let events = app.events(id).await.into_iter();
        assert_eq!(events.filter(|event| event.action == Action::CaseloadChanged).count(), 1);
    }
}

#[tokio::test]
async fn a_client_who_changes_meanwhile_is_handed_over_as_they_are_then() {
    let app = app_with(30).await;
    let (casey, robin, admin) = (of(&app, "casey").await, of(&app, "robin").await, boss(&app).await);
    let c3 = id_of(&app, "caseload", Portal::Client, "c003").await;
    let write = app.seam.hold("accounts", "TransactWriteItems", 0);
    let edit = async {
        write.reached().await;
        let edited = admin.patch(c3, json!({"display_name": "Another"})).await;
        write.release();
        edited.status.as_u16()
    };
    let (reply, edited) = tokio::join!(hand_over(&admin, casey, robin), edit);
    assert_eq!(edited, 200);
    assert_eq!(reply.json(), json!({"moved": 30, "more": false}));
    let account = app.store.find_account(c3).await.unwrap().unwrap();
    assert_eq!((account.display_name.as_str(), account.caseload[0].staff), ("Another", robin));
}

#[tokio::test]
async fn nobody_hands_clients_to_somebody_who_is_closed_unknown_a_client_or_of_another_practice() {
    let app = app_with(2).await;
    app.create_practice("agency", json!({})).await;
    app.import("agency", &demo_accounts("agency")).await;
    let (casey, robin, admin) = (of(&app, "casey").await, of(&app, "robin").await, boss(&app).await);
    let jane = id_of(&app, "caseload", Portal::Client, "jane").await;
    let foreign = id_of(&app, "agency", Portal::Staff, "casey").await;
    let before = app.account_of("caseload", Portal::Client, "c000").await;
    let refused = [
        (json!(jane), 404, "not_found"),
        (json!(foreign), 404, "not_found"),
        (json!("01JD7Z3M5V8Q2X4Y6W0N1R9T3K"), 404, "not_found"),
        (json!(casey), 400, "invalid_request"),
        (json!("robin"), 400, "invalid_request"),
        (json!(null), 400, "invalid_request"),
        (json!([robin]), 400, "invalid_request"),
    ];
    for (to, status, code) in refused {
        assert_eq!(hand_over(&admin, casey, &to).await.outcome(), (status, code.to_owned()), "{to}");
    }
    assert_eq!(hand_over(&admin, jane, robin).await.outcome(), (400, "invalid_request".to_owned()));
    let robins = StaffMember::of(&app, "caseload", "staff", "robin").await;
    assert_eq!(hand_over(&robins, casey, robin).await.status, 404, "they do not see their colleague");
    let caseys = StaffMember::of(&app, "caseload", "staff", "casey").await;
    assert_eq!(hand_over(&caseys, casey, robin).await.outcome(), (403, "forbidden".to_owned()));
    let stranger = StaffMember::of(&app, "agency", "staff", "admin").await;
    assert_eq!(hand_over(&stranger, casey, foreign).await.status, 404);
    assert_eq!(admin.patch(robin, json!({"active": false})).await.status, 200);
    assert_eq!(hand_over(&admin, casey, robin).await.outcome(), (409, "account_closed".to_owned()));
    assert_eq!(app.account_of("caseload", Portal::Client, "c000").await, before);
    // One who has left hands over all the same, and an administrator may take the clients.
    assert_eq!(admin.patch(robin, json!({"active": true})).await.status, 200);
    assert_eq!(admin.patch(casey, json!({"active": false})).await.status, 200);
    let own = of(&app, "admin").await;
    assert_eq!(hand_over(&admin, casey, own).await.json(), json!({"moved": 2, "more": false}));
}

#[tokio::test]
async fn whoever_is_closed_while_clients_are_handed_to_them_gets_none_more() {
    let app = app_with(30).await;
    let (casey, robin, admin) = (of(&app, "casey").await, of(&app, "robin").await, boss(&app).await);
    let write = app.seam.hold("accounts", "TransactWriteItems", 1);
    let close = async {
        write.reached().await;
        let closed = admin.patch(robin, json!({"active": false})).await;
        write.release();
        closed.status.as_u16()
    };
    let (reply, closed) = tokio::join!(hand_over(&admin, casey, robin), close);
    assert_eq!(closed, 200);
    assert_eq!(reply.outcome(), (409, "account_closed".to_owned()));
    assert_eq!((clients_of(&app, robin).await.len(), clients_of(&app, casey).await.len()), (24, 6));
}

#[tokio::test]
async fn an_administrator_who_loses_the_role_meanwhile_hands_nothing_over() {
    let app = app_with(2).await;
    let (casey, robin, admin) = (of(&app, "casey").await, of(&app, "robin").await, boss(&app).await);
    let rival = json!({"portal": "staff", "role": "admin", "username": "rival", "display_name": "R",
        "password_hash": password_hash()});
    app.import("caseload", &[rival]).await;
    let rival = StaffMember::of(&app, "caseload", "staff", "rival").await;
    let write = app.seam.hold("accounts", "TransactWriteItems", 0);
    let demote = async {
        write.reached().await;
        let demoted = rival.patch(of(&app, "admin").await, json!({"role": "staff"})).await;
        write.release();
        demoted.status.as_u16()
    };
    let (reply, demoted) = tokio::join!(hand_over(&admin, casey, robin), demote);
    assert_eq!(demoted, 200);
    assert_eq!(reply.outcome(), (403, "forbidden".to_owned()));
    assert!(clients_of(&app, robin).await.is_empty());
}
