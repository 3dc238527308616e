//! Permissions: what each member of a practice's staff may see and do (A1, A2). No other module decides this.
//!
//! The default is to deny: what this module does not allow is refused.

use std::sync::Arc;

use crate::domain::account::{Account, Role};
use crate::domain::help::HelpRequest;
use crate::domain::practice::{Portal, Practice};
use crate::domain::session::Session;
use crate::platform::clock::Timestamp;

/// The role of the member of staff does not allow the action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the account's role does not allow this")]
pub struct Forbidden;

/// What the member of staff asks for needs their password once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session is not confirmed")]
pub struct Unconfirmed;

/// A member of staff who is signed in, with their practice.
pub struct Staff {
    /// The account of the member of staff.
    pub account: Account,
    /// The practice that the member of staff works for.
    pub practice: Arc<Practice>,
    /// The session by which they call.
    pub session: Session,
}

impl Staff {
    /// Whether this is an administrator.
    pub fn is_admin(&self) -> bool {
        self.account.role == Some(Role::Admin)
    }

    /// Whether this member of staff sees only the clients on their own caseload.
    pub fn is_scoped(&self) -> bool {
        !self.is_admin() && self.practice.policy.caseload_scoped
    }

    /// Whether this member of staff may see an account. Administrators see every account of their practice. Other staff
    /// see their own account and the clients; if the practice's policy has `caseload_scoped`, they see only the clients
    /// on their caseload.
    pub fn sees(&self, account: &Account) -> bool {
        if account.practice != self.account.practice {
            return false;
        }
        let on_caseload = || account.caseload.iter().any(|entry| entry.staff == self.account.id);
        let is_client = account.portal == Portal::Client;
        let client = is_client && (!self.is_scoped() || on_caseload());
        self.is_admin() || account.id == self.account.id || client
    }

    /// Whether this member of staff may see a help request and act on it. `accounts` are those that it names, as they are now. A
    /// request of the client portal is for all staff who see one of its accounts, and where it names none, for all staff who see every
    /// client. A request of the staff portal is for administrators.
    pub fn sees_help(&self, request: &HelpRequest, accounts: &[Account]) -> bool {
        let is_meant = |account: &Account| request.accounts.iter().any(|other| other.account == account.id);
        let mut meant = accounts.iter().filter(|account| is_meant(account)).peekable();
        let sees_one =
            if meant.peek().is_none() { !self.is_scoped() } else { meant.any(|own| self.sees(own)) };
        request.practice == self.account.practice && self.must_manage(request.portal).is_ok() && sees_one
    }

    /// Requires that this member of staff may create and change accounts of a portal. All staff may do so for the
    /// client portal, and administrators for the staff portal.
    ///
    /// # Errors
    /// [`Forbidden`] if they may not.
    pub fn must_manage(&self, portal: Portal) -> Result<(), Forbidden> {
        allowed(portal == Portal::Client || self.is_admin())
    }

    /// Requires that this member of staff may help the owner of an account to get back in. Nobody may help themselves,
    /// because a session must not be enough to set a password.
    ///
    /// # Errors
    /// [`Forbidden`] if they may not.
    pub fn must_help(&self, account: &Account) -> Result<(), Forbidden> {
        self.must_manage(account.portal)?;
        allowed(account.id != self.account.id)
    }

    /// Requires that this member of staff may put clients on caseloads. Staff who see only their caseload may not,
    /// because they could put anybody on it.
    ///
    /// # Errors
    /// [`Forbidden`] if they may not.
    pub fn must_assign(&self) -> Result<(), Forbidden> {
        allowed(!self.is_scoped())
    }

    /// Requires that this is an administrator, for example to change the practice's settings.
    ///
    /// # Errors
    /// [`Forbidden`] if it is not.
    pub fn must_be_admin(&self) -> Result<(), Forbidden> {
        allowed(self.is_admin())
    }

    /// Requires that this member of staff has given their password within the last ten minutes. A browser that was left open must
    /// not be enough to take a colleague's account over, to make administrators, to lead people elsewhere, or to carry a log off.
    ///
    /// # Errors
    /// [`Unconfirmed`] if they have not.
    pub fn must_be_confirmed(&self, now: Timestamp) -> Result<(), Unconfirmed> {
        if self.session.is_confirmed(now) { Ok(()) } else { Err(Unconfirmed) }
    }

    /// Whether this is an administrator and the account another administrator's. What one does to another is told to all of them.
    pub fn acts_on_administrator(&self, other: &Account) -> bool {
        self.is_admin() && other.role == Some(Role::Admin) && other.id != self.account.id
    }

    /// Whether an account belongs to a member of staff of the same practice.
    pub fn is_colleague(&self, other: &Account) -> bool {
        other.practice == self.account.practice && other.portal == Portal::Staff
    }
}

const fn allowed(may: bool) -> Result<(), Forbidden> {
    if may { Ok(()) } else { Err(Forbidden) }
}
