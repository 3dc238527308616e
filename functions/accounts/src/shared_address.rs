//! An address that another account has proven: a slip of the pen would send a patient's mail to another patient. Families share
//! mailboxes, so it is pointed out and not forbidden.

use rekey::domain::account::Account;
use rekey::domain::permission::Staff;
use rekey::http::problem::{ErrorCode, Member, Problem};
use rekey::platform::ids::AccountId;

use crate::Deps;

/// Refuses an address that another account of the portal has proven, unless the member of staff has said that it is meant.
///
/// # Errors
/// Answers 409, with the id of the other account where the member of staff may see it. Who it is else, nobody is told.
pub(crate) async fn must_be_meant(
    deps: &Deps,
    staff: &Staff,
    account: &Account,
    is_meant: bool,
) -> Result<(), Problem> {
    let Some(address) = account.address().filter(|_| !is_meant) else { return Ok(()) };
    let sharing = deps.store.find_recipients(&account.practice, account.portal, &address).await?;
    let others = sharing.iter().map(|other| other.account).filter(|other| *other != account.id);
    let others: Vec<AccountId> = others.collect();
    if others.is_empty() {
        return Ok(());
    }
    let mut proven = deps.store.find_accounts(&others).await?;
    proven.retain(|other| other.email_proven_at.is_some());
    if proven.is_empty() {
        return Ok(());
    }
    let seen = proven.iter().find(|other| staff.sees(other)).map(|other| other.id);
    Err(Problem::new(ErrorCode::AddressProven).with(Member::Account, seen))
}
