//! The work of the hashes that a practice has imported, by which every failed sign-in there costs the same (F1).
//!
//! Work is spent, and not time waited: what is computed for a name that no account has is what is computed for one that has a
//! hash. Each family of hashes is one kind of work, of which a hash asks for more or less. A sign-in spends of each family as much
//! as the dearest hash of the practice asks for, whatever its own hash has used of it.

use argon2::ParamsBuilder;
use serde::{Deserialize, Serialize};

use super::imported::{pbkdf2, phpass, scrypt};
use super::{Computation, HashError, Hasher};

/// The work of comparing one hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "snake_case")]
pub enum Work {
    /// Argon2 without a pepper.
    Argon2 {
        /// The memory in KiB.
        memory: u32,
        /// The passes over it.
        passes: u32,
        /// The lanes, which are computed one after the other.
        lanes: u32,
    },
    /// bcrypt.
    Bcrypt {
        /// The logarithm of the rounds.
        cost: u32,
    },
    /// PBKDF2.
    Pbkdf2 {
        /// The hash function.
        digest: pbkdf2::Digest,
        /// The rounds.
        rounds: u32,
    },
    /// scrypt.
    Scrypt {
        /// The logarithm of N.
        log_n: u8,
        /// The size of a block.
        r: u32,
        /// The number of blocks.
        p: u32,
    },
    /// phpass.
    Phpass {
        /// The hash function.
        digest: phpass::Digest,
        /// The rounds.
        rounds: u32,
    },
}

impl Work {
    fn is_of_family(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Pbkdf2 { digest: one, .. }, Self::Pbkdf2 { digest: other, .. }) => one == other,
            (Self::Phpass { digest: one, .. }, Self::Phpass { digest: other, .. }) => one == other,
            (one, other) => std::mem::discriminant(one) == std::mem::discriminant(other),
        }
    }

    /// Notes work other than Argon2's, which is noted where it is computed.
    #[cfg(test)]
    pub(super) fn note(&self, hasher: &Hasher, amount: u64) {
        let family = serde_json::to_value(self).expect("JSON");
        let family =
            [&family["family"], &family["digest"]].map(|part| part.as_str().unwrap_or_default().to_owned());
        if !matches!(self, Self::Argon2 { .. }) {
            hasher.note(family.concat().as_str(), amount);
        }
    }

    /// How much of its family's work it is.
    pub(super) fn amount(&self) -> u64 {
        match *self {
            Self::Argon2 { memory, passes, .. } => u64::from(memory) * u64::from(passes),
            Self::Bcrypt { cost } => 1 << cost.min(31),
            Self::Pbkdf2 { rounds, .. } | Self::Phpass { rounds, .. } => u64::from(rounds),
            Self::Scrypt { log_n, r, p } => (1_u64 << log_n.min(31)) * u64::from(r) * u64::from(p),
        }
    }

    /// Computes so much of the family's work, and throws the result away. All of it is computed in one piece, as it would be for a
    /// hash of that cost; a rest is put together.
    fn spend(&self, hasher: &Hasher, password: &[u8], amount: u64) -> Result<(), HashError> {
        #[cfg(test)]
        self.note(hasher, amount);
        let whole = amount == self.amount();
        let rounds = u32::try_from(amount).unwrap_or(u32::MAX);
        match *self {
            Self::Argon2 { memory, passes, lanes } => {
                // A rest has one lane: they are no work of their own, and each asks for memory.
                let (memory, passes) = if whole { (memory, passes) } else { rest_of(memory, rounds) };
                let lanes = if whole { lanes } else { 1 };
                if passes == 0 {
                    return Ok(());
                }
                let params = ParamsBuilder::new().m_cost(memory).t_cost(passes).p_cost(lanes).build();
                let params = params.map_err(|_| HashError::Broken)?;
                hasher.compute(Computation { params, ..Computation::new(&[0; 16]) }, password, &mut [0; 32])
            }
            Self::Bcrypt { .. } => {
                for cost in (4..32).filter(|cost| amount >> cost & 1 == 1) {
                    let _ = bcrypt::bcrypt(cost, [0; 16], &[0]);
                }
                Ok(())
            }
            Self::Pbkdf2 { digest, .. } => {
                let _ = digest.derive(password, &[0; 16], rounds, 16);
                Ok(())
            }
            Self::Scrypt { log_n, r, p } if whole => {
                scrypt::derive(password, &[0; 16], [log_n.into(), r, p], 32).map(drop)
            }
            Self::Scrypt { r, .. } => {
                let blocks = amount / u64::from(r.max(1));
                for log_n in (1..32).filter(|log_n| blocks >> log_n & 1 == 1) {
                    scrypt::derive(password, &[0; 16], [log_n, r, 1], 32)?;
                }
                Ok(())
            }
            Self::Phpass { digest, .. } => {
                let _ = digest.repeat(password, &[0; 8], amount);
                Ok(())
            }
        }
    }
}

/// Memory and passes for a rest of Argon2's work.
fn rest_of(memory: u32, amount: u32) -> (u32, u32) {
    let passes = amount.div_ceil(memory.max(1)).max(1);
    let memory = amount / passes;
    // Argon2 has no smaller memory. So little work is not seen.
    if memory < 8 { (8, 0) } else { (memory, passes) }
}

/// The dearest work of each family of hashes that are left of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImportedWork(Vec<Work>);

impl ImportedWork {
    /// Whether no imported hash is left.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The work of each family, in no order.
    pub fn families(&self) -> &[Work] {
        &self.0
    }

    /// Takes a hash into account.
    pub fn include(&mut self, work: Work) {
        match self.0.iter_mut().find(|known| known.is_of_family(&work)) {
            Some(known) if known.amount() < work.amount() => *known = work,
            Some(_) => {}
            None => self.0.push(work),
        }
    }

    /// The same with all of another one.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let mut both = self.clone();
        other.0.iter().for_each(|work| both.include(*work));
        both
    }

    /// Spends what a comparison with a hash of this work has not spent of each family. `used` is `None` when there was none.
    pub(super) fn spend_rest(
        &self,
        hasher: &Hasher,
        password: &[u8],
        used: Option<Work>,
    ) -> Result<(), HashError> {
        for most in &self.0 {
            let used = used.filter(|used| used.is_of_family(most)).map_or(0, |used| used.amount());
            let rest = most.amount().saturating_sub(used);
            if rest > 0 {
                most.spend(hasher, password, rest)?;
            }
        }
        Ok(())
    }
}
