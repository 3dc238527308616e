//! The part of Secrets Manager that the functions use: `GetSecretValue` for a fixed set of secrets.
//!
//! It counts the calls, so that a test can require that a function asks only once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

const TARGET: &str = "secretsmanager.GetSecretValue";
const ARN_PREFIX: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:";

/// The secrets, by name. Clones are the same secrets.
#[derive(Clone, Debug)]
pub struct Secrets(Arc<State>);

#[derive(Debug)]
struct State {
    values: BTreeMap<String, String>,
    calls: Mutex<BTreeMap<String, usize>>,
    failing: AtomicBool,
}

impl Secrets {
    /// Creates the secrets from their names (`SecretId`) and texts (`SecretString`).
    pub fn new(values: impl IntoIterator<Item = (String, String)>) -> Self {
        let values = values.into_iter().collect();
        Self(Arc::new(State { values, calls: Mutex::default(), failing: AtomicBool::new(false) }))
    }

    /// The number of times that any secret was asked for, whatever the answer. The SDK's own retries count.
    pub fn calls(&self) -> usize {
        self.lock_calls().values().sum()
    }

    /// The number of times that the secret `id` was asked for.
    pub fn calls_for(&self, id: &str) -> usize {
        self.lock_calls().get(id).copied().unwrap_or_default()
    }

    /// Sets whether every call is answered by a 500 `InternalServiceError` from now on.
    pub fn set_failing(&self, failing: bool) {
        self.0.failing.store(failing, Ordering::Relaxed);
    }

    fn lock_calls(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, usize>> {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers one call of the JSON 1.1 protocol.
    pub(crate) fn answer(&self, headers: &HeaderMap, body: &[u8]) -> Response {
        let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok());
        if target != Some(TARGET) {
            return error(
                StatusCode::BAD_REQUEST,
                "UnknownOperationException",
                "only GetSecretValue is known",
            );
        }
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let Some(id) = request["SecretId"].as_str() else {
            return error(StatusCode::BAD_REQUEST, "InvalidParameterException", "SecretId must be a string");
        };
        let name = id.strip_prefix(ARN_PREFIX).unwrap_or(id);
        *self.lock_calls().entry(name.to_owned()).or_default() += 1;
        if self.0.failing.load(Ordering::Relaxed) {
            return error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceError", "told to fail");
        }
        match self.0.values.get(name) {
            Some(text) => respond(StatusCode::OK, &value_of(name, text)),
            None => error(
                StatusCode::BAD_REQUEST,
                "ResourceNotFoundException",
                "Secrets Manager can't find the specified secret.",
            ),
        }
    }
}

fn value_of(name: &str, text: &str) -> Value {
    json!({
        "ARN": format!("{ARN_PREFIX}{name}"),
        "Name": name,
        "SecretString": text,
        "VersionId": "00000000-0000-4000-8000-000000000001",
        "VersionStages": ["AWSCURRENT"],
    })
}

fn error(status: StatusCode, kind: &str, message: &str) -> Response {
    respond(status, &json!({"__type": kind, "message": message}))
}

fn respond(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/x-amz-json-1.1")], body.to_string()).into_response()
}
