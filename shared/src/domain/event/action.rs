//! The kinds of events.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::platform::wire::{name_of, named};

/// The kind of an event, which says what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A practice was created.
    PracticeCreated,
    /// The settings of a practice were changed, or the operator disabled or enabled it; `changes` lists them.
    PracticeUpdated,
    /// A practice was deleted.
    PracticeDeleted,
    /// An account was created.
    UserCreated,
    /// An account was changed; `changes` lists the members.
    UserUpdated,
    /// An account was erased. Its events stay; `other` is the account that took its place, if it was a duplicate.
    UserDeleted,
    /// A person whose mail does not come asked for help.
    HelpRequested,
    /// A member of staff took a help request.
    HelpTaken,
    /// A member of staff settled a help request: the person was helped.
    HelpDone,
    /// A member of staff settled a help request without helping; `note` may say why.
    HelpRefused,
    /// The operator exported the data of an account, or, without an account, of the practice.
    DataExported,
    /// A member of staff who does not see every client asked for a username or an address that somebody has.
    UsernameRefused,
    /// A client was added to a caseload or removed from it.
    CaseloadChanged,
    /// An association between two accounts was added or changed.
    AssociationChanged,
    /// An association between a client and a guardian ended: by its date, by staff or by the operator. The client's log has one, and so
    /// has the guardian's.
    AssociationEnded,
    /// A mail that lets the owner set a password was asked for and not sent; `reason` says why.
    RecoveryRefused,
    /// A limit was exceeded: of recoveries or codes for an identifier of the account, of answers to its security question, of
    /// mails that staff ask for, or, without an account, of failed sign-ins at the practice.
    ExcessRateLimitExceeded,
    /// A ticket was issued: a link, a code, a temporary password or an invitation.
    AuthnTokenCreated,
    /// The right verification code was entered, or, by staff, the one of a caller check.
    AuthnCodeSuccess,
    /// A verification code, or the one of a caller check, was refused; `reason` says why.
    AuthnCodeFail,
    /// Staff had a code mailed that a caller is to read out.
    CallerCheckCreated,
    /// A ticket was revoked.
    AuthnTokenRevoked,
    /// A ticket that can no longer be used was presented; `reason` says why it cannot.
    AuthnTokenReuse,
    /// SES accepted a mail.
    MailSent,
    /// A mail could not be sent; `reason` says why.
    MailNotSent,
    /// A mail came back, for good or for a reason that may pass.
    MailBounced,
    /// The owner of the address marked a mail as spam.
    MailComplained,
    /// The mark of an address to which mails had failed was lifted: a later mail arrived, or staff lifted it.
    MailRestored,
    /// The person who has the address said that they are somebody else; what was mailed to it is void, and nothing more is.
    WrongPersonReported,
    /// A password was set.
    AuthnPasswordChange,
    /// A password was not set; `reason` says why.
    AuthnPasswordChangeFail,
    /// The operator ended a password, so that its owner has to recover.
    AuthnPasswordVoided,
    /// The owner reported that a change was not theirs, and the account was frozen; `telling` says which.
    AuthnPasswordRepudiated,
    /// The security question was set.
    SecurityQuestionChange,
    /// The security question was not set; `reason` says why.
    SecurityQuestionChangeFail,
    /// A person signed in.
    AuthnLoginSuccess,
    /// A sign-in failed; `reason` says why.
    AuthnLoginFail,
    /// A sign-in was refused because of earlier failures.
    AuthnLoginLock,
    /// The holder of a session gave the account's password again.
    AuthnConfirmed,
    /// The account's owner signed out.
    AuthnLogout,
    /// The owner ended another session or all other sessions, or staff ended all sessions.
    SessionRevoked,
}

impl Action {
    /// The name of the action in the API.
    pub fn name(self) -> String {
        name_of(&self)
    }

    /// Reads the name of an action. `None` when no action has the name.
    pub fn parse(name: &str) -> Option<Self> {
        named(name)
    }
}
