//! Passwords: which are taken (P2), and how they are kept (P1).
//!
//! A password is normalized to NFC and otherwise left alone. It is kept as Argon2id with a pepper, as one PHC string whose
//! `keyid` names the pepper. Imported Argon2 and bcrypt hashes are verified as they are, and replaced at the next sign-in.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use argon2::password_hash::phc::{self, Output, ParamsString, Salt};
use argon2::{Algorithm, Argon2, Block, KeyId, Params, ParamsBuilder, Version};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::platform::clock::{Ambient, NoRandomness};
use crate::secrets::keyring::{KeyError, Keyring};

mod strength;

pub use strength::{Weakness, WeaknessCode, weaknesses};

/// The most code points of a password.
pub const LONGEST: usize = 256;
/// The most memory that an imported hash may ask for, in KiB: a function has 1769 MB.
const MOST_MEMORY: u32 = 128 * 1024;
/// The most work that an imported hash may ask for: memory in KiB times passes. It is 6.7 times the work of
/// [`Hasher::PARAMS`], which is 38,912. Lanes are computed one after the other and are no work of their own.
const MOST_WORK: u64 = 256 * 1024;
/// The most lanes that an imported hash may ask for.
const MOST_LANES: u32 = 255;
/// The number of bytes that bcrypt compares.
const BCRYPT_BYTES: usize = 72;
/// The highest bcrypt cost that is taken: about half a second.
const MOST_BCRYPT: u32 = 13;

/// A password as its owner typed it, in NFC. It is erased when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Reads a password. `None` when it has no code point, or more than 256.
    pub fn parse(typed: &str) -> Option<Self> {
        let normalized = Zeroizing::new(typed.nfc().collect::<String>());
        (1..=LONGEST).contains(&normalized.chars().count()).then_some(Self(normalized))
    }

    fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[password]")
    }
}

/// A kept password: a PHC string of Argon2, or an imported bcrypt string.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes a hash that another system has made.
    ///
    /// # Errors
    /// A reason, when the text is not an Argon2 or bcrypt hash, names a pepper, or asks for more work than a sign-in may cost.
    pub fn import(text: &str) -> Result<Self, &'static str> {
        // `$2x$` marks hashes of a broken implementation, which compare otherwise.
        if let Ok(parts) = text.parse::<bcrypt::HashParts>()
            && !text.starts_with("$2x$")
        {
            let fits = (4..=MOST_BCRYPT).contains(&parts.get_cost());
            return if fits { Ok(Self(text.to_owned())) } else { Err("a bcrypt cost must be 4 to 13") };
        }
        // Django puts the name of its own hasher in front.
        let text = text.strip_prefix("argon2").filter(|phc| phc.starts_with("$argon2")).unwrap_or(text);
        let hash = phc::PasswordHash::new(text).map_err(|_| "is no Argon2 (PHC) and no bcrypt hash")?;
        let params = Params::try_from(&hash).map_err(|_| "has unusable Argon2 parameters")?;
        let version = hash.version.is_none_or(|version| Version::try_from(version).is_ok());
        let known = version
            && Algorithm::try_from(hash.algorithm.as_str()).is_ok()
            && hash.salt.is_some()
            && hash.hash.is_some();
        let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
        let fits = params.m_cost() <= MOST_MEMORY && work <= MOST_WORK && params.p_cost() <= MOST_LANES;
        match (known, fits, params.keyid().is_empty()) {
            (true, true, true) => Ok(Self(text.to_owned())),
            (true, true, false) => Err("names a pepper that this system does not have"),
            (true, false, _) => {
                Err("asks for more than 128 MiB, 255 lanes, or 256 MiB of memory times passes")
            }
            (false, ..) => Err("is not a complete Argon2 hash of a known kind"),
        }
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hash]")
    }
}

/// A password could not be hashed or compared.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// The key of the pepper cannot be had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// No salt could be drawn.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The stored text is not a hash.
    #[error("a stored password hash is broken")]
    Broken,
}

/// The result of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is another password.
    Wrong,
    /// It is this password.
    Right,
    /// As much of it as the old hash compares is right. It must not be kept in place of that hash.
    RightInPart,
    /// It is this password, kept with other parameters or another pepper than new ones have: hash it again.
    RightButOutdated,
}

/// One computation of Argon2.
struct Work<'a> {
    pepper: Option<&'a [u8]>,
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: &'a [u8],
}

impl<'a> Work<'a> {
    /// The computation of a new hash, still without a pepper.
    const fn new(salt: &'a [u8]) -> Self {
        let (algorithm, version) = (Algorithm::Argon2id, Version::V0x13);
        Self { pepper: None, algorithm, version, params: Params::DEFAULT, salt }
    }
}

/// Hashes and verifies passwords, with one set of parameters and working memory that a warm function keeps.
pub struct Hasher {
    params: Params,
    /// The working memory: one for each computation that ever ran at the same time, so one on Lambda.
    memory: Mutex<Vec<Vec<Block>>>,
}

impl Default for Hasher {
    /// A hasher with OWASP's first choice of parameters.
    fn default() -> Self {
        Self { params: Self::PARAMS, memory: Mutex::new(Vec::new()) }
    }
}

impl Hasher {
    /// OWASP's first choice: 19456 KiB, 2 passes, 1 lane. It is the library's own default, by the same advice; a test holds it.
    const PARAMS: Params = Params::DEFAULT;

    /// Hashes a password with a 128-bit salt and the current pepper, whose id the string carries.
    pub fn hash(
        &self,
        peppers: &Keyring,
        ambient: &Ambient,
        password: &Password,
    ) -> Result<PasswordHash, HashError> {
        let salt: [u8; 16] = ambient.bytes()?;
        let keyid = KeyId::new(peppers.current_id().as_bytes()).map_err(|_| HashError::Broken)?;
        let (m, t, p) = (self.params.m_cost(), self.params.t_cost(), self.params.p_cost());
        let params = ParamsBuilder::new().m_cost(m).t_cost(t).p_cost(p).keyid(keyid).build();
        let params = params.map_err(|_| HashError::Broken)?;
        let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
        let work = Work { pepper: Some(peppers.current()?), params: params.clone(), ..Work::new(&salt) };
        self.argon2(work, password, &mut output)?;
        let hash = phc::PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).map_err(|_| HashError::Broken)?,
            salt: Some(Salt::new(&salt).map_err(|_| HashError::Broken)?),
            hash: Some(Output::new(&output).map_err(|_| HashError::Broken)?),
        };
        Ok(PasswordHash(hash.to_string()))
    }

    /// Compares a password with a kept one, or with nothing, which costs as much and is always wrong (F1).
    pub fn verify(
        &self,
        peppers: &Keyring,
        password: &Password,
        kept: Option<&PasswordHash>,
    ) -> Result<Verdict, HashError> {
        match kept {
            None => self.spend(peppers, password).map(|()| Verdict::Wrong),
            Some(kept) if kept.0.starts_with("$2") => verify_bcrypt(password, kept),
            Some(kept) => self.verify_argon2(peppers, password, kept),
        }
    }

    fn verify_argon2(
        &self,
        peppers: &Keyring,
        password: &Password,
        kept: &PasswordHash,
    ) -> Result<Verdict, HashError> {
        let hash = phc::PasswordHash::new(&kept.0).map_err(|_| HashError::Broken)?;
        let params = Params::try_from(&hash).map_err(|_| HashError::Broken)?;
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).map_err(|_| HashError::Broken)?;
        // A hash without a version is of the time before there was one.
        let version =
            hash.version.map_or(Ok(Version::V0x10), Version::try_from).map_err(|_| HashError::Broken)?;
        let (salt, expected) = hash.salt.zip(hash.hash).ok_or(HashError::Broken)?;
        let keyid = std::str::from_utf8(params.keyid()).map_err(|_| HashError::Broken)?.to_owned();
        let pepper = if keyid.is_empty() { None } else { Some(peppers.get(&keyid)?) };
        let mut output = vec![0; expected.as_bytes().len()];
        let salt: &[u8] = &salt;
        self.argon2(
            Work { pepper, algorithm, version, params: params.clone(), salt },
            password,
            &mut output,
        )?;
        if !bool::from(output.as_slice().ct_eq(expected.as_bytes())) {
            return Ok(Verdict::Wrong);
        }
        let work = |p: &Params| (p.m_cost(), p.t_cost(), p.p_cost());
        let current = (algorithm, version) == (Algorithm::Argon2id, Version::V0x13)
            && work(&params) == work(&self.params)
            && keyid == peppers.current_id();
        Ok(if current { Verdict::Right } else { Verdict::RightButOutdated })
    }

    fn spend(&self, peppers: &Keyring, password: &Password) -> Result<(), HashError> {
        let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
        let pepper = Some(peppers.current()?);
        self.argon2(
            Work { pepper, params: self.params.clone(), ..Work::new(&[0; 16]) },
            password,
            &mut output,
        )
    }

    /// The one call of Argon2, in memory that was used before.
    fn argon2(&self, work: Work<'_>, password: &Password, output: &mut [u8]) -> Result<(), HashError> {
        let Work { pepper, algorithm, version, params, salt } = work;
        let blocks = params.block_count();
        let argon2 = match pepper {
            Some(pepper) => {
                Argon2::new_with_secret(pepper, algorithm, version, params).map_err(|_| HashError::Broken)?
            }
            None => Argon2::new(algorithm, version, params),
        };
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        if memory.len() < blocks {
            memory.resize(blocks, Block::default());
        }
        let done = argon2.hash_password_into_with_memory(
            password.expose().as_bytes(),
            salt,
            output,
            &mut memory[..blocks],
        );
        // What a dear imported hash needed is given back: it is the exception.
        memory.truncate(self.params.block_count());
        memory.shrink_to_fit();
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
        done.map_err(|_| HashError::Broken)
    }
}

/// bcrypt compares the first 72 bytes alone, and repeats a shorter text with a zero byte between. So a longer text is right
/// whatever follows the 72 bytes, and so is one with zero bytes in it that repeats the password. Such a text is never kept in place
/// of the hash: its owner would be locked out. It takes the same time as any other.
fn verify_bcrypt(password: &Password, kept: &PasswordHash) -> Result<Verdict, HashError> {
    let typed = password.expose().as_bytes();
    let right = bcrypt::verify(typed, &kept.0).map_err(|_| HashError::Broken)?;
    let is_whole = typed.len() <= BCRYPT_BYTES && !typed.contains(&0);
    Ok(match (right, is_whole) {
        (false, _) => Verdict::Wrong,
        (true, true) => Verdict::RightButOutdated,
        (true, false) => Verdict::RightInPart,
    })
}

#[cfg(test)]
mod tests;
