//! A request as a handler sees it. It is parsed where it enters, and the words of a refusal repeat nothing of it.

use std::net::IpAddr;

use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AsHeaderName, CONTENT_TYPE, IF_MATCH, ORIGIN, USER_AGENT,
};
use http::{HeaderMap, Method};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;

use crate::http::problem::{ErrorCode, Problem};

/// The largest body of JSON that is accepted, in bytes.
pub const LARGEST_BODY: usize = 16 * 1024;
/// The longest `Idempotency-Key` that is accepted, in bytes.
const LONGEST_IDEMPOTENCY_KEY: usize = 255;

/// The most languages that are read of a browser's wishes.
const MOST_LANGUAGES: usize = 20;

/// A request as a handler sees it.
pub struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    /// The parameters of the route's pattern, with the segments that the path has in their places.
    pub(super) parameters: Vec<(&'static str, String)>,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    /// Each as its browser sent it: `name=value`.
    pub(super) cookies: Vec<String>,
    pub(super) body: Vec<u8>,
    /// The host that was called, as the gateway says it, or the edge in front of it.
    pub(super) host: Option<String>,
    /// The source address of the request, as the gateway saw it, or the edge in front of it.
    pub address: IpAddr,
}

impl Call {
    /// The segment that the path has in the place of a parameter. It is empty for a parameter that the pattern does not
    /// have.
    pub fn parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    /// A header as text. `None` when it is absent or cannot be read as text.
    pub(super) fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The host that was called, as the gateway says it, or the edge in front of it.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The value of the only cookie of this name.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.only_cookie(|known| known == name).map(|(_, value)| value)
    }

    /// The value of a member of the query; the first when there are several.
    pub fn query_member(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The languages that the browser asks for, the one wanted most first.
    pub fn languages(&self) -> Vec<String> {
        let value = self.header(ACCEPT_LANGUAGE).unwrap_or_default();
        let weighed = value.split(',').filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().filter(|tag| !tag.is_empty())?;
            let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
            (weight > 0.0).then(|| (weight, tag.to_owned()))
        });
        let mut weighed: Vec<(f32, String)> = weighed.take(MOST_LANGUAGES).collect();
        weighed.sort_by(|one, other| other.0.total_cmp(&one.0));
        weighed.into_iter().map(|(_, tag)| tag).collect()
    }

    /// Whether the caller takes an answer that is compressed by gzip.
    pub fn takes_gzip(&self) -> bool {
        let value = self.header(ACCEPT_ENCODING).unwrap_or_default();
        value.split(',').any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
            is_gzip && !parts.any(|part| part.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0)))
        })
    }

    /// The only cookie whose name fits, with its value. `None` when there are two: of one name, one of them was planted.
    pub(super) fn only_cookie(&self, fits: impl Fn(&str) -> bool) -> Option<(&str, &str)> {
        let pairs = self.cookies.iter().filter_map(|cookie| cookie.split_once('='));
        let mut fitting = pairs.filter(|(name, _)| fits(name));
        fitting.next().filter(|_| fitting.next().is_none())
    }

    /// Reads the body as JSON of the given type.
    ///
    /// # Errors
    /// 413 for a body that is too large, 415 for one that is not JSON by its `Content-Type`, and 400 with the member
    /// that is wrong.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let body = self.body.as_slice();
        if body.len() > LARGEST_BODY {
            return Err(Problem::new(ErrorCode::BodyTooLarge));
        }
        if !self.is_of("application/json") {
            return Err(Problem::new(ErrorCode::UnsupportedMediaType));
        }
        must_be_an_object(body)?;
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        let value = serde_path_to_error::deserialize(&mut deserializer);
        let value = value.map_err(|error| refusal(&error, is_json(body)))?;
        deserializer.end().map_err(|_| Problem::new(ErrorCode::MalformedJson))?;
        Ok(value)
    }

    /// Reads the body like [`Call::json`]. A request without a body gets the type's default.
    ///
    /// # Errors
    /// The errors of [`Call::json`].
    pub fn json_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, Problem> {
        if self.body.is_empty() { Ok(T::default()) } else { self.json() }
    }

    /// The body, as the bytes of another type than JSON.
    ///
    /// # Errors
    /// 413 for a body that is too large, and 415 for one that is of another type by its `Content-Type`.
    pub fn bytes(&self, media_type: &str, largest: usize) -> Result<&[u8], Problem> {
        if self.body.len() > largest {
            return Err(Problem::new(ErrorCode::BodyTooLarge));
        }
        if self.is_of(media_type) {
            Ok(&self.body)
        } else {
            Err(Problem::new(ErrorCode::UnsupportedMediaType))
        }
    }

    fn is_of(&self, media_type: &str) -> bool {
        let value = self.header(CONTENT_TYPE).unwrap_or_default();
        let essence = value.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case(media_type)
    }

    /// Reads the query as the given type. Each member is a string and may occur once.
    ///
    /// # Errors
    /// 400 with the member that is wrong.
    pub fn query<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let mut members = serde_json::Map::new();
        for (name, value) in &self.query {
            if members.insert(name.clone(), value.clone().into()).is_some() {
                return Err(Problem::invalid("query", "must have each member at most once"));
            }
        }
        serde_path_to_error::deserialize(serde_json::Value::Object(members))
            .map_err(|error| refusal(&error, true))
    }

    /// The header `If-Match` of a change.
    ///
    /// # Errors
    /// 428 when it is absent.
    pub fn if_match(&self) -> Result<&str, Problem> {
        let value = self.header(IF_MATCH);
        value.ok_or_else(|| Problem::new(ErrorCode::PreconditionRequired))
    }

    /// The header `Idempotency-Key`; `None` when it is absent.
    ///
    /// # Errors
    /// 400 when it is empty, longer than 255 bytes, or not ASCII.
    pub fn idempotency_key(&self) -> Result<Option<&str>, Problem> {
        let Some(value) = self.headers.get("idempotency-key") else { return Ok(None) };
        let text = value.to_str().ok().filter(|text| (1..=LONGEST_IDEMPOTENCY_KEY).contains(&text.len()));
        text.map(Some)
            .ok_or_else(|| Problem::invalid("Idempotency-Key", "must have 1 to 255 ASCII characters"))
    }

    /// The origin of the page that makes the call, as its browser states it.
    pub fn origin(&self) -> Option<&str> {
        self.header(ORIGIN)
    }

    /// Whether the header `Accept` names this media type.
    pub fn accepts(&self, media_type: &str) -> bool {
        let value = self.header(ACCEPT).unwrap_or_default();
        value
            .split(',')
            .any(|range| range.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(media_type))
    }

    /// The query of this call with one member replaced, for the link to a next page.
    pub fn with_query(&self, name: &str, value: &str) -> String {
        let others = self.query.iter().filter(|(known, _)| known != name);
        let all = others.map(|(name, value)| (name.as_str(), value.as_str())).chain([(name, value)]);
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pairs = all.map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        format!("?{}", pairs.collect::<Vec<_>>().join("&"))
    }

    /// The name that the browser or app gives itself, cut to 200 characters.
    pub fn user_agent(&self) -> Option<String> {
        let value = self.header(USER_AGENT)?;
        Some(value.chars().filter(|c| !c.is_control()).take(200).collect())
    }
}

/// Reads an invocation that is not a request as the given type.
///
/// # Errors
/// 400 with the member that is wrong. The value is not repeated.
pub fn read<T: DeserializeOwned>(invocation: serde_json::Value) -> Result<T, Problem> {
    if invocation.is_array() {
        return Err(Problem::invalid("body", "must be an object"));
    }
    serde_path_to_error::deserialize(invocation).map_err(|error| refusal(&error, true))
}

fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}

/// Turns the parser's error into a problem that repeats nothing of the body.
fn refusal(error: &serde_path_to_error::Error<serde_json::Error>, is_json: bool) -> Problem {
    let member = error.path().to_string();
    match error.inner().classify() {
        serde_json::error::Category::Data if member == "." => {
            Problem::invalid("body", &without_values(error.inner()))
        }
        serde_json::error::Category::Data => Problem::invalid(&member, &without_values(error.inner())),
        // An enumerated value that is no text is no value at all to the parser.
        _ if is_json => Problem::invalid(&member, "is not of the right type"),
        _ => Problem::new(ErrorCode::MalformedJson),
    }
}

/// Refuses an array, which serde would read as the members of an object in their order.
fn must_be_an_object(json: &[u8]) -> Result<(), Problem> {
    if json.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::invalid("body", "must be an object"));
    }
    Ok(())
}

/// Reads one line of JSON Lines as the given shape.
///
/// # Errors
/// 400 naming the member that is wrong, without repeating it; without a detail for a line that is no JSON.
pub fn read_line<T: DeserializeOwned>(line: &str) -> Result<T, Problem> {
    must_be_an_object(line.as_bytes())?;
    let mut deserializer = serde_json::Deserializer::from_str(line);
    let value = serde_path_to_error::deserialize(&mut deserializer);
    let value = value.map_err(|error| refusal(&error, is_json(line.as_bytes())))?;
    deserializer.end().map_err(|_| Problem::invalid("line", "must have one JSON object"))?;
    Ok(value)
}

/// Leaves the value out of an error of serde. Its sentences quote the value that does not fit, and a password must not
/// come back in an error.
fn without_values(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let known = ["missing field", "unknown field", "duplicate field"];
    if known.iter().any(|start| message.starts_with(start)) {
        return message
            .split(", expected")
            .next()
            .unwrap_or_default()
            .split(" at line")
            .next()
            .unwrap_or_default()
            .into();
    }
    match message.rsplit_once("expected ") {
        Some((_, expected)) if expected.starts_with("struct") => "must be an object".to_owned(),
        Some((_, expected)) => format!("must be {}", expected.split(" at line").next().unwrap_or_default()),
        // What is left is said by the types of this system. They state a rule, and never the value.
        None => message.split(" at line").next().unwrap_or_default().to_owned(),
    }
}
