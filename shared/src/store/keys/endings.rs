//! The keys of the list of clients whose guardians end.

use super::Key;
use crate::domain::account::Ending;
use crate::platform::clock::Timestamp;

/// The number of partitions of the list of clients whose guardians end. Only staff write to it.
const ENDING_SHARDS: u128 = 8;

/// The partitions of the list of clients whose guardians end.
pub fn ending_partitions() -> impl Iterator<Item = String> {
    (0..ENDING_SHARDS).map(|shard| format!("ENDING#{shard}"))
}

/// The key of a client in the list of those whose guardians end.
pub fn ending(of: &Ending) -> Key {
    let shard = of.account.random() % ENDING_SHARDS;
    Key::new(format!("ENDING#{shard}"), format!("{:015}#{}", of.until.millis(), of.account))
}

/// A sort key after those of the clients whose guardians end by this time.
pub fn endings_until(now: Timestamp) -> String {
    format!("{:015}#~", now.millis())
}
