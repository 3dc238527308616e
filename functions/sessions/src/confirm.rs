//! This module serves `POST /v1/sessions/current/confirm`, with which the holder of a session gives the password again.

use std::sync::atomic::AtomicBool;

use rekey::domain::event::{Action, Actor, Reason};
use rekey::domain::spray::Place;
use rekey::domain::typed_password::TypedPassword;
use rekey::http::auth::{Holder, holder};
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, JSON_BODY, Operation};
use rekey::secrets::secret::Secret;
use rekey::store::limits::SignInCount;
use rekey::store::race::until_written;
use rekey::store::sessions::Confirmation;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::guess::{Guess, Matched};

/// The password of the account to which the session belongs.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmRequest {
    /// The current password, taken as typed. A temporary password confirms nothing.
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 256)]
    pub current_password: Secret,
}

/// The operation `POST /v1/sessions/current/confirm`.
pub struct ConfirmSession;

impl Operation for ConfirmSession {
    const CALLER: Caller = Caller::Holder;
    const ERRORS: &'static [&'static [ErrorCode]] =
        &[JSON_BODY, &[ErrorCode::InvalidCredentials, ErrorCode::TooManyRequests]];
}

/// Confirms the session that makes the call
///
/// A confirmed session can do for ten minutes what answers 403 `confirmation_required` otherwise. A sign-in by the account's own
/// password confirms its session too. No other session of the account is confirmed. A wrong password counts like a failed sign-in by
/// the username and leads to the same waits.
#[utoipa::path(post, path = "/v1/sessions/current/confirm", impl_for = ConfirmSession, operation_id = "confirmSession", tag = "sessions",
    request_body = ConfirmRequest,
    responses(
        (status = 204, description = "The session is confirmed for ten minutes")))]
pub async fn confirm_session(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let asked: ConfirmRequest = call.json()?;
    let typed = TypedPassword::parse("current_password", &asked.current_password)?;
    until_written("confirming a session", || async {
        let holder = holder(&deps.store, call, &deps.ambient).await?;
        Box::pin(confirm(deps, call, &holder, &typed)).await
    })
    .await
}

/// Counts the password as a guess at the username, compares it, and confirms the session. Returns `None` when the session or the
/// account has changed meanwhile.
async fn confirm(
    deps: &Deps,
    call: &Call,
    Holder { session, account }: &Holder,
    typed: &TypedPassword,
) -> Result<Option<Reply>, Problem> {
    // The keys come first, because a failure to get them must not cost an attempt.
    deps.peppers.get().await?;
    let key = deps.limits_key.get().await?.current()?;
    let names = account.sign_in_subjects(key);
    let Some((limit, others)) = names.split_first() else {
        return Err(Problem::internal("naming an account", "it has no name"));
    };
    let now = deps.ambient.now();
    let place = Place { address: call.address, device: None };
    let mut guard = deps.spray.guard(key, &account.practice, limit, (place, now));
    // Whoever has signed in by the address is as little a stranger here as by the username.
    guard.known.extend(others.iter().map(|name| name.seen_from(key, call.address)));
    let (counted, practice) = tokio::join!(
        deps.store.count_attempt(limit, &guard, now),
        deps.store.find_practice(&account.practice)
    );
    let practice = practice?.filter(|practice| practice.disabled_at.is_none());
    let practice = practice.ok_or_else(Problem::no_session)?;
    let (counted, admission) = counted?;
    let guess = Guess {
        deps,
        call,
        practice: &practice,
        portal: account.portal,
        limit,
        counted,
        guard: &guard,
        admission: &admission,
        given_back: AtomicBool::new(false),
        session: Some(session.id),
        typed,
    };
    let login = account.login();
    if !guess.is_admitted() {
        return Err(guess.refuse(Some(&login)).await?);
    }
    let Some(Matched::Password { .. }) = guess.matched(Some(&login)).await? else {
        return Err(guess.told(guess.fail(Some(&login), Reason::WrongPassword).await?));
    };
    let event = guess.event(Some(account.id), Action::AuthnConfirmed, Actor::Holder)?;
    let confirmation = Confirmation { session, account, event: &event, limit };
    let (outcome, ()) = tokio::join!(deps.store.confirm_session(&confirmation), Box::pin(guess.give_back()));
    let is_written = outcome?.is_written();
    if let (false, Some(SignInCount::Counted(counted))) = (is_written, counted) {
        // The password was right. What it was compared with may no longer be, so the counter is not cleared.
        deps.store.uncount_sign_in(limit, &counted).await?;
    }
    Ok(is_written.then(Reply::empty))
}
