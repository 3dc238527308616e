//! Counts of failed sign-ins that see more than one name (L3). [`crate::domain::spray`] says what they are for.

use std::time::Duration;

use futures::future::try_join_all;

use crate::domain::limit::{Limit, Subject};
use crate::domain::spray::{Guard, Shard};
use crate::platform::clock::{Timestamp, days, hours};
use crate::store::error::StoreError;
use crate::store::items::number_of;
use crate::store::keys::{self, Key};
use crate::store::limits::SignInCount;
use crate::store::transact::Store;
use crate::store::write::{Write, below, has, lacks};

/// How long a source or a device is known after a sign-in.
const KNOWN: Duration = days(90);
/// How much of that must be gone before another sign-in renews it.
const RENEWED: Duration = days(30);

/// Which counter has refused an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// Too many sign-ins from the source have failed.
    Source,
    /// Too many sign-ins at the practice have failed.
    Practice,
}

impl Full {
    /// The limit that was reached.
    pub const fn limit(self) -> Limit {
        match self {
            Self::Source => Limit::Source,
            Self::Practice => Limit::Practice,
        }
    }
}

/// What the counters say of an attempt.
#[derive(Debug, Default)]
pub struct Admission {
    /// The counter that is full, if one is, until its hour is over ([`Guard::wait`]).
    pub full: Option<Full>,
    /// Whether somebody has signed in by the name from this source, or with this device, before.
    pub is_known: bool,
    /// Whether it is the device that is known.
    pub is_known_device: bool,
    /// Those of the two that are to be remembered after a sign-in.
    pub new: Vec<Subject>,
    counted: [bool; 2],
}

impl Admission {
    /// Whether the attempt may be compared: no counter is full, or the source or the device is known.
    pub const fn is_open(&self) -> bool {
        self.full.is_none() || self.is_known
    }
}

impl Store {
    /// Counts an attempt to sign in as a failure of its name, its source and its practice, before any password is compared, and finds
    /// out whether its source or its device is known.
    ///
    /// Up to three updates by themselves and two reads, which go out together: what [`Store::count_sign_in`] does, and each of the
    /// other counters' numbers rises by one. Condition: it is below its most. A counter that is not limited is left out.
    ///
    /// An attempt at a name that has to wait, or that is closed, counts for its source alone. While a counter is known to be full, the
    /// source and the device are read first, and who is new counts nowhere: then there is no count. Up to two round trips; one
    /// when nothing is refused.
    pub async fn count_attempt(
        &self,
        name: &Subject,
        guard: &Guard,
        now: Timestamp,
    ) -> Result<(Option<SignInCount>, Admission), StoreError> {
        if self.is_refused(name, now) {
            let full = self.known_to_be_full(guard, now);
            let counted = self.count_sign_in(name, now).await?;
            // Whoever signs in all the same, by a temporary password, is remembered without a look at what is known.
            return Ok((Some(counted), Admission { full, new: guard.known.clone(), ..Admission::default() }));
        }
        if let Some(full) = self.known_to_be_full(guard, now) {
            let admission = Admission { full: Some(full), ..self.known(guard, now).await? };
            let counted = if admission.is_known { Some(self.count_sign_in(name, now).await?) } else { None };
            return Ok((counted, admission));
        }
        let (counted, known, source, practice) = tokio::join!(
            self.count_sign_in(name, now),
            self.known(guard, now),
            self.count_failure(guard.source.as_ref(), now),
            self.count_failure(guard.practice.as_ref(), now),
        );
        let (counted, source, practice) = (counted?, source?, practice?);
        let full = match (source, practice) {
            (Counted::Full, _) => Some(Full::Source),
            (_, Counted::Full) => Some(Full::Practice),
            _ => None,
        };
        let is_counted = [source == Counted::Yes, practice == Counted::Yes];
        let mut admission = Admission { full, counted: is_counted, ..known? };
        if matches!(counted, SignInCount::Refused(_)) {
            // The practice is not sprayed by it. To the source it counts: whoever goes on with a name that waits fills their own part.
            admission.counted[0] = false;
            self.give_back(guard, &admission).await?;
            admission.counted[1] = false;
        }
        Ok((Some(counted), admission))
    }

    /// Which counter has just refused, so that the table is not asked.
    fn known_to_be_full(&self, guard: &Guard, now: Timestamp) -> Option<Full> {
        let is_full = |shard: &Shard| self.refusals.recall(&keys::failures(&shard.subject), now).is_some();
        let source = guard.source.as_ref().filter(|shard| is_full(shard)).map(|_| Full::Source);
        source.or_else(|| guard.practice.as_ref().filter(|shard| is_full(shard)).map(|_| Full::Practice))
    }

    /// What is known of the source and of the device.
    async fn known(&self, guard: &Guard, now: Timestamp) -> Result<Admission, StoreError> {
        let known = try_join_all(guard.known.iter().map(|known| self.known_until(known))).await?;
        let renewed = (now + KNOWN - RENEWED).seconds();
        let new = guard.known.iter().zip(&known).filter(|(_, until)| **until < renewed);
        Ok(Admission {
            full: None,
            is_known: known.iter().any(|until| *until > now.seconds()),
            // The source comes first.
            is_known_device: known.iter().skip(1).any(|until| *until > now.seconds()),
            new: new.map(|(known, _)| known.clone()).collect(),
            counted: [false; 2],
        })
    }

    /// The second until which a source or a device is known; zero when it is not.
    async fn known_until(&self, known: &Subject) -> Result<i64, StoreError> {
        let item = self.get_item(&keys::known_place(known)).await?;
        Ok(item.and_then(|item| number_of(&item, "expires_at")).unwrap_or_default())
    }

    /// Gives back what an attempt has been counted for, because its password was right or was not compared.
    ///
    /// Up to two updates by themselves, which go out together: each number falls by one. Condition: it is there. One round trip.
    pub async fn give_back(&self, guard: &Guard, admission: &Admission) -> Result<(), StoreError> {
        let [of_source, of_practice] = admission.counted;
        let give = async |counter: Option<&Shard>| match counter {
            Some(counter) => {
                let less =
                    Write::update(&keys::failures(&counter.subject)).add("count", -1).only_if(has("count"));
                self.update_alone(less).await.map(|_| ())
            }
            None => Ok(()),
        };
        let (source, practice) = tokio::join!(
            give(guard.source.as_ref().filter(|_| of_source)),
            give(guard.practice.as_ref().filter(|_| of_practice)),
        );
        source.and(practice)
    }

    async fn count_failure(&self, counter: Option<&Shard>, now: Timestamp) -> Result<Counted, StoreError> {
        let Some(counter) = counter else { return Ok(Counted::Not) };
        let key = keys::failures(&counter.subject);
        if self.refusals.recall(&key, now).is_some() {
            return Ok(Counted::Full);
        }
        let updated = self.update_alone(count_in_shard(&key, counter)).await?;
        if updated.is_written() {
            return Ok(Counted::Yes);
        }
        self.refusals.note(&key, updated.into_item().as_ref(), now);
        Ok(Counted::Full)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Counted {
    Yes,
    /// The counter is not limited.
    Not,
    Full,
}

/// The write that counts one more in a shard, if it has room.
pub(super) fn count_in_shard(key: &Key, shard: &Shard) -> Write {
    Write::update(key)
        .add("count", 1)
        .set("expires_at", (shard.until + hours(1)).seconds())
        .only_if(lacks("count").or(below("count", shard.most)))
}

/// The write that remembers a source from which somebody has signed in by a name, or has set a password, or a device.
pub(super) fn remember_place(known: &Subject, now: Timestamp) -> Write {
    Write::update(&keys::known_place(known)).set("expires_at", (now + KNOWN).seconds())
}
