//! A reply: status, body, and the headers that every reply carries (R2).

use http::header::{ETAG, HeaderName, HeaderValue, LINK, LOCATION, SET_COOKIE};
use http::{Response, StatusCode};
use serde::Serialize;

use crate::domain::account::Account;
use crate::domain::practice::{Portal, Slug};
use crate::http::headers::{Body, finish, header};
use crate::http::problem::Problem;

/// How the names of the sessions' cookies begin. The prefix makes browsers accept them only over https, only for this host, and only
/// with the path `/`.
pub(super) const COOKIE: &str = "__Host-rekey-";

/// The name of the cookie of the sessions at a portal: a person can be signed in at two portals of one host.
pub(super) fn cookie_name(practice: &Slug, portal: Portal) -> String {
    format!("{COOKIE}{practice}-{}", portal.as_str())
}

/// The reply of a handler that succeeds.
#[derive(Debug)]
pub struct Reply {
    pub(super) status: StatusCode,
    content_type: &'static str,
    body: Option<Body>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Reply {
    /// A reply with a body of JSON.
    ///
    /// # Errors
    /// 500 when the body cannot be serialized. No type of this system can cause that.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Result<Self, Problem> {
        let body =
            serde_json::to_string(body).map_err(|error| Problem::internal("writing the reply", error))?;
        Ok(Self { body: Some(Body::Text(body)), ..Self::bare(status) })
    }

    /// A reply with status 204 and no body.
    pub const fn empty() -> Self {
        Self::bare(StatusCode::NO_CONTENT)
    }

    /// A reply with status 302, which leads to a page of a portal.
    pub fn redirect(url: &str) -> Self {
        Self { headers: header(LOCATION, url).into_iter().collect(), ..Self::bare(StatusCode::FOUND) }
    }

    const fn bare(status: StatusCode) -> Self {
        Self { status, content_type: "application/json", body: None, headers: Vec::new() }
    }

    /// Sets the cookie of a session of the account. An empty token removes it.
    #[must_use]
    pub fn with_cookie(mut self, account: &Account, token: &str) -> Self {
        let end = if token.is_empty() { "; Max-Age=0" } else { "" };
        let name = cookie_name(&account.practice, account.portal);
        let cookie = format!("{name}={token}; Path=/; Secure; HttpOnly; SameSite=Strict{end}");
        self.headers.extend(header(SET_COOKIE, &cookie));
        self
    }

    /// A reply with status 200 and a body of another content type.
    pub fn text(content_type: &'static str, body: String) -> Self {
        Self { content_type, body: Some(Body::Text(body)), ..Self::bare(StatusCode::OK) }
    }

    /// A reply with status 200 and a body of bytes.
    pub fn bytes(content_type: &'static str, body: Vec<u8>) -> Self {
        Self { content_type, body: Some(Body::Bytes(body)), ..Self::bare(StatusCode::OK) }
    }

    /// The refusal whose answer is this page.
    pub fn instead_of(self, problem: Problem) -> Problem {
        problem.with_page(self.into_response())
    }

    /// Gives the reply another status.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Adds a link to a related address (RFC 8288).
    #[must_use]
    pub fn with_link(mut self, target: &str, relation: &str) -> Self {
        self.headers.extend(header(LINK, &format!("<{target}>; rel=\"{relation}\"")));
        self
    }

    /// Adds a header whose value this crate has made.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.extend(header(name, value));
        self
    }

    /// Adds an `ETag`, which the caller sends back in `If-Match`.
    #[must_use]
    pub fn with_etag(mut self, tag: &str) -> Self {
        self.headers.extend(header(ETAG, tag));
        self
    }

    /// The response, with the headers that every reply carries.
    pub(super) fn into_response(self) -> Response<Option<Body>> {
        finish(self.status, self.content_type, self.body, self.headers)
    }
}
