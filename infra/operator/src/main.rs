//! `cargo operator` makes practices, imports accounts and makes links, by the invocations of the functions `operator` and
//! `admin-link`. Without `--stack` it speaks to `cargo dev`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use serde_json::{Value, json};

mod expiry;
mod file;
mod http;
mod import;
mod invoke;
mod senders;
mod smoke;
mod tenancy;
mod undelivered;

use invoke::{Failure, Target};
use tenancy::Tenancy;

/// Rekey's operator: practices, their first administrators, imports and links.
#[derive(Debug, Parser)]
#[command(name = "cargo operator", bin_name = "cargo operator", version)]
struct Arguments {
    /// The stack in AWS. Without it, the commands go to `cargo dev` on this machine
    #[arg(long, global = true, value_name = "NAME")]
    stack: Option<String>,
    /// The profile of the AWS CLI
    #[arg(long, global = true, requires = "stack")]
    profile: Option<String>,
    /// The region of the stack
    #[arg(long, global = true, requires = "stack")]
    region: Option<String>,
    /// The address of `cargo dev`
    #[arg(long, global = true, value_name = "URL", default_value = "http://localhost:9000")]
    url: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create a practice from a JSON file of its settings
    CreatePractice {
        /// The settings
        file: PathBuf,
    },
    /// Set the domains within which a practice's addresses must lie, and the senders that it may have
    SetDomains {
        practice: String,
        /// A domain, with every name below it; several by repeating the option
        #[arg(long = "domain", required = true, value_name = "DOMAIN")]
        domains: Vec<String>,
        /// A sender: an address, or *@ and a domain; several by repeating the option
        #[arg(long = "sender", value_name = "ADDRESS")]
        senders: Vec<String>,
    },
    /// Ask SES whether it sends from a practice's senders, and which records their DNS lacks
    VerifySenders(senders::VerifySenders),
    /// Send a practice's mails by a tenant of SES, which is set up already
    SetTenant {
        practice: String,
        /// The tenant's name. Without it, mails are sent by none
        tenant: Option<String>,
    },
    /// Create the first administrator of a practice, who is mailed an invitation
    CreateAdministrator {
        practice: String,
        username: String,
        #[arg(long)]
        email: String,
        /// The name for people
        #[arg(long)]
        name: String,
        #[arg(long)]
        locale: Option<String>,
    },
    /// Import accounts from a file. Run it again after an interruption, and it goes on where it was
    Import(import::Import),
    /// Make a link for an account's owner, and print it
    Link {
        practice: String,
        username: String,
        /// When the link ends: 30m, 6h or 2d from now, or a time such as 2026-12-01T18:00:00Z
        #[arg(long)]
        expires: String,
        #[arg(long, value_enum, default_value_t = Portal::Client)]
        portal: Portal,
        /// Mail the link instead of printing it
        #[arg(long)]
        email: bool,
        /// Why, for the record
        #[arg(long)]
        reason: Option<String>,
    },
    /// Write the entries again by which staff find accounts, after a release that finds them by more
    RebuildDirectory { practice: String },
    /// Find out which imported password hashes are left, so that sign-ins stop paying for those that are gone
    ReviewHashes { practice: String },
    /// List mails that have not been sent: those that wait for another attempt, and those that were given up
    ListUndelivered(undelivered::Mails),
    /// Put mails back that have not been sent, so that they are tried within a minute
    Redrive(undelivered::Mails),
    #[command(flatten)]
    Tenancy(Tenancy),
    /// Walk through a deployment with a practice of its own, and fail at the first refusal
    Smoke(smoke::Smoke),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Portal {
    Client,
    Staff,
}

impl Portal {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Staff => "staff",
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(code) => code,
        Err(failure) => {
            say(&format!("error: {failure}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let Arguments { stack, profile, region, url, command } = arguments;
    let target = match stack {
        Some(stack) => Target::Aws { stack, profile, region },
        None => Target::Laptop { url },
    };
    let (function, payload) = match command {
        Command::Import(import) => return import.run(&target).await,
        Command::ListUndelivered(mails) => return mails.list(&target).await.map(|answer| print(&answer)),
        Command::Redrive(mails) => return mails.redrive(&target).await.map(|answer| print(&answer)),
        Command::Tenancy(tenancy) => return tenancy.run(&target).await.map(|answer| print(&answer)),
        Command::VerifySenders(senders) => return senders.run(&target).await,
        Command::Smoke(smoke) => return smoke.run(&target).await.map(|answer| print(&answer)),
        Command::CreatePractice { file } => {
            ("operator", json!({"action": "create_practice", "practice": file::json(&file)?}))
        }
        Command::SetDomains { practice, domains, senders } => {
            let payload = json!({"action": "set_domains", "practice": practice, "domains": domains, "senders": senders});
            ("operator", payload)
        }
        Command::SetTenant { practice, tenant } => {
            ("operator", json!({"action": "set_tenant", "practice": practice, "tenant": tenant}))
        }
        Command::CreateAdministrator { practice, username, email, name, locale } => {
            let payload = json!({"action": "create_administrator", "practice": practice, "username": username,
                "email": email, "display_name": name});
            ("operator", with(payload, "locale", locale))
        }
        Command::Link { practice, username, expires, portal, email, reason } => {
            let expires_at = expiry::parse(&expires).map_err(Failure::Argument)?;
            let deliver = if email { "email" } else { "copy" };
            let payload = json!({"practice": practice, "username": username, "portal": portal.as_str(),
                "expires_at": expires_at, "deliver": deliver});
            ("admin-link", with(payload, "reason", reason))
        }
        Command::RebuildDirectory { practice } => {
            ("operator", json!({"action": "rebuild_directory", "practice": practice}))
        }
        Command::ReviewHashes { practice } => {
            ("operator", json!({"action": "review_hashes", "practice": practice}))
        }
    };
    let answer = target.invoke(function, &payload).await?;
    Ok(print(&answer))
}

/// The payload with an optional member.
fn with(mut payload: Value, member: &str, value: Option<String>) -> Value {
    if let Some(value) = value {
        payload[member] = Value::String(value);
    }
    payload
}

/// Prints an answer for people and programs: a link by itself, everything else as JSON.
#[expect(clippy::print_stdout, reason = "the answer of a command")]
fn print(answer: &Value) -> ExitCode {
    match answer.get("url").and_then(Value::as_str) {
        Some(url) => println!("{url}"),
        None => println!("{answer:#}"),
    }
    ExitCode::SUCCESS
}

/// Says something beside the answer.
#[expect(clippy::print_stderr, reason = "a command speaks to its caller")]
fn say(text: &str) {
    eprintln!("{text}");
}
