//! Every partition key and sort key of the system. No other file makes one.
//!
//! | Kind | Partition key | Sort key | Attributes | Written by |
//! |---|---|---|---|---|
//! | Practice | `PRACTICE#slug` | `PRACTICE` | [`Practice`](crate::domain::practice::Practice) | operator, settings |
//! | Practices | `PRACTICES#ALL` | slug | nothing more: there is such a practice; or `deleted_at` | operator |
//! | Logo | `LOGO#slug` | `LOGO` | [`StoredLogo`](crate::store::logos::StoredLogo) | operator (deleted), settings |
//! | Origin | `ORIGIN#origin` | `slug#portal` | [`OriginOwner`](crate::store::origins::OriginOwner) | operator, settings |
//! | Account | `ACCOUNT#id` | `ACCOUNT` | [`Account`] | operator, accounts, admin-link, mailer (temporary password), mail-events (mail), reset-password, sessions (rehash), change-password |
//! | Login | `LOGIN#slug#portal#username`, or the address of an account that signs in by it | `LOGIN` | [`Login`](crate::domain::account::Login) | the same without mail-events |
//! | Recipient | `EMAIL#slug#portal#address` | account id | [`Recipient`](crate::domain::account::Recipient) | operator, accounts |
//! | Looks | `LOOKS#slug#portal#skeleton` | `LOOKS` | `ascii`, `beyond`: the numbers of usernames with this look, with ASCII characters alone and with others | operator, accounts |
//! | Directory | `FIND#slug#portal` | an [entry](crate::domain::directory::entries) | `account` | operator, accounts |
//! | Caseload | `CASELOAD#staff's account id` | client's account id | `account` | operator, accounts |
//! | End of a guardian | `ENDING#shard` | time, client's account id | [`Ending`](crate::domain::account::Ending): the next time at which a guardian of the client ends | accounts, operator, mailer |
//! | Ticket | `TICKET#account id` | ticket id | [`Ticket`](crate::domain::ticket::Ticket) | mailer, admin-link, verify-code, reset-password, sessions (temporary passwords), mail-events (mail) |
//! | Ticket guard | `TICKET#account id` | `#GUARD` | `issued`: raised by each ticket that the mailer issues | mailer |
//! | Issued | `ISSUED#staff's account id` | ticket id | [`IssuedTicket`](crate::domain::issued::IssuedTicket): what a member of staff has issued | accounts (invitations), admin-link, mailer |
//! | Request | `REQUEST#id` | `REQUEST` | [`OutboxItem`] | forgot-password, mailer (codes, done), verify-code (attempts) |
//! | Outbox | `OUTBOX#id` | `OUTBOX` | [`OutboxItem`] | reset-password, change-password, operator, accounts, admin-link, mailer (done) |
//! | Notice | `NOTICE#account id` | its outbox item's id | [`Notice`](crate::domain::notice::Notice) | mailer, reset-password (used) |
//! | "I am not this person" | `NOTICE#first account's id` | `NOT_ME#` its outbox item's id | [`NotMe`](crate::domain::not_me::NotMe) | mailer, reset-password (used) |
//! | Session | `SESSION#account id` | session id | [`Session`](crate::domain::session::Session) | sessions, change-password, and each function that checks one (last use) |
//! | Event | `EVENT#account id` or `EVENT#slug` | event id | [`Event`], and its places in two or three indexes: `practice_log`, `action_log`, `actor_log` | all but forgot-password and activity; only ever put |
//! | Limit | `LIMIT#FORGOT#keyed hash` | `FORGOT` | `t0`…: the latest attempts, newest first | forgot-password |
//! | Limit | `LIMIT#FORGOT#keyed hash` | `CODE` | the same, of requests for a code | forgot-password |
//! | Limit | `LIMIT#ANSWER#keyed hash` | `ANSWER` | the same, of answers to an account's question | reset-password |
//! | Count | `COUNT#hash` | `MAILS` | the same, of mails that somebody has asked for | accounts, admin-link, mailer |
//! | Count | `COUNT#hash` | `NAMES` | the same, of usernames that were refused because they are taken | accounts |
//! | Limit | `LIMIT#SIGN_IN#keyed hash` | `SIGN_IN` | `failures`, `last`, `before`, `latest` | sessions, change-password, reset-password (cleared) |
//! | Limit | `LIMIT#FAILURES#keyed hash` | `FAILURES` | `count`: failed sign-ins of an hour from a source, or at a practice | sessions |
//! | Limit | `LIMIT#FORGOT#keyed hash` | `SHORT` | `count`: short codes of a day at a practice | forgot-password |
//! | Limit | `LIMIT#SIGN_IN#keyed hash` | `KNOWN` | nothing more: somebody has signed in by a name from a source or with a device | sessions, reset-password |
//! | Help request | `HELP#slug#portal#shard` | state, help request's id | [`HelpRequest`](crate::domain::help::HelpRequest) | mailer, accounts |
//! | Help request's account | `HELP#account id` | help request's id | `account`: the account has come into the help request | mailer |
//! | Open help request | `HELP#hash`, or `HELP#account id#cause` | `OPEN` | `valid_until`: an identifier, or an account, has an open help request until then | mailer |
//! | Count | `COUNT#hash` | `HELP` | the times of the help requests of a practice with names that nobody has | mailer |
//! | Limit | `LIMIT#FORGOT#keyed hash` | `HELP` | the same, of requests for help by source | forgot-password |
//! | Limit | `LIMIT#NOBODY#id` | event id | in the place of the event of a name that nobody has | sessions, verify-code |
//!
//! The kind leads the partition key, so that an IAM policy can name the kinds that a function may touch. `expires_at` is the TTL
//! attribute and nothing else: each item's own time decides.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::domain::account::Account;
use crate::domain::event::{Action, Actor, Event};
use crate::domain::identifier::Identifier;
use crate::domain::limit::Subject;
use crate::domain::origin::Origin;
use crate::domain::outbox::{OutboxItem, Queue};
use crate::domain::practice::{Portal, PortalOrigin, Slug};
use crate::platform::ids::{AccountId, OutboxId, SessionId, TicketId};

/// The key of an item.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The partition key.
    pub pk: String,
    /// The sort key.
    pub sk: String,
}

impl Key {
    fn new(pk: String, sk: impl Into<String>) -> Self {
        Self { pk, sk: sk.into() }
    }

    /// The key as DynamoDB takes it.
    pub fn attributes(&self) -> HashMap<String, AttributeValue> {
        let text = |value: &String| AttributeValue::S(value.clone());
        HashMap::from([("pk".to_owned(), text(&self.pk)), ("sk".to_owned(), text(&self.sk))])
    }
}

/// The kind that leads a partition key.
pub fn kind(pk: &str) -> &str {
    pk.split('#').next().unwrap_or_default()
}

/// The partition of an origin: one item for each portal whose pages have it, of whichever practice.
pub fn origin_owners(origin: &Origin) -> String {
    format!("ORIGIN#{origin}")
}

/// The key of a portal's claim to an origin.
pub fn origin(practice: &Slug, of: &PortalOrigin) -> Key {
    Key::new(origin_owners(&of.origin), format!("{practice}#{}", of.portal.as_str()))
}

/// The key of an account.
pub fn account(id: AccountId) -> Key {
    Key::new(format!("ACCOUNT#{id}"), "ACCOUNT")
}

/// The key of the login by a name: a username, or the address of an account that signs in by it.
pub fn login(practice: &Slug, portal: Portal, name: &Identifier) -> Key {
    Key::new(format!("LOGIN#{practice}#{}#{}", portal.as_str(), name.as_str()), "LOGIN")
}

/// The partition of the accounts that share an address.
pub fn recipients(practice: &Slug, portal: Portal, address: &Identifier) -> String {
    format!("EMAIL#{practice}#{}#{}", portal.as_str(), address.as_str())
}

/// The key of an account as one of those that share an address.
pub fn recipient(account: &Account, address: &Identifier) -> Key {
    Key::new(recipients(&account.practice, account.portal, address), account.id.to_string())
}

/// The key of what is known of a look (UTS 39).
pub fn looks(account: &Account, skeleton: &str) -> Key {
    Key::new(format!("LOOKS#{}#{}#{skeleton}", account.practice, account.portal.as_str()), "LOOKS")
}

/// The partition of a portal's directory.
pub fn directory(practice: &Slug, portal: Portal) -> String {
    format!("FIND#{practice}#{}", portal.as_str())
}

/// The key of an entry of the directory.
pub fn directory_entry(account: &Account, entry: &str) -> Key {
    Key::new(directory(&account.practice, account.portal), entry)
}

/// The partition of a member of staff's caseload.
pub fn caseload(staff: AccountId) -> String {
    format!("CASELOAD#{staff}")
}

/// The key of a client on a caseload.
pub fn caseload_entry(staff: AccountId, client: AccountId) -> Key {
    Key::new(caseload(staff), client.to_string())
}

/// The partition of an account's tickets.
pub fn tickets(account: AccountId) -> String {
    format!("TICKET#{account}")
}

/// The key of a ticket.
pub fn ticket(account: AccountId, id: TicketId) -> Key {
    Key::new(tickets(account), id.to_string())
}

/// The key of the guard that keeps two mailers from issuing tickets for one account at once. It sorts before every ticket: a
/// query that a transaction overtakes sees an old guard with new tickets, which is refused, and never the reverse.
pub fn ticket_guard(account: AccountId) -> Key {
    Key::new(tickets(account), "#GUARD")
}

/// The partition of the notices to an account's owner.
pub fn notices(account: AccountId) -> String {
    format!("NOTICE#{account}")
}

/// The key of the notice of a changed password.
pub fn notice(account: AccountId, id: OutboxId) -> Key {
    Key::new(notices(account), id.to_string())
}

/// The key of the link of a mail by which its reader says that they are somebody else.
pub fn not_me(account: AccountId, id: OutboxId) -> Key {
    Key::new(notices(account), format!("NOT_ME#{id}"))
}

/// The key of an outbox item: of a public request, or of a change.
pub fn outbox_item(item: &OutboxItem) -> Key {
    if item.is_request() { request(item.id) } else { outbox(item.id) }
}

/// The key of the outbox item of a change.
pub fn outbox(id: OutboxId) -> Key {
    Key::new(format!("OUTBOX#{id}"), "OUTBOX")
}

/// The key of an outbox item or a public request, from its partition; `None` for that of anything else.
pub fn outbox_key(pk: &str) -> Option<Key> {
    let id = outbox_id(pk)?;
    [outbox(id), request(id)].into_iter().find(|key| key.pk == pk)
}

/// The id of the outbox item or the public request in a partition.
pub fn outbox_id(pk: &str) -> Option<OutboxId> {
    pk.split_once('#')?.1.parse().ok()
}

/// The index of the outbox items that are not done.
pub(super) const OUTBOX_QUEUE: &str = "outbox-queue";
/// The attribute that names a queue's partition. Only items that are not done have it.
pub(super) const QUEUE_ATTRIBUTE: &str = "outbox_queue";

/// The number of partitions of a queue. Of 10,000 new items a second each gets 157, and 157 more when they are done.
pub(super) const QUEUE_SHARDS: u128 = 64;

/// The partition of a queue that has an item.
pub(super) fn queue(queue: Queue, id: OutboxId) -> String {
    queue_shard(queue, id.random() % QUEUE_SHARDS)
}

/// A partition of a queue.
pub(super) fn queue_shard(queue: Queue, shard: u128) -> String {
    format!("{}#{shard:02}", queue.name())
}

/// The key of a public request.
pub fn request(id: OutboxId) -> Key {
    Key::new(format!("REQUEST#{id}"), "REQUEST")
}

/// A name, for what is remembered of a caller check and one member of staff. There is no such item.
pub(super) fn check_by(check: &Key, staff: AccountId, account: AccountId) -> Key {
    Key::new(format!("{}#{staff}", check.pk), account.to_string())
}

/// A name, for what is remembered of an item and the codes of one length. There is no such item.
pub(super) fn of_length(item: &Key, length: u32) -> Key {
    Key::new(item.pk.clone(), format!("{} {length}", item.sk))
}

/// The partition of an account's sessions.
pub fn sessions(account: AccountId) -> String {
    format!("SESSION#{account}")
}

/// The key of a session.
pub fn session(account: AccountId, id: SessionId) -> Key {
    Key::new(sessions(account), id.to_string())
}

/// The partition of an account's events.
pub fn events(account: AccountId) -> String {
    format!("EVENT#{account}")
}

/// The key of an event.
pub fn event(event: &Event) -> Key {
    let pk = event.account.map_or_else(|| format!("EVENT#{}", event.practice), events);
    Key::new(pk, event.id.to_string())
}

/// The key of a counter. What it is used for leads, so that the function that counts one thing cannot clear the counters of another.
fn limit(of: &str, subject: &Subject, counter: &str) -> Key {
    Key::new(format!("LIMIT#{of}#{}", subject.as_str()), counter)
}

/// The key of a counter of the failed sign-ins of an hour.
pub fn failures(subject: &Subject) -> Key {
    limit("FAILURES", subject, "FAILURES")
}

/// The key of a counter of the short codes of a day.
pub fn short_codes(subject: &Subject) -> Key {
    limit("FORGOT", subject, "SHORT")
}

/// The key of what tells that a name has signed in from a source or with a device.
pub fn known_place(subject: &Subject) -> Key {
    limit("SIGN_IN", subject, "KNOWN")
}

/// The key of what stands for the event of a name that nobody has.
pub fn event_of_nobody(nobody: AccountId, event: &Event) -> Key {
    Key::new(format!("LIMIT#NOBODY#{nobody}"), event.id.to_string())
}

/// The number of partitions of a log that many people write to. 10,000 requests a second that are events, all at one practice,
/// are some 310 writes a second to each; a partition takes 1,000.
const SHARDS: u128 = 32;

/// A log, which is read newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Log {
    /// Every event of an account.
    Account(AccountId),
    /// Every event of a practice.
    Practice(Slug),
    /// Every event of one actor in a practice: of an account by its id, or of the operator.
    Actor(Slug, String),
    /// Every event of one action in a practice.
    Action(Slug, Action),
}

/// The place where a log is read.
pub(super) struct LogPlace {
    /// The index; `None` for the table itself.
    pub(super) index: Option<&'static str>,
    /// The attribute that names the log's partition.
    pub(super) name: &'static str,
    /// The value of that attribute.
    pub(super) partition: String,
}

impl Log {
    /// Every place in which events of the log are.
    pub(super) fn places(&self) -> Vec<LogPlace> {
        let shards = if self.is_sharded() { SHARDS } else { 1 };
        (0..shards).map(|shard| self.place(shard)).collect()
    }

    /// The log of an actor, if that has one. Nobody who is not signed in has, nor Rekey itself, since a good part of every practice's
    /// log is theirs: they are picked out of that.
    pub fn of_actor(practice: &Slug, who: &str) -> Option<Self> {
        let is_of_all = [Actor::Anonymous, Actor::System].iter().any(|actor| actor.as_str() == who);
        (!is_of_all).then(|| Self::Actor(practice.clone(), who.to_owned()))
    }

    /// Whether many people write to the log at once. The log of an account is its own, and so is that of an actor who has one.
    fn is_sharded(&self) -> bool {
        match self {
            Self::Account(_) => false,
            Self::Actor(_, who) => who.parse::<AccountId>().is_err(),
            Self::Practice(_) | Self::Action(..) => true,
        }
    }

    fn place(&self, shard: u128) -> LogPlace {
        let (index, name, log) = match self {
            Self::Account(account) => (None, "pk", events(*account)),
            Self::Practice(practice) => (Some("practice-log"), "practice_log", format!("LOG#{practice}")),
            Self::Actor(practice, who) => (Some("actor-log"), "actor_log", format!("ACTOR#{practice}#{who}")),
            Self::Action(practice, action) => {
                (Some("action-log"), "action_log", format!("ACTION#{practice}#{}", action.name()))
            }
        };
        let partition = if self.is_sharded() { format!("{log}#{shard:02}") } else { log };
        LogPlace { index, name, partition }
    }
}

/// The attributes that put an event into its practice's logs. Only events have them, so the indexes hold nothing else.
pub(super) fn logs(event: &Event) -> impl Iterator<Item = LogPlace> {
    let practice = &event.practice;
    let logs = [Log::Practice(practice.clone()), Log::Action(practice.clone(), event.action)];
    // The end of an id is random, or a hash.
    let shard = event.id.random() % SHARDS;
    logs.into_iter().chain(Log::of_actor(practice, &event.who())).map(move |log| log.place(shard))
}

/// The key of a counter of recoveries.
pub fn forgot_limit(subject: &Subject) -> Key {
    limit("FORGOT", subject, "FORGOT")
}

/// The key of a counter of requests for help.
pub fn help_limit(subject: &Subject) -> Key {
    limit("FORGOT", subject, "HELP")
}

/// The key of a counter of codes.
pub fn code_limit(subject: &Subject) -> Key {
    limit("FORGOT", subject, "CODE")
}

/// The key of a counter of mails.
pub fn mails(subject: &Subject) -> Key {
    Key::new(format!("COUNT#{}", subject.as_str()), "MAILS")
}

/// The key of a counter of refused usernames.
pub fn refused_names(subject: &Subject) -> Key {
    Key::new(format!("COUNT#{}", subject.as_str()), "NAMES")
}

/// The key of a counter of answers to an account's security question.
pub fn answer_limit(subject: &Subject) -> Key {
    limit("ANSWER", subject, "ANSWER")
}

/// The key of a counter of failed sign-ins.
pub fn sign_in_limit(subject: &Subject) -> Key {
    limit("SIGN_IN", subject, "SIGN_IN")
}

mod endings;
mod help;
mod issued;
mod practices;

pub use endings::*;
pub use help::*;
pub use issued::*;
pub use practices::*;

#[cfg(test)]
mod tests;
