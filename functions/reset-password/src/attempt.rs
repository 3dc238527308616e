//! An attempt to set a password with a ticket.

use std::time::Duration;

use rekey::domain::event::{Action, Actor, Event, Reason};
use rekey::domain::limit::Subject;
use rekey::domain::outbox::{OutboxItem, OutboxKind};
use rekey::domain::question::{self, Question};
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::platform::clock::Timestamp;
use rekey::secrets::password::{Password, PasswordHash, Peppers, Verdict};
use rekey::secrets::token::{Digest, Token};
use rekey::store::accounts::Changed;
use rekey::store::tickets::{Reset, TicketOfAccount};

use crate::Deps;

/// The time after a ticket's use in which the same request may be repeated.
const REPEATABLE: Duration = Duration::from_mins(10);

/// A request to set a password, with the ticket that its token leads to.
pub(crate) struct Attempt<'a> {
    pub(crate) deps: &'a Deps,
    pub(crate) call: &'a Call,
    pub(crate) token: &'a Token,
    pub(crate) found: &'a TicketOfAccount,
    pub(crate) password: &'a Password,
    /// The digest of the `Idempotency-Key`, if the request has one.
    pub(crate) idempotency: Option<Digest>,
}

/// The credentials that the holder of a ticket sets.
pub(crate) struct NewCredentials {
    pub(crate) password: PasswordHash,
    pub(crate) question: Option<Question>,
    /// The counter of answers to the security question, which the reset deletes.
    pub(crate) answers: Option<Subject>,
}

impl Attempt<'_> {
    /// Whether the ticket was used by this same request, which is now sent again (T5).
    pub(crate) fn is_repeat(&self, now: Timestamp) -> bool {
        let ticket = &self.found.ticket;
        let lately = ticket.used_at.is_some_and(|used_at| now < used_at + REPEATABLE);
        lately && self.idempotency.is_some() && ticket.used_with == self.idempotency
    }

    /// Answers a repeated request with the same success. The key alone is not enough: the password must be the one that was set.
    /// Otherwise a caller could use the key to try passwords, so each wrong password is recorded and counts like a wrong answer.
    pub(crate) async fn repeat(&self) -> Result<Reply, Problem> {
        let (deps, TicketOfAccount { ticket, account }) = (self.deps, self.found);
        let is_current = account.is_open() && account.credential_version == ticket.credential_version + 1;
        let may_be_compared = is_current && ticket.answers < question::ATTEMPTS;
        let peppers = Peppers::of(deps.peppers.get().await?, account.id);
        // Misses stop one guess after the other. What is counted before it is compared stops many at once.
        if !may_be_compared || !deps.store.count_repeat(ticket).await? {
            return Err(Problem::new(ErrorCode::UsedToken));
        }
        match deps.hasher.verify(peppers, self.password, account.password.as_ref())? {
            Verdict::Wrong => {
                deps.store.count_answer(ticket, None, deps.ambient.now()).await?;
                let event = self.event(Action::AuthnPasswordChangeFail)?.because(Reason::WrongPassword);
                deps.store.record_event(&event).await?;
                Err(Problem::new(ErrorCode::IdempotencyKeyReused))
            }
            Verdict::Right | Verdict::RightInPart | Verdict::RightButOutdated => Ok(Reply::empty()),
        }
    }

    /// Records that a ticket which is no longer good was presented to set a password. There is one event an hour, however often
    /// that happens.
    pub(crate) async fn record_reuse(&self, code: ErrorCode) -> Result<(), Problem> {
        let reason = match code {
            ErrorCode::ExpiredToken => Reason::Expired,
            ErrorCode::UsedToken => Reason::Used,
            _ => Reason::Revoked,
        };
        let event = self.event(Action::AuthnTokenReuse)?.because(reason);
        let ticket = &self.found.ticket;
        // It comes after what the reset itself has recorded.
        let since = ticket.used_at.map_or(ticket.issued_at, |used_at| used_at + Duration::from_secs(1));
        let event = event.once_an_hour(&ticket.id.to_string(), since);
        Ok(self.deps.store.record_event(&event).await?)
    }

    /// Uses the ticket up and sets the password. Returns `false` when another write came first.
    pub(crate) async fn consume(&self, set: NewCredentials) -> Result<bool, Problem> {
        let (deps, TicketOfAccount { ticket, account }) = (self.deps, self.found);
        let key = deps.limits_key.get().await?.current()?;
        let limits = account.sign_in_subjects(key);
        let sources: Vec<Subject> =
            limits.iter().map(|name| name.seen_from(key, self.call.address)).collect();
        // Hashing has taken time, so the ticket must be checked again now.
        let now = deps.ambient.now();
        let Ok(used) = ticket.used(now, self.idempotency) else { return Ok(false) };
        let kind = OutboxKind::PasswordChanged { account: account.id };
        let confirmation = OutboxItem::new(&deps.ambient, &account.practice, kind, Some(self.call.address))?;
        let event = self.event(Action::AuthnPasswordChange)?.with_outbox(confirmation.id);
        let new = account.with_password(set.password, set.question, ticket.owner_was_seen());
        // A copied link shows nothing of the address.
        let new = if ticket.is_mailed() { new.with_email_proven(now) } else { new };
        let reset = Reset {
            ticket,
            used: &used,
            changed: Changed { old: account, new: &new },
            now,
            event: &event,
            confirmation: &confirmation,
            limits: &limits,
            sources: &sources,
            answers: set.answers.as_ref(),
        };
        Ok(deps.store.consume_ticket(&reset).await?.is_written())
    }

    /// An event that the holder of the ticket has caused.
    pub(crate) fn event(&self, action: Action) -> Result<Event, Problem> {
        let ticket = &self.found.ticket;
        let event = Event::new(&self.deps.ambient, &ticket.practice, action, Actor::Holder)?;
        let event = event.of(ticket.account, ticket.portal).with_ticket(ticket.id);
        Ok(event.from_address(self.call.address))
    }
}
