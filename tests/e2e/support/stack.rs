//! All functions, connected as their `main` does it, with one DynamoDB behind them and one gateway in front.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::thread;

use futures::future::BoxFuture;
use lambda_runtime::{Context, LambdaEvent};
use rekey::platform::aws::Environment;
use rekey::platform::clock::Ambient;
use rekey_local::dynamodb;
use rekey_local::pump::Pump;
use serde_json::Value;
use serde_json::value::to_raw_value;

use super::seam::Seam;
use super::{Reply, function_of, read, routes};

/// All functions, connected as their `main` does it.
pub struct Functions {
    pub accounts: accounts::Deps,
    pub activity: activity::Deps,
    pub admin_link: admin_link::Deps,
    pub change_password: change_password::Deps,
    pub forgot_password: forgot_password::Deps,
    pub reset_password: reset_password::Deps,
    pub sessions: sessions::Deps,
    pub pages: pages::Deps,
    pub settings: settings::Deps,
    pub mail_events: mail_events::Deps,
    pub mailer: mailer::Deps,
    pub operator: operator::Deps,
    pub verify_code: verify_code::Deps,
}

impl Functions {
    /// Connects the functions. Each has its own client of the seam.
    pub fn read(variables: &HashMap<String, String>, seam: &Seam, ambient: &Ambient) -> Self {
        let lookup = |name: &str| variables.get(name).cloned();
        let aws = |function| Environment::with_http_client(&lookup, seam.client(function)).unwrap();
        Self {
            forgot_password: forgot_password::Deps::read(&lookup, &aws("forgot-password"), ambient.clone())
                .unwrap(),
            reset_password: reset_password::Deps::read(&lookup, &aws("reset-password"), ambient.clone())
                .unwrap(),
            sessions: sessions::Deps::read(&lookup, &aws("sessions"), ambient.clone()).unwrap(),
            pages: pages::Deps::read(&lookup, &aws("pages"), ambient.clone()).unwrap(),
            settings: settings::Deps::read(&lookup, &aws("settings"), ambient.clone()).unwrap(),
            mail_events: mail_events::Deps::read(&lookup, &aws("mail-events"), ambient.clone()).unwrap(),
            mailer: mailer::Deps::read(&lookup, &aws("mailer"), ambient.clone()).unwrap(),
            operator: operator::Deps::read(&lookup, &aws("operator"), ambient.clone()).unwrap(),
            admin_link: admin_link::Deps::read(&lookup, &aws("admin-link"), ambient.clone()).unwrap(),
            accounts: accounts::Deps::read(&lookup, &aws("accounts"), ambient.clone()).unwrap(),
            activity: activity::Deps::read(&lookup, &aws("activity"), ambient.clone()).unwrap(),
            verify_code: verify_code::Deps::read(&lookup, &aws("verify-code"), ambient.clone()).unwrap(),
            change_password: change_password::Deps::read(&lookup, &aws("change-password"), ambient.clone())
                .unwrap(),
        }
    }

    /// The answer of a function to an event of the gateway.
    pub async fn answer(&self, function: &str, event: Value) -> Value {
        let event = LambdaEvent::new(to_raw_value(&event).unwrap(), Context::default());
        // The futures are boxed, because without that they would make the future of every test a large one.
        let answer: BoxFuture<'_, Value> = match function {
            "forgot-password" => Box::pin(forgot_password::handler(&self.forgot_password, event)),
            "activity" => Box::pin(activity::handler(&self.activity, event)),
            "admin-link" => Box::pin(admin_link::handler(&self.admin_link, event)),
            "accounts" => Box::pin(accounts::handler(&self.accounts, event)),
            "pages" => Box::pin(pages::handler(&self.pages, event)),
            "settings" => Box::pin(settings::handler(&self.settings, event)),
            "verify-code" => Box::pin(verify_code::handler(&self.verify_code, event)),
            "change-password" => Box::pin(change_password::handler(&self.change_password, event)),
            "reset-password" => Box::pin(reset_password::handler(&self.reset_password, event)),
            _ => Box::pin(sessions::handler(&self.sessions, event)),
        };
        answer.await
    }

    /// The reply to an event, from the function that its path belongs to.
    pub async fn send(&self, event: Value) -> Reply {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (method, path) = (text(&event["requestContext"]["http"]["method"]), text(&event["rawPath"]));
        let reply = read(&self.answer(function_of(&path), event).await);
        routes::assert_documented(&method, &path, &reply);
        routes::assert_readable(&reply);
        reply
    }
}

pub fn variables(dynamodb: &str, services: &str, table: &str) -> HashMap<String, String> {
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

pub fn pump(
    endpoint: &str,
    client: aws_sdk_dynamodb::Client,
    table: &str,
    functions: Arc<Functions>,
) -> Pump {
    Pump::new(client, dynamodb::streams_client(endpoint), table, move |batch| {
        let functions = functions.clone();
        async move { invoke_mailer(&functions.mailer, batch).await }
    })
}

pub async fn invoke_mailer(deps: &mailer::Deps, batch: Value) -> Result<Value, String> {
    let trigger = serde_json::from_value(batch).map_err(|error| error.to_string())?;
    let answer = mailer::handler(deps, trigger).await.map_err(|error| error.to_string())?;
    serde_json::to_value(answer).map_err(|error| error.to_string())
}

/// The address of the embedded DynamoDB, once there is one.
pub static EMBEDDED: OnceLock<String> = OnceLock::new();

/// The DynamoDB of the whole run. It is the one that the environment names, or an embedded one in a thread of its own,
/// because a test's runtime ends with the test.
pub fn dynamodb_endpoint() -> String {
    if let Ok(endpoint) = std::env::var("AWS_ENDPOINT_URL_DYNAMODB") {
        return endpoint;
    }
    EMBEDDED.get_or_init(|| start_embedded(None)).clone()
}

/// Starts a DynamoDB that ends with the process, in memory or in a file. Returns its address.
pub fn start_embedded(file: Option<PathBuf>) -> String {
    let (sender, receiver) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let server = dynamodb::start(([127, 0, 0, 1], 0).into(), file.as_deref()).await.unwrap();
            sender.send(server.url().to_owned()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    receiver.recv().unwrap()
}
