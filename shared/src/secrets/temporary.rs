//! Temporary passwords: mailed when staff reset a password, and good for one sign-in that must choose another (T9).
//!
//! **A temporary password is the mailer's.** It is derived as the token of a link is (`secrets::derivation`), for two reasons: a
//! record that comes again leads to the same one, and the member of staff who has it issued cannot know it. `admin-link` puts a
//! ticket without a password, and cannot read the derivation key. Nobody chooses the password, and no call returns it. Anybody
//! who wants it has to read the mailbox of its owner.
//!
//! **Its plain digest is enough.** A password that a person has chosen needs Argon2id, and a code, with so few digits, needs a
//! key. 100 random bits that live for 72 hours at most are not found by trying. The digest is bound to account and ticket, so it
//! is worth nothing beside another. It stands on the account and on each login, where sign-in reads it without a further round
//! trip.
//!
//! **An account has one temporary password.** The account names its ticket; the ticket only says whether it was used or revoked.
//! So a later one voids the earlier one, and the session that began with it, without either being found. This holds also in a
//! practice where the password and the other sessions live on.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::platform::clock::Timestamp;
use crate::platform::ids::{AccountId, TicketId};
use crate::platform::typing::bare;
use crate::secrets::token::{Digest, keyed};

/// Crockford's alphabet in small letters, without `i`, `l`, `o` and `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// The number of characters, of five bits each.
const LENGTH: usize = 20;
const GROUP: usize = 4;

/// A plain temporary password, without its dashes. It is mailed once, typed once, and never stored.
pub struct TemporaryPassword(Zeroizing<String>);

impl TemporaryPassword {
    /// Reads a temporary password as a person types it: case, dashes, blanks, invisible characters
    /// and the punctuation around it do not count, and look-alikes such as `o` and `0`
    /// are the same. `None` for a text that cannot be one.
    pub fn parse(typed: &str) -> Option<Self> {
        let plain = Zeroizing::new(bare(typed).chars().map(fold).collect::<String>());
        let fits = plain.len() == LENGTH && plain.bytes().all(|byte| ALPHABET.contains(&byte));
        fits.then_some(Self(plain))
    }

    /// The temporary password that random bytes stand for: five bits of each of the first twenty.
    pub(super) fn of_bytes(bytes: &[u8; 32]) -> Self {
        let five_bits = |byte: &u8| char::from(ALPHABET[usize::from(byte & 31)]);
        Self(Zeroizing::new(bytes[..LENGTH].iter().map(five_bits).collect()))
    }

    /// The password as it is mailed: in groups of four, which is how people read and type.
    pub fn grouped(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(LENGTH + LENGTH / GROUP));
        for (place, character) in self.0.chars().enumerate() {
            text.push_str(if place > 0 && place % GROUP == 0 { "-" } else { "" });
            text.push(character);
        }
        text
    }

    /// The digest that the store keeps, bound to account and ticket. 100 random bits that live for days need no slow hash.
    pub fn digest(&self, account: AccountId, ticket: TicketId) -> Digest {
        let parts: [&[u8]; 3] = [b"rekey stored temporary password", &account.to_bytes(), self.0.as_bytes()];
        Digest::from(keyed(&ticket.to_bytes(), &parts))
    }
}

impl fmt::Debug for TemporaryPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[temporary password]")
    }
}

fn fold(c: char) -> char {
    match c.to_ascii_lowercase() {
        'o' => '0',
        'i' | 'l' => '1',
        other => other,
    }
}

/// The temporary password that an account has been given last, as sign-in compares it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Temporary {
    /// The id of its ticket, which says whether it has been used or revoked.
    pub ticket: TicketId,
    /// The time until which it signs in.
    pub valid_until: Timestamp,
    /// Whether whoever issued it has seen the account's owner.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub owner_seen: bool,
    /// The digest of the password; `None` until it is mailed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

impl Temporary {
    /// Whether the typed text is this temporary password, compared in constant time.
    pub fn is(&self, account: AccountId, typed: &TemporaryPassword) -> bool {
        self.digest == Some(typed.digest(account, self.ticket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made_of(n: u8) -> TemporaryPassword {
        TemporaryPassword::of_bytes(&keyed(b"key", &[&[n]]))
    }

    #[test]
    fn it_has_a_hundred_bits_in_five_groups_of_four() {
        let mut seen = std::collections::BTreeSet::new();
        for n in 0..=255 {
            let text = made_of(n).grouped();
            let groups: Vec<&str> = text.split('-').collect();
            assert_eq!(groups.iter().map(|group| group.len()).collect::<Vec<_>>(), [4; 5]);
            seen.extend(text.chars().filter(|c| *c != '-'));
        }
        assert_eq!(seen.len(), 32, "five bits each: {seen:?}");
    }

    #[test]
    fn it_is_recognized_as_people_type_it() {
        let (account, ticket) = (AccountId::from_bytes([1; 16]), TicketId::from_bytes([2; 16]));
        let plain = TemporaryPassword::parse("0123-abcd-efgh-jkmn-pqrs").expect("one");
        let kept = plain.digest(account, ticket);
        for typed in [
            "0123abcdefghjkmnpqrs",
            "O123 ABCD EFGH JKMN PQRS",
            " oI23\u{2013}abcd\u{2013}efgh\u{2013}jkmn\u{2013}pqrs ",
            "0l23-abcd-efgh-jkmn-pqrs",
            "\u{ff10}123-abcd-efgh-jkmn-pqrs",
        ] {
            let typed = TemporaryPassword::parse(typed).unwrap_or_else(|| panic!("{typed}"));
            assert_eq!(typed.digest(account, ticket), kept);
        }
        let other = TemporaryPassword::parse("0123-abcd-efgh-jkmn-pqrt").expect("one");
        assert_ne!(other.digest(account, ticket), kept);
        assert_ne!(plain.digest(account, TicketId::from_bytes([3; 16])), kept);
        assert_ne!(plain.digest(AccountId::from_bytes([3; 16]), ticket), kept);
    }

    #[test]
    fn what_cannot_be_one_is_none() {
        let long = "a".repeat(1000);
        for text in ["", "walk the green river", "0123-abcd-efgh-jkmn-pqr", "0123-abcd-efgh-jkmn-pqru", &long]
        {
            assert!(TemporaryPassword::parse(text).is_none(), "{text}");
        }
        assert_eq!(format!("{:?}", made_of(1)), "[temporary password]");
    }
}
