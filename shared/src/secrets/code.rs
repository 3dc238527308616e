//! Verification codes: a few digits, mailed once and typed once (T2).
//!
//! **A stored code has a key of its own.** A token has 256 random bits, so its plain digest tells nothing. A code has so few
//! digits that anybody who holds its plain digest finds it by trying them all. So the store keeps HMAC-SHA-256 of request and
//! code under the code key, which three functions can read: the mailer makes codes, `verify-code` compares those of people, and
//! `admin-link` those that callers read out. It is none of
//! the other three keys. The derivation key makes every link and is the mailer's alone; functions that neither make nor compare
//! codes hold the pepper and the key of the limits. So the table together with the keys of the front door or of sign-in gives no
//! code away.
//!
//! `domain::challenge` decides how often a code may be guessed at.

use std::fmt;

use zeroize::Zeroizing;

use crate::platform::ids::OutboxId;
use crate::platform::typing::bare;
use crate::secrets::token::{Digest, keyed};

/// The numbers of digits that a practice may choose from.
const LENGTHS: std::ops::RangeInclusive<usize> = 6..=10;

/// A plain code. It is mailed once, typed once, and never stored.
pub struct Code(Zeroizing<String>);

impl Code {
    /// Reads a code as a person types or pastes it: spaces, dashes, invisible characters and the punctuation around it do not
    /// count, and digits of any script are digits. `None` for a text that no practice can have sent.
    pub fn parse(typed: &str) -> Option<Self> {
        let digits = bare(typed);
        let fits = LENGTHS.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        fits.then_some(Self(digits))
    }

    /// The code that 128 bits stand for.
    pub(super) fn of_bits(bits: u128, length: u32) -> Self {
        // Of 2^128 numbers: the remainder favours none by more than one in 10^28.
        let width = length as usize;
        Self(Zeroizing::new(format!("{:0width$}", bits % 10_u128.pow(length))))
    }

    /// The number of its digits.
    pub fn length(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// The code in groups of three or four digits, which is how people read and type them.
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

    /// The digest that the store keeps: keyed, because so few digits are found by trying them all, and bound to its request.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn request(n: u8) -> OutboxId {
        OutboxId::from_bytes([n; 16])
    }

    /// Spread over all numbers, as a keyed hash is.
    fn code(n: u8, length: u32) -> Code {
        let bits = keyed(b"key", &[&[n]]);
        Code::of_bits(u128::from_be_bytes(bits[..16].try_into().expect("16 bytes")), length)
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
            "12345678.",
            "\u{201c}1234 5678\u{201d}",
            "\u{200e}\u{feff}1234 5678",
            "\u{661}\u{662}\u{663}\u{664} \u{665}\u{666}\u{667}\u{668}",
            "\u{6f1}\u{6f2}\u{6f3}\u{6f4}\u{6f5}\u{6f6}\u{6f7}\u{6f8}",
            "\u{967}\u{968}\u{969}\u{96a}5678",
        ] {
            assert_eq!(plain(typed).as_deref(), Some("12345678"), "{typed:?}");
        }
        for typed in [
            "",
            "-",
            "12345",
            "12345678901",
            "1234567a",
            "+1234567",
            "1234.5678",
            "\u{4e00}2345678",
            "\u{bd}2345678",
        ] {
            assert_eq!(plain(typed), None, "{typed:?}");
        }
    }

    #[test]
    fn codes_have_their_length_and_are_grouped_for_reading() {
        for (length, shape) in [(6, "3 3"), (7, "3 4"), (8, "4 4"), (9, "3 3 3"), (10, "3 3 4")] {
            for n in 0..100 {
                let code = code(n, length);
                let grouped = code.grouped();
                let groups: Vec<String> = grouped.split(' ').map(|group| group.len().to_string()).collect();
                assert_eq!(groups.join(" "), shape, "{}", *grouped);
                assert_eq!(Code::parse(&grouped).expect("its own text").0, code.0);
            }
        }
    }

    #[test]
    fn what_is_stored_is_keyed_and_bound_to_its_request() {
        let code = code(1, 8);
        let stored = code.digest(b"key", request(1));
        assert_eq!(code.digest(b"key", request(1)), stored);
        assert_ne!(code.digest(b"yek", request(1)), stored);
        assert_ne!(code.digest(b"key", request(2)), stored);
        assert_eq!(format!("{code:?} {stored:?}"), "[code] Digest");
    }
}
