//! A sign-in, from the comparison of the password to the session or the refusal.

use std::time::Duration;

use http::StatusCode;
use rekey::domain::account::{Account, Login};
use rekey::domain::event::{Action, Actor, Reason};
use rekey::domain::session::{CONFIRMED_FOR, Session};
use rekey::domain::spray::Device;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::http::reply::Reply;
use rekey::platform::ids::{SessionId, TicketId};
use rekey::secrets::password::Peppers;
use rekey::secrets::temporary::Temporary;
use rekey::secrets::token::Token;
use rekey::store::accounts::Changed;
use rekey::store::race::{Round, until_written_from};
use rekey::store::sessions::SignIn;

use crate::account::AccountFacts;
use crate::guess::{Guess, Matched};
use crate::sign_in::{NextStep, SignInAnswer};

/// The longest life, in seconds, of a session that begins with a temporary password: the time to choose a new password.
const LONGEST_CHANGE: u32 = 3600;

/// A caller's attempt to sign in.
pub(crate) struct Attempt<'a> {
    pub(crate) guess: Guess<'a>,
    /// The device that the caller has named.
    pub(crate) device: Option<&'a Device>,
    /// The origin of the portal's page, when a cookie is to carry the session.
    pub(crate) origin: Option<String>,
}

/// The passwords of the account with which the typed password is compared.
#[derive(Clone, Copy)]
enum Comparison {
    Everything,
    TemporaryAlone,
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

    /// Compares the password and makes the session. When the login was out of date, the password is compared again with what the
    /// account has now.
    async fn compare(&self, login: Option<Login>, comparison: Comparison) -> Result<Reply, Problem> {
        until_written_from("making a session", login, |login| async move {
            let matched = match comparison {
                Comparison::Everything => self.guess.matched(login.as_ref()).await?,
                Comparison::TemporaryAlone => self.guess.matched_temporary(login.as_ref()),
            };
            let (Some(found), Some(matched)) = (&login, matched) else {
                return Err(self.guess.fail(login.as_ref(), Reason::WrongPassword).await?);
            };
            if !found.open {
                return Err(self.guess.fail(Some(found), Reason::AccountClosed).await?);
            }
            if let Matched::Temporary(temporary) = &matched
                && temporary.valid_until <= self.guess.deps.ambient.now()
            {
                return Err(self.fail_expired(found, temporary).await?);
            }
            match self.open(found, &matched).await? {
                Opened::Session(reply) => Ok(Round::Written(reply)),
                Opened::Closed => Err(self.guess.fail(Some(found), Reason::AccountClosed).await?),
                Opened::Spent => Err(self.guess.fail(Some(found), Reason::Revoked).await?),
                Opened::Outdated(account) => Ok(Round::Outrun(Some(account.login()))),
            }
        })
        .await
    }

    /// The second round trip of a right password: it writes the session and reads the account for the answer.
    async fn open(&self, login: &Login, matched: &Matched) -> Result<Opened, Problem> {
        let (outdated, rehashed) = self.rehashed(login, matched).await?.unzip();
        let rehashed = outdated.as_ref().zip(rehashed.as_ref()).map(|(old, new)| Changed { old, new });
        let NewSession { session, token } = self.new_session(login, matched.ticket())?;
        let event = self.guess.event(Some(login.account), Action::AuthnLoginSuccess, Actor::Holder)?;
        let mut event = event.with_session(session.id);
        event.ticket = session.ticket;
        let mut places = self.guess.admission.new.clone();
        // A caller that keeps no device is known by its source, and leaves nothing more at each sign-in.
        let is_given = self.device.is_none() && !self.guess.admission.is_known;
        let given = if is_given { Some(Device::new(&self.guess.deps.ambient)?) } else { None };
        let key = self.guess.deps.limits_key.get().await?.current()?;
        places.extend(given.as_ref().map(|device| device.seen_as(key, self.guess.limit)));
        let (limit, places) = (self.guess.limit, places.as_slice());
        let sign_in = SignIn { login, session: &session, event: &event, limit, places, rehashed };
        let store = &self.guess.deps.store;
        let (outcome, account, ()) = tokio::join!(
            store.create_session(&sign_in),
            store.find_account(login.account),
            Box::pin(self.guess.give_back())
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
            account: AccountFacts::of(account, session),
            next: session.ticket.map(|_| NextStep::ChangePassword),
        };
        let reply = Reply::json(StatusCode::CREATED, &answer)?;
        Ok(if self.origin.is_some() { reply.with_cookie(account, &token.expose()) } else { reply })
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
        let account = self.guess.deps.store.find_account(login.account).await?;
        let Some(account) = account.filter(|account| account.login() == *login) else { return Ok(None) };
        let peppers = Peppers::of(self.guess.deps.peppers.get().await?, account.id);
        let hash =
            self.guess.deps.hasher.hash(peppers, &self.guess.deps.ambient, self.guess.typed.password())?;
        let rehashed = account.rehashed(hash);
        Ok(Some((account, rehashed)))
    }

    fn new_session(&self, login: &Login, ticket: Option<TicketId>) -> Result<NewSession, Problem> {
        let (deps, policy) = (self.guess.deps, &self.guess.practice.policy);
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
            confirmed_until: ticket.is_none().then(|| now + CONFIRMED_FOR),
            ip: self.guess.call.address.to_string(),
            user_agent: self.guess.call.user_agent(),
        };
        Ok(NewSession { session, token })
    }

    /// Refuses the right temporary password when its time has passed. Only a person who has that password gets this answer, so it
    /// tells nobody else anything.
    async fn fail_expired(&self, login: &Login, temporary: &Temporary) -> Result<Problem, Problem> {
        let event = self.guess.event(Some(login.account), Action::AuthnLoginFail, Actor::Holder)?;
        let event = event.with_ticket(temporary.ticket).because(Reason::Expired);
        self.guess.record_failure(Some(login), event).await?;
        Ok(Problem::new(ErrorCode::TemporaryPasswordExpired))
    }
}
