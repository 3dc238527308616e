//! `POST /v1/admin/accounts/{id}/links`, `…/temporary-password` and `…/invitation`.

use std::net::IpAddr;
use std::time::Duration;

use lambda_http::http::StatusCode;
use rekey::account::{Account, MailStatus, Setup, is_line};
use rekey::clock::{Timestamp, days, hours};
use rekey::event::{Action, Actor, Event};
use rekey::http::problem::{Code, Problem, ProblemBody};
use rekey::http::{Answer, Call};
use rekey::identifier::Email;
use rekey::ids::{AccountId, TicketId};
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
    /// Why the mail will hardly arrive, when the last one to the address did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning: Option<MailWarning>,
}

/// Why a mail will hardly arrive.
#[derive(Serialize, ToSchema)]
pub struct MailWarning {
    /// What became of the last mail to the address.
    pub mail: MailStatus,
    /// What a person may read.
    pub message: &'static str,
}

impl MailWarning {
    fn of(account: &Account) -> Option<Self> {
        let message = match account.mail {
            MailStatus::Ok => return None,
            MailStatus::Bounced => {
                "Mail to this address has come back, so this one will probably not arrive. Correct the address, or copy a link."
            }
            MailStatus::Complained => {
                "The owner of this address has marked our mail as spam, so this one will probably not arrive. Correct the \
                 address, or copy a link."
            }
        };
        Some(Self { mail: account.mail, message })
    }
}

/// Makes a link with which an account's owner chooses a password.
#[utoipa::path(post, path = "/v1/admin/accounts/{id}/links", operation_id = "createLink", tag = "staff",
    params(("id" = String, Path, description = "The account")),
    request_body = NewLink,
    responses(
        (status = 201, body = Issued),
        (status = 400, description = "`malformed_json`, `invalid_request`", body = ProblemBody),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 403, description = "`forbidden`, `password_change_required`", body = ProblemBody),
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
    let (valid_until, reason) = check_link(&staff.practice, &asked, now)?;
    let by = By::Staff(&staff, call);
    let issue = Issue { deps, by, practice: &staff.practice, account: &account, valid_until, reason };
    Answer::json(StatusCode::CREATED, &issue.link(asked.deliver).await?)
}

/// Mails an invitation, the first or another one.
#[utoipa::path(post, path = "/v1/admin/accounts/{id}/invitation", operation_id = "invite", tag = "staff",
    params(("id" = String, Path, description = "The account")),
    responses(
        (status = 202, body = Issued),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 403, description = "`forbidden`, `password_change_required`", body = ProblemBody),
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
    let by = By::Staff(&staff, call);
    let issue = Issue { deps, by, practice: &staff.practice, account: &account, valid_until, reason: None };
    Answer::json(StatusCode::ACCEPTED, &issue.mail().await?)
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
    let asked: NewTemporaryPassword = call.json_or_default()?;
    let account = helped(deps, &staff, id).await?;
    let life = match asked.hours {
        None => staff.practice.policy.temporary_password_ttl(),
        Some(count @ 1..=72) => hours(count),
        Some(_) => return Err(Problem::invalid("hours", "must be 1 to 72")),
    };
    let valid_until = deps.ambient.now() + life;
    let by = By::Staff(&staff, call);
    let issue = Issue { deps, by, practice: &staff.practice, account: &account, valid_until, reason: None };
    Answer::json(StatusCode::ACCEPTED, &issue.mail_temporary().await?)
}

/// The account that is to be helped: one that could use a link.
async fn helped(deps: &Deps, staff: &Staff, id: &str) -> Result<Account, Problem> {
    let account = staff.find(&deps.store, id).await?;
    staff.must_help(&account)?;
    must_be_open(account)
}

/// An account that could use what is issued.
pub(crate) fn must_be_open(account: Account) -> Result<Account, Problem> {
    if account.is_open() { Ok(account) } else { Err(Problem::new(Code::AccountClosed)) }
}

/// Until when a link lives, and why.
pub(crate) fn check_link(
    practice: &Practice,
    asked: &NewLink,
    now: Timestamp,
) -> Result<(Timestamp, Option<String>), Problem> {
    let valid_until = check_expiry(practice, asked, now)?;
    Ok((valid_until, check_reason(asked, valid_until, now)?))
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

/// Who issues.
pub(crate) enum By<'a> {
    /// A member of staff, by a call.
    Staff(&'a Staff, &'a Call),
    /// The deployment's operator, by direct invocation.
    Operator,
}

impl By<'_> {
    const fn staff(&self) -> Option<AccountId> {
        match self {
            Self::Staff(staff, _) => Some(staff.account.id),
            Self::Operator => None,
        }
    }

    const fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Staff(_, call) => Some(call.address),
            Self::Operator => None,
        }
    }

    fn event(&self, deps: &Deps, account: &Account) -> Result<Event, Problem> {
        let action = Action::AuthnTokenCreated;
        match self {
            Self::Staff(staff, call) => staff.event(&deps.ambient, call, action),
            Self::Operator => Ok(Event::new(&deps.ambient, &account.practice, action, Actor::Operator)?),
        }
    }
}

/// One ticket on its way.
pub(crate) struct Issue<'a> {
    pub(crate) deps: &'a Deps,
    pub(crate) by: By<'a>,
    pub(crate) practice: &'a Practice,
    pub(crate) account: &'a Account,
    pub(crate) valid_until: Timestamp,
    pub(crate) reason: Option<String>,
}

impl Issue<'_> {
    pub(crate) async fn link(&self, deliver: Delivery) -> Result<Issued, Problem> {
        match deliver {
            Delivery::Copy => self.copy().await,
            Delivery::Email => self.mail().await,
        }
    }

    async fn copy(&self) -> Result<Issued, Problem> {
        let id = TicketId::from(self.deps.ambient.ulid()?);
        let token = Token::new(self.account.id, id.to_bytes(), self.deps.ambient.bytes()?);
        let ticket = Ticket { digest: Some(token.digest()), ..self.ticket(id)? };
        self.write(&ticket, self.invited().as_ref(), None).await?;
        let url = self.practice.link(self.account.portal, &token.expose());
        Ok(Issued { url: Some(url), ..self.issued(id) })
    }

    async fn mail(&self) -> Result<Issued, Problem> {
        let to = self.address()?;
        let outbox = self.outbox(Errand::Link { account: self.account.id, by: self.by.staff() })?;
        let id = TicketId::from(outbox.id);
        self.write(&self.ticket(id)?, self.invited().as_ref(), Some(&outbox)).await?;
        Ok(self.mailed(id, to))
    }

    async fn mail_temporary(&self) -> Result<Issued, Problem> {
        let to = self.address()?;
        let outbox = self.outbox(Errand::TemporaryPassword { account: self.account.id })?;
        let id = TicketId::from(outbox.id);
        let ticket = Ticket { kind: Kind::TemporaryPassword, ..self.ticket(id)? };
        let voids = self.practice.policy.temporary_password_voids_current;
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
        Ok(self.mailed(id, to))
    }

    fn address(&self) -> Result<&Email, Problem> {
        self.account.email.as_ref().ok_or_else(|| Problem::new(Code::NoAddress))
    }

    fn outbox(&self, errand: Errand) -> Result<Outbox, Problem> {
        Ok(Outbox::new(&self.deps.ambient, &self.account.practice, errand, self.by.address())?)
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
            issuer: if self.by.staff().is_some() { Issuer::Staff } else { Issuer::Operator },
            digest: None,
            nonce: Nonce::from(self.deps.ambient.bytes()?),
            derivation_key: String::new(),
            credential_version: account.credential_version,
            state: State::Issued,
            issued_at: self.deps.ambient.now(),
            valid_until: self.valid_until,
            answers: 0,
            mail: None,
            opened_at: None,
            by: self.by.staff(),
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
        let event = self.by.event(self.deps, self.account)?;
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

    fn issued(&self, ticket_id: TicketId) -> Issued {
        let expires_at = self.valid_until.to_string();
        Issued { ticket_id, expires_at, url: None, sent_to: None, warning: None }
    }

    fn mailed(&self, ticket: TicketId, to: &Email) -> Issued {
        Issued { sent_to: Some(to.masked()), warning: MailWarning::of(self.account), ..self.issued(ticket) }
    }
}
