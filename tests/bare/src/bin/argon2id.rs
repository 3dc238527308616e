//! Argon2id with the parameters and the working memory of a function: as many hashes as the first argument says, and the nanoseconds
//! of each, one a line.

use std::time::Instant;

use bare::Hasher;

#[expect(clippy::print_stdout, reason = "the figures")]
#[expect(clippy::disallowed_methods, reason = "it measures time")]
fn main() -> Result<(), argon2::Error> {
    let number = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_u32);
    let mut hasher = Hasher::new()?;
    for _ in 0..number {
        let started = Instant::now();
        hasher.hash()?;
        println!("{}", started.elapsed().as_nanos());
    }
    Ok(())
}
