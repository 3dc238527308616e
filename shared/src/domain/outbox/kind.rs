//! The reasons for outbox items.

use serde::{Deserialize, Serialize};

use crate::domain::challenge::Challenge;
use crate::domain::help::{Cause, Reach};
use crate::domain::identifier::{Email, Identifier};
use crate::domain::notice::Telling;
use crate::domain::practice::Portal;
use crate::platform::ids::{AccountId, OutboxId};

/// The reason for an outbox item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OutboxKind {
    /// A person asked for a recovery. The mailer finds out whether an account has the identifier.
    Recovery {
        /// The portal at which the person asked.
        portal: Portal,
        /// The identifier that the person typed, in its canonical form.
        identifier: Identifier,
        /// The challenge, for a recovery by code; absent for a recovery by link.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        challenge: Option<Challenge>,
    },
    /// A person asked for a recovery more often than the limit allows. No mail follows. If an account has the
    /// identifier, an event is recorded.
    LimitHit {
        /// The portal at which the person asked.
        portal: Portal,
        /// The identifier that the person typed, in its canonical form.
        identifier: Identifier,
    },
    /// A person whose mail does not come asks for help. No mail follows. The item names no practice; the mailer finds it with the
    /// request, and makes a task for staff.
    Help {
        /// The id of the request for a recovery, as the person gave it. There may be no such request.
        request: OutboxId,
        /// The way in which staff are to reach the person.
        reach: Reach,
    },
    /// Staff are asked to see to an account. No mail follows.
    Task {
        /// The id of the account.
        account: AccountId,
        /// The reason.
        cause: Cause,
    },
    /// The owner of an account is to be sent a link, to set the account up or to choose a new password. The ticket of
    /// the link may have been issued already.
    Link {
        /// The id of the account.
        account: AccountId,
        /// The id of the member of staff who asked for the link; absent when the operator did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<AccountId>,
    },
    /// The owner of an account is to be sent a temporary password. Staff have issued its ticket.
    TemporaryPassword {
        /// The id of the account.
        account: AccountId,
    },
    /// Staff want to know whether a caller is the account's owner, who is to be sent a code to read out.
    CallerCheck {
        /// The id of the account.
        account: AccountId,
        /// The id of the member of staff to whom the code is read out.
        by: AccountId,
        /// The account's credential version when it was asked for: another address raises it. Absent in an item of an earlier
        /// release.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        credential_version: Option<u64>,
        /// The challenge.
        challenge: Challenge,
    },
    /// A password was changed, and the owner of the account is to be told.
    PasswordChanged {
        /// The id of the account.
        account: AccountId,
    },
    /// The owner of an account is to be told of what was done, at the address that they had before it was.
    Notice {
        /// The id of the account.
        account: AccountId,
        /// What they are told.
        about: Telling,
        /// The address to which the mail goes.
        to: Email,
        /// The new address, masked, when they are told of one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        masked: Option<String>,
    },
    /// Staff have lifted the mark of an account's address. SES may have the address on its list of those that it does not mail,
    /// and takes it off. No mail follows.
    MailRestored {
        /// The id of the account.
        account: AccountId,
    },
    /// Another administrator has changed where the practice's people are led, or whom they turn to.
    SettingsChanged {
        /// The id of the administrator who is told.
        account: AccountId,
        /// The settings that have changed, by dotted path.
        members: Vec<String>,
    },
    /// An administrator has handed an account over without a proof of who called, and the other administrators are told.
    ProofOverruled {
        /// The id of the administrator who is told.
        account: AccountId,
        /// Their address when it was done, to which the mail goes.
        to: Email,
    },
    /// An administrator has acted on the account of another one, and the administrators are told.
    AdministratorActed {
        /// The id of the administrator who is told.
        account: AccountId,
        /// Their address before it was done, to which the mail goes: it may be the address that was changed.
        to: Email,
    },
    /// A member of staff was closed. What they have issued and nobody has used is taken back, as far as the call that closed them has
    /// not done so. No mail follows.
    StaffClosed {
        /// The id of the member of staff.
        account: AccountId,
        /// The id of the administrator who closed them.
        by: AccountId,
        /// Whether only links that were handed over end, and what was mailed stays.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        keeps_mailed: bool,
    },
    /// The owner of an account has frozen it, and the practice is to be told. The item is stored under the name that
    /// the API uses.
    #[serde(rename = "repudiated")]
    Frozen {
        /// The id of the account.
        account: AccountId,
    },
}

impl OutboxKind {
    /// The name under which the kind is stored.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Recovery { .. } => "recovery",
            Self::LimitHit { .. } => "limit_hit",
            Self::Help { .. } => "help",
            Self::Task { .. } => "task",
            Self::Link { .. } => "link",
            Self::TemporaryPassword { .. } => "temporary_password",
            Self::CallerCheck { .. } => "caller_check",
            Self::PasswordChanged { .. } => "password_changed",
            Self::Notice { .. } => "notice",
            Self::MailRestored { .. } => "mail_restored",
            Self::SettingsChanged { .. } => "settings_changed",
            Self::ProofOverruled { .. } => "proof_overruled",
            Self::AdministratorActed { .. } => "administrator_acted",
            Self::StaffClosed { .. } => "staff_closed",
            Self::Frozen { .. } => "repudiated",
        }
    }
}
