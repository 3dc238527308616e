//! The changes of an account's relations: who looks after its owner, who acts for them, and for whom they act.

use crate::domain::account::{Account, AddressHold, Assignment, Association, MailStatus};
use crate::domain::identifier::Email;
use crate::platform::clock::Timestamp;
use crate::platform::ids::AccountId;

impl Account {
    /// Gives the places of another account, in the lists of those who look after this one, act for it and are acted for by it, to a
    /// third, or to nobody. One that has a place of its own keeps that. `None` when the other has no place here.
    pub fn relinked(&self, other: AccountId, by: Option<AccountId>) -> Option<Self> {
        let mut new = self.clone();
        let by = by.filter(|by| *by != self.id);
        let assigned: Vec<Assignment> = new.caseload.extract_if(.., |entry| entry.staff == other).collect();
        let associated: Vec<Association> =
            new.associations.extract_if(.., |entry| entry.account == other).collect();
        let none = assigned.is_empty() && associated.is_empty();
        if let Some(by) = by {
            new.look_after(assigned.into_iter().map(|entry| Assignment { staff: by, ..entry }));
            new.associate(associated.into_iter().map(|entry| Association { account: by, ..entry }));
        }
        (!none).then(|| Self { revision: self.revision + 1, ..new })
    }

    /// Takes the places of a duplicate beside its own.
    #[must_use]
    pub fn merged_with(&self, duplicate: &Self) -> Self {
        let mut new = Self { revision: self.revision + 1, ..self.clone() };
        new.associations.retain(|own| own.account != duplicate.id);
        new.look_after(duplicate.caseload.iter().cloned());
        // Nobody acts for somebody who has died.
        let kept = |entry: &&Association| entry.account != self.id && !(entry.acts && self.is_of_deceased());
        new.associate(duplicate.associations.iter().filter(kept).cloned());
        if new.former_mailbox.is_none() {
            new.former_mailbox.clone_from(&duplicate.former_mailbox);
            let marked = new.is_of_former_guardian(new.email.as_ref());
            new.mail = if marked { MailStatus::SharedMailbox } else { new.mail };
        }
        new
    }

    fn look_after(&mut self, more: impl Iterator<Item = Assignment>) {
        for entry in more {
            if self.caseload.iter().all(|own| own.staff != entry.staff) {
                self.caseload.push(entry);
            }
        }
    }

    fn associate(&mut self, more: impl Iterator<Item = Association>) {
        for entry in more {
            // Of two for the same account, the one that gives less counts.
            match self.associations.iter_mut().find(|own| own.account == entry.account) {
                Some(own) if own.acts == entry.acts => {
                    own.until = own.until.into_iter().chain(entry.until).min();
                    own.role = own.role.max(entry.role);
                }
                Some(_) => {}
                None => self.associations.push(entry),
            }
        }
    }

    /// Replaces the list of members of staff who look after the account's owner.
    #[must_use]
    pub fn with_caseload(&self, caseload: Vec<Assignment>) -> Self {
        Self { caseload, revision: self.revision + 1, ..self.clone() }
    }

    /// Hands the account's owner over from one member of staff to another, in the same role. One who looks after them already goes on
    /// as before. `None` when the first does not look after them.
    pub fn handed_over(&self, from: AccountId, to: AccountId, now: Timestamp) -> Option<Self> {
        let mut caseload = self.caseload.clone();
        let given: Vec<Assignment> = caseload.extract_if(.., |entry| entry.staff == from).collect();
        if given.is_empty() {
            return None;
        }
        let mut new = self.with_caseload(caseload);
        new.look_after(given.into_iter().map(|entry| Assignment { staff: to, assigned_at: now, ..entry }));
        Some(new)
    }

    /// Ends what a guardian may have of the client's account: every ticket, a temporary password and every session. `shared` is the
    /// mailbox that the two share, or shared before the client's present address, and the time. There the guardian may have set the
    /// password and the question. So the account is frozen: it loses the password, and the question is asked until somebody has seen
    /// the client. Nothing is mailed there any more.
    #[must_use]
    pub fn without_guardian(&self, guardian: AccountId, shared: Option<(&Email, Timestamp)>) -> Self {
        let kept = |entry: &&Association| entry.account != guardian;
        let (mailbox, now) = shared.unzip();
        let same = |one: &Email| one.identifier() == mailbox.and_then(Email::identifier);
        let is_here = mailbox.is_some() && self.email.as_ref().is_some_and(same);
        let hold = self.address_hold.clone().map(|hold| AddressHold {
            former: hold.former.filter(|former| mailbox.is_none() || !same(former)),
            ..hold
        });
        Self {
            associations: self.associations.iter().filter(kept).cloned().collect(),
            password: self.password.clone().filter(|_| mailbox.is_none()),
            temporary: None,
            frozen_at: now.or(self.frozen_at),
            mail: if is_here { MailStatus::SharedMailbox } else { self.mail },
            former_mailbox: mailbox.or(self.former_mailbox.as_ref()).cloned(),
            address_hold: hold,
            credential_version: self.credential_version + 1,
            session_epoch: self.session_epoch + 1,
            revision: self.revision + 1,
            ..self.clone()
        }
    }

    /// Takes a client from the list of those that the account acts for. Nothing else of a guardian's own account ends.
    #[must_use]
    pub fn without_client(&self, client: AccountId) -> Self {
        let kept = |entry: &&Association| entry.account != client;
        self.with_associations(self.associations.iter().filter(kept).cloned().collect())
    }

    /// Ends every guardian of the client by a date, unless they end before. From then on they count as ended, and the sweep of the next
    /// minute takes what they have.
    #[must_use]
    pub fn with_guardians_until(&self, until: Timestamp) -> Self {
        let ending = |entry: &Association| {
            let sooner = Some(entry.until.map_or(until, |own| own.min(until)));
            Association { until: if entry.acts { sooner } else { entry.until }, ..entry.clone() }
        };
        Self { associations: self.associations.iter().map(ending).collect(), ..self.clone() }
    }

    /// Whether an address is the one that a former guardian has as well.
    pub fn is_of_former_guardian(&self, email: Option<&Email>) -> bool {
        let former = self.former_mailbox.as_ref().and_then(Email::identifier);
        former.is_some() && email.and_then(Email::identifier) == former
    }

    /// Replaces the list of accounts that act for this one or that this one acts for.
    #[must_use]
    pub fn with_associations(&self, associations: Vec<Association>) -> Self {
        Self { associations, revision: self.revision + 1, ..self.clone() }
    }
}
