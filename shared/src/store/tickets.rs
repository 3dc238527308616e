//! Tickets: issued once, used once.

use std::collections::HashMap;

use crate::domain::account::Account;
use crate::domain::event::Event;
use crate::domain::limit::Subject;
use crate::domain::outbox::OutboxItem;
use crate::domain::ticket::{State, Ticket};
use crate::platform::clock::Timestamp;
use crate::platform::ids::{AccountId, TicketId};
use crate::secrets::token::Token;
use crate::store::accounts::{Changed, Guard, account_writes, check_open};
use crate::store::conditions::{may_become, open_ticket};
use crate::store::error::StoreError;
use crate::store::events::put_event;
use crate::store::items::{self, AFTERLIFE, Item, number_of};
use crate::store::keys::{self, Key};
use crate::store::limits::forget_sign_ins;
use crate::store::outbox::put_outbox_item;
use crate::store::transact::{Outcome, Store};
use crate::store::write::{Range, Write, equals, lacks};

/// An account's tickets, and what the next one to be issued must find unchanged.
pub struct TicketList {
    /// In the order of issue.
    pub tickets: Vec<Ticket>,
    guard: i64,
}

/// A ticket with its account.
pub struct TicketOfAccount {
    /// The ticket.
    pub ticket: Ticket,
    /// The account whose password it sets.
    pub account: Account,
}

/// A ticket that staff or an operator issue, with everything that follows from it.
pub struct Issue<'a> {
    /// The ticket.
    pub ticket: &'a Ticket,
    /// The account, as it was read.
    pub account: &'a Account,
    /// The account as it becomes, if it changes with it.
    pub changed: Option<&'a Account>,
    /// What is to be mailed.
    pub outbox_item: Option<&'a OutboxItem>,
    /// What is recorded.
    pub event: &'a Event,
}

/// Everything that is written when a ticket sets a password.
pub struct Reset<'a> {
    /// The ticket, as it was read.
    pub ticket: &'a Ticket,
    /// The ticket, used.
    pub used: &'a Ticket,
    /// The account, as it was read and with the new password.
    pub changed: Changed<'a>,
    /// When.
    pub now: Timestamp,
    /// What is recorded.
    pub event: &'a Event,
    /// What the account's owner is mailed.
    pub confirmation: &'a OutboxItem,
    /// The counters of sign-in failures that end with it.
    pub limits: &'a [Subject],
    /// The counter of the account's answers, if one was given.
    pub answers: Option<&'a Subject>,
}

impl Store {
    /// A ticket and its account, together: one round trip.
    pub async fn find_ticket_with_account(
        &self,
        account: AccountId,
        id: TicketId,
    ) -> Result<Option<TicketOfAccount>, StoreError> {
        let (ticket, account) = (keys::ticket(account, id), keys::account(account));
        let mut items = self.get_both(&ticket, &account).await?;
        let (Some(on_ticket), Some(on_account)) = (items.remove(&ticket.pk), items.remove(&account.pk))
        else {
            return Ok(None);
        };
        Ok(Some(TicketOfAccount {
            ticket: items::read(&ticket.pk, on_ticket)?,
            account: items::read(&account.pk, on_account)?,
        }))
    }

    /// The same, and remembers when the holder of its token has first looked at it, while it is good. One round trip: the write
    /// that shows the ticket and the read of the account go out together.
    pub async fn open_ticket(
        &self,
        token: &Token,
        now: Timestamp,
    ) -> Result<Option<TicketOfAccount>, StoreError> {
        let key = keys::ticket(token.account, TicketId::from(token.subject));
        let good = equals("digest", token.digest()).and(open_ticket(now)).and(lacks("opened_at"));
        let write = Write::update(&key).set("opened_at", now).only_if(good);
        let (opened, account) = tokio::join!(self.update_alone(write), self.find_account(token.account));
        let (Some(item), Some(account)) = (opened?.into_item(), account?) else { return Ok(None) };
        Ok(Some(TicketOfAccount { ticket: items::read(&key.pk, item)?, account }))
    }

    /// Two items of different partitions, by partition key.
    async fn get_both(&self, one: &Key, other: &Key) -> Result<HashMap<String, Item>, StoreError> {
        let items = self.get_batch([one.clone(), other.clone()]).await?;
        let by_pk = |item: Item| Some((item.get("pk")?.as_s().ok()?.clone(), item));
        Ok(items.into_iter().filter_map(by_pk).collect())
    }

    /// An account's tickets that have not been cleaned up.
    pub async fn list_tickets(&self, account: AccountId) -> Result<TicketList, StoreError> {
        let pk = keys::tickets(account);
        let mut items = self.query_all(Range::of(&pk)).await?;
        let is_guard =
            |item: &Item| item.get("sk").and_then(|sk| sk.as_s().ok()).is_some_and(|sk| sk == "#GUARD");
        let guard = items.iter().position(is_guard).map(|at| items.remove(at));
        let guard = guard.and_then(|item| number_of(&item, "issued")).unwrap_or_default();
        let tickets = items.into_iter().map(|item| items::read(&pk, item)).collect::<Result<_, _>>()?;
        Ok(TicketList { tickets, guard })
    }

    /// Issues a ticket, if none was issued since `seen` was read, and records it. Changes nothing of the account (F2).
    ///
    /// | Write | Condition |
    /// |---|---|
    /// | put the `TICKET` | there is none |
    /// | raise the guard of the account's tickets | as read |
    /// | put the event | there is none |
    pub async fn create_ticket(
        &self,
        ticket: &Ticket,
        seen: &TicketList,
        event: &Event,
    ) -> Result<Outcome, StoreError> {
        let guard = Write::update(&keys::ticket_guard(ticket.account))
            .set("issued", seen.guard + 1)
            .only_if(lacks("issued").or(equals("issued", seen.guard)));
        self.transact(vec![put_ticket(ticket), guard, put_event(event)]).await
    }

    /// Issues a ticket on behalf of staff or an operator. Refused when the account is not as read.
    ///
    /// | Write | Condition |
    /// |---|---|
    /// | check the account; or, when it changes, the account and its logins | open, of its credential version; everything as read |
    /// | put the `TICKET` | there is none |
    /// | put the event | there is none |
    /// | put the `OUTBOX` item, if something is to be mailed | there is none |
    pub async fn issue_ticket(&self, issue: &Issue<'_>) -> Result<Outcome, StoreError> {
        let old = issue.account;
        let mut writes = match issue.changed {
            Some(new) => account_writes(Changed { old, new }, Guard::Unchanged),
            None => vec![check_open(old.id, old.credential_version)],
        };
        writes.push(put_ticket(issue.ticket));
        writes.push(put_event(issue.event));
        writes.extend(issue.outbox_item.map(put_outbox_item));
        self.transact(writes).await
    }

    /// Gives a ticket the token of its link, once: it becomes `with_token`. `false` when it has another, or is no longer to be
    /// had.
    pub async fn record_link(&self, ticket: &Ticket, with_token: &Ticket) -> Result<bool, StoreError> {
        let none_or_same = lacks("digest").or(equals("digest", with_token.digest));
        let write = Write::difference(&keys::ticket(ticket.account, ticket.id), ticket, with_token);
        let write = write.only_if(equals("state", State::Issued).and(none_or_same));
        Ok(self.update_alone(write).await?.is_written())
    }

    /// Tells an account and its logins which temporary password is mailed now, and the ticket what derives it again. `false`
    /// when another has been issued since, or the ticket can no longer be used. Done again, it changes nothing.
    ///
    /// | Write | Condition |
    /// |---|---|
    /// | the ticket gets the nonce and the key's id | `issued` or `sent`, without a key or with this one |
    /// | the account and each of its logins get the digest | its temporary password is this ticket's |
    pub async fn record_temporary(
        &self,
        ticket: &Ticket,
        derived: &Ticket,
        changed: Changed<'_>,
    ) -> Result<bool, StoreError> {
        let none_or_same = lacks("derivation_key").or(equals("derivation_key", &derived.derivation_key));
        let write = Write::difference(&keys::ticket(ticket.account, ticket.id), ticket, derived);
        let mut writes = vec![write.only_if(may_become(State::Used).and(none_or_same))];
        writes.extend(account_writes(changed, Guard::TemporaryOf(ticket.id)));
        Ok(self.transact(writes).await?.is_written())
    }

    /// Takes a ticket back. Refused when it has been used or taken back before.
    pub async fn revoke_ticket(
        &self,
        account: AccountId,
        id: TicketId,
        event: &Event,
    ) -> Result<Outcome, StoreError> {
        self.transact(vec![move_ticket(account, id, State::Revoked), put_event(event)]).await
    }

    /// Marks a ticket as sent and records the mail. One that has been sent before, or used or revoked meanwhile, stays so.
    pub async fn record_sent(&self, ticket: &Ticket, event: &Event) -> Result<(), StoreError> {
        let mark = move_ticket(ticket.account, ticket.id, State::Sent);
        match self.transact(vec![mark, put_event(event)]).await? {
            Outcome::Written => Ok(()),
            Outcome::Refused(_) => self.record_event(event).await,
        }
    }

    /// Sets a password with a ticket: everything or nothing (T4). Refused when the ticket is not open or the account is
    /// not as it was read.
    ///
    /// | Write | Condition |
    /// |---|---|
    /// | the ticket becomes `used` | `issued` or `sent`, its time not over now, of the account's credential version, the same digest |
    /// | the account gets the hash, and the question if one is set; a temporary password goes, and so does what froze the account; credential version and session epoch rise | both as read, no other temporary password issued since, active, not refused |
    /// | each login of the account gets the same | it is this account's |
    /// | put the event | there is none |
    /// | put the `OUTBOX` item of the confirmation | there is none |
    /// | delete the sign-in counters of the account's names | |
    /// | delete the account's counter of answers, if one was given | |
    ///
    /// The raised version voids every other ticket, the raised epoch every session; neither needs to be found.
    pub async fn consume_ticket(&self, reset: &Reset<'_>) -> Result<Outcome, StoreError> {
        let ticket = reset.ticket;
        // The condition that single use, expiry (T3) and supersession rest on.
        let open = open_ticket(reset.now)
            .and(equals("credential_version", reset.changed.old.credential_version))
            .and(equals("digest", ticket.digest));
        let used = Write::difference(&keys::ticket(ticket.account, ticket.id), ticket, reset.used);
        let mut writes = vec![used.only_if(open)];
        writes.extend(account_writes(reset.changed, Guard::OpenWithTemporary));
        writes.push(put_event(reset.event));
        writes.push(put_outbox_item(reset.confirmation));
        writes.extend(reset.limits.iter().map(forget_sign_ins));
        writes.extend(reset.answers.map(|answers| Write::delete(&keys::answer_limit(answers))));
        self.transact(writes).await
    }
}

fn put_ticket(ticket: &Ticket) -> Write {
    let key = keys::ticket(ticket.account, ticket.id);
    Write::create(&key, ticket, Some(ticket.valid_until + AFTERLIFE))
}

/// Moves a ticket into another state, from any that may become it.
fn move_ticket(account: AccountId, id: TicketId, next: State) -> Write {
    Write::update(&keys::ticket(account, id)).set("state", next).only_if(may_become(next))
}

/// Uses a temporary password up, as part of a transaction: once, in its time.
pub(super) fn use_temporary(account: AccountId, id: TicketId, now: Timestamp) -> Write {
    let used = Write::update(&keys::ticket(account, id)).set("state", State::Used).set("used_at", now);
    used.only_if(open_ticket(now))
}
