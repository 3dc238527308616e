//! L1 and L2: the limits hold, and lock nobody out for good.

use std::time::Duration;

use futures::future::join_all;
use rekey::platform::clock::{days, hours};
use serde_json::json;

use crate::support::event::HttpEvent;
use crate::support::seam::Fault;
use crate::support::{NEW_PASSWORD, PASSWORD, Reply, TestApp, token_in};

async fn forgot_from(app: &TestApp, identifier: &str, ip: &str) -> Reply {
    let body = json!({"practice": "agency", "identifier": identifier});
    app.send(HttpEvent::new("POST", "/v1/password/forgot").at_ip(ip).json(&body)).await
}

fn retry_after(reply: &Reply) -> u64 {
    assert_eq!(reply.outcome(), (429, "too_many_requests".to_owned()), "{reply:?}");
    reply.headers["retry-after"].to_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn three_recoveries_an_hour_and_ten_a_day_for_one_identifier_known_or_not() {
    let app = TestApp::start().await;
    for identifier in ["jane", "nobody"] {
        for _ in 0..3 {
            assert_eq!(app.forgot(identifier).await.status, 202);
        }
        let wait = retry_after(&app.forgot(identifier).await);
        assert!((3590..=3600).contains(&wait), "{wait}");
    }
    app.clock.advance(hours(1));
    for round in 1..=3 {
        let allowed = if round == 3 { 1 } else { 3 };
        for _ in 0..allowed {
            assert_eq!(app.forgot("jane").await.status, 202, "round {round}");
        }
        app.clock.advance(hours(1));
    }
    let wait = retry_after(&app.forgot("jane").await);
    assert!((20 * 3600 - 10..=20 * 3600).contains(&wait), "the day's ten are spent: {wait}");
    app.clock.advance(hours(20));
    assert_eq!(app.forgot("jane").await.status, 202);
}

#[tokio::test]
async fn windows_slide() {
    let app = TestApp::start().await;
    for minutes in [0, 20, 20] {
        app.clock.advance(Duration::from_mins(minutes));
        assert_eq!(app.forgot("jane").await.status, 202);
    }
    assert_eq!(app.forgot("jane").await.status, 429);
    app.clock.advance(Duration::from_mins(20));
    assert_eq!(app.forgot("jane").await.status, 202, "the first has left the window");
    assert_eq!(app.forgot("jane").await.status, 429, "the second has not");
}

#[tokio::test]
async fn spelling_or_forwarding_headers_gain_nothing() {
    let app = TestApp::start().await;
    for spelling in ["jane@agency.test", "JANE@AGENCY.TEST", " jane@agency.test. "] {
        assert_eq!(app.forgot(spelling).await.status, 202);
    }
    let body = json!({"practice": "agency", "identifier": "Jane@Agency.Test"});
    let event =
        HttpEvent::new("POST", "/v1/password/forgot").header("x-forwarded-for", "192.0.2.99").json(&body);
    assert_eq!(app.send(event).await.status, 429);
    let doubled = HttpEvent::new("POST", "/v1//password/forgot").json(&body);
    assert_eq!(app.send(doubled).await.status, 404);
}

#[tokio::test]
async fn thirty_an_hour_from_one_address_and_an_ipv6_subscriber_is_one() {
    let app = TestApp::start().await;
    for (network, other) in [("203.0.113.9", "203.0.113.10"), ("2001:db8:1:2", "2001:db8:1:3::1")] {
        for n in 0..30 {
            let ip = if network.contains(':') { format!("{network}::{n}") } else { network.to_owned() };
            assert_eq!(forgot_from(&app, &format!("user{n}-{}", other.len()), &ip).await.status, 202, "{n}");
        }
        let ip = if network.contains(':') { format!("{network}:ffff::1") } else { network.to_owned() };
        retry_after(&forgot_from(&app, "one-more", &ip).await);
        assert_eq!(forgot_from(&app, "one-more", other).await.status, 202);
    }
}

#[tokio::test]
async fn the_source_is_the_gateways_word_and_no_headers() {
    let app = TestApp::start().await;
    for n in 0..31 {
        let body = json!({"practice": "agency", "identifier": format!("user{n}")});
        let event = HttpEvent::new("POST", "/v1/password/forgot").json(&body);
        let claimed = format!("198.51.100.{n}");
        let event = event.header("x-forwarded-for", &claimed).header("forwarded", &format!("for={claimed}"));
        let reply = app.send(event.header("x-real-ip", &claimed)).await;
        assert_eq!(reply.status.as_u16(), if n < 30 { 202 } else { 429 }, "{n}");
    }
}

#[tokio::test]
async fn a_request_refused_for_what_it_contains_counts_toward_no_limit() {
    let app = TestApp::start().await;
    app.create_practice("veterinary", json!({"recovery_methods": ["link"]})).await;
    let before = app.dump().await;
    for body in [
        json!({"practice": "agency", "identifier": "jane", "colour": "red"}),
        json!({"practice": "veterinary", "identifier": "jane", "method": "code"}),
        json!({"practice": "nowhere", "identifier": "jane"}),
    ] {
        assert!(app.post("/v1/password/forgot", body).await.status.is_client_error());
    }
    assert_eq!(app.dump().await, before);
}

#[tokio::test]
async fn what_one_identifier_has_spent_is_not_counted_against_its_address_when_refused() {
    let app = TestApp::start().await;
    for _ in 0..33 {
        forgot_from(&app, "jane", "203.0.113.9").await;
    }
    assert_eq!(forgot_from(&app, "sam", "203.0.113.9").await.status, 202, "30 refusals spent nothing");
}

#[tokio::test]
async fn a_limit_hit_that_names_an_account_is_an_event_and_one_that_does_not_is_none() {
    let app = TestApp::start().await;
    for identifier in ["jane", "nobody"] {
        for _ in 0..9 {
            app.forgot(identifier).await;
        }
    }
    app.deliver().await;
    let hits = app.actions("jane").await.into_iter().filter(|action| action == "excess_rate_limit_exceeded");
    assert_eq!(hits.count(), 1, "one for the hour, not one for each of a flood");
    assert_eq!(app.mailbox.messages().len(), 3, "a hit sends no mail");
}

#[tokio::test]
async fn a_spent_address_blames_nobody_that_it_names() {
    let app = TestApp::start().await;
    for n in 0..30 {
        forgot_from(&app, &format!("stranger{n}"), "198.51.100.66").await;
    }
    for _ in 0..5 {
        retry_after(&forgot_from(&app, "sam", "198.51.100.66").await);
    }
    app.deliver().await;
    assert_eq!(app.actions("sam").await, ["user_created"]);
}

#[tokio::test]
async fn one_practices_and_one_portals_attempts_are_not_anothers() {
    let app = TestApp::start().await;
    app.create_practice("therapy", json!({})).await;
    app.import("therapy", &crate::support::demo_accounts("therapy")).await;
    let at = async |practice: &str, portal: &str, password: &str| {
        let body =
            json!({"practice": practice, "portal": portal, "identifier": "jane", "password": password});
        app.post("/v1/sessions", body).await.status.as_u16()
    };
    for _ in 0..6 {
        assert_eq!(at("agency", "client", "wrong").await, 401);
    }
    assert_eq!(at("agency", "client", PASSWORD).await, 429);
    assert_eq!(at("agency", "staff", "wrong").await, 401);
    assert_eq!(at("therapy", "client", PASSWORD).await, 201);
}

#[tokio::test]
async fn contention_on_a_counter_never_refuses_a_caller_who_is_under_it() {
    let app = TestApp::start().await;
    app.forgot("sam").await;
    for fault in [Fault::Conflict, Fault::Throttle] {
        app.seam.inject("forgot-password", "TransactWriteItems", 6, fault);
        assert_eq!(app.forgot("jane").await.status, 202, "{fault:?}");
        app.seam.heal();
    }
    app.deliver().await;
    assert_eq!(app.mailbox.messages().len(), 3, "each asked once, each mailed once");
    let replies = join_all((0..25).map(|n| {
        let app = &app;
        async move { app.forgot(&format!("other{n}")).await }
    }))
    .await;
    assert!(replies.iter().all(|reply| reply.status == 202));
}

#[tokio::test]
async fn the_sixth_failure_begins_waits_that_grow_to_an_hour_and_the_channel_closes() {
    let app = TestApp::start().await;
    for identifier in ["jane", "nobody"] {
        for n in 0..6 {
            assert_eq!(app.sign_in(identifier, "wrong").await.status, 401, "{identifier} {n}");
        }
        for expected in [30, 60, 120, 240, 480, 960, 1920, 3600, 3600] {
            let wait = retry_after(&app.sign_in(identifier, PASSWORD).await);
            assert_eq!(wait, expected, "{identifier}");
            app.clock.advance(Duration::from_secs(wait));
            assert_eq!(app.sign_in(identifier, "wrong").await.status, 401, "{identifier}");
        }
        for n in 15..50 {
            app.clock.advance(hours(1));
            assert_eq!(app.sign_in(identifier, "wrong").await.status, 401, "{identifier} {n}");
        }
        app.clock.advance(days(30));
        retry_after(&app.sign_in(identifier, PASSWORD).await);
    }
}

#[tokio::test]
async fn success_ends_the_count() {
    let app = TestApp::start().await;
    for _ in 0..3 {
        for _ in 0..5 {
            assert_eq!(app.sign_in("jane", "wrong").await.status, 401);
        }
        assert_eq!(app.sign_in("jane", PASSWORD).await.status, 201);
    }
}

#[tokio::test]
async fn a_locked_sign_in_still_permits_recovery_which_opens_it() {
    let app = TestApp::start().await;
    for identifier in ["jane", "jane@agency.test"] {
        for _ in 0..6 {
            app.sign_in(identifier, "wrong").await;
        }
        assert_eq!(app.sign_in(identifier, PASSWORD).await.status, 429);
    }
    let token = app.token_for("jane").await;
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    for identifier in ["jane", "jane@agency.test"] {
        assert_eq!(app.sign_in(identifier, NEW_PASSWORD).await.status, 201, "{identifier}");
    }
}

#[tokio::test]
async fn a_flood_of_forgot_locks_nothing_and_leaves_a_way_in() {
    let app = TestApp::start().await;
    for n in 0..60 {
        forgot_from(&app, "jane", &format!("198.51.100.{}", n % 20)).await;
        app.clock.advance(Duration::from_mins(1));
    }
    app.deliver().await;
    assert_eq!(app.sign_in("jane", PASSWORD).await.status, 201);
    let first = app.mailbox.messages().pop().unwrap();
    assert_eq!(app.reset(&token_in(&first), NEW_PASSWORD).await.status, 204, "the first mail still works");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_guesses_cannot_outrun_the_count() {
    // The name's own count alone.
    let limits = ["REKEY_FAILURES_PER_ADDRESS_HOUR", "REKEY_FAILURES_PER_PRACTICE_HOUR"];
    let app = TestApp::start_with(&limits.map(|name| (name, "0"))).await;
    app.create_practice("agency", json!({})).await;
    app.import("agency", &crate::support::demo_accounts("agency")).await;
    let replies = join_all((0..60).map(|n| {
        let app = &app;
        async move { app.sign_in("jane", &format!("guess {n}")).await }
    }))
    .await;
    let compared = replies.iter().filter(|reply| reply.status == 401).count();
    let refused = replies.iter().filter(|reply| reply.status == 429).count();
    assert_eq!((compared, refused), (6, 54));
}

#[tokio::test]
async fn a_refused_sign_in_compares_nothing_and_is_an_event() {
    let app = TestApp::start().await;
    for _ in 0..6 {
        app.sign_in("jane", "wrong").await;
    }
    for _ in 0..4 {
        assert_eq!(app.sign_in("jane", PASSWORD).await.status, 429, "even the right one");
    }
    app.clock.advance(Duration::from_secs(31));
    assert_eq!(app.sign_in("jane", "wrong").await.status, 401);
    assert_eq!(app.sign_in("jane", PASSWORD).await.status, 429);
    let locks = app.actions("jane").await.into_iter().filter(|action| action == "authn_login_lock").count();
    assert_eq!(locks, 2, "one for each wait, not one for each of a flood");
}
