//! How long the help of staff lasts, and what they see of it.

use rekey::platform::ids::AccountId;
use serde_json::Value;

use super::staff::{ACCOUNTS, StaffMember};

/// 2026-11-21T18:35:30Z is the present of a new deployment.
pub const TOMORROW: &str = "2026-11-22T18:00:00Z";
pub const IN_FIVE_DAYS: &str = "2026-11-26T12:00:00+02:00";

pub async fn tickets(member: &StaffMember<'_>, id: AccountId) -> Vec<Value> {
    let reply = member.get(&format!("{ACCOUNTS}/{id}/tickets")).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["tickets"].as_array().unwrap().clone()
}
