//! The reason for which an account is closed, and what follows from it: to the address of somebody who has died nothing is mailed,
//! and nobody acts for them any more.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Account;

/// The reason for which an account was closed: its owner has `left` the practice or is `deceased`, the account is a `duplicate` of
/// another one, or it was an `other` reason. After `deceased` nothing is mailed, and nobody acts for the owner any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClosedReason {
    /// The owner is no longer with the practice.
    Left,
    /// The owner has died.
    Deceased,
    /// The owner has another account.
    Duplicate,
    /// Another reason, or none was given.
    Other,
}

impl ClosedReason {
    /// The name of the reason in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Deceased => "deceased",
            Self::Duplicate => "duplicate",
            Self::Other => "other",
        }
    }
}

impl Account {
    /// Whether the account's owner has died.
    pub fn is_of_deceased(&self) -> bool {
        self.closed_reason == Some(ClosedReason::Deceased)
    }

    /// The reason for which the account is closed after an edit that may give one. An account that is open has none.
    pub(super) fn reason_after(&self, is_open: bool, given: Option<ClosedReason>) -> Option<ClosedReason> {
        let known = given.or(self.closed_reason).or_else(|| self.is_open().then_some(ClosedReason::Other));
        known.filter(|_| !is_open)
    }
}
