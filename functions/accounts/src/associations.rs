//! This module serves `PUT` and `DELETE /v1/admin/accounts/{id}/associations/{account_id}`, which say who acts for a client.

use rekey::domain::account::{Account, Association, MOST_LINKS};
use rekey::domain::event::{Action, Change};
use rekey::domain::permission::Staff;
use rekey::domain::practice::Portal;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, JSON_BODY, Operation};
use rekey::platform::ids::AccountId;
use rekey::store::accounts::Changed;
use rekey::store::race::until_written;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::caseload::check_line;

/// The relationship of a person who acts to the client.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAssociation {
    /// The relationship of the person who acts to the client, such as `parent` or `guardian`: 1 to 60 characters.
    #[schema(min_length = 1, max_length = 60)]
    pub relationship: String,
}

/// The operation `PUT /v1/admin/accounts/{id}/associations/{account_id}`.
pub struct Associate;

impl Operation for Associate {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[JSON_BODY, &[ErrorCode::NotFound]];
}

/// Associates a client with an account that acts for the client
///
/// Both accounts show the association, and a search that finds one of them finds both. When they are associated already, the call
/// changes the relationship. An account has at most 50 associations.
#[utoipa::path(put, path = "/v1/admin/accounts/{id}/associations/{account_id}", impl_for = Associate, operation_id = "associate", tag = "staff",
    params(("id" = AccountId, Path, description = "The id of the client's account"), ("account_id" = AccountId, Path, description = "The id of the account that acts for the client")),
    request_body = NewAssociation,
    responses(
        (status = 204, description = "The accounts are associated")))]
pub async fn associate(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    until_written("associating accounts", || async {
        let staff = deps.staff(call).await?;
        let asked: NewAssociation = call.json()?;
        check_line("relationship", Some(&asked.relationship))?;
        let pair = Pair::find(deps, &staff, call).await?;
        let of_client = with_other(&pair.client, pair.guardian.id, &asked.relationship, true)?;
        let of_guardian = with_other(&pair.guardian, pair.client.id, &asked.relationship, false)?;
        pair.write(deps, call, of_client, of_guardian).await
    })
    .await
}

/// The operation `DELETE /v1/admin/accounts/{id}/associations/{account_id}`.
pub struct Dissociate;

impl Operation for Dissociate {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[&[ErrorCode::InvalidRequest, ErrorCode::NotFound]];
}

/// Ends an association between two accounts
///
/// Neither account shows the association any more. The answer is 404 when the accounts are not associated.
#[utoipa::path(delete, path = "/v1/admin/accounts/{id}/associations/{account_id}", impl_for = Dissociate, operation_id = "dissociate", tag = "staff",
    params(("id" = AccountId, Path, description = "The id of the client's account"), ("account_id" = AccountId, Path, description = "The id of the account that acts for the client")),
    responses(
        (status = 204, description = "The accounts are not associated")))]
pub async fn dissociate(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    until_written("associating accounts", || async {
        let staff = deps.staff(call).await?;
        let pair = Pair::find(deps, &staff, call).await?;
        let of_client = without_other(&pair.client, pair.guardian.id)?;
        let of_guardian = without_other(&pair.guardian, pair.client.id)?;
        pair.write(deps, call, of_client, of_guardian).await
    })
    .await
}

/// The associations of an account, with one added or its relationship changed.
fn with_other(
    account: &Account,
    other: AccountId,
    relationship: &str,
    acts: bool,
) -> Result<Vec<Association>, Problem> {
    let mut associations = account.associations.clone();
    let entry = Association { account: other, relationship: relationship.to_owned(), acts };
    if let Some(known) = associations.iter_mut().find(|entry| entry.account == other) {
        *known = entry;
    } else if associations.len() >= MOST_LINKS {
        return Err(Problem::invalid("account_id", "an account has at most 50 associations"));
    } else {
        associations.push(entry);
    }
    Ok(associations)
}

/// The associations of an account, without one of them.
fn without_other(account: &Account, other: AccountId) -> Result<Vec<Association>, Problem> {
    let kept: Vec<Association> =
        account.associations.iter().filter(|entry| entry.account != other).cloned().collect();
    if kept.len() == account.associations.len() { Err(Problem::new(ErrorCode::NotFound)) } else { Ok(kept) }
}

/// A client and an account that acts, or is to act, for the client.
struct Pair<'a> {
    staff: &'a Staff,
    client: Account,
    guardian: Account,
}

impl<'a> Pair<'a> {
    async fn find(deps: &Deps, staff: &'a Staff, call: &Call) -> Result<Self, Problem> {
        let client = deps.find_account(staff, call.parameter("id")).await?;
        let guardian = deps.find_account(staff, call.parameter("account_id")).await?;
        let clients = client.portal == Portal::Client && guardian.portal == Portal::Client;
        if client.id == guardian.id || !clients {
            return Err(Problem::invalid("account_id", "must be another client's account"));
        }
        Ok(Self { staff, client, guardian })
    }

    /// Writes the associations of both accounts in one transaction. Returns `None` when another change came first.
    async fn write(
        &self,
        deps: &Deps,
        call: &Call,
        of_client: Vec<Association>,
        of_guardian: Vec<Association>,
    ) -> Result<Option<Reply>, Problem> {
        let Self { staff, client, guardian } = self;
        if of_client == client.associations && of_guardian == guardian.associations {
            return Ok(Some(Reply::empty()));
        }
        let new_client = client.with_associations(of_client);
        let new_guardian = guardian.with_associations(of_guardian);
        let (from, to) = (relationship_of(client, guardian.id), relationship_of(&new_client, guardian.id));
        let change = Change { member: "association".to_owned(), from, to };
        let event = deps.event(staff, call, Action::AssociationChanged)?;
        let event = event.of(client.id, client.portal).and(guardian.id).with_changes(vec![change]);
        let changed =
            [Changed { old: client, new: &new_client }, Changed { old: guardian, new: &new_guardian }];
        let outcome = deps.store.update_accounts(Some(&staff.account), &changed, &event).await?;
        Ok(outcome.is_written().then(Reply::empty))
    }
}

fn relationship_of(account: &Account, other: AccountId) -> Option<String> {
    account.associations.iter().find(|entry| entry.account == other).map(|entry| entry.relationship.clone())
}
