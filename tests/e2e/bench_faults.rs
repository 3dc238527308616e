//! 10,000 complete recoveries while everything fails that can fail. The module `faults` says what fails and what must hold.
//!
//! `cargo test -p rekey-tests --bench faults` runs it against the embedded DynamoDB, in one process, with a fifth as many accounts.
//! `REKEY_FAULTS_SEED` repeats the draws of a run, and `REKEY_FAULTS_RECOVERIES` sets another number. It prints a table, and what
//! does not hold; then it ends with an error.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a benchmark prints, times, and fails loudly"
)]

mod faults;
#[expect(dead_code, reason = "shared with the tests, which use all of it")]
mod support;

use std::process::ExitCode;
use std::time::Instant;

use faults::Run;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let nanoseconds = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    let seed = number("REKEY_FAULTS_SEED").unwrap_or_else(|| nanoseconds.into());
    let recoveries = number("REKEY_FAULTS_RECOVERIES").unwrap_or(10_000);
    let recoveries = usize::try_from(recoveries).unwrap();
    eprintln!("REKEY_FAULTS_SEED={seed} REKEY_FAULTS_RECOVERIES={recoveries}");
    let started = Instant::now();
    let shown = faults::run(Run { seed, recoveries, accounts: recoveries.div_ceil(5) }).await;
    println!("{}", shown.table);
    println!("{} s", started.elapsed().as_secs());
    for violation in &shown.violations {
        eprintln!("does not hold: {violation}");
    }
    if shown.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
