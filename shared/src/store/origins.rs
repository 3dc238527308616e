//! The origins of the portals: whose they are, and the memory that a warm function has of them.
//!
//! A browser asks which pages may call the API before it makes a call, and names no practice then. So there is an item for
//! each origin of each portal, which is written in the transaction of the settings that it comes from. The portals of a
//! practice, and even of several, may share an origin. Each has an item of its own beneath it, so that one practice that
//! leaves an origin takes nothing from another, and no two of them write the same item.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::origin::Origin;
use crate::domain::practice::{Portal, Practice, Slug};
use crate::platform::clock::Timestamp;
use crate::store::error::StoreError;
use crate::store::keys;
use crate::store::reader::Stored;
use crate::store::transact::{Page, Store};
use crate::store::write::{Range, Write};

/// How long a warm function remembers an origin: for so long it may still allow one that has left the settings.
const REMEMBERED: Duration = Duration::from_mins(1);
/// The number of origins that are remembered at once, known and unknown together.
const MOST: usize = 1_000;

/// The portal whose pages have an origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginOwner {
    /// The portal's practice.
    pub practice: Slug,
    /// The portal.
    pub portal: Portal,
}

impl Stored for OriginOwner {}

impl Store {
    /// Finds a portal whose pages have an origin; any of them when there are several. One round trip.
    pub async fn find_origin_owner(&self, origin: &Origin) -> Result<Option<OriginOwner>, StoreError> {
        let partition = keys::origin_owners(origin);
        let first = Page { limit: Some(1), ..Page::default() };
        let found = self.query_page(Range::of(&partition), first).await?;
        let owner = found.items.unwrap_or_default().pop();
        owner.map(|item| self.reader.value(&partition, item)).transpose()
    }
}

/// The writes that give a practice the origins of its portals, and take those that only its former settings have.
pub(super) fn origin_writes(former: Option<&Practice>, practice: &Practice) -> Vec<Write> {
    let origins = practice.portals.origins();
    let left = former.map(|former| former.portals.origins()).unwrap_or_default();
    let left = left.into_iter().filter(|former| !origins.contains(former));
    let deletions = left.map(|former| Write::delete(&keys::origin(&practice.slug, &former)));
    let puts = origins.iter().map(|of| {
        let owner = OriginOwner { practice: practice.slug.clone(), portal: of.portal };
        Write::put(&keys::origin(&practice.slug, of), &owner, None)
    });
    puts.chain(deletions).collect()
}

/// The origins that a warm function has looked up within the last minute.
///
/// An origin that no portal has is remembered too, so that whoever repeats one costs no more than a first read. A caller
/// can invent any number of them. They make room for each other and for the known ones, and never push a known one out.
#[derive(Default)]
pub struct OriginCache(Mutex<HashMap<Origin, Remembered>>);

#[derive(Clone, Copy)]
struct Remembered {
    read_at: Timestamp,
    is_known: bool,
}

impl OriginCache {
    /// Whether a portal has the origin, from memory or from the store. One round trip, or none.
    pub async fn knows(&self, store: &Store, origin: &Origin, now: Timestamp) -> Result<bool, StoreError> {
        if let Some(is_known) = self.recall(origin, now) {
            return Ok(is_known);
        }
        let is_known = store.find_origin_owner(origin).await?.is_some();
        self.remember(origin, Remembered { read_at: now, is_known });
        Ok(is_known)
    }

    fn recall(&self, origin: &Origin, now: Timestamp) -> Option<bool> {
        let remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = remembered.get(origin).filter(|found| now < found.read_at + REMEMBERED);
        found.map(|found| found.is_known)
    }

    fn remember(&self, origin: &Origin, found: Remembered) {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MOST && !remembered.contains_key(origin) {
            remembered.retain(|_, other| found.read_at < other.read_at + REMEMBERED);
        }
        if remembered.len() >= MOST && !remembered.contains_key(origin) {
            remembered.retain(|_, other| other.is_known);
        }
        // A deployment with more origins than this reads one of them again for each that it learns.
        if remembered.len() >= MOST && !remembered.contains_key(origin) {
            let oldest =
                remembered.iter().min_by_key(|(_, other)| other.read_at).map(|(oldest, _)| oldest.clone());
            match oldest.filter(|_| found.is_known) {
                Some(oldest) => remembered.remove(&oldest),
                None => return,
            };
        }
        remembered.insert(origin.clone(), found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        Origin::parse(text).expect("an origin")
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn an_answer_is_remembered_for_a_minute() {
        let cache = OriginCache::default();
        let (known, unknown) = (origin("https://portal.test"), origin("https://evil.test"));
        cache.remember(&known, Remembered { read_at: at(0), is_known: true });
        cache.remember(&unknown, Remembered { read_at: at(0), is_known: false });
        assert_eq!(cache.recall(&known, at(59_999)), Some(true));
        assert_eq!(cache.recall(&unknown, at(59_999)), Some(false));
        assert_eq!(cache.recall(&known, at(60_000)), None);
        assert_eq!(cache.recall(&origin("https://other.test"), at(0)), None);
    }

    #[test]
    fn a_flood_of_invented_origins_neither_grows_the_memory_nor_pushes_a_known_one_out() {
        let cache = OriginCache::default();
        let known = origin("https://portal.test");
        cache.remember(&known, Remembered { read_at: at(0), is_known: true });
        for number in 0..10 * MOST {
            let invented = origin(&format!("https://{number}.evil.test"));
            cache.remember(&invented, Remembered { read_at: at(0), is_known: false });
            assert!(cache.0.lock().expect("unpoisoned").len() <= MOST);
        }
        assert_eq!(cache.recall(&known, at(0)), Some(true));
    }

    #[test]
    fn more_known_origins_than_fit_push_only_the_oldest_out_and_an_invented_one_none() {
        let cache = OriginCache::default();
        let known = |number: i64| origin(&format!("https://{number}.portal.test"));
        let most = i64::try_from(MOST).expect("a number");
        for number in 0..most {
            cache.remember(&known(number), Remembered { read_at: at(number), is_known: true });
        }
        cache.remember(&origin("https://evil.test"), Remembered { read_at: at(most), is_known: false });
        cache.remember(&known(5), Remembered { read_at: at(most), is_known: true });
        assert!((0..most).all(|number| cache.recall(&known(number), at(most)) == Some(true)));
        cache.remember(&known(most), Remembered { read_at: at(most), is_known: true });
        assert_eq!(cache.recall(&known(0), at(most)), None, "the oldest");
        assert!((1..=most).all(|number| cache.recall(&known(number), at(most)) == Some(true)));
        assert_eq!(cache.0.lock().expect("unpoisoned").len(), MOST);
    }

    #[test]
    fn what_is_over_makes_room_first() {
        let cache = OriginCache::default();
        for number in 0..MOST {
            let known = origin(&format!("https://{number}.portal.test"));
            cache.remember(&known, Remembered { read_at: at(0), is_known: true });
        }
        let late = origin("https://late.test");
        cache.remember(&late, Remembered { read_at: at(60_000), is_known: false });
        assert_eq!(cache.recall(&late, at(60_000)), Some(false));
        assert_eq!(cache.0.lock().expect("unpoisoned").len(), 1);
    }
}
