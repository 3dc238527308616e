//! `GET /v1/account`: an account, as its holder sees it.

use lambda_http::http::StatusCode;
use rekey::domain::account::{Account, Role};
use rekey::domain::identifier::Email;
use rekey::domain::practice::{Portal, Slug};
use rekey::http::auth::{Holder, holder};
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, ErrorsOf, Operation};
use rekey::platform::ids::AccountId;
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
    /// The portal that it belongs to.
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

/// `GET /v1/account`.
pub struct GetAccount;

impl Operation for GetAccount {
    const CALLER: Caller = Caller::Holder;
    const ERRORS: &'static [&'static [ErrorCode]] = &[];
}

/// Tells the holder about the account.
#[utoipa::path(get, path = "/v1/account", impl_for = GetAccount, operation_id = "getAccount", tag = "account",
    responses(
        (status = 200, body = AccountFacts), ErrorsOf<GetAccount>))]
pub async fn get_account(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let Holder { account, .. } = holder(&deps.store, call, &deps.ambient).await?;
    Reply::json(StatusCode::OK, &AccountFacts::of(&account))
}
