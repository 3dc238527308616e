//! The conditions that have a meaning of their own, by name.

use crate::domain::account::Account;
use crate::domain::outbox::OutboxItem;
use crate::domain::question;
use crate::domain::ticket::State;
use crate::platform::clock::Timestamp;
use crate::store::write::{Condition, above, below, equals, lacks, one_of};

/// The ticket can come into the given state.
pub(super) fn may_become(next: State) -> Condition {
    one_of("state", State::ALL.into_iter().filter(|state| state.may_become(next)))
}

/// The ticket can be used now: it is neither used nor revoked, and its time has not passed (T3).
pub(super) fn open_ticket(now: Timestamp) -> Condition {
    may_become(State::Used).and(above("valid_until", now))
}

/// The ticket takes another answer (T8).
pub(super) fn has_answers_left() -> Condition {
    lacks("answers").or(below("answers", question::ATTEMPTS))
}

/// The account may sign in and recover: it is active and not refused.
pub(super) fn open_account() -> Condition {
    equals("active", true).and(equals("refused", false))
}

/// The account is open, and of the given credential version.
pub(super) fn open_account_of(credential_version: u64) -> Condition {
    equals("credential_version", credential_version).and(open_account())
}

/// The account is open, and of the given credential version and session epoch.
pub(super) fn same_account(credential_version: u64, session_epoch: u64) -> Condition {
    equals("credential_version", credential_version)
        .and(equals("session_epoch", session_epoch))
        .and(open_account())
}

/// The member of staff has the rights that they had when their account was read: it is open, and its role and its session epoch
/// are the same.
pub(super) fn actor(staff: &Account) -> Condition {
    equals("role", staff.role).and(equals("session_epoch", staff.session_epoch)).and(open_account())
}

/// The condition that an item's mail has gone to nobody since the item was read. Of two mailers that try an item of several mailboxes
/// at once, the first one's events of who got a mail are there; the other's would double them.
pub(super) fn as_served(read: &OutboxItem) -> Condition {
    if read.served.is_empty() {
        lacks("served").or(equals("served", &read.served))
    } else {
        equals("served", &read.served)
    }
}
