//! R4: no event, however malformed, makes a function panic. Whatever is not a request is refused.

use serde_json::{Map, Value, json};

use crate::contract::{HTTP_FUNCTIONS, samples};
use crate::support::TestApp;
use crate::support::event::HttpEvent;

/// What takes the place of a member.
fn hostile() -> Vec<Value> {
    let text = [
        "",
        " ",
        "\"<>\u{7f}\u{0}",
        "ht tp",
        "[::1",
        "a:b@c:99999999",
        "%",
        "%f0%9f",
        "\u{202e}é\u{feff}",
        "{",
        "-1",
        "00000000000000000000000000",
        "9999-99-99T99:99:99Z",
    ];
    let text = text.into_iter().map(Value::from).chain([json!("x".repeat(70_000))]);
    let nested = (0..100).fold(json!(1), |inner, _| json!([inner]));
    text.chain([json!(null), json!(-1), json!(1e300), json!(true), json!([]), json!({}), nested]).collect()
}

/// The places of a JSON text's members, those of the members within them too.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (escaped(name), value)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(place, value)| (place.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    for (name, value) in inner {
        let place = format!("{at}/{name}");
        places(value, &place, found);
        found.push(place);
    }
}

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
    for function in ["mailer", "mail-events", "operator", "admin-link"] {
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
