//! `POST /v1/admin/accounts/{id}/links`, `…/temporary-password` and `…/invitation`.

use std::time::Duration;

use lambda_http::http::StatusCode;
use rekey::account::{Account, Setup, is_line};
use rekey::clock::{Timestamp, days, hours};
use rekey::event::Action;
use rekey::http::problem::{Code, Problem, ProblemBody};
use rekey::http::{Answer, Call};
use rekey::identifier::Email;
use rekey::ids::TicketId;
use rekey::outbox::{Errand, Outbox};
use rekey::practice::Practice;
use rekey::staff::Staff;
use rekey::temporary::Temporary;
use rekey::ticket::{Issuer, Kind, Nonce, State, Ticket};
use rekey::token::Token;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Deps;

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
    pub deliver: Delivery,
    /// Why, 1 to 200 characters. Required when the link lives longer than 24 hours. Recorded; no place for health data.
    pub reason: Option<String>,
}

/// How a link reaches an account's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// Staff hand it over; it is shown once.
    Copy,
    /// To the account's address.
    Email,
}

/// What was issued.
#[derive(Serialize, ToSchema)]
pub struct Issued {
    /// Names it in the account's list of tickets.
    #[schema(value_type = String)]
    pub ticket_id: TicketId,
    /// RFC 3339 UTC.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// The link, when it is to be copied. Shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Where it is mailed to, masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_to: Option<String>,
}

/// Makes a link with which an account's owner chooses a password.
#[utoipa::path(post, path = "/v1/admin/accounts/{id}/links", operation_id = "createLink", tag = "staff",
    params(("id" = String, Path, description = "The account")),
    request_body = NewLink,
    responses(
        (status = 201, body = Issued),
        (status = 400, description = "`malformed_json`, `invalid_request`", body = ProblemBody),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 403, description = "`forbidden`", body = ProblemBody),
        (status = 404, description = "`not_found`", body = ProblemBody),
        (status = 409, description = "`account_closed`, `no_address`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn create_link(deps: &Deps, call: &Call, id: &str) -> Result<Answer, Problem> {
    let staff = deps.staff(call).await?;
    let asked: NewLink = call.json()?;
    let account = helped(deps, &staff, id).await?;
    let now = deps.ambient.now();
    let valid_until = check_expiry(&staff.practice, &asked, now)?;
    let reason = check_reason(&asked, valid_until, now)?;
    let issue = Issue { deps, call, staff: &staff, account: &account, valid_until, reason };
    match asked.deliver {
        Delivery::Copy => issue.copy().await,
        Delivery::Email => issue.mail(StatusCode::CREATED).await,
    }
}

/// Mails an invitation, the first or another one.
#[utoipa::path(post, path = "/v1/admin/accounts/{id}/invitation", operation_id = "invite", tag = "staff",
    params(("id" = String, Path, description = "The account")),
    responses(
        (status = 202, body = Issued),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 403, description = "`forbidden`", body = ProblemBody),
        (status = 404, description = "`not_found`", body = ProblemBody),
        (status = 409, description = "`account_closed`, `no_address`, `already_signed_up`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn invite(deps: &Deps, call: &Call, id: &str) -> Result<Answer, Problem> {
    let staff = deps.staff(call).await?;
    let account = helped(deps, &staff, id).await?;
    if Kind::of_link(&account) != Kind::Invitation {
        return Err(Problem::new(Code::AlreadySignedUp));
    }
    let valid_until = deps.ambient.now() + staff.practice.policy.invitation_ttl();
    let issue = Issue { deps, call, staff: &staff, account: &account, valid_until, reason: None };
    issue.mail(StatusCode::ACCEPTED).await
}

/// A temporary password to be mailed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTemporaryPassword {
    /// How long it lives; the practice's setting when it is left out.
    #[schema(minimum = 1, maximum = 72)]
    pub hours: Option<u64>,
}

/// Mails a temporary password. One that was mailed before no longer works; by the practice's policy, neither does the current
/// password, and every session ends. The body may be left out.
#[utoipa::path(post, path = "/v1/admin/accounts/{id}/temporary-password", operation_id = "createTemporaryPassword",
    tag = "staff", params(("id" = String, Path, description = "The account")),
    request_body = Option<NewTemporaryPassword>,
    responses(
        (status = 202, body = Issued),
        (status = 400, description = "`malformed_json`, `invalid_request`", body = ProblemBody),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 403, description = "`forbidden`, `password_change_required`", body = ProblemBody),
        (status = 404, description = "`not_found`", body = ProblemBody),
        (status = 409, description = "`account_closed`, `no_address`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn create_temporary_password(deps: &Deps, call: &Call, id: &str) -> Result<Answer, Problem> {
    let staff = deps.staff(call).await?;
    let asked: NewTemporaryPassword =
        if call.has_body() { call.json()? } else { NewTemporaryPassword::default() };
    let account = helped(deps, &staff, id).await?;
    let life = match asked.hours {
        None => staff.practice.policy.temporary_password_ttl(),
        Some(count @ 1..=72) => hours(count),
        Some(_) => return Err(Problem::invalid("hours", "must be 1 to 72")),
    };
    let valid_until = deps.ambient.now() + life;
    let issue = Issue { deps, call, staff: &staff, account: &account, valid_until, reason: None };
    issue.mail_temporary().await
}

/// The account that is to be helped: one that could use a link.
async fn helped(deps: &Deps, staff: &Staff, id: &str) -> Result<Account, Problem> {
    let account = staff.find(&deps.store, id).await?;
    staff.must_help(&account)?;
    if account.is_open() { Ok(account) } else { Err(Problem::new(Code::AccountClosed)) }
}

fn check_expiry(practice: &Practice, asked: &NewLink, now: Timestamp) -> Result<Timestamp, Problem> {
    let most = Duration::from_secs(practice.policy.admin_link_max.into());
    let valid_until = Timestamp::parse(&asked.expires_at);
    let fits = valid_until.filter(|at| (now + SHORTEST..=now + most).contains(at));
    fits.ok_or_else(|| {
        let hours = most.as_secs() / 3600;
        Problem::invalid("expires_at", &format!("must be RFC 3339, from 10 minutes to {hours} hours ahead"))
    })
}

fn check_reason(asked: &NewLink, valid_until: Timestamp, now: Timestamp) -> Result<Option<String>, Problem> {
    let reason = asked.reason.as_deref().map(str::trim);
    match reason {
        Some(reason) if is_line(reason, 200) => Ok(Some(reason.to_owned())),
        Some(_) => Err(Problem::invalid("reason", "must have 1 to 200 characters and no control characters")),
        None if valid_until > now + WITHOUT_REASON => {
            Err(Problem::invalid("reason", "is needed for a link that lives longer than 24 hours"))
        }
        None => Ok(None),
    }
}

/// One ticket on its way.
struct Issue<'a> {
    deps: &'a Deps,
    call: &'a Call,
    staff: &'a Staff,
    account: &'a Account,
    valid_until: Timestamp,
    reason: Option<String>,
}

impl Issue<'_> {
    async fn copy(&self) -> Result<Answer, Problem> {
        let id = TicketId::from(self.deps.ambient.ulid()?);
        let token = Token::new(self.account.id, id.to_bytes(), self.deps.ambient.bytes()?);
        let ticket = Ticket { digest: Some(token.digest()), ..self.ticket(id)? };
        self.write(&ticket, self.invited().as_ref(), None).await?;
        let url = self.staff.practice.link(self.account.portal, &token.expose());
        self.answer(StatusCode::CREATED, id, Some(url), None)
    }

    async fn mail(&self, status: StatusCode) -> Result<Answer, Problem> {
        let to = self.account.email.as_ref().ok_or_else(|| Problem::new(Code::NoAddress))?;
        let errand = Errand::Link { account: self.account.id, by: Some(self.staff.account.id) };
        let outbox = self.outbox(errand)?;
        let id = TicketId::from(outbox.id);
        self.write(&self.ticket(id)?, self.invited().as_ref(), Some(&outbox)).await?;
        self.answer(status, id, None, Some(to))
    }

    async fn mail_temporary(&self) -> Result<Answer, Problem> {
        let to = self.account.email.as_ref().ok_or_else(|| Problem::new(Code::NoAddress))?;
        let outbox = self.outbox(Errand::TemporaryPassword { account: self.account.id })?;
        let id = TicketId::from(outbox.id);
        let ticket = Ticket { kind: Kind::TemporaryPassword, ..self.ticket(id)? };
        let voids = self.staff.practice.policy.temporary_password_voids_current;
        let old = self.account;
        // What an earlier one could still do ends here: an account has one.
        let new = Account {
            temporary: Some(Temporary { ticket: id, valid_until: self.valid_until, digest: None }),
            password: old.password.clone().filter(|_| !voids),
            session_epoch: old.session_epoch + u64::from(voids),
            setup: if old.setup == Setup::NotInvited { Setup::Invited } else { old.setup },
            revision: old.revision + 1,
            ..old.clone()
        };
        self.write(&ticket, Some(&new), Some(&outbox)).await?;
        self.answer(StatusCode::ACCEPTED, id, None, Some(to))
    }

    fn outbox(&self, errand: Errand) -> Result<Outbox, Problem> {
        Ok(Outbox::new(&self.deps.ambient, &self.account.practice, errand, Some(self.call.address))?)
    }

    /// Whoever gets a first way in has been invited.
    fn invited(&self) -> Option<Account> {
        (self.account.setup == Setup::NotInvited).then(|| Account {
            setup: Setup::Invited,
            revision: self.account.revision + 1,
            ..self.account.clone()
        })
    }

    /// A ticket without a token.
    fn ticket(&self, id: TicketId) -> Result<Ticket, Problem> {
        let account = self.account;
        Ok(Ticket {
            id,
            account: account.id,
            practice: account.practice.clone(),
            portal: account.portal,
            kind: Kind::of_link(account),
            issuer: Issuer::Staff,
            digest: None,
            nonce: Nonce::from(self.deps.ambient.bytes()?),
            derivation_key: String::new(),
            credential_version: account.credential_version,
            state: State::Issued,
            issued_at: self.deps.ambient.now(),
            valid_until: self.valid_until,
            answers: 0,
            by: Some(self.staff.account.id),
            reason: self.reason.clone(),
            used_at: None,
            used_with: None,
        })
    }

    async fn write(
        &self,
        ticket: &Ticket,
        changed: Option<&Account>,
        outbox: Option<&Outbox>,
    ) -> Result<(), Problem> {
        let event = self.staff.event(&self.deps.ambient, self.call, Action::AuthnTokenCreated)?;
        let event =
            event.of(ticket.account, ticket.portal).with_ticket(ticket.id).with_note(self.reason.clone());
        let event = match outbox {
            Some(outbox) => event.with_outbox(outbox.id),
            None => event,
        };
        let outcome = self.deps.store.issue_ticket(ticket, self.account, changed, (outbox, &event)).await?;
        if outcome.is_written() {
            return Ok(());
        }
        Err(Problem::unavailable("issuing a ticket", "the account changed meanwhile"))
    }

    fn answer(
        &self,
        status: StatusCode,
        ticket_id: TicketId,
        url: Option<String>,
        to: Option<&Email>,
    ) -> Result<Answer, Problem> {
        let expires_at = self.valid_until.to_string();
        Answer::json(status, &Issued { ticket_id, expires_at, url, sent_to: to.map(Email::masked) })
    }
}
