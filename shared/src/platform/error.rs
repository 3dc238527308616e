//! Errors in words, for the log.

use std::error::Error;

/// An error and all its causes in one line, the outermost first.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| (*error).source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
