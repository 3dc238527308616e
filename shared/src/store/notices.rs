//! Notices of changed passwords: put once, used once.

use crate::domain::event::Event;
use crate::domain::notice::Notice;
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

/// Everything that is written when the owner of an account says that a change was not theirs.
pub struct Freeze<'a> {
    /// The notice of the change.
    pub notice: &'a Notice,
    /// The account, as it was read and frozen.
    pub changed: Changed<'a>,
    /// The time of the freeze.
    pub now: Timestamp,
    /// The event that records it.
    pub event: &'a Event,
    /// The outbox item of the mail to the practice.
    pub alarm: &'a OutboxItem,
}

impl Store {
    /// Finds a notice. One round trip.
    pub async fn find_notice(&self, account: AccountId, id: OutboxId) -> Result<Option<Notice>, StoreError> {
        self.get(&keys::notice(account, id)).await
    }

    /// Keeps a notice before its mail is sent.
    ///
    /// One put by itself. Condition: the notice does not exist.
    ///
    /// `false` means that it exists: another mailer has put it, or the reply to this put was lost. One round trip.
    pub async fn create_notice(&self, notice: &Notice) -> Result<bool, StoreError> {
        let key = keys::notice(notice.account, notice.id);
        self.put_alone(Write::create(&key, notice, Some(notice.valid_until + AFTERLIFE))).await
    }

    /// Freezes an account by a notice.
    ///
    /// One transaction:
    ///
    /// - The notice becomes used. Condition: its digest is as read, its time has not passed, and it has not been used.
    /// - The account loses its password and its temporary password, and gets `frozen_at`; its revision, credential version and
    ///   session epoch rise. Condition: these three, the password and `mail` are as read.
    /// - Each login of the account gets the same. Condition: it is the account's login.
    /// - The event is put, and the outbox item that tells the practice. Condition: neither exists.
    ///
    /// The raised version voids every ticket, and the raised epoch every session; neither has to be found. A refusal means that
    /// the notice has been used, or that the account has changed since it was read; nothing is written. One round trip.
    pub async fn freeze(&self, freeze: &Freeze<'_>) -> Result<Outcome, StoreError> {
        let notice = freeze.notice;
        let open =
            equals("digest", notice.digest).and(above("valid_until", freeze.now)).and(lacks("used_at"));
        let used = Write::update(&keys::notice(notice.account, notice.id)).set("used_at", freeze.now);
        let mut writes = vec![used.only_if(open)];
        writes.extend(account_writes(freeze.changed, Guard::Unchanged));
        writes.push(put_event(freeze.event));
        writes.push(put_outbox_item(freeze.alarm));
        self.transact(writes).await
    }
}
