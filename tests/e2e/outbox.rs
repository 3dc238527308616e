//! The outbox and the mailer: no mail is lost and none is doubled, whatever fails in between.

use std::sync::Arc;

use rekey_local::mailbox::Failure;
use serde_json::{Value, json};

use crate::support::seam::Fault;
use crate::support::{NEW_PASSWORD, TestApp, token_in};

/// One request's record, and the batch that carries it.
async fn request(app: &TestApp, identifier: &str) -> Value {
    let before = app.stream_records().await.len();
    assert_eq!(app.forgot(identifier).await.status, 202);
    app.stream_records().await.swap_remove(before)
}

/// As if the mailer had died between sending and marking.
async fn unmark(app: &TestApp, record: &Value) {
    let outbox = record["dynamodb"]["NewImage"]["pk"]["S"].as_str().unwrap().to_owned();
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
    // The mail goes out, and the mark is lost, so the record comes again.
    let first = {
        let account = app.account("jane").await;
        app.invoke_mailer(batch(&[&record])).await;
        unmark(&app, &record).await;
        assert_eq!(app.store.list_tickets(account.id).await.unwrap().tickets.len(), 1);
        app.mailbox.messages().remove(0)
    };
    app.invoke_mailer(batch(&[&record])).await;
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
async fn the_redelivered_token_is_the_same_after_a_key_rotation() {
    let app = TestApp::start().await;
    let record = request(&app, "jane").await;
    app.seam.inject("mailer", "outbound-emails", 9, Fault::Down);
    let answer = app.invoke_mailer(batch(&[&record])).await;
    assert_eq!(failures(&answer), [sequence(&record)]);
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
async fn ses_failing_for_a_while_delays_the_mail_and_sends_it_once() {
    let app = TestApp::start().await;
    for failure in [Failure::Throttled, Failure::Unavailable, Failure::AccountPaused] {
        app.mailbox.clear().unwrap();
        // More often than the SDK tries by itself: the record must come again.
        app.mailbox.fail_next(4, failure);
        assert_eq!(app.forgot("jane").await.status, 202, "the caller has the 202");
        let drained = app.deliver().await;
        assert_eq!(drained.dead, 0, "{failure:?}");
        assert_eq!(app.mailbox.messages().len(), 1, "{failure:?}");
        app.mailbox.clear_failures();
    }
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
async fn only_what_failed_is_reported_and_the_rest_is_done() {
    let app = TestApp::start().await;
    let records = [request(&app, "jane").await, request(&app, "sam").await, request(&app, "lily").await];
    app.mailbox.fail_for("sam@agency.test", Failure::AccountPaused);
    let all: Vec<&Value> = records.iter().collect();
    assert_eq!(failures(&app.invoke_mailer(batch(&all)).await), [sequence(&records[1])]);
    assert_eq!(app.mailbox.messages().len(), 2);
    app.mailbox.clear_failures();
    // Lambda delivers again from the lowest that failed.
    assert_eq!(failures(&app.invoke_mailer(batch(&all[1..])).await), Vec::<&str>::new());
    let mut to: Vec<String> = app.mailbox.messages().into_iter().flat_map(|message| message.to).collect();
    to.sort();
    assert_eq!(to, ["family@agency.test", "jane@agency.test", "sam@agency.test"]);
}

#[tokio::test]
async fn a_record_that_keeps_failing_ends_in_the_dead_letters_and_the_others_go_on() {
    let app = TestApp::start().await;
    app.mailbox.fail_for("jane@agency.test", Failure::AccountPaused);
    app.forgot("jane").await;
    app.forgot("sam").await;
    let drained = app.deliver().await;
    assert_eq!(drained.dead, 1);
    assert_eq!(app.mailbox.messages()[0].to, ["sam@agency.test"]);
}

#[tokio::test]
async fn a_record_that_nobody_can_read_holds_up_nobody() {
    let app = TestApp::start().await;
    let good = request(&app, "jane").await;
    let mut broken = good.clone();
    broken["dynamodb"]["NewImage"] = json!({"pk": {"S": "REQUEST#x"}, "kind": {"S": "pigeon"}});
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
async fn a_sender_that_the_deployment_may_not_use_delays_its_own_practice_alone() {
    let app = TestApp::start().await;
    let mut own = crate::support::practice("veterinary", &json!({}));
    own["sender"] = json!("vet@elsewhere.test");
    app.operate(json!({"action": "create_practice", "practice": own})).await.unwrap();
    app.import("veterinary", &crate::support::demo_accounts("veterinary")).await;
    app.post("/v1/password/forgot", json!({"practice": "veterinary", "identifier": "jane"})).await;
    let theirs = app.stream_records().await.pop().unwrap();
    app.seam.inject("mailer", "outbound-emails", 1, Fault::Denied);
    assert_eq!(failures(&app.invoke_mailer(batch(&[&theirs])).await), Vec::<&str>::new(), "parked");
    let ours = request(&app, "jane").await;
    app.seam.inject("mailer", "outbound-emails", 1, Fault::Denied);
    assert_eq!(
        failures(&app.invoke_mailer(batch(&[&ours])).await),
        [sequence(&ours)],
        "the deployment's own is mended"
    );
    assert_eq!(failures(&app.invoke_mailer(batch(&[&ours])).await), Vec::<&str>::new());
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
    let operations = [("GetItem", "jane"), ("Query", "sam"), ("TransactWriteItems", "ivan")];
    for (operation, identifier) in operations {
        app.mailbox.clear().unwrap();
        let record = request(&app, identifier).await;
        app.seam.inject("mailer", operation, 3, Fault::Down);
        assert_eq!(failures(&app.invoke_mailer(batch(&[&record])).await), [sequence(&record)], "{operation}");
        app.seam.heal();
        assert_eq!(failures(&app.invoke_mailer(batch(&[&record])).await), Vec::<&str>::new(), "{operation}");
        assert_eq!(app.mailbox.messages().len(), 1, "{operation}");
    }
    let fresh = TestApp::start().await;
    let record = request(&fresh, "jane").await;
    fresh.secrets.set_failing(true);
    assert_eq!(failures(&fresh.invoke_mailer(batch(&[&record])).await), [sequence(&record)]);
    fresh.secrets.set_failing(false);
    assert_eq!(failures(&fresh.invoke_mailer(batch(&[&record])).await), Vec::<&str>::new());
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
