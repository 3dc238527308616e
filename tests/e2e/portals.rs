//! The portals that Rekey must be able to be: each a practice that differs from the others by its settings alone, followed
//! from the first step of its instructions to the last.

use std::time::Duration;

use rekey::clock::days;
use rekey_local::mailbox::Message;
use serde_json::{Value, json};

use crate::support::desk::{ACCOUNTS, Desk};
use crate::support::event::HttpEvent;
use crate::support::{
    NEW_PASSWORD, PASSWORD, Reply, TestApp, code_in, demo_accounts, temporary_in, token_in,
};

const PRACTICES: &str = include_str!("../../infra/local/demo/practices.json");
const QUESTION: &str = "What was the name of your first pet?";
const ALMOST_48_HOURS: Duration = Duration::from_mins(48 * 60 - 1);
const OWN_PASSWORD: &str = "a red kite over hills";

/// A demo practice, and what its portals do.
struct Portals {
    app: TestApp,
    slug: &'static str,
}

impl Portals {
    /// A practice of the demo, with its people; Jane is on Casey's caseload.
    async fn of(slug: &'static str) -> Self {
        let app = TestApp::start_with(&[]).await;
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

    async fn staff(&self, username: &str) -> Desk<'_> {
        Desk::of(&self.app, self.slug, "staff", username).await
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
async fn select(desk: &Desk<'_>, query: &str, username: &str) -> Value {
    let found = desk.send(HttpEvent::new("GET", ACCOUNTS).query(query)).await.json();
    let found = found["accounts"].as_array().unwrap().clone();
    found.into_iter().find(|account| account["username"] == username).unwrap_or_else(|| panic!("{username}"))
}

fn path_of(account: &Value, tail: &str) -> String {
    format!("{ACCOUNTS}/{}{tail}", account["id"].as_str().unwrap())
}

async fn edit(desk: &Desk<'_>, account: &Value, change: Value) -> Value {
    let reply = desk.patch(account["id"].as_str().unwrap().parse().unwrap(), change).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

async fn post(desk: &Desk<'_>, path: &str, body: Option<Value>) -> Value {
    let event = HttpEvent::new("POST", path);
    let reply = desk.send(body.iter().fold(event, HttpEvent::json)).await;
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
async fn change_log(desk: &Desk<'_>, query: &str) -> Vec<String> {
    let reply = desk.send(HttpEvent::new("GET", "/v1/admin/changes").query(query)).await;
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

/// An agency resets a client's portal password from the face sheet; the client changes it on the portal.
#[tokio::test]
async fn agency_portal() {
    let portals = Portals::of("agency").await;
    let app = &portals.app;

    // The face sheet: search, select, and see the portal's address and each portal login.
    let staff = portals.staff("casey").await;
    let client = select(&staff, "q=jane", "jane").await;
    let practice = staff.get("/v1/admin/practice").await.json();
    assert_eq!(practice["portals"]["client"]["url"], "https://portal.agency.test");
    let login = ["username", "representative", "active", "refused"].map(|member| client[member].clone());
    assert_eq!(login, [json!("jane"), json!(false), json!(true), json!(false)]);

    // Populate the address from the record, mark the representative, tick "reset password", save.
    assert_eq!(client["record_email"], "jane.at.home@agency.test");
    let client =
        edit(&staff, &client, json!({"email": client["record_email"], "representative": true})).await;
    assert_eq!((&client["email"], &client["representative"]), (&client["record_email"], &json!(true)));
    let issued = post(&staff, &path_of(&client, "/temporary-password"), None).await;
    assert_eq!(issued["expires_at"], "2026-11-22T18:35:30Z", "24 hours");

    // The user receives the temporary password and the portal's address.
    let mail = portals.mail_to("jane.at.home@agency.test").await;
    says(
        &mail,
        &["Username: jane", "https://portal.agency.test", "Sunday, November 22, 2026 at 1:35 PM EST"],
    );
    let temporary = temporary_in(&mail);

    // Signing in with it leads to the change of password; the window shows the address.
    let signed_in = portals.sign_in("client", "jane", &temporary).await.json();
    assert_eq!(signed_in["next"], "change_password");
    assert_eq!(signed_in["account"]["email"], "jane.at.home@agency.test");
    let session = signed_in["token"].as_str().unwrap();
    portals.change(session, &temporary, NEW_PASSWORD).await;
    let mail = portals.mail_to("jane.at.home@agency.test").await;
    assert_eq!(mail.subject, "Your password was changed");

    // From the portal: current, new, confirm; and a mail confirms it.
    let session = portals.session("client", "jane", NEW_PASSWORD).await;
    portals.change(&session, NEW_PASSWORD, OWN_PASSWORD).await;
    assert_eq!(portals.mail_to("jane.at.home@agency.test").await.subject, "Your password was changed");
    assert_eq!(app.mailbox.messages().len(), 3);
    assert_eq!(portals.sign_in("client", "jane", OWN_PASSWORD).await.status, 201);

    // The portal's activity: what was done, when, and by whom.
    let session = portals.session("client", "jane", OWN_PASSWORD).await;
    app.send(HttpEvent::new("DELETE", "/v1/sessions/current").bearer(&session)).await;
    let session = portals.session("client", "jane", OWN_PASSWORD).await;
    tells(
        &own_log(app, &session).await,
        &[
            "Portal login by jane",
            "Portal logout by jane",
            "Password changed by jane",
            "Portal login by jane",
            "Password changed by jane",
            "Portal login by jane",
            "A way to set the password of jane was issued by the practice",
            "Portal login jane was modified by the practice. Changes: email, representative",
            "Portal login jane was added by the operator",
        ],
    );
    // The face sheet's change log: of this client, by this user, within these dates; also when the login was added.
    let (of_client, by_user) = (client["id"].as_str().unwrap(), staff_id(app, "agency", "casey").await);
    tells(
        &change_log(&staff, &format!("account={of_client}&limit=100")).await,
        &[
            "Password changed by jane",
            "A way to set the password of jane was issued by casey",
            "Portal login jane was modified by casey. Changes: email, representative",
            "Portal login jane was added by the operator",
        ],
    );
    let query = format!(
        "account={of_client}&actor={by_user}&type=user_updated&from=2026-11-21T00:00:00Z&to=2026-11-22T00:00:00Z"
    );
    assert_eq!(
        change_log(&staff, &query).await,
        ["Portal login jane was modified by casey. Changes: email, representative"]
    );
    assert!(change_log(&staff, &format!("account={of_client}&to=2026-11-21T00:00:00Z")).await.is_empty());

    // Not within 24 hours: the temporary password has expired, and the user is told so.
    post(&staff, &path_of(&client, "/temporary-password"), None).await;
    let late = temporary_in(&portals.mail_to("jane.at.home@agency.test").await);
    app.clock.advance(days(1));
    let reply = portals.sign_in("client", "jane", &late).await;
    assert_eq!(reply.outcome(), (401, "temporary_password_expired".to_owned()));

    // A client who refuses a portal login.
    let staff = portals.staff("casey").await;
    let client = select(&staff, "q=jane", "jane").await;
    edit(&staff, &client, json!({"refused": true})).await;
    assert_eq!(portals.sign_in("client", "jane", OWN_PASSWORD).await.status, 401);
}

async fn staff_id(app: &TestApp, slug: &str, username: &str) -> String {
    app.account_of(slug, rekey::practice::Portal::Staff, username).await.id.to_string()
}

/// A case worker sends a client of the caseload a new password.
#[tokio::test]
async fn caseload_portal() {
    let portals = Portals::of("caseload").await;
    let app = &portals.app;

    // My caseload: each client with the worker's role and the date assigned. All clients are the administrator's to see.
    let staff = portals.staff("casey").await;
    let client = select(&staff, "caseload=mine", "jane").await;
    assert_eq!(client["caseload"][0]["role"], "Primary Case Manager");
    assert!(client["caseload"][0]["assigned_at"].as_str().unwrap().starts_with("2026-11-21T"));
    assert_eq!(staff.list("caseload=mine").await, ["jane"]);
    let admin = portals.staff("admin").await;
    assert_eq!(admin.list("caseload=all").await.len(), 7);

    // The second mail never came: the address is wrong, and shown to be.
    let client = edit(&staff, &client, json!({"email": "bounce+jane@simulator.amazonses.com"})).await;
    post(&staff, &path_of(&client, "/temporary-password"), None).await;
    let lost = temporary_in(&portals.mail_to("bounce+jane@simulator.amazonses.com").await);
    let client = select(&staff, "caseload=mine", "jane").await;
    assert_eq!(client["mail"], "bounced");
    let again = post(&staff, &path_of(&client, "/temporary-password"), None).await;
    assert_eq!(again["warning"]["mail"], "bounced");

    // Check the address, correct it, and "reset and send new".
    let client = edit(&staff, &client, json!({"email": "jane.doe@caseload.test"})).await;
    assert_eq!(client["mail"], "ok");
    let sent = post(&staff, &path_of(&client, "/temporary-password"), None).await;
    assert_eq!((&sent["sent_to"], sent.get("warning")), (&json!("j…@c….test"), None));
    let first = temporary_in(&portals.mail_to("jane.doe@caseload.test").await);
    assert_eq!(portals.sign_in("client", "jane", &lost).await.status, 401);

    // It is sent once more: a new one, and the first no longer works.
    post(&staff, &path_of(&client, "/temporary-password"), None).await;
    let second = temporary_in(&portals.mail_to("jane.doe@caseload.test").await);
    assert_eq!(portals.sign_in("client", "jane", &first).await.status, 401);
    let session = portals.session("client", "jane", &second).await;
    portals.change(&session, &second, NEW_PASSWORD).await;
    assert_eq!(portals.sign_in("client", "jane@caseload.test", NEW_PASSWORD).await.status, 401);
    assert_eq!(portals.sign_in("client", "jane.doe@caseload.test", NEW_PASSWORD).await.status, 201);

    // What the worker did is in the client's log, and the client sees that it was done.
    tells(
        &change_log(&staff, &format!("account={}&limit=100", client["id"].as_str().unwrap())).await,
        &[
            "Password changed by jane",
            "A way to set the password of jane was issued by casey",
            "A way to set the password of jane was issued by casey",
            "Portal login jane was modified by casey. Changes: email",
            "A mail to jane came back",
            "A way to set the password of jane was issued by casey",
            "Portal login jane was modified by casey. Changes: email",
        ],
    );
    tells(&own_log(app, &session).await, &["Password changed by jane", "Portal login by jane"]);

    // Whom the worker does not look after is out of reach.
    let other = app.account_of("caseload", rekey::practice::Portal::Client, "sam").await.id;
    let path = format!("{ACCOUNTS}/{other}/temporary-password");
    assert_eq!(staff.send(HttpEvent::new("POST", &path)).await.status, 404);
}

/// A pediatric practice: a link good for 48 hours and the security question, by a parent's own doing or with the practice's help.
#[tokio::test]
async fn pediatric_practice() {
    let portals = Portals::of("pediatrics").await;
    let app = &portals.app;
    let reset = async |token: &str, password: &str, answer: &str| {
        let body = json!({"token": token, "new_password": password, "answer": answer});
        app.post("/v1/password/reset", body).await
    };

    // "Forgot your password?" by email: a link, which is there for 48 hours; then the question; then the new password.
    portals.forgot("client", "jane@pediatrics.test").await;
    let mail = portals.mail_to("jane@pediatrics.test").await;
    says(&mail, &["Monday, November 23, 2026 at 11:35 AM MST"]);
    app.clock.advance(ALMOST_48_HOURS);
    let token = token_in(&mail);
    assert_eq!(app.preview(&token).await.json()["question"], QUESTION);
    assert_eq!(reset(&token, NEW_PASSWORD, "Rover").await.outcome(), (403, "wrong_answer".to_owned()));
    assert_eq!(reset(&token, NEW_PASSWORD, "biscuit").await.status, 204);

    // Signed in: settings, My Account, change password.
    let session = portals.session("client", "jane@pediatrics.test", NEW_PASSWORD).await;
    portals.change(&session, NEW_PASSWORD, OWN_PASSWORD).await;
    assert_eq!(portals.mail_to("jane@pediatrics.test").await.subject, "Your password was changed");

    // With the practice's help: find the patient, and the parent in the associations.
    let staff = portals.staff("casey").await;
    let (patient, parent) = (select(&staff, "q=lily", "lily").await, select(&staff, "q=sam", "sam").await);
    let relation = path_of(&patient, &format!("/associations/{}", parent["id"].as_str().unwrap()));
    assert_eq!(staff.put(&relation, json!({"relationship": "parent"})).await.status, 204);
    let parent = select(&staff, "q=lily", "sam").await;
    assert_eq!(parent["associations"][0]["relationship"], "parent");

    // Confirm the login email, or update it; reset: a link good for 48 hours is mailed there.
    let parent = edit(&staff, &parent, json!({"email": "sam.rivera@pediatrics.test"})).await;
    let link =
        json!({"expires_at": "2026-11-25T18:34:30Z", "deliver": "email", "reason": "Asked at the desk"});
    post(&staff, &path_of(&parent, "/links"), Some(link)).await;
    let mail = portals.mail_to("sam.rivera@pediatrics.test").await;
    app.clock.advance(ALMOST_48_HOURS);
    assert_eq!(app.preview(&token_in(&mail)).await.json()["question"], QUESTION);
    assert_eq!(reset(&token_in(&mail), NEW_PASSWORD, "Biscuit").await.status, 204);
    let parents = portals.session("client", "sam.rivera@pediatrics.test", NEW_PASSWORD).await;

    // Staff recover their own accounts in the practice portal in the same ways.
    portals.forgot("staff", "casey@pediatrics.test").await;
    let mail = portals.mail_to("casey@pediatrics.test").await;
    says(&mail, &["https://staff.pediatrics.test/reset#token="]);
    assert_eq!(app.preview(&token_in(&mail)).await.json()["question"], QUESTION);
    assert_eq!(reset(&token_in(&mail), NEW_PASSWORD, "Biscuit").await.status, 204);
    let session = portals.session("staff", "casey@pediatrics.test", NEW_PASSWORD).await;
    portals.change(&session, NEW_PASSWORD, OWN_PASSWORD).await;
    assert_eq!(portals.sign_in("staff", "casey", OWN_PASSWORD).await.status, 201);

    // The logs, of the parent's own and of the practice.
    tells(
        &own_log(app, &parents).await,
        &[
            "Portal login by sam",
            "Password changed by sam",
            "A way to set the password of sam was issued by the practice",
            "Portal login sam was modified by the practice. Changes: email",
        ],
    );
    let admin = portals.staff("admin").await;
    tells(
        &change_log(&admin, "limit=100").await,
        &[
            "Password changed by casey",
            "Password reset requested for casey",
            "Password changed by sam",
            "A way to set the password of sam was issued by casey",
            "Portal login sam was modified by casey. Changes: email",
            "Association of lily with sam was modified by casey",
            "Password changed by jane",
            "Password changed by jane",
            "Changing the password of jane failed",
            "Password reset requested for jane",
        ],
    );
}

/// A veterinary clinic: a link by mail for whoever forgot, and by an administrator for whom no mail reached.
#[tokio::test]
async fn veterinary_practice() {
    let portals = Portals::of("veterinary").await;
    let app = &portals.app;

    // A user of the clinic forgets; a link comes to the registered address.
    portals.forgot("staff", "casey@veterinary.test").await;
    let mail = portals.mail_to("casey@veterinary.test").await;
    says(&mail, &["https://staff.veterinary.test/reset#token="]);
    assert_eq!(app.reset(&token_in(&mail), NEW_PASSWORD).await.status, 204);

    // Who gets no mail asks an administrator: staff list, the user, "reset password".
    let admin = portals.staff("admin").await;
    let user = select(&admin, "portal=staff", "casey").await;
    let link = json!({"expires_at": "2026-11-22T18:35:30Z", "deliver": "email"});
    let sent = post(&admin, &path_of(&user, "/links"), Some(link.clone())).await;
    assert_eq!(sent["sent_to"], "c…@v….test", "link has been sent to …");
    let mail = portals.mail_to("casey@veterinary.test").await;
    assert_eq!(app.reset(&token_in(&mail), OWN_PASSWORD).await.status, 204);
    assert_eq!(portals.sign_in("staff", "casey", OWN_PASSWORD).await.status, 201);

    // A client's profile: the address is there; one click sends a link.
    let client = select(&admin, "q=jane", "jane").await;
    assert_eq!(client["email"], "jane@veterinary.test");
    post(&admin, &path_of(&client, "/links"), Some(link)).await;
    let mail = portals.mail_to("jane@veterinary.test").await;
    says(&mail, &["Username: jane", "https://portal.veterinary.test/reset#token="]);
    assert_eq!(app.reset(&token_in(&mail), NEW_PASSWORD).await.status, 204);
    assert_eq!(portals.sign_in("client", "jane", NEW_PASSWORD).await.status, 201);

    // Registering a client mails the username and a way in, at the clinic's own address.
    let new = json!({"username": "noor", "email": "noor@veterinary.test", "display_name": "Noor"});
    let registered = admin.create(new).await.json();
    assert_eq!(registered["setup"], "invited");
    let mail = portals.mail_to("noor@veterinary.test").await;
    says(&mail, &["Username: noor", "https://portal.veterinary.test"]);
    assert_eq!(app.reset(&token_in(&mail), NEW_PASSWORD).await.status, 204);
    let session = portals.session("client", "noor", NEW_PASSWORD).await;

    tells(
        &own_log(app, &session).await,
        &["Portal login by noor", "Password changed by noor", "Portal login noor was added by the practice"],
    );
    tells(
        &change_log(&admin, "limit=100").await,
        &[
            "Portal login noor was added by admin",
            "Password changed by jane",
            "A way to set the password of jane was issued by admin",
            "Password changed by casey",
            "A way to set the password of casey was issued by admin",
            "Password changed by casey",
            "Password reset requested for casey",
        ],
    );
}

/// A therapy practice invites by mail, and recovers by code or by a link with a chosen end.
#[tokio::test]
async fn therapy_practice() {
    let portals = Portals::of("therapy").await;
    let app = &portals.app;
    let admin = portals.staff("admin").await;

    // A new member of staff; the profile shows that sign-up has not begun.
    let new = json!({"portal": "staff", "username": "robin", "email": "robin@therapy.test", "display_name": "Robin",
        "role": "staff", "invite": false});
    let profile = admin.create(new).await.json();
    assert_eq!(profile["setup"], "not_invited");

    // "Send invitation": to the address that was given; then initiated; then done.
    let sent = post(&admin, &path_of(&profile, "/invitation"), None).await;
    assert_eq!(sent["sent_to"], "r…@t….test");
    let mail = portals.mail_to("robin@therapy.test").await;
    let setup = async || admin.get(&path_of(&profile, "")).await.json()["setup"].clone();
    assert_eq!(setup().await, "invited");
    let token = token_in(&mail);
    let page = app.preview(&token).await.json();
    assert_eq!((&page["purpose"], &page["username"]), (&json!("invitation"), &json!("robin")));
    assert_eq!(setup().await, "started");
    assert_eq!(app.reset(&token, PASSWORD).await.status, 204, "create account");
    assert_eq!(setup().await, "signed_up");

    // They sign in with address and password.
    assert_eq!(portals.sign_in("staff", "robin@therapy.test", PASSWORD).await.status, 201);

    // Self-service, at both doors: the address, a code by mail, the new password.
    for (portal, address) in [("staff", "robin@therapy.test"), ("client", "jane@therapy.test")] {
        let asked = portals.forgot(portal, address).await.json();
        assert_eq!(asked["method"], "code");
        let code = code_in(&portals.mail_to(address).await);
        let verified = app.verify(asked["request_id"].as_str().unwrap(), &code).await.json();
        assert_eq!(app.reset(verified["token"].as_str().unwrap(), NEW_PASSWORD).await.status, 204);
        assert_eq!(portals.sign_in(portal, address, NEW_PASSWORD).await.status, 201);
    }

    // Administrator: choose an expiration date, generate the link, and copy it or send it.
    let client = select(&admin, "q=jane", "jane").await;
    let mut ask =
        json!({"expires_at": "2026-11-24T09:00:00Z", "deliver": "copy", "reason": "Asked by phone"});
    let copied = post(&admin, &path_of(&profile, "/links"), Some(ask.clone())).await;
    let (page, token) = copied["url"].as_str().unwrap().split_once("#token=").unwrap();
    assert_eq!(page, "https://staff.therapy.test/reset");
    ask["deliver"] = json!("email");
    post(&admin, &path_of(&client, "/links"), Some(ask)).await;
    let mail = portals.mail_to("jane@therapy.test").await;
    says(&mail, &["Tuesday, November 24, 2026 at 9:00 AM GMT"]);
    app.clock.advance(days(2));
    assert_eq!(app.reset(token, OWN_PASSWORD).await.status, 204);
    assert_eq!(app.reset(&token_in(&mail), OWN_PASSWORD).await.status, 204);
    assert_eq!(portals.sign_in("staff", "robin", OWN_PASSWORD).await.status, 201);
    assert_eq!(portals.sign_in("client", "jane", OWN_PASSWORD).await.status, 201);

    let session = portals.session("client", "jane", OWN_PASSWORD).await;
    tells(
        &own_log(app, &session).await,
        &[
            "Password changed by jane",
            "A way to set the password of jane was issued by the practice",
            "Password changed by jane",
            "The right code was entered for jane",
            "Password reset requested for jane",
        ],
    );
    let admin = portals.staff("admin").await;
    tells(
        &change_log(&admin, &format!("account={}&limit=100", profile["id"].as_str().unwrap())).await,
        &[
            "Password changed by robin",
            "A way to set the password of robin was issued by admin",
            "The right code was entered for robin",
            "Password changed by robin",
            "A way to set the password of robin was issued by admin",
            "Portal login robin was added by admin",
        ],
    );
}
