//! Whose session a call carries, and what a member of staff may see (S1, S2, A1).
//!
//! Deny by default: what is not the caller's to see does not exist for them.

use std::sync::Arc;

use lambda_http::http::Method;
use lambda_http::http::header::{AUTHORIZATION, COOKIE};

use crate::domain::account::Account;
use crate::domain::event::{Action, Actor, Event};
use crate::domain::permission::Staff;
use crate::domain::practice::{Portal, Practice};
use crate::domain::session::Session;
use crate::http::call::Call;
use crate::http::problem::{ErrorCode, Problem};
use crate::http::reply::COOKIE_NAME;
use crate::platform::aws::Environment;
use crate::platform::clock::Ambient;
use crate::platform::config::{ConfigError, Lookup};
use crate::platform::ids::AccountId;
use crate::secrets::token::Token;
use crate::store::practices::PracticeCache;
use crate::store::transact::Store;

/// The holder of a session that is good now.
pub struct Holder {
    /// The session.
    pub session: Session,
    /// Its account, as it is now.
    pub account: Account,
}

/// The holder of the session that a call carries. One round trip.
///
/// # Errors
/// 401 when there is none that is good now, 403 when it can only choose a password.
pub async fn holder(store: &Store, call: &Call, ambient: &Ambient) -> Result<Holder, Problem> {
    let holder = any_holder(store, call, ambient).await?;
    match holder.session.ticket {
        None => Ok(holder),
        Some(_) => Err(Problem::new(ErrorCode::PasswordChangeRequired)),
    }
}

/// The same, also of a session that can only choose a password.
///
/// # Errors
/// 401 when there is none that is good now.
pub async fn any_holder(store: &Store, call: &Call, ambient: &Ambient) -> Result<Holder, Problem> {
    let carried = carried_token(call)?;
    let found = store.use_session(&carried.token, ambient.now()).await?;
    let (session, account) = found.ok_or_else(Problem::no_session)?;
    match (&session.origin, carried.by_cookie) {
        (None, false) => {}
        (Some(origin), true) => must_be_from(call, origin)?,
        // A token in the wrong place was put there by somebody else.
        _ => return Err(Problem::no_session()),
    }
    Ok(Holder { session, account })
}

/// A session's token, and how it comes.
struct Carried {
    token: Token,
    by_cookie: bool,
}

/// The session's token. A browser that is given both is asked by the header, which no other page can set.
fn carried_token(call: &Call) -> Result<Carried, Problem> {
    if let Some(value) = call.header(AUTHORIZATION) {
        let (scheme, token) = value.split_once(' ').unwrap_or_default();
        let token = scheme.eq_ignore_ascii_case("bearer").then(|| Token::parse(token.trim())).flatten();
        return token.map(|token| Carried { token, by_cookie: false }).ok_or_else(Problem::no_session);
    }
    let cookies = call.header(COOKIE).unwrap_or_default();
    let pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
    let mut tokens = pairs.filter(|(name, _)| *name == COOKIE_NAME).map(|(_, token)| token);
    let token = tokens.next().and_then(Token::parse);
    token.map(|token| Carried { token, by_cookie: true }).ok_or_else(Problem::no_session)
}

/// S2: a call that a cookie authenticates comes from the very page that the session was made for. Reading needs no `Origin`,
/// which browsers leave out of it; a page elsewhere could send it and not see the reply, and is refused all the same.
fn must_be_from(call: &Call, origin: &str) -> Result<(), Problem> {
    let reads = [Method::GET, Method::HEAD].contains(&call.method);
    let site = call.header("sec-fetch-site");
    let good = match call.origin() {
        Some(from) => from == origin,
        None => reads && site != Some("cross-site"),
    };
    if good { Ok(()) } else { Err(Problem::new(ErrorCode::OriginNotAllowed)) }
}

/// What a function that staff work with works with.
pub struct StaffDeps {
    /// Time and randomness.
    pub ambient: Ambient,
    /// The table.
    pub store: Store,
    practices: PracticeCache,
}

impl StaffDeps {
    /// Reads the function's configuration.
    ///
    /// # Errors
    /// [`ConfigError`] naming the variable.
    pub fn read(lookup: &Lookup<'_>, aws: &Environment, ambient: Ambient) -> Result<Self, ConfigError> {
        Ok(Self {
            store: Store::read(lookup, aws, ambient.clone())?,
            ambient,
            practices: PracticeCache::default(),
        })
    }

    /// The practice of a name.
    ///
    /// # Errors
    /// 404 for a name that no practice has.
    pub async fn practice_named(&self, name: &str) -> Result<Arc<Practice>, Problem> {
        let practice = self.practices.find_named(&self.store, name, self.ambient.now()).await?;
        practice.ok_or_else(|| Problem::new(ErrorCode::UnknownPractice))
    }

    /// The member of staff whose session a call carries.
    ///
    /// # Errors
    /// 401 without a session that is good now, 403 for a client's.
    pub async fn staff(&self, call: &Call) -> Result<Staff, Problem> {
        let Holder { account, .. } = holder(&self.store, call, &self.ambient).await?;
        if account.portal != Portal::Staff {
            return Err(Problem::new(ErrorCode::Forbidden));
        }
        let practice = self.practices.of(&self.store, &account.practice, self.ambient.now()).await?;
        Ok(Staff { account, practice })
    }

    /// An account that a member of staff may see.
    ///
    /// # Errors
    /// 404 for every other, as for none.
    pub async fn find_account(&self, staff: &Staff, id: &str) -> Result<Account, Problem> {
        let not_found = || Problem::new(ErrorCode::NotFound);
        let id: AccountId = id.parse().map_err(|_| not_found())?;
        let account = self.store.find_account(id).await?;
        account.filter(|account| staff.sees(account)).ok_or_else(not_found)
    }

    /// An event of what a member of staff does.
    ///
    /// # Errors
    /// 503 when no id can be drawn.
    pub fn event(&self, staff: &Staff, call: &Call, action: Action) -> Result<Event, Problem> {
        let event = Event::new(&self.ambient, &staff.practice.slug, action, Actor::Staff)?;
        Ok(event.by(staff.account.id).from_address(call.address))
    }
}
