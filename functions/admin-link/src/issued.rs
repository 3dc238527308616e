//! What has been issued for an account, and taking it back.

use lambda_http::http::StatusCode;
use rekey::account::Account;
use rekey::clock::Timestamp;
use rekey::event::Action;
use rekey::http::problem::{Code, Problem, ProblemBody};
use rekey::http::{Answer, Call};
use rekey::ids::{AccountId, TicketId};
use rekey::question;
use rekey::ticket::{Issuer, Kind, MailFate, Standing, State, Ticket};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Deps;

/// Rounds of losing to another change.
const ROUNDS: usize = 5;

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

/// Lists what has been issued for an account within its life and 30 days after.
#[utoipa::path(get, path = "/v1/admin/accounts/{id}/tickets", operation_id = "listTickets", tag = "staff",
    params(("id" = String, Path, description = "The account")),
    responses(
        (status = 200, body = Tickets),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 403, description = "`forbidden`, `password_change_required`", body = ProblemBody),
        (status = 404, description = "`not_found`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn list_tickets(deps: &Deps, call: &Call, id: &str) -> Result<Answer, Problem> {
    let staff = deps.staff(call).await?;
    let account = staff.find(&deps.store, id).await?;
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
    Answer::json(StatusCode::OK, &Tickets { tickets: tickets.iter().map(facts).collect() })
}

/// Takes a ticket back. One that was taken back before stays so.
#[utoipa::path(delete, path = "/v1/admin/accounts/{id}/tickets/{ticket_id}", operation_id = "revokeTicket", tag = "staff",
    params(("id" = String, Path, description = "The account"), ("ticket_id" = String, Path, description = "As listed")),
    responses(
        (status = 204, description = "The ticket opens nothing"),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 403, description = "`forbidden`, `password_change_required`", body = ProblemBody),
        (status = 404, description = "`not_found`", body = ProblemBody),
        (status = 410, description = "`used_token`: it cannot be taken back any more", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn revoke_ticket(deps: &Deps, call: &Call, id: &str, ticket: &str) -> Result<Answer, Problem> {
    let staff = deps.staff(call).await?;
    let account = staff.find(&deps.store, id).await?;
    staff.must_manage(account.portal)?;
    let not_found = || Problem::new(Code::NotFound);
    let ticket: TicketId = ticket.parse().map_err(|_| not_found())?;
    let event = staff.event(&deps.ambient, call, Action::AuthnTokenRevoked)?;
    let event = event.of(account.id, account.portal).with_ticket(ticket);
    if deps.store.revoke_ticket(account.id, ticket, &event).await?.is_written() {
        return Ok(Answer::empty());
    }
    let found = deps.store.find_ticket_with_account(account.id, ticket).await?.ok_or_else(not_found)?;
    if found.0.state == State::Used { Err(Problem::new(Code::UsedToken)) } else { Ok(Answer::empty()) }
}

/// Ends every session of an account.
#[utoipa::path(delete, path = "/v1/admin/accounts/{id}/sessions", operation_id = "endSessions", tag = "staff",
    params(("id" = String, Path, description = "The account")),
    responses(
        (status = 204, description = "Every session has ended"),
        (status = 401, description = "`invalid_session`", body = ProblemBody),
        (status = 403, description = "`forbidden`, `password_change_required`", body = ProblemBody),
        (status = 404, description = "`not_found`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn end_sessions(deps: &Deps, call: &Call, id: &str) -> Result<Answer, Problem> {
    let staff = deps.staff(call).await?;
    for _ in 0..ROUNDS {
        let old = staff.find(&deps.store, id).await?;
        staff.must_manage(old.portal)?;
        let new = Account { session_epoch: old.session_epoch + 1, ..old.clone() };
        let event = staff.event(&deps.ambient, call, Action::SessionRevoked)?.of(new.id, new.portal);
        if deps.store.update_accounts(&staff.account, &[(&old, &new)], &event).await?.is_written() {
            return Ok(Answer::empty());
        }
    }
    Err(Problem::unavailable("ending sessions", "the account kept changing"))
}
