//! T2, L1: nobody gets more codes than an identifier may have, and a flood of requests does not lock out the account's
//! owner.

use std::collections::BTreeMap;
use std::time::Duration;

use rekey::platform::clock::hours;
use serde_json::{Value, json};

use crate::support::codes::{token_of, verify_from};
use crate::support::demo::at;
use crate::support::event::{HttpEvent, source};
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp, code_in, other_than};

#[tokio::test]
async fn four_codes_a_day_for_one_identifier_however_it_is_spelled_and_links_besides() {
    let app = TestApp::start().await;
    let ask = async |spelling: &str, method: &str| {
        let body = json!({"practice": "agency", "identifier": spelling, "method": method});
        app.post("/v1/password/forgot", body).await
    };
    for (n, spelling) in ["zo\u{eb}", "ZO\u{cb}", "zoe\u{308}", " Zoe\u{308} "].into_iter().enumerate() {
        assert_eq!(ask(spelling, "code").await.status, 202, "{n}");
        app.clock.advance(hours(1));
    }
    let reply = ask("zo\u{eb}", "code").await;
    assert_eq!(reply.outcome(), (429, "too_many_requests".to_owned()));
    let wait: u64 = reply.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((20 * 3600..=20 * 3600 + 900).contains(&wait), "{wait}");
    assert_eq!(ask("zo\u{eb}", "link").await.status, 202, "a link is no guess");
    app.clock.advance(hours(20) + Duration::from_mins(15));
    assert_eq!(ask("zo\u{eb}", "code").await.status, 202, "the first has left the window");
    assert_eq!(ask("zo\u{eb}", "code").await.status, 429, "the second has not");
}

/// Guesses at codes of an hour's life reach into the next day, so their window is longer by as much.
#[tokio::test]
async fn codes_that_live_an_hour_are_counted_over_twenty_five_hours() {
    let app = at("therapy", json!({"recovery_methods": ["code"], "code_ttl": 3600})).await;
    let ask = async || {
        app.post("/v1/password/forgot", json!({"practice": "therapy", "identifier": "jane"})).await.status
    };
    let (request, code) = {
        let request = app.forgot_by_code("therapy", "client", "jane").await;
        app.deliver().await;
        (request, code_in(&app.mailbox.messages()[0]))
    };
    for _ in 0..2 {
        assert_eq!(ask().await, 202);
    }
    app.clock.advance(Duration::from_mins(59));
    assert_eq!(
        app.verify(&request, &other_than(&code)).await.status,
        400,
        "the mail was late, and the code is good"
    );
    assert_eq!(app.verify(&request, &code).await.status, 200);
    app.clock.advance(Duration::from_mins(2));
    assert_eq!(ask().await, 202, "the fourth");
    app.clock.advance(hours(2));
    assert_eq!(ask().await, 429, "the fifth");
    app.clock.advance(hours(21) + Duration::from_mins(28));
    assert_eq!(ask().await, 429, "24 hours and 29 minutes");
    app.clock.advance(Duration::from_mins(31));
    assert_eq!(ask().await, 202, "25 hours after the first");
}

#[tokio::test]
async fn nothing_around_a_request_gains_another_code_or_guess() {
    let app = TestApp::start().await;
    let (request, code) = app.code_for("jane").await;
    let guess = json!({"request_id": request, "code": other_than(&code)});
    let event = || HttpEvent::new("POST", "/v1/password/verify-code").json(&guess);
    for (event, left) in [
        (event().cookies("a=1"), 4),
        (event().cookies("a=2").header("x-forwarded-for", "192.0.2.9"), 3),
        (event().header("forwarded", "for=192.0.2.10").header("user-agent", "other"), 2),
        (event().at_ip("192.0.2.11").query("x=1"), 1),
    ] {
        assert_eq!(app.send(event).await.json()["attempts_left"], left);
    }
    for path in ["/v1//password/verify-code", "//v1/password/verify-code", "/v1/password/verify-code/"] {
        let reply = app.send(HttpEvent::new("POST", path).json(&guess)).await;
        assert_eq!(reply.outcome(), (404, "not_found".to_owned()), "{path}");
    }
    token_of(&app.verify(&request, &code).await);

    for (network, other) in [("203.0.113.9", "203.0.113.10"), ("2001:db8:1:2", "2001:db8:1:3::1")] {
        let ask = async |n: usize, ip: &str| {
            let body = json!({"practice": "agency", "identifier": format!("{n}@{}.test", other.len()), "method": "code"});
            app.send(HttpEvent::new("POST", "/v1/password/forgot").at_ip(ip).json(&body))
                .await
                .status
                .as_u16()
        };
        let ip =
            |n: usize| if network.contains(':') { format!("{network}:{n}::1") } else { network.to_owned() };
        for n in 0..30 {
            assert_eq!(ask(n, &ip(n)).await, 202, "{n}");
        }
        assert_eq!(ask(30, &ip(30)).await, 429);
        assert_eq!(ask(30, other).await, 202);
    }
}

#[tokio::test]
async fn lifting_the_limits_on_requests_does_not_lift_the_one_on_codes() {
    let lifted =
        ["IDENTIFIER_HOUR", "IDENTIFIER_DAY", "ADDRESS_HOUR"].map(|name| format!("REKEY_FORGOT_PER_{name}"));
    let lifted: Vec<(&str, &str)> = lifted.iter().map(|name| (name.as_str(), "0")).collect();
    let app = TestApp::start_with(&lifted).await;
    app.create_practice("agency", json!({})).await;
    for _ in 0..4 {
        app.forgot_by_code("agency", "client", "jane").await;
    }
    let body = json!({"practice": "agency", "identifier": "jane", "method": "code"});
    assert_eq!(app.post("/v1/password/forgot", body).await.status, 429);
}

#[tokio::test]
async fn a_flood_of_requests_and_guesses_leaves_the_victims_own_code_working() {
    let app = TestApp::start().await;
    let (own, code) = app.code_for("jane").await;
    for n in 0..40 {
        let method = if n % 2 == 0 { "code" } else { "link" };
        let body = json!({"practice": "agency", "identifier": "jane", "method": method});
        let event =
            HttpEvent::new("POST", "/v1/password/forgot").at_ip(&format!("198.51.100.{n}")).json(&body);
        let reply = app.send(event).await;
        if let Some(request) = reply.json()["request_id"].as_str() {
            for guess in 0..6 {
                verify_from(&app, request, &format!("{guess:08}"), &format!("192.0.2.{n}")).await;
            }
        }
    }
    app.deliver().await;
    assert_eq!(app.sign_in("jane", PASSWORD).await.status, 201, "sign-in is not locked");
    let (later, fresh) = app.code_for("jane@agency.test").await;
    token_of(&app.verify(&later, &fresh).await);
    let token = token_of(&app.verify(&own, &code).await);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
}

/// The lengths of the codes that requests of a practice wait for.
async fn lengths(app: &TestApp) -> BTreeMap<u64, usize> {
    let mut lengths = BTreeMap::new();
    for item in app.dump().await.iter().filter(|item| item.contains("\"pk\":\"REQUEST#")) {
        let item: Value = serde_json::from_str(item).unwrap();
        if let Some(length) = item["challenge"]["length"].as_u64() {
            *lengths.entry(length).or_default() += 1;
        }
    }
    lengths
}

#[tokio::test]
async fn a_practice_mails_few_short_codes_a_day_and_nobody_is_refused() {
    let app = at("agency", json!({"code_length": 6})).await;
    let ask = async |n: usize| {
        let body = json!({"practice": "agency", "identifier": format!("name{n}"), "method": "code"});
        let reply =
            app.send(HttpEvent::new("POST", "/v1/password/forgot").at_ip(&source(n)).json(&body)).await;
        assert_eq!(reply.status, 202, "{n}");
    };
    let digits = |code: &str| code.chars().filter(char::is_ascii_digit).count();
    let (request, code) = app.code_for("jane").await;
    assert_eq!(digits(&code), 6, "as the practice has chosen");
    assert_eq!(app.verify(&request, &code).await.status, 200);
    for n in 0..900 {
        ask(n).await;
    }
    let lengths_of_a_day = lengths(&app).await;
    let short = lengths_of_a_day[&6];
    assert!((400..=512).contains(&short) && lengths_of_a_day[&8] == 901 - short, "{lengths_of_a_day:?}");
    app.seam.forget();
    ask(900).await;
    assert_eq!(app.seam.counts("forgot-password")["TransactWriteItems"], 1, "the first is remembered");
    let (request, code) = app.code_for("sam").await;
    assert_eq!(digits(&code), 8, "{lengths_of_a_day:?}");
    assert_eq!(app.verify(&request, "123456").await.json()["attempts_left"], 5);
    assert_eq!(app.verify(&request, &code).await.status, 200);
    app.clock.advance(hours(24));
    assert_eq!(digits(&app.code_for("lily").await.1), 6, "another day");
}
