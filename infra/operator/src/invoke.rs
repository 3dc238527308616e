//! Invocations of a function, once each: an answer that takes long is waited for, and never asked for again.

use std::process::Stdio;

use serde_json::{Map, Value};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// The alias of the version that is deployed; without it, Lambda runs what a deployment has not finished yet.
const ALIAS: &str = "live";

/// Where the functions are.
#[derive(Debug)]
pub(crate) enum Target {
    /// `cargo dev`.
    Laptop {
        /// The address of the API.
        url: String,
    },
    /// A stack, by way of the AWS CLI and the credentials that it has.
    Aws {
        /// The name of the stack, with which the names of its functions begin.
        stack: String,
        /// The CLI's profile.
        profile: Option<String>,
        /// The stack's region.
        region: Option<String>,
    },
}

/// The reason why a command did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// An argument cannot be read.
    #[error("{0}")]
    Argument(String),
    /// A file cannot be read or written.
    #[error("{path}: {error}")]
    File { path: String, error: String },
    /// The function did not answer.
    #[error("{0}")]
    Unreachable(String),
    /// The function has refused the invocation.
    #[error("{0}")]
    Refused(String),
}

impl Target {
    /// The address of the API.
    pub(crate) async fn api(&self) -> Result<String, Failure> {
        let (stack, profile, region) = match self {
            Self::Laptop { url } => return Ok(url.clone()),
            Self::Aws { stack, profile, region } => (stack, profile, region),
        };
        let mut command = aws(profile.as_ref(), region.as_ref());
        let query = "Stacks[0].Outputs[?OutputKey=='ApiUrl'].OutputValue";
        command.args([
            "cloudformation",
            "describe-stacks",
            "--stack-name",
            stack,
            "--query",
            query,
            "--output",
            "text",
        ]);
        let output = command.output().await;
        let output =
            output.map_err(|error| Failure::Unreachable(format!("the AWS CLI could not be run: {error}")))?;
        if !output.status.success() {
            return Err(Failure::Unreachable(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Invokes a function and waits for its answer, however long it takes.
    pub(crate) async fn invoke(&self, function: &str, payload: &Value) -> Result<Value, Failure> {
        let answer = match self {
            Self::Laptop { url } => invoke_laptop(url, function, payload).await?,
            Self::Aws { stack, profile, region } => {
                let mut command = aws(profile.as_ref(), region.as_ref());
                command.args(["lambda", "invoke", "--function-name", &format!("{stack}-{function}")]);
                command.args(["--qualifier", ALIAS]);
                command.args(["--cli-binary-format", "raw-in-base64-out", "--payload", "file:///dev/stdin"]);
                // A second attempt would be a second run beside the first.
                command.args(["--cli-read-timeout", "0"]).env("AWS_MAX_ATTEMPTS", "1");
                invoke_aws(command, payload).await?
            }
        };
        // Lambda answers an error of a function with its type and its text.
        match answer.get("errorMessage").and_then(Value::as_str) {
            Some(message) => Err(Failure::Refused(message.to_owned())),
            None => Ok(answer),
        }
    }
}

impl Target {
    /// Invokes the operator's function until it answers no cursor, and hands over each answer. What an answer says of the next
    /// invocation is returned with it.
    pub(crate) async fn each_page(
        &self,
        mut payload: Map<String, Value>,
        mut take: impl FnMut(&Value) -> Result<Map<String, Value>, Failure>,
    ) -> Result<(), Failure> {
        loop {
            let answer = self.invoke("operator", &Value::Object(payload.clone())).await?;
            payload.extend(take(&answer)?);
            match answer.get("cursor") {
                Some(cursor) => payload.insert("cursor".to_owned(), cursor.clone()),
                None => return Ok(()),
            };
        }
    }

    /// Invokes the operator's function as [`Target::each_page`] does, and returns the sums of the numbers that are answered.
    pub(crate) async fn sum_pages(&self, payload: Map<String, Value>) -> Result<Value, Failure> {
        let mut sums = Map::new();
        self.each_page(payload, |answer| {
            let numbers = answer
                .as_object()
                .into_iter()
                .flatten()
                .filter_map(|(name, value)| Some((name, value.as_u64()?)));
            for (name, number) in numbers {
                let sum = sums.get(name).and_then(Value::as_u64).unwrap_or_default() + number;
                sums.insert(name.clone(), sum.into());
            }
            Ok(Map::new())
        })
        .await?;
        Ok(Value::Object(sums))
    }
}

/// The payload of an action of the operator's function, without the members that have no value.
pub(crate) fn action<const N: usize>(name: &str, members: [(&str, Value); N]) -> Map<String, Value> {
    let members = members.into_iter().filter(|(_, value)| !value.is_null());
    let members = members.map(|(name, value)| (name.to_owned(), value));
    [("action".to_owned(), name.into())].into_iter().chain(members).collect()
}

/// The AWS CLI, with the profile and the region that are given.
fn aws(profile: Option<&String>, region: Option<&String>) -> Command {
    let mut command = Command::new("aws");
    for (option, value) in [("--profile", profile), ("--region", region)] {
        command.args(value.iter().flat_map(|value| [option, value.as_str()]));
    }
    command
}

async fn invoke_laptop(url: &str, function: &str, payload: &Value) -> Result<Value, Failure> {
    let url = format!("{}/2015-03-31/functions/{function}/invocations", url.trim_end_matches('/'));
    let unreachable = |error: reqwest::Error| {
        Failure::Unreachable(format!("no answer from {url} ({error}). Is `cargo dev` running?"))
    };
    let reply = reqwest::Client::new().post(&url).json(payload).send().await.map_err(unreachable)?;
    let (status, text) = (reply.status(), reply.text().await.map_err(unreachable)?);
    serde_json::from_str(&text).map_err(|_| Failure::Unreachable(format!("{url} answered {status}")))
}

async fn invoke_aws(mut command: Command, payload: &Value) -> Result<Value, Failure> {
    let failed =
        |error: std::io::Error| Failure::Unreachable(format!("the AWS CLI could not be run: {error}"));
    let answer = tempfile::NamedTempFile::new().map_err(failed)?;
    command.arg(answer.path()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(payload.to_string().as_bytes()).await.map_err(failed)?;
    }
    let output = child.wait_with_output().await.map_err(failed)?;
    if !output.status.success() {
        return Err(Failure::Unreachable(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let text = tokio::fs::read_to_string(answer.path()).await.map_err(failed)?;
    serde_json::from_str(&text).map_err(|_| Failure::Unreachable("the function answered no JSON".to_owned()))
}
