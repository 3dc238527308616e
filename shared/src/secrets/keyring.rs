//! Keys from Secrets Manager: the pepper, the derivation key, the key of stored codes, and the key of the limits.
//!
//! Each is one secret with every key id that is still needed. The functions that need it fetch it once in a cold start, and no
//! other function can. Key material is never logged and never leaves this process.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use crate::platform::aws::Environment;
use crate::platform::config::{ConfigError, Lookup, required};

/// The shortest key material that is taken: 43 characters of base64url carry 256 bits.
const SHORTEST_KEY: usize = 43;
/// The longest key id: a PHC string carries at most eight bytes of it.
const LONGEST_KEY_ID: usize = 8;

/// The keys cannot be had. The message names the secret and never its value.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Secrets Manager did not answer, or refused.
    #[error("secret {name} could not be fetched: {source}")]
    Fetch {
        /// The secret's name or ARN.
        name: String,
        /// The error of the SDK.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The secret's value does not have the form of a [`Keyring`].
    #[error("secret {name} is malformed: {reason}")]
    Malformed {
        /// The secret's name or ARN.
        name: String,
        /// The rule that it breaks, without the value.
        reason: &'static str,
    },
    /// A stored item names a key id that the secret no longer has.
    #[error("no key has the id {0}")]
    UnknownKeyId(String),
}

/// All keys of one purpose, and which of them new work uses.
///
/// The secret's value is one JSON object. `current` names a key id; every other member is a key id with its material, a string of
/// at least 43 characters. Rotation adds a member and then moves `current`.
pub struct Keyring {
    current: String,
    keys: BTreeMap<String, Zeroizing<Vec<u8>>>,
}

impl Keyring {
    /// Reads a secret's value.
    ///
    /// # Errors
    /// A reason that does not repeat the value.
    pub fn parse(value: &str) -> Result<Self, &'static str> {
        #[derive(Deserialize)]
        struct Value {
            current: String,
            #[serde(flatten)]
            keys: BTreeMap<String, String>,
        }
        let value: Value =
            serde_json::from_str(value).map_err(|_| "it is no JSON object of strings with `current`")?;
        if value
            .keys
            .iter()
            .any(|(id, key)| id.is_empty() || id.len() > LONGEST_KEY_ID || key.len() < SHORTEST_KEY)
        {
            return Err("a key id has 1 to 8 characters, a key at least 43");
        }
        if !value.keys.contains_key(&value.current) {
            return Err("`current` names no key");
        }
        let keys = value.keys.into_iter().map(|(id, key)| (id, Zeroizing::new(key.into_bytes()))).collect();
        Ok(Self { current: value.current, keys })
    }

    /// The id of the key that new work uses.
    pub fn current_id(&self) -> &str {
        &self.current
    }

    /// The key that new work uses.
    pub fn current(&self) -> Result<&[u8], KeyError> {
        self.get(&self.current)
    }

    /// The key of the given id.
    ///
    /// # Errors
    /// [`KeyError::UnknownKeyId`].
    pub fn get(&self, id: &str) -> Result<&[u8], KeyError> {
        self.keys.get(id).map(|key| key.as_slice()).ok_or_else(|| KeyError::UnknownKeyId(id.to_owned()))
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring(current {})", self.current)
    }
}

/// A keyring that is fetched when it is first used. So `main` stays quick, and after a failure the next call tries again.
pub struct LazyKeyring {
    client: aws_sdk_secretsmanager::Client,
    name: String,
    ring: OnceCell<Keyring>,
}

impl LazyKeyring {
    /// The keyring of the secret whose name or ARN the given variable holds.
    ///
    /// # Errors
    /// [`ConfigError`] when the variable is not set.
    pub fn read(lookup: &Lookup<'_>, aws: &Environment, variable: &'static str) -> Result<Self, ConfigError> {
        Ok(Self { client: aws.secrets(), name: required(lookup, variable)?, ring: OnceCell::new() })
    }

    /// The keys, fetched once.
    ///
    /// # Errors
    /// [`KeyError`] when they cannot be had; nothing is remembered then.
    pub async fn get(&self) -> Result<&Keyring, KeyError> {
        self.ring.get_or_try_init(|| self.fetch()).await
    }

    async fn fetch(&self) -> Result<Keyring, KeyError> {
        let answer = self.client.get_secret_value().secret_id(&self.name).send().await;
        let answer =
            answer.map_err(|error| KeyError::Fetch { name: self.name.clone(), source: error.into() })?;
        let malformed = |reason| KeyError::Malformed { name: self.name.clone(), reason };
        Keyring::parse(answer.secret_string().ok_or_else(|| malformed("it has no string"))?)
            .map_err(malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789012345678901234567890123456789012";

    #[test]
    fn a_ring_keeps_every_key_and_knows_the_current_one() {
        let ring =
            Keyring::parse(&format!(r#"{{"current":"k2","k1":"{KEY}","k2":"{KEY}x"}}"#)).expect("a ring");
        assert_eq!(ring.current_id(), "k2");
        assert_eq!(ring.get("k1").expect("k1"), KEY.as_bytes());
        assert!(matches!(ring.get("k3"), Err(KeyError::UnknownKeyId(_))));
        assert_eq!(format!("{ring:?}"), "Keyring(current k2)");
    }

    #[test]
    fn a_malformed_secret_is_refused_without_repeating_it() {
        for (value, reason) in [
            ("no json", "it is no JSON object of strings with `current`"),
            (r#"{"k1":"x"}"#, "it is no JSON object of strings with `current`"),
            (r#"{"current":"k1","k1":"short"}"#, "a key id has 1 to 8 characters, a key at least 43"),
            (&format!(r#"{{"current":"k2","k1":"{KEY}"}}"#), "`current` names no key"),
            (
                &format!(r#"{{"current":"much-too-long","much-too-long":"{KEY}"}}"#),
                "a key id has 1 to 8 characters, a key at least 43",
            ),
        ] {
            assert_eq!(Keyring::parse(value).expect_err(value), reason);
        }
    }
}
