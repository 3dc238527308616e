//! Floor 4: mail. Composing is pure, sending is thin.

pub mod compose;
pub mod postbox;
pub mod tags;
