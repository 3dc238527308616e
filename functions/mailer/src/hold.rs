//! What one invocation has learned of SES, so that it does not ask in vain for every mail: a batch must not wait ten seconds for
//! each of its mails while SES is down.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rekey::domain::identifier::Email;
use rekey::domain::practice::{Practice, Slug};
use rekey::mail::postbox::{MailError, Scope};

/// The failures of SES in a row after which no other mail is tried. One alone is an accident: to stop at it would let a queue grow
/// while SES takes nine mails of ten.
const MISSES: u8 = 3;

/// The senders and practices for which SES takes nothing at present, each with the code of SES's error.
#[derive(Default)]
pub(crate) struct Hold(Mutex<Held>);

#[derive(Default)]
struct Held {
    all: Option<String>,
    /// The failures of SES since it has last taken a mail.
    missed: u8,
    senders: Vec<(Option<Email>, String)>,
    practices: Vec<(Slug, String)>,
}

impl Hold {
    /// Whether SES takes nothing at all.
    pub(crate) fn is_for_all(&self) -> bool {
        self.lock().all.is_some()
    }

    /// Learns that SES has paused the account's sending.
    pub(crate) fn note_paused(&self) {
        self.lock().all = Some("SendingPausedException".to_owned());
    }

    /// Learns from a mail of a practice that was not taken.
    pub(crate) fn note(&self, practice: &Practice, cause: &MailError) {
        let MailError::Unavailable { code, scope } = cause else { return };
        let mut held = self.lock();
        match scope {
            Scope::All => held.all = Some(code.clone()),
            Scope::Outage => {
                held.missed = held.missed.saturating_add(1);
                if held.missed >= MISSES {
                    held.all = Some(code.clone());
                }
            }
            Scope::Practice => held.practices.push((practice.slug.clone(), code.clone())),
            Scope::Sender => held.senders.push((practice.sender.clone(), code.clone())),
            Scope::Rate | Scope::Mail => {}
        }
    }

    /// Learns that SES has taken a mail.
    pub(crate) fn note_taken(&self) {
        self.lock().missed = 0;
    }

    /// The reason why no mail of a practice would be taken, if it is known.
    pub(crate) fn of(&self, practice: &Practice) -> Option<MailError> {
        let held = self.lock();
        let unavailable = |code: &String, scope| MailError::Unavailable { code: code.clone(), scope };
        if let Some(code) = &held.all {
            return Some(unavailable(code, Scope::All));
        }
        if let Some((_, code)) = held.practices.iter().find(|(slug, _)| *slug == practice.slug) {
            return Some(unavailable(code, Scope::Practice));
        }
        let (_, code) = held.senders.iter().find(|(sender, _)| *sender == practice.sender)?;
        Some(unavailable(code, Scope::Sender))
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
