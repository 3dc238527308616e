//! U1: the owner of an account reads its activity log, page by page.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::change_log::words;
use crate::support::event::HttpEvent;
use crate::support::staff::{ACCOUNTS, StaffMember};
use crate::support::{NEW_PASSWORD, PASSWORD, Reply, TestApp};

async fn activity(app: &TestApp, session: &str, query: &str) -> Reply {
    app.send(HttpEvent::new("GET", "/v1/activity").query(query).bearer(session)).await
}

#[tokio::test]
async fn a_holder_reads_what_happened_newest_first() {
    let app = TestApp::start().await;
    let jane = app.account("jane").await.id;
    let minute = || app.clock.advance(Duration::from_mins(1));
    let link = app.token_for("jane").await;
    minute();
    assert_eq!(app.reset(&link, NEW_PASSWORD).await.status, 204);
    minute();
    app.sign_in("jane", "wrong").await;
    minute();
    let session = app.session_of("jane", NEW_PASSWORD).await;
    minute();
    app.send(HttpEvent::new("DELETE", "/v1/sessions/current").bearer(&session)).await;
    minute();
    let member = StaffMember::of(&app, "agency", "staff", "casey").await;
    assert_eq!(member.patch(jane, json!({"representative": true})).await.status, 200);
    minute();
    let session = app.session_of("jane", NEW_PASSWORD).await;
    app.session_of("sam", PASSWORD).await;

    let reply = activity(&app, &session, "").await.json();
    let events = reply["events"].as_array().unwrap();
    assert_eq!(
        words(events),
        [
            "Portal login by jane",
            "Portal login jane was modified by the practice. Changes: representative",
            "Portal logout by jane",
            "Portal login by jane",
            "Failed portal login as jane",
            "Password changed by jane",
            "A mail was sent to jane",
            "Password reset requested for jane",
            "Portal login jane was added by the operator",
        ]
    );
    let members: Vec<&String> = events[0].as_object().unwrap().keys().collect();
    assert_eq!(members, ["action", "actor", "at", "description", "id", "ip"]);
    assert_eq!(
        (&events[0]["ip"], &events[1]["ip"]),
        (&json!("203.0.113.7"), &Value::Null),
        "staff's is theirs"
    );
    let member = StaffMember::of(&app, "agency", "staff", "casey").await;
    let issue = HttpEvent::new("POST", &format!("{ACCOUNTS}/{jane}/links"));
    let link = json!({"expires_at": "2026-11-22T18:00:00Z", "deliver": "email"});
    assert_eq!(member.send(issue.json(&link)).await.status, 201);
    app.deliver().await;
    let mailed = activity(&app, &session, "limit=2").await.json()["events"].clone();
    assert_eq!(
        (&mailed[0]["action"], &mailed[0]["ip"]),
        (&json!("mail_sent"), &Value::Null),
        "nor by the mail"
    );
    assert_eq!((&events[0]["at"], &events[0]["actor"]), (&json!("2026-11-21T18:41:30Z"), &json!("holder")));
    assert_eq!(events[1]["action"], "user_updated");
    assert_eq!(reply["next_cursor"], Value::Null);
}

#[tokio::test]
async fn pages_follow_each_other_and_bad_queries_are_refused() {
    let app = TestApp::start().await;
    let session = app.session_of("jane", PASSWORD).await;
    for _ in 0..5 {
        app.session_of("jane", PASSWORD).await;
    }
    let whole = activity(&app, &session, "limit=100").await.json()["events"].clone();
    assert_eq!(whole.as_array().unwrap().len(), 7);
    for limit in [1, 2, 3, 7] {
        let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let reply = activity(&app, &session, &format!("limit={limit}{cursor}")).await.json();
            let events = reply["events"].as_array().unwrap().clone();
            assert!(events.len() <= limit);
            seen.extend(events);
            pages += 1;
            let Some(next) = reply["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!((Value::from(seen), pages), (whole.clone(), 7_usize.div_ceil(limit)), "{limit}");
    }
    for query in ["limit=0", "limit=101", "limit=x", "cursor=x", "limit=5&limit=6", "account=x"] {
        let reply = activity(&app, &session, query).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{query}");
    }
}
