//! Accounts and the logins that lead to them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::builders::{ConditionCheckBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};

use super::items::{self, attribute, number, text};
use super::keys::{self, Key};
use super::{Item, Outcome, Store, StoreError};
use crate::account::{Account, Login, Question, Setup};
use crate::event::Event;
use crate::identifier::Identifier;
use crate::ids::{AccountId, TicketId};
use crate::limit::Subject;
use crate::outbox::Outbox;
use crate::password::PasswordHash;
use crate::practice::{Portal, Slug};
use crate::token::Digest;

/// The members of an account that staff may change, with those that follow from them. A password they can only take away.
const EDITED: [&str; 18] = [
    "email",
    "display_name",
    "record_email",
    "locale",
    "active",
    "representative",
    "refused",
    "role",
    "setup",
    "mail",
    "caseload",
    "associations",
    "password",
    "temporary",
    "frozen_at",
    "credential_version",
    "session_epoch",
    "revision",
];
/// The members of a login: all that it copies.
const COPIED: [&str; 5] = ["password", "temporary", "credential_version", "session_epoch", "open"];
/// May recover, with the password that it had.
const OPEN: &str = "credential_version = :version AND active = :true AND refused = :false";
/// The same, with the sessions that it had.
const OPEN_AND_UNCHANGED: &str =
    "credential_version = :version AND session_epoch = :epoch AND active = :true AND refused = :false";

impl Store {
    /// Everything that an identifier leads to: one login of a username, one of each account that shares an address.
    pub async fn find_logins(
        &self,
        practice: &Slug,
        portal: Portal,
        identifier: &Identifier,
    ) -> Result<Vec<Login>, StoreError> {
        let pk = keys::logins(practice, portal, identifier);
        let call = self.client.query().table_name(&self.table).consistent_read(true);
        let call = call.key_condition_expression("pk = :pk").expression_attribute_values(":pk", text(&pk));
        let answer = call.send().await.map_err(|error| StoreError::failed("Query", &error))?;
        answer.items.unwrap_or_default().into_iter().map(|item| items::read(&pk, item)).collect()
    }

    /// An account.
    pub async fn find_account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        self.get(&keys::account(id)).await
    }

    /// Makes an account with its logins, its places in the directory and on caseloads, its event and, when it is to be invited,
    /// its invitation. Refused when another account of the portal has the username.
    pub async fn create_account(
        &self,
        account: &Account,
        event: &Event,
        invitation: Option<&Outbox>,
    ) -> Result<Outcome, StoreError> {
        let mut writes = vec![self.put_new(&keys::account(account.id), account)?];
        for identifier in account.identifiers() {
            writes.push(self.put_new(&keys::login(account, &identifier), &account.login())?);
        }
        writes.extend(self.directory_writes(None, account)?);
        writes.extend(self.caseload_writes(None, account)?);
        writes.push(self.put_event(event)?);
        if let Some(invitation) = invitation {
            writes.push(self.put_outbox(invitation)?);
        }
        self.transact(writes).await
    }

    fn put_new(&self, key: &Key, value: &impl serde::Serialize) -> Result<TransactWriteItem, StoreError> {
        self.put_once(items::write(key, value, None)?)
    }

    /// A delete, whether or not there is something, as part of a transaction.
    pub(super) fn remove(&self, key: &Key) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder().table_name(&self.table).set_key(Some(key.attributes())).build();
        let delete = delete.map_err(|error| StoreError::unavailable("building a delete", error))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    /// A put that never replaces.
    pub(super) fn put_once(&self, item: Item) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder().table_name(&self.table).set_item(Some(item));
        let put = put.condition_expression("attribute_not_exists(pk)").build();
        let put = put.map_err(|error| StoreError::unavailable("building a put", error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// The writes of a new password, and of a security question set with it: on the account, if it is still as given, and on
    /// each copy that sign-in reads. With `ending`, the credential version and the session epoch rise, which voids every
    /// ticket and session; a temporary password is gone, and so is what froze the account, and its question where that is to go.
    pub(super) fn password_writes(
        &self,
        account: &Account,
        password: &PasswordHash,
        (question, drops_question): (Option<&Question>, bool),
        ending: bool,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let raise = u64::from(ending);
        let (version, epoch) = (account.credential_version + raise, account.session_epoch + raise);
        let setup = attribute(if ending { &Setup::SignedUp } else { &account.setup })?;
        let hash = attribute(password)?;
        let set = "password = :password, credential_version = :new_version, session_epoch = :new_epoch";
        let values = |update: UpdateBuilder| {
            update
                .expression_attribute_values(":password", hash.clone())
                .expression_attribute_values(":new_version", number(version))
                .expression_attribute_values(":new_epoch", number(epoch))
                .set_expression_attribute_names(
                    ending.then(|| HashMap::from([("#temporary".to_owned(), "temporary".to_owned())])),
                )
        };
        let also = if question.is_some() { ", question = :question" } else { "" };
        let without = if ending { " REMOVE #temporary" } else { "" };
        let dropped = drops_question && question.is_none();
        let thaw = match (ending, dropped) {
            (true, true) => ", frozen_at, question",
            (true, false) => ", frozen_at",
            (false, _) => "",
        };
        let mut on_account = same_temporary(values(self.update(&keys::account(account.id))), account)
            .update_expression(format!("SET {set}, setup = :setup{also}{without}{thaw}"))
            .expression_attribute_values(":setup", setup);
        if let Some(question) = question {
            on_account = on_account.expression_attribute_values(":question", attribute(question)?);
        }
        let mut writes = vec![update(on_account)?];
        for identifier in account.identifiers() {
            let on_login = values(self.update(&keys::login(account, &identifier)));
            let on_login = on_login
                .update_expression(format!("SET {set}, #open = :open{without}"))
                .condition_expression("account = :account")
                .expression_attribute_names("#open", "open")
                .expression_attribute_values(":open", true_())
                .expression_attribute_values(":account", text(&account.id));
            writes.push(update(on_login)?);
        }
        Ok(writes)
    }

    /// A condition: the account is open and as its login said, and the ticket, if one is given, its temporary password's.
    pub(super) fn check_login(
        &self,
        login: &Login,
        ticket: Option<TicketId>,
    ) -> Result<TransactWriteItem, StoreError> {
        let check = self.check_account(login.account, login.credential_version);
        let check = check.expression_attribute_values(":epoch", number(login.session_epoch));
        finish(match ticket {
            None => check.condition_expression(OPEN_AND_UNCHANGED),
            Some(ticket) => check
                .condition_expression(format!("{OPEN_AND_UNCHANGED} AND #temporary.ticket = :ticket"))
                .expression_attribute_names("#temporary", "temporary")
                .expression_attribute_values(":ticket", text(&ticket)),
        })
    }

    /// A condition: the account is open and of the given credential version.
    pub(super) fn check_open(&self, id: AccountId, version: u64) -> Result<TransactWriteItem, StoreError> {
        finish(self.check_account(id, version).condition_expression(OPEN))
    }

    /// A condition: a member of staff may still do what they may.
    fn check_actor(&self, actor: &Account) -> Result<TransactWriteItem, StoreError> {
        let check = ConditionCheck::builder()
            .table_name(&self.table)
            .set_key(Some(keys::account(actor.id).attributes()))
            .condition_expression(
                "#role = :role AND session_epoch = :epoch AND active = :true AND refused = :false",
            )
            .expression_attribute_names("#role", "role")
            .expression_attribute_values(":role", attribute(&actor.role)?)
            .expression_attribute_values(":epoch", number(actor.session_epoch))
            .expression_attribute_values(":true", true_())
            .expression_attribute_values(":false", false_());
        finish(check)
    }

    fn check_account(&self, id: AccountId, version: u64) -> ConditionCheckBuilder {
        ConditionCheck::builder()
            .table_name(&self.table)
            .set_key(Some(keys::account(id).attributes()))
            .expression_attribute_values(":version", number(version))
            .expression_attribute_values(":true", true_())
            .expression_attribute_values(":false", false_())
    }

    /// Writes what a member of staff has changed of accounts, each if it is still as given, with everything that follows from
    /// it: logins, directory, caseloads. All of it or nothing, and nothing when the one who does it has been closed, signed out
    /// or given another role meanwhile: two administrators cannot undo each other at once.
    pub async fn update_accounts(
        &self,
        actor: &Account,
        changed: &[(&Account, &Account)],
        event: &Event,
    ) -> Result<Outcome, StoreError> {
        let mut writes = Vec::new();
        if changed.iter().all(|(old, _)| old.id != actor.id) {
            writes.push(self.check_actor(actor)?);
        }
        for (old, new) in changed {
            writes.push(self.edit(old, new)?);
            writes.extend(self.login_writes(old, new)?);
            writes.extend(self.directory_writes(Some(old), new)?);
            writes.extend(self.caseload_writes(Some(old), new)?);
        }
        writes.push(self.put_event(event)?);
        self.transact(writes).await
    }

    /// What staff have changed. Everything else stays as it is now, whoever has written it since the account was read; but a
    /// password set since, or a session ended, is a change to look at.
    pub(super) fn edit(&self, old: &Account, new: &Account) -> Result<TransactWriteItem, StoreError> {
        let (before, after) = (
            items::write(&keys::account(old.id), old, None)?,
            items::write(&keys::account(new.id), new, None)?,
        );
        // A rehash raises none of the three, and would be missing in the copy of a new address.
        let kept = before.get("password");
        let same = if kept.is_some() { "#kept = :kept" } else { "attribute_not_exists(#kept)" };
        let write = differences(self.update(&keys::account(new.id)), &before, &after, &EDITED)
            .condition_expression(format!(
                "revision = :revision AND credential_version = :version AND session_epoch = :epoch \
                 AND mail = :mail AND {same}"
            ))
            // A mail that comes back meanwhile is of the address that was.
            .expression_attribute_values(":mail", attribute(&old.mail)?)
            .expression_attribute_names("#kept", "password")
            .expression_attribute_values(":revision", number(old.revision))
            .expression_attribute_values(":version", number(old.credential_version))
            .expression_attribute_values(":epoch", number(old.session_epoch));
        update(
            kept.into_iter()
                .fold(write, |write, kept| write.expression_attribute_values(":kept", kept.clone())),
        )
    }

    /// The logins of an account, where what they copy has changed or the address has.
    pub(super) fn login_writes(
        &self,
        old: &Account,
        new: &Account,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let (before, after) = (old.identifiers(), new.identifiers());
        let mut writes = Vec::new();
        for gone in before.iter().filter(|identifier| !after.contains(identifier)) {
            writes.push(self.remove(&keys::login(old, gone))?);
        }
        for identifier in &after {
            let key = keys::login(new, identifier);
            if !before.contains(identifier) {
                writes.push(self.put_new(&key, &new.login())?);
            } else if old.login() != new.login() {
                let (before, after) =
                    (items::write(&key, &old.login(), None)?, items::write(&key, &new.login(), None)?);
                let copy = differences(self.update(&key), &before, &after, &COPIED)
                    .condition_expression("account = :account")
                    .expression_attribute_values(":account", text(&new.id));
                writes.push(update(copy)?);
            }
        }
        Ok(writes)
    }

    /// Tells the account and its logins which temporary password has been mailed, as part of a transaction: if the ticket is
    /// still the account's.
    pub(super) fn temporary_writes(
        &self,
        account: &Account,
        ticket: TicketId,
        digest: &Digest,
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let logins = account.identifiers().into_iter().map(|identifier| keys::login(account, &identifier));
        let keys = std::iter::once(keys::account(account.id)).chain(logins);
        let tell = |key: Key| {
            let write = self.update(&key).update_expression("SET #temporary.digest = :digest");
            let write = write.condition_expression("#temporary.ticket = :ticket");
            let write = write.expression_attribute_names("#temporary", "temporary");
            let write = write.expression_attribute_values(":ticket", text(&ticket));
            update(write.expression_attribute_values(":digest", attribute(digest)?))
        };
        keys.map(tell).collect()
    }

    /// Remembers that an invitation was opened, if its account is not set up yet.
    pub async fn record_started(&self, id: AccountId) -> Result<(), StoreError> {
        let write = self
            .update(&keys::account(id))
            .update_expression("SET setup = :started")
            .condition_expression("setup IN (:not_invited, :invited)")
            .expression_attribute_values(":started", attribute(&Setup::Started)?)
            .expression_attribute_values(":not_invited", attribute(&Setup::NotInvited)?)
            .expression_attribute_values(":invited", attribute(&Setup::Invited)?);
        self.transact(vec![update(write)?]).await.map(|_| ())
    }

    /// Sets the security question, if the account is still as given, and forgets the failures that led to it.
    pub async fn set_question(
        &self,
        account: &Account,
        question: &Question,
        event: &Event,
        limit: Option<&Subject>,
    ) -> Result<Outcome, StoreError> {
        let write = unchanged(self.update(&keys::account(account.id)), account)
            .update_expression("SET question = :question")
            .expression_attribute_values(":question", attribute(question)?);
        let mut writes = vec![update(write)?, self.put_event(event)?];
        if let Some(limit) = limit {
            writes.push(self.clear_sign_in(limit)?);
        }
        self.transact(writes).await
    }

    /// An update of an item of this table, whose old self comes back when its condition fails.
    pub(super) fn update(&self, key: &Key) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.table)
            .set_key(Some(key.attributes()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

/// Sets and removes what of the given members differs.
fn differences(write: UpdateBuilder, before: &Item, after: &Item, members: &[&str]) -> UpdateBuilder {
    let (mut set, mut remove) = (Vec::new(), Vec::new());
    let mut write = write;
    for (place, member) in members.iter().enumerate() {
        if before.get(*member) == after.get(*member) {
            continue;
        }
        write = write.expression_attribute_names(format!("#m{place}"), *member);
        if let Some(value) = after.get(*member) {
            set.push(format!("#m{place} = :m{place}"));
            write = write.expression_attribute_values(format!(":m{place}"), value.clone());
        } else {
            remove.push(format!("#m{place}"));
        }
    }
    let clause = |word: &str, members: &[String]| {
        if members.is_empty() { String::new() } else { format!("{word} {} ", members.join(", ")) }
    };
    write.update_expression(format!("{}{}", clause("SET", &set), clause("REMOVE", &remove)))
}

/// Only if the account is open and as given.
fn unchanged(write: UpdateBuilder, account: &Account) -> UpdateBuilder {
    write
        .condition_expression(OPEN_AND_UNCHANGED)
        .expression_attribute_values(":version", number(account.credential_version))
        .expression_attribute_values(":epoch", number(account.session_epoch))
        .expression_attribute_values(":true", true_())
        .expression_attribute_values(":false", false_())
}

/// Only if the account is open and as given, and no other temporary password has been issued: it would be lost.
fn same_temporary(write: UpdateBuilder, account: &Account) -> UpdateBuilder {
    let write = unchanged(write, account).expression_attribute_names("#temporary", "temporary");
    match &account.temporary {
        None => {
            write.condition_expression(format!("{OPEN_AND_UNCHANGED} AND attribute_not_exists(#temporary)"))
        }
        Some(temporary) => write
            .condition_expression(format!("{OPEN_AND_UNCHANGED} AND #temporary.ticket = :ticket"))
            .expression_attribute_values(":ticket", text(&temporary.ticket)),
    }
}

/// Finishes a condition as part of a transaction.
fn finish(check: ConditionCheckBuilder) -> Result<TransactWriteItem, StoreError> {
    let check = check.build().map_err(|error| StoreError::unavailable("building a check", error))?;
    Ok(TransactWriteItem::builder().condition_check(check).build())
}

fn true_() -> AttributeValue {
    AttributeValue::Bool(true)
}

fn false_() -> AttributeValue {
    AttributeValue::Bool(false)
}

/// Finishes an update as part of a transaction.
pub(super) fn update(builder: UpdateBuilder) -> Result<TransactWriteItem, StoreError> {
    let update = builder.build().map_err(|error| StoreError::unavailable("building an update", error))?;
    Ok(TransactWriteItem::builder().update(update).build())
}
