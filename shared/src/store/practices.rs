//! Practices, and what a warm function remembers of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Outcome, Store, StoreError, items, keys};
use crate::clock::Timestamp;
use crate::event::Event;
use crate::practice::{Practice, Slug};

/// How long a policy may be out of date in a warm function.
const REMEMBERED: Duration = Duration::from_mins(1);
/// Practices remembered at once; a deployment with more reads again.
const MOST: usize = 1_000;

impl Store {
    /// A practice.
    pub async fn find_practice(&self, slug: &Slug) -> Result<Option<Practice>, StoreError> {
        self.get(&keys::practice(slug)).await
    }

    /// Makes a practice. Refused when the slug is taken.
    pub async fn create_practice(&self, practice: &Practice, event: &Event) -> Result<Outcome, StoreError> {
        let item = items::write(&keys::practice(&practice.slug), practice, None)?;
        self.transact(vec![self.put_once(item)?, self.put_event(event)?]).await
    }
}

/// Practices that a warm function has read within the last minute.
#[derive(Default)]
pub struct PracticeCache(Mutex<HashMap<Slug, (Timestamp, Arc<Practice>)>>);

impl PracticeCache {
    /// A practice, from memory or from the store. A slug that nobody has is never remembered.
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

    /// The practice that a caller named. `None` for what is no slug, too.
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
