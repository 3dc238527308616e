//! Floor 4: everything that is said to DynamoDB, and nothing else says it.
//!
//! There is one table. A read that decides something is strongly consistent. A decision that must hold is a condition on the
//! write; the read before it only chooses the words of the answer. So a ticket is used once and a username is taken once, however
//! many callers try at the same moment.
//!
//! A change, its event and the outbox item of its mail are one transaction: none of them exists without the others. Each method
//! that writes lists its writes with their conditions, the meaning of a refusal, and the number of round trips. A round trip is
//! one wait for DynamoDB while no other transaction is in the way.
//!
//! A method ends in one of three ways. It has written; or a condition did not hold, and nothing was written, which is a refusal;
//! or it fails with [`StoreError`](error::StoreError). Contention is waited out here ([`transact`]), so callers see nothing
//! between these three.

pub mod accounts;
pub mod answers;
pub mod caseload;
pub mod codes;
mod conditions;
pub mod directory;
pub mod edits;
pub mod endings;
pub mod erasure;
pub mod error;
pub mod events;
pub mod guardians;
pub mod help;
pub mod issued;
pub mod items;
pub mod keys;
pub mod limits;
pub mod logos;
pub mod mail;
pub mod names;
pub mod not_me;
pub mod notices;
pub mod origins;
pub mod outbox;
mod places;
pub mod practices;
pub mod queue;
pub mod race;
mod reader;
mod refusals;
pub mod sessions;
pub mod spray;
pub mod tickets;
pub mod told;
pub mod transact;
mod write;
