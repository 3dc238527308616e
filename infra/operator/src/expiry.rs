//! When a link ends.

use jiff::{SignedDuration, Timestamp};

/// Reads a time: minutes, hours or days from now, or a time of its own.
///
/// # Errors
/// What it must be.
pub(crate) fn parse(text: &str) -> Result<String, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.to_string());
    }
    let rule =
        || "--expires: must be such as 30m, 6h or 2d, or a time such as 2026-12-01T18:00:00Z".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(rule)?;
    let number: i64 = number.parse().ok().filter(|number| *number > 0).ok_or_else(rule)?;
    let minutes = match unit {
        "m" => Some(number),
        "h" => number.checked_mul(60),
        "d" => number.checked_mul(24 * 60),
        _ => None,
    };
    // The contract's own bounds are the function's to check.
    let minutes = minutes.filter(|minutes| *minutes <= 366 * 24 * 60).ok_or_else(rule)?;
    Ok((now() + SignedDuration::from_mins(minutes))
        .round(jiff::Unit::Second)
        .map_err(|_| rule())?
        .to_string())
}

#[expect(clippy::disallowed_methods, reason = "the terminal's own time, which the function checks")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_span_from_now_or_itself() {
        assert_eq!(parse("2026-12-01T18:00:00Z").expect("a time"), "2026-12-01T18:00:00Z");
        for (text, minutes) in [("30m", 30), ("6h", 360), ("2d", 2880)] {
            let found: Timestamp = parse(text).expect(text).parse().expect("a time");
            let off = (found - (now() + SignedDuration::from_mins(minutes))).get_seconds().abs();
            assert!(off < 60, "{text}");
        }
        for wrong in ["", "h", "6", "-1h", "0m", "6w", "soon", "6 h", "\u{e9}", "99999999999999999d"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
