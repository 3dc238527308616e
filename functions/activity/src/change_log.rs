//! `GET /v1/admin/changes` and `GET /v1/admin/accounts/{id}/activity`: the logs as staff read them, and as an auditor does.

use std::collections::{BTreeMap, BTreeSet};

use lambda_http::http::StatusCode;
use rekey::domain::event::{Action, Actor, Change, Event, Reason};
use rekey::domain::permission::{Forbidden, Staff};
use rekey::domain::practice::Portal;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, ErrorsOf, Operation, QUERY};
use rekey::platform::ids::{AccountId, EventId, TicketId};
use rekey::store::keys::Log;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Deps;
use crate::describe::{Names, describe};
use crate::holder_log::ActivityQuery;
use crate::page::{Found, Page, Size, Span};
use crate::table::table_reply;

/// Rows of a table in one answer.
const MOST_ROWS: usize = 1000;

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ChangesQuery {
    /// Of this account alone.
    pub account: Option<String>,
    /// Done by this account, a client's or a member of staff's; or by `anonymous`, `operator` or `system`.
    pub actor: Option<String>,
    /// Of this action alone.
    pub r#type: Option<String>,
    /// From this moment on, RFC 3339.
    pub from: Option<String>,
    /// Before this moment, RFC 3339.
    pub to: Option<String>,
    /// Events on the page: 1 to 100, 50 by default; of a table 1 to 1000, 1000 by default.
    pub limit: Option<String>,
    /// From the page before.
    pub cursor: Option<String>,
}

/// A page of a log.
#[derive(Serialize, ToSchema)]
pub struct Changes {
    /// The newest first.
    pub events: Vec<ChangeEvent>,
    /// Where the next page begins; null at the end. A page may be short, or empty, and not the last.
    #[schema(value_type = Option<String>)]
    pub next_cursor: Option<EventId>,
}

/// What happened, as staff may know it.
#[derive(Serialize, ToSchema)]
pub struct ChangeEvent {
    /// Names it.
    #[schema(value_type = String)]
    pub id: EventId,
    /// RFC 3339 UTC.
    #[schema(format = DateTime)]
    pub at: String,
    /// What a program reads.
    pub action: Action,
    /// What a person reads.
    pub description: String,
    /// What kind of actor did it.
    pub actor: Actor,
    /// The member of staff who did it.
    #[schema(value_type = Option<String>)]
    pub by: Option<AccountId>,
    /// Whose account.
    #[schema(value_type = Option<String>)]
    pub account: Option<AccountId>,
    /// That account's username.
    pub username: Option<String>,
    /// The portal of the account.
    pub portal: Option<Portal>,
    /// The other account that it is about.
    #[schema(value_type = Option<String>)]
    pub other: Option<AccountId>,
    /// What was changed; addresses are masked.
    pub changes: Vec<Change>,
    /// Why it failed.
    pub reason: Option<Reason>,
    /// Why, in the words of the member of staff.
    pub note: Option<String>,
    /// With which ticket.
    #[schema(value_type = Option<String>)]
    pub ticket: Option<TicketId>,
    /// From where.
    pub ip: Option<String>,
}

/// `GET /v1/admin/accounts/{id}/activity`.
pub struct ListAccountActivity;

impl Operation for ListAccountActivity {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[QUERY, &[ErrorCode::NotFound]];
}

/// Lists what happened to an account.
#[utoipa::path(get, path = "/v1/admin/accounts/{id}/activity", impl_for = ListAccountActivity, operation_id = "listAccountActivity", tag = "staff",
    params(("id" = String, Path, description = "The account"), ActivityQuery),
    responses(
        (status = 200, body = Changes), ErrorsOf<ListAccountActivity>))]
pub async fn list_account_activity(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let staff = deps.staff(call).await?;
    let asked: ActivityQuery = call.query()?;
    let account = readable_account(deps, &staff, call.parameter("id")).await?;
    let found = asked.page()?.read(&deps.store, &Log::Account(account), None).await?;
    changes_reply(deps, &staff, found).await
}

/// `GET /v1/admin/changes`.
pub struct ListChanges;

impl Operation for ListChanges {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[QUERY, &[ErrorCode::NotFound]];
}

/// Lists what happened in the practice. Of one account, whoever may see it; of the whole practice, administrators alone.
#[utoipa::path(get, path = "/v1/admin/changes", impl_for = ListChanges, operation_id = "listChanges", tag = "staff", params(ChangesQuery),
    responses(
        (status = 200, description = "With `Accept: text/csv` a table, and the next page in a `Link` header", content(
            (Changes = "application/json"), (String = "text/csv"))), ErrorsOf<ListChanges>))]
pub async fn list_changes(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let staff = deps.staff(call).await?;
    let asked: ChangesQuery = call.query()?;
    let as_table = call.accepts("text/csv");
    let (usual, most) = if as_table { (MOST_ROWS, MOST_ROWS) } else { (50, 100) };
    let size = Size { asked: asked.limit.as_deref(), usual, most };
    let span = Span { from: asked.from.as_deref(), to: asked.to.as_deref() };
    let page = Page::parse(size, asked.cursor.as_deref(), &span)?;
    let filter = Filter::parse(deps, &staff, &asked).await?;
    let fits = |event: &Event| filter.fits(event);
    let fits: Option<&(dyn Fn(&Event) -> bool + Sync)> = if filter.is_log() { None } else { Some(&fits) };
    let found = page.read(&deps.store, &filter.log(&staff), fits).await?;
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

/// What the events of a page have in common.
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
            Err(_) if ["anonymous", "operator", "system"].contains(&who.as_str()) => Ok(who.clone()),
            Err(_) => Err(Problem::invalid("actor", rule)),
        };
        let actor = asked.actor.as_ref().map(who).transpose()?;
        let action = match &asked.r#type {
            Some(name) => {
                let action = Action::parse(name);
                Some(action.ok_or_else(|| Problem::invalid("type", "must be an action that events have"))?)
            }
            None => None,
        };
        Ok(Self { account, actor, action })
    }

    /// The narrowest log that holds them all.
    fn log(&self, staff: &Staff) -> Log {
        let practice = || staff.practice.slug.clone();
        match (self.account, &self.actor, self.action) {
            (Some(account), _, _) => Log::Account(account),
            (None, Some(who), _) => Log::Actor(practice(), who.clone()),
            (None, None, Some(action)) => Log::Action(practice(), action),
            (None, None, None) => Log::Practice(practice()),
        }
    }

    /// Whether that log holds nothing else.
    fn is_log(&self) -> bool {
        let parts = [self.account.is_some(), self.actor.is_some(), self.action.is_some()];
        parts.into_iter().filter(|part| *part).count() <= 1
    }

    fn fits(&self, event: &Event) -> bool {
        self.account.is_none_or(|account| event.account == Some(account))
            && self.actor.as_ref().is_none_or(|who| event.who() == *who)
            && self.action.is_none_or(|action| event.action == action)
    }
}

/// The usernames of the accounts that events are about, as far as the reader may see them: a colleague, or a client of theirs.
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
        note: event.note,
        ticket: event.ticket,
        ip: event.ip,
    }
}

async fn changes_reply(deps: &Deps, staff: &Staff, found: Found) -> Result<Reply, Problem> {
    let usernames = usernames(deps, staff, &found.events).await?;
    let events = found.events.into_iter().map(|event| facts(event, &usernames)).collect();
    Reply::json(StatusCode::OK, &Changes { events, next_cursor: found.next_cursor })
}
