//! An attempt at a code that has been counted already. It is the second round trip of the call, whether the code is right or
//! wrong (F1).

use rekey::domain::challenge::{Challenge, Holder, Mailed, TOKEN_LIFE};
use rekey::domain::event::{Action, Actor, Event, Reason};
use rekey::domain::outbox::{OutboxItem, OutboxKind};
use rekey::domain::practice::Portal;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Member, Problem};
use rekey::platform::clock::Timestamp;
use rekey::platform::ids::AccountId;
use rekey::secrets::token::Token;
use rekey::store::codes::{CodeExchange, Exchange, Opening};

use crate::Deps;

/// A code that a caller has entered for a request.
pub(crate) struct Attempt<'a> {
    pub(crate) deps: &'a Deps,
    pub(crate) call: &'a Call,
    pub(crate) request: &'a OutboxItem,
}

/// The accounts that a right code has opened.
pub(crate) struct Verified<'a> {
    /// The accounts of the mailbox that may still recover.
    pub(crate) holders: Vec<&'a Holder>,
    /// One token for each of these accounts, in the same order.
    pub(crate) tokens: Vec<Token>,
    /// The time from which the tokens no longer work.
    pub(crate) until: Timestamp,
}

impl Attempt<'_> {
    /// Records a wrong code and returns the problem for the caller. The event belongs to the account when one code was mailed and
    /// it serves one account alone.
    pub(crate) async fn refuse(&self, challenge: &Challenge) -> Result<Problem, Problem> {
        let left = challenge.attempts_left();
        let reason = if left == 0 { Reason::LastWrongCode } else { Reason::WrongCode };
        self.record_failure(challenge.only_holder(), reason).await?;
        Ok(Problem::new(ErrorCode::InvalidCode).with(Member::AttemptsLeft, left))
    }

    /// Exchanges a right code for a token for each account of the mailbox that may still recover. Accounts that no longer may are
    /// left out, and the exchange is tried again without them.
    pub(crate) async fn exchange<'a>(&self, mailed: &'a Mailed) -> Result<Verified<'a>, Problem> {
        let mut holders: Vec<&Holder> = mailed.holders.iter().collect();
        let mut reason = Reason::Revoked;
        while !holders.is_empty() {
            let now = self.deps.ambient.now();
            let tokens = self.new_tokens(&holders)?;
            let openings = self.openings(&holders, &tokens)?;
            let until = now + TOKEN_LIFE;
            let exchange = CodeExchange { request: self.request.id, openings: &openings, now, until };
            match self.deps.store.exchange_code(&exchange).await? {
                Exchange::Done => return Ok(Verified { holders, tokens, until }),
                Exchange::Spent => {
                    reason = Reason::Used;
                    break;
                }
                Exchange::Void(void) => {
                    let kept = holders.into_iter().enumerate().filter(|(place, _)| !void.contains(place));
                    holders = kept.map(|(_, holder)| holder).collect();
                }
            }
        }
        self.record_failure(mailed.holders.first(), reason).await?;
        Err(Problem::new(ErrorCode::CodeExpired))
    }

    fn new_tokens(&self, holders: &[&Holder]) -> Result<Vec<Token>, Problem> {
        let token = |holder: &&Holder| {
            Ok(Token::new(holder.account, holder.ticket.to_bytes(), self.deps.ambient.bytes()?))
        };
        holders.iter().map(token).collect()
    }

    fn openings<'a>(&self, holders: &[&'a Holder], tokens: &[Token]) -> Result<Vec<Opening<'a>>, Problem> {
        let opening = |(holder, token): (&&'a Holder, &Token)| {
            let event = self.event(Action::AuthnCodeSuccess, Actor::Holder)?;
            let event = event.of(holder.account, self.portal()).with_ticket(holder.ticket);
            Ok(Opening { holder, digest: token.digest(), event })
        };
        holders.iter().zip(tokens).map(opening).collect()
    }

    async fn record_failure(&self, holder: Option<&Holder>, reason: Reason) -> Result<(), Problem> {
        let event = self.event(Action::AuthnCodeFail, Actor::Anonymous)?.because(reason);
        let event = match holder {
            Some(holder) => event.of(holder.account, self.portal()).with_ticket(holder.ticket),
            None if self.is_of_nobody() => {
                let nobody = AccountId::from_bytes(self.request.id.to_bytes());
                let event = event.with_ticket(self.request.id.into());
                return Ok(self.deps.store.record_nobody(nobody, &event).await?);
            }
            None => event,
        };
        Ok(self.deps.store.record_event(&event).await?)
    }

    fn event(&self, action: Action, actor: Actor) -> Result<Event, Problem> {
        let event = Event::new(&self.deps.ambient, &self.request.practice, action, actor)?;
        Ok(event.with_outbox(self.request.id).from_address(self.call.address))
    }

    /// Whether no code was mailed, because no account has the identifier or the mail was refused.
    fn is_of_nobody(&self) -> bool {
        self.request.challenge().is_none_or(|challenge| challenge.mailed.is_empty())
    }

    /// The portal at which the request was made.
    fn portal(&self) -> Portal {
        match &self.request.kind {
            OutboxKind::Recovery { portal, .. } | OutboxKind::LimitHit { portal, .. } => *portal,
            _ => Portal::default(),
        }
    }
}
