//! PBKDF2 with SHA-1, SHA-256 or SHA-512.

use serde::{Deserialize, Serialize};

use super::encoding::{base64, unhex};
use super::{Before, Imported, Parsed, Scheme};
use crate::secrets::password::work::Work;

/// The most rounds that an imported hash may ask for. OWASP's highest advice is 1,300,000.
const MOST_ROUNDS: u32 = 2_000_000;
/// The bytes of an output.
const OUTPUT: std::ops::RangeInclusive<usize> = 16..=64;

/// The hash function under PBKDF2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Digest {
    Sha1,
    Sha256,
    Sha512,
}

impl Digest {
    fn named(name: &str) -> Option<Self> {
        match name {
            "sha1" => Some(Self::Sha1),
            "sha256" => Some(Self::Sha256),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    const fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    pub(super) const fn work(self, rounds: u32) -> Work {
        Work::Pbkdf2 { digest: self, rounds }
    }

    pub(in crate::secrets::password) fn derive(
        self,
        password: &[u8],
        salt: &[u8],
        rounds: u32,
        output: usize,
    ) -> Vec<u8> {
        let mut key = vec![0; output];
        match self {
            Self::Sha1 => ::pbkdf2::pbkdf2_hmac::<sha1::Sha1>(password, salt, rounds, &mut key),
            Self::Sha256 => ::pbkdf2::pbkdf2_hmac::<sha2::Sha256>(password, salt, rounds, &mut key),
            Self::Sha512 => ::pbkdf2::pbkdf2_hmac::<sha2::Sha512>(password, salt, rounds, &mut key),
        }
        key
    }
}

pub(super) fn parse(text: &str) -> Option<Parsed> {
    if let Some(rest) = text.strip_prefix("pbkdf2_") {
        return Some(django(rest).unwrap_or(Err(BROKEN)));
    }
    if let Some(rest) = text.strip_prefix("pbkdf2:") {
        return Some(werkzeug(rest).unwrap_or(Err(BROKEN)));
    }
    if let Some(rest) = text.strip_prefix("$pbkdf2") {
        return Some(modular(rest).unwrap_or(Err(BROKEN)));
    }
    asp_net(text)
}

const BROKEN: &str = "is not a complete PBKDF2 hash with SHA-1, SHA-256 or SHA-512";

/// A hash of which the first block is compared: 160 bits or more. Some systems keep several, each of which costs all the rounds.
fn imported(digest: Digest, rounds: u32, salt: Vec<u8>, mut expected: Vec<u8>) -> Parsed {
    if !OUTPUT.contains(&expected.len()) {
        return Err(BROKEN);
    }
    expected.truncate(digest.bytes());
    if rounds == 0 || rounds > MOST_ROUNDS {
        return Err("must ask for 1 to 2,000,000 rounds of PBKDF2");
    }
    Ok(Imported::new(Before::Nothing, Scheme::Pbkdf2 { digest, rounds, salt, expected }))
}

/// Django: `sha256$rounds$salt$base64`. The salt is a text.
fn django(rest: &str) -> Option<Parsed> {
    let mut parts = rest.split('$');
    let digest = Digest::named(parts.next()?)?;
    let rounds = parts.next()?.parse().ok()?;
    let (salt, expected) = (parts.next()?.as_bytes().to_vec(), base64(parts.next()?)?);
    parts.next().is_none().then(|| imported(digest, rounds, salt, expected))
}

/// Werkzeug: `sha256:rounds$salt$hexadecimal`.
fn werkzeug(rest: &str) -> Option<Parsed> {
    let mut parts = rest.split('$');
    let (digest, rounds) = parts.next()?.split_once(':')?;
    let (digest, rounds) = (Digest::named(digest)?, rounds.parse().ok()?);
    let (salt, expected) = (parts.next()?.as_bytes().to_vec(), unhex(parts.next()?)?);
    parts.next().is_none().then(|| imported(digest, rounds, salt, expected))
}

/// passlib and PHC: `-sha256$rounds$salt$base64`, or with `i=rounds,l=length`. Without a name it is SHA-1.
fn modular(rest: &str) -> Option<Parsed> {
    let mut parts = rest.split('$');
    let digest = match parts.next()? {
        "" => Digest::Sha1,
        name => Digest::named(name.strip_prefix('-')?)?,
    };
    let params = parts.next()?;
    let rounds = params.split(',').find_map(|param| param.strip_prefix("i=")).unwrap_or(params);
    let rounds = rounds.parse().ok()?;
    let (salt, expected) = (base64(parts.next()?)?, base64(parts.next()?)?);
    parts.next().is_none().then(|| imported(digest, rounds, salt, expected))
}

/// ASP.NET Identity: base64 of a marker, and what follows from it. The second version is a salt of 16 bytes and a key of 32; the
/// third names its hash function, rounds and salt length.
fn asp_net(text: &str) -> Option<Parsed> {
    let bytes = base64(text).filter(|_| !text.contains('.'))?;
    let (marker, rest) = bytes.split_first()?;
    if *marker == 0 && rest.len() == 48 {
        return Some(imported(Digest::Sha1, 1000, rest[..16].to_vec(), rest[16..].to_vec()));
    }
    if *marker != 1 || rest.len() < 12 {
        return None;
    }
    let number = |at: usize| Some(u32::from_be_bytes(rest.get(at..at + 4)?.try_into().ok()?));
    let digest = match number(0)? {
        0 => Digest::Sha1,
        1 => Digest::Sha256,
        2 => Digest::Sha512,
        _ => return None,
    };
    let salt = usize::try_from(number(8)?).ok()?;
    let (salt, expected) = (rest.get(12..12 + salt)?, rest.get(12 + salt..)?);
    Some(imported(digest, number(4)?, salt.to_vec(), expected.to_vec()))
}
