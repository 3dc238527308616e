//! The account by which the canary signs in. It has nothing, so whoever has its password has nothing either.

use std::io::Read as _;

use serde_json::json;

use super::{PRACTICE, Walk, after, ask};
use crate::expiry;
use crate::invoke::Failure;

/// The canary's username.
const CANARY: &str = "canary";

/// Reads the password from the standard input, so that it is among the arguments of no process.
pub(super) fn read_password() -> Result<String, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().read_to_string(&mut text);
    read.map_err(|error| Failure::Argument(format!("the standard input cannot be read: {error}")))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(Failure::Argument("--canary needs the canary's password on the standard input".to_owned())),
        password => Ok(password.to_owned()),
    }
}

impl Walk<'_> {
    /// Makes the account where it is not there yet, and gives it the password where it has another.
    pub(super) async fn canary(&self, password: &str) -> Result<(), Failure> {
        self.import(CANARY).await?;
        let session = match self.sign_in("client", CANARY, password).await {
            Err(Failure::Refused(_)) => {
                let token = self.link("client", CANARY).await?;
                self.reset(&token, password.to_owned()).await?;
                self.sign_in("client", CANARY, password).await?
            }
            signed_in => signed_in?,
        };
        self.call(204, ask("DELETE", "/v1/sessions/current", session.as_str())).await?;
        Ok(())
    }

    /// Makes a link by direct invocation, and returns its token.
    pub(super) async fn link(&self, portal: &str, username: &str) -> Result<String, Failure> {
        let until = expiry::parse("1h").map_err(Failure::Argument)?;
        let link = json!({"practice": PRACTICE, "portal": portal, "username": username, "expires_at": until, "deliver": "copy"});
        let link = self.operate("admin-link", link).await?;
        after(link["url"].as_str().unwrap_or_default(), "#token=")
    }
}
