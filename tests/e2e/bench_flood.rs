//! A benchmark of floods: what anonymous requests write, what that costs by list price, what of it stays, and what it slows for
//! others.
//!
//! `cargo test -p rekey-tests --bench flood` runs it against the embedded DynamoDB, in one process. Units, dollars and bytes do
//! not depend on the machine. The last line is a ratio within one run.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints, times, and fails loudly"
)]

#[expect(dead_code, unused_imports, reason = "shared with the tests, which use all of it")]
mod support;

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};
use support::event::{HttpEvent, source};
use support::seam::{LOGS, Said};
use support::{PASSWORD, TestApp, password_hash};

/// The requests of each flood, and how many of them a second one function answers.
const REQUESTS: u32 = 2000;
const A_SECOND: u32 = 50;
/// US dollars for a write unit of on-demand capacity in us-east-1, by list price.
const DOLLARS_PER_UNIT: f64 = 0.625e-6;
/// The accounts whose names are tried.
const ACCOUNTS: u32 = 200;

type Flood = (&'static str, fn(u32) -> HttpEvent);

const FLOODS: [Flood; 6] = [
    ("sign-in, a name that nobody has each", |n| sign_in(&format!("nobody{n}"), n)),
    ("sign-in, the names of 200 accounts", |n| sign_in(&format!("known{:03}", n % ACCOUNTS), n)),
    ("sign-in, one name", |n| sign_in("known000", n)),
    ("sign-in, a name each, one source", |n| sign_in(&format!("noone{n}"), 0)),
    ("forgot, a name that nobody has each", |n| forgot(&format!("nobody{n}"), n)),
    ("forgot, one name", |n| forgot("known000", n)),
];

fn post(path: &str, body: &Value, n: u32) -> HttpEvent {
    HttpEvent::new("POST", path).at_ip(&source(usize::try_from(n).unwrap())).json(body)
}

fn sign_in(name: &str, n: u32) -> HttpEvent {
    post("/v1/sessions", &json!({"practice": "agency", "identifier": name, "password": "Summer2026!"}), n)
}

fn forgot(name: &str, n: u32) -> HttpEvent {
    post("/v1/password/forgot", &json!({"practice": "agency", "identifier": name}), n)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!(
        "| Flood of {REQUESTS} | Compared or taken | Units each | $ a day at {A_SECOND}/s | GB a day that stay | that expire |"
    );
    println!("|---|---|---|---|---|---|");
    for (what, event) in FLOODS {
        let app = deployment().await;
        let before = sizes(&app).await;
        app.seam.forget();
        let mut taken = 0;
        for n in 0..REQUESTS {
            app.clock.advance(Duration::from_millis(u64::from(1000 / A_SECOND)));
            taken += u32::from(app.send(event(n)).await.status != 429);
        }
        let units = f64::from(u32::try_from(units(&app)).unwrap()) / f64::from(REQUESTS);
        let after = sizes(&app).await;
        let a_day = f64::from(A_SECOND) * 86_400.0;
        let gigabytes =
            |bytes: usize| f64::from(u32::try_from(bytes).unwrap()) / f64::from(REQUESTS) * a_day / 1e9;
        println!(
            "| {what} | {taken} | {units:.2} | {:.2} | {:.3} | {:.3} |",
            units * a_day * DOLLARS_PER_UNIT,
            gigabytes(after.0 - before.0),
            gigabytes(after.1 - before.1),
        );
    }
    slowed().await;
}

async fn deployment() -> TestApp {
    let app = TestApp::start_with(&[]).await;
    app.create_practice("agency", json!({})).await;
    let account = |n| {
        json!({"username": format!("known{n:03}"), "email": format!("known{n:03}@agency.test"),
            "display_name": "K", "password_hash": password_hash()})
    };
    app.import("agency", &(0..ACCOUNTS).map(account).collect::<Vec<_>>()).await;
    app
}

/// The write units of all calls: one for each item, two in a transaction, and one for each index that has it.
fn units(app: &TestApp) -> usize {
    let in_indexes = |item: &Value| LOGS.iter().filter(|log| item[**log].is_object()).count();
    let of_call = |said: &Said| {
        let each = if said.target.ends_with("TransactWriteItems") { 2 } else { 1 };
        said.writes().into_iter().map(|item| each + in_indexes(item)).sum::<usize>()
    };
    app.seam.said().iter().map(of_call).sum()
}

/// The bytes of what is in the table, in all copies: what stays, and what expires.
async fn sizes(app: &TestApp) -> (usize, usize) {
    let (mut stays, mut expires) = (0, 0);
    for item in app.dump().await {
        let copies = 1 + LOGS.iter().filter(|log| item.contains(&format!("\"{log}\""))).count();
        *if item.contains("\"expires_at\"") { &mut expires } else { &mut stays } += item.len() * copies;
    }
    (stays, expires)
}

/// How long a person's own calls take while eight callers flood the same practice, and while nobody does.
async fn slowed() {
    let app = deployment().await;
    let session = app.session_of("known199", PASSWORD).await;
    let own = async || {
        let begun = Instant::now();
        assert_eq!(app.account_with(&session).await.status, 200);
        begun.elapsed()
    };
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for n in 0..100 {
        alone.push(own().await);
        let flood = join_all((0..8).map(|caller| {
            let app = &app;
            async move { app.send(forgot("known000", n * 8 + caller)).await }
        }));
        let (_, took) = tokio::join!(flood, own());
        beside.push(took);
        app.clock.advance(Duration::from_millis(160));
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64()
    };
    let ratio = median(&mut beside) / median(&mut alone);
    println!("\na person's own call beside eight forgots of one name: {ratio:.2} times one alone");
}
