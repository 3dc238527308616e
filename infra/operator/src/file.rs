//! Files that a command reads.

use std::path::Path;

use serde_json::Value;

use crate::invoke::Failure;

/// The text of a file.
pub(crate) fn text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::File { path: path.display().to_string(), error: error.to_string() })
}

/// The JSON of a file.
pub(crate) fn json(path: &Path) -> Result<Value, Failure> {
    serde_json::from_str(&text(path)?)
        .map_err(|error| Failure::File { path: path.display().to_string(), error: error.to_string() })
}
