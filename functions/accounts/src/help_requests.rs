//! The help requests of people whose mail does not come: `GET /v1/admin/help-requests`, and what staff do with one.
//!
//! Whoever may see one of a request's accounts may act on the request. It shows what the person typed, and opens nothing: with a
//! link or another address staff help in the ways that they have for an account.

use http::StatusCode;
use rekey::domain::account::Account;
use rekey::domain::event::{Action, Event};
use rekey::domain::help::{Act, Candidate, Cause, HelpRequest, Reach, State, TooLate, Why};
use rekey::domain::permission::Staff;
use rekey::domain::practice::{Portal, RecoveryMethod};
use rekey::domain::proof::check_note;
use rekey::http::call::Call;
use rekey::http::page::{Size, cursor};
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, JSON_BODY, Operation, QUERY};
use rekey::platform::clock::Timestamp;
use rekey::platform::ids::{AccountId, EventId, HelpId, OutboxId};
use rekey::store::help::HelpList;
use rekey::store::race::until_written;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Deps;

const PAGE: Size = Size { usual: 25, most: 50 };

/// The help requests that are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct HelpQuery {
    /// The portal at which people asked. The default is `client`.
    #[serde(default)]
    pub portal: Portal,
    /// The progress. The default is `open`.
    #[serde(default)]
    pub state: State,
    /// The largest number of help requests on the page: 1 to 50, 25 by default.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 50)]
    pub limit: Option<String>,
    /// The `next_cursor` of the page before. Leave it out for the first page.
    #[param(value_type = Option<HelpId>)]
    pub cursor: Option<String>,
}

/// A page of help requests.
#[derive(Debug, Serialize, ToSchema)]
pub struct HelpRequestsPage {
    /// The help requests. Of those that are `open` or `taken`, the one that waits longest comes first; of those that are `done` or
    /// `refused`, the latest.
    pub help_requests: Vec<HelpRequestFacts>,
    /// The `cursor` of the next page, or null at the end. A page can be short, or even empty, and still have a next page.
    pub next_cursor: Option<HelpId>,
}

/// A help request, as staff see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HelpRequest)]
pub struct HelpRequestFacts {
    /// The id of the help request.
    pub id: HelpId,
    /// The portal at which the person asked.
    pub portal: Portal,
    /// The progress.
    pub state: State,
    /// The reason for which staff are asked.
    pub cause: Cause,
    /// The way in which the person asks to be reached, or null when nobody has asked for it. Call back at the number in the practice's
    /// own record only.
    pub reach: Option<Reach>,
    /// The username or the address that the person typed, in its canonical form, or null when it is about no recovery. Nobody has
    /// proven that it is theirs.
    pub identifier: Option<String>,
    /// The way to recover that the person asked for, or null when it is about no recovery.
    pub method: Option<RecoveryMethod>,
    /// The time at which the person asked for a recovery (RFC 3339, UTC), or null when it is about none.
    #[schema(format = DateTime)]
    pub requested_at: Option<String>,
    /// The time at which staff were asked (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub asked_at: String,
    /// The accounts that it would be, as far as the caller may see them.
    pub accounts: Vec<HelpAccount>,
    /// Whether no account had the identifier when the person asked.
    pub no_such_name: bool,
    /// The id of the account of the member of staff who acted last, or null while nobody has.
    pub by: Option<AccountId>,
    /// The time of the last act (RFC 3339, UTC), or null while nobody has acted.
    #[schema(format = DateTime)]
    pub acted_at: Option<String>,
    /// The last note of staff, or null when there is none.
    pub note: Option<String>,
}

/// An account that the person may have meant.
#[derive(Debug, Serialize, ToSchema)]
pub struct HelpAccount {
    /// The id of the account.
    pub id: AccountId,
    /// The username, as the account's owner writes it.
    pub username: String,
    /// The name of the account's owner.
    pub display_name: String,
    /// The reason why no mail came.
    pub why: Why,
}

impl HelpRequestFacts {
    fn of(request: &HelpRequest, staff: &Staff, accounts: &[Account]) -> Self {
        let seen = |id: AccountId| accounts.iter().find(|own| own.id == id && staff.sees(own));
        let shown = request.accounts.iter().filter_map(|candidate| {
            let account = seen(candidate.account)?;
            Some(HelpAccount {
                id: account.id,
                username: account.username.as_str().to_owned(),
                display_name: account.display_name.clone(),
                why: candidate.why,
            })
        });
        let sought = request.sought.as_ref();
        Self {
            id: request.id,
            portal: request.portal,
            state: request.state,
            cause: request.cause,
            reach: request.reach,
            identifier: sought.map(|sought| sought.identifier.as_str().to_owned()),
            method: sought.map(|sought| sought.method),
            requested_at: sought.map(|sought| sought.requested_at.to_string()),
            asked_at: request.asked_at.to_string(),
            accounts: shown.collect(),
            no_such_name: request.accounts.is_empty(),
            by: request.by,
            acted_at: request.acted_at.as_ref().map(Timestamp::to_string),
            note: request.note.clone(),
        }
    }
}

/// The operation `GET /v1/admin/help-requests`.
pub struct ListHelpRequests;

impl Operation for ListHelpRequests {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[QUERY];
}

/// Lists the help requests of people whose mail does not come
///
/// Staff list those of the client portal. If the practice scopes by caseload, staff who are not administrators list those of the
/// clients of their caseload, and none that names no account. Only administrators list those of the staff portal. Nobody has proven
/// anything with a help request: call back at the number in the practice's own record, never at one that the person gives. A request
/// leaves the list after 30 days, or 30 days after its end.
#[utoipa::path(get, path = "/v1/admin/help-requests", impl_for = ListHelpRequests, operation_id = "listHelpRequests", tag = "staff",
    params(HelpQuery),
    responses(
        (status = 200, body = HelpRequestsPage)))]
pub async fn list_help_requests(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let staff = deps.staff(call).await?;
    let asked: HelpQuery = call.query()?;
    staff.must_manage(asked.portal)?;
    let limit = PAGE.parse(asked.limit.as_deref())?;
    let after = cursor(asked.cursor.as_deref())?;
    let list = HelpList { practice: &staff.practice.slug, portal: asked.portal, state: asked.state };
    let page = deps.store.list_help(list, after, limit).await?;
    let ids = page.requests.iter().flat_map(|request| request.accounts.iter().map(|named| named.account));
    let accounts = deps.store.find_accounts(&ids.collect::<Vec<_>>()).await?;
    let seen = page.requests.iter().filter(|request| staff.sees_help(request, &accounts));
    let help_requests = seen.map(|request| HelpRequestFacts::of(request, &staff, &accounts)).collect();
    Reply::json(StatusCode::OK, &HelpRequestsPage { help_requests, next_cursor: page.next })
}

/// What a member of staff does with a help request.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HelpAction {
    /// The act.
    pub action: Act,
    /// A note for colleagues: 1 to 200 characters. It is recorded, and must not contain health data or the number of a
    /// document, so it has at most four digits.
    #[schema(min_length = 1, max_length = 200)]
    pub note: Option<String>,
}

impl HelpAction {
    fn note(&self) -> Result<Option<String>, Problem> {
        let Some(note) = self.note.as_deref().map(str::trim) else { return Ok(None) };
        check_note(note).map_err(|rule| Problem::invalid("note", rule))?;
        Ok(Some(note.to_owned()))
    }
}

/// The operation `POST /v1/admin/help-requests/{id}`.
pub struct ActOnHelpRequest;

impl Operation for ActOnHelpRequest {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] =
        &[JSON_BODY, &[ErrorCode::NotFound, ErrorCode::HelpRequestTaken, ErrorCode::HelpRequestSettled]];
}

/// Takes or settles a help request
///
/// `take` says that the caller sees to it. A request that a colleague has taken answers 409. `done` and `refuse` settle it: whoever
/// sees it may do so, also when a colleague has taken it. A settled request answers 409 to everything. Who has done the same before
/// gets the answer 200 again. Each act is recorded.
#[utoipa::path(post, path = "/v1/admin/help-requests/{id}", impl_for = ActOnHelpRequest, operation_id = "actOnHelpRequest", tag = "staff",
    params(("id" = HelpId, Path, description = "The id of the help request")),
    request_body = HelpAction,
    responses(
        (status = 200, body = HelpRequestFacts)))]
pub async fn act_on_help_request(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    until_written("acting on a help request", || async {
        let staff = deps.staff(call).await?;
        let asked: HelpAction = call.json()?;
        let (old, accounts) = find(deps, &staff, call.parameter("id")).await?;
        let now = deps.ambient.now();
        let note = asked.note()?;
        let after = old.after(asked.action, staff.account.id, note.clone(), now).map_err(too_late)?;
        let Some(new) = after else { return shown(&old, &staff, &accounts).map(Some) };
        let event = deps.event(&staff, call, action_of(new.state))?.with_note(note);
        let events = events(deps, &new, &event.with_outbox(OutboxId::from(new.id)))?;
        if !deps.store.change_help(&staff.account, (&old, &new), &events).await?.is_written() {
            return Ok(None);
        }
        let (help, state, waited) = (new.id.to_string(), new.state.as_str(), new.waited(now));
        tracing::info!(event = "help_request_acted_on", help, state, waited);
        shown(&new, &staff, &accounts).map(Some)
    })
    .await
}

/// Finds a help request that a member of staff may see, with the accounts that it names.
async fn find(deps: &Deps, staff: &Staff, id: &str) -> Result<(HelpRequest, Vec<Account>), Problem> {
    let not_found = || Problem::new(ErrorCode::NotFound);
    let id: HelpId = id.parse().map_err(|_| not_found())?;
    let found = deps.store.find_help(&staff.practice.slug, id).await?.ok_or_else(not_found)?;
    let ids: Vec<AccountId> = found.accounts.iter().map(|named| named.account).collect();
    let accounts = deps.store.find_accounts(&ids).await?;
    if staff.sees_help(&found, &accounts) { Ok((found, accounts)) } else { Err(not_found()) }
}

fn too_late(late: TooLate) -> Problem {
    Problem::new(match late {
        TooLate::Taken => ErrorCode::HelpRequestTaken,
        TooLate::Settled => ErrorCode::HelpRequestSettled,
    })
}

const fn action_of(state: State) -> Action {
    match state {
        State::Open | State::Taken => Action::HelpTaken,
        State::Done => Action::HelpDone,
        State::Refused => Action::HelpRefused,
    }
}

/// The events of an act: this one for each account that the request names, or for the practice.
fn events(deps: &Deps, new: &HelpRequest, event: &Event) -> Result<Vec<Event>, Problem> {
    if new.accounts.is_empty() {
        return Ok(vec![event.clone()]);
    }
    let of = |candidate: &Candidate| {
        let own = Event { id: EventId::from(deps.ambient.ulid()?), ..event.clone() };
        Ok(own.of(candidate.account, new.portal))
    };
    new.accounts.iter().map(of).collect()
}

fn shown(request: &HelpRequest, staff: &Staff, accounts: &[Account]) -> Result<Reply, Problem> {
    Reply::json(StatusCode::OK, &HelpRequestFacts::of(request, staff, accounts))
}
