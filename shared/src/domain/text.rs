//! What free text may be: names, reasons, roles and questions in people's own words; and how a member of a request that breaks its rule is named.

/// A member of a request breaks its rule. Neither text repeats the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {rule}")]
pub struct InvalidMember {
    /// Which member, as a dotted path.
    pub member: String,
    /// What it must be.
    pub rule: String,
}

impl InvalidMember {
    /// Names the member and its rule.
    pub fn new(member: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { member: member.into(), rule: rule.into() }
    }

    /// The same, for a member of a member.
    #[must_use]
    pub fn within(self, outer: &str) -> Self {
        Self { member: format!("{outer}.{}", self.member), ..self }
    }
}

/// Words in one line: at least one character that is not blank, at most so many between the blanks at its ends, and none that
/// controls.
pub fn is_line(words: &str, most: usize) -> bool {
    (1..=most).contains(&words.trim().chars().count()) && !words.chars().any(char::is_control)
}

/// A name is one line of 1 to 100 characters, the blanks at its ends included.
///
/// # Errors
/// The rule, for whoever entered the name.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    let fits = !name.trim().is_empty() && name.chars().count() <= 100 && !name.chars().any(char::is_control);
    if fits { Ok(()) } else { Err("must have 1 to 100 characters and no control characters") }
}
