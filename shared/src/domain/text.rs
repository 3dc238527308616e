//! The rules for free text, such as names, reasons, roles and questions in people's own words, and the error that names
//! a member of a request that breaks its rule.

use unicode_normalization::UnicodeNormalization as _;

use crate::platform::typing::is_invisible;

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

/// Whether a text is one line of words. Without the spaces at its ends it has 1 to `most` characters, and it is plain.
pub fn is_line(words: &str, most: usize) -> bool {
    (1..=most).contains(&words.trim().chars().count()) && is_plain(words)
}

/// Whether a text shows something, on one line, and nothing around it: it has no control characters and no line separators, and it
/// ends what it begins of another direction. Without that end it would turn the words that follow it.
fn is_plain(words: &str) -> bool {
    let shows = words.chars().any(|c| !c.is_whitespace() && !is_invisible(c));
    let is_break = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    shows && !words.contains(is_break) && keeps_direction(words)
}

/// Whether every embedding, override and isolate of a direction (UAX 9) has its end, in order.
fn keeps_direction(words: &str) -> bool {
    let mut ends = Vec::new();
    words.chars().all(|c| match c {
        '\u{202a}' | '\u{202b}' | '\u{202d}' | '\u{202e}' => {
            ends.push('\u{202c}');
            true
        }
        '\u{2066}'..='\u{2068}' => {
            ends.push('\u{2069}');
            true
        }
        '\u{202c}' | '\u{2069}' => ends.pop() == Some(c),
        _ => true,
    }) && ends.is_empty()
}

/// Checks a name. It must have 1 to 100 characters, spaces at its ends included; it must show something, and must not have control
/// characters or turn the words that follow it.
///
/// # Errors
/// The rule, as a text for the person who entered the name.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    if name.chars().count() <= 100 && is_plain(name) { Ok(()) } else { Err(NAME_RULE) }
}

const NAME_RULE: &str =
    "must have 1 to 100 characters, no control characters, and an end to each change of direction";

/// The text in form NFKC without the accents of Latin, Greek and Cyrillic letters, without the strokes of Latin ones, and without
/// the points of Arabic and Hebrew. Marks that make another letter of it in other scripts, such as the voicing marks of Japanese,
/// stay.
pub fn without_accents(text: &str) -> impl Iterator<Item = char> {
    text.nfkd().filter(|&c| !is_accent(c)).map(without_stroke).flat_map(apart).nfkc()
}

const fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}' | '\u{5c4}' | '\u{5c5}' | '\u{5c7}'
        | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}')
}

/// A letter that stands for two, as those two.
fn apart(c: char) -> impl Iterator<Item = char> {
    let two = match c {
        'æ' => Some(['a', 'e']),
        'Æ' => Some(['A', 'E']),
        'œ' => Some(['o', 'e']),
        'Œ' => Some(['O', 'E']),
        'þ' => Some(['t', 'h']),
        'Þ' => Some(['T', 'H']),
        _ => None,
    };
    two.into_iter().flatten().chain(two.is_none().then_some(c))
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
