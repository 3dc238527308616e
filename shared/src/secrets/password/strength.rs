//! The strength of a password: length, blocklist, and words that belong to the account or the practice (P2).

use serde::Serialize;
use unicode_normalization::UnicodeNormalization as _;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::Password;

/// The code of a reason why a password is refused: `too_short`, `too_common` (an attacker tries it first), `context_word` (it is
/// little more than a name that belongs to the account or the practice) or `same_as_current`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WeaknessCode {
    /// It has fewer code points than the practice asks for.
    TooShort,
    /// It is among the passwords that an attacker tries first.
    TooCommon,
    /// It is little more than the name of the account, its owner or the practice.
    ContextWord,
    /// It is the password that the account has now.
    SameAsCurrent,
}

/// A reason why a password is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Weakness {
    /// The code of the reason. It is stable.
    pub code: WeaknessCode,
    /// The reason as a sentence for a person.
    pub message: String,
}

impl Weakness {
    /// A reason with its code and its sentence.
    pub fn new(code: WeaknessCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The reason for refusing the password that the account already has.
    pub fn same_as_current() -> Self {
        Self::new(WeaknessCode::SameAsCurrent, "This is the password the account has now. Choose another.")
    }
}

/// The decimal logarithm of the number of guesses below which a password is among the first tried: 10^9.
const FEWEST_GUESSES_LOG10: f64 = 9.0;
/// The same of what is left of a password without context words, below which it is little more than those: a year, a few digits.
const REST_GUESSES_LOG10: f64 = 4.0;
/// The number of characters of such a rest that are little, whatever they are.
const SHORT_REST: usize = 4;
/// By how much, as a decimal logarithm, context words must lower the estimate to be the reason.
const CONTEXT_WEIGHT: f64 = 0.5;
/// The number of code points that are estimated at once. The time of the worst text grows with the cube, and more code points
/// only add guesses.
const ESTIMATED: usize = 20;
/// The number of pieces of that length that are looked at.
const PIECES: usize = 3;

/// Judges a password by length, blocklist and context words. An empty list is a pass.
///
/// The blocklist is zxcvbn's: common passwords, names, words and dates, keyboard runs, and their usual disguises.
pub fn weaknesses(password: &Password, min_length: u32, context: &[&str]) -> Vec<Weakness> {
    let text = password.expose();
    if text.chars().count() < min_length as usize {
        let message =
            format!("Use at least {min_length} characters. A few unrelated words are easy to remember.");
        return vec![Weakness::new(WeaknessCode::TooShort, message)];
    }
    let words: Vec<&str> =
        context.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric())).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| word.chars().count() >= 3).collect();
    let with_context = guesses_log10(text, &words);
    if with_context >= FEWEST_GUESSES_LOG10 {
        return if hides_context(text, &[words.as_slice(), context].concat()) {
            vec![context_word()]
        } else {
            Vec::new()
        };
    }
    if with_context + CONTEXT_WEIGHT < guesses_log10(text, &[]) {
        return vec![context_word()];
    }
    vec![Weakness::new(
        WeaknessCode::TooCommon,
        "This is among the passwords that are guessed first. Choose another.",
    )]
}

fn context_word() -> Weakness {
    let message =
        "This is little more than a name that belongs to the account or the practice. Choose another.";
    Weakness::new(WeaknessCode::ContextWord, message)
}

/// Whether a text is little more than context words with other characters between them or between their letters, such as
/// `Riverside-Practice-2026` or `R!verside~Pr@ctice~1`. Those make the estimate large and are the first that an attacker puts
/// there. A passphrase that has a context word among others is none of these: what is left of it without the context words is
/// not guessed at once.
fn hides_context(text: &str, context: &[&str]) -> bool {
    let mut words: Vec<String> = context
        .iter()
        .map(|word| bare_letters(word, |c| c))
        .filter(|word| word.chars().count() >= 3)
        .collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    [bare_letters(text, |c| c), bare_letters(text, undisguised)].into_iter().map(Zeroizing::new).any(|bare| {
        let rest =
            words.iter().fold(bare.clone(), |rest, word| Zeroizing::new(rest.replace(word.as_str(), "")));
        let is_little = rest.chars().count() <= SHORT_REST || guesses_log10(&rest, &[]) < REST_GUESSES_LOG10;
        *rest != *bare && is_little
    })
}

/// The letters and digits of a text, without case and accents.
fn bare_letters(text: &str, undisguise: fn(char) -> char) -> String {
    let plain = text.nfkd().map(undisguise).filter(|c| c.is_alphanumeric());
    plain.flat_map(char::to_lowercase).collect()
}

/// The letter that a digit or a sign often stands for.
const fn undisguised(c: char) -> char {
    match c {
        '4' | '@' => 'a',
        '3' => 'e',
        '1' | '!' | '|' => 'i',
        '0' => 'o',
        '5' | '$' => 's',
        '7' | '+' => 't',
        other => other,
    }
}

/// The decimal logarithm of the number of guesses that the strongest piece of a password takes. The whole takes no fewer.
fn guesses_log10(text: &str, words: &[&str]) -> f64 {
    let characters: Zeroizing<Vec<char>> = Zeroizing::new(text.chars().collect());
    let mut strongest = 0.0_f64;
    for piece in characters.chunks(ESTIMATED).take(PIECES) {
        let piece: Zeroizing<String> = Zeroizing::new(piece.iter().collect());
        strongest = strongest.max(zxcvbn::zxcvbn(&piece, words).guesses_log10());
        if strongest >= FEWEST_GUESSES_LOG10 {
            break;
        }
    }
    strongest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::parse(text).expect("a password")
    }

    fn codes(text: &str, context: &[&str]) -> Vec<WeaknessCode> {
        weaknesses(&password(text), 15, context).into_iter().map(|w| w.code).collect()
    }

    #[test]
    fn weak_passwords_are_named_and_good_ones_pass() {
        let context = ["Harbor Agency", "jane", "Jane Okonkwo"];
        assert_eq!(codes("short", &context), [WeaknessCode::TooShort]);
        assert_eq!(codes("aaaaaaaaaaaaaaaaaaaa", &context), [WeaknessCode::TooCommon]);
        assert_eq!(codes("passwordpassword", &context), [WeaknessCode::TooCommon]);
        assert_eq!(codes("qwertyuiopasdfgh", &context), [WeaknessCode::TooCommon]);
        assert_eq!(codes("thisismypassword", &context), [WeaknessCode::TooCommon]);
        assert_eq!(codes(&"a".repeat(256), &context), [WeaknessCode::TooCommon]);
        assert_eq!(codes(&"password".repeat(32), &context), [WeaknessCode::TooCommon]);
        assert!(codes(&format!("{}seven lanterns under", "a".repeat(20)), &context).is_empty());
        assert_eq!(codes("okonkwookonkwookonkwo", &context), [WeaknessCode::ContextWord]);
        assert!(codes("walk the green river", &context).is_empty());
        assert!(codes(&"🦀 walks the green river ".repeat(10), &context).is_empty());
        assert_eq!(weaknesses(&password("12345678"), 8, &[]).len(), 1);
    }

    #[test]
    fn context_words_are_found_with_anything_between_them() {
        let context = [
            "Riverside Practice",
            "jane.okonkwo",
            "Jane Okonkwo",
            "riverside",
            "Sean O\u{2019}Brien",
            "Jos\u{e9} Mu\u{f1}oz",
        ];
        for text in [
            "Riverside-Practice-2026",
            "riverside_practice_01",
            "RIVERSIDE.PRACTICE!!",
            "Jane/Okonkwo/Riverside",
            "r-i-v-e-r-s-i-d-e-2026",
            "okonkwo  *  okonkwo  1",
            "R1v3rside~Practice~1",
            "Rivers!de-Pr@ctice-2026",
            "Riverside-Jane-Riverside-Jane",
            "Jose-Munoz-2026-!!!",
        ] {
            assert_eq!(codes(text, &context), [WeaknessCode::ContextWord], "{text}");
        }
        // A name that is also on the blocklist is refused for either reason.
        assert_eq!(codes("O'Brien_O'Brien_2026", &context).len(), 1);
        for text in [
            "walk the green river",
            "seven lanterns under snow",
            "a riverside of nine quiet herons",
            "correct-horse-battery-staple",
        ] {
            assert!(codes(text, &context).is_empty(), "{text}");
        }
    }
}
