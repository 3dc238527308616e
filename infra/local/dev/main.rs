//! `cargo dev` runs all of Rekey on a laptop, with nothing to set up, until Ctrl-C.
//!
//! It connects the services of `rekey-local` to `cargo lambda watch`. It must leave no process behind, and must say in
//! words what it does, what it waits for, and what went wrong.

mod api;
mod cargo_lambda;
mod console;
mod demo;
mod loopback;
mod options;
mod portal;
mod process;
mod stack;
mod workspace;

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use options::Command;

/// The name of the table that the functions use.
const TABLE: &str = "rekey";

#[tokio::main]
async fn main() -> ExitCode {
    let options = match options::parse(std::env::args().skip(1)) {
        Ok(Command::Start(options)) => options,
        Ok(Command::Help) => {
            console::print(options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            console::complain(error);
            return ExitCode::from(2);
        }
    };
    stack::run(options, stopped()).await
}

/// Ends when the developer, the terminal or the system asks this program to end.
async fn stopped() {
    let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = signals else {
        // Without handlers the signals have their default effect, which is to end this program.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}
