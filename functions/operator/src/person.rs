//! One person's account: held, erased, or merged into the one that they go on with.

use rekey::domain::account::{Account, MOST_LINKS};
use rekey::domain::event::{Action, Change, Event};
use rekey::domain::guardian::End;
use rekey::domain::identifier::Identifier;
use rekey::domain::practice::{Portal, Slug};
use rekey::platform::ids::AccountId;
use rekey::store::accounts::Changed;
use rekey::store::directory::Part;
use rekey::store::race::until_written;
use serde::{Deserialize, Serialize};

use crate::revoke::end_issued;
use crate::{Deps, OperatorError};

/// An account, by its username or by its id.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Who {
    /// The account's username, in the portal that is named.
    Username(String),
    /// The account's id.
    Account(AccountId),
}

/// The account that is meant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Person {
    pub(crate) practice: Slug,
    #[serde(default)]
    pub(crate) portal: Portal,
    pub(crate) who: Who,
}

impl Person {
    /// Finds the account.
    pub(crate) async fn find(&self, deps: &Deps) -> Result<Account, OperatorError> {
        find(deps, &self.practice, self.portal, &self.who).await
    }
}

/// Finds an account of a practice.
///
/// # Errors
/// [`OperatorError::UnknownAccount`] when the practice has none such.
pub(crate) async fn find(
    deps: &Deps,
    practice: &Slug,
    portal: Portal,
    who: &Who,
) -> Result<Account, OperatorError> {
    let id = match who {
        Who::Account(id) => Some(*id),
        Who::Username(name) => match Identifier::parse(name) {
            Ok(name) => deps.store.find_login(practice, portal, &name).await?.map(|login| login.account),
            Err(_) => None,
        },
    };
    let found = match id {
        Some(id) => deps.store.find_account(id).await?,
        None => None,
    };
    let is_named = |account: &Account| match who {
        Who::Account(_) => true,
        // An address leads to whoever signs in by it, and names nobody.
        Who::Username(name) => account.username.identifier() == Identifier::parse(name).ok(),
    };
    let found = found.filter(|account| account.practice == *practice && is_named(account));
    found.ok_or(OperatorError::UnknownAccount)
}

/// An account, as an invocation has left it.
#[derive(Debug, Serialize)]
pub struct Held {
    account: AccountId,
    /// The time from which it is kept; absent when it may be erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_at: Option<String>,
}

/// Holds an account: nobody erases it until it is let go. Nothing else about it changes.
pub(crate) async fn hold_person(deps: &Deps, asked: &Person) -> Result<Held, OperatorError> {
    set_held(deps, asked, true).await
}

/// Lets an account go.
pub(crate) async fn release_person(deps: &Deps, asked: &Person) -> Result<Held, OperatorError> {
    set_held(deps, asked, false).await
}

async fn set_held(deps: &Deps, asked: &Person, held: bool) -> Result<Held, OperatorError> {
    until_written("holding an account", || async {
        let account = asked.find(deps).await?;
        let since = account.held_at.or_else(|| Some(deps.ambient.now())).filter(|_| held);
        let answer = Held { account: account.id, held_at: since.map(|at| at.to_string()) };
        if since == account.held_at {
            return Ok(Some(answer));
        }
        let (from, to) = (Some((!held).to_string()), Some(held.to_string()));
        let change = Change { member: "held".to_owned(), from, to };
        let event = event_of(deps, Action::UserUpdated, &account)?.with_changes(vec![change]);
        let new = account.held(since);
        let written =
            deps.store.update_accounts(None, &[Changed { old: &account, new: &new }], &event).await?;
        Ok::<_, OperatorError>(written.is_written().then_some(answer))
    })
    .await
}

pub(crate) fn event_of(deps: &Deps, action: Action, account: &Account) -> Result<Event, OperatorError> {
    Ok(deps.event(&account.practice, action)?.of(account.id, account.portal))
}

/// The outcome of an erasure.
#[derive(Debug, Serialize)]
pub struct Erased {
    account: AccountId,
}

/// Erases an account: its owner's data goes, and its events stay, with its id.
pub(crate) async fn erase_person(deps: &Deps, asked: &Person) -> Result<Erased, OperatorError> {
    let account = asked.find(deps).await?;
    must_be_free(&account)?;
    relink(deps, &account, None).await?;
    if !erase(deps, account.id, None).await? {
        return Err(OperatorError::Held);
    }
    Ok(Erased { account: account.id })
}

const fn must_be_free(account: &Account) -> Result<(), OperatorError> {
    if account.held_at.is_none() { Ok(()) } else { Err(OperatorError::Held) }
}

/// Deletes an account and all that belongs to it. Returns `false` when it is held. One that is gone is erased.
pub(crate) async fn erase(
    deps: &Deps,
    id: AccountId,
    merged_into: Option<AccountId>,
) -> Result<bool, OperatorError> {
    until_written("erasing an account", || async {
        let Some(account) = deps.store.find_account(id).await? else { return Ok(Some(true)) };
        if account.held_at.is_some() {
            return Ok(Some(false));
        }
        let event = Event { other: merged_into, ..event_of(deps, Action::UserDeleted, &account)? };
        if account.portal == Portal::Staff {
            end_issued(deps, &account).await?;
        }
        deps.store.delete_belongings(&account).await?;
        let written = deps.store.delete_account(&account, &event).await?.is_written();
        Ok::<_, OperatorError>(written.then_some(true))
    })
    .await
}

/// Two accounts of one person.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MergeAccounts {
    practice: Slug,
    #[serde(default)]
    portal: Portal,
    /// The account that goes.
    duplicate: Who,
    /// The account that stays.
    into: Who,
}

/// The outcome of a merging.
#[derive(Debug, Serialize)]
pub struct Merged {
    account: AccountId,
    duplicate: AccountId,
}

/// Merges a duplicate into the account that its owner goes on with. That account keeps its names, its address, its password and its
/// question. It takes the duplicate's associations and its place on caseloads; for a member of staff, their caseload. The duplicate is
/// erased, and its events stay.
pub(crate) async fn merge_accounts(deps: &Deps, asked: &MergeAccounts) -> Result<Merged, OperatorError> {
    let MergeAccounts { practice, portal, duplicate, into } = asked;
    let into = find(deps, practice, *portal, into).await?.id;
    let duplicate = find(deps, practice, *portal, duplicate).await?;
    must_be_free(&duplicate)?;
    until_written("merging accounts", || async {
        let into = find(deps, practice, *portal, &Who::Account(into)).await?;
        if into.id == duplicate.id || into.portal != duplicate.portal {
            return Err(OperatorError::Invalid(
                "into: must be another account of the same portal".to_owned(),
            ));
        }
        let new = into.merged_with(&duplicate);
        if new.associations.len() > MOST_LINKS || new.caseload.len() > MOST_LINKS {
            let rule = "into: an account has at most 50 associations, and 50 members of staff";
            return Err(OperatorError::Invalid(rule.to_owned()));
        }
        let change = Change { member: "merged".to_owned(), from: None, to: None };
        let event = event_of(deps, Action::UserUpdated, &into)?.and(duplicate.id).with_changes(vec![change]);
        let written = deps.store.update_accounts(None, &[Changed { old: &into, new: &new }], &event).await?;
        Ok(written.is_written().then_some(()))
    })
    .await?;
    relink(deps, &duplicate, Some(into)).await?;
    if !erase(deps, duplicate.id, Some(into)).await? {
        return Err(OperatorError::Held);
    }
    Ok(Merged { account: into, duplicate: duplicate.id })
}

/// Gives the places that an account has with others to another account, or to nobody: with those that it is associated with, and with
/// the clients on its caseload.
async fn relink(deps: &Deps, account: &Account, by: Option<AccountId>) -> Result<(), OperatorError> {
    for association in &account.associations {
        relink_one(deps, association.account, account, by).await?;
    }
    let mut after: Option<String> = None;
    loop {
        let part = Part { after: after.as_deref(), limit: 100 };
        let clients = deps.store.list_caseload(account.id, part).await?;
        for client in &clients {
            relink_one(deps, client.account, account, by).await?;
        }
        match clients.into_iter().next_back() {
            Some(last) => after = Some(last.entry),
            None => return Ok(()),
        }
    }
}

async fn relink_one(
    deps: &Deps,
    other: AccountId,
    account: &Account,
    by: Option<AccountId>,
) -> Result<(), OperatorError> {
    until_written("relinking an account", || async {
        let Some(old) = deps.store.find_account(other).await? else { return Ok(Some(())) };
        if by.is_none() && old.association_with(account.id).is_some_and(|entry| entry.acts) {
            return end_guardian(deps, &old, account.id).await;
        }
        let Some(new) = old.relinked(account.id, by) else { return Ok(Some(())) };
        let same_staff = old.caseload == new.caseload;
        let action = if same_staff { Action::AssociationChanged } else { Action::CaseloadChanged };
        let event = event_of(deps, action, &old)?.and(account.id);
        let written = deps.store.update_accounts(None, &[Changed { old: &old, new: &new }], &event).await?;
        Ok::<_, OperatorError>(written.is_written().then_some(()))
    })
    .await
}

/// Ends a guardian who is erased: whoever has their mailbox is no guardian any more. Returns `None` when another change came first.
async fn end_guardian(deps: &Deps, client: &Account, id: AccountId) -> Result<Option<()>, OperatorError> {
    let guardian = deps.store.find_account(id).await?;
    let event = event_of(deps, Action::AssociationEnded, client)?;
    let end = End::new(&deps.ambient, client, (id, guardian.as_ref()), event)?;
    let written = deps.store.end_association(None, (client, guardian.as_ref()), &end).await?;
    Ok(written.is_written().then_some(()))
}
