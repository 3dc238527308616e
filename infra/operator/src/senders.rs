//! What SES says of a practice's senders, for people and for a zone of the DNS.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use crate::invoke::{Failure, Target};
use crate::print;

/// Ask SES whether it sends from a practice's senders, and which records their DNS lacks
#[derive(Debug, Args)]
pub(crate) struct VerifySenders {
    practice: String,
    /// Print the records as lines of a zone file, which can be pasted into the DNS
    #[arg(long)]
    zone: bool,
}

impl VerifySenders {
    /// Asks, and prints the answer.
    pub(crate) async fn run(self, target: &Target) -> Result<ExitCode, Failure> {
        let payload = json!({"action": "verify_senders", "practice": self.practice});
        let answer = target.invoke("operator", &payload).await?;
        if !self.zone {
            return Ok(print(&answer));
        }
        print_zone(&zone(&answer));
        Ok(ExitCode::SUCCESS)
    }
}

#[expect(clippy::print_stdout, reason = "the answer of a command")]
fn print_zone(zone: &str) {
    println!("{zone}");
}

/// The answer as a zone file: the state of each sender as a comment, then the records of its identity. Those of an identity that
/// several senders share are there once.
fn zone(answer: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut lines: Vec<String> = Vec::new();
    for sender in answer["identities"].as_array().into_iter().flatten() {
        let can =
            if sender["can_send"] == true { "SES sends from it" } else { "SES does not send from it yet" };
        let error = sender["error"].as_str().map(|error| format!("; {error}")).unwrap_or_default();
        lines.push(format!("; {}: {can}{error}", text(&sender["sender"])));
        for record in sender["records"].as_array().into_iter().flatten() {
            let (kind, value) = (text(&record["type"]), text(&record["value"]));
            let value = if kind == "TXT" { format!("\"{value}\"") } else { format!("{value}.") };
            let line =
                format!("{}. 1800 IN {kind} {value} ; {}", text(&record["name"]), text(&record["purpose"]));
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_records_are_lines_of_a_zone_file_each_once() {
        let record = |kind: &str, value: &str| json!({"type": kind, "name": "x.a.test", "value": value, "purpose": "P"});
        let records =
            [record("CNAME", "y.test"), record("MX", "10 z.test"), record("TXT", "v=DMARC1; p=none")];
        let of = |sender: &str, can_send| json!({"sender": sender, "can_send": can_send, "records": records});
        let failed = json!({"sender": "*@b.test", "can_send": false, "error": "Down: SES did not answer"});
        let answer = json!({"identities": [of("*@a.test", false), of("care@a.test", true), failed]});
        let expected = [
            "; *@a.test: SES does not send from it yet",
            "x.a.test. 1800 IN CNAME y.test. ; P",
            "x.a.test. 1800 IN MX 10 z.test. ; P",
            "x.a.test. 1800 IN TXT \"v=DMARC1; p=none\" ; P",
            "; care@a.test: SES sends from it",
            "; *@b.test: SES does not send from it yet; Down: SES did not answer",
        ];
        assert_eq!(zone(&answer).lines().collect::<Vec<_>>(), expected);
    }
}
