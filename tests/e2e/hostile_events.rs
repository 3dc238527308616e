//! R4: no event, however malformed, makes a function panic. Whatever is not a request is refused.

use serde_json::{Map, Value, json};

use crate::support::TestApp;
use crate::support::event::HttpEvent;
use crate::support::hostile::{Fuzzed, hostile, places};
use crate::support::samples::{HTTP_FUNCTIONS, OTHER_FUNCTIONS, samples};
use crate::support::template::root;

/// Every event that differs from this one in one member.
fn siblings(event: &Value) -> Vec<Value> {
    let mut found = Vec::new();
    places(event, "", &mut found);
    let hostile = hostile();
    let replaced = found.iter().flat_map(|place| hostile.iter().map(move |value| (place, value)));
    let replaced = replaced.map(|(place, value)| {
        let mut event = event.clone();
        *event.pointer_mut(place).unwrap() = value.clone();
        event
    });
    replaced.chain(hostile.iter().cloned()).collect()
}

/// The sample that says most.
fn longest_sample(function: &str) -> Value {
    let samples = samples(function).into_iter().map(|(_, event)| event);
    samples.max_by_key(|event| event.to_string().len()).unwrap()
}

#[tokio::test]
async fn every_event_that_differs_in_one_member_is_answered() {
    let app = TestApp::start().await;
    for function in HTTP_FUNCTIONS {
        for event in siblings(&longest_sample(function)) {
            let shown: String = event.to_string().chars().take(300).collect();
            let Some(answer) = app.invoke(function, event).await else { continue };
            let status = answer["statusCode"].as_u64().unwrap();
            assert!((200..500).contains(&status), "{function}: {status} to {shown}");
        }
    }
}

#[tokio::test]
async fn what_is_not_a_request_fails_and_does_not_panic() {
    let app = TestApp::start().await;
    for function in OTHER_FUNCTIONS {
        for (_, event) in samples(function) {
            for event in siblings(&event) {
                app.invoke(function, event).await;
            }
        }
    }
}

#[tokio::test]
async fn no_header_and_no_query_leads_to_a_url() {
    let app = TestApp::start().await;
    let hosts = ["ht tp", "", "a b", "[::", "evil.test:99999", "é", "\"<>"];
    for value in hosts {
        let mut event = HttpEvent::new("GET", "/v1/practices/agency").into_value();
        let headers = ["host", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "forwarded"];
        event["headers"] =
            headers.iter().map(|name| ((*name).to_owned(), json!(value))).collect::<Map<_, _>>().into();
        event["requestContext"]["domainName"] = json!(value);
        event["requestContext"]["stage"] = json!(value);
        assert_eq!(app.send_value(event).await.status, 200, "{value}");
    }
    for query in ["\"", "<", ">", "\u{7f}", "a=%", " ", "#"] {
        let event = HttpEvent::new("GET", "/v1/practices/agency").query(query).into_value();
        assert_eq!(app.send_value(event).await.status, 200, "{query}");
    }
    for path in ["/v1/practices/a b", "/v1/practices/\"<>", "/v1/practices/\u{7f}", "no slash", "", "//"] {
        let mut event = HttpEvent::new("GET", "/v1/practices/agency").into_value();
        event["rawPath"] = json!(path);
        let answer = app.invoke("forgot-password", event).await.unwrap();
        assert_eq!(answer["statusCode"], 404, "{path}");
    }
}

/// What the fuzzer has kept: each input that reached code which none before it had reached.
#[tokio::test]
async fn the_corpus_of_the_fuzzer_is_answered() {
    let app = Fuzzed::start().await;
    let corpus = std::fs::read_dir(root().join("tests/fuzz/corpus")).unwrap();
    let mut inputs: Vec<_> = corpus.map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    assert!(inputs.len() > 100, "{}", inputs.len());
    for input in inputs {
        app.run(&std::fs::read(&input).unwrap()).await;
    }
}
