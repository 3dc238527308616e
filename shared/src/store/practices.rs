//! Practices, and the memory that a warm function has of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use crate::domain::account::Account;
use crate::domain::event::Event;
use crate::domain::outbox::OutboxItem;
use crate::domain::practice::{Practice, Slug};
use crate::platform::clock::Timestamp;
use crate::secrets::password::ImportedWork;
use crate::store::error::StoreError;
use crate::store::events::put_event;
use crate::store::items::{Item, number_of};
use crate::store::keys;
use crate::store::origins::origin_writes;
use crate::store::told::Told;
use crate::store::transact::{Outcome, Page, Store};
use crate::store::write::{Range, Write, equals, has, lacks, present};

/// How long a warm function remembers a practice: its settings may be out of date for so long.
const REMEMBERED: Duration = Duration::from_mins(1);
/// The most practices of a page of the list of all: what DynamoDB reads at once.
const LISTED: i32 = 100;
/// The number of practices that are remembered at once. A deployment that has more reads again.
const MOST: usize = 1_000;

impl Store {
    /// Finds a practice. One round trip.
    pub async fn find_practice(&self, slug: &Slug) -> Result<Option<Practice>, StoreError> {
        self.get(&keys::practice(slug)).await
    }

    /// Finds a practice as it is now, with its revision. One round trip.
    pub async fn find_settings(&self, slug: &Slug) -> Result<Option<Settings>, StoreError> {
        let key = keys::practice(slug);
        let read = |item: Item| {
            let revision = number_of(&item, "revision").unwrap_or_default();
            Ok(Settings { practice: self.reader.value(&key.pk, item)?, revision })
        };
        self.get_item(&key).await?.map(read).transpose()
    }

    /// Replaces the settings of a practice.
    ///
    /// One transaction:
    ///
    /// - The practice is put whole, with the next revision. Condition: it exists, and its revision is the one that was read,
    ///   or it has none.
    /// - Each origin of its portals is put. Each that only the former settings have is deleted.
    /// - The event is put, and the outbox items of the mails about it. Condition: none exists.
    /// - The account of the member of staff is checked, if one does it. Condition: it is open, and its role and its session epoch are
    ///   as read.
    ///
    /// A refusal means that the settings have been replaced since they were read, or that the member of staff has been closed,
    /// signed out or given another role; nothing is written. One round trip.
    pub async fn update_practice(
        &self,
        staff: Option<&Account>,
        update: &PracticeUpdate<'_>,
    ) -> Result<Outcome, StoreError> {
        let PracticeUpdate { was, becomes, event, mails } = *update;
        let mut writes = vec![was.replaced_by(becomes, was.revision + 1)];
        writes.extend(origin_writes(Some(&was.practice), becomes));
        Told { event, mails }.add_to(&mut writes);
        self.transact_by(staff, writes).await
    }

    /// Writes the origins of a practice again, and changes nothing else. A practice that was made before its origins were in
    /// the table gets them in this way.
    ///
    /// One transaction:
    ///
    /// - The practice is put as it is. Condition: it exists, and its revision is the one that was read, or it has none.
    /// - Each origin of its portals is put.
    /// - The account of the member of staff is checked. Condition: it is open, and its role and its session epoch are as read.
    ///
    /// A refusal means that the settings have been replaced since they were read, or that the member of staff has been closed,
    /// signed out or given another role; nothing is written. One round trip.
    pub async fn rewrite_origins(&self, staff: &Account, settings: &Settings) -> Result<Outcome, StoreError> {
        let put = settings.replaced_by(&settings.practice, settings.revision);
        let origins = origin_writes(None, &settings.practice);
        self.transact_by(Some(staff), [put].into_iter().chain(origins).collect()).await
    }

    /// Replaces what is known of the hashes that are left of imports.
    ///
    /// One transaction: the practice is put with the next revision and no other change. Condition: it exists, and its revision is
    /// the one that was read, or it has none.
    ///
    /// A refusal means that the practice has been replaced since it was read; nothing is written. One round trip.
    pub async fn set_imported_work(&self, was: &Settings, work: ImportedWork) -> Result<Outcome, StoreError> {
        let becomes = Practice { imported_work: work, ..was.practice.clone() };
        self.transact(vec![was.replaced_by(&becomes, was.revision + 1)]).await
    }

    /// Creates a practice.
    ///
    /// One transaction: the practice and the event are put, its place in the list of all, and each origin of its portals. Condition:
    /// neither practice, nor place, nor event exists.
    ///
    /// A refusal means that another practice has the slug, or had it; nothing is written. One round trip.
    pub async fn create_practice(&self, practice: &Practice, event: &Event) -> Result<Outcome, StoreError> {
        let put = Write::create(&keys::practice(&practice.slug), practice, None);
        let origins = origin_writes(None, practice);
        let listed = Write::create(&keys::listed_practice(&practice.slug), &json!({}), None);
        self.transact([put, put_event(event), listed].into_iter().chain(origins).collect()).await
    }

    /// Puts a practice into the list of all, if it is not there: one of an earlier release may be missing. One
    /// transaction: its place is put. Condition: there is none. One round trip.
    pub async fn list_practice(&self, practice: &Practice) -> Result<(), StoreError> {
        let put = Write::create(&keys::listed_practice(&practice.slug), &json!({}), None);
        self.transact(vec![put]).await.map(|_| ())
    }

    /// Lists every practice, open or not, in the order of their slugs: at most 100 after the given one, and how far the list goes. Two
    /// round trips.
    pub async fn list_practices(&self, after: Option<&Slug>) -> Result<PracticePage, StoreError> {
        let page = Page { after: after.map(Slug::as_str), limit: Some(LISTED), newest_first: false };
        let answer = self.query_page(Range::of(keys::PRACTICES), page).await?;
        let more = answer.last_evaluated_key.is_some();
        let slugs = answer.items.unwrap_or_default().into_iter();
        let slugs: Vec<Slug> = slugs.filter_map(|item| Slug::parse(item.get("sk")?.as_s().ok()?)).collect();
        let next = slugs.last().filter(|_| more).cloned();
        if slugs.is_empty() {
            return Ok(PracticePage { practices: Vec::new(), next });
        }
        let found = self.get_batch(slugs.iter().map(keys::practice)).await?;
        let practices = found.into_iter().map(|item| self.reader.value("PRACTICE", item));
        let mut practices: Vec<Practice> = practices.collect::<Result<_, StoreError>>()?;
        practices.sort_unstable_by(|one, other| one.slug.as_str().cmp(other.slug.as_str()));
        Ok(PracticePage { practices, next })
    }

    /// Deletes a practice that is disabled.
    ///
    /// One transaction:
    ///
    /// - The practice is deleted. Condition: it is disabled, and its revision is the one that was read, or it has none.
    /// - Its place in the list of all stays, with the time, so that no other practice gets the slug, and with it the log. Its logo and
    ///   each origin of its portals are deleted. None has a condition.
    /// - The event is put. Condition: it does not exist.
    ///
    /// A refusal means that the practice has been enabled or replaced since it was read; nothing is written. One round trip.
    pub async fn delete_practice(&self, was: &Settings, event: &Event) -> Result<Outcome, StoreError> {
        let Settings { practice, revision } = was;
        let as_read = equals("revision", revision).or(lacks("revision")).and(has("disabled_at"));
        let mut writes = vec![Write::delete(&keys::practice(&practice.slug)).only_if(as_read)];
        let gone = json!({"deleted_at": event.at});
        writes.push(Write::put(&keys::listed_practice(&practice.slug), &gone, None));
        writes.push(Write::delete(&keys::logo(&practice.slug)));
        let origins = practice.portals.origins();
        writes.extend(origins.iter().map(|of| Write::delete(&keys::origin(&practice.slug, of))));
        writes.push(put_event(event));
        self.transact(writes).await
    }
}

/// Practices in the order of their slugs.
pub struct PracticePage {
    /// The practices.
    pub practices: Vec<Practice>,
    /// The slug after which the list goes on; `None` at its end.
    pub next: Option<Slug>,
}

/// Other settings of a practice, and what is written with them.
#[derive(Clone, Copy)]
pub struct PracticeUpdate<'a> {
    /// The settings, as they were read.
    pub was: &'a Settings,
    /// The practice, as it becomes.
    pub becomes: &'a Practice,
    /// The event that records it.
    pub event: &'a Event,
    /// The outbox items of the mails about it.
    pub mails: &'a [OutboxItem],
}

/// A practice as it is stored now.
pub struct Settings {
    /// The practice.
    pub practice: Practice,
    /// The number of its settings, which every change raises: [`Store::update_practice`] must find it unchanged.
    pub revision: i64,
}

impl Settings {
    /// The write that replaces the practice, if it is still as it was read.
    pub(super) fn replaced_by(&self, practice: &Practice, revision: i64) -> Write {
        let unchanged = present().and(equals("revision", self.revision).or(lacks("revision")));
        let put = Write::put(&keys::practice(&practice.slug), practice, None);
        put.with("revision", revision).only_if(unchanged)
    }
}

/// The practices that a warm function has read within the last minute.
#[derive(Default)]
pub struct PracticeCache(Mutex<HashMap<Slug, (Timestamp, Arc<Practice>)>>);

impl PracticeCache {
    /// Finds a practice that is open, in memory or in the store. One that the operator has disabled is found as little as one that
    /// does not exist. What is not found is never remembered. One round trip, or none.
    pub async fn find(
        &self,
        store: &Store,
        slug: &Slug,
        now: Timestamp,
    ) -> Result<Option<Arc<Practice>>, StoreError> {
        if let Some(known) = self.recall(slug, now) {
            return Ok(Some(known));
        }
        let found = store.find_practice(slug).await?.filter(|practice| practice.disabled_at.is_none());
        let Some(practice) = found.map(Arc::new) else { return Ok(None) };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(slug.clone(), (now, practice.clone()));
        Ok(Some(practice))
    }

    /// Finds the practice that a caller has named. `None` also means that the name is no slug.
    pub async fn find_named(
        &self,
        store: &Store,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<Practice>>, StoreError> {
        match Slug::parse(name) {
            Some(slug) => self.find(store, &slug, now).await,
            None => Ok(None),
        }
    }

    fn recall(&self, slug: &Slug, now: Timestamp) -> Option<Arc<Practice>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .get(slug)
            .filter(|(read_at, _)| now < *read_at + REMEMBERED)
            .map(|(_, practice)| practice.clone())
    }
}
