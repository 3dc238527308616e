//! What an event of SES tells of a mail, and where that is stored.

use std::collections::BTreeMap;

use rekey::domain::account::{Account, MailStatus};
use rekey::domain::event::{Action, Actor, Event};
use rekey::domain::identifier::Email;
use rekey::domain::ticket::{MailFate, Ticket};
use rekey::mail::tags::{Addressed, Tags};
use rekey::platform::clock::{NoRandomness, Timestamp};
use rekey::platform::ids::AccountId;
use rekey::store::accounts::Changed;
use rekey::store::error::StoreError;
use rekey::store::mail::Undelivered;
use rekey::store::race::until_written;
use serde::Deserialize;

use crate::{Deps, Failure};

/// The detail of an event of SES, as far as it is used here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Detail {
    /// Notifications by way of SNS call it so.
    #[serde(alias = "notificationType")]
    event_type: String,
    pub(crate) mail: Mail,
    #[serde(default)]
    bounce: Option<Bounce>,
    #[serde(default)]
    complaint: Option<Complaint>,
}

#[derive(Deserialize)]
pub(crate) struct Mail {
    pub(crate) tags: BTreeMap<String, Vec<String>>,
    pub(crate) destination: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    bounce_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Complaint {
    #[serde(default)]
    complaint_feedback_type: Option<String>,
}

/// What an event tells of a mail.
#[derive(Clone, Copy)]
pub(crate) struct News {
    pub(crate) fate: MailFate,
    /// The state of the address from now on, if the event tells one.
    status: Option<MailStatus>,
}

impl News {
    /// Reads the news of an event. Returns `None` for an event that changes nothing, such as a delay.
    pub(crate) fn of(detail: &Detail) -> Option<Self> {
        let permanent = detail.bounce.as_ref().is_some_and(|bounce| bounce.bounce_type == "Permanent");
        let feedback =
            detail.complaint.as_ref().and_then(|complaint| complaint.complaint_feedback_type.as_deref());
        Some(match detail.event_type.as_str() {
            "Delivery" => Self { fate: MailFate::Delivered, status: None },
            "Bounce" if permanent => Self { fate: MailFate::Bounced, status: Some(MailStatus::Bounced) },
            // The mailbox is full today, a machine has answered, or SES has refused to pass the mail on.
            "Bounce" | "Reject" => Self { fate: MailFate::Returned, status: None },
            // The owner of the address has taken the mail out of the spam folder: that is the reverse of a complaint.
            "Complaint" if feedback.is_some_and(|kind| kind.eq_ignore_ascii_case("not-spam")) => return None,
            "Complaint" => Self { fate: MailFate::Complained, status: Some(MailStatus::Complained) },
            _ => return None,
        })
    }
}

impl News {
    /// Stores the news with an account that the mail was for, and with the ticket in the mail.
    pub(crate) async fn record(
        self,
        deps: &Deps,
        report: &Report,
        addressed: Addressed,
    ) -> Result<(), Failure> {
        let Addressed { account: id, ticket } = addressed;
        if self.fate == MailFate::Delivered {
            if let Some(ticket) = ticket {
                deps.store.record_delivered(id, ticket).await?;
            }
            return restore(deps, report, id).await;
        }
        until_written("recording what became of a mail", || async {
            let found = find(deps, addressed).await?;
            let Some(Found { account, ticket }) =
                found.filter(|found| found.account.practice == report.tags.practice)
            else {
                return Ok::<_, Failure>(Some(()));
            };
            // What the ticket shows is known. Reported twice, it must not mark an address again whose mark was lifted meanwhile.
            if ticket.as_ref().is_some_and(|ticket| ticket.mail >= Some(self.fate)) {
                return Ok(Some(()));
            }
            // An address that staff have corrected since must not be blamed for the former one.
            let is_later = account.mail_failed_at.is_none_or(|failed_at| failed_at < report.asked_at());
            let status = self.status.filter(|status| {
                let is_worse = *status > account.mail && account.mail != MailStatus::Ok;
                report.went_to(&account) && (is_worse || *status >= account.mail && is_later)
            });
            if ticket.is_none() && status.is_none() {
                return Ok(Some(()));
            }
            let event = self.event(deps, report, &account)?;
            let event = Event { ticket: ticket.as_ref().map(|ticket| ticket.id), ..event };
            let marked = status.map(|status| account.with_failed_mail(status, report.asked_at()));
            let undelivered = Undelivered {
                fate: self.fate,
                account: marked.as_ref().map(|new| Changed { old: &account, new }),
                ticket: ticket.as_ref(),
                event: &event,
            };
            Ok(deps.store.record_undelivered(&undelivered).await?.is_written().then_some(()))
        })
        .await
    }

    fn event(self, deps: &Deps, report: &Report, account: &Account) -> Result<Event, NoRandomness> {
        let complained = self.fate == MailFate::Complained;
        let action = if complained { Action::MailComplained } else { Action::MailBounced };
        report.event(deps, account, action)
    }
}

/// Lifts the mark of an address that a mail came back from, when a mail has arrived that was asked for later. A complaint stays: the
/// next mail arrives too, and is no less unwelcome.
async fn restore(deps: &Deps, report: &Report, id: AccountId) -> Result<(), Failure> {
    until_written("lifting the mark of an address", || async {
        let account = deps.store.find_account(id).await?;
        let marked = account.filter(|account| {
            account.practice == report.tags.practice
                && account.mail == MailStatus::Bounced
                && report.went_to(account)
                && account.mail_failed_at.is_some_and(|failed_at| failed_at < report.asked_at())
        });
        let Some(old) = marked else { return Ok::<_, Failure>(Some(())) };
        let new = old.with_mail_restored();
        let event = report.event(deps, &old, Action::MailRestored)?;
        let changed = Changed { old: &old, new: &new };
        Ok(deps.store.restore_mail(changed, &event, None).await?.is_written().then_some(()))
    })
    .await
}

/// The mail that an event is about.
pub(crate) struct Report {
    pub(crate) tags: Tags,
    pub(crate) destination: Vec<String>,
}

impl Report {
    /// The time at which the mail was asked for.
    pub(crate) fn asked_at(&self) -> Timestamp {
        self.tags.outbox.made_at()
    }

    fn event(&self, deps: &Deps, account: &Account, action: Action) -> Result<Event, NoRandomness> {
        let event = Event::new(&deps.ambient, &account.practice, action, Actor::System)?;
        Ok(event.of(account.id, account.portal).with_outbox(self.tags.outbox))
    }

    fn went_to(&self, account: &Account) -> bool {
        let address = account.email.as_ref().map(Email::mailbox);
        address.is_some_and(|address| self.destination.iter().any(|to| to.eq_ignore_ascii_case(&address)))
    }
}

/// An account and its ticket, as they are now. Long after the mail, the ticket may be gone.
struct Found {
    account: Account,
    ticket: Option<Ticket>,
}

async fn find(deps: &Deps, Addressed { account, ticket }: Addressed) -> Result<Option<Found>, StoreError> {
    if let Some(ticket) = ticket
        && let Some(found) = deps.store.find_ticket_with_account(account, ticket).await?
    {
        return Ok(Some(Found { account: found.account, ticket: Some(found.ticket) }));
    }
    let account = deps.store.find_account(account).await?;
    Ok(account.map(|account| Found { account, ticket: None }))
}
