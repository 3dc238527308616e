//! `GET /v1/admin/changes` and `GET /v1/admin/accounts/{id}/activity`: the logs as staff read them, and as an auditor does.

use std::collections::{BTreeMap, BTreeSet};

use lambda_http::http::StatusCode;
use rekey::event::{Action, Actor, Change, Event, Reason};
use rekey::http::problem::{Code, Problem, ProblemBody};
use rekey::http::{Answer, Call};
use rekey::ids::{AccountId, EventId, TicketId};
use rekey::practice::Portal;
use rekey::staff::Staff;
use rekey::store::keys::Log;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Deps;
use crate::describe::{Names, describe};
use crate::page::Page;

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
    /// At which door.
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

/// Lists what happened to an account.
#[utoipa::path(get, path = "/v1/admin/accounts/{id}/activity", operation_id = "listAccountActivity", tag = "staff",
    params(("id" = String, Path, description = "The account"), crate::own::ActivityQuery),
    responses(
        (status = 200, body = Changes),
        (status = 400, description = "`invalid_request`", body = ProblemBody),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 403, description = "`forbidden`, `password_change_required`", body = ProblemBody),
        (status = 404, description = "`not_found`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn list_account_activity(deps: &Deps, call: &Call, id: &str) -> Result<Answer, Problem> {
    let staff = deps.staff(call).await?;
    let asked: crate::own::ActivityQuery = call.query()?;
    let account = find(deps, &staff, id).await?;
    let page = Page::parse((asked.limit.as_deref(), 25, 100), asked.cursor.as_deref(), None, None)?;
    let (events, next_cursor) = page.read(&deps.store, &Log::Account(account), None).await?;
    answer(deps, &staff, events, next_cursor).await
}

/// Lists what happened in the practice. Of one account, whoever may see it; of the whole practice, administrators alone.
#[utoipa::path(get, path = "/v1/admin/changes", operation_id = "listChanges", tag = "staff", params(ChangesQuery),
    responses(
        (status = 200, description = "With `Accept: text/csv` a table, and the next page in a `Link` header", content(
            (Changes = "application/json"), (String = "text/csv"))),
        (status = 400, description = "`invalid_request`", body = ProblemBody),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 403, description = "`forbidden`, `password_change_required`", body = ProblemBody),
        (status = 404, description = "`not_found`: the account", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn list_changes(deps: &Deps, call: &Call) -> Result<Answer, Problem> {
    let staff = deps.staff(call).await?;
    let asked: ChangesQuery = call.query()?;
    let as_table = call.accepts("text/csv");
    let (usual, most) = if as_table { (MOST_ROWS, MOST_ROWS) } else { (50, 100) };
    let page = Page::parse(
        (asked.limit.as_deref(), usual, most),
        asked.cursor.as_deref(),
        asked.from.as_deref(),
        asked.to.as_deref(),
    )?;
    let filter = Filter::parse(deps, &staff, &asked).await?;
    let fits = |event: &Event| filter.fits(event);
    let fits: Option<&(dyn Fn(&Event) -> bool + Sync)> = if filter.is_log() { None } else { Some(&fits) };
    let (events, next_cursor) = page.read(&deps.store, &filter.log(&staff), fits).await?;
    if as_table {
        table(deps, call, &staff, (events, next_cursor)).await
    } else {
        answer(deps, &staff, events, next_cursor).await
    }
}

/// An account whose log a member of staff may read.
async fn find(deps: &Deps, staff: &Staff, id: &str) -> Result<AccountId, Problem> {
    let account = staff.find(&deps.store, id).await?;
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
            Some(id) => Some(find(deps, staff, id).await?),
            None if staff.is_admin() => None,
            None => return Err(Problem::new(Code::Forbidden)),
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
async fn usernames(
    deps: &Deps,
    staff: &Staff,
    events: &[Event],
) -> Result<BTreeMap<AccountId, String>, Problem> {
    let ids = events.iter().flat_map(|event| [event.account, event.by, event.other]).flatten();
    let ids: BTreeSet<AccountId> = ids.collect();
    let accounts = deps.store.find_accounts(&ids.into_iter().collect::<Vec<_>>()).await?;
    let known = accounts.into_iter().filter(|account| {
        staff.sees(account) || account.portal == Portal::Staff && account.practice == staff.account.practice
    });
    Ok(known.map(|account| (account.id, account.username.as_str().to_owned())).collect())
}

fn facts(event: Event, usernames: &BTreeMap<AccountId, String>) -> ChangeEvent {
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

async fn answer(
    deps: &Deps,
    staff: &Staff,
    events: Vec<Event>,
    next_cursor: Option<EventId>,
) -> Result<Answer, Problem> {
    let usernames = usernames(deps, staff, &events).await?;
    let events = events.into_iter().map(|event| facts(event, &usernames)).collect();
    Answer::json(StatusCode::OK, &Changes { events, next_cursor })
}

/// RFC 4180. The next page is a `Link` (RFC 8288), because a table has no place for it.
async fn table(
    deps: &Deps,
    call: &Call,
    staff: &Staff,
    (events, next_cursor): (Vec<Event>, Option<EventId>),
) -> Result<Answer, Problem> {
    let usernames = usernames(deps, staff, &events).await?;
    let mut writer = csv::WriterBuilder::new();
    writer.terminator(csv::Terminator::CRLF).quote_style(csv::QuoteStyle::Always);
    let mut writer = writer.from_writer(Vec::new());
    let failed = |error: csv::Error| Problem::internal("writing a table", error);
    let header = ["at", "action", "description", "actor", "by", "account", "username", "note", "ip", "id"];
    writer.write_record(header).map_err(failed)?;
    for event in events {
        let by = event.by.and_then(|id| usernames.get(&id)).cloned().unwrap_or_default();
        let event = facts(event, &usernames);
        let text = |id: Option<AccountId>| id.map(|id| id.to_string()).unwrap_or_default();
        let cells = [
            event.at,
            event.action.name(),
            event.description,
            event.actor.as_str().to_owned(),
            by,
            text(event.account),
            event.username.unwrap_or_default(),
            event.note.unwrap_or_default(),
            event.ip.unwrap_or_default(),
            event.id.to_string(),
        ];
        writer.write_record(cells.map(harmless)).map_err(failed)?;
    }
    let bytes =
        writer.into_inner().map_err(|error| Problem::internal("writing a table", error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| Problem::internal("writing a table", error))?;
    let answer = Answer::text("text/csv; charset=utf-8", text);
    Ok(match next_cursor {
        Some(cursor) => answer.with_link(&call.with_query("cursor", &cursor.to_string()), "next"),
        None => answer,
    })
}

/// A spreadsheet takes a cell that begins so for a formula, and usernames are people's own.
fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']) {
        format!("'{cell}")
    } else {
        cell
    }
}
