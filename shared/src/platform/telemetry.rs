//! Log lines, which are the metrics too: JSON, one a line, with the request's id, and without a secret.
//!
//! Each line of this system has the member `event`. In such a line CloudWatch measures the members that `METRICS` names, kept apart
//! by others: the member `_aws` tells it which, in CloudWatch's embedded metric format. So a fact is written once, and is a line to
//! search and a metric to watch. What metrics are kept apart by has few values, and never tells who.
//!
//! Libraries are heard from `WARN` on, whatever the level: the SDK's debug lines quote requests, and a request quotes secrets.

use std::fmt::Debug;
use std::io::Write as _;
use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Span, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::platform::clock::{Clock as _, System, Timestamp};
use crate::platform::config::Lookup;

/// The crates whose lines follow the level: this system's own.
const OWN: [&str; 14] = [
    "pages",
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

/// A member of lines that CloudWatch measures.
struct Metric {
    name: &'static str,
    unit: &'static str,
    /// The sets of members by which it is kept apart. A set counts where the line has all of it.
    by: &'static [&'static [&'static str]],
}

impl Metric {
    const fn new(name: &'static str, unit: &'static str, by: &'static [&'static [&'static str]]) -> Self {
        Self { name, unit, by }
    }
}

/// Everything that is measured. A count is the number of samples.
const METRICS: [Metric; 10] = [
    Metric::new("latency", "Milliseconds", &[&["outcome"], &["operation", "outcome"], &["limit"]]),
    Metric::new("argon2", "Milliseconds", &[&[]]),
    Metric::new("delay", "Milliseconds", &[&["fate"], &["fate", "kind"]]),
    Metric::new("waited", "Milliseconds", &[&["state"]]),
    Metric::new("due", "Count", &[&[]]),
    Metric::new("missed", "Count", &[&[]]),
    Metric::new("oldest", "Milliseconds", &[&[]]),
    Metric::new("paused", "Count", &[&[]]),
    Metric::new("quota_used", "None", &[&[]]),
    Metric::new("invocations", "Count", &[&[]]),
];

/// How lines are written.
pub struct Settings {
    /// The lowest level of this system's own lines.
    pub level: LevelFilter,
    /// The namespace of the metrics. Without one, nothing is measured.
    pub namespace: Option<String>,
}

impl Settings {
    /// Reads Lambda's `AWS_LAMBDA_LOG_LEVEL`, `INFO` when it names no level, and `REKEY_METRIC_NAMESPACE`.
    pub fn read(lookup: &Lookup<'_>) -> Self {
        let level = lookup("AWS_LAMBDA_LOG_LEVEL").and_then(|level| level.parse().ok());
        Self { level: level.unwrap_or(LevelFilter::INFO), namespace: lookup("REKEY_METRIC_NAMESPACE") }
    }
}

/// Starts logging to standard output, as the environment says.
pub fn start() {
    subscriber(std::io::stdout, Settings::read(&crate::platform::config::environment)).init();
}

/// A subscriber that writes lines to the given writer.
pub fn subscriber<W>(writer: W, settings: Settings) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let Settings { level, namespace } = settings;
    let others = level.min(LevelFilter::WARN);
    let filter = Targets::new().with_default(others).with_targets(OWN.map(|crate_name| (crate_name, level)));
    Registry::default().with(Lines { writer, namespace }.with_filter(filter))
}

/// The whole milliseconds of a span of time, as a member of a line.
pub fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Does something, and tells in the request's line how many milliseconds it took. Of several times, the last is told.
pub fn measure<T>(member: &'static str, doing: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let done = doing();
    Span::current().record(member, millis(started.elapsed()));
    done
}

/// The members of a line, or those that a span gives to its lines.
#[derive(Default)]
struct Members(Vec<(&'static str, Value)>);

impl Members {
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| *known == name)
    }

    fn put(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, value.into()));
    }
}

impl Visit for Members {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field.name(), format!("{value:?}"));
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// The layer that writes the lines.
struct Lines<W> {
    writer: W,
    namespace: Option<String>,
}

impl<W> Lines<W> {
    /// What CloudWatch measures of a line, in its embedded metric format; none of a library's lines.
    fn measured(&self, line: &Members, at: Timestamp) -> Option<Value> {
        let namespace = self.namespace.as_ref().filter(|_| line.has("event"))?;
        let directive = |metric: &Metric| {
            let by = metric.by.iter().filter(|members| members.iter().all(|member| line.has(member)));
            let by: Vec<_> = by.collect();
            let metrics = json!([{"Name": metric.name, "Unit": metric.unit}]);
            (!by.is_empty()).then(|| json!({"Namespace": namespace, "Dimensions": by, "Metrics": metrics}))
        };
        let of_line = METRICS.iter().filter(|metric| line.has(metric.name));
        let directives: Vec<Value> = of_line.filter_map(directive).collect();
        (!directives.is_empty()).then(|| json!({"Timestamp": at.millis(), "CloudWatchMetrics": directives}))
    }
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut members = Members::default();
        attributes.record(&mut members);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(members);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(members) = span.extensions_mut().get_mut::<Members>()
        {
            values.record(members);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let (at, mut line) = (System.now(), Members::default());
        line.put("timestamp", format!("{:.3}", at.to_jiff()));
        line.put("level", event.metadata().level().as_str());
        event.record(&mut line);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(members) = span.extensions().get::<Members>() {
                let others = members.0.iter().filter(|(name, _)| !line.has(name)).cloned();
                let others: Vec<_> = others.collect();
                line.0.extend(others);
            }
        }
        if let Some(measured) = self.measured(&line, at) {
            line.put("_aws", measured);
        }
        let text = serde_json::to_string(&line).unwrap_or_default() + "\n";
        // Where a line cannot be written, that cannot be said either.
        let _ = self.writer.make_writer_for(event.metadata()).write_all(text.as_bytes());
    }
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
