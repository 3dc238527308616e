//! This module serves `DELETE /v1/admin/accounts/{id}/sessions`, with which staff end every session of an account.

use rekey::domain::event::Action;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, Operation};
use rekey::platform::ids::AccountId;
use rekey::store::accounts::Changed;
use rekey::store::race::until_written;
use rekey::store::told::Told;

use crate::Deps;

/// The operation `DELETE /v1/admin/accounts/{id}/sessions`.
pub struct EndSessions;

impl Operation for EndSessions {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[&[ErrorCode::NotFound]];
}

/// Ends every session of an account
///
/// The owner has to sign in again. The password, links and codes stay valid.
#[utoipa::path(delete, path = "/v1/admin/accounts/{id}/sessions", impl_for = EndSessions, operation_id = "endSessions", tag = "staff",
    params(("id" = AccountId, Path, description = "The id of the account")),
    responses(
        (status = 204, description = "Every session has ended")))]
pub async fn end_sessions(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    until_written("ending sessions", || async {
        let staff = deps.staff(call).await?;
        let old = deps.find_account(&staff, call.parameter("id")).await?;
        staff.must_manage(old.portal)?;
        let new = old.signed_out();
        let event = deps.event(&staff, call, Action::SessionRevoked)?.of(new.id, new.portal);
        let changed = Changed { old: &old, new: &new };
        let mails = deps.mails_of_act(call, &staff, &old, None).await?;
        let told = Told { event: &event, mails: &mails };
        let outcome = deps.store.update_accounts(Some(&staff.account), &[changed], told).await?;
        Ok::<_, Problem>(outcome.is_written().then(Reply::empty))
    })
    .await
}
