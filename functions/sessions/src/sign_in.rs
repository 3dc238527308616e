//! `POST /v1/sessions`.

use std::time::Duration;

use lambda_http::http::StatusCode;
use rekey::account::{Account, Login};
use rekey::clock::Timestamp;
use rekey::event::{Action, Actor, Event, Reason};
use rekey::http::problem::{Code, Problem, ProblemBody};
use rekey::http::{Answer, Call};
use rekey::identifier::Identifier;
use rekey::ids::{AccountId, EventId, SessionId, TicketId};
use rekey::limit::Subject;
use rekey::password::{Password, PasswordHash, Verdict};
use rekey::practice::{Portal, Practice};
use rekey::secret::Secret;
use rekey::session::Session;
use rekey::store::limits::Decision;
use rekey::store::sessions::SignIn;
use rekey::temporary::{Temporary, TemporaryPassword};
use rekey::token::Token;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Deps;
use crate::holder::AccountFacts;

/// Who signs in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInRequest {
    /// The practice's slug.
    pub practice: String,
    /// At which door.
    #[serde(default)]
    pub portal: Portal,
    /// Username, or an email address that no other account shares.
    #[schema(min_length = 1, max_length = 254)]
    pub identifier: String,
    /// Taken as it is.
    pub password: Secret,
    /// How the session is to be carried.
    #[serde(default)]
    pub transport: Transport,
}

/// How a session is carried.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    /// In the `Authorization` header of a portal's back end or app.
    #[default]
    Bearer,
    /// In a cookie of the browser that shows the portal's own pages, from an origin that is the portal's.
    Cookie,
}

/// A session.
#[derive(Serialize, ToSchema)]
pub struct SignInAnswer {
    /// To be sent as `Authorization: Bearer`. Shown once; left out when a cookie carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// When it ends if it is not used, RFC 3339 UTC.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// Whose it is.
    pub account: AccountFacts,
    /// What the holder must do before anything else.
    pub next: Option<NextStep>,
}

/// What a holder must do before anything else.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NextStep {
    /// Replace a temporary password.
    ChangePassword,
}

/// Signs in.
#[utoipa::path(post, path = "/v1/sessions", operation_id = "createSession", tag = "sessions", security(()),
    request_body = SignInRequest,
    responses(
        (status = 201, body = SignInAnswer),
        (status = 400, description = "`malformed_json`, `invalid_request`", body = ProblemBody),
        (status = 401, description = "`invalid_credentials`, `temporary_password_expired`", body = ProblemBody),
        (status = 403, description = "`origin_not_allowed`", body = ProblemBody),
        (status = 404, description = "`unknown_practice`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`, with `Retry-After`", body = ProblemBody),
        (status = 503, description = "`unavailable`", body = ProblemBody)))]
pub async fn create_session(deps: &Deps, call: &Call) -> Result<Answer, Problem> {
    let asked: SignInRequest = call.json()?;
    let identifier = Identifier::parse(&asked.identifier);
    let identifier = identifier.map_err(|error| Problem::invalid("identifier", &error.to_string()))?;
    let password = Password::parse(asked.password.expose());
    let password = password.ok_or_else(|| Problem::invalid("password", "must have 1 to 256 characters"))?;
    let now = deps.ambient.now();
    let practice = deps.practices.find_named(&deps.store, &asked.practice, now).await?;
    let practice = practice.ok_or_else(|| Problem::new(Code::UnknownPractice))?;
    let origin = match asked.transport {
        Transport::Bearer => None,
        Transport::Cookie => Some(portal_origin(call, &practice, asked.portal)?),
    };
    let key = deps.limits_key.get().await?.current()?;
    let limit = Subject::identifier(key, &practice.slug, asked.portal, &identifier);
    let attempt = Attempt {
        deps,
        call,
        practice: &practice,
        portal: asked.portal,
        limit: &limit,
        origin,
        temporary: TemporaryPassword::parse(asked.password.expose()),
    };

    // One round trip: count, and see where the identifier leads.
    let (counted, logins) = tokio::join!(
        deps.store.count_sign_in(&limit, now),
        deps.store.find_logins(&practice.slug, asked.portal, &identifier)
    );
    // A shared address names nobody in particular; its owners sign in by username.
    let login = <[Login; 1]>::try_from(logins?).ok().map(|[login]| login);
    if let Decision::Refused { retry_after, since } = counted? {
        // Guessing at a hundred bits is no danger, and whoever keeps an account locked must not keep its owner from the help
        // that staff have sent.
        if let Some(Matched::Temporary(_)) = attempt.matched_temporary(login.as_ref()) {
            return attempt.compare(login, None).await;
        }
        attempt.record_lock(login.as_ref(), since.unwrap_or(now)).await?;
        return Err(Problem::too_many(retry_after));
    }
    attempt.compare(login, Some(&password)).await
}

/// A cookie is for the portal's own pages: no other page may sign a browser in (S2).
fn portal_origin(call: &Call, practice: &Practice, portal: Portal) -> Result<String, Problem> {
    let origin = practice.origin(portal).filter(|origin| call.origin() == Some(origin));
    origin.ok_or_else(|| Problem::new(Code::OriginNotAllowed))
}

/// The most seconds that whoever signs in with a temporary password has to choose another.
const LONGEST_CHANGE: u32 = 3600;

/// One sign-in that its limit has let through.
struct Attempt<'a> {
    deps: &'a Deps,
    call: &'a Call,
    practice: &'a Practice,
    portal: Portal,
    limit: &'a Subject,
    /// The page's, when a cookie is to carry the session.
    origin: Option<String>,
    /// What was typed, if it can be a temporary password.
    temporary: Option<TemporaryPassword>,
}

/// How a session could not be made.
enum Stale {
    /// The account is not open.
    Closed,
    /// The temporary password has been used or taken back.
    Spent,
    /// The login was out of date; this is the account.
    Changed(Box<Account>),
}

/// What a password that somebody typed is.
enum Matched {
    /// The account's.
    Password {
        /// Kept with older parameters, or imported.
        outdated: bool,
    },
    /// The one that staff have had mailed.
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

impl Attempt<'_> {
    /// Compares and, when right, makes the session. A login that was out of date is compared once more with the account.
    /// Without a password, only the temporary one is looked at.
    async fn compare(&self, login: Option<Login>, password: Option<&Password>) -> Result<Answer, Problem> {
        let mut login = login;
        for _ in 0..2 {
            let matched = match password {
                Some(password) => self.matched(login.as_ref(), password).await?,
                None => self.matched_temporary(login.as_ref()),
            };
            let (Some(found), Some(matched)) = (&login, matched) else {
                return self.fail(login.as_ref(), None).await;
            };
            if !found.open {
                return self.fail(login.as_ref(), Some(Reason::AccountClosed)).await;
            }
            if let Matched::Temporary(temporary) = &matched
                && temporary.valid_until <= self.deps.ambient.now()
            {
                return self.fail_expired(found, temporary).await;
            }
            match self.open(found, password, &matched).await? {
                Ok(answer) => return Ok(answer),
                Err(Stale::Closed) => return self.fail(login.as_ref(), Some(Reason::AccountClosed)).await,
                Err(Stale::Spent) => return self.fail(login.as_ref(), Some(Reason::Revoked)).await,
                Err(Stale::Changed(account)) => login = Some(account.login()),
            }
        }
        Err(Problem::unavailable("making a session", "the account kept changing"))
    }

    /// What a password is to a login. One Argon2id, whatever there is to compare with (F1).
    async fn matched(&self, login: Option<&Login>, password: &Password) -> Result<Option<Matched>, Problem> {
        let peppers = self.deps.peppers.get().await?;
        let kept = login.and_then(|login| login.password.as_ref());
        let verdict = self.deps.hasher.verify(peppers, password, kept);
        // Looked at whatever the verdict: as much work, and a hash that nobody can verify any more is no obstacle to it.
        let temporary = self.matched_temporary(login);
        match verdict {
            Ok(Verdict::Right) => Ok(Some(Matched::Password { outdated: false })),
            Ok(Verdict::RightButOutdated) => Ok(Some(Matched::Password { outdated: true })),
            Ok(Verdict::Wrong) => Ok(temporary),
            Err(_) if temporary.is_some() => Ok(temporary),
            Err(error) => Err(error.into()),
        }
    }

    /// The temporary password, if that is what was typed. As much work where there is none.
    fn matched_temporary(&self, login: Option<&Login>) -> Option<Matched> {
        let typed = self.temporary.as_ref()?;
        let Some((account, temporary)) =
            login.and_then(|login| Some((login.account, login.temporary.as_ref()?)))
        else {
            let _ = typed.digest(AccountId::from_bytes([0; 16]), TicketId::from_bytes([0; 16]));
            return None;
        };
        temporary.is(account, typed).then(|| Matched::Temporary(temporary.clone()))
    }

    /// Second round trip of a right password: the session, and the account to show.
    async fn open(
        &self,
        login: &Login,
        password: Option<&Password>,
        matched: &Matched,
    ) -> Result<Result<Answer, Stale>, Problem> {
        let rehash = self.rehash(login, password, matched).await?;
        let (session, token) = self.draw(login, matched.ticket())?;
        let mut event = self
            .event(Some(login.account), Action::AuthnLoginSuccess, Actor::Holder)?
            .with_session(session.id);
        event.ticket = session.ticket;
        let rehash = rehash.as_ref().map(|(account, hash)| (account, hash));
        let sign_in = SignIn { login, session: &session, event: &event, limit: self.limit, rehash };
        let store = &self.deps.store;
        let (outcome, account) =
            tokio::join!(store.create_session(&sign_in), store.find_account(login.account));
        let Some(account) = account? else { return Ok(Err(Stale::Closed)) };
        if !outcome?.is_written() {
            return Ok(Err(if !account.is_open() {
                Stale::Closed
            } else if session.ticket.is_some() && account.login() == *login {
                Stale::Spent
            } else {
                Stale::Changed(Box::new(account))
            }));
        }
        let answer = SignInAnswer {
            token: self.origin.is_none().then(|| token.expose().to_string()),
            expires_at: session.expires_at().to_string(),
            account: AccountFacts::of(&account),
            next: session.ticket.map(|_| NextStep::ChangePassword),
        };
        let answer = Answer::json(StatusCode::CREATED, &answer)?;
        Ok(Ok(if self.origin.is_some() { answer.with_cookie(&token.expose()) } else { answer }))
    }

    /// The account and its password hashed anew, when it was kept with older parameters or another pepper.
    async fn rehash(
        &self,
        login: &Login,
        password: Option<&Password>,
        matched: &Matched,
    ) -> Result<Option<(Account, PasswordHash)>, Problem> {
        let outdated = matches!(matched, Matched::Password { outdated: true });
        let Some(password) = password.filter(|_| outdated) else { return Ok(None) };
        let Some(account) = self.deps.store.find_account(login.account).await? else { return Ok(None) };
        if account.login() != *login {
            return Ok(None);
        }
        let hash = self.deps.hasher.hash(self.deps.peppers.get().await?, &self.deps.ambient, password)?;
        Ok(Some((account, hash)))
    }

    fn draw(&self, login: &Login, ticket: Option<TicketId>) -> Result<(Session, Token), Problem> {
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
        Ok((session, token))
    }

    /// The right temporary password, too late. Its holder is told, and nobody else learns anything by it.
    async fn fail_expired(&self, login: &Login, temporary: &Temporary) -> Result<Answer, Problem> {
        let event = self.event(Some(login.account), Action::AuthnLoginFail, Actor::Holder)?;
        let event = event.with_ticket(temporary.ticket).because(Reason::Expired);
        self.deps.store.record_event(&event).await?;
        Err(Problem::new(Code::TemporaryPasswordExpired))
    }

    /// Second round trip of a failure: the event. The failure was counted before.
    async fn fail(&self, login: Option<&Login>, reason: Option<Reason>) -> Result<Answer, Problem> {
        let otherwise = if login.is_some() { Reason::WrongPassword } else { Reason::UnknownIdentifier };
        self.record(login, Action::AuthnLoginFail, Some(reason.unwrap_or(otherwise))).await?;
        Err(Problem::new(Code::InvalidCredentials))
    }

    /// One entry for each wait, however many attempts meet it: its id follows from the failure that began the wait.
    async fn record_lock(&self, login: Option<&Login>, since: Timestamp) -> Result<(), Problem> {
        let event = self.event(login.map(|login| login.account), Action::AuthnLoginLock, Actor::Anonymous)?;
        let event = Event { id: EventId::of_wait(self.limit, since, event.at), ..event };
        Ok(self.deps.store.record_event(&event).await?)
    }

    async fn record(
        &self,
        login: Option<&Login>,
        action: Action,
        reason: Option<Reason>,
    ) -> Result<(), Problem> {
        let event = self.event(login.map(|login| login.account), action, Actor::Anonymous)?;
        let event = match reason {
            Some(reason) => event.because(reason),
            None => event,
        };
        Ok(self.deps.store.record_event(&event).await?)
    }

    fn event(&self, account: Option<AccountId>, action: Action, actor: Actor) -> Result<Event, Problem> {
        let event = self.deps.event(self.call, &self.practice.slug, action, actor)?;
        Ok(match account {
            Some(account) => event.of(account, self.portal),
            None => event,
        })
    }
}
