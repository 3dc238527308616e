//! The tickets of an account: the list of what has been issued, and how a ticket is revoked.

use http::StatusCode;
use rekey::domain::account::Account;
use rekey::domain::event::Action;
use rekey::domain::issuer::Issuer;
use rekey::domain::question;
use rekey::domain::ticket::{Kind, MailFate, Standing, State, Ticket};
use rekey::http::call::Call;
use rekey::http::page::{Size, cursor};
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::http::route::{Caller, Operation, QUERY};
use rekey::platform::clock::Timestamp;
use rekey::platform::ids::{AccountId, TicketId};
use rekey::store::race::until_written;
use rekey::store::told::Told;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Deps;

const PAGE: Size = Size { usual: 50, most: 100 };

/// The part of the list that is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct TicketsQuery {
    /// The largest number of tickets on the page: 1 to 100, 50 by default.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    pub limit: Option<String>,
    /// The `next_cursor` of the page before. Leave it out for the first page.
    #[param(value_type = Option<TicketId>)]
    pub cursor: Option<String>,
}

/// A page of the tickets of an account.
#[derive(Serialize, ToSchema)]
pub struct TicketsList {
    /// The tickets, the newest first.
    pub tickets: Vec<TicketFacts>,
    /// The `cursor` of the next page, or null at the end.
    pub next_cursor: Option<TicketId>,
}

/// A ticket, as staff see it. It never shows the link, code or password itself.
#[derive(Serialize, ToSchema)]
pub struct TicketFacts {
    /// The id of the ticket.
    pub id: TicketId,
    /// The kind of ticket.
    pub kind: Kind,
    /// The kind of issuer.
    pub issuer: Issuer,
    /// The id of the account of the member of staff who issued the ticket, or null when no member of staff did.
    pub issued_by: Option<AccountId>,
    /// The reason in the words of the issuer, or null when none was given.
    pub reason: Option<String>,
    /// The progress of the ticket.
    pub state: TicketState,
    /// The outcome of the ticket's mail, or null while no outcome is known. It does not depend on `state`.
    pub mail: Option<MailFate>,
    /// The time at which the ticket was issued (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub issued_at: String,
    /// The time from which the ticket no longer works (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub expires_at: String,
}

impl TicketFacts {
    pub(crate) fn of(ticket: &Ticket, account: &Account, now: Timestamp) -> Self {
        Self {
            id: ticket.id,
            kind: ticket.kind,
            issuer: ticket.issuer,
            issued_by: ticket.by,
            reason: ticket.reason.clone(),
            state: TicketState::of(ticket, account, now),
            mail: ticket.mail,
            issued_at: ticket.issued_at.to_string(),
            expires_at: ticket.valid_until.to_string(),
        }
    }
}

/// The progress of a ticket, as staff see it. While the ticket can be used: `issued` if nothing was mailed, `sent`, the outcome
/// of the mail (`not_sent`, `delivered`, `bounced` or `complained`), and `opened` after the holder has opened it. At its end: `used`,
/// `revoked`, `expired`, or `superseded` if a later change of the account has voided the ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TicketState {
    /// The ticket was issued, and nothing has been mailed.
    Issued,
    /// The mail service has accepted the mail.
    Sent,
    /// The mail service refused the mail.
    NotSent,
    /// The mail was delivered.
    Delivered,
    /// The mail was returned.
    Bounced,
    /// The owner of the address marked the mail as spam.
    Complained,
    /// The link was opened, or the token of the code was shown in a preview.
    Opened,
    /// A password was set with the ticket, or somebody signed in with the temporary password.
    Used,
    /// The ticket was revoked, or five wrong answers to the security question have voided it.
    Revoked,
    /// The ticket's time has passed.
    Expired,
    /// A later change has voided the ticket: a new password, a newer temporary password, another address, or the closing of the
    /// account.
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
                (Some(MailFate::NotSent), _) => Self::NotSent,
                (None, State::Sent) => Self::Sent,
                (None, _) => Self::Issued,
            },
        }
    }
}

/// The operation `GET /v1/admin/accounts/{id}/tickets`.
pub struct ListTickets;

impl Operation for ListTickets {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[QUERY, &[ErrorCode::NotFound]];
}

/// Lists the tickets of an account
///
/// A ticket is a link, a code, a temporary password or an invitation, in whatever way it was issued. It stays in the list until
/// 30 days after its end. The newest ticket comes first. If an answer has a `next_cursor`, there is a next page. Send that value as
/// `cursor` to read it.
#[utoipa::path(get, path = "/v1/admin/accounts/{id}/tickets", impl_for = ListTickets, operation_id = "listTickets", tag = "staff",
    params(("id" = AccountId, Path, description = "The id of the account"), TicketsQuery),
    responses(
        (status = 200, body = TicketsList)))]
pub async fn list_tickets(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    let staff = deps.staff(call).await?;
    let account = deps.find_account(&staff, call.parameter("id")).await?;
    staff.must_manage(account.portal)?;
    let now = deps.ambient.now();
    let asked: TicketsQuery = call.query()?;
    let limit = PAGE.parse(asked.limit.as_deref())?;
    let found = deps.store.page_of_tickets(account.id, cursor(asked.cursor.as_deref())?, limit).await?;
    Reply::json(
        StatusCode::OK,
        &TicketsList {
            tickets: found.entries.iter().map(|ticket| TicketFacts::of(ticket, &account, now)).collect(),
            next_cursor: found.entries.last().filter(|_| found.more).map(|ticket| ticket.id),
        },
    )
}

/// The operation `DELETE /v1/admin/accounts/{id}/tickets/{ticket_id}`.
pub struct RevokeTicket;

impl Operation for RevokeTicket {
    const CALLER: Caller = Caller::Staff;
    const ERRORS: &'static [&'static [ErrorCode]] = &[&[ErrorCode::NotFound, ErrorCode::UsedToken]];
}

/// Revokes a ticket
///
/// The ticket no longer works. A ticket that was revoked before stays revoked, and the answer is 204 again. A ticket that was
/// used answers 410.
#[utoipa::path(delete, path = "/v1/admin/accounts/{id}/tickets/{ticket_id}", impl_for = RevokeTicket, operation_id = "revokeTicket", tag = "staff",
    params(("id" = AccountId, Path, description = "The id of the account"), ("ticket_id" = TicketId, Path, description = "The id of the ticket, as the list of tickets shows it")),
    responses(
        (status = 204, description = "The ticket no longer works")))]
pub async fn revoke_ticket(deps: &Deps, call: &Call) -> Result<Reply, Problem> {
    until_written("revoking a ticket", || async {
        let staff = deps.staff(call).await?;
        let account = deps.find_account(&staff, call.parameter("id")).await?;
        staff.must_manage(account.portal)?;
        let not_found = || Problem::new(ErrorCode::NotFound);
        let ticket: TicketId = call.parameter("ticket_id").parse().map_err(|_| not_found())?;
        let event = deps.event(&staff, call, Action::AuthnTokenRevoked)?;
        let event = event.of(account.id, account.portal).with_ticket(ticket);
        let mails = deps.mails_of_act(call, &staff, &account, None).await?;
        let told = Told { event: &event, mails: &mails };
        if deps.store.revoke_ticket(Some(&staff.account), account.id, ticket, told).await?.is_written() {
            return Ok(Some(Reply::empty()));
        }
        let found = deps.store.find_ticket_with_account(account.id, ticket).await?.ok_or_else(not_found)?;
        match found.ticket.state {
            State::Used => Err(Problem::new(ErrorCode::UsedToken)),
            State::Revoked => Ok(Some(Reply::empty())),
            // The member of staff has changed meanwhile.
            State::Issued | State::Sent => Ok(None),
        }
    })
    .await
}
