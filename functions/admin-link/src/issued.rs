//! This module serves `GET /v1/admin/accounts/{id}/issued`: what a member of staff has issued and nobody has used, so that whoever
//! closes them sees what ends with it.

use http::StatusCode;
use rekey::http::call::Call;
use rekey::http::page::{Size, cursor};
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, Operation, QUERY};
use rekey::platform::ids::{AccountId, TicketId};
use rekey::store::issued::Unused;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::tickets::{TicketFacts, TicketsQuery};

const PAGE: Size = Size { usual: 50, most: 100 };

/// A page of what a member of staff has issued and nobody has used.
#[derive(Serialize, ToSchema)]
pub struct IssuedList {
    /// The tickets that can still be used, the newest first.
    pub issued: Vec<IssuedFacts>,
    /// The `cursor` of the next page, or null at the end. A page may have fewer tickets than were asked for, or none.
    pub next_cursor: Option<TicketId>,
}

/// A ticket that a member of staff has issued and nobody has used.
#[derive(Serialize, ToSchema)]
pub struct IssuedFacts {
    /// The id of the account whose password the ticket sets.
    pub account: AccountId,
    /// Whether the member of staff had the link shown, to copy or to print it. Such a link ends with their account in any case.
    pub handed_over: bool,
    /// The ticket.
    pub ticket: TicketFacts,
}

/// The operation `GET /v1/admin/accounts/{id}/issued`.
pub struct ListIssued;

impl Operation for ListIssued {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[QUERY, &[ErrorCode::NotFound]];
}

/// Lists what a member of staff has issued and nobody has used
///
/// These are the links, invitations and temporary passwords that closing the member of staff revokes. Only administrators may make
/// this call. An invitation that still waits for its mail is not in the list, and is revoked too.
#[utoipa::path(get, path = "/v1/admin/accounts/{id}/issued", impl_for = ListIssued, operation_id = "listIssued", tag = "staff",
    params(("id" = AccountId, Path, description = "The id of the account of the member of staff"), TicketsQuery),
    responses(
        (status = 200, body = IssuedList)))]
pub async fn list_issued(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let staff = deps.staff(call).await?;
    let colleague = deps.find_account(&staff, call.parameter("id")).await?;
    staff.must_be_admin()?;
    let now = deps.ambient.now();
    let asked: TicketsQuery = call.query()?;
    let limit = PAGE.parse(asked.limit.as_deref())?;
    let page = deps.store.page_of_issued(colleague.id, cursor(asked.cursor.as_deref())?, limit).await?;
    let facts = |unused: Unused| match unused {
        Unused::Open(found) => Some(IssuedFacts {
            account: found.account.id,
            handed_over: found.ticket.shown_to().is_some(),
            ticket: TicketFacts::of(&found.ticket, &found.account, now),
        }),
        Unused::Awaited(_) => None,
    };
    let issued = deps.store.find_unused(&page.entries).await?.into_iter().filter_map(facts).collect();
    let next_cursor = page.entries.last().filter(|_| page.more).map(|place| place.ticket);
    Reply::json(StatusCode::OK, &IssuedList { issued, next_cursor })
}
