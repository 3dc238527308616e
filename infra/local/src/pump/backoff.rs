//! The wait before something that failed is tried again.

use std::time::Duration;

use crate::ambient;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(30);

/// The wait after `failures` failures in a row. It doubles, up to half a minute. Its second half is random, so that
/// deliveries that failed together are not repeated together.
pub(super) fn delay(failures: u32) -> Duration {
    let whole = whole(failures);
    let random = ambient::random::<4>().map_or(u32::MAX, u32::from_be_bytes);
    whole / 2 + (whole / 2).mul_f64(f64::from(random) / f64::from(u32::MAX))
}

fn whole(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    FIRST.saturating_mul(1 << doublings).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end_growing() {
        assert_eq!([1, 2, 3, 40].map(whole).map(|wait| wait.as_millis()), [200, 400, 800, 30_000]);
        for failures in 0..50 {
            let (wait, whole) = (delay(failures), whole(failures));
            assert!(whole / 2 <= wait && wait <= whole, "{failures}: {wait:?}");
        }
    }
}
