//! The errors of the store.

use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::store::keys;

/// The store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// DynamoDB did not answer, refused the call, or stayed contended. A transaction is written whole or not at all; when the
    /// reply is lost, it may be unknown which.
    #[error("{operation} failed: {source}")]
    Unavailable {
        /// The name of the operation.
        operation: &'static str,
        /// The cause, as far as it may be logged.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Other changes came first, again and again. Nothing was written, and a repeat is safe.
    #[error("{doing}: others kept changing it")]
    Outrun {
        /// The work that was being done.
        doing: &'static str,
    },
    /// An item does not have the form that this release reads.
    #[error("the item {key} is broken: {source}")]
    Broken {
        /// The kind of the item. The rest of its key may be personal data.
        key: String,
        /// The reason why it cannot be read.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl StoreError {
    pub(super) fn unavailable(
        operation: &'static str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self::Unavailable { operation, source: source.into() }
    }

    /// The error of a call that failed. It holds the service's error code, or how the call went wrong. The service's own
    /// sentences may quote an item, so they are left out.
    pub(super) fn failed<E: ProvideErrorMetadata, R>(
        operation: &'static str,
        error: &SdkError<E, R>,
    ) -> Self {
        let how = match error {
            SdkError::ServiceError(service) => service.err().code().unwrap_or("an error without a code"),
            SdkError::TimeoutError(_) => "it took too long",
            SdkError::DispatchFailure(_) => "no connection",
            _ => "no usable answer",
        };
        Self::Unavailable { operation, source: how.into() }
    }

    pub(super) fn broken(pk: &str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Broken { key: keys::kind(pk).to_owned(), source: source.into() }
    }
}
