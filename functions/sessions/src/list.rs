//! This module serves `GET /v1/sessions`, which lists where an account is signed in.

use http::StatusCode;
use rekey::domain::session::Session;
use rekey::http::auth::{Holder, holder};
use rekey::http::call::Call;
use rekey::http::page::{Size, cursor};
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, Operation, QUERY};
use rekey::platform::ids::SessionId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Deps;
use crate::device::device_name;

const PAGE: Size = Size { usual: 50, most: 100 };

/// The part of the list that is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SessionsQuery {
    /// The largest number of sessions on the page: 1 to 100, 50 by default.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    pub limit: Option<String>,
    /// The `next_cursor` of the page before. Leave it out for the first page.
    #[param(value_type = Option<SessionId>)]
    pub cursor: Option<String>,
}

/// A page of the sessions of an account.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionsList {
    /// The sessions, the newest first.
    pub sessions: Vec<SessionFacts>,
    /// The `cursor` of the next page, or null at the end. A page can be short, or even empty, and still have a next page.
    pub next_cursor: Option<SessionId>,
}

/// A session, as the account's owner sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionFacts {
    /// The id of the session.
    pub id: SessionId,
    /// Whether this is the session that makes the call.
    pub current: bool,
    /// The time at which the session began (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub created_at: String,
    /// The time of the session's last call (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub last_seen_at: String,
    /// The time at which the session ends if it is not used before then (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// The network address from which the person signed in.
    pub ip: String,
    /// The browser and the system in words that a person knows, such as `Firefox on Windows`.
    pub device: String,
    /// The name that the browser or app gave itself at sign-in, cut to 200 characters, or null when it gave none.
    pub user_agent: Option<String>,
}

/// The operation `GET /v1/sessions`.
pub struct ListSessions;

impl Operation for ListSessions {
    const CALLER: Caller = Caller::Holder;
    const ERRORS: &'static [&'static [ErrorCode]] = &[QUERY];
}

/// Lists the sessions of the caller's account
///
/// The list has every session that is valid now, the newest first. The session that makes the call has `current` true. If an answer
/// has a `next_cursor`, there is a next page. Send that value as `cursor` to read it.
#[utoipa::path(get, path = "/v1/sessions", impl_for = ListSessions, operation_id = "listSessions", tag = "sessions", params(SessionsQuery),
    responses(
        (status = 200, body = SessionsList)))]
pub async fn list_sessions(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let Holder { session: current, account } = holder(&deps.store, call, &deps.ambient).await?;
    let now = deps.ambient.now();
    let facts = |session: Session| SessionFacts {
        id: session.id,
        current: session.id == current.id,
        created_at: session.created_at.to_string(),
        last_seen_at: session.seen_at.to_string(),
        expires_at: session.expires_at().to_string(),
        ip: session.ip,
        device: device_name(session.user_agent.as_deref()),
        user_agent: session.user_agent,
    };
    let asked: SessionsQuery = call.query()?;
    let limit = PAGE.parse(asked.limit.as_deref())?;
    let found = deps.store.page_of_sessions(account.id, cursor(asked.cursor.as_deref())?, limit).await?;
    let next_cursor = found.entries.last().filter(|_| found.more).map(|session| session.id);
    let good = found.entries.into_iter().filter(|session| session.is_good(&account, now));
    Reply::json(StatusCode::OK, &SessionsList { sessions: good.map(facts).collect(), next_cursor })
}
