//! A link by direct invocation: for an operator, and for the systems of a practice that has none of its staff at the portal.

use rekey::http::problem::{Code, Problem};
use rekey::http::read;
use rekey::identifier::{Identifier, Username};
use rekey::practice::Portal;
use serde::Deserialize;
use serde_json::Value;

use crate::Deps;
use crate::issue::{By, Delivery, Issue, Issued, NewLink, check_link, must_be_open};

/// The link that an invocation asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Invocation {
    practice: String,
    #[serde(default)]
    portal: Portal,
    username: Username,
    expires_at: String,
    deliver: Delivery,
    reason: Option<String>,
}

/// Makes the link. IAM is the authority: whoever may invoke may do it for any account of any practice, within its bounds.
///
/// # Errors
/// What is wrong with the invocation, or why the account cannot be helped.
pub async fn create(deps: &Deps, invocation: Value) -> Result<Issued, Problem> {
    let asked: Invocation = read(invocation)?;
    let now = deps.ambient.now();
    let practice = deps.practice_named(&asked.practice).await?;
    let username = Identifier::parse(asked.username.as_str())
        .map_err(|error| Problem::invalid("username", &error.to_string()))?;
    let logins = deps.store.find_logins(&practice.slug, asked.portal, &username).await?;
    let account = match logins.first() {
        Some(login) => deps.store.find_account(login.account).await?,
        None => None,
    };
    let account = must_be_open(account.ok_or_else(|| Problem::new(Code::NotFound))?)?;
    let link = NewLink { expires_at: asked.expires_at, deliver: asked.deliver, reason: asked.reason };
    let (valid_until, reason) = check_link(&practice, &link, now)?;
    let issue = Issue { deps, by: By::Operator, practice: &practice, account: &account, valid_until, reason };
    issue.link(link.deliver).await
}
