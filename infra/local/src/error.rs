//! The errors of this crate when it works with DynamoDB.

use std::error::Error as StdError;

use aws_sdk_dynamodb::error::DisplayErrorContext;

/// A call to DynamoDB or to its stream failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// DynamoDB refused the call, or could not be reached.
    #[error("{call}: {message}")]
    Aws {
        /// The name of the API call.
        call: &'static str,
        /// The SDK's error with its causes.
        message: String,
    },
    /// The table did not become active in time.
    #[error("the table {0} is not active")]
    NotActive(String),
    /// The table lacks what this release needs. Its data cannot be used again.
    #[error("the table {0} is one of an earlier release: begin with an empty folder of data")]
    Outdated(String),
    /// The table has no stream.
    #[error("the table {0} has no stream")]
    NoStream(String),
    /// The records of the embedded DynamoDB's streams could not be looked at or deleted.
    #[error("the stream's records: {0}")]
    Records(Box<dyn StdError + Send + Sync>),
    /// The place that was reached in the stream could not be read or stored.
    #[error("{path}: {source}")]
    Checkpoint {
        /// The path of the file.
        path: String,
        /// The cause.
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn aws(call: &'static str, error: impl StdError) -> Self {
        Self::Aws { call, message: DisplayErrorContext(&error).to_string() }
    }

    pub(crate) fn records(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Records(error.into())
    }
}
