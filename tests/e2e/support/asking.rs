//! A person whose mail does not come, and the list in which staff find them.

use serde_json::{Value, json};

use super::event::HttpEvent;
use super::staff::StaffMember;
use super::{Reply, TestApp};

pub const TASKS: &str = "/v1/admin/help-requests";

impl TestApp {
    /// Asks for a link at a portal of a practice, and returns the request's id.
    pub async fn request_at(&self, practice: &str, portal: &str, identifier: &str) -> String {
        let body = json!({"practice": practice, "portal": portal, "identifier": identifier});
        let reply = self.post("/v1/password/forgot", body).await;
        assert_eq!(reply.status, 202, "{reply:?}");
        reply.json()["request_id"].as_str().unwrap().to_owned()
    }

    pub async fn ask_help(&self, request: &str) -> Reply {
        self.post("/v1/password/help", json!({"request_id": request, "reach": "call"})).await
    }

    /// Asks for a link, and then for help, because nothing comes. Returns the request's id.
    pub async fn in_need_at(&self, practice: &str, portal: &str, identifier: &str) -> String {
        let request = self.request_at(practice, portal, identifier).await;
        self.deliver().await;
        assert_eq!(self.ask_help(&request).await.status, 202);
        self.deliver().await;
        request
    }

    /// Does the same at the client portal of `agency`.
    pub async fn in_need(&self, identifier: &str) -> String {
        self.in_need_at("agency", "client", identifier).await
    }
}

impl StaffMember<'_> {
    /// A page of the list.
    pub async fn page_of_tasks(&self, query: &str) -> Value {
        let reply = self.send(HttpEvent::new("GET", TASKS).query(query)).await;
        assert_eq!(reply.status, 200, "{query}: {reply:?}");
        reply.json()
    }

    pub async fn tasks(&self, query: &str) -> Vec<Value> {
        self.page_of_tasks(query).await["help_requests"].as_array().unwrap().clone()
    }

    /// The identifiers of a list.
    pub async fn names_of_tasks(&self, query: &str) -> Vec<String> {
        let tasks = self.tasks(query).await;
        tasks.iter().map(|task| task["identifier"].as_str().unwrap().to_owned()).collect()
    }

    pub async fn act(&self, task: &Value, body: Value) -> Reply {
        let path = format!("{TASKS}/{}", task["id"].as_str().unwrap());
        self.send(HttpEvent::new("POST", &path).json(&body)).await
    }
}
