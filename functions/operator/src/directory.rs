//! `rebuild_directory`: the entries by which staff find accounts, written again, and the practice's own in the list of all.

use std::collections::BTreeSet;

use rekey::domain::account::Account;
use rekey::domain::practice::Slug;
use serde::{Deserialize, Serialize};

use crate::walk::{self, AccountPage};
use crate::{Deps, OperatorError, find_practice};

/// The practice whose directory is rebuilt.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RebuildDirectory {
    practice: Slug,
}

/// The outcome of a rebuilding.
#[derive(Debug, Serialize)]
pub struct Rebuilt {
    /// The number of accounts whose entries were written.
    pub accounts: usize,
}

/// Writes the entries of every account of a practice, as this release makes them. The entry by name of a former release goes, so
/// that nobody is listed twice. Its other entries stay, and a search passes over them. It can be repeated, also while staff work: an
/// account that changes meanwhile has its own entries written by that.
pub(crate) async fn rebuild_directory(
    deps: &Deps,
    asked: &RebuildDirectory,
) -> Result<Rebuilt, OperatorError> {
    let practice = find_practice(deps, &asked.practice).await?;
    deps.store.list_practice(&practice).await?;
    let mut accounts = BTreeSet::new();
    each_account(deps, &practice.slug, async |account, listed| {
        deps.store.put_entries(account, listed.iter().map(String::as_str)).await?;
        accounts.insert(account.id);
        Ok(())
    })
    .await?;
    Ok(Rebuilt { accounts: accounts.len() })
}

/// Does something with every account of a practice and the entries by name that led to it: again, if further entries did.
pub(crate) async fn each_account(
    deps: &Deps,
    practice: &Slug,
    mut act: impl AsyncFnMut(&Account, &[String]) -> Result<(), OperatorError>,
) -> Result<(), OperatorError> {
    let mut cursor = None;
    loop {
        let AccountPage { places, accounts, next, .. } =
            walk::page(deps, practice, cursor.as_deref()).await?;
        for account in &accounts {
            let listed = places.iter().filter(|place| place.account == account.id);
            let listed: Vec<String> = listed.map(|place| place.entry.clone()).collect();
            act(account, &listed).await?;
        }
        match next {
            Some(next) => cursor = Some(next),
            None => return Ok(()),
        }
    }
}
