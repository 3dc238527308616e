//! Practices, and the memory that a warm function has of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::domain::account::Account;
use crate::domain::event::Event;
use crate::domain::outbox::OutboxItem;
use crate::domain::practice::{Practice, Slug};
use crate::platform::clock::Timestamp;
use crate::secrets::password::ImportedWork;
use crate::store::error::StoreError;
use crate::store::events::put_event;
use crate::store::items::{self, Item, number_of};
use crate::store::keys;
use crate::store::origins::origin_writes;
use crate::store::outbox::put_outbox_item;
use crate::store::transact::{Outcome, Store};
use crate::store::write::{Write, equals, lacks, present};

/// How long a warm function remembers a practice: its settings may be out of date for so long.
const REMEMBERED: Duration = Duration::from_mins(1);
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
            Ok(Settings { practice: items::read(&key.pk, item)?, revision })
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
        let mut writes = vec![was.replaced_by(becomes, was.revision + 1), put_event(event)];
        writes.extend(origin_writes(Some(&was.practice), becomes));
        writes.extend(mails.iter().map(put_outbox_item));
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
    /// One transaction: the practice and the event are put, and each origin of its portals. Condition: neither practice nor
    /// event exists.
    ///
    /// A refusal means that another practice has the slug; nothing is written. One round trip.
    pub async fn create_practice(&self, practice: &Practice, event: &Event) -> Result<Outcome, StoreError> {
        let put = Write::create(&keys::practice(&practice.slug), practice, None);
        let origins = origin_writes(None, practice);
        self.transact([put, put_event(event)].into_iter().chain(origins).collect()).await
    }
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
    fn replaced_by(&self, practice: &Practice, revision: i64) -> Write {
        let unchanged = present().and(equals("revision", self.revision).or(lacks("revision")));
        let put = Write::put(&keys::practice(&practice.slug), practice, None);
        put.with("revision", revision).only_if(unchanged)
    }
}

/// The practices that a warm function has read within the last minute.
#[derive(Default)]
pub struct PracticeCache(Mutex<HashMap<Slug, (Timestamp, Arc<Practice>)>>);

impl PracticeCache {
    /// Finds a practice, in memory or in the store. A slug that no practice has is never remembered. One round trip, or none.
    pub async fn find(
        &self,
        store: &Store,
        slug: &Slug,
        now: Timestamp,
    ) -> Result<Option<Arc<Practice>>, StoreError> {
        if let Some(known) = self.recall(slug, now) {
            return Ok(Some(known));
        }
        let Some(practice) = store.find_practice(slug).await?.map(Arc::new) else { return Ok(None) };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(slug.clone(), (now, practice.clone()));
        Ok(Some(practice))
    }

    /// Finds the practice of an account or a ticket, which must exist.
    ///
    /// # Errors
    /// [`StoreError::Broken`] when it is gone.
    pub async fn of(&self, store: &Store, slug: &Slug, now: Timestamp) -> Result<Arc<Practice>, StoreError> {
        let practice = self.find(store, slug, now).await?;
        practice.ok_or_else(|| StoreError::broken(&keys::practice(slug).pk, "it is gone"))
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
