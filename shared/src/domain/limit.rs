//! Limits: how often something may be tried (L1), and how long a caller must wait after failures (L2).
//!
//! Pure: this module says what a window and a wait are. `store::limits` turns them into conditions that count and
//! decide in one write.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::domain::identifier::{Email, Identifier};
use crate::domain::issuer::Issuer;
use crate::domain::practice::{Portal, Slug};
use crate::platform::clock::{Timestamp, days, hours};
use crate::platform::config::{ConfigError, Lookup, on_this_machine};
use crate::platform::ids::{AccountId, OutboxId};
use crate::secrets::token::{derived_id, keyed};

/// A sliding limit: at most `count` in any `span`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The number that is allowed within one span.
    pub count: usize,
    /// The length of the span.
    pub span: Duration,
}

/// What a limit counts by, as log lines and metrics name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Recoveries and failed sign-ins by what somebody typed, whether or not an account has it.
    Identifier,
    /// Recoveries and failed sign-ins by source address.
    Source,
    /// Failed sign-ins by practice.
    Practice,
    /// Answers to the security question by account.
    Answers,
    /// Mails that staff have sent, by member of staff, account and mailbox.
    Mails,
    /// Usernames that others have, by the member of staff who asks for them.
    Usernames,
}

impl Limit {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Identifier, Self::Source, Self::Practice, Self::Answers, Self::Mails, Self::Usernames];

    /// The name of the value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Identifier => "identifier",
            Self::Source => "source",
            Self::Practice => "practice",
            Self::Answers => "answers",
            Self::Mails => "mails",
            Self::Usernames => "usernames",
        }
    }
}

/// The limits on how often a recovery may be asked for. An empty list sets no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgotLimits {
    /// The limits for one identifier.
    pub identifier: Vec<Window>,
    /// The limits for one source address.
    pub address: Vec<Window>,
    /// The sources that these count.
    pub sources: Sources,
}

/// The source addresses at which the limits by source count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sources {
    /// All of them.
    All,
    /// All but this machine's own. On a laptop every caller is one, because cargo-lambda says so.
    AllButLoopback,
}

impl Sources {
    /// Reads `REKEY_LOOPBACK`. The value `1` lifts the limits by source for loopback addresses. `cargo dev` sets it, and the
    /// template never does.
    ///
    /// # Errors
    /// [`ConfigError::Unusable`] when the variable has another value.
    pub fn read(lookup: &Lookup<'_>) -> Result<Self, ConfigError> {
        Ok(if on_this_machine(lookup)? { Self::AllButLoopback } else { Self::All })
    }

    /// Whether the limits by source count this address.
    pub fn count(self, address: IpAddr) -> bool {
        self == Self::All || !address.to_canonical().is_loopback()
    }
}

impl ForgotLimits {
    /// Reads `REKEY_FORGOT_PER_IDENTIFIER_HOUR` (3 by default), `REKEY_FORGOT_PER_IDENTIFIER_DAY` (10) and
    /// `REKEY_FORGOT_PER_ADDRESS_HOUR` (30). The value `0` lifts a limit; the largest value is 100. [`Sources::read`] reads which
    /// addresses count.
    ///
    /// # Errors
    /// [`ConfigError::Unusable`] when a value is not a number from 0 to 100.
    pub fn read(lookup: &Lookup<'_>) -> Result<Self, ConfigError> {
        let window = |name, default, span| {
            Ok::<_, ConfigError>(count(lookup, name, default)?.map(|count| Window { count, span }))
        };
        let hour = window("REKEY_FORGOT_PER_IDENTIFIER_HOUR", 3, hours(1))?;
        let day = window("REKEY_FORGOT_PER_IDENTIFIER_DAY", 10, days(1))?;
        let address = window("REKEY_FORGOT_PER_ADDRESS_HOUR", 30, hours(1))?;
        Ok(Self {
            identifier: [hour, day].into_iter().flatten().collect(),
            address: address.into_iter().collect(),
            sources: Sources::read(lookup)?,
        })
    }
}

fn count(lookup: &Lookup<'_>, name: &'static str, default: usize) -> Result<Option<usize>, ConfigError> {
    let unusable = ConfigError::Unusable { name, rule: "must be a number from 0 to 100" };
    let count = match lookup(name) {
        None => default,
        Some(text) => text.parse().map_err(|_| unusable.clone())?,
    };
    match count {
        0 => Ok(None),
        1..=100 => Ok(Some(count)),
        _ => Err(unusable),
    }
}

/// The subject that a counter counts for, as a keyed hash. The table therefore does not tell who asked, or from where.
#[derive(Clone, PartialEq, Eq)]
pub struct Subject(String);

impl Subject {
    /// The subject of an identifier at a portal, whether or not an account has the identifier.
    pub fn identifier(key: &[u8], practice: &Slug, portal: Portal, identifier: &Identifier) -> Self {
        let parts = [practice.as_str(), portal.as_str(), identifier.as_str()].map(str::as_bytes);
        Self::hashed(key, "identifier", &parts)
    }

    /// The subject of a source address: an IPv4 address, or the /64 prefix of an IPv6 address, which is what one
    /// subscriber has.
    pub fn address(key: &[u8], address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::hashed(key, "address", &[&v4.octets()]),
            IpAddr::V6(v6) => Self::hashed(key, "address", &[&v6.octets()[..8]]),
        }
    }

    /// The subject of what is counted of a kind for somebody from one moment on, of the names that fall into one shard.
    pub(super) fn of_shard(key: &[u8], (kind, of): (&str, &str), from: Timestamp, shard: u64) -> Self {
        let (from, shard) = (from.millis().to_be_bytes(), shard.to_be_bytes());
        Self::hashed(key, kind, &[of.as_bytes(), &from, &shard])
    }

    /// The subject of the sign-ins by this name from a source address.
    #[must_use]
    pub fn seen_from(&self, key: &[u8], address: IpAddr) -> Self {
        Self::hashed(key, "seen from", &[self.0.as_bytes(), Self::address(key, address).0.as_bytes()])
    }

    /// The subject of the sign-ins by this name with a device, by the name of that.
    #[must_use]
    pub(super) fn seen_with(&self, key: &[u8], device: &str) -> Self {
        Self::hashed(key, "seen with", &[self.0.as_bytes(), device.as_bytes()])
    }

    /// A number that is the same for the same subject from one moment on, and below `shards`.
    pub(super) fn shard(&self, key: &[u8], from: Timestamp, shards: u64) -> u64 {
        let hash = Self::hashed(key, "shard", &[self.0.as_bytes(), &from.millis().to_be_bytes()]);
        u64::from_str_radix(&hash.0[..8], 16).unwrap_or_default() % shards.max(1)
    }

    /// An id for what is kept of a name that nobody has, of the length of an account's.
    pub fn nobody(&self) -> AccountId {
        AccountId::from(derived_id(Timestamp::from_millis(0), &["nobody", self.as_str()]))
    }

    /// The subject of the answers to an account's security question. Only the holder of one of the account's tickets
    /// can give an answer. Answers with tickets that staff or the operator issued count apart from the others, so that
    /// neither can use up the budget of the other.
    pub fn answers(key: &[u8], id: AccountId, issuer: Issuer) -> Self {
        let issuer = if issuer == Issuer::SelfService { "answers" } else { "answers by staff" };
        Self::hashed(key, issuer, &[&id.to_bytes()])
    }

    /// The subject of the mails that a member of staff has sent.
    pub fn mails_by(staff: AccountId) -> Self {
        Self::hashed(&[], "mails by", &[&staff.to_bytes()])
    }

    /// The subject of the usernames that a member of staff could not have.
    pub fn names_refused_to(staff: AccountId) -> Self {
        Self::hashed(&[], "names refused to", &[&staff.to_bytes()])
    }

    /// The subject of the mails that are sent for an account, or of the notices.
    pub fn mails_for(account: AccountId, are_notices: bool) -> Self {
        let use_of = if are_notices { "notices for" } else { "mails for" };
        Self::hashed(&[], use_of, &[&account.to_bytes()])
    }

    /// The subject of a practice's mails to a mailbox, or of its notices, which several accounts may share. The table has the address of each
    /// account anyway, so the hash needs no key.
    pub fn mails_to(practice: &Slug, to: &Email, are_notices: bool) -> Self {
        let use_of = if are_notices { "notices to" } else { "mails to" };
        Self::hashed(&[], use_of, &[practice.as_str().as_bytes(), to.mailbox().as_bytes()])
    }

    /// The subject of the help requests with a name. The request itself has the name, so the hash needs no key.
    pub fn help_for(practice: &Slug, portal: Portal, identifier: &Identifier) -> Self {
        let parts = [practice.as_str(), portal.as_str(), identifier.as_str()].map(str::as_bytes);
        Self::hashed(&[], "help for", &parts)
    }

    /// The subject of a practice's help requests with names that nobody has.
    pub fn unknown_help(practice: &Slug) -> Self {
        Self::hashed(&[], "unknown help", &[practice.as_str().as_bytes()])
    }

    /// The id of the outbox item which records that the subject's limit was reached. It is the same for all refusals
    /// within an hour, so that a flood of refused requests leaves one item.
    pub fn limit_hit_id(&self, now: Timestamp) -> OutboxId {
        OutboxId::from(derived_id(now.hour(), &["limit hit", self.as_str()]))
    }

    fn hashed(key: &[u8], kind: &str, parts: &[&[u8]]) -> Self {
        let mut all = vec![b"rekey limit".as_slice(), kind.as_bytes()];
        all.extend(parts);
        let hash = keyed(key, &all);
        let half = u128::from_be_bytes(*hash.first_chunk().unwrap_or(&[0; 16]));
        Self(format!("{half:032x}"))
    }

    /// The hash, as keys contain it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject({})", self.0)
    }
}

/// How many mails are sent that somebody has asked for (L4). What a change itself mails, such as the confirmation of a password,
/// is not counted: nobody may be able to keep it back.
pub mod mails {
    use super::{Window, days, hours};

    /// The windows of a member of staff.
    pub const BY_STAFF: [Window; 1] = [Window { count: 100, span: hours(1) }];
    /// The windows of an account.
    pub const FOR_ACCOUNT: [Window; 2] =
        [Window { count: 5, span: hours(1) }, Window { count: 10, span: days(1) }];
    /// The windows of a mailbox.
    pub const TO_MAILBOX: [Window; 2] =
        [Window { count: 10, span: hours(1) }, Window { count: 20, span: days(1) }];
    /// The windows of the notices of an account, and of those to a mailbox, that come with what staff do.
    pub const NOTICES: [Window; 2] =
        [Window { count: 10, span: hours(1) }, Window { count: 20, span: days(1) }];
}

/// How many usernames and addresses that others have a member of staff may ask for who does not see everybody: each answer tells
/// that somebody has it.
pub const NAMES_REFUSED: [Window; 2] =
    [Window { count: 5, span: hours(1) }, Window { count: 20, span: days(1) }];

/// How many help requests with names that nobody has come into the list of a practice's staff: a stranger can think of any number.
pub const UNKNOWN_HELP: [Window; 2] =
    [Window { count: 20, span: hours(1) }, Window { count: 60, span: days(1) }];

/// The waits after consecutive failures to sign in.
pub mod sign_in {
    use super::{Duration, Timestamp, days, hours};

    /// The number of consecutive failures that cause no wait.
    pub const FREE: u64 = 5;
    /// The number of consecutive failures after which only a recovery lets the owner sign in with the identifier again.
    /// An account has two identifiers, a username and an address. Each has a count of its own, because a common count
    /// would tell that they belong together. Each therefore has half of the 100 failures that NIST SP 800-63B section
    /// 3.2.2 allows for one authenticator.
    pub const CLOSED: u64 = 50;
    /// How long each failure is remembered. A name is forgotten after this time for each of its failures, whoever has it or not:
    /// so a name takes 49 failures at once and then about 52 a year, and one that is tried once leaves nothing after a week.
    pub const REMEMBERED: Duration = days(7);
    const LONGEST: Duration = hours(1);

    /// Whether the failure of this number is an event: the first, the sixth, which begins the waits, and every tenth.
    pub const fn is_recorded(failures: u64) -> bool {
        failures == 1 || failures == FREE + 1 || failures.is_multiple_of(10)
    }

    /// The wait after this number of consecutive failures: none after up to five, then 30 seconds, doubling up to one
    /// hour.
    pub fn wait_after(failures: u64) -> Duration {
        match failures.checked_sub(FREE + 1) {
            None => Duration::ZERO,
            Some(more) => Duration::from_secs(30 << more.min(7)).min(LONGEST),
        }
    }

    /// The smallest number of failures from which the wait no longer grows.
    pub fn longest_from() -> u64 {
        (FREE + 1..CLOSED).find(|&failures| wait_after(failures) == LONGEST).unwrap_or(CLOSED)
    }

    /// The number of seconds until another attempt is allowed.
    pub fn retry_after(failures: u64, last: Timestamp, now: Timestamp) -> u64 {
        // No wait reopens a closed identifier, only a recovery does. The answer is the longest wait, so that callers do
        // not keep trying.
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

    fn limits(per_address: Option<&str>) -> Result<ForgotLimits, ConfigError> {
        ForgotLimits::read(&|name| per_address.filter(|_| name.ends_with("ADDRESS_HOUR")).map(str::to_owned))
    }

    #[test]
    fn the_limits_have_defaults_and_can_be_lifted() {
        let default = limits(None).expect("defaults");
        let (hour, day) = (Window { count: 3, span: hours(1) }, Window { count: 10, span: days(1) });
        assert_eq!(default.identifier, [hour, day]);
        assert_eq!(default.address, [Window { count: 30, span: hours(1) }]);
        assert!(limits(Some("0")).expect("lifted").address.is_empty());
    }

    #[test]
    fn failures_are_events_at_the_first_the_sixth_and_every_tenth() {
        let recorded: Vec<u64> =
            (1..=sign_in::CLOSED).filter(|&number| sign_in::is_recorded(number)).collect();
        assert_eq!(recorded, [1, 6, 10, 20, 30, 40, 50]);
    }

    #[test]
    fn only_on_a_laptop_a_loopback_source_counts_toward_no_limit() {
        let sources = |value: Option<&str>| Sources::read(&|_| value.map(str::to_owned));
        let of = |text: &str| text.parse::<IpAddr>().expect("an address");
        let laptop = sources(Some("1")).expect("a laptop");
        for own in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(!laptop.count(of(own)) && Sources::All.count(of(own)), "{own}");
        }
        for other in ["192.0.2.1", "10.0.0.1", "::2", "0.0.0.0", "fe80::1"] {
            assert!(laptop.count(of(other)), "{other}");
        }
        assert_eq!(sources(None), Ok(Sources::All));
        assert_eq!(
            sources(Some("yes")).expect_err("no").to_string(),
            "REKEY_LOOPBACK must be 1, or not be set"
        );
    }

    #[test]
    fn a_limit_that_makes_no_sense_is_refused_by_name() {
        for text in ["-1", "101", "many"] {
            let message = limits(Some(text)).expect_err(text).to_string();
            assert_eq!(message, "REKEY_FORGOT_PER_ADDRESS_HOUR must be a number from 0 to 100");
        }
    }
}
