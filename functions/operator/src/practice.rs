//! This module creates a practice, and sets its bounds and its tenant.

use rekey::domain::event::{Action, Change};
use rekey::domain::practice::{Domain, Practice, Sender, Slug, Tenant};
use rekey::store::practices::PracticeUpdate;
use rekey::store::race::until_written;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::senders::{Verified, verify};
use crate::{Created, Deps, OperatorError};

/// The practice to be created, with its settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreatePractice {
    practice: Value,
}

/// The outcome of creating a practice.
#[derive(Debug, Serialize)]
pub(crate) struct PracticeCreated {
    status: Created,
    /// What SES says of its senders, if it is new and has some.
    #[serde(flatten)]
    verified: Option<Verified>,
}

pub(crate) async fn create_practice(
    deps: &Deps,
    asked: &CreatePractice,
) -> Result<PracticeCreated, OperatorError> {
    let practice = Practice::parse(&asked.practice, deps.portal_scheme)?.at(deps.store.pages())?;
    if practice.brand.logo.is_some() {
        return Err(OperatorError::Invalid("brand.logo: is given by its administrators".to_owned()));
    }
    let event = deps.event(&practice.slug, Action::PracticeCreated)?;
    let written = deps.store.create_practice(&practice, &event).await?.is_written();
    if !written {
        return Ok(PracticeCreated { status: Created::Exists, verified: None });
    }
    Ok(PracticeCreated { status: Created::Created, verified: verify(deps, &practice).await })
}

/// The bounds of a practice's settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetDomains {
    practice: Slug,
    /// The domains within which the addresses of its portals and of its support must lie.
    domains: Vec<Domain>,
    /// The addresses that its sender may be.
    #[serde(default)]
    senders: Vec<Sender>,
}

/// The bounds of a practice's settings, as they are now.
#[derive(Debug, Serialize)]
pub(crate) struct Bounds {
    domains: Vec<Domain>,
    senders: Vec<Sender>,
    /// What SES says of the senders, if there are some.
    #[serde(flatten)]
    verified: Option<Verified>,
}

/// Sets the bounds. What the practice's settings are now must lie within them.
pub(crate) async fn set_domains(deps: &Deps, asked: &SetDomains) -> Result<Bounds, OperatorError> {
    if asked.domains.is_empty() {
        return Err(OperatorError::Invalid("domains: must have at least one".to_owned()));
    }
    let becomes = until_written("setting the domains of a practice", || async {
        let was = deps.store.find_settings(&asked.practice).await?;
        let was = was.ok_or_else(|| OperatorError::UnknownPractice(asked.practice.clone()))?;
        let (domains, senders) = (asked.domains.clone(), asked.senders.clone());
        let becomes = Practice { domains, senders, ..was.practice.clone() };
        becomes.check(deps.portal_scheme)?;
        let changes = [
            change("domains", &was.practice.domains, &becomes.domains),
            change("senders", &was.practice.senders, &becomes.senders),
        ];
        let event = deps.event(&asked.practice, Action::PracticeUpdated)?;
        let event = event.with_changes(changes.into_iter().flatten().collect());
        let update = PracticeUpdate { was: &was, becomes: &becomes, event: &event, mails: &[] };
        let is_done =
            event.changes.is_empty() || deps.store.update_practice(None, &update).await?.is_written();
        Ok::<_, OperatorError>(is_done.then_some(becomes))
    })
    .await?;
    let verified = verify(deps, &becomes).await;
    let Practice { domains, senders, .. } = becomes;
    Ok(Bounds { domains, senders, verified })
}

/// The tenant of SES that a practice's mails are sent by.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetTenant {
    practice: Slug,
    /// None sends without a tenant, as before.
    tenant: Option<Tenant>,
}

/// The tenant, as it is now.
#[derive(Debug, Serialize)]
pub(crate) struct TenantSet {
    tenant: Option<Tenant>,
}

/// Sets the tenant, which must be there and hold the senders and the configuration set.
pub(crate) async fn set_tenant(deps: &Deps, asked: &SetTenant) -> Result<TenantSet, OperatorError> {
    until_written("setting the tenant of a practice", || async {
        let was = deps.store.find_settings(&asked.practice).await?;
        let was = was.ok_or_else(|| OperatorError::UnknownPractice(asked.practice.clone()))?;
        let becomes = Practice { tenant: asked.tenant.clone(), ..was.practice.clone() };
        let list = |practice: &Practice| practice.tenant.iter().cloned().collect::<Vec<_>>();
        let Some(change) = change("tenant", &list(&was.practice), &list(&becomes)) else {
            return Ok(Some(TenantSet { tenant: becomes.tenant }));
        };
        let event = deps.event(&asked.practice, Action::PracticeUpdated)?.with_changes(vec![change]);
        let update = PracticeUpdate { was: &was, becomes: &becomes, event: &event, mails: &[] };
        let is_written = deps.store.update_practice(None, &update).await?.is_written();
        Ok(is_written.then_some(TenantSet { tenant: becomes.tenant }))
    })
    .await
}

fn change<T: Clone + Into<String> + PartialEq>(member: &str, from: &[T], to: &[T]) -> Option<Change> {
    let text = |list: &[T]| list.iter().cloned().map(Into::into).collect::<Vec<String>>().join(", ");
    let (from_text, to_text) = (Some(text(from)), Some(text(to)));
    (from != to).then(|| Change { member: member.to_owned(), from: from_text, to: to_text })
}
