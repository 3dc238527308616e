//! `POST /v1/admin/accounts`.

use lambda_http::http::StatusCode;
use rekey::domain::account::{self, Account, Assignment, Role, Setup, check_role};
use rekey::domain::event::{Action, Change};
use rekey::domain::identifier::{Email, Username};
use rekey::domain::outbox::{OutboxItem, OutboxKind};
use rekey::domain::permission::Staff;
use rekey::domain::practice::{Portal, check_locale};
use rekey::domain::text::check_name;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, ErrorsOf, JSON_BODY, Operation};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::facts::{AdminAccount, account_reply};

/// A new account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// The portal that it belongs to; the clients' when left out.
    #[serde(default)]
    pub portal: Portal,
    /// Unique in its portal; no `@`.
    #[schema(value_type = String)]
    pub username: Username,
    /// Where its mail goes. Without one its owner is helped by copied links.
    #[schema(value_type = Option<String>)]
    pub email: Option<Email>,
    /// Its owner's name, 1 to 100 characters.
    pub display_name: String,
    /// The address in the clinical record.
    #[schema(value_type = Option<String>)]
    pub record_email: Option<Email>,
    /// Acts for a client.
    #[serde(default)]
    pub representative: bool,
    /// Of staff accounts, required.
    pub role: Option<Role>,
    /// `en` or `es`; the practice's when left out.
    pub locale: Option<String>,
    /// Mail an invitation, if there is an address; true when left out.
    pub invite: Option<bool>,
}

/// `POST /v1/admin/accounts`.
pub struct CreateAccount;

impl Operation for CreateAccount {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[JSON_BODY, &[ErrorCode::UsernameTaken]];
}

/// Makes an account, and invites its owner.
#[utoipa::path(post, path = "/v1/admin/accounts", impl_for = CreateAccount, operation_id = "createAccount", tag = "staff",
    request_body = NewAccount,
    responses(
        (status = 201, body = AdminAccount, headers(("ETag" = String))), ErrorsOf<CreateAccount>))]
pub async fn create_account(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let staff = deps.staff(call).await?;
    let asked: NewAccount = call.json()?;
    staff.must_manage(asked.portal)?;
    let invited = is_invited(&asked)?;
    let account = new_account(deps, &staff, asked, invited)?;
    let kind = OutboxKind::Link { account: account.id, by: Some(staff.account.id) };
    let invitation =
        invited.then(|| OutboxItem::new(&deps.ambient, &account.practice, kind, Some(call.address)));
    let invitation = invitation.transpose()?;
    let mut event = deps.event(&staff, call, Action::UserCreated)?.of(account.id, account.portal);
    event.outbox = invitation.as_ref().map(|item| item.id);
    let role = account.role.map(|role| role.as_str().to_owned());
    event.changes.extend(role.map(|role| Change { member: "role".to_owned(), from: None, to: Some(role) }));
    if deps.store.create_account(&account, &event, invitation.as_ref()).await?.is_written() {
        account_reply(StatusCode::CREATED, &account)
    } else {
        Err(Problem::new(ErrorCode::UsernameTaken))
    }
}

/// Whether an invitation follows. Asking for one that nobody could get is a mistake.
fn is_invited(asked: &NewAccount) -> Result<bool, Problem> {
    match (asked.invite, &asked.email) {
        (Some(true), None) => Err(Problem::invalid("invite", "needs an email")),
        (invite, email) => Ok(email.is_some() && invite.unwrap_or(true)),
    }
}

fn new_account(deps: &Deps, staff: &Staff, asked: NewAccount, invited: bool) -> Result<Account, Problem> {
    check_name(&asked.display_name).map_err(|rule| Problem::invalid("display_name", rule))?;
    check_locale(asked.locale.as_deref()).map_err(|rule| Problem::invalid("locale", rule))?;
    check_role(asked.portal, asked.role).map_err(|rule| Problem::invalid("role", rule))?;
    let new = account::NewAccount {
        practice: staff.practice.slug.clone(),
        portal: asked.portal,
        username: asked.username,
        display_name: asked.display_name,
    };
    let account = Account::new(&deps.ambient, new)?;
    // Who sees only a caseload would not see the client they have just registered.
    let own = Assignment { staff: staff.account.id, role: None, assigned_at: account.created_at };
    Ok(Account {
        email: asked.email,
        record_email: asked.record_email,
        locale: asked.locale,
        representative: asked.representative,
        role: asked.role,
        setup: if invited { Setup::Invited } else { Setup::NotInvited },
        caseload: if staff.is_scoped() { vec![own] } else { Vec::new() },
        ..account
    })
}
