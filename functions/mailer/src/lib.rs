//! The function `mailer` turns the items of the outbox into mails: it finds the accounts, issues tickets and sends.
//!
//! It is the only function that may call `ses:SendEmail` and the only one that has the derivation key. A redelivered record finds
//! its ticket and derives the same token, and a record that was handled before is left alone. A mail that SES will never accept
//! is parked and recorded, so that it holds up no other. Every other failure is reported, and its record is delivered again.

use aws_lambda_events::dynamodb::Event as StreamEvent;
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use rekey::domain::identifier::Email;
use rekey::mail::compose::ComposeError;
use rekey::mail::postbox::{MailError, Postbox};
use rekey::mail::tags::Addressed;
use rekey::platform::aws::Environment;
use rekey::platform::clock::{Ambient, NoRandomness};
use rekey::platform::config::{ConfigError, Lookup};
use rekey::platform::error::chain;
use rekey::secrets::keyring::{KeyError, LazyKeyring};
use rekey::store::error::StoreError;
use rekey::store::practices::PracticeCache;
use rekey::store::transact::Store;

mod code;
mod delivery;
mod issue;
mod notice;
mod record;
mod recovery;
mod temporary;

/// The configuration and the clients that the function works with.
pub struct Deps {
    ambient: Ambient,
    store: Store,
    practices: PracticeCache,
    derivation: LazyKeyring,
    codes: LazyKeyring,
    postbox: Postbox,
}

impl Deps {
    /// Reads the function's configuration.
    ///
    /// # Errors
    /// Returns [`ConfigError`], which names the variable that is missing or unusable.
    pub fn read(lookup: &Lookup<'_>, aws: &Environment, ambient: Ambient) -> Result<Self, ConfigError> {
        Ok(Self {
            store: Store::read(lookup, aws, ambient.clone())?,
            ambient,
            practices: PracticeCache::default(),
            derivation: LazyKeyring::read(lookup, aws, "REKEY_DERIVATION_SECRET")?,
            codes: LazyKeyring::read(lookup, aws, "REKEY_CODE_SECRET")?,
            postbox: Postbox::read(aws.ses(), lookup)?,
        })
    }
}

/// The reason why a record is delivered again, or why its mail is parked.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    #[error(transparent)]
    Mail(#[from] MailError),
    /// A mail to an address was not taken.
    #[error("a mail was not taken")]
    NotTaken {
        /// The address.
        to: Email,
        /// The accounts that the mail was for, and their tickets.
        addressed: Vec<Addressed>,
        /// The reason.
        #[source]
        cause: MailError,
    },
    #[error(transparent)]
    Compose(#[from] ComposeError),
}

impl Failure {
    /// Whether no further attempt can help.
    const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::NotTaken { cause: MailError::Refused { .. } | MailError::Unbuildable(_), .. }
                | Self::Compose(_)
                | Self::Store(StoreError::Broken { .. })
        )
    }
}

/// Handles a batch of the stream. Answers with the sequence numbers of the records that are to be delivered again.
pub async fn handler(deps: &Deps, batch: StreamEvent) -> DynamoDbEventResponse {
    let mut answer = DynamoDbEventResponse::default();
    for record in batch.records {
        let sequence = record.change.sequence_number.clone();
        // The future is boxed, because it is too deep for the compiler to lay out in one piece.
        if let Err(error) = Box::pin(record::process(deps, record)).await {
            tracing::warn!(event = "mail_delayed", cause = chain(&error));
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = sequence;
            answer.batch_item_failures.push(failure);
        }
    }
    answer
}
