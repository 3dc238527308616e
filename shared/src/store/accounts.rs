//! Accounts and the logins that lead to them.
//!
//! The writes of a change follow from the difference between the account as it was read and the account as it becomes: the
//! account's own members, the copies on its logins, its entries in the directory and on caseloads. No method sets a member of an
//! account in any other way.
//!
//! **Why logins carry a copy of the verifier.** From identifier to login to account to password would be one round trip more for
//! each sign-in. So each login has the password's hash, the temporary password, the credential version, the session epoch and the
//! openness of its account, and every transaction that changes one of these on the account changes the copies too. A copy is not
//! trusted alone: the transaction of a sign-in checks the account against the version and the epoch of the copy. When they
//! differ, the password is compared with the account's own hash.

use std::collections::HashSet;

use crate::domain::account::{Account, Login, Recipient, Setup};
use crate::domain::event::Event;
use crate::domain::identifier::Identifier;
use crate::domain::limit::Subject;
use crate::domain::outbox::OutboxItem;
use crate::domain::practice::{Portal, Slug};
use crate::platform::ids::{AccountId, TicketId};
use crate::store::conditions::{open_account_of, same_account};
use crate::store::directory::{caseload_writes, directory_writes};
use crate::store::endings::ending_writes;
use crate::store::error::StoreError;
use crate::store::events::put_event;
use crate::store::keys;
use crate::store::limits::forget_sign_ins;
use crate::store::names::{Records, looks_writes};
use crate::store::outbox::put_outbox_item;
use crate::store::places::put_awaited;
use crate::store::told::{Told, add_mails};
use crate::store::transact::{MOST_WRITES, Outcome, Page, Store};
use crate::store::write::{Condition, Range, Write, equals, lacks, one_of};

/// An account that changes: as it was read, and as it becomes.
#[derive(Clone, Copy)]
pub struct Changed<'a> {
    /// The account as it was read.
    pub old: &'a Account,
    /// The account as it becomes: the result of a function of `domain::account::change`.
    pub new: &'a Account,
}

/// An account that is to be made among others.
#[derive(Debug)]
pub struct Creation {
    /// The account.
    pub account: Account,
    /// The event that records it.
    pub event: Event,
}

/// What became of the first of several accounts.
#[derive(Debug)]
pub struct Created {
    /// Their number.
    pub number: usize,
    /// Whether they were written.
    pub outcome: Outcome,
}

/// The condition under which an account's change is written.
#[derive(Clone, Copy)]
pub(super) enum Guard {
    /// The revision, the credential version, the session epoch, the password and `mail` are as read: everything that decides
    /// anything.
    Unchanged,
    /// The same, and nobody has proven the account's address.
    Unproven,
    /// The account is open, and its credential version and its session epoch are as read.
    Open,
    /// The same as `Open`, and no other temporary password has been issued: the change would remove it.
    OpenWithTemporary,
    /// The account's temporary password is still the one of this ticket.
    TemporaryOf(TicketId),
    /// No link of the account has been opened, and no password has been set.
    SetUp,
    /// The account's `mail` is as read, and so is its address: another one raises `revision`. The condition does not name the
    /// address, so that the role of whoever marks addresses can name none.
    Address,
}

impl Guard {
    pub(super) fn on_account(self, old: &Account) -> Condition {
        let same = || same_account(old.credential_version, old.session_epoch);
        match self {
            Self::Unproven => Self::Unchanged.on_account(old).and(lacks("email_proven_at")),
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
            Self::Address => equals("mail", old.mail).and(equals("revision", old.revision)),
        }
    }

    fn on_login(self, old: &Account) -> Condition {
        match self {
            Self::TemporaryOf(ticket) => equals("temporary.ticket", ticket),
            _ => equals("account", old.id),
        }
    }
}

/// All writes of an account's change, derived from the difference: the account itself under the condition of the guard, each copy
/// that sign-in reads, and the entries in the directory and on caseloads.
pub(super) fn account_writes(changed: Changed<'_>, guard: Guard) -> Vec<Write> {
    let Changed { old, new } = changed;
    let on_account = Write::difference(&keys::account(new.id), old, new).only_if(guard.on_account(old));
    let mut writes = vec![on_account];
    writes.extend(login_writes(changed, guard));
    writes.extend(recipient_writes(Some(old), new));
    writes.extend(directory_writes(Some(old), new));
    writes.extend(caseload_writes(Some(old), new));
    writes.extend(ending_writes(old, new));
    writes
}

/// The writes to an account's logins, where a copied member or one of the account's names has changed.
fn login_writes(Changed { old, new }: Changed<'_>, guard: Guard) -> Vec<Write> {
    let (before, after) = (old.sign_in_names(), new.sign_in_names());
    let key_of = |name| keys::login(&new.practice, new.portal, name);
    let gone = before.iter().filter(|name| !after.contains(name));
    let mut writes: Vec<Write> = gone.map(|name| Write::delete(&key_of(name))).collect();
    let (old_login, new_login) = (old.login(), new.login());
    for name in &after {
        let key = key_of(name);
        if !before.contains(name) {
            writes.push(Write::create(&key, &new_login, None));
        } else if old_login != new_login {
            writes.push(Write::difference(&key, &old_login, &new_login).only_if(guard.on_login(old)));
        }
    }
    writes
}

/// The writes of a new account.
fn creation(account: &Account, Records { event, invitation, .. }: Records<'_>, twin: bool) -> Vec<Write> {
    let mut writes = vec![Write::create(&keys::account(account.id), account, None)];
    let login = account.login();
    let names = account.sign_in_names();
    let logins = names.iter().map(|name| keys::login(&account.practice, account.portal, name));
    writes.extend(logins.map(|key| Write::create(&key, &login, None)));
    writes.extend(recipient_writes(None, account));
    writes.extend(looks_writes(None, account, twin));
    writes.extend(directory_writes(None, account));
    writes.extend(caseload_writes(None, account));
    writes.push(put_event(event));
    writes.extend(invitation.map(put_outbox_item));
    writes.extend(invitation.and_then(put_awaited));
    writes
}

/// The writes that keep the account among those that share its address. `old` is `None` for a new account.
fn recipient_writes(old: Option<&Account>, new: &Account) -> Vec<Write> {
    let known = |account: &Account| account.address().map(|address| (address, account.recipient()));
    let (before, after) = (old.and_then(known), known(new));
    let gone = before.as_ref().filter(|(address, _)| after.as_ref().is_none_or(|(now, _)| now != address));
    let come = after.as_ref().filter(|_| before != after);
    let gone = gone.map(|(address, _)| Write::delete(&keys::recipient(new, address)));
    let come = come.map(|(address, recipient)| Write::put(&keys::recipient(new, address), recipient, None));
    gone.into_iter().chain(come).collect()
}

/// A check that the account is open and has the credential version and the session epoch of its login. If a ticket is given, the
/// account's temporary password must also be the one of that ticket.
pub(super) fn check_login(login: &Login, ticket: Option<TicketId>) -> Write {
    let same = same_account(login.credential_version, login.session_epoch);
    Write::check(&keys::account(login.account)).only_if(match ticket {
        None => same,
        Some(ticket) => same.and(equals("temporary.ticket", ticket)),
    })
}

/// A check that the account is open and of the given credential version.
pub(super) fn check_open(id: AccountId, credential_version: u64) -> Write {
    Write::check(&keys::account(id)).only_if(open_account_of(credential_version))
}

impl Store {
    /// Finds the login by a name. One round trip.
    pub async fn find_login(
        &self,
        practice: &Slug,
        portal: Portal,
        name: &Identifier,
    ) -> Result<Option<Login>, StoreError> {
        self.get(&keys::login(practice, portal, name)).await
    }

    /// Finds the accounts that share an address, those that are open first. One round trip.
    pub async fn find_recipients(
        &self,
        practice: &Slug,
        portal: Portal,
        address: &Identifier,
    ) -> Result<Vec<Recipient>, StoreError> {
        let pk = keys::recipients(practice, portal, address);
        let answer = self.query_page(Range::of(&pk), Page::default()).await?;
        let items = answer.items.unwrap_or_default().into_iter();
        let mut found: Vec<Recipient> =
            items.map(|item| self.reader.value(&pk, item)).collect::<Result<_, StoreError>>()?;
        found.sort_by_key(|recipient| !recipient.open);
        Ok(found)
    }

    /// Whether another account of the portal has the account's address. One round trip, or none.
    pub async fn shares_address(&self, account: &Account) -> Result<bool, StoreError> {
        let Some(address) = account.address() else { return Ok(false) };
        let sharing = self.find_recipients(&account.practice, account.portal, &address).await?;
        Ok(sharing.iter().any(|other| other.account != account.id))
    }

    /// Finds an account. One round trip.
    pub async fn find_account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        self.get(&keys::account(id)).await
    }

    /// Creates an account.
    ///
    /// One transaction:
    ///
    /// - The account is put. Condition: it does not exist.
    /// - A login is put for each name by which the owner signs in. Condition: it does not exist.
    /// - The account is put among those that share its address, without a condition.
    /// - The username is counted among those of its look. Condition: no other has the look, if one of the two goes beyond ASCII;
    ///   `twin` lifts it.
    /// - The entries in the directory and on caseloads are put, without a condition.
    /// - The event is put, the outbox item of the invitation, if one is to be mailed, and those of mails to people who must know.
    ///   Condition: none exists. What leads to the invitation from the member of staff is put with it.
    /// - The account of the member of staff who makes it is checked, if there is one. Condition: it is open, and its role and its
    ///   session epoch are as read.
    /// - The invitation is counted, if staff have one mailed. Condition: every window has room.
    ///
    /// A refusal means that another account of the portal has one of the names or the look, that the member of staff has been
    /// closed, signed out or given another role, or that a window is full; nothing is written. One round trip.
    pub(super) async fn create_account(
        &self,
        account: &Account,
        records: Records<'_>,
        twin: bool,
    ) -> Result<Outcome, StoreError> {
        let mail = records.mail_of(account).map(|mail| mail.writes(records.event.at));
        let writes = mail.into_iter().flatten().chain(creation(account, records, twin));
        let mut writes = writes.collect();
        add_mails(&mut writes, records.mails);
        self.transact_by(records.staff, writes).await
    }

    /// Creates the first of several accounts, as many as one transaction has room for.
    ///
    /// One transaction: for each account, the writes and conditions of `create_account`.
    ///
    /// A refusal means that one of them cannot be created as it is; nothing is written, and each is to be tried by itself. One round
    /// trip.
    pub async fn create_accounts(&self, new: impl Iterator<Item = &Creation>) -> Result<Created, StoreError> {
        let (mut writes, mut items, mut number) = (Vec::new(), HashSet::new(), 0);
        for Creation { account, event } in new {
            let more = creation(account, Records { event, invitation: None, mails: &[], staff: None }, false);
            // A transaction writes an item once.
            let fits = writes.len() + more.len() <= MOST_WRITES
                && more.iter().all(|write| !items.contains(write.key()));
            if number > 0 && !fits {
                break;
            }
            items.extend(more.iter().map(|write| write.key().clone()));
            writes.extend(more);
            number += 1;
        }
        Ok(Created { number, outcome: self.transact(writes).await? })
    }

    /// Writes the changes of a member of staff, or of the operator, to one account or to several.
    ///
    /// One transaction:
    ///
    /// - The account of the member of staff is checked, if one does it, unless it is itself among the changed ones. Condition: it is
    ///   open, and its role and its session epoch are as read.
    /// - Each account gets the members that differ. Condition: its revision, credential version, session epoch, password and
    ///   `mail` are as read.
    /// - Each of its logins whose copy differs gets the same. Condition: it is the account's login. The login of a former name is
    ///   deleted, without a condition. The login of a new one is put. Condition: it does not exist.
    /// - Another username is counted among those of its look. Condition: as for a new account.
    /// - The entries in the directory, on caseloads and in the list of guardians' ends that differ are put or deleted, without a
    ///   condition.
    /// - The event is put, and the outbox items of mails about it. Condition: none exists.
    ///
    /// A refusal means that one of the accounts has changed since it was read, that another account has a new name, or that the
    /// member of staff has been closed, signed out or given another role; nothing is written. So two administrators cannot undo
    /// each other at once. Members that do not differ are not written: a security question that was set meanwhile stays. One round
    /// trip.
    pub async fn update_accounts(
        &self,
        staff: Option<&Account>,
        changed: &[Changed<'_>],
        told: impl Into<Told<'_>>,
    ) -> Result<Outcome, StoreError> {
        let mut writes = Vec::new();
        for changed in changed {
            writes.extend(account_writes(*changed, Guard::Unchanged));
            writes.extend(looks_writes(Some(changed.old), changed.new, false));
        }
        told.into().add_to(&mut writes);
        self.transact_by(staff, writes).await
    }

    /// Ends an account's password and all else that opens it, for the operator.
    ///
    /// One transaction:
    ///
    /// - The account gets the members that differ. Condition: its revision, credential version, session epoch, password and `mail` are
    ///   as read.
    /// - Each of its logins gets the same. Condition: it is the account's login.
    /// - The event is put, and the outbox item of the mail, if one is due. Condition: neither exists.
    ///
    /// A refusal means that the account has changed since it was read; nothing is written. One round trip.
    pub async fn void_password(
        &self,
        changed: Changed<'_>,
        event: &Event,
        mail: Option<&OutboxItem>,
    ) -> Result<Outcome, StoreError> {
        let mut writes = account_writes(changed, Guard::Unchanged);
        writes.push(put_event(event));
        writes.extend(mail.map(put_outbox_item));
        self.transact(writes).await
    }

    /// Records that an invitation has been opened.
    ///
    /// One transaction: the account's `setup` becomes `started`. Condition: it is `not_invited` or `invited`.
    ///
    /// A refusal means that the set-up has come further meanwhile; nothing is written, and that is no error. One round trip.
    pub async fn record_started(&self, changed: Changed<'_>) -> Result<(), StoreError> {
        self.transact(account_writes(changed, Guard::SetUp)).await.map(|_| ())
    }

    /// Sets the security question of an account, and forgets the failed sign-ins of the given name.
    ///
    /// One transaction:
    ///
    /// - The account gets the question. Condition: it is open, and its credential version and its session epoch are as read.
    /// - The event is put. Condition: it does not exist.
    /// - The counter of failed sign-ins is deleted, if one is given, without a condition.
    ///
    /// A refusal means that the account has been closed, or that its password or its sessions have changed since it was read;
    /// nothing is written. The change ends no session, voids no ticket and sends no mail. One round trip.
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
