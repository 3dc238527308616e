//! The issuer of a ticket. The issuer decides what the holder of the ticket may do with it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The issuer of a ticket: `self_service` if a person asked for a recovery without being signed in, or else the
/// `operator` or a member of `staff`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Issuer {
    /// A person who asked for a recovery without being signed in.
    SelfService,
    /// The operator, who invokes functions directly.
    Operator,
    /// A member of staff.
    Staff,
}
