//! Limits: how often something may be tried (L1), and how long a failure makes one wait (L2).
//!
//! Pure: what a window and a wait are. `store::limits` turns them into conditions that count and decide in one write.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::clock::{Timestamp, hours};
use crate::identifier::Identifier;
use crate::ids::AccountId;
use crate::practice::{Portal, Slug};
use crate::ticket::Issuer;
use crate::token::keyed;

/// At most `count` in any `span`, sliding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How many.
    pub count: usize,
    /// In how long.
    pub span: Duration,
}

/// What a counter counts for: a keyed hash, so that the table does not tell who asked from where.
#[derive(Clone, PartialEq, Eq)]
pub struct Subject(String);

impl Subject {
    /// An identifier at a door, whether or not an account has it.
    pub fn identifier(key: &[u8], practice: &Slug, portal: Portal, identifier: &Identifier) -> Self {
        let parts = [practice.as_str(), portal.as_str(), identifier.as_str()].map(str::as_bytes);
        Self::hashed(key, "identifier", &parts)
    }

    /// A source address: an IPv4 address, or the /64 of an IPv6 address, which is what one subscriber has.
    pub fn address(key: &[u8], address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::hashed(key, "address", &[&v4.octets()]),
            IpAddr::V6(v6) => Self::hashed(key, "address", &[&v6.octets()[..8]]),
        }
    }

    /// An account's answers, which only the holder of one of its tickets can spend. Those to tickets that staff gave count by
    /// themselves: neither can use up the other's.
    pub fn answers(key: &[u8], id: AccountId, issuer: Issuer) -> Self {
        let issuer = if issuer == Issuer::SelfService { "answers" } else { "answers by staff" };
        Self::hashed(key, issuer, &[&id.to_bytes()])
    }

    fn hashed(key: &[u8], kind: &str, parts: &[&[u8]]) -> Self {
        let mut all = vec![b"rekey limit".as_slice(), kind.as_bytes()];
        all.extend(parts);
        let hash = keyed(key, &all);
        Self(hash[..16].iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")))
    }

    /// As in keys.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject({})", self.0)
    }
}

/// Consecutive sign-in failures, and what the next attempt has to wait for.
pub mod sign_in {
    use super::{Duration, Timestamp, hours};

    /// Failures that cost no wait.
    pub const FREE: u64 = 5;
    /// Failures after which only a recovery opens the channel again. An account has two names, a username and an address,
    /// each with its own count (a common one would tell that they belong together), so each has half of the 100 that
    /// NIST SP 800-63B section 3.2.2 allows for one authenticator.
    pub const CLOSED: u64 = 50;
    const LONGEST: Duration = hours(1);

    /// The wait after so many consecutive failures: none for five, then 30 s doubling up to one hour.
    pub fn wait_after(failures: u64) -> Duration {
        match failures.checked_sub(FREE + 1) {
            None => Duration::ZERO,
            Some(more) => Duration::from_secs(30 << more.min(7)).min(LONGEST),
        }
    }

    /// The least number of failures from which the wait no longer grows.
    pub fn longest_from() -> u64 {
        (FREE + 1..CLOSED).find(|&failures| wait_after(failures) == LONGEST).unwrap_or(CLOSED)
    }

    /// Seconds until another attempt is allowed.
    pub fn retry_after(failures: u64, last: Timestamp, now: Timestamp) -> u64 {
        // A closed channel opens by recovery, not by waiting; an hour is the honest least.
        if failures >= CLOSED { LONGEST.as_secs() } else { (last + wait_after(failures)).seconds_from(now) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(text: &str) -> Subject {
        let practice = Slug::parse("agency").expect("a slug");
        let identifier = Identifier::parse(text).expect("an identifier");
        Subject::identifier(b"key", &practice, Portal::Client, &identifier)
    }

    fn from(address: &str) -> Subject {
        Subject::address(b"key", address.parse().expect("an address"))
    }

    #[test]
    fn spelling_an_identifier_otherwise_gains_nothing() {
        assert_eq!(subject("Jane@Example.org"), subject(" jane@example.ORG. "));
        assert_ne!(subject("jane"), subject("sam"));
    }

    #[test]
    fn an_ipv6_subscriber_counts_as_one() {
        assert_eq!(from("2001:db8:1:2:3::1"), from("2001:db8:1:2:ffff::9"));
        assert_ne!(from("2001:db8:1:2::1"), from("2001:db8:1:3::1"));
        assert_eq!(from("::ffff:192.0.2.1"), from("192.0.2.1"));
        assert_ne!(from("192.0.2.1"), from("192.0.2.2"));
    }

    #[test]
    fn waits_begin_after_the_sixth_failure_and_grow_to_an_hour() {
        let waits: Vec<u64> = (4..=14).map(|failures| sign_in::wait_after(failures).as_secs()).collect();
        assert_eq!(waits, [0, 0, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
        assert_eq!(sign_in::longest_from(), 13);
    }
}
