//! A help request: what a person sends whose mail does not come, as a task in the list of staff; and the other tasks of that list,
//! which come from what has become of an account's address.
//!
//! The public front door knows no account, so it knows no practice either: the mailer makes the task, behind the stream. A task has
//! what the person typed, because nobody could be called back without it where no account has the name. Staff alone see it. No log
//! line and no event has it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::account::{Account, MailStatus};
use crate::domain::identifier::Identifier;
use crate::domain::practice::{Portal, RecoveryMethod, Slug};
use crate::domain::ticket::MailFate;
use crate::platform::clock::{Timestamp, days};
use crate::platform::ids::{AccountId, HelpId, OutboxId};

/// The time for which a help request waits for staff.
const OPEN: Duration = days(30);
/// The time for which it is kept after staff have settled it.
const SETTLED: Duration = days(30);
/// The longest time for which a help request can be in the table.
pub const KEPT: Duration = days(60);

/// The reason for which staff are asked: `asked` by a person whose mail does not come; `on_hold`, because somebody asked for a recovery
/// while the address is too new for one; `wrong_person`, because whoever has the address says that they are somebody else; and
/// `shared_mailbox`, because the address is that of a guardian whose time has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = HelpCause)]
pub enum Cause {
    /// A person has asked for help.
    #[default]
    Asked,
    /// Somebody asked for a recovery while the account's new address is on hold.
    OnHold,
    /// The person who has the account's address says that they are somebody else.
    WrongPerson,
    /// The account needs an address of its own.
    SharedMailbox,
}

impl Cause {
    /// The name of the cause in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::OnHold => "on_hold",
            Self::WrongPerson => "wrong_person",
            Self::SharedMailbox => "shared_mailbox",
        }
    }
}

/// The way in which staff are to reach the person: `call` asks to be called back, `visit` says that the person comes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// The person asks to be called back, at the number in the practice's own record.
    Call,
    /// The person comes to the practice.
    Visit,
}

/// The progress of a help request: `open`, `taken` by a member of staff, and at its end `done` or `refused`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = HelpState)]
pub enum State {
    /// Nobody has taken it.
    #[default]
    Open,
    /// A member of staff sees to it.
    Taken,
    /// The person was helped.
    Done,
    /// The person was not helped.
    Refused,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Open, Self::Taken, Self::Done, Self::Refused];

    /// The name of the state in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Taken => "taken",
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }

    /// Whether it is an end.
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Done | Self::Refused)
    }
}

/// What a member of staff does with a help request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = HelpAct)]
pub enum Act {
    /// The caller sees to it.
    Take,
    /// The person was helped.
    Done,
    /// The person is not helped.
    Refuse,
}

impl Act {
    /// The state that follows.
    pub const fn leads_to(self) -> State {
        match self {
            Self::Take => State::Taken,
            Self::Done => State::Done,
            Self::Refuse => State::Refused,
        }
    }
}

/// The reason why an act comes too late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooLate {
    /// Another member of staff has taken the request.
    Taken,
    /// The request has come to its end.
    Settled,
}

/// The reason why no mail reached the owner of an account, as it was known when the task was made: `closed`, `no_address`, `bounced`,
/// `complained`, `wrong_person`, `shared_mailbox`, `on_hold`, `frozen`, `waiting`, `not_sent` and `returned` are reasons; after `sent` and `delivered` the mail is on its way,
/// or lies in the mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = NoMail)]
pub enum Why {
    /// The account is inactive, or its owner has refused a portal login.
    Closed,
    /// The account has no address.
    NoAddress,
    /// The address does not accept mail.
    Bounced,
    /// The owner of the address marked a mail as spam.
    Complained,
    /// The person who has the address says that they are somebody else.
    WrongPerson,
    /// The address is that of a guardian whose time has ended.
    SharedMailbox,
    /// The address is too new for a recovery by mail.
    OnHold,
    /// The account was frozen from a former address.
    Frozen,
    /// The mail has not been sent yet, and is tried again.
    Waiting,
    /// The mail could not be sent, or too many had gone to the mailbox before.
    NotSent,
    /// The mail came back for a reason that may pass.
    Returned,
    /// The mail service has taken the mail, or one before it whose link works too.
    Sent,
    /// The mail was delivered to the server of the mailbox.
    Delivered,
}

impl Why {
    /// The reason that an account gives by itself.
    pub fn of_account(account: &Account, now: Timestamp) -> Option<Self> {
        if !account.is_open() {
            return Some(Self::Closed);
        }
        if account.email.is_none() {
            return Some(Self::NoAddress);
        }
        if account.needs_proof {
            return Some(Self::Frozen);
        }
        match account.mail {
            MailStatus::Ok => account.on_hold(now).map(|_| Self::OnHold),
            MailStatus::Bounced => Some(Self::Bounced),
            MailStatus::Complained => Some(Self::Complained),
            MailStatus::WrongPerson => Some(Self::WrongPerson),
            MailStatus::SharedMailbox => Some(Self::SharedMailbox),
        }
    }

    /// The reason that the outcome of a mail gives which the mail service has taken.
    pub const fn of_fate(fate: Option<MailFate>) -> Self {
        match fate {
            None => Self::Sent,
            Some(MailFate::NotSent) => Self::NotSent,
            Some(MailFate::Returned) => Self::Returned,
            Some(MailFate::Delivered) => Self::Delivered,
            Some(MailFate::Bounced) => Self::Bounced,
            Some(MailFate::Complained) => Self::Complained,
        }
    }
}

/// An account that the person may have meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The id of the account.
    pub account: AccountId,
    /// The reason why no mail reached its owner.
    pub why: Why,
}

/// The request for a recovery that no mail followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sought {
    /// The id of the request. Codes are entered with it, so nobody is shown it.
    pub request: OutboxId,
    /// The identifier that the person typed, in its canonical form.
    pub identifier: Identifier,
    /// The way to recover that the person asked for.
    pub method: RecoveryMethod,
    /// The time at which the person asked.
    pub requested_at: Timestamp,
}

/// A help request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelpRequest {
    /// The id of the help request.
    pub id: HelpId,
    /// The practice.
    pub practice: Slug,
    /// The portal.
    pub portal: Portal,
    /// The reason for which staff are asked.
    #[serde(default)]
    pub cause: Cause,
    /// The request for a recovery that it is about; absent when it is about none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sought: Option<Sought>,
    /// The time at which staff were asked.
    pub asked_at: Timestamp,
    /// The way in which staff are to reach the person; absent when nobody has said one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
    /// The accounts that have the identifier; empty when none has it.
    pub accounts: Vec<Candidate>,
    /// The progress.
    pub state: State,
    /// The id of the member of staff who acted last; absent while nobody has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<AccountId>,
    /// The time of the last act; absent while nobody has acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acted_at: Option<Timestamp>,
    /// The last note, in the words of staff; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The time from which the help request is no longer in any list.
    pub valid_until: Timestamp,
}

/// What staff are asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The id of the help request.
    pub id: HelpId,
    /// The practice.
    pub practice: Slug,
    /// The portal.
    pub portal: Portal,
    /// The reason.
    pub cause: Cause,
    /// The request for a recovery that it is about, if it is about one.
    pub sought: Option<Sought>,
    /// The way in which staff are to reach the person, if somebody has said one.
    pub reach: Option<Reach>,
}

impl HelpRequest {
    /// A help request of this time, for the accounts that it is about.
    pub fn new(asked: Asked, asked_at: Timestamp, accounts: Vec<Candidate>) -> Self {
        let Asked { id, practice, portal, cause, sought, reach } = asked;
        Self {
            id,
            practice,
            portal,
            cause,
            sought,
            asked_at,
            reach,
            accounts,
            state: State::Open,
            by: None,
            acted_at: None,
            note: None,
            valid_until: asked_at + OPEN,
        }
    }

    /// The help request after an act of a member of staff. `None` when they have done the same before.
    ///
    /// # Errors
    /// [`TooLate`] when another member of staff has taken it, or when it is settled.
    pub fn after(
        &self,
        act: Act,
        by: AccountId,
        note: Option<String>,
        now: Timestamp,
    ) -> Result<Option<Self>, TooLate> {
        let next = act.leads_to();
        match self.state {
            state if state == next && self.by == Some(by) => return Ok(None),
            State::Done | State::Refused => return Err(TooLate::Settled),
            State::Taken if act == Act::Take => return Err(TooLate::Taken),
            State::Open | State::Taken => {}
        }
        let valid_until = if next.is_settled() { now + SETTLED } else { self.valid_until };
        let note = note.or_else(|| self.note.clone());
        Ok(Some(Self { state: next, by: Some(by), acted_at: Some(now), note, valid_until, ..self.clone() }))
    }

    /// The milliseconds for which the person has waited since they asked for a recovery, or since staff were asked.
    pub fn waited(&self, now: Timestamp) -> u64 {
        now.millis_since(self.sought.as_ref().map_or(self.asked_at, |sought| sought.requested_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_286_130_000);

    fn open() -> HelpRequest {
        let asked = Asked {
            id: HelpId::from_bytes([1; 16]),
            practice: Slug::parse("agency").expect("a slug"),
            portal: Portal::Client,
            cause: Cause::OnHold,
            sought: None,
            reach: None,
        };
        HelpRequest::new(asked, NOW, Vec::new())
    }

    #[test]
    fn an_end_stays_and_what_somebody_has_taken_nobody_else_takes() {
        let (casey, robin) = (AccountId::from_bytes([3; 16]), AccountId::from_bytes([4; 16]));
        let after = |from: &HelpRequest, act, by| from.after(act, by, None, NOW);
        let to = |from: &HelpRequest, act, by| after(from, act, by).expect("in time").expect("news");
        let taken = to(&open(), Act::Take, casey);
        assert_eq!((taken.state, taken.by, taken.valid_until), (State::Taken, Some(casey), NOW + OPEN));
        assert_eq!(after(&taken, Act::Take, casey), Ok(None));
        assert_eq!(after(&taken, Act::Take, robin), Err(TooLate::Taken));
        for (act, state) in [(Act::Done, State::Done), (Act::Refuse, State::Refused)] {
            for from in [&open(), &taken] {
                let settled = to(from, act, robin);
                assert_eq!((settled.state, settled.by), (state, Some(robin)));
                assert_eq!(after(&settled, act, robin), Ok(None));
                for (act, by) in [(act, casey), (Act::Take, robin)] {
                    assert_eq!(after(&settled, act, by), Err(TooLate::Settled));
                }
            }
        }
    }

    #[test]
    fn nothing_of_a_help_request_outlives_its_pointers() {
        assert_eq!(OPEN + SETTLED, KEPT);
    }
}
