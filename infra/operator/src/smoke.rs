//! The walk: everything that a deployment does, once, against the deployment itself. It is the first thing after a deployment, because
//! AWS alone can say whether IAM allows what the roles mean.
//!
//! It has a practice of its own, `smoke`, whose people have addresses of SES's mailbox simulator. So it mails nobody, works in SES's
//! sandbox, and leaves the bounce rate alone. Nobody can read what the simulator takes, so links come from direct invocations. On a
//! laptop, where the mailbox can be read, it walks by mailed links and codes too.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::http::{self, Reply};
use crate::invoke::{Failure, Target};
use crate::{expiry, say};

mod canary;

/// The practice of the walk.
const PRACTICE: &str = "smoke";
/// The number of clients among whom the walks take turns: each may ask for few recoveries a day.
const WALKERS: i64 = 997;
/// How often, and how many times, what follows from a mail is looked for.
const INTERVAL: Duration = Duration::from_secs(2);
const LOOKS: u32 = 120;

/// Walk through a deployment with a practice of its own, and fail at the first refusal
#[derive(Debug, Args)]
pub(crate) struct Smoke {
    /// The address of the API. Without it: the stack's output, or `cargo dev`
    #[arg(long, value_name = "URL")]
    api: Option<String>,
    /// The address of a mailbox of `cargo dev`, whose mails are read and followed
    #[arg(long, value_name = "URL")]
    mailbox: Option<String>,
    /// Also make the account by which the canary signs in, with the password that the standard input has
    #[arg(long)]
    canary: bool,
}

/// One walk.
struct Walk<'a> {
    target: &'a Target,
    api: String,
    mailbox: Option<String>,
    /// The walk's client, and what makes its addresses and passwords its own.
    client: String,
    mark: String,
}

/// A call to the API.
struct Ask<'a> {
    method: &'a str,
    path: &'a str,
    session: Option<&'a str>,
    body: Option<Value>,
}

fn ask<'a>(method: &'a str, path: &'a str, session: impl Into<Option<&'a str>>) -> Ask<'a> {
    Ask { method, path, session: session.into(), body: None }
}

impl Ask<'_> {
    fn with(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }
}

impl Smoke {
    /// Walks.
    ///
    /// # Errors
    /// The first call that was refused, with its answer.
    pub(crate) async fn run(self, target: &Target) -> Result<Value, Failure> {
        let api = match self.api {
            Some(api) => api,
            None => target.api().await?,
        };
        let canary = self.canary.then(canary::read_password).transpose()?;
        let now = expiry::now().as_second();
        let walk = Walk {
            target,
            api: api.trim_end_matches('/').to_owned(),
            mailbox: self.mailbox,
            client: format!("walker{}", now % WALKERS),
            mark: now.to_string(),
        };
        walk.practice().await?;
        walk.import(&walk.client).await?;
        if let Some(password) = canary {
            walk.canary(&password).await?;
        }
        let mut password = walk.recover("client", &walk.client).await?;
        walk.empty_mailbox().await?;
        let request = walk.front_door().await?;
        if walk.mailbox.is_some() {
            password = walk.mails(&request).await?;
        }
        walk.holder(&password).await?;
        walk.staff().await?;
        let parked = json!({"action": "list_undelivered", "practice": PRACTICE, "queue": "parked"});
        let parked = walk.operate("operator", parked).await?;
        walk.operate("operator", json!({"action": "redrive", "practice": PRACTICE, "queue": "waiting"}))
            .await?;
        if parked["items"].as_array().is_some_and(|items| !items.is_empty()) {
            return Err(Failure::Refused(format!("mail was given up: {parked}")));
        }
        Ok(json!({"walked": walk.api, "client": walk.client}))
    }
}

impl Walk<'_> {
    /// An address that takes every mail, and each walk's own kind of it.
    fn address(kind: &str, label: &str) -> String {
        format!("{kind}+{label}@simulator.amazonses.com")
    }

    fn new_password(&self, turn: &str) -> String {
        format!("a stone bridge {turn} {}", self.mark)
    }

    async fn operate(&self, function: &str, payload: Value) -> Result<Value, Failure> {
        say(&format!("{function}: {}", payload["action"].as_str().unwrap_or("link")));
        self.target.invoke(function, &payload).await
    }

    /// Makes a call, which must be answered with this status.
    async fn call(&self, expected: u16, ask: Ask<'_>) -> Result<Value, Failure> {
        let reply = self.reply(expected, ask, Vec::new()).await?;
        Ok(serde_json::from_str(&reply.body).unwrap_or_default())
    }

    async fn reply(
        &self,
        expected: u16,
        ask: Ask<'_>,
        mut headers: Vec<(&str, String)>,
    ) -> Result<Reply, Failure> {
        let Ask { method, path, session, body } = ask;
        headers.extend(session.map(|session| ("authorization", format!("Bearer {session}"))));
        let reply =
            http::send(&http::Ask { method, url: format!("{}{path}", self.api), headers, body }).await?;
        say(&format!("{method} {path}: {}", reply.status));
        if reply.status == expected {
            return Ok(reply);
        }
        Err(Failure::Refused(format!(
            "{method} {path} answered {}, not {expected}: {}",
            reply.status, reply.body
        )))
    }

    /// The practice with its people, made where they are not there yet.
    async fn practice(&self) -> Result<(), Failure> {
        let portal = |name: &str| {
            let url = format!("https://{name}.smoke.example");
            json!({"url": url, "recovery_url": format!("{url}/reset")})
        };
        let practice = json!({"slug": PRACTICE, "name": "Smoke", "support": {"email": Self::address("success", "support")},
            "time_zone": "UTC", "locale": "en", "portals": {"client": portal("portal"), "staff": portal("staff")},
            "policy": {"recovery_methods": ["link", "code"], "security_question": "optional"},
            "domains": ["smoke.example", "simulator.amazonses.com"]});
        self.operate("operator", json!({"action": "create_practice", "practice": practice})).await?;
        let administrator = json!({"action": "create_administrator", "practice": PRACTICE, "username": "admin",
            "email": Self::address("success", "admin"), "display_name": "Admin"});
        self.operate("operator", administrator).await.map(drop)
    }

    /// Makes a client, where it is not there yet.
    async fn import(&self, username: &str) -> Result<(), Failure> {
        let client = json!({"username": username, "email": Self::address("success", username), "display_name": "Walker"});
        let import = json!({"action": "import_accounts", "practice": PRACTICE, "lines": client.to_string()});
        let imported = self.operate("operator", import).await?;
        match imported["failed"].as_u64() {
            Some(0) => Ok(()),
            _ => Err(Failure::Refused(format!("the import failed: {imported}"))),
        }
    }

    /// Recovers an account by a link of a direct invocation. Returns its new password.
    async fn recover(&self, portal: &str, username: &str) -> Result<String, Failure> {
        let token = self.link(portal, username).await?;
        self.reset(&token, self.new_password("first")).await
    }

    async fn reset(&self, token: &str, password: String) -> Result<String, Failure> {
        let shown = self
            .call(200, ask("POST", "/v1/password/reset/preview", None).with(json!({"token": token})))
            .await?;
        let mut body = json!({"token": token, "new_password": password});
        if !shown["question"].is_null() {
            body["answer"] = "Biscuit".into();
        }
        self.call(204, ask("POST", "/v1/password/reset", None).with(body)).await?;
        Ok(password)
    }

    /// What anybody may ask. Returns the id of a request for a code.
    async fn front_door(&self) -> Result<String, Failure> {
        self.call(200, ask("GET", "/v1/practices/smoke", None)).await?;
        let forgot = json!({"practice": PRACTICE, "identifier": self.client});
        self.call(202, ask("POST", "/v1/password/forgot", None).with(forgot)).await?;
        let forgot = json!({"practice": PRACTICE, "identifier": self.client, "method": "code"});
        let asked = self.call(202, ask("POST", "/v1/password/forgot", None).with(forgot)).await?;
        let guess = json!({"request_id": asked["request_id"], "code": "00000000"});
        self.call(400, ask("POST", "/v1/password/verify-code", None).with(guess)).await?;
        let wrong = json!({"practice": PRACTICE, "identifier": self.client, "password": "wrong"});
        self.call(401, ask("POST", "/v1/sessions", None).with(wrong)).await?;
        for (path, method) in [
            ("/v1/password/forgot", "POST"),
            ("/v1/password/verify-code", "POST"),
            ("/v1/password/reset", "POST"),
            ("/v1/sessions", "POST"),
            ("/v1/password/change", "POST"),
            ("/v1/activity", "GET"),
            ("/v1/admin/accounts", "GET"),
            ("/v1/admin/practice", "GET"),
            ("/v1/admin/accounts/01KAMJ5PYG0123456789ABCDEF/links", "POST"),
        ] {
            self.preflight(path, method).await?;
        }
        text_of(&asked, "request_id")
    }

    /// A browser's question whether a page of the portal may make a call.
    async fn preflight(&self, path: &str, method: &str) -> Result<(), Failure> {
        let headers = vec![
            ("origin", "https://portal.smoke.example".to_owned()),
            ("access-control-request-method", method.to_owned()),
        ];
        let reply = self.reply(204, ask("OPTIONS", path, None), headers).await?;
        let allowed = reply.header("access-control-allow-origin").map(drop);
        allowed
            .ok_or_else(|| Failure::Refused(format!("OPTIONS {path} does not say that the portal may call")))
    }

    async fn sign_in(&self, portal: &str, username: &str, password: &str) -> Result<String, Failure> {
        let body =
            json!({"practice": PRACTICE, "portal": portal, "identifier": username, "password": password});
        let signed_in = self.call(201, ask("POST", "/v1/sessions", None).with(body)).await?;
        text_of(&signed_in, "token")
    }

    /// What the holder of an account does.
    async fn holder(&self, password: &str) -> Result<(), Failure> {
        let session = self.sign_in("client", &self.client, password).await?;
        let other = self.sign_in("client", &self.client, password).await?;
        let session = session.as_str();
        for path in ["/v1/account", "/v1/sessions", "/v1/activity"] {
            self.call(200, ask("GET", path, session)).await?;
        }
        let question = json!({"current_password": password, "question": "The name of your first pet?", "answer": "Biscuit"});
        self.call(204, ask("PUT", "/v1/security-question", session).with(question)).await?;
        let new = self.new_password("second");
        let change = json!({"current_password": password, "new_password": new});
        self.call(204, ask("POST", "/v1/password/change", session).with(change)).await?;
        self.call(401, ask("GET", "/v1/account", other.as_str())).await?;
        self.call(204, ask("DELETE", "/v1/sessions", session)).await?;
        self.call(204, ask("DELETE", "/v1/sessions/current", session)).await?;
        Ok(())
    }

    /// What staff do.
    async fn staff(&self) -> Result<(), Failure> {
        let password = self.recover("staff", "admin").await?;
        let session = self.sign_in("staff", "admin", &password).await?;
        let session = session.as_str();
        self.call(200, ask("GET", "/v1/admin/practice", session)).await?;
        let renamed = json!({"name": format!("Smoke {}", self.mark)});
        self.call(200, ask("PATCH", "/v1/admin/practice", session).with(renamed)).await?;
        // One whose mail comes back, which only the report of SES can tell.
        let bounced = json!({"username": format!("bounced{}", self.mark), "display_name": "Bounced",
            "email": Self::address("bounce", &self.mark)});
        let account = self.call(201, ask("POST", "/v1/admin/accounts", session).with(bounced)).await?;
        let path = format!("/v1/admin/accounts/{}", text_of(&account, "id")?);
        let path = path.as_str();
        self.until("the invitation bounces", path, session, |account| account["mail"] == "bounced").await?;
        self.call(200, ask("GET", &format!("/v1/admin/accounts?q=bounced{}", self.mark), session)).await?;
        let clients =
            self.call(200, ask("GET", &format!("/v1/admin/accounts?q={}", self.client), session)).await?;
        let other = text_of(&clients["accounts"][0], "id")?;
        let guardian = format!("{path}/associations/{other}");
        self.call(204, ask("PUT", &guardian, session).with(json!({"relationship": "parent"}))).await?;
        self.call(204, ask("DELETE", &guardian, session)).await?;
        let own = text_of(&self.call(200, ask("GET", "/v1/account", session)).await?, "id")?;
        let caseload = format!("{path}/caseload/{own}");
        self.call(204, ask("PUT", &caseload, session).with(json!({}))).await?;
        self.call(204, ask("DELETE", &caseload, session)).await?;
        let until = expiry::parse("1h").map_err(Failure::Argument)?;
        let link = json!({"expires_at": until, "deliver": "copy"});
        self.call(201, ask("POST", &format!("{path}/links"), session).with(link)).await?;
        let issued = self
            .call(202, ask("POST", &format!("{path}/temporary-password"), session).with(json!({})))
            .await?;
        self.call(200, ask("GET", &format!("{path}/tickets"), session)).await?;
        let ticket = text_of(&issued, "ticket_id")?;
        self.call(204, ask("DELETE", &format!("{path}/tickets/{ticket}"), session)).await?;
        self.call(200, ask("POST", &format!("{path}/mail"), session).with(json!({"status": "ok"}))).await?;
        self.call(204, ask("DELETE", &format!("{path}/sessions"), session)).await?;
        self.call(200, ask("GET", &format!("{path}/activity"), session)).await?;
        for query in ["", "?actor=operator", "?type=user_created"] {
            self.call(200, ask("GET", &format!("/v1/admin/changes{query}"), session)).await?;
        }
        self.close(path, session).await?;
        self.call(204, ask("DELETE", "/v1/sessions/current", session)).await?;
        Ok(())
    }

    /// Closes an account, as it is now.
    async fn close(&self, path: &str, session: &str) -> Result<(), Failure> {
        let read = self.reply(200, ask("GET", path, session), Vec::new()).await?;
        let version = read.header("etag").map(str::to_owned);
        let version = version.ok_or_else(|| Failure::Refused(format!("GET {path} has no ETag")))?;
        let closed = ask("PATCH", path, session).with(json!({"active": false}));
        self.reply(200, closed, vec![("if-match", version)]).await.map(drop)
    }

    /// Reads an account again and again, until something has come true of it.
    async fn until(
        &self,
        what: &str,
        path: &str,
        session: &str,
        holds: impl Fn(&Value) -> bool,
    ) -> Result<(), Failure> {
        for _ in 0..LOOKS {
            if holds(&self.call(200, ask("GET", path, session)).await?) {
                return Ok(());
            }
            tokio::time::sleep(INTERVAL).await;
        }
        Err(Failure::Refused(format!("{what}: not within {:?}", INTERVAL * LOOKS)))
    }

    /// What is mailed to the client, followed as its owner would: a code, "this wasn't me", and a link. Returns the new
    /// password.
    async fn mails(&self, request: &str) -> Result<String, Failure> {
        let mail = self.mail_with("code").await?;
        let is_code = |line: &&str| {
            let digits = line.chars().filter(char::is_ascii_digit).count();
            digits >= 6 && line.chars().all(|c| c.is_ascii_digit() || c == ' ')
        };
        let code = mail.lines().map(str::trim).find(is_code).unwrap_or_default();
        let body = json!({"request_id": request, "code": code});
        let entered = self.call(200, ask("POST", "/v1/password/verify-code", None).with(body)).await?;
        self.reset(&text_of(&entered, "token")?, self.new_password("third")).await?;
        let not_me = after(&self.mail_with("#repudiate=").await?, "#repudiate=")?;
        let body = json!({"token": not_me});
        self.call(204, ask("POST", "/v1/password/repudiate", None).with(body)).await?;
        self.empty_mailbox().await?;
        let forgot = json!({"practice": PRACTICE, "identifier": self.client});
        self.call(202, ask("POST", "/v1/password/forgot", None).with(forgot)).await?;
        let link = after(&self.mail_with("#token=").await?, "#token=")?;
        self.reset(&link, self.new_password("fourth")).await
    }

    /// A call to the mailbox.
    async fn mailbox(&self, method: &str) -> Result<Value, Failure> {
        let mailbox = self.mailbox.as_deref().unwrap_or_default().trim_end_matches('/');
        let ask = http::Ask { method, url: format!("{mailbox}/messages"), ..http::Ask::default() };
        Ok(serde_json::from_str(&http::send(&ask).await?.body).unwrap_or_default())
    }

    /// Empties the mailbox, so that what is found is what comes.
    async fn empty_mailbox(&self) -> Result<(), Failure> {
        if self.mailbox.is_some() { self.mailbox("DELETE").await.map(drop) } else { Ok(()) }
    }

    /// The newest mail to the client that has this text.
    async fn mail_with(&self, text: &str) -> Result<String, Failure> {
        let to = Self::address("success", &self.client);
        for _ in 0..LOOKS {
            let messages = self.mailbox("GET").await?;
            let messages = messages.as_array().map(Vec::as_slice).unwrap_or_default();
            let own = messages.iter().filter(|message| message["to"][0] == to.as_str());
            let found = own.filter_map(|message| message["text"].as_str()).find(|body| body.contains(text));
            if let Some(found) = found {
                return Ok(found.to_owned());
            }
            tokio::time::sleep(INTERVAL).await;
        }
        Err(Failure::Refused(format!("no mail with {text} to {to}")))
    }
}

/// The word behind a text.
fn after(text: &str, mark: &str) -> Result<String, Failure> {
    let word = text.split_once(mark).and_then(|(_, rest)| rest.split_whitespace().next());
    word.map(str::to_owned).ok_or_else(|| Failure::Refused(format!("there is no {mark}")))
}

fn text_of(answer: &Value, member: &str) -> Result<String, Failure> {
    let text = answer[member].as_str().map(str::to_owned);
    text.ok_or_else(|| Failure::Refused(format!("the answer has no {member}: {answer}")))
}
