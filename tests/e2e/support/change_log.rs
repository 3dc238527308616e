//! A practice's change log, as staff read it.

use serde_json::Value;

use super::event::HttpEvent;
use super::staff::StaffMember;

pub const CHANGES: &str = "/v1/admin/changes";

pub async fn changes(member: &StaffMember<'_>, query: &str) -> Vec<Value> {
    let reply = member.send(HttpEvent::new("GET", CHANGES).query(query)).await;
    assert_eq!(reply.status, 200, "{query}: {reply:?}");
    reply.json()["events"].as_array().unwrap().clone()
}

pub fn words(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["description"].as_str().unwrap().to_owned()).collect()
}
