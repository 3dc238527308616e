//! The services, the functions and the pump, which are started in order and ended together.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use rekey_local::dynamodb::front::Front;
use rekey_local::dynamodb::{self, Dynamodb};
use rekey_local::mailbox::Mailbox;
use rekey_local::pump::{Notice, Pump};
use rekey_local::secrets::Secrets;
use rekey_local::{Server, keys, reference, services};
use serde_json::json;
use tokio::sync::watch;

use crate::api::Api;
use crate::console::{complain, ready, say};
use crate::options::Options;
use crate::process::Group;
use crate::workspace::{Workspace, prepare_data};
use crate::{TABLE, cargo_lambda, demo, loopback};

/// The number of times that a record is delivered that the mailer fails. With the waits of the pump this takes some
/// minutes.
const MAX_ATTEMPTS: u32 = 20;
/// The number of times that an event of SES is delivered to a function that fails, which is the number of Lambda's own
/// attempts.
const REPORTS: u32 = 3;
/// The time from one sweep of the outbox to the next.
const MINUTE: Duration = Duration::from_mins(1);

/// Runs everything until `stopped` ends. It fails when something could not be started or has ended by itself; a message
/// has been printed then.
pub async fn run(options: Options, stopped: impl Future<Output = ()>) -> ExitCode {
    let mut functions = None;
    let ended = tokio::select! {
        () = stopped => Ok(()),
        result = start(&options, &mut functions) => result,
    };
    if let Err(error) = &ended {
        complain(error);
    }
    if let Some(group) = functions {
        say("stopping");
        group.stop().await;
    }
    if ended.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Starts everything and does not return. `functions` belongs to the caller, who ends it in every case.
async fn start(options: &Options, functions: &mut Option<Group>) -> Result<(), String> {
    let workspace = Workspace::find()?;
    if let Some(folder) = &options.data {
        prepare_data(folder)?;
    }
    let program = prepare_functions(&workspace, options).await?;
    let services = Services::start(&workspace, options).await?;
    let sources = services.sources(options)?;
    let Some(program) = program else {
        say(format_args!(
            "run `cargo lambda watch` in another terminal; waiting for it on port {}",
            options.api_port
        ));
        let api = Api::new(options.api_port, false)?;
        return serve(&api, options, sources, &workspace).await;
    };
    say("starting cargo lambda watch");
    let group = functions.insert(cargo_lambda::watch(&workspace, &program, options)?);
    let api = Api::new(options.api_port, true)?;
    tokio::select! {
        result = serve(&api, options, sources, &workspace) => result,
        () = loopback::relay(options.api_port) => Ok(()),
        ended = group.wait() => Err(match ended {
            Ok(status) => format!("cargo lambda watch has ended by itself ({status}); its reason is above"),
            Err(error) => format!("cargo lambda watch is lost: {error}"),
        }),
    }
}

/// Makes sure that the functions can run: the tool, the port and the programs. `None` when the developer runs the
/// functions.
async fn prepare_functions(workspace: &Workspace, options: &Options) -> Result<Option<PathBuf>, String> {
    if options.services {
        return Ok(None);
    }
    check_free(options.api_port, "--api-port").await?;
    check_free(options.dynamodb_port, "--dynamodb-port").await?;
    check_free(options.mail_port, "--mail-port").await?;
    let program = cargo_lambda::find_or_install(workspace).await?;
    say("building the functions (the first time takes some minutes)");
    cargo_lambda::build(workspace, &workspace.functions()?).await?;
    Ok(Some(program))
}

/// The sources of invocations other than requests: the records of the table's stream, and the reports of SES.
struct Sources {
    pump: Pump,
    /// Changes when the table's stream has something new.
    writes: watch::Receiver<()>,
    mailbox: Mailbox,
}

/// Once the API listens, this creates the demo practices, starts every function and the pump, and prints that all is
/// ready.
async fn serve(api: &Api, options: &Options, sources: Sources, workspace: &Workspace) -> Result<(), String> {
    let Sources { pump, writes, mailbox } = sources;
    api.listening().await;
    say("starting the functions and the demo practices");
    demo::seed(api, &options.portals).await?;
    for function in workspace.functions()?.iter().filter(|function| *function != "operator") {
        api.warm(function).await?;
    }
    let pumping = pump.run(writes, say_notice);
    let ready = async {
        api.answers("/v1/practices/agency").await?;
        ready(options, &workspace.reference());
        std::future::pending::<Result<(), String>>().await
    };
    tokio::select! {
        () = pumping => Ok(()),
        () = report(mailbox, api.clone()) => Ok(()),
        () = sweep(api.clone()) => Ok(()),
        result = ready => result,
    }
}

fn say_notice(notice: Notice) {
    match notice {
        Notice::Failed { error, retry_in } => {
            complain(format_args!("a mail waits, again in {:.1} s: {error}", retry_in.as_secs_f32()));
        }
        Notice::GivenUp(letter) => {
            let id = &letter.record["dynamodb"]["Keys"]["pk"]["S"];
            complain(format_args!("gave up {id} after {} attempts: {}", letter.attempts, letter.error));
        }
        Notice::Unreadable(error) => complain(format_args!("the stream cannot be read: {error}")),
        Notice::Untrimmed(error) => {
            complain(format_args!("what has been delivered cannot be deleted: {error}"));
        }
    }
}

/// Has the mailer sweep the outbox every minute, as the schedule of the template does.
async fn sweep(api: Api) {
    let mut minutes = tokio::time::interval(MINUTE);
    minutes.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        minutes.tick().await;
        if let Err(error) = api.invoke("mailer", &json!({"sweep": "outbox"})).await {
            complain(format_args!("the outbox could not be swept: {error}"));
        }
    }
}

/// Delivers SES's reports about the mails to the function that handles them, as EventBridge does: it tries again when
/// the function fails, a limited number of times.
async fn report(mailbox: Mailbox, api: Api) {
    loop {
        let event = mailbox.next_event().await;
        for attempt in 1..=REPORTS {
            let Err(error) = api.invoke("mail-events", &event).await else { break };
            complain(format_args!("a mail's event waits, attempt {attempt} of {REPORTS}: {error}"));
            tokio::time::sleep(Duration::from_secs(attempt.into())).await;
        }
    }
}

/// DynamoDB with the table, and the mailbox with the other services on its port.
struct Services {
    engine: Dynamodb,
    /// What everybody but the pump speaks to, so that the pump is told of their writes.
    front: Front,
    mailbox: Mailbox,
    _mail: Server,
}

impl Services {
    async fn start(workspace: &Workspace, options: &Options) -> Result<Self, String> {
        let in_data = |name: &str| options.data.as_ref().map(|folder| folder.join(name));
        let engine = dynamodb::start(here(0), in_data("dynamodb.sqlite").as_deref()).await;
        let engine = engine.map_err(|error| format!("DynamoDB cannot be started: {error}"))?;
        let front = Front::start(here(options.dynamodb_port), engine.url()).await;
        let front = front.map_err(|error| port_error(&error, "--dynamodb-port", options.dynamodb_port))?;
        let client = dynamodb::client(engine.url());
        dynamodb::create_table(&client, TABLE).await.map_err(|error| error.to_string())?;
        let secrets = secrets(in_data("keys.json").as_deref())?;
        let mailbox = mailbox(in_data("mailbox.jsonl").as_deref())?;
        let router =
            services::router(mailbox.clone(), secrets).merge(reference::router(workspace.reference()));
        let mail = Server::serve(here(options.mail_port), router).await;
        let mail = mail.map_err(|error| port_error(&error, "--mail-port", options.mail_port))?;
        say(format_args!("DynamoDB is at {}, the mailbox at {}", front.url(), mail.url()));
        Ok(Self { engine, front, mailbox, _mail: mail })
    }

    fn sources(&self, options: &Options) -> Result<Sources, String> {
        let (pump, mailbox) = (self.pump(options)?, self.mailbox.clone());
        Ok(Sources { pump, writes: self.front.writes(), mailbox })
    }

    fn pump(&self, options: &Options) -> Result<Pump, String> {
        let url = self.engine.url();
        let api = Api::new(options.api_port, true)?;
        let pump = Pump::new(dynamodb::client(url), dynamodb::streams_client(url), TABLE, move |event| {
            let api = api.clone();
            async move { api.invoke("mailer", &event).await }
        });
        let pump = pump.with_max_attempts(MAX_ATTEMPTS).with_trimming(self.engine.records());
        let pump = match &options.data {
            None => pump,
            Some(folder) => pump.and_then(|pump| pump.with_checkpoint(folder.join("pump.json"))),
        };
        pump.map_err(|error| error.to_string())
    }
}

fn mailbox(file: Option<&Path>) -> Result<Mailbox, String> {
    let Some(file) = file else { return Ok(Mailbox::new()) };
    Mailbox::open(file).map_err(|error| format!("{}: {error}", file.display()))
}

fn secrets(file: Option<&Path>) -> Result<Secrets, String> {
    let values = file.map_or_else(keys::generate, keys::load_or_create);
    values.map(Secrets::new).map_err(|error| format!("the keys cannot be made or read: {error}"))
}

fn here(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

async fn check_free(port: u16, flag: &str) -> Result<(), String> {
    let listener = tokio::net::TcpListener::bind(here(port)).await;
    listener.map(drop).map_err(|error| port_error(&error, flag, port))
}

fn port_error(error: &io::Error, flag: &str, port: u16) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!("port {port} is taken: choose another with {flag} PORT"),
        _ => format!("port {port} ({flag}): {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_is_taken_is_named_with_its_flag() {
        let listener = tokio::net::TcpListener::bind(here(0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let error = check_free(port, "--mail-port").await.expect_err("taken");
        assert_eq!(error, format!("port {port} is taken: choose another with --mail-port PORT"));
    }
}
