//! Bearer tokens: a link carries one in its fragment, and a sign-in returns one.
//!
//! A token is 64 bytes in base64url: the account's id, the ticket's or the session's id, and 256 secret bits. The two ids let one
//! strongly consistent read find the item and the account together, without an index; they prove nothing. Only the SHA-256 of the
//! whole is stored and compared ([`Digest`]): 256 random bits need no salt and no slow hash.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use ulid::Ulid;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use zeroize::Zeroizing;

use crate::platform::clock::Timestamp;
use crate::platform::ids::AccountId;

/// The number of random bytes in the secret part of a token.
const SECRET_BYTES: usize = 32;
const TOKEN_BYTES: usize = 16 + 16 + SECRET_BYTES;

/// A plain token. It is shown to its holder once, and never stored.
#[derive(Clone)]
pub struct Token {
    /// The id of the account.
    pub account: AccountId,
    /// The id of the ticket, the session or the notice that it opens.
    pub subject: Ulid,
    secret: Zeroizing<[u8; SECRET_BYTES]>,
}

impl Token {
    /// A token with the given secret part.
    pub fn new(account: AccountId, subject: impl Into<[u8; 16]>, secret: [u8; SECRET_BYTES]) -> Self {
        Self { account, subject: Ulid::from_bytes(subject.into()), secret: Zeroizing::new(secret) }
    }

    /// Reads a token as its holder sends it. `None` for a text that this system cannot have made.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        let bytes: &[u8; TOKEN_BYTES] = bytes.as_slice().try_into().ok()?;
        let part = |from: usize| <[u8; 16]>::try_from(&bytes[from..from + 16]).ok();
        Some(Self {
            account: AccountId::from_bytes(part(0)?),
            subject: Ulid::from_bytes(part(16)?),
            secret: Zeroizing::new(bytes[32..].try_into().ok()?),
        })
    }

    /// The text that its holder keeps.
    pub fn expose(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
        bytes[..16].copy_from_slice(&self.account.to_bytes());
        bytes[16..32].copy_from_slice(&self.subject.to_bytes());
        bytes[32..].copy_from_slice(self.secret.as_slice());
        Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()))
    }

    /// The digest that the store keeps.
    pub fn digest(&self) -> Digest {
        Digest(Sha256::digest(self.expose().as_bytes()).into())
    }
}

impl PartialSchema for Token {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[A-Za-z0-9_-]{86}$"));
        text.description(Some("A token: 64 bytes as base64url, without padding.")).into()
    }
}

impl ToSchema for Token {}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}, [secret])", self.account)
    }
}

/// 32 bytes that may be stored: the SHA-256 of a token, a keyed hash, or a nonce. They are stored as base64url, and compared in
/// constant time.
#[derive(Clone, Copy, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest")
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(serde::de::Error::custom)?;
        bytes.try_into().map(Self).map_err(|_| serde::de::Error::custom("a digest has 32 bytes"))
    }
}

/// The 256 random bits of an outbox item. They are worth nothing without the derivation key, so they may be stored.
pub type Nonce = Digest;

/// The SHA-256 of a text, by which the text is recognized again.
pub fn digest_of(text: &str) -> Digest {
    Digest(Sha256::digest(text.as_bytes()).into())
}

/// An id that is computed from the thing that it names, for a thing that must not be made twice. It sorts as if it were made at
/// the given moment.
pub fn derived_id(at: Timestamp, what: &[&str]) -> Ulid {
    let which = digest_of(&what.join(" "));
    let random = which.as_bytes()[..10].iter().fold(0, |bits: u128, byte| bits << 8 | u128::from(*byte));
    Ulid::from_parts(u64::try_from(at.millis()).unwrap_or_default(), random)
}

/// HMAC-SHA-256 over length-prefixed parts, so that no two lists of parts run together.
pub fn keyed(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes a key of any length; the fallback never runs and would still be a keyed hash.
    let mut mac = Hmac::<Sha256>::new_from_slice(key)
        .unwrap_or_else(|_| Hmac::new(&hmac::digest::Key::<Hmac<Sha256>>::default()));
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Token {
        Token::new(AccountId::from_bytes([1; 16]), [2; 16], [3; 32])
    }

    #[test]
    fn a_token_survives_its_text() {
        let text = token().expose();
        let parsed = Token::parse(&text).expect("its own text");
        assert_eq!(text.len(), 86);
        assert_eq!(parsed.digest(), token().digest());
        assert_eq!(parsed.account, token().account);
    }

    #[test]
    fn every_part_of_a_token_counts() {
        let text = token().expose();
        for position in 0..text.len() - 1 {
            let mut other = text.as_bytes().to_vec();
            other[position] = if other[position] == b'A' { b'B' } else { b'A' };
            let other = String::from_utf8(other).expect("ASCII");
            assert!(
                Token::parse(&other).is_none_or(|t| t.digest() != token().digest()),
                "position {position}"
            );
        }
    }

    #[test]
    fn what_was_never_a_token_is_none() {
        for text in ["", "x", "🦀", &"A".repeat(85), &"A".repeat(87), &"=".repeat(86)] {
            assert!(Token::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn nothing_shows_a_secret() {
        assert_eq!(
            format!("{:?} {:?}", token(), token().digest()),
            format!("Token({}, [secret]) Digest", token().account)
        );
    }

    #[test]
    fn parts_of_a_keyed_hash_do_not_run_together() {
        assert_ne!(keyed(b"key", &[b"ab", b"c"]), keyed(b"key", &[b"a", b"bc"]));
        assert_ne!(keyed(b"key", &[b"ab"]), keyed(b"yek", &[b"ab"]));
    }
}
