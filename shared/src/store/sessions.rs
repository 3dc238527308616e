//! Sessions: checked in one round trip, ended at once.

use crate::domain::account::{Account, Login};
use crate::domain::event::Event;
use crate::domain::limit::Subject;
use crate::domain::outbox::OutboxItem;
use crate::domain::session::Session;
use crate::platform::clock::{Timestamp, days};
use crate::platform::ids::{AccountId, SessionId};
use crate::secrets::token::Token;
use crate::store::accounts::{Changed, Guard, account_writes, check_login};
use crate::store::error::StoreError;
use crate::store::events::put_event;
use crate::store::items;
use crate::store::keys;
use crate::store::limits::forget_sign_ins;
use crate::store::outbox::put_outbox_item;
use crate::store::tickets::use_temporary;
use crate::store::transact::{Outcome, Store, Updated};
use crate::store::write::{Range, Write, above, equals, present};

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
    /// The account with its password hashed anew, when that was kept with older parameters.
    pub rehashed: Option<Changed<'a>>,
}

/// Everything that is written when a session's holder changes the password.
pub struct PasswordChange<'a> {
    /// The session that stays.
    pub session: &'a Session,
    /// The account, as it was read and with the new password.
    pub changed: Changed<'a>,
    /// What is recorded.
    pub event: &'a Event,
    /// What the account's owner is mailed.
    pub confirmation: &'a OutboxItem,
    /// The counters of sign-in failures that end with it.
    pub limits: &'a [Subject],
}

impl Store {
    /// Makes a session, if the account is open and as its login said. One that begins with a temporary password uses that up.
    ///
    /// | Write | Condition |
    /// |---|---|
    /// | check the account, or replace an outdated hash on it and on its logins | open, credential version and session epoch of the login; with a temporary password, that ticket's |
    /// | with a temporary password: its ticket becomes `used` | `issued` or `sent`, its time not over |
    /// | put the session | there is none |
    /// | put the event | there is none |
    /// | delete the counter of failures | |
    pub async fn create_session(&self, sign_in: &SignIn<'_>) -> Result<Outcome, StoreError> {
        let session = sign_in.session;
        let mut writes = match sign_in.rehashed {
            Some(changed) => account_writes(changed, Guard::OpenWithTemporary),
            None => vec![check_login(sign_in.login, session.ticket)],
        };
        if let Some(ticket) = session.ticket {
            writes.push(use_temporary(session.account, ticket, session.created_at));
        }
        let ends = Some(session.valid_until + days(1));
        writes.push(Write::create(&keys::session(session.account, session.id), session, ends));
        writes.push(put_event(sign_in.event));
        writes.push(forget_sign_ins(sign_in.limit));
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
        let good =
            equals("digest", token.digest()).and(above("idle_until", now)).and(above("valid_until", now));
        let touch = Write::update(&key).set("seen_at", now).set_sum("idle_until", "idle_millis", now);
        match self.update_alone(touch.only_if(good)).await? {
            Updated::Written(item) => Ok(Some(items::read(&key.pk, item)?)),
            Updated::Refused(_) => Ok(None),
        }
    }

    /// Sets a password that a session's holder has chosen, if the account is still as read: every other session ends, every
    /// ticket is void, and this session can do everything.
    ///
    /// | Write | Condition |
    /// |---|---|
    /// | the account gets the hash; a temporary password goes, and what froze the account; credential version and session epoch rise | both as read, no other temporary password issued since, open |
    /// | each login of the account gets the same | it is this account's |
    /// | the session gets the new epoch, and is no longer bound to a temporary password | the epoch as read |
    /// | put the event | there is none |
    /// | put the `OUTBOX` item of the confirmation | there is none |
    /// | delete the sign-in counters of the account's names | |
    pub async fn change_password(&self, change: &PasswordChange<'_>) -> Result<Outcome, StoreError> {
        let mut writes = account_writes(change.changed, Guard::OpenWithTemporary);
        writes.push(keep_session(change.session, change.changed.new));
        writes.push(put_event(change.event));
        writes.push(put_outbox_item(change.confirmation));
        writes.extend(change.limits.iter().map(forget_sign_ins));
        self.transact(writes).await
    }

    /// Ends every session of an account but one, if the account is still as read.
    ///
    /// | Write | Condition |
    /// |---|---|
    /// | the session gets the new epoch | the epoch as read |
    /// | the account's session epoch rises | everything as read |
    /// | each login of the account gets the same | it is this account's |
    /// | put the event | there is none |
    pub async fn end_other_sessions(
        &self,
        kept: &Session,
        changed: Changed<'_>,
        event: &Event,
    ) -> Result<Outcome, StoreError> {
        let mut writes = vec![keep_session(kept, changed.new)];
        writes.extend(account_writes(changed, Guard::Unchanged));
        writes.push(put_event(event));
        self.transact(writes).await
    }

    /// An account's sessions that have not been cleaned up.
    pub async fn list_sessions(&self, account: AccountId) -> Result<Vec<Session>, StoreError> {
        let pk = keys::sessions(account);
        let items = self.query_all(Range::of(&pk)).await?;
        items.into_iter().map(|item| items::read(&pk, item)).collect()
    }

    /// Ends a session and records it. Refused when there is none.
    pub async fn delete_session(
        &self,
        account: AccountId,
        id: SessionId,
        event: &Event,
    ) -> Result<Outcome, StoreError> {
        let delete = Write::delete(&keys::session(account, id)).only_if(present());
        self.transact(vec![delete, put_event(event)]).await
    }
}

/// Keeps a session when its account's change ends all others.
fn keep_session(session: &Session, account: &Account) -> Write {
    let as_read = equals("epoch", session.epoch).and(equals("digest", session.digest));
    let key = keys::session(session.account, session.id);
    Write::difference(&key, session, &session.kept_with(account)).only_if(as_read)
}
