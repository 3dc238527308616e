//! `DELETE /v1/sessions`, `…/current` and `…/{id}`: a holder ends sessions.

use rekey::domain::event::Action;
use rekey::http::auth::{Holder, any_holder, holder};
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, ErrorsOf, Operation};
use rekey::platform::ids::SessionId;
use rekey::store::accounts::Changed;
use rekey::store::race::until_written;

use crate::Deps;

/// `DELETE /v1/sessions`.
pub struct EndOtherSessions;

impl Operation for EndOtherSessions {
    const CALLER: Caller = Caller::Holder;
    const ERRORS: &'static [&'static [ErrorCode]] = &[];
}

/// Ends every other session of the account.
#[utoipa::path(delete, path = "/v1/sessions", impl_for = EndOtherSessions, operation_id = "endOtherSessions", tag = "sessions",
    responses(
        (status = 204, description = "No other session is left"), ErrorsOf<EndOtherSessions>))]
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

/// `DELETE /v1/sessions/current`.
pub struct SignOut;

impl Operation for SignOut {
    const CALLER: Caller = Caller::AnyHolder;
    const ERRORS: &'static [&'static [ErrorCode]] = &[];
}

/// Signs out.
#[utoipa::path(delete, path = "/v1/sessions/current", impl_for = SignOut, operation_id = "signOut", tag = "sessions",
    responses(
        (status = 204, description = "The session has ended"), ErrorsOf<SignOut>))]
pub async fn sign_out(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let holder = any_holder(&deps.store, call, &deps.ambient).await?;
    end(deps, call, &holder, holder.session.id).await
}

/// `DELETE /v1/sessions/{id}`.
pub struct EndSession;

impl Operation for EndSession {
    const CALLER: Caller = Caller::Holder;
    const ERRORS: &'static [&'static [ErrorCode]] = &[&[ErrorCode::NotFound]];
}

/// Ends one of the account's sessions.
#[utoipa::path(delete, path = "/v1/sessions/{id}", impl_for = EndSession, operation_id = "endSession", tag = "sessions",
    params(("id" = String, Path, description = "As listed")),
    responses(
        (status = 204, description = "The session has ended"), ErrorsOf<EndSession>))]
pub async fn end_session(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let holder = holder(&deps.store, call, &deps.ambient).await?;
    let id = call.parameter("id").parse().map_err(|_| Problem::new(ErrorCode::NotFound))?;
    end(deps, call, &holder, id).await
}

/// Ends one of the holder's sessions. Ending the own one is signing out, and takes the cookie away.
async fn end(deps: &Deps, call: &Call, holder: &Holder, id: SessionId) -> Result<Reply, Problem> {
    let Holder { session, account } = holder;
    let is_own = id == session.id;
    let action = if is_own { Action::AuthnLogout } else { Action::SessionRevoked };
    let event = deps.holder_event(call, account, action)?.with_session(id);
    if !deps.store.delete_session(account.id, id, &event).await?.is_written() {
        return Err(Problem::new(ErrorCode::NotFound));
    }
    let reply = Reply::empty();
    Ok(if is_own && session.origin.is_some() { reply.with_cookie("") } else { reply })
}
