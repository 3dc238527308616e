//! Fuzzes the entries of all functions: whatever a function is invoked with, it answers and does not panic (R4).
//!
//! `tests/fuzz/run SECONDS` runs it. An input stands for a sample event of which some members are replaced
//! (`support/hostile.rs`).

#![no_main]
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a finding is a panic")]

#[expect(dead_code, unused_imports, reason = "shared with the tests, which use all of it")]
mod support;

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use support::hostile::Fuzzed;
use tokio::runtime::{Builder, Runtime};

/// The inputs that one deployment takes, before what they have written slows it down.
const INPUTS: u32 = 5000;

struct Running {
    runtime: Runtime,
    app: Fuzzed,
    inputs: u32,
}

impl Running {
    fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let app = runtime.block_on(Fuzzed::start());
        Self { runtime, app, inputs: 0 }
    }
}

thread_local! {
    static RUNNING: RefCell<Option<Running>> = const { RefCell::new(None) };
}

fuzz_target!(|input: &[u8]| {
    RUNNING.with_borrow_mut(|running| {
        if running.as_ref().is_some_and(|running| running.inputs == INPUTS) {
            *running = None;
        }
        let running = running.get_or_insert_with(Running::start);
        running.inputs += 1;
        running.runtime.block_on(running.app.run(input));
    });
});
