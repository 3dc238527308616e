//! SES's reports about mails: they are recorded on tickets and accounts, whatever their order and number.

use rekey::domain::account::MailStatus;
use rekey::domain::event::Action;
use rekey::platform::ids::AccountId;
use rekey_local::mailbox::Failure;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::seam::Fault;
use crate::support::staff::{ACCOUNTS, StaffMember, at_work};
use crate::support::{NEW_PASSWORD, Reply, TestApp, logs, token_in};

const BOUNCING: &str = "bounce+jane@simulator.amazonses.com";
const COMPLAINING: &str = "complaint@simulator.amazonses.com";

/// Mails a link to an account, and brings what SES reports of it.
async fn link(app: &TestApp, member: &StaffMember<'_>, id: AccountId) -> Reply {
    let body = json!({"expires_at": "2026-11-22T18:00:00Z", "deliver": "email"});
    let reply = member.send(HttpEvent::new("POST", &format!("{ACCOUNTS}/{id}/links")).json(&body)).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    app.deliver().await;
    reply
}

/// Gives jane an address of SES's simulator and mails her a link. Returns her account.
async fn mailed(app: &TestApp, member: &StaffMember<'_>, address: &str) -> AccountId {
    let id = app.account("jane").await.id;
    assert_eq!(member.patch(id, json!({"email": address})).await.status, 200);
    link(app, member, id).await;
    id
}

/// State and mail of each ticket, the newest first.
async fn tickets(member: &StaffMember<'_>, id: AccountId) -> Vec<(String, Value)> {
    let reply = member.get(&format!("{ACCOUNTS}/{id}/tickets")).await.json();
    let tickets = reply["tickets"].as_array().unwrap().clone();
    tickets
        .into_iter()
        .map(|ticket| (ticket["state"].as_str().unwrap().to_owned(), ticket["mail"].clone()))
        .collect()
}

async fn shown(member: &StaffMember<'_>, id: AccountId) -> Value {
    member.get(&format!("{ACCOUNTS}/{id}")).await.json()["mail"].clone()
}

fn pair(state: &str, mail: impl Into<Value>) -> (String, Value) {
    (state.to_owned(), mail.into())
}

#[tokio::test]
async fn a_mail_goes_from_issued_to_delivered_and_its_link_to_opened_and_used() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = app.account("jane").await.id;
    link(&app, &member, id).await;
    assert_eq!(tickets(&member, id).await, [pair("sent", Value::Null)]);
    app.report_mails().await;
    assert_eq!(tickets(&member, id).await, [pair("delivered", "delivered")]);
    let token = token_in(&app.mailbox.messages()[0]);
    let before = app.account("jane").await;
    for _ in 0..2 {
        assert_eq!(app.preview(&token).await.status, 200);
    }
    assert_eq!(tickets(&member, id).await, [pair("opened", "delivered")]);
    assert_eq!(app.account("jane").await, before, "opening changes nothing of the account");
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    assert_eq!(tickets(&member, id).await, [pair("used", "delivered")]);
    assert_eq!(shown(&member, id).await, "ok");
    assert!(!app.actions("jane").await.iter().any(|action| action.starts_with("mail_bounced")));
}

#[tokio::test]
async fn a_bounced_address_is_shown_and_a_resend_says_why_until_it_is_changed() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = app.account("jane").await.id;
    assert_eq!(member.patch(id, json!({"email": BOUNCING})).await.status, 200);
    assert_eq!(link(&app, &member, id).await.json().get("warning"), None);
    app.report_mails().await;
    assert_eq!(tickets(&member, id).await, [pair("bounced", "bounced")]);
    assert_eq!(shown(&member, id).await, "bounced");
    assert_eq!(member.list("mail=bounced").await, ["jane"]);
    let event = app.events(id).await.pop().unwrap();
    assert_eq!(event.action, Action::MailBounced);
    assert!(event.ticket.is_some() && event.outbox.is_some());

    for tail in ["temporary-password", "links"] {
        let event = HttpEvent::new("POST", &format!("{ACCOUNTS}/{id}/{tail}"));
        let body = json!({"expires_at": "2026-11-22T18:00:00Z", "deliver": "email"});
        let reply = member.send(if tail == "links" { event.json(&body) } else { event }).await.json();
        assert_eq!(reply["warning"]["mail"], "bounced", "{tail}");
        assert!(reply["warning"]["message"].as_str().unwrap().contains("come back"), "{reply}");
    }
    let body = json!({"expires_at": "2026-11-22T18:00:00Z", "deliver": "copy"});
    let copied = member.send(HttpEvent::new("POST", &format!("{ACCOUNTS}/{id}/links")).json(&body)).await;
    assert_eq!(copied.json().get("warning"), None, "a copied link is no mail");
    app.forgot("jane").await;
    app.deliver().await;
    app.report_mails().await;
    assert_eq!(app.events(id).await.iter().filter(|event| event.action == Action::MailBounced).count(), 4);

    assert_eq!(member.patch(id, json!({"email": "jane@agency.test"})).await.json()["mail"], "ok");
    assert_eq!(link(&app, &member, id).await.json().get("warning"), None);
    app.report_mails().await;
    assert_eq!(tickets(&member, id).await[0], pair("delivered", "delivered"));
}

#[tokio::test]
async fn a_complaint_counts_for_more_than_the_delivery_before_it() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = mailed(&app, &member, COMPLAINING).await;
    app.report_mails().await;
    assert_eq!(tickets(&member, id).await, [pair("complained", "complained")]);
    assert_eq!(shown(&member, id).await, "complained");
    let warned = link(&app, &member, id).await.json();
    assert!(warned["warning"]["message"].as_str().unwrap().contains("spam"), "{warned}");
    assert_eq!(app.actions("jane").await.iter().filter(|action| *action == "mail_complained").count(), 1);
}

/// A provider reports "not-spam" when the owner of the address has taken a mail out of the spam folder.
#[tokio::test]
async fn a_mail_that_was_called_no_spam_is_no_complaint() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = mailed(&app, &member, COMPLAINING).await;
    let events = app.mailbox.take_events();
    let mut rescued = events[1].clone();
    assert_eq!(rescued["detail"]["eventType"], "Complaint");
    rescued["detail"]["complaint"]["complaintFeedbackType"] = json!("not-spam");
    app.mail_event(events[0].clone()).await.unwrap();
    app.mail_event(rescued).await.unwrap();
    assert_eq!(tickets(&member, id).await, [pair("delivered", "delivered")]);
    assert_eq!(shown(&member, id).await, "ok");
    assert!(!app.actions("jane").await.contains(&"mail_complained".to_owned()));
    for feedback in [json!("abuse"), json!("fraud"), json!("other"), Value::Null] {
        assert_eq!(member.patch(id, json!({"email": "jane@agency.test"})).await.json()["mail"], "ok");
        assert_eq!(member.patch(id, json!({"email": COMPLAINING})).await.json()["mail"], "ok");
        link(&app, &member, id).await;
        let mut event = app.mailbox.take_events()[1].clone();
        event["detail"]["complaint"]["complaintFeedbackType"] = feedback.clone();
        app.mail_event(event).await.unwrap();
        assert_eq!(shown(&member, id).await, "complained", "{feedback}");
    }
}

#[tokio::test]
async fn a_mailbox_that_is_full_or_answers_by_itself_is_no_bad_address() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = mailed(&app, &member, "ooto@simulator.amazonses.com").await;
    app.report_mails().await;
    assert_eq!(tickets(&member, id).await, [pair("delivered", "delivered")], "an answering machine");
    link(&app, &member, id).await;
    let events = app.mailbox.take_events();
    app.mail_event(events[1].clone()).await.unwrap();
    assert_eq!(tickets(&member, id).await[0], pair("bounced", "returned"), "it did not arrive");
    app.mail_event(events[0].clone()).await.unwrap();
    assert_eq!(tickets(&member, id).await[0], pair("delivered", "delivered"), "whatever the order");
    assert_eq!(shown(&member, id).await, "ok");
}

#[tokio::test]
async fn events_twice_out_of_order_and_in_parallel_come_to_the_same() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = mailed(&app, &member, COMPLAINING).await;
    let events = app.mailbox.take_events();
    assert_eq!(events.len(), 2);
    let shuffled = [&events[1], &events[0], &events[1], &events[0], &events[1], &events[1]];
    let told = futures::future::join_all(shuffled.map(|event| app.mail_event(event.clone()))).await;
    assert!(told.iter().all(Result::is_ok), "{told:?}");
    for event in shuffled {
        app.mail_event(event.clone()).await.unwrap();
    }
    assert_eq!(tickets(&member, id).await, [pair("complained", "complained")]);
    assert_eq!(app.actions("jane").await.iter().filter(|action| *action == "mail_complained").count(), 1);
}

#[tokio::test]
async fn a_late_bounce_is_not_held_against_the_address_that_came_after() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = mailed(&app, &member, BOUNCING).await;
    assert_eq!(member.patch(id, json!({"email": "jane@agency.test"})).await.status, 200);
    app.report_mails().await;
    assert_eq!(shown(&member, id).await, "ok");
    assert_eq!(
        tickets(&member, id).await,
        [pair("superseded", "bounced")],
        "the ticket's mail did come back"
    );
}

#[tokio::test]
async fn each_account_of_a_mailbox_and_a_mail_without_ticket_are_told_too() {
    let app = TestApp::start_with(&[]).await;
    app.create_practice("agency", json!({})).await;
    let mut accounts = crate::support::demo_accounts("agency");
    for account in &mut accounts {
        if account["email"] == "family@agency.test" {
            account["email"] = json!(BOUNCING);
        }
    }
    app.import("agency", &accounts).await;
    let member = at_work(&app).await;
    for method in ["link", "code"] {
        app.post(
            "/v1/password/forgot",
            json!({"practice": "agency", "identifier": BOUNCING, "method": method}),
        )
        .await;
    }
    app.deliver().await;
    let token = token_in(
        app.mailbox.messages().iter().find(|mail| mail.text.as_ref().unwrap().contains("#token=")).unwrap(),
    );
    app.report_mails().await;
    for name in ["lily", "tom"] {
        let id = app.account(name).await.id;
        assert_eq!(shown(&member, id).await, "bounced", "{name}");
        assert_eq!(tickets(&member, id).await, [pair("bounced", "bounced"), pair("bounced", "bounced")]);
    }
    assert_eq!(app.preview(&token).await.status, 200, "a report voids nothing");

    // The confirmation carries no ticket.
    let id = app.account("jane").await.id;
    let link = app.token_for("jane").await;
    assert_eq!(app.reset(&link, NEW_PASSWORD).await.status, 204);
    app.mailbox.take_events();
    app.deliver().await;
    let mut event = app.mailbox.take_events().remove(0);
    event["detail"]["eventType"] = json!("Bounce");
    event["detail"]["bounce"] = json!({"bounceType": "Permanent"});
    app.mail_event(event).await.unwrap();
    assert_eq!(shown(&member, id).await, "bounced");
    assert_eq!(app.events(id).await.pop().unwrap().ticket, None);
}

#[tokio::test]
async fn what_means_nothing_here_is_harmless() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = app.account("jane").await.id;
    link(&app, &member, id).await;
    let known = app.mailbox.take_events().remove(0);
    let before = app.lasting().await;
    let with = |member: &str, value: Value| {
        let mut event = known.clone();
        event["detail"][member] = value;
        event
    };
    let tagged = |name: &str, value: Value| {
        let mut event = with("eventType", json!("Complaint"));
        event["detail"]["mail"]["tags"][name] = value;
        event
    };
    let nobody = "01JD7Z3M5V8Q2X4Y6W0N1R9T3K";
    for event in [
        json!({}),
        json!(null),
        json!({"detail": []}),
        json!({"Records": []}),
        with("mail", json!({})),
        with("eventType", json!("Open")),
        with("eventType", json!("DeliveryDelay")),
        with("eventType", json!(7)),
        tagged("practice", json!(["no slug!"])),
        tagged("practice", json!(["another"])),
        tagged("outbox", json!([])),
        tagged("accounts-0", json!([format!("{nobody}_{nobody}")])),
        tagged("accounts-0", json!([nobody])),
        tagged("accounts-0", json!(["jane"])),
        tagged("accounts-0", json!("x")),
    ] {
        app.mail_event(event.clone()).await.unwrap_or_else(|error| panic!("{event}: {error}"));
    }
    assert_eq!(app.lasting().await, before);
    assert_eq!(app.account("jane").await.mail, MailStatus::Ok);
    let printed = logs::printed();
    assert!(
        printed.contains("mail_event_ignored") && !printed.contains("jane@agency.test"),
        "no address in the log"
    );
}

#[tokio::test]
async fn a_store_that_fails_leaves_nothing_half_told_and_the_event_comes_again() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = mailed(&app, &member, BOUNCING).await;
    let event = app.mailbox.take_events().remove(0);
    let before = app.dump().await;
    app.seam.inject("mail-events", "TransactWriteItems", 30, Fault::Down);
    app.mail_event(event.clone()).await.unwrap_err();
    app.seam.heal();
    assert_eq!(app.dump().await, before);
    app.seam.inject("mail-events", "TransactWriteItems", 1, Fault::AnswerLost);
    app.mail_event(event.clone()).await.unwrap();
    app.mail_event(event).await.unwrap();
    assert_eq!(app.actions("jane").await.iter().filter(|action| *action == "mail_bounced").count(), 1);
    assert_eq!(shown(&member, id).await, "bounced");
}

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

    // The sender's fault says nothing of the address; the ticket was not sent all the same.
    app.mailbox.fail_for("jane@agency.test", Failure::Unverified);
    link(&app, &member, id).await;
    assert_eq!(
        (tickets(&member, id).await[0].clone(), shown(&member, id).await),
        (pair("not_sent", "not_sent"), json!("ok"))
    );

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
