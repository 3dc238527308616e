//! phpass: WordPress and phpBB with MD5, Drupal 7 with SHA-512.

use serde::{Deserialize, Serialize};

use super::{Before, Imported, Parsed, Scheme};
use crate::secrets::password::work::Work;

const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The logarithms of the rounds that are taken. WordPress has 13 and Drupal 15.
const ROUNDS: std::ops::RangeInclusive<u32> = 7..=19;

/// The hash function under phpass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Digest {
    Md5,
    Sha512,
}

impl Digest {
    pub(super) const fn work(self, log_rounds: u32) -> Work {
        Work::Phpass { digest: self, rounds: 1 << log_rounds }
    }

    /// The characters of a hash after its salt. Drupal keeps 43 of SHA-512's 86.
    const fn characters(self) -> usize {
        match self {
            Self::Md5 => 22,
            Self::Sha512 => 43,
        }
    }

    /// Repeats the hash function: of the salt and the password first, then of the digest and the password.
    pub(in crate::secrets::password) fn repeat(self, password: &[u8], salt: &[u8], rounds: u64) -> Vec<u8> {
        match self {
            Self::Md5 => repeat::<md5::Md5>(password, salt, rounds),
            Self::Sha512 => repeat::<sha2::Sha512>(password, salt, rounds),
        }
    }

    pub(super) fn derive(self, password: &[u8], salt: &str, log_rounds: u32) -> String {
        let digest = self.repeat(password, salt.as_bytes(), 1 << log_rounds);
        let mut text = encode(&digest);
        text.truncate(self.characters());
        text
    }
}

fn repeat<D: md5::Digest>(password: &[u8], salt: &[u8], rounds: u64) -> Vec<u8> {
    let mut digest = D::new().chain_update(salt).chain_update(password).finalize();
    for _ in 0..rounds {
        digest = D::new().chain_update(&digest).chain_update(password).finalize();
    }
    digest.to_vec()
}

/// Four characters for three bytes, the lowest bits first.
fn encode(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let value = group.iter().rev().fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
        let characters = (0..=group.len()).map(|place| value >> (6 * place) & 63);
        text.extend(
            characters.filter_map(|index| Some(char::from(*ALPHABET.get(usize::try_from(index).ok()?)?))),
        );
    }
    text
}

pub(super) fn parse(text: &str) -> Option<Parsed> {
    let (before, hash) = match text.strip_prefix("U$") {
        Some(_) => (Before::TrimMd5, &text[1..]),
        None => (Before::Trim, text),
    };
    let (digest, before) = match hash.get(..3)? {
        "$P$" => (Digest::Md5, before),
        // phpBB drops no blanks.
        "$H$" => (Digest::Md5, if text == hash { Before::Nothing } else { before }),
        "$S$" => (Digest::Sha512, before),
        _ => return None,
    };
    let setting = &hash[3..];
    let is_whole = setting.is_ascii() && setting.len() == 9 + digest.characters();
    let log = setting.bytes().next().and_then(|c| ALPHABET.iter().position(|known| *known == c));
    let Some(log_rounds) = log.and_then(|log| u32::try_from(log).ok()).filter(|_| is_whole) else {
        return Some(Err("is not a complete hash of WordPress, phpBB or Drupal 7"));
    };
    if !ROUNDS.contains(&log_rounds) {
        return Some(Err("must ask for 2^7 to 2^19 rounds of phpass"));
    }
    let (salt, expected) = (setting[1..9].to_owned(), setting[9..].to_owned());
    Some(Ok(Imported::new(before, Scheme::Phpass { digest, log_rounds, salt, expected })))
}
