//! Authentication: the session that a call carries, and the accounts that a member of staff may see (S1, S2, A1).
//!
//! The default is to deny: an account that the caller may not see is answered like one that does not exist.
//!
//! **A cookie is bound to its page.** A browser sends a cookie with any page's call. `SameSite=Strict` stops other
//! sites, but not other hosts of the same site, which may be another practice's portal, or anybody's. So a session of a
//! cookie remembers the origin that it was made for, which the practice's settings name and no header can, and every
//! change must come from there. `__Host-` keeps those hosts from planting a cookie of theirs. No token against forgery
//! is needed, and no state.
//!
//! **A cookie is bound to its portal.** Its name has the practice and the portal, so that a person can be signed in at several portals
//! of one host. A call says by the header `Rekey-Portal` which of them it means; without it, it means the only one that there is.

use std::sync::Arc;

use http::Method;
use http::header::AUTHORIZATION;

use crate::domain::account::Account;
use crate::domain::event::{Action, Actor, Event};
use crate::domain::limit::Limit;
use crate::domain::permission::Staff;
use crate::domain::practice::{Portal, Practice, Slug};
use crate::domain::session::Session;
use crate::http::call::Call;
use crate::http::gateway::Gateway;
use crate::http::problem::{ErrorCode, Problem};
use crate::http::reply::{COOKIE, cookie_name};
use crate::platform::aws::Environment;
use crate::platform::clock::Ambient;
use crate::platform::config::{ConfigError, Lookup};
use crate::platform::ids::AccountId;
use crate::secrets::token::Token;
use crate::store::limits::Issuance;
use crate::store::practices::PracticeCache;
use crate::store::transact::Store;

/// The holder of a valid session.
pub struct Holder {
    /// The session.
    pub session: Session,
    /// The session's account, as it is now.
    pub account: Account,
}

/// Finds the holder of the session that a call carries, in one round trip.
///
/// # Errors
/// 401 when the call carries no valid session. 403 when the session can only change the password, or when a cookie
/// carries it from a page of another origin.
pub async fn holder(store: &Store, call: &Call, ambient: &Ambient) -> Result<Holder, Problem> {
    let holder = any_holder(store, call, ambient).await?;
    match holder.session.ticket {
        None => Ok(holder),
        Some(_) => Err(Problem::new(ErrorCode::PasswordChangeRequired)),
    }
}

/// Finds the holder as [`holder`] does, and also accepts a session that can only change the password.
///
/// # Errors
/// 401 when the call carries no valid session. 403 when a cookie carries it from a page of another origin.
pub async fn any_holder(store: &Store, call: &Call, ambient: &Ambient) -> Result<Holder, Problem> {
    let carried = carried_token(call)?;
    let found = store.use_session(&carried.token, ambient.now()).await?;
    let (session, account) = found.ok_or_else(Problem::no_session)?;
    match (&session.origin, carried.cookie) {
        (None, None) => {}
        (Some(origin), Some(name)) if name == cookie_name(&account.practice, account.portal) => {
            must_be_from(call, origin)?;
        }
        // A session keeps to the header or to the cookie in which it began. A token in another place was put there by somebody else.
        _ => return Err(Problem::no_session()),
    }
    Ok(Holder { session, account })
}

/// The token of a session, and the name of the cookie that it came in, if it came in one.
struct Carried<'a> {
    token: Token,
    cookie: Option<&'a str>,
}

/// Reads the token of the session. If a request has both, the `Authorization` header counts, because no other page can
/// set it.
fn carried_token(call: &Call) -> Result<Carried<'_>, Problem> {
    if let Some(value) = call.header(AUTHORIZATION) {
        let (scheme, token) = value.split_once(' ').unwrap_or_default();
        let token = scheme.eq_ignore_ascii_case("bearer").then(|| Token::parse(token.trim())).flatten();
        return token.map(|token| Carried { token, cookie: None }).ok_or_else(Problem::no_session);
    }
    let carried = match call.header(MEANT) {
        Some(meant) => {
            let meant = meant_cookie(meant).ok_or_else(Problem::no_session)?;
            call.only_cookie(|name| name == meant)
        }
        None => call.only_cookie(|name| name.strip_prefix(COOKIE).is_some_and(is_of_portal)),
    };
    let (name, value) = carried.ok_or_else(Problem::no_session)?;
    let token = Token::parse(value).ok_or_else(Problem::no_session)?;
    Ok(Carried { token, cookie: Some(name) })
}

/// The header by which a call says which portal's session it means, as in `agency/client`. No form can send it.
const MEANT: &str = "rekey-portal";

/// Whether the end of a cookie's name can be that of a portal.
fn is_of_portal(end: &str) -> bool {
    end.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The name of the cookie that a call means.
fn meant_cookie(meant: &str) -> Option<String> {
    let (practice, portal) = meant.split_once('/')?;
    let portal = Portal::parse(portal)?;
    Some(cookie_name(&Slug::parse(practice)?, portal))
}

/// Requires that a call with a cookie comes from a page of the origin that the session was made for (S2). A request
/// that only reads needs no `Origin`, because browsers leave it out. A page of another site could send such a request
/// without seeing the reply; it is refused all the same.
fn must_be_from(call: &Call, origin: &str) -> Result<(), Problem> {
    let reads = [Method::GET, Method::HEAD].contains(&call.method);
    let site = call.header("sec-fetch-site");
    let good = match call.origin() {
        Some(from) => from == origin,
        None => reads && site != Some("cross-site"),
    };
    if good { Ok(()) } else { Err(Problem::new(ErrorCode::OriginNotAllowed)) }
}

/// The dependencies of a function that staff use.
pub struct StaffDeps {
    /// The source of time and randomness.
    pub ambient: Ambient,
    /// The store.
    pub store: Store,
    /// The way by which calls come.
    pub gateway: Gateway,
    practices: PracticeCache,
}

impl StaffDeps {
    /// Reads the function's configuration.
    ///
    /// # Errors
    /// [`ConfigError`] names the variable that is missing or unusable.
    pub fn read(lookup: &Lookup<'_>, aws: &Environment, ambient: Ambient) -> Result<Self, ConfigError> {
        let store = Store::read(lookup, aws, ambient.clone())?;
        Ok(Self {
            gateway: Gateway::read(lookup, &store, &ambient)?,
            store,
            ambient,
            practices: PracticeCache::default(),
        })
    }

    /// Whether what was to be mailed for an account was written; `false` when the account, or the rights of whoever asked, have changed.
    ///
    /// # Errors
    /// Answers 429 when too many mails were asked for, which is recorded once an hour for an account.
    pub async fn is_written(
        &self,
        issuance: Issuance,
        asked: &Event,
        account: &Account,
    ) -> Result<bool, Problem> {
        let Issuance::Limited { retry_after } = issuance else { return Ok(issuance == Issuance::Written) };
        let action = Action::ExcessRateLimitExceeded;
        let event = Event { action, ticket: None, outbox: None, note: None, proof: None, ..asked.clone() };
        let event = event.with_changes(Vec::new()).once_an_hour(&account.id.to_string(), asked.at.hour());
        self.store.record_event(&event).await?;
        Err(Problem::too_many(Limit::Mails, retry_after))
    }

    /// Finds the practice with this slug.
    ///
    /// # Errors
    /// 404 when no practice has the slug.
    pub async fn practice_named(&self, name: &str) -> Result<Arc<Practice>, Problem> {
        let practice = self.practices.find_named(&self.store, name, self.ambient.now()).await?;
        practice.ok_or_else(|| Problem::new(ErrorCode::UnknownPractice))
    }

    /// Finds the member of staff whose session a call carries.
    ///
    /// # Errors
    /// 401 when the call carries no valid session. 403 when the session is a client's, can only change the password, or
    /// comes from a page of another origin.
    pub async fn staff(&self, call: &Call) -> Result<Staff, Problem> {
        let Holder { session, account } = holder(&self.store, call, &self.ambient).await?;
        if account.portal != Portal::Staff {
            return Err(Problem::new(ErrorCode::Forbidden));
        }
        let practice = self.practices.find(&self.store, &account.practice, self.ambient.now()).await?;
        let practice = practice.ok_or_else(Problem::no_session)?;
        Ok(Staff { account, practice, session })
    }

    /// Finds an account that a member of staff may see.
    ///
    /// # Errors
    /// 404 when there is no such account, or the member of staff may not see it.
    pub async fn find_account(&self, staff: &Staff, id: &str) -> Result<Account, Problem> {
        let not_found = || Problem::new(ErrorCode::NotFound);
        let id: AccountId = id.parse().map_err(|_| not_found())?;
        let account = self.store.find_account(id).await?;
        account.filter(|account| staff.sees(account)).ok_or_else(not_found)
    }

    /// Creates an event that a member of staff causes.
    ///
    /// # Errors
    /// 503 when no id can be drawn.
    pub fn event(&self, staff: &Staff, call: &Call, action: Action) -> Result<Event, Problem> {
        let event = Event::new(&self.ambient, &staff.practice.slug, action, Actor::Staff)?;
        Ok(event.by(staff.account.id).from_address(call.address))
    }
}
