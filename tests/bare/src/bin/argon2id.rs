//! Argon2id with the parameters and the working memory of a function: as many hashes as the first argument says, and the nanoseconds
//! of each, one a line.

use std::time::Instant;

use argon2::{Algorithm, Argon2, Block, Params, Version};

#[expect(clippy::print_stdout, reason = "the figures")]
#[expect(clippy::disallowed_methods, reason = "it measures time")]
fn main() -> Result<(), argon2::Error> {
    let number = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_u32);
    let params = Params::new(19_456, 2, 1, Some(32))?;
    let mut memory = vec![Block::default(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut output = [0; 32];
    for _ in 0..number {
        let started = Instant::now();
        argon2.hash_password_into_with_memory(b"walk the green river", &[7; 16], &mut output, &mut memory)?;
        println!("{}", started.elapsed().as_nanos());
    }
    Ok(())
}
