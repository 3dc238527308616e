//! What happens at the desk: guardians, people whose mail does not come or reaches somebody else, and staff who leave.

use rekey::domain::practice::Portal;
use rekey::platform::clock::Clock;
use serde_json::json;

use super::event::HttpEvent;
use super::staff::StaffMember;
use super::{NEW_PASSWORD, TestApp};

pub async fn desk(app: &TestApp, session: &str) {
    Box::pin(help_requests(app, session)).await;
    Box::pin(objection(app, session)).await;
    Box::pin(closing(app, session)).await;
    Box::pin(wrong_person(app)).await;
}

/// Two guardians, of whom one ends by a date that staff have moved, and shares the client's mailbox.
pub async fn guardians(app: &TestApp, session: &str) {
    let member = StaffMember { app, session: session.to_owned() };
    let question = json!({"question": "Pet?", "answer": "Biscuit"});
    let tilly = json!({"username": "tilly", "email": "family@agency.test", "display_name": "T", "security_question": question});
    app.import("agency", &[tilly, json!({"username": "tully", "display_name": "T"})]).await;
    let (tilly, lily) = (app.account("tilly").await.id, app.account("lily").await.id);
    let noor = app.account("noor").await.id;
    for (guardian, minutes) in [(lily, 9), (lily, 2), (noor, 5)] {
        let until = (app.clock.now() + std::time::Duration::from_mins(minutes)).to_string();
        let path = format!("/v1/admin/accounts/{tilly}/associations/{guardian}");
        let reply = member.put(&path, json!({"relationship": "parent", "until": until})).await;
        assert_eq!(reply.status, 204, "{reply:?}");
    }
    app.clock.advance(std::time::Duration::from_mins(2));
    Box::pin(app.sweep()).await;
    Box::pin(app.deliver()).await;
    Box::pin(app.forgot("tilly")).await;
    Box::pin(app.deliver()).await;
    let tasks = member.tasks("").await;
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    assert_eq!(member.act(&tasks[0], json!({"action": "done"})).await.status, 200);
    let merge = json!({"action": "merge_accounts", "practice": "agency", "duplicate": {"username": "tilly"}, "into": {"username": "tully"}});
    Box::pin(app.operate(merge)).await.unwrap();
}

/// A mail for two people that reaches somebody else.
async fn wrong_person(app: &TestApp) {
    let person = |name: &str| json!({"username": name, "email": "wrong@agency.test", "display_name": name});
    app.import("agency", &[person("wes"), person("wim")]).await;
    app.forgot("wrong@agency.test").await;
    app.deliver().await;
    let token = super::not_me_in(&app.mailbox.messages()[0]).unwrap();
    assert_eq!(app.not_me(&token).await.status, 204);
    app.deliver().await;
}

/// People whose mail does not come, one of whom nobody knows, and what staff do about them.
async fn help_requests(app: &TestApp, session: &str) {
    app.in_need("dora").await;
    app.in_need("stranger").await;
    app.ask_help("01JD7Z3M5V8Q2X4Y6W0N1R9T3K").await;
    app.deliver().await;
    let member = StaffMember { app, session: session.to_owned() };
    let tasks = member.tasks("").await;
    assert_eq!(tasks.len(), 2, "{tasks:?}");
    for (task, action) in [(&tasks[0], "take"), (&tasks[0], "done"), (&tasks[1], "refuse")] {
        let reply = member.act(task, json!({"action": action, "note": "Called back"})).await;
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    app.in_need("dora").await;
}

/// Another address, a recovery while it is on hold, and the objection of the former one, after which staff alone help.
async fn objection(app: &TestApp, session: &str) {
    let member = StaffMember { app, session: session.to_owned() };
    let new = json!({"username": "nina", "email": "nina@agency.test", "display_name": "Nina"});
    let nina = member.create(new).await.json()["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(member.patch(nina, json!({"email": "n@evil.test"})).await.status, 200);
    app.forgot("nina").await;
    app.deliver().await;
    let mail = app.mailbox.messages().into_iter().find(|mail| mail.to == ["nina@agency.test"]).unwrap();
    let text = mail.text.unwrap();
    let token = text.lines().find_map(|line| line.split_once("#repudiate=")).unwrap().1;
    assert_eq!(app.post("/v1/password/repudiate", json!({"token": token})).await.status, 204);
    let proven =
        json!({"expires_at": "2026-11-22T18:00:00Z", "deliver": "copy", "proof": {"method": "in_person"}});
    let link = HttpEvent::new("POST", &format!("/v1/admin/accounts/{nina}/links")).json(&proven);
    let url = member.send(link).await.json()["url"].as_str().unwrap().to_owned();
    assert_eq!(app.reset(url.split_once("#token=").unwrap().1, NEW_PASSWORD).await.status, 204);
    app.deliver().await;
}

/// A colleague who leaves: their clients go to another one, and what they have issued ends, some of it by the mailer.
async fn closing(app: &TestApp, session: &str) {
    let id = async |name| app.account_of("agency", Portal::Staff, name).await.id;
    let (casey, robin) = (id("casey").await, id("robin").await);
    let member = StaffMember::of(app, "agency", "staff", "casey").await;
    let waits = json!({"username": "waits", "email": "waits@agency.test", "display_name": "W"});
    assert_eq!(member.create(waits).await.status, 201);
    member.copied("sam").await;
    let admin = StaffMember { app, session: session.to_owned() };
    let hand_over = HttpEvent::new("POST", &format!("/v1/admin/accounts/{casey}/hand-over"));
    assert_eq!(admin.send(hand_over.json(&json!({"to": robin}))).await.status, 200);
    assert_eq!(admin.issued_by(casey).await.len(), 1);
    admin.close(casey).await;
    let copied = admin.copied("lily").await;
    assert_eq!(app.reset(&copied, NEW_PASSWORD).await.status, 204);
    app.deliver().await;
}
