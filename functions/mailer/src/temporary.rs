//! A temporary password that staff have issued: made and mailed here, where nobody who asks for it can see it.

use rekey::account::Account;
use rekey::event::{Action, Actor, Event, Reason};
use rekey::ids::TicketId;
use rekey::mail::compose::{Kind as Mail, Letter, Link};
use rekey::outbox::Outbox;
use rekey::practice::Practice;
use rekey::temporary::TemporaryPassword;
use rekey::ticket::{Standing, Ticket};

use crate::{Deps, Failure, letter, send};

/// Mails it to the address on the account, unless its ticket has been taken back or replaced meanwhile.
pub(crate) async fn send_temporary(
    deps: &Deps,
    outbox: &Outbox,
    practice: &Practice,
    accounts: &[Account],
) -> Result<Vec<Event>, Failure> {
    let Some(account) = accounts.first() else { return Ok(Vec::new()) };
    let Some(to) = &account.email else {
        let event = deps.event(outbox, Action::RecoveryRefused, Actor::System)?;
        return Ok(vec![event.of(account.id, account.portal).because(Reason::NoAddress)]);
    };
    let Some(ticket) = find(deps, outbox, account).await? else { return Ok(Vec::new()) };
    let derivation = deps.derivation.get().await?;
    // Redelivered, it is the same as before, whichever key is the current one now.
    let key = Some(ticket.derivation_key.as_str()).filter(|key| !key.is_empty());
    let key = key.unwrap_or_else(|| derivation.current_id()).to_owned();
    let password = TemporaryPassword::derive(derivation, &key, &outbox.nonce, account.id, ticket.id)?;
    let armed = Ticket { nonce: outbox.nonce, derivation_key: key, ..ticket };
    // What is mailed must work when it arrives.
    if !deps.store.arm_temporary(&armed, account, &password.digest(account.id, armed.id)).await? {
        return Err(Failure::Contended);
    }
    let url = practice.portals.of(account.portal).url.as_str();
    let links = [Link { username: account.username.as_str(), url }];
    let grouped = password.grouped();
    let mail = letter(Mail::TemporaryPassword, outbox, practice, account, &links);
    let mail = Letter { code: Some(&grouped), valid_until: Some(armed.valid_until.to_jiff()), ..mail };
    send(deps, outbox, practice, to, &mail, vec![(account.id, Some(armed.id))]).await?;
    let event = deps.event(outbox, Action::MailSent, Actor::System)?;
    deps.store.record_sent(&armed, &event.of(account.id, account.portal).with_ticket(armed.id)).await?;
    Ok(Vec::new())
}

/// The ticket of an outbox item, while it is good.
async fn find(deps: &Deps, outbox: &Outbox, account: &Account) -> Result<Option<Ticket>, Failure> {
    let issued = deps.store.list_tickets(account.id).await?;
    let own = issued.tickets.into_iter().find(|ticket| ticket.id == TicketId::from(outbox.id));
    Ok(own.filter(|ticket| ticket.standing(account, deps.ambient.now()) == Standing::Open))
}
