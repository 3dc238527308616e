//! What recoveries cost: what each step of them consumes, and a thousand of them by list price.
//!
//! `cargo test -p rekey-tests --bench cost` runs it against the embedded DynamoDB, in one process. Nothing of it depends on the
//! machine. The module `cost` says what is measured.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints, and fails loudly"
)]

mod cost;
#[expect(dead_code, unused_imports, reason = "shared with the tests, which use all of it")]
mod support;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let journeys = cost::journeys().await;
    println!("{}\n\n{}", cost::units(&journeys), cost::bill::table(&journeys));
}
