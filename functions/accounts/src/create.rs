//! This module serves `POST /v1/admin/accounts`, which creates an account.

use http::StatusCode;
use rekey::domain::account::{self, Account, Assignment, Role, Setup, check_role};
use rekey::domain::event::{Action, Change};
use rekey::domain::identifier::{Email, IdentifierError, NewUsername};
use rekey::domain::limit::Limit;
use rekey::domain::outbox::{OutboxItem, OutboxKind};
use rekey::domain::permission::Staff;
use rekey::domain::practice::{Portal, check_locale};
use rekey::domain::text::check_name;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, JSON_BODY, Operation};
use rekey::store::limits::Decision;
use rekey::store::names::{Records, Registered, Twins};
use rekey::store::race::until_written;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::facts::{AdminAccount, account_reply};
use crate::shared_address::must_be_meant;

/// The account to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// The portal to which the account is to belong. The default is `client`.
    #[serde(default)]
    pub portal: Portal,
    /// The username: a name of RFC 8265 with at most 64 characters, single spaces between its parts, and none of `@ / \ : ; , ? # %
    /// < > ( ) [ ] "`; or the account's own `email`. No other account of the portal may have it, or one that looks like it if
    /// one of the two has characters beyond ASCII.
    pub username: NewUsername,
    /// The address to which mail for the account goes. Without one, the owner can only be helped with copied links.
    pub email: Option<Email>,
    /// The name of the account's owner: 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    pub display_name: String,
    /// The address in the client's clinical record.
    pub record_email: Option<Email>,
    /// Whether the account belongs to a person who acts for a client.
    #[serde(default)]
    pub representative: bool,
    /// The role of a member of staff. It is required on the staff portal, and refused for a client's account.
    pub role: Option<Role>,
    /// The language of the account's mails, as a tag of BCP 47 such as `es-MX`. It is kept as it is given. Mails are in the nearest
    /// language that they are written in. The default is the practice's language.
    #[schema(
        max_length = 35,
        pattern = "^([A-Za-z]{2,8}|[IXix][-_][A-Za-z0-9]{1,8})([-_][A-Za-z0-9]{1,8})*([.@][-A-Za-z0-9._@]*)?$"
    )]
    pub locale: Option<String>,
    /// Whether an invitation is mailed. The default is true when there is an `email`. True without an `email` is refused.
    pub invite: Option<bool>,
    /// Whether an `email` is meant that another account of the portal has proven to be its own. Otherwise such an address is
    /// refused.
    #[serde(default)]
    pub shares_address: bool,
}

/// The operation `POST /v1/admin/accounts`.
pub struct CreateAccount;

impl Operation for CreateAccount {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[
        JSON_BODY,
        &[
            ErrorCode::UsernameTaken,
            ErrorCode::AddressProven,
            ErrorCode::ConfirmationRequired,
            ErrorCode::TooManyRequests,
        ],
    ];
}

/// Creates an account and invites its owner
///
/// An invitation is mailed if there is an `email`, unless `invite` is false. All staff can create accounts of clients. Only
/// administrators can create accounts of staff, in a session that is confirmed, by the sign-in or since. Only the owner sees or
/// chooses the password. If the practice scopes staff by caseload and the caller is not an administrator, the new client is on the
/// caller's caseload.
#[utoipa::path(post, path = "/v1/admin/accounts", impl_for = CreateAccount, operation_id = "createAccount", tag = "staff",
    request_body = NewAccount,
    responses(
        (status = 201, body = AdminAccount, headers(("ETag" = String, description = "The version of the account, for `If-Match`.")))))]
pub async fn create_account(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    until_written("creating an account", || async {
        let staff = deps.staff(call).await?;
        create(deps, call, &staff, call.json()?).await
    })
    .await
}

/// `None` when the rights of the member of staff have changed meanwhile.
async fn create(
    deps: &Deps,
    call: &Call,
    staff: &Staff,
    asked: NewAccount,
) -> Result<Option<Reply>, Problem> {
    staff.must_manage(asked.portal)?;
    if asked.portal == Portal::Staff {
        // It gives somebody a role.
        staff.must_be_confirmed(deps.ambient.now())?;
    }
    may_name(deps, staff).await?;
    let invited = is_invited(&asked)?;
    let is_meant = asked.shares_address;
    let account = new_account(deps, staff, asked, invited)?;
    may_share(deps, call, staff, &account).await?;
    Box::pin(must_be_meant(deps, staff, &account, is_meant)).await?;
    let kind = OutboxKind::Link { account: account.id, by: Some(staff.account.id) };
    let invitation =
        invited.then(|| OutboxItem::new(&deps.ambient, &account.practice, kind, Some(call.address)));
    let invitation = invitation.transpose()?;
    let mut event = deps.event(staff, call, Action::UserCreated)?.of(account.id, account.portal);
    event.outbox = invitation.as_ref().map(|item| item.id);
    let role = account.role.map(|role| role.as_str().to_owned());
    event.changes.extend(role.map(|role| Change { member: "role".to_owned(), from: None, to: Some(role) }));
    let mails = deps.mails_of_act(call, staff, &account, None).await?;
    let (invitation, staff_account) = (invitation.as_ref(), Some(&staff.account));
    let records = Records { event: &event, invitation, mails: &mails, staff: staff_account };
    match deps.store.register(account, records, Twins::Refused).await? {
        Registered::Created { account, .. } => {
            account_reply(StatusCode::CREATED, &account, deps.ambient.now()).map(Some)
        }
        Registered::Taken | Registered::AddressTaken => Err(username_taken(deps, call, staff).await?),
        Registered::Disallowed => Ok(None),
        Registered::Limited { retry_after } => {
            let event = deps.event(staff, call, Action::ExcessRateLimitExceeded)?;
            let since = event.at.hour();
            let event = event.once_an_hour(&format!("by {}", staff.account.id), since);
            deps.store.record_event(&event).await?;
            Err(Problem::too_many(Limit::Mails, retry_after))
        }
    }
}

/// Refuses a member of staff who does not see every client, if they have asked for too many names and addresses that others have:
/// what is answered then would tell who has an account.
pub(crate) async fn may_name(deps: &Deps, staff: &Staff) -> Result<(), Problem> {
    if !staff.is_scoped() {
        return Ok(());
    }
    let wait = deps.store.wait_for_names(staff.account.id, deps.ambient.now()).await?;
    wait.map_or(Ok(()), |seconds| Err(Problem::too_many(Limit::Usernames, seconds)))
}

/// The refusal of a username that is taken. Names are unique, so it cannot be hidden that somebody has it; to a member of staff who
/// does not see every client it is counted and recorded.
pub(crate) async fn username_taken(deps: &Deps, call: &Call, staff: &Staff) -> Result<Problem, Problem> {
    if staff.is_scoped() {
        count_name(deps, call, staff).await?;
    }
    Ok(Problem::new(ErrorCode::UsernameTaken))
}

/// Counts an address that accounts have which a member of staff does not see, because the answer shows it: an account signs in by
/// its address only if no other has that.
pub(crate) async fn may_share(
    deps: &Deps,
    call: &Call,
    staff: &Staff,
    account: &Account,
) -> Result<(), Problem> {
    let Some(address) = account.address().filter(|_| staff.is_scoped()) else { return Ok(()) };
    let sharing = deps.store.find_recipients(&account.practice, account.portal, &address).await?;
    let others = sharing.iter().map(|other| other.account).filter(|other| *other != account.id);
    let others = deps.store.find_accounts(&others.collect::<Vec<_>>()).await?;
    if others.iter().all(|other| staff.sees(other)) {
        return Ok(());
    }
    count_name(deps, call, staff).await
}

/// Counts and records what a member of staff has asked for and somebody else has, if it is not too much.
async fn count_name(deps: &Deps, call: &Call, staff: &Staff) -> Result<(), Problem> {
    let event = deps.event(staff, call, Action::UsernameRefused)?;
    match deps.store.count_refused_name(staff.account.id, &event).await? {
        Decision::Refused { retry_after, .. } => Err(Problem::too_many(Limit::Usernames, retry_after)),
        Decision::Allowed => Ok(()),
    }
}

/// Whether an invitation is mailed. A request for one without an address is refused, because nobody could get it.
fn is_invited(asked: &NewAccount) -> Result<bool, Problem> {
    match (asked.invite, &asked.email) {
        (Some(true), None) => Err(Problem::invalid("invite", "must not be true without an email")),
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
        username: asked.username.of(asked.email.as_ref()).map_err(|error| no_username(&error))?,
        display_name: asked.display_name,
        email: asked.email,
    };
    let account = Account::new(&deps.ambient, new)?.signing_in_by_email(true);
    // Without this, a member of staff who sees only their caseload would not see the client whom they have just registered.
    let own = Assignment { staff: staff.account.id, role: None, assigned_at: account.created_at };
    Ok(Account {
        record_email: asked.record_email,
        locale: asked.locale,
        representative: asked.representative,
        role: asked.role,
        setup: if invited { Setup::Invited } else { Setup::NotInvited },
        caseload: if staff.is_scoped() { vec![own] } else { Vec::new() },
        ..account
    })
}

/// The answer to a username that the account cannot have.
pub(crate) fn no_username(error: &IdentifierError) -> Problem {
    Problem::invalid("username", &error.to_string())
}
