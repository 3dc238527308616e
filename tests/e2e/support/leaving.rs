//! A colleague who issues things and is closed.

use rekey::domain::practice::Portal;
use rekey::platform::ids::AccountId;
use serde_json::{Value, json};

use super::event::HttpEvent;
use super::help::TOMORROW;
use super::seam::{Fault, Said};
use super::staff::{ACCOUNTS, StaffMember};
use super::{Reply, TestApp};

impl StaffMember<'_> {
    pub async fn link(&self, id: AccountId, deliver: &str) -> Reply {
        let body = json!({"expires_at": TOMORROW, "deliver": deliver});
        self.send(HttpEvent::new("POST", &format!("{ACCOUNTS}/{id}/links")).json(&body)).await
    }

    /// The token of a link that is copied for a client.
    pub async fn copied(&self, username: &str) -> String {
        let id = self.app.account(username).await.id;
        let reply = self.link(id, "copy").await;
        assert_eq!(reply.status, 201, "{reply:?}");
        token_of(&reply)
    }

    /// The token of a link that is mailed to a client.
    pub async fn mailed(&self, username: &str) -> String {
        let account = self.app.account(username).await;
        let reply = self.link(account.id, "email").await;
        assert_eq!(reply.status, 201, "{reply:?}");
        self.app.deliver().await;
        let mail = self.app.mailbox.messages().remove(0);
        assert_eq!(mail.to, [account.email.unwrap().as_str().to_owned()]);
        super::token_in(&mail)
    }

    /// What a colleague has issued and nobody has used.
    pub async fn issued_by(&self, id: AccountId) -> Vec<Value> {
        let reply = self.get(&format!("{ACCOUNTS}/{id}/issued")).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()["issued"].as_array().unwrap().clone()
    }

    /// Closes a colleague. Returns what became of what they had issued.
    pub async fn close(&self, id: AccountId) -> Value {
        let reply = self.patch(id, json!({"active": false})).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()["issued"].clone()
    }
}

pub fn token_of(copied: &Reply) -> String {
    copied.json()["url"].as_str().unwrap().split_once("#token=").unwrap().1.to_owned()
}

/// What becomes of a token when it is shown, and when it is used.
pub async fn opens(app: &TestApp, token: &str) -> (u16, String) {
    let (shown, used) = (app.preview(token).await, app.reset(token, "short").await);
    let is_open = shown.status == 200;
    assert_eq!(is_open, used.outcome() == (422, "weak_password".to_owned()), "{shown:?} {used:?}");
    shown.outcome()
}

pub fn revoked() -> (u16, String) {
    (410, "revoked_token".to_owned())
}

pub async fn colleague(app: &TestApp) -> (AccountId, StaffMember<'_>) {
    let id = app.account_of("agency", Portal::Staff, "casey").await.id;
    (id, StaffMember::of(app, "agency", "staff", "casey").await)
}

/// Whether a call takes tickets back.
pub fn revokes(said: &Said) -> bool {
    said.target.ends_with("TransactWriteItems") && said.body.to_string().contains("TICKET#")
}

/// Has every transaction fail with which a function takes tickets back.
pub fn fail_revocations(app: &TestApp, function: &'static str, fault: Fault) {
    app.seam.plan(move |said| (said.function == function && revokes(said)).then_some(fault));
}
