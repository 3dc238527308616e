//! The keys of practices, and of what is theirs alone.

use super::Key;
use crate::domain::practice::Slug;

/// The key of a practice.
pub fn practice(slug: &Slug) -> Key {
    Key::new(format!("PRACTICE#{slug}"), "PRACTICE")
}

/// The partition that lists every practice.
pub const PRACTICES: &str = "PRACTICES#ALL";

/// The key of a practice in the list of all.
pub fn listed_practice(slug: &Slug) -> Key {
    Key::new(PRACTICES.to_owned(), slug.as_str())
}

/// The key of a practice's logo.
pub fn logo(practice: &Slug) -> Key {
    Key::new(format!("LOGO#{practice}"), "LOGO")
}
