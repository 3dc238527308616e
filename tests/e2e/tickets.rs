//! T1 and T3 to T7: a ticket opens one account, once, before it expires.

use std::time::Duration;

use futures::future::join_all;
use rekey::domain::event::Action;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp, token_in};

#[tokio::test]
async fn a_link_carries_512_bits_of_which_256_are_secret_in_its_fragment() {
    let app = TestApp::start().await;
    let (one, other) = (app.token_for("jane").await, app.token_for("jane").await);
    let mail = app.mailbox.messages().remove(0);
    let url = mail.text.as_ref().unwrap().lines().find(|line| line.contains("#token=")).unwrap().to_owned();
    let (before, fragment) = url.split_once('#').unwrap();
    assert_eq!(before, "https://portal.agency.test/reset");
    assert_eq!(fragment, format!("token={other}"));
    assert_eq!(one.len(), 86, "64 bytes in base64url");
    let differing = one.bytes().zip(other.bytes()).filter(|(a, b)| a != b).count();
    assert!(differing > 30, "the secret halves differ: {differing}");
}

#[tokio::test]
async fn fifty_gets_and_heads_on_every_address_change_nothing() {
    let app = TestApp::start().await;
    let token = app.token_for("jane").await;
    let before = app.dump().await;
    for round in 0..50 {
        let method = if round % 2 == 0 { "GET" } else { "HEAD" };
        for path in ["/v1/password/reset", "/v1/password/reset/preview"] {
            let event = HttpEvent::new(method, path).query(&format!("token={token}"));
            let reply = app.send(event.json(&json!({"token": token, "new_password": NEW_PASSWORD}))).await;
            assert_eq!(reply.status, 405, "{method} {path}");
        }
    }
    assert_eq!(app.dump().await, before);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
}

#[tokio::test]
async fn preview_tells_what_the_link_is_for_and_consumes_nothing() {
    let app = TestApp::start().await;
    let token = app.token_for("jane").await;
    // Staff see that it was looked at, and nothing else changes.
    let without = |dump: Vec<String>| -> Vec<Value> {
        let mut items: Vec<Value> = dump.iter().map(|item| serde_json::from_str(item).unwrap()).collect();
        for item in &mut items {
            item.as_object_mut().unwrap().remove("opened_at");
        }
        items
    };
    let before = without(app.dump().await);
    for _ in 0..20 {
        let reply = app.preview(&token).await;
        assert_eq!(reply.status, 200);
        let expected = json!({
            "purpose": "reset",
            "practice": {
                "slug": "agency",
                "name": "Harbor Agency",
                "support": {"email": "help@agency.test", "phone": "+1 555 0100"},
            },
            "username": "jane",
            "expires_at": "2026-11-22T18:35:30Z",
            "question": null,
            "policy": {"min_length": 15, "max_length": 256},
        });
        assert_eq!(reply.json(), expected);
    }
    assert_eq!(without(app.dump().await), before);
}

#[tokio::test]
async fn an_expired_item_that_is_still_in_the_table_is_refused() {
    let app = TestApp::start().await;
    let token = app.token_for("jane").await;
    app.clock.advance(Duration::from_secs(86_395));
    assert_eq!(app.preview(&token).await.status, 200);
    app.clock.advance(Duration::from_secs(6));
    assert!(app.dump().await.iter().any(|item| item.contains("\"pk\":\"TICKET#")));
    assert_eq!(app.preview(&token).await.outcome(), (410, "expired_token".to_owned()));
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.outcome(), (410, "expired_token".to_owned()));
    assert_eq!(app.sign_in("jane", PASSWORD).await.status, 201);
}

#[tokio::test]
async fn expiry_is_a_condition_of_the_write_and_not_of_the_read_before_it() {
    let app = TestApp::start().await;
    let token = app.token_for("jane").await;
    // Whatever a reader thought before: the write alone must refuse.
    let parsed = rekey::secrets::token::Token::parse(&token).unwrap();
    let id = rekey::platform::ids::TicketId::from(parsed.subject);
    let found = app.store.find_ticket_with_account(parsed.account, id).await.unwrap().unwrap();
    let (ticket, account) = (found.ticket, found.account);
    let consume = async |now| {
        let hash = rekey::secrets::password::PasswordHash::import(crate::support::password_hash()).unwrap();
        let ambient = rekey::platform::clock::Ambient::system();
        let (action, actor) = (Action::AuthnPasswordChange, rekey::domain::event::Actor::Holder);
        let event = rekey::domain::event::Event::new(&ambient, &account.practice, action, actor).unwrap();
        let kind = rekey::domain::outbox::OutboxKind::PasswordChanged { account: account.id };
        let confirmation =
            rekey::domain::outbox::OutboxItem::new(&ambient, &account.practice, kind, None).unwrap();
        let reset = rekey::store::tickets::Reset {
            ticket: &ticket,
            used: &ticket.used(ticket.issued_at, None).unwrap(),
            changed: rekey::store::accounts::Changed {
                old: &account,
                new: &account.with_password(hash, None, ticket.owner_was_seen()),
            },
            now,
            event: &event,
            confirmation: &confirmation,
            limits: &[],
            sources: &[],
            answers: None,
        };
        app.store.consume_ticket(&reset).await.unwrap().is_written()
    };
    let before = app.dump().await;
    assert!(!consume(ticket.valid_until).await, "at the very end it is over");
    assert_eq!(app.dump().await, before);
    assert!(consume(ticket.valid_until - Duration::from_millis(1)).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_parallel_resets_exactly_one_succeeds() {
    let app = TestApp::start().await;
    let token = app.token_for("jane").await;
    let replies = join_all((0..100).map(|n| {
        let (app, token) = (&app, &token);
        async move { app.reset(token, &format!("lantern number {n} under snow")).await }
    }))
    .await;
    let won: Vec<usize> = (0..100).filter(|n| replies[*n].status == 204).collect();
    assert_eq!(won.len(), 1, "winners: {won:?}");
    for (n, reply) in replies.iter().enumerate().filter(|(n, _)| *n != won[0]) {
        assert_eq!(reply.outcome(), (410, "used_token".to_owned()), "{n}");
    }
    assert_eq!(app.account("jane").await.credential_version, 2, "one password write");
    let changes =
        app.actions("jane").await.into_iter().filter(|action| action == "authn_password_change").count();
    assert_eq!(changes, 1);
    assert_eq!(app.sign_in("jane", &format!("lantern number {} under snow", won[0])).await.status, 201);
}

#[tokio::test]
async fn setting_a_password_voids_every_other_ticket_and_session() {
    let app = TestApp::start().await;
    let sessions =
        [app.session_of("jane", PASSWORD).await, app.session_of("jane@agency.test", PASSWORD).await];
    let (one, other) = (app.token_for("jane").await, app.token_for("jane").await);
    assert_eq!(app.reset(&one, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.preview(&other).await.outcome(), (410, "revoked_token".to_owned()));
    assert_eq!(app.reset(&other, PASSWORD).await.outcome(), (410, "revoked_token".to_owned()));
    for session in sessions {
        assert_eq!(app.account_with(&session).await.outcome(), (401, "invalid_session".to_owned()));
    }
}

#[tokio::test]
async fn a_refused_password_does_not_burn_the_link() {
    let app = TestApp::start().await;
    let token = app.token_for("jane").await;
    for (password, reason) in [
        ("tiny pw", "too_short"),
        ("passwordpassword", "too_common"),
        (PASSWORD, "same_as_current"),
        ("harborharborharbor", "context_word"),
    ] {
        let reply = app.reset(&token, password).await;
        assert_eq!(reply.outcome(), (422, "weak_password".to_owned()), "{password}");
        assert_eq!(reply.json()["reasons"][0]["code"], reason, "{password}");
        assert!(!reply.body.contains(password), "{}", reply.body);
    }
    assert_eq!(app.reset(&token, &"x".repeat(257)).await.status, 400);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
}

#[tokio::test]
async fn a_retry_with_its_idempotency_key_gets_the_same_success() {
    let app = TestApp::start().await;
    let token = app.token_for("jane").await;
    let reset = |key: &str, password: &str| {
        let body = json!({"token": token, "new_password": password});
        HttpEvent::new("POST", "/v1/password/reset").header("idempotency-key", key).json(&body)
    };
    assert_eq!(app.send(reset("abc", NEW_PASSWORD)).await.status, 204);
    let beside_the_count = async || {
        let lines = app.lasting().await.into_iter();
        lines.filter(|line| !line.contains("\"pk\":\"TICKET#")).collect::<Vec<_>>()
    };
    let after = beside_the_count().await;
    assert_eq!(app.send(reset("abc", NEW_PASSWORD)).await.status, 204);
    assert!(beside_the_count().await == after, "nothing was written again");
    let other = app.send(reset("abc", "another password altogether")).await;
    assert_eq!(other.outcome(), (422, "idempotency_key_reused".to_owned()));
    assert_eq!(app.send(reset("xyz", NEW_PASSWORD)).await.outcome(), (410, "used_token".to_owned()));
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.outcome(), (410, "used_token".to_owned()));
    assert_eq!(app.send(reset("", NEW_PASSWORD)).await.status, 400);
}

#[tokio::test]
async fn a_used_ticket_and_its_key_are_no_way_to_try_passwords_out() {
    let app = TestApp::start().await;
    let reset = async |token: &str, password: &str| {
        let body = json!({"token": token, "new_password": password});
        let event = HttpEvent::new("POST", "/v1/password/reset").header("idempotency-key", "constant");
        app.send(event.json(&body)).await.outcome().0
    };
    let token = app.token_for("jane").await;
    assert_eq!(reset(&token, NEW_PASSWORD).await, 204);
    for n in 0..5 {
        assert_eq!(reset(&token, &format!("guess number {n} of five")).await, 422);
    }
    assert_eq!(reset(&token, NEW_PASSWORD).await, 410, "misses count");
    let misses =
        app.actions("jane").await.into_iter().filter(|action| action == "authn_password_change_fail").count();
    assert_eq!(misses, 5, "and are recorded");

    // All of these find the ticket without a miss.
    let token = app.token_for("tom").await;
    assert_eq!(reset(&token, NEW_PASSWORD).await, 204);
    let guesses: Vec<String> = (0..40).map(|n| format!("guess number {n} of forty")).collect();
    let outcomes = join_all(guesses.iter().map(|guess| reset(&token, guess))).await;
    let compared = outcomes.iter().filter(|status| **status == 422).count();
    assert!((1..=20).contains(&compared), "{compared}");
    assert!(outcomes.iter().all(|status| [422, 410].contains(status)), "{outcomes:?}");

    let token = app.token_for("sam").await;
    assert_eq!(reset(&token, NEW_PASSWORD).await, 204);
    app.clock.advance(Duration::from_mins(9));
    assert_eq!(reset(&token, NEW_PASSWORD).await, 204);
    app.clock.advance(Duration::from_mins(1));
    assert_eq!(reset(&token, NEW_PASSWORD).await, 410, "a retry comes soon or never");

    let first = app.token_for("lily").await;
    assert_eq!(reset(&first, NEW_PASSWORD).await, 204);
    let second = app.token_for("lily").await;
    assert_eq!(app.reset(&second, "another password altogether").await.status, 204);
    assert_eq!(reset(&first, "another password altogether").await, 410, "a later change ends it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_retries_with_one_idempotency_key_all_succeed_with_one_write() {
    let app = TestApp::start().await;
    let token = app.token_for("jane").await;
    let body = json!({"token": token, "new_password": NEW_PASSWORD});
    let event = HttpEvent::new("POST", "/v1/password/reset").header("idempotency-key", "abc").json(&body);
    let replies = join_all((0..10).map(|_| app.send(event.clone()))).await;
    assert!(replies.iter().all(|reply| reply.status == 204), "{replies:?}");
    assert_eq!(app.account("jane").await.credential_version, 2);
}

#[tokio::test]
async fn a_token_that_is_no_string_is_a_400_and_one_never_issued_a_404() {
    let app = TestApp::start().await;
    let token = app.token_for("jane").await;
    for wrong in [json!(null), json!(""), json!(7), json!([token]), json!({"token": token})] {
        for path in ["/v1/password/reset", "/v1/password/reset/preview"] {
            let mut body = json!({"token": wrong});
            if path.ends_with("reset") {
                body["new_password"] = json!(NEW_PASSWORD);
            }
            let reply = app.post(path, body).await;
            assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{wrong} at {path}");
        }
    }
    for unknown in ["x", &"A".repeat(86), &token[1..], &format!("{token}A")] {
        assert_eq!(app.preview(unknown).await.outcome(), (404, "invalid_token".to_owned()), "{unknown}");
        assert_eq!(
            app.reset(unknown, NEW_PASSWORD).await.outcome(),
            (404, "invalid_token".to_owned()),
            "{unknown}"
        );
    }
}

#[tokio::test]
async fn a_token_opens_its_own_account_and_nothing_else() {
    let app = TestApp::start().await;
    let (jane, sam) = (app.token_for("jane").await, app.token_for("sam").await);
    // Account and ticket of one, secret of the other: 22 characters are 16 bytes and a little of the next.
    let spliced = format!("{}{}", &jane[..43], &sam[43..]);
    assert_eq!(app.reset(&spliced, NEW_PASSWORD).await.status, 404);
    let session = app.session_of("sam", PASSWORD).await;
    assert_eq!(app.reset(&session, NEW_PASSWORD).await.status, 404, "a session is no ticket");
    assert_eq!(app.account_with(&sam).await.status, 401, "a ticket is no session");
    assert_eq!(app.reset(&jane, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.sign_in("sam", PASSWORD).await.status, 201);
}

#[tokio::test]
async fn a_ticket_is_issued_then_sent_then_used() {
    let app = TestApp::start().await;
    let id = app.account("jane").await.id;
    let state = async || app.store.list_tickets(id).await.unwrap().tickets[0].state;
    app.mailbox.fail_next(3, rekey_local::mailbox::Failure::AccountPaused);
    app.forgot("jane").await;
    let record = app.stream_records().await.pop().unwrap();
    app.invoke_mailer(json!({"Records": [record]})).await;
    assert_eq!(state().await, rekey::domain::ticket::State::Issued);
    app.mailbox.clear_failures();
    app.clock.advance(Duration::from_mins(1));
    app.sweep().await;
    assert_eq!(state().await, rekey::domain::ticket::State::Sent);
    app.reset(&token_in(&app.mailbox.messages()[0]), NEW_PASSWORD).await;
    assert_eq!(state().await, rekey::domain::ticket::State::Used);
}

#[tokio::test]
async fn a_ticket_dies_with_its_account() {
    let app = TestApp::start().await;
    let token = app.token_for("jane").await;
    let account = app.account("jane").await;
    let update = app.dynamodb.update_item().table_name(&app.table).update_expression("SET active = :no");
    let key = rekey::store::keys::account(account.id).attributes();
    let no = aws_sdk_dynamodb::types::AttributeValue::Bool(false);
    update.set_key(Some(key)).expression_attribute_values(":no", no).send().await.unwrap();
    assert_eq!(app.preview(&token).await.outcome(), (410, "revoked_token".to_owned()));
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.outcome(), (410, "revoked_token".to_owned()));
}

#[tokio::test]
async fn only_whoever_has_the_token_of_a_good_link_opens_it() {
    let app = TestApp::start().await;
    let token = app.token_for("jane").await;
    let id = app.account("jane").await.id;
    let opened = async || app.store.list_tickets(id).await.unwrap().tickets[0].opened_at;
    let mut forged = token.clone().into_bytes();
    forged[60] = if forged[60] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    assert_eq!(app.preview(&forged).await.outcome(), (404, "invalid_token".to_owned()));
    assert_eq!(opened().await, None, "the ids alone, which staff see, do not");
    app.clock.advance(Duration::from_hours(24));
    assert_eq!(app.preview(&token).await.outcome(), (410, "expired_token".to_owned()));
    assert_eq!(opened().await, None, "nor too late");
    let token = app.token_for("sam").await;
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.preview(&token).await.outcome(), (410, "used_token".to_owned()));
    let sam = app.store.list_tickets(app.account("sam").await.id).await.unwrap();
    assert_eq!(sam.tickets[0].opened_at, None, "nor once it is used");
}
