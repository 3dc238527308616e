//! What is known of the hashes that are left of imports: raised by each import, lowered by a review.

use std::collections::{BTreeMap, BTreeSet};

use rekey::domain::account::Account;
use rekey::domain::practice::Slug;
use rekey::secrets::password::{ImportedWork, PasswordHash, Work};
use rekey::store::race::until_written;
use serde::{Deserialize, Serialize};

use crate::tenancy::settings;
use crate::{Deps, OperatorError, directory, find_practice};

/// The practice whose hashes are reviewed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReviewHashes {
    practice: Slug,
}

/// The outcome of a review.
#[derive(Debug, Serialize)]
pub struct Reviewed {
    /// The number of accounts that were read.
    pub accounts: usize,
    /// The number of those whose password is still an imported hash.
    pub imported: usize,
    /// The numbers of hashes that need each pepper. A pepper of which there is none may be removed.
    pub peppers: BTreeMap<String, Peppered>,
    /// The dearest work of each family of imported hashes that are left. Each failed sign-in at the practice costs as much.
    pub left: Vec<Work>,
}

/// The numbers of hashes that need a pepper.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Peppered {
    /// The number of passwords.
    pub passwords: usize,
    /// The number of answers to security questions.
    pub answers: usize,
}

/// Counts the hashes of an account at the peppers that they need.
fn count(account: &Account, peppers: &mut BTreeMap<String, Peppered>) {
    if let Some(id) = account.password.as_ref().and_then(PasswordHash::pepper_id) {
        peppers.entry(id).or_default().passwords += 1;
    }
    if let Some(id) = account.question.as_ref().and_then(|question| question.answer.pepper_id()) {
        peppers.entry(id).or_default().answers += 1;
    }
}

/// Takes hashes into account before they are imported. It never forgets any.
pub(crate) async fn include(deps: &Deps, slug: &Slug, work: &ImportedWork) -> Result<(), OperatorError> {
    if work.is_empty() {
        return Ok(());
    }
    until_written("keeping the work of imported hashes", || async {
        let settings = settings(deps, slug).await?;
        let known = &settings.practice.imported_work;
        let both = known.with(work);
        if both == *known {
            return Ok::<_, OperatorError>(Some(()));
        }
        Ok(deps.store.set_imported_work(&settings, both).await?.is_written().then_some(()))
    })
    .await
}

/// Reads every account of a practice, and keeps the work of the imported hashes that are left. An import that goes on meanwhile wins:
/// the review is made again.
pub(crate) async fn review_hashes(deps: &Deps, asked: &ReviewHashes) -> Result<Reviewed, OperatorError> {
    let practice = find_practice(deps, &asked.practice).await?;
    until_written("reviewing imported hashes", || async {
        let settings = settings(deps, &practice.slug).await?;
        let (mut accounts, mut imported) = (BTreeSet::new(), BTreeSet::new());
        let (mut left, mut peppers) = (ImportedWork::default(), BTreeMap::new());
        directory::each_account(deps, &practice.slug, async |account, _| {
            if accounts.insert(account.id) {
                count(account, &mut peppers);
            }
            if let Some(work) = account.password.as_ref().and_then(PasswordHash::imported_work) {
                imported.insert(account.id);
                left.include(work);
            }
            Ok(())
        })
        .await?;
        let families = left.families().to_vec();
        let (accounts, imported) = (accounts.len(), imported.len());
        let reviewed = Reviewed { accounts, imported, peppers, left: families };
        let written = left == settings.practice.imported_work
            || deps.store.set_imported_work(&settings, left).await?.is_written();
        Ok::<_, OperatorError>(written.then_some(reviewed))
    })
    .await
}
