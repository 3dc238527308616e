//! What is ended for many at once: passwords, sessions, and what somebody has issued.

use std::time::Duration;

use rekey::domain::practice::Portal;
use rekey::platform::clock::Clock as _;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::help::TOMORROW;
use crate::support::seam::Fault;
use crate::support::staff::{ACCOUNTS, StaffMember, at_work};
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp, token_in};

async fn invoke(app: &TestApp, action: &str, members: Value) -> Result<Value, String> {
    let mut invocation = json!({"action": action, "practice": "agency"});
    invocation.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    app.operate(invocation).await.map_err(|error| error.to_string())
}

/// Invokes an action until it answers no cursor. Returns the sums of what each part answers.
async fn whole(app: &TestApp, action: &str, mut members: Value, sums: &[&str]) -> Vec<u64> {
    let mut found = vec![0; sums.len()];
    loop {
        let answer = invoke(app, action, members.clone()).await.unwrap();
        for (sum, name) in found.iter_mut().zip(sums) {
            *sum += answer[name].as_u64().unwrap();
        }
        for name in ["mail_at", "cursor"] {
            match answer.get(name) {
                Some(value) => members[name] = value.clone(),
                None if name == "cursor" => return found,
                None => {}
            }
        }
    }
}

const RESET: [&str; 3] = ["reset", "mailed", "unreachable"];

#[tokio::test]
async fn every_password_of_a_practice_ends_and_each_owner_is_mailed_a_link_in_turn() {
    let app = TestApp::start().await;
    let session = app.session_of("jane", PASSWORD).await;
    let old = app.token_for("sam").await;
    app.mailbox.clear().unwrap();
    // Two are closed, and one has no password that could end.
    let reset = whole(&app, "reset_passwords", json!({"portal": "client", "rate": 1}), &RESET).await;
    assert_eq!(reset, [6, 4, 2]);
    assert_eq!(app.sign_in("jane", PASSWORD).await.outcome(), (401, "invalid_credentials".to_owned()));
    assert_eq!(app.account_with(&session).await.status, 401);
    assert_eq!(app.preview(&old).await.outcome(), (410, "revoked_token".to_owned()));
    let at = StaffMember::of(&app, "agency", "staff", "admin").await;
    assert_eq!(at.get(ACCOUNTS).await.status, 200, "staff are not meant");

    // The stream passes over them, and holds up nobody. Each sweep sends what is due.
    app.deliver().await;
    assert_eq!(app.mailbox.messages().len(), 0);
    let mut sent = Vec::new();
    for _ in 0..4 {
        app.sweep().await;
        sent.push(app.mailbox.messages().len());
        app.clock.advance(Duration::from_secs(1));
    }
    assert!(sent[0] < 4 && sent.is_sorted(), "one after the other: {sent:?}");
    app.sweep().await;
    let mails = app.mailbox.messages();
    assert_eq!(mails.len(), 4);
    let to_jane = mails.iter().find(|mail| mail.to == ["jane@agency.test"]).unwrap();
    let token = token_in(to_jane);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.sign_in("jane", NEW_PASSWORD).await.status, 201);
    let ended = app.actions("sam").await.into_iter().filter(|action| action == "authn_password_voided");
    assert_eq!(ended.count(), 1);
    // Whoever has chosen another password loses it when all is done again, and nobody else is asked twice.
    let again = whole(&app, "reset_passwords", json!({"portal": "client"}), &RESET).await;
    assert_eq!(again, [1, 1, 0]);
    // Whoever never had one keeps no link of before.
    let invited = app.invoke_admin_link(
        json!({"practice": "agency", "username": "ivan", "expires_at": TOMORROW, "deliver": "copy"}),
    );
    let url = invited.await.unwrap()["url"].as_str().unwrap().to_owned();
    let (_, token) = url.split_once("#token=").unwrap();
    assert_eq!(app.preview(token).await.status, 200);
    assert_eq!(whole(&app, "reset_passwords", json!({"mail": false}), &["others"]).await, [7]);
    assert_eq!(app.preview(token).await.outcome(), (410, "revoked_token".to_owned()));
}

#[tokio::test]
async fn what_fails_midway_is_made_again_and_nobody_is_mailed_twice() {
    let app = TestApp::start().await;
    // The transaction after the third account's fails, and so do its repetitions. The held one is counted too.
    let third = app.seam.hold("operator", "TransactWriteItems", 2);
    let fail = async {
        third.reached().await;
        app.seam.inject("operator", "TransactWriteItems", 4, Fault::Down);
        third.release();
    };
    let (failed, ()) = tokio::join!(invoke(&app, "reset_passwords", json!({"portal": "client"})), fail);
    assert!(failed.is_err());
    let rest = whole(&app, "reset_passwords", json!({"portal": "client"}), &RESET).await;
    assert_eq!(rest[0], 3);
    app.clock.advance(Duration::from_secs(10));
    app.sweep().await;
    let mut to: Vec<String> = app.mailbox.messages().into_iter().flat_map(|mail| mail.to).collect();
    to.sort();
    assert_eq!(to, ["family@agency.test", "family@agency.test", "jane@agency.test", "sam@agency.test"]);
    for (members, rule) in [
        (json!({"rate": 0}), "rate: must be 1 to 100"),
        (json!({"rate": 101}), "rate: must be 1 to 100"),
        (json!({"mail_at": "tomorrow"}), "mail_at: must be a time such as 2026-12-01T18:00:00Z"),
        (
            json!({"mail_at": "2027-12-01T18:00:00Z"}),
            "mail_at: must be within three days; choose a higher rate",
        ),
        (json!({"cursor": "elsewhere"}), "cursor: must be one that was answered"),
    ] {
        let error = invoke(&app, "reset_passwords", members.clone()).await.unwrap_err();
        assert_eq!(error, format!("invalid invocation: {rule}"), "{members}");
    }
}

#[tokio::test]
async fn an_old_pepper_ends_when_nothing_needs_it() {
    let app = TestApp::start().await;
    let peppers = async || invoke(&app, "review_hashes", json!({})).await.unwrap()["peppers"].clone();
    let accounts = peppers().await;
    assert_eq!(accounts, json!({"k1": {"passwords": 8, "answers": 0}}));
    let question = json!({"current_password": PASSWORD, "question": "Pet?", "answer": "Biscuit"});
    let session = app.session_of("jane", PASSWORD).await;
    let put = HttpEvent::new("PUT", "/v1/security-question");
    assert_eq!(app.send(put.bearer(&session).json(&question)).await.status, 204);
    assert_eq!(peppers().await, json!({"k1": {"passwords": 8, "answers": 1}}));
    let none = json!({"pepper": "k0", "mail": false});
    assert_eq!(whole(&app, "reset_passwords", none, &RESET).await, [0, 0, 0]);
    let all = json!({"pepper": "k1", "mail": false});
    assert_eq!(whole(&app, "reset_passwords", all, &RESET).await, [8, 0, 0]);
    assert_eq!(peppers().await, json!({}), "an answer that nobody could compare is gone too");
    assert!(app.account("jane").await.question.is_none());
}

#[tokio::test]
async fn what_somebody_has_issued_is_taken_back_and_nothing_else() {
    let app = TestApp::start().await;
    let casey = app.account_of("agency", Portal::Staff, "casey").await.id;
    let (jane, sam) = (app.account("jane").await.id, app.account("sam").await.id);
    let copied = async |member: &StaffMember<'_>, id| {
        let body = json!({"expires_at": TOMORROW, "deliver": "copy"});
        let event = HttpEvent::new("POST", &format!("{ACCOUNTS}/{id}/links"));
        let reply = member.send(event.json(&body)).await;
        let url = reply.json()["url"].as_str().unwrap().to_owned();
        url.split_once("#token=").unwrap().1.to_owned()
    };
    let colleague = StaffMember::of(&app, "agency", "staff", "casey").await;
    let admin = at_work(&app).await;
    let early = copied(&colleague, jane).await;
    app.clock.advance(Duration::from_mins(5));
    let from = app.clock.now().to_string();
    let late = copied(&colleague, sam).await;
    let other = copied(&admin, sam).await;
    let direct = json!({"practice": "agency", "username": "jane", "expires_at": TOMORROW, "deliver": "copy"});
    let direct = app.invoke_admin_link(direct).await.unwrap()["url"].as_str().unwrap().to_owned();
    let direct = direct.split_once("#token=").unwrap().1.to_owned();
    let status = async |token: &str| app.preview(token).await.status.as_u16();

    let by_casey = json!({"issuer": {"staff": casey}, "from": from});
    assert_eq!(whole(&app, "revoke_issued", by_casey, &["revoked"]).await, [1]);
    assert_eq!([status(&early).await, status(&late).await, status(&other).await], [200, 410, 200]);
    let by_casey = json!({"issuer": {"staff": casey}});
    assert_eq!(whole(&app, "revoke_issued", by_casey.clone(), &["revoked"]).await, [1]);
    assert_eq!(whole(&app, "revoke_issued", by_casey, &["revoked"]).await, [0], "once");
    assert_eq!([status(&early).await, status(&direct).await, status(&other).await], [410, 200, 200]);
    assert_eq!(whole(&app, "revoke_issued", json!({"issuer": "operator"}), &["revoked"]).await, [1]);
    assert_eq!([status(&direct).await, status(&other).await], [410, 200]);
    let error = invoke(&app, "revoke_issued", json!({"issuer": "somebody"})).await.unwrap_err();
    assert!(error.starts_with("invalid invocation: issuer"), "{error}");
}

#[tokio::test]
async fn every_session_of_a_practice_ends_and_passwords_stay() {
    let app = TestApp::start().await;
    let session = app.session_of("jane", PASSWORD).await;
    let admin = at_work(&app).await;
    assert_eq!(whole(&app, "end_sessions", json!({"portal": "client"}), &["ended"]).await, [7]);
    assert_eq!(app.account_with(&session).await.status, 401);
    assert_eq!(admin.get(ACCOUNTS).await.status, 200);
    assert_eq!(whole(&app, "end_sessions", json!({}), &["ended"]).await, [9]);
    assert_eq!(admin.get(ACCOUNTS).await.status, 401);
    assert_eq!(app.sign_in("jane", PASSWORD).await.status, 201);
}
