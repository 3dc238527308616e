//! Sessions: checked in one round trip, ended at once.

use aws_sdk_dynamodb::types::{Delete, TransactWriteItem};

use super::accounts::update;
use super::items::{self, attribute, number, text, time};
use super::{Outcome, Store, StoreError, keys};
use crate::account::{Account, Login};
use crate::clock::{Timestamp, days};
use crate::event::Event;
use crate::ids::{AccountId, SessionId};
use crate::limit::Subject;
use crate::outbox::Outbox;
use crate::password::PasswordHash;
use crate::session::Session;
use crate::ticket::Issuer;
use crate::token::Token;

/// What a sign-in writes.
pub struct SignIn<'a> {
    /// What the identifier led to.
    pub login: &'a Login,
    /// What is made.
    pub session: &'a Session,
    /// What is recorded.
    pub event: &'a Event,
    /// The counter that ends with it.
    pub limit: &'a Subject,
    /// The account and its password hashed anew, when it was kept with older parameters.
    pub rehash: Option<(&'a Account, &'a PasswordHash)>,
}

/// Everything that is written when a session's holder changes the password.
pub struct PasswordChange<'a> {
    /// The session that stays.
    pub session: &'a Session,
    /// The account, as it was read.
    pub account: &'a Account,
    /// The new password.
    pub password: &'a PasswordHash,
    /// What is recorded.
    pub event: &'a Event,
    /// What the account's owner is mailed.
    pub confirmation: &'a Outbox,
    /// The counters of sign-in failures that end with it.
    pub limits: &'a [Subject],
}

impl Store {
    /// Makes a session, if the account is open and as its login said. One that begins with a temporary password uses that up.
    pub async fn create_session(&self, sign_in: &SignIn<'_>) -> Result<Outcome, StoreError> {
        let session = sign_in.session;
        let key = keys::session(session.account, session.id);
        let mut writes = match sign_in.rehash {
            Some((account, password)) => self.password_writes(account, password, (None, false), false)?,
            None => vec![self.check_login(sign_in.login, session.ticket)?],
        };
        if let Some(ticket) = session.ticket {
            writes.push(self.use_temporary(session.account, ticket, session.created_at)?);
        }
        writes.push(self.put_once(items::write(&key, session, Some(session.valid_until + days(1)))?)?);
        writes.push(self.put_event(sign_in.event)?);
        writes.push(self.clear_sign_in(sign_in.limit)?);
        self.transact(writes).await
    }

    /// The session of a token with its account, if it is good now; using it keeps it from idling out. One round trip: the
    /// write that checks the session and the read of the account go out together.
    pub async fn use_session(
        &self,
        token: &Token,
        now: Timestamp,
    ) -> Result<Option<(Session, Account)>, StoreError> {
        let (session, account) = tokio::join!(self.touch(token, now), self.find_account(token.account));
        let good = session?.zip(account?).filter(|(session, account)| session.is_good(account, now));
        Ok(good)
    }

    async fn touch(&self, token: &Token, now: Timestamp) -> Result<Option<Session>, StoreError> {
        let key = keys::session(token.account, SessionId::from(token.subject));
        let digest = attribute(&token.digest())?;
        let call = self.client.update_item().set_key(Some(key.attributes()));
        let call = call
            .update_expression("SET seen_at = :now, idle_until = idle_millis + :now")
            .condition_expression("digest = :digest AND idle_until > :now AND valid_until > :now")
            .expression_attribute_values(":now", time(now))
            .expression_attribute_values(":digest", digest);
        let touched = self.update_alone(call).await?;
        touched.ok().map(|item| items::read(&key.pk, item)).transpose()
    }

    /// Sets a password that a session's holder has chosen, if the account is still as given: every other session ends, every
    /// ticket is void, and this session can do everything.
    pub async fn change_password(&self, change: &PasswordChange<'_>) -> Result<Outcome, StoreError> {
        let (session, account) = (change.session, change.account);
        // A temporary password is the practice's help.
        let dropped = session.ticket.is_some() && account.drops_question(Issuer::Staff);
        let keep = self
            .update(&keys::session(account.id, session.id))
            .update_expression("SET #epoch = :new_epoch REMOVE #ticket")
            .condition_expression("digest = :digest AND #epoch = :epoch")
            .expression_attribute_names("#epoch", "epoch")
            .expression_attribute_names("#ticket", "ticket")
            .expression_attribute_values(":new_epoch", number(account.session_epoch + 1))
            .expression_attribute_values(":epoch", number(account.session_epoch))
            .expression_attribute_values(":digest", attribute(&session.digest)?);
        let mut writes = self.password_writes(account, change.password, (None, dropped), true)?;
        writes.push(update(keep)?);
        writes.push(self.put_event(change.event)?);
        writes.push(self.put_outbox(change.confirmation)?);
        for subject in change.limits {
            writes.push(self.clear_sign_in(subject)?);
        }
        self.transact(writes).await
    }

    /// Ends every session of an account but one, if the account is still as given.
    pub async fn keep_session(
        &self,
        account: &Account,
        session: &Session,
        event: &Event,
    ) -> Result<Outcome, StoreError> {
        let new = Account { session_epoch: account.session_epoch + 1, ..account.clone() };
        let keep = self
            .update(&keys::session(account.id, session.id))
            .update_expression("SET #epoch = :new_epoch")
            .condition_expression("#epoch = :epoch")
            .expression_attribute_names("#epoch", "epoch")
            .expression_attribute_values(":new_epoch", number(new.session_epoch))
            .expression_attribute_values(":epoch", number(account.session_epoch));
        let mut writes = vec![update(keep)?, self.edit(account, &new)?];
        writes.extend(self.login_writes(account, &new)?);
        writes.push(self.put_event(event)?);
        self.transact(writes).await
    }

    /// An account's sessions that have not been cleaned up.
    pub async fn list_sessions(&self, account: AccountId) -> Result<Vec<Session>, StoreError> {
        let pk = keys::sessions(account);
        let call = self.client.query().table_name(&self.table).consistent_read(true);
        let call = call.key_condition_expression("pk = :pk").expression_attribute_values(":pk", text(&pk));
        let items = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let items = items.map_err(|error| StoreError::failed("Query", &error))?;
        items.into_iter().map(|item| items::read(&pk, item)).collect()
    }

    /// Ends a session and records it. Refused when there is none.
    pub async fn delete_session(
        &self,
        account: AccountId,
        id: SessionId,
        event: &Event,
    ) -> Result<Outcome, StoreError> {
        let key = keys::session(account, id).attributes();
        let delete = Delete::builder().table_name(&self.table).set_key(Some(key));
        let delete = delete.condition_expression("attribute_exists(pk)").build();
        let delete = delete.map_err(|error| StoreError::unavailable("building a delete", error))?;
        let delete = TransactWriteItem::builder().delete(delete).build();
        self.transact(vec![delete, self.put_event(event)?]).await
    }
}
