//! Secrets that are derived instead of stored: each is a keyed function of an outbox item's random nonce and of the secret's
//! purpose.
//!
//! The stream delivers at least once, and a mailer may die between issuing and sending. A random token would then be lost, or
//! replaced by another one in a second mail. A derived one is the same when the record comes again. A reader of the table or the
//! stream has the nonce and a digest, and makes nothing of them without the derivation key. Each use has a label of its own, so
//! that one secret never stands in for another.

use crate::platform::ids::{AccountId, OutboxId, TicketId};
use crate::secrets::code::Code;
use crate::secrets::keyring::{KeyError, Keyring};
use crate::secrets::temporary::TemporaryPassword;
use crate::secrets::token::{Nonce, Token, keyed};

/// The source of the secrets of one outbox item: one key, and the item's nonce.
pub struct Derivation<'a> {
    key_id: &'a str,
    key: &'a [u8],
    nonce: &'a Nonce,
}

impl<'a> Derivation<'a> {
    /// A derivation with the key that new secrets are derived with.
    ///
    /// # Errors
    /// [`KeyError::UnknownKeyId`].
    pub fn with_current_key(keys: &'a Keyring, nonce: &'a Nonce) -> Result<Self, KeyError> {
        Self::with_key(keys, keys.current_id(), nonce)
    }

    /// A derivation with the key that an earlier secret was derived with.
    ///
    /// # Errors
    /// [`KeyError::UnknownKeyId`] when that key has been removed.
    pub fn with_key(keys: &'a Keyring, key_id: &'a str, nonce: &'a Nonce) -> Result<Self, KeyError> {
        Ok(Self { key_id, key: keys.get(key_id)?, nonce })
    }

    /// The id of the key, to be stored beside the digest of the secret.
    pub const fn key_id(&self) -> &'a str {
        self.key_id
    }

    /// The nonce of the outbox item, to be stored in the same way.
    pub const fn nonce(&self) -> Nonce {
        *self.nonce
    }

    /// The token of a ticket's link.
    pub fn link_token(&self, account: AccountId, ticket: TicketId) -> Token {
        let secret = self.derive("rekey link token", &[&account.to_bytes(), &ticket.to_bytes()]);
        Token::new(account, ticket.to_bytes(), secret)
    }

    /// The token of the link that freezes an account.
    pub fn notice_token(&self, account: AccountId, notice: OutboxId) -> Token {
        let secret = self.derive("rekey notice token", &[&account.to_bytes(), &notice.to_bytes()]);
        Token::new(account, notice.to_bytes(), secret)
    }

    /// The token of the link by which the reader of a mail says that they are somebody else. The account is the first one that it
    /// speaks for.
    pub fn not_me_token(&self, account: AccountId, mail: OutboxId) -> Token {
        let secret = self.derive("rekey not-me token", &[&account.to_bytes(), &mail.to_bytes()]);
        Token::new(account, mail.to_bytes(), secret)
    }

    /// The verification code of a request for one mailbox.
    pub fn code(&self, request: OutboxId, mailbox: &str, length: u32) -> Code {
        let bytes = self.derive("rekey code", &[&request.to_bytes(), mailbox.as_bytes()]);
        let bits = bytes[..16].iter().fold(0, |bits: u128, byte| bits << 8 | u128::from(*byte));
        Code::of_bits(bits, length)
    }

    /// The temporary password of a ticket.
    pub fn temporary_password(&self, account: AccountId, ticket: TicketId) -> TemporaryPassword {
        let parts: [&[u8]; 2] = [&account.to_bytes(), &ticket.to_bytes()];
        TemporaryPassword::of_bytes(&self.derive("rekey temporary password", &parts))
    }

    fn derive(&self, label: &str, of: &[&[u8]]) -> [u8; 32] {
        let mut parts: Vec<&[u8]> = vec![label.as_bytes(), self.nonce.as_bytes()];
        parts.extend(of);
        keyed(self.key, &parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::token::Digest;

    fn ring(material: &str) -> Keyring {
        let key = material.repeat(43);
        Keyring::parse(&format!(r#"{{"current":"k2","k1":"{key}1","k2":"{key}2"}}"#)).expect("a ring")
    }

    /// Everything that one item leads to, in a form that can be compared.
    fn derived(key_id: &str, nonce: u8, account: u8, item: u8) -> [String; 4] {
        let (ring, nonce) = (ring("k"), Nonce::from([nonce; 32]));
        let (account, item) = (AccountId::from_bytes([account; 16]), [item; 16]);
        let (ticket, outbox) = (TicketId::from_bytes(item), OutboxId::from_bytes(item));
        let derivation = Derivation::with_key(&ring, key_id, &nonce).expect("a key");
        [
            derivation.link_token(account, ticket).expose().to_string(),
            derivation.notice_token(account, outbox).expose().to_string(),
            derivation.temporary_password(account, ticket).grouped().to_string(),
            derivation.code(outbox, &format!("{account}@agency.test"), 10).grouped().to_string(),
        ]
    }

    #[test]
    fn the_same_facts_derive_the_same_secrets_and_others_others() {
        let first = derived("k1", 1, 1, 1);
        assert_eq!(derived("k1", 1, 1, 1), first);
        for other in
            [derived("k2", 1, 1, 1), derived("k1", 2, 1, 1), derived("k1", 1, 2, 1), derived("k1", 1, 1, 2)]
        {
            assert!(other.iter().zip(&first).all(|(one, other)| one != other));
        }
    }

    #[test]
    fn links_and_notices_of_the_same_ids_have_different_tokens() {
        let [link, notice, ..] = derived("k1", 1, 1, 1);
        let (ring, nonce) = (ring("k"), Nonce::from([1; 32]));
        let derivation = Derivation::with_key(&ring, "k1", &nonce).expect("a key");
        let not_me = derivation.not_me_token(AccountId::from_bytes([1; 16]), OutboxId::from_bytes([1; 16]));
        assert!(link != notice && *not_me.expose() != link && *not_me.expose() != notice);
    }

    #[test]
    fn another_key_derives_another_code() {
        let nonce = Nonce::from([1; 32]);
        let of = |material: &str| {
            let ring = ring(material);
            let derivation = Derivation::with_current_key(&ring, &nonce).expect("a key");
            assert_eq!(derivation.key_id(), "k2");
            derivation
                .code(OutboxId::from_bytes([1; 16]), "jane@agency.test", 8)
                .digest(b"key", OutboxId::from_bytes([1; 16]))
        };
        let one: Digest = of("k");
        assert_eq!(of("k"), one);
        assert_ne!(of("q"), one);
    }

    #[test]
    fn every_digit_of_a_code_comes_as_often_as_another() {
        let mut counts = [0_u32; 10];
        let ring = ring("k");
        for n in 0..=255 {
            for mailbox in ["a@x.org", "b@x.org", "c@x.org", "d@x.org"] {
                let nonce = Nonce::from([n; 32]);
                let derivation = Derivation::with_current_key(&ring, &nonce).expect("a key");
                for digit in derivation
                    .code(OutboxId::from_bytes([n; 16]), mailbox, 10)
                    .grouped()
                    .bytes()
                    .filter(u8::is_ascii_digit)
                {
                    counts[usize::from(digit - b'0')] += 1;
                }
            }
        }
        // 10,240 digits: 1,024 of each, give or take six standard deviations of 30.
        assert!(counts.iter().all(|count| (842..=1206).contains(count)), "{counts:?}");
    }

    /// A secret that was mailed before an update must be derived again after it.
    #[test]
    fn a_release_derives_what_the_one_before_did() {
        assert_eq!(
            derived("k1", 1, 2, 3),
            [
                "AgICAgICAgICAgICAgICAgMDAwMDAwMDAwMDAwMDAwOlN-1cujfieRWOZq4BDYKoHBxHR5YshMdXKsRtGfB-3A",
                "AgICAgICAgICAgICAgICAgMDAwMDAwMDAwMDAwMDAwNnhvaX2rw2gH8nGnpEkB895Jr6p63h-6WG7tqu8gyO-w",
                "j1bw-g3cc-4x9h-jtch-2s8f",
                "851 971 4048",
            ]
        );
    }
}
