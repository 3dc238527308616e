//! Log lines: JSON, one a line, with the request's id, without a secret.
//!
//! What must be counted is a line with an `event` member; the template's metric filters and alarms read those.

use tracing::level_filters::LevelFilter;

/// Starts logging to standard output, at the level that Lambda's `AWS_LAMBDA_LOG_LEVEL` names (`INFO` when it names none).
pub fn start() {
    let level = crate::config::environment("AWS_LAMBDA_LOG_LEVEL").and_then(|level| level.parse().ok());
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_max_level(level.unwrap_or(LevelFilter::INFO))
        .init();
}
