//! Practices, and what a warm function remembers of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};

use super::{Item, Outcome, Store, StoreError, items, keys};
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

    /// A practice as it is now, and what [`Store::update_practice`] must find unchanged.
    pub async fn find_settings(&self, slug: &Slug) -> Result<Option<(Practice, i64)>, StoreError> {
        let key = keys::practice(slug);
        let item = self.get_item(&key).await?;
        let read = |item: Item| {
            let revision = items::number_of(&item, "revision").unwrap_or_default();
            Ok((items::read(&key.pk, item)?, revision))
        };
        item.map(read).transpose()
    }

    /// Replaces a practice's settings and records it. Refused when somebody else has replaced them since.
    pub async fn update_practice(
        &self,
        practice: &Practice,
        revision: i64,
        event: &Event,
    ) -> Result<Outcome, StoreError> {
        let mut item = items::write(&keys::practice(&practice.slug), practice, None)?;
        item.insert("revision".to_owned(), items::number(revision + 1));
        let put = Put::builder().table_name(&self.table).set_item(Some(item));
        let put = put
            .condition_expression(
                "attribute_exists(pk) AND (revision = :revision OR attribute_not_exists(revision))",
            )
            .expression_attribute_values(":revision", items::number(revision))
            .build();
        let put = put.map_err(|error| StoreError::unavailable("building a put", error))?;
        self.transact(vec![TransactWriteItem::builder().put(put).build(), self.put_event(event)?]).await
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
