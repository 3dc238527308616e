//! U1: staff and auditors read their practice's change log, filtered or as a table, and no other practice's.

use std::time::Duration;

use rekey::domain::event::{Action, Actor, Event};
use rekey::domain::practice::Portal;
use rekey::platform::clock::{Ambient, Timestamp};
use rekey::platform::ids::EventId;
use serde_json::{Value, json};

use crate::support::change_log::{CHANGES, changes, words};
use crate::support::event::HttpEvent;
use crate::support::staff::{ACCOUNTS, StaffMember};
use crate::support::{PASSWORD, TestApp, demo_accounts};

#[tokio::test]
async fn the_change_log_is_filtered_by_client_actor_kind_and_date() {
    let app = TestApp::start().await;
    let (jane, sam) = (app.account("jane").await.id, app.account("sam").await.id);
    let staff = app.account_of("agency", Portal::Staff, "casey").await.id;
    let casey = StaffMember::of(&app, "agency", "staff", "casey").await;
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    app.clock.advance(Duration::from_hours(48));
    let (casey_later, admin_later) = (
        StaffMember::of(&app, "agency", "staff", "casey").await,
        StaffMember::of(&app, "agency", "staff", "admin").await,
    );
    drop((casey, admin));
    let (casey, admin) = (casey_later, admin_later);
    assert_eq!(casey.patch(jane, json!({"email": "new@agency.test"})).await.status, 200);
    assert_eq!(admin.patch(sam, json!({"refused": true})).await.status, 200);
    let new = json!({"username": "noor", "display_name": "N", "invite": false});
    assert_eq!(casey.create(new).await.status, 201);

    let by_casey = changes(&admin, &format!("actor={staff}")).await;
    let words_of = words(&by_casey);
    assert_eq!(
        words_of[..2],
        ["Portal login noor was added by casey", "Portal login jane was modified by casey. Changes: email"]
    );
    assert!(
        by_casey
            .iter()
            .all(|event| event["by"] == staff.to_string() || event["account"] == staff.to_string())
    );
    let change = &by_casey[1]["changes"][0];
    assert_eq!((&change["from"], &change["to"]), (&json!("j…@a….test"), &json!("n…@a….test")), "masked");

    let updated = changes(&admin, "type=user_updated").await;
    assert_eq!(updated.len(), 2);
    let both = changes(&admin, &format!("type=user_updated&actor={staff}")).await;
    assert_eq!(words(&both), ["Portal login jane was modified by casey. Changes: email"]);
    let of_jane = changes(&admin, &format!("account={jane}&type=user_updated&actor={staff}")).await;
    assert_eq!(of_jane, both);
    assert!(changes(&admin, &format!("account={sam}&actor={staff}")).await.is_empty());
    assert_eq!(
        words(&changes(&casey, &format!("account={jane}")).await).last().unwrap(),
        "Portal login jane was added by the operator"
    );
    assert_eq!(changes(&admin, "actor=operator&type=user_created").await.len(), 9);

    let late = changes(&admin, "from=2026-11-23T00:00:00Z").await;
    assert!(late.iter().all(|event| event["at"].as_str().unwrap() > "2026-11-23"));
    let early = changes(&admin, "to=2026-11-23T00:00:00Z&limit=100").await;
    assert!(early.iter().all(|event| event["at"].as_str().unwrap() < "2026-11-23"));
    assert_eq!(late.len() + early.len(), changes(&admin, "limit=100").await.len());
    assert!(changes(&admin, "from=2026-11-23T00:00:00Z&to=2026-11-23T00:00:00Z").await.is_empty());
    assert!(changes(&admin, "from=2027-01-01T00:00:00Z&to=2020-01-01T00:00:00Z").await.is_empty());

    for (query, outcome) in [
        ("actor=jane", (400, "invalid_request")),
        ("type=everything", (400, "invalid_request")),
        ("from=yesterday", (400, "invalid_request")),
        ("user=x", (400, "invalid_request")),
        ("account=01JD7Z3M5V8Q2X4Y6W0N1R9T3K", (404, "not_found")),
    ] {
        let reply = admin.send(HttpEvent::new("GET", CHANGES).query(query)).await;
        assert_eq!(reply.outcome(), (outcome.0, outcome.1.to_owned()), "{query}");
    }
}

#[tokio::test]
async fn another_practices_log_is_out_of_reach() {
    let app = TestApp::start().await;
    app.create_practice("therapy", json!({})).await;
    app.import("therapy", &crate::support::demo_accounts("therapy")).await;
    let admin = StaffMember::of(&app, "therapy", "staff", "admin").await;
    let foreign = app.account("jane").await.id;
    let staff = app.account_of("agency", Portal::Staff, "admin").await.id;
    app.session_of("jane", PASSWORD).await;
    assert!(changes(&admin, &format!("actor={foreign}")).await.is_empty());
    assert!(changes(&admin, &format!("actor={staff}")).await.is_empty());
    let mut own = Vec::new();
    for (portal, name) in [
        (Portal::Client, "jane"),
        (Portal::Client, "sam"),
        (Portal::Client, "lily"),
        (Portal::Client, "tom"),
        (Portal::Client, "dora"),
        (Portal::Client, "ruth"),
        (Portal::Client, "ivan"),
        (Portal::Staff, "admin"),
        (Portal::Staff, "casey"),
    ] {
        own.push(json!(app.account_of("therapy", portal, name).await.id.to_string()));
    }
    let all = changes(&admin, "limit=100").await;
    assert!(
        all.len() > 9
            && all.iter().all(|event| event["account"].is_null() || own.contains(&event["account"]))
    );
    let of_account = admin.get(&format!("{ACCOUNTS}/{foreign}/activity")).await;
    assert_eq!(of_account.outcome(), (404, "not_found".to_owned()));
    let filtered = admin.send(HttpEvent::new("GET", CHANGES).query(&format!("account={foreign}"))).await;
    assert_eq!(filtered.outcome(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn who_is_scoped_reads_no_name_of_whom_they_do_not_look_after() {
    let app = TestApp::start_with(&[]).await;
    app.create_practice("agency", json!({"caseload_scoped": true})).await;
    app.import("agency", &crate::support::demo_accounts("agency")).await;
    let (jane, sam) = (app.account("jane").await.id, app.account("sam").await.id);
    let casey = app.account_of("agency", Portal::Staff, "casey").await.id;
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    assert_eq!(admin.put(&format!("{ACCOUNTS}/{jane}/caseload/{casey}"), json!({})).await.status, 204);
    let relation = format!("{ACCOUNTS}/{jane}/associations/{sam}");
    assert_eq!(admin.put(&relation, json!({"relationship": "parent"})).await.status, 204);
    let staff = StaffMember::of(&app, "agency", "staff", "casey").await;
    let query = format!("account={jane}&type=association_changed");
    assert_eq!(words(&changes(&admin, &query).await), ["Association of jane with sam was modified by admin"]);
    let seen = changes(&staff, &query).await;
    assert_eq!(words(&seen), ["Association of jane with another login was modified by admin"]);
}

#[tokio::test]
async fn an_auditor_gets_a_table() {
    let app = TestApp::start().await;
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    let new = json!({"username": "=cmd|x", "display_name": "N", "invite": false});
    assert_eq!(admin.create(new).await.status, 201);
    let jane = app.account("jane").await.id;
    let link = json!({"expires_at": "2026-11-22T18:00:00Z", "deliver": "copy", "reason": "Phoned, said \"lost\"",
            "proof": {"method": "called_back", "note": "+ at noon"}});
    let event = HttpEvent::new("POST", &format!("{ACCOUNTS}/{jane}/links")).json(&link);
    assert_eq!(admin.send(event).await.status, 201);
    let table = async |query: &str| {
        let event = HttpEvent::new("GET", CHANGES).query(query);
        admin.send(event.header("accept", "text/csv;q=0.9, */*")).await
    };
    let reply = table("limit=2").await;
    assert_eq!(reply.headers["content-type"], "text/csv; charset=utf-8");
    let text = reply.body.strip_prefix('\u{feff}').expect("the mark by which Excel knows UTF-8");
    let lines: Vec<&str> = text.split("\r\n").collect();
    let header = [
        "at",
        "action",
        "description",
        "actor",
        "by",
        "account",
        "username",
        "note",
        "ip",
        "id",
        "proof",
        "proof_note",
    ];
    assert_eq!(lines[0], header.map(|name| format!("\"{name}\"")).join(","));
    let jane = jane.to_string();
    let cells = [
        "authn_token_created",
        "A link, invitation or temporary password for jane was issued by admin. It was shown to be copied. \
         The owner was called back at the number on the record",
        "staff",
        "admin",
        &jane,
        "jane",
        "Phoned, said \"\"lost\"\"",
        "203.0.113.7",
    ];
    assert!(lines[1].contains(&cells.map(|cell| format!("\"{cell}\"")).join(",")), "{}", lines[1]);
    assert!(lines[1].ends_with(",\"called_back\",\"'+ at noon\""), "{}", lines[1]);
    assert!(lines[2].contains(",\"'=cmd|x\","), "no formula: {}", lines[2]);
    assert_eq!((lines.len(), lines[3]), (4, ""));
    let next = reply.headers["link"].to_str().unwrap();
    let (target, relation) = next.split_once("; ").unwrap();
    assert_eq!(relation, "rel=\"next\"");
    let rest = table(target.trim_matches(['<', '>', '?'])).await;
    assert!(rest.status.is_success() && !rest.body.contains("lost"), "{rest:?}");
    let all = table("").await;
    assert!(all.headers.get("link").is_none());
    assert_eq!(all.body.lines().count(), 1 + changes(&admin, "limit=100").await.len());
}

/// The ids of all events that fit, page by page: the newest first, and each once.
async fn ids(admin: &StaffMember<'_>, filter: &str, size: usize) -> Vec<String> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let query = format!("{filter}&limit={size}{cursor}");
        let page = admin.send(HttpEvent::new("GET", CHANGES).query(&query)).await.json();
        let events = page["events"].as_array().unwrap();
        assert!(events.len() <= size, "{query}: {}", events.len());
        found.extend(events.iter().map(|event| event["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let mut sorted = found.clone();
    sorted.sort_by(|one, other| other.cmp(one));
    sorted.dedup();
    assert_eq!(found, sorted, "{filter}: the newest first, each once");
    found
}

#[tokio::test]
async fn pages_of_a_log_of_many_writers_follow_each_other() {
    let app = TestApp::start().await;
    let people: Vec<Value> = (0..150)
        .map(|n| json!({"username": format!("person{n:03}"), "display_name": "P", "invited": false}))
        .collect();
    app.import("agency", &people).await;
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    for (filter, size) in
        [("actor=operator", 7), ("type=user_created", 40), ("actor=operator&type=user_created", 13)]
    {
        let found = ids(&admin, filter, size).await;
        let other = usize::from(filter == "actor=operator");
        assert_eq!(found.len(), 150 + demo_accounts("agency").len() + other, "{filter}: and all of them");
    }
}

/// The first fifty events are all in one partition of the log, so a page reads some of them and older ones of others.
#[tokio::test]
async fn a_partition_that_has_more_than_its_part_of_a_page_is_read_to_its_end() {
    let app = TestApp::start().await;
    let slug = app.account("jane").await.practice;
    let ambient = Ambient::system();
    for n in 0..100_u8 {
        let mut id = EventId::first_at(Timestamp::from_millis(1_795_286_200_000 + i64::from(n))).to_bytes();
        id[15] = if n < 50 { n % 32 } else { 3 };
        let event = Event::new(&ambient, &slug, Action::UserUpdated, Actor::Operator).unwrap();
        app.store.record_event(&Event { id: EventId::from_bytes(id), ..event }).await.unwrap();
    }
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    assert_eq!(ids(&admin, "type=user_updated", 7).await.len(), 100);
    assert_eq!(ids(&admin, "actor=operator&type=user_updated", 7).await.len(), 100);
}
