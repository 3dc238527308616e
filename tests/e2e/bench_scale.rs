//! A million accounts against a thousand: what calls cost and how long they take, interleaved. The module `scale` says how.
//!
//! `cargo test -p rekey-tests --bench scale` runs it against the embedded DynamoDB, whose file it deletes in the end. It has some 14
//! gigabytes. `REKEY_SCALE_ACCOUNTS` sets another number. Units and round trips do not depend on the machine; the last column is a
//! ratio within one run.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints, times, and fails loudly"
)]

mod scale;
#[expect(dead_code, unused_imports, reason = "shared with the tests, which use all of it")]
mod support;

use std::path::{Path, PathBuf};

/// A folder that is deleted in the end, however the benchmark ends.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let many = std::env::var("REKEY_SCALE_ACCOUNTS").ok();
    let many = many.map_or(1_000_000, |text| text.parse().expect("a number"));
    let name = format!("scale-{}", std::process::id());
    let folder = Folder(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
    std::fs::create_dir_all(&folder.0).unwrap();
    let path = folder.0.join("table.sqlite");
    support::stack::EMBEDDED.set(support::stack::start_embedded(Some(path.clone()))).unwrap();
    println!("{}", scale::compare(&path, many).await);
}
