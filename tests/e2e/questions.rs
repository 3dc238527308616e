//! T8: the security question is a second check after the mailbox is proven, and never enough alone.

use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::questions::{QUESTION, answer, code_for, left, link_for, pediatrics, sign_in};
use crate::support::staff::StaffMember;
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp, password_hash};

#[tokio::test]
async fn a_link_and_a_code_show_the_question_and_the_right_answer_lets_through() {
    let app = pediatrics().await;
    let link = link_for(&app, "client", "jane").await;
    assert_eq!(app.preview(&link).await.json()["question"], QUESTION);
    assert_eq!(left(&app.reset(&link, NEW_PASSWORD).await), 5, "nothing was compared");
    assert_eq!(left(&answer(&app, &link, "Rover").await), 4);
    assert_eq!(left(&answer(&app, &link, "?!").await), 4, "nothing was compared");
    assert_eq!(answer(&app, &link, " bis-CUIT! ").await.status, 204);

    let verified = code_for(&app, "client", "sam").await;
    assert_eq!(verified["question"], QUESTION);
    let token = verified["token"].as_str().unwrap();
    assert_eq!(left(&app.reset(token, NEW_PASSWORD).await), 5);
    assert_eq!(left(&answer(&app, token, "Rover").await), 4);
    assert_eq!(answer(&app, token, "\u{ff22}iscuit").await.status, 204);

    let family = code_for(&app, "client", "family@pediatrics.test").await;
    for account in family["accounts"].as_array().unwrap() {
        assert_eq!(account["question"], QUESTION);
        assert_eq!(answer(&app, account["token"].as_str().unwrap(), "biscuit").await.status, 204);
    }
}

#[tokio::test]
async fn who_has_no_question_yet_is_sent_to_the_practice_and_only_the_holder_is_told() {
    let app = pediatrics().await;
    let link = link_for(&app, "client", "olga").await;
    assert_eq!(app.preview(&link).await.json()["question"], Value::Null);
    let code = code_for(&app, "client", "olga").await;
    assert_eq!(code["question"], Value::Null);
    for token in [&link[..], code["token"].as_str().unwrap()] {
        for reply in [app.reset(token, NEW_PASSWORD).await, answer(&app, token, "Biscuit").await] {
            assert_eq!(reply.outcome(), (403, "question_not_set".to_owned()));
            assert_eq!(reply.json()["support"]["email"], "help@pediatrics.test");
        }
    }
    assert_eq!(sign_in(&app, "client", "olga", PASSWORD).await.status, 201, "nothing has changed");
    for token in ["x", &"A".repeat(86)] {
        assert_eq!(app.reset(token, NEW_PASSWORD).await.outcome(), (404, "invalid_token".to_owned()));
    }
}

#[tokio::test]
async fn staff_recover_at_their_own_portal_in_all_the_same_ways() {
    let app = pediatrics().await;
    let link = link_for(&app, "staff", "casey").await;
    assert_eq!(app.preview(&link).await.json()["question"], QUESTION);
    assert_eq!(left(&answer(&app, &link, "Rover").await), 4);
    assert_eq!(answer(&app, &link, "Biscuit").await.status, 204);
    assert_eq!(sign_in(&app, "staff", "casey", NEW_PASSWORD).await.status, 201);

    let code = code_for(&app, "staff", "admin@pediatrics.test").await;
    assert_eq!(code["question"], QUESTION);
    let token = code["token"].as_str().unwrap();
    assert_eq!(left(&answer(&app, token, "Rover").await), 4);
    assert_eq!(answer(&app, token, "Biscuit").await.status, 204);
    let session = sign_in(&app, "staff", "admin", NEW_PASSWORD).await.json();
    assert_eq!(session["account"]["role"], "admin");
}

#[tokio::test]
async fn whoever_recovers_cannot_set_another_question() {
    let app = pediatrics().await;
    let body = |token: &str, answer: Value| {
        json!({"token": token, "new_password": NEW_PASSWORD, "answer": answer,
            "security_question": {"question": "Mine?", "answer": "Mine"}})
    };
    for (identifier, given) in [("jane", json!("Biscuit")), ("olga", Value::Null)] {
        let token = link_for(&app, "client", identifier).await;
        let before = app.lasting().await;
        let reply = app.post("/v1/password/reset", body(&token, given)).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()));
        let expected = "security_question: can only be set with an invitation";
        assert_eq!(reply.json()["detail"], expected);
        assert_eq!(app.lasting().await, before);
    }
}

#[tokio::test]
async fn whom_staff_give_a_link_needs_no_question_that_was_never_set() {
    let app = pediatrics().await;
    let member = StaffMember::of(&app, "pediatrics", "staff", "admin").await;
    let id = app.account_of("pediatrics", rekey::domain::practice::Portal::Client, "olga").await.id;
    let body = json!({"expires_at": "2026-11-22T18:00:00Z", "deliver": "copy"});
    let path = format!("/v1/admin/accounts/{id}/links");
    let reply = member.send(HttpEvent::new("POST", &path).json(&body)).await.json();
    let token = reply["url"].as_str().unwrap().split_once("#token=").unwrap().1.to_owned();
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204, "that is the help they are sent to");
    assert_eq!(sign_in(&app, "client", "olga", NEW_PASSWORD).await.status, 201);
}

#[tokio::test]
async fn an_optional_question_is_asked_of_who_has_one_and_off_asks_nobody() {
    for (policy, asked) in [("optional", json!(QUESTION)), ("off", Value::Null)] {
        let app = TestApp::start_with(&[]).await;
        app.create_practice("pediatrics", json!({"security_question": policy})).await;
        let with = json!({"username": "jane", "email": "jane@pediatrics.test", "display_name": "J",
            "password_hash": password_hash(), "security_question": {"question": QUESTION, "answer": "Biscuit"}});
        let mut without = with.clone();
        without["username"] = json!("sam");
        without["email"] = json!("sam@pediatrics.test");
        without.as_object_mut().unwrap().remove("security_question");
        app.import("pediatrics", &[with, without]).await;
        assert_eq!(code_for(&app, "client", "jane").await["question"], asked, "{policy}");
        let link = link_for(&app, "client", "sam").await;
        assert_eq!(app.reset(&link, NEW_PASSWORD).await.status, 204, "{policy}");
    }
}
