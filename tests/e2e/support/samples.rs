//! The sample events of `events`.

use serde_json::Value;

use super::template::root;

/// The functions that the gateway calls.
pub const HTTP_FUNCTIONS: [&str; 10] = [
    "accounts",
    "activity",
    "admin-link",
    "change-password",
    "forgot-password",
    "reset-password",
    "sessions",
    "pages",
    "settings",
    "verify-code",
];

/// The functions that something else calls, too.
pub const OTHER_FUNCTIONS: [&str; 4] = ["admin-link", "mail-events", "mailer", "operator"];

/// Every sample event of a function: name and content.
pub fn samples(function: &str) -> Vec<(String, Value)> {
    let folder = root().join("events").join(function);
    let mut samples: Vec<(String, Value)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), serde_json::from_str(&text).unwrap())
        })
        .collect();
    samples.sort_by(|one, other| one.0.cmp(&other.0));
    assert!(samples.len() >= 4, "{function} has sample events");
    samples
}

/// Not an invocation without the gateway.
pub fn is_request((_, event): &(String, Value)) -> bool {
    event.get("requestContext").is_some()
}
