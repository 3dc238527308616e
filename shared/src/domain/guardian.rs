//! The end of a guardian: what it takes, and what is recorded of it. It is the same act whether a date, staff or the operator end it.
//!
//! **What a guardian may hold for a client.** Links, codes and invitations that came to a mailbox or were handed over: every ticket of
//! the client is void. Sessions of the client: all end. Where the two shared a mailbox, the guardian could have recovered the client's
//! account at any time, so they may know its password and have set its question. So the account is frozen: the password goes, and the
//! question is asked until somebody has seen the client. Nothing is mailed to that mailbox for the client any more. Staff are asked for
//! an address of the client's own, and let the client in again with it.
//!
//! The guardian's own account keeps its password, its tickets and its sessions: they may serve others.

use crate::domain::account::{Account, MailStatus};
use crate::domain::event::{Change, Event};
use crate::domain::help::Cause;
use crate::domain::outbox::{OutboxItem, OutboxKind};
use crate::platform::clock::{Ambient, NoRandomness};
use crate::platform::ids::{AccountId, EventId};

/// The end of an association, as it is written.
pub struct End {
    /// The client's account afterwards.
    pub client: Account,
    /// The guardian's account afterwards; absent when it was erased.
    pub guardian: Option<Account>,
    /// The event of the client's log, and that of the guardian's.
    pub events: Vec<Event>,
    /// The item that asks staff for an address of the client's own, where the mailbox was shared.
    pub task: Option<OutboxItem>,
}

impl End {
    /// Ends the association of a client with a guardian, whose account is given as far as there is one. `event` says who ends it.
    ///
    /// # Errors
    /// [`NoRandomness`] when no id can be drawn.
    pub fn new(
        ambient: &Ambient,
        client: &Account,
        (id, guardian): (AccountId, Option<&Account>),
        event: Event,
    ) -> Result<Self, NoRandomness> {
        let now = ambient.now();
        let mailbox = guardian.and_then(|guardian| client.mailbox_shared_with(guardian, now));
        let ended = client.without_guardian(id, mailbox.map(|mailbox| (mailbox, now)));
        let shared = ended.mail != client.mail;
        // Nobody is asked for the address of an account that is closed.
        let kind = OutboxKind::Task { account: client.id, cause: Cause::SharedMailbox };
        let task =
            (shared && client.is_open()).then(|| OutboxItem::new(ambient, &client.practice, kind, None));
        let task = task.transpose()?;
        let relationship = client.association_with(id).map(|entry| entry.relationship.clone());
        let change = |member: &str, from, to| Change { member: member.to_owned(), from, to };
        let relation = change("association", relationship, None);
        let mail = |mail: MailStatus| Some(mail.as_str().to_owned());
        let marked = shared.then(|| change("mail", mail(client.mail), mail(MailStatus::SharedMailbox)));
        let changes = [relation.clone()].into_iter().chain(marked).collect();
        let of_guardian = Event { id: EventId::from(ambient.ulid()?), ..event.clone() };
        let of_guardian = of_guardian.of(id, client.portal).and(client.id).with_changes(vec![relation]);
        let of_client = event.of(client.id, client.portal).and(id).with_changes(changes);
        let of_client = Event { outbox: task.as_ref().map(|task| task.id), ..of_client };
        Ok(Self {
            client: ended,
            guardian: guardian.map(|guardian| guardian.without_client(client.id)),
            events: vec![of_client, of_guardian],
            task,
        })
    }
}
