//! Verification codes: few digits, so few guesses (T2).
//!
//! A request for a code carries a [`Challenge`], the same for every identifier; the mailer adds what it has mailed. A code
//! takes at most [`ATTEMPTS`] guesses and an identifier gets at most [`PER_DAY`] codes a day. The budget is handed out with
//! the codes: nobody can add to it by asking again or from elsewhere, and nobody can spend what another request was given.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::clock::{Timestamp, days};
use crate::ids::{AccountId, OutboxId, TicketId};
use crate::keyring::{KeyError, Keyring};
use crate::limit::Window;
use crate::ticket::Nonce;
use crate::token::{Digest, keyed};

/// Guesses compared with one code.
pub const ATTEMPTS: u64 = 5;
/// Codes that an identifier gets in [`DAY`].
pub const PER_DAY: usize = 4;
/// A day and the longest life of a code, so that in no 24 hours the codes of more than one such window can be guessed at.
pub const DAY: Duration = days(1).saturating_add(Duration::from_secs(LONGEST_LIFE as u64));
/// The longest life a practice may give a code, in seconds.
pub const LONGEST_LIFE: u32 = 15 * 60;
/// The limit on codes as a window.
pub const BUDGET: Window = Window { count: PER_DAY, span: DAY };
/// How long the token lives that a code is exchanged for: time to think of a password.
pub const TOKEN_LIFE: Duration = Duration::from_mins(15);

/// Digits that a practice may choose from.
const LENGTHS: std::ops::RangeInclusive<usize> = 6..=10;

/// A plain code. Mailed once, typed once, never stored.
pub struct Code(Zeroizing<String>);

impl Code {
    /// Reads a code as a person types it: spaces and dashes do not count, nor which script's width a digit has. `None` for
    /// what no practice can have sent.
    pub fn parse(typed: &str) -> Option<Self> {
        let digits: String = typed.nfkc().filter(|&c| !is_separator(c)).collect();
        let digits = Zeroizing::new(digits);
        let fits = LENGTHS.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        fits.then_some(Self(digits))
    }

    /// The code of a request for one mailbox: a keyed function of the request's nonce, so that a redelivered stream record
    /// leads to the same code.
    ///
    /// # Errors
    /// [`KeyError::UnknownKeyId`].
    pub fn derive(
        derivation: &Keyring,
        key_id: &str,
        (request, nonce): (OutboxId, &Nonce),
        mailbox: &str,
        length: u32,
    ) -> Result<Self, KeyError> {
        let parts: [&[u8]; 4] = [b"rekey code", nonce.as_bytes(), &request.to_bytes(), mailbox.as_bytes()];
        let bytes = keyed(derivation.get(key_id)?, &parts);
        let number = bytes[..16].iter().fold(0, |number: u128, byte| number << 8 | u128::from(*byte));
        // Of 2^128 numbers: the remainder favours none by more than one in 10^28.
        let width = length as usize;
        Ok(Self(Zeroizing::new(format!("{:0width$}", number % 10_u128.pow(length)))))
    }

    /// In groups of three or four digits, which is how people read and type them.
    pub fn grouped(&self) -> Zeroizing<String> {
        let groups = self.0.len().div_ceil(4);
        let mut text = Zeroizing::new(String::with_capacity(self.0.len() + groups));
        let mut rest = self.0.as_str();
        for left in (1..=groups).rev() {
            let (group, after) = rest.split_at(rest.len() / left);
            text.push_str(group);
            text.push_str(if left > 1 { " " } else { "" });
            rest = after;
        }
        text
    }

    /// What the store keeps: keyed, because so few digits are found by trying them all; bound to its request.
    pub fn digest(&self, key: &[u8], request: OutboxId) -> Digest {
        let parts: [&[u8]; 3] = [b"rekey stored code", &request.to_bytes(), self.0.as_bytes()];
        Digest::from(keyed(key, &parts))
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[code]")
    }
}

pub(crate) fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ad}' | '\u{200b}')
}

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

    fn ring(material: &str) -> Keyring {
        Keyring::parse(&format!(r#"{{"current":"k1","k1":"{}"}}"#, material.repeat(43))).expect("a ring")
    }

    fn request(n: u8) -> OutboxId {
        OutboxId::from_bytes([n; 16])
    }

    fn code(n: u8, mailbox: &str, length: u32) -> Code {
        Code::derive(&ring("k"), "k1", (request(n), &Nonce::from([n; 32])), mailbox, length).expect("a code")
    }

    #[test]
    fn a_code_is_taken_however_it_is_grouped() {
        let plain = |typed: &str| Code::parse(typed).map(|code| code.0.to_string());
        for typed in [
            "12345678",
            " 1234 5678\n",
            "1234-5678",
            "12\u{a0}34\u{2013}56\u{2011}78",
            "\u{ff11}\u{ff12}345678",
            "1234\u{200b}5678",
        ] {
            assert_eq!(plain(typed).as_deref(), Some("12345678"), "{typed:?}");
        }
        for typed in ["", "-", "12345", "12345678901", "1234567a", "+1234567", "1234.5678", "\u{661}2345678"]
        {
            assert_eq!(plain(typed), None, "{typed:?}");
        }
    }

    #[test]
    fn codes_have_their_length_and_are_grouped_for_reading() {
        for (length, shape) in [(6, "3 3"), (7, "3 4"), (8, "4 4"), (9, "3 3 3"), (10, "3 3 4")] {
            for n in 0..100 {
                let code = code(n, "jane@agency.test", length);
                let grouped = code.grouped();
                let groups: Vec<String> = grouped.split(' ').map(|group| group.len().to_string()).collect();
                assert_eq!(groups.join(" "), shape, "{}", *grouped);
                assert_eq!(Code::parse(&grouped).expect("its own text").0, code.0);
            }
        }
    }

    #[test]
    fn the_same_facts_derive_the_same_code_and_others_another() {
        let first = code(1, "jane@agency.test", 8);
        assert_eq!(code(1, "jane@agency.test", 8).0, first.0);
        assert_ne!(code(2, "jane@agency.test", 8).0, first.0);
        assert_ne!(code(1, "Jane@agency.test", 8).0, first.0, "another mailbox");
        let other =
            Code::derive(&ring("q"), "k1", (request(1), &Nonce::from([1; 32])), "jane@agency.test", 8);
        assert_ne!(other.expect("a code").0, first.0, "another key");
    }

    #[test]
    fn every_digit_comes_as_often_as_another() {
        let mut counts = [0_u32; 10];
        for n in 0..=255 {
            for mailbox in ["a@x.org", "b@x.org", "c@x.org", "d@x.org"] {
                for digit in code(n, mailbox, 10).0.bytes() {
                    counts[usize::from(digit - b'0')] += 1;
                }
            }
        }
        // 10,240 digits: 1,024 of each, give or take six standard deviations of 30.
        assert!(counts.iter().all(|count| (842..=1206).contains(count)), "{counts:?}");
    }

    #[test]
    fn what_is_stored_is_keyed_and_bound_to_its_request() {
        let code = code(1, "jane@agency.test", 8);
        let stored = code.digest(b"key", request(1));
        assert_eq!(code.digest(b"key", request(1)), stored);
        assert_ne!(code.digest(b"yek", request(1)), stored);
        assert_ne!(code.digest(b"key", request(2)), stored);
        assert_eq!(format!("{code:?} {stored:?}"), "[code] Digest");
    }

    /// The chance that one of all guesses hits: those at one code differ from each other, and each code is drawn anew.
    fn chance(codes: u32, digits: u32) -> f64 {
        let of_one = f64::from(u32::try_from(ATTEMPTS).expect("few")) / 10_f64.powi(digits.cast_signed());
        -(f64::from(codes) * (-of_one).ln_1p()).exp_m1()
    }

    #[test]
    fn the_chance_of_a_guess_in_a_day_is_what_the_documentation_says() {
        let documentation = include_str!("../../ARCHITECTURE.md").replace(',', "");
        let codes = u32::try_from(PER_DAY).expect("few");
        for (digits, names) in [(8, 1), (8, 2), (6, 1), (6, 2), (10, 2)] {
            let one_in = 1.0 / chance(codes * names, digits);
            let row = format!("| {digits} | {names} | {} | 1 in {one_in:.0} |", codes * names * 5);
            assert!(documentation.contains(&row), "ARCHITECTURE.md lacks {row}");
        }
        assert_eq!((ATTEMPTS, ATTEMPTS * PER_DAY as u64), (5, 20));
    }
}
