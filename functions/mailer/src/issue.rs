//! Issuing tickets: only a few tickets by self-service are open at once, and the ticket of each request is made once.

use rekey::domain::account::Account;
use rekey::domain::event::{Action, Actor, Reason};
use rekey::domain::issuer::Issuer;
use rekey::domain::outbox::OutboxKind;
use rekey::domain::ticket::{Grant, Kind, Purpose, Standing, Ticket, id_for_code};
use rekey::platform::clock::Timestamp;
use rekey::platform::ids::{AccountId, TicketId};
use rekey::secrets::derivation::Derivation;
use rekey::store::race::{outrun, until_written};
use rekey::store::tickets::TicketList;

use crate::Failure;
use crate::delivery::Delivery;

/// The largest number of links by self-service that may be open for an account at once. With the one ticket for codes that makes
/// three tickets (T7). The two kinds are counted apart, so neither can keep the other out.
const MOST_LINKS: usize = 2;
/// The largest number of tickets for codes that may be open at once. Every request has a code of its own, and all of them lead to
/// this ticket.
const MOST_CODES: usize = 1;

/// The ticket that is asked for: its kind, its issuer and its end.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    kind: Kind,
    issuer: Issuer,
    valid_until: Timestamp,
}

impl Wanted {
    /// A link. For an account that was never set up it is an invitation, whichever way its owner asked (F6).
    pub(crate) fn link(delivery: Delivery<'_>, account: &Account, issuer: Issuer) -> Self {
        let policy = &delivery.practice.policy;
        let life = match Purpose::of(account) {
            Purpose::Reset => policy.link_ttl(),
            Purpose::Invitation => policy.invitation_ttl(),
        };
        Self { kind: Kind::of_link(account), issuer, valid_until: delivery.deps.ambient.now() + life }
    }

    /// A code.
    pub(crate) const fn code(valid_until: Timestamp) -> Self {
        Self { kind: Kind::VerificationCode, issuer: Issuer::SelfService, valid_until }
    }

    fn is_code(self) -> bool {
        self.kind == Kind::VerificationCode
    }

    /// The id of the ticket that the outbox item leads to. An item that was put back because its ticket was over leads to another.
    fn id(self, delivery: Delivery<'_>) -> TicketId {
        let item = delivery.item;
        match item.redriven_at {
            _ if self.is_code() => id_for_code(item.id),
            Some(at) => item.id.ticket_at(at),
            None => TicketId::from(item.id),
        }
    }
}

/// The ticket of an account for an outbox item.
pub(crate) enum Issued {
    /// It is open.
    Open(Box<Ticket>),
    /// It has expired before it could be mailed.
    Expired,
    /// A mail of the item has carried it, so none goes again.
    Carried(TicketId),
    /// It was voided since, or somebody has used that of another request.
    Void,
    /// There is none, and none may be made.
    Refused(Reason),
}

/// The ticket that an account gets for an outbox item: the one that it has got already, a new one, or, when enough are open, the
/// newest of those.
pub(crate) async fn ticket_for(
    delivery: Delivery<'_>,
    account: &Account,
    wanted: Wanted,
) -> Result<Issued, Failure> {
    let store = &delivery.deps.store;
    until_written("issuing a ticket", || async {
        let now = delivery.deps.ambient.now();
        let seen = store.list_tickets(account.id).await?;
        if let Some(carried) = carried(&seen, delivery) {
            return Ok(Some(Issued::Carried(carried)));
        }
        let standing = |ticket: &Ticket| match ticket.standing(account, now) {
            // Its owner has chosen a password since, by whichever way.
            Standing::Expired if ticket.credential_version != account.credential_version => Standing::Revoked,
            standing => standing,
        };
        let newest = || newest(&seen, wanted, now, |ticket| standing(ticket) == Standing::Open);
        let known = issued_for(&seen, delivery, wanted, standing).or_else(newest);
        if let Some(ticket) = known {
            return Ok(Some(match standing(ticket) {
                Standing::Open if ticket.digest.is_none() && !wanted.is_code() => {
                    Issued::Open(Box::new(with_link(delivery, ticket).await?))
                }
                Standing::Open => Issued::Open(Box::new(ticket.clone())),
                Standing::Expired => Issued::Expired,
                Standing::Used | Standing::Revoked => Issued::Void,
            }));
        }
        // Whoever asked for it knew nothing of what has become of the address since. What staff have issued after that has its ticket.
        if account.needs_proof {
            return Ok(Some(Issued::Refused(Reason::Frozen)));
        }
        if wanted.issuer != Issuer::Staff && account.on_hold(now).is_some() {
            return Ok(Some(Issued::Refused(Reason::AddressOnHold)));
        }
        let ticket = new_ticket(delivery, account, wanted, &seen).await?;
        let actor =
            if delivery.item.redriven_at.is_some() { Actor::Operator } else { actor_of(wanted.issuer) };
        let event = delivery.event(Action::AuthnTokenCreated, actor)?;
        let mut event = event.of(account.id, account.portal).with_ticket(ticket.id);
        event.by = ticket.by;
        let created = store.create_ticket(&ticket, &seen, &event).await?.is_written();
        Ok::<_, Failure>(created.then(|| Issued::Open(Box::new(ticket))))
    })
    .await
}

/// Gives a ticket that staff have issued the token of its link, because the function that issues such a ticket must not be able
/// to make a token. When another run of the mailer has given it a token of another key meanwhile, this fails, and the record is
/// delivered again and finds it.
async fn with_link(delivery: Delivery<'_>, ticket: &Ticket) -> Result<Ticket, Failure> {
    let keys = delivery.deps.derivation.get().await?;
    let derivation = Derivation::with_current_key(keys, &delivery.item.nonce)?;
    if let Some(with_token) = ticket.with_link(&derivation)
        && delivery.deps.store.record_link(ticket, &with_token).await?
    {
        return Ok(with_token);
    }
    Err(outrun("giving a ticket its link").into())
}

/// The actor that an event names for an issuer.
pub(crate) const fn actor_of(issuer: Issuer) -> Actor {
    match issuer {
        Issuer::SelfService => Actor::Anonymous,
        Issuer::Operator => Actor::Operator,
        Issuer::Staff => Actor::Staff,
    }
}

/// The member of staff who has asked for the mail, if one has.
pub(crate) const fn asked_by(delivery: Delivery<'_>) -> Option<AccountId> {
    match delivery.item.kind {
        OutboxKind::Link { by, .. } => by,
        _ => None,
    }
}

/// The ticket that an earlier attempt at the item, or a member of staff, has issued. An item that was put back has an expired one,
/// which does not count: it gets another, unless its owner has made use of it after all.
fn issued_for<'a>(
    seen: &'a TicketList,
    delivery: Delivery<'_>,
    wanted: Wanted,
    standing: impl Fn(&Ticket) -> Standing,
) -> Option<&'a Ticket> {
    let id = wanted.id(delivery);
    let is_own = |ticket: &&Ticket| ticket.id == id || ticket.id.is_of(delivery.item.id);
    let own: Vec<&Ticket> = seen.tickets.iter().filter(is_own).collect();
    let lives_or_lived = own.iter().find(|ticket| standing(ticket) != Standing::Expired);
    lives_or_lived.or_else(|| own.iter().find(|ticket| ticket.id == id)).copied()
}

/// The ticket that a mail of the item to the account has carried.
pub(crate) async fn carried_ticket(
    delivery: Delivery<'_>,
    account: &Account,
) -> Result<Option<TicketId>, Failure> {
    Ok(carried(&delivery.deps.store.list_tickets(account.id).await?, delivery))
}

fn carried(seen: &TicketList, delivery: Delivery<'_>) -> Option<TicketId> {
    let carried = seen.tickets.iter().find(|ticket| ticket.was_carried_by(delivery.item.id));
    carried.map(|ticket| ticket.id)
}

/// The newest ticket of the kind by self-service, when as many are open as are allowed. One more each time would let a flood of
/// requests pile up tickets. The newest one lets the person in all the same. A link in the second half of its life does not count,
/// because a mail may come late: with those, four are open at the most.
fn newest(
    seen: &TicketList,
    wanted: Wanted,
    now: Timestamp,
    is_open: impl Fn(&Ticket) -> bool,
) -> Option<&Ticket> {
    let counts = |ticket: &&Ticket| {
        let is_code = ticket.kind == Kind::VerificationCode;
        let lasts = is_code || ticket.has_half_of_its_life(now);
        is_code == wanted.is_code() && ticket.issuer == Issuer::SelfService && is_open(ticket) && lasts
    };
    let open: Vec<&Ticket> = seen.tickets.iter().filter(counts).collect();
    let most = if wanted.is_code() { MOST_CODES } else { MOST_LINKS };
    open.last().filter(|_| wanted.issuer == Issuer::SelfService && open.len() >= most).copied()
}

async fn new_ticket(
    delivery: Delivery<'_>,
    account: &Account,
    wanted: Wanted,
    seen: &TicketList,
) -> Result<Ticket, Failure> {
    let Wanted { kind, issuer, valid_until } = wanted;
    let keys = delivery.deps.derivation.get().await?;
    let derivation = Derivation::with_current_key(keys, &delivery.item.nonce)?;
    let id = wanted.id(delivery);
    let digest = match kind {
        // A code's ticket has no token until the code is entered.
        Kind::VerificationCode | Kind::TemporaryPassword => None,
        Kind::ResetLink | Kind::Invitation => Some(derivation.link_token(account.id, id).digest()),
    };
    let grant = Grant { kind, issuer, issued_at: delivery.deps.ambient.now(), valid_until };
    let derivation_key = derivation.key_id().to_owned();
    let ticket = Ticket::new(id, account, grant, delivery.item.nonce);
    // One that takes the place of an expired one was asked for in the same way.
    let former = seen.tickets.iter().find(|former| former.id.is_of(delivery.item.id));
    let (reason, proof) = former.map(|former| (former.reason.clone(), former.proof)).unwrap_or_default();
    Ok(Ticket { digest, derivation_key, by: asked_by(delivery), reason, proof, ..ticket })
}
