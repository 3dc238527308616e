//! The function `mailer` turns the items of the outbox into mails: it finds the accounts, issues tickets and sends.
//!
//! It is the only function that may call `ses:SendEmail` and the only one that has the derivation key. A redelivered record finds
//! its ticket and derives the same token, and an item that was handled before is left alone.
//!
//! **Nothing waits for a mail that fails.** The item records when it is to be tried again, and the record is acknowledged: a record
//! that is reported as failed blocks its lane of the stream, and lives there for a day. A sweep tries the item then, for as long as
//! what it carries is worth sending. A mail that SES will never accept is parked and recorded. Only when nothing can be recorded,
//! because the store does not answer, or when another change came first, the record is reported and comes again.

use aws_lambda_events::dynamodb::Event as StreamEvent;
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use rekey::domain::identifier::Email;
use rekey::mail::compose::ComposeError;
use rekey::mail::postbox::{MailError, Postbox, Scope};
use rekey::mail::tags::Addressed;
use rekey::platform::aws::Environment;
use rekey::platform::clock::{Ambient, NoRandomness};
use rekey::platform::config::{ConfigError, Lookup};
use rekey::platform::error::chain;
use rekey::secrets::keyring::{KeyError, LazyKeyring};
use rekey::store::error::StoreError;
use rekey::store::keys::outbox_key;
use rekey::store::practices::PracticeCache;
use rekey::store::transact::Store;
use serde::{Deserialize, Serialize};

mod check;
mod closing;
mod code;
mod delivery;
mod ending;
mod help;
mod hold;
mod issue;
mod item;
mod notice;
mod recovery;
mod refusal;
mod sweep;
mod temporary;
mod wrong_person;

use hold::Hold;
pub use sweep::Swept;

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

/// What invokes the mailer.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Trigger {
    /// The schedule.
    Sweep {
        /// What is swept.
        sweep: Sweepable,
    },
    /// The table's stream.
    Stream(StreamEvent),
}

/// What the schedule has the mailer sweep.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sweepable {
    /// The outbox.
    Outbox,
}

/// The mailer's answer.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To the schedule.
    Swept(Swept),
    /// To the stream: the sequence numbers of the records that are to be delivered again.
    Stream(DynamoDbEventResponse),
}

/// The reason why an item is tried again, or why it is parked.
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

    /// Whether another change came first. Another attempt can follow at once.
    const fn is_outrun(&self) -> bool {
        matches!(self, Self::Store(StoreError::Outrun { .. }))
    }

    /// What SES has said.
    const fn mail(&self) -> Option<&MailError> {
        match self {
            Self::Mail(cause) | Self::NotTaken { cause, .. } => Some(cause),
            _ => None,
        }
    }

    /// Whether the mail came too soon after others.
    const fn is_of_rate(&self) -> bool {
        matches!(self.mail(), Some(MailError::Unavailable { scope: Scope::Rate, .. }))
    }

    /// Whether it has nothing to do with this mail.
    const fn is_for_all(&self) -> bool {
        !self.is_final()
            && !matches!(
                self.mail(),
                Some(MailError::Unavailable { scope: Scope::Practice | Scope::Sender | Scope::Mail, .. })
            )
    }

    /// A name for it, which an operator reads beside the item.
    fn code(&self) -> &str {
        match (self.mail(), self) {
            (Some(MailError::Refused { code, .. } | MailError::Unavailable { code, .. }), _) => code,
            (Some(MailError::Unbuildable(_)), _) | (_, Self::Compose(_)) => "unbuildable",
            (_, Self::Store(StoreError::Broken { .. })) => "unreadable",
            (_, Self::Store(_)) => "store",
            (_, Self::Key(_)) => "key",
            _ => "randomness",
        }
    }
}

/// Handles a batch of the stream, or sweeps the outbox.
///
/// # Errors
/// [`StoreError`] when the store does not answer a sweep.
pub async fn handler(deps: &Deps, trigger: Trigger) -> Result<Answer, StoreError> {
    match trigger {
        Trigger::Sweep { sweep: Sweepable::Outbox } => Ok(Answer::Swept(Box::pin(sweep::sweep(deps)).await?)),
        Trigger::Stream(batch) => Ok(Answer::Stream(deliver(deps, batch).await)),
    }
}

async fn deliver(deps: &Deps, batch: StreamEvent) -> DynamoDbEventResponse {
    let mut answer = DynamoDbEventResponse::default();
    let hold = Hold::default();
    for record in batch.records {
        let pk = record.change.keys.get("pk").and_then(|pk| match pk {
            serde_dynamo::AttributeValue::S(pk) => Some(pk.as_str()),
            _ => None,
        });
        // The filter of the stream lets only items of the outbox through.
        let Some(key) = pk.and_then(outbox_key) else {
            tracing::error!(event = "record_ignored");
            continue;
        };
        // The future is boxed, because it is too deep for the compiler to lay out in one piece.
        if let Err(error) = Box::pin(item::process(deps, &hold, &key)).await {
            tracing::warn!(event = "mail_delayed", cause = chain(&error));
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = record.change.sequence_number;
            answer.batch_item_failures.push(failure);
        }
    }
    answer
}
