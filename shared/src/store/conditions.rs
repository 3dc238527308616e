//! The conditions that this table's changes rest on, by name.

use crate::domain::account::Account;
use crate::domain::question;
use crate::domain::ticket::State;
use crate::platform::clock::Timestamp;
use crate::store::write::{Condition, above, below, equals, lacks, one_of};

/// The ticket can come into this state.
pub(super) fn may_become(next: State) -> Condition {
    one_of("state", State::ALL.into_iter().filter(|state| state.may_become(next)))
}

/// The ticket can be used now: nobody has used it or taken it back, and its time has not passed (T3).
pub(super) fn open_ticket(now: Timestamp) -> Condition {
    may_become(State::Used).and(above("valid_until", now))
}

/// The ticket has answers left (T8).
pub(super) fn has_answers_left() -> Condition {
    lacks("answers").or(below("answers", question::ATTEMPTS))
}

/// The account may sign in and recover.
pub(super) fn open_account() -> Condition {
    equals("active", true).and(equals("refused", false))
}

/// The account may recover, with the password that it had.
pub(super) fn open_account_of(credential_version: u64) -> Condition {
    equals("credential_version", credential_version).and(open_account())
}

/// The account may recover, with the password and the sessions that it had.
pub(super) fn same_account(credential_version: u64, session_epoch: u64) -> Condition {
    equals("credential_version", credential_version)
        .and(equals("session_epoch", session_epoch))
        .and(open_account())
}

/// A member of staff may still do what they might when their account was read.
pub(super) fn actor(staff: &Account) -> Condition {
    equals("role", staff.role).and(equals("session_epoch", staff.session_epoch)).and(open_account())
}
