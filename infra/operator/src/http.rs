//! Calls to an API over https, by curl: the commands need no TLS of their own, which would take longer to build than all the rest.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::invoke::Failure;

/// A call.
#[derive(Debug, Default)]
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: String,
    pub(crate) headers: Vec<(&'a str, String)>,
    pub(crate) body: Option<Value>,
}

/// The answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: String,
    pub(crate) body: String,
}

impl Reply {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let named =
            |line: &'_ str| line.split_once(':').is_some_and(|(own, _)| own.eq_ignore_ascii_case(name));
        let line = self.headers.lines().find(|line| named(line))?;
        line.split_once(':').map(|(_, value)| value.trim())
    }

    fn parse(text: &str) -> Option<Self> {
        let (headers, body) = text.split_once("\r\n\r\n")?;
        let status = headers.split_whitespace().nth(1)?.parse().ok()?;
        Some(Self { status, headers: headers.to_owned(), body: body.to_owned() })
    }
}

/// Makes a call. What it says goes to curl by its standard input, so that no token is among the arguments of a process.
pub(crate) async fn send(ask: &Ask<'_>) -> Result<Reply, Failure> {
    let what = format!("{} {}", ask.method, ask.url);
    let unreachable = |error: String| Failure::Unreachable(format!("{what}: {error}"));
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--include", "--max-time", "60", "--config", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut curl = command.spawn().map_err(|error| unreachable(format!("curl could not be run: {error}")))?;
    if let Some(mut stdin) = curl.stdin.take() {
        let written = stdin.write_all(configuration(ask).as_bytes()).await;
        written.map_err(|error| unreachable(error.to_string()))?;
    }
    let output = curl.wait_with_output().await.map_err(|error| unreachable(error.to_string()))?;
    if !output.status.success() {
        return Err(unreachable(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Reply::parse(&String::from_utf8_lossy(&output.stdout))
        .ok_or_else(|| unreachable("no answer of HTTP".to_owned()))
}

/// The call in the form of a configuration file of curl.
fn configuration(ask: &Ask<'_>) -> String {
    let line = |option: &str, text: &str| {
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        format!("{option} = \"{quoted}\"\n")
    };
    let mut lines = vec![line("request", ask.method), line("url", &ask.url)];
    lines.extend(ask.headers.iter().map(|(name, value)| line("header", &format!("{name}: {value}"))));
    if let Some(body) = &ask.body {
        lines.push(line("header", "content-type: application/json"));
        lines.push(line("data-binary", &body.to_string()));
    }
    lines.concat()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_has_its_status_its_headers_and_its_body() {
        let reply =
            Reply::parse("HTTP/2 200 \r\nETag: \"1\"\r\nx: y: z\r\n\r\n{\"a\":1}").expect("an answer");
        assert_eq!(
            (reply.status, reply.header("etag"), reply.header("X")),
            (200, Some("\"1\""), Some("y: z"))
        );
        assert_eq!(reply.body, "{\"a\":1}");
        assert!(Reply::parse("").is_none());
    }

    #[tokio::test]
    async fn nobody_there_is_an_error_that_names_the_call_for_https_too() {
        for url in ["http://127.0.0.1:1/x", "https://127.0.0.1:1/x"] {
            let ask = Ask { method: "GET", url: url.to_owned(), ..Ask::default() };
            let error = send(&ask).await.expect_err("nobody").to_string();
            assert!(error.contains(url) && error.to_lowercase().contains("connect"), "{error}");
        }
    }

    #[test]
    fn what_is_said_cannot_end_its_line() {
        let body = json!({"a": "\"\\\n"});
        let ask = Ask {
            method: "POST",
            url: "http://x".to_owned(),
            headers: vec![("b", "c".to_owned())],
            body: Some(body),
        };
        assert_eq!(configuration(&ask).lines().count(), 5);
    }
}
