//! `POST /v1/admin/accounts/{id}/links`: a link that staff copy, or have mailed.

use std::time::Duration;

use lambda_http::http::StatusCode;
use rekey::domain::practice::Practice;
use rekey::domain::text::is_line;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, ErrorsOf, JSON_BODY, Operation};
use rekey::platform::clock::{Timestamp, days};
use rekey::store::race::until_written;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::issue::{Helped, Issued, Terms};

/// The least time that a link is given.
const SHORTEST: Duration = Duration::from_mins(10);
/// A link that lives longer needs a reason.
const WITHOUT_REASON: Duration = days(1);

/// A link to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLink {
    /// RFC 3339; at least ten minutes ahead, and at most what the practice allows.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// How it reaches the account's owner.
    pub deliver: Deliver,
    /// Why, 1 to 200 characters. Required when the link lives longer than 24 hours. Recorded; no place for health data.
    pub reason: Option<String>,
}

/// How a link reaches an account's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Delivery)]
pub enum Deliver {
    /// Staff hand it over; it is shown once.
    Copy,
    /// To the account's address.
    Email,
}

/// `POST /v1/admin/accounts/{id}/links`.
pub struct CreateLink;

impl Operation for CreateLink {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] =
        &[JSON_BODY, &[ErrorCode::NotFound, ErrorCode::AccountClosed, ErrorCode::NoAddress]];
}

/// Makes a link with which an account's owner chooses a password.
#[utoipa::path(post, path = "/v1/admin/accounts/{id}/links", impl_for = CreateLink, operation_id = "createLink", tag = "staff",
    params(("id" = String, Path, description = "The account")),
    request_body = NewLink,
    responses(
        (status = 201, body = Issued), ErrorsOf<CreateLink>))]
pub async fn create_link(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    until_written("issuing a link", || async {
        let staff = deps.staff(call).await?;
        let asked: NewLink = call.json()?;
        let helped = Helped::find(deps, call, staff).await?;
        let terms = asked.terms(&helped.staff.practice, deps.ambient.now())?;
        let issued = helped.issuing(terms).link(asked.deliver).await?;
        issued.map(|issued| Reply::json(StatusCode::CREATED, &issued)).transpose()
    })
    .await
}

impl NewLink {
    /// Until when the link lives, and why.
    ///
    /// # Errors
    /// 400 naming the member that is wrong.
    pub(crate) fn terms(&self, practice: &Practice, now: Timestamp) -> Result<Terms, Problem> {
        let valid_until = self.check_expiry(practice, now)?;
        Ok(Terms { valid_until, reason: self.check_reason(valid_until, now)? })
    }

    fn check_expiry(&self, practice: &Practice, now: Timestamp) -> Result<Timestamp, Problem> {
        let most = Duration::from_secs(practice.policy.admin_link_max.into());
        let valid_until = Timestamp::parse(&self.expires_at);
        let fits = valid_until.filter(|at| (now + SHORTEST..=now + most).contains(at));
        fits.ok_or_else(|| {
            let hours = most.as_secs() / 3600;
            let rule = format!("must be RFC 3339, from 10 minutes to {hours} hours ahead");
            Problem::invalid("expires_at", &rule)
        })
    }

    fn check_reason(&self, valid_until: Timestamp, now: Timestamp) -> Result<Option<String>, Problem> {
        match self.reason.as_deref().map(str::trim) {
            Some(reason) if is_line(reason, 200) => Ok(Some(reason.to_owned())),
            Some(_) => {
                Err(Problem::invalid("reason", "must have 1 to 200 characters and no control characters"))
            }
            None if valid_until > now + WITHOUT_REASON => {
                Err(Problem::invalid("reason", "is needed for a link that lives longer than 24 hours"))
            }
            None => Ok(None),
        }
    }
}
