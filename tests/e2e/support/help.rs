//! The times that tests of staff's help use, and the tickets that staff see.

use rekey::platform::ids::AccountId;
use serde_json::Value;

use super::staff::{ACCOUNTS, StaffMember};

/// A time within a day of the clock of a new deployment, which stands at 2026-11-21T18:35:30Z.
pub const TOMORROW: &str = "2026-11-22T18:00:00Z";
pub const IN_FIVE_DAYS: &str = "2026-11-26T12:00:00+02:00";

pub async fn tickets(member: &StaffMember<'_>, id: AccountId) -> Vec<Value> {
    let reply = member.get(&format!("{ACCOUNTS}/{id}/tickets")).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["tickets"].as_array().unwrap().clone()
}
