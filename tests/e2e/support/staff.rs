//! A member of staff at work, through the admin routes.

use rekey::domain::practice::Portal;
use rekey::platform::ids::AccountId;
use serde_json::{Value, json};

use super::event::HttpEvent;
use super::{PASSWORD, Reply, TestApp};

pub const ACCOUNTS: &str = "/v1/admin/accounts";

/// A member of staff at work.
pub struct StaffMember<'a> {
    pub app: &'a TestApp,
    pub session: String,
}

impl<'a> StaffMember<'a> {
    pub async fn of(app: &'a TestApp, practice: &str, portal: &str, username: &str) -> Self {
        let body =
            json!({"practice": practice, "portal": portal, "identifier": username, "password": PASSWORD});
        let reply = app.post("/v1/sessions", body).await;
        Self { app, session: reply.json()["token"].as_str().unwrap().to_owned() }
    }

    pub async fn send(&self, event: HttpEvent) -> Reply {
        self.app.send(event.bearer(&self.session)).await
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(HttpEvent::new("GET", path)).await
    }

    pub async fn list(&self, query: &str) -> Vec<String> {
        usernames(&self.send(HttpEvent::new("GET", ACCOUNTS).query(query)).await)
    }

    pub async fn create(&self, account: Value) -> Reply {
        self.send(HttpEvent::new("POST", ACCOUNTS).json(&account)).await
    }

    pub async fn patch(&self, id: AccountId, change: Value) -> Reply {
        let path = format!("{ACCOUNTS}/{id}");
        let tag = self.get(&path).await.headers["etag"].to_str().unwrap().to_owned();
        self.send(HttpEvent::new("PATCH", &path).header("if-match", &tag).json(&change)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.send(HttpEvent::new("PUT", path).json(&body)).await
    }
}

/// An administrator of `agency` at work.
pub async fn at_work(app: &TestApp) -> StaffMember<'_> {
    StaffMember::of(app, "agency", "staff", "admin").await
}

pub fn usernames(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{reply:?}");
    let accounts = reply.json()["accounts"].as_array().unwrap().clone();
    accounts.iter().map(|account| account["username"].as_str().unwrap().to_owned()).collect()
}

pub async fn id_of(app: &TestApp, slug: &str, portal: Portal, username: &str) -> AccountId {
    app.account_of(slug, portal, username).await.id
}
