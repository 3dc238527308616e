//! `GET /v1/activity`: the log of an account, as its holder reads it.

use lambda_http::http::StatusCode;
use rekey::domain::event::{Action, Actor, Event};
use rekey::http::auth::{Holder, holder};
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, ErrorsOf, Operation, QUERY};
use rekey::platform::ids::EventId;
use rekey::store::keys::Log;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Deps;
use crate::describe::{Names, describe};
use crate::page::{Found, Page, Size, Span};

/// Which part of the log.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ActivityQuery {
    /// Events on the page: 1 to 100, 25 by default.
    pub limit: Option<String>,
    /// From the page before.
    pub cursor: Option<String>,
}

impl ActivityQuery {
    /// The part that it asks for.
    pub(crate) fn page(&self) -> Result<Page, Problem> {
        let size = Size { asked: self.limit.as_deref(), usual: 25, most: 100 };
        Page::parse(size, self.cursor.as_deref(), &Span::default())
    }
}

/// A page of an account's log.
#[derive(Serialize, ToSchema)]
pub struct Activity {
    /// The newest first.
    pub events: Vec<ActivityEvent>,
    /// Where the next page begins; null at the end.
    #[schema(value_type = Option<String>)]
    pub next_cursor: Option<EventId>,
}

/// What happened, as the account's holder may know it.
#[derive(Serialize, ToSchema)]
pub struct ActivityEvent {
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
    /// From where; null where it is not the holder's business.
    pub ip: Option<String>,
}

/// `GET /v1/activity`.
pub struct ListActivity;

impl Operation for ListActivity {
    const CALLER: Caller = Caller::Holder;
    const ERRORS: &'static [&'static [ErrorCode]] = &[QUERY];
}

/// Lists what happened to the holder's own account.
#[utoipa::path(get, path = "/v1/activity", impl_for = ListActivity, operation_id = "listActivity", tag = "account", params(ActivityQuery),
    responses(
        (status = 200, body = Activity), ErrorsOf<ListActivity>))]
pub async fn list_activity(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let Holder { account, .. } = holder(&deps.store, call, &deps.ambient).await?;
    let asked: ActivityQuery = call.query()?;
    let page = asked.page()?;
    let Found { events, next_cursor } = page.read(&deps.store, &Log::Account(account.id), None).await?;
    // Who among the staff it was is the practice's to tell, and where they work nobody's.
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
