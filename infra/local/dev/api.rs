//! The functions as `cargo lambda watch` offers them: by direct invocation, and by the routes of the API.

use std::net::Ipv4Addr;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// The time that a function that has been compiled may take to answer.
const PATIENCE: Duration = Duration::from_mins(1);
/// The time that a function may take to answer if its first invocation compiles it.
const PATIENCE_TO_COMPILE: Duration = Duration::from_mins(30);
/// The interval at which something that does not answer yet is asked again.
const INTERVAL: Duration = Duration::from_millis(250);

/// A client of the API's port.
#[derive(Clone, Debug)]
pub struct Api {
    port: u16,
    url: String,
    http: reqwest::Client,
    patience: Duration,
}

impl Api {
    /// A client of the `cargo lambda watch` on `port`. `compiled` says whether its functions have been compiled.
    ///
    /// # Errors
    /// The HTTP client cannot be created.
    pub fn new(port: u16, compiled: bool) -> Result<Self, String> {
        let http = reqwest::Client::builder().no_proxy().build().map_err(|error| error.to_string())?;
        let patience = if compiled { PATIENCE } else { PATIENCE_TO_COMPILE };
        Ok(Self { port, url: format!("http://127.0.0.1:{port}"), http, patience })
    }

    /// Waits until something listens on the port. It waits without end, and the caller ends it.
    pub async fn listening(&self) {
        let mut ticks = tokio::time::interval(INTERVAL);
        loop {
            ticks.tick().await;
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.is_ok() {
                return;
            }
        }
    }

    /// Invokes a function with an event, as `lambda invoke` does.
    ///
    /// # Errors
    /// A sentence with the answer of the function, or of `cargo lambda watch` in its place.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Value, String> {
        let url = format!("{}/2015-03-31/functions/{function}/invocations", self.url);
        let request = self.http.post(url).timeout(self.patience).json(event);
        let answer = request.send().await.map_err(|error| unreachable_text(function, &error))?;
        let status = answer.status();
        let body = answer.text().await.map_err(|error| unreachable_text(function, &error))?;
        read_invocation(function, status, &body)
    }

    /// Starts a function, so that a person's first request does not have to.
    ///
    /// # Errors
    /// The function does not start.
    pub async fn warm(&self, function: &str) -> Result<(), String> {
        match self.invoke(function, &harmless_event(function)).await {
            Err(error) if error.contains(NOT_ANSWERED) => Err(error),
            // A refusal is an answer too, and any answer will do.
            _ => Ok(()),
        }
    }

    /// Signs in at the API, and returns the session's token.
    ///
    /// # Errors
    /// A sentence with what the API answered.
    pub async fn sign_in(&self, request: &Value) -> Result<String, String> {
        let answer = self.send(self.http.post(format!("{}/v1/sessions", self.url)).json(request)).await?;
        let token = answer["token"].as_str().ok_or("the sign-in has no token")?;
        Ok(token.to_owned())
    }

    /// Changes what is at a path of the API, as the holder of a session.
    ///
    /// # Errors
    /// A sentence with what the API answered.
    pub async fn patch(&self, path: &str, session: &str, change: &Value) -> Result<(), String> {
        let request = self.http.patch(format!("{}{path}", self.url)).bearer_auth(session).json(change);
        self.send(request).await.map(drop)
    }

    /// Sends a request whose answer is JSON.
    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value, String> {
        let answer = request.timeout(self.patience).send().await.map_err(|error| error.to_string())?;
        let status = answer.status();
        let body = answer.text().await.map_err(|error| error.to_string())?;
        let body: Value = serde_json::from_str(&body).unwrap_or(Value::String(body));
        if status.is_success() { Ok(body) } else { Err(format!("{status} {}", body["code"])) }
    }

    /// Waits until `path` answers 200.
    ///
    /// # Errors
    /// A sentence with the last answer.
    pub async fn answers(&self, path: &str) -> Result<(), String> {
        let mut last = "nothing".to_owned();
        let url = format!("{}{path}", self.url);
        let wait = async {
            let mut ticks = tokio::time::interval(INTERVAL);
            loop {
                ticks.tick().await;
                match self.http.get(&url).send().await {
                    Ok(answer) if answer.status() == StatusCode::OK => return,
                    Ok(answer) => {
                        let status = answer.status();
                        last = format!("{status} {}", answer.text().await.unwrap_or_default());
                    }
                    Err(error) => last = error.to_string(),
                }
            }
        };
        let done = tokio::time::timeout(self.patience, wait).await;
        done.map_err(|_| format!("GET {url} does not answer 200, but {last}"))
    }
}

const NOT_ANSWERED: &str = "has not answered";

fn unreachable_text(function: &str, error: &reqwest::Error) -> String {
    let why = if error.is_timeout() { "in time".to_owned() } else { format!("({error})") };
    format!("{function} {NOT_ANSWERED} {why}")
}

/// Reads the answer to an invocation. An error of a function is 500 with `errorType` and `errorMessage`, as an
/// unhandled error is in AWS. An error while the function starts has the same body with status 200.
fn read_invocation(function: &str, status: StatusCode, body: &str) -> Result<Value, String> {
    let answer: Value = serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned()));
    if let Some(message) = answer["errorMessage"].as_str() {
        return Err(format!("{function} failed: {message}"));
    }
    if status.is_success() { Ok(answer) } else { Err(format!("{function}: {status} {body}")) }
}

/// An event that starts a function and changes nothing.
fn harmless_event(function: &str) -> Value {
    match function {
        "mailer" => return json!({"Records": []}),
        "mail-events" => return json!({}),
        _ => {}
    }
    let http = json!({
        "method": "GET", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "cargo-dev",
    });
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": "/", "rawQueryString": "", "headers": {},
        "requestContext": {
            "accountId": "local", "apiId": "local", "domainName": "localhost", "domainPrefix": "localhost",
            "http": http, "requestId": "warm", "routeKey": "$default", "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": 1_767_225_600_000_u64,
        },
        "isBase64Encoded": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_functions_error_is_an_error_whatever_the_status() {
        let body = r#"{"errorType":"Refused","errorMessage":"no such practice"}"#;
        for status in [StatusCode::OK, StatusCode::INTERNAL_SERVER_ERROR] {
            assert_eq!(
                read_invocation("operator", status, body),
                Err("operator failed: no such practice".to_owned())
            );
        }
        assert_eq!(
            read_invocation("operator", StatusCode::OK, r#"{"status":"created"}"#),
            Ok(json!({"status": "created"}))
        );
        assert!(read_invocation("none", StatusCode::NOT_FOUND, r#"{"title":"Missing function"}"#).is_err());
    }

    /// A client of an API that answers as the given routes do.
    async fn client_of(routes: axum::Router) -> Api {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Api::new(port, true).expect("a client")
    }

    #[tokio::test]
    async fn a_refusal_of_the_api_is_said_with_its_code() {
        let refusal =
            || async { (axum::http::StatusCode::UNAUTHORIZED, r#"{"code":"invalid_credentials"}"#) };
        let api = client_of(axum::Router::new().fallback(refusal)).await;
        let refused = Err("401 Unauthorized \"invalid_credentials\"".to_owned());
        assert_eq!(api.sign_in(&json!({})).await, refused);
        assert_eq!(api.patch("/v1/admin/practice", "T", &json!({})).await, refused.map(|_| ()));
        let odd = client_of(axum::Router::new().fallback(|| async { "{}" })).await;
        assert_eq!(odd.sign_in(&json!({})).await, Err("the sign-in has no token".to_owned()));
    }

    #[tokio::test]
    async fn a_change_is_made_with_the_session() {
        let echo = |headers: axum::http::HeaderMap| async move {
            let carried = headers.get("authorization").is_some_and(|value| value == "Bearer T");
            if carried { axum::http::StatusCode::NO_CONTENT } else { axum::http::StatusCode::FORBIDDEN }
        };
        let routes = axum::Router::new()
            .route("/v1/sessions", axum::routing::post(|| async { r#"{"token":"T"}"# }))
            .route("/v1/admin/practice", axum::routing::patch(echo));
        let api = client_of(routes).await;
        let session = api.sign_in(&json!({})).await.expect("a session");
        assert_eq!(api.patch("/v1/admin/practice", &session, &json!({})).await, Ok(()));
    }

    #[tokio::test]
    async fn nobody_listening_is_said_in_words() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let api = Api::new(port, true).expect("a client");
        let error = api.warm("mailer").await.expect_err("nobody listens");
        assert!(error.starts_with("mailer has not answered ("), "{error}");
    }
}
