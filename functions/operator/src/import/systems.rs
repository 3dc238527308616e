//! The accounts of other systems, as those export them.
//!
//! | Member | Auth0 | Cognito | Keycloak | Firebase |
//! |---|---|---|---|---|
//! | `username` | `username`, else `email` | `Username`; where that is the `sub`: `preferred_username`, else `email` | `username` | `email`, else `localId` |
//! | `email` | `email` | `email` | `email` | `email` |
//! | `display_name` | `name`, else `given_name` and `family_name`, else `nickname` | `name`, else `given_name` and `family_name` | `firstName` and `lastName` | `displayName` |
//! | `locale` | `locale` | `locale` | `attributes.locale` | |
//! | `active` | not `blocked` | `Enabled` | `enabled` | not `disabled` |
//! | `password_hash` | `passwordHash` | none is ever exported | the credential of type `password` | `passwordHash` and `salt`, with the project's key |
//!
//! Where a name is missing, the username is shown. Everything else that a system exports is left out.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A system whose exports are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum System {
    Auth0,
    Cognito,
    Keycloak,
    Firebase,
}

/// The parameters of a Firebase project's password hashes, as its console shows them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirebaseHash {
    /// `SCRYPT`, in a copy of what the console shows.
    #[serde(default, rename = "algorithm")]
    _algorithm: Option<String>,
    base64_signer_key: String,
    base64_salt_separator: String,
    rounds: u32,
    mem_cost: u32,
}

type Account = Map<String, Value>;

/// Members that only Rekey has.
const OWN: [&str; 9] = [
    "display_name",
    "portal",
    "role",
    "caseload",
    "refused",
    "representative",
    "record_email",
    "password_hash",
    "signs_in_by_email",
];

impl System {
    /// The system that wrote a record, by members that no other one writes. A record without any of them is of the system that wrote
    /// the file's others, if there is one.
    pub(super) fn of(record: &Account, others: Option<Self>) -> Option<Self> {
        let has = |members: &[&str]| members.iter().any(|member| record.contains_key(*member));
        // A record of Rekey's own members with one that it does not know is told so, and loses nothing.
        if has(&OWN) {
            None
        } else if has(&["localId"]) {
            Some(Self::Firebase)
        } else if has(&["Attributes", "UserStatus", "cognito:username"]) {
            Some(Self::Cognito)
        } else if has(&["credentials", "firstName", "lastName", "createdTimestamp", "requiredActions"]) {
            Some(Self::Keycloak)
        } else if has(&[
            "user_id",
            "_id",
            "passwordHash",
            "passwordhash",
            "identities",
            "connection",
            "email_verified",
        ]) {
            Some(Self::Auth0)
        } else {
            others
        }
    }

    /// The account with Rekey's own members.
    pub(super) fn account(
        self,
        record: &Account,
        firebase: Option<&FirebaseHash>,
    ) -> Result<Account, String> {
        let mut account = match self {
            Self::Auth0 => auth0(record),
            Self::Cognito => cognito(record),
            Self::Keycloak => keycloak(record)?,
            Self::Firebase => self::firebase(record, firebase)?,
        };
        if !account.contains_key("display_name")
            && let Some(name) = account.get("username").and_then(Value::as_str)
        {
            let name = name.split('@').next().unwrap_or_default().to_owned();
            account.insert("display_name".to_owned(), Value::String(name));
        }
        Ok(account)
    }
}

/// A member that is a text, and not blank.
fn text<'a>(record: &'a Account, member: &str) -> Option<&'a str> {
    record.get(member)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

fn truth(record: &Account, member: &str) -> Option<bool> {
    match record.get(member)? {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) => text.trim().to_lowercase().parse().ok(),
        _ => None,
    }
}

/// The two parts of a person's name.
fn full_name(record: &Account, [first, last]: [&str; 2]) -> Option<String> {
    let parts: Vec<&str> = [first, last].iter().filter_map(|member| text(record, member)).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// The members that are there.
fn account(members: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Account {
    members.into_iter().filter_map(|(member, value)| Some((member.to_owned(), value?))).collect()
}

fn string(text: impl Into<String>) -> Value {
    Value::String(text.into())
}

fn auth0(record: &Account) -> Account {
    let of = |member| text(record, member).map(string);
    let name = of("name").or_else(|| full_name(record, ["given_name", "family_name"]).map(string));
    account([
        ("username", of("username").or_else(|| of("email"))),
        ("email", of("email")),
        ("display_name", name.or_else(|| of("nickname"))),
        ("locale", of("locale")),
        ("active", truth(record, "blocked").map(|blocked| Value::Bool(!blocked))),
        // The header of a table has no capitals.
        ("password_hash", of("passwordHash").or_else(|| of("passwordhash"))),
    ])
}

fn cognito(record: &Account) -> Account {
    let listed = record.get("Attributes").and_then(Value::as_array);
    let attributes: Account = match listed {
        Some(listed) => listed
            .iter()
            .filter_map(|entry| Some((entry.get("Name")?.as_str()?.to_owned(), entry.get("Value")?.clone())))
            .collect(),
        None => record.clone(),
    };
    let of = |member| text(&attributes, member);
    let username = text(record, "Username").or_else(|| text(record, "cognito:username"));
    // A pool whose members sign in by their address has random usernames that nobody types.
    let typed = username.filter(|name| Some(*name) != of("sub"));
    let typed = typed.or_else(|| of("preferred_username")).or_else(|| of("email")).or(username);
    let name = of("name").map(str::to_owned);
    account([
        ("username", typed.map(string)),
        ("email", of("email").map(string)),
        ("display_name", name.or_else(|| full_name(&attributes, ["given_name", "family_name"])).map(string)),
        ("locale", of("locale").map(string)),
        ("active", truth(record, "Enabled").map(Value::Bool)),
    ])
}

/// A credential of Keycloak. Both members are JSON in a text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SecretData {
    value: String,
    #[serde(default)]
    salt: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CredentialData {
    hash_iterations: u32,
    algorithm: String,
    #[serde(default)]
    additional_parameters: Map<String, Value>,
}

fn keycloak(record: &Account) -> Result<Account, String> {
    if record.get("serviceAccountClientId").is_some_and(Value::is_string) {
        return Err("username: is the account of a client, and of no person".to_owned());
    }
    let of = |member| text(record, member).map(string);
    let credentials = record.get("credentials").and_then(Value::as_array);
    let password = credentials
        .and_then(|all| all.iter().find(|one| one.get("type").is_some_and(|kind| kind == "password")))
        .map(|credential| keycloak_hash(credential).ok_or("password_hash: the credential cannot be read"))
        .transpose()?;
    let locale = record.get("attributes").and_then(|all| all.get("locale"));
    let locale = locale.and_then(|locale| locale.get(0)).and_then(Value::as_str);
    Ok(account([
        ("username", of("username")),
        ("email", of("email")),
        ("display_name", full_name(record, ["firstName", "lastName"]).map(string)),
        ("locale", locale.map(string)),
        ("active", truth(record, "enabled").map(Value::Bool)),
        ("password_hash", password.map(string)),
    ]))
}

/// A credential of Keycloak before version 8.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FormerCredential {
    hashed_salted_value: String,
    salt: String,
    hash_iterations: u32,
    #[serde(default = "pbkdf2")]
    algorithm: String,
}

fn pbkdf2() -> String {
    "pbkdf2".to_owned()
}

/// What a credential has, in either form.
fn parts(credential: &Value) -> Option<(SecretData, CredentialData)> {
    if let Ok(former) = serde_json::from_value::<FormerCredential>(credential.clone()) {
        let FormerCredential { hashed_salted_value: value, salt, hash_iterations, algorithm } = former;
        let data = CredentialData { hash_iterations, algorithm, additional_parameters: Map::new() };
        return Some((SecretData { value, salt: Some(salt) }, data));
    }
    let data = |member| credential.get(member)?.as_str();
    let secret = serde_json::from_str(data("secretData")?).ok()?;
    Some((secret, serde_json::from_str(data("credentialData")?).ok()?))
}

/// The hash of a credential, as a text that names its algorithm.
fn keycloak_hash(credential: &Value) -> Option<String> {
    let (secret, CredentialData { hash_iterations, algorithm, additional_parameters }) = parts(credential)?;
    let salt = secret.salt?;
    let unpadded = |text: &str| Some(STANDARD_NO_PAD.encode(STANDARD.decode(text).ok()?));
    let (salt, value) = (unpadded(&salt)?, unpadded(&secret.value)?);
    if algorithm == "argon2" {
        let of = |member: &str| additional_parameters.get(member)?.get(0)?.as_str();
        let version = if of("version") == Some("1.0") { 16 } else { 19 };
        let (kind, memory, lanes) = (of("type")?, of("memory")?, of("parallelism")?);
        return Some(format!(
            "$argon2{kind}$v={version}$m={memory},t={hash_iterations},p={lanes}${salt}${value}"
        ));
    }
    // Keycloak's `pbkdf2` is with SHA-1, as `$pbkdf2$` is.
    Some(format!("${algorithm}${hash_iterations}${salt}${value}"))
}

fn firebase(record: &Account, project: Option<&FirebaseHash>) -> Result<Account, String> {
    let of = |member| text(record, member).map(string);
    // Exports of the console write the alphabet for addresses.
    let plain = |encoded: &str| {
        let bytes = URL_SAFE.decode(encoded).or_else(|_| STANDARD.decode(encoded)).ok()?;
        Some(STANDARD.encode(bytes))
    };
    let password = match (text(record, "passwordHash"), project) {
        (None, _) => None,
        (Some(_), None) => {
            return Err("password_hash: needs the hash parameters of the Firebase project".to_owned());
        }
        (Some(hash), Some(project)) => {
            let salt = plain(text(record, "salt").unwrap_or_default());
            let (salt, hash) = salt.zip(plain(hash)).ok_or("password_hash: salt and hash must be base64")?;
            let FirebaseHash { base64_signer_key, base64_salt_separator, rounds, mem_cost, .. } = project;
            Some(format!(
                "$fbscrypt$v=1,n={mem_cost},r={rounds},p=1,ss={base64_salt_separator},sk={base64_signer_key}${salt}${hash}"
            ))
        }
    };
    Ok(account([
        ("username", of("email").or_else(|| of("localId"))),
        ("email", of("email")),
        ("display_name", of("displayName")),
        ("active", truth(record, "disabled").map(|disabled| Value::Bool(!disabled))),
        ("password_hash", password.map(string)),
    ]))
}
