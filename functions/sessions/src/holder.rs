//! What the holder of a session may do with it: see the account, list sessions, end them.

use lambda_http::http::StatusCode;
use rekey::account::{Account, Role};
use rekey::event::{Action, Actor};
use rekey::http::problem::{Code, Problem, ProblemBody};
use rekey::http::{Answer, Call};
use rekey::identifier::Email;
use rekey::ids::{AccountId, SessionId};
use rekey::practice::{Portal, Slug};
use rekey::session::Session;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Deps;

/// An account, as its holder sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountFacts {
    /// Names it.
    #[schema(value_type = String)]
    pub id: AccountId,
    /// Whose it is.
    pub practice: Slug,
    /// Which door it opens.
    pub portal: Portal,
    /// As its holder writes it.
    pub username: String,
    /// Where its mail goes.
    #[schema(value_type = Option<String>)]
    pub email: Option<Email>,
    /// Its owner's name.
    pub display_name: String,
    /// Its language, when not the practice's.
    pub locale: Option<String>,
    /// Of staff accounts only.
    pub role: Option<Role>,
    /// Acts for a client.
    pub representative: bool,
}

impl AccountFacts {
    /// What its holder may see.
    pub fn of(account: &Account) -> Self {
        Self {
            id: account.id,
            practice: account.practice.clone(),
            portal: account.portal,
            username: account.username.as_str().to_owned(),
            email: account.email.clone(),
            display_name: account.display_name.clone(),
            locale: account.locale.clone(),
            role: account.role,
            representative: account.representative,
        }
    }
}

/// Tells the holder about the account.
#[utoipa::path(get, path = "/v1/account", operation_id = "getAccount", tag = "account",
    responses(
        (status = 200, body = AccountFacts),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn get_account(deps: &Deps, call: &Call) -> Result<Answer, Problem> {
    let (_, account) = call.session(&deps.store, deps.ambient.now()).await?;
    Answer::json(StatusCode::OK, &AccountFacts::of(&account))
}

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
    /// The browser or app, as it names itself.
    pub user_agent: Option<String>,
}

/// Lists the account's sessions that are good now.
#[utoipa::path(get, path = "/v1/sessions", operation_id = "listSessions", tag = "sessions",
    responses(
        (status = 200, body = Sessions),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn list_sessions(deps: &Deps, call: &Call) -> Result<Answer, Problem> {
    let (current, account) = call.session(&deps.store, deps.ambient.now()).await?;
    let now = deps.ambient.now();
    let facts = |session: Session| SessionFacts {
        id: session.id,
        current: session.id == current.id,
        created_at: session.created_at.to_string(),
        last_seen_at: session.seen_at.to_string(),
        expires_at: session.expires_at().to_string(),
        ip: session.ip,
        user_agent: session.user_agent,
    };
    let stored = deps.store.list_sessions(account.id).await?;
    let good = stored.into_iter().rev().filter(|session| session.is_good(&account, now));
    Answer::json(StatusCode::OK, &Sessions { sessions: good.map(facts).collect() })
}

/// Signs out.
#[utoipa::path(delete, path = "/v1/sessions/current", operation_id = "signOut", tag = "sessions",
    responses(
        (status = 204, description = "The session has ended"),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn sign_out(deps: &Deps, call: &Call) -> Result<Answer, Problem> {
    let (session, account) = call.any_session(&deps.store, deps.ambient.now()).await?;
    end(deps, call, &account, session.id, Action::AuthnLogout).await
}

/// Ends one of the account's sessions.
#[utoipa::path(delete, path = "/v1/sessions/{id}", operation_id = "endSession", tag = "sessions",
    params(("id" = String, Path, description = "As listed")),
    responses(
        (status = 204, description = "The session has ended"),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 404, description = "`not_found`: the account has no such session", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn end_session(deps: &Deps, call: &Call, id: &str) -> Result<Answer, Problem> {
    let (session, account) = call.session(&deps.store, deps.ambient.now()).await?;
    let id: SessionId = id.parse().map_err(|_| Problem::new(Code::NotFound))?;
    let action = if id == session.id { Action::AuthnLogout } else { Action::SessionRevoked };
    end(deps, call, &account, id, action).await
}

async fn end(
    deps: &Deps,
    call: &Call,
    account: &Account,
    id: SessionId,
    action: Action,
) -> Result<Answer, Problem> {
    let event = deps.event(call, &account.practice, action, Actor::Holder)?;
    let event = event.of(account.id, account.portal).with_session(id);
    let outcome = deps.store.delete_session(account.id, id, &event).await?;
    if outcome.is_written() { Ok(Answer::empty()) } else { Err(Problem::new(Code::NotFound)) }
}
