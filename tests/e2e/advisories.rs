//! What went wrong at peers: published flaws of recovery, sign-in and sessions. A test tries each of them on Rekey, or
//! its row says why there is nothing to try. The rows are beside the tests, by the place of the flaw.

use std::collections::BTreeSet;

use crate::support::template::root;

mod access;
mod asking;
mod lives;
mod staff;
mod tokens;

const MODULES: [&str; 5] = ["access", "asking", "lives", "staff", "tokens"];

const ADVISORIES: [&[Advisory]; 5] =
    [access::ADVISORIES, asking::ADVISORIES, lives::ADVISORIES, staff::ADVISORIES, tokens::ADVISORIES];

/// A flaw that was published.
struct Advisory {
    /// The number of a CVE or an advisory of GitHub, or of an entry in the peer's own tracker.
    id: &'static str,
    peer: &'static str,
    /// What went wrong there.
    wrong: &'static str,
    shown: Shown,
}

/// How it is shown that Rekey does not have the flaw.
enum Shown {
    /// The test that tries the same, after its module.
    By(&'static str),
    /// The reason why there is nothing to try.
    Cannot(&'static str),
}

fn rows() -> impl Iterator<Item = &'static Advisory> {
    ADVISORIES.into_iter().flatten()
}

fn source(module: &str) -> String {
    let file = root().join(format!("tests/e2e/{}.rs", module.replace("::", "/")));
    std::fs::read_to_string(file).unwrap_or_default()
}

#[test]
fn every_advisory_is_tried_by_a_test_or_says_why_it_cannot_be() {
    let ids: BTreeSet<&str> = rows().map(|row| row.id).collect();
    assert_eq!(ids.len(), rows().count(), "an id stands twice");
    assert!(ids.len() >= 60, "{} rows", ids.len());
    for Advisory { id, peer, wrong, shown } in rows() {
        let said = !peer.is_empty() && (20..=110).contains(&wrong.chars().count());
        assert!(said && !wrong.ends_with('.'), "{id} of {peer}: {wrong}");
        match shown {
            Shown::By(test) => {
                let (module, name) = test.rsplit_once("::").unwrap();
                assert!(source(module).contains(&format!("fn {name}(")), "{id}: there is no {test}");
            }
            Shown::Cannot(reason) => assert!(reason.len() >= 20, "{id}: {reason}"),
        }
    }
}

#[test]
fn every_test_of_these_modules_is_named_by_an_advisory() {
    let named = |row: &'static Advisory| match row.shown {
        Shown::By(test) => Some(test),
        Shown::Cannot(_) => None,
    };
    let named: BTreeSet<&str> = rows().filter_map(named).collect();
    for module in MODULES {
        let module = format!("advisories::{module}");
        for test in source(&module).split("#[tokio::test").skip(1) {
            let (_, test) = test.split_once("async fn ").unwrap();
            let (name, _) = test.split_once('(').unwrap();
            assert!(named.contains(format!("{module}::{name}").as_str()), "no row names {module}::{name}");
        }
    }
}
