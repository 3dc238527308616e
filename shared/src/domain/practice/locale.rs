//! The languages of people and of mails, as tags of BCP 47.

/// The languages that mails are written in.
pub const LOCALES: [&str; 2] = ["en", "es"];

/// The most characters of a language tag: what RFC 5646 says that a reader must have room for.
pub(super) const LONGEST_LOCALE: usize = 35;

/// Checks that a locale is a language tag (BCP 47), in any case and also with underscores, as other systems export it, or as Unix
/// writes it. It may be of a language that has no mails yet. No locale is valid too.
///
/// # Errors
/// The rule, as a text for the person who entered the locale.
pub fn check_locale(locale: Option<&str>) -> Result<(), &'static str> {
    let is_part =
        |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_tag = |whole: &str| {
        // Unix writes the encoding and a variant behind it: `en_US.UTF-8`, `es_ES@euro`.
        let (tag, behind) = whole.split_at(whole.find(['.', '@']).unwrap_or(whole.len()));
        let mut parts = tag.split(['-', '_']).peekable();
        let language = parts.next().unwrap_or_default();
        let is_language = language.bytes().all(|byte| byte.is_ascii_alphabetic())
            && match language.len() {
                // `x-…` is a tag for private use, and `i-…` one of before the registry.
                1 => "xXiI".contains(language) && parts.peek().is_some(),
                length => (2..=8).contains(&length),
            };
        let is_plain = behind.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte));
        whole.len() <= LONGEST_LOCALE && is_language && parts.all(is_part) && is_plain
    };
    if locale.is_none_or(is_tag) { Ok(()) } else { Err(LOCALE_RULE) }
}

pub(super) const LOCALE_RULE: &str = "must be a language tag such as en, es-MX or zh-Hant";
