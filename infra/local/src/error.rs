//! What goes wrong between this crate and the DynamoDB that it works on.

use std::error::Error as StdError;

use aws_sdk_dynamodb::error::DisplayErrorContext;

/// A call to DynamoDB or to its stream failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// DynamoDB refused, or could not be reached.
    #[error("{call}: {message}")]
    Aws {
        /// The API call.
        call: &'static str,
        /// The SDK's error with its causes.
        message: String,
    },
    /// The table did not become active in time.
    #[error("the table {0} is not active")]
    NotActive(String),
    /// The table has no stream to read.
    #[error("the table {0} has no stream")]
    NoStream(String),
    /// The place that was reached in the stream could not be kept or read.
    #[error("{path}: {source}")]
    Checkpoint {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn aws(call: &'static str, error: impl StdError) -> Self {
        Self::Aws { call, message: DisplayErrorContext(&error).to_string() }
    }
}
