//! The headers that this crate sets: the ones of every reply (R2), how a text becomes a header, and the body beneath them.

use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode};

/// The body of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// Unicode text.
    Text(String),
    /// Any bytes, such as those of an image or of a text that is compressed.
    Bytes(Vec<u8>),
}

/// Builds a response with the headers that every reply carries. One that says itself how long it is kept stays at that.
pub(super) fn finish(
    status: StatusCode,
    content_type: &'static str,
    body: Option<Body>,
    extra: Vec<(HeaderName, HeaderValue)>,
) -> Response<Option<Body>> {
    let typed = body.is_some();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.extend(extra);
    if typed {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let two_years = HeaderValue::from_static("max-age=63072000; includeSubDomains");
    headers.insert(STRICT_TRANSPORT_SECURITY, two_years);
    response
}

/// A header with a text that this crate has made. `None` when the text cannot be a header's value.
pub(super) fn header(name: HeaderName, text: &str) -> Option<(HeaderName, HeaderValue)> {
    HeaderValue::from_str(text).ok().map(|value| (name, value))
}

/// The header `Retry-After`, in seconds.
pub(super) fn retry_after(seconds: u64) -> Option<(HeaderName, HeaderValue)> {
    header(RETRY_AFTER, &seconds.to_string())
}
