//! T2: a code cannot be guessed: not by trying one after the other, not from many places at once, and not from what is
//! stored.

use std::time::Duration;

use futures::future::join_all;
use rekey::platform::clock::hours;
use serde_json::{Value, json};

use crate::support::codes::{expired, token_of, verify_from};
use crate::support::event::HttpEvent;
use crate::support::seam::Fault;
use crate::support::{NEW_PASSWORD, Reply, TestApp, code_in, demo_accounts, other_than};

#[tokio::test]
async fn attempts_are_counted_down_alike_for_known_and_unknown_and_the_sixth_is_too_late() {
    let app = TestApp::start().await;
    for identifier in ["jane", "nobody"] {
        let request = app.forgot_by_code("agency", "client", identifier).await;
        app.deliver().await;
        let code = app.mailbox.messages().first().map(code_in).unwrap();
        app.mailbox.clear().unwrap();
        app.forgot_by_code("agency", "client", "sam").await;
        app.deliver().await;
        for left in [4, 3, 2, 1, 0] {
            let reply = app.verify(&request, &other_than(&code)).await;
            assert_eq!(reply.outcome(), (400, "invalid_code".to_owned()), "{identifier}");
            assert_eq!(reply.json()["attempts_left"], left, "{identifier}");
        }
        for _ in 0..3 {
            assert_eq!(app.verify(&request, &code).await.outcome(), expired(), "{identifier}: right or not");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_guesses_from_everywhere_are_compared_no_more_often_than_the_budget() {
    let app = TestApp::start().await;
    let ask = async |n: usize, spelling: &str| {
        let body = json!({"practice": "agency", "identifier": spelling, "method": "code"});
        let event = HttpEvent::new("POST", "/v1/password/forgot").at_ip(&format!("198.51.100.{}", n % 250));
        let event = event.header("x-forwarded-for", &format!("192.0.2.{}", n % 250));
        app.send(event.json(&body)).await
    };
    let (mut compared, mut guesses, mut requests) = (0, 0, 0);
    for hour in 0..24 {
        let spellings = ["jane@agency.test", "JANE@agency.test", " jane@Agency.TEST. ", "jane@agency.test."];
        let replies = join_all((0..12).map(|n| ask(n, spellings[n % 4]))).await;
        let taken: Vec<String> = replies
            .iter()
            .filter(|reply| reply.status == 202)
            .map(|reply| reply.json()["request_id"].as_str().unwrap().to_owned())
            .collect();
        requests += taken.len();
        app.deliver().await;
        let mails = app.mailbox.messages();
        let right: Vec<String> = mails.iter().map(code_in).collect();
        let (app, taken, right) = (&app, &taken, &right);
        let many = if taken.is_empty() { 0 } else { 5_000 };
        let replies = join_all((0..many).map(|n| async move {
            let guess = format!("{:04} {n:04}", hour * 100);
            assert!(!right.contains(&guess), "once in some ten thousand runs a guess is right");
            let ip = format!("2001:db8:{:x}:{n:x}::1", n % 7);
            verify_from(app, &taken[n % taken.len()], &guess, &ip).await.status.as_u16()
        }))
        .await;
        guesses += replies.len();
        compared += replies.iter().filter(|status| **status == 400).count();
        assert!(replies.iter().all(|status| matches!(status, 400 | 410)), "{hour}");
        app.clock.advance(hours(1));
    }
    assert_eq!((guesses, requests), (10_000, 4));
    assert_eq!(compared, 20, "of ten thousand");
    assert_eq!(
        ask(1, "jane@agency.test").await.status,
        429,
        "a day is not enough: codes live on for a while"
    );
    app.clock.advance(Duration::from_mins(15));
    assert_eq!(ask(1, "jane@agency.test").await.status, 202);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_parallel_right_codes_exactly_one_is_exchanged() {
    let app = TestApp::start().await;
    let (request, code) = app.code_for("jane").await;
    let replies = join_all((0..100).map(|_| app.verify(&request, &code))).await;
    let exchanged: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 200).collect();
    assert_eq!(exchanged.len(), 1);
    assert!(replies.iter().filter(|reply| reply.status != 200).all(|reply| reply.outcome() == expired()));
    assert_eq!(app.verify(&request, &code).await.outcome(), expired(), "a code works once");

    let (request, code) = app.code_for("jane").await;
    let exchanged = [app.verify(&request, &code).await];
    let exchanged: Vec<&Reply> = exchanged.iter().collect();
    for code in [&code, &other_than(&code)] {
        assert_eq!(app.verify(&request, code).await.outcome(), expired(), "right or wrong");
    }
    assert_eq!(app.reset(&token_of(exchanged[0]), NEW_PASSWORD).await.status, 204);
}

#[tokio::test]
async fn a_number_of_another_length_is_no_code_of_the_request_and_costs_no_attempt() {
    let app = TestApp::start().await;
    for identifier in ["jane", "nobody"] {
        let asked = json!({"practice": "agency", "identifier": identifier, "method": "code"});
        let request =
            app.post("/v1/password/forgot", asked).await.json()["request_id"].as_str().unwrap().to_owned();
        app.deliver().await;
        for typed in ["123456", "1234567", "123 456 789", "1234567890"] {
            let reply = app.verify(&request, typed).await;
            assert_eq!(reply.outcome(), (400, "invalid_code".to_owned()), "{identifier} {typed}");
            assert_eq!(reply.json()["attempts_left"], 5, "{identifier} {typed}");
        }
        let reply = app.verify(&request, "00000000").await;
        assert_eq!(
            (reply.code().as_str(), &reply.json()["attempts_left"]),
            ("invalid_code", &json!(4)),
            "{identifier}"
        );
    }
}

#[tokio::test]
async fn what_no_code_can_be_is_refused_and_costs_no_attempt() {
    let app = TestApp::start().await;
    let (request, code) = app.code_for("jane").await;
    let before = app.dump().await;
    let body = |request: Value, code: Value| json!({"request_id": request, "code": code});
    let digits: i64 = code.replace(' ', "").parse().unwrap();
    for (request, code) in [
        (json!(request), json!(null)),
        (json!(request), json!("")),
        (json!(request), json!(digits)),
        (json!(request), json!([code])),
        (json!(request), json!({"code": code})),
        (json!(request), json!("12345")),
        (json!(request), json!("12345678901")),
        (json!(request), json!("1234567x")),
        (json!("no id"), json!(code)),
        (json!(""), json!(code)),
        (json!(null), json!(code)),
        (json!([request]), json!(code)),
    ] {
        let reply = app.post("/v1/password/verify-code", body(request.clone(), code.clone())).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{request} {code}: {}", reply.body);
    }
    for event in ["GET", "HEAD"].into_iter().cycle().take(50) {
        let event = HttpEvent::new(event, "/v1/password/verify-code");
        let event = event.query(&format!("request_id={request}&code={digits}"));
        assert_eq!(app.send(event.json(&body(json!(request), json!(code)))).await.status, 405);
    }
    assert_eq!(app.dump().await, before);
    let full_width: String = code
        .chars()
        .map(|c| c.to_digit(10).map_or('\u{2013}', |d| char::from_u32(0xff10 + d).unwrap()))
        .collect();
    token_of(&app.verify(&request.to_lowercase(), &format!(" {full_width}\n")).await);
}

/// Tries every code of six digits against what the table keeps, as somebody would who has read this repository. Answers
/// those that fit.
fn search(kept: &Value, request: &str, key: &[u8]) -> Vec<String> {
    let digest: rekey::secrets::token::Digest = serde_json::from_value(kept.clone()).unwrap();
    let request: rekey::platform::ids::OutboxId = request.parse().unwrap();
    let fits = |code: &String| {
        let parts: [&[u8]; 3] = [b"rekey stored code", &request.to_bytes(), code.as_bytes()];
        rekey::secrets::token::keyed(key, &parts) == *digest.as_bytes()
    };
    // Half of them in each of two threads.
    let half = |from: u32| (from..from + 500_000).map(|n| format!("{n:06}")).filter(fits).collect::<Vec<_>>();
    let mut found = std::thread::scope(|scope| {
        let first = scope.spawn(|| half(0));
        let second = half(500_000);
        [first.join().unwrap(), second].concat()
    });
    found.sort();
    found
}

#[tokio::test]
async fn a_dump_gives_no_code_to_who_has_everything_but_the_key() {
    let app = TestApp::start_with(&[]).await;
    app.create_practice("therapy", json!({"code_length": 6})).await;
    app.import("therapy", &demo_accounts("therapy")).await;
    let request = app.forgot_by_code("therapy", "client", "jane").await;
    app.deliver().await;
    let code = code_in(&app.mailbox.messages()[0]).replace(' ', "");
    let dump = app.dump().await;
    let item = dump.iter().find(|item| item.contains(&format!("REQUEST#{request}"))).unwrap();
    let item: Value = serde_json::from_str(item).unwrap();
    let mailed = &item["challenge"]["mailed"][0];
    assert!(!dump.join("").contains(&code), "the code itself is nowhere");

    let key = |secret: &str| {
        let ring: Value = serde_json::from_str(&app.keys[secret]).unwrap();
        ring["k1"].as_str().unwrap().as_bytes().to_vec()
    };
    let nonce = item["nonce"].as_str().unwrap().as_bytes();
    for other in [nonce, &key("rekey/pepper")] {
        assert!(search(&mailed["digest"], &request, other).is_empty());
    }
    assert_eq!(search(&mailed["digest"], &request, &key("rekey/codes")), [code], "the search itself works");
}

#[tokio::test]
async fn the_trail_has_every_code_and_every_guess() {
    let app = TestApp::start().await;
    let (request, code) = app.code_for("jane").await;
    for _ in 0..2 {
        app.verify(&request, &other_than(&code)).await;
    }
    token_of(&app.verify(&request, &code).await);
    let (request, code) = app.code_for("jane").await;
    for _ in 0..9 {
        app.verify(&request, &other_than(&code)).await;
    }
    let events = app.events(app.account("jane").await.id).await;
    let mut trail = Vec::new();
    for event in &events[1..] {
        let event = serde_json::to_value(event).unwrap();
        let words = ["action", "reason"].map(|name| event[name].as_str().unwrap_or_default().to_owned());
        trail.push(words.join(" ").trim().to_owned());
        assert!(event["ticket"].is_string(), "{event}");
    }
    let mut expected = vec!["authn_token_created", "mail_sent"];
    expected.extend(["authn_code_fail wrong_code"; 2]);
    expected.extend(["authn_code_success", "mail_sent"]);
    expected.extend(["authn_code_fail wrong_code"; 4]);
    expected.push("authn_code_fail last_wrong_code");
    assert_eq!(trail, expected);
}

#[tokio::test]
async fn failing_dependencies_cost_no_attempt_more_than_they_must() {
    let app = TestApp::start().await;
    let (request, code) = app.code_for("jane").await;
    let before = app.dump().await;
    app.secrets.set_failing(true);
    assert_eq!(app.verify(&request, &code).await.status, 503);
    app.secrets.set_failing(false);
    app.seam.inject("verify-code", "UpdateItem", 3, Fault::Down);
    assert_eq!(app.verify(&request, &code).await.status, 503);
    app.seam.heal();
    assert_eq!(app.dump().await, before);
    app.seam.inject("verify-code", "UpdateItem", 1, Fault::AnswerLost);
    let reply = app.verify(&request, &other_than(&code)).await;
    assert_eq!(reply.json()["attempts_left"], 4, "counted once");
    app.seam.heal();
    app.seam.inject("verify-code", "UpdateItem", 6, Fault::Conflict);
    let reply = app.verify(&request, &other_than(&code)).await;
    assert_eq!(reply.json()["attempts_left"], 3, "a transaction in the way refuses nobody");
    app.seam.heal();
    app.seam.inject("verify-code", "TransactWriteItems", 3, Fault::Down);
    assert_eq!(app.verify(&request, &code).await.status, 503);
    app.seam.heal();
    let tickets = app.store.list_tickets(app.account("jane").await.id).await.unwrap().tickets;
    assert_eq!(tickets[0].digest, None, "nothing half done");
    app.seam.inject("verify-code", "TransactWriteItems", 1, Fault::AnswerLost);
    let token = token_of(&app.verify(&request, &code).await);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
}
