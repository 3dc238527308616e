//! F1 for recovery by code: every answer, and the work behind it, is the same for every identifier.

use std::collections::HashMap;
use std::time::Duration;

use http::HeaderMap;
use serde_json::{Value, json};

use crate::support::codes::token_of;
use crate::support::seam::Fault;
use crate::support::{Reply, TestApp, other_than};

/// What a caller sees of an answer, and what it took: the calls, and the members of each.
type Seen = ((u16, String), HeaderMap, Vec<String>, Vec<(String, Value)>);

async fn seen(app: &TestApp, call: impl Future<Output = Reply>) -> Seen {
    app.seam.forget();
    let reply = call.await;
    let json = reply.json();
    let members = json.as_object().unwrap().iter().map(|(name, value)| match name.as_str() {
        "request_id" | "label" => format!("{name}: {}", value.as_str().unwrap().len()),
        _ => format!("{name}: {value}"),
    });
    let said = app.seam.said().into_iter().filter(|said| said.function != "mailer");
    let calls = said.map(|said| (said.target, shape(&said.body))).collect();
    (reply.outcome(), reply.headers.clone(), members.collect(), calls)
}

/// The names in a request and its expressions, without the values. An event's account and ticket are only in its own item. What is
/// written in the place of an event that nobody has has an end, and other names of the same length for its places in the logs.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let hidden = ["account", "portal", "ticket", "expires_at"];
            let members = map.iter().filter(|(name, _)| !hidden.contains(&name.as_str()));
            members.map(|(name, value)| (name.replace("_not", "_log"), shape(value))).collect()
        }
        Value::Array(values) => values.iter().map(shape).collect(),
        Value::String(text) if text.starts_with("SET") || text.contains("challenge") => value.clone(),
        _ => Value::Null,
    }
}

#[tokio::test]
async fn every_answer_and_its_work_are_the_same_whoever_is_asked_about() {
    let identifiers = [
        "jane",
        "jane@agency.test",
        "nobody",
        "nobody@agency.test",
        "dora",
        "ruth",
        "ivan",
        "family@agency.test",
    ];
    let app = TestApp::start().await;
    let forgot = |identifier: &str| {
        let body = json!({"practice": "agency", "identifier": identifier, "method": "code"});
        app.post("/v1/password/forgot", body)
    };
    app.verify(&app.forgot_by_code("agency", "client", "warm-up").await, "12345678").await;
    let mut journeys: Vec<Vec<Seen>> = Vec::new();
    for identifier in identifiers {
        let mut journey = Vec::new();
        let first = app.forgot_by_code("agency", "client", identifier).await;
        journey.push(seen(&app, forgot(identifier)).await);
        let last = app.forgot_by_code("agency", "client", identifier).await;
        journey.push(seen(&app, forgot(identifier)).await);
        // Before and after the mailer has come.
        journey.push(seen(&app, app.verify(&last, "0000 0000")).await);
        app.deliver().await;
        for _ in 0..6 {
            journey.push(seen(&app, app.verify(&first, "0000 0000")).await);
        }
        journey.push(seen(&app, app.verify(&last, "0000 0000")).await);
        app.clock.advance(Duration::from_mins(10));
        journey.push(seen(&app, app.verify(&last, "0000 0000")).await);
        journeys.push(journey);
    }
    let outcomes: Vec<_> = journeys[0].iter().map(|(outcome, ..)| (outcome.0, outcome.1.as_str())).collect();
    let wrong = (400, "invalid_code");
    let expected = [(202, ""), (429, "too_many_requests"), wrong, wrong, wrong, wrong, wrong, wrong];
    assert_eq!(outcomes[..8], expected);
    assert_eq!(outcomes[8..], [(410, "code_expired"), wrong, (410, "code_expired")]);
    for (journey, identifier) in journeys.iter().zip(identifiers) {
        for (step, (one, other)) in journey.iter().zip(&journeys[0]).enumerate() {
            assert_eq!(one, other, "{identifier}, step {step}");
        }
    }
}

#[tokio::test]
async fn verify_code_takes_two_round_trips() {
    let app = TestApp::start().await;
    let (request, code) = app.code_for("jane").await;
    app.verify(&request, &other_than(&code)).await;
    app.seam.forget();
    app.verify(&request, &other_than(&code)).await;
    assert_eq!(
        app.seam.counts("verify-code"),
        HashMap::from([("UpdateItem".into(), 1), ("PutItem".into(), 1)])
    );
    app.seam.forget();
    token_of(&app.verify(&request, &code).await);
    let right = HashMap::from([("UpdateItem".into(), 1), ("TransactWriteItems".into(), 1)]);
    assert_eq!(app.seam.counts("verify-code"), right);
}

#[tokio::test]
async fn failures_of_dependencies_look_alike_for_known_and_unknown() {
    let app = TestApp::start().await;
    app.verify("01JD7Z3M5V8Q2X4Y6W0N1R9T3K", "0000 0000").await;
    let mut outcomes = Vec::new();
    for identifier in ["jane", "nobody", "family@agency.test"] {
        let request = app.forgot_by_code("agency", "client", identifier).await;
        app.deliver().await;
        for operation in ["UpdateItem", "PutItem"] {
            app.seam.inject("verify-code", operation, 3, Fault::Down);
            outcomes.push((operation, seen(&app, app.verify(&request, "0000 0000")).await));
            app.seam.heal();
        }
    }
    assert_eq!(outcomes[0].1.0, (503, "unavailable".to_owned()));
    for outcome in &outcomes {
        assert_eq!(outcome, &outcomes[usize::from(outcome.0 == "PutItem")]);
    }
}
