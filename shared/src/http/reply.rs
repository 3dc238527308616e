//! A reply: status, body, and the headers that every one of them carries (R2).

use lambda_http::http::StatusCode;
use lambda_http::http::header::{ETAG, HeaderName, HeaderValue, LINK, LOCATION, SET_COOKIE};
use lambda_http::{Body, Response};
use serde::Serialize;

use crate::http::headers::{finish, header};
use crate::http::problem::Problem;

/// The session's cookie. Its prefix makes browsers hold it to this host, to https, and to no narrower path.
pub(super) const COOKIE_NAME: &str = "__Host-rekey";

/// What a handler replies when all is well.
#[derive(Debug)]
pub struct Reply {
    pub(super) status: StatusCode,
    content_type: &'static str,
    body: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Reply {
    /// With a body.
    ///
    /// # Errors
    /// 500 when the body cannot be written, which no type of this system can cause.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Result<Self, Problem> {
        let body =
            serde_json::to_string(body).map_err(|error| Problem::internal("writing the reply", error))?;
        Ok(Self { body: Some(body), ..Self::bare(status) })
    }

    /// 204.
    pub const fn empty() -> Self {
        Self::bare(StatusCode::NO_CONTENT)
    }

    /// 302 to a page of a portal.
    pub fn redirect(url: &str) -> Self {
        Self { headers: header(LOCATION, url).into_iter().collect(), ..Self::bare(StatusCode::FOUND) }
    }

    const fn bare(status: StatusCode) -> Self {
        Self { status, content_type: "application/json", body: None, headers: Vec::new() }
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
    pub fn text(content_type: &'static str, body: String) -> Self {
        Self { content_type, body: Some(body), ..Self::bare(StatusCode::OK) }
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

    /// With the headers that every reply carries.
    pub(super) fn into_response(self) -> Response<Body> {
        finish(self.status, self.content_type, self.body, self.headers)
    }
}
