//! The HTTP contract that every function keeps: what a request may look like, and what every answer carries (R2).
//!
//! Never reads a forwarded header: the caller's address is the gateway's word (L1), links come from configuration (F4).

use std::net::{IpAddr, Ipv4Addr};

use lambda_http::http::header::{
    ACCEPT, ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, COOKIE, ETAG, HeaderName, HeaderValue,
    IF_MATCH, LINK, LOCATION, ORIGIN, RETRY_AFTER, SET_COOKIE, STRICT_TRANSPORT_SECURITY, USER_AGENT,
    X_CONTENT_TYPE_OPTIONS,
};
use lambda_http::http::{HeaderMap, Method, StatusCode};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt as _, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::Instrument as _;

pub mod problem;

use crate::account::Account;
use crate::clock::Timestamp;
use crate::session::Session;
use crate::store::Store;
use crate::token::Token;
use problem::{Code, Problem};

/// The largest body taken, in bytes.
pub const LARGEST_BODY: usize = 16 * 1024;
/// The session's cookie. Its prefix makes browsers hold it to this host, to https, and to no narrower path.
const COOKIE_NAME: &str = "__Host-rekey";
/// The longest `Idempotency-Key` taken, in bytes.
const LONGEST_IDEMPOTENCY_KEY: usize = 255;

/// Every fixed segment of a path of the contract.
const WORDS: [&str; 26] = [
    "v1",
    ".well-known",
    "change-password",
    "password",
    "forgot",
    "verify-code",
    "reset",
    "preview",
    "change",
    "repudiate",
    "practices",
    "sessions",
    "current",
    "account",
    "security-question",
    "activity",
    "changes",
    "admin",
    "accounts",
    "caseload",
    "associations",
    "links",
    "temporary-password",
    "invitation",
    "tickets",
    "practice",
];

/// A request as a handler sees it.
pub struct Call {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Body,
    /// Where it comes from, as the gateway saw it.
    pub address: IpAddr,
}

impl Call {
    fn new(request: Request) -> Self {
        let address = source_address(&request);
        let path = request.raw_http_path().to_owned();
        let query = request.query_string_parameters_ref().map(pairs).unwrap_or_default();
        let (parts, body) = request.into_parts();
        Self { method: parts.method, path, query, headers: parts.headers, body, address }
    }

    /// The path's segments. An empty segment stays, so that a doubled slash is another path.
    pub fn segments(&self) -> Vec<&str> {
        self.path.strip_prefix('/').unwrap_or(&self.path).split('/').collect()
    }

    /// The path for the log: a caller may have put anything into it, so only words of the contract are shown.
    fn pattern(&self) -> String {
        let show =
            |segment: &str| if WORDS.contains(&segment) { segment.to_owned() } else { "{}".to_owned() };
        self.segments().into_iter().fold(String::new(), |path, segment| path + "/" + &show(segment))
    }

    /// The method, which must be one of those that the path has.
    ///
    /// # Errors
    /// 405 with `Allow`.
    pub fn method(&self, allowed: &[Method]) -> Result<&Method, Problem> {
        if allowed.contains(&self.method) {
            return Ok(&self.method);
        }
        let allow = allowed.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        Err(Problem::new(Code::MethodNotAllowed).with_header(ALLOW, &allow))
    }

    /// The body, read as JSON of the given shape.
    ///
    /// # Errors
    /// 413, 415, or 400 naming the member that is wrong.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let body: &[u8] = &self.body;
        if body.len() > LARGEST_BODY {
            return Err(Problem::new(Code::BodyTooLarge));
        }
        if !self.is_json() {
            return Err(Problem::new(Code::UnsupportedMediaType));
        }
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| refusal(&error))?;
        deserializer.end().map_err(|_| Problem::new(Code::MalformedJson))?;
        Ok(value)
    }

    /// The same, where a request without a body asks for what is usual.
    ///
    /// # Errors
    /// As [`Call::json`].
    pub fn json_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, Problem> {
        if self.body.is_empty() { Ok(T::default()) } else { self.json() }
    }

    fn is_json(&self) -> bool {
        let value = self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = value.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/json")
    }

    /// The query, read as the given shape: every member a string, at most once.
    ///
    /// # Errors
    /// 400 naming the member that is wrong.
    pub fn query<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let mut members = serde_json::Map::new();
        for (name, value) in &self.query {
            if members.insert(name.clone(), value.clone().into()).is_some() {
                return Err(Problem::invalid("query", "must have each member at most once"));
            }
        }
        serde_path_to_error::deserialize(serde_json::Value::Object(members)).map_err(|error| refusal(&error))
    }

    /// The `If-Match` of a change.
    ///
    /// # Errors
    /// 428 when there is none.
    pub fn if_match(&self) -> Result<&str, Problem> {
        let value = self.headers.get(IF_MATCH).and_then(|value| value.to_str().ok());
        value.ok_or_else(|| Problem::new(Code::PreconditionRequired))
    }

    /// The `Idempotency-Key`, if there is one.
    ///
    /// # Errors
    /// 400 when it is empty, over 255 bytes or not ASCII.
    pub fn idempotency_key(&self) -> Result<Option<&str>, Problem> {
        let Some(value) = self.headers.get("idempotency-key") else { return Ok(None) };
        let text = value.to_str().ok().filter(|text| (1..=LONGEST_IDEMPOTENCY_KEY).contains(&text.len()));
        text.map(Some)
            .ok_or_else(|| Problem::invalid("Idempotency-Key", "must have 1 to 255 ASCII characters"))
    }

    /// The session's token, and whether a cookie carries it. A browser that is given both is asked by the header, which no
    /// other page can set.
    ///
    /// # Errors
    /// 401 when there is none, or none that this system can have made.
    fn token(&self) -> Result<(Token, bool), Problem> {
        let text = |name: HeaderName| self.headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(value) = text(AUTHORIZATION) {
            let (scheme, token) = value.split_once(' ').unwrap_or_default();
            let token = scheme.eq_ignore_ascii_case("bearer").then(|| Token::parse(token.trim())).flatten();
            return token.map(|token| (token, false)).ok_or_else(Problem::no_session);
        }
        let pairs =
            text(COOKIE).unwrap_or_default().split(';').filter_map(|pair| pair.trim().split_once('='));
        let mut tokens = pairs.filter(|(name, _)| *name == COOKIE_NAME).map(|(_, token)| token);
        let token = tokens.next().and_then(Token::parse);
        token.map(|token| (token, true)).ok_or_else(Problem::no_session)
    }

    /// The `Origin` of the page that makes the call, as its browser says.
    pub fn origin(&self) -> Option<&str> {
        self.headers.get(ORIGIN)?.to_str().ok()
    }

    /// S2: a call that a cookie authenticates comes from the very page that the session was made for. Reading needs no
    /// `Origin`, which browsers leave out of it; a page elsewhere could send it and not see the answer, and is refused all the same.
    fn must_be_from(&self, origin: &str) -> Result<(), Problem> {
        let reads = [Method::GET, Method::HEAD].contains(&self.method);
        let site = self.headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
        let good = match self.origin() {
            Some(from) => from == origin,
            None => reads && site != Some("cross-site"),
        };
        if good { Ok(()) } else { Err(Problem::new(Code::OriginNotAllowed)) }
    }

    /// The session of a call, good now, and its account. One round trip.
    ///
    /// # Errors
    /// 401 when there is none that is good now, 403 when it can only choose a password.
    pub async fn session(&self, store: &Store, now: Timestamp) -> Result<(Session, Account), Problem> {
        let (session, account) = self.any_session(store, now).await?;
        match session.ticket {
            None => Ok((session, account)),
            Some(_) => Err(Problem::new(Code::PasswordChangeRequired)),
        }
    }

    /// The same, also one that can only choose a password.
    ///
    /// # Errors
    /// 401 when there is none that is good now.
    pub async fn any_session(&self, store: &Store, now: Timestamp) -> Result<(Session, Account), Problem> {
        let (token, by_cookie) = self.token()?;
        let (session, account) = store.use_session(&token, now).await?.ok_or_else(Problem::no_session)?;
        match (&session.origin, by_cookie) {
            (None, false) => {}
            (Some(origin), true) => self.must_be_from(origin)?,
            // A token in the wrong place was put there by somebody else.
            _ => return Err(Problem::no_session()),
        }
        Ok((session, account))
    }

    /// Whether the caller asks for this media type by name.
    pub fn accepts(&self, media_type: &str) -> bool {
        let value = self.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value
            .split(',')
            .any(|range| range.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(media_type))
    }

    /// The query of this call, with one member set anew: where a next page is.
    pub fn with_query(&self, name: &str, value: &str) -> String {
        let others = self.query.iter().filter(|(known, _)| known != name);
        let all = others.map(|(name, value)| (name.as_str(), value.as_str())).chain([(name, value)]);
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pairs = all.map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        format!("?{}", pairs.collect::<Vec<_>>().join("&"))
    }

    /// How the browser or app names itself, cut to 200 characters.
    pub fn user_agent(&self) -> Option<String> {
        let value = self.headers.get(USER_AGENT)?.to_str().ok()?;
        Some(value.chars().filter(|c| !c.is_control()).take(200).collect())
    }
}

fn pairs(query: &lambda_http::aws_lambda_events::query_map::QueryMap) -> Vec<(String, String)> {
    query.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// An invocation that is no request, read as the given shape.
///
/// # Errors
/// 400 naming the member that is wrong, without repeating it.
pub fn read<T: DeserializeOwned>(invocation: serde_json::Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(invocation).map_err(|error| refusal(&error))
}

/// What the parser says of a body, without repeating what was in it.
fn refusal(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let member = error.path().to_string();
    match error.inner().classify() {
        serde_json::error::Category::Data if member == "." => {
            Problem::invalid("body", &without_values(error.inner()))
        }
        serde_json::error::Category::Data => Problem::invalid(&member, &without_values(error.inner())),
        _ => Problem::new(Code::MalformedJson),
    }
}

/// serde's sentences quote the value that did not fit; a password must not come back in an error.
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
        None => "is not valid".to_owned(),
    }
}

/// `requestContext.http.sourceIp`, never a header's. What cannot be read counts as one address, together.
fn source_address(request: &Request) -> IpAddr {
    let context = request.request_context_ref();
    let source = context.and_then(|context| match context {
        RequestContext::ApiGatewayV2(context) => context.http.source_ip.as_deref(),
        _ => None,
    });
    source.and_then(|source| source.parse().ok()).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// Lambda's id of the invocation; the gateway's where there is none.
fn request_id(request: &Request) -> String {
    let lambda = request.lambda_context_ref().map(|context| context.request_id.clone());
    lambda.filter(|id| !id.is_empty()).unwrap_or_else(|| match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone().unwrap_or_default(),
        _ => String::new(),
    })
}

/// What a handler answers when all is well.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    content_type: &'static str,
    body: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Answer {
    /// With a body.
    ///
    /// # Errors
    /// 500 when the body cannot be written, which no type of this system can cause.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Result<Self, Problem> {
        let body =
            serde_json::to_string(body).map_err(|error| Problem::internal("writing the answer", error))?;
        Ok(Self { status, content_type: "application/json", body: Some(body), headers: Vec::new() })
    }

    /// 204.
    pub const fn empty() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            content_type: "application/json",
            body: None,
            headers: Vec::new(),
        }
    }

    /// 302 to a page of a portal.
    pub fn redirect(url: &str) -> Self {
        Self {
            status: StatusCode::FOUND,
            content_type: "application/json",
            body: None,
            headers: header(LOCATION, url).into_iter().collect(),
        }
    }

    /// With the session's cookie; an empty token takes it away.
    #[must_use]
    pub fn with_cookie(mut self, token: &str) -> Self {
        let end = if token.is_empty() { "; Max-Age=0" } else { "" };
        let cookie = format!("{COOKIE_NAME}={token}; Path=/; Secure; HttpOnly; SameSite=Strict{end}");
        self.headers.extend(header(SET_COOKIE, &cookie));
        self
    }

    /// 200 with a body of another kind.
    pub const fn text(content_type: &'static str, body: String) -> Self {
        Self { status: StatusCode::OK, content_type, body: Some(body), headers: Vec::new() }
    }

    /// With a link to something that belongs to it (RFC 8288).
    #[must_use]
    pub fn with_link(mut self, target: &str, relation: &str) -> Self {
        self.headers.extend(header(LINK, &format!("<{target}>; rel=\"{relation}\"")));
        self
    }

    /// With an `ETag`, which `If-Match` gives back.
    #[must_use]
    pub fn with_etag(mut self, tag: &str) -> Self {
        self.headers.extend(header(ETAG, tag));
        self
    }
}

/// Turns a request into an answer: runs the route, writes the answer's headers, logs one line.
pub async fn respond<F>(request: Request, route: F) -> Response<Body>
where
    F: AsyncFnOnce(&Call) -> Result<Answer, Problem>,
{
    let request_id = request_id(&request);
    let span = tracing::info_span!("request", request_id);
    async move {
        let call = Call::new(request);
        let outcome = route(&call).await;
        let status = outcome.as_ref().map_or_else(Problem::status, |answer| answer.status);
        if let Err(problem) = &outcome {
            problem.log();
        }
        tracing::info!(
            event = "request",
            method = call.method.as_str(),
            path = call.pattern(),
            status = status.as_u16()
        );
        outcome.map_or_else(Problem::into_response, write)
    }
    .instrument(span)
    .await
}

fn write(answer: Answer) -> Response<Body> {
    finish(answer.status, answer.content_type, answer.body, answer.headers)
}

/// The headers that every answer carries.
fn finish(
    status: StatusCode,
    content_type: &'static str,
    body: Option<String>,
    extra: Vec<(HeaderName, HeaderValue)>,
) -> Response<Body> {
    let typed = body.is_some();
    let mut response = Response::new(body.map_or(Body::Empty, Body::Text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.extend(extra);
    if typed {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let two_years = HeaderValue::from_static("max-age=63072000; includeSubDomains");
    headers.insert(STRICT_TRANSPORT_SECURITY, two_years);
    response
}

/// A header value from text that this system made.
fn header(name: HeaderName, text: &str) -> Option<(HeaderName, HeaderValue)> {
    HeaderValue::from_str(text).ok().map(|value| (name, value))
}

/// `Retry-After`, in seconds.
fn retry_after(seconds: u64) -> Option<(HeaderName, HeaderValue)> {
    header(RETRY_AFTER, &seconds.to_string())
}
