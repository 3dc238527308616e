//! This module serves `GET /v1/admin/changes` and `GET /v1/admin/accounts/{id}/activity`: the logs for staff, and the table for
//! auditors.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use rekey::domain::event::{Action, Actor, Change, Event, Reason};
use rekey::domain::notice::Telling;
use rekey::domain::permission::{Forbidden, Staff};
use rekey::domain::practice::Portal;
use rekey::domain::proof::RecordedProof;
use rekey::http::call::Call;
use rekey::http::page::Size;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, Operation, QUERY};
use rekey::platform::ids::{AccountId, EventId, TicketId};
use rekey::store::keys::Log;
use serde::{Deserialize, Serialize};
use utoipa::openapi::Schema;
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Ref, Type};
use utoipa::{IntoParams, ToSchema};

use crate::Deps;
use crate::describe::{Names, describe};
use crate::holder_log::ActivityQuery;
use crate::page::{Found, Page, Span};
use crate::table::table_reply;

/// The actors that have no account, as the query names them.
const ACTORS_WITHOUT_ACCOUNT: [&str; 3] = ["anonymous", "operator", "system"];
/// The largest number of rows of a table in one answer.
const MOST_ROWS: usize = 1000;

/// The events that are asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ChangesQuery {
    /// The id of an account: only its events are listed. Callers who are not administrators must give it.
    #[param(value_type = Option<AccountId>)]
    pub account: Option<String>,
    /// The actor: the id of the account of a client or of a member of staff, or `anonymous`, `operator` or `system`. Only events
    /// that this actor caused are listed.
    #[param(schema_with = actor_schema)]
    pub actor: Option<String>,
    /// The name of an action, such as `user_updated`: only events of this kind are listed.
    #[param(value_type = Option<Action>)]
    pub r#type: Option<String>,
    /// The earliest time of the events (RFC 3339). An event at this time is listed.
    #[param(format = DateTime)]
    pub from: Option<String>,
    /// The time before which the events must have happened (RFC 3339). An event at this time is not listed.
    #[param(format = DateTime)]
    pub to: Option<String>,
    /// The largest number of events on the page: 1 to 100, 50 by default. For a table: 1 to 1000, 1000 by default.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000)]
    pub limit: Option<String>,
    /// The `next_cursor` of the page before. Leave it out for the first page.
    #[param(value_type = Option<EventId>)]
    pub cursor: Option<String>,
}

/// What the contract document says of `actor`.
const ACTOR: &str = "The actor: the id of the account of a client or of a member of staff, or `anonymous`, `operator` or `system`. \
    Only events that this actor caused are listed.";

/// The schema of `actor`, which utoipa has no attribute for.
fn actor_schema() -> Schema {
    let kinds = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(ACTORS_WITHOUT_ACCOUNT));
    AnyOfBuilder::new()
        .description(Some(ACTOR))
        .item(Ref::from_schema_name("AccountId"))
        .item(kinds)
        .build()
        .into()
}

/// A page of a log.
#[derive(Serialize, ToSchema)]
pub struct Changes {
    /// The events, the newest first.
    pub events: Vec<ChangeEvent>,
    /// The `cursor` of the next page, or null at the end of the log. A page can be short, or even empty, and still have a next
    /// page.
    pub next_cursor: Option<EventId>,
}

/// An event, as staff may see it.
#[derive(Serialize, ToSchema)]
pub struct ChangeEvent {
    /// The id of the event.
    pub id: EventId,
    /// The time of the event (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub at: String,
    /// The kind of event, for programs.
    pub action: Action,
    /// The event in words, for people: a sentence in English, without its full stop.
    pub description: String,
    /// The kind of actor who caused the event.
    pub actor: Actor,
    /// The id of the account of the member of staff who acted, or null when no member of staff did.
    pub by: Option<AccountId>,
    /// The id of the account to which the event belongs, or null when it belongs to the practice.
    pub account: Option<AccountId>,
    /// The username of that account, or null when there is no account or the caller may not see it.
    pub username: Option<String>,
    /// The portal of that account, or null when there is no account.
    pub portal: Option<Portal>,
    /// The id of a second account that the event is about, or null.
    pub other: Option<AccountId>,
    /// The members that were changed. Addresses are masked. The list is empty when the event changed no member.
    pub changes: Vec<Change>,
    /// The reason for a failure or a refusal, or null.
    pub reason: Option<Reason>,
    /// The number of failures in a row, if the event is one of them, or null: the first, the sixth and every tenth are events.
    pub failures: Option<u64>,
    /// The reason in the words of the member of staff, or null.
    pub note: Option<String>,
    /// The id of the ticket that the event is about, or null.
    pub ticket: Option<TicketId>,
    /// What the account's owner was told, or, when they say that it was somebody else, what; null for other events.
    pub telling: Option<Telling>,
    /// How staff knew the caller for whom they acted, or null when they acted for nobody.
    pub proof: Option<RecordedProof>,
    /// The network address from which the actor acted, or null when none is recorded.
    pub ip: Option<String>,
}

/// The operation `GET /v1/admin/accounts/{id}/activity`.
pub struct ListAccountActivity;

impl Operation for ListAccountActivity {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[QUERY, &[ErrorCode::NotFound]];
}

/// Lists what happened to an account
///
/// Staff read the logs of the clients whom they may see. Administrators read the log of every account of their practice. The
/// newest event comes first. If an answer has a `next_cursor`, there is a next page. Send that value as `cursor` to read it.
#[utoipa::path(get, path = "/v1/admin/accounts/{id}/activity", impl_for = ListAccountActivity, operation_id = "listAccountActivity", tag = "staff",
    params(("id" = AccountId, Path, description = "The id of the account"), ActivityQuery),
    responses(
        (status = 200, body = Changes)))]
pub async fn list_account_activity(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let staff = deps.staff(call).await?;
    let asked: ActivityQuery = call.query()?;
    let account = readable_account(deps, &staff, call.parameter("id")).await?;
    let found = asked.page()?.read(&deps.store, &Log::Account(account), None).await?;
    changes_reply(deps, &staff, found).await
}

/// The operation `GET /v1/admin/changes`.
pub struct ListChanges;

impl Operation for ListChanges {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] =
        &[QUERY, &[ErrorCode::NotFound, ErrorCode::ConfirmationRequired]];
}

/// Lists what happened in the practice
///
/// Administrators read the log of the whole practice. Other staff must name an `account` that they may see. The filters can be
/// combined. With `Accept: text/csv` the answer is a table, and the `Link` header has the address of the next page. A table needs a
/// session that is confirmed, by the sign-in or since. In a log without the filter `account`, a new event can take a moment to appear.
#[utoipa::path(get, path = "/v1/admin/changes", impl_for = ListChanges, operation_id = "listChanges", tag = "staff", params(ChangesQuery),
    responses(
        (status = 200, description = "A page of the log. With `Accept: text/csv` it is a table, and the `Link` header has the address of the next page",
            content((Changes = "application/json"), (String = "text/csv")),
            headers(("Link" = Option<String>, description = "The address of the next page of a table, with `rel=\"next\"`. The last page does not have it.")))))]
pub async fn list_changes(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let staff = deps.staff(call).await?;
    let asked: ChangesQuery = call.query()?;
    let as_table = call.accepts("text/csv");
    let (usual, most) = if as_table { (MOST_ROWS, MOST_ROWS) } else { (50, 100) };
    let span = Span { from: asked.from.as_deref(), to: asked.to.as_deref() };
    let page = Page::parse((Size { usual, most }, asked.limit.as_deref()), asked.cursor.as_deref(), &span)?;
    let filter = Filter::parse(deps, &staff, &asked).await?;
    if as_table {
        staff.must_be_confirmed(deps.ambient.now())?;
    }
    let fits = |event: &Event| filter.fits(event);
    let log = filter.log(&staff);
    let fits: Option<&(dyn Fn(&Event) -> bool + Sync)> =
        if filter.is_all_of(&log) { None } else { Some(&fits) };
    let found = page.read(&deps.store, &log, fits).await?;
    if as_table {
        table_reply(deps, call, &staff, found).await
    } else {
        changes_reply(deps, &staff, found).await
    }
}

/// An account whose log a member of staff may read.
async fn readable_account(deps: &Deps, staff: &Staff, id: &str) -> Result<AccountId, Problem> {
    let account = deps.find_account(staff, id).await?;
    staff.must_manage(account.portal)?;
    Ok(account.id)
}

/// The conditions that every event of a page meets.
struct Filter {
    account: Option<AccountId>,
    actor: Option<String>,
    action: Option<Action>,
}

impl Filter {
    async fn parse(deps: &Deps, staff: &Staff, asked: &ChangesQuery) -> Result<Self, Problem> {
        let account = match &asked.account {
            Some(id) => Some(readable_account(deps, staff, id).await?),
            None if staff.is_admin() => None,
            None => return Err(Forbidden.into()),
        };
        let rule = "must be an account's id, anonymous, operator or system";
        let who = |who: &String| match who.parse::<AccountId>() {
            Ok(id) => Ok(id.to_string()),
            Err(_) if ACTORS_WITHOUT_ACCOUNT.contains(&who.as_str()) => Ok(who.clone()),
            Err(_) => Err(Problem::invalid("actor", rule)),
        };
        let actor = asked.actor.as_ref().map(who).transpose()?;
        let action = match &asked.r#type {
            Some(name) => {
                let action = Action::parse(name);
                Some(action.ok_or_else(|| Problem::invalid("type", "must be the name of an action"))?)
            }
            None => None,
        };
        Ok(Self { account, actor, action })
    }

    /// The narrowest log that contains every such event.
    fn log(&self, staff: &Staff) -> Log {
        let practice = &staff.practice.slug;
        let of_actor = || Log::of_actor(practice, self.actor.as_ref()?);
        let of_action = || self.action.map(|action| Log::Action(practice.clone(), action));
        let narrowest = self.account.map(Log::Account).or_else(of_actor).or_else(of_action);
        narrowest.unwrap_or_else(|| Log::Practice(practice.clone()))
    }

    /// Whether a log contains only such events.
    fn is_all_of(&self, log: &Log) -> bool {
        let parts = [self.account.is_some(), self.actor.is_some(), self.action.is_some()];
        let asked = parts.into_iter().filter(|part| *part).count();
        asked == usize::from(!matches!(log, Log::Practice(_)))
    }

    fn fits(&self, event: &Event) -> bool {
        self.account.is_none_or(|account| event.account == Some(account))
            && self.actor.as_ref().is_none_or(|who| event.who() == *who)
            && self.action.is_none_or(|action| event.action == action)
    }
}

/// The usernames of the accounts that events name, as far as the reader may see them: those of colleagues, and of clients whom
/// the reader may see.
pub(crate) async fn usernames(
    deps: &Deps,
    staff: &Staff,
    events: &[Event],
) -> Result<BTreeMap<AccountId, String>, Problem> {
    let ids = events.iter().flat_map(|event| [event.account, event.by, event.other]).flatten();
    let ids: BTreeSet<AccountId> = ids.collect();
    let accounts = deps.store.find_accounts(&ids.into_iter().collect::<Vec<_>>()).await?;
    let known = accounts.into_iter().filter(|account| staff.sees(account) || staff.is_colleague(account));
    Ok(known.map(|account| (account.id, account.username.as_str().to_owned())).collect())
}

pub(crate) fn facts(event: Event, usernames: &BTreeMap<AccountId, String>) -> ChangeEvent {
    let name = |id: Option<AccountId>| id.and_then(|id| usernames.get(&id));
    let or = |name: Option<&String>, otherwise: &str| name.map_or_else(|| otherwise.to_owned(), Clone::clone);
    let (account, staff, other) = (
        or(name(event.account), if event.account.is_some() { "an unknown login" } else { "the practice" }),
        or(name(event.by), "a former member of staff"),
        or(name(event.other), "another login"),
    );
    let description = describe(&event, &Names { account: &account, staff: &staff, other: &other });
    ChangeEvent {
        id: event.id,
        at: event.at.to_string(),
        action: event.action,
        description,
        actor: event.actor,
        by: event.by,
        username: name(event.account).cloned(),
        account: event.account,
        portal: event.portal,
        other: event.other,
        changes: event.changes,
        reason: event.reason,
        failures: event.failures,
        note: event.note,
        ticket: event.ticket,
        telling: event.telling,
        proof: event.proof,
        ip: event.ip,
    }
}

async fn changes_reply(deps: &Deps, staff: &Staff, found: Found) -> Result<Reply, Problem> {
    let usernames = usernames(deps, staff, &found.events).await?;
    let events = found.events.into_iter().map(|event| facts(event, &usernames)).collect();
    Reply::json(StatusCode::OK, &Changes { events, next_cursor: found.next_cursor })
}
