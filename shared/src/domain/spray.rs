//! Spraying: one password on many names, which no limit on a name sees (L3).
//!
//! Failed sign-ins are counted a second and a third time: for their source, over all names, and for their practice, over all
//! sources. Each count is of one clock hour. An attempt is counted before it is compared, and given back when its password is
//! right, so that parallel guesses cannot outrun the count and a busy clinic never fills it.
//!
//! **A full count stops only who is new.** Whoever has signed in by the name from this source or with this device before goes on,
//! and so does every recovery; a password that is reset makes the source of the reset a known one. An attacker who fills a
//! practice's count keeps people on new devices from signing in without a recovery, and nobody else.
//!
//! **Shards.** No item of the table can take every attempt of a flood. The name decides on the shard, and each shard has its part
//! of the number. So many people who fail once share the whole, and one who fails often fills one part of it. Each hour puts the
//! names together anew, so nobody can find out which ones share a part.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::challenge::SHORT_PER_DAY;
use crate::domain::limit::{Sources, Subject};
use crate::domain::practice::Slug;
use crate::platform::clock::{Ambient, NoRandomness, Timestamp, days, hours};
use crate::platform::config::{ConfigError, Lookup};

const SHARDS_OF_SOURCE: u64 = 8;
const SHARDS_OF_PRACTICE: u64 = 32;

/// A number that is allowed in a span of time, and the shards that have their parts of it.
#[derive(Clone, Copy)]
struct Whole {
    total: u64,
    shards: u64,
    from: Timestamp,
    until: Timestamp,
}

/// The numbers of failed sign-ins that are allowed in an hour. Zero sets no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SprayLimits {
    per_source: u64,
    per_practice: u64,
    sources: Sources,
}

/// One shard of a counter that many people share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// What it counts for.
    pub subject: Subject,
    /// The most that it counts.
    pub most: u64,
    /// The end of the hour or the day that it is of.
    pub until: Timestamp,
}

/// The name of a browser or an app, which its first sign-in gives it: 128 random bits. It proves nothing. A sign-in with it is only
/// not taken for one of a stranger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device(String);

impl Device {
    /// Draws the name of a new device.
    ///
    /// # Errors
    /// [`NoRandomness`] when none can be drawn.
    pub fn new(ambient: &Ambient) -> Result<Self, NoRandomness> {
        Ok(Self(URL_SAFE_NO_PAD.encode(ambient.bytes::<16>()?)))
    }

    /// Reads a name that was given before. `None` when the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let is_letter = |letter: u8| letter.is_ascii_alphanumeric() || b"-_".contains(&letter);
        (text.len() == 22 && text.bytes().all(is_letter)).then(|| Self(text.to_owned()))
    }

    /// The subject of the sign-ins by a name with this device.
    pub fn seen_as(&self, key: &[u8], name: &Subject) -> Subject {
        name.seen_with(key, self.as_str())
    }

    /// The name as text: 22 characters of base64url.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// From where somebody signs in.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The source address.
    pub address: IpAddr,
    /// The device that the caller has named, if it has.
    pub device: Option<&'a Device>,
}

/// The counters at which an attempt to sign in is counted beside its name's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The counter of the source; none when that is not limited.
    pub source: Option<Shard>,
    /// The counter of the practice; none when that is not limited.
    pub practice: Option<Shard>,
    /// What tells that somebody has signed in by the name from this source before, and with this device.
    pub known: Vec<Subject>,
}

impl Guard {
    /// The seconds until the hour of the counters is over.
    pub fn wait(&self, now: Timestamp) -> u64 {
        let shard = self.source.as_ref().or(self.practice.as_ref());
        shard.map_or(1, |shard| shard.until.seconds_from(now))
    }
}

impl Shard {
    /// The counter of the short codes that a practice has mailed in a day ([`SHORT_PER_DAY`]), for a request by `name`.
    pub fn of_short_codes(key: &[u8], practice: &Slug, name: &Subject, now: Timestamp) -> Self {
        let (from, until) = (now.day(), now.day() + days(1));
        let whole = Whole { total: SHORT_PER_DAY, shards: SHARDS_OF_PRACTICE, from, until };
        Self::of(key, ("short codes", practice.as_str()), name, whole)
    }

    /// The shard of a counter of a kind, for somebody, into which a name falls. The parts of all shards add up to the whole.
    fn of(key: &[u8], counter: (&str, &str), name: &Subject, whole: Whole) -> Self {
        let Whole { total, shards, from, until } = whole;
        let shard = name.shard(key, from, shards);
        let subject = Subject::of_shard(key, counter, from, shard);
        Self { subject, most: total / shards + u64::from(shard < total % shards), until }
    }
}

impl SprayLimits {
    /// Reads `REKEY_FAILURES_PER_ADDRESS_HOUR` (160 by default) and `REKEY_FAILURES_PER_PRACTICE_HOUR` (512). The value `0` lifts a
    /// limit; the largest value is 100,000. [`Sources::read`] reads which addresses count.
    ///
    /// # Errors
    /// [`ConfigError::Unusable`] when a value is not a number from 0 to 100,000.
    pub fn read(lookup: &Lookup<'_>) -> Result<Self, ConfigError> {
        let number = |name, default| match lookup(name) {
            None => Ok(default),
            Some(text) => text
                .parse()
                .ok()
                .filter(|number| *number <= 100_000)
                .ok_or(ConfigError::Unusable { name, rule: "must be a number from 0 to 100000" }),
        };
        Ok(Self {
            per_source: number("REKEY_FAILURES_PER_ADDRESS_HOUR", 160)?,
            per_practice: number("REKEY_FAILURES_PER_PRACTICE_HOUR", 512)?,
            sources: Sources::read(lookup)?,
        })
    }

    /// The counters of an attempt to sign in by `name`, which is the subject of the name's own counter.
    pub fn guard(
        &self,
        key: &[u8],
        practice: &Slug,
        name: &Subject,
        (place, now): (Place<'_>, Timestamp),
    ) -> Guard {
        let device = place.device.map(|device| device.seen_as(key, name));
        let (from, until) = (now.hour(), now.hour() + hours(1));
        let counter = |of: (&str, &str), total, shards| {
            let is_limited = total > 0 && self.sources.count(place.address);
            is_limited.then(|| Shard::of(key, of, name, Whole { total, shards, from, until }))
        };
        let source = Subject::address(key, place.address);
        Guard {
            source: counter(("failures from", source.as_str()), self.per_source, SHARDS_OF_SOURCE),
            practice: counter(("failures at", practice.as_str()), self.per_practice, SHARDS_OF_PRACTICE),
            known: [name.seen_from(key, place.address)].into_iter().chain(device).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::identifier::Identifier;
    use crate::domain::practice::Portal;

    fn limits(value: &str) -> Result<SprayLimits, ConfigError> {
        SprayLimits::read(&|name| name.ends_with("_HOUR").then(|| value.to_owned()))
    }

    fn guard(limits: &SprayLimits, name: &str, address: &str, minute: i64) -> Guard {
        let practice = Slug::parse("agency").expect("a slug");
        let name = Identifier::parse(name).expect("a name");
        let name = Subject::identifier(b"key", &practice, Portal::Client, &name);
        let address = address.parse().expect("an address");
        let place = Place { address, device: None };
        limits.guard(b"key", &practice, &name, (place, Timestamp::from_millis(minute * 60_000)))
    }

    #[test]
    fn the_parts_of_the_shards_add_up_to_the_whole() {
        let limits = SprayLimits::read(&|_| None).expect("defaults");
        let guards: Vec<Guard> =
            (0..2000).map(|n| guard(&limits, &format!("name{n}"), "192.0.2.1", 0)).collect();
        let odd = SprayLimits { per_source: 161, per_practice: 700, ..limits };
        let odd: Vec<Guard> = (0..2000).map(|n| guard(&odd, &format!("name{n}"), "192.0.2.1", 0)).collect();
        for (counter, whole) in [
            (odd.iter().map(|guard| guard.source.clone()).collect::<Vec<_>>(), 161),
            (odd.iter().map(|guard| guard.practice.clone()).collect(), 700),
            (guards.iter().map(|guard| guard.source.clone()).collect(), 160),
            (guards.iter().map(|guard| guard.practice.clone()).collect(), 512),
        ] {
            let parts: BTreeSet<(String, u64)> = counter
                .into_iter()
                .flatten()
                .map(|counter| (counter.subject.as_str().to_owned(), counter.most))
                .collect();
            assert_eq!(parts.iter().map(|(_, most)| most).sum::<u64>(), whole);
        }
    }

    #[test]
    fn a_counter_is_of_one_hour_and_an_ipv6_subscriber_is_one_source() {
        let limits = SprayLimits::read(&|_| None).expect("defaults");
        let of = |address, minute| guard(&limits, "jane", address, minute).source.expect("a counter");
        assert_eq!(of("2001:db8::1", 0), of("2001:db8::ffff:1", 59));
        assert_ne!(of("2001:db8::1", 0).subject, of("2001:db8::1", 60).subject);
        assert_ne!(of("2001:db8::1", 0).subject, of("2001:db8:0:1::1", 0).subject);
        assert_eq!(of("192.0.2.1", 61).until, Timestamp::from_millis(120 * 60_000));
    }

    #[test]
    fn a_device_is_what_was_given_and_nothing_else() {
        let device = Device::new(&Ambient::system()).expect("a device");
        assert_eq!(Device::parse(device.as_str()), Some(device.clone()));
        for other in
            ["", "x", &device.as_str()[1..], &format!("{}A", device.as_str()), "AAAAAAAAAAAAAAAAAAAAA!"]
        {
            assert_eq!(Device::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_limit_can_be_lifted_and_one_that_makes_no_sense_is_refused() {
        let lifted = guard(&limits("0").expect("lifted"), "jane", "192.0.2.1", 0);
        assert_eq!((lifted.source, lifted.practice), (None, None));
        for text in ["-1", "100001", "many", ""] {
            assert!(limits(text).is_err(), "{text}");
        }
    }
}
