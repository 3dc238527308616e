//! Exports: what is known of one person, and what a practice takes with it when it leaves. Neither has a secret, nor a hash of one.

use rekey::domain::account::{Account, ClosedReason, MailStatus, Role, Setup};
use rekey::domain::event::{Action, Event};
use rekey::domain::help::HelpRequest;
use rekey::domain::identifier::Email;
use rekey::domain::practice::{Portal, Practice, Slug};
use rekey::domain::session::Session;
use rekey::domain::ticket::Ticket;
use rekey::platform::clock::Timestamp;
use rekey::platform::ids::{AccountId, EventId, SessionId};
use rekey::store::events::LogPart;
use rekey::store::keys::Log;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::person::{event_of, find};
use crate::walk::{self, AccountPage};
use crate::{Deps, OperatorError, find_practice, person};

/// The most events of one answer. An answer of a function has six megabytes at most.
const EVENTS: i32 = 1_000;
/// The sessions that are read at a time.
const MOST: usize = 1_000;

/// An account without what opens it.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
struct AccountData<'a> {
    id: AccountId,
    portal: Portal,
    username: &'a str,
    signs_in_by_email: bool,
    email: Option<&'a Email>,
    display_name: &'a str,
    record_email: Option<&'a Email>,
    locale: Option<&'a str>,
    active: bool,
    representative: bool,
    refused: bool,
    closed_reason: Option<ClosedReason>,
    role: Option<Role>,
    setup: Setup,
    has_password: bool,
    security_question: Option<&'a str>,
    mail: MailStatus,
    mail_failed_at: Option<String>,
    former_mailbox: Option<&'a Email>,
    email_proven_at: Option<String>,
    frozen_at: Option<String>,
    needs_proof: bool,
    address_hold: Option<Value>,
    held_at: Option<String>,
    created_at: String,
    caseload: Vec<Value>,
    associations: Vec<Value>,
}

fn text(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

impl<'a> AccountData<'a> {
    fn of(account: &'a Account) -> Self {
        let caseload = account.caseload.iter().map(|entry| {
            json!({"staff": entry.staff, "role": entry.role, "assigned_at": entry.assigned_at.to_string()})
        });
        let associations = account.associations.iter().map(|entry| {
            json!({"account": entry.account, "relationship": entry.relationship, "acts": entry.acts,
                "role": entry.role, "until": text(entry.until)})
        });
        Self {
            id: account.id,
            portal: account.portal,
            username: account.username.as_str(),
            signs_in_by_email: account.signs_in_by_email,
            email: account.email.as_ref(),
            display_name: &account.display_name,
            record_email: account.record_email.as_ref(),
            locale: account.locale.as_deref(),
            active: account.active,
            representative: account.representative,
            refused: account.refused,
            closed_reason: account.closed_reason,
            role: account.role,
            setup: account.setup,
            has_password: account.password.is_some(),
            security_question: account.question.as_ref().map(|question| question.question.as_str()),
            mail: account.mail,
            mail_failed_at: text(account.mail_failed_at),
            former_mailbox: account.former_mailbox.as_ref(),
            email_proven_at: text(account.email_proven_at),
            frozen_at: text(account.frozen_at),
            needs_proof: account.needs_proof,
            address_hold: account
                .address_hold
                .as_ref()
                .map(|hold| json!({"valid_until": hold.valid_until.to_string(), "former": hold.former})),
            held_at: text(account.held_at),
            created_at: account.created_at.to_string(),
            caseload: caseload.collect(),
            associations: associations.collect(),
        }
    }
}

fn ticket_data(ticket: &Ticket) -> Value {
    json!({
        "id": ticket.id, "kind": ticket.kind, "issuer": ticket.issuer, "by": ticket.by, "reason": ticket.reason,
        "state": ticket.state, "issued_at": ticket.issued_at.to_string(), "expires_at": ticket.valid_until.to_string(),
        "opened_at": text(ticket.opened_at), "used_at": text(ticket.used_at), "mail": ticket.mail,
    })
}

fn session_data(session: &Session) -> Value {
    json!({
        "id": session.id, "created_at": session.created_at.to_string(), "seen_at": session.seen_at.to_string(),
        "expires_at": session.expires_at().to_string(), "ip": session.ip, "user_agent": session.user_agent,
    })
}

/// A request for help. One person is given nothing of the others who share a mailbox.
fn help_data(help: &HelpRequest, of: Option<AccountId>) -> Value {
    let named = help.accounts.iter().filter(|named| of.is_none_or(|of| named.account == of));
    let accounts = named.map(|named| json!({"account": named.account, "why": named.why}));
    json!({
        "id": help.id, "portal": help.portal, "cause": help.cause, "state": help.state, "reach": help.reach,
        "method": help.sought.as_ref().map(|sought| sought.method),
        "identifier": help.sought.as_ref().map(|sought| sought.identifier.as_str()),
        "requested_at": text(help.sought.as_ref().map(|sought| sought.requested_at)),
        "asked_at": help.asked_at.to_string(), "accounts": accounts.collect::<Vec<_>>(), "by": help.by,
        "acted_at": text(help.acted_at), "note": help.note,
    })
}

fn event_data(event: &Event) -> Value {
    let mut data = serde_json::to_value(event).unwrap_or_default();
    data["at"] = event.at.to_string().into();
    data
}

/// Events, and the id of the last of them, after which older ones follow.
struct EventPage {
    events: Vec<Value>,
    next: Option<EventId>,
}

async fn events(deps: &Deps, log: &Log, before: Option<EventId>) -> Result<EventPage, OperatorError> {
    let high = before.map_or(EventId::LAST, EventId::before);
    let part = LogPart { low: EventId::FIRST, high, limit: Some(EVENTS) };
    let page = deps.store.read_log(log, part).await?;
    let next = page.events.last().map(|event| event.id).filter(|_| page.more);
    Ok(EventPage { events: page.events.iter().map(event_data).collect(), next })
}

/// The person whose data is exported, and the events that come next.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportPerson {
    practice: Slug,
    #[serde(default)]
    portal: Portal,
    who: person::Who,
    cursor: Option<EventId>,
}

/// What is known of a person, or more of their events.
#[derive(Debug, Serialize)]
pub struct PersonData {
    /// The account; absent after the first answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<Value>,
    /// The tickets that have not been cleaned up, the newest first; absent after the first answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    tickets: Option<Vec<Value>>,
    /// The sessions that have not been cleaned up, the newest first; absent after the first answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions: Option<Vec<Value>>,
    /// The help requests that have not been cleaned up; absent after the first answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    help_requests: Option<Vec<Value>>,
    /// The events of the account, the newest first.
    events: Vec<Value>,
    /// Where to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<EventId>,
}

/// Exports what is known of a person. The first answer has the account, its tickets, its sessions and its help requests; each has
/// events. That it was exported is an event.
pub(crate) async fn export_person(deps: &Deps, asked: &ExportPerson) -> Result<PersonData, OperatorError> {
    let ExportPerson { practice, portal, who, cursor } = asked;
    let account = find(deps, practice, *portal, who).await?;
    let (mut tickets, mut sessions, mut help_requests) = (None, None, None);
    if cursor.is_none() {
        deps.store.record_event(&event_of(deps, Action::DataExported, &account)?).await?;
        let listed = deps.store.list_tickets(account.id).await?.tickets;
        tickets = Some(listed.iter().rev().map(ticket_data).collect());
        sessions = Some(all_sessions(deps, account.id).await?);
        let listed = deps.store.list_help_of(&account).await?;
        help_requests = Some(listed.iter().map(|help| help_data(help, Some(account.id))).collect());
    }
    let EventPage { events, next } = events(deps, &Log::Account(account.id), *cursor).await?;
    let first = cursor.is_none().then(|| serde_json::to_value(AccountData::of(&account)).unwrap_or_default());
    Ok(PersonData { account: first, tickets, sessions, help_requests, events, cursor: next })
}

async fn all_sessions(deps: &Deps, account: AccountId) -> Result<Vec<Value>, OperatorError> {
    let (mut all, mut after): (_, Option<SessionId>) = (Vec::new(), None);
    loop {
        let page = deps.store.page_of_sessions(account, after, MOST).await?;
        after = page.entries.last().map(|session| session.id);
        all.extend(page.entries.iter().map(session_data));
        if !page.more {
            return Ok(all);
        }
    }
}

/// The practice that is exported, and the part that comes next.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExportPractice {
    practice: Slug,
    cursor: Option<String>,
}

/// A part of what a practice takes with it: an object with one member for each thing: `practice`, `account`,
/// `help_request` or `event`.
#[derive(Debug, Serialize)]
pub struct PracticeData {
    lines: Vec<Value>,
    /// Where to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// Where the help requests begin in the order of an export.
const HELP: &str = "help/";
/// Where the events begin in the order of an export.
const LOG: &str = "log/";

/// Exports a practice: its settings, its accounts, its help requests, and its log, the newest event first. That it
/// was exported is an event.
pub(crate) async fn export_practice(
    deps: &Deps,
    asked: &ExportPractice,
) -> Result<PracticeData, OperatorError> {
    let practice = find_practice(deps, &asked.practice).await?;
    let cursor = asked.cursor.as_deref();
    if let Some(before) = cursor.and_then(|cursor| cursor.strip_prefix(LOG)) {
        return log(deps, &practice, before).await;
    }
    if let Some(from) = cursor.and_then(|cursor| cursor.strip_prefix(HELP)) {
        return help(deps, &practice, from).await;
    }
    let mut lines = Vec::new();
    if cursor.is_none() {
        deps.store.record_event(&deps.event(&practice.slug, Action::DataExported)?).await?;
        lines.push(json!({"practice": practice.settings()}));
    }
    let AccountPage { accounts, next, .. } = walk::page(deps, &practice.slug, cursor).await?;
    lines.extend(accounts.iter().map(|account| json!({"account": AccountData::of(account)})));
    Ok(PracticeData { lines, cursor: Some(next.unwrap_or_else(|| HELP.to_owned())) })
}

async fn help(deps: &Deps, practice: &Practice, from: &str) -> Result<PracticeData, OperatorError> {
    let from = if from.is_empty() { Ok(0) } else { from.parse().map_err(|_| walk::not_a_cursor()) };
    let (requests, next) = deps.store.read_help_of_practice(&practice.slug, from?).await?;
    let lines = requests.iter().map(|request| json!({"help_request": help_data(request, None)})).collect();
    let cursor = next.map_or_else(|| LOG.to_owned(), |next| format!("{HELP}{next}"));
    Ok(PracticeData { lines, cursor: Some(cursor) })
}

async fn log(deps: &Deps, practice: &Practice, before: &str) -> Result<PracticeData, OperatorError> {
    let before = match before {
        "" => None,
        before => Some(before.parse().map_err(|_| walk::not_a_cursor())?),
    };
    let EventPage { events, next } = events(deps, &Log::Practice(practice.slug.clone()), before).await?;
    let lines = events.into_iter().map(|event| json!({"event": event})).collect();
    Ok(PracticeData { lines, cursor: next.map(|next| format!("{LOG}{next}")) })
}
