//! An event: one entry of the audit trail.
//!
//! Names follow the OWASP Logging Vocabulary where it has one. An event carries ids and enumerated facts, never a secret,
//! an address, or an identifier that somebody typed (U2); the one free text is the reason that staff give for a link that
//! lives long. Events are only ever put.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::practice::{Portal, Slug};
use crate::platform::clock::{Ambient, NoRandomness, Timestamp};
use crate::platform::ids::{AccountId, EventId, OutboxId, SessionId, TicketId};
use crate::platform::wire::{name_of, named};

/// Who did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// Somebody who has not proven to be anyone.
    Anonymous,
    /// The account's holder, by password, session or ticket.
    Holder,
    /// A member of staff: see `by`.
    Staff,
    /// Somebody with the right to invoke `operator`.
    Operator,
    /// The system itself.
    System,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A practice was made.
    PracticeCreated,
    /// A practice's settings were changed: see `changes`.
    PracticeUpdated,
    /// An account was made.
    UserCreated,
    /// An account was changed: see `changes`.
    UserUpdated,
    /// A client was put on a caseload, or taken off.
    CaseloadChanged,
    /// Two accounts were associated, or no longer are.
    AssociationChanged,
    /// A recovery was asked for and not started: see `reason`.
    RecoveryRefused,
    /// A limit was hit: of recoveries or codes, for an identifier that names the account; or of answers to its question.
    ExcessRateLimitExceeded,
    /// A ticket was issued.
    AuthnTokenCreated,
    /// The right code was entered.
    AuthnCodeSuccess,
    /// A wrong code was entered: see `reason`.
    AuthnCodeFail,
    /// A ticket was taken back.
    AuthnTokenRevoked,
    /// A ticket that can no longer be used was presented.
    AuthnTokenReuse,
    /// SES took a mail.
    MailSent,
    /// SES will never take a mail: see `reason`.
    MailNotSent,
    /// A mail came back.
    MailBounced,
    /// The owner of an address called a mail spam.
    MailComplained,
    /// A password was set.
    AuthnPasswordChange,
    /// A password was refused: see `reason`.
    AuthnPasswordChangeFail,
    /// The owner has said that a change of the password was not theirs: the account is frozen.
    AuthnPasswordRepudiated,
    /// The security question was set.
    SecurityQuestionChange,
    /// Setting the security question was refused: see `reason`.
    SecurityQuestionChangeFail,
    /// Signed in.
    AuthnLoginSuccess,
    /// A sign-in failed.
    AuthnLoginFail,
    /// A sign-in was refused by its limit.
    AuthnLoginLock,
    /// Signed out.
    AuthnLogout,
    /// Another session of the account was ended, or all of them by staff.
    SessionRevoked,
}

/// Why, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The account is not active, or refused.
    AccountClosed,
    /// The account has no address.
    NoAddress,
    /// SES refused the mail for good.
    MailRejected,
    /// The password does not match.
    WrongPassword,
    /// No account has the identifier.
    UnknownIdentifier,
    /// The code is not the one that was mailed.
    WrongCode,
    /// The code is not the one that was mailed, and was the last that is compared.
    LastWrongCode,
    /// The answer to the security question is wrong.
    WrongAnswer,
    /// The ticket's time has passed.
    Expired,
    /// The ticket was used before.
    Used,
    /// The ticket is void.
    Revoked,
}

/// What was changed, and from what to what where that is nobody's secret: addresses are masked, names are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// The member of the account.
    pub member: String,
    /// Before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// After.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// One entry. Stored under its account, or under its practice when it has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Sorts by time.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// Where.
    pub practice: Slug,
    /// What.
    pub action: Action,
    /// Who.
    pub actor: Actor,
    /// Whose account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The portal of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub portal: Option<Portal>,
    /// Which member of staff did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<AccountId>,
    /// The other account that it is about: of an association, or whose caseload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<AccountId>,
    /// What was changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// With which ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<TicketId>,
    /// In which session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// By which mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbox: Option<OutboxId>,
    /// Why, in the words of the member of staff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// From where, as the gateway saw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
}

impl Actor {
    /// As in the API.
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

impl Action {
    /// As in the API.
    pub fn name(self) -> String {
        name_of(&self)
    }

    /// From its name. `None` for what is no action.
    pub fn parse(name: &str) -> Option<Self> {
        named(name)
    }
}

impl Event {
    /// Who did it, for whoever looks for that: an account's id, or the kind of actor that has none.
    pub fn who(&self) -> String {
        let account = match self.actor {
            Actor::Staff => self.by,
            Actor::Holder => self.account,
            Actor::Anonymous | Actor::Operator | Actor::System => None,
        };
        account.map_or_else(|| self.actor.as_str().to_owned(), |account| account.to_string())
    }

    /// An entry of now, with nothing but the necessary.
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
            ticket: None,
            session: None,
            outbox: None,
            note: None,
            ip: None,
        })
    }

    /// Of the given account and its portal.
    #[must_use]
    pub fn of(mut self, account: AccountId, portal: Portal) -> Self {
        self.account = Some(account);
        self.portal = Some(portal);
        self
    }

    /// By the given member of staff.
    #[must_use]
    pub fn by(mut self, staff: AccountId) -> Self {
        self.by = Some(staff);
        self
    }

    /// Also about the given account.
    #[must_use]
    pub fn and(mut self, other: AccountId) -> Self {
        self.other = Some(other);
        self
    }

    /// With what was changed.
    #[must_use]
    pub fn with_changes(mut self, changes: Vec<Change>) -> Self {
        self.changes = changes;
        self
    }

    /// For the given reason.
    #[must_use]
    pub fn because(mut self, reason: Reason) -> Self {
        self.reason = Some(reason);
        self
    }

    /// With the given ticket.
    #[must_use]
    pub fn with_ticket(mut self, ticket: TicketId) -> Self {
        self.ticket = Some(ticket);
        self
    }

    /// In the given session.
    #[must_use]
    pub fn with_session(mut self, session: SessionId) -> Self {
        self.session = Some(session);
        self
    }

    /// By the given mail.
    #[must_use]
    pub fn with_outbox(mut self, outbox: OutboxId) -> Self {
        self.outbox = Some(outbox);
        self
    }

    /// With the words that staff gave.
    #[must_use]
    pub fn with_note(mut self, note: Option<String>) -> Self {
        self.note = note;
        self
    }

    /// From the given address.
    #[must_use]
    pub fn from_address(mut self, ip: impl fmt::Display) -> Self {
        self.ip = Some(ip.to_string());
        self
    }
}
