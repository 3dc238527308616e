//! T2, T3, T6, T7: a code opens the accounts that it was mailed for, once, before it expires, and nothing else.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use rekey::domain::practice::Portal;
use serde_json::{Value, json};

use crate::support::codes::{expired, token_of};
use crate::support::event::HttpEvent;
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp, code_in, demo_accounts, other_than};

#[tokio::test]
async fn a_forgotten_password_is_recovered_by_an_emailed_code() {
    let app = TestApp::start_with(&[]).await;
    app.create_practice("therapy", json!({"recovery_methods": ["code"]})).await;
    app.import("therapy", &demo_accounts("therapy")).await;
    let asked = json!({"practice": "therapy", "identifier": "jane"});
    let reply = app.post("/v1/password/forgot", asked).await.json();
    assert_eq!(reply["method"], "code", "the only one it offers");
    app.deliver().await;
    let mail = app.mailbox.messages().remove(0);
    assert_eq!(
        (&mail.to[0][..], &mail.subject[..]),
        ("jane@therapy.test", "Your code to choose a new password")
    );
    let text = mail.text.as_ref().unwrap();
    let code = code_in(&mail);
    assert_eq!(code.split(' ').map(str::len).collect::<Vec<_>>(), [4, 4]);
    assert!(text.contains("It ends on Saturday, November 21, 2026 at 1:45 PM EST."), "ten minutes: {text}");
    assert!(!text.contains("#token="), "no link beside the code: {text}");

    let request = reply["request_id"].as_str().unwrap();
    let answer = app.verify(request, &code.replace(' ', "-")).await;
    let json = answer.json();
    assert_eq!(json["question"], Value::Null);
    assert_eq!(json["expires_at"], "2026-11-21T18:50:30Z");
    let token = token_of(&answer);
    let preview = app.preview(&token).await.json();
    assert_eq!((&preview["purpose"], &preview["username"]), (&json!("reset"), &json!("jane")));
    assert_eq!(preview["expires_at"], json["expires_at"]);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    app.deliver().await;
    assert_eq!(app.mailbox.messages()[0].subject, "Your password was changed");
    let body = json!({"practice": "therapy", "identifier": "jane", "password": NEW_PASSWORD});
    assert_eq!(app.post("/v1/sessions", body).await.status, 201);
    assert_eq!(app.reset(&token, PASSWORD).await.outcome(), (410, "used_token".to_owned()));
}

#[tokio::test]
async fn the_mail_is_in_the_accounts_language_and_the_code_has_the_practices_length_and_life() {
    let app = TestApp::start_with(&[]).await;
    app.create_practice("therapy", json!({"recovery_methods": ["code"], "code_length": 6, "code_ttl": 300}))
        .await;
    app.import("therapy", &demo_accounts("therapy")).await;
    let request = app.forgot_by_code("therapy", "client", "sam").await;
    app.deliver().await;
    let mail = app.mailbox.messages().remove(0);
    assert_eq!(mail.subject, "Su código para elegir una contraseña nueva");
    assert!(mail.text.as_ref().unwrap().contains("a la 1:40 p. m. EST."), "{:?}", mail.text);
    let code = code_in(&mail);
    assert_eq!(code.split(' ').map(str::len).collect::<Vec<_>>(), [3, 3]);
    token_of(&app.verify(&request, &code).await);
    let facts = app.send(HttpEvent::new("GET", "/v1/practices/therapy")).await.json();
    assert_eq!((&facts["recovery_methods"], &facts["code_length"]), (&json!(["code"]), &json!(6)));
}

#[tokio::test]
async fn the_mail_is_in_the_practices_language_when_the_account_chose_none() {
    let app = TestApp::start_with(&[]).await;
    let mut practice = crate::support::practice("therapy", &json!({"recovery_methods": ["code"]}));
    practice["locale"] = json!("es");
    app.operate(json!({"action": "create_practice", "practice": practice})).await.unwrap();
    app.import("therapy", &demo_accounts("therapy")).await;
    app.forgot_by_code("therapy", "client", "jane").await;
    app.deliver().await;
    assert_eq!(app.mailbox.messages()[0].subject, "Su código para elegir una contraseña nueva");
}

#[tokio::test]
async fn after_its_time_even_the_right_code_is_refused() {
    let app = TestApp::start().await;
    let (request, code) = app.code_for("jane").await;
    app.clock.advance(Duration::from_secs(595));
    assert_eq!(app.verify(&request, &other_than(&code)).await.json()["attempts_left"], 4);
    app.clock.advance(Duration::from_secs(6));
    assert!(app.dump().await.iter().any(|item| item.contains(&format!("REQUEST#{request}"))));
    assert_eq!(app.verify(&request, &code).await.outcome(), expired());
}

#[tokio::test]
async fn the_token_of_a_code_ends_soon() {
    let app = TestApp::start().await;
    let (request, code) = app.code_for("jane").await;
    app.clock.advance(Duration::from_mins(9));
    let token = token_of(&app.verify(&request, &code).await);
    app.clock.advance(Duration::from_secs(895));
    assert_eq!(app.preview(&token).await.status, 200);
    app.clock.advance(Duration::from_secs(6));
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.outcome(), (410, "expired_token".to_owned()));
}

#[tokio::test]
async fn nothing_but_a_request_for_a_code_takes_one() {
    let app = TestApp::start().await;
    let reply = app.forgot("jane").await.json();
    assert_eq!(reply["method"], "link");
    app.deliver().await;
    let before = app.dump().await;
    let link = reply["request_id"].as_str().unwrap();
    for request in [link, "01JD7Z3M5V8Q2X4Y6W0N1R9T3K"] {
        assert_eq!(app.verify(request, "1234 5678").await.outcome(), expired());
    }
    assert_eq!(app.dump().await, before);
}

#[tokio::test]
async fn a_second_code_leaves_the_first_working_and_neither_answers_the_others_request() {
    let app = TestApp::start().await;
    let (first, code) = app.code_for("jane").await;
    let (second, other) = app.code_for("jane").await;
    assert_ne!(code, other);
    assert_eq!(app.verify(&second, &code).await.json()["attempts_left"], 4);
    let early = token_of(&app.verify(&first, &code).await);
    let late = token_of(&app.verify(&second, &other).await);
    assert_eq!(app.preview(&late).await.status, 200);
    assert_eq!(app.preview(&early).await.status, 404, "one account, one open ticket of this kind");
    assert_eq!(app.reset(&late, NEW_PASSWORD).await.status, 204);
    let tickets = app.store.list_tickets(app.account("jane").await.id).await.unwrap().tickets;
    assert_eq!(tickets.len(), 1);
}

#[tokio::test]
async fn a_code_dies_with_a_password_set_since_and_with_its_account() {
    let app = TestApp::start().await;
    let (request, code) = app.code_for("jane").await;
    let token = app.token_for("jane").await;
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.verify(&request, &code).await.outcome(), expired());

    let (request, code) = app.code_for("sam").await;
    let account = app.account("sam").await;
    let update = app.dynamodb.update_item().table_name(&app.table).update_expression("SET active = :no");
    let key = rekey::store::keys::account(account.id).attributes();
    let no = AttributeValue::Bool(false);
    update.set_key(Some(key)).expression_attribute_values(":no", no).send().await.unwrap();
    assert_eq!(app.verify(&request, &code).await.outcome(), expired());
}

#[tokio::test]
async fn a_code_opens_no_ticket_that_was_taken_back_or_is_out_of_answers() {
    let app = TestApp::start().await;
    for (username, change) in [("jane", "SET #name = :revoked"), ("sam", "SET answers = :five")] {
        let (request, code) = app.code_for(username).await;
        let account = app.account(username).await.id;
        let ticket = app.store.list_tickets(account).await.unwrap().tickets.remove(0);
        let key = rekey::store::keys::ticket(account, ticket.id).attributes();
        let update = app.dynamodb.update_item().table_name(&app.table).set_key(Some(key));
        let update = match username {
            "jane" => update
                .expression_attribute_names("#name", "state")
                .expression_attribute_values(":revoked", AttributeValue::S("revoked".to_owned())),
            _ => update.expression_attribute_values(":five", AttributeValue::N("5".to_owned())),
        };
        update.update_expression(change).send().await.unwrap();
        assert_eq!(app.verify(&request, &code).await.outcome(), expired(), "{username}");
        let event = serde_json::to_value(app.events(account).await.pop().unwrap()).unwrap();
        let words = (&event["action"], &event["reason"]);
        assert_eq!(words, (&json!("authn_code_fail"), &json!("revoked")), "a right code, to no avail");
    }
}

#[tokio::test]
async fn staff_recover_by_code_at_their_own_portal() {
    let app = TestApp::start().await;
    let request = app.forgot_by_code("agency", "staff", "casey@agency.test").await;
    app.forgot_by_code("agency", "client", "casey").await;
    app.deliver().await;
    let mails = app.mailbox.messages();
    assert_eq!(mails.len(), 1, "casey has no account on the client portal");
    let token = token_of(&app.verify(&request, &code_in(&mails[0])).await);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    let body =
        json!({"practice": "agency", "portal": "staff", "identifier": "casey", "password": NEW_PASSWORD});
    assert_eq!(app.post("/v1/sessions", body).await.json()["account"]["role"], "staff");
    assert_eq!(app.account_of("agency", Portal::Staff, "casey").await.credential_version, 2);
}

#[tokio::test]
async fn a_tickets_id_does_not_tell_the_request_with_which_its_code_is_entered() {
    let app = TestApp::start().await;
    let (request, _) = app.code_for("jane").await;
    let tickets = app.store.list_tickets(app.account("jane").await.id).await.unwrap().tickets;
    assert_ne!(tickets[0].id.to_string(), request);
}

#[tokio::test]
async fn a_request_and_its_mail_share_a_label_that_tells_nothing_else() {
    let app = TestApp::start().await;
    let ask = async |identifier: &str| {
        let body = json!({"practice": "agency", "identifier": identifier, "method": "code"});
        let answer = app.post("/v1/password/forgot", body).await.json();
        app.deliver().await;
        answer["label"].as_str().unwrap().to_owned()
    };
    let mut labels = Vec::new();
    for identifier in ["jane", "jane", "family@agency.test"] {
        let label = ask(identifier).await;
        let mail = app.mailbox.messages().remove(0);
        let text = mail.text.unwrap();
        assert!(text.contains(&format!("marked {label}.")), "{label}: {text}");
        assert!(mail.html.unwrap().contains(&format!("<strong>{label}</strong>")));
        assert!(!labels.iter().any(|other| text.contains(other)), "{labels:?}: {text}");
        labels.push(label);
    }
    let sent = app.mailbox.messages().len();
    for unknown in ["nobody", "dora", "nobody@agency.test"] {
        assert_eq!(ask(unknown).await.len(), 4, "{unknown}");
    }
    assert_eq!(app.mailbox.messages().len(), sent);
}
