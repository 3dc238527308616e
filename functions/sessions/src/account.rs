//! This module serves `GET /v1/account`, which shows the caller's own account.

use http::StatusCode;
use rekey::domain::account::{Account, Role};
use rekey::domain::identifier::Email;
use rekey::domain::practice::{Portal, Slug};
use rekey::domain::session::Session;
use rekey::http::auth::{Holder, holder};
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, Operation};
use rekey::platform::ids::AccountId;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Deps;

/// An account, as its owner sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountFacts {
    /// The id of the account.
    pub id: AccountId,
    /// The slug of the practice to which the account belongs.
    pub practice: Slug,
    /// The portal to which the account belongs.
    pub portal: Portal,
    /// The username, as the account's owner writes it.
    pub username: String,
    /// The address to which mail for the account goes, or null when there is none.
    pub email: Option<Email>,
    /// The name of the account's owner.
    pub display_name: String,
    /// The language of the account's mails, or null when the practice's language is used.
    pub locale: Option<String>,
    /// The role of a member of staff, or null for a client's account.
    pub role: Option<Role>,
    /// Whether the account belongs to a person who acts for a client.
    pub representative: bool,
    /// The time at which the session ends, however much it is used (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub session_ends_at: String,
}

impl AccountFacts {
    /// The facts of an account that its owner may see, in a session of theirs.
    pub fn of(account: &Account, session: &Session) -> Self {
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
            session_ends_at: session.valid_until.to_string(),
        }
    }
}

/// The operation `GET /v1/account`.
pub struct GetAccount;

impl Operation for GetAccount {
    const CALLER: Caller = Caller::Holder;
    const ERRORS: &'static [&'static [ErrorCode]] = &[];
}

/// Shows the caller's own account
///
/// The account is the one to which the session belongs.
#[utoipa::path(get, path = "/v1/account", impl_for = GetAccount, operation_id = "getAccount", tag = "account",
    responses(
        (status = 200, body = AccountFacts)))]
pub async fn get_account(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let Holder { account, session } = holder(&deps.store, call, &deps.ambient).await?;
    Reply::json(StatusCode::OK, &AccountFacts::of(&account, &session))
}
