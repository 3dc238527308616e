//! A link by direct invocation: for an operator, and for the systems of a practice that has none of its staff at the portal.

use rekey::domain::identifier::{Identifier, Username};
use rekey::domain::practice::Portal;
use rekey::http::call::read;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::store::race::until_written;
use serde::Deserialize;
use serde_json::Value;

use crate::Deps;
use crate::issue::{By, Issued, Issuing, must_be_open};
use crate::links::{Deliver, NewLink};

/// The link that an invocation asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Invocation {
    practice: String,
    #[serde(default)]
    portal: Portal,
    username: Username,
    expires_at: String,
    deliver: Deliver,
    reason: Option<String>,
}

/// Makes the link. IAM is the authority: whoever may invoke may do it for any account of any practice, within its bounds.
///
/// # Errors
/// What is wrong with the invocation, or why the account cannot be helped.
pub async fn create_link(deps: &Deps, invocation: Value) -> Result<Issued, Problem> {
    let asked: Invocation = read(invocation)?;
    let practice = deps.practice_named(&asked.practice).await?;
    let username = Identifier::parse(asked.username.as_str())
        .map_err(|error| Problem::invalid("username", &error.to_string()))?;
    let link = NewLink { expires_at: asked.expires_at, deliver: asked.deliver, reason: asked.reason };
    until_written("issuing a link", || async {
        let logins = deps.store.find_logins(&practice.slug, asked.portal, &username).await?;
        let account = match logins.first() {
            Some(login) => deps.store.find_account(login.account).await?,
            None => None,
        };
        let account = must_be_open(account.ok_or_else(|| Problem::new(ErrorCode::NotFound))?)?;
        let terms = link.terms(&practice, deps.ambient.now())?;
        let issue = Issuing { deps, by: By::Operator, practice: &practice, account: &account, terms };
        issue.link(link.deliver).await
    })
    .await
}
