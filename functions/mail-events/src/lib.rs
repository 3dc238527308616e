//! Takes what SES reports of mails, by way of EventBridge, to the tickets that they carried and the accounts that they were for.
//!
//! EventBridge may deliver an event twice, late, or out of order, and SES reports mails of others: what is known already, and
//! what means nothing here, changes nothing. An event carries addresses and headers; none of them is logged or kept.

use std::collections::BTreeMap;

use rekey::account::{Account, MailStatus};
use rekey::aws::Environment;
use rekey::clock::{Ambient, NoRandomness};
use rekey::config::{ConfigError, Lookup};
use rekey::event::{Action, Actor, Event};
use rekey::identifier::Email;
use rekey::mail::tags::{Addressed, Tags};
use rekey::store::mail::Undelivered;
use rekey::store::{Store, StoreError};
use rekey::ticket::{MailFate, Ticket};
use serde::Deserialize;
use serde_json::Value;

/// Rounds of losing to another event.
const ROUNDS: usize = 5;

/// What the function works with.
pub struct Deps {
    ambient: Ambient,
    store: Store,
}

impl Deps {
    /// Reads the function's configuration.
    ///
    /// # Errors
    /// [`ConfigError`] naming the variable.
    pub fn read(lookup: &Lookup<'_>, aws: &Environment, ambient: Ambient) -> Result<Self, ConfigError> {
        Ok(Self { store: Store::read(lookup, aws, ambient.clone())?, ambient })
    }
}

/// Why an event is delivered again.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No id could be drawn.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// Others kept writing.
    #[error("the ticket or the account kept changing")]
    Contended,
}

/// The detail of an event of SES, as far as it is of use here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    event_type: String,
    mail: Mail,
    #[serde(default)]
    bounce: Option<Bounce>,
}

#[derive(Deserialize)]
struct Mail {
    tags: BTreeMap<String, Vec<String>>,
    destination: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    bounce_type: String,
}

/// What an event tells of a mail.
#[derive(Clone, Copy)]
struct News {
    fate: MailFate,
    /// What the address is from now on, if it tells that.
    status: Option<MailStatus>,
}

impl News {
    /// `None` for an event that changes nothing, such as that a mail waits at its server.
    fn of(detail: &Detail) -> Option<Self> {
        let permanent = detail.bounce.as_ref().is_some_and(|bounce| bounce.bounce_type == "Permanent");
        Some(match detail.event_type.as_str() {
            "Delivery" => Self { fate: MailFate::Delivered, status: None },
            "Bounce" if permanent => Self { fate: MailFate::Bounced, status: Some(MailStatus::Bounced) },
            // A mailbox that is full today, or an answering machine; a mail that SES would not pass on.
            "Bounce" | "Reject" => Self { fate: MailFate::Returned, status: None },
            "Complaint" => Self { fate: MailFate::Complained, status: Some(MailStatus::Complained) },
            _ => return None,
        })
    }
}

/// Deals with one event.
///
/// # Errors
/// [`Failure`]: it is to be delivered again.
pub async fn handler(deps: &Deps, event: Value) -> Result<(), Failure> {
    let detail =
        event.get("detail").cloned().and_then(|detail| serde_json::from_value::<Detail>(detail).ok());
    let understood =
        detail.and_then(|detail| Some((News::of(&detail)?, Tags::read(&detail.mail.tags)?, detail.mail)));
    let Some((news, tags, mail)) = understood else {
        tracing::info!(event = "mail_event_ignored");
        return Ok(());
    };
    for addressed in &tags.addressed {
        tell(deps, news, &tags, &mail.destination, addressed).await?;
    }
    tracing::info!(event = "mail_event", fate = news.fate.as_str(), outbox = tags.outbox.to_string());
    Ok(())
}

async fn tell(
    deps: &Deps,
    news: News,
    tags: &Tags,
    destination: &[String],
    &(id, ticket): &Addressed,
) -> Result<(), Failure> {
    if news.fate == MailFate::Delivered {
        return match ticket {
            Some(ticket) => Ok(deps.store.record_delivered(id, ticket).await?),
            None => Ok(()),
        };
    }
    for _ in 0..ROUNDS {
        let Some((account, ticket)) = find(deps, &(id, ticket)).await? else { return Ok(()) };
        if account.practice != tags.practice {
            return Ok(());
        }
        let ticket = ticket.filter(|ticket| ticket.mail < Some(news.fate));
        // An address that staff have corrected since is not to be blamed for the former one.
        let status = news.status.filter(|status| went_to(&account, destination) && *status > account.mail);
        if ticket.is_none() && status.is_none() {
            return Ok(());
        }
        let event = event(deps, news, tags, &account, ticket.as_ref())?;
        let undelivered = Undelivered {
            fate: news.fate,
            account: &account,
            status,
            ticket: ticket.as_ref(),
            event: &event,
        };
        if deps.store.record_undelivered(&undelivered).await?.is_written() {
            return Ok(());
        }
    }
    Err(Failure::Contended)
}

/// Both as they are now. The ticket may be gone, long after.
async fn find(
    deps: &Deps,
    &(account, ticket): &Addressed,
) -> Result<Option<(Account, Option<Ticket>)>, StoreError> {
    if let Some(ticket) = ticket
        && let Some((ticket, account)) = deps.store.find_ticket_with_account(account, ticket).await?
    {
        return Ok(Some((account, Some(ticket))));
    }
    Ok(deps.store.find_account(account).await?.map(|account| (account, None)))
}

fn went_to(account: &Account, destination: &[String]) -> bool {
    let address = account.email.as_ref().map(Email::mailbox);
    address.is_some_and(|address| destination.iter().any(|to| to.eq_ignore_ascii_case(&address)))
}

fn event(
    deps: &Deps,
    news: News,
    tags: &Tags,
    account: &Account,
    ticket: Option<&Ticket>,
) -> Result<Event, NoRandomness> {
    let action = if news.fate == MailFate::Complained { Action::MailComplained } else { Action::MailBounced };
    let event = Event::new(&deps.ambient, &account.practice, action, Actor::System)?;
    let mut event = event.of(account.id, account.portal).with_outbox(tags.outbox);
    event.ticket = ticket.map(|ticket| ticket.id);
    Ok(event)
}
