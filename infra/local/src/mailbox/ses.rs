//! SES v2's `SendEmail` over HTTP, with answers and errors in the form that the AWS SDKs read.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use super::{Failure, Mailbox, NotReceived, request};

/// `POST /v2/email/outbound-emails` answers 200 `{"MessageId": "..."}`.
pub(crate) async fn send_email(State(mailbox): State<Mailbox>, body: Bytes) -> Response {
    let message = match request::read(&body) {
        Ok(message) => message,
        Err(reason) => return error(StatusCode::BAD_REQUEST, "BadRequestException", &reason),
    };
    let id = message.id.clone();
    match mailbox.receive(message) {
        Ok(()) => Json(json!({"MessageId": id})).into_response(),
        Err(NotReceived::Ordered(failure)) => {
            let (status, kind, message) = describe(failure);
            error(status, kind, message)
        }
        Err(reason) => {
            error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceErrorException", &reason.to_string())
        }
    }
}

/// `DELETE /v2/email/suppression/addresses/{address}` answers 200, or 404 for an address that is not on the list.
pub(crate) async fn unsuppress(State(mailbox): State<Mailbox>, Path(address): Path<String>) -> Response {
    if mailbox.unsuppress(&address) {
        Json(json!({})).into_response()
    } else {
        error(
            StatusCode::NOT_FOUND,
            "NotFoundException",
            "Email address does not exist on your suppression list.",
        )
    }
}

/// The mails a second that the account may send: those of a new account outside of the sandbox.
const RATE: f64 = 14.0;
/// The mails of a day.
const QUOTA: f64 = 50_000.0;

/// `GET /v2/email/account` answers what the account may send.
pub(crate) async fn account(State(mailbox): State<Mailbox>) -> Response {
    let quota =
        json!({"Max24HourSend": QUOTA, "MaxSendRate": RATE, "SentLast24Hours": mailbox.messages().len()});
    Json(json!({
        "DedicatedIpAutoWarmupEnabled": false, "EnforcementStatus": "HEALTHY", "ProductionAccessEnabled": true,
        "SendQuota": quota, "SendingEnabled": !mailbox.is_paused(),
    }))
    .into_response()
}

const fn describe(failure: Failure) -> (StatusCode, &'static str, &'static str) {
    match failure {
        Failure::Throttled => {
            (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", "Maximum sending rate exceeded.")
        }
        Failure::Unavailable => {
            (StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceErrorException", "Try again later.")
        }
        Failure::Rejected => (StatusCode::BAD_REQUEST, "MessageRejected", "Address blacklisted."),
        Failure::BadContent => (StatusCode::BAD_REQUEST, "MessageRejected", "The text is not taken."),
        Failure::Unverified => (StatusCode::BAD_REQUEST, "MessageRejected", "Email address is not verified."),
        Failure::AccountPaused => {
            (StatusCode::BAD_REQUEST, "SendingPausedException", "Email sending is disabled for this account.")
        }
    }
}

pub(super) fn error(status: StatusCode, kind: &str, message: &str) -> Response {
    let kind = [(HeaderName::from_static("x-amzn-errortype"), kind.to_owned())];
    (status, kind, Json(json!({"message": message}))).into_response()
}
