//! What became of mails: on their tickets, and on the accounts whose address they went to.

use super::accounts::update;
use super::items::{attribute, text};
use super::{Outcome, Store, StoreError, keys};
use crate::account::{Account, MailStatus};
use crate::event::Event;
use crate::ids::{AccountId, TicketId};
use crate::ticket::{MailFate, Ticket};

/// A mail that did not do what it was to, and what is to be remembered of it.
pub struct Undelivered<'a> {
    /// How it ended.
    pub fate: MailFate,
    /// Whom it was for.
    pub account: &'a Account,
    /// What the account's address is from now on, if that is news.
    pub status: Option<MailStatus>,
    /// The ticket that it carried, if it is to be told.
    pub ticket: Option<&'a Ticket>,
    /// What is recorded.
    pub event: &'a Event,
}

impl Store {
    /// Remembers that a ticket's mail has arrived, unless something is known of it that tells more.
    pub async fn record_delivered(&self, account: AccountId, ticket: TicketId) -> Result<(), StoreError> {
        let key = keys::ticket(account, ticket).attributes();
        let call = self.client.update_item().set_key(Some(key));
        let call = call
            .update_expression("SET mail = :delivered")
            .condition_expression("attribute_exists(pk) AND (attribute_not_exists(mail) OR mail = :returned)")
            .expression_attribute_values(":returned", text(MailFate::Returned.as_str()))
            .expression_attribute_values(":delivered", text(MailFate::Delivered.as_str()));
        self.update_alone(call).await.map(|_| ())
    }

    /// Remembers that a mail did not do what it was to. Refused when ticket or account are not as they were read.
    pub async fn record_undelivered(&self, news: &Undelivered<'_>) -> Result<Outcome, StoreError> {
        let mut writes = vec![self.put_event(news.event)?];
        if let Some(ticket) = news.ticket {
            let write = self.update(&keys::ticket(ticket.account, ticket.id));
            let write = write.update_expression("SET mail = :fate");
            let write = write.expression_attribute_values(":fate", text(news.fate.as_str()));
            writes.push(update(match ticket.mail {
                None => write.condition_expression("attribute_exists(pk) AND attribute_not_exists(mail)"),
                Some(was) => write
                    .condition_expression("mail = :was")
                    .expression_attribute_values(":was", text(was.as_str())),
            })?);
        }
        if let Some(status) = news.status {
            let write = self
                .update(&keys::account(news.account.id))
                .update_expression("SET mail = :status")
                .condition_expression("mail = :was AND email = :email")
                .expression_attribute_values(":status", attribute(&status)?)
                .expression_attribute_values(":was", attribute(&news.account.mail)?)
                .expression_attribute_values(":email", attribute(&news.account.email)?);
            writes.push(update(write)?);
        }
        self.transact(writes).await
    }
}
