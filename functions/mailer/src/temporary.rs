//! A temporary password that staff have issued. It is made and mailed here, where the person who asked for it cannot see it.

use rekey::domain::account::Account;
use rekey::domain::event::{Action, Actor, Event, Reason};
use rekey::domain::ticket::{Standing, Ticket};
use rekey::mail::compose::{Kind, Letter, Link};
use rekey::mail::tags::Addressed;
use rekey::platform::ids::TicketId;
use rekey::secrets::derivation::Derivation;
use rekey::secrets::temporary::TemporaryPassword;
use rekey::store::accounts::Changed;
use rekey::store::race::outrun;

use crate::Failure;
use crate::delivery::Delivery;
use crate::refusal::unmailed;

/// A temporary password that works from now on.
struct Mailable {
    password: TemporaryPassword,
    ticket: Ticket,
    account: Account,
}

/// Mails the temporary password to the account's address, unless its ticket has been revoked or replaced meanwhile.
pub(crate) async fn send_temporary(
    delivery: Delivery<'_>,
    accounts: &[Account],
) -> Result<Vec<Event>, Failure> {
    let Some(account) = accounts.first() else { return Ok(Vec::new()) };
    let Some(ticket) = find_ticket(delivery, account).await? else { return Ok(Vec::new()) };
    if ticket.was_carried_by(delivery.item.id) {
        return Ok(vec![delivery.sent(account)?.with_ticket(ticket.id)]);
    }
    let Some(to) = account.mailed_at() else {
        return Ok(vec![refusal(delivery, account, unmailed(account))?]);
    };
    match ticket.standing(account, delivery.deps.ambient.now()) {
        Standing::Open => {}
        // Staff issue another: one that works from now on without their asking would be a surprise.
        Standing::Expired => {
            return Ok(vec![refusal(delivery, account, Reason::Expired)?.with_ticket(ticket.id)]);
        }
        Standing::Used | Standing::Revoked => return Ok(Vec::new()),
    }
    let Mailable { password, ticket, account } = mailable(delivery, account, ticket).await?;
    let links = [Link { username: account.username.as_str(), url: delivery.portal_url(&account) }];
    let (code, valid_until) = (password.grouped(), Some(ticket.valid_until.to_jiff()));
    let letter = delivery.letter(Kind::TemporaryPassword, &account, &links);
    let letter = Letter { code: Some(&code), valid_until, ..letter };
    let addressed = vec![Addressed { account: account.id, ticket: Some(ticket.id) }];
    delivery.send(to, &letter, &[&account], addressed).await?;
    delivery.deps.store.record_sent(&ticket, delivery.item.id).await?;
    Ok(vec![delivery.sent(&account)?.with_ticket(ticket.id)])
}

/// The event that no temporary password was mailed, and why.
fn refusal(delivery: Delivery<'_>, account: &Account, reason: Reason) -> Result<Event, Failure> {
    let event = delivery.event(Action::RecoveryRefused, Actor::System)?;
    Ok(event.of(account.id, account.portal).because(reason))
}

/// Derives the password and stores its digest where sign-in compares it, because the password must work when it arrives. When another
/// change came first, this fails, and the item is tried again.
async fn mailable(delivery: Delivery<'_>, account: &Account, ticket: Ticket) -> Result<Mailable, Failure> {
    let keys = delivery.deps.derivation.get().await?;
    // A redelivered record derives the same password as before, whichever key is the current one now.
    let key = Some(ticket.derivation_key.as_str()).filter(|key| !key.is_empty());
    let key = key.unwrap_or_else(|| keys.current_id());
    let derivation = Derivation::with_key(keys, key, &delivery.item.nonce)?;
    let password = derivation.temporary_password(account.id, ticket.id);
    let new = account.with_temporary_digest(password.digest(account.id, ticket.id));
    let changed = Changed { old: account, new: &new };
    if let Some(derived) = ticket.with_temporary_password(&derivation)
        && delivery.deps.store.record_temporary(&ticket, &derived, changed).await?
    {
        return Ok(Mailable { password, ticket: derived, account: new });
    }
    Err(outrun("mailing a temporary password").into())
}

/// The ticket of the outbox item.
async fn find_ticket(delivery: Delivery<'_>, account: &Account) -> Result<Option<Ticket>, Failure> {
    let seen = delivery.deps.store.list_tickets(account.id).await?;
    Ok(seen.tickets.into_iter().find(|ticket| ticket.id == TicketId::from(delivery.item.id)))
}
