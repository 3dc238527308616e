//! The accounts of a practice, a page at a time: what an invocation does with many of them goes on where the one before it stopped.

use rekey::domain::account::Account;
use rekey::domain::directory::Search;
use rekey::domain::practice::{Portal, Slug};
use rekey::platform::ids::AccountId;
use rekey::store::directory::{Part, Place};

use crate::{Deps, OperatorError};

/// The number of entries that are read at a time.
const BATCH: i32 = 100;

/// Accounts of a practice, and where to go on.
pub(crate) struct AccountPage {
    /// The portal of the accounts.
    pub(crate) portal: Portal,
    /// The entries that were read.
    pub(crate) places: Vec<Place>,
    /// The accounts behind them, each once.
    pub(crate) accounts: Vec<Account>,
    /// Where to go on; `None` at the end.
    pub(crate) next: Option<String>,
}

/// Reads a page of the accounts of a practice: those of clients, and then those of staff, in the order of their names. Whoever is
/// renamed meanwhile may be met twice, or not at all.
pub(crate) async fn page(
    deps: &Deps,
    practice: &Slug,
    cursor: Option<&str>,
) -> Result<AccountPage, OperatorError> {
    let (portal, after) = match cursor {
        None => (Portal::Client, ""),
        Some(cursor) => read(cursor).ok_or_else(not_a_cursor)?,
    };
    let part = Part { after: Some(after).filter(|after| !after.is_empty()), limit: BATCH };
    let places = deps.store.search_directory(practice, portal, &Search::parse(""), part).await?;
    let next = match (places.last(), portal) {
        (Some(last), portal) => Some(format!("{}/{}", portal.as_str(), last.entry)),
        (None, Portal::Client) => Some(format!("{}/", Portal::Staff.as_str())),
        (None, Portal::Staff) => None,
    };
    let mut ids: Vec<AccountId> = places.iter().map(|place| place.account).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut accounts = deps.store.find_accounts(&ids).await?;
    accounts.retain(|account| account.practice == *practice);
    Ok(AccountPage { portal, places, accounts, next })
}

fn read(cursor: &str) -> Option<(Portal, &str)> {
    let (portal, after) = cursor.split_once('/')?;
    let portal = [Portal::Client, Portal::Staff].into_iter().find(|known| known.as_str() == portal)?;
    Some((portal, after))
}

/// The error of a cursor that no answer had.
pub(crate) fn not_a_cursor() -> OperatorError {
    OperatorError::Invalid("cursor: must be one that was answered".to_owned())
}
