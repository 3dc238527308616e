//! Events that are not as they should be, and those that a fuzzer makes of the sample events.

use std::time::Duration;

use arbitrary::{Result, Unstructured};
use serde_json::{Value, json};

use super::event::HttpEvent;
use super::samples::{HTTP_FUNCTIONS, OTHER_FUNCTIONS, samples};
use super::staff::StaffMember;
use super::{PASSWORD, TestApp};

/// What takes the place of a member.
pub fn hostile() -> Vec<Value> {
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
pub fn places(value: &Value, at: &str, found: &mut Vec<String>) {
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

/// A deployment that takes events from a fuzzer.
pub struct Fuzzed {
    app: TestApp,
    samples: Vec<(&'static str, Value)>,
    /// What may take the place of a member: what is hostile, and the sessions, tokens and ids of the deployment.
    values: Vec<Value>,
}

impl Fuzzed {
    pub async fn start() -> Self {
        let app = TestApp::start_with(&[
            ("REKEY_FORGOT_PER_IDENTIFIER_HOUR", "0"),
            ("REKEY_FORGOT_PER_IDENTIFIER_DAY", "0"),
            ("REKEY_FORGOT_PER_ADDRESS_HOUR", "0"),
        ])
        .await;
        app.create_practice("agency", json!({"security_question": "optional"})).await;
        app.import("agency", &super::demo_accounts("agency")).await;
        let values = known_values(&app).await.into_iter().map(Value::from).chain(hostile()).collect();
        let functions = HTTP_FUNCTIONS.into_iter().chain(OTHER_FUNCTIONS);
        let samples = functions
            .flat_map(|function| samples(function).into_iter().map(move |(_, event)| (function, event)));
        let samples = samples.collect();
        Self { app, samples, values }
    }

    /// Invokes a function with the event that an input stands for.
    pub async fn run(&self, input: &[u8]) {
        let mut input = Unstructured::new(input);
        let Ok((function, event)) = self.event(&mut input) else { return };
        let minutes = input.int_in_range(0..=20).unwrap_or_default();
        self.app.clock.advance(Duration::from_mins(minutes));
        let shown: String = event.to_string().chars().take(2000).collect();
        let answer = self.app.invoke(function, event).await;
        if HTTP_FUNCTIONS.contains(&function)
            && let Some(answer) = answer
            && let Some(status) = answer["statusCode"].as_u64()
        {
            assert!((200..500).contains(&status), "{function}: {status} to {shown}");
            super::read(&answer);
        }
    }

    fn event(&self, input: &mut Unstructured<'_>) -> Result<(&'static str, Value)> {
        let (function, sample) = input.choose(&self.samples)?;
        let mut event = sample.clone();
        let mut body: Option<Value> = event["body"].as_str().and_then(|body| serde_json::from_str(body).ok());
        for _ in 0..input.int_in_range(0..=8)? {
            let changed = match &mut body {
                Some(body) if input.arbitrary()? => body,
                _ => &mut event,
            };
            self.change(changed, input)?;
        }
        if let Some(body) = body
            && let Some(event) = event.as_object_mut()
        {
            event.insert("body".to_owned(), body.to_string().into());
        }
        Ok((function, event))
    }

    /// Replaces a member, or adds one.
    fn change(&self, value: &mut Value, input: &mut Unstructured<'_>) -> Result<()> {
        let mut found = vec![String::new()];
        places(value, "", &mut found);
        let place = value.pointer_mut(input.choose(&found)?).unwrap();
        *place = self.replacement(place, input)?;
        Ok(())
    }

    fn replacement(&self, old: &Value, input: &mut Unstructured<'_>) -> Result<Value> {
        Ok(match input.int_in_range(0..=7)? {
            0 | 1 => input.choose(&self.values)?.clone(),
            2 => input.arbitrary::<String>()?.into(),
            3 => input.arbitrary::<i64>()?.into(),
            4 => json!([old, old]),
            5 => match old {
                Value::Object(members) => {
                    let mut members = members.clone();
                    members.insert(input.arbitrary()?, input.choose(&self.values)?.clone());
                    members.into()
                }
                _ => json!({input.arbitrary::<String>()?: old}),
            },
            6 => format!("Bearer {}", input.choose(&self.values)?.as_str().unwrap_or_default()).into(),
            // A text with something in the middle.
            _ => {
                let text = old.as_str().unwrap_or_default();
                let at = input.int_in_range(0..=text.chars().count())?;
                let (before, after): (String, String) =
                    (text.chars().take(at).collect(), text.chars().skip(at).collect());
                format!("{before}{}{after}", input.arbitrary::<String>()?).into()
            }
        })
    }
}

/// The sessions, tokens and ids with which an event gets further than without.
async fn known_values(app: &TestApp) -> Vec<String> {
    let member = StaffMember::of(app, "agency", "staff", "admin").await;
    let jane = app.account("jane").await.id;
    let path = format!("{}/{jane}", super::staff::ACCOUNTS);
    let mut known = vec![member.session.clone(), app.session_of("jane", PASSWORD).await];
    for identifier in ["sam", "jane"] {
        known.push(app.token_for(identifier).await);
    }
    let (request, code) = app.code_for("jane").await;
    let tickets = member.get(&format!("{path}/tickets")).await.json()["tickets"].clone();
    let sessions = app.send(HttpEvent::new("GET", "/v1/sessions").bearer(&known[1])).await.json();
    let ids = [&tickets, &sessions["sessions"]].map(|list| list[0]["id"].as_str().unwrap().to_owned());
    for place in ids.iter().chain([&jane.to_string()]) {
        known.push(place.clone());
    }
    let tag = member.get(&path).await.headers["etag"].to_str().unwrap().to_owned();
    let own = [&path, &format!("{path}/tickets"), &format!("{path}/links")].map(String::clone);
    let words =
        ["jane", "admin", "staff", PASSWORD, "/v1/admin/accounts", "/v1/sessions", "POST", "PUT", "DELETE"];
    known.extend([request, code, tag].into_iter().chain(own).chain(words.map(str::to_owned)));
    known
}
