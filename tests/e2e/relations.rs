//! A1: caseloads, which decide whom staff see, and associations between a client and the people who act for them.

use rekey::domain::event::{Action, Event};
use rekey::domain::practice::Portal;
use rekey::platform::ids::AccountId;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::demo::at;
use crate::support::event::HttpEvent;
use crate::support::staff::{ACCOUNTS, StaffMember, id_of};

async fn last_event(app: &TestApp, id: AccountId) -> Event {
    app.events(id).await.pop().unwrap()
}

#[tokio::test]
async fn staff_of_a_scoped_practice_see_and_help_their_own_clients_only() {
    let app = at("caseload", json!({"caseload_scoped": true, "session_idle": 3600})).await;
    let (admin, casey) = (
        StaffMember::of(&app, "caseload", "staff", "admin").await,
        StaffMember::of(&app, "caseload", "staff", "casey").await,
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
    let casey = StaffMember::of(&app, "agency", "staff", "casey").await;
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
async fn a_guardian_and_a_client_show_each_other_and_a_search_for_either_finds_both() {
    let app = TestApp::start().await;
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
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
    let entry = |other: AccountId, acts: bool| json!({"account": other.to_string(), "relationship": "parent", "acts": acts, "role": "acts", "until": null});
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
async fn whoever_is_scoped_learns_of_few_names_and_it_is_recorded() {
    let app = at("agency", json!({"caseload_scoped": true})).await;
    let casey = StaffMember::of(&app, "agency", "staff", "casey").await;
    let probe = async |member: &StaffMember<'_>, name: &str| {
        member.create(json!({"username": name, "display_name": "X"})).await.outcome().0
    };
    for (turn, name) in ["sam", "LILY", "tom", "dora", "s\u{430}m"].into_iter().enumerate() {
        assert_eq!(probe(&casey, name).await, 409, "{turn}");
    }
    assert_eq!(probe(&casey, "ruth").await, 429);
    assert_eq!(probe(&casey, "nobody").await, 429, "free or taken");
    let id = app.account("jane").await.id;
    let on_caseload = json!({"action": "import_accounts", "practice": "agency", "lines":
        json!({"username": "own", "display_name": "Own", "caseload": [{"staff": "casey"}]}).to_string()});
    app.operate(on_caseload).await.unwrap();
    let own = app.account("own").await.id;
    for name in ["ruth", "nobody"] {
        let reply = casey.patch(own, json!({"username": name})).await;
        assert_eq!(reply.outcome(), (429, "too_many_requests".to_owned()), "{name}");
    }
    assert_eq!(casey.patch(own, json!({"display_name": "Renamed"})).await.status, 200);
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    for _ in 0..8 {
        assert_eq!(probe(&admin, "sam").await, 409, "who sees everybody learns nothing");
    }
    assert_eq!(admin.patch(id, json!({"username": "sam"})).await.status, 409);
    let log =
        admin.send(HttpEvent::new("GET", "/v1/admin/changes").query("type=username_refused")).await.json();
    let said = "A username or an address that somebody has was asked for by casey";
    let events = log["events"].as_array().unwrap();
    assert!(events.len() == 5 && events.iter().all(|event| event["description"] == said), "{log}");
    app.clock.advance(std::time::Duration::from_hours(1));
    let casey = StaffMember::of(&app, "agency", "staff", "casey").await;
    assert_eq!(probe(&casey, "nobody").await, 201);
}

#[tokio::test]
async fn whoever_is_scoped_learns_of_few_addresses_too() {
    let app = at("agency", json!({"caseload_scoped": true})).await;
    let family = json!({"username": "own", "display_name": "Own", "email": "own@x.test", "caseload": [{"staff": "casey"}]});
    let import = json!({"action": "import_accounts", "practice": "agency", "lines": family.to_string()});
    app.operate(import).await.unwrap();
    let own = app.account("own").await.id;
    let casey = StaffMember::of(&app, "agency", "staff", "casey").await;
    let register = async |n: usize, email: &str| {
        let new =
            json!({"username": format!("new{n}"), "display_name": "N", "email": email, "invite": false});
        casey.create(new).await.outcome().0
    };
    for n in 0..3 {
        assert_eq!(register(n, "own@x.test").await, 201, "a family of one's own clients");
    }
    for (n, taken) in ["sam@agency.test", "DORA@agency.test", "family@agency.test"].into_iter().enumerate() {
        assert_eq!(register(n + 10, taken).await, 201, "{taken}");
        assert_eq!(register(n + 20, &format!("free{n}@x.test")).await, 201);
    }
    for taken in ["ruth@agency.test", "ivan@agency.test"] {
        assert_eq!(casey.patch(own, json!({"email": taken})).await.status, 200, "{taken}");
    }
    for any in ["family@agency.test", "nobody@x.test"] {
        let reply = casey.patch(own, json!({"email": any})).await;
        assert_eq!(reply.outcome(), (429, "too_many_requests".to_owned()), "{any}: taken or free");
        assert_eq!(register(30, any).await, 429, "{any}");
    }
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    let log = admin.send(HttpEvent::new("GET", "/v1/admin/changes").query("type=username_refused")).await;
    assert_eq!(log.json()["events"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn a_page_of_a_search_is_bounded_with_the_associated_accounts_too() {
    let app = TestApp::start().await;
    let people: Vec<Value> = (0..63)
        .map(|n| {
            let kind = if n < 3 { "guardian" } else { "ward" };
            json!({"username": format!("{kind}{n:02}"), "display_name": format!("{kind} {n:02}"), "invited": false})
        })
        .collect();
    app.import("agency", &people).await;
    let member = StaffMember::of(&app, "agency", "staff", "admin").await;
    for guardian in 0..3 {
        let guardian = app.account(&format!("guardian{guardian:02}")).await.id;
        for n in 3..51 {
            let ward = app.account(&format!("ward{n:02}")).await.id;
            let path = format!("{ACCOUNTS}/{ward}/associations/{guardian}");
            assert_eq!(member.put(&path, json!({"relationship": "guardian"})).await.status, 204);
        }
    }
    let (mut cursor, mut pages, mut found) = (String::new(), 0, std::collections::BTreeSet::new());
    loop {
        let query = format!("q=guardian{cursor}");
        let page = member.send(HttpEvent::new("GET", ACCOUNTS).query(&query)).await.json();
        let accounts = page["accounts"].as_array().unwrap();
        assert!(accounts.len() <= 100, "{}", accounts.len());
        found.extend(accounts.iter().map(|account| account["username"].as_str().unwrap().to_owned()));
        pages += 1;
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!((found.len(), pages), (51, 2), "everybody, on more than one page");
}
