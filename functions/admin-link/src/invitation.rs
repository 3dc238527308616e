//! This module serves `POST /v1/admin/accounts/{id}/invitation`: the first invitation of an account, or another one.

use http::StatusCode;
use rekey::domain::ticket::Kind;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, Operation};
use rekey::platform::ids::AccountId;
use rekey::store::race::until_written;

use crate::Deps;
use crate::issue::{Helped, Issued, Terms};

/// The operation `POST /v1/admin/accounts/{id}/invitation`.
pub struct Invite;

impl Operation for Invite {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[&[
        ErrorCode::NotFound,
        ErrorCode::AccountClosed,
        ErrorCode::NoAddress,
        ErrorCode::AlreadySignedUp,
        ErrorCode::ProofRequired,
        ErrorCode::TooManyRequests,
    ]];
}

/// Mails an invitation to an account's owner
///
/// The mail has a link with which the owner sets the first password. The link is valid for the practice's `invitation_ttl`. The
/// call can be repeated, and earlier invitations stay valid until they expire. An account that has been set up answers 409
/// `already_signed_up`.
#[utoipa::path(post, path = "/v1/admin/accounts/{id}/invitation", impl_for = Invite, operation_id = "invite", tag = "staff",
    params(("id" = AccountId, Path, description = "The id of the account")),
    responses(
        (status = 202, body = Issued)))]
pub async fn invite(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    until_written("issuing an invitation", || async {
        let staff = deps.staff(call).await?;
        let helped = Helped::find(deps, call, staff).await?;
        if Kind::of_link(&helped.account) != Kind::Invitation {
            return Err(Problem::new(ErrorCode::AlreadySignedUp));
        }
        let valid_until = deps.ambient.now() + helped.staff.practice.policy.invitation_ttl();
        let proof = helped.proof(None, false).await?;
        let issued = helped.issuing(Terms { valid_until, reason: None, proof }).mailed_link().await?;
        issued.map(|issued| Reply::json(StatusCode::ACCEPTED, &issued)).transpose()
    })
    .await
}
