//! Codes: mailed once, guessed at a few times, exchanged once.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};

use super::accounts::update;
use super::items::{self, attribute, number, text, time};
use super::{Outcome, Store, StoreError, keys};
use crate::clock::Timestamp;
use crate::code::{ATTEMPTS, Holder, Mailed};
use crate::event::Event;
use crate::ids::OutboxId;
use crate::outbox::Outbox;
use crate::question;
use crate::ticket::State;
use crate::token::Digest;

/// One account that an entered code opens.
pub struct Opening<'a> {
    /// Which, with its ticket.
    pub holder: &'a Holder,
    /// Of the token that the code is exchanged for.
    pub digest: Digest,
    /// What is recorded.
    pub event: Event,
}

/// What came of a right code.
#[derive(Debug)]
pub enum Exchange {
    /// It was exchanged for every opening.
    Done,
    /// It was exchanged before.
    Spent,
    /// Nothing was done: the tickets or accounts of the openings at these places are no longer good.
    Void(Vec<usize>),
}

impl Store {
    /// Remembers a code that is about to be mailed, beside those of the same request that were `seen`. `false` when another
    /// mailer has remembered one since. No transaction: one would be in the way of a code being entered, for known
    /// identifiers only.
    pub async fn record_mailed(
        &self,
        request: &Outbox,
        seen: &[Mailed],
        mailed: &Mailed,
    ) -> Result<bool, StoreError> {
        let call = self.client.update_item().set_key(Some(keys::outbox(request).attributes()));
        let call = call
            .update_expression("SET challenge.mailed = list_append(challenge.mailed, :mailed)")
            .condition_expression("size(challenge.mailed) = :seen")
            .expression_attribute_values(":mailed", AttributeValue::L(vec![attribute(mailed)?]))
            .expression_attribute_values(":seen", number(seen.len()));
        Ok(self.update_alone(call).await?.is_ok())
    }

    /// Counts a code that was entered for a request before it is compared, and answers the request. `None` when none is
    /// compared any more: too late, all attempts spent, exchanged before, or no request for a code at all.
    ///
    /// `mark` is this attempt's own: when the answer to the first try was lost, the second recognizes what it has done.
    pub async fn count_code(
        &self,
        id: OutboxId,
        mark: Digest,
        now: Timestamp,
    ) -> Result<Option<Outbox>, StoreError> {
        let key = keys::request(id);
        let call = self.client.update_item().set_key(Some(key.attributes()));
        let call = call
            .update_expression("SET challenge.attempts = challenge.attempts + :one, challenge.latest = :mark")
            .condition_expression(
                "challenge.valid_until > :now AND challenge.attempts < :most \
                 AND attribute_not_exists(challenge.entered_at) \
                 AND (attribute_not_exists(challenge.latest) OR challenge.latest <> :mark)",
            )
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":mark", attribute(&mark)?)
            .expression_attribute_values(":now", time(now))
            .expression_attribute_values(":most", number(ATTEMPTS));
        let (Ok(item) | Err(Some(item))) = self.update_alone(call).await? else { return Ok(None) };
        let request: Outbox = items::read(&key.pk, item)?;
        let counted = request.challenge().is_some_and(|challenge| challenge.latest == Some(mark));
        Ok(Some(request).filter(|_| counted))
    }

    /// Exchanges a right code for tokens that are good until `until`: everything or nothing, and once.
    pub async fn exchange_code(
        &self,
        request: OutboxId,
        openings: &[Opening<'_>],
        (now, until): (Timestamp, Timestamp),
    ) -> Result<Exchange, StoreError> {
        let entered = self
            .update(&keys::request(request))
            .update_expression("SET challenge.entered_at = :now")
            .condition_expression(
                "attribute_exists(challenge) AND attribute_not_exists(challenge.entered_at)",
            )
            .expression_attribute_values(":now", time(now));
        let mut writes = vec![update(entered)?];
        for opening in openings {
            writes.push(self.arm_ticket(opening, until)?);
            // The code dies with a password set since it was mailed, and with its account.
            writes.push(self.check_open(opening.holder.account, opening.holder.credential_version)?);
            writes.push(self.put_event(&opening.event)?);
        }
        let refused = match self.transact(writes).await? {
            Outcome::Written => return Ok(Exchange::Done),
            Outcome::Refused(refused) => refused,
        };
        if refused.old(0).is_some() {
            return Ok(Exchange::Spent);
        }
        let is_void = |place: &usize| (1..=2).any(|write| refused.old(3 * place + write).is_some());
        Ok(Exchange::Void((0..openings.len()).filter(is_void).collect()))
    }

    /// Gives a ticket the token that its code is exchanged for.
    fn arm_ticket(&self, opening: &Opening<'_>, until: Timestamp) -> Result<TransactWriteItem, StoreError> {
        let holder = opening.holder;
        let write = self
            .update(&keys::ticket(holder.account, holder.ticket))
            .update_expression("SET digest = :digest, valid_until = :until")
            .condition_expression(
                "#state IN (:issued, :sent) AND credential_version = :version \
                 AND (attribute_not_exists(answers) OR answers < :most)",
            )
            .expression_attribute_values(":most", number(question::ATTEMPTS))
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":digest", attribute(&opening.digest)?)
            .expression_attribute_values(":until", time(until))
            .expression_attribute_values(":issued", text(State::Issued.as_str()))
            .expression_attribute_values(":sent", text(State::Sent.as_str()))
            .expression_attribute_values(":version", number(holder.credential_version));
        update(write)
    }
}
