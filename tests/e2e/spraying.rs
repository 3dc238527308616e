//! L3: one password on many names is seen by its source and by its practice, and stops nobody who is known.

use std::collections::BTreeMap;

use futures::future::join_all;
use rekey::platform::clock::{days, hours};
use serde_json::{Value, json};

use crate::support::change_log::changes;
use crate::support::event::{HttpEvent, source};
use crate::support::seam::Fault;
use crate::support::staff::at_work;
use crate::support::temporary::{change, mailed};
use crate::support::{NEW_PASSWORD, PASSWORD, Reply, TestApp, demo_accounts};

/// A deployment whose practices take few failures: a quarter of the shards' least parts, so that a test fills them fast.
async fn with_limits(per_address: &str, per_practice: &str) -> TestApp {
    let limits = [
        ("REKEY_FAILURES_PER_ADDRESS_HOUR", per_address),
        ("REKEY_FAILURES_PER_PRACTICE_HOUR", per_practice),
    ];
    let app = TestApp::start_with(&limits).await;
    for practice in ["agency", "therapy"] {
        app.create_practice(practice, json!({})).await;
        app.import(practice, &demo_accounts(practice)).await;
    }
    app
}

async fn sign_in_at(app: &TestApp, practice: &str, (name, password): (&str, &str), ip: &str) -> Reply {
    let body = json!({"practice": practice, "identifier": name, "password": password});
    app.send(HttpEvent::new("POST", "/v1/sessions").at_ip(ip).json(&body)).await
}

async fn try_from(app: &TestApp, name: &str, password: &str, ip: &str) -> Reply {
    sign_in_at(app, "agency", (name, password), ip).await
}

/// Tries a password on names that nobody has, all at once. Returns how many were compared.
async fn spray(app: &TestApp, names: std::ops::Range<usize>, ip: impl Fn(usize) -> String) -> usize {
    let replies = join_all(names.map(|n| {
        let ip = ip(n);
        async move { try_from(app, &format!("nobody{n}"), "Summer2026!", &ip).await }
    }))
    .await;
    for reply in replies.iter().filter(|reply| reply.status != 401) {
        assert_eq!(reply.outcome(), (429, "too_many_requests".to_owned()));
        let wait: u64 = reply.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=3600).contains(&wait), "{wait}");
    }
    replies.iter().filter(|reply| reply.status == 401).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_names_at_once_from_one_source_few_are_compared() {
    let app = with_limits("16", "0").await;
    for (ip, sibling) in [("198.51.100.7", "198.51.100.7"), ("2001:db8:7::1", "2001:db8:7::ffff")] {
        assert_eq!(
            spray(&app, 0..150, |n| if n % 2 == 0 { ip } else { sibling }.to_owned()).await,
            16,
            "{ip}"
        );
        app.clock.advance(hours(1));
    }
    let compared = spray(&app, 200..300, |n| format!("198.51.101.{}", n - 199)).await;
    assert_eq!(compared, 100, "each source has its own count");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_sources_at_once_few_are_compared_at_one_practice() {
    let app = with_limits("16", "32").await;
    assert_eq!(spray(&app, 0..400, source).await, 32);
    app.seam.forget();
    for (name, password) in [("sam", PASSWORD), ("sam", "wrong"), ("nobody", "wrong"), ("dora", PASSWORD)] {
        let reply = try_from(&app, name, password, "192.0.2.1").await;
        assert_eq!(reply.outcome(), (429, "too_many_requests".to_owned()), "{name} {password}");
    }
    let other = sign_in_at(&app, "therapy", ("sam", PASSWORD), "192.0.2.1").await;
    assert_eq!(other.status, 201, "another practice is no part of it");
    let events = app.dump().await;
    let seen = events.iter().filter(|item| item.contains("excess_rate_limit_exceeded")).count();
    assert_eq!(seen, 1, "one event for the hour");
    app.clock.advance(hours(1));
    assert_eq!(try_from(&app, "sam", PASSWORD, "192.0.2.1").await.status, 201);
}

#[tokio::test]
async fn whoever_is_known_goes_on_and_a_recovery_makes_known() {
    let app = with_limits("8", "32").await;
    let own = "192.0.2.1";
    assert_eq!(try_from(&app, "jane", PASSWORD, own).await.status, 201);
    spray(&app, 0..400, source).await;
    spray(&app, 0..100, |_| own.to_owned()).await;
    assert_eq!(try_from(&app, "jane", PASSWORD, own).await.status, 201, "known from here");
    assert_eq!(try_from(&app, "JANE", PASSWORD, own).await.status, 201, "however it is spelled");
    assert_eq!(try_from(&app, "jane", "wrong", own).await.status, 429, "nobody behind the address learns it");
    assert_eq!(try_from(&app, "jane", PASSWORD, "192.0.2.2").await.status, 429, "not from there");
    assert_eq!(try_from(&app, "sam", PASSWORD, own).await.status, 429);
    let token = app.token_for("sam").await;
    let body = json!({"token": token, "new_password": NEW_PASSWORD});
    let reset = HttpEvent::new("POST", "/v1/password/reset").at_ip(own).json(&body);
    assert_eq!(app.send(reset).await.status, 204, "recovery goes on");
    for name in ["sam", "sam@agency.test"] {
        assert_eq!(try_from(&app, name, NEW_PASSWORD, own).await.status, 201, "{name}");
    }
}

#[tokio::test]
async fn a_temporary_password_signs_in_whatever_is_full() {
    let app = with_limits("8", "32").await;
    let temporary = mailed(&app, &at_work(&app).await, "sam").await;
    spray(&app, 0..400, source).await;
    assert_eq!(try_from(&app, "sam", &temporary, "192.0.2.1").await.status, 201);
}

#[tokio::test]
async fn right_passwords_use_nothing_up_and_refused_attempts_count_for_nobody() {
    let app = with_limits("8", "32").await;
    for n in 0..40 {
        let ip = if n % 2 == 0 { "192.0.2.1".to_owned() } else { format!("192.0.2.{n}") };
        assert_eq!(try_from(&app, "jane", PASSWORD, &ip).await.status, 201, "{n}");
    }
    spray(&app, 0..400, source).await;
    for n in 0..20 {
        assert_eq!(try_from(&app, "sam", "wrong", &format!("203.0.113.{n}")).await.status, 429, "{n}");
    }
    let failures = |items: Vec<String>| items.iter().filter(|item| item.contains("\"failures\":0")).count();
    assert!(failures(app.dump().await) >= 1, "what was counted for sam is taken back");
    app.clock.advance(hours(1));
    assert_eq!(try_from(&app, "sam", "wrong", "203.0.113.1").await.status, 401);
    let events = app.events(app.account("sam").await.id).await;
    let failures: Vec<u64> = events.iter().filter_map(|event| event.failures).collect();
    assert_eq!(failures, [1], "no failure of anybody else's making");
}

#[tokio::test]
async fn on_a_laptop_loopback_sources_alone_have_no_limit() {
    let limits = [
        ("REKEY_LOOPBACK", "1"),
        ("REKEY_FAILURES_PER_ADDRESS_HOUR", "8"),
        // Room for all: two names that meet in a full part of the practice would leave a part of the source unused.
        ("REKEY_FAILURES_PER_PRACTICE_HOUR", "32000"),
    ];
    let app = TestApp::start_with(&limits).await;
    app.create_practice("agency", json!({})).await;
    assert_eq!(spray(&app, 0..60, |_| "127.0.0.1".to_owned()).await, 60);
    assert_eq!(spray(&app, 100..400, |_| "192.0.2.1".to_owned()).await, 8);
    let forgot = async |n: usize, ip: &str| {
        let body = json!({"practice": "agency", "identifier": format!("nobody{n}")});
        app.send(HttpEvent::new("POST", "/v1/password/forgot").at_ip(ip).json(&body)).await.status.as_u16()
    };
    for n in 0..31 {
        assert_eq!(forgot(n, "127.0.0.1").await, 202, "{n}");
        assert_eq!(forgot(n + 100, "192.0.2.1").await, if n < 30 { 202 } else { 429 }, "{n}");
    }
}

#[tokio::test]
async fn failures_of_a_name_are_events_at_the_first_the_sixth_and_every_tenth() {
    let app = TestApp::start().await;
    for _ in 0..50 {
        assert_eq!(app.sign_in("jane", "wrong").await.status, 401);
        app.clock.advance(hours(1));
    }
    let events = app.events(app.account("jane").await.id).await;
    let numbers: Vec<u64> = events.iter().filter_map(|event| event.failures).collect();
    assert_eq!(numbers, [1, 6, 10, 20, 30, 40, 50]);
    let admin = at_work(&app).await;
    let log = changes(&admin, "type=authn_login_fail").await;
    assert_eq!((&log[0]["failures"], &log[6]["failures"]), (&json!(50), &json!(1)));
    assert_eq!(log[0]["description"], "Failed portal login as jane, 50 in a row");
}

/// The calls of one sign-in: each operation, with the bytes that it sends.
fn calls(app: &TestApp) -> BTreeMap<String, Vec<usize>> {
    let mut calls: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for said in app.seam.said().into_iter().filter(|said| said.function == "sessions") {
        calls.entry(said.target).or_default().push(said.body.to_string().len());
    }
    for sizes in calls.values_mut() {
        sizes.sort_unstable();
    }
    calls
}

#[tokio::test]
async fn a_name_that_nobody_has_costs_the_same_and_leaves_nothing_for_long() {
    let app = TestApp::start().await;
    // The keys are fetched once.
    app.sign_in("zoe", "wrong").await;
    let before = app.dump().await;
    for n in 1..=12 {
        let mut seen = Vec::new();
        for name in ["jane", "nope"] {
            app.clock.advance(hours(1));
            // The practice is known again.
            app.sign_in(&format!("{name}{n}"), "wrong").await;
            app.seam.forget();
            app.sign_in(name, "wrong").await;
            seen.push(calls(&app));
        }
        let [known, unknown] = &seen[..] else { panic!("two") };
        assert_eq!(known.keys().collect::<Vec<_>>(), unknown.keys().collect::<Vec<_>>(), "{n}");
        for (operation, sizes) in known {
            let others = &unknown[operation];
            assert_eq!(sizes.len(), others.len(), "{n} {operation}");
            for (one, other) in sizes.iter().zip(others) {
                assert!(one.abs_diff(*other) < 64, "{n} {operation}: {one} and {other} bytes");
            }
        }
    }
    let (jane, items) = (app.account("jane").await.id.to_string(), app.dump().await);
    let new: Vec<Value> = items
        .iter()
        .filter(|item| !before.contains(item) && !item.contains(&jane))
        .map(|item| serde_json::from_str(item).unwrap())
        .collect();
    let mut ends = BTreeMap::new();
    for item in &new {
        let end = item["expires_at"].as_i64().unwrap_or_else(|| panic!("it stays: {item}"));
        ends.entry(item["sk"].as_str().unwrap().to_owned()).or_insert_with(Vec::new).push(end);
        assert!(!item.to_string().contains("_log\""), "no log has it: {item}");
    }
    let ends = ends.get_mut("SIGN_IN").unwrap();
    ends.sort_unstable();
    let [.., one, other] = ends[..] else { panic!("a counter for each name") };
    assert!(one.abs_diff(other) <= 2 * 3600 + 1, "a counter ends alike, whoever has the name");
}

#[tokio::test]
async fn a_name_that_is_tried_once_is_forgotten_after_a_week_and_each_failure_is_one_more() {
    let app = TestApp::start().await;
    let start = 1_795_286_130;
    for failures in 1..=4 {
        app.sign_in("nobody", "wrong").await;
        let items = app.dump().await;
        let counter: Value = items
            .iter()
            .find(|item| item.contains("\"SIGN_IN\""))
            .map(|item| serde_json::from_str(item).unwrap())
            .unwrap();
        let weeks = i64::try_from(days(7).as_secs()).unwrap() * failures;
        assert!((counter["expires_at"].as_i64().unwrap() - start - weeks).abs() < 60, "{counter}");
    }
}

#[tokio::test]
async fn a_count_whose_answer_is_lost_is_counted_once() {
    let app = TestApp::start().await;
    for n in 0..6 {
        app.seam.inject("sessions", "UpdateItem", 3, Fault::AnswerLost);
        assert_eq!(app.sign_in("jane", "wrong").await.status, 401, "{n}");
        app.seam.heal();
    }
    let events = app.events(app.account("jane").await.id).await;
    let numbers: Vec<u64> = events.iter().filter_map(|event| event.failures).collect();
    assert_eq!(numbers, [1, 6]);
}

#[tokio::test]
async fn a_known_device_goes_on_from_anywhere_and_another_does_not() {
    let app = with_limits("8", "32").await;
    let sign_in = async |device: Option<&str>, name: &str, ip: &str| {
        let mut body = json!({"practice": "agency", "identifier": name, "password": PASSWORD});
        if let Some(device) = device {
            body["device_id"] = json!(device);
        }
        app.send(HttpEvent::new("POST", "/v1/sessions").at_ip(ip).json(&body)).await
    };
    let first = sign_in(None, "jane", "192.0.2.1").await.json();
    let device = first["device_id"].as_str().unwrap().to_owned();
    let again = sign_in(Some(&device), "jane", "192.0.2.1").await.json();
    assert_eq!(again["device_id"], first["device_id"], "it keeps its name");
    spray(&app, 0..400, source).await;
    assert_eq!(sign_in(Some(&device), "jane", "203.0.113.1").await.status, 201);
    let wrong = json!({"practice": "agency", "identifier": "jane", "password": "wrong", "device_id": device});
    assert_eq!(app.post("/v1/sessions", wrong).await.status, 401, "a device tells nobody anything");
    assert_eq!(sign_in(Some(&device), "sam", "203.0.113.1").await.status, 429, "known by another name alone");
    let other = "A".repeat(22);
    assert_eq!(sign_in(Some(&other), "jane", "203.0.113.2").await.status, 429, "a name of one's own making");
    assert_eq!(sign_in(None, "jane", "203.0.113.2").await.status, 429);
    for device in ["", "x", &"A".repeat(23), "!AAAAAAAAAAAAAAAAAAAAA"] {
        let reply = sign_in(Some(device), "jane", "203.0.113.1").await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{device}");
    }
}

#[tokio::test]
async fn a_browser_that_signs_in_by_cookie_has_a_device_too() {
    let app = with_limits("8", "32").await;
    let sign_in = async |device: Option<&str>, ip: &str| {
        let mut body =
            json!({"practice": "agency", "identifier": "jane", "password": PASSWORD, "transport": "cookie"});
        if let Some(device) = device {
            body["device_id"] = json!(device);
        }
        let event = HttpEvent::new("POST", "/v1/sessions").at_ip(ip).json(&body);
        app.send(event.header("origin", "https://portal.agency.test")).await
    };
    let first = sign_in(None, "192.0.2.1").await;
    assert_eq!(first.headers.get_all("set-cookie").iter().count(), 1, "the session's");
    let device = first.json()["device_id"].as_str().unwrap().to_owned();
    spray(&app, 0..400, source).await;
    assert_eq!(sign_in(Some(&device), "203.0.113.1").await.status, 201);
    assert_eq!(sign_in(None, "203.0.113.2").await.status, 429);
}

#[tokio::test]
async fn whoever_hammers_one_locked_name_fills_no_count_of_others() {
    let app = with_limits("8", "32").await;
    for n in 0..400 {
        try_from(&app, "jane", "wrong", &source(n)).await;
        app.clock.advance(std::time::Duration::from_millis(300));
    }
    let statuses =
        join_all(
            (0..20).map(|n| {
                let app = &app;
                async move {
                    try_from(app, &format!("nobody{n}"), "wrong", &format!("203.0.113.{n}")).await.status
                }
            }),
        )
        .await;
    let compared = statuses.iter().filter(|status| **status == 401).count();
    assert!(compared >= 10, "the practice takes others' failures: {compared}");
}

#[tokio::test]
async fn whoever_signs_in_by_a_temporary_password_during_a_wait_is_known_from_then_on() {
    let app = with_limits("8", "0").await;
    let temporary = mailed(&app, &at_work(&app).await, "sam").await;
    for n in 0..12 {
        try_from(&app, "sam", "wrong", &format!("198.51.100.{n}")).await;
    }
    let own = "192.0.2.1";
    let session = try_from(&app, "sam", &temporary, own).await.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(change(&app, &session, &temporary, NEW_PASSWORD).await.status, 204);
    app.clock.advance(std::time::Duration::from_secs(1));
    spray(&app, 0..100, |_| own.to_owned()).await;
    assert_eq!(try_from(&app, "sam", NEW_PASSWORD, own).await.status, 201);
}
