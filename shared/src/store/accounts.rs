//! Accounts and the logins that lead to them.

use crate::domain::account::{Account, Login, Setup};
use crate::domain::event::Event;
use crate::domain::identifier::Identifier;
use crate::domain::limit::Subject;
use crate::domain::outbox::OutboxItem;
use crate::domain::practice::{Portal, Slug};
use crate::platform::ids::{AccountId, TicketId};
use crate::store::conditions::{actor, open_account_of, same_account};
use crate::store::directory::{caseload_writes, directory_writes};
use crate::store::error::StoreError;
use crate::store::events::put_event;
use crate::store::items;
use crate::store::keys;
use crate::store::limits::forget_sign_ins;
use crate::store::outbox::put_outbox_item;
use crate::store::transact::{Outcome, Page, Store};
use crate::store::write::{Condition, Range, Write, equals, lacks, one_of};

/// An account that changes: as it was read, and as it becomes.
#[derive(Clone, Copy)]
pub struct Changed<'a> {
    /// As it was read.
    pub old: &'a Account,
    /// As it becomes: what one of the functions of `domain::account` has made of it.
    pub new: &'a Account,
}

/// When an account's change is written: what must still be as it was read.
#[derive(Clone, Copy)]
pub(super) enum Guard {
    /// Everything that decides anything: what staff have edited, passwords, sessions, and what became of the mail to the address.
    Unchanged,
    /// The account is open, with the password and the sessions that it had.
    Open,
    /// The same, and no other temporary password has been issued: it would be lost.
    OpenWithTemporary,
    /// This ticket's temporary password is still the account's.
    TemporaryOf(TicketId),
    /// No link of the account has been opened and no password set.
    SetUp,
    /// The address, and what is known of the mail to it.
    Address,
}

impl Guard {
    fn on_account(self, old: &Account) -> Condition {
        let same = || same_account(old.credential_version, old.session_epoch);
        match self {
            Self::Unchanged => {
                let versions = equals("credential_version", old.credential_version)
                    .and(equals("session_epoch", old.session_epoch))
                    .and(equals("revision", old.revision));
                // A rehash raises none of the three, and would be missing in the copy of a new address; a mail that comes back
                // meanwhile is of the address that was.
                versions.and(equals("mail", old.mail)).and(match &old.password {
                    Some(password) => equals("password", password),
                    None => lacks("password"),
                })
            }
            Self::Open => same(),
            Self::OpenWithTemporary => same().and(match &old.temporary {
                Some(temporary) => equals("temporary.ticket", temporary.ticket),
                None => lacks("temporary"),
            }),
            Self::TemporaryOf(ticket) => equals("temporary.ticket", ticket),
            Self::SetUp => one_of("setup", [Setup::NotInvited, Setup::Invited]),
            Self::Address => equals("mail", old.mail).and(equals("email", &old.email)),
        }
    }

    fn on_login(self, old: &Account) -> Condition {
        match self {
            Self::TemporaryOf(ticket) => equals("temporary.ticket", ticket),
            _ => equals("account", old.id),
        }
    }
}

/// Everything that an account's change writes, derived from what differs: the account itself, if it is still as guarded; each
/// copy that sign-in reads; its places in the directory and on caseloads.
pub(super) fn account_writes(changed: Changed<'_>, guard: Guard) -> Vec<Write> {
    let Changed { old, new } = changed;
    let on_account = Write::difference(&keys::account(new.id), old, new).only_if(guard.on_account(old));
    let mut writes = vec![on_account];
    writes.extend(login_writes(changed, guard));
    writes.extend(directory_writes(Some(old), new));
    writes.extend(caseload_writes(Some(old), new));
    writes
}

/// The logins of an account, where what they copy has changed or a name or address has.
fn login_writes(Changed { old, new }: Changed<'_>, guard: Guard) -> Vec<Write> {
    let (before, after) = (old.identifiers(), new.identifiers());
    let gone = before.iter().filter(|identifier| !after.contains(identifier));
    let mut writes: Vec<Write> =
        gone.map(|identifier| Write::delete(&keys::login(old, identifier))).collect();
    let (old_login, new_login) = (old.login(), new.login());
    for identifier in &after {
        let key = keys::login(new, identifier);
        if !before.contains(identifier) {
            writes.push(Write::create(&key, &new_login, None));
        } else if old_login != new_login {
            writes.push(Write::difference(&key, &old_login, &new_login).only_if(guard.on_login(old)));
        }
    }
    writes
}

/// A condition: the account is open and as its login said, and the ticket, if one is given, its temporary password's.
pub(super) fn check_login(login: &Login, ticket: Option<TicketId>) -> Write {
    let same = same_account(login.credential_version, login.session_epoch);
    Write::check(&keys::account(login.account)).only_if(match ticket {
        None => same,
        Some(ticket) => same.and(equals("temporary.ticket", ticket)),
    })
}

/// A condition: the account is open and of the given credential version.
pub(super) fn check_open(id: AccountId, credential_version: u64) -> Write {
    Write::check(&keys::account(id)).only_if(open_account_of(credential_version))
}

impl Store {
    /// Everything that an identifier leads to: one login of a username, one of each account that shares an address.
    pub async fn find_logins(
        &self,
        practice: &Slug,
        portal: Portal,
        identifier: &Identifier,
    ) -> Result<Vec<Login>, StoreError> {
        let pk = keys::logins(practice, portal, identifier);
        let answer = self.query_page(Range::of(&pk), Page::default()).await?;
        answer.items.unwrap_or_default().into_iter().map(|item| items::read(&pk, item)).collect()
    }

    /// An account.
    pub async fn find_account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        self.get(&keys::account(id)).await
    }

    /// Makes an account with its logins, its places in the directory and on caseloads, its event and, when it is to be invited,
    /// its invitation. Refused when another account of the portal has the username.
    pub async fn create_account(
        &self,
        account: &Account,
        event: &Event,
        invitation: Option<&OutboxItem>,
    ) -> Result<Outcome, StoreError> {
        let mut writes = vec![Write::create(&keys::account(account.id), account, None)];
        let login = account.login();
        let logins = account.identifiers().into_iter().map(|identifier| keys::login(account, &identifier));
        writes.extend(logins.map(|key| Write::create(&key, &login, None)));
        writes.extend(directory_writes(None, account));
        writes.extend(caseload_writes(None, account));
        writes.push(put_event(event));
        writes.extend(invitation.map(put_outbox_item));
        self.transact(writes).await
    }

    /// Writes what a member of staff has changed of accounts. All of it or nothing, and nothing when the one who does it has
    /// been closed, signed out or given another role meanwhile: two administrators cannot undo each other at once.
    ///
    /// | Write | Condition |
    /// |---|---|
    /// | check the account of who does it, unless it is changed itself | same role and session epoch, open |
    /// | each account, with what differs | revision, credential version, session epoch, password and `mail` as read |
    /// | each of its logins that differs: changed, put, or removed | it is the account's; there is none; none |
    /// | its entries in the directory and on caseloads that differ | none |
    /// | put the event | there is none |
    pub async fn update_accounts(
        &self,
        staff: &Account,
        changed: &[Changed<'_>],
        event: &Event,
    ) -> Result<Outcome, StoreError> {
        let mut writes = Vec::new();
        if changed.iter().all(|changed| changed.old.id != staff.id) {
            writes.push(Write::check(&keys::account(staff.id)).only_if(actor(staff)));
        }
        for changed in changed {
            writes.extend(account_writes(*changed, Guard::Unchanged));
        }
        writes.push(put_event(event));
        self.transact(writes).await
    }

    /// Remembers that an invitation was opened, unless the set-up has come further meanwhile.
    pub async fn record_started(&self, changed: Changed<'_>) -> Result<(), StoreError> {
        self.transact(account_writes(changed, Guard::SetUp)).await.map(|_| ())
    }

    /// Sets the security question and forgets the failures of the name that led to it. Refused when the account is not open and
    /// as read.
    pub async fn set_question(
        &self,
        changed: Changed<'_>,
        event: &Event,
        limit: Option<&Subject>,
    ) -> Result<Outcome, StoreError> {
        let mut writes = account_writes(changed, Guard::Open);
        writes.push(put_event(event));
        writes.extend(limit.map(forget_sign_ins));
        self.transact(writes).await
    }
}

#[cfg(test)]
mod tests;
