//! The function `admin-link` serves staff who help an account's owner: links with an expiry, temporary passwords, invitations,
//! codes that callers read out, the list of what has been issued, and the end of sessions.
//!
//! Staff start a recovery and never choose, see or set a password (A2). A copied link is shown once, and only its digest is kept.
//! A mailed link gets its token from the mailer, so nothing here could open it.

use std::collections::HashMap;
use std::ops::Deref;

use lambda_runtime::{Diagnostic, LambdaEvent};
use rekey::http::auth::StaffDeps;
use rekey::http::problem::Problem;
use rekey::http::route::respond;
use rekey::platform::aws::Environment;
use rekey::platform::clock::Ambient;
use rekey::platform::config::{ConfigError, Lookup};
use rekey::secrets::keyring::LazyKeyring;
use serde_json::Value;
use serde_json::value::RawValue;

pub mod caller_check;
pub mod direct;
pub mod invitation;
pub mod issue;
pub mod issued;
pub mod links;
pub mod sessions;
pub mod slip;
pub mod temporary_password;
pub mod tickets;

/// The configuration and the clients that the function works with: those of every function of staff, and the key of codes that
/// callers read out.
pub struct Deps {
    staff: StaffDeps,
    codes: LazyKeyring,
}

impl Deps {
    /// Reads the function's configuration.
    ///
    /// # Errors
    /// Returns [`ConfigError`], which names the variable that is missing or unusable.
    pub fn read(lookup: &Lookup<'_>, aws: &Environment, ambient: Ambient) -> Result<Self, ConfigError> {
        let codes = LazyKeyring::read(lookup, aws, "REKEY_CODE_SECRET")?;
        Ok(Self { staff: StaffDeps::read(lookup, aws, ambient)?, codes })
    }
}

impl Deref for Deps {
    type Target = StaffDeps;

    fn deref(&self) -> &StaffDeps {
        &self.staff
    }
}

rekey::routes!(Deps:
    links::CreateLink => links::create_link,
    temporary_password::CreateTemporaryPassword => temporary_password::create_temporary_password,
    invitation::Invite => invitation::invite,
    caller_check::CheckCaller => caller_check::check_caller,
    caller_check::EnterCheck => caller_check::enter_check,
    tickets::ListTickets => tickets::list_tickets,
    tickets::RevokeTicket => tickets::revoke_ticket,
    issued::ListIssued => issued::list_issued,
    sessions::EndSessions => sessions::end_sessions,
);

/// Handles one invocation. An event with a `requestContext` is a request from the gateway, and any other event asks for a link
/// directly.
///
/// # Errors
/// Returns what is wrong with a direct invocation. A request from the gateway always gets an answer.
pub async fn invoke(deps: &Deps, event: LambdaEvent<Box<RawValue>>) -> Result<Value, Diagnostic> {
    if !is_request(&event.payload) {
        tracing::info!(event = "direct_invocation", invocations = 1);
        let asked = serde_json::from_str(event.payload.get()).unwrap_or_default();
        let issued = Box::pin(direct::create_link(deps, asked)).await.map_err(Problem::into_diagnostic)?;
        return serde_json::to_value(issued)
            .map_err(|error| Problem::internal("writing an answer", error).into_diagnostic());
    }
    Ok(handler(deps, event).await)
}

fn is_request(event: &RawValue) -> bool {
    let members: Option<HashMap<String, &RawValue>> = serde_json::from_str(event.get()).ok();
    members.is_some_and(|members| members.contains_key("requestContext"))
}

/// Answers one event of the gateway.
pub async fn handler(deps: &Deps, event: LambdaEvent<Box<RawValue>>) -> Value {
    respond(&ROUTES, deps, &deps.gateway, event).await
}
