//! Tickets: issued once, used once.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::TransactWriteItem;

use super::accounts::update;
use super::items::{self, AFTERLIFE, attribute, number, number_of, text, time};
use super::keys::{self, Key};
use super::{Item, Outcome, Store, StoreError, limits};
use crate::account::{Account, Question};
use crate::clock::Timestamp;
use crate::event::Event;
use crate::ids::{AccountId, TicketId};
use crate::limit::Subject;
use crate::outbox::Outbox;
use crate::password::PasswordHash;
use crate::question;
use crate::ticket::{State, Ticket};
use crate::token::{Digest, Token};

/// An account's tickets, and what the next one to be issued must find unchanged.
pub struct Issued {
    /// In the order of issue.
    pub tickets: Vec<Ticket>,
    guard: i64,
}

/// Whether an answer may be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// It has been counted.
    Counted,
    /// The ticket has had all its answers.
    Void,
    /// The account has had all its answers for now.
    Later {
        /// Seconds until the next may be given.
        retry_after: u64,
        /// When the last was given.
        since: Timestamp,
    },
}

/// Everything that is written when a ticket sets a password.
pub struct Reset<'a> {
    /// Which ticket.
    pub ticket: &'a Ticket,
    /// Of which account, as it was read.
    pub account: &'a Account,
    /// The new password.
    pub password: &'a PasswordHash,
    /// The security question that is set with it.
    pub question: Option<&'a Question>,
    /// When.
    pub now: Timestamp,
    /// Of the `Idempotency-Key`.
    pub idempotency: Option<Digest>,
    /// What is recorded.
    pub event: &'a Event,
    /// What the account's owner is mailed.
    pub confirmation: &'a Outbox,
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
    ) -> Result<Option<(Ticket, Account)>, StoreError> {
        let (ticket, account) = (keys::ticket(account, id), keys::account(account));
        let mut items = self.get_both(&ticket, &account).await?;
        let (Some(on_ticket), Some(on_account)) = (items.remove(&ticket.pk), items.remove(&account.pk))
        else {
            return Ok(None);
        };
        Ok(Some((items::read(&ticket.pk, on_ticket)?, items::read(&account.pk, on_account)?)))
    }

    /// The same, and remembers when the holder of its token has first looked at it, while it is good. One round trip: the write
    /// that shows the ticket and the read of the account go out together.
    pub async fn open_ticket(
        &self,
        token: &Token,
        now: Timestamp,
    ) -> Result<Option<(Ticket, Account)>, StoreError> {
        let key = keys::ticket(token.account, TicketId::from(token.subject));
        let call = self.client.update_item().set_key(Some(key.attributes()));
        let call = call
            .update_expression("SET opened_at = :now")
            .condition_expression(
                "digest = :digest AND #state IN (:issued, :sent) AND valid_until > :now \
                 AND attribute_not_exists(opened_at)",
            )
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":now", time(now))
            .expression_attribute_values(":digest", attribute(&token.digest())?)
            .expression_attribute_values(":issued", text(State::Issued.as_str()))
            .expression_attribute_values(":sent", text(State::Sent.as_str()));
        let (opened, account) = tokio::join!(self.update_alone(call), self.find_account(token.account));
        let (Some(item), Some(account)) = (opened?.map_or_else(|kept| kept, Some), account?) else {
            return Ok(None);
        };
        Ok(Some((items::read(&key.pk, item)?, account)))
    }

    /// Two items of different partitions, by partition key.
    async fn get_both(&self, one: &Key, other: &Key) -> Result<HashMap<String, Item>, StoreError> {
        let items = self.get_batch(vec![one.attributes(), other.attributes()]).await?;
        let by_pk = |item: Item| Some((item.get("pk")?.as_s().ok()?.clone(), item));
        Ok(items.into_iter().filter_map(by_pk).collect())
    }

    /// An account's tickets that have not been cleaned up.
    pub async fn list_tickets(&self, account: AccountId) -> Result<Issued, StoreError> {
        let pk = keys::tickets(account);
        let call = self.client.query().table_name(&self.table).consistent_read(true);
        let call = call.key_condition_expression("pk = :pk").expression_attribute_values(":pk", text(&pk));
        let pages = call.into_paginator().items().send().collect::<Result<Vec<Item>, _>>().await;
        let mut items = pages.map_err(|error| StoreError::failed("Query", &error))?;
        let is_guard =
            |item: &Item| item.get("sk").and_then(|sk| sk.as_s().ok()).is_some_and(|sk| sk == "#GUARD");
        let guard = items.iter().position(is_guard).map(|at| items.remove(at));
        let guard = guard.and_then(|item| number_of(&item, "issued")).unwrap_or_default();
        let tickets = items.into_iter().map(|item| items::read(&pk, item)).collect::<Result<_, _>>()?;
        Ok(Issued { tickets, guard })
    }

    /// Issues a ticket, if none was issued since `seen` was read, and records it. Changes nothing of the account (F2).
    pub async fn create_ticket(
        &self,
        ticket: &Ticket,
        seen: &Issued,
        event: &Event,
    ) -> Result<Outcome, StoreError> {
        let item = items::write(
            &keys::ticket(ticket.account, ticket.id),
            ticket,
            Some(ticket.valid_until + AFTERLIFE),
        )?;
        let guard = self
            .update(&keys::ticket_guard(ticket.account))
            .update_expression("SET issued = :next")
            .condition_expression("attribute_not_exists(issued) OR issued = :seen")
            .expression_attribute_values(":next", number(seen.guard + 1))
            .expression_attribute_values(":seen", number(seen.guard));
        self.transact(vec![self.put_once(item)?, update(guard)?, self.put_event(event)?]).await
    }

    /// Issues a ticket on behalf of staff, if the account is open and unchanged, with what is to be mailed and its event.
    /// `changed` is the account as it becomes, when it changes with it.
    pub async fn issue_ticket(
        &self,
        ticket: &Ticket,
        account: &Account,
        changed: Option<&Account>,
        (outbox, event): (Option<&Outbox>, &Event),
    ) -> Result<Outcome, StoreError> {
        let key = keys::ticket(ticket.account, ticket.id);
        let item = items::write(&key, ticket, Some(ticket.valid_until + AFTERLIFE))?;
        let mut writes = match changed {
            Some(changed) => {
                let mut writes = self.login_writes(account, changed)?;
                writes.push(self.edit(account, changed)?);
                writes
            }
            None => vec![self.check_open(account.id, account.credential_version)?],
        };
        writes.push(self.put_once(item)?);
        writes.push(self.put_event(event)?);
        if let Some(outbox) = outbox {
            writes.push(self.put_outbox(outbox)?);
        }
        self.transact(writes).await
    }

    /// Gives a ticket its token's digest, once. `false` when it has one, or is no longer to be had.
    pub async fn arm_link(&self, ticket: &Ticket) -> Result<bool, StoreError> {
        let key = keys::ticket(ticket.account, ticket.id).attributes();
        let digest = attribute(&ticket.digest)?;
        let call = self.client.update_item().set_key(Some(key));
        let call = call
            .update_expression("SET digest = :digest, nonce = :nonce, derivation_key = :key")
            .condition_expression("#state = :issued AND (attribute_not_exists(digest) OR digest = :digest)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":digest", digest)
            .expression_attribute_values(":nonce", attribute(&ticket.nonce)?)
            .expression_attribute_values(":key", text(&ticket.derivation_key))
            .expression_attribute_values(":issued", text(State::Issued.as_str()));
        Ok(self.update_alone(call).await?.is_ok())
    }

    /// Gives an account the temporary password of a ticket, with what derives it again. `false` when another has come since, or
    /// the ticket is no longer to be had. Done again, it changes nothing.
    pub async fn arm_temporary(
        &self,
        ticket: &Ticket,
        account: &Account,
        digest: &Digest,
    ) -> Result<bool, StoreError> {
        let with = self
            .update(&keys::ticket(ticket.account, ticket.id))
            .update_expression("SET nonce = :nonce, derivation_key = :key")
            .condition_expression(
                "#state IN (:issued, :sent) AND (attribute_not_exists(derivation_key) OR derivation_key = :key)",
            )
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":nonce", attribute(&ticket.nonce)?)
            .expression_attribute_values(":key", text(&ticket.derivation_key))
            .expression_attribute_values(":issued", text(State::Issued.as_str()))
            .expression_attribute_values(":sent", text(State::Sent.as_str()));
        let mut writes = vec![update(with)?];
        writes.extend(self.temporary_writes(account, ticket.id, digest)?);
        Ok(self.transact(writes).await?.is_written())
    }

    /// Uses a temporary password up, as part of a transaction: once, in its time.
    pub(super) fn use_temporary(
        &self,
        account: AccountId,
        id: TicketId,
        now: Timestamp,
    ) -> Result<TransactWriteItem, StoreError> {
        let write = self
            .update(&keys::ticket(account, id))
            .update_expression("SET #state = :used, used_at = :now")
            .condition_expression("#state IN (:issued, :sent) AND valid_until > :now")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":used", text(State::Used.as_str()))
            .expression_attribute_values(":issued", text(State::Issued.as_str()))
            .expression_attribute_values(":sent", text(State::Sent.as_str()))
            .expression_attribute_values(":now", time(now));
        update(write)
    }

    /// Takes a ticket back. Refused when it has been used or taken back before.
    pub async fn revoke_ticket(
        &self,
        account: AccountId,
        id: TicketId,
        event: &Event,
    ) -> Result<Outcome, StoreError> {
        let revoke = self
            .update(&keys::ticket(account, id))
            .update_expression("SET #state = :revoked")
            .condition_expression("#state IN (:issued, :sent)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":revoked", text(State::Revoked.as_str()))
            .expression_attribute_values(":issued", text(State::Issued.as_str()))
            .expression_attribute_values(":sent", text(State::Sent.as_str()));
        self.transact(vec![update(revoke)?, self.put_event(event)?]).await
    }

    /// Marks a ticket as sent and records the mail. One that has been sent before, or used or revoked meanwhile, stays so.
    pub async fn record_sent(&self, ticket: &Ticket, event: &Event) -> Result<(), StoreError> {
        let mark = self
            .update(&keys::ticket(ticket.account, ticket.id))
            .update_expression("SET #state = :sent")
            .condition_expression("#state = :issued")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":sent", text(State::Sent.as_str()))
            .expression_attribute_values(":issued", text(State::Issued.as_str()));
        match self.transact(vec![update(mark)?, self.put_event(event)?]).await? {
            Outcome::Written => Ok(()),
            Outcome::Refused(_) => self.record_event(event).await,
        }
    }

    /// Counts an answer to the security question, or a repeated password, before it counts for anything. Refused when the
    /// ticket has had them all, or the account, when its counter is given. A transaction, so that an answer lost on the way
    /// back is not counted twice.
    pub async fn count_answer(
        &self,
        ticket: &Ticket,
        account: Option<&Subject>,
        now: Timestamp,
    ) -> Result<Answered, StoreError> {
        let count = self
            .update(&keys::ticket(ticket.account, ticket.id))
            .update_expression("SET answers = if_not_exists(answers, :zero) + :one")
            .condition_expression(
                "attribute_exists(pk) AND (attribute_not_exists(answers) OR answers < :most)",
            )
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":most", number(question::ATTEMPTS));
        let mut writes = vec![update(count)?];
        if let Some(account) = account {
            writes.push(self.count_in_windows(&keys::answer_limit(account), &[question::BUDGET], now)?);
        }
        let refused = match self.transact(writes).await? {
            Outcome::Written => return Ok(Answered::Counted),
            Outcome::Refused(refused) => refused,
        };
        Ok(match refused.old(1) {
            Some(counter) if refused.old(0).is_none() => Answered::Later {
                retry_after: limits::retry_after(counter, &[question::BUDGET], now),
                since: number_of(counter, "t0").map_or(now, Timestamp::from_millis),
            },
            _ => Answered::Void,
        })
    }

    /// Takes back the count of an answer that was right: only wrong ones void a ticket.
    pub async fn forgive_answer(&self, ticket: &Ticket) -> Result<(), StoreError> {
        let back = self
            .update(&keys::ticket(ticket.account, ticket.id))
            .update_expression("SET answers = answers - :one")
            .condition_expression("answers > :zero")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":zero", number(0));
        self.transact(vec![update(back)?]).await.map(|_| ())
    }

    /// Sets a password with a ticket: everything or nothing (T4). Refused when the ticket is not open or the account is
    /// not as it was read.
    pub async fn consume_ticket(&self, reset: &Reset<'_>) -> Result<Outcome, StoreError> {
        let mut writes = vec![self.use_ticket(reset)?];
        writes.extend(self.password_writes(
            reset.account,
            reset.password,
            (reset.question, reset.account.drops_question(reset.ticket.issuer)),
            true,
        )?);
        writes.push(self.put_event(reset.event)?);
        writes.push(self.put_outbox(reset.confirmation)?);
        for subject in reset.limits {
            writes.push(self.clear_sign_in(subject)?);
        }
        if let Some(answers) = reset.answers {
            writes.push(self.remove(&keys::answer_limit(answers))?);
        }
        self.transact(writes).await
    }

    /// The condition that single use, expiry (T3) and supersession rest on.
    fn use_ticket(&self, reset: &Reset<'_>) -> Result<TransactWriteItem, StoreError> {
        let with = reset.idempotency.as_ref().map(attribute).transpose()?;
        let set = if with.is_some() { ", used_with = :with" } else { "" };
        let write = self
            .update(&keys::ticket(reset.ticket.account, reset.ticket.id))
            .update_expression(format!("SET #state = :used, used_at = :now{set}"))
            .condition_expression(
                "#state IN (:issued, :sent) AND valid_until > :now AND credential_version = :version \
                 AND digest = :digest",
            )
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":used", text(State::Used.as_str()))
            .expression_attribute_values(":issued", text(State::Issued.as_str()))
            .expression_attribute_values(":sent", text(State::Sent.as_str()))
            .expression_attribute_values(":now", time(reset.now))
            .expression_attribute_values(":version", number(reset.account.credential_version))
            .expression_attribute_values(":digest", attribute(&reset.ticket.digest)?);
        update(match with {
            Some(with) => write.expression_attribute_values(":with", with),
            None => write,
        })
    }
}
