//! The portals that Rekey must be able to be. Each is a practice that differs from the others by its settings alone,
//! and is followed from the first step of its instructions to the last.

mod agency;
mod calls;
mod caseload;
mod pediatrics;
mod therapy;
mod veterinary;
mod wrong_person;

use rekey_local::mailbox::Message;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::staff::{ACCOUNTS, StaffMember};
use crate::support::{Reply, TestApp, demo_accounts};

const PRACTICES: &str = include_str!("../../infra/local/demo/practices.json");
const QUESTION: &str = "What was the name of your first pet?";
const OWN_PASSWORD: &str = "a red kite over hills";

/// A demo practice, and what its portals do.
struct Portals {
    app: TestApp,
    slug: &'static str,
}

impl Portals {
    /// A practice of the demo, with its people; Jane is on Casey's caseload.
    async fn of(slug: &'static str) -> Self {
        let app = TestApp::start_with(&[("REKEY_PAGES_URL", "https://recovery.test")]).await;
        let practices: Vec<Value> = serde_json::from_str(PRACTICES).unwrap();
        let practice = practices.iter().find(|practice| practice["slug"] == slug).unwrap();
        app.operate(json!({"action": "create_practice", "practice": practice})).await.unwrap();
        let mut accounts = demo_accounts(slug);
        for account in &mut accounts {
            if account["username"] == "jane" {
                account["record_email"] = json!(format!("jane.at.home@{slug}.test"));
                account["caseload"] = json!([{"staff": "casey", "role": "Primary Case Manager"}]);
            }
            if practice["policy"]["security_question"] == "required" && account["username"] != "ivan" {
                account["security_question"] = json!({"question": QUESTION, "answer": "Biscuit"});
            }
        }
        app.import(slug, &accounts).await;
        Self { app, slug }
    }

    async fn staff(&self, username: &str) -> StaffMember<'_> {
        StaffMember::of(&self.app, self.slug, "staff", username).await
    }

    async fn sign_in(&self, portal: &str, identifier: &str, password: &str) -> Reply {
        let body =
            json!({"practice": self.slug, "portal": portal, "identifier": identifier, "password": password});
        self.app.post("/v1/sessions", body).await
    }

    async fn session(&self, portal: &str, identifier: &str, password: &str) -> String {
        let reply = self.sign_in(portal, identifier, password).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json()["token"].as_str().unwrap().to_owned()
    }

    async fn forgot(&self, portal: &str, identifier: &str) -> Reply {
        let body = json!({"practice": self.slug, "portal": portal, "identifier": identifier});
        let reply = self.app.post("/v1/password/forgot", body).await;
        assert_eq!(reply.status, 202, "{reply:?}");
        reply
    }

    async fn change(&self, session: &str, current: &str, new: &str) {
        let body = json!({"current_password": current, "new_password": new});
        let event = HttpEvent::new("POST", "/v1/password/change").bearer(session).json(&body);
        assert_eq!(self.app.send(event).await.status, 204);
    }

    /// Everything that is on its way arrives. The newest mail, which went to the given address alone.
    async fn mail_to(&self, address: &str) -> Message {
        assert_eq!(self.app.deliver().await.dead, 0);
        self.app.report_mails().await;
        let mail = self.app.mailbox.messages().into_iter().next().expect("a mail");
        assert_eq!(mail.to, [address]);
        mail
    }
}

/// The account that a search finds, by its whole record.
async fn select(member: &StaffMember<'_>, query: &str, username: &str) -> Value {
    let found = member.send(HttpEvent::new("GET", ACCOUNTS).query(query)).await.json();
    let found = found["accounts"].as_array().unwrap().clone();
    found.into_iter().find(|account| account["username"] == username).unwrap_or_else(|| panic!("{username}"))
}

fn path_of(account: &Value, tail: &str) -> String {
    format!("{ACCOUNTS}/{}{tail}", account["id"].as_str().unwrap())
}

async fn edit(member: &StaffMember<'_>, account: &Value, change: Value) -> Value {
    let reply = member.patch(account["id"].as_str().unwrap().parse().unwrap(), change).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

async fn post(member: &StaffMember<'_>, path: &str, body: Option<Value>) -> Value {
    let event = HttpEvent::new("POST", path);
    let reply = member.send(body.iter().fold(event, HttpEvent::json)).await;
    assert!(reply.status.is_success(), "{reply:?}");
    reply.json()
}

/// What an account's holder reads in their log, newest first, each time once.
async fn own_log(app: &TestApp, session: &str) -> Vec<String> {
    let reply = app.send(HttpEvent::new("GET", "/v1/activity").query("limit=100").bearer(session)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    descriptions(&reply.json())
}

/// What staff read in the change log.
async fn change_log(member: &StaffMember<'_>, query: &str) -> Vec<String> {
    let reply = member.send(HttpEvent::new("GET", "/v1/admin/changes").query(query)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    descriptions(&reply.json())
}

fn descriptions(log: &Value) -> Vec<String> {
    let events = log["events"].as_array().unwrap();
    events.iter().map(|event| event["description"].as_str().unwrap().to_owned()).collect()
}

/// Each of these, in this order from the newest; others may stand between them.
fn tells(log: &[String], expected: &[&str]) {
    let mut rest = log.iter();
    for words in expected {
        assert!(rest.any(|line| line == words), "{words:?}, in this order, in {log:#?}");
    }
}

fn says(mail: &Message, parts: &[&str]) {
    let text = mail.text.as_deref().unwrap();
    for part in parts {
        assert!(text.contains(part), "{part} in {text}");
    }
}
