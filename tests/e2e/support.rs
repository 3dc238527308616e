//! The set-up of the tests, behind [`TestApp`].

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, StatusCode};
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use rekey::platform::aws::Environment;
use rekey::platform::clock::{Ambient, System, Timestamp};
use rekey::store::transact::Store;
use rekey_local::dynamodb;
use rekey_local::mailbox::Mailbox;
use rekey_local::pump::{Drained, Pump};
use rekey_local::secrets::Secrets;
use rekey_local::{Server, keys, services};
use serde_json::{Value, json};
use tokio::sync::Mutex;

pub mod asking;
pub mod change_log;
pub mod clock;
pub mod codes;
pub mod demo;
pub mod desk;
pub mod document;
pub mod event;
pub mod everything;
pub mod examples;
pub mod help;
pub mod hostile;
pub mod items;
pub mod leaving;
pub mod logo;
pub mod logs;
pub mod mails;
pub mod meter;
pub mod policy;
pub mod questions;
pub mod reader;
pub mod routes;
pub mod samples;
pub mod seam;
pub mod stack;
pub mod staff;
pub mod steps;
pub mod stored;
pub mod template;
pub mod temporary;

use clock::TestClock;
pub use demo::{NEW_PASSWORD, PASSWORD, demo_accounts, password_hash, practice};
use event::HttpEvent;
pub use mails::{code_in, not_me_in, other_than, temporary_in, token_in, tokens_in};
pub use routes::function_of;
use seam::Seam;
use stack::{Functions, dynamodb_endpoint, invoke_mailer, pump, variables};

/// A deployment of Rekey with a table, a mailbox, keys and a clock of its own.
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

/// The reply that a caller gets.
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

    /// The code of the problem, or "" if the reply is no problem.
    pub fn code(&self) -> String {
        let json: Value = serde_json::from_str(&self.body).unwrap_or_default();
        json["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The status and the code together, for short assertions.
    pub fn outcome(&self) -> (u16, String) {
        (self.status.as_u16(), self.code())
    }
}

impl TestApp {
    /// A deployment with the practice `agency` and its accounts.
    pub async fn start() -> Self {
        let app = Self::start_with(&[]).await;
        app.create_practice("agency", json!({})).await;
        app.import("agency", &demo_accounts("agency")).await;
        app
    }

    /// An empty deployment, with this configuration in addition to the default.
    pub async fn start_with(configuration: &[(&str, &str)]) -> Self {
        Self::start_with_keys(keys::generate().unwrap(), configuration).await
    }

    async fn start_with_keys(values: BTreeMap<String, String>, configuration: &[(&str, &str)]) -> Self {
        logs::listen();
        let mailbox = Mailbox::new();
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
        let aws = Environment::with_http_client(&lookup, seam.client("test")).unwrap();
        let functions = Arc::new(Functions::read(&variables, &seam, &ambient));
        let store = Store::new(aws.dynamodb(), &table, ambient.clone());
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

    /// Starts every function anew, as after a restore: what was issued before a moment is void, and the stream begins again.
    pub fn restart_void_before(&mut self, moment: Timestamp) {
        self.variables.insert("REKEY_VOID_BEFORE".to_owned(), moment.to_jiff().to_string());
        self.functions = Arc::new(Functions::read(&self.variables, &self.seam, &self.ambient));
        let functions = self.functions.clone();
        self.pump = Mutex::new(pump(&dynamodb_endpoint(), self.dynamodb.clone(), &self.table, functions));
    }

    /// Sends an event to the function that its path belongs to, as the gateway does.
    pub async fn send(&self, event: HttpEvent) -> Reply {
        self.send_value(event.into_value()).await
    }

    /// Sends an event that is JSON to the function that its path belongs to.
    pub async fn send_value(&self, event: Value) -> Reply {
        self.functions.send(event).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(HttpEvent::new("POST", path).json(&body)).await
    }

    pub async fn operate(&self, invocation: Value) -> Result<Value, operator::OperatorError> {
        operator::handler(&self.functions.operator, invocation).await
    }

    /// The outbox records of the stream, in the form in which Lambda delivers them.
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

    /// Invokes the mailer with a batch, as Lambda does.
    pub async fn invoke_mailer(&self, batch: Value) -> Value {
        invoke_mailer(&self.functions.mailer, batch).await.unwrap()
    }

    /// A minute later, has a mailer sweep the outbox that was started after `k2` became the current key of a secret.
    pub async fn sweep_after_rotation(&self, secret: &str) {
        self.clock.advance(Duration::from_mins(1));
        let mut keys = self.keys.clone();
        keys.insert(secret.to_owned(), with_second_key(&keys[secret], "k2"));
        let services = self.services_with(keys).await;
        invoke_mailer(&self.functions_at(&services).mailer, json!({"sweep": "outbox"})).await.unwrap();
    }

    /// SES and Secrets Manager with the same mailbox, and with these keys.
    pub async fn services_with(&self, keys: HashMap<String, String>) -> Server {
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        services::start(any, self.mailbox.clone(), Secrets::new(keys)).await.unwrap()
    }

    /// The functions, started anew, with the keys of these services.
    pub fn functions_at(&self, services: &Server) -> Functions {
        let mut variables = self.variables.clone();
        for service in ["SESV2", "SECRETS_MANAGER"] {
            variables.insert(format!("AWS_ENDPOINT_URL_{service}"), services.url().to_owned());
        }
        Functions::read(&variables, &self.seam, &self.ambient)
    }

    /// Delivers everything in the stream to the mailer, with retries.
    pub async fn deliver(&self) -> Drained {
        self.pump.lock().await.drain().await.unwrap()
    }

    /// Has the mailer sweep the outbox, as the schedule does every minute. Returns its answer.
    pub async fn sweep(&self) -> Value {
        self.invoke_mailer(json!({"sweep": "outbox"})).await
    }

    /// Delivers SES's reports about the mails to `mail-events`, each once.
    pub async fn report_mails(&self) {
        for event in self.mailbox.take_events() {
            self.mail_event(event).await.unwrap();
        }
    }

    pub async fn mail_event(&self, event: Value) -> Result<(), mail_events::Failure> {
        mail_events::handler(&self.functions.mail_events, event).await
    }

    /// Invokes a function with any event, as Lambda does. `None` when the invocation fails.
    pub async fn invoke(&self, function: &str, event: Value) -> Option<Value> {
        match function {
            "mailer" => invoke_mailer(&self.functions.mailer, event).await.ok(),
            "mail-events" => self.mail_event(event).await.ok().map(Value::from),
            "operator" => self.operate(event).await.ok(),
            "admin-link" => self.invoke_admin_link(event).await.ok(),
            function => Some(self.functions.answer(function, event).await),
        }
    }

    /// Invokes `admin-link` with a request of the gateway or directly.
    pub async fn invoke_admin_link(&self, event: Value) -> Result<Value, Diagnostic> {
        let event = LambdaEvent::new(serde_json::value::to_raw_value(&event).unwrap(), Context::default());
        admin_link::invoke(&self.functions.admin_link, event).await
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
}

/// The value of a secret that has got a key `k2`, with the current key of this id.
pub fn with_second_key(secret: &str, current: &str) -> String {
    let mut ring: Value = serde_json::from_str(secret).unwrap();
    ring["k2"] = json!("a".repeat(43));
    ring["current"] = json!(current);
    ring.to_string()
}

/// Reads an answer as the gateway does.
fn read(answer: &Value) -> Reply {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let status = answer["statusCode"].as_u64().unwrap();
    let headers =
        answer["headers"].as_object().unwrap().iter().map(|(name, value)| (name.clone(), text(value)));
    let cookies =
        answer["cookies"].as_array().unwrap().iter().map(|cookie| ("set-cookie".to_owned(), text(cookie)));
    let mut read = HeaderMap::new();
    for (name, value) in headers.chain(cookies) {
        read.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    let status = StatusCode::from_u16(status.try_into().unwrap()).unwrap();
    Reply { status, headers: read, body: answer["body"].as_str().unwrap_or_default().to_owned() }
}
