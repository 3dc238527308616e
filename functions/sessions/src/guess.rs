//! A password that somebody has typed for a name. It is counted as a failure before it is compared (L2, L3), wherever it is typed: to
//! sign in, or to confirm a session. So neither gives more guesses than the other.

use std::sync::atomic::{AtomicBool, Ordering};

use rekey::domain::account::Login;
use rekey::domain::event::{Action, Actor, Event, Reason};
use rekey::domain::limit::{Limit, Subject, sign_in};
use rekey::domain::practice::{Portal, Practice};
use rekey::domain::spray::Guard;
use rekey::domain::typed_password::TypedPassword;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::platform::ids::{AccountId, SessionId, TicketId};
use rekey::secrets::password::{Peppers, Verdict};
use rekey::secrets::temporary::Temporary;
use rekey::store::limits::{RefusedSignIn, SignInCount};
use rekey::store::spray::{Admission, Full};

use crate::Deps;

/// A password that was typed for a name, and what the counters say of it.
pub(crate) struct Guess<'a> {
    pub(crate) deps: &'a Deps,
    pub(crate) call: &'a Call,
    pub(crate) practice: &'a Practice,
    pub(crate) portal: Portal,
    pub(crate) limit: &'a Subject,
    /// What the name's counter says; none if it was not asked.
    pub(crate) counted: Option<SignInCount>,
    pub(crate) guard: &'a Guard,
    /// What the counters of the source and of the practice say.
    pub(crate) admission: &'a Admission,
    pub(crate) given_back: AtomicBool,
    /// The session in which it was typed, if it was in one.
    pub(crate) session: Option<SessionId>,
    pub(crate) typed: &'a TypedPassword,
}

/// The password of the account that the typed password matches.
pub(crate) enum Matched {
    /// The account's own password.
    Password {
        /// Whether its hash was made with older parameters or was imported.
        outdated: bool,
    },
    /// The temporary password that was mailed at the request of staff.
    Temporary(Temporary),
}

impl Matched {
    pub(crate) const fn ticket(&self) -> Option<TicketId> {
        match self {
            Self::Password { .. } => None,
            Self::Temporary(temporary) => Some(temporary.ticket),
        }
    }
}

impl Guess<'_> {
    /// Whether the counters let it be compared with a password that a person has chosen.
    pub(crate) fn is_admitted(&self) -> bool {
        matches!(self.counted, Some(SignInCount::Counted(_))) && self.admission.is_open()
    }

    /// The refusal of a guess that is not admitted. What was counted of it is taken back, and what is due is recorded.
    pub(crate) async fn refuse(&self, login: Option<&Login>) -> Result<Problem, Problem> {
        let (store, wait) = (&self.deps.store, self.guard.wait(self.deps.ambient.now()));
        match self.counted {
            Some(SignInCount::Refused(refused)) => {
                self.record_lock(login, &refused).await?;
                return Ok(match self.alike() {
                    Some(limit) => Problem::too_many(limit, wait),
                    None => Problem::too_many(Limit::Identifier, refused.retry_after),
                });
            }
            Some(SignInCount::Counted(counted)) => {
                let (uncounted, given_back) = tokio::join!(
                    Box::pin(store.uncount_sign_in(self.limit, &counted)),
                    Box::pin(store.give_back(self.guard, self.admission))
                );
                uncounted.and(given_back)?;
            }
            None => {}
        }
        // What a source has filled belongs to no practice, and the gateway's log has it.
        if self.admission.full == Some(Full::Practice) {
            self.record_spray().await?;
        }
        Ok(Problem::too_many(self.admission.full.map_or(Limit::Source, Full::limit), wait))
    }

    /// What a wrong password is told. While a counter is full, strangers are told to wait. Whoever is known by their address alone and
    /// fails is told the same: another answer would tell everybody behind that address who signs in from it.
    pub(crate) fn told(&self, problem: Problem) -> Problem {
        match self.alike() {
            Some(limit) if problem.is(ErrorCode::InvalidCredentials) => {
                Problem::too_many(limit, self.guard.wait(self.deps.ambient.now()))
            }
            _ => problem,
        }
    }

    fn alike(&self) -> Option<Limit> {
        self.admission.full.filter(|_| !self.admission.is_known_device).map(Full::limit)
    }

    /// Whether the account's temporary password was typed.
    pub(crate) fn is_temporary(&self, login: Option<&Login>) -> bool {
        self.matched_temporary(login).is_some()
    }

    /// Finds out which password of a login was typed. It runs one Argon2id and the work of the imported hashes that are
    /// left, whatever there is to compare with (F1).
    pub(crate) async fn matched(&self, login: Option<&Login>) -> Result<Option<Matched>, Problem> {
        let ring = self.deps.peppers.get().await?;
        let peppers =
            login.map_or_else(|| Peppers::of_nobody(ring), |login| Peppers::of(ring, login.account));
        let hasher = &self.deps.hasher;
        let mut kept = login.and_then(|login| login.password.as_ref());
        let compared = hasher.verify(peppers, self.typed.password(), kept);
        let verdict = compared.or_else(|error| {
            // To the caller a hash whose key is lost is a wrong password, because a 503 would show that there is an account.
            tracing::error!(event = "failure", doing = "comparing a password", cause = error.to_string());
            kept = None;
            hasher.verify(peppers, self.typed.password(), None)
        })?;
        // A password that is right opens an account that is open; everything else is a failure, and costs what any other does.
        let opens = verdict != Verdict::Wrong && login.is_some_and(|login| login.open);
        if !opens {
            hasher.even_out(peppers, self.typed.password(), kept, &self.practice.imported_work)?;
        }
        // The temporary password is compared whatever the verdict is. So the work is always the same, and a hash that can no
        // longer be verified does not keep out a person who has a temporary password.
        let temporary = self.matched_temporary(login);
        match verdict {
            Verdict::Right | Verdict::RightInPart => Ok(Some(Matched::Password { outdated: false })),
            Verdict::RightButOutdated => Ok(Some(Matched::Password { outdated: true })),
            Verdict::Wrong => Ok(temporary),
        }
    }

    /// The temporary password, if it is what was typed. The work is the same when the login has none.
    pub(crate) fn matched_temporary(&self, login: Option<&Login>) -> Option<Matched> {
        let typed = self.typed.temporary()?;
        let Some((account, temporary)) =
            login.and_then(|login| Some((login.account, login.temporary.as_ref()?)))
        else {
            let _ = typed.digest(AccountId::from_bytes([0; 16]), TicketId::from_bytes([0; 16]));
            return None;
        };
        temporary.is(account, typed).then(|| Matched::Temporary(temporary.clone()))
    }

    /// Gives back, once, what the attempt was counted for at its source and its practice: the password is right.
    pub(crate) async fn give_back(&self) {
        if self.given_back.swap(true, Ordering::Relaxed) {
            return;
        }
        if let Err(error) = self.deps.store.give_back(self.guard, self.admission).await {
            // The counts are one too high for the rest of the hour, which is no reason to turn the person away.
            tracing::warn!(event = "failure", doing = "giving a count back", cause = error.to_string());
        }
    }

    /// The second round trip of a failed sign-in: it records the event, if one is due. The failure was counted before.
    pub(crate) async fn fail(&self, login: Option<&Login>, reason: Reason) -> Result<Problem, Problem> {
        let account = login.map(|login| login.account);
        let event = self.event(account, Action::AuthnLoginFail, Actor::Anonymous)?.because(reason);
        self.record_failure(login, event).await?;
        Ok(Problem::new(ErrorCode::InvalidCredentials))
    }

    /// Records a failure that is due. While the name waits, none is counted; then there is at most one event an hour.
    pub(crate) async fn record_failure(&self, login: Option<&Login>, event: Event) -> Result<(), Problem> {
        let event = match self.counted {
            Some(SignInCount::Counted(counted)) if !sign_in::is_recorded(counted.failures) => return Ok(()),
            Some(SignInCount::Counted(counted)) => event.in_a_row(counted.failures),
            Some(SignInCount::Refused(refused)) => refused.once_an_hour(self.limit, event),
            None => {
                let since = event.at.hour();
                event.once_an_hour(self.limit.as_str(), since)
            }
        };
        self.record(login, &event).await
    }

    /// Records that a sign-in has to wait. The wait leaves at most one event an hour, however many attempts there are.
    async fn record_lock(&self, login: Option<&Login>, refused: &RefusedSignIn) -> Result<(), Problem> {
        let account = login.map(|login| login.account);
        let event = self.event(account, Action::AuthnLoginLock, Actor::Anonymous)?;
        self.record(login, &refused.once_an_hour(self.limit, event)).await
    }

    /// Records that sign-ins from new sources are refused for the rest of the hour, as one event of the practice.
    async fn record_spray(&self) -> Result<(), Problem> {
        let event = self.event(None, Action::ExcessRateLimitExceeded, Actor::System)?;
        let (about, since) = (self.practice.slug.as_str(), event.at.hour());
        let event = Event { ip: None, ..event.once_an_hour(about, since) };
        if self.deps.store.record_first(&event).await? {
            tracing::warn!(event = "practice_sprayed", practice = about);
        }
        Ok(())
    }

    /// Puts an event of the account, or what looks like one for a name that nobody has (F1).
    async fn record(&self, login: Option<&Login>, event: &Event) -> Result<(), Problem> {
        let store = &self.deps.store;
        match login {
            Some(_) => store.record_event(event).await?,
            None => store.record_nobody(self.limit.nobody(), event).await?,
        }
        Ok(())
    }

    pub(crate) fn event(
        &self,
        account: Option<AccountId>,
        action: Action,
        actor: Actor,
    ) -> Result<Event, Problem> {
        let event = Event::new(&self.deps.ambient, &self.practice.slug, action, actor)?;
        let mut event = event.from_address(self.call.address);
        event.session = self.session;
        Ok(match account {
            Some(account) => event.of(account, self.portal),
            None => event,
        })
    }
}
