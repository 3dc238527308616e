//! Mails that were given up: they are kept whole, an operator sees them and puts them back.

use rekey::domain::proof::ProofMethod;
use rekey::domain::ticket::Ticket;
use rekey::platform::clock::Clock as _;
use rekey_local::mailbox::Failure;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::help::TOMORROW;
use crate::support::seam::Fault;
use crate::support::staff::{ACCOUNTS, at_work};
use crate::support::{NEW_PASSWORD, TestApp, token_in};
use crate::undelivered::{DAY, MINUTE, recipients, redrive, undelivered, with_a_practice_of_its_own_sender};

/// SES is paused for longer than jane's link lives. Returns the ticket of the link.
async fn outlast_a_link(app: &TestApp) -> Ticket {
    app.mailbox.pause(true);
    app.forgot("jane").await;
    app.deliver().await;
    let account = app.account("jane").await;
    let ticket = app.store.list_tickets(account.id).await.unwrap().tickets.remove(0);
    app.clock.advance(2 * DAY);
    app.mailbox.pause(false);
    app.sweep().await;
    ticket
}

#[tokio::test]
async fn what_no_attempt_has_begun_is_over_in_its_time_too() {
    let app = with_a_practice_of_its_own_sender().await;
    app.seam.inject("mailer", "outbound-emails", usize::MAX, Fault::Unverified);
    for name in ["jane", "sam"] {
        app.post("/v1/password/forgot", json!({"practice": "veterinary", "identifier": name})).await;
    }
    app.deliver().await;
    app.clock.advance(2 * DAY);
    app.sweep().await;
    let parked = undelivered(&app, json!({"queue": "parked"})).await;
    let failures: Vec<&Value> = parked.iter().map(|item| &item["failure"]).collect();
    assert_eq!(failures, ["expired", "expired"], "the one that was held as well as the one that was tried");
}

#[tokio::test]
async fn a_link_that_is_over_is_parked_and_redriven_with_a_fresh_one() {
    let app = TestApp::start().await;
    let old = outlast_a_link(&app).await;
    assert!(app.mailbox.messages().is_empty(), "a dead link helps nobody");
    assert_eq!(app.actions("jane").await.last().unwrap(), "mail_not_sent");
    let parked = undelivered(&app, json!({"queue": "parked"})).await;
    assert_eq!(parked.len(), 1);
    assert_eq!((&parked[0]["failure"], &parked[0]["kind"]), (&json!("expired"), &json!("recovery")));
    assert!(parked[0].get("account").is_none() && !parked[0].to_string().contains("jane"), "{}", parked[0]);

    let id = &parked[0]["id"];
    assert_eq!(redrive(&app, json!({"item": id})).await, json!({"redriven": 1, "over": 0}));
    assert_eq!(redrive(&app, json!({"item": id})).await, json!({"redriven": 0, "over": 0}), "it is due");
    app.sweep().await;
    app.sweep().await;
    assert_eq!(redrive(&app, json!({"item": id})).await, json!({"redriven": 0, "over": 0}), "it is done");
    let messages = app.mailbox.messages();
    assert_eq!(messages.len(), 1);
    let tickets = app.store.list_tickets(old.account).await.unwrap().tickets;
    assert_eq!(tickets.len(), 2);
    let fresh = tickets.iter().find(|ticket| ticket.id != old.id).unwrap();
    assert_ne!(fresh.digest, old.digest);
    assert_eq!(app.reset(&token_in(&messages[0]), NEW_PASSWORD).await.status, 204);
}

#[tokio::test]
async fn a_link_whose_owner_got_in_otherwise_is_not_made_anew() {
    let app = TestApp::start().await;
    outlast_a_link(&app).await;
    let token = app.token_for("jane").await;
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    app.deliver().await;
    app.mailbox.clear().unwrap();
    let from = "2020-01-01T00:00:00Z";
    assert_eq!(redrive(&app, json!({"from": from, "practice": "agency"})).await["redriven"], 1);
    app.sweep().await;
    assert_eq!(app.mailbox.messages().len(), 0, "nobody needs it");
}

#[tokio::test]
async fn what_ses_refuses_is_parked_and_redriven_with_its_secret() {
    let app = TestApp::start().await;
    app.mailbox.fail_for("jane@agency.test", Failure::BadContent);
    app.forgot("jane").await;
    app.forgot("sam").await;
    app.deliver().await;
    assert_eq!(recipients(&app), ["sam@agency.test"]);
    let jane = app.account("jane").await;
    assert_eq!(jane.mail, rekey::domain::account::MailStatus::Ok, "the address is not at fault");
    assert_eq!(app.actions("jane").await.last().unwrap(), "mail_not_sent", "staff can see it");
    let parked = undelivered(&app, json!({})).await;
    assert_eq!(parked[0]["failure"], "MessageRejected");
    app.clock.advance(30 * MINUTE);
    assert_eq!(app.sweep().await["due"], 0, "nobody tries it by itself");
    app.mailbox.clear_failures();
    let all = json!({"practice": "agency", "queue": "parked", "from": parked[0]["asked_at"]});
    assert_eq!(redrive(&app, all).await, json!({"redriven": 1, "over": 0}));
    let issued = app.store.list_tickets(jane.id).await.unwrap().tickets.remove(0);
    app.sweep().await;
    assert_eq!(app.mailbox.messages().len(), 2);
    let tickets = app.store.list_tickets(jane.id).await.unwrap().tickets;
    assert!(tickets.len() == 1 && tickets[0].digest == issued.digest, "the same secret");
}

#[tokio::test]
async fn a_mail_is_given_up_after_seven_days_and_nothing_is_lost() {
    let app = TestApp::start().await;
    let token = app.token_for("jane").await;
    app.mailbox.clear().unwrap();
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    app.mailbox.fail_for("jane@agency.test", Failure::Unverified);
    app.deliver().await;
    let before = app.mailbox.attempts();
    for _ in 0..6 {
        app.clock.advance(DAY);
        app.sweep().await;
    }
    assert_eq!(app.mailbox.attempts(), before + 6);
    app.clock.advance(DAY);
    app.sweep().await;
    assert_eq!(app.actions("jane").await.last().unwrap(), "mail_not_sent");
    let parked = undelivered(&app, json!({"queue": "parked"})).await;
    assert_eq!((&parked[0]["kind"], &parked[0]["failure"]), (&json!("password_changed"), &json!("expired")));
    app.mailbox.clear_failures();
    redrive(&app, json!({"item": parked[0]["id"]})).await;
    app.sweep().await;
    assert_eq!(recipients(&app), ["jane@agency.test"]);
}

#[tokio::test]
async fn what_waits_through_a_pause_of_a_week_is_parked_before_it_is_deleted() {
    let app = TestApp::start().await;
    app.mailbox.pause(true);
    app.forgot("jane").await;
    app.deliver().await;
    app.clock.advance(7 * DAY + MINUTE);
    assert_eq!(app.sweep().await, json!({"due": 1, "tried": 1}));
    let parked = undelivered(&app, json!({"queue": "parked"})).await;
    assert_eq!((parked.len(), &parked[0]["failure"]), (1, &json!("expired")));
    app.mailbox.pause(false);
    redrive(&app, json!({"item": parked[0]["id"]})).await;
    app.sweep().await;
    assert_eq!(app.reset(&token_in(&app.mailbox.messages()[0]), NEW_PASSWORD).await.status, 204);
}

#[tokio::test]
async fn an_item_that_nobody_can_read_is_parked_and_seen() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let app = TestApp::start().await;
    let record = {
        app.forgot("jane").await;
        app.stream_records().await.pop().unwrap()
    };
    let pk = record["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap();
    let key = rekey::store::keys::outbox_key(pk).unwrap().attributes();
    let update = app.dynamodb.update_item().table_name(&app.table).set_key(Some(key));
    let update = update.update_expression("SET kind = :k");
    update.expression_attribute_values(":k", AttributeValue::S("pigeon".to_owned())).send().await.unwrap();
    app.forgot("sam").await;
    assert_eq!(app.deliver().await.dead, 0);
    assert_eq!(recipients(&app), ["sam@agency.test"]);
    app.clock.advance(DAY);
    assert_eq!(app.sweep().await["due"], 0);
}

#[tokio::test]
async fn the_list_goes_on_where_it_ended() {
    let app = TestApp::start().await;
    app.mailbox.pause(true);
    let names = ["jane", "sam", "lily", "ivan", "casey"];
    for name in names {
        app.forgot(name).await;
    }
    app.deliver().await;
    let mut found = 0;
    for queue in ["parked", "waiting"] {
        let mut asked = json!({"action": "list_undelivered", "queue": queue});
        loop {
            let answer = app.operate(asked.clone()).await.unwrap();
            found += answer["items"].as_array().unwrap().len();
            match answer.get("cursor") {
                Some(cursor) => asked["cursor"] = cursor.clone(),
                None => break,
            }
        }
    }
    assert_eq!(found, 4, "casey is no client");
    let refused = app.operate(json!({"action": "list_undelivered", "cursor": "x"})).await.unwrap_err();
    assert_eq!(refused.to_string(), "invalid invocation: cursor: is none that was answered");
    for (member, value) in [("from", "yesterday"), ("until", "2026"), ("queue", "lost"), ("item", "1")] {
        let mut asked = json!({"action": "redrive", "practice": "agency"});
        asked[member] = value.into();
        let refused = app.operate(asked).await.unwrap_err().to_string();
        assert!(refused.contains(member), "{refused}");
    }
}

/// A link that waited until it was over is put back by the operator, and keeps what staff said of the caller.
#[tokio::test]
async fn a_link_that_is_put_back_keeps_its_proof() {
    let app = TestApp::start().await;
    let (member, jane) = (at_work(&app).await, app.account("jane").await.id);
    app.mailbox.pause(true);
    let link = json!({"expires_at": TOMORROW, "deliver": "email", "reason": "At the desk", "proof": {"method": "in_person"}});
    let sent = member.send(HttpEvent::new("POST", &format!("{ACCOUNTS}/{jane}/links")).json(&link)).await;
    assert_eq!(sent.status, 201);
    app.deliver().await;
    app.clock.advance(DAY * 2);
    app.mailbox.pause(false);
    app.sweep().await;
    assert!(app.mailbox.messages().is_empty());
    assert_eq!(redrive(&app, json!({"practice": "agency"})).await["redriven"], 1);
    app.sweep().await;
    assert_eq!(app.mailbox.messages().len(), 1);
    let tickets = app.store.list_tickets(jane).await.unwrap().tickets;
    let fresh = tickets.iter().find(|ticket| ticket.valid_until > app.clock.now()).unwrap();
    assert_eq!((fresh.proof, fresh.reason.as_deref()), (Some(ProofMethod::InPerson), Some("At the desk")));
}
