//! Links by which the reader of a mail says that they are somebody else: put once, used once.

use crate::domain::event::Event;
use crate::domain::not_me::NotMe;
use crate::domain::outbox::OutboxItem;
use crate::platform::clock::Timestamp;
use crate::platform::ids::{AccountId, OutboxId};
use crate::store::accounts::{Changed, Guard, account_writes};
use crate::store::error::StoreError;
use crate::store::events::put_event;
use crate::store::items::AFTERLIFE;
use crate::store::keys;
use crate::store::outbox::put_outbox_item;
use crate::store::transact::{Outcome, Store};
use crate::store::write::{Write, above, equals, lacks};

/// An account whose address is somebody else's.
pub struct Misaddressed<'a> {
    /// The account, as it was read and marked.
    pub changed: Changed<'a>,
    /// The event that records it.
    pub event: Event,
    /// The outbox item of the task of staff.
    pub task: OutboxItem,
}

impl Store {
    /// Finds the link of a mail. One round trip.
    pub async fn find_not_me(&self, first: AccountId, id: OutboxId) -> Result<Option<NotMe>, StoreError> {
        self.get(&keys::not_me(first, id)).await
    }

    /// Keeps the link of a mail before the mail is sent.
    ///
    /// One put by itself. Condition: it does not exist.
    ///
    /// `false` means that it exists: an earlier attempt at the mail has put it, or the reply to this put was lost. One round trip.
    pub async fn create_not_me(&self, first: AccountId, not_me: &NotMe) -> Result<bool, StoreError> {
        let key = keys::not_me(first, not_me.id);
        self.put_alone(Write::create(&key, not_me, Some(not_me.valid_until + AFTERLIFE))).await
    }

    /// Records that the reader of a mail is somebody else.
    ///
    /// One transaction:
    ///
    /// - The link becomes used. Condition: its digest is as read, its time has not passed, and it has not been used.
    /// - Each account's `mail` becomes `wrong_person`, it loses its temporary password, and its revision and its credential version
    ///   rise. Condition: these two, the session epoch, the password and `mail` are as read, and nobody has proven its address.
    /// - Each of its logins gets the same. Condition: it is the account's login.
    /// - An event and an outbox item of a task for each account are put. Condition: none exists.
    ///
    /// The raised version voids every ticket. A refusal means that the link has been used, or that one of the accounts has changed
    /// since it was read; nothing is written. One round trip.
    pub async fn record_wrong_person(
        &self,
        (first, not_me): (AccountId, &NotMe),
        accounts: &[Misaddressed<'_>],
        now: Timestamp,
    ) -> Result<Outcome, StoreError> {
        let open = equals("digest", not_me.digest).and(above("valid_until", now)).and(lacks("used_at"));
        let used = Write::update(&keys::not_me(first, not_me.id)).set("used_at", now);
        let mut writes = vec![used.only_if(open)];
        for Misaddressed { changed, event, task } in accounts {
            writes.extend(account_writes(*changed, Guard::Unproven));
            writes.extend([put_event(event), put_outbox_item(task)]);
        }
        self.transact(writes).await
    }
}
