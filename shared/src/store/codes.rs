//! Codes: mailed once, guessed at a few times, exchanged once.

use crate::domain::challenge::{ATTEMPTS, Holder, Mailed};
use crate::domain::event::Event;
use crate::domain::outbox::OutboxItem;
use crate::domain::ticket::State;
use crate::platform::clock::Timestamp;
use crate::platform::ids::OutboxId;
use crate::secrets::token::Digest;
use crate::store::accounts::check_open;
use crate::store::conditions::{has_answers_left, may_become};
use crate::store::error::StoreError;
use crate::store::events::put_event;
use crate::store::items;
use crate::store::keys;
use crate::store::transact::{Outcome, Store};
use crate::store::write::{Write, above, below, differs, equals, has, has_size, lacks};

/// One account that an entered code opens.
pub struct Opening<'a> {
    /// Which, with its ticket.
    pub holder: &'a Holder,
    /// Of the token that the code is exchanged for.
    pub digest: Digest,
    /// What is recorded.
    pub event: Event,
}

/// Everything that is written when a right code is exchanged.
pub struct CodeExchange<'a> {
    /// The request that the code was entered for.
    pub request: OutboxId,
    /// The accounts that it opens.
    pub openings: &'a [Opening<'a>],
    /// When.
    pub now: Timestamp,
    /// Until when the tokens can be used.
    pub until: Timestamp,
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
        request: &OutboxItem,
        seen: &[Mailed],
        mailed: &Mailed,
    ) -> Result<bool, StoreError> {
        let write = Write::update(&keys::outbox_item(request))
            .append("challenge.mailed", mailed)
            .only_if(has_size("challenge.mailed", seen.len()));
        Ok(self.update_alone(write).await?.is_written())
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
    ) -> Result<Option<OutboxItem>, StoreError> {
        let key = keys::request(id);
        let open = above("challenge.valid_until", now)
            .and(below("challenge.attempts", ATTEMPTS))
            .and(lacks("challenge.entered_at"))
            .and(lacks("challenge.latest").or(differs("challenge.latest", mark)));
        let write =
            Write::update(&key).add("challenge.attempts", 1).set("challenge.latest", mark).only_if(open);
        let Some(item) = self.update_alone(write).await?.into_item() else { return Ok(None) };
        let request: OutboxItem = items::read(&key.pk, item)?;
        let counted = request.challenge().is_some_and(|challenge| challenge.latest == Some(mark));
        Ok(Some(request).filter(|_| counted))
    }

    /// Exchanges a right code for tokens: everything or nothing, and once.
    ///
    /// | Write | Condition |
    /// |---|---|
    /// | the request is marked as entered | it is a request for a code, and was not entered |
    /// | each account's ticket gets the digest of its token, and its new end | `issued` or `sent`, of the credential version that the code was mailed for, with answers left |
    /// | check each account | of that credential version, active, not refused |
    /// | put an event for each | there is none |
    pub async fn exchange_code(&self, exchange: &CodeExchange<'_>) -> Result<Exchange, StoreError> {
        let entered = Write::update(&keys::request(exchange.request))
            .set("challenge.entered_at", exchange.now)
            .only_if(has("challenge").and(lacks("challenge.entered_at")));
        let mut writes = vec![entered];
        for opening in exchange.openings {
            writes.push(open_ticket_of(opening, exchange.until));
            // The code dies with a password set since it was mailed, and with its account.
            writes.push(check_open(opening.holder.account, opening.holder.credential_version));
            writes.push(put_event(&opening.event));
        }
        let refused = match self.transact(writes).await? {
            Outcome::Written => return Ok(Exchange::Done),
            Outcome::Refused(refused) => refused,
        };
        if refused.old(0).is_some() {
            return Ok(Exchange::Spent);
        }
        let is_void = |place: &usize| (1..=2).any(|write| refused.old(3 * place + write).is_some());
        Ok(Exchange::Void((0..exchange.openings.len()).filter(is_void).collect()))
    }
}

/// Gives a ticket the token that its code is exchanged for.
fn open_ticket_of(opening: &Opening<'_>, until: Timestamp) -> Write {
    let holder = opening.holder;
    let same_version = equals("credential_version", holder.credential_version);
    Write::update(&keys::ticket(holder.account, holder.ticket))
        .set("digest", opening.digest)
        .set("valid_until", until)
        .only_if(may_become(State::Used).and(same_version).and(has_answers_left()))
}
