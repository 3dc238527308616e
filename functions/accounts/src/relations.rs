//! Caseloads and associations of an account.

use rekey::account::{Account, Assignment, Association, is_line};
use rekey::event::{Action, Change, Event};
use rekey::http::problem::{Code, Problem, ProblemBody};
use rekey::http::{Answer, Call};
use rekey::ids::AccountId;
use rekey::practice::Portal;
use rekey::staff::Staff;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Deps;

/// Members of staff who look after one client, and accounts that one is associated with: one item holds them.
const MOST: usize = 50;
/// Rounds of losing to another change.
const ROUNDS: usize = 5;

/// How a member of staff looks after a client.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAssignment {
    /// In the practice's words, 1 to 60 characters.
    pub role: Option<String>,
}

/// Puts a client on a caseload, or changes the role there. The body may be left out.
#[utoipa::path(put, path = "/v1/admin/accounts/{id}/caseload/{staff_id}", operation_id = "assign", tag = "staff",
    params(("id" = String, Path, description = "The client"), ("staff_id" = String, Path, description = "The member of staff")),
    request_body = Option<NewAssignment>,
    responses(
        (status = 204, description = "The client is on the caseload"),
        (status = 400, description = "`malformed_json`, `invalid_request`", body = ProblemBody),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 403, description = "`forbidden`, `password_change_required`", body = ProblemBody),
        (status = 404, description = "`not_found`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn assign(deps: &Deps, call: &Call, id: &str, staff_id: &str) -> Result<Answer, Problem> {
    let staff = deps.staff(call).await?;
    let asked: NewAssignment = call.json_or_default()?;
    check_words("role", asked.role.as_deref())?;
    may_assign(&staff)?;
    let who = colleague(deps, &staff, staff_id).await?;
    let assigned_at = deps.ambient.now();
    let change = |client: &Account| {
        let mut caseload = client.caseload.clone();
        if let Some(known) = caseload.iter_mut().find(|entry| entry.staff == who.id) {
            known.role.clone_from(&asked.role);
        } else if caseload.len() >= MOST {
            return Err(Problem::invalid("staff_id", "must be one of at most 50 for a client"));
        } else {
            caseload.push(Assignment { staff: who.id, role: asked.role.clone(), assigned_at });
        }
        Ok(caseload)
    };
    change_caseload(deps, call, &staff, id, who.id, change).await
}

/// Takes a client off a caseload.
#[utoipa::path(delete, path = "/v1/admin/accounts/{id}/caseload/{staff_id}", operation_id = "unassign", tag = "staff",
    params(("id" = String, Path, description = "The client"), ("staff_id" = String, Path, description = "The member of staff")),
    responses(
        (status = 204, description = "The client is not on the caseload"),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 403, description = "`forbidden`, `password_change_required`", body = ProblemBody),
        (status = 404, description = "`not_found`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn unassign(deps: &Deps, call: &Call, id: &str, staff_id: &str) -> Result<Answer, Problem> {
    let staff = deps.staff(call).await?;
    may_assign(&staff)?;
    let who: AccountId = staff_id.parse().map_err(|_| Problem::new(Code::NotFound))?;
    let change = |client: &Account| {
        let kept: Vec<Assignment> =
            client.caseload.iter().filter(|entry| entry.staff != who).cloned().collect();
        if kept.len() == client.caseload.len() { Err(Problem::new(Code::NotFound)) } else { Ok(kept) }
    };
    change_caseload(deps, call, &staff, id, who, change).await
}

/// Who sees only a caseload must not be able to put anybody on it.
fn may_assign(staff: &Staff) -> Result<(), Problem> {
    if staff.is_scoped() { Err(Problem::new(Code::Forbidden)) } else { Ok(()) }
}

/// A member of staff of the caller's practice.
async fn colleague(deps: &Deps, staff: &Staff, id: &str) -> Result<Account, Problem> {
    let not_found = || Problem::new(Code::NotFound);
    let id: AccountId = id.parse().map_err(|_| not_found())?;
    let found = deps.store.find_account(id).await?;
    let is_colleague =
        |other: &Account| other.practice == staff.practice.slug && other.portal == Portal::Staff;
    found.filter(is_colleague).ok_or_else(not_found)
}

async fn change_caseload(
    deps: &Deps,
    call: &Call,
    staff: &Staff,
    id: &str,
    who: AccountId,
    change: impl Fn(&Account) -> Result<Vec<Assignment>, Problem>,
) -> Result<Answer, Problem> {
    for _ in 0..ROUNDS {
        let old = staff.find(&deps.store, id).await?;
        if old.portal != Portal::Client {
            return Err(Problem::invalid("id", "must be a client's account"));
        }
        let caseload = change(&old)?;
        if caseload == old.caseload {
            return Ok(Answer::empty());
        }
        let new = Account { caseload, revision: old.revision + 1, ..old.clone() };
        let change =
            Change { member: "caseload".to_owned(), from: role_of(&old, who), to: role_of(&new, who) };
        let event = staff.event(&deps.ambient, call, Action::CaseloadChanged)?;
        let event = event.of(new.id, new.portal).and(who).with_changes(vec![change]);
        if deps.store.update_accounts(&staff.account, &[(&old, &new)], &event).await?.is_written() {
            return Ok(Answer::empty());
        }
    }
    Err(Problem::unavailable("changing a caseload", "the account kept changing"))
}

/// The role in which a client is on a caseload; one without a role is assigned all the same.
fn role_of(client: &Account, who: AccountId) -> Option<String> {
    let entry = client.caseload.iter().find(|entry| entry.staff == who)?;
    Some(entry.role.clone().unwrap_or_else(|| "assigned".to_owned()))
}

/// What the one who acts is to the client.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAssociation {
    /// parent, guardian, …: 1 to 60 characters.
    pub relationship: String,
}

/// Associates a client with an account that acts for it. Both show it.
#[utoipa::path(put, path = "/v1/admin/accounts/{id}/associations/{account_id}", operation_id = "associate", tag = "staff",
    params(("id" = String, Path, description = "The client"), ("account_id" = String, Path, description = "The account that acts for the client")),
    request_body = NewAssociation,
    responses(
        (status = 204, description = "The accounts are associated"),
        (status = 400, description = "`malformed_json`, `invalid_request`", body = ProblemBody),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 403, description = "`forbidden`, `password_change_required`", body = ProblemBody),
        (status = 404, description = "`not_found`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn associate(deps: &Deps, call: &Call, id: &str, other: &str) -> Result<Answer, Problem> {
    let staff = deps.staff(call).await?;
    let asked: NewAssociation = call.json()?;
    check_words("relationship", Some(&asked.relationship))?;
    let relationship = asked.relationship;
    change_pair(deps, call, &staff, (id, other), |account, other, acts| {
        let mut associations = account.associations.clone();
        let entry = Association { account: other, relationship: relationship.clone(), acts };
        if let Some(known) = associations.iter_mut().find(|entry| entry.account == other) {
            *known = entry;
        } else if associations.len() >= MOST {
            return Err(Problem::invalid("account_id", "must be one of at most 50 for an account"));
        } else {
            associations.push(entry);
        }
        Ok(associations)
    })
    .await
}

/// Ends an association.
#[utoipa::path(delete, path = "/v1/admin/accounts/{id}/associations/{account_id}", operation_id = "dissociate", tag = "staff",
    params(("id" = String, Path, description = "The client"), ("account_id" = String, Path, description = "The account that acts for the client")),
    responses(
        (status = 204, description = "The accounts are not associated"),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 403, description = "`forbidden`, `password_change_required`", body = ProblemBody),
        (status = 404, description = "`not_found`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn dissociate(deps: &Deps, call: &Call, id: &str, other: &str) -> Result<Answer, Problem> {
    let staff = deps.staff(call).await?;
    change_pair(deps, call, &staff, (id, other), |account, other, _| {
        let kept = without(account, other);
        if kept.len() == account.associations.len() { Err(Problem::new(Code::NotFound)) } else { Ok(kept) }
    })
    .await
}

fn relationship_of(account: &Account, other: AccountId) -> Option<String> {
    account.associations.iter().find(|entry| entry.account == other).map(|entry| entry.relationship.clone())
}

fn without(account: &Account, other: AccountId) -> Vec<Association> {
    account.associations.iter().filter(|entry| entry.account != other).cloned().collect()
}

/// Changes what two clients' accounts say of each other, in one transaction.
async fn change_pair(
    deps: &Deps,
    call: &Call,
    staff: &Staff,
    (id, other): (&str, &str),
    change: impl Fn(&Account, AccountId, bool) -> Result<Vec<Association>, Problem>,
) -> Result<Answer, Problem> {
    for _ in 0..ROUNDS {
        let (client, actor) = (staff.find(&deps.store, id).await?, staff.find(&deps.store, other).await?);
        if client.id == actor.id || client.portal != Portal::Client || actor.portal != Portal::Client {
            return Err(Problem::invalid("account_id", "must be another client's account"));
        }
        let change_one = |account: &Account, other: AccountId, acts: bool| {
            let associations = change(account, other, acts)?;
            Ok::<_, Problem>(Account { associations, revision: account.revision + 1, ..account.clone() })
        };
        let new_client = change_one(&client, actor.id, true)?;
        let new_actor = change_one(&actor, client.id, false)?;
        if new_client.associations == client.associations && new_actor.associations == actor.associations {
            return Ok(Answer::empty());
        }
        let event: Event = staff.event(&deps.ambient, call, Action::AssociationChanged)?;
        let (from, to) = (relationship_of(&client, actor.id), relationship_of(&new_client, actor.id));
        let change = Change { member: "association".to_owned(), from, to };
        let event = event.of(client.id, client.portal).and(actor.id).with_changes(vec![change]);
        let changed = [(&client, &new_client), (&actor, &new_actor)];
        if deps.store.update_accounts(&staff.account, &changed, &event).await?.is_written() {
            return Ok(Answer::empty());
        }
    }
    Err(Problem::unavailable("associating accounts", "they kept changing"))
}

fn check_words(member: &str, words: Option<&str>) -> Result<(), Problem> {
    if words.is_none_or(|words| is_line(words, 60)) {
        return Ok(());
    }
    Err(Problem::invalid(member, "must have 1 to 60 characters and no control characters"))
}
