//! SES's reports about mails: they are recorded on tickets and accounts, whatever their order and number.

use rekey::domain::account::MailStatus;
use rekey::domain::event::Action;
use rekey::platform::ids::AccountId;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::seam::Fault;
use crate::support::staff::{ACCOUNTS, StaffMember, at_work};
use crate::support::{NEW_PASSWORD, Reply, TestApp, logs, token_in};

pub const BOUNCING: &str = "bounce+jane@simulator.amazonses.com";
pub const COMPLAINING: &str = "complaint@simulator.amazonses.com";

/// Mails a link to an account, and brings what SES reports of it.
pub async fn link(app: &TestApp, member: &StaffMember<'_>, id: AccountId) -> Reply {
    let body = json!({"expires_at": "2026-11-22T18:00:00Z", "deliver": "email"});
    let reply = member.send(HttpEvent::new("POST", &format!("{ACCOUNTS}/{id}/links")).json(&body)).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    app.deliver().await;
    reply
}

/// Gives jane an address of SES's simulator and mails her a link. Returns her account.
pub async fn mailed(app: &TestApp, member: &StaffMember<'_>, address: &str) -> AccountId {
    let id = app.account("jane").await.id;
    readdress(app, member, id, address).await;
    link(app, member, id).await;
    id
}

/// Gives an account another address, and waits until the former one has been told.
async fn readdress(app: &TestApp, member: &StaffMember<'_>, id: AccountId, address: &str) {
    let change = json!({"email": address, "proof": {"method": "in_person"}});
    assert_eq!(member.patch(id, change).await.json()["mail"], "ok");
    app.deliver().await;
    app.mailbox.take_events();
}

/// State and mail of each ticket, the newest first.
pub async fn tickets(member: &StaffMember<'_>, id: AccountId) -> Vec<(String, Value)> {
    let reply = member.get(&format!("{ACCOUNTS}/{id}/tickets")).await.json();
    let tickets = reply["tickets"].as_array().unwrap().clone();
    tickets
        .into_iter()
        .map(|ticket| (ticket["state"].as_str().unwrap().to_owned(), ticket["mail"].clone()))
        .collect()
}

pub async fn shown(member: &StaffMember<'_>, id: AccountId) -> Value {
    member.get(&format!("{ACCOUNTS}/{id}")).await.json()["mail"].clone()
}

pub fn pair(state: &str, mail: impl Into<Value>) -> (String, Value) {
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
    readdress(&app, &member, id, BOUNCING).await;
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
    assert_eq!(app.events(id).await.iter().filter(|event| event.action == Action::MailBounced).count(), 5);

    readdress(&app, &member, id, "jane@agency.test").await;
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
        for address in ["jane@agency.test", COMPLAINING] {
            readdress(&app, &member, id, address).await;
        }
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
