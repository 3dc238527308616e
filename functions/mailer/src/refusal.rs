//! A mail that can never be sent: what is known of it, and with which ticket and account.

use rekey::domain::account::{Account, MailStatus};
use rekey::domain::event::{Action, Actor, Event, Reason};
use rekey::domain::identifier::Email;
use rekey::domain::outbox::OutboxItem;
use rekey::domain::ticket::MailFate;
use rekey::mail::postbox::MailError;
use rekey::platform::ids::{AccountId, TicketId};
use rekey::store::accounts::Changed;
use rekey::store::mail::Undelivered;
use rekey::store::race::outrun;

use crate::delivery::item_event;
use crate::{Deps, Failure};

/// Records what is to be known of a mail that can never be sent. Returns the events that are to be recorded with the item.
pub(crate) async fn refused(
    deps: &Deps,
    item: &OutboxItem,
    unserved: impl Iterator<Item = &Account>,
    failure: &Failure,
) -> Result<Vec<Event>, Failure> {
    let Failure::NotTaken { to, addressed, cause } = failure else {
        return unserved.map(|account| not_sent(deps, item, account, Reason::MailRejected)).collect();
    };
    let address = matches!(cause, MailError::Refused { address: true, .. });
    let mut events = Vec::new();
    for account in unserved {
        let own = addressed.iter().find(|addressed| addressed.account == account.id);
        let ticket = own.and_then(|own| own.ticket);
        let at_fault = Some(to).filter(|to| address && account.email.as_ref() == Some(*to));
        if ticket.is_some() || at_fault.is_some() {
            record_refused(deps, item, account.id, Refused { ticket, at_fault }).await?;
        } else if own.is_some() || addressed.is_empty() {
            events.push(not_sent(deps, item, account, Reason::MailRejected)?);
        }
    }
    Ok(events)
}

/// The event that a mail to an account could not be sent.
pub(crate) fn not_sent(
    deps: &Deps,
    item: &OutboxItem,
    account: &Account,
    reason: Reason,
) -> Result<Event, Failure> {
    let event = item_event(deps, item, Action::MailNotSent, Actor::System)?;
    Ok(event.of(account.id, account.portal).because(reason).telling(item.telling()))
}

/// The reason why an account has no address to which it is mailed.
pub(crate) fn unmailed(account: &Account) -> Reason {
    match &account.email {
        _ if account.is_of_deceased() => Reason::AccountClosed,
        None => Reason::NoAddress,
        Some(_) => Reason::AddressOfAnother,
    }
}

/// A mail that SES refused.
struct Refused<'a> {
    /// Its ticket, if it had one.
    ticket: Option<TicketId>,
    /// The account's address, if that is why.
    at_fault: Option<&'a Email>,
}

/// Records that SES refused a mail: with its ticket, and with the account, if its address is at fault. What is known already is
/// not recorded again.
async fn record_refused(
    deps: &Deps,
    item: &OutboxItem,
    account: AccountId,
    Refused { ticket, at_fault }: Refused<'_>,
) -> Result<(), Failure> {
    let found = match ticket {
        Some(ticket) => deps.store.find_ticket_with_account(account, ticket).await?,
        None => None,
    };
    let (ticket, account) = match found {
        Some(found) => (Some(found.ticket), Some(found.account)),
        None => (None, deps.store.find_account(account).await?),
    };
    let Some(account) = account else { return Ok(()) };
    let is_later = account.mail_failed_at.is_none_or(|failed_at| failed_at < item.at);
    let is_news = is_later && account.mail < MailStatus::Complained && account.email.as_ref() == at_fault;
    let marked =
        (at_fault.is_some() && is_news).then(|| account.with_failed_mail(MailStatus::Bounced, item.at));
    let unknown = ticket.filter(|ticket| ticket.mail.is_none());
    if unknown.is_none() && marked.is_none() {
        return Ok(());
    }
    let mut event = not_sent(deps, item, &account, Reason::MailRejected)?;
    event.ticket = unknown.as_ref().map(|ticket| ticket.id);
    let undelivered = Undelivered {
        fate: MailFate::NotSent,
        account: marked.as_ref().map(|new| Changed { old: &account, new }),
        ticket: unknown.as_ref(),
        event: &event,
    };
    let written = deps.store.record_undelivered(&undelivered).await?.is_written();
    if written { Ok(()) } else { Err(outrun("recording a refused mail").into()) }
}
