//! Notices of changed passwords: put once, used once.

use super::accounts::update;
use super::items::{self, AFTERLIFE, attribute, time};
use super::{Outcome, Store, StoreError, keys};
use crate::account::Account;
use crate::clock::Timestamp;
use crate::event::Event;
use crate::ids::{AccountId, OutboxId};
use crate::notice::Notice;
use crate::outbox::Outbox;

/// Everything that is written when somebody says that a change was not theirs.
pub struct Repudiation<'a> {
    /// Of which change.
    pub notice: &'a Notice,
    /// The account, as it was read.
    pub old: &'a Account,
    /// The account, frozen.
    pub new: &'a Account,
    /// When.
    pub now: Timestamp,
    /// What is recorded.
    pub event: &'a Event,
    /// What the practice is mailed.
    pub alarm: &'a Outbox,
}

impl Store {
    /// A notice.
    pub async fn find_notice(&self, account: AccountId, id: OutboxId) -> Result<Option<Notice>, StoreError> {
        self.get(&keys::notice(account, id)).await
    }

    /// Keeps a notice, before it is mailed. Refused when it is there.
    pub async fn create_notice(&self, notice: &Notice) -> Result<Outcome, StoreError> {
        let key = keys::notice(notice.account, notice.id);
        let item = items::write(&key, notice, Some(notice.valid_until + AFTERLIFE))?;
        self.transact(vec![self.put_once(item)?]).await
    }

    /// Freezes an account by a notice. Refused when the notice has been used or the account is not as it was read.
    pub async fn repudiate(&self, repudiation: &Repudiation<'_>) -> Result<Outcome, StoreError> {
        let Repudiation { notice, old, new, now, event, alarm } = repudiation;
        let used = self
            .update(&keys::notice(notice.account, notice.id))
            .update_expression("SET used_at = :now")
            .condition_expression(
                "#digest = :digest AND valid_until > :now AND attribute_not_exists(used_at)",
            )
            .expression_attribute_names("#digest", "digest")
            .expression_attribute_values(":now", time(*now))
            .expression_attribute_values(":digest", attribute(&notice.digest)?);
        let mut writes = vec![update(used)?, self.edit(old, new)?];
        writes.extend(self.login_writes(old, new)?);
        writes.push(self.put_event(event)?);
        writes.push(self.put_outbox(alarm)?);
        self.transact(writes).await
    }
}
