//! L1 behind an edge: its word about a caller's address counts, nobody else's does, and nobody gets around it.

use std::collections::BTreeSet;

use rekey::secrets::token::digest_of;
use serde_json::json;

use crate::support::event::{HttpEvent, source};
use crate::support::{PASSWORD, Reply, TestApp, demo_accounts, logs, routes};

const SECRET: &str = "9hMZrLqLr1VvcVjQqHq6cWn0q3n2dHhLb1Z5mJY0TgE";
const NEW_SECRET: &str = "c0b1f6a7d0f34a5e9a17be0a2cf7f3d1b2a94c1f7de3558a0c6d7f0e12ab34cd";

fn digest(secret: &str) -> String {
    digest_of(secret).as_bytes().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// A deployment that knows an edge by these secrets. Each of a source's eight shards takes one failed sign-in an hour.
async fn behind(secrets: &[&str]) -> TestApp {
    let digests: Vec<String> = secrets.iter().map(|secret| digest(secret)).collect();
    let (digests, failures) = (digests.join(","), "8");
    let configuration =
        [("REKEY_EDGE_SECRET_DIGESTS", digests.as_str()), ("REKEY_FAILURES_PER_ADDRESS_HOUR", failures)];
    let app = TestApp::start_with(&configuration).await;
    app.create_practice("agency", json!({})).await;
    app.import("agency", &demo_accounts("agency")).await;
    app
}

/// An event as the edge sends it on.
fn by_edge(event: HttpEvent, secret: &str, viewer: &str) -> HttpEvent {
    event.header("x-rekey-edge-secret", secret).header("x-rekey-viewer-address", viewer)
}

fn forgot(identifier: &str) -> HttpEvent {
    let body = json!({"practice": "agency", "identifier": identifier});
    HttpEvent::new("POST", "/v1/password/forgot").json(&body)
}

fn sign_in(identifier: &str, password: &str) -> HttpEvent {
    let body = json!({"practice": "agency", "identifier": identifier, "password": password});
    HttpEvent::new("POST", "/v1/sessions").json(&body)
}

fn is_refused(reply: &Reply) -> bool {
    reply.outcome() == (403, "not_through_edge".to_owned())
}

#[tokio::test]
async fn limits_count_the_address_that_the_edge_says_and_an_ipv6_subscriber_is_one() {
    let app = behind(&[SECRET]).await;
    for (network, other) in [("198.51.100.9", "198.51.100.10"), ("2001:db8:1:2", "2001:db8:1:3::1")] {
        let host =
            |n: usize| if network.contains(':') { format!("{network}::{n:x}") } else { network.to_owned() };
        for n in 0..30 {
            // Each call reaches the gateway by another server of the edge.
            let event =
                by_edge(forgot(&format!("user{n}-{}", other.len())), SECRET, &host(n)).at_ip(&source(n));
            assert_eq!(app.send(event).await.status, 202, "{n}");
        }
        let event = by_edge(forgot("one-more"), SECRET, &host(0xffff)).at_ip("203.0.113.200");
        assert_eq!(app.send(event).await.status, 429);
        assert_eq!(app.send(by_edge(forgot("one-more"), SECRET, other).at_ip(&source(0))).await.status, 202);
    }
}

#[tokio::test]
async fn failed_sign_ins_count_for_the_viewer_and_its_log_has_the_viewers_address() {
    let app = behind(&[SECRET]).await;
    for n in 0..120 {
        app.send(by_edge(sign_in(&format!("name{n}"), "wrong"), SECRET, "198.51.100.66").at_ip(&source(n)))
            .await;
    }
    let jane = |viewer: &str| by_edge(sign_in("jane", PASSWORD), SECRET, viewer);
    assert_eq!(app.send(jane("198.51.100.66")).await.status, 429, "its failures are spent");
    let reply = app.send(jane("198.51.100.67")).await;
    assert_eq!(reply.status, 201);
    let session = reply.json()["token"].as_str().unwrap().to_owned();
    let own = HttpEvent::new("GET", "/v1/activity").bearer(&session);
    let events = app.send(by_edge(own, SECRET, "198.51.100.67")).await.json()["events"].clone();
    assert_eq!(events[0]["ip"], "198.51.100.67");
}

#[tokio::test]
async fn without_an_edge_what_claims_to_be_one_is_ignored() {
    let app = TestApp::start().await;
    for n in 0..31 {
        let claimed = by_edge(forgot(&format!("user{n}")), SECRET, &source(n));
        assert_eq!(app.send(claimed).await.status.as_u16(), if n < 30 { 202 } else { 429 }, "{n}");
    }
    let broken = by_edge(forgot("jane"), "", "no address").at_ip("198.51.100.1");
    assert_eq!(app.send(broken).await.status, 202);
}

#[tokio::test]
async fn a_call_around_the_edge_is_refused_by_every_function_and_reaches_nothing() {
    let app = behind(&[SECRET]).await;
    app.seam.forget();
    let mut functions = BTreeSet::new();
    for known in routes::all() {
        for method in [known.method.as_str(), "OPTIONS", "HEAD", "TRACE"] {
            let event = HttpEvent::new(method, known.pattern)
                .header("origin", "https://portal.agency.test")
                .header("access-control-request-method", &known.method);
            let around = [
                event.clone(),
                by_edge(event.clone(), NEW_SECRET, "198.51.100.9"),
                by_edge(event.clone(), &digest(SECRET), "198.51.100.9"),
                by_edge(event.clone(), "", "198.51.100.9"),
                event.header("x-rekey-viewer-address", "198.51.100.9"),
            ];
            for event in around {
                let reply = app.send(event).await;
                assert!(is_refused(&reply), "{method} {}: {reply:?}", known.pattern);
            }
        }
        functions.insert(known.function);
    }
    assert_eq!(functions.len(), 10);
    assert!(is_refused(&app.send(HttpEvent::new("GET", "/nowhere")).await));
    assert!(app.seam.said().is_empty(), "no table and no secret was asked");
}

#[tokio::test]
async fn a_preflight_through_the_edge_is_answered() {
    let app = behind(&[SECRET]).await;
    let preflight = HttpEvent::new("OPTIONS", "/v1/password/forgot")
        .header("origin", "https://portal.agency.test")
        .header("access-control-request-method", "POST");
    assert_eq!(app.send(by_edge(preflight, SECRET, "198.51.100.9")).await.status, 204);
}

#[tokio::test]
async fn a_secret_is_replaced_in_two_steps_and_nobody_is_refused_on_the_way() {
    let call = |secret: &str| by_edge(HttpEvent::new("GET", "/v1/practices/agency"), secret, "198.51.100.9");
    let steps: [(&[&str], [bool; 2]); 3] =
        [(&[SECRET], [true, false]), (&[SECRET, NEW_SECRET], [true, true]), (&[NEW_SECRET], [false, true])];
    for (known, taken) in steps {
        let app = behind(known).await;
        for (secret, is_taken) in [SECRET, NEW_SECRET].into_iter().zip(taken) {
            let reply = app.send(call(secret)).await;
            assert_eq!(
                (reply.status == 200, is_refused(&reply)),
                (is_taken, !is_taken),
                "{known:?} {secret}"
            );
        }
    }
}

#[tokio::test]
async fn an_edge_that_says_no_address_gets_503_and_nothing_is_counted() {
    let app = behind(&[SECRET]).await;
    let before = app.dump().await;
    let calls = ["", "no address", "198.51.100.9:443", "198.51.100.9, 198.51.100.8"]
        .map(|viewer| by_edge(forgot("jane"), SECRET, viewer));
    for event in calls.into_iter().chain([forgot("jane").header("x-rekey-edge-secret", SECRET)]) {
        let reply = app.send(event).await;
        assert_eq!(reply.outcome(), (503, "unavailable".to_owned()));
        assert_eq!(reply.headers["retry-after"], "1");
    }
    assert_eq!(app.dump().await, before);
    let failures = logs::printed().matches("reading what the edge says").count();
    assert_eq!(failures, 5, "each is a failure, for the alarm");
}

#[tokio::test]
async fn nothing_that_the_edge_sends_is_printed_or_stored() {
    let app = behind(&[SECRET]).await;
    let told = [
        app.send(by_edge(forgot("jane"), SECRET, "198.51.100.9")).await,
        app.send(by_edge(forgot("jane"), NEW_SECRET, "198.51.100.9")).await,
        app.send(by_edge(forgot("jane"), SECRET, "sentinel")).await,
    ];
    assert_eq!(told.each_ref().map(|reply| reply.status.as_u16()), [202, 403, 503]);
    app.deliver().await;
    let mut everything = logs::printed() + &app.dump().await.join("\n");
    everything.extend(told.iter().map(|reply| format!("{reply:?}")));
    for secret in [SECRET, NEW_SECRET, "sentinel", &digest(SECRET), &digest(NEW_SECRET)] {
        assert!(!everything.contains(secret), "{secret}");
    }
    assert!(
        everything.contains("not_through_edge") && everything.contains("198.51.100.9"),
        "it is looked for"
    );
}
