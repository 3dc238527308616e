//! Argon2, as a PHC string.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Params, Version};
use subtle::ConstantTimeEq as _;

use super::{Before, Imported, Parsed, Scheme};
use crate::secrets::password::work::Work;
use crate::secrets::password::{Computation, HashError, Hasher};

/// The most memory that an imported hash may ask for, in KiB: a function has 1769 MB.
const MOST_MEMORY: u32 = 128 * 1024;
/// The most work that an imported hash may ask for: memory in KiB times passes. It is 6.7 times the work of [`Hasher::PARAMS`], which
/// is 38,912. Lanes are computed one after the other and are no work of their own.
const MOST_WORK: u64 = 256 * 1024;
/// The most lanes that an imported hash may ask for.
const MOST_LANES: u32 = 255;

/// An Argon2 hash without a pepper.
pub(in crate::secrets::password) struct ImportedArgon2 {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Vec<u8>,
    expected: Vec<u8>,
}

pub(super) fn parse(text: &str) -> Option<Parsed> {
    // Django puts the name of its own hasher in front.
    let text = text.strip_prefix("argon2").filter(|phc| phc.starts_with("$argon2")).unwrap_or(text);
    text.starts_with("$argon2").then(|| {
        let hash = PasswordHash::new(text).map_err(|_| "is no Argon2 hash (PHC)")?;
        let params = Params::try_from(&hash).map_err(|_| "has unusable Argon2 parameters")?;
        if !params.keyid().is_empty() {
            return Err("names a pepper that this system does not have");
        }
        let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
        if params.m_cost() > MOST_MEMORY || work > MOST_WORK || params.p_cost() > MOST_LANES {
            return Err("asks for more than 128 MiB, 255 lanes, or 256 MiB of memory times passes");
        }
        // A hash without a version is of the time before there was one.
        let version = hash.version.map_or(Ok(Version::V0x10), Version::try_from);
        let algorithm = Algorithm::try_from(hash.algorithm.as_str());
        let (Ok(version), Ok(algorithm), Some(salt), Some(expected)) =
            (version, algorithm, hash.salt, hash.hash)
        else {
            return Err("is not a complete Argon2 hash of a known kind");
        };
        let (salt, expected) = (salt.to_vec(), expected.as_bytes().to_vec());
        let argon2 = ImportedArgon2 { algorithm, version, params, salt, expected };
        Ok(Imported::new(Before::Nothing, Scheme::Argon2(Box::new(argon2))))
    })
}

impl ImportedArgon2 {
    pub(super) fn work(&self) -> Work {
        let (memory, passes, lanes) = (self.params.m_cost(), self.params.t_cost(), self.params.p_cost());
        Work::Argon2 { memory, passes, lanes }
    }

    pub(super) fn matches(&self, hasher: &Hasher, password: &[u8]) -> Result<bool, HashError> {
        let mut found = vec![0; self.expected.len()];
        let (algorithm, version, params) = (self.algorithm, self.version, self.params.clone());
        let work = Computation { pepper: None, algorithm, version, params, salt: &self.salt };
        hasher.compute(work, password, &mut found)?;
        Ok(bool::from(found.ct_eq(&self.expected)))
    }
}
