//! Temporary passwords: how staff issue them, and how their holders replace them.

use rekey::platform::ids::AccountId;
use serde_json::{Value, json};

use super::event::HttpEvent;
use super::staff::{ACCOUNTS, StaffMember};
use super::{Reply, TestApp, temporary_in};

pub async fn issue(member: &StaffMember<'_>, id: AccountId, body: Option<Value>) -> Reply {
    let event = HttpEvent::new("POST", &format!("{ACCOUNTS}/{id}/temporary-password"));
    member.send(body.iter().fold(event, HttpEvent::json)).await
}

/// Issues a temporary password for a client, and reads it from the mail.
pub async fn mailed(app: &TestApp, member: &StaffMember<'_>, username: &str) -> String {
    let reply = issue(member, app.account(username).await.id, None).await;
    assert_eq!(reply.status, 202, "{reply:?}");
    assert_eq!(app.deliver().await.dead, 0);
    temporary_in(&app.mailbox.messages()[0])
}

pub async fn change(app: &TestApp, session: &str, current: &str, new: &str) -> Reply {
    let body = json!({"current_password": current, "new_password": new});
    app.send(HttpEvent::new("POST", "/v1/password/change").bearer(session).json(&body)).await
}
