//! Requests and outbox items: put once, marked once.

use aws_sdk_dynamodb::types::TransactWriteItem;

use super::accounts::update;
use super::items::{self, time};
use super::limits::{self, Decision};
use super::{Outcome, Store, StoreError, keys};
use crate::clock::{Timestamp, days};
use crate::config::ForgotLimits;
use crate::event::Event;
use crate::limit::Subject;
use crate::outbox::Outbox;

/// An outbox item outlives the stream (24 hours) and every retry of it.
const KEPT: std::time::Duration = days(8);

impl Store {
    /// An outbox item as part of a transaction. Its insertion is what the stream hands to the mailer.
    pub(super) fn put_outbox(&self, outbox: &Outbox) -> Result<TransactWriteItem, StoreError> {
        self.put_once(items::write(&keys::outbox(outbox), outbox, Some(outbox.at + KEPT))?)
    }

    /// Takes a public request, if the limits of who is named and of where it comes from have room: one round trip.
    pub async fn create_request(
        &self,
        request: &Outbox,
        identifier: &Subject,
        address: &Subject,
        limits: &ForgotLimits,
    ) -> Result<Decision, StoreError> {
        let counted = [(identifier, &limits.identifier), (address, &limits.address)];
        let counted: Vec<_> = counted.into_iter().filter(|(_, windows)| !windows.is_empty()).collect();
        let mut writes = Vec::with_capacity(3);
        for (subject, windows) in &counted {
            writes.push(self.count_forgot(subject, windows, request.at)?);
        }
        writes.push(self.put_outbox(request)?);
        let refused = match self.transact(writes).await? {
            Outcome::Written => return Ok(Decision::Allowed),
            Outcome::Refused(refused) => refused,
        };
        let waits = counted.iter().enumerate().filter_map(|(index, (_, windows))| {
            Some(limits::retry_after(refused.old(index)?, windows, request.at))
        });
        let own =
            counted.first().is_some_and(|(subject, _)| *subject == identifier) && refused.old(0).is_some();
        Ok(Decision::Refused { retry_after: waits.max().unwrap_or(1), since: own.then_some(request.at) })
    }

    /// Takes an item that asks for no mail and is bound to no limit. One with its id that is there stays as it is.
    pub async fn create_outbox(&self, outbox: &Outbox) -> Result<(), StoreError> {
        self.transact(vec![self.put_outbox(outbox)?]).await.map(|_| ())
    }

    /// The item as it is now. A stream record shows it as it was.
    pub async fn find_outbox(&self, outbox: &Outbox) -> Result<Option<Outbox>, StoreError> {
        self.get(&keys::outbox(outbox)).await
    }

    /// Marks an item as dealt with and records what came of it. Refused, without harm, when it was marked before.
    pub async fn record_done(
        &self,
        outbox: &Outbox,
        events: &[Event],
        now: Timestamp,
    ) -> Result<Outcome, StoreError> {
        let mark = self.update(&keys::outbox(outbox)).update_expression("SET done_at = :now");
        let mark = mark.condition_expression("attribute_exists(pk) AND attribute_not_exists(done_at)");
        let mut writes = vec![update(mark.expression_attribute_values(":now", time(now)))?];
        for event in events {
            writes.push(self.put_event(event)?);
        }
        self.transact(writes).await
    }
}
