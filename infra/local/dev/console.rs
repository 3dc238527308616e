//! The messages for the developer. Only this module prints.

use std::fmt::Display;
use std::io::Write as _;
use std::path::Path;

use crate::demo;
use crate::options::Options;
use crate::portal::Portal;

/// Prints a message on a line of its own.
pub fn say(line: impl Display) {
    // If nobody reads the output, that is no reason to stop.
    let _: std::io::Result<()> = writeln!(std::io::stdout(), "[dev] {line}");
}

/// Prints an error message on a line of its own.
pub fn complain(line: impl Display) {
    let _: std::io::Result<()> = writeln!(std::io::stderr(), "[dev] {line}");
}

/// Prints text as it is.
pub fn print(text: &str) {
    let _: std::io::Result<()> = write!(std::io::stdout(), "{text}");
}

/// Prints where everything is and how to sign in, once everything answers.
pub fn ready(options: &Options, reference: &Path) {
    print(&welcome(options, reference.is_file()));
}

fn welcome(options: &Options, has_reference: bool) -> String {
    let Options { api_port, dynamodb_port, mail_port, .. } = options;
    let state = options.data.as_ref().map_or_else(
        || "in memory; it ends with this process (keep it with --data DIR)".to_owned(),
        |folder| format!("in {}", folder.display()),
    );
    let reference = if has_reference { reference_line(*mail_port) } else { String::new() };
    let portals: String = options.portals.iter().map(portal_line).collect();
    let (practices, password) = (demo::slugs().join(", "), demo::PASSWORD);
    format!(
        "
Rekey is ready.

  Pages      http://localhost:{api_port}/p/agency/client        staff at http://localhost:{api_port}/p/agency/staff
  API        http://127.0.0.1:{api_port}/v1        try http://127.0.0.1:{api_port}/v1/practices/agency
  Mailbox    http://127.0.0.1:{mail_port}/          as JSON at http://127.0.0.1:{mail_port}/messages{reference}
  DynamoDB   http://127.0.0.1:{dynamodb_port}           table rekey, region us-east-1, any credentials
  State      {state}
{portals}
  Practices  {practices}
  Staff      admin (administrator), casey
  Clients    jane, sam (Spanish), lily and tom (one mailbox: family@PRACTICE.test),
             dora (inactive), ruth (refused), ivan (invited, never set up)
  Password   {password}

  Ask for a reset, then look into the mailbox:

  curl http://127.0.0.1:{api_port}/v1/password/forgot \\
    -H 'content-type: application/json' -d '{{\"practice\":\"agency\",\"identifier\":\"jane\"}}'

  Call one function by itself:

  cargo lambda invoke -P {api_port} sessions --data-file events/sessions/sign_in_201.json

  Ctrl-C ends all of it.

"
    )
}

fn reference_line(mail_port: u16) -> String {
    format!("\n  Reference  http://127.0.0.1:{mail_port}/reference")
}

fn portal_line(portal: &Portal) -> String {
    format!("  Portal     {} at {}, links lead to {}\n", portal.name, portal.url, portal.recovery_url())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_name_the_ports_and_only_what_is_there() {
        let options = Options { api_port: 9001, mail_port: 8026, ..Options::default() };
        let text = welcome(&options, true);
        assert!(text.contains("\n  Reference  http://127.0.0.1:8026/reference\n  DynamoDB"), "{text}");
        assert!(text.contains("cargo lambda invoke -P 9001 "), "{text}");
        assert!(!welcome(&options, false).contains("eference"));
    }
}
