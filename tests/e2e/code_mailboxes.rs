//! F3, F5, F6 for recovery by code: one code serves all accounts of a mailbox, including those that have not been set
//! up.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::codes::token_of;
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp, code_in, other_than, token_in};

#[tokio::test]
async fn one_code_serves_a_shared_mailbox_and_its_holder_picks_the_account() {
    let app = TestApp::start().await;
    let (request, code) = app.code_for("family@agency.test").await;
    assert_eq!(app.mailbox.messages().len(), 1);
    assert_eq!(app.mailbox.messages()[0].to, ["family@agency.test"]);
    let before = app.verify(&request, &other_than(&code)).await;
    assert!(!before.body.contains("lily") && !before.body.contains("tom"), "{}", before.body);
    let json = app.verify(&request, &code).await.json();
    assert_eq!(json.as_object().unwrap().keys().collect::<Vec<_>>(), ["accounts", "expires_at"]);
    let accounts: HashMap<String, String> = json["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|account| {
            assert_eq!(account["question"], Value::Null);
            let text = |name: &str| account[name].as_str().unwrap().to_owned();
            (text("username"), text("token"))
        })
        .collect();
    assert_eq!(accounts.len(), 2);
    for (username, token) in &accounts {
        assert_eq!(app.preview(token).await.json()["username"], **username);
    }
    assert_eq!(app.reset(&accounts["tom"], NEW_PASSWORD).await.status, 204);
    assert_eq!(app.sign_in("tom", NEW_PASSWORD).await.status, 201);
    assert_eq!(app.sign_in("lily", PASSWORD).await.status, 201, "the sibling's password is as it was");
    assert_eq!(app.preview(&accounts["lily"]).await.status, 200, "and the token lives on");

    let (request, code) = app.code_for("tom").await;
    token_of(&app.verify(&request, &code).await);
}

#[tokio::test]
async fn a_shared_mailbox_is_offered_only_what_can_still_recover() {
    let app = TestApp::start().await;
    let (request, code) = app.code_for("family@agency.test").await;
    let token = app.token_for("lily").await;
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    let token = token_of(&app.verify(&request, &code).await);
    assert_eq!(app.preview(&token).await.json()["username"], "tom");
}

#[tokio::test]
async fn two_spellings_of_an_address_get_a_code_each_for_their_own_accounts() {
    let app = TestApp::start().await;
    let account = |name: &str, email: &str| {
        json!({"username": name, "email": email, "display_name": name,
            "password_hash": crate::support::password_hash()})
    };
    app.import("agency", &[account("ana", "Home@agency.test"), account("ben", "home@agency.test")]).await;
    for (to, username) in [("Home@agency.test", "ana"), ("home@agency.test", "ben")] {
        app.mailbox.clear().unwrap();
        let request = app.forgot_by_code("agency", "client", "home@agency.test").await;
        app.deliver().await;
        let mails = app.mailbox.messages();
        assert_eq!(mails.len(), 2);
        let mail = mails.iter().find(|mail| mail.to == [to]).unwrap();
        let token = token_of(&app.verify(&request, &code_in(mail)).await);
        assert_eq!(app.preview(&token).await.json()["username"], username);
    }
}

#[tokio::test]
async fn who_was_never_set_up_is_invited_again_however_they_ask() {
    let app = TestApp::start().await;
    let request = app.forgot_by_code("agency", "client", "ivan").await;
    app.deliver().await;
    let mail = app.mailbox.messages().remove(0);
    assert_eq!(mail.subject, "Your account is ready to set up");
    assert_eq!(app.preview(&token_in(&mail)).await.json()["purpose"], "invitation");
    assert_eq!(app.verify(&request, "1234 5678").await.json()["attempts_left"], 4);

    let nina =
        json!({"username": "nina", "email": "jane@agency.test", "display_name": "Nina", "invited": true});
    app.import("agency", &[nina]).await;
    let (request, code) = app.code_for("jane@agency.test").await;
    let json = app.verify(&request, &code).await.json();
    let accounts = json["accounts"].as_array().unwrap();
    let token = |name: &str| {
        let account = accounts.iter().find(|account| account["username"] == name).unwrap();
        account["token"].as_str().unwrap().to_owned()
    };
    assert_eq!(app.preview(&token("jane")).await.json()["purpose"], "reset");
    assert_eq!(app.preview(&token("nina")).await.json()["purpose"], "invitation", "one mail serves both");
    assert_eq!(app.reset(&token("nina"), NEW_PASSWORD).await.status, 204);
    assert_eq!(app.sign_in("nina", NEW_PASSWORD).await.status, 201);
}

#[tokio::test]
async fn who_is_still_to_be_set_up_is_invited_when_the_code_of_the_others_comes_too_late() {
    let app = TestApp::start().await;
    let nina =
        json!({"username": "nina", "email": "jane@agency.test", "display_name": "Nina", "invited": true});
    app.import("agency", &[nina]).await;
    app.forgot_by_code("agency", "client", "jane@agency.test").await;
    let record = app.stream_records().await.pop().unwrap();
    app.mailbox.fail_next(3, rekey_local::mailbox::Failure::AccountPaused);
    app.invoke_mailer(json!({"Records": [record]})).await;
    app.mailbox.clear_failures();
    app.clock.advance(Duration::from_mins(10));
    app.sweep().await;
    let mails = app.mailbox.messages();
    assert_eq!(mails.len(), 1);
    assert_eq!(app.preview(&token_in(&mails[0])).await.json()["username"], "nina");
}
