//! The words for events: a sentence for each kind of event, for people.

use rekey::domain::event::{Action, Actor, Event, Reason};
use rekey::domain::notice::Telling;
use rekey::domain::proof::Knowledge;

/// The names that the sentence of an event uses.
pub(crate) struct Names<'a> {
    /// The username of the account that the event is about.
    pub(crate) account: &'a str,
    /// The name of the member of staff who acted, if one did.
    pub(crate) staff: &'a str,
    /// The username of the second account that the event is about.
    pub(crate) other: &'a str,
}

/// Describes an event in one sentence, without the full stop. Another says how staff knew the caller for whom they acted.
pub(crate) fn describe(event: &Event, names: &Names<'_>) -> String {
    match event.proof.as_ref().and_then(|proof| known(proof.method)) {
        None => sentence(event, names) + handed_over(event),
        Some(known) => format!("{}{}. {known}", sentence(event, names), handed_over(event)),
    }
}

/// The way in which a link was handed over, if somebody has seen it.
fn handed_over(event: &Event) -> &'static str {
    let deliver = event.changes.iter().find(|change| change.member == "deliver");
    match deliver.and_then(|change| change.to.as_deref()) {
        Some("copy") => ". It was shown to be copied",
        Some("print") => ". It was printed",
        _ => "",
    }
}

/// How a caller was known, if that was said.
const fn known(method: Knowledge) -> Option<&'static str> {
    Some(match method {
        Knowledge::None => return None,
        Knowledge::MailedCode => "The caller had read out a mailed code",
        Knowledge::InPerson => "The owner was there in person",
        Knowledge::IdentityDocument => "An identity document was seen",
        Knowledge::CalledBack => "The owner was called back at the number on the record",
        Knowledge::Overruled => "An administrator went without a proof of who called",
    })
}

fn sentence(event: &Event, names: &Names<'_>) -> String {
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
        Action::PracticeDeleted => "The practice was deleted".to_owned(),
        Action::UserDeleted if event.other.is_some() => {
            format!("Portal login {name} was merged into {} by {who}", names.other)
        }
        Action::UserDeleted => format!("A portal login was erased by {who}"),
        Action::DataExported if event.account.is_none() => {
            format!("The data of the practice was exported by {who}")
        }
        Action::DataExported => format!("The data of {name} was exported by {who}"),
        Action::UserCreated => format!("Portal login {name} was added by {who}"),
        Action::UserUpdated => format!("Portal login {name} was modified by {who}. Changes: {members}"),
        Action::UsernameRefused => {
            format!("A username or an address that somebody has was asked for by {who}")
        }
        Action::CaseloadChanged | Action::AssociationChanged | Action::AssociationEnded => {
            relation(event, name, names.other, who)
        }
        Action::HelpRequested if event.account.is_none() => {
            "Help was asked for with a name that no portal login has".to_owned()
        }
        Action::HelpRequested => format!("Help was asked for with {name}, because no mail came"),
        Action::HelpTaken => format!("A request for help{} was taken by {who}", with(event, name)),
        Action::HelpDone => format!("A request for help{} was settled by {who}", with(event, name)),
        Action::HelpRefused => format!("A request for help{} was refused by {who}", with(event, name)),
        Action::RecoveryRefused => {
            format!("Password reset requested for {name}, but {}", why_no_mail(event.reason))
        }
        Action::ExcessRateLimitExceeded => limit(event, name, who),
        Action::AuthnTokenCreated if event.actor == Actor::Anonymous => {
            format!("Password reset requested for {name}")
        }
        Action::AuthnTokenCreated => {
            format!("A link, invitation or temporary password for {name} was issued by {who}")
        }
        Action::CallerCheckCreated => {
            format!("A code for a caller to read out was mailed to {name} for {who}")
        }
        Action::AuthnCodeSuccess if event.actor == Actor::Staff => {
            format!("The code that was mailed to {name} was read out to {who}")
        }
        Action::AuthnCodeFail if event.actor == Actor::Staff => {
            format!("A wrong code was read out to {who} by somebody who called as {name}")
        }
        Action::AuthnCodeSuccess => format!("The right code was entered for {name}"),
        Action::AuthnCodeFail => format!("A wrong code was entered for {name}"),
        Action::AuthnTokenRevoked => {
            format!("A link, invitation or temporary password for {name} was revoked by {who}")
        }
        Action::AuthnTokenReuse => format!("A link or code for {name} was tried that is no longer valid"),
        Action::MailSent => mailed(event.telling, name),
        Action::MailNotSent => not_mailed(event.telling, name),
        Action::MailBounced => format!("A mail to {name} could not be delivered"),
        Action::MailComplained => format!("A mail to {name} was marked as spam"),
        Action::MailRestored if event.actor == Actor::Staff => {
            format!("The mark of the address of {name} was lifted by {who}")
        }
        Action::MailRestored => format!("Mail to {name} arrives again"),
        Action::WrongPersonReported => {
            format!("Somebody who gets the mail of {name} said that they are another person")
        }
        Action::AuthnPasswordChange => format!("Password changed by {name}"),
        Action::AuthnPasswordChangeFail => format!("Changing the password of {name} failed"),
        Action::AuthnPasswordVoided => format!("The password of {name} was ended by {who}"),
        Action::AuthnPasswordRepudiated => {
            format!(
                "{} reported by {name} as made by somebody else; the login was locked",
                done(event.telling)
            )
        }
        Action::SecurityQuestionChange => format!("Security question changed by {name}"),
        Action::SecurityQuestionChangeFail => format!("Changing the security question of {name} failed"),
        Action::AuthnLoginSuccess => format!("Portal login by {name}"),
        Action::AuthnLoginFail => match event.failures {
            Some(failures) if failures > 1 => format!("Failed portal login as {name}, {failures} in a row"),
            _ => format!("Failed portal login as {name}"),
        },
        Action::AuthnLoginLock => format!("Portal login as {name} refused after too many failures"),
        Action::AuthnConfirmed => format!("Password entered again by {name}"),
        Action::AuthnLogout => format!("Portal logout by {name}"),
        Action::SessionRevoked => ended_session(event, name, who),
    }
}

/// What has become of an account's relation to another one.
fn relation(event: &Event, name: &str, other: &str, who: &str) -> String {
    match (event.action, event.actor) {
        (Action::CaseloadChanged, _) => format!("Caseload of {other} was modified by {who}. Client: {name}"),
        (Action::AssociationEnded, Actor::System) => {
            format!("Association of {name} with {other} ended by its date")
        }
        (Action::AssociationEnded, _) => format!("Association of {name} with {other} was ended by {who}"),
        _ => format!("Association of {name} with {other} was modified by {who}"),
    }
}

/// The reason why no mail was sent.
const fn why_no_mail(reason: Option<Reason>) -> &'static str {
    match reason {
        Some(Reason::AddressOnHold) => "the address is on hold, so staff were asked",
        Some(Reason::Frozen) => "it was locked from a former address, so staff alone can open it",
        Some(Reason::AddressOfAnother) => "somebody else has the address",
        _ => "no mail could be sent",
    }
}

/// What an account's owner was told by a mail, if it told them of anything.
fn mailed(telling: Option<Telling>, name: &str) -> String {
    match telling {
        None => format!("A mail was sent to {name}"),
        Some(Telling::PasswordChanged) => format!("{name} was told that the password was changed"),
        Some(Telling::AddressChanged) => {
            format!("The former address of {name} was told of another address")
        }
        Some(Telling::RecoveryHeld) => {
            format!("The former address of {name} was told that a password reset was requested")
        }
        Some(Telling::LinkCopied) => format!("{name} was told that a link was handed over"),
    }
}

/// What an account's owner was not told, if the mail would have told them of anything.
fn not_mailed(telling: Option<Telling>, name: &str) -> String {
    match telling {
        None => format!("A mail to {name} could not be sent"),
        Some(Telling::AddressChanged | Telling::RecoveryHeld) => {
            format!("The former address of {name} could not be told")
        }
        Some(Telling::PasswordChanged) => format!("{name} could not be told that the password was changed"),
        Some(Telling::LinkCopied) => format!("{name} could not be told that a link was handed over"),
    }
}

/// What an account's owner says that somebody else has done.
const fn done(telling: Option<Telling>) -> &'static str {
    match telling {
        None | Some(Telling::PasswordChanged) => "Password change",
        Some(Telling::AddressChanged) => "Another address",
        Some(Telling::RecoveryHeld) => "Password reset request",
        Some(Telling::LinkCopied) => "A link that was handed over",
    }
}

/// The part of a sentence that names the portal login, if the event is about one.
fn with(event: &Event, name: &str) -> String {
    event.account.map(|_| format!(" with {name}")).unwrap_or_default()
}

/// A limit that was exceeded.
fn limit(event: &Event, name: &str, who: &str) -> String {
    match (event.actor, event.account) {
        (Actor::Staff, None) => format!("Too many invitations were asked for by {who}"),
        (Actor::Staff, Some(_)) => format!("Too many mails for {name} were asked for by {who}"),
        (_, None) => {
            "Too many failed portal logins: those from new devices were refused for the rest of the hour"
                .to_owned()
        }
        (_, Some(_)) => format!("Too many attempts to recover {name}"),
    }
}

/// Sessions that were ended.
fn ended_session(event: &Event, name: &str, who: &str) -> String {
    match (event.actor, event.session) {
        (Actor::Staff | Actor::Operator, _) => format!("Every session of {name} was ended by {who}"),
        (_, None) => format!("Every other session was ended by {name}"),
        (_, Some(_)) => format!("A session was ended by {name}"),
    }
}
