//! A benchmark of the public endpoints: the latency for known and unknown identifiers, interleaved, in one process
//! against the embedded DynamoDB.
//!
//! `cargo bench -p rekey-tests` runs it. The result is the ratio within one run; the milliseconds depend on the
//! machine.

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

use std::collections::HashMap;
use std::time::Instant;

use serde_json::json;
use support::{Reply, TestApp, password_hash};

const PAIRS: usize = 300;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let app = TestApp::start_with(&[("REKEY_FORGOT_PER_ADDRESS_HOUR", "0")]).await;
    app.create_practice("agency", json!({})).await;
    let account = |n| {
        json!({"username": format!("known{n:03}"), "email": format!("known{n:03}@agency.test"), "display_name": "K",
            "password_hash": password_hash()})
    };
    let accounts: Vec<_> = (0..PAIRS).map(account).collect();
    app.import("agency", &accounts).await;
    // The import's own Argon2 work is done by nobody: hashes are taken as they are. Warm both functions.
    app.forgot("warm-up").await;
    app.sign_in("warm-up", "wrong").await;

    compare("forgot", &app, 202, async |app, identifier| app.forgot(identifier).await).await;
    // The first sign-ins with the right password rehash; a wrong one costs what it always costs.
    compare("sign-in, wrong password", &app, 401, async |app, identifier| {
        app.sign_in(identifier, "wrong").await
    })
    .await;

    let mut requests = HashMap::new();
    for identifier in (0..PAIRS).flat_map(|n| [format!("known{n:03}"), format!("other{n:03}")]) {
        let request = app.forgot_by_code("agency", "client", &identifier).await;
        requests.insert(identifier, request);
    }
    app.deliver().await;
    let codes = app.mailbox.messages().into_iter().filter(|mail| mail.subject.contains("code"));
    assert_eq!(codes.count(), PAIRS, "every known identifier has a code to be compared with");
    compare("verify-code, wrong code", &app, 400, async |app, identifier| {
        app.verify(&requests[identifier], "0000 0000").await
    })
    .await;
}

async fn compare(what: &str, app: &TestApp, status: u16, call: impl AsyncFn(&TestApp, &str) -> Reply) {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for n in 0..PAIRS {
        // Either goes first as often, so that neither gains from the other's warmth.
        let mut pair = [(format!("known{n:03}"), &mut known), (format!("other{n:03}"), &mut unknown)];
        if n % 2 == 1 {
            pair.reverse();
        }
        for (identifier, times) in pair {
            let start = Instant::now();
            let reply = call(app, &identifier).await;
            times.push(start.elapsed().as_secs_f64() * 1000.0);
            assert_eq!(reply.status, status);
        }
    }
    let (known, unknown) = (summary(known), summary(unknown));
    println!("{what}, {} interleaved requests", 2 * PAIRS);
    println!("  known   median {:6.3} ms   p95 {:6.3} ms   mean {:6.3} ms", known.0, known.1, known.2);
    println!("  unknown median {:6.3} ms   p95 {:6.3} ms   mean {:6.3} ms", unknown.0, unknown.1, unknown.2);
    println!("  unknown / known: median {:.3}, mean {:.3}", unknown.0 / known.0, unknown.2 / known.2);
}

/// Median, 95th percentile and mean.
fn summary(mut times: Vec<f64>) -> (f64, f64, f64) {
    times.sort_by(f64::total_cmp);
    let sum: f64 = times.iter().sum();
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let mean = sum / times.len() as f64;
    (times[times.len() / 2], times[times.len() * 95 / 100], mean)
}
