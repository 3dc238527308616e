//! R5: after a restore, nothing that was issued before it opens anything, and no mail is sent twice.
//!
//! The table of the tests is the restored one. The functions are started anew, as the stack does it when it adopts the table.

use std::time::Duration;

use rekey::platform::clock::{Clock, Timestamp};
use rekey::platform::ids::{OutboxId, SessionId, TicketId};
use rekey::secrets::token::Token;
use rekey::store::keys;
use rekey_local::mailbox::Failure;
use serde_json::{Value, json};

use crate::support::codes::{expired, token_of};
use crate::support::event::HttpEvent;
use crate::support::help::{TOMORROW, tickets};
use crate::support::staff::{ACCOUNTS, at_work};
use crate::support::temporary::{change, issue, mailed};
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp, token_in};
use crate::undelivered::{recipients, redrive, undelivered};

/// What people have in their mailboxes, browsers and notes when a table is restored.
struct Held {
    /// A mailed link, one that staff have copied, an invitation, and the token of a code that was entered.
    tokens: [String; 4],
    /// A code that was not entered yet, with its request.
    code: (String, String),
    /// The temporary password of tom.
    temporary: String,
    /// Sessions of a client, of an administrator, and of a temporary password.
    sessions: [String; 3],
}

impl Held {
    async fn issue(app: &TestApp) -> Self {
        let member = at_work(app).await;
        let mailed_link = app.token_for("jane").await;
        let invitation = app.token_for("ivan").await;
        let (request, code) = app.code_for("jane").await;
        let entered = token_of(&app.verify(&request, &code).await);
        let code = app.code_for("sam").await;
        let path = format!("{ACCOUNTS}/{}/links", app.account("jane").await.id);
        let asked = json!({"expires_at": TOMORROW, "deliver": "copy"});
        let copied = member.send(HttpEvent::new("POST", &path).json(&asked)).await.json();
        let copied = copied["url"].as_str().unwrap().split_once("#token=").unwrap().1.to_owned();
        let first = mailed(app, &member, "lily").await;
        let of_temporary = app.session_of("lily", &first).await;
        let temporary = mailed(app, &member, "tom").await;
        let sessions = [app.session_of("sam", PASSWORD).await, member.session.clone(), of_temporary];
        Self { tokens: [mailed_link, copied, invitation, entered], code, temporary, sessions }
    }

    /// Whether each of the sessions can still be ended by its holder, which every one may do.
    async fn sessions_that_end(&self, app: &TestApp) -> Vec<u16> {
        let mut statuses = Vec::new();
        for session in &self.sessions {
            let event = HttpEvent::new("DELETE", "/v1/sessions/current").bearer(session);
            statuses.push(app.send(event).await.status.as_u16());
        }
        statuses
    }
}

/// A time passes, and the functions are started anew with a table of before.
fn restore(app: &mut TestApp) -> Timestamp {
    app.clock.advance(Duration::from_mins(1));
    let moment = app.clock.now();
    app.restart_void_before(moment);
    moment
}

#[tokio::test]
async fn what_was_issued_before_it_opens_nothing() {
    let mut app = TestApp::start().await;
    let held = Held::issue(&app).await;
    for token in &held.tokens {
        assert_eq!(app.preview(token).await.status, 200, "it is good until the restore");
    }
    for session in &held.sessions[..2] {
        assert_eq!(app.account_with(session).await.status, 200);
    }
    restore(&mut app);
    let stood = app.lasting().await;
    for token in &held.tokens {
        let refused = (410, "expired_token".to_owned());
        assert_eq!(app.preview(token).await.outcome(), refused);
        assert_eq!(app.reset(token, NEW_PASSWORD).await.outcome(), refused);
    }
    let (request, code) = &held.code;
    assert_eq!(app.verify(request, code).await.outcome(), expired());
    let by_temporary = app.sign_in("tom", &held.temporary).await;
    assert_eq!(by_temporary.outcome(), (401, "temporary_password_expired".to_owned()));
    assert_eq!(held.sessions_that_end(&app).await, [401; 3]);
    for session in &held.sessions {
        assert_eq!(app.account_with(session).await.outcome(), (401, "invalid_session".to_owned()));
        assert_eq!(change(&app, session, PASSWORD, NEW_PASSWORD).await.status, 401);
    }
    let accounts = |lines: Vec<String>| -> Vec<String> {
        lines.into_iter().filter(|line| line.contains("\"pk\":\"ACCOUNT#")).collect()
    };
    assert_eq!(accounts(app.lasting().await), accounts(stood), "no account has changed");
}

#[tokio::test]
async fn passwords_stand_and_everything_can_be_issued_anew() {
    let mut app = TestApp::start().await;
    let held = Held::issue(&app).await;
    restore(&mut app);
    assert_eq!(app.sign_in("sam", PASSWORD).await.status, 201);
    app.deliver().await;
    // As many links and codes as may be open at once were open before.
    let token = app.token_for("jane").await;
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    let session = app.session_of("jane", NEW_PASSWORD).await;
    assert_eq!(app.account_with(&session).await.status, 200);
    let (request, code) = app.code_for("sam").await;
    assert_ne!(request, held.code.0);
    let token = token_of(&app.verify(&request, &code).await);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    let member = at_work(&app).await;
    let temporary = mailed(&app, &member, "tom").await;
    let session = app.session_of("tom", &temporary).await;
    assert_eq!(change(&app, &session, &temporary, NEW_PASSWORD).await.status, 204);
    let invitation = app.token_for("ivan").await;
    assert_eq!(app.reset(&invitation, NEW_PASSWORD).await.status, 204);
}

#[tokio::test]
async fn staff_see_that_tickets_of_before_ended_with_it() {
    let mut app = TestApp::start().await;
    let held = Held::issue(&app).await;
    let ended = restore(&mut app).to_string();
    let member = at_work(&app).await;
    let seen = tickets(&member, app.account("jane").await.id).await;
    assert_eq!(seen.len(), 3);
    for ticket in seen {
        assert_eq!((&ticket["state"], &ticket["expires_at"]), (&json!("expired"), &json!(ended)), "{ticket}");
    }
    let own = member.get("/v1/sessions").await.json();
    assert_eq!(own["sessions"].as_array().unwrap().len(), 1, "nor is a session of before listed: {own}");
    assert_ne!(member.session, held.sessions[1]);
}

/// "This wasn't me" opens nothing: it closes an account, and its owner needs it after a restore more than before.
#[tokio::test]
async fn this_was_not_me_still_closes_an_account() {
    let mut app = TestApp::start().await;
    let token = app.token_for("jane").await;
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    app.deliver().await;
    let text = app.mailbox.messages()[0].text.clone().unwrap();
    let (_, rest) = text.split_once("#repudiate=").unwrap();
    let notice = rest.split_whitespace().next().unwrap();
    restore(&mut app);
    assert_eq!(app.post("/v1/password/repudiate", json!({"token": notice})).await.status, 204);
    assert_eq!(app.sign_in("jane", NEW_PASSWORD).await.status, 401);
}

/// Asks for a mail of each kind, and has none of them sent; jane's was tried and has its ticket. Returns the ids of the request for
/// a code and of the temporary password.
async fn ask_for_every_mail(app: &TestApp) -> (String, String) {
    let member = at_work(app).await;
    app.mailbox.pause(true);
    app.forgot("jane").await;
    app.deliver().await;
    app.mailbox.pause(false);
    let token = app.token_for("dora.new").await;
    app.mailbox.clear().unwrap();
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204, "its confirmation is not sent yet");
    let code = app.forgot_by_code("agency", "client", "sam").await;
    let link = format!("{ACCOUNTS}/{}/links", app.account("lily").await.id);
    let asked = json!({"expires_at": TOMORROW, "deliver": "email"});
    assert_eq!(member.send(HttpEvent::new("POST", &link).json(&asked)).await.status, 201);
    let temporary = issue(&member, app.account("tom").await.id, None).await.json();
    (code, temporary["ticket_id"].as_str().unwrap().to_owned())
}

/// A deployment with one more client, who has an address of her own.
async fn with_another_client() -> TestApp {
    let app = TestApp::start().await;
    let account = json!({"username": "dora.new", "email": "dora.new@agency.test", "display_name": "Dora"});
    app.import("agency", &[account]).await;
    app
}

#[tokio::test]
async fn no_mail_of_before_is_sent_by_the_stream_or_by_a_sweep() {
    for was_tried in [false, true] {
        let mut app = with_another_client().await;
        ask_for_every_mail(&app).await;
        if was_tried {
            app.mailbox.pause(true);
            app.deliver().await;
            app.mailbox.pause(false);
        }
        let attempts = app.mailbox.attempts();
        restore(&mut app);
        assert_eq!(app.deliver().await.dead, 0);
        app.clock.advance(Duration::from_mins(20));
        app.sweep().await;
        app.sweep().await;
        assert_eq!(app.mailbox.attempts(), attempts, "tried before: {was_tried}");
        assert_eq!(undelivered(&app, json!({"queue": "waiting"})).await, Vec::<Value>::new());
        let parked = undelivered(&app, json!({"queue": "parked"})).await;
        let mut kinds: Vec<&str> = parked.iter().map(|item| item["kind"].as_str().unwrap()).collect();
        kinds.sort_unstable();
        let expected = ["link", "password_changed", "recovery", "recovery", "temporary_password"];
        assert_eq!(kinds, expected, "tried before: {was_tried}");
        assert!(parked.iter().all(|item| item["failure"] == "expired"), "{parked:?}");
        assert_eq!(app.actions("jane").await.last().unwrap(), "mail_not_sent", "staff can see it");
    }
}

#[tokio::test]
async fn what_an_operator_puts_back_knowingly_goes_out_with_a_fresh_link_alone() {
    let mut app = with_another_client().await;
    app.mailbox.fail_for("ivan@agency.test", Failure::BadContent);
    let parked_before = issue(&at_work(&app).await, app.account("ivan").await.id, None).await.json();
    let parked_before = parked_before["ticket_id"].as_str().unwrap().to_owned();
    app.deliver().await;
    app.mailbox.clear_failures();
    let (code, temporary) = ask_for_every_mail(&app).await;
    let jane = app.account("jane").await.id;
    let old = app.store.list_tickets(jane).await.unwrap().tickets.remove(0);
    restore(&mut app);
    app.deliver().await;
    app.clock.advance(Duration::from_mins(20));
    app.sweep().await;
    for spent in [code, temporary, parked_before] {
        assert_eq!(redrive(&app, json!({"item": spent})).await, json!({"redriven": 0, "over": 1}));
    }
    let all = json!({"practice": "agency", "queue": "parked"});
    assert_eq!(redrive(&app, all).await, json!({"redriven": 3, "over": 3}));
    app.sweep().await;
    app.clock.advance(Duration::from_mins(20));
    app.sweep().await;
    assert_eq!(recipients(&app), ["dora.new@agency.test", "family@agency.test", "jane@agency.test"]);
    let mails = app.mailbox.messages();
    let mail = mails.iter().find(|mail| mail.to == ["jane@agency.test"]).unwrap();
    let token = token_in(mail);
    let sent = TicketId::from(Token::parse(&token).unwrap().subject);
    assert_ne!(sent, old.id, "another ticket, and so another secret");
    assert_eq!(app.preview(&token).await.status, 200);
}

/// The moment itself is after the restore; a millisecond before it is not.
#[tokio::test]
async fn what_was_issued_at_the_very_moment_lives() {
    let mut app = TestApp::start().await;
    let just_after = |at: Timestamp| at + Duration::from_millis(1);

    let link = app.token_for("jane").await;
    let jane = app.account("jane").await.id;
    let issued_at = app.store.list_tickets(jane).await.unwrap().tickets[0].issued_at;
    app.restart_void_before(issued_at);
    assert_eq!(app.preview(&link).await.status, 200);
    app.restart_void_before(just_after(issued_at));
    assert_eq!(app.preview(&link).await.status, 410);

    let session = app.session_of("jane", PASSWORD).await;
    let id = SessionId::from(Token::parse(&session).unwrap().subject);
    let page = app.store.page_of_sessions(jane, None, 9).await.unwrap();
    let created_at = page.entries.iter().find(|session| session.id == id).unwrap().created_at;
    app.restart_void_before(created_at);
    assert_eq!(app.account_with(&session).await.status, 200);
    app.restart_void_before(just_after(created_at));
    assert_eq!(app.account_with(&session).await.status, 401);

    let (request, code) = app.code_for("sam").await;
    let id: OutboxId = request.parse().unwrap();
    let asked_at = app.store.find_outbox_item(&keys::request(id)).await.unwrap().unwrap().at;
    app.restart_void_before(just_after(asked_at));
    assert_eq!(app.verify(&request, &code).await.outcome(), expired());
    app.restart_void_before(asked_at);
    assert_eq!(app.verify(&request, &code).await.status, 200);

    let temporary = mailed(&app, &at_work(&app).await, "tom").await;
    let made_at = app.account("tom").await.temporary.unwrap().ticket.made_at();
    app.restart_void_before(just_after(made_at));
    assert_eq!(app.sign_in("tom", &temporary).await.code(), "temporary_password_expired");
    app.restart_void_before(made_at);
    assert_eq!(app.sign_in("tom", &temporary).await.status, 201);

    app.forgot("lily").await;
    let record = app.stream_records().await.pop().unwrap();
    let pk = record["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap();
    let key = keys::outbox_key(pk).unwrap();
    let asked_at = app.store.find_outbox_item(&key).await.unwrap().unwrap().at;
    app.mailbox.clear().unwrap();
    app.restart_void_before(asked_at);
    app.deliver().await;
    assert_eq!(recipients(&app), ["family@agency.test"]);
}

/// A function that reads an item past the reader would open what the restore has ended.
#[test]
fn every_value_of_the_table_is_read_by_the_reader() {
    let store = crate::support::template::root().join("shared/src/store");
    let files = std::fs::read_dir(store).unwrap().map(|entry| entry.unwrap().path());
    let reads = |path: &std::path::PathBuf| {
        path.is_file() && std::fs::read_to_string(path).unwrap().contains("serde_dynamo::from_")
    };
    let readers: Vec<_> = files.filter(reads).map(|path| path.file_name().unwrap().to_owned()).collect();
    assert_eq!(readers, ["reader.rs"]);
}
