//! Requests and outbox items: put once, marked once.

use aws_sdk_dynamodb::types::TransactWriteItem;

use super::accounts::update;
use super::items::{self, time};
use super::limits::{self, Decision};
use super::{Outcome, Store, StoreError, keys};
use crate::clock::{Timestamp, days};
use crate::code;
use crate::config::ForgotLimits;
use crate::event::Event;
use crate::limit::{Subject, Window};
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
        let (named, source) = (keys::forgot_limit(identifier), keys::forgot_limit(address));
        // Nobody's configuration lifts the limit on codes: it is what keeps them from being guessed.
        let codes: &[Window] = if request.challenge().is_some() { &[code::BUDGET] } else { &[] };
        let counters = [
            (&named, limits.identifier.as_slice()),
            (&keys::code_limit(identifier), codes),
            (&source, limits.address.as_slice()),
        ];
        let counted: Vec<_> = counters.into_iter().filter(|(_, windows)| !windows.is_empty()).collect();
        let mut writes = Vec::with_capacity(4);
        for (counter, windows) in &counted {
            writes.push(self.count_in_windows(counter, windows, request.at)?);
        }
        writes.push(self.put_outbox(request)?);
        let refused = match self.transact(writes).await? {
            Outcome::Written => return Ok(Decision::Allowed),
            Outcome::Refused(refused) => refused,
        };
        let full = counted.iter().enumerate().filter_map(|(index, (counter, windows))| {
            Some((counter.pk == named.pk, limits::retry_after(refused.old(index)?, windows, request.at)))
        });
        let full: Vec<(bool, u64)> = full.collect();
        let own = full.iter().any(|(own, _)| *own);
        let wait = full.into_iter().map(|(_, wait)| wait).max();
        Ok(Decision::Refused { retry_after: wait.unwrap_or(1), since: own.then_some(request.at) })
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
