//! `rebuild_directory`: the entries by which staff find accounts, written again.

use std::collections::BTreeSet;

use rekey::domain::account::Account;
use rekey::domain::directory::Search;
use rekey::domain::practice::{Portal, Slug};
use rekey::platform::ids::AccountId;
use rekey::store::directory::Part;
use serde::{Deserialize, Serialize};

use crate::{Deps, OperatorError, find_practice};

/// The number of accounts that are read at a time.
const BATCH: i32 = 100;

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
    let everybody = Search::parse("");
    for portal in [Portal::Client, Portal::Staff] {
        let mut after: Option<String> = None;
        loop {
            let part = Part { after: after.as_deref(), limit: BATCH };
            let places = deps.store.search_directory(practice, portal, &everybody, part).await?;
            let ids: Vec<AccountId> = places.iter().map(|place| place.account).collect();
            for account in deps.store.find_accounts(&ids).await? {
                let listed = places.iter().filter(|place| place.account == account.id);
                let listed: Vec<String> = listed.map(|place| place.entry.clone()).collect();
                act(&account, &listed).await?;
            }
            match places.into_iter().next_back() {
                Some(last) => after = Some(last.entry),
                None => break,
            }
        }
    }
    Ok(())
}
