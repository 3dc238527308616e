//! What a warm function remembers of refusals, so that a flood does not write to one item each time.
//!
//! A condition that fails costs DynamoDB what a write costs, and a flood that meets a full counter sends all of them to one
//! item, which takes a thousand a second. A function therefore asks the table four times a second about a counter that refuses,
//! and answers the others as the table did. A counter that has been cleared is seen half a second later at the latest by a
//! function that is being flooded, and at once by every other. The use of a session is remembered in the same way, and that the
//! one event of an hour exists for as long as the hour lasts.
//!
//! So a warm function writes four times a second to one item at most. 125 of them write 500 times.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::platform::clock::{Timestamp, hours};
use crate::store::items::Item;
use crate::store::keys::Key;

const REMEMBERED: Duration = Duration::from_millis(500);
/// How often the table is asked within that time.
const ASKED: u32 = 2;
/// The most refusals that are remembered: some 3 MB.
const MOST: usize = 10_000;

/// The refusals of the last half second, by the key of the item whose condition failed. Clones are the same memory.
#[derive(Clone, Default)]
pub(super) struct Refusals(Arc<Mutex<HashMap<Key, Refusal>>>);

struct Refusal {
    /// The item whose condition failed; empty where there is none.
    item: Item,
    /// From when until when it is remembered.
    span: Range<Timestamp>,
    asked: u32,
}

impl Refusals {
    /// The item, empty where there is none, of a counter that has refused as often in this half second as the table is asked.
    pub(super) fn recall(&self, key: &Key, now: Timestamp) -> Option<Item> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let refusal = known.get(key).filter(|refusal| refusal.span.contains(&now))?;
        (refusal.asked >= ASKED).then(|| refusal.item.clone())
    }

    /// Forgets what was remembered, because the counter is cleared.
    pub(super) fn forget(&self, key: &Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// Remembers that the table has refused.
    pub(super) fn note(&self, key: &Key, item: Option<&Item>, now: Timestamp) {
        self.remember(key, now, || Refusal {
            item: item.cloned().unwrap_or_default(),
            span: now..now + REMEMBERED,
            asked: 0,
        });
    }

    /// Remembers for an hour that an item exists which is never deleted in that time.
    pub(super) fn note_lasting(&self, key: &Key, now: Timestamp) {
        self.remember(key, now, || Refusal { item: Item::new(), span: now..now + hours(1), asked: ASKED });
    }

    fn remember(&self, key: &Key, now: Timestamp, new: impl Fn() -> Refusal) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.retain(|_, refusal| refusal.span.contains(&now));
        }
        if known.len() >= MOST {
            known.clear();
        }
        let refusal = known.entry(key.clone()).or_insert_with(&new);
        if !refusal.span.contains(&now) {
            *refusal = new();
        }
        refusal.asked += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::ids::AccountId;
    use crate::store::keys;

    fn key(n: u8) -> Key {
        keys::account(AccountId::from_bytes([n; 16]))
    }

    const fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn the_table_is_asked_four_times_a_second() {
        let refusals = Refusals::default();
        for half in 0..3 {
            let now = at(half * 500);
            assert_eq!(refusals.recall(&key(1), now), None);
            refusals.note(&key(1), None, now);
            assert_eq!(
                refusals.recall(&key(1), now),
                None,
                "a counter that was cleared is seen at the next attempt"
            );
            refusals.note(&key(1), None, now);
            assert_eq!(refusals.recall(&key(1), at(half * 500 + 499)), Some(Item::new()));
            assert_eq!(refusals.recall(&key(2), now), None, "another counter");
        }
    }

    #[test]
    fn a_clock_that_goes_back_leaves_no_refusal_behind() {
        let refusals = Refusals::default();
        for _ in 0..2 {
            refusals.note(&key(1), None, at(10_000_000));
        }
        assert!(refusals.recall(&key(1), at(10_000_000)).is_some());
        assert_eq!(refusals.recall(&key(1), at(1000)), None);
        refusals.note(&key(1), None, at(1000));
        assert_eq!(refusals.recall(&key(1), at(1000)), None, "it is counted anew");
    }

    #[test]
    fn what_lasts_is_known_for_an_hour() {
        let refusals = Refusals::default();
        refusals.note_lasting(&key(1), at(0));
        assert!(refusals.recall(&key(1), at(3_599_999)).is_some());
        assert_eq!(refusals.recall(&key(1), at(3_600_000)), None);
    }

    #[test]
    fn a_flood_over_many_counters_fills_no_memory() {
        let refusals = Refusals::default();
        for n in 0..MOST * 2 {
            let key = keys::known_place(&subject(n));
            refusals.note(&key, None, at(0));
        }
        assert!(refusals.0.lock().expect("not poisoned").len() <= MOST);
    }

    fn subject(n: usize) -> crate::domain::limit::Subject {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        crate::domain::limit::Subject::mails_for(AccountId::from_bytes(bytes), false)
    }
}
