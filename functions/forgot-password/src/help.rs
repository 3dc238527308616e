//! This module serves `POST /v1/password/help`, by which a person whose mail does not come asks staff for help.
//!
//! It reads nothing. Whether there is such a request, and whose it is, the mailer finds out behind the stream.

use http::StatusCode;
use rekey::domain::help::Reach;
use rekey::domain::limit::{Limit, Subject};
use rekey::domain::outbox::OutboxItem;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, JSON_BODY, Operation};
use rekey::platform::ids::OutboxId;
use rekey::store::limits::Decision;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Deps;

/// A request for help, because no mail came.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HelpQuestion {
    /// The `request_id` from the answer of `POST /v1/password/forgot`.
    pub request_id: OutboxId,
    /// The way in which the practice is to reach the person.
    pub reach: Reach,
}

/// The request for help has been accepted. The answer has no members: it is the same whether or not there is such a request.
#[derive(Debug, Serialize, ToSchema)]
pub struct HelpAnswer {}

/// The operation `POST /v1/password/help`.
pub struct AskForHelp;

impl Operation for AskForHelp {
    const CALLER: Caller = Caller::Anyone;
    const ERRORS: &'static [&'static [ErrorCode]] = &[JSON_BODY, &[ErrorCode::TooManyRequests]];
}

/// Asks the practice for help, because no mail came
///
/// The practice's staff find the request in their list. They call back at the number in the practice's own record, or wait for the
/// visit. The answer is the same for every request, also for one that was never made, or whose practice takes no requests for help
/// (`help_requests` of the practice). A request can be used once; a repetition changes nothing and gets the same answer. By
/// default a source address may ask 30 times an hour.
#[utoipa::path(post, path = "/v1/password/help", impl_for = AskForHelp, operation_id = "askForHelp", tag = "recovery",
    request_body = HelpQuestion,
    responses(
        (status = 202, body = HelpAnswer)))]
pub async fn ask_for_help(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let HelpQuestion { request_id, reach } = call.json()?;
    let item = OutboxItem::help(&deps.ambient, request_id, reach, call.address)?;
    let key = deps.limits_key.get().await?.current()?;
    let counts = deps.limits.sources.count(call.address);
    let address = counts.then(|| Subject::address(key, call.address));
    match deps.store.create_help_item(&item, address.as_ref(), &deps.limits).await? {
        Decision::Allowed => Reply::json(StatusCode::ACCEPTED, &HelpAnswer {}),
        Decision::Refused { retry_after, .. } => Err(Problem::too_many(Limit::Source, retry_after)),
    }
}
