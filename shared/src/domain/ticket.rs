//! A ticket: anything issued that lets its holder set a password.
//!
//! Owns what a ticket is worth at a moment ([`Ticket::standing`]) and how its secret comes to be. The decision that
//! counts is the condition on the write that consumes it (`store::tickets`); what is computed here only chooses the words.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::account::{Account, Setup};
use crate::domain::issuer::Issuer;
use crate::domain::practice::{Portal, Slug};
use crate::domain::question;
use crate::platform::clock::Timestamp;
use crate::platform::ids::{AccountId, OutboxId, TicketId};
use crate::secrets::derivation::Derivation;
use crate::secrets::keyring::{KeyError, Keyring};
use crate::secrets::token::{Digest, Nonce, Token, derived_id};

/// What a ticket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A link by mail or by hand.
    ResetLink,
    /// A code by mail; it is exchanged for a token.
    VerificationCode,
    /// A password by mail, good for one sign-in that must choose another.
    TemporaryPassword,
    /// A link that sets an account up.
    Invitation,
}

/// What its holder may do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Replace a forgotten password.
    Reset,
    /// Set the first one.
    Invitation,
}

impl Purpose {
    /// What any ticket of an account is for now: the first password, or another one (F6).
    pub const fn of(account: &Account) -> Self {
        if matches!(account.setup, Setup::SignedUp) { Self::Reset } else { Self::Invitation }
    }
}

impl Kind {
    /// Of a link to an account: a first password, or another one (F6).
    pub const fn of_link(account: &Account) -> Self {
        match Purpose::of(account) {
            Purpose::Reset => Self::ResetLink,
            Purpose::Invitation => Self::Invitation,
        }
    }
}

/// How far a ticket has come: [`State::may_become`] has the only transitions. Expiry and supersession follow from time and
/// account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// In the table, not yet in the mail.
    Issued,
    /// SES has taken the mail.
    Sent,
    /// A password was set with it; of a temporary password, somebody signed in.
    Used,
    /// Taken back.
    Revoked,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Issued, Self::Sent, Self::Used, Self::Revoked];

    /// Whether a ticket can come from this state into another. What was used or taken back stays so.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Issued => matches!(next, Self::Sent | Self::Used | Self::Revoked),
            Self::Sent => matches!(next, Self::Used | Self::Revoked),
            Self::Used | Self::Revoked => false,
        }
    }
}

/// What became of the mail that carried a ticket. Later ones tell more, and replace the earlier ones, whatever the
/// order in which SES reports them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MailFate {
    /// It could not be delivered then: a mailbox was full, or a server away for too long. Or a machine has answered it.
    Returned,
    /// The mailbox's server has taken it.
    Delivered,
    /// It came back for good.
    Bounced,
    /// Its owner called it spam.
    Complained,
}

impl MailFate {
    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Returned => "returned",
            Self::Delivered => "delivered",
            Self::Bounced => "bounced",
            Self::Complained => "complained",
        }
    }
}

/// What a ticket is worth to its holder at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Can be used.
    Open,
    /// Its time has passed.
    Expired,
    /// A password was set with it.
    Used,
    /// Taken back, superseded by a later password, out of answers, or its account may not recover.
    Revoked,
}

/// A ticket. Its token is never stored: a link's is derived again from `nonce` by who holds the derivation key, a code's is
/// drawn when the code is entered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Names it within its account.
    pub id: TicketId,
    /// Whose password it sets.
    pub account: AccountId,
    /// The account's practice.
    pub practice: Slug,
    /// The account's portal.
    pub portal: Portal,
    /// What it is.
    pub kind: Kind,
    /// Who issued it.
    pub issuer: Issuer,
    /// Of its token. A verification code's has none until the code is entered, a link by mail none until it is mailed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Random; with the derivation key, makes a link's token.
    pub nonce: Nonce,
    /// The id of that key; none of a token that is random.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub derivation_key: String,
    /// The account's at issue; another one voids the ticket.
    pub credential_version: u64,
    /// How far it has come.
    pub state: State,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Until when it can be used.
    pub valid_until: Timestamp,
    /// Wrong answers given to the security question, and those being compared.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub answers: u64,
    /// What became of its mail, as far as SES has told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailFate>,
    /// When its link was first opened by its holder's browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Timestamp>,
    /// The member of staff who issued it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<AccountId>,
    /// Why it was issued, in the words of who did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When a password was set with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<Timestamp>,
    /// Of the `Idempotency-Key` it was used with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_with: Option<Digest>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What a new ticket is, and until when.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// What it is.
    pub kind: Kind,
    /// Who issues it.
    pub issuer: Issuer,
    /// When it is issued.
    pub issued_at: Timestamp,
    /// Until when it can be used.
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
            used_at: None,
            used_with: None,
        }
    }

    /// The ticket with the token of its link, derived as said. A link has one token: `None` when it has another already, or
    /// has been mailed, used or taken back.
    pub fn with_link(&self, derivation: &Derivation<'_>) -> Option<Self> {
        let token = derivation.link_token(self.account, self.id);
        let digest = Some(token.digest());
        let fits = self.state == State::Issued && (self.digest.is_none() || self.digest == digest);
        fits.then(|| Self { digest, ..self.derived(derivation) })
    }

    /// The ticket of a temporary password that is derived as said. `None` when it was derived with another key before, or can
    /// no longer be used.
    pub fn with_temporary_password(&self, derivation: &Derivation<'_>) -> Option<Self> {
        let same = self.derivation_key.is_empty() || self.derivation_key == derivation.key_id();
        (same && self.state.may_become(State::Used)).then(|| self.derived(derivation))
    }

    fn derived(&self, derivation: &Derivation<'_>) -> Self {
        Self { nonce: derivation.nonce(), derivation_key: derivation.key_id().to_owned(), ..self.clone() }
    }

    /// The ticket after it has set a password.
    ///
    /// # Errors
    /// What it is worth instead, when it can no longer be used.
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

    /// What it is worth now. The account is its own, as stored now.
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

    /// An account has one temporary password: the one issued last.
    fn is_replaced(&self, account: &Account) -> bool {
        let current = account.temporary.as_ref().map(|temporary| temporary.ticket);
        self.kind == Kind::TemporaryPassword && current != Some(self.id)
    }

    /// The token of its link, derived again.
    ///
    /// # Errors
    /// [`KeyError::UnknownKeyId`] when its key has been removed.
    pub fn token(&self, keys: &Keyring) -> Result<Token, KeyError> {
        let derivation = Derivation::with_key(keys, &self.derivation_key, &self.nonce)?;
        Ok(derivation.link_token(self.account, self.id))
    }
}

/// The id of the ticket that a request for a code leads to: whoever reads it must not learn the request's id, with which codes
/// are entered.
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
