//! A member of staff at work: who may see and do what (A1, A2). The one place that decides it.
//!
//! Deny by default: what is not the caller's to see does not exist for them, and what is not theirs to do is refused.

use std::sync::Arc;

use crate::account::{Account, Role};
use crate::aws::Environment;
use crate::clock::Ambient;
use crate::config::{ConfigError, Lookup};
use crate::event::{Action, Actor, Event};
use crate::http::Call;
use crate::http::problem::{Code, Problem};
use crate::ids::AccountId;
use crate::practice::{Portal, Practice};
use crate::store::Store;
use crate::store::practices::PracticeCache;

/// What a function that staff work with works with.
pub struct Desk {
    /// Time and randomness.
    pub ambient: Ambient,
    /// The table.
    pub store: Store,
    practices: PracticeCache,
}

impl Desk {
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
        practice.ok_or_else(|| Problem::new(Code::UnknownPractice))
    }

    /// The member of staff whose session a call carries.
    ///
    /// # Errors
    /// 401 without a session that is good now, 403 for a client's.
    pub async fn staff(&self, call: &Call) -> Result<Staff, Problem> {
        let now = self.ambient.now();
        let (_, account) = call.session(&self.store, now).await?;
        if account.portal != Portal::Staff {
            return Err(Problem::new(Code::Forbidden));
        }
        let practice = self.practices.find(&self.store, &account.practice, now).await?;
        let practice =
            practice.ok_or_else(|| Problem::internal("finding an account's practice", "it is gone"))?;
        Ok(Staff { account, practice })
    }
}

/// A member of staff who is signed in, and their practice.
pub struct Staff {
    /// Their account.
    pub account: Account,
    /// Where they work.
    pub practice: Arc<Practice>,
}

impl Staff {
    /// An account that they may see.
    ///
    /// # Errors
    /// 404 for every other, as for none.
    pub async fn find(&self, store: &Store, id: &str) -> Result<Account, Problem> {
        let not_found = || Problem::new(Code::NotFound);
        let id: AccountId = id.parse().map_err(|_| not_found())?;
        let account = store.find_account(id).await?;
        account.filter(|account| self.sees(account)).ok_or_else(not_found)
    }

    /// An event of theirs.
    ///
    /// # Errors
    /// 503 when no id can be drawn.
    pub fn event(&self, ambient: &Ambient, call: &Call, action: Action) -> Result<Event, Problem> {
        let event = Event::new(ambient, &self.practice.slug, action, Actor::Staff)?;
        Ok(event.by(self.account.id).from_address(call.address))
    }

    /// Is an administrator.
    pub fn is_admin(&self) -> bool {
        self.account.role == Some(Role::Admin)
    }

    /// Sees only the own caseload.
    pub fn is_scoped(&self) -> bool {
        !self.is_admin() && self.practice.policy.caseload_scoped
    }

    /// Administrators see their whole practice; staff see clients, of their caseload where the practice says so, and
    /// themselves.
    pub fn sees(&self, account: &Account) -> bool {
        if account.practice != self.account.practice {
            return false;
        }
        let on_caseload = || account.caseload.iter().any(|entry| entry.staff == self.account.id);
        let is_client = account.portal == Portal::Client;
        let client = is_client && (!self.is_scoped() || on_caseload());
        self.is_admin() || account.id == self.account.id || client
    }

    /// Makes and changes accounts of a portal: clients' all staff, staff's administrators.
    ///
    /// # Errors
    /// 403.
    pub fn must_manage(&self, portal: Portal) -> Result<(), Problem> {
        let may = portal == Portal::Client || self.is_admin();
        if may { Ok(()) } else { Err(Problem::new(Code::Forbidden)) }
    }

    /// Helps the owner of an account back in. Nobody helps themselves: a session is not a password.
    ///
    /// # Errors
    /// 403.
    pub fn must_help(&self, account: &Account) -> Result<(), Problem> {
        self.must_manage(account.portal)?;
        if account.id == self.account.id { Err(Problem::new(Code::Forbidden)) } else { Ok(()) }
    }
}
