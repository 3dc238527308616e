//! Tickets: issued once, used once.
//!
//! **A guard caps open tickets.** Two mailers that each see one open link would together make three. So each issue by the mailer
//! raises a number in the account's ticket partition, which must be as it was read. By self-service, two links in the first half of
//! their lives and one code's ticket may be open for an account. With two such links open, the newest is sent again; with a code's
//! ticket open, the next code leads to it too. So a flood of requests piles no tickets up, and the person still gets a mail that
//! works. Each kind is counted by itself, because neither can stand in for the other: a code's ticket has no token that could be
//! mailed. Under a common cap, a flood of links would leave no room for a code's ticket, and the reverse.

use std::collections::HashMap;

use crate::domain::account::Account;
use crate::domain::event::Event;
use crate::domain::limit::Subject;
use crate::domain::outbox::OutboxItem;
use crate::domain::ticket::{Kind, State, Ticket};
use crate::platform::clock::Timestamp;
use crate::platform::ids::{AccountId, OutboxId, TicketId};
use crate::secrets::token::Token;
use crate::store::accounts::{Changed, Guard, account_writes, check_open};
use crate::store::conditions::{may_become, open_account, open_ticket};
use crate::store::error::StoreError;
use crate::store::events::put_event;
use crate::store::items::{AFTERLIFE, Item, number_of};
use crate::store::keys::{self, Key};
use crate::store::limits::{CountedMail, Issuance, forget_sign_ins};
use crate::store::outbox::put_outbox_item;
use crate::store::places::put_issued;
use crate::store::spray::remember_place;
use crate::store::told::Told;
use crate::store::transact::{Newest, Outcome, Store};
use crate::store::write::{Range, Write, equals, lacks, present};

/// The tickets of an account, and the guard that the next issue must find unchanged.
pub struct TicketList {
    /// The tickets, in the order of their ids.
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

/// A ticket that staff or an operator issue, and everything that is written with it.
pub struct Issue<'a> {
    /// The account of the member of staff who issues it, if one does.
    pub staff: Option<&'a Account>,
    /// The ticket.
    pub ticket: &'a Ticket,
    /// The account, as it was read.
    pub account: &'a Account,
    /// The account as it becomes, if it changes with the issue.
    pub changed: Option<&'a Account>,
    /// The outbox item of the mail, if one is due.
    pub outbox_item: Option<&'a OutboxItem>,
    /// The outbox item of the mail that tells the owner of it, if one is due.
    pub notice: Option<&'a OutboxItem>,
    /// The event that records it, and the mails about it.
    pub told: Told<'a>,
}

/// Everything that is written when a ticket sets a password.
pub struct Reset<'a> {
    /// The ticket, as it was read.
    pub ticket: &'a Ticket,
    /// The ticket, used.
    pub used: &'a Ticket,
    /// The account, as it was read and with the new password.
    pub changed: Changed<'a>,
    /// The time of the use.
    pub now: Timestamp,
    /// The event that records it.
    pub event: &'a Event,
    /// The outbox item of the mail to the account's owner.
    pub confirmation: &'a OutboxItem,
    /// The counters of failed sign-ins that end with it.
    pub limits: &'a [Subject],
    /// The source of the reset, for each of the account's names.
    pub sources: &'a [Subject],
    /// The counter of the account's answers, if one was given.
    pub answers: Option<&'a Subject>,
}

impl Store {
    /// Finds a ticket and its account in one `BatchGetItem`. `None` when one of them does not exist. One round trip.
    ///
    /// The two are not read at one instant: a ticket that looks void may be the one that has just set the password.
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
            ticket: self.reader.value(&ticket.pk, on_ticket)?,
            account: self.reader.value(&account.pk, on_account)?,
        }))
    }

    /// The ticket as it is without the member of staff who handed its link over, if their account is closed or gone. One round trip for
    /// such a link, and none for others.
    pub async fn without_who_left(&self, found: TicketOfAccount) -> Result<TicketOfAccount, StoreError> {
        let Some(staff) = found.ticket.shown_to() else { return Ok(found) };
        let is_there = self.find_account(staff).await?.is_some_and(|account| account.is_open());
        let ticket = if is_there { found.ticket } else { found.ticket.left_behind() };
        Ok(TicketOfAccount { ticket, ..found })
    }

    /// Finds the ticket of a token and its account, and records when the holder of the token first looked at the ticket.
    ///
    /// Two calls that go out together:
    ///
    /// - One update by itself: the ticket gets `opened_at`. Condition: its digest is the token's, it is `issued` or `sent`, its
    ///   time has not passed, and it has not been opened before.
    /// - One read of the account.
    ///
    /// The ticket is returned as it is, whether or not the condition held; `None` means that the ticket or the account does not
    /// exist. `opened_at` is for staff to see; nothing is used up by it, and it decides nothing. One round trip.
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
        Ok(Some(TicketOfAccount { ticket: self.reader.value(&key.pk, item)?, account }))
    }

    /// Two items of different partitions, by their partition keys.
    async fn get_both(&self, one: &Key, other: &Key) -> Result<HashMap<String, Item>, StoreError> {
        let items = self.get_batch([one.clone(), other.clone()]).await?;
        let by_pk = |item: Item| Some((item.get("pk")?.as_s().ok()?.clone(), item));
        Ok(items.into_iter().filter_map(by_pk).collect())
    }

    /// Lists the tickets of an account that have not been cleaned up. One round trip for each megabyte.
    pub async fn list_tickets(&self, account: AccountId) -> Result<TicketList, StoreError> {
        let pk = keys::tickets(account);
        let mut items = self.query_all(Range::of(&pk)).await?;
        let is_guard =
            |item: &Item| item.get("sk").and_then(|sk| sk.as_s().ok()).is_some_and(|sk| sk == "#GUARD");
        let guard = items.iter().position(is_guard).map(|at| items.remove(at));
        let guard = guard.and_then(|item| number_of(&item, "issued")).unwrap_or_default();
        let tickets = items.into_iter().map(|item| self.reader.value(&pk, item)).collect::<Result<_, _>>()?;
        Ok(TicketList { tickets, guard })
    }

    /// Lists a page of the tickets of an account that have not been cleaned up. One round trip.
    pub async fn page_of_tickets(
        &self,
        account: AccountId,
        after: Option<TicketId>,
        limit: usize,
    ) -> Result<Newest<Ticket>, StoreError> {
        self.newest(&keys::tickets(account), after.map(|id| id.to_string()), limit).await
    }

    /// Issues a ticket for a request or an invitation. It changes nothing of the account (F2).
    ///
    /// One transaction:
    ///
    /// - The ticket is put. Condition: it does not exist. So is what leads to it from the member of staff who asked for it, if any.
    /// - The guard of the account's tickets rises by one. Condition: it is as in `seen`.
    /// - The event is put. Condition: it does not exist.
    ///
    /// A refusal means that a ticket has been issued since `seen` was read; nothing is written. One round trip.
    pub async fn create_ticket(
        &self,
        ticket: &Ticket,
        seen: &TicketList,
        event: &Event,
    ) -> Result<Outcome, StoreError> {
        let guard = Write::update(&keys::ticket_guard(ticket.account))
            .set("issued", seen.guard + 1)
            .only_if(lacks("issued").or(equals("issued", seen.guard)));
        self.transact(put_ticket(ticket).chain([guard, put_event(event)]).collect()).await
    }

    /// Issues a ticket for staff or an operator.
    ///
    /// One transaction:
    ///
    /// - When the account does not change, it is checked. Condition: it is open, and its credential version is as read.
    /// - When the account changes, it and each of its logins get the members that differ. Condition: the account's revision,
    ///   credential version, session epoch, password and `mail` are as read, and each login is the account's.
    /// - The ticket is put. Condition: it does not exist. So is what leads to it from the member of staff, if one issues it.
    /// - The event is put, the outbox item of the mail, if one is due, and those of mails about it. Condition: none exists.
    /// - The account of the member of staff is checked, if one issues it. Condition: it is open, and its role and its session epoch
    ///   are as read.
    /// - If a mail is due, or a notice of a copied link, it is counted for the member of staff, for the account and for its mailbox.
    ///   Condition: every window has room.
    ///
    /// The account changes when its owner is invited for the first time, and when a temporary password is issued. A copied link's
    /// ticket has the digest of its token. The ticket of a mailed link gets it from the mailer ([`Store::record_link`]), so that
    /// the member of staff who issues it cannot open it. With a temporary password, the account names its ticket, an earlier
    /// temporary password is void from then on, and by the practice's policy the current password goes and every session ends.
    ///
    /// [`Issuance::Limited`] means that a window is full, and [`Issuance::Outrun`] that the account, or the rights of the member of
    /// staff, have changed since they were read; nothing is written in either case. One round trip.
    pub async fn issue_ticket(&self, issue: &Issue<'_>) -> Result<Issuance, StoreError> {
        let (old, now) = (issue.account, issue.told.event.at);
        let by = issue.staff.map(|staff| staff.id);
        let is_notice = issue.outbox_item.is_none();
        let mail = issue.outbox_item.or(issue.notice).map(|_| CountedMail { by, account: old, is_notice });
        let mut writes = mail.map(|mail| mail.writes(now)).unwrap_or_default();
        match issue.changed {
            Some(new) => writes.extend(account_writes(Changed { old, new }, Guard::Unchanged)),
            None => writes.push(check_open(old.id, old.credential_version)),
        }
        writes.extend(put_ticket(issue.ticket));
        writes.extend(issue.outbox_item.into_iter().chain(issue.notice).map(put_outbox_item));
        issue.told.add_to(&mut writes);
        self.transact_counted(issue.staff, writes, mail, now).await
    }

    /// Gives a ticket the token of its link: it becomes `with_token`.
    ///
    /// One update by itself: the ticket gets the digest of the token, and the nonce and the key's id, from which the token is
    /// derived again. Condition: it is `issued`, and has no digest or this one.
    ///
    /// `false` means that the ticket has another token, or has been sent, used or revoked; nothing is written. Done again, it
    /// changes nothing. One round trip.
    pub async fn record_link(&self, ticket: &Ticket, with_token: &Ticket) -> Result<bool, StoreError> {
        let none_or_same = lacks("digest").or(equals("digest", with_token.digest));
        let write = Write::difference(&keys::ticket(ticket.account, ticket.id), ticket, with_token);
        let write = write.only_if(equals("state", State::Issued).and(none_or_same));
        Ok(self.update_alone(write).await?.is_written())
    }

    /// Writes the digest of a temporary password before the password is mailed, so that it works when it arrives.
    ///
    /// One transaction:
    ///
    /// - The ticket gets the nonce and the key's id, from which the password is derived again. Condition: it is `issued` or
    ///   `sent`, and has no key's id or this one.
    /// - The account and each of its logins get the digest of the password. Condition: the temporary password that they have is
    ///   this ticket's.
    ///
    /// `false` means that another temporary password has been issued since, or that the ticket can no longer be used; nothing is
    /// written. Done again, it changes nothing. One round trip.
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

    /// Takes a ticket back.
    ///
    /// One transaction:
    ///
    /// - The ticket becomes `revoked`. Condition: it is `issued` or `sent`.
    /// - The event is put, and the outbox items of mails about it. Condition: none exists.
    /// - The account of the member of staff is checked, if one does it. Condition: it is open, and its role and its session epoch are
    ///   as read.
    ///
    /// A refusal means that the ticket has been used or revoked before, or does not exist, or that the member of staff has been
    /// closed, signed out or given another role; nothing is written. One round trip.
    pub async fn revoke_ticket(
        &self,
        staff: Option<&Account>,
        account: AccountId,
        id: TicketId,
        told: impl Into<Told<'_>>,
    ) -> Result<Outcome, StoreError> {
        let mut writes = vec![move_ticket(account, id, State::Revoked)];
        told.into().add_to(&mut writes);
        self.transact_by(staff, writes).await
    }

    /// Records that SES has taken a mail of the item that carries the ticket. The event of it is put with the item, when that is done
    /// or waits for more.
    ///
    /// One update by itself: the ticket becomes `sent`, and gets the item among its `sent_for`. Condition: it is `issued`.
    ///
    /// When the condition fails, the ticket has been sent before, or has been used or revoked meanwhile. It stays so, and gets the item
    /// among its `sent_for` by another update. Up to two round trips.
    pub async fn record_sent(&self, ticket: &Ticket, item: OutboxId) -> Result<(), StoreError> {
        let moved = move_ticket(ticket.account, ticket.id, State::Sent).append("sent_for", item);
        if !self.update_alone(moved).await?.is_written() {
            let key = keys::ticket(ticket.account, ticket.id);
            self.update_alone(Write::update(&key).append("sent_for", item).only_if(present())).await?;
        }
        Ok(())
    }

    /// Sets a password with a ticket: everything or nothing (T4).
    ///
    /// One transaction:
    ///
    /// - The ticket becomes `used`. Condition: it is `issued` or `sent`, its time has not passed, it is of the account's
    ///   credential version, and its digest is as read.
    /// - The member of staff who handed the link over is checked, if one did. Condition: their account is open.
    /// - The account gets the hash, and the security question if one is set with it; it loses its temporary password and
    ///   `frozen_at`, and its credential version and its session epoch rise. Condition: it is open, both are as read, and no
    ///   other temporary password has been issued.
    /// - Each login of the account gets the same. Condition: it is the account's login.
    /// - The event is put, and the outbox item of the confirmation. Condition: neither exists.
    /// - The counters of failed sign-ins of the account's names are deleted, and the counter of its answers, if one was given.
    ///   They have no condition. So has the source, which is remembered as one from which the account's names sign in.
    ///
    /// The raised version voids every other ticket, and the raised epoch every session; neither has to be found. A refusal means
    /// that the ticket is no longer open, or that the account has changed since it was read; nothing is written. Of many attempts
    /// with one ticket, one succeeds. One round trip.
    pub async fn consume_ticket(&self, reset: &Reset<'_>) -> Result<Outcome, StoreError> {
        let ticket = reset.ticket;
        // The condition that single use, expiry (T3) and supersession rest on.
        let open = open_ticket(reset.now)
            .and(equals("credential_version", reset.changed.old.credential_version))
            .and(equals("digest", ticket.digest));
        let used = Write::difference(&keys::ticket(ticket.account, ticket.id), ticket, reset.used);
        let mut writes = vec![used.only_if(open)];
        let of_staff = ticket.shown_to().map(|staff| Write::check(&keys::account(staff)));
        writes.extend(of_staff.map(|check| check.only_if(open_account())));
        writes.extend(account_writes(reset.changed, Guard::OpenWithTemporary));
        writes.push(put_event(reset.event));
        writes.push(put_outbox_item(reset.confirmation));
        writes.extend(reset.limits.iter().map(forget_sign_ins));
        writes.extend(reset.sources.iter().map(|source| remember_place(source, reset.now)));
        writes.extend(reset.answers.map(|answers| Write::delete(&keys::answer_limit(answers))));
        self.transact(writes).await
    }
}

/// The writes that put a ticket, and what leads to it from the member of staff who issues it, if one does.
pub(super) fn put_ticket(ticket: &Ticket) -> impl Iterator<Item = Write> {
    let key = keys::ticket(ticket.account, ticket.id);
    let own = Write::create(&key, ticket, Some(ticket.valid_until + AFTERLIFE));
    [own].into_iter().chain(put_issued(ticket))
}

/// The write that moves a ticket into another state, from any state that may become it.
pub(super) fn move_ticket(account: AccountId, id: TicketId, next: State) -> Write {
    Write::update(&keys::ticket(account, id)).set("state", next).only_if(may_become(next))
}

/// The write that uses a temporary password up: once, in its time, and only if its ticket is one. The ticket of a link that somebody
/// has asked for must not let a digest in that was planted with the account.
pub(super) fn use_temporary(account: AccountId, id: TicketId, now: Timestamp) -> Write {
    let used = Write::update(&keys::ticket(account, id)).set("state", State::Used).set("used_at", now);
    used.only_if(open_ticket(now).and(equals("kind", Kind::TemporaryPassword)))
}
