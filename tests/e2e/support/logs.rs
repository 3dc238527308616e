//! The output of the functions: the same lines as in production, at the most detailed level that an operator can set.
//!
//! One subscriber serves the whole run, because tracing decides for a whole process which lines are wanted. Each test
//! reads what its own thread has printed. That is everything for a test that stays on one thread.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Once;

use rekey::platform::telemetry::{Settings, subscriber};
use serde_json::Value;
use tracing::level_filters::LevelFilter;

/// The namespace of the metrics.
pub const NAMESPACE: &str = "Rekey/test";

thread_local! {
    static PRINTED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct OwnThread;

impl Write for OwnThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        PRINTED.with_borrow_mut(|printed| printed.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts to record the output. Only the first call has an effect.
pub fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let settings = Settings { level: LevelFilter::TRACE, namespace: Some(NAMESPACE.to_owned()) };
        tracing::subscriber::set_global_default(subscriber(|| OwnThread, settings)).unwrap();
    });
}

/// Everything that this thread has printed.
pub fn printed() -> String {
    PRINTED.with_borrow(|printed| String::from_utf8(printed.clone()).unwrap())
}

/// The same, line by line.
pub fn lines() -> Vec<Value> {
    printed().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
