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

use aws_sdk_dynamodb::types::AttributeValue;
use rekey::store::keys;
use serde_json::json;
use support::{Reply, TestApp, password_hash};

const PAIRS: usize = 300;
/// The accounts of each kind where a comparison takes long.
const FEW: usize = 40;
/// The accounts of each shared address.
const SHARING: usize = 300;
/// One source asks for everything.
const LIFTED: [(&str, &str); 3] = [
    ("REKEY_FORGOT_PER_ADDRESS_HOUR", "0"),
    ("REKEY_FAILURES_PER_ADDRESS_HOUR", "0"),
    ("REKEY_FAILURES_PER_PRACTICE_HOUR", "0"),
];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let app = TestApp::start_with(&LIFTED).await;
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

    compare("help", &app, 202, async |app, identifier| app.ask_help(&requests[identifier]).await).await;

    compare_shared().await;
    for (family, hash) in imported_hashes() {
        compare_imported(family, &hash).await;
    }
}

/// A failed sign-in by an address that many accounts share, and by one that none has.
async fn compare_shared() {
    let app = TestApp::start_with(&LIFTED).await;
    app.create_practice("agency", json!({})).await;
    for n in 0..FEW {
        let account = |m| {
            json!({"username": format!("sharing{n}x{m}"), "email": format!("known{n:03}@agency.test"), "display_name": "S",
                "password_hash": password_hash()})
        };
        app.import("agency", &(0..SHARING).map(account).collect::<Vec<_>>()).await;
    }
    app.sign_in("warm-up", "wrong").await;
    let what = format!("sign-in, wrong password, an address of {SHARING} accounts");
    compare_pairs(&what, &app, (FEW, 401), async |app, identifier| {
        app.sign_in(&format!("{identifier}@agency.test"), "wrong").await
    })
    .await;
}

/// A hash of each family with a cost that its systems have, of a password that is not the one that is tried.
fn imported_hashes() -> Vec<(&'static str, String)> {
    let key = "A".repeat(43);
    vec![
        ("Argon2, Keycloak's default", format!("$argon2id$v=19$m=7168,t=5,p=1$c2FsdHNhbHQ${key}")),
        ("bcrypt, cost 10", bcrypt::hash("other", 10).unwrap()),
        ("PBKDF2-SHA-256, 600,000 rounds", format!("pbkdf2_sha256$600000$salt${key}=")),
        ("PBKDF2-SHA-512, 210,000 rounds", format!("$pbkdf2-sha512$210000$c2FsdA${key}")),
        ("scrypt, N 2^14, r 8, as Firebase's", format!("$scrypt$ln=14,r=8,p=1$c2FsdA${key}")),
        ("phpass, WordPress", "$P$B84478476IagS59wHZvyQMArzfx58u.".to_owned()),
        ("phpass, Drupal 7", "$S$D33783772bRXEx1aCsvY.dqgaaSu76XmVlKrW9Qu8IQlvxHlmzLf".to_owned()),
    ]
}

/// A failed sign-in at a practice that has imported hashes of one family beside its own: with such a hash, with one of Rekey's, and
/// without an account.
async fn compare_imported(family: &str, hash: &str) {
    let app = TestApp::start_with(&LIFTED).await;
    app.create_practice("agency", json!({})).await;
    let own = serde_json::to_value(native_hash(&app).await).unwrap();
    let account = |kind: &str, n: usize, hash: &serde_json::Value| json!({"username": format!("{kind}{n:03}"), "display_name": "K", "password_hash": hash});
    let imported: Vec<_> = (0..FEW).map(|n| account("old", n, &json!(hash))).collect();
    app.import("agency", &imported).await;
    for n in 0..FEW {
        app.import("agency", &[account("new", n, &json!(password_hash()))]).await;
        set_password_hash(&app, &format!("new{n:03}"), &own).await;
    }
    app.operate(json!({"action": "review_hashes", "practice": "agency"})).await.unwrap();
    app.sign_in("warm-up", "wrong").await;
    let mut times = [const { Vec::new() }; 3];
    for n in 0..FEW {
        for turn in 0..3 {
            let which = (n + turn) % 3;
            let name = format!("{}{n:03}", ["old", "new", "none"][which]);
            let start = Instant::now();
            let reply = app.sign_in(&name, "wrong").await;
            times[which].push(start.elapsed().as_secs_f64() * 1000.0);
            assert_eq!(reply.status, 401);
        }
    }
    let [old, new, none] = times.map(summary);
    println!("sign-in, wrong password, {family}, {} interleaved requests", 3 * FEW);
    println!(
        "  imported hash median {:7.3} ms, Rekey's {:7.3} ms, no account {:7.3} ms",
        old.0, new.0, none.0
    );
    println!(
        "  imported hash to no account {:.3}, Rekey's to no account {:.3}",
        old.0 / none.0,
        new.0 / none.0
    );
}

/// Gives an account a hash, and its login by username too.
async fn set_password_hash(app: &TestApp, username: &str, hash: &serde_json::Value) {
    let account = app.account(username).await;
    let name = account.username.identifier().unwrap();
    for key in [keys::account(account.id), keys::login(&account.practice, account.portal, &name)] {
        let update = app.dynamodb.update_item().table_name(&app.table).set_key(Some(key.attributes()));
        let hash = AttributeValue::S(hash.as_str().unwrap().to_owned());
        let update = update.update_expression("SET password = :p").expression_attribute_values(":p", hash);
        update.send().await.unwrap();
    }
}

/// A hash that Rekey has made.
async fn native_hash(app: &TestApp) -> rekey::secrets::password::PasswordHash {
    let account = json!({"username": "maker", "display_name": "M", "password_hash": password_hash()});
    app.import("agency", &[account]).await;
    assert_eq!(app.sign_in("maker", support::PASSWORD).await.status, 201);
    app.account("maker").await.password.unwrap()
}

async fn compare(what: &str, app: &TestApp, status: u16, call: impl AsyncFn(&TestApp, &str) -> Reply) {
    compare_pairs(what, app, (PAIRS, status), call).await;
}

async fn compare_pairs(
    what: &str,
    app: &TestApp,
    (pairs, status): (usize, u16),
    call: impl AsyncFn(&TestApp, &str) -> Reply,
) {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for n in 0..pairs {
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
    println!("{what}, {} interleaved requests", 2 * pairs);
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
