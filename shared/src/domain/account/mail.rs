//! An account's address as a place for mail: what is known of it, and whether anything is mailed there.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Account;
use crate::domain::identifier::Email;
use crate::platform::clock::Timestamp;

/// The state of mail to an account's address: `ok` if no failure is known, `bounced` if the address or the mail service does not
/// accept mail, `complained` if its owner marked a mail as spam, `wrong_person` if its owner says that they are somebody else, and
/// `shared_mailbox` if it is that of a guardian whose time has ended. To the last two nothing is mailed. A later value of this list is
/// worse than an earlier one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MailStatus {
    /// No failure is known.
    #[default]
    Ok,
    /// The address does not accept mail.
    Bounced,
    /// The owner of the address marked a mail as spam.
    Complained,
    /// The owner of the address says that they are not the account's owner.
    WrongPerson,
    /// The address is that of a guardian whose time has ended, and the account needs one of its own.
    SharedMailbox,
}

impl MailStatus {
    /// The name of the status in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Bounced => "bounced",
            Self::Complained => "complained",
            Self::WrongPerson => "wrong_person",
            Self::SharedMailbox => "shared_mailbox",
        }
    }

    /// Whether nothing is mailed to the address, because somebody else than the account's owner has it.
    pub const fn is_of_another(self) -> bool {
        matches!(self, Self::WrongPerson | Self::SharedMailbox)
    }
}

/// The time for which a new address gets no mail by self-service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressHold {
    /// The time from which it does.
    pub valid_until: Timestamp,
    /// The last address that was not on hold; absent when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Email::stored")]
    pub former: Option<Email>,
}

impl Account {
    /// The address to which the owner is mailed: none if there is none, if somebody else has it, or if the owner has died.
    pub fn mailed_at(&self) -> Option<&Email> {
        self.email.as_ref().filter(|_| !self.mail.is_of_another() && !self.is_of_deceased())
    }

    /// The hold of the address, if it lasts.
    pub fn on_hold(&self, now: Timestamp) -> Option<&AddressHold> {
        self.address_hold.as_ref().filter(|hold| now < hold.valid_until)
    }

    /// Whether a code that is mailed to the address says anything of who calls: not where it may be the caller's doing that it is the
    /// account's.
    pub fn proves_by_mail(&self, now: Timestamp) -> bool {
        !self.needs_proof && self.on_hold(now).is_none() && self.mailed_at().is_some()
    }
}
