//! The outbox and the mailer: no mail is lost and none is doubled, whatever fails in between.

use std::sync::Arc;
use std::time::Duration;

use rekey_local::mailbox::Failure;
use serde_json::{Value, json};

use crate::support::seam::Fault;
use crate::support::{NEW_PASSWORD, TestApp, token_in};

const MINUTE: Duration = Duration::from_mins(1);

/// One request's record, and the batch that carries it.
async fn request(app: &TestApp, identifier: &str) -> Value {
    let before = app.stream_records().await.len();
    assert_eq!(app.forgot(identifier).await.status, 202);
    app.stream_records().await.swap_remove(before)
}

/// As if the mailer had died between sending and marking.
async fn unmark(app: &TestApp, record: &Value) {
    let outbox = record["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap().to_owned();
    let key = [("pk", outbox), ("sk", "REQUEST".to_owned())];
    let key = key.map(|(k, v)| (k.to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(v)));
    let unmark = app.dynamodb.update_item().table_name(&app.table).set_key(Some(key.into()));
    unmark.update_expression("REMOVE done_at").send().await.unwrap();
}

fn batch(records: &[&Value]) -> Value {
    json!({"Records": records})
}

fn failures(answer: &Value) -> Vec<&str> {
    let items = answer["batchItemFailures"].as_array().unwrap();
    items.iter().map(|item| item["itemIdentifier"].as_str().unwrap()).collect()
}

fn sequence(record: &Value) -> &str {
    record["dynamodb"]["SequenceNumber"].as_str().unwrap()
}

#[tokio::test]
async fn a_record_delivered_again_sends_nothing_again() {
    let app = TestApp::start().await;
    let record = request(&app, "jane").await;
    for _ in 0..3 {
        let answer = app.invoke_mailer(batch(&[&record, &record])).await;
        assert_eq!(failures(&answer), Vec::<&str>::new());
    }
    assert_eq!(app.mailbox.messages().len(), 1);
}

#[tokio::test]
async fn a_mail_that_was_sent_but_not_marked_is_sent_again_the_very_same() {
    let app = TestApp::start().await;
    let record = request(&app, "jane").await;
    // The mail goes out, and the answer that says so is lost.
    app.seam.inject("mailer", "outbound-emails", 1, Fault::AnswerLost);
    let first = {
        let account = app.account("jane").await;
        app.invoke_mailer(batch(&[&record])).await;
        assert_eq!(app.store.list_tickets(account.id).await.unwrap().tickets.len(), 1);
        app.mailbox.messages().remove(0)
    };
    app.clock.advance(MINUTE);
    app.sweep().await;
    let messages = app.mailbox.messages();
    assert_eq!(messages.len(), 2);
    assert_eq!((&messages[0].text, &messages[0].html), (&first.text, &first.html));
    assert_eq!(app.reset(&token_in(&first), NEW_PASSWORD).await.status, 204);
}

#[tokio::test]
async fn a_mailer_killed_between_issue_and_send_loses_nothing_and_doubles_nothing() {
    let app = Arc::new(TestApp::start().await);
    let record = request(&app, "jane").await;
    app.seam.inject("mailer", "outbound-emails", 1, Fault::Killed);
    let (killed, alive) = (app.clone(), record.clone());
    let mailer = tokio::spawn(async move { killed.invoke_mailer(json!({"Records": [alive]})).await });
    // It has issued, and is about to send: now it dies.
    while !app.seam.counts("mailer").contains_key("outbound-emails") {
        tokio::task::yield_now().await;
    }
    mailer.abort();
    assert!(mailer.await.unwrap_err().is_cancelled());
    assert!(app.mailbox.messages().is_empty());
    let account = app.account("jane").await;
    let issued = app.store.list_tickets(account.id).await.unwrap().tickets;
    assert_eq!(issued.len(), 1);

    app.invoke_mailer(batch(&[&record])).await;
    let messages = app.mailbox.messages();
    assert_eq!(messages.len(), 1);
    let tickets = app.store.list_tickets(account.id).await.unwrap().tickets;
    assert_eq!(tickets.len(), 1);
    assert_eq!(tickets[0].digest, issued[0].digest, "the same token");
    assert_eq!(app.reset(&token_in(&messages[0]), NEW_PASSWORD).await.status, 204);
    let created =
        app.actions("jane").await.into_iter().filter(|action| action == "authn_token_created").count();
    assert_eq!(created, 1);
}

#[tokio::test]
async fn a_mail_that_two_mailers_send_has_its_event_once() {
    let app = Arc::new(TestApp::start().await);
    let record = request(&app, "jane").await;
    // It has sent the mail, and is about to say so.
    let held = app.seam.hold("mailer", "UpdateItem", 1);
    let (slow, late) = (app.clone(), record.clone());
    let slow = tokio::spawn(async move { slow.invoke_mailer(json!({"Records": [late]})).await });
    held.reached().await;
    app.invoke_mailer(batch(&[&record])).await;
    held.release();
    assert_eq!(failures(&slow.await.unwrap()), Vec::<&str>::new());
    let sent = app.actions("jane").await.into_iter().filter(|action| action == "mail_sent").count();
    assert_eq!((app.mailbox.messages().len(), sent), (2, 1));
}

#[tokio::test]
async fn the_redelivered_token_is_the_same_after_a_key_rotation() {
    let app = TestApp::start().await;
    let record = request(&app, "jane").await;
    app.seam.inject("mailer", "outbound-emails", 9, Fault::Down);
    let answer = app.invoke_mailer(batch(&[&record])).await;
    assert_eq!(failures(&answer), Vec::<&str>::new());
    let account = app.account("jane").await;
    let ticket = app.store.list_tickets(account.id).await.unwrap().tickets.remove(0);
    assert_eq!(ticket.derivation_key, "k1");
    let mut value: Value = serde_json::from_str(&app.keys["rekey/derivation"]).unwrap();
    value["k2"] = json!("a".repeat(43));
    value["current"] = json!("k2");
    let rotated = rekey::secrets::keyring::Keyring::parse(&value.to_string()).unwrap();
    assert_eq!(Some(ticket.token(&rotated).unwrap().digest()), ticket.digest);
}

#[tokio::test]
async fn a_mail_that_ses_never_takes_is_parked_and_holds_up_nobody() {
    let app = TestApp::start().await;
    app.mailbox.fail_for("jane@agency.test", Failure::Rejected);
    let (first, second) = (request(&app, "jane").await, request(&app, "sam").await);
    let answer = app.invoke_mailer(batch(&[&first, &second])).await;
    assert_eq!(failures(&answer), Vec::<&str>::new(), "nothing is retried");
    let messages = app.mailbox.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].to, ["sam@agency.test"]);
    assert_eq!(app.actions("jane").await.last().unwrap(), "mail_not_sent", "staff can see it");
    let attempts = app.mailbox.attempts();
    app.invoke_mailer(batch(&[&first])).await;
    assert_eq!(app.mailbox.attempts(), attempts, "and it is not tried again");
}

#[tokio::test]
async fn only_what_cannot_be_recorded_is_reported_and_comes_again() {
    let app = TestApp::start().await;
    let (first, second) = (request(&app, "jane").await, request(&app, "sam").await);
    assert_eq!(failures(&app.invoke_mailer(batch(&[&first])).await), Vec::<&str>::new());
    // SES takes nothing, and the store does not take that the item waits.
    app.mailbox.pause(true);
    app.seam.inject("mailer", "UpdateItem", usize::MAX, Fault::Down);
    assert_eq!(failures(&app.invoke_mailer(batch(&[&first, &second])).await), [sequence(&second)]);
    app.seam.heal();
    app.mailbox.pause(false);
    assert_eq!(failures(&app.invoke_mailer(batch(&[&second])).await), Vec::<&str>::new());
    let to: Vec<String> = app.mailbox.messages().into_iter().flat_map(|message| message.to).collect();
    assert_eq!(to, ["sam@agency.test", "jane@agency.test"]);
}

#[tokio::test]
async fn a_record_that_nobody_can_read_holds_up_nobody() {
    let app = TestApp::start().await;
    let good = request(&app, "jane").await;
    let mut broken = good.clone();
    broken["dynamodb"]["Keys"]["pk"] = json!({"S": "REQUEST#x"});
    let answer = app.invoke_mailer(batch(&[&broken, &good])).await;
    assert_eq!(failures(&answer), Vec::<&str>::new());
    assert_eq!(app.mailbox.messages().len(), 1);
}

#[tokio::test]
async fn an_account_that_nobody_can_read_holds_up_nobody() {
    let app = TestApp::start().await;
    let (broken, good) = (request(&app, "jane").await, request(&app, "sam").await);
    let key = rekey::store::keys::account(app.account("jane").await.id).attributes();
    let update = app.dynamodb.update_item().table_name(&app.table).set_key(Some(key));
    let update = update.update_expression("SET setup = :s");
    let archived = aws_sdk_dynamodb::types::AttributeValue::S("archived".to_owned());
    update.expression_attribute_values(":s", archived).send().await.unwrap();
    assert_eq!(failures(&app.invoke_mailer(batch(&[&broken, &good])).await), Vec::<&str>::new());
    assert_eq!(app.mailbox.messages().len(), 1);
}

#[tokio::test]
async fn a_record_that_comes_again_after_its_link_was_used_sends_nothing() {
    let app = TestApp::start().await;
    let record = request(&app, "jane").await;
    app.invoke_mailer(batch(&[&record])).await;
    unmark(&app, &record).await;
    assert_eq!(app.reset(&token_in(&app.mailbox.messages()[0]), NEW_PASSWORD).await.status, 204);
    app.mailbox.clear().unwrap();
    assert_eq!(failures(&app.invoke_mailer(batch(&[&record])).await), Vec::<&str>::new());
    assert!(app.mailbox.messages().is_empty());
}

#[tokio::test]
async fn the_store_or_the_key_failing_under_the_mailer_delays_and_doubles_nothing() {
    let app = TestApp::start().await;
    // What fails and, where it could be recorded, the sweep that follows.
    let operations =
        [("GetItem", "jane", false), ("Query", "sam", true), ("TransactWriteItems", "ivan", true)];
    for (operation, identifier, is_recorded) in operations {
        app.mailbox.clear().unwrap();
        let record = request(&app, identifier).await;
        app.seam.inject("mailer", operation, 3, Fault::Down);
        let reported = if is_recorded { Vec::new() } else { vec![sequence(&record)] };
        assert_eq!(failures(&app.invoke_mailer(batch(&[&record])).await), reported, "{operation}");
        app.seam.heal();
        assert!(app.mailbox.messages().is_empty(), "{operation}");
        if is_recorded {
            app.clock.advance(MINUTE);
            assert_eq!(app.sweep().await, json!({"due": 1, "tried": 1}), "{operation}");
        }
        assert_eq!(failures(&app.invoke_mailer(batch(&[&record])).await), Vec::<&str>::new(), "{operation}");
        assert_eq!(app.mailbox.messages().len(), 1, "{operation}");
    }
    let fresh = TestApp::start().await;
    let record = request(&fresh, "jane").await;
    fresh.secrets.set_failing(true);
    assert_eq!(failures(&fresh.invoke_mailer(batch(&[&record])).await), Vec::<&str>::new());
    fresh.secrets.set_failing(false);
    fresh.clock.advance(MINUTE);
    fresh.sweep().await;
    assert_eq!(fresh.mailbox.messages().len(), 1);
}

#[tokio::test]
async fn a_parked_confirmation_does_not_undo_the_reset() {
    let app = TestApp::start().await;
    let token = app.token_for("jane").await;
    app.mailbox.fail_for("jane@agency.test", Failure::Rejected);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.deliver().await.dead, 0);
    assert_eq!(app.sign_in("jane", NEW_PASSWORD).await.status, 201);
    assert!(app.actions("jane").await.contains(&"mail_not_sent".to_owned()));
}
