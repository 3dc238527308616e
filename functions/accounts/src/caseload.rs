//! This module serves `PUT` and `DELETE /v1/admin/accounts/{id}/caseload/{staff_id}`, which say which members of staff look after
//! a client.

use rekey::domain::account::{Account, Assignment, MOST_LINKS};
use rekey::domain::event::{Action, Change};
use rekey::domain::permission::Staff;
use rekey::domain::practice::Portal;
use rekey::domain::text::is_line;
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

/// The role in which a member of staff looks after a client.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAssignment {
    /// The role in the practice's own words: 1 to 60 characters. Without it, the assignment has no role.
    #[schema(min_length = 1, max_length = 60)]
    pub role: Option<String>,
}

/// The operation `PUT /v1/admin/accounts/{id}/caseload/{staff_id}`.
pub struct Assign;

impl Operation for Assign {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[JSON_BODY, &[ErrorCode::NotFound]];
}

/// Puts a client on the caseload of a member of staff
///
/// When the client is on the caseload already, the call changes the role. The body may be left out. Where the practice scopes
/// staff by caseload, only an administrator may make this call. At most 50 members of staff look after one client.
#[utoipa::path(put, path = "/v1/admin/accounts/{id}/caseload/{staff_id}", impl_for = Assign, operation_id = "assign", tag = "staff",
    params(("id" = AccountId, Path, description = "The id of the client's account"), ("staff_id" = AccountId, Path, description = "The id of the account of the member of staff")),
    request_body = Option<NewAssignment>,
    responses(
        (status = 204, description = "The client is on the caseload")))]
pub async fn assign(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    until_written("changing a caseload", || async {
        let staff = deps.staff(call).await?;
        let asked: NewAssignment = call.json_or_default()?;
        check_line("role", asked.role.as_deref())?;
        staff.must_assign()?;
        let colleague = find_colleague(deps, &staff, call.parameter("staff_id")).await?;
        let client = find_client(deps, &staff, call).await?;
        let mut caseload = client.caseload.clone();
        if let Some(known) = caseload.iter_mut().find(|entry| entry.staff == colleague) {
            known.role = asked.role;
        } else if caseload.len() >= MOST_LINKS {
            return Err(Problem::invalid("staff_id", "a client has at most 50 members of staff"));
        } else {
            let assigned_at = deps.ambient.now();
            caseload.push(Assignment { staff: colleague, role: asked.role, assigned_at });
        }
        let change = CaseloadChange { staff: &staff, client: &client, colleague, caseload };
        change.write(deps, call).await
    })
    .await
}

/// The operation `DELETE /v1/admin/accounts/{id}/caseload/{staff_id}`.
pub struct Unassign;

impl Operation for Unassign {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[&[ErrorCode::InvalidRequest, ErrorCode::NotFound]];
}

/// Takes a client off the caseload of a member of staff
///
/// Where the practice scopes staff by caseload, only an administrator may make this call. The answer is 404 when the client is
/// not on the caseload.
#[utoipa::path(delete, path = "/v1/admin/accounts/{id}/caseload/{staff_id}", impl_for = Unassign, operation_id = "unassign", tag = "staff",
    params(("id" = AccountId, Path, description = "The id of the client's account"), ("staff_id" = AccountId, Path, description = "The id of the account of the member of staff")),
    responses(
        (status = 204, description = "The client is not on the caseload")))]
pub async fn unassign(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    until_written("changing a caseload", || async {
        let staff = deps.staff(call).await?;
        staff.must_assign()?;
        let colleague = call.parameter("staff_id").parse();
        let colleague: AccountId = colleague.map_err(|_| Problem::new(ErrorCode::NotFound))?;
        let client = find_client(deps, &staff, call).await?;
        let others = client.caseload.iter().filter(|entry| entry.staff != colleague);
        let caseload: Vec<Assignment> = others.cloned().collect();
        if caseload.len() == client.caseload.len() {
            return Err(Problem::new(ErrorCode::NotFound));
        }
        let change = CaseloadChange { staff: &staff, client: &client, colleague, caseload };
        change.write(deps, call).await
    })
    .await
}

/// The account of a member of staff of the caller's practice.
async fn find_colleague(deps: &Deps, staff: &Staff, id: &str) -> Result<AccountId, Problem> {
    let not_found = || Problem::new(ErrorCode::NotFound);
    let id: AccountId = id.parse().map_err(|_| not_found())?;
    let found = deps.store.find_account(id).await?.filter(|other| staff.is_colleague(other));
    found.map(|colleague| colleague.id).ok_or_else(not_found)
}

async fn find_client(deps: &Deps, staff: &Staff, call: &Call) -> Result<Account, Problem> {
    let client = deps.find_account(staff, call.parameter("id")).await?;
    match client.portal {
        Portal::Client => Ok(client),
        Portal::Staff => Err(Problem::invalid("id", "must be a client's account")),
    }
}

/// A change of the members of staff who look after a client.
struct CaseloadChange<'a> {
    staff: &'a Staff,
    client: &'a Account,
    /// The member of staff who is added or removed, or whose role changes.
    colleague: AccountId,
    caseload: Vec<Assignment>,
}

impl CaseloadChange<'_> {
    /// Writes the change. Returns `None` when another change came first.
    async fn write(self, deps: &Deps, call: &Call) -> Result<Option<Reply>, Problem> {
        let old = self.client;
        if self.caseload == old.caseload {
            return Ok(Some(Reply::empty()));
        }
        let new = old.with_caseload(self.caseload);
        let (from, to) = (role_of(old, self.colleague), role_of(&new, self.colleague));
        let change = Change { member: "caseload".to_owned(), from, to };
        let event = deps.event(self.staff, call, Action::CaseloadChanged)?;
        let event = event.of(new.id, new.portal).and(self.colleague).with_changes(vec![change]);
        let changed = Changed { old, new: &new };
        let outcome = deps.store.update_accounts(Some(&self.staff.account), &[changed], &event).await?;
        Ok(outcome.is_written().then(Reply::empty))
    }
}

/// The role in which a client is on a caseload: `assigned` when the assignment has no role, and `None` when there is no
/// assignment.
fn role_of(client: &Account, colleague: AccountId) -> Option<String> {
    let entry = client.caseload.iter().find(|entry| entry.staff == colleague)?;
    Some(entry.role.clone().unwrap_or_else(|| "assigned".to_owned()))
}

/// Checks the practice's own words for a role or a relationship.
pub(crate) fn check_line(member: &str, words: Option<&str>) -> Result<(), Problem> {
    if words.is_none_or(|words| is_line(words, 60)) {
        return Ok(());
    }
    Err(Problem::invalid(member, "must have 1 to 60 characters and no control characters"))
}
