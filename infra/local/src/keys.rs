//! The four secrets of a deployment, made from the operating system's randomness.
//!
//! On a laptop they live as long as the process, or in a file that only its owner can read.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::ambient;

/// The name of the secret whose keys are the pepper of password hashes.
pub const PEPPER: &str = "rekey/pepper";
/// The name of the secret from which links, codes and temporary passwords are derived.
pub const DERIVATION: &str = "rekey/derivation";
/// The name of the secret with which the digests of codes are made.
pub const CODES: &str = "rekey/codes";
/// The name of the secret with which the counters of limits are hashed.
pub const LIMITS: &str = "rekey/limits";

/// Creates new secrets, by name. Each is JSON of the form
/// `{"current":"k1","k1":"<32 random bytes in standard base64>"}`, which is the form that `infra/template.yaml` lets
/// Secrets Manager generate.
///
/// # Errors
/// The operating system has no random bytes.
pub fn generate() -> io::Result<BTreeMap<String, String>> {
    let names = [PEPPER, DERIVATION, CODES, LIMITS];
    names.into_iter().map(|name| Ok((name.to_owned(), keyring()?))).collect()
}

/// Reads the secrets from the file `path`, or creates the file with new ones.
///
/// # Errors
/// The file cannot be read or written, or contains something else.
pub fn load_or_create(path: &Path) -> io::Result<BTreeMap<String, String>> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secrets = generate()?;
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            file.write_all(&serde_json::to_vec_pretty(&secrets)?)?;
            Ok(secrets)
        }
        Err(error) => Err(error),
    }
}

fn keyring() -> io::Result<String> {
    let key = STANDARD.encode(ambient::random::<32>()?);
    Ok(json!({"current": "k1", "k1": key}).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_secret_has_a_key_of_its_own() {
        let secrets = generate().expect("random bytes");
        assert_eq!(secrets.keys().collect::<Vec<_>>(), [CODES, DERIVATION, LIMITS, PEPPER]);
        let mut keys: Vec<Vec<u8>> = Vec::new();
        for text in secrets.values() {
            let ring: serde_json::Value = serde_json::from_str(text).expect("JSON");
            assert_eq!(ring["current"], "k1");
            keys.push(STANDARD.decode(ring["k1"].as_str().expect("a key")).expect("base64"));
        }
        assert!(keys.iter().all(|key| key.len() == 32));
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 4);
    }

    #[test]
    fn a_file_keeps_them_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys.json");
        let first = load_or_create(&path).expect("created");
        assert_eq!(load_or_create(&path).expect("loaded"), first);
        assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        fs::write(&path, "{").expect("written");
        assert!(load_or_create(&path).is_err());
    }
}
