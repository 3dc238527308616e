//! What the gateway gives a function, and what it gets back: an HTTP API's event and answer of version 2.0.
//!
//! Whatever an event holds, it is read or refused, and never makes a function panic (R4). So nothing of it becomes a URL: a path is
//! compared as it is, and no header says where a request went.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use lambda_runtime::Context;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::http::call::Call;
use crate::http::cors::Origins;
use crate::http::edge::{Edge, Source};
use crate::http::headers::Body;
use crate::http::problem::Problem;
use crate::platform::clock::Ambient;
use crate::platform::config::{ConfigError, Lookup};
use crate::store::transact::Store;

/// The way by which a function's calls come: from the pages of the portals, and through the edge, where there is one.
pub struct Gateway {
    pub(super) origins: Origins,
    pub(super) edge: Edge,
}

impl Gateway {
    /// Reads `REKEY_EDGE_SECRET_DIGESTS`: by which secrets the edge is known, if calls must come through one. The given store has
    /// the origins.
    ///
    /// # Errors
    /// [`ConfigError::Unusable`] when the variable has anything but one or two digests.
    pub fn read(lookup: &Lookup<'_>, store: &Store, ambient: &Ambient) -> Result<Self, ConfigError> {
        Ok(Self { origins: Origins::new(store, ambient), edge: Edge::read(lookup)? })
    }
}

/// The members of an event that are read. A member that is `null` counts as absent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    raw_path: Option<String>,
    raw_query_string: Option<String>,
    headers: Option<BTreeMap<String, String>>,
    cookies: Option<Vec<String>>,
    request_context: RequestContext,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    domain_name: Option<String>,
    http: Http,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    method: String,
    source_ip: Option<String>,
}

/// Reads an event.
///
/// # Errors
/// 400 when it is no event of a gateway, or not all of it can be read. The errors of [`Edge::source`].
pub(super) fn read(event: &RawValue, edge: &Edge) -> Result<Call, Problem> {
    let event: Event =
        serde_json::from_str(event.get()).map_err(|_| Problem::invalid("request", "cannot be read"))?;
    let RequestContext { domain_name, http: Http { method, source_ip } } = event.request_context;
    let method = Method::from_bytes(method.as_bytes());
    let method = method.map_err(|_| Problem::invalid("method", "must be a method of HTTP"))?;
    let mut headers = headers(event.headers.unwrap_or_default())?;
    let seen = Source { address: address(source_ip.as_deref()), host: domain_name };
    let Source { address, host } = edge.source(&mut headers, seen)?;
    let cookies = event.cookies.unwrap_or_else(|| cookies(&headers));
    let query = event.raw_query_string.unwrap_or_default();
    let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let body = event.body.unwrap_or_default();
    let body = if event.is_base64_encoded {
        STANDARD.decode(body).map_err(|_| Problem::invalid("body", "must be in base64"))?
    } else {
        body.into_bytes()
    };
    let path = event.raw_path.unwrap_or_default();
    let parameters = Vec::new();
    Ok(Call { method, path, parameters, query, headers, cookies, body, host, address })
}

fn headers(members: BTreeMap<String, String>) -> Result<HeaderMap, Problem> {
    let mut headers = HeaderMap::with_capacity(members.len());
    for (name, value) in members {
        let header =
            HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_bytes(value.as_bytes()).ok());
        let (name, value) = header.ok_or_else(|| Problem::invalid("headers", "must be headers of HTTP"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// The cookies of an event without a list of them. Between two of them are a semicolon and a blank (RFC 6265, 4.2.1).
fn cookies(headers: &HeaderMap) -> Vec<String> {
    let values =
        headers.get_all(COOKIE).iter().filter_map(|value| std::str::from_utf8(value.as_bytes()).ok());
    values
        .flat_map(|value| value.split(';'))
        .map(|cookie| cookie.trim_matches([' ', '\t']).to_owned())
        .collect()
}

/// The gateway's word. All requests without a readable address count as one address.
fn address(source: Option<&str>) -> IpAddr {
    source.and_then(|source| source.parse().ok()).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// Lambda's id of the invocation; the gateway's where there is none.
pub(super) fn request_id(event: &RawValue, context: &Context) -> String {
    if !context.request_id.is_empty() {
        return context.request_id.clone();
    }
    let event: Value = serde_json::from_str(event.get()).unwrap_or_default();
    event["requestContext"]["requestId"].as_str().unwrap_or_default().to_owned()
}

/// The answer to an event. The gateway takes cookies apart from the other headers, of which it takes each once.
pub(super) fn write(response: Response<Option<Body>>) -> Value {
    let (parts, body) = response.into_parts();
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let cookies: Vec<String> = parts.headers.get_all(SET_COOKIE).iter().map(text).collect();
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in parts.headers.iter().filter(|(name, _)| **name != SET_COOKIE) {
        let known = headers.entry(name.to_string()).or_default();
        let separator = if known.is_empty() { "" } else { ", " };
        *known = format!("{known}{separator}{}", text(value));
    }
    let is_base64 = matches!(body, Some(Body::Bytes(_)));
    let body = body.map(|body| match body {
        Body::Text(text) => text,
        Body::Bytes(bytes) => STANDARD.encode(bytes),
    });
    json!({
        "statusCode": parts.status.as_u16(),
        "headers": headers,
        "cookies": cookies,
        "body": body,
        "isBase64Encoded": is_base64,
    })
}

#[cfg(test)]
mod tests;
