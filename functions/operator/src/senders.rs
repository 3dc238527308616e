//! `verify_senders`: whether SES sends from the senders of a practice, and what their DNS lacks.

use rekey::domain::practice::{Practice, Slug};
use rekey::mail::identities::Verification;
use serde::{Deserialize, Serialize};

use crate::{Deps, OperatorError, find_practice};

/// The practice whose senders are verified.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifySenders {
    practice: Slug,
}

/// What SES says of the senders of a practice.
#[derive(Debug, Serialize)]
pub struct Verified {
    /// Each sender.
    pub identities: Vec<Verification>,
    /// The command to repeat when the records are there, or when SES has failed; absent when SES sends from every sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat: Option<String>,
}

pub(crate) async fn verify_senders(deps: &Deps, asked: &VerifySenders) -> Result<Verified, OperatorError> {
    let practice = find_practice(deps, &asked.practice).await?;
    Ok(verify(deps, &practice).await.unwrap_or(Verified { identities: Vec::new(), repeat: None }))
}

/// Has SES verify the senders of a practice. A failure of SES is part of the answer, since the practice is there already. `None`
/// when the practice has no senders.
pub(crate) async fn verify(deps: &Deps, practice: &Practice) -> Option<Verified> {
    let mut identities = Vec::new();
    for sender in &practice.senders {
        identities.push(deps.identities.verify(sender, &practice.slug).await);
    }
    let is_whole = |one: &Verification| one.can_send && one.error.is_none();
    let repeat = (!identities.iter().all(is_whole))
        .then(|| format!("cargo operator verify-senders {}", practice.slug));
    (!identities.is_empty()).then_some(Verified { identities, repeat })
}
