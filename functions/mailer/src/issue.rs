//! Issuing: at most three self-service tickets open at once, each request's ticket made once.

use rekey::account::Account;
use rekey::clock::Timestamp;
use rekey::event::{Action, Actor};
use rekey::ids::TicketId;
use rekey::outbox::Outbox;
use rekey::practice::Practice;
use rekey::store::tickets::Issued;
use rekey::ticket::{self, Issuer, Kind, Standing, State, Ticket};

use crate::{Deps, Failure};

/// Self-service tickets that may be open for an account at once (T7).
const MOST_OPEN: usize = 3;
/// Rounds of losing to another mailer before the record is delivered again.
const ROUNDS: usize = 5;

/// The ticket that an account gets for an outbox item: the one it already got, a new one, or, when three are open, the
/// newest of those again. `None` when the one it got has been used or voided since.
pub(crate) async fn ticket_for(
    deps: &Deps,
    outbox: &Outbox,
    practice: &Practice,
    account: &Account,
    issuer: Issuer,
) -> Result<Option<Ticket>, Failure> {
    for _ in 0..ROUNDS {
        let now = deps.ambient.now();
        let seen = deps.store.list_tickets(account.id).await?;
        if let Some(ticket) = already(&seen, outbox, account, issuer, now) {
            return Ok(Some(ticket).filter(|ticket| ticket.standing(account, now) == Standing::Open));
        }
        let ticket = draw(deps, outbox, practice, account, issuer, now).await?;
        let (action, actor) = (Action::AuthnTokenCreated, actor_of(issuer));
        let event = deps.event(outbox, action, actor)?.of(account.id, account.portal).with_ticket(ticket.id);
        if deps.store.create_ticket(&ticket, &seen, &event).await?.is_written() {
            return Ok(Some(ticket));
        }
    }
    Err(Failure::Contended)
}

const fn actor_of(issuer: Issuer) -> Actor {
    match issuer {
        Issuer::SelfService => Actor::Anonymous,
        Issuer::Operator => Actor::Operator,
    }
}

fn already(
    seen: &Issued,
    outbox: &Outbox,
    account: &Account,
    issuer: Issuer,
    now: Timestamp,
) -> Option<Ticket> {
    let own = TicketId::from(outbox.id);
    if let Some(ticket) = seen.tickets.iter().find(|ticket| ticket.id == own) {
        return Some(ticket.clone());
    }
    let is_open = |ticket: &&Ticket| {
        ticket.issuer == Issuer::SelfService && ticket.standing(account, now) == Standing::Open
    };
    let open: Vec<&Ticket> = seen.tickets.iter().filter(is_open).collect();
    // A fourth would let a flood of requests pile up tickets; the newest again lets the person in all the same.
    let newest = open.last().filter(|_| issuer == Issuer::SelfService && open.len() >= MOST_OPEN);
    newest.map(|ticket| (*ticket).clone())
}

async fn draw(
    deps: &Deps,
    outbox: &Outbox,
    practice: &Practice,
    account: &Account,
    issuer: Issuer,
    now: Timestamp,
) -> Result<Ticket, Failure> {
    let derivation = deps.derivation.get().await?;
    let (id, key) = (TicketId::from(outbox.id), derivation.current_id());
    // F6: whoever has never set a password is invited again, however they asked.
    let (kind, life) = match account.password {
        Some(_) => (Kind::ResetLink, practice.policy.link_ttl()),
        None => (Kind::Invitation, practice.policy.invitation_ttl()),
    };
    Ok(Ticket {
        id,
        account: account.id,
        practice: account.practice.clone(),
        portal: account.portal,
        kind,
        issuer,
        digest: ticket::derive(derivation, key, &outbox.nonce, account.id, id)?.digest(),
        nonce: outbox.nonce,
        derivation_key: key.to_owned(),
        credential_version: account.credential_version,
        state: State::Issued,
        issued_at: now,
        valid_until: now + life,
        answers: 0,
        used_at: None,
        used_with: None,
    })
}
