//! The place in the SDK's HTTP client where tests see each call of a function to AWS, and inject failures.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::meter::Meter;
use super::policy;

/// A call of a function to AWS.
#[derive(Clone, Debug)]
pub struct Said {
    pub function: &'static str,
    /// The operation, such as `DynamoDB_20120810.GetItem`, or the path for services without targets.
    pub target: String,
    pub body: Value,
}

/// The attributes that put an event into an index.
pub const LOGS: [&str; 3] = ["practice_log", "actor_log", "action_log"];

impl Said {
    /// The items that the call writes, or the keys of those that it updates, deletes or checks.
    pub fn writes(&self) -> Vec<&Value> {
        let body = &self.body;
        match operation(&self.target) {
            "UpdateItem" | "DeleteItem" => vec![&body["Key"]],
            "PutItem" => vec![&body["Item"]],
            "TransactWriteItems" => {
                let writes = body["TransactItems"].as_array().unwrap().iter();
                let writes = writes.map(|write| write.as_object().unwrap().values().next().unwrap());
                writes.map(|write| write.get("Item").unwrap_or(&write["Key"])).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// A way in which a call fails.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// DynamoDB answers that another transaction is in the way.
    Conflict,
    /// DynamoDB or SES answers that there are too many requests.
    Throttle,
    /// The service answers 500, and the call has no effect.
    Down,
    /// DynamoDB is too busy to read what a batch asks for, and says so.
    Unread,
    /// The service cannot be reached, and the call has no effect.
    Unreachable,
    /// IAM refuses the call.
    Denied,
    /// SES does not know the sender.
    Unverified,
    /// The call is carried out, and its answer is lost.
    AnswerLost,
    /// The function is gone. The call is never made and never answered.
    Killed,
}

#[derive(Clone, Copy)]
struct Rule {
    function: &'static str,
    operation: &'static str,
    left: usize,
    fault: Fault,
}

/// Decides of a call whether it fails.
type Plan = Arc<dyn Fn(&Said) -> Option<Fault> + Send + Sync>;

/// A call that waits, so that another one can come first.
#[derive(Clone)]
pub struct Held {
    function: &'static str,
    operation: &'static str,
    /// The number of calls that pass before it.
    passing: usize,
    reached: Arc<Semaphore>,
    released: Arc<Semaphore>,
}

impl Held {
    /// Ends when the function has made the call.
    pub async fn reached(&self) {
        self.reached.acquire().await.unwrap().forget();
    }

    /// Lets the call go on.
    pub fn release(&self) {
        self.released.add_permits(1);
    }
}

/// The calls that were made, and the failures that were ordered. Clones are the same seam.
#[derive(Clone, Default)]
pub struct Seam(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    said: Vec<Said>,
    rules: Vec<Rule>,
    held: Vec<Held>,
    plan: Option<Plan>,
    meter: Meter,
}

impl Seam {
    /// The HTTP client of one function.
    pub fn client(&self, function: &'static str) -> SharedHttpClient {
        let inner = aws_smithy_http_client::Builder::new().build_http();
        SharedHttpClient::new(Client { function, inner, seam: self.clone() })
    }

    /// Makes the next calls of an operation by a function fail.
    pub fn inject(&self, function: &'static str, operation: &'static str, times: usize, fault: Fault) {
        self.0.lock().unwrap().rules.push(Rule { function, operation, left: times, fault });
    }

    /// Has a plan decide of each call from now on for which no failure is ordered.
    pub fn plan(&self, plan: impl Fn(&Said) -> Option<Fault> + Send + Sync + 'static) {
        self.0.lock().unwrap().plan = Some(Arc::new(plan));
    }

    /// What measures the calls.
    pub fn meter(&self) -> Meter {
        self.0.lock().unwrap().meter.clone()
    }

    /// Makes a call of an operation by a function wait until it is released. `passing` calls pass before it.
    pub fn hold(&self, function: &'static str, operation: &'static str, passing: usize) -> Held {
        let (reached, released) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let held = Held { function, operation, passing, reached, released };
        self.0.lock().unwrap().held.push(held.clone());
        held
    }

    fn held(&self, function: &str, request: &HttpRequest) -> Option<Held> {
        let target = request.headers().get("x-amz-target")?;
        let mut state = self.0.lock().unwrap();
        let at = state
            .held
            .iter_mut()
            .position(|held| held.function == function && held.operation == operation(target))?;
        if state.held[at].passing == 0 {
            return Some(state.held.remove(at));
        }
        state.held[at].passing -= 1;
        None
    }

    /// Removes all failures that were ordered.
    pub fn heal(&self) {
        self.0.lock().unwrap().rules.clear();
    }

    pub fn said(&self) -> Vec<Said> {
        self.0.lock().unwrap().said.clone()
    }

    pub fn forget(&self) {
        self.0.lock().unwrap().said.clear();
    }

    /// The number of times that a function called each operation.
    pub fn counts(&self, function: &str) -> HashMap<String, usize> {
        let mut counts = HashMap::new();
        for said in self.said().into_iter().filter(|said| said.function == function) {
            *counts.entry(operation(&said.target).to_owned()).or_default() += 1;
        }
        counts
    }

    fn hear(&self, function: &'static str, request: &HttpRequest) -> Option<(Fault, Value)> {
        let body =
            request.body().bytes().and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default();
        let path = || request.uri().rsplit_once("/v2/").map_or("", |(_, path)| path).to_owned();
        let target = request.headers().get("x-amz-target").map_or_else(path, str::to_owned);
        let said = Said { function, target, body };
        let mut state = self.0.lock().unwrap();
        let matching = |rule: &&mut Rule| {
            rule.left > 0 && rule.function == function && rule.operation == operation(&said.target)
        };
        let ordered = state.rules.iter_mut().find(matching).map(|rule| {
            rule.left -= 1;
            rule.fault
        });
        let plan = state.plan.clone();
        state.said.push(said.clone());
        // A failed assertion must not poison the seam for those who wait on it.
        drop(state);
        policy::enforce(&said);
        let fault = ordered.or_else(|| plan?(&said))?;
        Some((fault, said.body))
    }
}

pub fn operation(target: &str) -> &str {
    target.rsplit(['.', '/']).next().unwrap_or_default()
}

struct Client {
    function: &'static str,
    inner: SharedHttpClient,
    seam: Seam,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.function)
    }
}

impl HttpClient for Client {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Connector { function: self.function, inner, seam: self.seam.clone() })
    }
}

#[derive(Debug)]
struct Connector {
    function: &'static str,
    inner: SharedHttpConnector,
    seam: Seam,
}

impl std::fmt::Debug for Seam {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seam")
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if let Some(held) = self.seam.held(self.function, &request) {
            let (inner, seam, function) = (self.inner.clone(), self.seam.clone(), self.function);
            return HttpConnectorFuture::new(async move {
                held.reached.add_permits(1);
                held.released.acquire().await.unwrap().forget();
                seam.hear(function, &request);
                inner.call(request).await
            });
        }
        let Some((fault, body)) = self.seam.hear(self.function, &request) else {
            return self.seam.meter().pass(self.function, request, &self.inner);
        };
        let transaction = body["TransactItems"].as_array().map(Vec::len);
        match fault {
            Fault::Down => {
                HttpConnectorFuture::ready(Ok(answer(500, &json!({"__type": "InternalServerError"}))))
            }
            Fault::Denied => {
                let mut denied = answer(403, &json!({"message": "not authorized"}));
                denied.headers_mut().insert("x-amzn-errortype", "AccessDeniedException");
                HttpConnectorFuture::ready(Ok(denied))
            }
            Fault::Unverified => {
                let mut refused = answer(400, &json!({"message": "Email address is not verified."}));
                refused.headers_mut().insert("x-amzn-errortype", "MessageRejected");
                HttpConnectorFuture::ready(Ok(refused))
            }
            Fault::Unreachable => {
                HttpConnectorFuture::ready(Err(ConnectorError::io("connection refused".into())))
            }
            Fault::Throttle if !request.headers().contains_key("x-amz-target") => {
                let mut busy = answer(429, &json!({"message": "Maximum sending rate exceeded."}));
                busy.headers_mut().insert("x-amzn-errortype", "TooManyRequestsException");
                HttpConnectorFuture::ready(Ok(busy))
            }
            Fault::Throttle => HttpConnectorFuture::ready(Ok(answer(400, &throttle(transaction)))),
            Fault::Conflict => HttpConnectorFuture::ready(Ok(answer(400, &conflict(transaction)))),
            Fault::Unread => {
                let unread = json!({"Responses": {}, "UnprocessedKeys": body["RequestItems"]});
                HttpConnectorFuture::ready(Ok(answer(200, &unread)))
            }
            Fault::Killed => HttpConnectorFuture::new(std::future::pending()),
            Fault::AnswerLost => {
                let call = self.inner.call(request);
                HttpConnectorFuture::new(async move {
                    call.await?;
                    Err(ConnectorError::io("connection reset".into()))
                })
            }
        }
    }
}

fn answer(status: u16, body: &Value) -> HttpResponse {
    let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body.to_string()));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response
}

fn canceled(length: usize, code: &str) -> Value {
    let reasons: Vec<Value> =
        (0..length).map(|index| json!({"Code": if index == 0 { code } else { "None" }})).collect();
    json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": format!("Transaction cancelled, please refer cancellation reasons for specific reasons [{code}]"),
        "CancellationReasons": reasons,
    })
}

fn conflict(transaction: Option<usize>) -> Value {
    let alone = json!({"__type": "com.amazonaws.dynamodb.v20120810#TransactionConflictException"});
    transaction.map_or(alone, |length| canceled(length, "TransactionConflict"))
}

fn throttle(transaction: Option<usize>) -> Value {
    let alone = json!({"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"});
    transaction.map_or(alone, |length| canceled(length, "ThrottlingError"))
}

/// The names in a request, without the values: what the work looks like from outside.
pub fn members(value: &Value) -> Value {
    match value {
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), members(value))).collect(),
        Value::Array(values) => values.iter().map(members).collect(),
        Value::String(text) if text.starts_with("SET") || text.contains("attribute") => value.clone(),
        _ => Value::Null,
    }
}
