//! An event: one entry of the audit trail.
//!
//! The names follow the OWASP Logging Vocabulary where it has one. An event carries ids and enumerated facts. It never
//! carries a secret, a whole email address, or an identifier that a person typed (U2). Its only free text is what staff say
//! in their own words: the reason of a link that lives long, and the note on a help request. No function changes or deletes an event.

mod action;

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::notice::Telling;
use crate::domain::practice::{Portal, Slug};
use crate::domain::proof::RecordedProof;
use crate::platform::clock::{Ambient, NoRandomness, Timestamp};
use crate::platform::ids::{AccountId, EventId, OutboxId, SessionId, TicketId};
use crate::secrets::token::derived_id;

pub use action::Action;

/// The kind of actor that caused an event: `anonymous` for a person who has not proven who they are, the account's
/// `holder`, a member of `staff`, the `operator`, or the `system` itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A person who has not proven who they are.
    Anonymous,
    /// The account's owner, who has shown a password, a session or a ticket.
    Holder,
    /// A member of staff, whom `by` names.
    Staff,
    /// A person who may invoke the operator's functions directly.
    Operator,
    /// Rekey itself.
    System,
}

/// The reason for a failure or a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The account is not active, or its client has refused a portal login.
    AccountClosed,
    /// The account has no email address.
    NoAddress,
    /// Somebody else has the account's address.
    AddressOfAnother,
    /// The account's address is too new for a recovery by mail.
    AddressOnHold,
    /// The account was frozen from a former address, and staff alone can open it.
    Frozen,
    /// SES refused the mail for good.
    MailRejected,
    /// The password is wrong.
    WrongPassword,
    /// The code is wrong.
    WrongCode,
    /// The code is wrong, and it was the last attempt that the request allows.
    LastWrongCode,
    /// The answer to the security question is wrong.
    WrongAnswer,
    /// The ticket, or the request for a code, has expired.
    Expired,
    /// The ticket has been used before.
    Used,
    /// The ticket is void.
    Revoked,
}

/// A member that was changed. Its values before and after are shown if they are not personal data. Email addresses are
/// masked, and names are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// The name of the member of the account, or the path of the setting, such as `policy.link_ttl`.
    pub member: String,
    /// The value before the change; absent when there was none or it is not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub from: Option<String>,
    /// The value after the change; absent when there is none or it is not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub to: Option<String>,
}

/// One entry of the audit trail. It is stored under its account, or under its practice when it has no account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The id of the event. Ids sort by time.
    pub id: EventId,
    /// The time of the event.
    pub at: Timestamp,
    /// The practice in which the event happened.
    pub practice: Slug,
    /// The kind of the event.
    pub action: Action,
    /// The kind of actor that caused the event.
    pub actor: Actor,
    /// The id of the account that the event is about; absent when it is about none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The portal of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub portal: Option<Portal>,
    /// The id of the member of staff who caused the event; absent for other actors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<AccountId>,
    /// The id of the second account that the event is about: the other account of an association, or the member of
    /// staff whose caseload changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<AccountId>,
    /// The members that were changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// The reason for a failure or a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The number of failures in a row, if the event is one of them: failed sign-ins by one name are events at the first, the
    /// sixth and every tenth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<u64>,
    /// The id of the ticket that the event is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<TicketId>,
    /// The id of the session that the event is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The id of the outbox item that the event comes from or leads to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbox: Option<OutboxId>,
    /// The reason that a member of staff gave, in their own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What the account's owner was told, or what they said that somebody else did; absent for other events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telling: Option<Telling>,
    /// How staff knew the caller for whom they acted; absent for other acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<RecordedProof>,
    /// The source address of the request, as the gateway saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
}

impl Actor {
    /// The name of the actor in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Holder => "holder",
            Self::Staff => "staff",
            Self::Operator => "operator",
            Self::System => "system",
        }
    }
}

impl Event {
    /// The actor, as the log is searched by it: the id of the account that acted, or the kind of an actor that has no
    /// account.
    pub fn who(&self) -> String {
        let account = match self.actor {
            Actor::Staff => self.by,
            Actor::Holder => self.account,
            Actor::Anonymous | Actor::Operator | Actor::System => None,
        };
        account.map_or_else(|| self.actor.as_str().to_owned(), |account| account.to_string())
    }

    /// Creates an event of the present time with only the required members.
    ///
    /// # Errors
    /// [`NoRandomness`] when no id can be drawn.
    pub fn new(
        ambient: &Ambient,
        practice: &Slug,
        action: Action,
        actor: Actor,
    ) -> Result<Self, NoRandomness> {
        Ok(Self {
            id: EventId::from(ambient.ulid()?),
            at: ambient.now(),
            practice: practice.clone(),
            action,
            actor,
            account: None,
            portal: None,
            by: None,
            other: None,
            changes: Vec::new(),
            reason: None,
            failures: None,
            ticket: None,
            session: None,
            outbox: None,
            note: None,
            telling: None,
            proof: None,
            ip: None,
        })
    }

    /// The same event, as the one of its kind that an hour has about something that began at `since`: all of them have one id. So a
    /// flood leaves one event an hour, and stays visible for as long as it lasts.
    #[must_use]
    pub fn once_an_hour(mut self, about: &str, since: Timestamp) -> Self {
        let (at, began) = (since.max(self.at.hour()), since.millis().to_string());
        self.id = EventId::from(derived_id(at, &["event", &self.action.name(), about, &began]));
        self
    }

    /// Sets the account that the event is about, and its portal.
    #[must_use]
    pub fn of(mut self, account: AccountId, portal: Portal) -> Self {
        self.account = Some(account);
        self.portal = Some(portal);
        self
    }

    /// Sets the member of staff who caused the event.
    #[must_use]
    pub fn by(mut self, staff: AccountId) -> Self {
        self.by = Some(staff);
        self
    }

    /// Sets the second account that the event is about.
    #[must_use]
    pub fn and(mut self, other: AccountId) -> Self {
        self.other = Some(other);
        self
    }

    /// Sets the members that were changed.
    #[must_use]
    pub fn with_changes(mut self, changes: Vec<Change>) -> Self {
        self.changes = changes;
        self
    }

    /// Sets the reason.
    #[must_use]
    pub fn because(mut self, reason: Reason) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Sets the number of failures in a row.
    #[must_use]
    pub fn in_a_row(mut self, failures: u64) -> Self {
        self.failures = Some(failures);
        self
    }

    /// Sets the ticket.
    #[must_use]
    pub fn with_ticket(mut self, ticket: TicketId) -> Self {
        self.ticket = Some(ticket);
        self
    }

    /// Sets the session.
    #[must_use]
    pub fn with_session(mut self, session: SessionId) -> Self {
        self.session = Some(session);
        self
    }

    /// Sets the outbox item.
    #[must_use]
    pub fn with_outbox(mut self, outbox: OutboxId) -> Self {
        self.outbox = Some(outbox);
        self
    }

    /// Sets the words of the member of staff.
    #[must_use]
    pub fn with_note(mut self, note: Option<String>) -> Self {
        self.note = note;
        self
    }

    /// Sets what the owner was told.
    #[must_use]
    pub fn telling(mut self, telling: Option<Telling>) -> Self {
        self.telling = telling;
        self
    }

    /// Sets how staff knew the caller.
    #[must_use]
    pub fn with_proof(mut self, proof: Option<RecordedProof>) -> Self {
        self.proof = proof;
        self
    }

    /// Sets the source address.
    #[must_use]
    pub fn from_address(mut self, ip: impl fmt::Display) -> Self {
        self.ip = Some(ip.to_string());
        self
    }
}
