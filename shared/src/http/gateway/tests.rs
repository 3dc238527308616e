use http::StatusCode;
use http::header::{CONTENT_TYPE, VARY};

use super::*;

fn event() -> Value {
    json!({
        "version": "2.0",
        "rawPath": "/v1/sessions",
        "rawQueryString": "a=1&b=x%20y+z&a=2",
        "headers": {"content-type": "application/json", "x-amzn-trace-id": "Root=1"},
        "cookies": ["x=1", "__Host-rekey=abc"],
        "requestContext": {"requestId": "r", "http": {"method": "POST", "sourceIp": "2001:db8::1"}},
        "body": "{}",
        "isBase64Encoded": false,
    })
}

fn raw(event: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(event).expect("JSON")
}

#[expect(clippy::needless_pass_by_value, reason = "the tests make their events on the spot")]
fn read_value(event: Value) -> Result<Call, Problem> {
    read(&raw(&event), &Edge::default())
}

/// The event with one member replaced.
fn with(pointer: &str, value: Value) -> Value {
    let mut event = event();
    *event.pointer_mut(pointer).expect("a member") = value;
    event
}

#[test]
fn an_event_is_read_as_it_came() {
    let Ok(call) = read_value(event()) else { panic!("it is an event") };
    assert_eq!(
        (call.method.as_str(), call.path.as_str(), call.body.as_slice()),
        ("POST", "/v1/sessions", &b"{}"[..])
    );
    let query: Vec<_> = call.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(query, [("a", "1"), ("b", "x y z"), ("a", "2")]);
    assert_eq!(call.cookies, ["x=1", "__Host-rekey=abc"]);
    assert_eq!(call.address, "2001:db8::1".parse::<IpAddr>().expect("an address"));
    assert_eq!(call.header(CONTENT_TYPE), Some("application/json"));
}

#[test]
fn nothing_in_an_event_is_taken_for_a_url() {
    for path in ["", "/ b", "no slash", "@evil:99999/", "/?#", "//", "/é\u{0}", "/%zz", "/v1/\u{202e}"] {
        let Ok(call) = read_value(with("/rawPath", json!(path))) else { panic!("{path:?}") };
        assert_eq!(call.path, path);
    }
    for query in ["\"<>\u{7f}", "%", "%f0%9f", "=", "&&&", "a=\u{0}", "é=ü", "?a#b"] {
        assert!(read_value(with("/rawQueryString", json!(query))).is_ok(), "{query:?}");
    }
    let long = "x".repeat(100_000);
    assert!(read_value(with("/rawPath", json!(long))).is_ok());
    assert!(read_value(with("/rawQueryString", json!(long))).is_ok());
    for headers in [
        json!({"x-forwarded-proto": "ht tp", "host": "a b"}),
        json!({"host": "[::", "x-forwarded-proto": "javascript"}),
        json!({"host": "", "x-café": "1"}),
    ] {
        let read = read_value(with("/headers", headers.clone()));
        assert_eq!(read.is_ok(), headers.get("x-café").is_none(), "{headers}");
    }
}

#[test]
fn what_is_absent_or_null_is_empty() {
    let bare = json!({"requestContext": {"http": {"method": "GET"}}});
    let mut nulls = event();
    for member in ["rawPath", "rawQueryString", "headers", "cookies", "body"] {
        nulls[member] = Value::Null;
    }
    nulls["requestContext"]["http"]["sourceIp"] = Value::Null;
    for event in [bare, nulls] {
        let Ok(call) = read_value(event) else { panic!("it is an event") };
        assert!(call.path.is_empty() && call.query.is_empty() && call.headers.is_empty());
        assert!(call.cookies.is_empty() && call.body.is_empty() && call.address.is_unspecified());
    }
}

#[test]
fn what_is_no_event_is_refused() {
    for value in [json!(null), json!([]), json!("x"), json!(1), json!({})] {
        assert!(read_value(value.clone()).is_err(), "{value}");
    }
    for (pointer, value) in [
        ("/requestContext", json!(null)),
        ("/requestContext/http", json!("POST")),
        ("/requestContext/http/method", json!("GE T")),
        ("/requestContext/http/method", json!("")),
        ("/requestContext/http/method", json!(null)),
        ("/rawPath", json!(7)),
        ("/rawQueryString", json!({})),
        ("/headers", json!([])),
        ("/headers", json!({"a": ["b"]})),
        ("/headers", json!({"a b": "c"})),
        ("/headers", json!({"": "c"})),
        ("/headers", json!({"a": "b\nc"})),
        ("/cookies", json!("x=1")),
        ("/cookies", json!([1])),
        ("/body", json!({})),
        ("/isBase64Encoded", json!("yes")),
        ("/isBase64Encoded", json!(true)),
    ] {
        let Err(problem) = read_value(with(pointer, value.clone())) else { panic!("{pointer} {value}") };
        assert_eq!(problem.status(), StatusCode::BAD_REQUEST, "{pointer} {value}");
    }
}

#[test]
fn a_body_in_base64_is_any_bytes() {
    let mut event = with("/isBase64Encoded", json!(true));
    event["body"] = json!("/wB7fQ==");
    let Ok(call) = read_value(event) else { panic!("it is an event") };
    assert_eq!(call.body, [0xff, 0, b'{', b'}']);
}

#[test]
fn without_a_list_cookies_are_the_headers() {
    let mut event = with("/cookies", Value::Null);
    event["headers"] = json!({"cookie": "x=café; y=1;\u{a0}z=2; "});
    let Ok(call) = read_value(event) else { panic!("it is an event") };
    assert_eq!(call.cookies, ["x=café", "y=1", "\u{a0}z=2", ""], "a blank of Unicode is no blank");
}

#[test]
fn an_address_that_cannot_be_read_is_everybodys() {
    for source in ["", "x", "203.0.113.7:80", "203.0.113.7, 10.0.0.1"] {
        let Ok(call) = read_value(with("/requestContext/http/sourceIp", json!(source))) else {
            panic!("{source}")
        };
        assert!(call.address.is_unspecified(), "{source}");
    }
}

#[test]
fn an_answer_has_its_cookies_apart_and_each_header_once() {
    let mut response = Response::new(Some(Body::Text("{}".to_owned())));
    for (name, value) in [(VARY, "Origin"), (VARY, "Accept"), (SET_COOKIE, "a=1"), (SET_COOKIE, "b=2")] {
        response.headers_mut().append(name, HeaderValue::from_static(value));
    }
    let answer = write(response);
    assert_eq!(answer["statusCode"], 200);
    assert_eq!(answer["headers"], json!({"vary": "Origin, Accept"}));
    assert_eq!(answer["cookies"], json!(["a=1", "b=2"]));
    assert_eq!((answer["body"].as_str(), &answer["isBase64Encoded"]), (Some("{}"), &json!(false)));
    let answer = write(Response::new(Some(Body::Bytes(vec![0, 255]))));
    assert_eq!((answer["body"].as_str(), &answer["isBase64Encoded"]), (Some("AP8="), &json!(true)));
}

#[test]
fn an_invocation_has_lambdas_id_or_the_gateways() {
    let mut context = Context::default();
    assert_eq!(request_id(&raw(&event()), &context), "r");
    assert_eq!(request_id(&raw(&json!(null)), &context), "");
    context.request_id = "lambda".to_owned();
    assert_eq!(request_id(&raw(&event()), &context), "lambda");
}

#[test]
fn an_event_that_is_no_unicode_is_refused() {
    let text = event().to_string().replace("{}", "\\ud800");
    let event = RawValue::from_string(text).expect("JSON");
    let Err(problem) = read(&event, &Edge::default()) else { panic!("half a character") };
    assert_eq!(problem.status(), StatusCode::BAD_REQUEST);
}
