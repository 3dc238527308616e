//! The fate of mails: recorded on their tickets, and on the accounts whose address they went to.
//!
//! **The fate of a mail is no state of its ticket.** A ticket goes from issued to sent to used or revoked, and each step is the
//! condition of a write. A report of SES comes when it comes: before the mailer has written `sent`, after the use, twice, or out
//! of order. As states, the two would be in each other's way, and a late bounce could seem to revive a ticket that was used. So
//! `mail` and `opened_at` stand beside `state`, and nothing that decides reads them.
//!
//! A fate has a rank: `not_sent`, `returned` (a bounce that is not permanent, or a rejection), `delivered`, `bounced` for good, `complained`.
//! A higher one replaces a lower one, and never the reverse. So the result is the same in whatever order the reports come, and
//! however often. None of them voids a ticket.
//!
//! **A transient bounce marks no address.** A mailbox is full today, or an answering machine writes back after the delivery. That
//! says something of one mail, and nothing of the next. It ranks below a delivery because of the answering machine: the mail has
//! arrived.
//!
//! **A marked address is still mailed.** The public front door cannot say that an address is marked. To hold the mail back would
//! shut a person out in silence, after one report that may be wrong. Staff are told with the answer to their call, and can
//! correct the address or hand a link over. SES's suppression list protects the sender's name.

use crate::domain::account::Account;
use crate::domain::event::Event;
use crate::domain::outbox::OutboxItem;
use crate::domain::ticket::{MailFate, Ticket};
use crate::platform::ids::{AccountId, TicketId};
use crate::store::accounts::{Changed, Guard, account_writes};
use crate::store::error::StoreError;
use crate::store::events::put_event;
use crate::store::keys;
use crate::store::outbox::put_outbox_item;
use crate::store::told::Told;
use crate::store::transact::{Outcome, Store};
use crate::store::write::{Write, equals, lacks, one_of, present};

/// What is written when staff lift a mark.
#[derive(Clone, Copy)]
pub struct Restoration<'a> {
    /// The account of the member of staff.
    pub staff: &'a Account,
    /// The outbox item by which SES learns of it.
    pub item: &'a OutboxItem,
}

/// A report that a mail was not sent, was returned, bounced or called spam, and the changes that follow from it.
pub struct Undelivered<'a> {
    /// The fate of the mail.
    pub fate: MailFate,
    /// The account that the mail was for, if its `mail` changes.
    pub account: Option<Changed<'a>>,
    /// The ticket that the mail carried, if its `mail` changes.
    pub ticket: Option<&'a Ticket>,
    /// The event that records it.
    pub event: &'a Event,
}

impl Store {
    /// Records that a ticket's mail has arrived.
    ///
    /// One update by itself: the ticket's `mail` becomes `delivered`. Condition: the ticket exists, and its `mail` is absent or
    /// of a lower rank.
    ///
    /// When the condition fails, as much is known already, or the ticket is gone; nothing is written, and that is no error. One
    /// round trip.
    pub async fn record_delivered(&self, account: AccountId, ticket: TicketId) -> Result<(), StoreError> {
        let nothing_worse = lacks("mail").or(one_of("mail", [MailFate::NotSent, MailFate::Returned]));
        let write = Write::update(&keys::ticket(account, ticket))
            .set("mail", MailFate::Delivered)
            .only_if(present().and(nothing_worse));
        self.update_alone(write).await.map(|_| ())
    }

    /// Lifts the mark of an account's address.
    ///
    /// One transaction:
    ///
    /// - The account's `mail` becomes `ok`. Condition: it and `revision` are as read, and so the address; if staff have asked for it,
    ///   everything that decides anything.
    /// - The event is put, and the outbox items of mails about it. Condition: none exists.
    /// - If staff have asked for it, the account of the member of staff is checked, unless it is the same one. Condition: it is
    ///   open, and its role and its session epoch are as read. And the outbox item by which SES learns of it is put. Condition: it
    ///   does not exist.
    ///
    /// A refusal means that the account, or the rights of the member of staff, have changed since they were read; nothing is
    /// written. One round trip.
    pub async fn restore_mail(
        &self,
        changed: Changed<'_>,
        told: impl Into<Told<'_>>,
        by_staff: Option<Restoration<'_>>,
    ) -> Result<Outcome, StoreError> {
        let guard = if by_staff.is_some() { Guard::Unchanged } else { Guard::Address };
        let mut writes = account_writes(changed, guard);
        writes.extend(by_staff.map(|restoration| put_outbox_item(restoration.item)));
        told.into().add_to(&mut writes);
        self.transact_by(by_staff.map(|restoration| restoration.staff), writes).await
    }

    /// Records that a mail was not sent, was returned, bounced or was called spam.
    ///
    /// One transaction:
    ///
    /// - The event is put. Condition: it does not exist.
    /// - The ticket's `mail` becomes the fate of the mail, if a ticket is given. Condition: it is as read.
    /// - The account's `mail` becomes `bounced` or `complained`, if an account is given. Condition: it and `revision` are as read,
    ///   and so the address.
    ///
    /// A refusal means that the ticket or the account has changed since it was read; nothing is written. One round trip.
    pub async fn record_undelivered(&self, news: &Undelivered<'_>) -> Result<Outcome, StoreError> {
        let mut writes = vec![put_event(news.event)];
        if let Some(ticket) = news.ticket {
            let as_read = match ticket.mail {
                None => present().and(lacks("mail")),
                Some(was) => equals("mail", was),
            };
            let write = Write::update(&keys::ticket(ticket.account, ticket.id));
            writes.push(write.set("mail", news.fate).only_if(as_read));
        }
        if let Some(changed) = news.account {
            writes.extend(account_writes(changed, Guard::Address));
        }
        self.transact(writes).await
    }
}
