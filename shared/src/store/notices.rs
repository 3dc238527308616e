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

/// Everything that is written when somebody says that a change was not theirs.
pub struct Freeze<'a> {
    /// Of which change.
    pub notice: &'a Notice,
    /// The account, as it was read and frozen.
    pub changed: Changed<'a>,
    /// When.
    pub now: Timestamp,
    /// What is recorded.
    pub event: &'a Event,
    /// What the practice is mailed.
    pub alarm: &'a OutboxItem,
}

impl Store {
    /// A notice.
    pub async fn find_notice(&self, account: AccountId, id: OutboxId) -> Result<Option<Notice>, StoreError> {
        self.get(&keys::notice(account, id)).await
    }

    /// Keeps a notice, before it is mailed. Refused when it is there.
    pub async fn create_notice(&self, notice: &Notice) -> Result<Outcome, StoreError> {
        let key = keys::notice(notice.account, notice.id);
        self.transact(vec![Write::create(&key, notice, Some(notice.valid_until + AFTERLIFE))]).await
    }

    /// Freezes an account by a notice. Refused when the notice has been used or the account is not as it was read.
    ///
    /// | Write | Condition |
    /// |---|---|
    /// | the notice becomes used | the same digest, in time, not used |
    /// | the account loses its password and its temporary one, and is `frozen_at` now; revision, credential version and session epoch rise | all three, the password and `mail` as read |
    /// | each login of the account gets the same | it is this account's |
    /// | put the event | there is none |
    /// | put the `OUTBOX` item that tells the practice | there is none |
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
