//! What became of mails: on their tickets, and on the accounts whose address they went to.

use crate::domain::event::Event;
use crate::domain::ticket::{MailFate, Ticket};
use crate::platform::ids::{AccountId, TicketId};
use crate::store::accounts::{Changed, Guard, account_writes};
use crate::store::error::StoreError;
use crate::store::events::put_event;
use crate::store::keys;
use crate::store::transact::{Outcome, Store};
use crate::store::write::{Write, equals, lacks, present};

/// A mail that did not do what it was to, and what is to be remembered of it.
pub struct Undelivered<'a> {
    /// How it ended.
    pub fate: MailFate,
    /// The account that it was for, if what is known of its address changes.
    pub account: Option<Changed<'a>>,
    /// The ticket that it carried, if it is to be told.
    pub ticket: Option<&'a Ticket>,
    /// What is recorded.
    pub event: &'a Event,
}

impl Store {
    /// Remembers that a ticket's mail has arrived, unless something is known of it that tells more.
    pub async fn record_delivered(&self, account: AccountId, ticket: TicketId) -> Result<(), StoreError> {
        let nothing_worse = lacks("mail").or(equals("mail", MailFate::Returned));
        let write = Write::update(&keys::ticket(account, ticket))
            .set("mail", MailFate::Delivered)
            .only_if(present().and(nothing_worse));
        self.update_alone(write).await.map(|_| ())
    }

    /// Remembers that a mail did not do what it was to. Refused when ticket or account are not as they were read.
    ///
    /// | Write | Condition |
    /// |---|---|
    /// | put the event | there is none |
    /// | the ticket, if it is to be told, gets what became of its mail | `mail` as read |
    /// | the account, if its address is to blame, gets that | the same address, `mail` as read |
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
