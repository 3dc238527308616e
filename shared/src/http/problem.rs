//! Errors as callers see them: RFC 9457 problems.
//!
//! The message to the caller says what they can do; the cause goes to the log, once, and never to the caller.

use std::error::Error;
use std::fmt;

use http::header::{HeaderName, HeaderValue, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use lambda_runtime::Diagnostic;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::domain::limit::Limit;
use crate::domain::permission::{Forbidden, Unconfirmed};
use crate::domain::practice::SettingError;
use crate::domain::text::InvalidMember;
use crate::domain::typed_password::PasswordRefused;
use crate::http::headers::{Body, finish, header, retry_after};
use crate::platform::clock::NoRandomness;
use crate::platform::error::chain;
use crate::secrets::keyring::KeyError;
use crate::secrets::password::HashError;
use crate::store::error::StoreError;

mod code;

pub use code::{ErrorCode, Member};

/// An error on its way to a caller, with its cause on its way to the log.
pub struct Problem {
    code: ErrorCode,
    detail: Option<String>,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
    limit: Option<Limit>,
    cause: Option<(&'static str, Box<dyn Error + Send + Sync>)>,
    page: Option<Box<Response<Option<Body>>>>,
}

/// How a problem looks in JSON (RFC 9457).
#[derive(Serialize)]
struct ProblemBody {
    r#type: String,
    title: &'static str,
    status: u16,
    code: ErrorCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(flatten)]
    members: Map<String, Value>,
}

impl Problem {
    /// With the code's own words.
    pub fn new(code: ErrorCode) -> Self {
        let (detail, members, headers) = (None, Map::new(), Vec::new());
        Self { code, detail, members, headers, limit: None, cause: None, page: None }
    }

    /// 400: the member must be otherwise.
    pub fn invalid(member: &str, rule: &str) -> Self {
        Self { detail: Some(format!("{member}: {rule}")), ..Self::new(ErrorCode::InvalidRequest) }
    }

    /// 422: the setting must be otherwise.
    pub fn setting(error: &SettingError) -> Self {
        Self { detail: Some(error.to_string()), ..Self::new(ErrorCode::InvalidSetting) }
    }

    /// Whether it has this code.
    pub fn is(&self, code: ErrorCode) -> bool {
        self.code == code
    }

    /// 429 until so many seconds have passed. The log alone is told which limit was reached.
    pub fn too_many(limit: Limit, seconds: u64) -> Self {
        let mut problem = Self { limit: Some(limit), ..Self::new(ErrorCode::TooManyRequests) };
        problem.headers.extend(retry_after(seconds));
        problem
    }

    /// 401 for a missing or ended session.
    pub fn no_session() -> Self {
        Self::new(ErrorCode::InvalidSession).with_header(WWW_AUTHENTICATE, "Bearer")
    }

    /// 500, with what was being done and why it failed.
    pub fn internal(doing: &'static str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { cause: Some((doing, cause.into())), ..Self::new(ErrorCode::Internal) }
    }

    /// 503, with what was being done and why it failed.
    pub fn unavailable(doing: &'static str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let mut problem = Self { cause: Some((doing, cause.into())), ..Self::new(ErrorCode::Unavailable) };
        problem.headers.extend(retry_after(1));
        problem
    }

    /// With a fact that the code carries.
    #[must_use]
    pub fn with(mut self, member: Member, value: impl Serialize) -> Self {
        self.members.insert(member.name().to_owned(), serde_json::to_value(value).unwrap_or_default());
        self
    }

    /// The same refusal, which a person sees as this page.
    #[must_use]
    pub(super) fn with_page(self, page: Response<Option<Body>>) -> Self {
        Self { page: Some(Box::new(page)), ..self }
    }

    /// With a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.extend(header(name, value));
        self
    }

    /// What is wrong with this request.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The code.
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.code.status()
    }

    /// The limit that was reached, if that is what is wrong.
    pub(super) const fn limit(&self) -> Option<Limit> {
        self.limit
    }

    /// Writes the cause to the log; a caller's own mistake has none.
    pub fn log(&self) {
        if let Some((doing, cause)) = &self.cause {
            tracing::error!(event = "failure", doing, cause = chain(cause.as_ref()), code = ?self.code);
        }
    }

    /// As the error of an invocation that is no request. Its cause goes to the log.
    pub fn into_diagnostic(self) -> Diagnostic {
        self.log();
        let title = self.code.title();
        let error_message =
            self.detail.map_or_else(|| title.to_owned(), |detail| format!("{title} {detail}"));
        Diagnostic { error_type: self.code.name(), error_message }
    }

    /// As an answer.
    pub(super) fn into_response(self) -> Response<Option<Body>> {
        if let Some(mut page) = self.page {
            page.headers_mut().extend(self.headers);
            return *page;
        }
        let (status, title) = (self.code.status(), self.code.title());
        let name = self.code.name();
        let body = ProblemBody {
            r#type: format!("urn:rekey:problem:{name}"),
            title,
            status: status.as_u16(),
            code: self.code,
            detail: self.detail,
            members: self.members,
        };
        finish(
            status,
            "application/problem+json",
            serde_json::to_string(&body).ok().map(Body::Text),
            self.headers,
        )
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Problem({:?}, {:?}, {:?})", self.code, self.detail, self.cause)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Broken { .. } => Self::internal("reading an item", error),
            StoreError::Outrun { doing } => Self::unavailable(doing, error),
            StoreError::Unavailable { .. } => Self::unavailable("calling the store", error),
        }
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        Self::unavailable("getting keys", error)
    }
}

impl From<InvalidMember> for Problem {
    fn from(error: InvalidMember) -> Self {
        Self::invalid(&error.member, &error.rule)
    }
}

impl From<Forbidden> for Problem {
    fn from(_: Forbidden) -> Self {
        Self::new(ErrorCode::Forbidden)
    }
}

impl From<Unconfirmed> for Problem {
    fn from(_: Unconfirmed) -> Self {
        Self::new(ErrorCode::ConfirmationRequired)
    }
}

impl From<PasswordRefused> for Problem {
    fn from(error: PasswordRefused) -> Self {
        match error {
            PasswordRefused::Weak(reasons) => {
                Self::new(ErrorCode::WeakPassword).with(Member::Reasons, reasons)
            }
            PasswordRefused::Hash(error) => error.into(),
        }
    }
}

impl From<NoRandomness> for Problem {
    fn from(error: NoRandomness) -> Self {
        Self::unavailable("drawing random bytes", error)
    }
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Key(error) => error.into(),
            HashError::Randomness(error) => error.into(),
            HashError::Broken => Self::internal("working with a password hash", error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_never_reaches_the_caller() {
        let response = Problem::unavailable("calling the store", "secret detail").into_response();
        let Some(Body::Text(body)) = response.body() else { panic!("a text") };
        assert_eq!(
            body,
            r#"{"type":"urn:rekey:problem:unavailable","title":"Temporarily unavailable. Try again.","status":503,"code":"unavailable"}"#
        );
        assert_eq!(response.headers()["retry-after"], "1");
    }
}
