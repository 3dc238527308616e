//! The event that a mail was sent is there once for each mail that went.

use std::sync::Arc;

use rekey::domain::event::{Action, Event};
use rekey_local::mailbox::Failure;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::seam::Fault;
use crate::support::staff::{ACCOUNTS, at_work};
use crate::support::temporary::{issue, mailed};
use crate::support::{NEW_PASSWORD, TestApp, token_in};
use crate::undelivered::{DAY, MINUTE, next_sweep, undelivered};

/// The events that a mail with a ticket was sent.
async fn sent(app: &TestApp, username: &str) -> Vec<Event> {
    let events = app.events(app.account(username).await.id).await;
    events.into_iter().filter(|event| event.action == Action::MailSent && event.ticket.is_some()).collect()
}

async fn carried(app: &TestApp, username: &str) -> usize {
    sent(app, username).await.len()
}

/// A mailer that dies after SES has taken its mail, when it is about to record that the item is done. It issues a ticket before, or not.
async fn dies_before_it_is_done(app: &Arc<TestApp>, record: &Value, issues: bool) {
    let held = app.seam.hold("mailer", "TransactWriteItems", usize::from(issues));
    let (dying, batch) = (app.clone(), json!({"Records": [record]}));
    let mailer = tokio::spawn(async move { dying.invoke_mailer(batch).await });
    held.reached().await;
    mailer.abort();
    assert!(mailer.await.unwrap_err().is_cancelled());
}

async fn last_record(app: &TestApp) -> Value {
    app.stream_records().await.pop().unwrap()
}

/// SES takes a mail, and its answer is lost. Before the mail goes again its reader has used what it carried.
#[tokio::test]
async fn a_mail_that_was_not_heard_of_is_recorded_once_when_it_was_used() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let lose = || app.seam.inject("mailer", "outbound-emails", 1, Fault::AnswerLost);
    lose();
    let link = app.token_for("jane").await;
    lose();
    let (request, code) = app.code_for("sam").await;
    lose();
    let temporary = mailed(&app, &member, "tom").await;
    let mails = app.mailbox.messages().len();
    assert_eq!(app.reset(&link, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.verify(&request, &code).await.status, 200);
    assert_eq!(app.sign_in("tom", &temporary).await.status, 201);
    for name in ["jane", "sam", "tom"] {
        assert_eq!(carried(&app, name).await, 0, "{name}");
    }
    // The code has ended by then, and the temporary password too.
    for span in [2 * MINUTE, DAY] {
        app.clock.advance(span);
        app.sweep().await;
        for name in ["jane", "sam", "tom"] {
            assert_eq!(carried(&app, name).await, 1, "{name}");
        }
    }
    assert_eq!(app.mailbox.messages().len(), mails + 1, "only jane's confirmation has followed");
    let refused = app.actions("sam").await.contains(&"recovery_refused".to_owned());
    assert!(!refused && undelivered(&app, json!({})).await.is_empty());
}

/// The reader of a mail that was not heard of may use that of another request: nothing says then that SES has taken the first.
#[tokio::test]
async fn a_mail_that_was_not_heard_of_and_not_used_is_not_recorded() {
    let app = TestApp::start().await;
    app.seam.inject("mailer", "outbound-emails", 1, Fault::Unreachable);
    app.forgot("jane").await;
    app.deliver().await;
    let token = app.token_for("jane").await;
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    app.deliver().await;
    next_sweep(&app).await;
    assert_eq!(
        (carried(&app, "jane").await, app.mailbox.messages().len()),
        (1, 2),
        "a link and a confirmation"
    );
    assert!(undelivered(&app, json!({})).await.is_empty());
}

/// Whatever becomes of a link after SES has said that it took the mail, the mail has gone once and its event is there once.
#[tokio::test]
async fn a_mail_of_a_mailer_that_died_is_recorded_and_does_not_go_again() {
    let app = Arc::new(TestApp::start().await);
    let admin = at_work(&app).await;
    for (name, fate) in
        [("jane", "open"), ("sam", "used"), ("ivan", "revoked"), ("lily", "closed"), ("tom", "expired")]
    {
        app.mailbox.clear().unwrap();
        app.forgot(name).await;
        let record = last_record(&app).await;
        dies_before_it_is_done(&app, &record, true).await;
        let account = app.account(name).await.id;
        assert_eq!((carried(&app, name).await, app.mailbox.messages().len()), (0, 1), "{fate}");
        let ticket = app.store.list_tickets(account).await.unwrap().tickets[0].id;
        let reply = match fate {
            "used" => Some(app.reset(&token_in(&app.mailbox.messages()[0]), NEW_PASSWORD).await),
            "revoked" => {
                let path = format!("{ACCOUNTS}/{account}/tickets/{ticket}");
                Some(admin.send(HttpEvent::new("DELETE", &path)).await)
            }
            "closed" => Some(admin.patch(account, json!({"active": false})).await),
            _ => None,
        };
        assert!(reply.is_none_or(|reply| reply.status.is_success()), "{fate}");
        if fate == "expired" {
            app.clock.advance(DAY + MINUTE);
        }
        app.clock.advance(2 * MINUTE);
        app.sweep().await;
        let events = sent(&app, name).await;
        assert_eq!(events.iter().filter(|event| event.ticket == Some(ticket)).count(), 1, "{fate}");
        assert_eq!(events.len(), 1, "{fate}");
        let confirmations = usize::from(fate == "used");
        assert_eq!(app.mailbox.messages().len(), 1 + confirmations, "{fate}");
        assert!(undelivered(&app, json!({})).await.is_empty(), "{fate}");
        let actions = app.actions(name).await;
        assert!(!actions.contains(&"recovery_refused".to_owned()), "{fate}: {actions:?}");
    }
}

/// The same of a temporary password, and of a code.
#[tokio::test]
async fn a_code_or_a_temporary_password_of_a_mailer_that_died_does_not_go_again() {
    let app = Arc::new(TestApp::start().await);
    let member = at_work(&app).await;
    app.forgot_by_code("agency", "client", "sam").await;
    let code = last_record(&app).await;
    dies_before_it_is_done(&app, &code, true).await;
    let tom = app.account("tom").await.id;
    assert_eq!(issue(&member, tom, None).await.status, 202);
    let temporary = last_record(&app).await;
    dies_before_it_is_done(&app, &temporary, true).await;
    // Another one is issued, which voids the first, and the code ends.
    assert_eq!(issue(&member, tom, None).await.status, 202);
    app.deliver().await;
    app.clock.advance(DAY);
    app.sweep().await;
    assert_eq!((carried(&app, "sam").await, carried(&app, "tom").await), (1, 2));
    assert_eq!(app.mailbox.messages().len(), 3);
}

/// With two links open a request is answered with the newer of them, whether or not that one's own mail has gone.
#[tokio::test]
async fn a_link_that_went_with_another_request_s_mail_is_not_recorded_for_its_own() {
    let app = TestApp::start().await;
    app.token_for("jane").await;
    app.mailbox.fail_next(1, Failure::Unverified);
    app.forgot("jane").await;
    app.deliver().await;
    let token = app.token_for("jane").await;
    assert_eq!((carried(&app, "jane").await, app.mailbox.messages().len()), (2, 2));
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    app.clock.advance(2 * MINUTE);
    app.sweep().await;
    assert_eq!(carried(&app, "jane").await, 2);
    assert!(undelivered(&app, json!({})).await.is_empty());
}

/// The mail of a request that was answered with an earlier link, and whose mailer died, does not go again either.
#[tokio::test]
async fn a_borrowed_link_of_a_mailer_that_died_does_not_go_again() {
    let app = Arc::new(TestApp::start().await);
    app.token_for("jane").await;
    app.mailbox.fail_next(1, Failure::Unverified);
    app.forgot("jane").await;
    app.deliver().await;
    app.forgot("jane").await;
    let record = last_record(&app).await;
    dies_before_it_is_done(&app, &record, false).await;
    app.invoke_mailer(json!({"Records": [record]})).await;
    assert_eq!((carried(&app, "jane").await, app.mailbox.messages().len()), (2, 2));
}

/// The reader is faster than the mark that the mail was sent.
#[tokio::test]
async fn a_link_that_is_used_before_its_mail_is_marked_says_whose_mail_it_was() {
    let app = Arc::new(TestApp::start().await);
    app.forgot("jane").await;
    let record = last_record(&app).await;
    // The first update counts the mail.
    let held = app.seam.hold("mailer", "UpdateItem", 1);
    let (slow, batch) = (app.clone(), json!({"Records": [record]}));
    let mailer = tokio::spawn(async move { slow.invoke_mailer(batch).await });
    held.reached().await;
    assert_eq!(app.reset(&token_in(&app.mailbox.messages()[0]), NEW_PASSWORD).await.status, 204);
    held.release();
    mailer.await.unwrap();
    let events = sent(&app, "jane").await;
    let ticket = app.store.list_tickets(app.account("jane").await.id).await.unwrap().tickets.remove(0);
    assert_eq!((events.len(), ticket.sent_for), (1, events[0].outbox.into_iter().collect()));
}

/// Two mailers try an item of two mailboxes at once: the stream is slow, and a sweep takes the item meanwhile.
#[tokio::test]
async fn two_mailers_of_two_mailboxes_record_each_mail_once() {
    for slow_fails in [false, true] {
        let app = Arc::new(TestApp::start().await);
        let spelled =
            |name: &str, email: &str| json!({"username": name, "email": email, "display_name": name});
        app.import("agency", &[spelled("ann", "Pat@agency.test"), spelled("bob", "pat@agency.test")]).await;
        app.forgot("pat@agency.test").await;
        let record = last_record(&app).await;
        let fail = |fails: bool| app.mailbox.fail_next(usize::from(fails), Failure::Unverified);
        // It makes two tickets; then it records what has come of its mails.
        let held = app.seam.hold("mailer", "TransactWriteItems", 2);
        let (slow, batch) = (app.clone(), json!({"Records": [record]}));
        fail(slow_fails);
        let slow = tokio::spawn(async move { slow.invoke_mailer(batch).await });
        held.reached().await;
        for name in ["ann", "bob"] {
            forget_that_it_was_sent(&app, name).await;
        }
        app.clock.advance(2 * MINUTE);
        fail(!slow_fails);
        app.sweep().await;
        held.release();
        slow.await.unwrap();
        for _ in 0..3 {
            app.clock.advance(2 * MINUTE);
            app.sweep().await;
        }
        assert_eq!((carried(&app, "ann").await, carried(&app, "bob").await), (1, 1), "{slow_fails}");
        assert!(undelivered(&app, json!({})).await.is_empty());
    }
}

/// As if the mark of a ticket came after the other mailer has looked.
async fn forget_that_it_was_sent(app: &TestApp, username: &str) {
    let account = app.account(username).await.id;
    for ticket in app.store.list_tickets(account).await.unwrap().tickets {
        let key = rekey::store::keys::ticket(account, ticket.id).attributes();
        let update = app.dynamodb.update_item().table_name(&app.table).set_key(Some(key));
        let update =
            update.update_expression("SET #s = :s REMOVE sent_for").expression_attribute_names("#s", "state");
        let issued = aws_sdk_dynamodb::types::AttributeValue::S("issued".to_owned());
        update.expression_attribute_values(":s", issued).send().await.unwrap();
    }
}

/// A code's ticket answers several requests, and each of their mails is recorded by itself.
#[tokio::test]
async fn each_mail_that_carried_one_ticket_is_recorded_and_does_not_go_again() {
    let app = Arc::new(TestApp::start().await);
    let admin = at_work(&app).await;
    app.code_for("sam").await;
    app.forgot_by_code("agency", "client", "sam").await;
    let record = last_record(&app).await;
    dies_before_it_is_done(&app, &record, false).await;
    let closed = admin.patch(app.account("sam").await.id, json!({"active": false})).await;
    assert_eq!(closed.status, 200);
    app.invoke_mailer(json!({"Records": [record]})).await;
    assert_eq!((carried(&app, "sam").await, app.mailbox.messages().len()), (2, 2));
    assert!(!app.actions("sam").await.contains(&"recovery_refused".to_owned()));
}

/// Of two accounts of a mailbox one has used its link, of whose mail nobody has heard. The mail to the other is refused for good.
#[tokio::test]
async fn a_mail_that_is_refused_takes_no_event_of_another_away() {
    let app = TestApp::start().await;
    app.seam.inject("mailer", "outbound-emails", 1, Fault::AnswerLost);
    app.forgot("family@agency.test").await;
    app.deliver().await;
    let mail = app.mailbox.messages().remove(0).text.unwrap();
    let token = mail.split("#token=").nth(1).unwrap().split_whitespace().next().unwrap();
    assert_eq!(app.reset(token, NEW_PASSWORD).await.status, 204);
    app.mailbox.fail_for("family@agency.test", Failure::Rejected);
    next_sweep(&app).await;
    let (lily, tom) = (sent(&app, "lily").await, sent(&app, "tom").await);
    assert_eq!(lily.len() + tom.len(), 1, "{lily:?} {tom:?}");
}
