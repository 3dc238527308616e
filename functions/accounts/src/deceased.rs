//! What follows when the owner of an account has died: nobody acts for them any more.

use rekey::domain::account::Account;
use rekey::domain::event::{Action, Change, Event};
use rekey::domain::permission::Staff;
use rekey::http::call::Call;
use rekey::http::problem::Problem;
use rekey::platform::ids::AccountId;
use rekey::store::accounts::Changed;
use rekey::store::edits::Follower;

use crate::Deps;

/// The account of somebody who acted for the owner, before and after.
pub(crate) struct Released {
    old: Account,
    new: Account,
    /// The event of the association that has ended.
    event: Event,
}

impl Released {
    pub(crate) fn follower(&self) -> Follower<'_> {
        Follower { changed: Changed { old: &self.old, new: &self.new }, event: &self.event }
    }
}

/// The accounts of those who act for an account's owner before an edit and no longer after it.
pub(crate) async fn released(
    deps: &Deps,
    (call, staff): (&Call, &Staff),
    (old, new): (&Account, &Account),
) -> Result<Vec<Released>, Problem> {
    let ended = old.associations.iter().filter(|entry| !new.associations.contains(entry));
    let ended: Vec<_> = ended.collect();
    if ended.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<AccountId> = ended.iter().map(|entry| entry.account).collect();
    let mut released = Vec::with_capacity(ids.len());
    for guardian in deps.store.find_accounts(&ids).await? {
        let relationship = ended.iter().find(|entry| entry.account == guardian.id);
        let relationship = relationship.map(|entry| entry.relationship.clone());
        let kept = guardian.associations.iter().filter(|entry| entry.account != old.id);
        let after = guardian.with_associations(kept.cloned().collect());
        let change = Change { member: "association".to_owned(), from: relationship, to: None };
        let event = deps.event(staff, call, Action::AssociationChanged)?;
        let event = event.of(old.id, old.portal).and(guardian.id).with_changes(vec![change]);
        released.push(Released { old: guardian, new: after, event });
    }
    Ok(released)
}
