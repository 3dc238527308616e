//! `GET /v1/sessions`: where an account is signed in.

use lambda_http::http::StatusCode;
use rekey::domain::session::Session;
use rekey::http::auth::{Holder, holder};
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, ErrorsOf, Operation};
use rekey::platform::ids::SessionId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::device::device_name;

/// The sessions of an account.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sessions {
    /// The newest first.
    pub sessions: Vec<SessionFacts>,
}

/// A session, as its holder sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionFacts {
    /// Names it.
    #[schema(value_type = String)]
    pub id: SessionId,
    /// The one that asks.
    pub current: bool,
    /// RFC 3339 UTC.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// RFC 3339 UTC.
    #[schema(format = DateTime)]
    pub last_seen_at: String,
    /// When it ends if it is not used, RFC 3339 UTC.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// Where sign-in came from.
    pub ip: String,
    /// The browser and the system, in words that a person knows, such as `Firefox on Windows`.
    pub device: String,
    /// The browser or app, as it names itself.
    pub user_agent: Option<String>,
}

/// `GET /v1/sessions`.
pub struct ListSessions;

impl Operation for ListSessions {
    const CALLER: Caller = Caller::Holder;
    const ERRORS: &'static [&'static [ErrorCode]] = &[];
}

/// Lists the account's sessions that are good now.
#[utoipa::path(get, path = "/v1/sessions", impl_for = ListSessions, operation_id = "listSessions", tag = "sessions",
    responses(
        (status = 200, body = Sessions), ErrorsOf<ListSessions>))]
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
    let stored = deps.store.list_sessions(account.id).await?;
    let good = stored.into_iter().rev().filter(|session| session.is_good(&account, now));
    Reply::json(StatusCode::OK, &Sessions { sessions: good.map(facts).collect() })
}
