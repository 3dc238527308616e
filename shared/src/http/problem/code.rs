//! Every error that a caller can meet, and the one table from code to status.

use http::StatusCode;
use serde::Serialize;

use crate::platform::wire::name_of;

/// Every error a caller can meet. Stable: programs branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The body is no JSON.
    MalformedJson,
    /// A member or header is missing, unknown or of the wrong kind.
    InvalidRequest,
    /// There is nothing at this path.
    NotFound,
    /// The path has other methods.
    MethodNotAllowed,
    /// The body is larger than the call takes: 16 KiB, but for a picture.
    BodyTooLarge,
    /// The body is not of the type that the call takes: `application/json`, but for a picture.
    UnsupportedMediaType,
    /// No practice has this slug.
    UnknownPractice,
    /// The practice does not offer this recovery method.
    MethodNotOffered,
    /// A limit was reached; `Retry-After` says when it ends.
    TooManyRequests,
    /// The code is not the one that was mailed: see `attempts_left`.
    InvalidCode,
    /// No code can be entered for this request any more, or never could be.
    CodeExpired,
    /// This token was never issued.
    InvalidToken,
    /// The token's time has passed.
    ExpiredToken,
    /// A password was set with this token before.
    UsedToken,
    /// The token was taken back, or a later change has voided it.
    RevokedToken,
    /// The new password is refused: see `reasons`.
    WeakPassword,
    /// The security question's answer is wrong: see `attempts_left`.
    WrongAnswer,
    /// The practice asks a security question and the account has none: see `support`.
    QuestionNotSet,
    /// The `Idempotency-Key` was used with another password.
    IdempotencyKeyReused,
    /// Identifier or password is wrong.
    InvalidCredentials,
    /// The temporary password is right and its time has passed: ask the practice for another, or recover.
    TemporaryPasswordExpired,
    /// There is no session, or it has ended.
    InvalidSession,
    /// The session began with a temporary password: it can only choose a password.
    PasswordChangeRequired,
    /// The call needs the caller's password of the last ten minutes: `POST /v1/sessions/current/confirm`, then call again.
    ConfirmationRequired,
    /// The page that makes the call is not the portal's: see `portals` of the practice's settings.
    OriginNotAllowed,
    /// The call did not come through the edge: call the API at its public address.
    NotThroughEdge,
    /// The caller's role does not allow this.
    Forbidden,
    /// The practice requires a proof of who the caller is, and there is none that counts.
    ProofRequired,
    /// The account has no address to send to, or only one that somebody else has: enter another, or copy the link.
    NoAddress,
    /// The account is inactive, or its owner has refused it.
    AccountClosed,
    /// The account has been set up: an invitation would not do anything.
    AlreadySignedUp,
    /// A setting is not allowed: see `detail`.
    InvalidSetting,
    /// Another account of the portal has the username.
    UsernameTaken,
    /// Another account of the portal has proven the address to be its own: see `account`. If they share it, say `shares_address`.
    AddressProven,
    /// Another member of staff has taken the help request.
    HelpRequestTaken,
    /// The help request has come to its end.
    HelpRequestSettled,
    /// The change must say, by `If-Match`, what it was made from.
    PreconditionRequired,
    /// Somebody else has changed it meanwhile.
    PreconditionFailed,
    /// Something that this needs does not answer. Nothing is half done; trying again is safe.
    Unavailable,
    /// A defect of this system. Nothing is half done.
    Internal,
}

/// A member that problems of some codes carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// The id of another account, or null when the caller may not see that account.
    Account,
    /// The number of attempts that are left.
    AttemptsLeft,
    /// The member or header of the request that is wrong, and its rule.
    Detail,
    /// The reasons why a password is refused.
    Reasons,
    /// The practice's support contact.
    Support,
}

impl Member {
    /// As in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::AttemptsLeft => "attempts_left",
            Self::Detail => "detail",
            Self::Reasons => "reasons",
            Self::Support => "support",
        }
    }
}

impl ErrorCode {
    /// As in the API.
    pub fn name(self) -> String {
        name_of(&self)
    }

    /// The HTTP status.
    pub const fn status(self) -> StatusCode {
        self.table().0
    }

    /// The sentence for a person.
    pub const fn title(self) -> &'static str {
        self.table().1
    }

    /// The members that every problem of this code carries besides those that all problems have.
    pub const fn members(self) -> &'static [Member] {
        match self {
            Self::InvalidRequest | Self::InvalidSetting => &[Member::Detail],
            Self::InvalidCode | Self::WrongAnswer => &[Member::AttemptsLeft],
            Self::QuestionNotSet => &[Member::Support],
            Self::AddressProven => &[Member::Account],
            Self::WeakPassword => &[Member::Reasons],
            _ => &[],
        }
    }

    /// The one table: status, and what a person may read.
    const fn table(self) -> (StatusCode, &'static str) {
        match self {
            Self::MalformedJson => (StatusCode::BAD_REQUEST, "The body is not valid JSON."),
            Self::InvalidRequest => (StatusCode::BAD_REQUEST, "The request is not valid."),
            Self::NotFound => (StatusCode::NOT_FOUND, "Not found."),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "Method not allowed."),
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "The body is too large."),
            Self::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The content type is not the one that is expected here.")
            }
            Self::UnknownPractice => (StatusCode::NOT_FOUND, "There is no such practice."),
            Self::MethodNotOffered => {
                (StatusCode::UNPROCESSABLE_ENTITY, "The practice does not offer this recovery method.")
            }
            Self::TooManyRequests => (StatusCode::TOO_MANY_REQUESTS, "Too many requests. Try again later."),
            Self::InvalidCode => (StatusCode::BAD_REQUEST, "The code is incorrect."),
            Self::CodeExpired => (StatusCode::GONE, "The code can no longer be used. Request a new one."),
            Self::InvalidToken => {
                (StatusCode::NOT_FOUND, "The link or code is not valid. Request a new one.")
            }
            Self::ExpiredToken => (StatusCode::GONE, "The link or code has expired. Request a new one."),
            Self::UsedToken => {
                (StatusCode::GONE, "The link or code has already been used. Sign in, or request a new one.")
            }
            Self::RevokedToken => {
                (StatusCode::GONE, "The link or code is no longer valid. Request a new one.")
            }
            Self::WeakPassword => (StatusCode::UNPROCESSABLE_ENTITY, "Choose a different password."),
            Self::WrongAnswer => (StatusCode::FORBIDDEN, "The answer to the security question is incorrect."),
            Self::QuestionNotSet => {
                (StatusCode::FORBIDDEN, "The account has no security question. Contact the practice.")
            }
            Self::IdempotencyKeyReused => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "The Idempotency-Key was already used with another password.",
            ),
            Self::InvalidCredentials => (StatusCode::UNAUTHORIZED, "The sign-in details are incorrect."),
            Self::TemporaryPasswordExpired => (
                StatusCode::UNAUTHORIZED,
                "The temporary password has expired. Request a link or code, or ask the practice for a new one.",
            ),
            Self::InvalidSession => (StatusCode::UNAUTHORIZED, "Sign in to continue."),
            Self::PasswordChangeRequired => (StatusCode::FORBIDDEN, "Choose a new password first."),
            Self::ConfirmationRequired => (StatusCode::FORBIDDEN, "Enter your password again first."),
            Self::OriginNotAllowed => {
                (StatusCode::FORBIDDEN, "This page is not allowed to make this request.")
            }
            Self::NotThroughEdge => (StatusCode::FORBIDDEN, "Call the API at its public address."),
            Self::Forbidden => (StatusCode::FORBIDDEN, "Your account is not allowed to do this."),
            Self::ProofRequired => {
                (StatusCode::FORBIDDEN, "Say how you know that the caller is the account's owner.")
            }
            Self::NoAddress => (
                StatusCode::CONFLICT,
                "The account has no email address of its owner's. Enter one, or copy a link.",
            ),
            Self::AccountClosed => (StatusCode::CONFLICT, "The account is closed. Open it first."),
            Self::AlreadySignedUp => {
                (StatusCode::CONFLICT, "The account is already set up. Send a link instead.")
            }
            Self::InvalidSetting => (StatusCode::UNPROCESSABLE_ENTITY, "The settings are not valid."),
            Self::UsernameTaken => (StatusCode::CONFLICT, "The username is already taken."),
            Self::AddressProven => {
                (StatusCode::CONFLICT, "Another account has shown that this address is its own. Check it.")
            }
            Self::HelpRequestTaken => (StatusCode::CONFLICT, "A colleague has already taken the request."),
            Self::HelpRequestSettled => (StatusCode::CONFLICT, "The request has already been settled."),
            Self::PreconditionRequired => {
                (StatusCode::PRECONDITION_REQUIRED, "Send If-Match with the ETag of the account.")
            }
            Self::PreconditionFailed => {
                (StatusCode::PRECONDITION_FAILED, "The account has been changed. Load it again.")
            }
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Temporarily unavailable. Try again."),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong. Try again later."),
        }
    }
}
