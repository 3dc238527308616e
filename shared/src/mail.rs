//! Floor 4: mail. Composing a mail is pure, and the part that sends it is small.

pub mod compose;
pub mod identities;
pub mod postbox;
pub mod slip;
pub mod tags;
