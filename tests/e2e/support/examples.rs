//! The examples of the contract document: what a journey sends and receives, with everything that differs between two
//! runs replaced by a value of the same shape.

use std::collections::HashMap;

use serde_json::Value;

use super::document::Examples;
use super::event::HttpEvent;
use super::routes::at;
use super::{Reply, TestApp};

/// What stands for bytes that are no text.
const BYTES: &str = "(bytes)";

/// Sends requests and keeps them, with their answers, as examples.
pub struct Recorder<'a> {
    app: &'a TestApp,
    examples: Examples,
    replaced: Replaced,
}

impl<'a> Recorder<'a> {
    pub fn of(app: &'a TestApp) -> Self {
        Self { app, examples: Examples::new(), replaced: Replaced::default() }
    }

    /// Sends a request that succeeds, and keeps it as the example `name` of its operation.
    pub async fn send(&mut self, name: &str, event: HttpEvent) -> Reply {
        let agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0";
        let event = event.header("user-agent", agent);
        let sent = event.clone().into_value();
        let reply = self.app.send(event).await;
        assert!(reply.status.is_success() || reply.status.is_redirection(), "{name}: {reply:?}");
        self.keep(name, &sent, &reply);
        reply
    }

    fn keep(&mut self, name: &str, sent: &Value, reply: &Reply) {
        let text = |member: &Value| member.as_str().unwrap_or_default().to_owned();
        let (method, path) = (text(&sent["requestContext"]["http"]["method"]), text(&sent["rawPath"]));
        let known = at(&path).into_iter().find(|known| known.method == method).unwrap();
        let id = super::document::operation_id(&method, known.pattern);
        let examples = self.examples.entry(id).or_default();
        let segments = known.pattern.split('/').zip(path.split('/'));
        let in_path = segments
            .filter_map(|(pattern, value)| Some((pattern.strip_prefix('{')?.strip_suffix('}')?, value)));
        let query = text(&sent["rawQueryString"]);
        let in_query = query.split('&').filter_map(|pair| pair.split_once('='));
        for (parameter, value) in in_path.chain(in_query) {
            examples.parameters.insert(parameter.to_owned(), self.replaced.text(value));
        }
        for header in ["Idempotency-Key", "If-Match"] {
            if let Some(value) = sent["headers"][header.to_lowercase()].as_str() {
                examples.parameters.insert(header.to_owned(), value.to_owned());
            }
        }
        if let Some(body) = sent["body"].as_str() {
            let body = match sent["isBase64Encoded"].as_bool() {
                Some(true) => BYTES.into(),
                _ => self.replaced.json(serde_json::from_str(body).unwrap()),
            };
            examples.requests.insert(name.to_owned(), body);
        }
        // A page, or a part of one, says nothing as an example.
        let is_page = known.function == "pages";
        if !reply.body.is_empty() && !is_page {
            let media_type = reply.headers["content-type"].to_str().unwrap();
            let media_type = media_type.split(';').next().unwrap().to_owned();
            let body = match media_type.as_str() {
                "application/json" => self.replaced.json(reply.json()),
                "image/png" => BYTES.into(),
                _ => Value::String(self.replaced.text(&reply.body)),
            };
            let answer = (reply.status.as_u16(), media_type, body);
            examples.answers.insert(name.to_owned(), answer);
        }
    }

    pub fn finish(self) -> Examples {
        self.examples
    }
}

/// Ids, tokens and codes by the values that stand for them: the first of a kind is always the same.
#[derive(Default)]
struct Replaced {
    known: HashMap<String, String>,
    /// How many of a kind there are, by the kind's length.
    counts: HashMap<usize, u64>,
}

impl Replaced {
    fn json(&mut self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.json(item)).collect()),
            Value::Object(members) => {
                Value::Object(members.into_iter().map(|(name, value)| (name, self.json(value))).collect())
            }
            other => other,
        }
    }

    fn text(&mut self, text: &str) -> String {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let mut result = String::new();
        let mut rest = text;
        while let Some(start) = rest.find(is_word) {
            let (before, tail) = rest.split_at(start);
            let end = tail.find(|c| !is_word(c)).unwrap_or(tail.len());
            let (word, after) = tail.split_at(end);
            result.push_str(before);
            result.push_str(&self.word(word));
            rest = after;
        }
        result + rest
    }

    fn word(&mut self, word: &str) -> String {
        let is_ulid = word.len() == 26 && word.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase());
        let is_token = word.len() == 86;
        let is_code = [6, 8].contains(&word.len()) && word.chars().all(|c| c.is_ascii_digit());
        let is_label = word.len() == 4 && word.chars().all(|c| LABEL_LETTERS.contains(c));
        let is_device = word.len() == 22 && word.chars().any(|c| c.is_ascii_uppercase());
        if !(is_ulid || is_token || is_code || is_label || is_device) {
            return word.to_owned();
        }
        if let Some(known) = self.known.get(word) {
            return known.clone();
        }
        let count = self.counts.entry(word.len()).or_default();
        *count += 1;
        let (prefix, letters) = match word.len() {
            26 => ("01KAKZ2Y", "0123456789ABCDEFGHJKMNPQRSTVWXYZ"),
            22 | 86 => ("", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
            4 => ("", LABEL_LETTERS),
            _ => ("", "0123456789"),
        };
        let filling = filling(*count, letters, word.len() - prefix.len());
        let made = format!("{prefix}{filling}");
        self.known.insert(word.to_owned(), made.clone());
        made
    }
}

/// The letters of the label of a request.
const LABEL_LETTERS: &str = "BCDFGHJKLMNPQRSTVWXZ";

/// Letters that look as if they were random, and are the same for the same `seed`.
fn filling(seed: u64, letters: &str, length: usize) -> String {
    let letters = letters.as_bytes();
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(letters[usize::try_from(state >> 33).unwrap() % letters.len()])
    };
    // The last letter of a token and of a device has four bits that are zero.
    let mut filling: String = (0..length).map(|_| next()).collect();
    if [22, 86].contains(&length) {
        filling.replace_range(length - 1.., "A");
    }
    filling
}
