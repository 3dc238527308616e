//! A front of a DynamoDB that tells of writes.
//!
//! It passes requests and answers on as they are, and never reads an item. After the engine has answered a request that
//! may have changed something, everybody who waits for [`Front::writes`] wakes up. Who writes to the engine itself is
//! not noticed.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, TRANSFER_ENCODING};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::watch;

use crate::server::Server;

/// The largest body of a request that DynamoDB accepts.
const LARGEST: usize = 16 * 1024 * 1024;
/// The beginnings of the names of all operations that change nothing. An operation that is not known here counts as a
/// write: to wake up in vain costs little, and to miss a write costs a mail.
const READS: [&str; 7] = ["BatchGet", "Describe", "Get", "List", "Query", "Scan", "TransactGet"];

/// A running front. When it is dropped it stops too, without waiting.
#[derive(Debug)]
pub struct Front {
    server: Server,
    writes: watch::Sender<()>,
}

impl Front {
    /// Starts a front on `address` for the DynamoDB at `engine`. Port 0 stands for any free port.
    ///
    /// # Errors
    /// The port is in use, or the HTTP client cannot be created.
    pub async fn start(address: SocketAddr, engine: &str) -> io::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build().map_err(io::Error::other)?;
        let writes = watch::Sender::new(());
        let passage = Passage { http, engine: engine.to_owned(), writes: writes.clone() };
        let router = Router::new().fallback(pass_on).with_state(passage);
        let server = Server::serve(address, router).await?;
        Ok(Self { server, writes })
    }

    /// The address of the front: `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// Changes after each write that was answered from now on.
    pub fn writes(&self) -> watch::Receiver<()> {
        self.writes.subscribe()
    }

    /// Stops the front, and waits for requests that are still running.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

/// What it takes to pass a request on.
#[derive(Clone)]
struct Passage {
    http: reqwest::Client,
    engine: String,
    writes: watch::Sender<()>,
}

/// A request that has been read.
struct Call {
    method: Method,
    /// The path with the query.
    target: String,
    headers: HeaderMap,
    body: Bytes,
}

/// Passes a request on, and its answer back. A task of its own does so, because a caller that hangs up does not undo a
/// write that the engine has begun.
async fn pass_on(State(passage): State<Passage>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let call = Call { method: parts.method, target, headers: parts.headers, body };
    let passed = tokio::spawn(async move {
        let is_write = is_write(&call.headers);
        let answer = passage.ask(call).await;
        if is_write {
            passage.writes.send_replace(());
        }
        answer
    });
    match passed.await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => unavailable(&error.to_string()),
        Err(error) => unavailable(&error.to_string()),
    }
}

impl Passage {
    async fn ask(&self, call: Call) -> reqwest::Result<Response> {
        let Call { method, target, headers, body } = call;
        let request = self.http.request(method, format!("{}{target}", self.engine));
        let answer = request.headers(without_connection(headers)).body(body).send().await?;
        let (status, headers) = (answer.status(), without_connection(answer.headers().clone()));
        let mut response = Response::new(Body::from(answer.bytes().await?));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

/// Whether a request may change something. DynamoDB names the operation in a header: `DynamoDB_20120810.PutItem`.
fn is_write(headers: &HeaderMap) -> bool {
    let operation = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let operation = operation.and_then(|target| target.split_once('.')).map(|(_, operation)| operation);
    operation.is_some_and(|operation| !READS.iter().any(|read| operation.starts_with(read)))
}

/// The headers but those of one connection, which each side writes for itself.
fn without_connection(mut headers: HeaderMap) -> HeaderMap {
    for name in [CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}

/// The answer when the engine does not answer. It has DynamoDB's form, so that an SDK tries again.
fn unavailable(reason: &str) -> Response {
    let body = serde_json::json!({
        "__type": "com.amazonaws.dynamodb.v20120810#InternalServerError",
        "message": format!("the engine does not answer: {reason}"),
    });
    let headers = [(CONTENT_TYPE, "application/x-amz-json-1.0")];
    (StatusCode::INTERNAL_SERVER_ERROR, headers, body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_reads_wake_nobody() {
        let is_write_named = |operation: &str| {
            let target = format!("DynamoDB_20120810.{operation}").parse().expect("a header");
            is_write(&HeaderMap::from_iter([("x-amz-target".parse().expect("a name"), target)]))
        };
        for read in [
            "BatchGetItem",
            "DescribeStream",
            "DescribeTable",
            "GetItem",
            "GetRecords",
            "GetShardIterator",
            "ListTables",
            "Query",
            "Scan",
            "TransactGetItems",
        ] {
            assert!(!is_write_named(read), "{read}");
        }
        for write in [
            "BatchExecuteStatement",
            "BatchWriteItem",
            "CreateTable",
            "DeleteItem",
            "ExecuteStatement",
            "ExecuteTransaction",
            "PutItem",
            "SomethingNew",
            "TransactWriteItems",
            "UpdateItem",
            "UpdateTable",
        ] {
            assert!(is_write_named(write), "{write}");
        }
        assert!(!is_write(&HeaderMap::new()), "a look at whether it is well");
    }
}
