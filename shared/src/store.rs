//! Floor 4: every word spoken with DynamoDB.
//!
//! One table. Reads that decide are strongly consistent; a decision that counts is a condition on the write. Contention is
//! waited out here, so that callers see success, a condition that failed, or an unavailable store, and nothing between.

pub mod accounts;
pub mod answers;
pub mod codes;
mod conditions;
pub mod directory;
pub mod error;
pub mod events;
pub mod items;
pub mod keys;
pub mod limits;
pub mod mail;
pub mod notices;
pub mod outbox;
pub mod practices;
pub mod race;
pub mod sessions;
pub mod tickets;
pub mod transact;
mod write;
