//! A ticket: anything issued that lets its holder set a password.
//!
//! This module decides whether a ticket can be used at a moment ([`Ticket::standing`]), and makes the ticket's secret.
//! The decision that counts is the condition on the write that consumes the ticket (`store::tickets`). The standing
//! that this module computes only chooses the error that the caller gets.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::account::{Account, Setup};
use crate::domain::issuer::Issuer;
use crate::domain::practice::{Portal, Slug};
use crate::domain::proof::ProofMethod;
use crate::domain::question;
use crate::platform::clock::Timestamp;
use crate::platform::ids::{AccountId, OutboxId, TicketId};
use crate::secrets::derivation::Derivation;
use crate::secrets::keyring::{KeyError, Keyring};
use crate::secrets::token::{Digest, Nonce, Token, derived_id};

/// The kind of a ticket: a `reset_link`, a `verification_code`, a `temporary_password` or an `invitation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A link to choose a new password. It is mailed, or staff hand it over.
    ResetLink,
    /// A code that is mailed. It is exchanged for a token.
    VerificationCode,
    /// A password that is mailed. It is good for one sign-in, in which another password must be chosen.
    TemporaryPassword,
    /// A link to set an account up.
    Invitation,
}

/// The purpose of a ticket: a `reset` replaces a forgotten password, an `invitation` sets the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The holder may replace a forgotten password.
    Reset,
    /// The holder may set the first password of the account.
    Invitation,
}

impl Purpose {
    /// The purpose of every ticket of an account at present: to set the first password, or another one (F6).
    pub const fn of(account: &Account) -> Self {
        if matches!(account.setup, Setup::SignedUp) { Self::Reset } else { Self::Invitation }
    }
}

impl Kind {
    /// The kind of a link to an account: an invitation to set the first password, or a link to choose another one (F6).
    pub const fn of_link(account: &Account) -> Self {
        match Purpose::of(account) {
            Purpose::Reset => Self::ResetLink,
            Purpose::Invitation => Self::Invitation,
        }
    }
}

/// The stored state of a ticket. [`State::may_become`] lists the only transitions. The states `expired` and
/// `superseded` are not stored: they follow from the time and from the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The ticket is in the table, and no mail has been sent yet.
    Issued,
    /// SES has accepted the mail.
    Sent,
    /// A password was set with the ticket. For a temporary password: somebody signed in with it.
    Used,
    /// The ticket was revoked.
    Revoked,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Issued, Self::Sent, Self::Used, Self::Revoked];

    /// Whether a ticket can go from this state to another. A ticket that was used or revoked stays so.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Issued => matches!(next, Self::Sent | Self::Used | Self::Revoked),
            Self::Sent => matches!(next, Self::Used | Self::Revoked),
            Self::Used | Self::Revoked => false,
        }
    }
}

/// The outcome of the mail that carried a ticket: the mail service refused it (`not_sent`), it was `returned` for a reason that may pass, was `delivered` to the
/// server of the mailbox, `bounced` permanently, or was marked as spam (`complained`). A later value of this list tells
/// more than an earlier one, so it replaces the earlier one. The order in which SES reports them does not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MailFate {
    /// The mail service refused the mail: nothing was sent.
    NotSent,
    /// The mail was not delivered, for a reason that may pass: the mailbox was full, its server did not answer in time,
    /// or an answering machine replied. SES also reports this when it does not pass the mail on.
    Returned,
    /// The server of the mailbox has accepted the mail.
    Delivered,
    /// The mail came back for good: the address does not accept mail.
    Bounced,
    /// The owner of the address marked the mail as spam.
    Complained,
}

impl MailFate {
    /// The name of the value, as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotSent => "not_sent",
            Self::Returned => "returned",
            Self::Delivered => "delivered",
            Self::Bounced => "bounced",
            Self::Complained => "complained",
        }
    }
}

/// The standing of a ticket at a moment: whether it can be used, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The ticket can be used.
    Open,
    /// The ticket has expired.
    Expired,
    /// The ticket has been used.
    Used,
    /// The ticket was revoked, has been superseded by a later password, or has no answers left, or its account is
    /// closed.
    Revoked,
}

/// A ticket. Its token is never stored. The token of a link is derived again from `nonce` with the derivation key, and
/// the token of a code is drawn when the code is entered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The id of the ticket, unique within its account.
    pub id: TicketId,
    /// The id of the account whose password the ticket sets.
    pub account: AccountId,
    /// The account's practice.
    pub practice: Slug,
    /// The account's portal.
    pub portal: Portal,
    /// The kind of the ticket.
    pub kind: Kind,
    /// The issuer of the ticket.
    pub issuer: Issuer,
    /// The digest of the ticket's token. It is absent for a verification code until the code is entered, and for a
    /// mailed link until the link is mailed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// A random number. The token of a link is derived from it with the derivation key.
    pub nonce: Nonce,
    /// The id of the derivation key; empty when the token is random.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub derivation_key: String,
    /// The credential version of the account when the ticket was issued. Another version voids the ticket.
    pub credential_version: u64,
    /// The stored state of the ticket.
    pub state: State,
    /// The time at which the ticket was issued.
    pub issued_at: Timestamp,
    /// The time from which the ticket can no longer be used.
    pub valid_until: Timestamp,
    /// The number of wrong answers to the security question, including those that are being compared.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub answers: u64,
    /// The outcome of the mail; absent until SES has reported it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailFate>,
    /// The time at which the holder's browser first opened the link; absent until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Timestamp>,
    /// The id of the member of staff who issued the ticket; absent when somebody else did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<AccountId>,
    /// The reason for the ticket, in the words of the issuer; absent when none was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How the member of staff who issued the ticket knew the caller; absent when they did not say, and for other issuers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<ProofMethod>,
    /// The outbox items whose mails have carried the ticket, as far as SES has said that it has taken them: those of later requests
    /// too, which the ticket has answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent_for: Vec<OutboxId>,
    /// The time at which the ticket was used; absent until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<Timestamp>,
    /// The digest of the `Idempotency-Key` that the ticket was used with; absent when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_with: Option<Digest>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The kind of a new ticket, its issuer and its life.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// The kind of the ticket.
    pub kind: Kind,
    /// The issuer of the ticket.
    pub issuer: Issuer,
    /// The time at which the ticket is issued.
    pub issued_at: Timestamp,
    /// The time from which the ticket can no longer be used.
    pub valid_until: Timestamp,
}

impl Ticket {
    /// A ticket of an account as it is now, without a token.
    pub fn new(id: TicketId, account: &Account, grant: Grant, nonce: Nonce) -> Self {
        Self {
            id,
            account: account.id,
            practice: account.practice.clone(),
            portal: account.portal,
            kind: grant.kind,
            issuer: grant.issuer,
            digest: None,
            nonce,
            derivation_key: String::new(),
            credential_version: account.credential_version,
            state: State::Issued,
            issued_at: grant.issued_at,
            valid_until: grant.valid_until,
            answers: 0,
            mail: None,
            opened_at: None,
            by: None,
            reason: None,
            proof: None,
            sent_for: Vec::new(),
            used_at: None,
            used_with: None,
        }
    }

    /// The ticket with the digest of its link's token, which this derivation makes. A link has one token: the answer is
    /// `None` when the ticket has another token already, or has been mailed, used or revoked.
    pub fn with_link(&self, derivation: &Derivation<'_>) -> Option<Self> {
        let token = derivation.link_token(self.account, self.id);
        let digest = Some(token.digest());
        let fits = self.state == State::Issued && (self.digest.is_none() || self.digest == digest);
        fits.then(|| Self { digest, ..self.derived(derivation) })
    }

    /// The ticket of a temporary password, after the password was made by this derivation. `None` when it was made with
    /// another key before, or when the ticket can no longer be used.
    pub fn with_temporary_password(&self, derivation: &Derivation<'_>) -> Option<Self> {
        let same = self.derivation_key.is_empty() || self.derivation_key == derivation.key_id();
        (same && self.state.may_become(State::Used)).then(|| self.derived(derivation))
    }

    fn derived(&self, derivation: &Derivation<'_>) -> Self {
        Self { nonce: derivation.nonce(), derivation_key: derivation.key_id().to_owned(), ..self.clone() }
    }

    /// The ticket after it has set a password. `with` is the digest of the request's `Idempotency-Key`.
    ///
    /// # Errors
    /// The standing of a ticket that can no longer be used.
    pub fn used(&self, now: Timestamp, with: Option<Digest>) -> Result<Self, Standing> {
        match self.state {
            State::Used => Err(Standing::Used),
            State::Revoked => Err(Standing::Revoked),
            State::Issued | State::Sent if self.valid_until <= now => Err(Standing::Expired),
            State::Issued | State::Sent => {
                Ok(Self { state: State::Used, used_at: Some(now), used_with: with, ..self.clone() })
            }
        }
    }

    /// The standing of the ticket now. `account` is the ticket's own account, as it is stored now.
    pub fn standing(&self, account: &Account, now: Timestamp) -> Standing {
        if let Err(standing) = self.used(now, None) {
            return standing;
        }
        let holds = self.answers < question::ATTEMPTS
            && self.credential_version == account.credential_version
            && account.is_open()
            && !self.is_replaced(account);
        if holds { Standing::Open } else { Standing::Revoked }
    }

    /// Whether a mail of the item has carried the ticket: SES has said so, or nobody has heard what it said of any, and somebody
    /// has used the ticket that was made for the item.
    pub fn was_carried_by(&self, item: OutboxId) -> bool {
        let is_unheard = self.sent_for.is_empty() && self.state == State::Used;
        self.sent_for.contains(&item) || is_unheard && self.id.is_of(item)
    }

    /// The member of staff to whom the link of the ticket was shown, so that they handed it over. A mailed link has the token that the
    /// mailer derives, with a key that it names.
    pub fn shown_to(&self) -> Option<AccountId> {
        let is_link = matches!(self.kind, Kind::ResetLink | Kind::Invitation);
        self.by.filter(|_| is_link && self.digest.is_some() && self.derivation_key.is_empty())
    }

    /// The ticket when whoever handed its link over has left: it ends with their account (A8). What has been used stays so.
    #[must_use]
    pub fn left_behind(self) -> Self {
        let state = if self.state.may_become(State::Revoked) { State::Revoked } else { self.state };
        Self { state, ..self }
    }

    /// Whether its secret was made to be mailed, so that whoever has it has read the mail: the mailer alone has the key, and a
    /// ticket of an earlier address is void.
    pub const fn is_mailed(&self) -> bool {
        !self.derivation_key.is_empty()
    }

    /// Whether whoever issued the ticket has seen the account's owner.
    pub fn owner_was_seen(&self) -> bool {
        self.proof.is_some_and(ProofMethod::is_seen)
    }

    /// Whether at least half of its time is left.
    pub const fn has_half_of_its_life(&self, now: Timestamp) -> bool {
        now.millis() - self.issued_at.millis() <= self.valid_until.millis() - now.millis()
    }

    /// Whether this is a temporary password that is no longer the account's. An account has one: the one issued last.
    fn is_replaced(&self, account: &Account) -> bool {
        let current = account.temporary.as_ref().map(|temporary| temporary.ticket);
        self.kind == Kind::TemporaryPassword && current != Some(self.id)
    }

    /// Derives the token of the ticket's link again.
    ///
    /// # Errors
    /// [`KeyError::UnknownKeyId`] when the derivation key has been removed.
    pub fn token(&self, keys: &Keyring) -> Result<Token, KeyError> {
        let derivation = Derivation::with_key(keys, &self.derivation_key, &self.nonce)?;
        Ok(derivation.link_token(self.account, self.id))
    }
}

/// The id of the ticket that a request for a code leads to. It is derived from the request's id and does not reveal it,
/// because codes are entered with the request's id.
pub fn id_for_code(request: OutboxId) -> TicketId {
    TicketId::from(derived_id(request.made_at(), &["code", &request.to_string()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_or_taken_back_stays_so() {
        use State::{Issued, Revoked, Sent, Used};
        let allowed = [(Issued, Sent), (Issued, Used), (Issued, Revoked), (Sent, Used), (Sent, Revoked)];
        for from in State::ALL {
            for to in State::ALL {
                assert_eq!(from.may_become(to), allowed.contains(&(from, to)), "{from:?} {to:?}");
            }
        }
    }
}
