//! A recovery or an invitation: which accounts get which mail.

use rekey::domain::account::Account;
use rekey::domain::challenge::Challenge;
use rekey::domain::event::{Action, Event, Reason};
use rekey::domain::identifier::Email;
use rekey::domain::issuer::Issuer;
use rekey::domain::practice::Carries;
use rekey::domain::ticket::{Purpose, Ticket};
use rekey::mail::compose::{Kind, Letter, Link};
use rekey::mail::tags::Addressed;
use rekey::platform::clock::Timestamp;
use zeroize::Zeroizing;

use crate::Failure;
use crate::code::send_code;
use crate::delivery::{Delivery, facts};
use crate::help;
use crate::issue::{self, Issued, Wanted};
use crate::item::Outcome;

/// An account of a mailbox with its ticket.
pub(crate) struct Ticketed<'a> {
    pub(crate) account: &'a Account,
    pub(crate) ticket: Ticket,
}

/// The accounts that share a mailbox.
pub(crate) struct Mailbox<'a> {
    pub(crate) to: Email,
    pub(crate) accounts: Vec<&'a Account>,
}

/// Sends one mail to each mailbox, at the address that is stored with its accounts (F3). The mail serves every account that
/// shares the mailbox, with a link for each or with one code (F5). A mailbox that fails holds up no other, and one whose mail SES
/// has taken is not mailed again.
pub(crate) async fn recover(
    delivery: Delivery<'_>,
    accounts: &[Account],
    issuer: Issuer,
) -> Result<Outcome, Failure> {
    let (mut outcome, mut able) = (Outcome::default(), Vec::new());
    let mut challenge = delivery.item.challenge().cloned();
    let now = delivery.deps.ambient.now();
    let unserved = accounts.iter().filter(|account| !delivery.item.served.contains(&account.id));
    for account in unserved {
        // Its code was entered, so SES has taken its mail, also when nobody has heard so.
        if let Some(holder) = challenge.as_ref().and_then(|challenge| challenge.proven_holder(account.id)) {
            outcome.sent.push(delivery.sent(account)?.with_ticket(holder.ticket));
            continue;
        }
        match obstacle(account, challenge.as_ref(), issuer, now) {
            Some(reason) => {
                Box::pin(help::ask_about(delivery, account, reason)).await?;
                let event = refusal(delivery, account, issuer, reason)?;
                outcome.note_no_mail(delivery, account, event).await?;
            }
            None => able.push(account),
        }
    }
    for mailbox in mailboxes(able) {
        // What staff have sent was counted when they asked. The public front door knows no mailbox, so it is counted here.
        if issuer == Issuer::SelfService && !may_send(delivery, &mailbox).await? {
            let (outbox, kind, delay) = facts(delivery.deps, delivery.item);
            tracing::info!(event = "mail_withheld", outbox, fate = "withheld", kind, delay);
            for account in &mailbox.accounts {
                let event = delivery.event(Action::ExcessRateLimitExceeded, issue::actor_of(issuer))?;
                let event = event.of(account.id, account.portal);
                outcome.note_no_mail(delivery, account, event).await?;
            }
            continue;
        }
        if let Err(failure) = mail_to(delivery, &mailbox, &mut challenge, issuer, &mut outcome).await {
            outcome.failures.push(failure);
        }
    }
    Ok(outcome)
}

/// The event that an account gets no mail, and why.
fn refusal(
    delivery: Delivery<'_>,
    account: &Account,
    issuer: Issuer,
    reason: Reason,
) -> Result<Event, Failure> {
    let event = delivery.event(Action::RecoveryRefused, issue::actor_of(issuer))?;
    let mut event = event.of(account.id, account.portal).because(reason);
    event.by = issue::asked_by(delivery);
    Ok(event)
}

/// Mails the accounts of a mailbox that have not got the item's mail, and marks their tickets.
async fn mail_to(
    delivery: Delivery<'_>,
    mailbox: &Mailbox<'_>,
    challenge: &mut Option<Challenge>,
    issuer: Issuer,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let code = challenge.as_mut().filter(|_| !all_new(&mailbox.accounts));
    let until = code.as_ref().map(|challenge| challenge.valid_until);
    let wanted = |account: &Account| match until {
        Some(until) => Wanted::code(until),
        None => Wanted::link(delivery, account, issuer),
    };
    let Tickets { ticketed, late, refused } = tickets_for(delivery, mailbox, wanted, outcome).await?;
    if ticketed.is_empty() {
        outcome.is_over |= !late.is_empty();
    } else {
        match code {
            Some(challenge) => send_code(delivery, challenge, mailbox, &ticketed).await?,
            None => send_links(delivery, mailbox, &ticketed).await?,
        }
    }
    for Ticketed { account, ticket } in ticketed {
        delivery.deps.store.record_sent(&ticket, delivery.item.id).await?;
        outcome.sent.push(delivery.sent(account)?.with_ticket(ticket.id));
    }
    let late = late.into_iter().map(|account| (account, Reason::Expired));
    for (account, reason) in late.chain(refused) {
        outcome.events.push(refusal(delivery, account, issuer, reason)?);
    }
    Ok(())
}

/// Whether another mail may go to a mailbox. The caller who asked for it is not told.
async fn may_send(delivery: Delivery<'_>, mailbox: &Mailbox<'_>) -> Result<bool, Failure> {
    let (store, item) = (&delivery.deps.store, delivery.item);
    Ok(store.count_mail_to(&item.practice, &mailbox.to, item.at).await?)
}

/// Groups accounts by mailbox. Spellings of an address that lead to the same accounts may still be different mailboxes.
fn mailboxes(accounts: Vec<&Account>) -> Vec<Mailbox<'_>> {
    let mut mailboxes: Vec<Mailbox<'_>> = Vec::new();
    for account in accounts {
        let Some(to) = account.mailed_at() else { continue };
        match mailboxes.iter_mut().find(|mailbox| mailbox.to == *to) {
            Some(mailbox) => mailbox.accounts.push(account),
            None => mailboxes.push(Mailbox { to: to.clone(), accounts: vec![account] }),
        }
    }
    mailboxes
}

/// Whether none of the accounts has been set up. Their owners are invited again, by link, whichever way they asked (F6).
fn all_new(accounts: &[&Account]) -> bool {
    accounts.iter().all(|account| Purpose::of(account) == Purpose::Invitation)
}

/// The reason why an account gets no mail, if there is one. The caller who asked for the recovery is not told.
fn obstacle(
    account: &Account,
    challenge: Option<&Challenge>,
    issuer: Issuer,
    now: Timestamp,
) -> Option<Reason> {
    if !account.is_open() {
        return Some(Reason::AccountClosed);
    }
    if account.email.is_none() {
        return Some(Reason::NoAddress);
    }
    if account.mailed_at().is_none() {
        return Some(Reason::AddressOfAnother);
    }
    // Staff are asked for a proof, or know whom they send a link to.
    if issuer == Issuer::SelfService {
        if account.needs_proof {
            return Some(Reason::Frozen);
        }
        if account.on_hold(now).is_some() {
            return Some(Reason::AddressOnHold);
        }
    }
    // The life of a code begins with its request, for known and unknown identifiers alike. A mail after its end is no help.
    let late = challenge.is_some_and(|challenge| challenge.valid_until <= now);
    (late && Purpose::of(account) == Purpose::Reset).then_some(Reason::Expired)
}

/// The tickets of a mailbox.
struct Tickets<'a> {
    /// The accounts that have an open one.
    ticketed: Vec<Ticketed<'a>>,
    /// The accounts whose ticket has expired.
    late: Vec<&'a Account>,
    /// The accounts that get none, and why.
    refused: Vec<(&'a Account, Reason)>,
}

/// A ticket for each account of a mailbox that can get one. That a mail of the item has gone to an account before is noted first:
/// whatever becomes of the mail to the others, it has.
async fn tickets_for<'a>(
    delivery: Delivery<'_>,
    mailbox: &Mailbox<'a>,
    wanted: impl Fn(&Account) -> Wanted,
    outcome: &mut Outcome,
) -> Result<Tickets<'a>, Failure> {
    let ticketed = Vec::with_capacity(mailbox.accounts.len());
    let mut tickets = Tickets { ticketed, late: Vec::new(), refused: Vec::new() };
    for account in &mailbox.accounts {
        match issue::ticket_for(delivery, account, wanted(account)).await? {
            Issued::Open(ticket) => tickets.ticketed.push(Ticketed { account, ticket: *ticket }),
            Issued::Expired => tickets.late.push(account),
            Issued::Carried(ticket) => outcome.sent.push(delivery.sent(account)?.with_ticket(ticket)),
            Issued::Void => {}
            Issued::Refused(reason) => tickets.refused.push((account, reason)),
        }
    }
    Ok(tickets)
}

async fn send_links(
    delivery: Delivery<'_>,
    mailbox: &Mailbox<'_>,
    ticketed: &[Ticketed<'_>],
) -> Result<(), Failure> {
    let Some(first) = ticketed.first() else { return Ok(()) };
    let keys = delivery.deps.derivation.get().await?;
    let mut urls = Vec::with_capacity(ticketed.len());
    for Ticketed { account, ticket } in ticketed {
        urls.push(Zeroizing::new(delivery.link(account, Carries::Token, &ticket.token(keys)?.expose())));
    }
    let links: Vec<Link<'_>> = ticketed
        .iter()
        .zip(&urls)
        .map(|(ticketed, url)| Link { username: ticketed.account.username.as_str(), url: url.as_str() })
        .collect();
    let kind = if all_new(&mailbox.accounts) { Kind::Invitation } else { Kind::ResetLink };
    let valid_until = ticketed.iter().map(|ticketed| ticketed.ticket.valid_until.to_jiff()).min();
    let letter = Letter { valid_until, ..delivery.letter(kind, first.account, &links) };
    delivery.send(&mailbox.to, &letter, &owners(ticketed), addressed(ticketed)).await
}

/// The accounts of the mail.
pub(crate) fn owners<'a>(ticketed: &[Ticketed<'a>]) -> Vec<&'a Account> {
    ticketed.iter().map(|ticketed| ticketed.account).collect()
}

/// The accounts and tickets that the tags of the mail name.
pub(crate) fn addressed(ticketed: &[Ticketed<'_>]) -> Vec<Addressed> {
    let tagged = |ticketed: &Ticketed<'_>| Addressed {
        account: ticketed.account.id,
        ticket: Some(ticketed.ticket.id),
    };
    ticketed.iter().map(tagged).collect()
}
