//! A link by direct invocation, for the operator and for the systems of a practice whose staff do not use the portal.

use rekey::domain::identifier::Identifier;
use rekey::domain::practice::Portal;
use rekey::domain::proof::{NewProof, ProofMethod, RecordedProof};
use rekey::http::call::read;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::store::race::until_written;
use serde::Deserialize;
use serde_json::Value;

use crate::Deps;
use crate::issue::{By, Issued, Issuing, Terms, must_be_open};
use crate::links::{Deliver, NewLink};

/// The link that an invocation asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Invocation {
    practice: String,
    #[serde(default)]
    portal: Portal,
    username: String,
    expires_at: String,
    deliver: Deliver,
    reason: Option<String>,
    proof: Option<NewProof>,
}

/// Makes the link. IAM decides who may invoke the function. A caller who may invoke it can make a link for any account of any
/// practice, within that practice's bounds.
///
/// # Errors
/// Returns what is wrong with the invocation, or why the account cannot have a link.
pub async fn create_link(deps: &Deps, invocation: Value) -> Result<Issued, Problem> {
    let asked: Invocation = read(invocation)?;
    let practice = deps.practice_named(&asked.practice).await?;
    let username = Identifier::parse(&asked.username)
        .map_err(|error| Problem::invalid("username", &error.to_string()))?;
    if let Some(proof) = &asked.proof {
        proof.check().map_err(|(member, rule)| Problem::invalid(member, rule))?;
        if [ProofMethod::MailedCode, ProofMethod::Overruled].contains(&proof.method) {
            return Err(Problem::invalid("proof.method", "belongs to the staff of a practice"));
        }
    }
    let proof = asked.proof.as_ref().map(|proof| RecordedProof::of(Some(proof)));
    let link = NewLink {
        expires_at: asked.expires_at,
        deliver: asked.deliver,
        reason: asked.reason,
        proof: asked.proof,
    };
    until_written("issuing a link", || async {
        let account = match deps.store.find_login(&practice.slug, asked.portal, &username).await? {
            Some(login) => deps.store.find_account(login.account).await?,
            None => None,
        };
        let account = must_be_open(account.ok_or_else(|| Problem::new(ErrorCode::NotFound))?)?;
        if account.needs_proof && proof.is_none() {
            return Err(Problem::new(ErrorCode::ProofRequired));
        }
        let terms = Terms { proof: proof.clone(), ..link.terms(&practice, deps.ambient.now())? };
        let issue = Issuing { deps, by: By::Operator, practice: &practice, account: &account, terms };
        issue.link(link.deliver).await
    })
    .await
}
