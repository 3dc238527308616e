//! This module serves `POST /v1/password/change`, which changes the password of a signed-in person.

use rekey::domain::event::Action;
use rekey::domain::outbox::{OutboxItem, OutboxKind};
use rekey::domain::typed_password::TypedPassword;
use rekey::http::auth::{Holder, any_holder};
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, JSON_BODY, Operation};
use rekey::secrets::password::PasswordHash;
use rekey::secrets::password::Peppers;
use rekey::secrets::secret::Secret;
use rekey::store::accounts::Changed;
use rekey::store::race::until_written;
use rekey::store::sessions::PasswordChange;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::current_password::{CurrentPassword, forget_attempt};

/// The current password and the new one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeRequest {
    /// The current password, taken as typed. In a session that began with a temporary password, it is the temporary password.
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 256)]
    pub current_password: Secret,
    /// The new password: 1 to 256 code points, and at least as many as the practice's `password_policy` says. It is normalized to
    /// Unicode NFC and otherwise taken as typed.
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 256)]
    pub new_password: Secret,
}

/// The operation `POST /v1/password/change`.
pub struct ChangePassword;

impl Operation for ChangePassword {
    const CALLER: Caller = Caller::AnyHolder;
    const ERRORS: &'static [&'static [ErrorCode]] =
        &[JSON_BODY, &[ErrorCode::InvalidCredentials, ErrorCode::WeakPassword, ErrorCode::TooManyRequests]];
}

/// Changes the caller's password
///
/// Every other session of the account ends, and its links, codes and temporary password become void. The session that makes the
/// call stays. A mail confirms the change, if the account has an address. A wrong current password counts like a failed sign-in
/// and leads to the same waits; a wrong temporary password is not counted. After the change, a session that began with a
/// temporary password can do everything.
#[utoipa::path(post, path = "/v1/password/change", impl_for = ChangePassword, operation_id = "changePassword", tag = "account",
    request_body = ChangeRequest,
    responses(
        (status = 204, description = "The password is changed. A confirmation is mailed if the account has an address")))]
pub async fn change_password(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let asked: ChangeRequest = call.json()?;
    let current = TypedPassword::parse("current_password", &asked.current_password)?;
    let new = TypedPassword::parse("new_password", &asked.new_password)?;
    let failure = Action::AuthnPasswordChangeFail;
    until_written("changing a password", || async {
        let holder = any_holder(&deps.store, call, &deps.ambient).await?;
        let account = &holder.account;
        let practice = deps.practices.find(&deps.store, &account.practice, deps.ambient.now()).await?;
        let practice = practice.ok_or_else(Problem::no_session)?;
        // A new password that the request alone shows to be refused must not count as a guess at the current one.
        new.must_be_strong(&practice, account)?;
        new.must_differ(&current, account)?;
        let counted = CurrentPassword { typed: &current, failure }.check(deps, call, &holder).await?;
        let peppers = Peppers::of(deps.peppers.get().await?, account.id);
        match new.hash_unless_current(&deps.hasher, peppers, &deps.ambient, account) {
            Ok(hash) => {
                let written = write(deps, call, &holder, hash).await?;
                if written.is_none() {
                    forget_attempt(deps, counted.as_ref()).await?;
                }
                Ok(written)
            }
            Err(refused) => {
                forget_attempt(deps, counted.as_ref()).await?;
                Err(refused.into())
            }
        }
    })
    .await
}

/// Writes the change. Returns `None` when another change came first.
async fn write(
    deps: &Deps,
    call: &Call,
    holder: &Holder,
    hash: PasswordHash,
) -> Result<Option<Reply>, Problem> {
    let Holder { session, account } = holder;
    let limits = account.sign_in_subjects(deps.limits_key.get().await?.current()?);
    let kind = OutboxKind::PasswordChanged { account: account.id };
    let confirmation = OutboxItem::new(&deps.ambient, &account.practice, kind, Some(call.address))?;
    let event = deps.event(call, account, Action::AuthnPasswordChange)?;
    let event = event.with_session(session.id).with_outbox(confirmation.id);
    let began = account.temporary.as_ref().filter(|temporary| session.ticket == Some(temporary.ticket));
    let owner_seen = began.is_some_and(|temporary| temporary.owner_seen);
    let new = account.with_password(hash, None, owner_seen);
    // A temporary password is only ever mailed, and another address would have removed it.
    let new = if began.is_some() { new.with_email_proven(deps.ambient.now()) } else { new };
    let change = PasswordChange {
        session,
        changed: Changed { old: account, new: &new },
        event: &event,
        confirmation: &confirmation,
        limits: &limits,
    };
    Ok(deps.store.change_password(&change).await?.is_written().then(Reply::empty))
}
