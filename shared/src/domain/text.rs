//! The rules for free text, such as names, reasons, roles and questions in people's own words, and the error that names
//! a member of a request that breaks its rule.

use unicode_normalization::UnicodeNormalization as _;

/// A member of a request breaks its rule. Neither text repeats the value that was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{member}: {rule}")]
pub struct InvalidMember {
    /// The path of the member, with dots between the names.
    pub member: String,
    /// The rule that the member must keep.
    pub rule: String,
}

impl InvalidMember {
    /// Names a member and the rule that it breaks.
    pub fn new(member: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { member: member.into(), rule: rule.into() }
    }

    /// The same error, for a member inside the member `outer`.
    #[must_use]
    pub fn within(self, outer: &str) -> Self {
        Self { member: format!("{outer}.{}", self.member), ..self }
    }
}

/// Whether a text is one line of words. Without the spaces at its ends it has 1 to `most` characters, and it has no
/// control characters.
pub fn is_line(words: &str, most: usize) -> bool {
    (1..=most).contains(&words.trim().chars().count()) && !words.chars().any(char::is_control)
}

/// Checks a name. It must have 1 to 100 characters, spaces at its ends included; it must not be blank, and must not
/// have control characters.
///
/// # Errors
/// The rule, as a text for the person who entered the name.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    let fits = !name.trim().is_empty() && name.chars().count() <= 100 && !name.chars().any(char::is_control);
    if fits { Ok(()) } else { Err("must have 1 to 100 characters and no control characters") }
}

/// The text in form NFKC without the accents of Latin, Greek and Cyrillic letters, without the strokes of Latin ones, and without
/// the points of Arabic and Hebrew. Marks that make another letter of it in other scripts, such as the voicing marks of Japanese,
/// stay.
pub fn without_accents(text: &str) -> impl Iterator<Item = char> {
    text.nfkd().filter(|&c| !is_accent(c)).map(without_stroke).nfkc()
}

const fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}' | '\u{5c4}' | '\u{5c5}' | '\u{5c7}'
        | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}')
}

const fn without_stroke(c: char) -> char {
    match c {
        'ł' => 'l',
        'Ł' => 'L',
        'ø' => 'o',
        'Ø' => 'O',
        'đ' => 'd',
        'Đ' => 'D',
        'ħ' => 'h',
        'Ħ' => 'H',
        'ŧ' => 't',
        'Ŧ' => 'T',
        other => other,
    }
}
