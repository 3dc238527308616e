//! `cargo lambda watch`: it is found or installed, and run with the environment that the functions have in AWS.
//!
//! It runs each function with `cargo run --bin NAME` at the first invocation. The functions are therefore built
//! beforehand with the same selection of packages and features, so that nothing is compiled twice.

use std::path::{Path, PathBuf};

use rekey_local::keys;
use tokio::process::Command;

use crate::console::say;
use crate::options::Options;
use crate::process::{self, Group};
use crate::workspace::Workspace;

/// The version that is installed if none is found.
const PINNED: &str = "1.9.2";
/// The beginning of every version that is accepted.
const COMPATIBLE: &str = "1.9.";

/// Finds `cargo-lambda`, or installs it into `target/tools`.
///
/// # Errors
/// A sentence: every way to install it has failed.
pub async fn find_or_install(workspace: &Workspace) -> Result<PathBuf, String> {
    let on_path = PathBuf::from("cargo-lambda");
    let folder = workspace.tools().join("cargo-lambda");
    let installed = folder.join("bin").join("cargo-lambda");
    for program in [&on_path, &installed] {
        match version(workspace, program).await {
            Some(version) if version.starts_with(COMPATIBLE) => return Ok(program.clone()),
            Some(version) => say(format_args!("{} is {version}; {COMPATIBLE}x is needed", program.display())),
            None => {}
        }
    }
    say(format_args!("installing cargo-lambda {PINNED} into {}", folder.display()));
    for (how, commands) in recipes(workspace, &folder) {
        say(how);
        if let Err(error) = run_all(commands).await {
            say(error);
        } else if version(workspace, &installed).await.is_some() {
            return Ok(installed);
        }
    }
    Err(format!(
        "cargo-lambda {PINNED} could not be installed; see https://www.cargo-lambda.info/guide/installation.html"
    ))
}

/// The ways to install it, the quickest first. Zig, which the wheel requires, is needed only to build for AWS.
fn recipes(workspace: &Workspace, folder: &Path) -> [(&'static str, Vec<Command>); 3] {
    let wheel = format!("cargo-lambda=={PINNED}");
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"];
    let mut create = workspace.command("python3");
    create.args(["-m", "venv"]).arg(folder);
    let mut into_environment = workspace.command(folder.join("bin").join("python3"));
    into_environment.args(pip).arg(&wheel);
    let mut into_folder = workspace.command("python3");
    into_folder.args(pip).arg("--upgrade").arg("--target").arg(folder).arg(&wheel);
    let mut from_source = workspace.command("cargo");
    from_source.args(["install", "cargo-lambda", "--version", PINNED, "--locked", "--root"]).arg(folder);
    [
        ("from PyPI, into a Python environment of its own", vec![create, into_environment]),
        ("from PyPI, into a plain folder", vec![into_folder]),
        ("from source, which takes some minutes", vec![from_source]),
    ]
}

async fn run_all(commands: Vec<Command>) -> Result<(), String> {
    for mut command in commands {
        process::run(&mut command).await?;
    }
    Ok(())
}

/// The version of a program that answers `cargo-lambda 1.9.2 (...)`.
async fn version(workspace: &Workspace, program: &Path) -> Option<String> {
    let output = workspace.command(program).args(["lambda", "--version"]).output().await.ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    text.strip_prefix("cargo-lambda ")?.split_whitespace().next().map(str::to_owned)
}

/// Builds the functions as `cargo lambda watch` will, so that the developer sees the progress.
///
/// # Errors
/// A sentence: the functions do not build.
pub async fn build(workspace: &Workspace, functions: &[String]) -> Result<(), String> {
    let mut command = workspace.command("cargo");
    command.args(["build", "--manifest-path", "Cargo.toml"]);
    for name in functions {
        command.args(["--bin", name]);
    }
    process::run(&mut command).await.map_err(|error| format!("the functions do not build: {error}"))
}

/// How cargo starts the functions: without the number of concurrent invocations, which the emulator sets to 1 in every
/// case. In AWS it is set only for functions that take several at a time. Where it is set, the runtime of the functions
/// warns at each start that it does not heed it.
const RUNNER: &str = r#"target."cfg(unix)".runner=["env", "-u", "AWS_LAMBDA_MAX_CONCURRENCY"]"#;

/// Starts `cargo lambda watch` so that only this machine can reach it, with most of its own messages turned off.
///
/// # Errors
/// A sentence: it cannot be started.
pub fn watch(workspace: &Workspace, program: &Path, options: &Options) -> Result<Group, String> {
    let mut command = workspace.command(program);
    command.args(["lambda", "watch", "--config", RUNNER, "--invoke-address", "127.0.0.1", "--invoke-port"]);
    command.arg(options.api_port.to_string());
    let environment = environment(options);
    command.env("CARGO_LAMBDA_WATCH", before_the_manifest(&environment));
    command.envs(environment);
    if std::env::var_os("RUST_LOG").is_none() {
        command.env("RUST_LOG", "cargo_lambda=warn");
    }
    Group::spawn(&mut command).map_err(|error| format!("cargo lambda watch cannot be started: {error}"))
}

/// The value of `CARGO_LAMBDA_WATCH` that gives these variables to the functions. It alone comes before
/// `[workspace.metadata.lambda.env]`: the variables of the process and the flags of the command line come after.
fn before_the_manifest(environment: &[(&str, String)]) -> String {
    let variables: Vec<String> =
        environment.iter().map(|(name, value)| format!("{:?}", format!("{name}={value}"))).collect();
    format!("{{env_var=[{}]}}", variables.join(","))
}

/// The variables that the template sets for the functions in AWS, with the values for the services of this machine.
fn environment(options: &Options) -> [(&'static str, String); 15] {
    let url = |port: u16| format!("http://127.0.0.1:{port}");
    [
        ("AWS_ACCESS_KEY_ID", "local".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("AWS_REGION", rekey_local::dynamodb::REGION.to_owned()),
        ("AWS_ENDPOINT_URL_DYNAMODB", url(options.dynamodb_port)),
        ("AWS_ENDPOINT_URL_SESV2", url(options.mail_port)),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", url(options.mail_port)),
        ("REKEY_TABLE", crate::TABLE.to_owned()),
        ("REKEY_PEPPER_SECRET", keys::PEPPER.to_owned()),
        ("REKEY_DERIVATION_SECRET", keys::DERIVATION.to_owned()),
        ("REKEY_CODE_SECRET", keys::CODES.to_owned()),
        ("REKEY_LIMITS_SECRET", keys::LIMITS.to_owned()),
        ("REKEY_MAIL_FROM", "no-reply@rekey.test".to_owned()),
        ("REKEY_CONFIGURATION_SET", "rekey".to_owned()),
        // The emulator reports 127.0.0.1 as the address of every caller, so that a limit per address would be one limit
        // for all callers together.
        // A portal that is being developed has a page on this machine, and no certificate.
        ("REKEY_LOOPBACK", "1".to_owned()),
        ("REKEY_PAGES_URL", format!("http://localhost:{}", options.api_port)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_ports_reach_the_functions() {
        let options = Options { dynamodb_port: 8001, ..Options::default() };
        let value = before_the_manifest(&environment(&options));
        assert!(value.starts_with("{env_var=[\"AWS_ACCESS_KEY_ID=local\","), "{value}");
        assert!(value.contains("\"AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:8001\""), "{value}");
    }
}
