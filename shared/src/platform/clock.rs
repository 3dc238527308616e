//! Time and randomness, as arguments.
//!
//! This module owns the two ambient things that a decision may depend on. Nothing else in the workspace reads a clock or asks the
//! operating system for random bytes (`clippy.toml` bans it), so that a test can choose any moment.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// A moment, in milliseconds since the Unix epoch. It is stored as a number, and callers see it as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment of a number of milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// The milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The whole seconds since the Unix epoch: the unit of the table's TTL attribute.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The beginning of the clock hour that contains this moment.
    #[must_use]
    pub const fn hour(self) -> Self {
        self.floor(60)
    }

    /// The beginning of the ten minutes that contain this moment.
    #[must_use]
    pub const fn ten_minutes(self) -> Self {
        self.floor(10)
    }

    /// The beginning of the day (UTC) that contains this moment.
    #[must_use]
    pub const fn day(self) -> Self {
        self.floor(24 * 60)
    }

    const fn floor(self, minutes: i64) -> Self {
        let span = minutes * 60 * 1000;
        Self(self.0.div_euclid(span) * span)
    }

    /// Reads RFC 3339. `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse::<jiff::Timestamp>().ok().map(|at| Self(at.as_millisecond()))
    }

    /// The same moment as a `jiff` timestamp, for calendar work.
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// The milliseconds from an earlier moment until this one; none if that is later.
    pub fn millis_since(self, earlier: Self) -> u64 {
        u64::try_from(self.0 - earlier.0).unwrap_or(0)
    }

    /// The seconds from `now` until this moment, rounded up, and at least one: the unit of `Retry-After`.
    pub fn seconds_from(self, now: Self) -> u64 {
        u64::try_from(self.0 - now.0).unwrap_or(0).div_ceil(1000).max(1)
    }
}

impl fmt::Display for Timestamp {
    /// Writes RFC 3339 in UTC, in whole seconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}", self.to_jiff())
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// A span of whole days.
pub const fn days(count: u64) -> Duration {
    Duration::from_secs(count * 24 * 60 * 60)
}

/// A span of whole hours.
pub const fn hours(count: u64) -> Duration {
    Duration::from_secs(count * 60 * 60)
}

/// A clock.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The operating system's random source has failed.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the operating system's random source failed")]
pub struct NoRandomness;

/// A source of unpredictable bytes.
pub trait Random: Send + Sync {
    /// Fills `bytes` from a cryptographic source.
    ///
    /// # Errors
    /// [`NoRandomness`] when the source fails. The caller must not go on then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness>;
}

/// The machine's clock and random source.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Clock for System {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }
}

impl Random for System {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the operating system for randomness"
    )]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        getrandom::fill(bytes).map_err(|_| NoRandomness)
    }
}

/// The clock and the random source that a function works with.
#[derive(Clone)]
pub struct Ambient {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Ambient {
    /// Takes the given clock and random source.
    pub fn new(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { clock, random }
    }

    /// Takes the machine's own clock and random source.
    pub fn system() -> Self {
        Self::new(Arc::new(System), Arc::new(System))
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Draws `N` unpredictable bytes.
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], NoRandomness> {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// Draws a fresh id. It sorts by time to the millisecond, and 80 random bits make it unique. It is not a secret.
    pub fn ulid(&self) -> Result<Ulid, NoRandomness> {
        let mut random = [0; 16];
        self.random.fill(&mut random[6..])?;
        Ok(Ulid::from_parts(u64::try_from(self.now().millis()).unwrap_or(0), u128::from_be_bytes(random)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_spoken_in_whole_seconds_of_utc() {
        assert_eq!(Timestamp::from_millis(1_795_286_130_999).to_string(), "2026-11-21T18:35:30Z");
    }

    #[test]
    fn a_wait_is_rounded_up_and_never_nothing() {
        let now = Timestamp::from_millis(10_000);
        assert_eq!(Timestamp::from_millis(10_001).seconds_from(now), 1);
        assert_eq!(Timestamp::from_millis(12_001).seconds_from(now), 3);
        assert_eq!(Timestamp::from_millis(9_000).seconds_from(now), 1);
    }
}
