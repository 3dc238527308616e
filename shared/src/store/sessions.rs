//! Sessions: checked in one round trip, ended at once.
//!
//! A session is good while its epoch is the account's. So a raised epoch ends every session of an account, and none of them has
//! to be found.

use crate::domain::account::{Account, Login};
use crate::domain::event::Event;
use crate::domain::limit::Subject;
use crate::domain::outbox::OutboxItem;
use crate::domain::session::{CONFIRMED_FOR, Session};
use crate::platform::clock::{Timestamp, days};
use crate::platform::ids::{AccountId, SessionId};
use crate::secrets::token::Token;
use crate::store::accounts::{Changed, Guard, account_writes, check_login};
use crate::store::conditions::same_account;
use crate::store::error::StoreError;
use crate::store::events::put_event;
use crate::store::keys;
use crate::store::limits::forget_sign_ins;
use crate::store::outbox::put_outbox_item;
use crate::store::spray::remember_place;
use crate::store::tickets::use_temporary;
use crate::store::transact::{Newest, Outcome, Store, Updated};
use crate::store::write::{Write, above, equals, present};

/// Everything that is written when somebody signs in.
pub struct SignIn<'a> {
    /// The login that the identifier has led to.
    pub login: &'a Login,
    /// The new session.
    pub session: &'a Session,
    /// The event that records it.
    pub event: &'a Event,
    /// The counter of failed sign-ins that ends with it.
    pub limit: &'a Subject,
    /// The source and the device, as far as they are to be remembered.
    pub places: &'a [Subject],
    /// The account with its password hashed anew, when the hash was made with older parameters.
    pub rehashed: Option<Changed<'a>>,
}

/// Everything that is written when the holder of a session changes the password.
pub struct PasswordChange<'a> {
    /// The session that stays.
    pub session: &'a Session,
    /// The account, as it was read and with the new password.
    pub changed: Changed<'a>,
    /// The event that records it.
    pub event: &'a Event,
    /// The outbox item of the mail to the account's owner.
    pub confirmation: &'a OutboxItem,
    /// The counters of failed sign-ins that end with it.
    pub limits: &'a [Subject],
}

/// Everything that is written when the holder of a session gives the password again.
pub struct Confirmation<'a> {
    /// The session, as it was read.
    pub session: &'a Session,
    /// The account, as it was read with the session.
    pub account: &'a Account,
    /// The event that records it.
    pub event: &'a Event,
    /// The counter of failed sign-ins that ends with it.
    pub limit: &'a Subject,
}

impl Store {
    /// Makes a session.
    ///
    /// One transaction:
    ///
    /// - The account is checked. Condition: it is open, and has the credential version and the session epoch of the login; for a
    ///   session of a temporary password, that is still the account's. When the hash is outdated, the account and its logins get
    ///   the new hash instead. Condition: the account is open, its version, its epoch and its temporary password are as read, and
    ///   each login is the account's.
    /// - For a session of a temporary password, the ticket becomes `used`. Condition: it is `issued` or `sent`, and its time has
    ///   not passed.
    /// - The session is put. Condition: it does not exist.
    /// - The event is put. Condition: it does not exist.
    /// - The counter of failed sign-ins is deleted, without a condition.
    /// - A source and a device that are not known are remembered, without a condition.
    ///
    /// A refusal means that the account is closed, that the login was out of date, or that the temporary password has been used
    /// or revoked; nothing is written. So of many sign-ins with one temporary password, one succeeds. One round trip.
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
        writes.extend(sign_in.places.iter().map(|place| remember_place(place, session.created_at)));
        self.refusals.forget(&keys::sign_in_limit(sign_in.limit));
        self.transact(writes).await
    }

    /// Finds the session of a token with its account, if the session is good now. The use keeps it from ending for idleness.
    ///
    /// Two calls that go out together:
    ///
    /// - One update by itself: the session gets `seen_at`, and its idle time begins anew. Condition: its digest is the token's,
    ///   and neither its idle end nor its absolute end has passed. A session that has been used twice within half a second is only read.
    /// - One read of the account.
    ///
    /// `None` means that there is no such session, that it has ended, or that the account as it is now no longer has it
    /// ([`Session::is_good`]). The update may be sent twice, when its reply is lost, and does no harm then. One round trip.
    pub async fn use_session(
        &self,
        token: &Token,
        now: Timestamp,
    ) -> Result<Option<(Session, Account)>, StoreError> {
        let (session, account) = tokio::join!(self.touch(token, now), self.find_account(token.account));
        let good = session?.zip(account?).filter(|(session, account)| session.is_good(account, now));
        Ok(good)
    }

    /// The session of a token, when the token is right and neither end has passed. It has been used now.
    async fn touch(&self, token: &Token, now: Timestamp) -> Result<Option<Session>, StoreError> {
        let key = keys::session(token.account, SessionId::from(token.subject));
        let good =
            equals("digest", token.digest()).and(above("idle_until", now)).and(above("valid_until", now));
        if self.refusals.recall(&key, now).is_some() {
            let session: Option<Session> = self.get(&key).await?;
            return Ok(session.filter(|session| session.digest == token.digest()));
        }
        self.refusals.note(&key, None, now);
        let touch = Write::update(&key).set("seen_at", now).set_sum("idle_until", "idle_millis", now);
        match self.update_alone(touch.only_if(good)).await? {
            Updated::Written(item) => Ok(Some(self.reader.value(&key.pk, item)?)),
            Updated::Refused(_) => Ok(None),
        }
    }

    /// Sets a password that the holder of a session has chosen.
    ///
    /// One transaction:
    ///
    /// - The account gets the hash, and loses its temporary password and `frozen_at`; its credential version and its session
    ///   epoch rise. Condition: the account is open, both are as read, and no other temporary password has been issued.
    /// - Each login of the account gets the same. Condition: it is the account's login.
    /// - The session gets the new epoch, and is no longer bound to a temporary password. Condition: its digest and its epoch are
    ///   as read.
    /// - The event is put, and the outbox item of the confirmation. Condition: neither exists.
    /// - The counters of failed sign-ins of the account's names are deleted, without a condition.
    ///
    /// So every other session ends, every ticket is void, and this session can do everything. A refusal means that the account or
    /// the session has changed since it was read; nothing is written. One round trip.
    pub async fn change_password(&self, change: &PasswordChange<'_>) -> Result<Outcome, StoreError> {
        let mut writes = account_writes(change.changed, Guard::OpenWithTemporary);
        writes.push(keep_session(change.session, change.changed.new));
        writes.push(put_event(change.event));
        writes.push(put_outbox_item(change.confirmation));
        writes.extend(change.limits.iter().map(forget_sign_ins));
        self.transact(writes).await
    }

    /// Confirms a session, whose holder has given the account's own password again.
    ///
    /// One transaction:
    ///
    /// - The session gets `confirmed_until`. Condition: its digest and its epoch are as read, and its absolute end has not passed.
    /// - The account is checked. Condition: it is open, and its credential version and its session epoch are as read.
    /// - The event is put. Condition: it does not exist.
    /// - The counter of failed sign-ins is deleted, without a condition.
    ///
    /// A refusal means that the session has ended, or that the account has been closed or has another password; nothing is written.
    /// Another session of the account stays as it is. One round trip.
    pub async fn confirm_session(&self, confirmation: &Confirmation<'_>) -> Result<Outcome, StoreError> {
        let Confirmation { session, account, event, limit } = *confirmation;
        let good = equals("digest", session.digest).and(equals("epoch", session.epoch));
        let confirmed = Write::update(&keys::session(session.account, session.id))
            .set("confirmed_until", event.at + CONFIRMED_FOR)
            .only_if(good.and(above("valid_until", event.at)));
        let same = same_account(account.credential_version, account.session_epoch);
        let checked = Write::check(&keys::account(account.id)).only_if(same);
        self.transact(vec![confirmed, checked, put_event(event), forget_sign_ins(limit)]).await
    }

    /// Ends every session of an account but one.
    ///
    /// One transaction:
    ///
    /// - The session that stays gets the new epoch. Condition: its digest and its epoch are as read.
    /// - The account's session epoch rises. Condition: its revision, credential version, session epoch, password and `mail` are
    ///   as read.
    /// - Each login of the account gets the same. Condition: it is the account's login.
    /// - The event is put. Condition: it does not exist.
    ///
    /// A refusal means that the account or the session has changed since it was read; nothing is written. One round trip.
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

    /// Lists a page of the sessions of an account that have not been cleaned up, good or not. One round trip.
    pub async fn page_of_sessions(
        &self,
        account: AccountId,
        after: Option<SessionId>,
        limit: usize,
    ) -> Result<Newest<Session>, StoreError> {
        self.newest(&keys::sessions(account), after.map(|id| id.to_string()), limit).await
    }

    /// Ends one session.
    ///
    /// One transaction:
    ///
    /// - The session is deleted. Condition: it exists.
    /// - The event is put. Condition: it does not exist.
    ///
    /// A refusal means that there is no such session; nothing is written. One round trip.
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

/// The write that keeps one session when a change of its account ends all others.
fn keep_session(session: &Session, account: &Account) -> Write {
    let as_read = equals("epoch", session.epoch).and(equals("digest", session.digest));
    let key = keys::session(session.account, session.id);
    Write::difference(&key, session, &session.kept_with(account)).only_if(as_read)
}
