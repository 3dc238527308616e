//! A ticket: anything issued that lets its holder set a password.
//!
//! Owns what a ticket is worth at a moment ([`Ticket::standing`]) and how its secret comes to be. The decision that
//! counts is the condition on the write that consumes it (`store::tickets`); what is computed here only chooses the words.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::account::{Account, Setup};
use crate::clock::Timestamp;
use crate::ids::{AccountId, TicketId};
use crate::keyring::{KeyError, Keyring};
use crate::practice::{Portal, Slug};
use crate::question;
use crate::token::{Digest, Token, keyed};

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

/// Who issued it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Issuer {
    /// The person who forgot, through the public front door.
    SelfService,
    /// An operator, by direct invocation.
    Operator,
    /// A member of staff.
    Staff,
}

/// How far a ticket has come. Only these transitions exist:
/// `Issued → Sent`, and `Issued | Sent → Used | Revoked`. Expiry and supersession follow from time and account.
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
    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Sent => "sent",
            Self::Used => "used",
            Self::Revoked => "revoked",
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

impl Ticket {
    /// What it is worth now. The account is its own, as stored now.
    pub fn standing(&self, account: &Account, now: Timestamp) -> Standing {
        match self.state {
            State::Used => Standing::Used,
            State::Revoked => Standing::Revoked,
            State::Issued | State::Sent if self.valid_until <= now => Standing::Expired,
            State::Issued | State::Sent if self.answers >= question::ATTEMPTS => Standing::Revoked,
            State::Issued | State::Sent if self.credential_version != account.credential_version => {
                Standing::Revoked
            }
            State::Issued | State::Sent if !account.is_open() => Standing::Revoked,
            State::Issued | State::Sent if self.is_replaced(account) => Standing::Revoked,
            State::Issued | State::Sent => Standing::Open,
        }
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
    pub fn token(&self, derivation: &Keyring) -> Result<Token, KeyError> {
        derive(derivation, &self.derivation_key, &self.nonce, self.account, self.id)
    }
}

/// 256 random bits of an outbox item. Worth nothing without the derivation key.
pub type Nonce = Digest;

/// The token of a ticket: a keyed function of the nonce, bound to account and ticket, so that a redelivered stream record
/// leads to the same token.
///
/// # Errors
/// [`KeyError::UnknownKeyId`].
pub fn derive(
    derivation: &Keyring,
    key_id: &str,
    nonce: &Nonce,
    account: AccountId,
    ticket: TicketId,
) -> Result<Token, KeyError> {
    let parts: [&[u8]; 4] = [b"rekey link token", nonce.as_bytes(), &account.to_bytes(), &ticket.to_bytes()];
    Ok(Token::new(account, ticket.to_bytes(), keyed(derivation.get(key_id)?, &parts)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(current: &str) -> Keyring {
        let key = "k".repeat(43);
        Keyring::parse(&format!(r#"{{"current":"{current}","k1":"{key}1","k2":"{key}2"}}"#)).expect("a ring")
    }

    fn token(key_id: &str, nonce: u8, account: u8, ticket: u8) -> Token {
        let nonce = Nonce::from([nonce; 32]);
        let ids = (AccountId::from_bytes([account; 16]), TicketId::from_bytes([ticket; 16]));
        derive(&ring("k2"), key_id, &nonce, ids.0, ids.1).expect("a token")
    }

    #[test]
    fn the_same_facts_derive_the_same_token_and_others_another() {
        let digest = token("k1", 1, 1, 1).digest();
        assert_eq!(token("k1", 1, 1, 1).digest(), digest);
        for other in [token("k2", 1, 1, 1), token("k1", 2, 1, 1), token("k1", 1, 2, 1), token("k1", 1, 1, 2)]
        {
            assert_ne!(other.digest(), digest);
        }
    }
}
