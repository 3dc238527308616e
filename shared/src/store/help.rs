//! Help requests: made once by the mailer, listed by state, and moved from state to state by staff.
//!
//! **A state is a part of the sort key.** A list of one state reads that state alone, however many requests are settled. A change of
//! state is a deletion and a put in one transaction, so of two colleagues who take one request at once the second finds none to
//! delete. The requests of a portal are in as many partitions as a log that many people write to, because a stranger can have many
//! made, and a page is put together from all of them.
//!
//! **One open request for a name.** An item of the name is put with the request, and deleted when that is settled. So whoever asks
//! again and again, with one request for a recovery after another, leaves one task. A flood of names that nobody has is cut off by a
//! counter of the practice.

use futures::future::try_join_all;
use serde_json::json;

use crate::domain::account::Account;
use crate::domain::event::Event;
use crate::domain::help::{Candidate, HelpRequest, KEPT, State};
use crate::domain::limit::UNKNOWN_HELP;
use crate::domain::outbox::OutboxItem;
use crate::domain::practice::{Portal, Slug};
use crate::platform::clock::Timestamp;
use crate::platform::ids::{AccountId, HelpId};
use crate::store::directory::BATCH;
use crate::store::error::StoreError;
use crate::store::events::put_event;
use crate::store::items::Item;
use crate::store::keys::{self, Key};
use crate::store::limits::count_in_windows;
use crate::store::outbox::{marked_done, put_outbox_item};
use crate::store::transact::{Outcome, Page, Store};
use crate::store::write::{Range, Within, Write, absent, at_most, present};

/// What has come of making a help request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// It is in the list of staff.
    Listed,
    /// Somebody else has dealt with the item meanwhile.
    Before,
    /// The name has an open one.
    Open,
    /// The practice has had too many with names that nobody has.
    TooMany,
}

/// The help requests of a portal that are in a state.
#[derive(Clone, Copy, Debug)]
pub struct HelpList<'a> {
    /// The practice.
    pub practice: &'a Slug,
    /// The portal.
    pub portal: Portal,
    /// The state.
    pub state: State,
}

/// A page of help requests.
pub struct HelpPage {
    /// The requests: those that wait from the oldest on, those that are settled from the newest on.
    pub requests: Vec<HelpRequest>,
    /// The id after which the next page begins; `None` at the end.
    pub next: Option<HelpId>,
}

impl Store {
    /// Makes a help request from the outbox item that asks for it.
    ///
    /// One transaction:
    ///
    /// - The item gets `done_at`, and leaves its queue. Condition: it exists, and is not done.
    /// - The name's one open request is put. Condition: it has none, or that has ended.
    /// - The practice's counter takes the request, if nobody has the name. Condition: every window has room.
    /// - The request is put, and what leads to it from each of its accounts. Condition: none of them exists.
    /// - The events are put. Condition: none of them exists.
    ///
    /// When it is refused nothing is written, and the item is still to be ended, unless somebody else has dealt with it. Up to one
    /// round trip.
    pub async fn create_help(
        &self,
        item: &OutboxItem,
        request: &HelpRequest,
        events: &[Event],
    ) -> Result<Made, StoreError> {
        let (now, counter) = (self.ambient.now(), keys::unknown_help(&request.practice));
        let counts = request.accounts.is_empty();
        if counts && self.refusals.recall(&counter, now).is_some() {
            return Ok(Made::TooMany);
        }
        let mut writes = vec![marked_done(item, now), open_one(request, now)];
        writes.extend(counts.then(|| count_in_windows(&counter, &UNKNOWN_HELP, now)));
        writes.extend(listing(request));
        writes.extend(events.iter().map(put_event));
        Ok(match self.transact(writes).await? {
            Outcome::Written => Made::Listed,
            Outcome::Refused(refused) if refused.old(0).is_some() => Made::Before,
            Outcome::Refused(refused) if counts && refused.old(2).is_some() => {
                self.refusals.note(&counter, refused.old(2), now);
                Made::TooMany
            }
            Outcome::Refused(_) => Made::Open,
        })
    }

    /// Makes a task that a request for a recovery leads to, which goes on to its own end.
    ///
    /// One transaction:
    ///
    /// - The account's one open task of the cause is put. Condition: it has none, or that has ended.
    /// - The task is put, and what leads to it from its account. Condition: neither exists.
    /// - The outbox item of the mail about it is put, if one is due. Condition: it does not exist.
    ///
    /// `false` means that there is such a task; nothing is written. One round trip.
    pub async fn create_task(
        &self,
        task: &HelpRequest,
        notice: Option<&OutboxItem>,
    ) -> Result<bool, StoreError> {
        let mut writes = vec![open_one(task, self.ambient.now())];
        writes.extend(listing(task));
        writes.extend(notice.map(put_outbox_item));
        Ok(self.transact(writes).await?.is_written())
    }

    /// Reads a page of a list. One round trip, strongly consistent.
    ///
    /// Each partition is read as far as the page could go, and the requests are returned as far as every partition has been read.
    pub async fn list_help(
        &self,
        list: HelpList<'_>,
        after: Option<HelpId>,
        limit: usize,
    ) -> Result<HelpPage, StoreError> {
        let newest_first = list.state.is_settled();
        let prefix = keys::help_state(list.state);
        let after = after.map(|id| prefix.clone() + &id.to_string());
        let limit_of_one = i32::try_from(limit).unwrap_or(i32::MAX);
        let page = Page { after: after.as_deref(), limit: Some(limit_of_one), newest_first };
        let partitions: Vec<String> = keys::help_partitions(list.practice, list.portal).collect();
        let read = partitions.iter().map(|partition| {
            self.query_page(Range { within: Within::Prefix(&prefix), ..Range::of(partition) }, page)
        });
        let (mut requests, mut horizon) = (Vec::new(), None);
        let nearer = |one: HelpId, other: HelpId| if newest_first { one.max(other) } else { one.min(other) };
        for answer in try_join_all(read).await? {
            let more = answer.last_evaluated_key.is_some();
            let read = self.read_help(answer.items.unwrap_or_default())?;
            // What is beyond the last of a partition that has more may have neighbours that have not been read.
            if let Some(last) = read.last().filter(|_| more) {
                horizon = Some(horizon.map_or(last.id, |horizon| nearer(horizon, last.id)));
            }
            requests.extend(read);
        }
        requests.retain(|request| horizon.is_none_or(|horizon| nearer(request.id, horizon) == request.id));
        requests.sort_unstable_by_key(|request| request.id);
        if newest_first {
            requests.reverse();
        }
        let next = if requests.len() > limit {
            requests.truncate(limit);
            requests.last().map(|request| request.id)
        } else {
            horizon
        };
        let now = self.ambient.now();
        requests.retain(|request| request.valid_until > now);
        Ok(HelpPage { requests, next })
    }

    /// Finds a help request of a practice, in whichever state it is. One round trip.
    pub async fn find_help(&self, practice: &Slug, id: HelpId) -> Result<Option<HelpRequest>, StoreError> {
        let of = |portal| keys::help_in_any_state(practice, portal, id);
        let found = self.get_batch([Portal::Client, Portal::Staff].into_iter().flat_map(of)).await?;
        let now = self.ambient.now();
        Ok(self.read_help(found)?.into_iter().find(|request| request.valid_until > now))
    }

    /// Writes what a member of staff has done with a help request.
    ///
    /// One transaction:
    ///
    /// - The request is deleted in its former state. Condition: it is there.
    /// - It is put in the new one. Condition: it is not there.
    /// - The name's one open request is deleted when this one is settled, without a condition.
    /// - The events are put. Condition: none of them exists.
    /// - The account of the member of staff is checked. Condition: it is open, and its role and its session epoch are as read.
    ///
    /// A refusal means that somebody else has acted first, or that the member of staff has been closed, signed out or given another
    /// role; nothing is written. One round trip.
    pub async fn change_help(
        &self,
        staff: &Account,
        (old, new): (&HelpRequest, &HelpRequest),
        events: &[Event],
    ) -> Result<Outcome, StoreError> {
        let mut writes = vec![Write::delete(&key_of(old)).only_if(present()), put_help(new)];
        writes.extend(new.state.is_settled().then(|| Write::delete(&keys::open_help(new))));
        writes.extend(events.iter().map(put_event));
        self.transact_by(Some(staff), writes).await
    }

    /// Lists the help requests that an account has come into. Two round trips, and more where they are many.
    pub async fn list_help_of(&self, account: &Account) -> Result<Vec<HelpRequest>, StoreError> {
        let ids = self.help_ids_of(account.id).await?;
        let keys = ids.iter().flat_map(|id| keys::help_in_any_state(&account.practice, account.portal, *id));
        let keys: Vec<Key> = keys.collect();
        let mut requests = Vec::new();
        for some in keys.chunks(BATCH) {
            requests.extend(self.read_help(self.get_batch(some.iter().cloned()).await?)?);
        }
        Ok(requests)
    }

    async fn help_ids_of(&self, account: AccountId) -> Result<Vec<HelpId>, StoreError> {
        let items = self.query_all(Range::of(&keys::help_of(account))).await?;
        let id = |item: &Item| item.get("sk")?.as_s().ok()?.parse().ok();
        Ok(items.iter().filter_map(id).collect())
    }

    /// Deletes the help requests that an account has come into, those of a mailbox that it shares included. Three round trips, and
    /// more where they are many.
    pub(super) async fn delete_help_of(&self, account: &Account) -> Result<(), StoreError> {
        let requests = self.list_help_of(account).await?;
        let mut gone: Vec<Key> = requests.iter().flat_map(belongings).collect();
        gone.sort_unstable_by(|one, other| (&one.pk, &one.sk).cmp(&(&other.pk, &other.sk)));
        gone.dedup();
        self.delete_all(&gone).await?;
        let left = self.help_ids_of(account.id).await?;
        let left: Vec<Key> = left.into_iter().map(|id| keys::help_of_account(account.id, id)).collect();
        self.delete_all(&left).await
    }

    /// Deletes every help request of a practice. A round trip for each partition, and more where there are many.
    pub async fn delete_help_of_practice(&self, practice: &Slug) -> Result<(), StoreError> {
        for portal in [Portal::Client, Portal::Staff] {
            for partition in keys::help_partitions(practice, portal) {
                for request in self.read_help(self.query_all(Range::of(&partition)).await?)? {
                    self.delete_all(&belongings(&request).collect::<Vec<_>>()).await?;
                }
            }
        }
        Ok(())
    }

    /// Reads the help requests of a practice, a partition at a time, from the partition of this number on. Returns the number of the
    /// next one; `None` at the end. One round trip for each partition that it reads.
    pub async fn read_help_of_practice(
        &self,
        practice: &Slug,
        from: usize,
    ) -> Result<(Vec<HelpRequest>, Option<usize>), StoreError> {
        let portals = [Portal::Client, Portal::Staff].into_iter();
        let partitions = portals.flat_map(|portal| keys::help_partitions(practice, portal));
        let mut partitions = partitions.enumerate().skip(from).peekable();
        while let Some((_, partition)) = partitions.next() {
            let requests = self.read_help(self.query_all(Range::of(&partition)).await?)?;
            if !requests.is_empty() {
                return Ok((requests, partitions.peek().map(|(number, _)| *number)));
            }
        }
        Ok((Vec::new(), None))
    }

    fn read_help(&self, items: Vec<Item>) -> Result<Vec<HelpRequest>, StoreError> {
        items.into_iter().map(|item| self.reader.value("HELP", item)).collect()
    }
}

fn key_of(request: &HelpRequest) -> Key {
    keys::help_request(&request.practice, request.portal, request.state, request.id)
}

/// The write by which there is one open request for a name, or for an account and a cause.
fn open_one(request: &HelpRequest, now: Timestamp) -> Write {
    let is_free = absent().or(at_most("valid_until", now));
    let open = json!({"valid_until": request.valid_until});
    Write::put(&keys::open_help(request), &open, Some(request.valid_until)).only_if(is_free)
}

/// The writes of a new request, and of what leads to it from its accounts.
fn listing(request: &HelpRequest) -> impl Iterator<Item = Write> {
    let leading = request.accounts.iter().map(|candidate| {
        let key = keys::help_of_account(candidate.account, request.id);
        Write::create(&key, &json!({"account": candidate.account}), Some(request.asked_at + KEPT))
    });
    [put_help(request)].into_iter().chain(leading)
}

fn put_help(request: &HelpRequest) -> Write {
    Write::create(&key_of(request), request, Some(request.valid_until))
}

/// Every key of a help request. Staff may move it meanwhile, so each state is named.
fn belongings(request: &HelpRequest) -> impl Iterator<Item = Key> {
    let own = keys::help_in_any_state(&request.practice, request.portal, request.id);
    let open = (!request.state.is_settled()).then(|| keys::open_help(request));
    let of = |candidate: &Candidate| keys::help_of_account(candidate.account, request.id);
    own.chain(open).chain(request.accounts.iter().map(of))
}
