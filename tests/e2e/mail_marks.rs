//! The mark of an address to which mail fails: what sets it, what lifts it, and how reports reach it.

use rekey::domain::event::Action;
use rekey_local::mailbox::Failure;
use serde_json::{Value, json};

use crate::mail_events::{BOUNCING, COMPLAINING, link, mailed, pair, shown, tickets};
use crate::support::TestApp;
use crate::support::event::HttpEvent;
use crate::support::seam::Fault;
use crate::support::staff::{ACCOUNTS, at_work};

/// A mail that SES refuses is seen where a mail that comes back is: on its ticket, its account, in the list and before the next.
#[tokio::test]
async fn a_mail_that_ses_refuses_is_not_sent_and_its_address_is_marked() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = app.account("jane").await.id;
    app.mailbox.fail_for("jane@agency.test", Failure::Rejected);
    assert_eq!(link(&app, &member, id).await.json().get("warning"), None);
    assert_eq!(tickets(&member, id).await, [pair("not_sent", "not_sent")]);
    assert_eq!(shown(&member, id).await, "bounced");
    assert_eq!(member.list("mail=bounced").await, ["jane"]);
    let event = app.events(id).await.pop().unwrap();
    assert_eq!((event.action, event.ticket.is_some()), (Action::MailNotSent, true));
    assert_eq!(link(&app, &member, id).await.json()["warning"]["mail"], "bounced", "the next one warns");
    app.mailbox.clear_failures();
    app.forgot("jane").await;
    app.deliver().await;
    assert_eq!(shown(&member, id).await, "bounced", "an accepted mail is no delivered one");
    app.report_mails().await;
    assert_eq!(shown(&member, id).await, "ok");

    // The text's fault says nothing of the address; the ticket was not sent all the same. A sender's fault is mended one day.
    for (failure, fate) in [
        (Failure::BadContent, pair("not_sent", "not_sent")),
        (Failure::Unverified, ("issued".to_owned(), Value::Null)),
    ] {
        app.mailbox.fail_for("jane@agency.test", failure);
        link(&app, &member, id).await;
        assert_eq!((tickets(&member, id).await[0].clone(), shown(&member, id).await), (fate, json!("ok")));
    }

    // Of a shared mailbox, each account and its ticket.
    app.mailbox.fail_for("family@agency.test", Failure::Rejected);
    app.forgot("family@agency.test").await;
    app.deliver().await;
    for name in ["lily", "tom"] {
        let id = app.account(name).await.id;
        assert_eq!(tickets(&member, id).await, [pair("not_sent", "not_sent")], "{name}");
        assert_eq!(shown(&member, id).await, "bounced", "{name}");
    }
}

#[tokio::test]
async fn a_delivery_after_a_bounce_lifts_the_mark_and_one_before_it_does_not() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = app.account("jane").await.id;
    link(&app, &member, id).await;
    let first = app.mailbox.take_events().remove(0);
    app.clock.advance(std::time::Duration::from_mins(1));
    let bounce = |event: &Value| {
        let mut bounced = event.clone();
        bounced["detail"]["eventType"] = json!("Bounce");
        bounced["detail"]["bounce"] =
            json!({"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": []});
        bounced
    };
    link(&app, &member, id).await;
    let second = app.mailbox.take_events().remove(0);
    app.mail_event(bounce(&second)).await.unwrap();
    assert_eq!(shown(&member, id).await, "bounced");
    for early in [&first, &second] {
        app.mail_event(early.clone()).await.unwrap();
        assert_eq!(
            shown(&member, id).await,
            "bounced",
            "a delivery that was asked for before, or the same mail's"
        );
    }
    app.clock.advance(std::time::Duration::from_mins(1));
    link(&app, &member, id).await;
    let third = app.mailbox.take_events().remove(0);
    let mut elsewhere = third.clone();
    elsewhere["detail"]["mail"]["destination"] = json!(["other@agency.test"]);
    app.mail_event(elsewhere).await.unwrap();
    assert_eq!(shown(&member, id).await, "bounced", "a delivery to another address");
    for _ in 0..2 {
        app.mail_event(third.clone()).await.unwrap();
        assert_eq!(shown(&member, id).await, "ok");
    }
    assert_eq!(app.actions("jane").await.iter().filter(|action| *action == "mail_restored").count(), 1);
    app.mail_event(bounce(&second)).await.unwrap();
    assert_eq!(shown(&member, id).await, "ok", "what is reported twice is news once");
}

#[tokio::test]
async fn staff_lift_a_mark_and_ses_mails_the_address_again() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = app.account("jane").await.id;
    let restore = async |body: Value| {
        let event = HttpEvent::new("POST", &format!("{ACCOUNTS}/{id}/mail"));
        member.send(event.json(&body)).await
    };
    app.mailbox.suppress("jane@agency.test");
    link(&app, &member, id).await;
    app.report_mails().await;
    assert_eq!(shown(&member, id).await, "bounced");
    for body in
        [json!({}), json!({"status": "bounced"}), json!({"status": null}), json!({"status": "ok", "x": 1})]
    {
        assert_eq!(restore(body).await.status, 400);
    }
    let lifted = restore(json!({"status": "ok"})).await;
    assert_eq!((lifted.status.as_u16(), &lifted.json()["mail"]), (200, &json!("ok")));
    let event = app.events(id).await.pop().unwrap();
    assert_eq!((event.action, event.by.is_some()), (Action::MailRestored, true));
    assert_eq!(
        serde_json::to_value(&event.changes).unwrap(),
        json!([{"member": "mail", "from": "bounced", "to": "ok"}])
    );
    app.seam.inject("mailer", "jane@agency.test", 3, Fault::Down);
    assert_eq!(app.deliver().await.dead, 0, "and is tried until SES has it");
    link(&app, &member, id).await;
    app.report_mails().await;
    assert_eq!(
        (tickets(&member, id).await[0].clone(), shown(&member, id).await),
        (pair("delivered", "delivered"), json!("ok"))
    );
    let before = app.events(id).await.len();
    assert_eq!(restore(json!({"status": "ok"})).await.status, 200, "where there is no mark, nothing changes");
    assert_eq!(app.events(id).await.len(), before);
    // A complaint stays until staff lift it: the next mail arrives too, and is no less unwelcome.
    let id = mailed(&app, &member, COMPLAINING).await;
    app.report_mails().await;
    assert_eq!(shown(&member, id).await, "complained");
    assert_eq!(restore(json!({"status": "ok"})).await.json()["mail"], "ok");
}

#[tokio::test]
async fn reports_come_by_sns_too() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let message =
        |event: &Value| json!({"EventSource": "aws:sns", "Sns": {"Message": event["detail"].to_string()}});
    let id = mailed(&app, &member, BOUNCING).await;
    let bounced = app.mailbox.take_events();
    app.mail_event(json!({"Records": [message(&bounced[0])]})).await.unwrap();
    assert_eq!(shown(&member, id).await, "bounced");
    let id = mailed(&app, &member, COMPLAINING).await;
    let events = app.mailbox.take_events();
    let mut notification = events[1].clone();
    let detail = notification["detail"].as_object_mut().unwrap();
    let kind = detail.remove("eventType").unwrap();
    detail.insert("notificationType".to_owned(), kind);
    app.mail_event(json!({"Records": [message(&events[0]), message(&notification)]})).await.unwrap();
    assert_eq!(tickets(&member, id).await[0], pair("complained", "complained"));
    for odd in [
        json!({"Records": []}),
        json!({"Records": [{"Sns": {"Message": "Successfully validated SNS topic"}}, {"Sns": {}}, 7]}),
        json!({"Records": 7}),
        json!([]),
        Value::Null,
    ] {
        app.mail_event(odd).await.unwrap();
    }
    assert_eq!(shown(&member, id).await, "complained");
}
