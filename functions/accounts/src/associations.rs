//! This module serves `PUT` and `DELETE /v1/admin/accounts/{id}/associations/{account_id}`, which say who acts for a client, as what, and
//! until when.

use rekey::domain::account::{Account, Association, GuardianRole, MOST_LINKS};
use rekey::domain::event::{Action, Actor, Change, Event};
use rekey::domain::guardian::End;
use rekey::domain::permission::Staff;
use rekey::domain::practice::Portal;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, JSON_BODY, Operation};
use rekey::platform::clock::Timestamp;
use rekey::platform::ids::AccountId;
use rekey::store::accounts::Changed;
use rekey::store::race::until_written;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::caseload::check_line;

/// The guardian of a client.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAssociation {
    /// The relationship of the guardian to the client, such as `parent` or `guardian`: 1 to 60 characters.
    #[schema(min_length = 1, max_length = 60)]
    pub relationship: String,
    /// What the guardian does for the client, as the portal is to take it. When it is left out, the guardian acts.
    #[serde(default)]
    pub role: GuardianRole,
    /// The time at which the association ends by itself, such as the day of coming of age (RFC 3339). It must be still to come. Null, or
    /// left out: no end is known.
    #[serde(default)]
    #[schema(format = DateTime)]
    pub until: Option<String>,
}

impl NewAssociation {
    /// Checks the members. Returns the time of the end, if there is one.
    fn end(&self, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
        check_line("relationship", Some(&self.relationship))?;
        let Some(text) = &self.until else { return Ok(None) };
        let until = Timestamp::parse(text).filter(|until| *until > now);
        until.map(Some).ok_or_else(|| Problem::invalid("until", "must be an RFC 3339 time to come"))
    }
}

/// The operation `PUT /v1/admin/accounts/{id}/associations/{account_id}`.
pub struct Associate;

impl Operation for Associate {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] =
        &[JSON_BODY, &[ErrorCode::NotFound, ErrorCode::AccountClosed]];
}

/// Associates a client with a guardian
///
/// Both accounts show the association, and a search that finds one of them finds both. When they are associated already, the call
/// replaces the relationship, the role and the end. An account has at most 50 associations. At the time of `until` the association
/// ends as if staff had ended it.
#[utoipa::path(put, path = "/v1/admin/accounts/{id}/associations/{account_id}", impl_for = Associate, operation_id = "associate", tag = "staff",
    params(("id" = AccountId, Path, description = "The id of the client's account"), ("account_id" = AccountId, Path, description = "The id of the guardian's account")),
    request_body = NewAssociation,
    responses(
        (status = 204, description = "The accounts are associated")))]
pub async fn associate(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    until_written("associating accounts", || async {
        let staff = deps.staff(call).await?;
        let asked: NewAssociation = call.json()?;
        let now = deps.ambient.now();
        let until = asked.end(now)?;
        let pair = Pair::find(deps, &staff, call).await?;
        // Nobody acts for somebody who has died.
        if pair.client.is_of_deceased() {
            return Err(Problem::new(ErrorCode::AccountClosed));
        }
        if pair.is_overdue(now) {
            // What came to its end is ended first, so that a new time begins with nothing of the former one.
            let event =
                Event::new(&deps.ambient, &staff.practice.slug, Action::AssociationEnded, Actor::System)?;
            pair.end(deps, event, None).await?;
            return Ok(None);
        }
        let NewAssociation { relationship, role, .. } = asked;
        let of =
            |account, acts| Association { account, relationship: relationship.clone(), acts, role, until };
        let of_client = with_other(&pair.client, of(pair.guardian.id, true))?;
        let of_guardian = with_other(&pair.guardian, of(pair.client.id, false))?;
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

/// Ends an association between a client and a guardian
///
/// Neither account shows the association any more. Every link, code, temporary password and session of the client ends. Where the two
/// share a mailbox, the client's password ends as well and the account is frozen, nothing is mailed there for the client any more
/// (`mail` is `shared_mailbox`), and staff get a task to ask for an address of the client's own. The answer is 404 when the accounts
/// are not associated.
#[utoipa::path(delete, path = "/v1/admin/accounts/{id}/associations/{account_id}", impl_for = Dissociate, operation_id = "dissociate", tag = "staff",
    params(("id" = AccountId, Path, description = "The id of the client's account"), ("account_id" = AccountId, Path, description = "The id of the guardian's account")),
    responses(
        (status = 204, description = "The accounts are not associated")))]
pub async fn dissociate(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    until_written("ending an association", || async {
        let staff = deps.staff(call).await?;
        let pair = Pair::find(deps, &staff, call).await?.ordered()?;
        // It has ended already, and the next sweep records that.
        if pair.is_overdue(deps.ambient.now()) {
            return Err(Problem::new(ErrorCode::NotFound));
        }
        let event = deps.event(&staff, call, Action::AssociationEnded)?;
        let written = pair.end(deps, event, Some(&staff.account)).await?;
        Ok(written.then(Reply::empty))
    })
    .await
}

/// The associations of an account, with one added or changed.
fn with_other(account: &Account, entry: Association) -> Result<Vec<Association>, Problem> {
    let mut associations = account.associations.clone();
    if let Some(known) = associations.iter_mut().find(|known| known.account == entry.account) {
        if known.acts != entry.acts {
            return Err(Problem::invalid("account_id", "must not be a client of the account"));
        }
        *known = entry;
    } else if associations.len() >= MOST_LINKS {
        return Err(Problem::invalid("account_id", "an account has at most 50 associations"));
    } else {
        associations.push(entry);
    }
    Ok(associations)
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

    /// The pair as it is associated, whichever of the two the path names first.
    fn ordered(self) -> Result<Self, Problem> {
        let Self { staff, client, guardian } = self;
        match client.association_with(guardian.id).map(|entry| entry.acts) {
            Some(true) => Ok(Self { staff, client, guardian }),
            Some(false) => Ok(Self { staff, client: guardian, guardian: client }),
            None => Err(Problem::new(ErrorCode::NotFound)),
        }
    }

    /// Whether the time of the association has ended, and nobody has ended it yet.
    fn is_overdue(&self, now: Timestamp) -> bool {
        let entry = self.client.association_with(self.guardian.id);
        entry.is_some_and(|entry| entry.acts && entry.has_ended(now))
    }

    /// Ends the association in one transaction. Returns whether it was written; if not, another change came first.
    async fn end(&self, deps: &Deps, event: Event, staff: Option<&Account>) -> Result<bool, Problem> {
        let Self { client, guardian, .. } = self;
        let end = End::new(&deps.ambient, client, (guardian.id, Some(guardian)), event)?;
        Ok(deps.store.end_association(staff, (client, Some(guardian)), &end).await?.is_written())
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
        let entries = (client.association_with(guardian.id), new_client.association_with(guardian.id));
        let event = deps.event(staff, call, Action::AssociationChanged)?;
        let event = event.of(client.id, client.portal).and(guardian.id).with_changes(changes(entries));
        let changed =
            [Changed { old: client, new: &new_client }, Changed { old: guardian, new: &new_guardian }];
        let outcome = deps.store.update_accounts(Some(&staff.account), &changed, &event).await?;
        Ok(outcome.is_written().then(Reply::empty))
    }
}

/// The changes of an association, as they are recorded.
fn changes((old, new): (Option<&Association>, Option<&Association>)) -> Vec<Change> {
    let change = |member: &str, of: &dyn Fn(&Association) -> Option<String>| Change {
        member: member.to_owned(),
        from: old.and_then(of),
        to: new.and_then(of),
    };
    let relationship = change("association", &|entry| Some(entry.relationship.clone()));
    let role = change("role", &|entry| Some(entry.role.as_str().to_owned()));
    let until = change("until", &|entry| entry.until.map(|until| until.to_string()));
    // The role of somebody who is new and acts goes without saying.
    let more = [role, until].into_iter().filter(|change| {
        change.from != change.to && (change.from.is_some() || change.to.as_deref() != Some("acts"))
    });
    [relationship].into_iter().chain(more).collect()
}
