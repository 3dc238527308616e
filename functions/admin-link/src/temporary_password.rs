//! This module serves `POST /v1/admin/accounts/{id}/temporary-password`: a password by mail that is good for one sign-in.

use http::StatusCode;
use rekey::domain::proof::NewProof;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, JSON_BODY, Operation};
use rekey::platform::clock::hours;
use rekey::platform::ids::AccountId;
use rekey::platform::wire::optional_whole_number;
use rekey::store::race::until_written;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::issue::{Helped, Issued, Terms};

/// The temporary password to be mailed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTemporaryPassword {
    /// The life of the temporary password in hours: 1 to 72. The default is the practice's `temporary_password_ttl`.
    #[serde(default, deserialize_with = "optional_whole_number")]
    #[schema(minimum = 1, maximum = 72)]
    pub hours: Option<u64>,
    /// How the caller is known. By the practice's `caller_proof`, a temporary password for a frozen account needs it.
    #[schema(nullable = false)]
    pub proof: Option<NewProof>,
}

/// The operation `POST /v1/admin/accounts/{id}/temporary-password`.
pub struct CreateTemporaryPassword;

impl Operation for CreateTemporaryPassword {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[
        JSON_BODY,
        &[
            ErrorCode::NotFound,
            ErrorCode::AccountClosed,
            ErrorCode::NoAddress,
            ErrorCode::ProofRequired,
            ErrorCode::TooManyRequests,
        ],
    ];
}

/// Mails a temporary password to an account's owner
///
/// The answer does not show the password. The password works for one sign-in, and that session can only choose a new password. A
/// temporary password that was mailed before no longer works. If the practice's `temporary_password_voids_current` is true, the
/// current password becomes void and every session ends. The body may be left out.
#[utoipa::path(post, path = "/v1/admin/accounts/{id}/temporary-password", impl_for = CreateTemporaryPassword, operation_id = "createTemporaryPassword",
    tag = "staff", params(("id" = AccountId, Path, description = "The id of the account")),
    request_body = Option<NewTemporaryPassword>,
    responses(
        (status = 202, body = Issued)))]
pub async fn create_temporary_password(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    until_written("issuing a temporary password", || async {
        let staff = deps.staff(call).await?;
        let asked: NewTemporaryPassword = call.json_or_default()?;
        let helped = Helped::find(deps, call, staff).await?;
        let life = match asked.hours {
            None => helped.staff.practice.policy.temporary_password_ttl(),
            Some(count @ 1..=72) => hours(count),
            Some(_) => return Err(Problem::invalid("hours", "must be 1 to 72")),
        };
        let proof = helped.proof(asked.proof.as_ref(), false).await?;
        let terms = Terms { valid_until: deps.ambient.now() + life, reason: None, proof };
        let issued = helped.issuing(terms).mailed_temporary_password().await?;
        issued.map(|issued| Reply::json(StatusCode::ACCEPTED, &issued)).transpose()
    })
    .await
}
