//! Verification codes: mailed once, guessed at a few times, exchanged once.
//!
//! The function that takes codes reads no account: its role may check a condition on one, and no more. The mailer puts on the
//! request everything that a caller with the right code is told (usernames and questions), and the ticket of each account. So the
//! question is the one of the time of the mail.

use crate::domain::account::Account;
use crate::domain::challenge::{ATTEMPTS, Holder, Mailed};
use crate::domain::event::Event;
use crate::domain::outbox::{OutboxItem, OutboxKind};
use crate::domain::ticket::State;
use crate::platform::clock::Timestamp;
use crate::platform::ids::{AccountId, OutboxId};
use crate::secrets::token::Digest;
use crate::store::accounts::{Changed, Guard, account_writes, check_open};
use crate::store::conditions::{has_answers_left, may_become};
use crate::store::error::StoreError;
use crate::store::events::put_event;
use crate::store::items::Item;
use crate::store::keys::{self, Key};
use crate::store::limits::{CountedMail, Issuance};
use crate::store::outbox::put_outbox_item;

use crate::store::transact::{Outcome, Store};
use crate::store::write::{Condition, Write, above, below, differs, equals, has, has_size, lacks};

/// One account that an entered code opens.
pub struct Opening<'a> {
    /// The account, with its ticket.
    pub holder: &'a Holder,
    /// The digest of the token that the code is exchanged for.
    pub digest: Digest,
    /// The event that records it.
    pub event: Event,
}

/// Everything that is written when a right code is exchanged.
pub struct CodeExchange<'a> {
    /// The id of the request that the code was entered for.
    pub request: OutboxId,
    /// The accounts that the code opens.
    pub openings: &'a [Opening<'a>],
    /// The time of the exchange.
    pub now: Timestamp,
    /// The time until which the tokens can be used.
    pub until: Timestamp,
}

/// A caller check for which a code is entered.
#[derive(Clone, Copy)]
pub struct Check<'a> {
    /// The id of its outbox item.
    pub id: OutboxId,
    /// The member of staff to whom the code was read out.
    pub staff: &'a Account,
    /// The id of the account as whose owner the caller is checked.
    pub account: AccountId,
}

/// The outcome of exchanging a right code.
#[derive(Debug)]
pub enum Exchange {
    /// The code has been exchanged for every opening.
    Done,
    /// The code was exchanged before.
    Spent,
    /// Nothing was written: the tickets or the accounts of the openings at these positions are no longer good.
    Void(Vec<usize>),
}

/// Whether a code may be compared.
#[derive(Debug)]
pub enum CodeCount {
    /// It has been counted. This is its request.
    Counted(Box<OutboxItem>),
    /// It cannot be the request's code, which has another number of digits. It is not counted.
    OtherLength {
        /// The number of codes that will still be compared.
        attempts_left: u64,
    },
    /// No code is compared for the request any more, or there is none.
    Closed,
}

impl Store {
    /// Remembers a code with its request before the code is mailed, so that it works when it arrives.
    ///
    /// One update by itself: the code is appended to the request's mailed codes. Condition: there are as many as were `seen`.
    ///
    /// `false` means that another code has been remembered since; nothing is written then. The mailer leaves its record to come
    /// again and finds that code, also when the reply to its own update was lost. This is no transaction, because a transaction
    /// could delay a code that is being entered, and it would do so for known identifiers only. One round trip.
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

    /// Counts a code that was entered for a request, before the code is compared, and returns the request as it is then.
    ///
    /// One update by itself: the request's number of attempts rises by one, and its latest mark becomes `mark`. Condition: the
    /// code's time has not passed, fewer than five attempts are counted, the right code has not been exchanged, its codes have
    /// `length` digits, and the latest mark is another.
    ///
    /// [`CodeCount::Closed`] means that no code is compared for this id: it is of no request for a code, or the condition failed. The
    /// mark is random and belongs to one attempt. When the reply to the update is lost, the update is sent again and fails; the mark
    /// on the request then shows that this attempt has been counted already, and the request is returned all the same. One round
    /// trip.
    pub async fn count_code(
        &self,
        id: OutboxId,
        length: u32,
        mark: Digest,
        now: Timestamp,
    ) -> Result<CodeCount, StoreError> {
        let key = keys::request(id);
        self.count_at(&key, &key, (length, mark, now), (has("challenge"), |_: &OutboxItem| true)).await
    }

    /// Counts a code that staff have entered for a caller check, as [`Store::count_code`] does for a request.
    ///
    /// One update by itself. Condition: as there, and the check is this member of staff's, for this account. Up to one round trip.
    pub async fn count_check(
        &self,
        check: &Check<'_>,
        length: u32,
        mark: Digest,
    ) -> Result<CodeCount, StoreError> {
        let is_theirs = equals("by", check.staff.id).and(equals("account", check.account));
        let is_of = |item: &OutboxItem| match item.kind {
            OutboxKind::CallerCheck { account, by, .. } => account == check.account && by == check.staff.id,
            _ => false,
        };
        let key = keys::outbox(check.id);
        // What is refused to a colleague says nothing of what is refused to them.
        let memory = keys::check_by(&key, check.staff.id, check.account);
        self.count_at(&key, &memory, (length, mark, self.ambient.now()), (is_theirs, is_of)).await
    }

    async fn count_at(
        &self,
        key: &Key,
        memory: &Key,
        (length, mark, now): (u32, Digest, Timestamp),
        (fits, is_of): (Condition, impl Fn(&OutboxItem) -> bool),
    ) -> Result<CodeCount, StoreError> {
        let of_length = keys::of_length(memory, length);
        if self.refusals.recall(memory, now).is_some() {
            return Ok(CodeCount::Closed);
        }
        if let Some(item) = self.refusals.recall(&of_length, now) {
            return Ok(refused_count(self.read_request(key, Some(item))?.as_ref(), length, now));
        }
        let open = above("challenge.valid_until", now)
            .and(below("challenge.attempts", ATTEMPTS))
            .and(lacks("challenge.entered_at"))
            .and(equals("challenge.length", length))
            .and(lacks("challenge.latest").or(differs("challenge.latest", mark)))
            .and(fits);
        let write =
            Write::update(key).add("challenge.attempts", 1).set("challenge.latest", mark).only_if(open);
        let item = self.update_alone(write).await?.into_item();
        let request = self.read_request(key, item.clone())?;
        let is_counted = |request: &OutboxItem| {
            request
                .challenge()
                .is_some_and(|challenge| challenge.latest == Some(mark) && challenge.valid_until > now)
        };
        let refused = match request {
            Some(request) if is_counted(&request) => return Ok(CodeCount::Counted(Box::new(request))),
            request => refused_count(request.as_ref().filter(|item| is_of(item)), length, now),
        };
        match refused {
            CodeCount::OtherLength { .. } => self.refusals.note(&of_length, item.as_ref(), now),
            _ => self.refusals.note(memory, None, now),
        }
        Ok(refused)
    }

    fn read_request(&self, key: &Key, item: Option<Item>) -> Result<Option<OutboxItem>, StoreError> {
        item.map(|item| self.reader.value(&key.pk, item)).transpose()
    }

    /// Begins a caller check.
    ///
    /// One transaction:
    ///
    /// - The mail is counted for the member of staff, for the account and for its mailbox. Condition: every window has room.
    /// - The account is checked. Condition: it is open, and its credential version is as read.
    /// - The outbox item and the event are put. Condition: neither exists.
    /// - The account of the member of staff is checked. Condition: it is open, and its role and its session epoch are as read.
    ///
    /// [`Issuance::Limited`] means that a window is full, and [`Issuance::Outrun`] that the account, or the rights of the member of
    /// staff, have changed since they were read; nothing is written in either case. One round trip.
    pub async fn create_check(
        &self,
        staff: &Account,
        account: &Account,
        item: &OutboxItem,
        event: &Event,
    ) -> Result<Issuance, StoreError> {
        let mail = CountedMail { by: Some(staff.id), account, is_notice: false };
        let mut writes = mail.writes(event.at);
        writes.extend([
            check_open(account.id, account.credential_version),
            put_outbox_item(item),
            put_event(event),
        ]);
        self.transact_counted(Some(staff), writes, Some(mail), event.at).await
    }

    /// Records that the right code of a caller check was entered.
    ///
    /// One transaction:
    ///
    /// - The check is marked as entered. Condition: it is one, and has not been entered.
    /// - The event is put. Condition: it does not exist.
    /// - If it proves the account's address, the account gets `email_proven_at`. Condition: its revision and its `mail` are as
    ///   read, and so is the address.
    /// - The account of the member of staff is checked. Condition: it is open, and its role and its session epoch are as read.
    ///
    /// A refusal means that it was entered before, or that the account or the rights of the member of staff have changed since they
    /// were read; nothing is written. One round trip.
    pub async fn enter_check(
        &self,
        check: &Check<'_>,
        proven: Option<Changed<'_>>,
        event: &Event,
    ) -> Result<Outcome, StoreError> {
        let mut writes = vec![entered(&keys::outbox(check.id), event.at), put_event(event)];
        writes.extend(proven.into_iter().flat_map(|changed| account_writes(changed, Guard::Address)));
        self.transact_by(Some(check.staff), writes).await
    }

    /// Exchanges a right code for tokens: once, and for every account in `openings` or for none.
    ///
    /// One transaction:
    ///
    /// - The request is marked as entered. Condition: it is a request for a code, and has not been entered.
    /// - Each account's ticket gets the digest of its token and the new end of its time. Condition: it is `issued` or `sent`, of
    ///   the credential version that the code was mailed for, and has answers left.
    /// - Each account is checked. Condition: it is open, and of that credential version. So a code ends with a password that is
    ///   set after its mail, and with its account.
    /// - An event for each account is put. Condition: it does not exist.
    ///
    /// [`Exchange::Spent`] means that the code was exchanged before; [`Exchange::Void`] names the accounts that can no longer be
    /// opened. Nothing is written in either case, and the caller tries again without those accounts. One round trip.
    pub async fn exchange_code(&self, exchange: &CodeExchange<'_>) -> Result<Exchange, StoreError> {
        let mut writes = vec![entered(&keys::request(exchange.request), exchange.now)];
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

/// What a code is told that was not counted.
fn refused_count(request: Option<&OutboxItem>, length: u32, now: Timestamp) -> CodeCount {
    match request.and_then(OutboxItem::challenge) {
        Some(challenge) if challenge.is_open(now) && challenge.length != length => {
            CodeCount::OtherLength { attempts_left: challenge.attempts_left() }
        }
        _ => CodeCount::Closed,
    }
}

/// The write that marks the code of an item as entered.
fn entered(item: &Key, now: Timestamp) -> Write {
    let once = has("challenge").and(lacks("challenge.entered_at"));
    Write::update(item).set("challenge.entered_at", now).only_if(once)
}

/// The write that gives a ticket the token that its code is exchanged for.
fn open_ticket_of(opening: &Opening<'_>, until: Timestamp) -> Write {
    let holder = opening.holder;
    let same_version = equals("credential_version", holder.credential_version);
    Write::update(&keys::ticket(holder.account, holder.ticket))
        .set("digest", opening.digest)
        .set("valid_until", until)
        .only_if(may_become(State::Used).and(same_version).and(has_answers_left()))
}
