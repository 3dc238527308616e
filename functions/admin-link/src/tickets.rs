//! The tickets of an account: what has been issued, and taking it back.

use lambda_http::http::StatusCode;
use rekey::domain::account::Account;
use rekey::domain::event::Action;
use rekey::domain::issuer::Issuer;
use rekey::domain::question;
use rekey::domain::ticket::{Kind, MailFate, Standing, State, Ticket};
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, ErrorsOf, Operation};
use rekey::platform::clock::Timestamp;
use rekey::platform::ids::{AccountId, TicketId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Deps;

/// The tickets of an account.
#[derive(Serialize, ToSchema)]
pub struct Tickets {
    /// The newest first.
    pub tickets: Vec<TicketFacts>,
}

/// A ticket, as staff see it. Never what opens it.
#[derive(Serialize, ToSchema)]
pub struct TicketFacts {
    /// Names it.
    #[schema(value_type = String)]
    pub id: TicketId,
    /// What it is.
    pub kind: Kind,
    /// Who issued it.
    pub issuer: Issuer,
    /// Which member of staff.
    #[schema(value_type = Option<String>)]
    pub issued_by: Option<AccountId>,
    /// Why, in their words.
    pub reason: Option<String>,
    /// How far it has come.
    pub state: TicketState,
    /// What became of its mail, whatever else became of it; null as long as nothing is known.
    pub mail: Option<MailFate>,
    /// RFC 3339 UTC.
    #[schema(format = DateTime)]
    pub issued_at: String,
    /// RFC 3339 UTC.
    #[schema(format = DateTime)]
    pub expires_at: String,
}

/// How far a ticket has come, as staff see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TicketState {
    /// Made, and not in the mail.
    Issued,
    /// In the mail.
    Sent,
    /// In the mailbox.
    Delivered,
    /// The mail came back.
    Bounced,
    /// The owner of the address called the mail spam.
    Complained,
    /// Its link has been opened.
    Opened,
    /// A password was set with it; of a temporary password, somebody signed in.
    Used,
    /// Taken back, or out of answers.
    Revoked,
    /// Its time has passed.
    Expired,
    /// A password, another address or a closed account has voided it since.
    Superseded,
}

impl TicketState {
    fn of(ticket: &Ticket, account: &Account, now: Timestamp) -> Self {
        match (ticket.standing(account, now), ticket.state) {
            (Standing::Used, _) => Self::Used,
            (Standing::Expired, _) => Self::Expired,
            (Standing::Revoked, State::Revoked) => Self::Revoked,
            (Standing::Revoked, _) if ticket.answers < question::ATTEMPTS => Self::Superseded,
            (Standing::Revoked, _) => Self::Revoked,
            (Standing::Open, _) if ticket.opened_at.is_some() => Self::Opened,
            (Standing::Open, state) => match (ticket.mail, state) {
                (Some(MailFate::Complained), _) => Self::Complained,
                (Some(MailFate::Bounced | MailFate::Returned), _) => Self::Bounced,
                (Some(MailFate::Delivered), _) => Self::Delivered,
                (None, State::Sent) => Self::Sent,
                (None, _) => Self::Issued,
            },
        }
    }
}

/// `GET /v1/admin/accounts/{id}/tickets`.
pub struct ListTickets;

impl Operation for ListTickets {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[&[ErrorCode::NotFound]];
}

/// Lists what has been issued for an account within its life and 30 days after.
#[utoipa::path(get, path = "/v1/admin/accounts/{id}/tickets", impl_for = ListTickets, operation_id = "listTickets", tag = "staff",
    params(("id" = String, Path, description = "The account")),
    responses(
        (status = 200, body = Tickets), ErrorsOf<ListTickets>))]
pub async fn list_tickets(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let staff = deps.staff(call).await?;
    let account = deps.find_account(&staff, call.parameter("id")).await?;
    staff.must_manage(account.portal)?;
    let now = deps.ambient.now();
    let mut tickets = deps.store.list_tickets(account.id).await?.tickets;
    tickets.sort_by_key(|ticket| std::cmp::Reverse((ticket.issued_at, ticket.id)));
    let facts = |ticket: &Ticket| TicketFacts {
        id: ticket.id,
        kind: ticket.kind,
        issuer: ticket.issuer,
        issued_by: ticket.by,
        reason: ticket.reason.clone(),
        state: TicketState::of(ticket, &account, now),
        mail: ticket.mail,
        issued_at: ticket.issued_at.to_string(),
        expires_at: ticket.valid_until.to_string(),
    };
    Reply::json(StatusCode::OK, &Tickets { tickets: tickets.iter().map(facts).collect() })
}

/// `DELETE /v1/admin/accounts/{id}/tickets/{ticket_id}`.
pub struct RevokeTicket;

impl Operation for RevokeTicket {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[&[ErrorCode::NotFound, ErrorCode::UsedToken]];
}

/// Takes a ticket back. One that was taken back before stays so.
#[utoipa::path(delete, path = "/v1/admin/accounts/{id}/tickets/{ticket_id}", impl_for = RevokeTicket, operation_id = "revokeTicket", tag = "staff",
    params(("id" = String, Path, description = "The account"), ("ticket_id" = String, Path, description = "As listed")),
    responses(
        (status = 204, description = "The ticket opens nothing"), ErrorsOf<RevokeTicket>))]
pub async fn revoke_ticket(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let staff = deps.staff(call).await?;
    let account = deps.find_account(&staff, call.parameter("id")).await?;
    staff.must_manage(account.portal)?;
    let not_found = || Problem::new(ErrorCode::NotFound);
    let ticket: TicketId = call.parameter("ticket_id").parse().map_err(|_| not_found())?;
    let event = deps.event(&staff, call, Action::AuthnTokenRevoked)?;
    let event = event.of(account.id, account.portal).with_ticket(ticket);
    if deps.store.revoke_ticket(account.id, ticket, &event).await?.is_written() {
        return Ok(Reply::empty());
    }
    let found = deps.store.find_ticket_with_account(account.id, ticket).await?.ok_or_else(not_found)?;
    if found.ticket.state == State::Used {
        Err(Problem::new(ErrorCode::UsedToken))
    } else {
        Ok(Reply::empty())
    }
}
