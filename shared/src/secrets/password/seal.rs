//! The seal of an imported hash. Another system has made the hash without this system's pepper, so anybody could make one. The seal is
//! a keyed hash under the pepper, which the operator's import alone puts on: whoever may write accounts, and has no pepper, can plant no
//! hash, neither one of their own making nor one that belongs to another account.

use argon2::Params;
use argon2::password_hash::phc;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use super::{HashError, PasswordHash, Peppers};
use crate::secrets::keyring::KeyError;
use crate::secrets::token::keyed;

/// What a sealed hash begins with: `$sealed$pepper id$seal$hash`.
const SEALED: &str = "$sealed$";

fn seal(pepper: &[u8], peppers: Peppers<'_>, hash: &str) -> [u8; 32] {
    keyed(pepper, &[b"rekey imported hash", &peppers.of.to_bytes(), hash.as_bytes()])
}

impl PasswordHash {
    /// The imported hash as it is kept for an account.
    ///
    /// # Errors
    /// [`KeyError`] when the pepper cannot be had.
    pub fn sealed(&self, peppers: Peppers<'_>) -> Result<Self, KeyError> {
        let seal = URL_SAFE_NO_PAD.encode(seal(peppers.ring.current()?, peppers, &self.0));
        Ok(Self(format!("{SEALED}{}${seal}${}", peppers.ring.current_id(), self.0)))
    }

    /// The id of the pepper without which the hash cannot be compared. `None` for a broken hash.
    pub fn pepper_id(&self) -> Option<String> {
        if let Some([id, ..]) = self.parts() {
            return Some(id.to_owned());
        }
        let params = Params::try_from(&phc::PasswordHash::new(&self.0).ok()?).ok()?;
        String::from_utf8(params.keyid().to_vec()).ok()
    }

    /// The hash as the other system has made it, whether or not it is sealed.
    pub(super) fn unsealed(&self) -> &str {
        self.parts().map_or(&self.0, |[.., hash]| hash)
    }

    /// The hash as the other system has made it, if this system has imported it for the account.
    pub(super) fn checked(&self, peppers: Peppers<'_>) -> Result<&str, HashError> {
        let [id, sealed, hash] = self.parts().ok_or(HashError::Broken)?;
        let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| HashError::Broken)?;
        let is_own = seal(peppers.ring.get(id)?, peppers, hash).ct_eq(&sealed);
        if bool::from(is_own) { Ok(hash) } else { Err(HashError::Broken) }
    }

    /// The id of the pepper, the seal and the hash.
    fn parts(&self) -> Option<[&str; 3]> {
        let parts: Vec<&str> = self.0.strip_prefix(SEALED)?.splitn(3, '$').collect();
        parts.try_into().ok()
    }
}
