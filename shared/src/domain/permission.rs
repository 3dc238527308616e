//! Who of a practice's staff may see and do what (A1, A2). The one place that decides it.
//!
//! Deny by default: what is not theirs to do is refused.

use std::sync::Arc;

use crate::domain::account::{Account, Role};
use crate::domain::practice::{Portal, Practice};

/// A member of staff may not do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the account's role does not allow this")]
pub struct Forbidden;

/// A member of staff who is signed in, and their practice.
pub struct Staff {
    /// Their account.
    pub account: Account,
    /// Where they work.
    pub practice: Arc<Practice>,
}

impl Staff {
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
    /// [`Forbidden`].
    pub fn must_manage(&self, portal: Portal) -> Result<(), Forbidden> {
        allowed(portal == Portal::Client || self.is_admin())
    }

    /// Helps the owner of an account back in. Nobody helps themselves: a session is not a password.
    ///
    /// # Errors
    /// [`Forbidden`].
    pub fn must_help(&self, account: &Account) -> Result<(), Forbidden> {
        self.must_manage(account.portal)?;
        allowed(account.id != self.account.id)
    }

    /// Puts clients on caseloads. Who sees only a caseload must not be able to put anybody on it.
    ///
    /// # Errors
    /// [`Forbidden`].
    pub fn must_assign(&self) -> Result<(), Forbidden> {
        allowed(!self.is_scoped())
    }

    /// Changes the practice's settings.
    ///
    /// # Errors
    /// [`Forbidden`].
    pub fn must_be_admin(&self) -> Result<(), Forbidden> {
        allowed(self.is_admin())
    }

    /// A member of staff of the same practice.
    pub fn is_colleague(&self, other: &Account) -> bool {
        other.practice == self.account.practice && other.portal == Portal::Staff
    }
}

const fn allowed(may: bool) -> Result<(), Forbidden> {
    if may { Ok(()) } else { Err(Forbidden) }
}
