//! This module serves `POST /v1/admin/accounts/{id}/links`: a link that staff copy or print, or that is mailed.

use std::time::Duration;

use http::StatusCode;
use rekey::domain::practice::{Portal, Practice};
use rekey::domain::proof::NewProof;
use rekey::domain::text::is_line;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, JSON_BODY, Operation};
use rekey::platform::clock::{Timestamp, days};
use rekey::platform::ids::AccountId;
use rekey::store::race::until_written;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::Deps;
use crate::issue::{Helped, Issued, Terms};

/// The shortest life of a link.
const SHORTEST: Duration = Duration::from_mins(10);
/// The longest life of a link that needs no reason.
const WITHOUT_REASON: Duration = days(1);
/// The longest life of a link on paper, which may be lost on the way home.
const LONGEST_ON_PAPER: Duration = days(1);

/// The link to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLink {
    /// The time from which the link no longer works (RFC 3339): at least ten minutes from now, and at most the practice's
    /// `admin_link_max`, or 24 hours when the link is printed.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// The way in which the link reaches the account's owner.
    pub deliver: Deliver,
    /// The reason for the link: 1 to 200 characters. It is required when the link lives longer than 24 hours. It is recorded and
    /// must not contain health data.
    #[schema(min_length = 1, max_length = 200)]
    pub reason: Option<String>,
    /// How the caller is known. By the practice's `caller_proof`, a copied or printed link needs it, and so does every link for a
    /// frozen account.
    #[schema(nullable = false)]
    pub proof: Option<NewProof>,
}

/// The way in which a link reaches an account's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Delivery)]
pub enum Deliver {
    /// The answer shows the link once, and staff hand it over.
    Copy,
    /// The link is mailed to the account's address.
    Email,
    /// The answer has a page with the link once, which staff print and hand over.
    Print,
}

impl Deliver {
    /// Whether the member of staff sees the link, and hands it over.
    pub(crate) const fn is_shown(self) -> bool {
        matches!(self, Self::Copy | Self::Print)
    }
}

/// The operation `POST /v1/admin/accounts/{id}/links`.
pub struct CreateLink;

impl Operation for CreateLink {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[
        JSON_BODY,
        &[
            ErrorCode::NotFound,
            ErrorCode::AccountClosed,
            ErrorCode::NoAddress,
            ErrorCode::ConfirmationRequired,
            ErrorCode::ProofRequired,
            ErrorCode::TooManyRequests,
        ],
    ];
}

/// Creates a link with which an account's owner sets a password
///
/// The link is shown once (`copy`), mailed (`email`), or shown once on a page to be printed (`print`). It works once, until the time
/// that the caller chooses. Nobody may create a link for their own account. A link that is copied or printed for an account of the
/// staff portal needs a session that is confirmed, by the sign-in or since, and every such link ends with the account of whoever made
/// it. The link is in the account's list of tickets, where it can be revoked.
#[utoipa::path(post, path = "/v1/admin/accounts/{id}/links", impl_for = CreateLink, operation_id = "createLink", tag = "staff",
    params(("id" = AccountId, Path, description = "The id of the account")),
    request_body = NewLink,
    responses(
        (status = 201, body = Issued)))]
pub async fn create_link(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    until_written("issuing a link", || async {
        let staff = deps.staff(call).await?;
        let asked: NewLink = call.json()?;
        let helped = Helped::find(deps, call, staff).await?;
        if asked.deliver.is_shown() && helped.account.portal == Portal::Staff {
            helped.staff.must_be_confirmed(deps.ambient.now())?;
        }
        let terms = asked.terms(&helped.staff.practice, deps.ambient.now())?;
        let proof = helped.proof(asked.proof.as_ref(), asked.deliver.is_shown()).await?;
        let terms = Terms { proof, ..terms };
        let issued = helped.issuing(terms).link(asked.deliver).await?;
        issued.map(|issued| Reply::json(StatusCode::CREATED, &issued)).transpose()
    })
    .await
}

impl NewLink {
    /// Checks the end of the link and the reason for it.
    ///
    /// # Errors
    /// Answers 400 and names the member that is wrong.
    pub(crate) fn terms(&self, practice: &Practice, now: Timestamp) -> Result<Terms, Problem> {
        let valid_until = self.check_expiry(practice, now)?;
        Ok(Terms { valid_until, reason: self.check_reason(valid_until, now)?, proof: None })
    }

    fn check_expiry(&self, practice: &Practice, now: Timestamp) -> Result<Timestamp, Problem> {
        let longest = if self.deliver == Deliver::Print { LONGEST_ON_PAPER } else { Duration::MAX };
        let most = Duration::from_secs(practice.policy.admin_link_max.into()).min(longest);
        let valid_until = Timestamp::parse(&self.expires_at);
        let fits = valid_until.filter(|at| (now + SHORTEST..=now + most).contains(at));
        fits.ok_or_else(|| {
            let hours = most.as_secs() / 3600;
            let rule = format!("must be an RFC 3339 time, 10 minutes to {hours} hours ahead");
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
                Err(Problem::invalid("reason", "is required when the link lives longer than 24 hours"))
            }
            None => Ok(None),
        }
    }
}
