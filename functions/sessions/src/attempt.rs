//! A sign-in, from the comparison of the password to the session or the refusal.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::StatusCode;
use rekey::domain::account::{Account, Login};
use rekey::domain::event::{Action, Actor, Event, Reason};
use rekey::domain::limit::{Subject, sign_in};
use rekey::domain::practice::{Portal, Practice};
use rekey::domain::session::Session;
use rekey::domain::spray::{Device, Guard};
use rekey::domain::typed_password::TypedPassword;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::platform::ids::{AccountId, SessionId, TicketId};
use rekey::secrets::password::{Peppers, Verdict};
use rekey::secrets::temporary::Temporary;
use rekey::secrets::token::Token;
use rekey::store::accounts::Changed;
use rekey::store::limits::{RefusedSignIn, SignInCount};
use rekey::store::race::{Round, until_written_from};
use rekey::store::sessions::SignIn;
use rekey::store::spray::Admission;

use crate::Deps;
use crate::account::AccountFacts;
use crate::sign_in::{NextStep, SignInAnswer};

/// The longest life, in seconds, of a session that begins with a temporary password: the time to choose a new password.
const LONGEST_CHANGE: u32 = 3600;

/// A caller's attempt to sign in.
pub(crate) struct Attempt<'a> {
    pub(crate) deps: &'a Deps,
    pub(crate) call: &'a Call,
    pub(crate) practice: &'a Practice,
    pub(crate) portal: Portal,
    pub(crate) limit: &'a Subject,
    /// What the name's counter says; none if it was not asked.
    pub(crate) counted: Option<SignInCount>,
    /// The device that the caller has named.
    pub(crate) device: Option<&'a Device>,
    pub(crate) guard: &'a Guard,
    /// What the counters of the source and of the practice say.
    pub(crate) admission: &'a Admission,
    pub(crate) given_back: AtomicBool,
    /// The origin of the portal's page, when a cookie is to carry the session.
    pub(crate) origin: Option<String>,
    pub(crate) typed: &'a TypedPassword,
}

/// The passwords of the account with which the typed password is compared.
#[derive(Clone, Copy)]
enum Comparison {
    Everything,
    TemporaryAlone,
}

/// The password of the account that the typed password matches.
enum Matched {
    /// The account's own password.
    Password {
        /// Whether its hash was made with older parameters or was imported.
        outdated: bool,
    },
    /// The temporary password that was mailed at the request of staff.
    Temporary(Temporary),
}

impl Matched {
    const fn ticket(&self) -> Option<TicketId> {
        match self {
            Self::Password { .. } => None,
            Self::Temporary(temporary) => Some(temporary.ticket),
        }
    }
}

/// The outcome of an attempt to make a session.
enum Opened {
    /// The session is made. This is the reply.
    Session(Reply),
    /// The account is not open.
    Closed,
    /// The temporary password has been used or taken back.
    Spent,
    /// The login was out of date. This is the account as it is now.
    Outdated(Box<Account>),
}

/// A new session, with its token.
struct NewSession {
    session: Session,
    token: Token,
}

impl Attempt<'_> {
    /// Compares the password with those of the login, and makes the session when it is right.
    pub(crate) async fn sign_in(&self, login: Option<Login>) -> Result<Reply, Problem> {
        self.compare(login, Comparison::Everything).await
    }

    /// Does the same with the temporary password alone.
    pub(crate) async fn sign_in_by_temporary(&self, login: Option<Login>) -> Result<Reply, Problem> {
        self.compare(login, Comparison::TemporaryAlone).await
    }

    /// Whether the account's temporary password was typed.
    pub(crate) fn is_temporary(&self, login: Option<&Login>) -> bool {
        self.matched_temporary(login).is_some()
    }

    /// Compares the password and makes the session. When the login was out of date, the password is compared again with what the
    /// account has now.
    async fn compare(&self, login: Option<Login>, comparison: Comparison) -> Result<Reply, Problem> {
        until_written_from("making a session", login, |login| async move {
            let matched = match comparison {
                Comparison::Everything => self.matched(login.as_ref()).await?,
                Comparison::TemporaryAlone => self.matched_temporary(login.as_ref()),
            };
            let (Some(found), Some(matched)) = (&login, matched) else {
                return Err(self.fail(login.as_ref(), Reason::WrongPassword).await?);
            };
            if !found.open {
                return Err(self.fail(Some(found), Reason::AccountClosed).await?);
            }
            if let Matched::Temporary(temporary) = &matched
                && temporary.valid_until <= self.deps.ambient.now()
            {
                return Err(self.fail_expired(found, temporary).await?);
            }
            match self.open(found, &matched).await? {
                Opened::Session(reply) => Ok(Round::Written(reply)),
                Opened::Closed => Err(self.fail(Some(found), Reason::AccountClosed).await?),
                Opened::Spent => Err(self.fail(Some(found), Reason::Revoked).await?),
                Opened::Outdated(account) => Ok(Round::Outrun(Some(account.login()))),
            }
        })
        .await
    }

    /// Finds out which password of a login was typed. It runs one Argon2id and the work of the imported hashes that are
    /// left, whatever there is to compare with (F1).
    async fn matched(&self, login: Option<&Login>) -> Result<Option<Matched>, Problem> {
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
    fn matched_temporary(&self, login: Option<&Login>) -> Option<Matched> {
        let typed = self.typed.temporary()?;
        let Some((account, temporary)) =
            login.and_then(|login| Some((login.account, login.temporary.as_ref()?)))
        else {
            let _ = typed.digest(AccountId::from_bytes([0; 16]), TicketId::from_bytes([0; 16]));
            return None;
        };
        temporary.is(account, typed).then(|| Matched::Temporary(temporary.clone()))
    }

    /// The second round trip of a right password: it writes the session and reads the account for the answer.
    async fn open(&self, login: &Login, matched: &Matched) -> Result<Opened, Problem> {
        let (outdated, rehashed) = self.rehashed(login, matched).await?.unzip();
        let rehashed = outdated.as_ref().zip(rehashed.as_ref()).map(|(old, new)| Changed { old, new });
        let NewSession { session, token } = self.new_session(login, matched.ticket())?;
        let event = self.event(Some(login.account), Action::AuthnLoginSuccess, Actor::Holder)?;
        let mut event = event.with_session(session.id);
        event.ticket = session.ticket;
        let mut places = self.admission.new.clone();
        // A caller that keeps no device is known by its source, and leaves nothing more at each sign-in.
        let is_given = self.device.is_none() && !self.admission.is_known;
        let given = if is_given { Some(Device::new(&self.deps.ambient)?) } else { None };
        let key = self.deps.limits_key.get().await?.current()?;
        places.extend(given.as_ref().map(|device| device.seen_as(key, self.limit)));
        let (limit, places) = (self.limit, places.as_slice());
        let sign_in = SignIn { login, session: &session, event: &event, limit, places, rehashed };
        let store = &self.deps.store;
        let (outcome, account, ()) = tokio::join!(
            store.create_session(&sign_in),
            store.find_account(login.account),
            Box::pin(self.give_back())
        );
        let Some(account) = account? else { return Ok(Opened::Closed) };
        if outcome?.is_written() {
            let device = self.device.or(given.as_ref());
            return Ok(Opened::Session(self.reply(&session, &token, (&account, device))?));
        }
        Ok(if !account.is_open() {
            Opened::Closed
        } else if session.ticket.is_some() && account.login() == *login {
            Opened::Spent
        } else {
            Opened::Outdated(Box::new(account))
        })
    }

    /// Gives back, once, what the attempt was counted for at its source and its practice: the password is right.
    async fn give_back(&self) {
        if self.given_back.swap(true, Ordering::Relaxed) {
            return;
        }
        if let Err(error) = self.deps.store.give_back(self.guard, self.admission).await {
            // The counts are one too high for the rest of the hour, which is no reason to turn the person away.
            tracing::warn!(event = "failure", doing = "giving a count back", cause = error.to_string());
        }
    }

    fn reply(
        &self,
        session: &Session,
        token: &Token,
        (account, device): (&Account, Option<&Device>),
    ) -> Result<Reply, Problem> {
        let answer = SignInAnswer {
            token: self.origin.is_none().then(|| token.expose().to_string()),
            device_id: device.map(|device| device.as_str().to_owned()),
            expires_at: session.expires_at().to_string(),
            account: AccountFacts::of(account),
            next: session.ticket.map(|_| NextStep::ChangePassword),
        };
        let reply = Reply::json(StatusCode::CREATED, &answer)?;
        Ok(if self.origin.is_some() { reply.with_cookie(&token.expose()) } else { reply })
    }

    /// The account as it is, and the account with its password hashed anew, when the hash was imported or was made with older
    /// parameters or another pepper.
    async fn rehashed(
        &self,
        login: &Login,
        matched: &Matched,
    ) -> Result<Option<(Account, Account)>, Problem> {
        if !matches!(matched, Matched::Password { outdated: true }) {
            return Ok(None);
        }
        let account = self.deps.store.find_account(login.account).await?;
        let Some(account) = account.filter(|account| account.login() == *login) else { return Ok(None) };
        let peppers = Peppers::of(self.deps.peppers.get().await?, account.id);
        let hash = self.deps.hasher.hash(peppers, &self.deps.ambient, self.typed.password())?;
        let rehashed = account.rehashed(hash);
        Ok(Some((account, rehashed)))
    }

    fn new_session(&self, login: &Login, ticket: Option<TicketId>) -> Result<NewSession, Problem> {
        let (deps, policy) = (self.deps, &self.practice.policy);
        let id = SessionId::from(deps.ambient.ulid()?);
        let token = Token::new(login.account, id.to_bytes(), deps.ambient.bytes()?);
        let now = deps.ambient.now();
        let seconds = |count: u32| Duration::from_secs(count.into());
        let absolute = if ticket.is_some() {
            policy.session_absolute.min(LONGEST_CHANGE)
        } else {
            policy.session_absolute
        };
        let session = Session {
            id,
            account: login.account,
            digest: token.digest(),
            epoch: login.session_epoch,
            origin: self.origin.clone(),
            ticket,
            created_at: now,
            seen_at: now,
            idle_millis: i64::from(policy.session_idle) * 1000,
            idle_until: now + seconds(policy.session_idle),
            valid_until: now + seconds(absolute),
            ip: self.call.address.to_string(),
            user_agent: self.call.user_agent(),
        };
        Ok(NewSession { session, token })
    }

    /// Refuses the right temporary password when its time has passed. Only a person who has that password gets this answer, so it
    /// tells nobody else anything.
    async fn fail_expired(&self, login: &Login, temporary: &Temporary) -> Result<Problem, Problem> {
        let event = self.event(Some(login.account), Action::AuthnLoginFail, Actor::Holder)?;
        let event = event.with_ticket(temporary.ticket).because(Reason::Expired);
        self.record_failure(Some(login), event).await?;
        Ok(Problem::new(ErrorCode::TemporaryPasswordExpired))
    }

    /// The second round trip of a failed sign-in: it records the event, if one is due. The failure was counted before.
    async fn fail(&self, login: Option<&Login>, reason: Reason) -> Result<Problem, Problem> {
        let account = login.map(|login| login.account);
        let event = self.event(account, Action::AuthnLoginFail, Actor::Anonymous)?.because(reason);
        self.record_failure(login, event).await?;
        Ok(Problem::new(ErrorCode::InvalidCredentials))
    }

    /// Records a failure that is due. While the name waits, none is counted; then there is at most one event an hour.
    async fn record_failure(&self, login: Option<&Login>, event: Event) -> Result<(), Problem> {
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
    pub(crate) async fn record_lock(
        &self,
        login: Option<&Login>,
        refused: &RefusedSignIn,
    ) -> Result<(), Problem> {
        let account = login.map(|login| login.account);
        let event = self.event(account, Action::AuthnLoginLock, Actor::Anonymous)?;
        self.record(login, &refused.once_an_hour(self.limit, event)).await
    }

    /// Records that sign-ins from new sources are refused for the rest of the hour, as one event of the practice.
    pub(crate) async fn record_spray(&self) -> Result<(), Problem> {
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

    fn event(&self, account: Option<AccountId>, action: Action, actor: Actor) -> Result<Event, Problem> {
        let event = Event::new(&self.deps.ambient, &self.practice.slug, action, actor)?;
        let event = event.from_address(self.call.address);
        Ok(match account {
            Some(account) => event.of(account, self.portal),
            None => event,
        })
    }
}
