//! This module serves `DELETE /v1/sessions`, `…/current` and `…/{id}`, with which a caller ends sessions of their own account.

use rekey::domain::event::Action;
use rekey::http::auth::{Holder, any_holder, holder};
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, Operation};
use rekey::platform::ids::SessionId;
use rekey::store::accounts::Changed;
use rekey::store::race::until_written;

use crate::Deps;

/// The operation `DELETE /v1/sessions`.
pub struct EndOtherSessions;

impl Operation for EndOtherSessions {
    const CALLER: Caller = Caller::Holder;
    const ERRORS: &'static [&'static [ErrorCode]] = &[];
}

/// Ends every other session of the account
///
/// The session that makes the call stays. All others end at once.
#[utoipa::path(delete, path = "/v1/sessions", impl_for = EndOtherSessions, operation_id = "endOtherSessions", tag = "sessions",
    responses(
        (status = 204, description = "Every other session has ended")))]
pub async fn end_other_sessions(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    until_written("ending sessions", || async {
        let Holder { session, account } = holder(&deps.store, call, &deps.ambient).await?;
        let event = deps.holder_event(call, &account, Action::SessionRevoked)?;
        let changed = Changed { old: &account, new: &account.signed_out() };
        let outcome = deps.store.end_other_sessions(&session, changed, &event).await?;
        Ok::<_, Problem>(outcome.is_written().then(Reply::empty))
    })
    .await
}

/// The operation `DELETE /v1/sessions/current`.
pub struct SignOut;

impl Operation for SignOut {
    const CALLER: Caller = Caller::AnyHolder;
    const ERRORS: &'static [&'static [ErrorCode]] = &[];
}

/// Signs the caller out
///
/// The session that makes the call ends. A session that began with a temporary password may make this call too. When a cookie
/// carries the session, the answer removes the cookie.
#[utoipa::path(delete, path = "/v1/sessions/current", impl_for = SignOut, operation_id = "signOut", tag = "sessions",
    responses(
        (status = 204, description = "The session has ended", headers(("Set-Cookie" = Option<String>, description = "Takes the cookie away, if it carried the session that has ended.")))))]
pub async fn sign_out(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let holder = any_holder(&deps.store, call, &deps.ambient).await?;
    end(deps, call, &holder, holder.session.id).await
}

/// The operation `DELETE /v1/sessions/{id}`.
pub struct EndSession;

impl Operation for EndSession {
    const CALLER: Caller = Caller::Holder;
    const ERRORS: &'static [&'static [ErrorCode]] = &[&[ErrorCode::NotFound]];
}

/// Ends one session of the account
///
/// The id comes from `GET /v1/sessions`. The id of the session that makes the call signs the caller out.
#[utoipa::path(delete, path = "/v1/sessions/{id}", impl_for = EndSession, operation_id = "endSession", tag = "sessions",
    params(("id" = SessionId, Path, description = "The id of the session, as `GET /v1/sessions` lists it")),
    responses(
        (status = 204, description = "The session has ended", headers(("Set-Cookie" = Option<String>, description = "Takes the cookie away, if it carried the session that has ended.")))))]
pub async fn end_session(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let holder = holder(&deps.store, call, &deps.ambient).await?;
    let id = call.parameter("id").parse().map_err(|_| Problem::new(ErrorCode::NotFound))?;
    end(deps, call, &holder, id).await
}

/// Ends one of the account's sessions. When it is the session that makes the call, this is a sign-out, and the cookie is removed.
async fn end(deps: &Deps, call: &Call, holder: &Holder, id: SessionId) -> Result<Reply, Problem> {
    let Holder { session, account } = holder;
    let is_own = id == session.id;
    let action = if is_own { Action::AuthnLogout } else { Action::SessionRevoked };
    let event = deps.holder_event(call, account, action)?.with_session(id);
    if !deps.store.delete_session(account.id, id, &event).await?.is_written() {
        return Err(Problem::new(ErrorCode::NotFound));
    }
    let reply = Reply::empty();
    Ok(if is_own && session.origin.is_some() { reply.with_cookie(account, "") } else { reply })
}
