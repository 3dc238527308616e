//! The figures of a run, as a table.

use std::fmt::Write as _;

use super::failures::Calls;
use super::mailers::Mailers;
use super::{Run, World};

/// What was counted.
#[derive(Default)]
pub struct Figures {
    /// How many people needed each number of requests for a recovery.
    asks: Vec<usize>,
    pub refused: usize,
    pub confirmed: usize,
    pub overtaken: usize,
    pub resets: usize,
    pub events: usize,
    pub mails: usize,
    pub doubled: usize,
    pub borrowed: usize,
    pub unheard: usize,
    pub counters_left: usize,
}

impl Figures {
    /// Counts a recovery that is complete.
    pub fn complete(&mut self, asks: usize) {
        if self.asks.len() <= asks {
            self.asks.resize(asks + 1, 0);
        }
        self.asks[asks] += 1;
    }
}

/// The table of a run.
pub fn table(world: &World, mailers: &Mailers, run: Run) -> String {
    let figures = world.figures.lock().unwrap();
    let (fates, deliveries) = (world.fleet.fates(), mailers.deliveries());
    let (dynamodb, ses) = world.failures.calls();
    let complete: usize = figures.asks.iter().sum();
    let asks: usize = figures.asks.iter().enumerate().map(|(asks, people)| asks * people).sum();
    let mut table =
        format!("seed {}, {} recoveries of {} accounts\n\n", run.seed, run.recoveries, run.accounts);
    let mut row = |what: &str, figure: String| writeln!(table, "| {what} | {figure} |").unwrap();
    row("What", "Figure".to_owned());
    row("---", "---".to_owned());
    row("Complete recoveries", complete.to_string());
    row("Requests for a recovery, for each that is complete", format!("{:.2}", part(asks, complete)));
    row("Calls of the API", fates.requests.to_string());
    row(
        "without an answer: killed; lost on the way back; 503",
        format!("{}; {}; {}", fates.killed_requests, fates.lost_replies, fates.unavailable),
    );
    row("refused by a limit, and made again later", figures.refused.to_string());
    row("Calls to DynamoDB, and how many failed", failed(&dynamodb));
    row("Calls to SES, and how many failed", failed(&ses));
    row("Invocations of the mailer; killed", format!("{}; {}", fates.mailers, fates.killed_mailers));
    row("Functions that were started anew", fates.started.to_string());
    row(
        "Records of the stream; late; twice",
        format!("{}; {}; {}", deliveries.records, deliveries.late, deliveries.twice),
    );
    row(
        "Batches that came again; records left to the sweeps",
        format!("{}; {}", deliveries.repeated, deliveries.given_up),
    );
    row(
        "Passwords set; of these confirmed to the caller",
        format!("{}; {}", figures.resets, figures.confirmed),
    );
    row("Confirmed, and set again by another person before the sign-in", figures.overtaken.to_string());
    row(
        "Mails; the same mail again; of these after SES had said that it took it",
        format!("{}; {}; {}", figures.mails, figures.doubled, world.failures.sent_in_vain()),
    );
    row(
        "Mails that went unheard of, were not used, and were of no use when they were to go again",
        figures.unheard.to_string(),
    );
    row("Requests that were answered with an earlier link", figures.borrowed.to_string());
    row("Events", figures.events.to_string());
    row("Counters of sign-ins left under the former key, with an end", figures.counters_left.to_string());
    row("What does not hold", world.violations.lock().unwrap().len().to_string());
    table
}

#[expect(clippy::cast_precision_loss, reason = "some hundred thousand")]
fn part(some: usize, all: usize) -> f64 {
    some as f64 / all.max(1) as f64
}

fn failed(calls: &Calls) -> String {
    let failed: usize = calls.failed.values().sum();
    let each: Vec<String> = calls.failed.iter().map(|(name, count)| format!("{count} {name}")).collect();
    format!("{}; {failed}, {:.1} %: {}", calls.all, 100.0 * part(failed, calls.all), each.join(", "))
}
