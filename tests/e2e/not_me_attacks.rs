//! What an attacker makes of "I am not this person", and what overtakes it.

use futures::future::{join, join_all};
use rekey::domain::account::MailStatus;
use rekey::platform::clock::days;
use rekey::platform::ids::AccountId;
use rekey::secrets::token::Token;
use serde_json::json;

use crate::support::event::HttpEvent;
use crate::support::seam::Fault;
use crate::support::staff::{ACCOUNTS, at_work};
use crate::support::{NEW_PASSWORD, TestApp, code_in, not_me_in, token_in, tokens_in};

fn gone() -> (u16, String) {
    (410, "revoked_token".to_owned())
}

/// Jane's link, and the token with which somebody else says that they are not Jane.
async fn mailed(app: &TestApp) -> (String, String) {
    let link = app.token_for("jane").await;
    (link, not_me_in(&app.mailbox.messages()[0]).unwrap())
}

async fn is_marked(app: &TestApp) -> bool {
    app.account("jane").await.mail == MailStatus::WrongPerson
}

/// Somebody who finds an old mail cannot keep the owner from recovering.
#[tokio::test]
async fn an_old_mail_has_no_say_over_a_proven_address_or_another_one() {
    let app = TestApp::start().await;
    let (link, token) = mailed(&app).await;
    let (_, second) = mailed(&app).await;
    assert_eq!(app.reset(&link, NEW_PASSWORD).await.status, 204);
    for old in [&token, &second] {
        assert_eq!(app.not_me(old).await.outcome(), gone(), "it is proven");
    }
    let member = at_work(&app).await;
    let id = app.account("jane").await.id;
    assert_eq!(
        member.patch(id, json!({"email": "new@agency.test", "proof": {"method": "in_person"}})).await.status,
        200
    );
    app.deliver().await;
    assert_eq!(app.not_me(&token).await.outcome(), gone(), "it is another one");
    let (_, third) = mailed(&app).await;
    app.clock.advance(days(30));
    assert_eq!(app.not_me(&third).await.outcome(), (410, "expired_token".to_owned()));
    assert!(!is_marked(&app).await);
    assert!(!app.actions("jane").await.contains(&"wrong_person_reported".to_owned()));
}

/// A scanner opens links, and may ask for more than the page.
#[tokio::test]
async fn a_scanner_changes_nothing_and_no_other_token_does() {
    let app = TestApp::start().await;
    let (link, token) = mailed(&app).await;
    let session = app.session_of("sam", crate::support::PASSWORD).await;
    for method in ["GET", "HEAD", "PUT", "DELETE", "PATCH"] {
        let event = HttpEvent::new(method, "/v1/password/not-me").query(&format!("token={token}"));
        assert_eq!(app.send(event).await.status, 405, "{method}");
    }
    let mut forged = token.clone().into_bytes();
    forged[60] = if forged[60] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    for (token, outcome) in [
        (forged.as_str(), (404, "invalid_token")),
        (&link, (404, "invalid_token")),
        (&session, (404, "invalid_token")),
        ("x", (404, "invalid_token")),
        ("", (400, "invalid_request")),
    ] {
        assert_eq!(app.not_me(token).await.outcome(), (outcome.0, outcome.1.to_owned()), "{token}");
    }
    for value in [json!(null), json!(7), json!([token]), json!({"token": token})] {
        let reply = app.post("/v1/password/not-me", json!({"token": value})).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()));
    }
    let unknown = (404, "invalid_token".to_owned());
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.outcome(), unknown, "it sets no password");
    assert_eq!(app.preview(&token).await.outcome(), unknown);
    assert_eq!(app.post("/v1/password/repudiate", json!({"token": token})).await.outcome(), unknown);
    assert!(!is_marked(&app).await);
    assert_eq!(app.preview(&link).await.status, 200, "the link is as good as before");
}

/// Known and unknown accounts, and mails, are treated alike, and a flood writes nothing.
#[tokio::test]
async fn a_flood_of_made_up_tokens_learns_and_writes_nothing() {
    let app = TestApp::start().await;
    let (_, real) = mailed(&app).await;
    let jane = app.account("jane").await.id;
    let known = Token::parse(&real).unwrap().subject.to_bytes();
    let unknown = AccountId::from_bytes([7; 16]);
    let before = app.dump().await;
    let mut seen = Vec::new();
    for (account, mail) in [(jane, known), (jane, [9; 16]), (unknown, known)] {
        app.seam.forget();
        for n in 0..20 {
            let token = Token::new(account, mail, [n; 32]).expose();
            let reply = app.not_me(&token).await;
            assert_eq!(reply.outcome(), (404, "invalid_token".to_owned()));
            seen.push((reply.body, app.seam.counts("reset-password").len()));
        }
        assert_eq!(app.seam.counts("reset-password").get("GetItem"), Some(&40), "the same work for each");
    }
    assert!(seen.windows(2).all(|pair| pair[0].0 == pair[1].0));
    assert_eq!(app.dump().await, before);
}

#[tokio::test]
async fn of_many_at_once_one_marks_and_staff_get_one_task() {
    let app = TestApp::start().await;
    let (_, token) = mailed(&app).await;
    let replies = join_all((0..10).map(|_| app.not_me(&token))).await;
    assert!(replies.iter().all(|reply| reply.status == 204), "{replies:?}");
    let actions = app.actions("jane").await;
    assert_eq!(actions.iter().filter(|action| *action == "wrong_person_reported").count(), 1);
    assert_eq!(app.deliver().await.dead, 0);
    let member = at_work(&app).await;
    assert_eq!(member.tasks("").await.len(), 1);
    assert_eq!(app.account("jane").await.credential_version, 2);
}

/// The owner asks for another link while somebody says that they are not the owner: what goes out then opens nothing.
#[tokio::test]
async fn a_recovery_that_is_under_way_mails_nothing_that_opens() {
    let app = TestApp::start().await;
    let (_, token) = mailed(&app).await;
    app.forgot("jane").await;
    let held = app.seam.hold("mailer", "TransactWriteItems", 0);
    let report = async {
        held.reached().await;
        assert_eq!(app.not_me(&token).await.status, 204);
        held.release();
    };
    join(app.deliver(), report).await;
    app.deliver().await;
    for link in app.mailbox.messages().iter().flat_map(tokens_in) {
        assert_eq!(app.preview(&link).await.outcome(), gone());
    }
    assert!(is_marked(&app).await);
}

#[tokio::test]
async fn of_a_password_and_a_report_at_once_the_first_counts() {
    let app = TestApp::start().await;
    let (link, token) = mailed(&app).await;
    let held = app.seam.hold("reset-password", "TransactWriteItems", 0);
    let first = async {
        held.reached().await;
        assert_eq!(app.not_me(&token).await.status, 204);
        held.release();
    };
    let (reset, ()) = join(app.reset(&link, NEW_PASSWORD), first).await;
    assert_eq!(reset.outcome(), gone(), "what was mailed is void");
    assert!(is_marked(&app).await);

    let app = TestApp::start().await;
    let (link, token) = mailed(&app).await;
    let held = app.seam.hold("reset-password", "TransactWriteItems", 0);
    let first = async {
        held.reached().await;
        assert_eq!(app.reset(&link, NEW_PASSWORD).await.status, 204);
        held.release();
    };
    let (report, ()) = join(app.not_me(&token), first).await;
    assert_eq!(report.outcome(), gone(), "it is proven by now");
    assert!(!is_marked(&app).await);
}

/// A caller reads a code out while somebody says that they are not the owner. It raises no counter.
#[tokio::test]
async fn a_report_that_a_read_out_code_overtakes_marks_nothing() {
    let app = TestApp::start().await;
    let (_, token) = mailed(&app).await;
    let member = at_work(&app).await;
    let checks = format!("{ACCOUNTS}/{}/caller-check", app.account("jane").await.id);
    let begun = member.send(HttpEvent::new("POST", &checks)).await.json();
    app.deliver().await;
    let code = json!({"code": code_in(&app.mailbox.messages()[0])});
    let enter =
        HttpEvent::new("POST", &format!("{checks}/{}", begun["check_id"].as_str().unwrap())).json(&code);
    let held = app.seam.hold("reset-password", "TransactWriteItems", 0);
    let first = async {
        held.reached().await;
        assert_eq!(member.send(enter).await.status, 200);
        held.release();
    };
    let (report, ()) = join(app.not_me(&token), first).await;
    assert_eq!(report.outcome(), gone());
    assert!(!is_marked(&app).await);
}

#[tokio::test]
async fn a_failing_store_marks_nothing_by_halves() {
    let app = TestApp::start().await;
    let (link, token) = mailed(&app).await;
    let before = app.account("jane").await;
    for operation in ["TransactWriteItems", "GetItem"] {
        app.seam.inject("reset-password", operation, 30, Fault::Down);
        assert_eq!(app.not_me(&token).await.outcome(), (503, "unavailable".to_owned()));
        app.seam.heal();
        assert_eq!(app.account("jane").await, before);
    }
    app.seam.inject("reset-password", "TransactWriteItems", 1, Fault::AnswerLost);
    assert_eq!(app.not_me(&token).await.status, 204);
    assert!(is_marked(&app).await);
    assert_eq!(app.preview(&link).await.outcome(), gone());
    // The link is kept before the mail goes: without it, no mail goes either.
    app.seam.inject("mailer", "PutItem", 30, Fault::Down);
    app.mailbox.clear().unwrap();
    app.forgot("sam").await;
    app.deliver().await;
    assert!(app.mailbox.messages().is_empty());
    app.seam.heal();
    app.clock.advance(std::time::Duration::from_mins(2));
    app.sweep().await;
    let mail = app.mailbox.messages().remove(0);
    assert!(not_me_in(&mail).is_some() && !token_in(&mail).is_empty());
}
