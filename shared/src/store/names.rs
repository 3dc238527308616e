//! The names of accounts: which are taken, and which of them signs in.
//!
//! **A name leads to one account.** The login by a name is made under the condition that there is none. An address is such a name
//! for the account that had it while no other account of the portal had it. When others get the same address, it stays theirs, and
//! the others sign in by username. A mail to the address serves all of them.
//!
//! **A look is counted.** Names with ASCII characters alone may look alike, and their owners tell them apart. A name beyond ASCII
//! must look like no other. So a look has two numbers, and each write of one holds its condition on the other.

use crate::domain::account::Account;
use crate::domain::event::Event;
use crate::domain::identifier::Looks;
use crate::domain::outbox::OutboxItem;
use crate::store::error::StoreError;
use crate::store::items::{Item, number_of};
use crate::store::keys::{self, Key};
use crate::store::limits::CountedMail;
use crate::store::race::{Round, until_written_from};
use crate::store::transact::{Outcome, Store};
use crate::store::write::{Condition, Write, at_most, equals, lacks};

/// What is written together with a new account.
#[derive(Clone, Copy)]
pub struct Records<'a> {
    /// The event that records it.
    pub event: &'a Event,
    /// The outbox item of an invitation, if one is to be mailed.
    pub invitation: Option<&'a OutboxItem>,
    /// The outbox items of mails to people who must know of it.
    pub mails: &'a [OutboxItem],
    /// The account of the member of staff who makes it, if one does.
    pub staff: Option<&'a Account>,
}

impl<'a> Records<'a> {
    /// The invitation, as it counts, if staff have it sent.
    pub(super) fn mail_of(&self, account: &'a Account) -> Option<CountedMail<'a>> {
        let by = self.staff.filter(|_| self.invitation.is_some())?.id;
        Some(CountedMail { by: Some(by), account, is_notice: false })
    }
}

/// What becomes of a new account whose username looks like another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twins {
    /// It is refused.
    Refused,
    /// It is made: its owner has always signed in by that name.
    Kept,
}

/// The outcome of making an account.
#[derive(Debug)]
pub enum Registered {
    /// The account was made.
    Created {
        /// The account, which may sign in by its address or not.
        account: Box<Account>,
        /// Whether its username looks like another.
        twin: bool,
    },
    /// Another account of the portal has the username, or one that looks like it.
    Taken,
    /// The username is the address by which another account signs in.
    AddressTaken,
    /// The member of staff has had too many mails sent lately, or too many were sent to the address. Without an invitation, this is
    /// never the outcome.
    Limited {
        /// The seconds until an invitation may be sent.
        retry_after: u64,
    },
    /// The member of staff has been closed, signed out or given another role since they were read. Without one, this is never the
    /// outcome.
    Disallowed,
}

impl Store {
    /// Creates an account. Its address becomes a name for sign-in, if `account` says so and no other account of the portal has
    /// that address. Two round trips, and two more for each time that a name is found to be taken.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is written.
    pub async fn register(
        &self,
        account: Account,
        records: Records<'_>,
        twins: Twins,
    ) -> Result<Registered, StoreError> {
        let alone = account.signs_in_by_email && !self.shares_address(&account).await?;
        let first = (account.signing_in_by_email(alone), false);
        until_written_from("creating an account", first, |(account, twin)| async move {
            match self.create_account(&account, records, twin).await? {
                Outcome::Written => {
                    let account = Box::new(account);
                    return Ok(Round::Written(Registered::Created { account, twin }));
                }
                Outcome::Refused(refused) if records.staff.is_some() && refused.is_of_last() => {
                    return Ok(Round::Written(Registered::Disallowed));
                }
                Outcome::Refused(refused) => {
                    let mail = records.mail_of(&account);
                    if let Some(retry_after) = mail.and_then(|mail| mail.wait(&refused, records.event.at)) {
                        return Ok(Round::Written(Registered::Limited { retry_after }));
                    }
                }
            }
            if let Some(taken) = self.taken(&account).await? {
                return Ok(Round::Written(taken));
            }
            let twin = twin || self.has_twin(None, &account).await?;
            if twin && twins == Twins::Refused {
                return Ok(Round::Written(Registered::Taken));
            }
            let alone = account.signs_in_by_email && !self.shares_address(&account).await?;
            Ok::<_, StoreError>(Round::Outrun((account.signing_in_by_email(alone), twin)))
        })
        .await
    }

    /// What [`Store::register`] would do with twins that are kept, without writing anything. Up to three round trips.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn would_register(&self, account: Account) -> Result<Registered, StoreError> {
        if let Some(taken) = self.taken(&account).await? {
            return Ok(taken);
        }
        let alone = account.signs_in_by_email && !self.shares_address(&account).await?;
        let twin = self.has_twin(None, &account).await?;
        Ok(Registered::Created { account: Box::new(account.signing_in_by_email(alone)), twin })
    }

    /// Whether the username that an account is to have belongs to another one, or looks like one that does. Two round trips, or
    /// none when the username stays the same.
    pub async fn is_taken(&self, old: &Account, new: &Account) -> Result<bool, StoreError> {
        Ok(old.username != new.username
            && (self.taken(new).await?.is_some() || self.has_twin(Some(old), new).await?))
    }

    /// Why the username cannot be had, if another account signs in by it.
    async fn taken(&self, account: &Account) -> Result<Option<Registered>, StoreError> {
        let Some(name) = account.username.identifier() else { return Ok(None) };
        let login = self.find_login(&account.practice, account.portal, &name).await?;
        let Some(login) = login.filter(|login| login.account != account.id) else { return Ok(None) };
        if !account.username.is_address() {
            return Ok(Some(Registered::Taken));
        }
        let other = self.find_account(login.account).await?;
        let same = other.is_some_and(|other| other.username.identifier().as_ref() == Some(&name));
        Ok(Some(if same { Registered::Taken } else { Registered::AddressTaken }))
    }

    /// Whether another username has the look, and one of the two goes beyond ASCII.
    async fn has_twin(&self, old: Option<&Account>, new: &Account) -> Result<bool, StoreError> {
        let Some(look) = Look::of(old, new) else { return Ok(false) };
        let found = self.get_item(&look.key).await?.unwrap_or_default();
        let number = |member| number_of(&found, member).unwrap_or_default();
        Ok(look.most().any(|(member, own)| number(member) > own))
    }
}

/// The look of a username that an account gets.
struct Look {
    key: Key,
    new: Looks,
    /// The look of the name that the account had.
    old: Option<Looks>,
}

impl Look {
    /// `None` when the look stays as it is, or when the name is an address, which no other account can have.
    fn of(old: Option<&Account>, new: &Account) -> Option<Self> {
        let old = old.and_then(|old| old.username.looks());
        let looks = new.username.looks().filter(|looks| Some(looks) != old.as_ref())?;
        Some(Self { key: keys::looks(new, &looks.skeleton), new: looks, old })
    }

    /// The numbers that the look may have, so that the name is alone where it must be. The name that the account had is no other.
    fn most(&self) -> impl Iterator<Item = (&'static str, i64)> {
        let own = self.old.as_ref().filter(|old| old.skeleton == self.new.skeleton);
        let own = move |counted| i64::from(own.is_some_and(|old| member(old) == counted));
        let of_ascii = (!self.new.is_ascii).then(|| (ASCII, own(ASCII)));
        [(BEYOND, own(BEYOND))].into_iter().chain(of_ascii)
    }
}

/// The writes that count an account's username among those of its look. `old` is `None` for a new account. Condition: no other
/// username has the look, if one of the two goes beyond ASCII; `twin` lifts it.
pub(super) fn looks_writes(old: Option<&Account>, new: &Account, twin: bool) -> Vec<Write> {
    let before = old.and_then(|old| Some((old, old.username.looks()?)));
    let before = before.map(|(old, looks)| (keys::looks(old, &looks.skeleton), looks));
    let gone = before.filter(|(_, before)| new.username.looks().as_ref() != Some(before));
    let come = Look::of(old, new).map(|look| {
        let alone = look.most().map(|(member, most)| lacks(member).or(at_most(member, most)));
        let write = Write::update(&look.key).add(member(&look.new), 1);
        let alone = alone.reduce(Condition::and).filter(|_| !twin);
        (
            look.key,
            match alone {
                Some(alone) => write.only_if(alone),
                None => write,
            },
        )
    });
    match (gone, come) {
        (Some((key, looks)), Some((same, write))) if key == same => vec![write.add(member(&looks), -1)],
        (gone, come) => {
            let gone = gone.map(|(key, looks)| Write::update(&key).add(member(&looks), -1));
            gone.into_iter().chain(come.map(|(_, write)| write)).collect()
        }
    }
}

/// The write that takes an account's username from those of its look, as they were read. `None` when the name has no look. Condition:
/// the numbers are as read. The last one takes the item with it, because a look tells of a name.
pub(super) fn looks_removal(account: &Account, found: &Item) -> Option<Write> {
    let looks = account.username.looks()?;
    let key = keys::looks(account, &looks.skeleton);
    let number = |of| number_of(found, of).unwrap_or_default();
    let as_read = |of| match number(of) {
        0 => lacks(of).or(equals(of, 0)),
        known => equals(of, known),
    };
    let write = match number(ASCII) + number(BEYOND) {
        ..=1 => Write::delete(&key),
        _ => Write::update(&key).add(member(&looks), -1),
    };
    Some(write.only_if(as_read(ASCII).and(as_read(BEYOND))))
}

/// The number of usernames of a look that have ASCII characters alone, and of those that have others.
const ASCII: &str = "ascii";
const BEYOND: &str = "beyond";

const fn member(looks: &Looks) -> &'static str {
    if looks.is_ascii { ASCII } else { BEYOND }
}
