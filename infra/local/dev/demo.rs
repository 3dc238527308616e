//! The five demo practices and their accounts. The operator function creates them, like any other practice.
//!
//! This module owns no data: the practices and accounts are in `demo/practices.json` and `demo/accounts.jsonl`.

use argon2::password_hash::{PasswordHasher as _, phc::Salt};
use argon2::{Algorithm, Argon2, Params, Version};
use rekey_local::ambient;
use serde_json::{Value, json};

use crate::api::Api;
use crate::console::{complain, say};
use crate::portal::Portal;

/// The password of every demo account.
pub const PASSWORD: &str = "walk the green river";
/// The answer to the security question of every demo account.
const ANSWER: &str = "Biscuit";
const PRACTICES: &str = include_str!("../demo/practices.json");
/// The accounts, one per line, with `{slug}`, `{password_hash}` and `{answer}` to be filled in.
const ACCOUNTS: &str = include_str!("../demo/accounts.jsonl");

/// The slugs of the practices.
pub fn slugs() -> Vec<String> {
    let slugs = practices().unwrap_or_default();
    slugs.iter().filter_map(|practice| practice["slug"].as_str()).map(str::to_owned).collect()
}

/// Creates each practice that does not exist yet, with its accounts. A practice whose portal the developer runs has the
/// portal's address, whether or not it exists already.
///
/// # Errors
/// A sentence that names the practice and what the operator function answered.
pub async fn seed(api: &Api, portals: &[Portal]) -> Result<(), String> {
    let hash = password_hash()?;
    for mut practice in practices()? {
        let slug = practice["slug"].as_str().unwrap_or_default().to_owned();
        let portals: Vec<&Portal> = portals.iter().filter(|portal| portal.is_of(&slug)).collect();
        for portal in &portals {
            portal.apply(&mut practice);
        }
        let request = json!({"action": "create_practice", "practice": practice});
        let answer = operate(api, &slug, &request).await?;
        if answer["status"] != "created" {
            say(format_args!("{slug}: exists already, left as it is"));
            move_portals(api, &slug, &portals).await;
            continue;
        }
        let lines = accounts(&practice, &hash)?;
        let request = json!({"action": "import_accounts", "practice": slug, "lines": lines});
        let answer = operate(api, &slug, &request).await?;
        check_import(&slug, &answer)?;
        say(format_args!("{slug}: created with {} accounts", answer["created"]));
    }
    Ok(())
}

/// Gives a practice that exists the addresses of the portals, as its administrator would. That fails when the kept
/// administrator has another password by now, and everything else works without it.
async fn move_portals(api: &Api, slug: &str, portals: &[&Portal]) {
    for portal in portals {
        match move_portal(api, slug, portal).await {
            Ok(()) => say(format_args!("{} is at {} (everywhere within a minute)", portal.name, portal.url)),
            Err(error) => complain(format_args!(
                "{} could not be moved to {}: {error}. Change it as an administrator: PATCH /v1/admin/practice",
                portal.name, portal.url
            )),
        }
    }
}

async fn move_portal(api: &Api, slug: &str, portal: &Portal) -> Result<(), String> {
    let admin = json!({"practice": slug, "portal": "staff", "identifier": "admin", "password": PASSWORD});
    let session = api.sign_in(&admin).await?;
    api.patch("/v1/admin/practice", &session, &portal.settings()).await
}

async fn operate(api: &Api, slug: &str, request: &Value) -> Result<Value, String> {
    let answer = api.invoke("operator", request).await;
    answer.map_err(|error| format!("the demo practice {slug} could not be created: {error}"))
}

fn check_import(slug: &str, answer: &Value) -> Result<(), String> {
    if answer["failed"] == 0 {
        return Ok(());
    }
    Err(format!("some accounts of the demo practice {slug} could not be created: {answer}"))
}

fn practices() -> Result<Vec<Value>, String> {
    serde_json::from_str(PRACTICES).map_err(|error| format!("demo/practices.json: {error}"))
}

/// The accounts of one practice as JSON Lines. Only in a practice that asks a security question do they have an answer.
fn accounts(practice: &Value, password_hash: &str) -> Result<String, String> {
    let slug = practice["slug"].as_str().unwrap_or_default();
    let asks = practice["policy"]["security_question"].as_str().is_some_and(|asks| asks != "off");
    let mut lines = String::new();
    for line in ACCOUNTS.lines() {
        let line = line
            .replace("{slug}", slug)
            .replace("{password_hash}", password_hash)
            .replace("{answer}", ANSWER);
        let mut account: Value =
            serde_json::from_str(&line).map_err(|error| format!("demo/accounts.jsonl: {error}"))?;
        if let Some(members) = account.as_object_mut().filter(|_| !asks) {
            members.remove("security_question");
        }
        lines.push_str(&account.to_string());
        lines.push('\n');
    }
    Ok(lines)
}

/// The hash of [`PASSWORD`] as other systems store it: Argon2id with Rekey's parameters, without Rekey's pepper.
fn password_hash() -> Result<String, String> {
    let hash = || {
        let salt = ambient::random::<16>().map_err(|error| error.to_string())?;
        let salt = Salt::new(&salt).map_err(|error| error.to_string())?;
        let params = Params::new(19_456, 2, 1, None).map_err(|error| error.to_string())?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = argon2.hash_password_with_salt(PASSWORD.as_bytes(), &salt);
        hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
    };
    hash().map_err(|error| format!("the demo password could not be hashed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts_of(slug: &str) -> Vec<Value> {
        let practices = practices().expect("practices");
        let practice = practices.iter().find(|practice| practice["slug"] == slug).expect("the practice");
        let lines = accounts(practice, "$argon2id$x").expect("accounts");
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    #[test]
    fn the_practices_are_the_five_of_the_documents() {
        assert_eq!(slugs(), ["agency", "caseload", "pediatrics", "veterinary", "therapy"]);
        let zones: std::collections::BTreeSet<String> = practices()
            .expect("practices")
            .iter()
            .map(|practice| practice["time_zone"].to_string())
            .collect();
        assert_eq!(zones.len(), 5);
    }

    #[test]
    fn every_practice_has_the_same_people() {
        let agency = accounts_of("agency");
        let names: Vec<&str> = agency.iter().filter_map(|account| account["username"].as_str()).collect();
        assert_eq!(names, ["admin", "casey", "jane", "sam", "lily", "tom", "dora", "ruth", "ivan"]);
        let shared = agency.iter().filter(|account| account["email"] == "family@agency.test");
        assert_eq!(shared.count(), 2);
        let caseload = json!([{"staff": "casey", "role": "Primary Case Manager"}]);
        assert!(agency.iter().all(|account| account["caseload"].is_null() || account["username"] == "jane"));
        assert_eq!(agency[2]["caseload"], caseload);
        let ivan = agency.last().expect("ivan");
        assert_eq!((&ivan["invited"], &ivan["password_hash"]), (&json!(true), &Value::Null));
        assert!(agency.iter().take(8).all(|account| account["password_hash"] == "$argon2id$x"));
    }

    #[test]
    fn only_who_is_asked_has_an_answer() {
        let answers = |slug| {
            let accounts = accounts_of(slug);
            accounts.iter().filter(|account| account["security_question"]["answer"] == ANSWER).count()
        };
        assert_eq!((answers("pediatrics"), answers("agency")), (8, 0));
    }

    #[test]
    fn the_password_is_hashed_as_rekey_would() {
        let hash = password_hash().expect("a hash");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(password_hash().expect("a hash"), hash);
    }
}
