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
        (status = 403, description = "`password_change_required`", body = ProblemBody),
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
    /// The browser and the system, in words that a person knows, such as `Firefox on Windows`.
    pub device: String,
    /// The browser or app, as it names itself.
    pub user_agent: Option<String>,
}

/// Lists the account's sessions that are good now.
#[utoipa::path(get, path = "/v1/sessions", operation_id = "listSessions", tag = "sessions",
    responses(
        (status = 200, body = Sessions),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 403, description = "`password_change_required`", body = ProblemBody),
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
        device: device(session.user_agent.as_deref()),
        user_agent: session.user_agent,
    };
    let stored = deps.store.list_sessions(account.id).await?;
    let good = stored.into_iter().rev().filter(|session| session.is_good(&account, now));
    Answer::json(StatusCode::OK, &Sessions { sessions: good.map(facts).collect() })
}

/// Ends every other session of the account.
#[utoipa::path(delete, path = "/v1/sessions", operation_id = "endOtherSessions", tag = "sessions",
    responses(
        (status = 204, description = "No other session is left"),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 403, description = "`password_change_required`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn end_others(deps: &Deps, call: &Call) -> Result<Answer, Problem> {
    let (session, account) = call.session(&deps.store, deps.ambient.now()).await?;
    let event = deps.event(call, &account.practice, Action::SessionRevoked, Actor::Holder)?;
    let event = event.of(account.id, account.portal);
    if deps.store.keep_session(&account, &session, &event).await?.is_written() {
        return Ok(Answer::empty());
    }
    Err(Problem::unavailable("ending sessions", "the account changed meanwhile"))
}

/// Signs out.
#[utoipa::path(delete, path = "/v1/sessions/current", operation_id = "signOut", tag = "sessions",
    responses(
        (status = 204, description = "The session has ended"),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn sign_out(deps: &Deps, call: &Call) -> Result<Answer, Problem> {
    let (session, account) = call.any_session(&deps.store, deps.ambient.now()).await?;
    let answer = end(deps, call, &account, session.id, Action::AuthnLogout).await?;
    Ok(if session.origin.is_some() { answer.with_cookie("") } else { answer })
}

/// Ends one of the account's sessions.
#[utoipa::path(delete, path = "/v1/sessions/{id}", operation_id = "endSession", tag = "sessions",
    params(("id" = String, Path, description = "As listed")),
    responses(
        (status = 204, description = "The session has ended"),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 403, description = "`password_change_required`", body = ProblemBody),
        (status = 404, description = "`not_found`: the account has no such session", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn end_session(deps: &Deps, call: &Call, id: &str) -> Result<Answer, Problem> {
    let (session, account) = call.session(&deps.store, deps.ambient.now()).await?;
    let id: SessionId = id.parse().map_err(|_| Problem::new(Code::NotFound))?;
    let action = if id == session.id { Action::AuthnLogout } else { Action::SessionRevoked };
    let answer = end(deps, call, &account, id, action).await?;
    Ok(if id == session.id && session.origin.is_some() { answer.with_cookie("") } else { answer })
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

/// What a person would call the browser and the system that a `User-Agent` stands for. The order matters: most browsers name
/// others too.
fn device(user_agent: Option<&str>) -> String {
    const BROWSERS: [(&str, &str); 9] = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("FxiOS/", "Firefox"),
        ("Firefox/", "Firefox"),
        ("CriOS/", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("okhttp/", "an app"),
    ];
    const SYSTEMS: [(&str, &str); 7] = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("CrOS", "ChromeOS"),
        ("Windows", "Windows"),
        ("Mac OS", "Mac"),
        ("Linux", "Linux"),
    ];
    let text = user_agent.unwrap_or_default();
    let named = |names: &[(&str, &'static str)]| {
        names.iter().find(|(part, _)| text.contains(part)).map(|(_, name)| *name)
    };
    match (named(&BROWSERS), named(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(only), None) | (None, Some(only)) => only.to_owned(),
        (None, None) => "an unknown device".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::device;

    #[test]
    fn a_device_is_called_what_a_person_calls_it() {
        let mozilla = "Mozilla/5.0 ";
        for (agent, name) in [
            ("(Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox on Windows"),
            (
                "(Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
                "Edge on Windows",
            ),
            (
                "(iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "(Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
                "Samsung Internet on Android",
            ),
            (
                "(Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
                "Chrome on Mac",
            ),
            ("something else", "an unknown device"),
        ] {
            assert_eq!(device(Some(&format!("{mozilla}{agent}"))), name);
        }
        assert_eq!(device(None), "an unknown device");
    }
}
