//! Issuing: few self-service tickets open at once, each request's ticket made once.

use rekey::account::Account;
use rekey::clock::Timestamp;
use rekey::event::{Action, Actor};
use rekey::ids::{AccountId, TicketId};
use rekey::outbox::{Errand, Outbox};
use rekey::practice::Practice;
use rekey::store::tickets::Issued;
use rekey::ticket::{self, Issuer, Kind, Purpose, Standing, State, Ticket};

use crate::{Deps, Failure};

/// Links by self-service that may be open for an account at once. With its one code that makes three tickets (T7), and
/// neither kind can keep the other out.
const MOST_LINKS: usize = 2;
/// Codes' tickets that may be open at once. Every request has a code of its own; all of them lead to this ticket.
const MOST_CODES: usize = 1;
/// Rounds of losing to another mailer before the record is delivered again.
const ROUNDS: usize = 5;

/// What kind of ticket is asked for, by whom, and until when it can be used.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    kind: Kind,
    issuer: Issuer,
    valid_until: Timestamp,
}

impl Wanted {
    /// A link, which invites whoever has never set a password, however they asked (F6).
    pub(crate) fn link(practice: &Practice, account: &Account, issuer: Issuer, now: Timestamp) -> Self {
        let life = match Purpose::of(account) {
            Purpose::Reset => practice.policy.link_ttl(),
            Purpose::Invitation => practice.policy.invitation_ttl(),
        };
        Self { kind: Kind::of_link(account), issuer, valid_until: now + life }
    }

    /// A code.
    pub(crate) const fn code(valid_until: Timestamp) -> Self {
        Self { kind: Kind::VerificationCode, issuer: Issuer::SelfService, valid_until }
    }

    fn is_code(self) -> bool {
        self.kind == Kind::VerificationCode
    }

    /// The id of the ticket that an outbox item leads to.
    fn id(self, outbox: &Outbox) -> TicketId {
        if self.is_code() { TicketId::of_code(outbox.id) } else { TicketId::from(outbox.id) }
    }
}

/// The ticket that an account gets for an outbox item: the one it already got, a new one, or, when enough are open, the
/// newest of those again. `None` when the one it got has been used or voided since.
pub(crate) async fn ticket_for(
    deps: &Deps,
    outbox: &Outbox,
    account: &Account,
    wanted: Wanted,
) -> Result<Option<Ticket>, Failure> {
    for _ in 0..ROUNDS {
        let now = deps.ambient.now();
        let seen = deps.store.list_tickets(account.id).await?;
        if let Some(ticket) = already(&seen, outbox, account, wanted, now) {
            let open = Some(ticket).filter(|ticket| ticket.standing(account, now) == Standing::Open);
            return match open {
                Some(ticket) if ticket.digest.is_none() && !wanted.is_code() => {
                    arm(deps, outbox, ticket).await.map(Some)
                }
                open => Ok(open),
            };
        }
        let ticket = draw(deps, outbox, account, wanted, now).await?;
        let (action, actor) = (Action::AuthnTokenCreated, actor_of(wanted.issuer));
        let mut event =
            deps.event(outbox, action, actor)?.of(account.id, account.portal).with_ticket(ticket.id);
        event.by = ticket.by;
        if deps.store.create_ticket(&ticket, &seen, &event).await?.is_written() {
            return Ok(Some(ticket));
        }
    }
    Err(Failure::Contended)
}

/// Gives a ticket that staff have issued the token of its link: who issues must not be able to make one.
async fn arm(deps: &Deps, outbox: &Outbox, ticket: Ticket) -> Result<Ticket, Failure> {
    let derivation = deps.derivation.get().await?;
    let key = derivation.current_id();
    let token = ticket::derive(derivation, key, &outbox.nonce, ticket.account, ticket.id)?;
    let armed = Ticket {
        digest: Some(token.digest()),
        nonce: outbox.nonce,
        derivation_key: key.to_owned(),
        ..ticket
    };
    // Another mailer came first: its token may be of another key. The record comes again and finds it.
    if deps.store.arm_link(&armed).await? { Ok(armed) } else { Err(Failure::Contended) }
}

pub(crate) const fn actor_of(issuer: Issuer) -> Actor {
    match issuer {
        Issuer::SelfService => Actor::Anonymous,
        Issuer::Operator => Actor::Operator,
        Issuer::Staff => Actor::Staff,
    }
}

/// The member of staff who asks.
pub(crate) const fn by(outbox: &Outbox) -> Option<AccountId> {
    match outbox.errand {
        Errand::Link { by, .. } => by,
        _ => None,
    }
}

fn already(
    seen: &Issued,
    outbox: &Outbox,
    account: &Account,
    wanted: Wanted,
    now: Timestamp,
) -> Option<Ticket> {
    let own = wanted.id(outbox);
    if let Some(ticket) = seen.tickets.iter().find(|ticket| ticket.id == own) {
        return Some(ticket.clone());
    }
    let is_open = |ticket: &&Ticket| {
        let alike = (ticket.kind == Kind::VerificationCode) == wanted.is_code();
        alike && ticket.issuer == Issuer::SelfService && ticket.standing(account, now) == Standing::Open
    };
    let open: Vec<&Ticket> = seen.tickets.iter().filter(is_open).collect();
    // One more would let a flood of requests pile up tickets; the newest again lets the person in all the same.
    let most = if wanted.is_code() { MOST_CODES } else { MOST_LINKS };
    let newest = open.last().filter(|_| wanted.issuer == Issuer::SelfService && open.len() >= most);
    newest.map(|ticket| (*ticket).clone())
}

async fn draw(
    deps: &Deps,
    outbox: &Outbox,
    account: &Account,
    wanted: Wanted,
    now: Timestamp,
) -> Result<Ticket, Failure> {
    let derivation = deps.derivation.get().await?;
    let (id, key) = (wanted.id(outbox), derivation.current_id());
    let digest = match wanted.kind {
        // A code's ticket has no token until the code is entered.
        Kind::VerificationCode | Kind::TemporaryPassword => None,
        Kind::ResetLink | Kind::Invitation => {
            Some(ticket::derive(derivation, key, &outbox.nonce, account.id, id)?.digest())
        }
    };
    Ok(Ticket {
        id,
        account: account.id,
        practice: account.practice.clone(),
        portal: account.portal,
        kind: wanted.kind,
        issuer: wanted.issuer,
        digest,
        nonce: outbox.nonce,
        derivation_key: key.to_owned(),
        credential_version: account.credential_version,
        state: State::Issued,
        issued_at: now,
        valid_until: wanted.valid_until,
        answers: 0,
        mail: None,
        opened_at: None,
        by: by(outbox),
        reason: None,
        used_at: None,
        used_with: None,
    })
}
