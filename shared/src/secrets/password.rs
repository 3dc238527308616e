//! Passwords: which are taken (P2), and how they are kept (P1).
//!
//! A password is normalized to NFC and otherwise left alone. It is kept as Argon2id with a pepper and the account's id, as one PHC
//! string whose `keyid` names the pepper. Imported hashes are sealed, verified as their systems did, and replaced at the next sign-in.
//! So a hash opens the account for which this system has kept it, and no other.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use argon2::password_hash::phc::{self, Output, ParamsString, Salt};
use argon2::{Algorithm, Argon2, AssociatedData, Block, KeyId, Params, ParamsBuilder, Version};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::platform::clock::{Ambient, NoRandomness};
use crate::platform::ids::AccountId;
use crate::platform::telemetry::measure;
use crate::secrets::keyring::{KeyError, Keyring};

mod imported;
mod seal;
mod strength;
mod work;

use imported::{Imported, Match};
pub use strength::{Weakness, WeaknessCode, weaknesses};
pub use work::{ImportedWork, Work};

/// The most code points of a password.
pub const LONGEST: usize = 256;
/// A password as its owner typed it. It is erased when dropped. Two are equal when their NFC forms are.
#[derive(Clone)]
pub struct Password {
    typed: Zeroizing<String>,
    nfc: Zeroizing<String>,
}

impl Password {
    /// Reads a password. `None` when it has no code point, or more than 256 in NFC.
    pub fn parse(typed: &str) -> Option<Self> {
        let nfc = Zeroizing::new(typed.nfc().collect::<String>());
        let fits = (1..=LONGEST).contains(&nfc.chars().count());
        fits.then(|| Self { typed: Zeroizing::new(typed.to_owned()), nfc })
    }

    /// The form that is kept: NFC.
    fn expose(&self) -> &str {
        &self.nfc
    }

    /// The forms that another system may have hashed: as typed, in NFC and in NFD, each once, and each with the backslashes that PHP
    /// may have put in. Their number follows from what was typed alone.
    fn forms(&self) -> Forms {
        let nfd = Zeroizing::new(self.nfc.nfd().collect::<String>());
        let mut forms = vec![self.typed.clone()];
        for other in [self.nfc.clone(), nfd] {
            if !forms.contains(&other) {
                forms.push(other);
            }
        }
        let slashed: Vec<_> = forms.iter().map(|form| with_slashes(form)).collect();
        let is_slashed = self.typed.contains(SLASHED);
        Forms { plain: forms, slashed: if is_slashed { slashed } else { Vec::new() } }
    }
}

impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        self.nfc == other.nfc
    }
}

impl Eq for Password {}

/// The characters before which PHP's `addslashes` puts a backslash.
const SLASHED: [char; 4] = ['\'', '"', '\\', '\0'];

fn with_slashes(text: &str) -> Zeroizing<String> {
    let mut slashed = Zeroizing::new(String::with_capacity(2 * text.len()));
    for c in text.chars() {
        match c {
            '\0' => slashed.push_str("\\0"),
            _ if SLASHED.contains(&c) => slashed.extend(['\\', c]),
            _ => slashed.push(c),
        }
    }
    slashed
}

/// The forms of a password.
struct Forms {
    plain: Vec<Zeroizing<String>>,
    slashed: Vec<Zeroizing<String>>,
}

/// One form of a password.
#[derive(Clone, Copy)]
struct Form<'a> {
    text: &'a str,
    /// Whether it has the backslashes of PHP.
    is_slashed: bool,
}

impl Forms {
    fn iter(&self) -> impl Iterator<Item = Form<'_>> {
        let plain = self.plain.iter().map(|text| Form { text: text.as_str(), is_slashed: false });
        plain.chain(self.slashed.iter().map(|text| Form { text: text.as_str(), is_slashed: true }))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[password]")
    }
}

/// The peppers, for the passwords and the answers of one account.
#[derive(Clone, Copy)]
pub struct Peppers<'a> {
    ring: &'a Keyring,
    of: AccountId,
}

impl<'a> Peppers<'a> {
    /// The peppers for an account.
    pub const fn of(ring: &'a Keyring, account: AccountId) -> Self {
        Self { ring, of: account }
    }

    /// The peppers for a name that nobody has.
    pub const fn of_nobody(ring: &'a Keyring) -> Self {
        Self { ring, of: AccountId::from_bytes([0; 16]) }
    }
}

/// A kept password: a PHC string of Argon2 with a pepper, or an imported hash.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes a hash that another system has made, in one of the forms of `imported`. It can be compared once it is sealed.
    ///
    /// # Errors
    /// The rule that the text breaks: it is no hash of a known form, names a pepper, or asks for more work than a sign-in may cost.
    pub fn import(text: &str) -> Result<Self, &'static str> {
        Imported::parse(text).map(|_| Self(text.to_owned()))
    }

    /// The work of comparing the hash, if another system has made it.
    pub fn imported_work(&self) -> Option<Work> {
        let imported = (!self.is_native()).then(|| Imported::parse(self.unsealed()).ok()).flatten();
        imported.map(|imported| imported.work())
    }

    /// Whether this system has made the hash: it names its pepper.
    fn is_native(&self) -> bool {
        self.0.starts_with("$argon2") && self.0.contains(",keyid=")
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
struct Computation<'a> {
    /// The pepper, and the account that the hash is for.
    pepper: Option<(&'a [u8], AccountId)>,
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: &'a [u8],
}

impl<'a> Computation<'a> {
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
    /// How much of each family's work was computed.
    #[cfg(test)]
    computed: Mutex<std::collections::BTreeMap<String, u64>>,
}

impl Default for Hasher {
    /// A hasher with OWASP's first choice of parameters.
    fn default() -> Self {
        Self {
            params: Self::PARAMS,
            memory: Mutex::new(Vec::new()),
            #[cfg(test)]
            computed: Mutex::default(),
        }
    }
}

impl Hasher {
    /// OWASP's first choice: 19456 KiB, 2 passes, 1 lane. It is the library's own default, by the same advice; a test holds it.
    const PARAMS: Params = Params::DEFAULT;

    /// Hashes a password with a 128-bit salt and the current pepper, whose id the string carries.
    pub fn hash(
        &self,
        peppers: Peppers<'_>,
        ambient: &Ambient,
        password: &Password,
    ) -> Result<PasswordHash, HashError> {
        let salt: [u8; 16] = ambient.bytes()?;
        let keyid = KeyId::new(peppers.ring.current_id().as_bytes()).map_err(|_| HashError::Broken)?;
        let (m, t, p) = (self.params.m_cost(), self.params.t_cost(), self.params.p_cost());
        let params = ParamsBuilder::new().m_cost(m).t_cost(t).p_cost(p).keyid(keyid).build();
        let params = params.map_err(|_| HashError::Broken)?;
        let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
        let pepper = Some((peppers.ring.current()?, peppers.of));
        let work = Computation { pepper, params: params.clone(), ..Computation::new(&salt) };
        self.compute(work, password.expose().as_bytes(), &mut output)?;
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
        peppers: Peppers<'_>,
        password: &Password,
        kept: Option<&PasswordHash>,
    ) -> Result<Verdict, HashError> {
        match kept {
            None => self.spend(peppers, password).map(|()| Verdict::Wrong),
            Some(kept) if kept.is_native() => self.verify_native(peppers, password, kept),
            Some(kept) => {
                let imported = Imported::parse(kept.checked(peppers)?).map_err(|_| HashError::Broken)?;
                Ok(match imported.matches(self, password)? {
                    Match::Wrong => Verdict::Wrong,
                    Match::InPart => Verdict::RightInPart,
                    Match::Whole => Verdict::RightButOutdated,
                })
            }
        }
    }

    /// Spends what a comparison with `kept` has not spent of the work that any account of the practice would ask for: one Argon2id
    /// of this system, and the dearest of each family of imported hashes that are left, for each form of the password.
    pub fn even_out(
        &self,
        peppers: Peppers<'_>,
        password: &Password,
        kept: Option<&PasswordHash>,
        left: &ImportedWork,
    ) -> Result<(), HashError> {
        let used = kept.and_then(PasswordHash::imported_work);
        if used.is_some() {
            self.spend(peppers, password)?;
        }
        password.forms().iter().try_for_each(|form| left.spend_rest(self, form.text.as_bytes(), used))
    }

    fn verify_native(
        &self,
        peppers: Peppers<'_>,
        password: &Password,
        kept: &PasswordHash,
    ) -> Result<Verdict, HashError> {
        let hash = phc::PasswordHash::new(&kept.0).map_err(|_| HashError::Broken)?;
        let params = Params::try_from(&hash).map_err(|_| HashError::Broken)?;
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).map_err(|_| HashError::Broken)?;
        let version = hash.version.ok_or(HashError::Broken)?;
        let version = Version::try_from(version).map_err(|_| HashError::Broken)?;
        let (salt, expected) = hash.salt.zip(hash.hash).ok_or(HashError::Broken)?;
        let keyid = std::str::from_utf8(params.keyid()).map_err(|_| HashError::Broken)?.to_owned();
        let pepper = Some((peppers.ring.get(&keyid)?, peppers.of));
        let mut output = vec![0; expected.as_bytes().len()];
        let salt: &[u8] = &salt;
        let work = Computation { pepper, algorithm, version, params: params.clone(), salt };
        self.compute(work, password.expose().as_bytes(), &mut output)?;
        if !bool::from(output.as_slice().ct_eq(expected.as_bytes())) {
            return Ok(Verdict::Wrong);
        }
        let work = |p: &Params| (p.m_cost(), p.t_cost(), p.p_cost());
        let current = (algorithm, version) == (Algorithm::Argon2id, Version::V0x13)
            && work(&params) == work(&self.params)
            && keyid == peppers.ring.current_id();
        Ok(if current { Verdict::Right } else { Verdict::RightButOutdated })
    }

    #[cfg(test)]
    fn note(&self, family: &str, amount: u64) {
        *self
            .computed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(family.to_owned())
            .or_default() += amount;
    }

    #[cfg(test)]
    fn computed(&self) -> std::collections::BTreeMap<String, u64> {
        self.computed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn spend(&self, peppers: Peppers<'_>, password: &Password) -> Result<(), HashError> {
        let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
        let pepper = Some((peppers.ring.current()?, peppers.of));
        let work = Computation { pepper, params: self.params.clone(), ..Computation::new(&[0; 16]) };
        self.compute(work, password.expose().as_bytes(), &mut output)
    }

    /// The one call of Argon2, in memory that was used before.
    fn compute(&self, work: Computation<'_>, password: &[u8], output: &mut [u8]) -> Result<(), HashError> {
        let Computation { pepper, algorithm, version, params, salt } = work;
        #[cfg(test)]
        self.note(
            if pepper.is_some() { "native" } else { "argon2" },
            u64::from(params.m_cost()) * u64::from(params.t_cost()),
        );
        let blocks = params.block_count();
        let argon2 = match pepper {
            Some((pepper, of)) => {
                let params = bound(&params, of)?;
                Argon2::new_with_secret(pepper, algorithm, version, params).map_err(|_| HashError::Broken)?
            }
            None => Argon2::new(algorithm, version, params),
        };
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        if memory.len() < blocks {
            memory.resize(blocks, Block::default());
        }
        let hash = || argon2.hash_password_into_with_memory(password, salt, output, &mut memory[..blocks]);
        let done = measure("argon2", hash);
        // What a dear imported hash needed is given back: it is the exception.
        memory.truncate(self.params.block_count());
        memory.shrink_to_fit();
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
        done.map_err(|_| HashError::Broken)
    }
}

/// The parameters with an account as Argon2's associated data, which the kept string does not repeat.
fn bound(params: &Params, of: AccountId) -> Result<Params, HashError> {
    let (m, t, p) = (params.m_cost(), params.t_cost(), params.p_cost());
    let data = AssociatedData::new(&of.to_bytes()).map_err(|_| HashError::Broken)?;
    let mut bound = ParamsBuilder::new();
    bound.m_cost(m).t_cost(t).p_cost(p).data(data);
    if let Some(length) = params.output_len() {
        bound.output_len(length);
    }
    bound.build().map_err(|_| HashError::Broken)
}

#[cfg(test)]
mod tests;
