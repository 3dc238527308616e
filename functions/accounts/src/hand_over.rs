//! This module serves `POST /v1/admin/accounts/{id}/hand-over`: the caseload of a member of staff goes to another one, in one call.
//!
//! Some clients go in each transaction. So a call that is interrupted has handed some over and left the rest, and whoever makes it
//! again goes on with these.

use http::StatusCode;
use rekey::domain::account::Account;
use rekey::domain::event::{Action, Change};
use rekey::domain::permission::Staff;
use rekey::domain::practice::Portal;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, JSON_BODY, Operation};
use rekey::platform::ids::AccountId;
use rekey::store::caseload::{HANDED_AT_ONCE, Handed};
use rekey::store::directory::Part;
use rekey::store::race::until_written;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Deps;

/// The clients that one call hands over.
const MOST: usize = 600;
/// The places of the caseload that are read at once.
const READ: i32 = 96;

/// The member of staff who gets the caseload.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Receiver {
    /// The id of the account of the member of staff. It must be open.
    #[schema(value_type = AccountId)]
    pub to: String,
}

/// How far a hand-over has come.
#[derive(Serialize, ToSchema)]
pub struct HandedOver {
    /// The number of clients that this call has handed over.
    pub moved: usize,
    /// Whether more clients are left on the caseload. When true, make the call again.
    pub more: bool,
}

/// The operation `POST /v1/admin/accounts/{id}/hand-over`.
pub struct HandOver;

impl Operation for HandOver {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] =
        &[JSON_BODY, &[ErrorCode::NotFound, ErrorCode::AccountClosed]];
}

/// Hands the caseload of a member of staff over to another one
///
/// Every client keeps the role that the first had for them. A client who is on both caseloads stays on the second as they are. The
/// first may be closed, the second must be open. Only administrators may make this call. It hands some 600 clients over at most, and
/// can be made again, also after it was interrupted.
#[utoipa::path(post, path = "/v1/admin/accounts/{id}/hand-over", impl_for = HandOver, operation_id = "handOverCaseload", tag = "staff",
    params(("id" = AccountId, Path, description = "The id of the account of the member of staff who has the caseload")),
    request_body = Receiver,
    responses(
        (status = 200, body = HandedOver)))]
pub async fn hand_over(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let staff = deps.staff(call).await?;
    let asked: Receiver = call.json()?;
    let from = deps.find_account(&staff, call.parameter("id")).await?;
    staff.must_be_admin()?;
    if from.portal != Portal::Staff {
        return Err(Problem::invalid("id", "must be the account of a member of staff"));
    }
    let move_to =
        Move { deps, call, from: from.id, to: find_receiver(deps, &staff, &from, &asked.to).await? };
    let (mut moved, mut after): (usize, Option<String>) = (0, None);
    loop {
        let part = Part { after: after.as_deref(), limit: READ };
        let places = deps.store.list_caseload(from.id, part).await?;
        let Some(last) = places.last().map(|place| place.entry.clone()) else {
            return Reply::json(StatusCode::OK, &HandedOver { moved, more: false });
        };
        if moved >= MOST {
            return Reply::json(StatusCode::OK, &HandedOver { moved, more: true });
        }
        let clients: Vec<AccountId> = places.iter().map(|place| place.account).collect();
        for some in clients.chunks(HANDED_AT_ONCE) {
            moved += move_to.hand(&staff, some).await?;
        }
        after = Some(last);
    }
}

/// The colleague who gets the caseload: another one of the practice, whose account is open.
async fn find_receiver(deps: &Deps, staff: &Staff, from: &Account, id: &str) -> Result<AccountId, Problem> {
    let id: AccountId = id.parse().map_err(|_| Problem::invalid("to", "must be the id of an account"))?;
    if id == from.id {
        return Err(Problem::invalid("to", "must be another member of staff"));
    }
    let found = deps.store.find_account(id).await?.filter(|other| staff.is_colleague(other));
    match found.ok_or_else(|| Problem::new(ErrorCode::NotFound))? {
        open if open.is_open() => Ok(open.id),
        _ => Err(Problem::new(ErrorCode::AccountClosed)),
    }
}

/// A caseload that is handed over.
struct Move<'a> {
    deps: &'a Deps,
    call: &'a Call,
    from: AccountId,
    to: AccountId,
}

impl Move<'_> {
    /// Hands some clients over, in one transaction, and when that is refused one after the other. Returns their number.
    async fn hand(&self, staff: &Staff, clients: &[AccountId]) -> Result<usize, Problem> {
        if let Some(moved) = self.try_hand(staff, clients).await? {
            return Ok(moved);
        }
        let mut moved = 0;
        for client in clients {
            moved += until_written("handing a client over", || async {
                let staff = self.deps.staff(self.call).await?;
                staff.must_be_admin()?;
                self.try_hand(&staff, std::slice::from_ref(client)).await
            })
            .await?;
        }
        Ok(moved)
    }

    /// Hands some clients over. `None` when another change came first.
    async fn try_hand(&self, staff: &Staff, clients: &[AccountId]) -> Result<Option<usize>, Problem> {
        let deps = self.deps;
        let now = deps.ambient.now();
        let mut handed = Vec::new();
        for old in deps.store.find_accounts(clients).await? {
            let Some(new) = old.handed_over(self.from, self.to, now) else { continue };
            let (from, to) = (Some(self.from.to_string()), Some(self.to.to_string()));
            let change = Change { member: "handed_over".to_owned(), from, to };
            let event = deps.event(staff, self.call, Action::CaseloadChanged)?;
            let event = event.of(old.id, old.portal).and(self.to).with_changes(vec![change]);
            handed.push(Handed { old, new, event });
        }
        if handed.is_empty() {
            return Ok(Some(0));
        }
        if deps.store.hand_over(&staff.account, self.to, &handed).await?.is_written() {
            return Ok(Some(handed.len()));
        }
        match deps.store.find_account(self.to).await?.filter(Account::is_open) {
            Some(_) => Ok(None),
            None => Err(Problem::new(ErrorCode::AccountClosed)),
        }
    }
}
