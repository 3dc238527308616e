//! HTTP API events, version 2.0, as the gateway makes them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// A source address for each number below 40,000.
pub fn source(n: usize) -> String {
    format!("198.51.{}.{}", n / 200, n % 200 + 1)
}

/// A request on its way to a function.
#[derive(Clone)]
pub struct HttpEvent {
    method: String,
    path: String,
    query: String,
    headers: Map<String, Value>,
    cookies: Vec<String>,
    body: Option<String>,
    is_base64: bool,
    source_ip: String,
}

impl HttpEvent {
    pub fn new(method: &str, path: &str) -> Self {
        let headers = json!({"host": "api.rekey.test", "user-agent": "test/1.0"});
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: String::new(),
            headers: headers.as_object().unwrap().clone(),
            cookies: Vec::new(),
            body: None,
            is_base64: false,
            source_ip: "203.0.113.7".to_owned(),
        }
    }

    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(&body.to_string())
    }

    pub fn body(mut self, body: &str) -> Self {
        self.body = Some(body.to_owned());
        self
    }

    /// A body that is no text, which the gateway encodes.
    pub fn bytes(mut self, media_type: &str, body: &[u8]) -> Self {
        self.is_base64 = true;
        self.header("content-type", media_type).body(&STANDARD.encode(body))
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), json!(value));
        self
    }

    /// A header `Cookie`. The gateway moves its cookies to a list of their own.
    pub fn cookies(mut self, header: &str) -> Self {
        self.cookies = header.split("; ").map(str::to_owned).collect();
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub fn query(mut self, query: &str) -> Self {
        query.clone_into(&mut self.query);
        self
    }

    pub fn at_ip(mut self, ip: &str) -> Self {
        ip.clone_into(&mut self.source_ip);
        self
    }

    pub fn into_value(self) -> Value {
        json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": self.path,
            "rawQueryString": self.query,
            "headers": self.headers,
            "cookies": self.cookies,
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "api",
                "domainName": "api.rekey.test",
                "domainPrefix": "api",
                "http": {
                    "method": self.method,
                    "path": self.path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": self.source_ip,
                    "userAgent": "test/1.0",
                },
                "requestId": "request-1",
                "routeKey": "$default",
                "stage": "$default",
                "time": "21/Nov/2026:18:35:30 +0000",
                "timeEpoch": 1_795_286_130_000_i64,
            },
            "body": self.body,
            "isBase64Encoded": self.is_base64,
        })
    }
}
