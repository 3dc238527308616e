//! Who may see and do what. The one place that decides it.

use std::sync::Arc;

use rekey::account::{Account, Role};
use rekey::event::{Action, Actor, Event};
use rekey::http::Call;
use rekey::http::problem::{Code, Problem};
use rekey::ids::AccountId;
use rekey::practice::{Portal, Practice};

use crate::Deps;

/// A member of staff who is signed in, and their practice.
pub(crate) struct Staff {
    pub(crate) account: Account,
    pub(crate) practice: Arc<Practice>,
}

impl Deps {
    /// The member of staff whose session a call carries.
    pub(crate) async fn staff(&self, call: &Call) -> Result<Staff, Problem> {
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

    /// An account that a member of staff may see. Every other one does not exist for them.
    pub(crate) async fn seen_by(&self, staff: &Staff, id: &str) -> Result<Account, Problem> {
        let not_found = || Problem::new(Code::NotFound);
        let id: AccountId = id.parse().map_err(|_| not_found())?;
        let account = self.store.find_account(id).await?;
        account.filter(|account| staff.sees(account)).ok_or_else(not_found)
    }

    pub(crate) fn event(&self, call: &Call, staff: &Staff, action: Action) -> Result<Event, Problem> {
        let event = Event::new(&self.ambient, &staff.practice.slug, action, Actor::Staff)?;
        Ok(event.by(staff.account.id).from_address(call.address))
    }
}

impl Staff {
    pub(crate) fn is_admin(&self) -> bool {
        self.account.role == Some(Role::Admin)
    }

    /// Sees only the own caseload.
    pub(crate) fn is_scoped(&self) -> bool {
        !self.is_admin() && self.practice.policy.caseload_scoped
    }

    /// Administrators see their whole practice; staff see clients, of their caseload where the practice says so, and
    /// themselves.
    pub(crate) fn sees(&self, account: &Account) -> bool {
        if account.practice != self.account.practice {
            return false;
        }
        let on_caseload = || account.caseload.iter().any(|entry| entry.staff == self.account.id);
        let is_client = account.portal == Portal::Client;
        let client = is_client && (!self.is_scoped() || on_caseload());
        self.is_admin() || account.id == self.account.id || client
    }

    /// 403 unless an administrator.
    pub(crate) fn must_be_admin(&self) -> Result<(), Problem> {
        if self.is_admin() { Ok(()) } else { Err(Problem::new(Code::Forbidden)) }
    }

    /// 403 unless accounts of the portal are the caller's to make and change.
    pub(crate) fn must_manage(&self, portal: Portal) -> Result<(), Problem> {
        if portal == Portal::Client { Ok(()) } else { self.must_be_admin() }
    }
}
