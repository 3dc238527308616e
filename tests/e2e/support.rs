//! The set-up that tests hide behind [`TestApp`].

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::thread;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::BoxFuture;
use lambda_http::http::{HeaderMap, StatusCode};
use lambda_http::lambda_runtime::Diagnostic;
use lambda_http::{Body, Context, LambdaEvent, Request, Response};
use rekey::account::Account;
use rekey::aws::Environment;
use rekey::clock::{Ambient, System};
use rekey::event::Event;
use rekey::identifier::Identifier;
use rekey::ids::AccountId;
use rekey::practice::{Portal, Slug};
use rekey::store::Store;
use rekey_local::dynamodb;
use rekey_local::mailbox::{Mailbox, Message};
use rekey_local::pump::{Drained, Pump};
use rekey_local::secrets::Secrets;
use rekey_local::{Server, keys, services};
use serde_json::{Value, json};
use tokio::sync::Mutex;

pub mod clock;
pub mod demo;
pub mod desk;
pub mod event;
pub mod logs;
pub mod seam;

use clock::TestClock;
pub use demo::{NEW_PASSWORD, PASSWORD, demo_accounts, password_hash, practice};
use event::HttpEvent;
use seam::Seam;

/// One deployment of Rekey: its own table, mailbox, keys and clock.
pub struct TestApp {
    pub clock: Arc<TestClock>,
    pub mailbox: Mailbox,
    pub secrets: Secrets,
    pub keys: HashMap<String, String>,
    pub seam: Seam,
    pub store: Store,
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub table: String,
    functions: Arc<Functions>,
    variables: HashMap<String, String>,
    ambient: Ambient,
    pump: Mutex<Pump>,
    _services: Server,
}

/// Every function, wired as its `main` does.
struct Functions {
    accounts: accounts::Deps,
    activity: activity::Deps,
    admin_link: admin_link::Deps,
    change_password: change_password::Deps,
    forgot_password: forgot_password::Deps,
    reset_password: reset_password::Deps,
    sessions: sessions::Deps,
    mail_events: mail_events::Deps,
    mailer: mailer::Deps,
    operator: operator::Deps,
    verify_code: verify_code::Deps,
}

/// What a caller sees.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The problem's code, or "" when it is none.
    pub fn code(&self) -> String {
        let json: Value = serde_json::from_str(&self.body).unwrap_or_default();
        json["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Status and code in one, for short assertions.
    pub fn outcome(&self) -> (u16, String) {
        (self.status.as_u16(), self.code())
    }
}

impl TestApp {
    /// A deployment with the `agency` practice and its accounts.
    pub async fn start() -> Self {
        let app = Self::start_with(&[]).await;
        app.create_practice("agency", json!({})).await;
        app.import("agency", &demo_accounts("agency")).await;
        app
    }

    /// An empty deployment, with other configuration than the default.
    pub async fn start_with(configuration: &[(&str, &str)]) -> Self {
        logs::listen();
        let (mailbox, values) = (Mailbox::new(), keys::generate().unwrap());
        let secrets = Secrets::new(values.clone());
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        let services = services::start(any, mailbox.clone(), secrets.clone()).await.unwrap();
        let endpoint = dynamodb_endpoint();
        let dynamodb = dynamodb::client(&endpoint);
        let table = format!("rekey-{}", rekey_local::ambient::ulid().unwrap());
        dynamodb::create_table(&dynamodb, &table).await.unwrap();

        let (clock, seam) = (Arc::new(TestClock::default()), Seam::default());
        let ambient = Ambient::new(clock.clone(), Arc::new(System));
        let mut variables = variables(&endpoint, services.url(), &table);
        variables.extend(configuration.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let lookup = |name: &str| variables.get(name).cloned();
        let aws = |function| Environment::with_http_client(&lookup, seam.client(function)).unwrap();
        let functions = Arc::new(Functions {
            forgot_password: forgot_password::Deps::read(&lookup, &aws("forgot-password"), ambient.clone())
                .unwrap(),
            reset_password: reset_password::Deps::read(&lookup, &aws("reset-password"), ambient.clone())
                .unwrap(),
            sessions: sessions::Deps::read(&lookup, &aws("sessions"), ambient.clone()).unwrap(),
            mail_events: mail_events::Deps::read(&lookup, &aws("mail-events"), ambient.clone()).unwrap(),
            mailer: mailer::Deps::read(&lookup, &aws("mailer"), ambient.clone()).unwrap(),
            operator: operator::Deps::read(&lookup, &aws("operator"), ambient.clone()).unwrap(),
            admin_link: admin_link::Deps::read(&lookup, &aws("admin-link"), ambient.clone()).unwrap(),
            accounts: accounts::Deps::read(&lookup, &aws("accounts"), ambient.clone()).unwrap(),
            activity: activity::Deps::read(&lookup, &aws("activity"), ambient.clone()).unwrap(),
            verify_code: verify_code::Deps::read(&lookup, &aws("verify-code"), ambient.clone()).unwrap(),
            change_password: change_password::Deps::read(&lookup, &aws("change-password"), ambient.clone())
                .unwrap(),
        });
        let store = Store::new(aws("test").dynamodb(), &table, ambient.clone());
        let pump = pump(&endpoint, dynamodb.clone(), &table, functions.clone());
        let keys = values.into_iter().collect();
        Self {
            clock,
            mailbox,
            secrets,
            keys,
            seam,
            store,
            dynamodb,
            table,
            functions,
            variables,
            ambient,
            pump: Mutex::new(pump),
            _services: services,
        }
    }

    /// Sends an event to the function that its path belongs to, as the gateway does.
    pub async fn send(&self, event: HttpEvent) -> Reply {
        self.send_value(event.into_value()).await
    }

    /// The same, for an event as JSON.
    pub async fn send_value(&self, event: Value) -> Reply {
        let request: Request = event::request_from(event);
        let path = request.uri().path().to_owned();
        let functions = &self.functions;
        // Boxed: together they would make every test's future a large one.
        let response: BoxFuture<'_, Response<Body>> = match function_of(&path) {
            "forgot-password" => Box::pin(forgot_password::handler(&functions.forgot_password, request)),
            "activity" => Box::pin(activity::handler(&functions.activity, request)),
            "admin-link" => Box::pin(admin_link::handler(&functions.admin_link, request)),
            "accounts" => Box::pin(accounts::handler(&functions.accounts, request)),
            "verify-code" => Box::pin(verify_code::handler(&functions.verify_code, request)),
            "change-password" => Box::pin(change_password::handler(&functions.change_password, request)),
            "reset-password" => Box::pin(reset_password::handler(&functions.reset_password, request)),
            _ => Box::pin(sessions::handler(&functions.sessions, request)),
        };
        read(response.await)
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(HttpEvent::new("POST", path).json(&body)).await
    }

    pub async fn operate(&self, invocation: Value) -> Result<Value, operator::OperatorError> {
        operator::handler(&self.functions.operator, invocation).await
    }

    /// The outbox records that the stream holds, as Lambda would hand them over.
    pub async fn stream_records(&self) -> Vec<Value> {
        let records = Arc::new(std::sync::Mutex::new(Vec::new()));
        let taken = records.clone();
        let endpoint = dynamodb_endpoint();
        let streams = dynamodb::streams_client(&endpoint);
        let mut reader = Pump::new(self.dynamodb.clone(), streams, &self.table, move |batch: Value| {
            taken.lock().unwrap().extend(batch["Records"].as_array().unwrap().clone());
            async { Ok(json!({"batchItemFailures": []})) }
        });
        reader.drain().await.unwrap();
        std::mem::take(&mut *records.lock().unwrap())
    }

    /// Gives the mailer a batch as Lambda would.
    pub async fn invoke_mailer(&self, batch: Value) -> Value {
        invoke_mailer(&self.functions.mailer, batch).await.unwrap()
    }

    /// The same by a mailer that was started after `k2` had become the current key of a secret.
    pub async fn invoke_mailer_after_rotation(&self, secret: &str, batch: Value) -> Value {
        let mut keys = self.keys.clone();
        let mut ring: Value = serde_json::from_str(&keys[secret]).unwrap();
        ring["k2"] = json!("a".repeat(43));
        ring["current"] = json!("k2");
        keys.insert(secret.to_owned(), ring.to_string());
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        let services = services::start(any, self.mailbox.clone(), Secrets::new(keys)).await.unwrap();
        let mut variables = self.variables.clone();
        for service in ["SESV2", "SECRETS_MANAGER"] {
            variables.insert(format!("AWS_ENDPOINT_URL_{service}"), services.url().to_owned());
        }
        let lookup = |name: &str| variables.get(name).cloned();
        let aws = Environment::with_http_client(&lookup, self.seam.client("mailer")).unwrap();
        let deps = mailer::Deps::read(&lookup, &aws, self.ambient.clone()).unwrap();
        invoke_mailer(&deps, batch).await.unwrap()
    }

    /// Everything that the stream holds, delivered, with retries.
    pub async fn deliver(&self) -> Drained {
        self.pump.lock().await.drain().await.unwrap()
    }

    /// Brings what SES reports of the mails to its function, each event once.
    pub async fn report_mails(&self) {
        for event in self.mailbox.take_events() {
            self.mail_event(event).await.unwrap();
        }
    }

    pub async fn mail_event(&self, event: Value) -> Result<(), mail_events::Failure> {
        mail_events::handler(&self.functions.mail_events, event).await
    }

    /// Invokes `admin-link` as whoever may: with a request of the gateway's, or directly.
    pub async fn invoke_admin_link(&self, event: Value) -> Result<Value, Diagnostic> {
        admin_link::invoke(&self.functions.admin_link, LambdaEvent::new(event, Context::default())).await
    }

    pub async fn create_practice(&self, slug: &str, policy: Value) {
        let practice = practice(slug, &policy);
        let answer = self.operate(json!({"action": "create_practice", "practice": practice})).await.unwrap();
        assert_eq!(answer, json!({"status": "created"}));
    }

    pub async fn import(&self, slug: &str, accounts: &[Value]) {
        let lines: Vec<String> = accounts.iter().map(Value::to_string).collect();
        let lines = lines.join("\n");
        let answer = self
            .operate(json!({"action": "import_accounts", "practice": slug, "lines": lines}))
            .await
            .unwrap();
        assert_eq!(answer["created"], accounts.len(), "{answer}");
    }

    pub async fn forgot(&self, identifier: &str) -> Reply {
        self.post("/v1/password/forgot", json!({"practice": "agency", "identifier": identifier})).await
    }

    /// Asks for a link, has the mail delivered, and takes the token out of it.
    pub async fn token_for(&self, identifier: &str) -> String {
        self.deliver().await;
        let before = self.mailbox.messages().len();
        let reply = self.forgot(identifier).await;
        assert_eq!(reply.status, 202, "{reply:?}");
        self.deliver().await;
        let messages = self.mailbox.messages();
        assert_eq!(messages.len(), before + 1, "one mail for {identifier}");
        token_in(&messages[0])
    }

    /// Asks for a code at a door of a practice and answers the request's id.
    pub async fn forgot_by_code(&self, practice: &str, portal: &str, identifier: &str) -> String {
        let body =
            json!({"practice": practice, "portal": portal, "identifier": identifier, "method": "code"});
        let reply = self.post("/v1/password/forgot", body).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["method"]), (202, &json!("code")), "{reply:?}");
        reply.json()["request_id"].as_str().unwrap().to_owned()
    }

    /// Asks for a code of a client of `agency`, has it delivered, and answers the request's id and the code.
    pub async fn code_for(&self, identifier: &str) -> (String, String) {
        let request = self.forgot_by_code("agency", "client", identifier).await;
        self.deliver().await;
        (request, code_in(&self.mailbox.messages()[0]))
    }

    pub async fn verify(&self, request: &str, code: &str) -> Reply {
        self.post("/v1/password/verify-code", json!({"request_id": request, "code": code})).await
    }

    pub async fn preview(&self, token: &str) -> Reply {
        self.post("/v1/password/reset/preview", json!({"token": token})).await
    }

    pub async fn reset(&self, token: &str, password: &str) -> Reply {
        self.post("/v1/password/reset", json!({"token": token, "new_password": password})).await
    }

    pub async fn sign_in(&self, identifier: &str, password: &str) -> Reply {
        let body = json!({"practice": "agency", "identifier": identifier, "password": password});
        self.post("/v1/sessions", body).await
    }

    /// Signs in and answers the session's token.
    pub async fn session_of(&self, identifier: &str, password: &str) -> String {
        let reply = self.sign_in(identifier, password).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json()["token"].as_str().unwrap().to_owned()
    }

    pub async fn account_with(&self, session: &str) -> Reply {
        self.send(HttpEvent::new("GET", "/v1/account").bearer(session)).await
    }

    /// The account of a client of `agency`.
    pub async fn account(&self, username: &str) -> Account {
        self.account_of("agency", Portal::Client, username).await
    }

    pub async fn account_of(&self, slug: &str, portal: Portal, username: &str) -> Account {
        let (slug, username) = (Slug::parse(slug).unwrap(), Identifier::parse(username).unwrap());
        let logins = self.store.find_logins(&slug, portal, &username).await.unwrap();
        self.store.find_account(logins[0].account).await.unwrap().unwrap()
    }

    /// What has been recorded of an account, oldest first, in words.
    pub async fn events(&self, account: AccountId) -> Vec<Event> {
        let mut events = self.store.list_events(account).await.unwrap();
        events.reverse();
        events
    }

    /// The actions recorded of a client of `agency`, oldest first.
    pub async fn actions(&self, username: &str) -> Vec<String> {
        let events = self.events(self.account(username).await.id).await;
        events
            .iter()
            .map(|event| serde_json::to_value(event.action).unwrap().as_str().unwrap().to_owned())
            .collect()
    }

    /// Every item of the table, as JSON text, sorted: what a dump would show.
    pub async fn dump(&self) -> Vec<String> {
        let scan = self.dynamodb.scan().table_name(&self.table).consistent_read(true);
        let items = scan.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap();
        let mut lines: Vec<String> = items.into_iter().map(|item| plain(&item).to_string()).collect();
        lines.sort();
        lines
    }

    /// The dump without what every request may write: counters, requests, events.
    pub async fn lasting(&self) -> Vec<String> {
        let passing = ["\"pk\":\"LIMIT#", "\"pk\":\"REQUEST#", "\"pk\":\"EVENT#"];
        let lines = self.dump().await.into_iter();
        lines.filter(|line| !passing.iter().any(|kind| line.contains(kind))).collect()
    }
}

fn read(response: Response<Body>) -> Reply {
    let (parts, body) = response.into_parts();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Reply { status: parts.status, headers: parts.headers, body }
}

/// The watch router's and the template's answer to the same question; `deployment` holds them together.
pub fn function_of(path: &str) -> &'static str {
    match path.split('/').collect::<Vec<_>>().as_slice() {
        ["", ".well-known", "change-password"]
        | ["", "v1", "password", "forgot"]
        | ["", "v1", "practices", _] => "forgot-password",
        ["", "v1", "password", "verify-code"] => "verify-code",
        ["", "v1", "password", "change"] | ["", "v1", "security-question"] => "change-password",
        [
            "",
            "v1",
            "admin",
            "accounts",
            _,
            "links" | "temporary-password" | "invitation" | "tickets" | "sessions",
            ..,
        ] => "admin-link",
        ["", "v1", "activity"]
        | ["", "v1", "admin", "changes"]
        | ["", "v1", "admin", "accounts", _, "activity"] => "activity",
        ["", "v1", "admin", "practice"] | ["", "v1", "admin", "accounts", ..] => "accounts",
        ["", "v1", "password", "repudiate" | "reset"] | ["", "v1", "password", "reset", "preview"] => {
            "reset-password"
        }
        _ => "sessions",
    }
}

pub fn token_in(message: &Message) -> String {
    tokens_in(message).into_iter().next().expect("a link")
}

pub fn tokens_in(message: &Message) -> Vec<String> {
    let text = message.text.as_deref().unwrap_or_default();
    text.lines()
        .filter_map(|line| line.trim().split_once("#token="))
        .map(|(_, token)| token.to_owned())
        .collect()
}

/// The code of a mail, grouped as it is there.
pub fn code_in(message: &Message) -> String {
    let text = message.text.as_deref().unwrap_or_default();
    let is_code = |line: &&str| line.contains(' ') && line.chars().all(|c| c.is_ascii_digit() || c == ' ');
    text.lines().find(is_code).expect("a code").to_owned()
}

/// The temporary password of a mail, as it is there.
pub fn temporary_in(message: &Message) -> String {
    let text = message.text.as_deref().unwrap_or_default();
    let is_one = |line: &&str| line.len() == 24 && line.split('-').all(|group| group.len() == 4);
    text.lines().find(is_one).expect("a temporary password").to_owned()
}

/// Another code of the same length.
pub fn other_than(code: &str) -> String {
    code.chars().map(|c| if c == '9' { '0' } else { char::from(c as u8 + u8::from(c != ' ')) }).collect()
}

fn variables(dynamodb: &str, services: &str, table: &str) -> HashMap<String, String> {
    [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb),
        ("AWS_ENDPOINT_URL_SESV2", services),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", services),
        ("REKEY_TABLE", table),
        ("REKEY_PEPPER_SECRET", "rekey/pepper"),
        ("REKEY_DERIVATION_SECRET", "rekey/derivation"),
        ("REKEY_CODE_SECRET", "rekey/codes"),
        ("REKEY_LIMITS_SECRET", "rekey/limits"),
        ("REKEY_MAIL_FROM", "no-reply@rekey.test"),
        ("REKEY_CONFIGURATION_SET", "rekey"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

fn pump(endpoint: &str, client: aws_sdk_dynamodb::Client, table: &str, functions: Arc<Functions>) -> Pump {
    Pump::new(client, dynamodb::streams_client(endpoint), table, move |batch| {
        let functions = functions.clone();
        async move { invoke_mailer(&functions.mailer, batch).await }
    })
}

async fn invoke_mailer(deps: &mailer::Deps, batch: Value) -> Result<Value, String> {
    let batch = serde_json::from_value(batch).map_err(|error| error.to_string())?;
    serde_json::to_value(mailer::handler(deps, batch).await).map_err(|error| error.to_string())
}

/// The DynamoDB that the whole run uses: the one that the environment names, or an embedded one in a thread of its own,
/// because a test's runtime ends with the test.
fn dynamodb_endpoint() -> String {
    static EMBEDDED: OnceLock<String> = OnceLock::new();
    if let Ok(endpoint) = std::env::var("AWS_ENDPOINT_URL_DYNAMODB") {
        return endpoint;
    }
    EMBEDDED.get_or_init(start_embedded).clone()
}

fn start_embedded() -> String {
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let server = dynamodb::start(([127, 0, 0, 1], 0).into(), None).await.unwrap();
            sender.send(server.url().to_owned()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    receiver.recv().unwrap()
}

/// An item as plain JSON.
pub fn plain(item: &HashMap<String, AttributeValue>) -> Value {
    item.iter()
        .map(|(name, value)| (name.clone(), plain_value(value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn plain_value(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!(text),
        AttributeValue::N(number) => json!(number.parse::<i64>().unwrap()),
        AttributeValue::Bool(flag) => json!(flag),
        AttributeValue::M(members) => plain(members),
        AttributeValue::L(values) => values.iter().map(plain_value).collect(),
        _ => Value::Null,
    }
}
