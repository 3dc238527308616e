//! `POST /v1/admin/accounts/{id}/invitation`: the first invitation of an account, or another one.

use lambda_http::http::StatusCode;
use rekey::domain::ticket::Kind;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, ErrorsOf, Operation};
use rekey::store::race::until_written;

use crate::Deps;
use crate::issue::{Helped, Issued, Terms};

/// `POST /v1/admin/accounts/{id}/invitation`.
pub struct Invite;

impl Operation for Invite {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] =
        &[&[ErrorCode::NotFound, ErrorCode::AccountClosed, ErrorCode::NoAddress, ErrorCode::AlreadySignedUp]];
}

/// Mails an invitation, the first or another one.
#[utoipa::path(post, path = "/v1/admin/accounts/{id}/invitation", impl_for = Invite, operation_id = "invite", tag = "staff",
    params(("id" = String, Path, description = "The account")),
    responses(
        (status = 202, body = Issued), ErrorsOf<Invite>))]
pub async fn invite(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    until_written("issuing an invitation", || async {
        let staff = deps.staff(call).await?;
        let helped = Helped::find(deps, call, staff).await?;
        if Kind::of_link(&helped.account) != Kind::Invitation {
            return Err(Problem::new(ErrorCode::AlreadySignedUp));
        }
        let valid_until = deps.ambient.now() + helped.staff.practice.policy.invitation_ttl();
        let issued = helped.issuing(Terms { valid_until, reason: None }).mailed_link().await?;
        issued.map(|issued| Reply::json(StatusCode::ACCEPTED, &issued)).transpose()
    })
    .await
}
