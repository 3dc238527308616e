//! Who issues a ticket. What its holder may do with it depends on that.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who issued a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Issuer {
    /// The person who forgot, through the public front door.
    SelfService,
    /// An operator, by direct invocation.
    Operator,
    /// A member of staff.
    Staff,
}
