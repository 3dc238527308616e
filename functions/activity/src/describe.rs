//! Events in words that a person knows.

use rekey::domain::event::{Action, Actor, Event};

/// Whom an event is told of.
pub(crate) struct Names<'a> {
    /// The username of the account that it is about.
    pub(crate) account: &'a str,
    /// Who did it, where that was a member of staff.
    pub(crate) staff: &'a str,
    /// The username of the other account that it is about.
    pub(crate) other: &'a str,
}

/// One sentence without its full stop.
pub(crate) fn describe(event: &Event, names: &Names<'_>) -> String {
    let name = names.account;
    let who = match event.actor {
        Actor::Staff => names.staff,
        Actor::Holder => name,
        Actor::Operator => "the operator",
        Actor::System => "the system",
        Actor::Anonymous => "somebody",
    };
    let members: Vec<&str> = event.changes.iter().map(|change| change.member.as_str()).collect();
    let members = members.join(", ");
    match event.action {
        Action::PracticeCreated => "The practice was added".to_owned(),
        Action::PracticeUpdated => format!("Settings were modified by {who}. Changes: {members}"),
        Action::UserCreated => format!("Portal login {name} was added by {who}"),
        Action::UserUpdated => format!("Portal login {name} was modified by {who}. Changes: {members}"),
        Action::CaseloadChanged => {
            format!("Caseload of {} was modified by {who}. Client: {name}", names.other)
        }
        Action::AssociationChanged => {
            format!("Association of {name} with {} was modified by {who}", names.other)
        }
        Action::RecoveryRefused => {
            format!("Password reset requested for {name}, which cannot be helped by mail")
        }
        Action::ExcessRateLimitExceeded => format!("Too many attempts to recover {name}"),
        Action::AuthnTokenCreated if event.actor == Actor::Anonymous => {
            format!("Password reset requested for {name}")
        }
        Action::AuthnTokenCreated => format!("A way to set the password of {name} was issued by {who}"),
        Action::AuthnCodeSuccess => format!("The right code was entered for {name}"),
        Action::AuthnCodeFail => format!("A wrong code was entered for {name}"),
        Action::AuthnTokenRevoked => format!("What was issued for {name} was taken back by {who}"),
        Action::AuthnTokenReuse => format!("A link that can no longer be used was used for {name}"),
        Action::MailSent => format!("A mail was sent to {name}"),
        Action::MailNotSent => format!("A mail to {name} could not be sent"),
        Action::MailBounced => format!("A mail to {name} came back"),
        Action::MailComplained => format!("A mail to {name} was marked as spam"),
        Action::AuthnPasswordChange => format!("Password changed by {name}"),
        Action::AuthnPasswordChangeFail => format!("Changing the password of {name} failed"),
        Action::AuthnPasswordRepudiated => {
            format!("A change of the password was reported as not made by {name}; the login was locked")
        }
        Action::SecurityQuestionChange => format!("Security question changed by {name}"),
        Action::SecurityQuestionChangeFail => format!("Changing the security question of {name} failed"),
        Action::AuthnLoginSuccess => format!("Portal login by {name}"),
        Action::AuthnLoginFail => format!("Failed portal login as {name}"),
        Action::AuthnLoginLock => format!("Portal login as {name} refused after too many failures"),
        Action::AuthnLogout => format!("Portal logout by {name}"),
        Action::SessionRevoked if event.actor == Actor::Staff => {
            format!("Every session of {name} was ended by {who}")
        }
        Action::SessionRevoked if event.session.is_none() => {
            format!("Every other session was ended by {name}")
        }
        Action::SessionRevoked => format!("A session was ended by {name}"),
    }
}
