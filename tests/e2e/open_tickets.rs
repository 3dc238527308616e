//! T7: how many tickets are open at once, and for how long the one lasts that is sent again.

use futures::future::join_all;
use rekey::domain::ticket::Kind;
use rekey::platform::clock::{Clock as _, Timestamp, hours};
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::{NEW_PASSWORD, TestApp, token_in};

#[tokio::test]
async fn late_mails_work_and_no_more_than_three_tickets_are_open() {
    let app = TestApp::start().await;
    let mut tokens = Vec::new();
    for _ in 0..5 {
        tokens.push(app.token_for("jane").await);
        app.clock.advance(hours(1));
    }
    assert_eq!(tokens[1], tokens[2], "with two open, the newest is sent again");
    assert_eq!(tokens[2], tokens[4]);
    tokens.dedup();
    assert_eq!(tokens.len(), 2);
    for _ in 0..2 {
        app.code_for("jane@agency.test").await;
    }
    for token in &tokens {
        assert_eq!(app.preview(token).await.status, 200);
    }
    let open = app.store.list_tickets(app.account("jane").await.id).await.unwrap().tickets;
    let kinds: Vec<_> = open.iter().map(|ticket| ticket.kind).collect();
    assert_eq!(kinds, [Kind::ResetLink, Kind::ResetLink, Kind::VerificationCode]);
    assert_eq!(app.reset(&tokens[0], NEW_PASSWORD).await.status, 204, "the first mail still lets in");
}

#[tokio::test]
async fn a_link_that_is_sent_again_has_half_of_its_life_left() {
    let app = TestApp::start().await;
    let mut tokens = Vec::new();
    // The links live for 24 hours.
    for _ in 0..30 {
        let token = app.token_for("jane").await;
        let shown = app.preview(&token).await.json();
        let until = Timestamp::parse(shown["expires_at"].as_str().unwrap()).unwrap();
        assert!(until >= app.clock.now() + hours(11), "{until}");
        tokens.push(token);
        let tickets = app.store.list_tickets(app.account("jane").await.id).await.unwrap().tickets;
        let open = tickets.iter().filter(|ticket| ticket.valid_until > app.clock.now()).count();
        assert!(open <= 4, "{open}");
        app.clock.advance(hours(3));
    }
    tokens.dedup();
    assert!(tokens.len() < 20, "{}", tokens.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mailers_that_race_issue_no_more_than_three_tickets() {
    let app = TestApp::start().await;
    let account = app.account("jane").await;
    let batches: Vec<Value> = {
        let mut batches = Vec::new();
        for n in 0..6 {
            let method = if n % 2 == 0 { "link" } else { "code" };
            let identifier = if n < 3 { "jane" } else { "jane@agency.test" };
            let body = json!({"practice": "agency", "identifier": identifier, "method": method});
            let event =
                HttpEvent::new("POST", "/v1/password/forgot").at_ip(&format!("198.51.100.{n}")).json(&body);
            assert_eq!(app.send(event).await.status, 202);
        }
        for record in app.stream_records().await {
            batches.push(json!({"Records": [record]}));
        }
        batches
    };
    join_all(batches.into_iter().map(|batch| app.invoke_mailer(batch))).await;
    assert_eq!(app.mailbox.messages().len(), 6, "each request is answered with a mail");
    let tickets = app.store.list_tickets(account.id).await.unwrap().tickets;
    assert_eq!(tickets.len(), 3);
    let link =
        app.mailbox.messages().into_iter().find(|mail| mail.text.as_ref().unwrap().contains("#token="));
    let token = token_in(&link.unwrap());
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
}
