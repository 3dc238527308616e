//! `POST /v1/admin/accounts`.

use lambda_http::http::StatusCode;
use rekey::account::{Account, Assignment, MailStatus, Role, Setup, check_locale, check_name, check_role};
use rekey::event::{Action, Change};
use rekey::http::problem::{Code, Problem, ProblemBody};
use rekey::http::{Answer, Call};
use rekey::identifier::{Email, Username};
use rekey::ids::AccountId;
use rekey::outbox::{Errand, Outbox};
use rekey::practice::Portal;
use rekey::staff::Staff;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::facts::{AdminAccount, answer};

/// A new account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// Which door it opens.
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

/// Makes an account, and invites its owner.
#[utoipa::path(post, path = "/v1/admin/accounts", operation_id = "createAccount", tag = "staff",
    request_body = NewAccount,
    responses(
        (status = 201, body = AdminAccount, headers(("ETag" = String))),
        (status = 400, description = "`malformed_json`, `invalid_request`", body = ProblemBody),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 403, description = "`forbidden`, `password_change_required`", body = ProblemBody),
        (status = 409, description = "`username_taken`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn create_account(deps: &Deps, call: &Call) -> Result<Answer, Problem> {
    let staff = deps.staff(call).await?;
    let asked: NewAccount = call.json()?;
    staff.must_manage(asked.portal)?;
    let invited = invited(&asked)?;
    let account = account(deps, &staff, asked, invited)?;
    let event = staff.event(&deps.ambient, call, Action::UserCreated)?.of(account.id, account.portal);
    let role = account.role.map(|role| role.as_str().to_owned());
    let role = role.map(|role| Change { member: "role".to_owned(), from: None, to: Some(role) });
    let event = event.with_changes(role.into_iter().collect());
    let invitation = if invited {
        let errand = Errand::Link { account: account.id, by: Some(staff.account.id) };
        Some(Outbox::new(&deps.ambient, &account.practice, errand, Some(call.address))?)
    } else {
        None
    };
    let event = match &invitation {
        Some(invitation) => event.with_outbox(invitation.id),
        None => event,
    };
    let outcome = deps.store.create_account(&account, &event, invitation.as_ref()).await?;
    if outcome.is_written() {
        answer(StatusCode::CREATED, &account)
    } else {
        Err(Problem::new(Code::UsernameTaken))
    }
}

/// Whether an invitation follows. Asking for one that nobody could get is a mistake.
fn invited(asked: &NewAccount) -> Result<bool, Problem> {
    match (asked.invite, &asked.email) {
        (Some(true), None) => Err(Problem::invalid("invite", "needs an email")),
        (invite, email) => Ok(email.is_some() && invite.unwrap_or(true)),
    }
}

fn account(deps: &Deps, staff: &Staff, asked: NewAccount, invited: bool) -> Result<Account, Problem> {
    check_name(&asked.display_name).map_err(|rule| Problem::invalid("display_name", rule))?;
    check_locale(asked.locale.as_deref()).map_err(|rule| Problem::invalid("locale", rule))?;
    check_role(asked.portal, asked.role).map_err(|rule| Problem::invalid("role", rule))?;
    let now = deps.ambient.now();
    // Who sees only a caseload would not see the client they have just registered.
    let own = Assignment { staff: staff.account.id, role: None, assigned_at: now };
    Ok(Account {
        id: AccountId::from(deps.ambient.ulid()?),
        practice: staff.practice.slug.clone(),
        portal: asked.portal,
        username: asked.username,
        email: asked.email,
        display_name: asked.display_name,
        record_email: asked.record_email,
        locale: asked.locale,
        active: true,
        representative: asked.representative,
        refused: false,
        role: asked.role,
        setup: if invited { Setup::Invited } else { Setup::NotInvited },
        password: None,
        temporary: None,
        frozen_at: None,
        credential_version: 1,
        session_epoch: 1,
        question: None,
        mail: MailStatus::Ok,
        caseload: if staff.is_scoped() { vec![own] } else { Vec::new() },
        associations: Vec::new(),
        revision: 0,
        created_at: now,
    })
}
