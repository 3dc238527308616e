//! How the store fails.

use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::store::keys;

/// The store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It did not answer, refused, or stayed contended. Nothing was done, or the SDK's idempotency token makes a repeat safe.
    #[error("{operation} failed: {source}")]
    Unavailable {
        /// The operation.
        operation: &'static str,
        /// What the SDK says.
        source: Box<dyn Error + Send + Sync>,
    },
    /// Others kept changing what was to be changed. Nothing was done; a repeat is safe.
    #[error("{doing}: others kept changing it")]
    Outrun {
        /// What was being done.
        doing: &'static str,
    },
    /// An item is not what this release reads.
    #[error("the item {key} is broken: {source}")]
    Broken {
        /// Its kind; the rest of a key may be personal.
        key: String,
        /// What is wrong.
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

    /// A call that failed: the service's code, or how it went wrong. The service's own sentences may quote an item.
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
