//! A challenge: the terms on which a request for a verification code can be answered, and the codes that were mailed
//! for it (T2).
//!
//! A request for a code carries a [`Challenge`], which is the same for every identifier; the mailer adds the codes that
//! it has mailed. A code takes at most [`ATTEMPTS`] guesses, and an identifier gets at most [`PER_DAY`] codes a day.
//! The guesses come with the codes. Nobody gets more guesses by asking again or from elsewhere, and nobody can use up
//! the guesses of another request.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::limit::Window;
use crate::platform::clock::{Timestamp, days};
use crate::platform::ids::{AccountId, OutboxId, TicketId};
use crate::secrets::code::Code;
use crate::secrets::keyring::{KeyError, Keyring};
use crate::secrets::token::{Digest, digest_of};

/// The number of guesses that are compared with one code.
pub const ATTEMPTS: u64 = 5;
/// The number of digits of a code that is not short: guesses at codes of all names of a practice together find none of these.
const LONG: u32 = 8;
/// The number of short codes that are mailed at a practice in a day. Whoever asks after that, for whatever name, gets a long one. So
/// a practice that has chosen short codes has them on an ordinary day, and nobody who asks for codes of ten thousand names does.
pub const SHORT_PER_DAY: u64 = 512;
/// The number of codes that an identifier gets within a day and the life of a code.
pub const PER_DAY: usize = 4;
/// The least time that is added to a day for the life of a code.
const LEAST_LIFE: Duration = Duration::from_mins(15);
/// The life of the token that a code is exchanged for. The time is for choosing a password.
pub const TOKEN_LIFE: Duration = Duration::from_mins(15);

/// The letters of a label: no vowels, so that it is no word, and none that looks like a digit.
const LABEL_LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// The number of letters of a label.
const LABEL_LENGTH: usize = 4;

/// The mark that a request and its mail share, such as `KTRM`. A person who has asked twice sees by it which mail's code belongs
/// on the page.
///
/// It follows from the request's id alone, so it is the same for every identifier and tells nothing of an account. Nobody learns
/// the id from it: four letters stand for 160,000 marks, and an id has 80 random bits.
pub fn label_of(request: OutboxId) -> String {
    let digest = digest_of(&format!("rekey label {request}"));
    let letter = |byte: &u8| char::from(LABEL_LETTERS[usize::from(*byte) % LABEL_LETTERS.len()]);
    digest.as_bytes().iter().take(LABEL_LENGTH).map(letter).collect()
}

/// The terms on which a request for a code can be answered. They are written alike for every identifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// The number of digits of the code.
    pub length: u32,
    /// The time from which the code no longer works.
    pub valid_until: Timestamp,
    /// The number of codes that have been entered, including the one that is being compared.
    pub attempts: u64,
    /// A mark of the attempt that was counted last, so that a repetition by the network is not counted again; absent
    /// before the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<Digest>,
    /// The codes that were mailed: none if no account has the identifier, or else one for each mailbox.
    pub mailed: Vec<Mailed>,
    /// The time at which the right code was entered; absent until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entered_at: Option<Timestamp>,
}

/// A code that was mailed, as the store keeps it, and the accounts that it serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailed {
    /// The keyed digest of the code.
    pub digest: Digest,
    /// The id of the key of the digest.
    pub key: String,
    /// The id of the key that the code was derived with.
    pub derivation_key: String,
    /// The accounts of the mailbox.
    pub holders: Vec<Holder>,
}

/// An account that a code opens, with what its owner is told once the mailbox is proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The id of the account.
    pub account: AccountId,
    /// The id of the account's ticket.
    pub ticket: TicketId,
    /// The credential version of the account when the code was mailed. Another version voids the code.
    pub credential_version: u64,
    /// The username as its owner writes it.
    pub username: String,
    /// The security question that must be answered together with the new password; absent when none is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
}

impl Challenge {
    /// A challenge for which nothing has been mailed yet.
    pub const fn new(length: u32, valid_until: Timestamp) -> Self {
        Self { length, valid_until, attempts: 0, latest: None, mailed: Vec::new(), entered_at: None }
    }

    /// Whether the code is so short that a practice mails only some of its kind in a day.
    pub const fn is_short(&self) -> bool {
        self.length < LONG
    }

    /// The same challenge for a code that is not short.
    #[must_use]
    pub fn lengthened(self) -> Self {
        Self { length: self.length.max(LONG), ..self }
    }

    /// Whether another code will be compared.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.valid_until > now && self.attempts < ATTEMPTS && self.entered_at.is_none()
    }

    /// The number of guesses that will still be compared.
    pub const fn attempts_left(&self) -> u64 {
        ATTEMPTS.saturating_sub(self.attempts)
    }

    /// Finds what a code opens. It compares at least once, in constant time, whether or not a code was mailed (F1).
    ///
    /// # Errors
    /// [`KeyError::UnknownKeyId`] when the key of a digest has been removed.
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

    /// The limit on codes for a request of the given time, as a window: one day and the life of a code, which counts as 15
    /// minutes at least. With it, the codes of only one such window can be guessed at within any 24 hours.
    pub fn budget(&self, asked_at: Timestamp) -> Window {
        let life = self.valid_until.millis() - asked_at.millis();
        let life = Duration::from_millis(u64::try_from(life).unwrap_or_default());
        Window { count: PER_DAY, span: days(1) + life.max(LEAST_LIFE) }
    }

    /// An account whose code was entered. `None` also when several mailboxes have got one, because it is not kept which of them it was.
    pub fn proven_holder(&self, account: AccountId) -> Option<&Holder> {
        let [Mailed { holders, .. }] = self.mailed.as_slice() else { return None };
        holders.iter().find(|holder| self.entered_at.is_some() && holder.account == account)
    }

    /// The account that a wrong guess was aimed at, if the request has exactly one account.
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

    /// The chance that at least one of all guesses is right. The guesses at one code differ from each other, and each
    /// code is drawn anew.
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
        // Ten thousand names, each with the codes of a day: some are short, and all others are long.
        let (all, short) = (10_000 * codes, u32::try_from(SHORT_PER_DAY).expect("few"));
        for (digits, chance) in [
            (6, 1.0 - (1.0 - chance(short, 6)) * (1.0 - chance(all - short, LONG))),
            (8, chance(all, 8)),
            (10, chance(all, 10)),
        ] {
            let said = format!("{:.4} %", chance * 100.0);
            assert!(documentation.contains(&said), "ARCHITECTURE.md lacks {said} for {digits} digits");
        }
    }

    #[test]
    fn the_window_of_codes_grows_with_their_life() {
        let asked_at = Timestamp::from_millis(1_795_286_130_000);
        let span = |minutes: u64| {
            let life = Duration::from_secs(minutes * 60);
            Challenge::new(8, asked_at + life).budget(asked_at).span.as_secs() / 60
        };
        for (life, window) in
            [(5, 24 * 60 + 15), (10, 24 * 60 + 15), (15, 24 * 60 + 15), (16, 24 * 60 + 16), (60, 25 * 60)]
        {
            assert_eq!(span(life), window, "{life}");
        }
    }

    #[test]
    fn a_label_is_four_letters_that_tell_requests_apart() {
        let label = |n: u8| label_of(OutboxId::from_bytes([n; 16]));
        assert_eq!(label(1), label(1));
        let labels: std::collections::BTreeSet<String> = (0..=255).map(label).collect();
        assert!(labels.len() > 250, "{} of 256", labels.len());
        let is_label =
            |label: &String| label.len() == 4 && label.bytes().all(|letter| LABEL_LETTERS.contains(&letter));
        assert!(labels.iter().all(is_label));
    }
}
