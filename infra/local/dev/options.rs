//! The command line of `cargo dev`.

use std::path::PathBuf;

use crate::portal::Portal;

/// The text of `--help`.
pub const HELP: &str = "\
cargo dev: all of Rekey on this machine, with nothing to set up

It starts a DynamoDB, an SES v2 endpoint with a mailbox, Secrets Manager, the five demo practices,
the functions under `cargo lambda watch`, and the pump from the table's stream to the mailer.
Ctrl-C ends all of it.

Usage: cargo dev [OPTIONS]

Options:
  --data DIR             keep the table, the keys, the mails and the stream's place in DIR (default: in memory)
  --api-port PORT        the API (default: 9000)
  --dynamodb-port PORT   DynamoDB (default: 8000)
  --mail-port PORT       the mailbox, SES v2 and Secrets Manager (default: 8025)
  --portal URL           the address of agency's client portal, such as http://localhost:3000:
                         mails link to it, and its pages may call the API. Repeatable, and
                         PRACTICE/PORTAL=URL for another one, such as agency/staff=http://localhost:3001
  --services             everything but the functions: run `cargo lambda watch` in another terminal
  --help                 this text
";

/// The options of a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The folder in which state is kept. If it is absent, state is kept in memory.
    pub data: Option<PathBuf>,
    /// The port of `cargo lambda watch`.
    pub api_port: u16,
    /// The port of DynamoDB.
    pub dynamodb_port: u16,
    /// The port of the mailbox, SES and Secrets Manager.
    pub mail_port: u16,
    /// The portals that the developer runs, each once.
    pub portals: Vec<Portal>,
    /// Whether `cargo lambda watch` is left to the developer.
    pub services: bool,
}

/// The command that the arguments ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Starts everything with these options.
    Start(Options),
    /// Prints [`HELP`].
    Help,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            data: None,
            api_port: 9000,
            dynamodb_port: 8000,
            mail_port: 8025,
            portals: Vec::new(),
            services: false,
        }
    }
}

/// Reads the arguments after the program's name.
///
/// # Errors
/// A sentence that names the argument that is wrong.
pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Command, String> {
    let mut options = Options::default();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let (flag, inline) = match argument.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (argument.as_str(), None),
        };
        let bare = inline.is_none();
        let mut value =
            || inline.clone().or_else(|| arguments.next()).ok_or_else(|| format!("{flag} needs a value"));
        match flag {
            "--help" | "-h" if bare => return Ok(Command::Help),
            "--services" if bare => options.services = true,
            "--data" => options.data = Some(folder(flag, &value()?)?),
            "--api-port" => options.api_port = port(flag, &value()?)?,
            "--dynamodb-port" => options.dynamodb_port = port(flag, &value()?)?,
            "--mail-port" => options.mail_port = port(flag, &value()?)?,
            "--portal" => options.portals.push(portal(&options.portals, &value()?)?),
            _ => return Err(format!("{argument} is not an option; `cargo dev --help` lists them")),
        }
    }
    let ports = [options.api_port, options.dynamodb_port, options.mail_port];
    if ports[0] == ports[1] || ports[0] == ports[2] || ports[1] == ports[2] {
        return Err("--api-port, --dynamodb-port and --mail-port must differ".to_owned());
    }
    Ok(Command::Start(options))
}

fn folder(flag: &str, value: &str) -> Result<PathBuf, String> {
    if value.is_empty() || value.starts_with("--") {
        return Err(format!("{flag} needs a folder"));
    }
    Ok(PathBuf::from(value))
}

fn portal(others: &[Portal], value: &str) -> Result<Portal, String> {
    let portal = Portal::parse(value)?;
    if others.iter().any(|other| other.name == portal.name) {
        return Err(format!("--portal: {} has two addresses", portal.name));
    }
    Ok(portal)
}

fn port(flag: &str, value: &str) -> Result<u16, String> {
    match value.parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(format!("{flag} must be a port from 1 to 65535, not {value:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn nothing_said_is_the_default() {
        assert_eq!(parsed(""), Ok(Command::Start(Options::default())));
    }

    #[test]
    fn everything_can_be_said_in_both_ways() {
        let expected = Options {
            data: Some(PathBuf::from("state")),
            api_port: 1,
            dynamodb_port: 2,
            mail_port: 3,
            portals: vec![
                Portal::parse("http://localhost:3000").expect("a portal"),
                Portal::parse("agency/staff=http://localhost:3001").expect("a portal"),
            ],
            services: true,
        };
        let expected = Ok(Command::Start(expected));
        let apart = "--data state --api-port 1 --dynamodb-port 2 --mail-port 3 --services \
            --portal http://localhost:3000 --portal agency/staff=http://localhost:3001";
        let inline = "--services --data=state --api-port=1 --dynamodb-port=2 --mail-port=3 \
            --portal=http://localhost:3000 --portal=agency/staff=http://localhost:3001";
        assert_eq!(parsed(apart), expected);
        assert_eq!(parsed(inline), expected);
        assert_eq!(parsed("--services -h"), Ok(Command::Help));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, named) in [
            ("--prot 1", "--prot"),
            ("watch", "watch"),
            ("--services=yes", "--services=yes"),
            ("--data", "--data"),
            ("--data --services", "--data"),
            ("--api-port x", "--api-port"),
            ("--mail-port 0", "--mail-port"),
            ("--dynamodb-port 65536", "--dynamodb-port"),
            ("--api-port 8000", "must differ"),
            ("--portal", "--portal"),
            ("--portal --services", "--services"),
            ("--portal http://a.test", "http://a.test"),
            (
                "--portal http://localhost:1 --portal agency/client=http://localhost:2",
                "agency/client has two",
            ),
        ] {
            let error = parsed(line).expect_err(line);
            assert!(error.contains(named), "{line}: {error}");
        }
    }
}
