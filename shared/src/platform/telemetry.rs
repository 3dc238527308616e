//! Log lines: JSON, one a line, with the request's id, and without a secret.
//!
//! A line that must be counted has the member `event`; the template's metric filters and alarms read it. Libraries are heard from
//! `WARN` on, whatever the level: the SDK's debug lines quote requests, and a request quotes secrets.

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry};

/// The crates whose lines follow the level: this system's own.
const OWN: [&str; 13] = [
    "rekey",
    "accounts",
    "activity",
    "admin_link",
    "change_password",
    "forgot_password",
    "mail_events",
    "mailer",
    "operator",
    "reset_password",
    "sessions",
    "settings",
    "verify_code",
];

/// Starts logging to standard output, at the level that Lambda's `AWS_LAMBDA_LOG_LEVEL` names, and at `INFO` when it names none.
pub fn start() {
    let level =
        crate::platform::config::environment("AWS_LAMBDA_LOG_LEVEL").and_then(|level| level.parse().ok());
    subscriber(std::io::stdout, level.unwrap_or(LevelFilter::INFO)).init();
}

/// A subscriber that writes lines to the given writer.
pub fn subscriber<W>(writer: W, level: LevelFilter) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_writer(writer);
    let others = level.min(LevelFilter::WARN);
    let filter = Targets::new().with_default(others).with_targets(OWN.map(|crate_name| (crate_name, level)));
    Registry::default().with(lines.with_filter(filter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_heard() {
        let functions = concat!(env!("CARGO_MANIFEST_DIR"), "/../functions");
        let entries = std::fs::read_dir(functions).expect("the functions").map(|entry| entry.expect("one"));
        let crates = entries.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name());
        let mut names: Vec<String> = crates.map(|name| name.to_string_lossy().replace('-', "_")).collect();
        names.push("rekey".to_owned());
        names.sort();
        let mut own = OWN.to_vec();
        own.sort_unstable();
        assert_eq!(own, names);
    }
}
