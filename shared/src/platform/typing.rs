//! Characters of what people type or paste and do not mean: those that nobody sees, and the marks around a quoted word.
//!
//! Never used on a password: a password is taken as it is.

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

/// Whether a character shows nothing: a Unicode `Default_Ignorable_Code_Point`, such as a zero-width space, a byte-order mark or
/// a mark of direction.
pub fn is_invisible(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
}

/// A name or an address as it was meant: without invisible characters and blanks at the ends, with plain apostrophes, hyphens and
/// single spaces, and with wide letters and ligatures in their ordinary form.
pub fn name(typed: &str) -> String {
    let mut name = String::with_capacity(typed.len());
    for c in typed.chars().filter(|&c| !is_invisible(c)) {
        match c {
            _ if c.is_ascii() => name.push(c),
            _ if is_presentation(c) => name.extend(std::iter::once(c).nfkc()),
            _ if category(c) == GeneralCategory::SpaceSeparator => name.push(' '),
            _ => name.push(plain_mark(c)),
        }
    }
    let mut words = name.trim().split(' ').filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| name + " " + word)
}

/// Whether a character is another form of ordinary ones: a ligature of Latin letters, or a wide or a narrow letter.
const fn is_presentation(c: char) -> bool {
    matches!(c, '\u{fb00}'..='\u{fb06}' | '\u{ff01}'..='\u{ffee}')
}

/// A typographic apostrophe or hyphen as the plain one; any other character as it is.
pub const fn plain_mark(c: char) -> char {
    match c {
        '\u{2018}'
        | '\u{2019}'
        | '\u{201b}'
        | '\u{2bb}'..='\u{2bd}'
        | '\u{55a}'
        | '\u{5f3}'
        | '\u{a78c}'
        | '\u{2032}'
        | '\u{ff07}'
        | '\u{b4}'
        | '`' => '\'',
        '\u{2010}'..='\u{2015}'
        | '\u{2212}'
        | '\u{ff0d}'
        | '\u{58a}'
        | '\u{5be}'
        | '\u{fe58}'
        | '\u{fe63}' => '-',
        other => other,
    }
}

/// Whether a character is a blank, a dash or invisible, or what rich text leaves behind. People type and paste those between the
/// groups of a code.
pub fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || is_invisible(c)
        || matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{30fc}' | '\u{20e3}' | '\u{fff9}'..='\u{fffc}')
}

/// A short secret as it was mailed: without separators, without the punctuation and quotes around it, with full-width letters
/// and the like in their ordinary form, and with the decimal digits of any script as ASCII digits.
pub fn bare(typed: &str) -> Zeroizing<String> {
    let plain: Zeroizing<Vec<char>> =
        Zeroizing::new(typed.nfkc().filter(|&c| !is_separator(c)).map(digit).collect());
    let first = plain.iter().position(|&c| !is_around(c)).unwrap_or(plain.len());
    let last = plain.iter().rposition(|&c| !is_around(c)).map_or(first, |last| last + 1);
    Zeroizing::new(plain[first..last].iter().collect())
}

/// Whether a character stands around a quoted word: anything but a letter, a digit and a plus sign, which makes a number of it.
fn is_around(c: char) -> bool {
    !c.is_alphanumeric() && c != '+'
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

/// A decimal digit of any script as the ASCII digit; any other character as it is. Unicode keeps the ten digits of a script
/// together, from zero to nine; where two scripts' digits follow each other, the first run has ten as well.
fn digit(c: char) -> char {
    let is_digit = |c: char| category(c) == GeneralCategory::DecimalNumber;
    if c.is_ascii() || !is_digit(c) {
        return c;
    }
    let before = (0..u32::from(c)).rev().map_while(char::from_u32).take_while(|&c| is_digit(c)).count();
    u8::try_from(before % 10).map_or(c, |value| char::from(b'0' + value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(typed: &str) -> String {
        bare(typed).to_string()
    }

    #[test]
    fn digits_of_every_script_are_their_digits() {
        for zero in [
            '\u{660}',
            '\u{6f0}',
            '\u{7c0}',
            '\u{966}',
            '\u{9e6}',
            '\u{a66}',
            '\u{ae6}',
            '\u{be6}',
            '\u{c66}',
            '\u{e50}',
            '\u{ed0}',
            '\u{f20}',
            '\u{1040}',
            '\u{17e0}',
            '\u{1810}',
            '\u{ff10}',
            '\u{1d7ce}',
            '\u{1d7d8}',
            '\u{1e950}',
        ] {
            let digits: String =
                (0..10).map(|n| char::from_u32(u32::from(zero) + n).expect("a digit")).collect();
            assert_eq!(plain(&digits), "0123456789", "U+{:04X}", u32::from(zero));
        }
        assert_eq!(
            plain("\u{b2}\u{2460}\u{3007}\u{4e09}"),
            "21\u{3007}\u{4e09}",
            "NFKC alone makes digits of other numbers"
        );
    }

    #[test]
    fn what_nobody_sees_and_what_stands_around_is_dropped() {
        for typed in [
            "\u{feff}1234",
            "\u{200e}12\u{200b}34\u{200f}",
            "12\u{2060}34\u{ad}",
            "1234.",
            "\u{201c}1234\u{201d}",
            "(1234),",
            "\u{ab} 12 34 \u{bb}",
            "\u{300c}1234\u{300d}\u{3002}",
            "`1234`",
            "<1234>",
            "\u{2066}1234\u{2069}",
            "\u{61c}1234\u{6d4}",
            "\u{b4}1234\u{b4}",
            "\u{275d}1234\u{275e}",
            "|1234|",
            "12\u{30fc}34",
            "\u{fffc}1234",
            "1\u{fe0f}\u{20e3}2\u{fe0f}\u{20e3}34",
        ] {
            assert_eq!(plain(typed), "1234", "{typed:?}");
        }
        for kept in ["12.34", "+1234", "12=34", "1234a"] {
            assert_eq!(plain(kept), kept);
        }
        assert_eq!(plain("..."), "");
        assert_eq!(plain(""), "");
    }
}
