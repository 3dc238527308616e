//! What must hold when everything is over: read from the table and from the mails, without a word of the functions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use rekey::domain::account::Account;
use rekey::domain::event::{Action, Event};
use rekey::domain::identifier::Identifier;
use rekey::domain::limit::Subject;
use rekey::domain::outbox::{OutboxItem, OutboxKind};
use rekey::domain::practice::Portal;
use rekey::domain::session::Session;
use rekey::domain::ticket::{Kind, Standing, State, Ticket};
use rekey::platform::clock::{Clock as _, Timestamp};
use rekey::platform::ids::{AccountId, OutboxId, TicketId};
use rekey::secrets::keyring::Keyring;
use rekey::secrets::token::Token;
use rekey::store::keys;
use rekey_local::keys::LIMITS;
use serde_json::json;

use super::World;
use super::inbox::Mail;
use super::person::{Choice, Holder};
use crate::support::event::HttpEvent;
use crate::support::items::plain;
use crate::support::with_second_key;

/// The kinds of items that stay. All others end.
const LASTING: [&str; 8] = ["PRACTICE", "PRACTICES", "ORIGIN", "ACCOUNT", "LOGIN", "EMAIL", "LOOKS", "FIND"];

/// The table, by kind of item.
#[derive(Default)]
struct Table {
    accounts: BTreeMap<AccountId, Account>,
    tickets: BTreeMap<AccountId, Vec<Ticket>>,
    guards: BTreeMap<AccountId, i64>,
    outbox: BTreeMap<OutboxId, OutboxItem>,
    /// The events, by account.
    events: BTreeMap<Option<AccountId>, Vec<Event>>,
    events_by_item: HashMap<OutboxId, Vec<Event>>,
    sessions: BTreeMap<AccountId, usize>,
    /// The sign-in counters, by partition key.
    counters: BTreeSet<String>,
}

/// Notes everything that does not hold.
pub async fn check(world: &World, holders: &[Arc<Holder>]) {
    let table = Table::read(world).await;
    let choices = world.choices.lock().unwrap().clone();
    let mails = Mails::of(world.inbox.all());
    passwords(world, &table, &choices).await;
    sent(world, &table, &mails, holders);
    once(world, &table, &mails);
    left(world, &table);
    // The sign-ins of the check have come meanwhile.
    unlocked(world, &Table::read(world).await, holders);
    let mut figures = world.figures.lock().unwrap();
    figures.confirmed = choices.iter().filter(|choice| choice.is_confirmed).count();
    figures.overtaken = choices.iter().filter(|choice| choice.signed_in == Some(false)).count();
    figures.resets = table.used().count();
    figures.events = table.events.values().map(Vec::len).sum();
}

impl Table {
    async fn read(world: &World) -> Self {
        let mut table = Self::default();
        for item in world.app.items().await {
            let (pk, sk) = (item["pk"].as_s().unwrap().clone(), item["sk"].as_s().unwrap().clone());
            let kind = keys::kind(&pk);
            let is_lasting = LASTING.contains(&kind) || kind == "EVENT" || sk == "#GUARD";
            if !is_lasting && !item.contains_key("expires_at") {
                world.violated(format!("{pk} has no end"));
            }
            match kind {
                "TICKET" if sk == "#GUARD" => {
                    let account = pk.split_once('#').unwrap().1.parse().unwrap();
                    table.guards.insert(account, plain(&item)["issued"].as_i64().unwrap());
                }
                "TICKET" => {
                    let ticket: Ticket = serde_dynamo::from_item(item).unwrap();
                    table.tickets.entry(ticket.account).or_default().push(ticket);
                }
                "ACCOUNT" => {
                    let account: Account = serde_dynamo::from_item(item).unwrap();
                    table.accounts.insert(account.id, account);
                }
                "REQUEST" | "OUTBOX" => {
                    if item.contains_key("outbox_queue") {
                        world.violated(format!("{pk} is in a queue still: {}", plain(&item)));
                    }
                    let item: OutboxItem = serde_dynamo::from_item(item).unwrap();
                    table.outbox.insert(item.id, item);
                }
                "EVENT" => table.take_event(serde_dynamo::from_item(item).unwrap()),
                "SESSION" => {
                    let session: Session = serde_dynamo::from_item(item).unwrap();
                    *table.sessions.entry(session.account).or_default() += 1;
                }
                "LIMIT" if sk == "SIGN_IN" => {
                    table.counters.insert(pk);
                }
                _ => {}
            }
        }
        table
    }

    fn take_event(&mut self, event: Event) {
        if let Some(item) = event.outbox {
            self.events_by_item.entry(item).or_default().push(event.clone());
        }
        self.events.entry(event.account).or_default().push(event);
    }

    fn events_of_item(&self, item: OutboxId) -> &[Event] {
        self.events_by_item.get(&item).map_or(&[], Vec::as_slice)
    }

    fn events_of_ticket(&self, ticket: &Ticket) -> impl Iterator<Item = &Event> {
        let events = self.events.get(&Some(ticket.account)).into_iter().flatten();
        events.filter(|event| event.ticket == Some(ticket.id))
    }

    fn used(&self) -> impl Iterator<Item = &Ticket> {
        self.tickets.values().flatten().filter(|ticket| ticket.state == State::Used)
    }

    fn used_of(&self, account: AccountId) -> impl Iterator<Item = &Ticket> {
        let tickets = self.tickets.get(&account).into_iter().flatten();
        tickets.filter(|ticket| ticket.state == State::Used)
    }

    fn ticket(&self, account: Option<AccountId>, id: TicketId) -> Option<&Ticket> {
        self.tickets.get(&account?)?.iter().find(|ticket| ticket.id == id)
    }

    /// Whether a password of the account was set at a time or later.
    fn has_set_since(&self, account: AccountId, at: Timestamp) -> bool {
        self.used_of(account).filter_map(|ticket| ticket.used_at).any(|used_at| used_at >= at)
    }

    /// Whether it is known that the item's mail to an account went: SES has said so, or somebody has used what it carried before the
    /// item was done.
    fn is_known(&self, item: &OutboxItem, account: AccountId) -> bool {
        let is_known = |ticket: &Ticket| {
            ticket.sent_for.contains(&item.id)
                || (ticket.sent_for.is_empty() && ticket.state == State::Used && ticket.id.is_of(item.id))
        };
        let entered_at = item.challenge().and_then(|challenge| challenge.entered_at);
        entered_at.is_some_and(|at| item.done_at.is_none_or(|done_at| at < done_at))
            || self.tickets.get(&account).into_iter().flatten().any(is_known)
    }

    /// The ticket with which the password of an account was set last.
    fn last_used(&self, account: AccountId) -> Option<&Ticket> {
        self.used_of(account).max_by_key(|ticket| ticket.credential_version)
    }
}

/// The digest of the `Idempotency-Key` that a ticket was used with.
fn key(ticket: &Ticket) -> Option<[u8; 32]> {
    ticket.used_with.map(|digest| *digest.as_bytes())
}

/// The mails, by outbox item.
struct Mails(HashMap<OutboxId, Vec<Mail>>);

impl Mails {
    fn of(all: Vec<Mail>) -> Self {
        let mut mails: HashMap<OutboxId, Vec<Mail>> = HashMap::new();
        for mail in all {
            mails.entry(mail.outbox).or_default().push(mail);
        }
        Self(mails)
    }

    fn of_item(&self, item: OutboxId) -> &[Mail] {
        self.0.get(&item).map_or(&[], Vec::as_slice)
    }

    /// Whether a mail of any item had the link of a ticket. One that was issued for another request can be in it.
    fn have_link_of(&self, account: Option<AccountId>, ticket: TicketId) -> bool {
        let tokens = self.0.values().flatten().filter_map(|mail| mail.token_of(account?));
        tokens.filter_map(|token| Token::parse(token)).any(|token| TicketId::from(token.subject) == ticket)
    }
}

/// Whoever saw success has set a password, by one ticket; the last of an account signs in; nobody else has set one.
async fn passwords(world: &World, table: &Table, choices: &[Choice]) {
    let by_key: HashMap<[u8; 32], &Choice> = choices.iter().map(|choice| (choice.key, choice)).collect();
    let mut uses: HashMap<[u8; 32], usize> = HashMap::new();
    for ticket in table.used() {
        match key(ticket) {
            Some(key) if by_key.get(&key).is_some_and(|choice| choice.account == ticket.account) => {
                *uses.entry(key).or_default() += 1;
            }
            _ => world.violated(format!("nobody has used ticket {} of {}", ticket.id, ticket.account)),
        }
    }
    for choice in choices {
        let used = uses.get(&choice.key).copied().unwrap_or_default();
        if used > 1 || (choice.is_confirmed && used == 0) {
            world.violated(format!("{used} tickets were used for {choice:?}"));
        }
        let last = table.last_used(choice.account).and_then(key);
        if choice.signed_in == Some(false) && last == Some(choice.key) {
            world.violated(format!("the password that was set last has not signed in: {choice:?}"));
        }
    }
    for (id, account) in &table.accounts {
        // Each use ends a version, and with it every other ticket of that.
        let used: BTreeSet<u64> = table.used_of(*id).map(|ticket| ticket.credential_version).collect();
        if table.used_of(*id).count() != used.len() || !used.into_iter().eq(1..account.credential_version) {
            world.violated(format!("{id} has version {}: void tickets used", account.credential_version));
        }
        let last = table.last_used(*id).and_then(|ticket| by_key.get(&key(ticket)?));
        let Some(choice) = last else { continue };
        let body = json!({"practice": choice.practice, "identifier": choice.username,
            "password": choice.password});
        let event = HttpEvent::new("POST", "/v1/sessions").at_ip("192.0.2.2").json(&body);
        let reply = world.fleet.send_in_peace(event).await;
        if reply.status != 201 {
            world.violated(format!("the last password of {id} does not sign in: {reply:?}, {choice:?}"));
        }
    }
}

/// Every mail that was due went, none has a second secret, and nobody else has got one.
fn sent(world: &World, table: &Table, mails: &Mails, holders: &[Arc<Holder>]) {
    let mut figures = world.figures.lock().unwrap();
    for item in table.outbox.values() {
        let own = mails.of_item(item.id);
        if item.done_at.is_none() {
            world.violated(format!("{} is not done: {item:?}", item.id));
        }
        figures.mails += own.len();
        figures.doubled += own.len().saturating_sub(1);
        let (accounts, is_link) = match &item.kind {
            OutboxKind::Recovery { identifier, challenge, .. } => {
                let named = |holder: &&Arc<Holder>| {
                    let name = identifier.as_str();
                    holder.practice == item.practice.as_str()
                        && (holder.username == name || holder.email == name)
                };
                let accounts = holders.iter().filter(named).map(|holder| holder.account);
                (accounts.collect::<BTreeSet<_>>(), challenge.is_none())
            }
            OutboxKind::PasswordChanged { account } => (BTreeSet::from([*account]), false),
            _ => (BTreeSet::new(), false),
        };
        if accounts.is_empty() && !own.is_empty() {
            world.violated(format!("a mail for nobody: {item:?}"));
        }
        if own.is_empty() && !accounts.is_empty() && !is_explained(table, item, &accounts) {
            world.violated(format!("a mail that was due did not go: {item:?}"));
        }
        let distinct = |secrets: BTreeSet<&String>| secrets.len() > 1;
        if distinct(own.iter().filter_map(|mail| mail.code.as_ref()).collect())
            || distinct(own.iter().filter_map(|mail| mail.notice.as_ref()).collect())
        {
            world.violated(format!("a second secret: {own:?}"));
        }
        for account in accounts.into_iter().filter(|_| is_link) {
            let tokens: BTreeSet<&String> = own.iter().filter_map(|mail| mail.token_of(account)).collect();
            let is_own = |token: &&&String| {
                TicketId::from(Token::parse(token).unwrap().subject) == TicketId::from(item.id)
            };
            let borrowed = tokens.iter().filter(|token| !is_own(token)).count();
            figures.borrowed += usize::from(borrowed > 0);
            // Answered with an earlier link, a request that comes again gets the newest: `store::outbox` says so.
            if distinct(tokens.iter().filter(is_own).copied().collect())
                || (borrowed == 0 && distinct(tokens))
            {
                world.violated(format!("a second secret for {account}: {own:?}"));
            }
        }
    }
}

/// Why no mail went for an item: the trail says it, or a password was set after it was asked for.
fn is_explained(table: &Table, item: &OutboxItem, accounts: &BTreeSet<AccountId>) -> bool {
    let refusals = [Action::RecoveryRefused, Action::ExcessRateLimitExceeded];
    let is_refused = |event: &Event| refusals.contains(&event.action);
    let is_request = matches!(item.kind, OutboxKind::Recovery { .. });
    let is_over = |account: &AccountId| table.has_set_since(*account, item.at);
    is_request && (table.events_of_item(item.id).iter().any(is_refused) || accounts.iter().all(is_over))
}

/// The accounts that the mailer has found for a request for a code.
fn holders_of(item: &OutboxItem) -> BTreeSet<AccountId> {
    let mailed = item.challenge().into_iter().flat_map(|challenge| &challenge.mailed);
    mailed.flat_map(|mailed| &mailed.holders).map(|holder| holder.account).collect()
}

/// The accounts that the mails of an item were for.
fn addressees(item: &OutboxItem, own: &[Mail]) -> BTreeSet<AccountId> {
    let by_code = own.iter().find_map(|mail| mail.code.as_ref()).map(|_| holders_of(item));
    own.iter().flat_map(Mail::accounts).chain(by_code.into_iter().flatten()).collect()
}

/// Each event is there as often as what it records.
fn once(world: &World, table: &Table, mails: &Mails) {
    let mut figures = world.figures.lock().unwrap();
    for ticket in table.tickets.values().flatten() {
        let count = |action| table.events_of_ticket(ticket).filter(|event| event.action == action).count();
        let used = usize::from(ticket.state == State::Used);
        if count(Action::AuthnTokenCreated) != 1 || count(Action::AuthnPasswordChange) != used {
            world.violated(format!("the events of {ticket:?} are not one each"));
        }
    }
    for item in table.outbox.values() {
        let own = mails.of_item(item.id);
        let count = |action, account: Option<AccountId>| {
            let events = table.events_of_item(item.id).iter();
            let events = events.filter(|event| event.action == action);
            events.filter(|event| account.is_none() || event.account == account).count()
        };
        if let OutboxKind::PasswordChanged { account } = item.kind
            && [Action::AuthnPasswordChange, Action::MailSent].map(|each| count(each, Some(account)))
                != [1, 1]
        {
            world.violated(format!("the events of {item:?} are not one each"));
        }
        for account in addressees(item, own) {
            let sent = count(Action::MailSent, Some(account));
            // Nobody has heard that SES took the mail, nobody has used it, and it was of no use when it was to go again.
            let is_unheard = sent == 0
                && !table.is_known(item, account)
                && is_explained(table, item, &BTreeSet::from([account]));
            figures.unheard += usize::from(is_unheard);
            if !is_unheard && sent != 1 {
                world.violated(format!("{sent} events of {} mails to {account}: {item:?}", own.len()));
            }
        }
        let is_sent = |event: &&Event| event.action == Action::MailSent;
        // A used ticket of the item's own says that a mail has carried it. If SES was not heard of any, it may be another item's.
        let is_lie = |event: &Event| {
            let is_unheard = |ticket: TicketId| {
                table.ticket(event.account, ticket).is_none_or(|ticket| ticket.sent_for.is_empty())
            };
            let explains = |ticket: TicketId| is_unheard(ticket) && mails.have_link_of(event.account, ticket);
            own.is_empty() && !event.ticket.is_some_and(explains)
        };
        if table.events_of_item(item.id).iter().filter(is_sent).any(is_lie) {
            world.violated(format!("an event of a mail that nobody has got: {item:?}"));
        }
        let Some(challenge) = item.challenge() else { continue };
        let opened = count(Action::AuthnCodeSuccess, None);
        let is_double =
            holders_of(item).into_iter().any(|account| count(Action::AuthnCodeSuccess, Some(account)) > 1);
        if is_double || challenge.entered_at.is_some() != (opened > 0) {
            world.violated(format!("{opened} events that the code was entered: {item:?}"));
        }
    }
    let is_confirmation = |item: &&OutboxItem| matches!(item.kind, OutboxKind::PasswordChanged { .. });
    if table.outbox.values().filter(is_confirmation).count() != table.used().count() {
        world.violated("not every change has one confirmation".to_owned());
    }
    let mut logins: BTreeMap<AccountId, usize> = BTreeMap::new();
    let events = table.events.values().flatten();
    for account in
        events.filter(|event| event.action == Action::AuthnLoginSuccess).filter_map(|event| event.account)
    {
        *logins.entry(account).or_default() += 1;
    }
    if logins != table.sessions {
        world.violated("the sign-ins of the trail are not the sessions".to_owned());
    }
}

/// No ticket is open beyond what an account may have, and the guards count what was issued.
fn left(world: &World, table: &Table) {
    let now = world.app.clock.now();
    for (id, tickets) in &table.tickets {
        let account = &table.accounts[id];
        let open = |is_code: bool| {
            let of_kind = tickets.iter().filter(|ticket| (ticket.kind == Kind::VerificationCode) == is_code);
            of_kind.filter(|ticket| ticket.standing(account, now) == Standing::Open).count()
        };
        if open(false) > 2 || open(true) > 1 {
            world.violated(format!("{id} has {} links and {} codes open", open(false), open(true)));
        }
        if table.guards.get(id).copied() != i64::try_from(tickets.len()).ok() {
            world.violated(format!(
                "the guard of {id} says {:?} of {} tickets",
                table.guards.get(id),
                tickets.len()
            ));
        }
    }
}

/// No name that has signed in is counted as failing. What is left under the key of before the rotation ends by itself.
fn unlocked(world: &World, table: &Table, holders: &[Arc<Holder>]) {
    let current = with_second_key(&world.app.keys[LIMITS], "k2");
    let rings = [&current, &world.app.keys[LIMITS]].map(|ring| Keyring::parse(ring).unwrap());
    let mut former = 0;
    for holder in holders {
        let account = &table.accounts[&holder.account];
        let name = Identifier::parse(&holder.username).unwrap();
        let [is_counted, was_counted] = rings.each_ref().map(|ring| {
            let key = ring.current().unwrap();
            let name = Subject::identifier(key, &account.practice, Portal::Client, &name);
            table.counters.contains(&keys::sign_in_limit(&name).pk)
        });
        former += usize::from(was_counted);
        if is_counted {
            world.violated(format!("a counter of sign-ins is left: {}", holder.username));
        }
    }
    world.figures.lock().unwrap().counters_left = former;
}
