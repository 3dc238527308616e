//! Hashes that other systems have made: which are taken, and how each is compared, exactly as its system did (N4).
//!
//! | System | Forms |
//! |---|---|
//! | Argon2 | PHC (`$argon2id$…`, without a version too), Django's `argon2$argon2id$…` |
//! | bcrypt | `$2a$`, `$2b$`, `$2y$` (PHP, Laravel, Devise, Auth0), Django's `bcrypt$$2b$…` and `bcrypt_sha256$$2b$…`, passlib's `$bcrypt-sha256$…`, WordPress 6.8's `$wp$2y$…` |
//! | PBKDF2 | Django's `pbkdf2_sha256$…`, passlib's and PHC's `$pbkdf2-sha256$…` with SHA-1, SHA-256 or SHA-512, Werkzeug's `pbkdf2:sha256:…`, ASP.NET Identity 2 and 3 |
//! | scrypt | PHC (`$scrypt$…`), Django's `scrypt$…`, Werkzeug's `scrypt:…`, Firebase's `$fbscrypt$…` with its project's key |
//! | phpass | WordPress's `$P$…`, phpBB's `$H$…`, Drupal 7's `$S$…` and `U$S$…` |

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::work::Work;
use super::{HashError, Hasher, Password};

mod argon2;
mod bcrypted;
mod encoding;
pub(super) mod pbkdf2;
pub(super) mod phpass;
pub(super) mod scrypt;

use self::argon2::ImportedArgon2;

const UNKNOWN: &str = "must be a hash of Argon2, bcrypt, PBKDF2, scrypt, WordPress, Drupal 7, ASP.NET Identity or Firebase; an account \
     without a hash can be imported and invited";

/// The most characters of a hash: a Firebase hash carries its project's key.
const LONGEST: usize = 1024;

/// A hash of another system, ready to be compared.
pub(super) struct Imported {
    before: Before,
    scheme: Scheme,
}

/// What a system does with a password before it is hashed.
enum Before {
    Nothing,
    /// The blanks around it are dropped, as PHP's `trim` does.
    Trim,
    /// The hexadecimal MD5 of what is left of that: Drupal 6's hash, which Drupal 7 hashed again.
    TrimMd5,
    /// The hexadecimal SHA-256.
    Sha256,
    /// The base64 SHA-256.
    Sha256Base64,
    /// The base64 HMAC-SHA-256 with this key.
    HmacSha256(String),
    /// The base64 HMAC-SHA-384 with WordPress's key, without the blanks around it.
    WordPress,
}

enum Scheme {
    Argon2(Box<ImportedArgon2>),
    Bcrypt { cost: u32, hash: String },
    Pbkdf2 { digest: pbkdf2::Digest, rounds: u32, salt: Vec<u8>, expected: Vec<u8> },
    Scrypt { log_n: u8, r: u32, p: u32, salt: Vec<u8>, expected: Vec<u8> },
    Firebase { log_n: u8, r: u32, salt: Vec<u8>, signer: Vec<u8>, expected: Vec<u8> },
    Phpass { digest: phpass::Digest, log_rounds: u32, salt: String, expected: String },
}

type Parsed = Result<Imported, &'static str>;

/// A hash that says itself what it is, without the scheme that Spring Security, Dovecot or LDAP puts in front: `{bcrypt}$2a$…`.
fn without_scheme(text: &str) -> &str {
    let hash = text.strip_prefix('{').and_then(|text| Some(text.split_once('}')?.1));
    hash.filter(|hash| hash.starts_with("$2") || hash.starts_with("$argon2")).unwrap_or(text)
}

impl Imported {
    /// Reads a hash.
    ///
    /// # Errors
    /// The rule that it breaks, without any part of it.
    pub(super) fn parse(text: &str) -> Parsed {
        if text.len() > LONGEST {
            return Err(UNKNOWN);
        }
        let text = without_scheme(text);
        let parsers: [fn(&str) -> Option<Parsed>; 5] =
            [self::argon2::parse, bcrypted::parse, pbkdf2::parse, scrypt::parse, phpass::parse];
        parsers.iter().find_map(|parse| parse(text)).unwrap_or(Err(UNKNOWN))
    }

    const fn new(before: Before, scheme: Scheme) -> Self {
        Self { before, scheme }
    }

    /// The work of one comparison.
    pub(super) fn work(&self) -> Work {
        match &self.scheme {
            Scheme::Argon2(argon2) => argon2.work(),
            Scheme::Bcrypt { cost, .. } => Work::Bcrypt { cost: *cost },
            Scheme::Pbkdf2 { digest, rounds, .. } => digest.work(*rounds),
            Scheme::Scrypt { log_n, r, p, .. } => Work::Scrypt { log_n: *log_n, r: *r, p: *p },
            Scheme::Firebase { log_n, r, .. } => Work::Scrypt { log_n: *log_n, r: *r, p: 1 },
            Scheme::Phpass { digest, log_rounds, .. } => digest.work(*log_rounds),
        }
    }

    /// Compares a password in each of its forms. The work is the same whichever of them is right.
    pub(super) fn matches(&self, hasher: &Hasher, password: &Password) -> Result<Match, HashError> {
        let mut found = Match::Wrong;
        for form in password.forms().iter() {
            let prepared = self.before.apply(form.text);
            #[cfg(test)]
            self.work().note(hasher, self.work().amount());
            let is_right = self.scheme.matches(hasher, &prepared)?;
            if is_right && (!form.is_slashed || self.slashes()) {
                found = found.max(self.whole(form.text));
            }
        }
        Ok(found)
    }

    /// Whether the system hashed a password with the backslashes that it puts into all it is sent. WordPress does.
    const fn slashes(&self) -> bool {
        let md5 = matches!(&self.scheme, Scheme::Phpass { digest: phpass::Digest::Md5, .. });
        matches!(&self.before, Before::WordPress) || md5 && matches!(&self.before, Before::Trim)
    }

    /// Whether a right text is the password and nothing more. bcrypt compares 72 bytes, and repeats a shorter text with a zero byte
    /// between; a key of HMAC is filled with zero bytes; PHP's systems drop the blanks around a password.
    fn whole(&self, form: &str) -> Match {
        let is_cut = matches!((&self.before, &self.scheme), (Before::Nothing, Scheme::Bcrypt { .. }))
            && form.len() > bcrypted::BYTES;
        let is_trimmed = self.before.trims() && encoding::php_trim(form) != form;
        if is_cut || is_trimmed || form.contains('\0') { Match::InPart } else { Match::Whole }
    }
}

/// The result of a comparison with a hash of another system.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Match {
    Wrong,
    /// As much as that system compared is right.
    InPart,
    Whole,
}

impl Before {
    const fn trims(&self) -> bool {
        matches!(self, Self::Trim | Self::TrimMd5 | Self::WordPress)
    }

    fn apply(&self, typed: &str) -> Zeroizing<Vec<u8>> {
        let text = if self.trims() { encoding::php_trim(typed) } else { typed };
        Zeroizing::new(match self {
            Self::Nothing | Self::Trim => text.as_bytes().to_vec(),
            Self::TrimMd5 => encoding::hex::<md5::Md5>(text),
            Self::Sha256 => encoding::hex::<sha2::Sha256>(text),
            Self::Sha256Base64 => encoding::base64_digest::<sha2::Sha256>(text),
            Self::HmacSha256(key) => encoding::base64_hmac::<hmac::Hmac<sha2::Sha256>>(key.as_bytes(), text),
            Self::WordPress => encoding::base64_hmac::<hmac::Hmac<sha2::Sha384>>(b"wp-sha384", text),
        })
    }
}

impl Scheme {
    fn matches(&self, hasher: &Hasher, password: &[u8]) -> Result<bool, HashError> {
        let same = |found: &[u8], expected: &[u8]| bool::from(found.ct_eq(expected));
        Ok(match self {
            Self::Argon2(argon2) => argon2.matches(hasher, password)?,
            Self::Bcrypt { hash, .. } => bcrypt::verify(password, hash).map_err(|_| HashError::Broken)?,
            Self::Pbkdf2 { digest, rounds, salt, expected } => {
                same(&digest.derive(password, salt, *rounds, expected.len()), expected)
            }
            Self::Scrypt { log_n, r, p, salt, expected } => {
                let found = scrypt::derive(password, salt, [u32::from(*log_n), *r, *p], expected.len());
                same(&found?, expected)
            }
            Self::Firebase { log_n, r, salt, signer, expected } => {
                let key = scrypt::derive(password, salt, [u32::from(*log_n), *r, 1], 32)?;
                same(&encoding::aes_ctr(&key, signer)?, expected)
            }
            Self::Phpass { digest, log_rounds, salt, expected } => {
                same(digest.derive(password, salt, *log_rounds).as_bytes(), expected.as_bytes())
            }
        })
    }
}

#[cfg(test)]
mod tests;
