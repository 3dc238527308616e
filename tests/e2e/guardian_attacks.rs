//! A former guardian who still reads the mailbox of the client: every way in that goes through it, or was opened before the end.

use std::time::Duration;

use rekey::domain::account::MailStatus;
use rekey::domain::event::{Action, Reason};
use serde_json::{Value, json};

use crate::guardians::{after, associate, dissociate, ends, pat_at, relation};
use crate::support::change_log::{changes, words};
use crate::support::event::HttpEvent;
use crate::support::staff::{ACCOUNTS, StaffMember, at_work};
use crate::support::{NEW_PASSWORD, PASSWORD, Reply, TestApp, code_in, temporary_in, token_in, tokens_in};

const FAMILY: &str = "family@agency.test";

/// `pat`, whose mailbox is that of `lily` and `tom`, is no guardian of `lily` any more.
async fn ended() -> TestApp {
    let app = TestApp::start().await;
    pat_at(&app, FAMILY).await;
    associate(&app, None).await;
    dissociate(&app).await;
    app.deliver().await;
    app
}

/// The names of the members of an answer, and its status.
fn shape(reply: &Reply) -> (u16, Vec<String>) {
    let members = reply.json().as_object().unwrap().keys().cloned().collect();
    (reply.status.as_u16(), members)
}

#[tokio::test]
async fn the_shared_address_recovers_the_others_and_nothing_is_said_of_the_client() {
    let app = ended().await;
    app.forgot(FAMILY).await;
    app.deliver().await;
    let mails = app.mailbox.messages();
    assert_eq!((mails.len(), tokens_in(&mails[0]).len()), (1, 2), "one for tom and one for pat");
    let body = format!("{:?} {:?} {}", mails[0].text, mails[0].html, mails[0].subject).to_lowercase();
    assert!(body.contains("tom") && body.contains("pat") && !body.contains("lily"), "{body}");
    let lily = app.account("lily").await.id;
    let refused = app.events(lily).await.pop().unwrap();
    assert_eq!((refused.action, refused.reason), (Action::RecoveryRefused, Some(Reason::AddressOfAnother)));
    for token in tokens_in(&mails[0]) {
        assert_eq!(app.preview(&token).await.status, 200);
    }

    // A code is that of the others alone.
    let request = app.forgot_by_code("agency", "client", FAMILY).await;
    app.deliver().await;
    let verified = app.verify(&request, &code_in(&app.mailbox.messages()[0])).await.json();
    let accounts = verified["accounts"].as_array().unwrap();
    let mut names: Vec<&str> = accounts.iter().map(|one| one["username"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["pat", "tom"]);
}

#[tokio::test]
async fn the_clients_own_name_gets_no_mail_and_answers_like_any_other() {
    let app = ended().await;
    let before = app.mailbox.attempts();
    let mut shapes = Vec::new();
    for name in ["lily", "nobody"] {
        let forgot = app.forgot(name).await;
        let code = json!({"practice": "agency", "identifier": name, "method": "code"});
        let coded = app.post("/v1/password/forgot", code).await;
        app.deliver().await;
        let request = forgot.json()["request_id"].as_str().unwrap().to_owned();
        let help = app.ask_help(&request).await;
        let wrong = app.verify(coded.json()["request_id"].as_str().unwrap(), "0000 0000").await;
        let signed = app.sign_in(name, PASSWORD).await;
        shapes.push([forgot, coded, help, wrong, signed].map(|reply| match reply.body.as_str() {
            "" => (reply.status.as_u16(), Vec::new()),
            _ => shape(&reply),
        }));
        app.deliver().await;
    }
    assert_eq!(shapes[0], shapes[1]);
    assert_eq!(app.mailbox.attempts(), before, "nothing was mailed");
}

#[tokio::test]
async fn what_was_opened_before_the_end_is_closed() {
    let app = TestApp::start().await;
    pat_at(&app, FAMILY).await;
    associate(&app, None).await;
    let link = app.token_for("lily").await;
    let (request, code) = app.code_for("lily").await;
    let (entered, second) = app.code_for("lily").await;
    let verified = app.verify(&entered, &second).await.json();
    let token = verified["accounts"][0]["token"].as_str().or(verified["token"].as_str()).unwrap().to_owned();
    let session = app.session_of("lily", PASSWORD).await;
    dissociate(&app).await;
    assert_eq!(app.account_with(&session).await.status, 401);
    let change = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    let change = HttpEvent::new("POST", "/v1/password/change").bearer(&session).json(&change);
    assert_eq!(app.send(change).await.status, 401);
    for token in [link, token] {
        assert_eq!(app.reset(&token, NEW_PASSWORD).await.outcome(), (410, "revoked_token".to_owned()));
    }
    // The code is right, and opens nothing.
    let late = app.verify(&request, &code).await;
    if late.status == 200 {
        let late = late.json();
        let token = late["accounts"][0]["token"].as_str().or(late["token"].as_str()).unwrap().to_owned();
        assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 410);
    }
    // The password was theirs to set.
    assert_eq!(app.sign_in("lily", PASSWORD).await.status, 401);
    assert!(app.account("lily").await.password.is_none());
}

#[tokio::test]
async fn staff_mail_nothing_to_the_shared_mailbox() {
    let app = ended().await;
    let lily = app.account("lily").await.id;
    let member = at_work(&app).await;
    let before = app.mailbox.attempts();
    let link = json!({"expires_at": "2026-11-22T18:00:00Z", "deliver": "email"});
    for (tail, body) in [("links", link), ("temporary-password", json!({})), ("caller-check", json!({}))] {
        let event = HttpEvent::new("POST", &format!("{ACCOUNTS}/{lily}/{tail}"));
        let event = if tail == "caller-check" { event } else { event.json(&body) };
        let reply = member.send(event).await;
        assert_eq!(reply.outcome(), (409, "no_address".to_owned()), "{tail}");
        let words = "The account has no email address of its owner's. Enter one, or copy a link.";
        assert_eq!(reply.json()["title"], words);
    }
    app.deliver().await;
    assert_eq!(app.mailbox.attempts(), before);
}

#[tokio::test]
async fn the_mark_goes_with_another_address_and_comes_back_with_the_same() {
    let app = ended().await;
    let lily = app.account("lily").await.id;
    let member = at_work(&app).await;
    for (email, mail) in [
        (json!("Family@AGENCY.test"), "shared_mailbox"),
        (Value::Null, "ok"),
        (json!(FAMILY), "shared_mailbox"),
        (json!("lily@agency.test"), "ok"),
        (json!(FAMILY), "shared_mailbox"),
    ] {
        let reply = member.patch(lily, json!({"email": email})).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["mail"]), (200, &json!(mail)), "{email}");
    }
    app.deliver().await;
    assert_eq!(
        app.mailbox.take().unwrap().pop().unwrap().to,
        ["lily@agency.test"],
        "her own address is told"
    );
    let before = app.mailbox.attempts();
    app.forgot("lily").await;
    app.deliver().await;
    assert_eq!(app.mailbox.attempts(), before);
}

#[tokio::test]
async fn an_administrator_alone_gives_the_mailbox_back_once_nobody_else_has_it() {
    let app = ended().await;
    let lily = app.account("lily").await.id;
    let lift = async |member: &StaffMember<'_>| {
        let event = HttpEvent::new("POST", &format!("{ACCOUNTS}/{lily}/mail"));
        member.send(event.json(&json!({"status": "ok"}))).await
    };
    let casey = StaffMember::of(&app, "agency", "staff", "casey").await;
    assert_eq!(lift(&casey).await.outcome(), (403, "forbidden".to_owned()));
    let admin = at_work(&app).await;
    assert_eq!(lift(&admin).await.outcome(), (409, "no_address".to_owned()));
    for name in ["tom", "pat"] {
        let id = app.account(name).await.id;
        let own = json!({"email": format!("{name}.own@agency.test")});
        assert_eq!(admin.patch(id, own).await.status, 200);
    }
    app.clock.advance(std::time::Duration::from_mins(11));
    assert_eq!(lift(&admin).await.outcome(), (403, "confirmation_required".to_owned()));
    assert_eq!(app.account("lily").await.mail, MailStatus::SharedMailbox);
    let admin = at_work(&app).await;
    assert_eq!(lift(&admin).await.json()["mail"], "ok");
    let event = app.events(lily).await.pop().unwrap();
    let changes = json!([{"member": "mail", "from": "shared_mailbox", "to": "ok"}]);
    assert_eq!(
        (event.action, serde_json::to_value(&event.changes).unwrap()),
        (Action::MailRestored, changes)
    );
    assert_eq!(lift(&casey).await.status, 200, "there is no mark any more");
    app.token_for("lily").await;
}

/// A task that was settled without an address comes again with the next mail that cannot go.
#[tokio::test]
async fn until_there_is_an_address_each_mail_leads_to_the_task() {
    let app = ended().await;
    let member = at_work(&app).await;
    let ask = async || {
        app.forgot(FAMILY).await;
        app.deliver().await;
        app.deliver().await;
    };
    ask().await;
    let tasks = member.tasks("").await;
    assert_eq!(tasks.len(), 1, "one at a time");
    assert_eq!(member.act(&tasks[0], json!({"action": "refuse", "note": "No answer"})).await.status, 200);
    ask().await;
    let again = member.tasks("").await;
    assert_eq!(again.len(), 1);
    assert_ne!(again[0]["id"], tasks[0]["id"]);
    let lily = app.account("lily").await.id;
    assert_eq!(member.patch(lily, json!({"email": "lily@agency.test"})).await.status, 200);
    assert_eq!(member.act(&again[0], json!({"action": "done"})).await.status, 200);
    ask().await;
    assert!(member.tasks("").await.is_empty());
}

/// Of two guardians with one mailbox the end of one marks it: the one who has ended reads it as well.
#[tokio::test]
async fn the_other_guardian_of_the_mailbox_stays_one_and_the_mailbox_is_marked() {
    let app = TestApp::start().await;
    pat_at(&app, FAMILY).await;
    let (lily, _) = associate(&app, None).await;
    let tom = app.account("tom").await.id;
    let member = at_work(&app).await;
    assert_eq!(member.put(&relation(lily, tom), json!({"relationship": "brother"})).await.status, 204);
    dissociate(&app).await;
    let account = app.account("lily").await;
    assert_eq!((account.mail, account.associations.len()), (MailStatus::SharedMailbox, 1));
    assert!(ends(&app, tom).await.is_empty());
    let before = app.account("tom").await;
    assert_eq!((before.mail, before.credential_version), (MailStatus::Ok, 1));
}

/// A link that reached the shared mailbox before somebody became a guardian is as void as one of later.
#[tokio::test]
async fn every_ticket_of_the_client_is_void_whoever_had_it_issued() {
    let app = TestApp::start().await;
    pat_at(&app, "pat@agency.test").await;
    let (lily, _) = associate(&app, None).await;
    let member = at_work(&app).await;
    let send = async |tail: &str, body: Value| {
        let event = HttpEvent::new("POST", &format!("{ACCOUNTS}/{lily}/{tail}")).json(&body);
        member.send(event).await.json()
    };
    let until = after(&app, std::time::Duration::from_hours(20));
    let copied = send("links", json!({"expires_at": until, "deliver": "copy"})).await;
    let copied = copied["url"].as_str().unwrap().split_once("#token=").unwrap().1.to_owned();
    send("links", json!({"expires_at": until, "deliver": "email"})).await;
    app.deliver().await;
    let mailed = token_in(&app.mailbox.messages()[0]);
    send("temporary-password", json!({})).await;
    app.deliver().await;
    let temporary = temporary_in(&app.mailbox.messages()[0]);
    dissociate(&app).await;
    for token in [copied, mailed] {
        assert_eq!(app.preview(&token).await.outcome(), (410, "revoked_token".to_owned()));
    }
    assert_eq!(app.sign_in("lily", &temporary).await.status, 401);
    let tickets = member.get(&format!("{ACCOUNTS}/{lily}/tickets")).await.json();
    let states: Vec<&Value> = tickets["tickets"].as_array().unwrap().iter().map(|it| &it["state"]).collect();
    assert_eq!(states, [&json!("superseded"); 3]);
    let casey = StaffMember::of(&app, "agency", "staff", "casey").await;
    assert_eq!(casey.send(HttpEvent::new("DELETE", &relation(lily, lily))).await.status, 400);
}

/// The desk enters the teenager's own address first and ends the parent then: the former address is the parent's all the same.
#[tokio::test]
async fn the_mailbox_of_before_a_hold_is_the_guardians_too() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = async |name| app.account(name).await.id;
    let (lily, tom) = (id("lily").await, id("tom").await);
    let path = format!("{ACCOUNTS}/{lily}/associations/{tom}");
    assert_eq!(member.put(&path, json!({"relationship": "parent"})).await.status, 204);
    assert_eq!(member.patch(lily, json!({"email": "lily@own.test"})).await.status, 200);
    app.deliver().await;
    app.mailbox.clear().unwrap();
    assert_eq!(member.send(HttpEvent::new("DELETE", &path)).await.status, 204);
    app.forgot("lily").await;
    app.deliver().await;
    assert!(app.mailbox.take().unwrap().is_empty(), "nothing goes to the parent");
    let account = app.account("lily").await;
    assert!(
        account.password.is_none() && account.frozen_at.is_some(),
        "nor does a password that the parent may know"
    );
    let back = member.patch(lily, json!({"email": FAMILY})).await.json();
    assert_eq!(back["mail"], "shared_mailbox");
}

/// What was to be told when the guardian ended waits, and goes nowhere.
#[tokio::test]
async fn a_notice_that_waits_is_not_sent_to_a_mailbox_that_is_anothers_by_then() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = async |name| app.account(name).await.id;
    let (lily, tom) = (id("lily").await, id("tom").await);
    let path = format!("{ACCOUNTS}/{lily}/associations/{tom}");
    assert_eq!(member.put(&path, json!({"relationship": "parent"})).await.status, 204);
    app.mailbox.pause(true);
    let link = json!({"expires_at": "2026-11-22T18:00:00Z", "deliver": "copy"});
    let copied = member.send(HttpEvent::new("POST", &format!("{ACCOUNTS}/{lily}/links")).json(&link)).await;
    assert_eq!(copied.status, 201);
    app.deliver().await;
    assert_eq!(member.send(HttpEvent::new("DELETE", &path)).await.status, 204);
    app.mailbox.pause(false);
    app.clock.advance(Duration::from_mins(2));
    app.sweep().await;
    assert!(app.mailbox.take().unwrap().is_empty());
    let log = words(&changes(&at_work(&app).await, &format!("account={lily}&limit=100")).await);
    assert!(log.contains(&"lily could not be told that a link was handed over".to_owned()), "{log:#?}");
    let shown =
        "A link, invitation or temporary password for lily was issued by admin. It was shown to be copied";
    assert!(log.contains(&shown.to_owned()), "{log:#?}");
}
