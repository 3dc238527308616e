//! What is ended for a whole practice: sessions, when it is disabled or a key has leaked, and passwords, when they may be known to
//! others or their hashes are not to be kept.

use std::time::Duration;

use rekey::domain::account::Account;
use rekey::domain::event::Action;
use rekey::domain::outbox::{OutboxItem, OutboxKind};
use rekey::domain::practice::{Portal, Slug};
use rekey::platform::clock::{Timestamp, days};
use rekey::secrets::password::PasswordHash;
use rekey::store::accounts::Changed;
use rekey::store::race::until_written;
use serde::{Deserialize, Serialize};

use crate::person::event_of;
use crate::walk::{self, AccountPage};
use crate::{Deps, OperatorError, find_practice, time};

/// The mails a second that are due, unless the operator says otherwise.
const RATE: u32 = 5;
/// The time by which the last mail must be due. A mail is tried for a week.
const LONGEST: Duration = days(3);

/// The practice whose sessions end.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndSessions {
    practice: Slug,
    portal: Option<Portal>,
    cursor: Option<String>,
}

/// How far the end of sessions has come.
#[derive(Debug, Serialize)]
pub struct Ended {
    /// The number of accounts whose sessions have ended, whether or not they had any.
    pub ended: usize,
    /// Where to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Ends every session of a hundred accounts. Each is an event.
pub(crate) async fn end_sessions(deps: &Deps, asked: &EndSessions) -> Result<Ended, OperatorError> {
    let practice = find_practice(deps, &asked.practice).await?;
    let AccountPage { accounts, next, .. } =
        walk::page(deps, &practice.slug, asked.cursor.as_deref()).await?;
    let mut ended = 0;
    for account in accounts.iter().filter(|account| asked.portal.is_none_or(|of| account.portal == of)) {
        ended += usize::from(
            void(deps, account, |account| {
                let new = account.signed_out();
                Some(Voided { new, action: Action::SessionRevoked, mail_at: None })
            })
            .await?,
        );
    }
    Ok(Ended { ended, cursor: next })
}

/// The practice whose passwords end, and the mails that follow.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetPasswords {
    practice: Slug,
    portal: Option<Portal>,
    /// The id of the pepper whose hashes alone are meant.
    pepper: Option<String>,
    /// Whether each owner is mailed a link at once. Without it, they ask for one when they cannot sign in.
    #[serde(default = "yes")]
    mail: bool,
    /// The mails a second that are due; 5 without it.
    rate: Option<u32>,
    /// The time at which the first mail is due, RFC 3339; now without it.
    mail_at: Option<String>,
    cursor: Option<String>,
}

const fn yes() -> bool {
    true
}

/// How far the end of passwords has come.
#[derive(Debug, Serialize)]
pub struct Reset {
    /// The number of accounts whose password has ended.
    pub reset: usize,
    /// The number of accounts without a password, whose open links and invitations have ended.
    pub others: usize,
    /// The number of mails that are due.
    pub mailed: usize,
    /// The number of those who get no mail, because they have no address or their account is closed.
    pub unreachable: usize,
    /// The time at which the next mail is due: the `mail_at` of the next invocation.
    pub mail_at: String,
    /// Where to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Ends the passwords of a hundred accounts, with every session and every ticket, and has their owners mailed links to choose others,
/// one after another. An account without a password loses what was issued for it, and its owner gets no mail, so that this can be
/// repeated. With a pepper, only those are meant whose password or answer needs it, and such an answer goes with its question.
pub(crate) async fn reset_passwords(deps: &Deps, asked: &ResetPasswords) -> Result<Reset, OperatorError> {
    let practice = find_practice(deps, &asked.practice).await?;
    let now = deps.ambient.now();
    let step = match asked.rate.unwrap_or(RATE) {
        rate @ 1..=100 => Duration::from_secs(1) / rate,
        _ => return Err(OperatorError::Invalid("rate: must be 1 to 100".to_owned())),
    };
    let mut mail_at = match &asked.mail_at {
        None => now,
        Some(text) => time("mail_at", text)?.max(now),
    };
    if asked.mail && mail_at > now + LONGEST {
        let rule = "mail_at: must be within three days; choose a higher rate";
        return Err(OperatorError::Invalid(rule.to_owned()));
    }
    let page = walk::page(deps, &practice.slug, asked.cursor.as_deref()).await?;
    let (mut reset, mut others, mut mailed, mut unreachable) = (0, 0, 0, 0);
    let pepper = asked.pepper.as_deref();
    for account in page.accounts.iter().filter(|account| asked.portal.is_none_or(|of| account.portal == of)) {
        let has_password = account.password.is_some() || account.temporary.is_some();
        let is_mailed = asked.mail && has_password && account.is_open() && account.email.is_some();
        let voided = void(deps, account, |account| {
            let new = is_meant(account, pepper).then(|| account.with_password_voided(pepper))?;
            let mail_at = Some(mail_at).filter(|_| is_mailed);
            let action = if has_password { Action::AuthnPasswordVoided } else { Action::AuthnTokenRevoked };
            Some(Voided { new, action, mail_at })
        });
        if !voided.await? {
            continue;
        }
        if has_password {
            reset += 1;
            mailed += usize::from(is_mailed);
            unreachable += usize::from(asked.mail && !is_mailed);
            mail_at = if is_mailed { mail_at + step } else { mail_at };
        } else {
            others += 1;
        }
    }
    tracing::info!(event = "passwords_voided", reset, others, mailed, unreachable);
    // The text has whole seconds.
    let mail_at = (mail_at + Duration::from_millis(999)).to_string();
    Ok(Reset { reset, others, mailed, unreachable, mail_at, cursor: page.next })
}

/// Whether an account is one of those that are meant: all of them, or those with a hash that needs the pepper.
fn is_meant(account: &Account, pepper: Option<&str>) -> bool {
    let Some(pepper) = pepper else { return true };
    let answer = account.question.as_ref().map(|question| &question.answer);
    let hashes = [account.password.as_ref(), answer];
    hashes.into_iter().flatten().filter_map(PasswordHash::pepper_id).any(|id| id == pepper)
}

/// What ends, and how it is recorded.
struct Voided {
    new: Account,
    action: Action,
    /// The time at which a mail with a link is due, if one is.
    mail_at: Option<Timestamp>,
}

/// Ends something of an account, as it is when that is written. Returns `false` when there is nothing to end.
async fn void(
    deps: &Deps,
    read: &Account,
    what: impl Fn(&Account) -> Option<Voided>,
) -> Result<bool, OperatorError> {
    let (what, id) = (&what, read.id);
    until_written("ending what opens an account", || async move {
        let Some(account) = deps.store.find_account(id).await? else { return Ok(Some(false)) };
        let Some(Voided { new, action, mail_at }) = what(&account) else { return Ok(Some(false)) };
        let kind = OutboxKind::Link { account: id, by: None };
        let mail = OutboxItem::new(&deps.ambient, &account.practice, kind, None)?;
        let mail = mail_at.map(|at| mail.scheduled(at));
        let mut event = event_of(deps, action, &account)?;
        event.outbox = mail.as_ref().map(|mail| mail.id);
        let changed = Changed { old: &account, new: &new };
        let written = deps.store.void_password(changed, &event, mail.as_ref()).await?.is_written();
        Ok::<_, OperatorError>(written.then_some(true))
    })
    .await
}
