//! The clock and the randomness of the services that this crate stands in for.
//!
//! They belong to the services, as AWS's own do. No function may use them, and nothing that Rekey decides depends on
//! them.

use std::io;

/// The time of the service's clock.
#[expect(clippy::disallowed_methods, reason = "a service outside of Rekey has a clock of its own")]
pub fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Random bytes of the operating system.
///
/// # Errors
/// The operating system has no random bytes.
#[expect(clippy::disallowed_methods, reason = "a service outside of Rekey has randomness of its own")]
pub fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// A new ULID of the present time.
///
/// # Errors
/// The operating system has no random bytes.
pub fn ulid() -> io::Result<ulid::Ulid> {
    let millis = u64::try_from(now().as_millisecond()).unwrap_or_default();
    Ok(ulid::Ulid::from_parts(millis, u128::from_be_bytes(random()?)))
}
