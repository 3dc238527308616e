//! A challenge: how a request for a verification code can be answered, and what was mailed for it (T2).
//!
//! A request for a code carries a [`Challenge`], the same for every identifier; the mailer adds what it has mailed. A code
//! takes at most [`ATTEMPTS`] guesses and an identifier gets at most [`PER_DAY`] codes a day. The budget is handed out with
//! the codes: nobody can add to it by asking again or from elsewhere, and nobody can spend what another request was given.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::limit::Window;
use crate::domain::practice::LONGEST_CODE_LIFE;
use crate::platform::clock::{Timestamp, days};
use crate::platform::ids::{AccountId, OutboxId, TicketId};
use crate::secrets::code::Code;
use crate::secrets::keyring::{KeyError, Keyring};
use crate::secrets::token::Digest;

/// Guesses compared with one code.
pub const ATTEMPTS: u64 = 5;
/// Codes that an identifier gets in [`DAY`].
pub const PER_DAY: usize = 4;
/// A day and the longest life of a code, so that in no 24 hours the codes of more than one such window can be guessed at.
pub const DAY: Duration = days(1).saturating_add(Duration::from_secs(LONGEST_CODE_LIFE as u64));
/// The limit on codes as a window.
pub const BUDGET: Window = Window { count: PER_DAY, span: DAY };
/// How long the token lives that a code is exchanged for: time to think of a password.
pub const TOKEN_LIFE: Duration = Duration::from_mins(15);

/// How a request for a code can be answered. The front door writes it for every identifier alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// Digits.
    pub length: u32,
    /// Until when a code can be entered.
    pub valid_until: Timestamp,
    /// Codes entered so far, the one being compared included.
    pub attempts: u64,
    /// Marks the latest of them, so that a repetition by the network is not counted again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<Digest>,
    /// What was mailed: nothing when no account has the identifier, one code for each mailbox when some have.
    pub mailed: Vec<Mailed>,
    /// When the right code was entered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entered_at: Option<Timestamp>,
}

/// A code that was mailed, as the store keeps it, and whom it serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailed {
    /// Of the code, keyed.
    pub digest: Digest,
    /// The id of that key.
    pub key: String,
    /// The id of the key that the code was derived with.
    pub derivation_key: String,
    /// The accounts of the mailbox.
    pub holders: Vec<Holder>,
}

/// An account that a code opens, with what its owner is told once the mailbox is proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Which account.
    pub account: AccountId,
    /// With which ticket.
    pub ticket: TicketId,
    /// The account's when the code was mailed; another one voids it.
    pub credential_version: u64,
    /// As its owner writes it.
    pub username: String,
    /// The security question to be answered with the new password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
}

impl Challenge {
    /// One that nothing has been mailed for yet.
    pub const fn new(length: u32, valid_until: Timestamp) -> Self {
        Self { length, valid_until, attempts: 0, latest: None, mailed: Vec::new(), entered_at: None }
    }

    /// How many more guesses will be compared.
    pub const fn attempts_left(&self) -> u64 {
        ATTEMPTS.saturating_sub(self.attempts)
    }

    /// What a code opens. Compares at least once, in constant time, whether or not anything was mailed (F1).
    ///
    /// # Errors
    /// [`KeyError::UnknownKeyId`] when a code's key has been removed.
    pub fn opened_by(
        &self,
        request: OutboxId,
        code: &Code,
        keys: &Keyring,
    ) -> Result<Option<&Mailed>, KeyError> {
        if self.mailed.is_empty() {
            let _ = code.digest(keys.current()?, request) == Digest::from([0; 32]);
        }
        for mailed in &self.mailed {
            if code.digest(keys.get(&mailed.key)?, request) == mailed.digest {
                return Ok(Some(mailed));
            }
        }
        Ok(None)
    }

    /// The one account that a wrong guess was aimed at, if there is exactly one.
    pub fn only_holder(&self) -> Option<&Holder> {
        match self.mailed.as_slice() {
            [Mailed { holders, .. }] if holders.len() == 1 => holders.first(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The chance that one of all guesses hits: those at one code differ from each other, and each code is drawn anew.
    fn chance(codes: u32, digits: u32) -> f64 {
        let of_one = f64::from(u32::try_from(ATTEMPTS).expect("few")) / 10_f64.powi(digits.cast_signed());
        -(f64::from(codes) * (-of_one).ln_1p()).exp_m1()
    }

    #[test]
    fn the_chance_of_a_guess_in_a_day_is_what_the_documentation_says() {
        let documentation = include_str!("../../../ARCHITECTURE.md").replace(',', "");
        let codes = u32::try_from(PER_DAY).expect("few");
        for (digits, names) in [(8, 1), (8, 2), (6, 1), (6, 2), (10, 2)] {
            let one_in = 1.0 / chance(codes * names, digits);
            let row = format!("| {digits} | {names} | {} | 1 in {one_in:.0} |", codes * names * 5);
            assert!(documentation.contains(&row), "ARCHITECTURE.md lacks {row}");
        }
        assert_eq!((ATTEMPTS, ATTEMPTS * PER_DAY as u64), (5, 20));
    }
}
