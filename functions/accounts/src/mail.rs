//! This module serves `POST /v1/admin/accounts/{id}/mail`, which lifts the mark of an address.

use http::StatusCode;
use rekey::domain::account::{Account, MailStatus};
use rekey::domain::event::{Action, Change};
use rekey::domain::outbox::{OutboxItem, OutboxKind};
use rekey::domain::permission::Staff;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, JSON_BODY, Operation};
use rekey::platform::ids::AccountId;
use rekey::store::accounts::Changed;
use rekey::store::mail::Restoration;
use rekey::store::race::until_written;
use rekey::store::told::Told;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::facts::{AdminAccount, account_reply};

/// The state of mail from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMailStatus {
    /// Only `ok` can be set.
    pub status: Restored,
}

/// The state to which staff can set an address: `ok`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Restored {
    /// No failure is known.
    Ok,
}

/// The operation `POST /v1/admin/accounts/{id}/mail`.
pub struct RestoreMail;

impl Operation for RestoreMail {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] =
        &[JSON_BODY, &[ErrorCode::NotFound, ErrorCode::ConfirmationRequired, ErrorCode::NoAddress]];
}

/// Lifts the mark of an address
///
/// The account's `mail` becomes `ok`, and SES takes the address off its list of addresses that it does not mail. The act is recorded.
/// When there is no mark, nothing changes. A mail that comes back marks the address again. The mark `shared_mailbox` says that a former
/// guardian reads what is mailed there. An administrator alone lifts it, in a session that is confirmed, and not while another account
/// of the portal has the address (409). Another address needs no lifting. An address that was marked
/// `wrong_person` is mailed again: lift that mark only when the patient has confirmed the address.
#[utoipa::path(post, path = "/v1/admin/accounts/{id}/mail", impl_for = RestoreMail, operation_id = "restoreMail", tag = "staff",
    params(("id" = AccountId, Path, description = "The id of the account")),
    request_body = NewMailStatus,
    responses(
        (status = 200, body = AdminAccount, headers(("ETag" = String, description = "The version of the account, for `If-Match`.")))))]
pub async fn restore_mail(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    Box::pin(until_written("lifting the mark of an address", || async {
        let staff = deps.staff(call).await?;
        let NewMailStatus { status: Restored::Ok } = call.json()?;
        let old = deps.find_account(&staff, call.parameter("id")).await?;
        staff.must_manage(old.portal)?;
        if old.mail == MailStatus::Ok {
            return account_reply(StatusCode::OK, &old, deps.ambient.now()).map(Some);
        }
        if old.mail == MailStatus::SharedMailbox {
            may_give_back(deps, &staff, &old).await?;
        }
        let new = old.with_mail_restored();
        let kind = OutboxKind::MailRestored { account: old.id };
        let item = OutboxItem::new(&deps.ambient, &old.practice, kind, Some(call.address))?;
        let event = deps.event(&staff, call, Action::MailRestored)?.of(old.id, old.portal);
        let was = Some(old.mail.as_str().to_owned());
        let change = Change { member: "mail".to_owned(), from: was, to: Some("ok".to_owned()) };
        let event = event.with_outbox(item.id).with_changes(vec![change]);
        let changed = Changed { old: &old, new: &new };
        let restoration = Restoration { staff: &staff.account, item: &item };
        let mails = deps.mails_of_act(call, &staff, &old, None).await?;
        let told = Told { event: &event, mails: &mails };
        let written = deps.store.restore_mail(changed, told, Some(restoration)).await?.is_written();
        written.then(|| account_reply(StatusCode::OK, &new, deps.ambient.now())).transpose()
    }))
    .await
}

/// A member of staff who is told that the mailbox is the client's own now may have been told so by the former guardian. So only an
/// administrator says it, and never of a mailbox that somebody else of the portal is mailed at.
async fn may_give_back(deps: &Deps, staff: &Staff, account: &Account) -> Result<(), Problem> {
    staff.must_be_admin()?;
    staff.must_be_confirmed(deps.ambient.now())?;
    if deps.store.shares_address(account).await? { Err(Problem::new(ErrorCode::NoAddress)) } else { Ok(()) }
}
