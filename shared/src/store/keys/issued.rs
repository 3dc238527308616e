//! The keys of what leads from a member of staff to the tickets that they have issued.

use super::Key;
use crate::platform::ids::{AccountId, TicketId};

/// The partition of what a member of staff has issued.
pub fn issued(staff: AccountId) -> String {
    format!("ISSUED#{staff}")
}

/// The key of what leads from a member of staff to a ticket that they have issued.
pub fn issued_ticket(staff: AccountId, ticket: TicketId) -> Key {
    Key::new(issued(staff), ticket.to_string())
}
