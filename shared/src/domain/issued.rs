//! What a member of staff has issued: where each ticket is, so that what they leave behind can be found when they are closed (A8).

use serde::{Deserialize, Serialize};

use crate::platform::ids::{AccountId, TicketId};

/// The place of a ticket that a member of staff has issued. An invitation that waits for its mail has a place, and no ticket yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedTicket {
    /// The id of the ticket.
    pub ticket: TicketId,
    /// The id of the account whose password it sets.
    pub account: AccountId,
}
