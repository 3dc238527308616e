//! The function `mail-events` takes what SES reports of mails, by way of EventBridge or SNS, to the tickets in those mails and to
//! the accounts that they were for.
//!
//! Either may deliver an event twice, late, or out of order, and SES also reports mails of other systems. An event that is
//! known already, or that means nothing here, changes nothing. An event carries addresses and headers, and none of them is logged
//! or kept.

use rekey::mail::tags::Tags;
use rekey::platform::aws::Environment;
use rekey::platform::clock::{Ambient, NoRandomness};
use rekey::platform::config::{ConfigError, Lookup};
use rekey::store::error::StoreError;
use rekey::store::transact::Store;
use serde_json::Value;

mod news;

use news::{Detail, News, Report};

/// The configuration and the clients that the function works with.
pub struct Deps {
    ambient: Ambient,
    store: Store,
}

impl Deps {
    /// Reads the function's configuration.
    ///
    /// # Errors
    /// Returns [`ConfigError`], which names the variable that is missing or unusable.
    pub fn read(lookup: &Lookup<'_>, aws: &Environment, ambient: Ambient) -> Result<Self, ConfigError> {
        Ok(Self { store: Store::read(lookup, aws, ambient.clone())?, ambient })
    }
}

/// The reason why an event is delivered again.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No id could be drawn.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

/// Handles one event of EventBridge, or the messages of an event of SNS.
///
/// # Errors
/// Returns [`Failure`] when the event is to be delivered again.
pub async fn handler(deps: &Deps, event: Value) -> Result<(), Failure> {
    for report in reports(&event) {
        handle(deps, report).await?;
    }
    Ok(())
}

/// The reports of SES in an event: its detail, or the JSON in the text of each message.
fn reports(event: &Value) -> Vec<Option<Value>> {
    let Some(records) = event.get("Records").and_then(Value::as_array) else {
        return vec![event.get("detail").cloned()];
    };
    let message = |record: &Value| serde_json::from_str(record.get("Sns")?.get("Message")?.as_str()?).ok();
    records.iter().map(message).collect()
}

async fn handle(deps: &Deps, report: Option<Value>) -> Result<(), Failure> {
    let detail = report.and_then(|report| serde_json::from_value::<Detail>(report).ok());
    let understood = detail.and_then(|detail| {
        let news = News::of(&detail)?;
        Some((news, Report { tags: Tags::read(&detail.mail.tags)?, destination: detail.mail.destination }))
    });
    let Some((news, report)) = understood else {
        tracing::info!(event = "mail_event_ignored");
        return Ok(());
    };
    for addressed in &report.tags.addressed {
        news.record(deps, &report, *addressed).await?;
    }
    let (outbox, delay) =
        (report.tags.outbox.to_string(), deps.ambient.now().millis_since(report.asked_at()));
    tracing::info!(event = "mail_event", outbox, fate = news.fate.as_str(), delay);
    Ok(())
}
