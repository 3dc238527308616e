//! Turns what the outbox asks for into mail: looks accounts up, issues tickets, sends.
//!
//! The only function that may call `ses:SendEmail` and the only holder of the derivation key. A redelivered record finds
//! its ticket and derives the same token; a record that was dealt with is left alone. A mail that SES will never take is
//! parked and recorded, so that it holds up nobody; everything else that fails is reported and delivered again.

use aws_lambda_events::dynamodb::{Event as StreamEvent, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use rekey::account::Account;
use rekey::aws::Environment;
use rekey::clock::{Ambient, NoRandomness};
use rekey::config::{ConfigError, Lookup};
use rekey::event::{Action, Actor, Event, Reason};
use rekey::http::problem::chain;
use rekey::identifier::Email;
use rekey::ids::AccountId;
use rekey::keyring::{KeyError, LazyKeyring};
use rekey::mail::compose::{ComposeError, Kind as Mail, Language, Letter, Link, Support, compose};
use rekey::mail::tags::{Addressed, Tags};
use rekey::mail::{MailError, Postbox};
use rekey::outbox::{Errand, Outbox};
use rekey::practice::Practice;
use rekey::store::practices::PracticeCache;
use rekey::store::{Store, StoreError};
use rekey::ticket::Issuer;

mod issue;
mod notice;
mod recover;
mod temporary;

/// Accounts of one mailbox that a mail serves: the first made. Whoever shares an address with more is still
/// reached by username.
const MOST_SHARED: usize = 20;

/// What the function works with.
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
    /// [`ConfigError`] naming the variable.
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

    fn event(&self, outbox: &Outbox, action: Action, actor: Actor) -> Result<Event, NoRandomness> {
        let event = Event::new(&self.ambient, &outbox.practice, action, actor)?.with_outbox(outbox.id);
        // Where a member of staff works is in the event of what they did, and not in what follows from it.
        let by_staff =
            matches!(outbox.errand, Errand::Link { by: Some(_), .. } | Errand::TemporaryPassword { .. });
        Ok(match &outbox.ip {
            Some(ip) if !by_staff => event.from_address(ip),
            _ => event,
        })
    }
}

/// Why a record is delivered again, or why its mail is parked.
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
    #[error(transparent)]
    Compose(#[from] ComposeError),
    #[error("other mailers kept issuing for the account")]
    Contended,
}

impl Failure {
    /// No further attempt can help.
    const fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Mail(MailError::Refused(_) | MailError::Unbuildable(_))
                | Self::Compose(_)
                | Self::Store(StoreError::Broken { .. })
        )
    }
}

/// Deals with a batch of the stream. Answers the sequence numbers of those to be delivered again.
pub async fn handler(deps: &Deps, batch: StreamEvent) -> DynamoDbEventResponse {
    let mut answer = DynamoDbEventResponse::default();
    for record in batch.records {
        let sequence = record.change.sequence_number.clone();
        // Boxed: what it leads to is too deep for the compiler to lay out in one piece.
        if let Err(error) = Box::pin(deal_with(deps, record)).await {
            tracing::warn!(event = "mail_delayed", cause = chain(&error));
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = sequence;
            answer.batch_item_failures.push(failure);
        }
    }
    answer
}

async fn deal_with(deps: &Deps, record: EventRecord) -> Result<(), Failure> {
    let outbox: Outbox = match serde_dynamo::from_item(record.change.new_image) {
        Ok(outbox) => outbox,
        Err(error) => {
            // What cannot be read now cannot be read later.
            tracing::error!(event = "mail_parked", cause = error.to_string());
            return Ok(());
        }
    };
    let (accounts, outcome) = match take_up(deps, &outbox).await {
        Ok(None) => return Ok(()),
        Ok(Some((accounts, outcome))) => (accounts, outcome),
        // What cannot be read now cannot be read later, and must not hold up those behind it.
        Err(failure) => (Vec::new(), Err(failure)),
    };
    let events = match outcome {
        Err(failure) if failure.is_final() => park(deps, &outbox, &accounts, &failure)?,
        outcome => outcome?,
    };
    deps.store.record_done(&outbox, &events, deps.ambient.now()).await?;
    tracing::info!(event = "errand_done", outbox = outbox.id.to_string());
    Ok(())
}

/// The accounts that an item is about, and what came of it. `None` when it was dealt with before: the record shows the item
/// as it was written, and another delivery may have come first.
async fn take_up(deps: &Deps, outbox: &Outbox) -> Result<Option<Taken>, Failure> {
    let now = deps.store.find_outbox(outbox).await?;
    let Some(outbox) = now.filter(|outbox| outbox.done_at.is_none()) else { return Ok(None) };
    let accounts = addressees(deps, &outbox).await?;
    let outcome = Box::pin(run_errand(deps, &outbox, &accounts)).await;
    Ok(Some((accounts, outcome)))
}

/// Whom an item was about, and what is to be recorded of them.
type Taken = (Vec<Account>, Result<Vec<Event>, Failure>);

/// The accounts that an item is about.
async fn addressees(deps: &Deps, outbox: &Outbox) -> Result<Vec<Account>, StoreError> {
    let ids: Vec<AccountId> = match &outbox.errand {
        Errand::Recovery { portal, identifier, .. } | Errand::LimitHit { portal, identifier } => {
            let logins = deps.store.find_logins(&outbox.practice, *portal, identifier).await?;
            logins.into_iter().map(|login| login.account).collect()
        }
        Errand::Link { account, .. }
        | Errand::TemporaryPassword { account }
        | Errand::PasswordChanged { account }
        | Errand::Repudiated { account } => vec![*account],
    };
    let mut accounts = Vec::with_capacity(ids.len().min(MOST_SHARED));
    for id in ids.into_iter().take(MOST_SHARED) {
        accounts.extend(deps.store.find_account(id).await?);
    }
    Ok(accounts)
}

/// What is recorded when no mail can ever come of an item.
fn park(
    deps: &Deps,
    outbox: &Outbox,
    accounts: &[Account],
    failure: &Failure,
) -> Result<Vec<Event>, Failure> {
    tracing::error!(event = "mail_parked", outbox = outbox.id.to_string(), cause = chain(failure));
    let not_sent = |account: &Account| {
        let event = deps.event(outbox, Action::MailNotSent, Actor::System)?;
        Ok(event.of(account.id, account.portal).because(Reason::MailRejected))
    };
    accounts.iter().map(not_sent).collect()
}

/// Does what an item asks for. Answers what is to be recorded.
async fn run_errand(deps: &Deps, outbox: &Outbox, accounts: &[Account]) -> Result<Vec<Event>, Failure> {
    let now = deps.ambient.now();
    let Some(practice) = deps.practices.find(&deps.store, &outbox.practice, now).await? else {
        return Ok(Vec::new());
    };
    match &outbox.errand {
        Errand::LimitHit { .. } => accounts
            .iter()
            .map(|account| {
                let event = deps.event(outbox, Action::ExcessRateLimitExceeded, Actor::Anonymous)?;
                Ok(event.of(account.id, account.portal))
            })
            .collect(),
        Errand::Recovery { .. } => {
            recover::recover(deps, outbox, &practice, accounts, Issuer::SelfService).await
        }
        Errand::Link { by, .. } => {
            let issuer = if by.is_some() { Issuer::Staff } else { Issuer::Operator };
            recover::recover(deps, outbox, &practice, accounts, issuer).await
        }
        Errand::TemporaryPassword { .. } => {
            temporary::send_temporary(deps, outbox, &practice, accounts).await
        }
        Errand::PasswordChanged { .. } => notice::confirm(deps, outbox, &practice, accounts).await,
        Errand::Repudiated { .. } => notice::alarm(deps, outbox, &practice, accounts).await,
    }
}

/// A letter in the account's language and the practice's name.
fn letter<'a>(
    kind: Mail,
    outbox: &Outbox,
    practice: &'a Practice,
    account: &'a Account,
    links: &'a [Link<'a>],
) -> Letter<'a> {
    let support = &practice.support;
    Letter {
        kind,
        language: Language::from_locale(account.locale.as_deref().unwrap_or(&practice.locale)),
        practice_name: &practice.name,
        support: Support {
            email: support.email.as_ref().map(Email::as_str),
            phone: support.phone.as_deref(),
            url: support.url.as_deref(),
        },
        portal_url: &practice.portals.of(account.portal).url,
        time_zone: &practice.time_zone,
        links,
        code: None,
        repudiate_url: None,
        valid_until: None,
        at: outbox.at.to_jiff(),
    }
}

async fn send(
    deps: &Deps,
    outbox: &Outbox,
    practice: &Practice,
    to: &Email,
    letter: &Letter<'_>,
    addressed: Vec<Addressed>,
) -> Result<(), Failure> {
    let tags = Tags { practice: practice.slug.clone(), outbox: outbox.id, addressed };
    deps.postbox.send(to, practice.sender.as_ref(), &compose(letter)?, &tags).await?;
    tracing::info!(event = "mail_sent", outbox = outbox.id.to_string());
    Ok(())
}
