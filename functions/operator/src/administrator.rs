//! This module creates the first administrator of a practice.

use rekey::domain::account::{Account, NewAccount, Role, Setup};
use rekey::domain::event::Action;
use rekey::domain::identifier::{Email, NewUsername};
use rekey::domain::outbox::{OutboxItem, OutboxKind};
use rekey::domain::practice::{Portal, Slug, check_locale};
use rekey::domain::text::check_name;
use rekey::platform::ids::AccountId;
use rekey::store::names::{Records, Registered, Twins};
use serde::{Deserialize, Serialize};

use crate::{Created, Deps, OperatorError, find_practice};

/// The first administrator of a practice, who is mailed an invitation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateAdministrator {
    practice: Slug,
    username: NewUsername,
    email: Email,
    display_name: String,
    locale: Option<String>,
}

/// The outcome of creating an administrator.
#[derive(Debug, Serialize)]
pub(crate) struct AdministratorCreated {
    status: Created,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<AccountId>,
}

pub(crate) async fn create_administrator(
    deps: &Deps,
    asked: CreateAdministrator,
) -> Result<AdministratorCreated, OperatorError> {
    find_practice(deps, &asked.practice).await?;
    check_name(&asked.display_name)
        .map_err(|rule| OperatorError::Invalid(format!("display_name: {rule}")))?;
    check_locale(asked.locale.as_deref())
        .map_err(|rule| OperatorError::Invalid(format!("locale: {rule}")))?;
    let username = asked.username.of(Some(&asked.email));
    let new = NewAccount {
        practice: asked.practice,
        portal: Portal::Staff,
        username: username.map_err(|error| OperatorError::Invalid(format!("username: {error}")))?,
        display_name: asked.display_name,
        email: Some(asked.email),
    };
    let account = Account {
        locale: asked.locale,
        role: Some(Role::Admin),
        setup: Setup::Invited,
        ..Account::new(&deps.ambient, new)?.signing_in_by_email(true)
    };
    let kind = OutboxKind::Link { account: account.id, by: None };
    let invitation = OutboxItem::new(&deps.ambient, &account.practice, kind, None)?;
    let event = deps.event(&account.practice, Action::UserCreated)?.of(account.id, account.portal);
    let event = event.with_outbox(invitation.id);
    let records = Records { event: &event, invitation: Some(&invitation), mails: &[], staff: None };
    Ok(match deps.store.register(account, records, Twins::Refused).await? {
        Registered::Created { account, .. } => {
            AdministratorCreated { status: Created::Created, account: Some(account.id) }
        }
        Registered::Taken
        | Registered::AddressTaken
        | Registered::Disallowed
        | Registered::Limited { .. } => AdministratorCreated { status: Created::Exists, account: None },
    })
}
