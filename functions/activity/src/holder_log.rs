//! This module serves `GET /v1/activity`, the log of an account as its owner reads it.

use http::StatusCode;
use rekey::domain::event::{Action, Actor, Event};
use rekey::http::auth::{Holder, holder};
use rekey::http::call::Call;
use rekey::http::page::Size;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, Operation, QUERY};
use rekey::platform::ids::EventId;
use rekey::store::keys::Log;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Deps;
use crate::describe::{Names, describe};
use crate::page::{Found, Page, Span};

/// The part of the log that is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ActivityQuery {
    /// The largest number of events on the page: 1 to 100, 25 by default.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    pub limit: Option<String>,
    /// The `next_cursor` of the page before. Leave it out for the first page.
    #[param(value_type = Option<EventId>)]
    pub cursor: Option<String>,
}

impl ActivityQuery {
    /// Reads `limit` and `cursor`.
    pub(crate) fn page(&self) -> Result<Page, Problem> {
        let size = Size { usual: 25, most: 100 };
        Page::parse((size, self.limit.as_deref()), self.cursor.as_deref(), &Span::default())
    }
}

/// A page of an account's log.
#[derive(Serialize, ToSchema)]
pub struct Activity {
    /// The events, the newest first.
    pub events: Vec<ActivityEvent>,
    /// The `cursor` of the next page, or null at the end of the log.
    pub next_cursor: Option<EventId>,
}

/// An event, as the account's owner may see it.
#[derive(Serialize, ToSchema)]
pub struct ActivityEvent {
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
    /// The network address from which the account's owner or an anonymous caller acted, or null when somebody else acted.
    pub ip: Option<String>,
}

/// The operation `GET /v1/activity`.
pub struct ListActivity;

impl Operation for ListActivity {
    const CALLER: Caller = Caller::Holder;
    const ERRORS: &'static [&'static [ErrorCode]] = &[QUERY];
}

/// Lists what happened to the caller's own account
///
/// The newest event comes first. The log says when staff have acted. It does not say which member of staff it was, or from where.
/// If an answer has a `next_cursor`, there is a next page. Send that value as `cursor` to read it.
#[utoipa::path(get, path = "/v1/activity", impl_for = ListActivity, operation_id = "listActivity", tag = "account", params(ActivityQuery),
    responses(
        (status = 200, body = Activity)))]
pub async fn list_activity(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let Holder { account, .. } = holder(&deps.store, call, &deps.ambient).await?;
    let asked: ActivityQuery = call.query()?;
    let page = asked.page()?;
    let Found { events, next_cursor } = page.read(&deps.store, &Log::Account(account.id), None).await?;
    // The owner is not told which member of staff acted, or from where.
    let names = Names { account: account.username.as_str(), staff: "the practice", other: "another login" };
    let facts = |event: &Event| ActivityEvent {
        id: event.id,
        at: event.at.to_string(),
        action: event.action,
        description: describe(event, &names),
        actor: event.actor,
        ip: event.ip.clone().filter(|_| matches!(event.actor, Actor::Holder | Actor::Anonymous)),
    };
    Reply::json(StatusCode::OK, &Activity { events: events.iter().map(facts).collect(), next_cursor })
}
