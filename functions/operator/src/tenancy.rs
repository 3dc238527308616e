//! The life of a practice after its creation: the list of all, and its end in two steps. A practice is disabled first, which can be
//! undone, and deleted then.

use rekey::domain::event::{Action, Change};
use rekey::domain::practice::{Practice, Slug};
use rekey::platform::clock::Timestamp;
use rekey::store::practices::{PracticePage, PracticeUpdate, Settings};
use rekey::store::race::until_written;
use serde::{Deserialize, Serialize};

use crate::walk::{self, AccountPage};
use crate::{Deps, OperatorError, person};

/// A page of the list of practices.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListPractices {
    cursor: Option<Slug>,
}

/// Practices, in the order of their slugs.
#[derive(Debug, Serialize)]
pub struct Practices {
    /// The practices.
    pub practices: Vec<Listed>,
    /// Where to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Slug>,
}

/// A practice of the list.
#[derive(Debug, Serialize)]
pub struct Listed {
    /// Its slug.
    pub practice: Slug,
    /// Its name, for people.
    pub name: String,
    /// The time at which it was disabled; absent while it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<String>,
}

impl From<Practice> for Listed {
    fn from(practice: Practice) -> Self {
        let disabled_at = practice.disabled_at.as_ref().map(Timestamp::to_string);
        Self { practice: practice.slug, name: practice.name, disabled_at }
    }
}

/// Lists practices.
pub(crate) async fn list_practices(deps: &Deps, asked: &ListPractices) -> Result<Practices, OperatorError> {
    let PracticePage { practices, next } = deps.store.list_practices(asked.cursor.as_ref()).await?;
    Ok(Practices { practices: practices.into_iter().map(Listed::from).collect(), cursor: next })
}

/// The practice that is meant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Meant {
    practice: Slug,
}

/// Whether a practice is open: what of it was asked for, and since when.
#[derive(Debug, Serialize)]
pub struct Standing {
    practice: Slug,
    /// The time at which it was disabled; absent when it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_at: Option<String>,
}

/// Disables a practice: from now on its front door answers as if it did not exist, nobody signs in or recovers, staff can do nothing,
/// and no mail is sent. A running function learns of it within a minute. Sessions of clients that have begun go on until they are
/// ended ([`crate::voiding`]).
pub(crate) async fn disable_practice(deps: &Deps, asked: &Meant) -> Result<Standing, OperatorError> {
    set_disabled(deps, &asked.practice, true).await
}

/// Opens a practice again.
pub(crate) async fn enable_practice(deps: &Deps, asked: &Meant) -> Result<Standing, OperatorError> {
    set_disabled(deps, &asked.practice, false).await
}

async fn set_disabled(deps: &Deps, slug: &Slug, disabled: bool) -> Result<Standing, OperatorError> {
    until_written("disabling a practice", || async {
        let was = settings(deps, slug).await?;
        let since = was.practice.disabled_at.or_else(|| Some(deps.ambient.now())).filter(|_| disabled);
        let standing = Standing { practice: slug.clone(), disabled_at: since.map(|at| at.to_string()) };
        if since == was.practice.disabled_at {
            return Ok(Some(standing));
        }
        let becomes = Practice { disabled_at: since, ..was.practice.clone() };
        let (from, to) = (Some((!disabled).to_string()), Some(disabled.to_string()));
        let change = Change { member: "disabled".to_owned(), from, to };
        let event = deps.event(slug, Action::PracticeUpdated)?.with_changes(vec![change]);
        let update = PracticeUpdate { was: &was, becomes: &becomes, event: &event, mails: &[] };
        let written = deps.store.update_practice(None, &update).await?.is_written();
        Ok::<_, OperatorError>(written.then_some(standing))
    })
    .await
}

pub(crate) async fn settings(deps: &Deps, slug: &Slug) -> Result<Settings, OperatorError> {
    deps.store.find_settings(slug).await?.ok_or_else(|| OperatorError::UnknownPractice(slug.clone()))
}

/// The practice that is deleted, or the part of it that comes next.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeletePractice {
    practice: Slug,
    cursor: Option<String>,
}

/// How far the deletion of a practice has come.
#[derive(Debug, Serialize)]
pub struct Deletion {
    /// The number of accounts that were erased.
    pub erased: usize,
    /// The number of accounts that are held, and stay.
    pub held: usize,
    /// Whether the practice itself is gone.
    pub deleted: bool,
    /// Where to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Erases a hundred accounts of a disabled practice; after the last one, the practice itself. When accounts are held, the practice
/// stays, disabled, and so do they.
pub(crate) async fn delete_practice(deps: &Deps, asked: &DeletePractice) -> Result<Deletion, OperatorError> {
    let was = settings(deps, &asked.practice).await?;
    if was.practice.disabled_at.is_none() {
        return Err(OperatorError::Invalid(format!("{} is not disabled", asked.practice)));
    }
    let AccountPage { portal, places, accounts, next } =
        walk::page(deps, &asked.practice, asked.cursor.as_deref()).await?;
    let mut deletion = Deletion { erased: 0, held: 0, deleted: false, cursor: next };
    let mut held = Vec::new();
    for account in &accounts {
        if person::erase(deps, account.id, None).await? {
            deletion.erased += 1;
        } else {
            held.push(account.id);
        }
    }
    deletion.held = held.len();
    // Entries of an earlier release lead nowhere now.
    let left = places.iter().filter(|place| !held.contains(&place.account));
    deps.store.delete_entries(&asked.practice, portal, left).await?;
    if deletion.cursor.is_none() && is_empty(deps, &asked.practice).await? {
        // Those that name no account.
        deps.store.delete_help_of_practice(&asked.practice).await?;
        let event = deps.event(&asked.practice, Action::PracticeDeleted)?;
        deletion.deleted = deps.store.delete_practice(&was, &event).await?.is_written();
    }
    Ok(deletion)
}

/// Whether a practice has no account any more.
async fn is_empty(deps: &Deps, practice: &Slug) -> Result<bool, OperatorError> {
    let mut cursor = None;
    loop {
        let page = walk::page(deps, practice, cursor.as_deref()).await?;
        if !page.places.is_empty() {
            return Ok(false);
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(true),
        }
    }
}
