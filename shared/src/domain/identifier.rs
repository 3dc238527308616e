//! The identifier by which a person names an account: a username or an email address.
//!
//! This module owns canonicalization (F3). Two spellings match exactly when their canonical forms are equal. Letter
//! case, Unicode normalization and the IDNA form of the domain do not count; everything else does. The dots in a Gmail
//! address count, and look-alike characters never match.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use utoipa::ToSchema;

/// The most code points that an identifier may have. An email address has at most 254 octets.
const LONGEST: usize = 254;

/// The reason why a text cannot be an identifier, a username or an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    /// The text is empty, or has only white space.
    #[error("must not be empty")]
    Empty,
    /// The text has more than 254 characters.
    #[error("must have at most 254 characters")]
    TooLong,
    /// The text has control characters, or white space inside.
    #[error("must not contain control characters or spaces")]
    Control,
    /// The text has a character that only looks like an ASCII one, such as the Kelvin sign.
    #[error("must not contain characters that imitate others")]
    Imitation,
    /// The username has an `@`, and would be read as an address.
    #[error("a username must not contain @")]
    UsernameWithAt,
    /// The text is not an address `local@domain` with an ASCII local part and a valid domain.
    #[error("is not an email address")]
    NotAnAddress,
}

/// A canonical identifier: the one form that keys, limits and comparisons use.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum Identifier {
    /// A username, which has no `@`.
    Username(String),
    /// An email address, which has an `@`.
    Email(String),
}

impl Identifier {
    /// Canonicalizes a text that a caller typed. A text with an `@` becomes an address. An address that is not valid is
    /// kept as it is, and matches no account.
    ///
    /// # Errors
    /// [`IdentifierError`] for a text that no account can have as its identifier.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        let folded = fold(text)?;
        let Some((local, domain)) = folded.rsplit_once('@') else { return Ok(Self::Username(folded)) };
        let domain = canonical_domain(domain).unwrap_or_else(|| domain.to_owned());
        Ok(Self::Email(format!("{local}@{domain}")))
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Username(text) | Self::Email(text) => text,
        }
    }
}

impl fmt::Debug for Identifier {
    /// Shows the kind alone. An identifier is personal data, and a log line must not show it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Username(_) => "Username",
            Self::Email(_) => "Email",
        })
    }
}

impl From<Identifier> for String {
    fn from(identifier: Identifier) -> Self {
        match identifier {
            Identifier::Username(text) | Identifier::Email(text) => text,
        }
    }
}

impl From<String> for Identifier {
    /// Reads a canonical text, as it is stored. A text that a caller typed goes through [`Identifier::parse`].
    fn from(canonical: String) -> Self {
        if canonical.contains('@') { Self::Email(canonical) } else { Self::Username(canonical) }
    }
}

/// A username, as its owner writes it. It has 1 to 254 characters, without `@`, spaces and control characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(into = "String", try_from = "String")]
#[schema(value_type = String, min_length = 1, max_length = 254, pattern = "^[^@]+$")]
pub struct Username(String);

impl Username {
    /// Checks a username.
    ///
    /// # Errors
    /// [`IdentifierError`] when the text cannot be a username.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        match Identifier::parse(text)? {
            Identifier::Username(_) => Ok(Self(text.trim().nfc().collect())),
            Identifier::Email(_) => Err(IdentifierError::UsernameWithAt),
        }
    }

    /// The username as its owner writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Username> for String {
    fn from(username: Username) -> Self {
        username.0
    }
}

impl TryFrom<String> for Username {
    type Error = IdentifierError;

    fn try_from(text: String) -> Result<Self, IdentifierError> {
        Self::parse(&text)
    }
}

/// An email address, as its owner writes it. It has at most 254 characters, and the part before the `@` is ASCII.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(into = "String", try_from = "String")]
#[schema(value_type = String, format = Email, max_length = 254)]
pub struct Email(String);

impl Email {
    /// Checks an address.
    ///
    /// # Errors
    /// [`IdentifierError`] when no mail can be sent to the text.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        let text: String = text.trim().nfc().collect();
        let folded = fold(&text)?;
        let (local, domain) = folded.rsplit_once('@').ok_or(IdentifierError::NotAnAddress)?;
        // SES accepts only ASCII before the @, because it does not support SMTPUTF8.
        let plain = |c: char| c.is_ascii_graphic() && !"()<>[]:;,\\\"@".contains(c);
        let dotted = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
        let local_ok = (1..=64).contains(&local.len()) && dotted && local.chars().all(plain);
        let domain_ok = canonical_domain(domain).is_some_and(|d| d.contains('.') && !d.starts_with('.'));
        if local_ok && domain_ok { Ok(Self(text)) } else { Err(IdentifierError::NotAnAddress) }
    }

    /// The address as its owner writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address in the form that SES accepts: as its owner writes it, with the domain in its ASCII form if it is not
    /// ASCII.
    pub fn mailbox(&self) -> String {
        match self.0.rsplit_once('@') {
            Some((local, domain)) if !domain.is_ascii() => {
                format!("{local}@{}", canonical_domain(domain).unwrap_or_else(|| domain.to_owned()))
            }
            _ => self.0.clone(),
        }
    }

    /// The address with most of it left out: `j…@e….org`. Its owner can recognize it, and nobody else can learn it.
    pub fn masked(&self) -> String {
        let (local, domain) = self.0.rsplit_once('@').unwrap_or((&self.0, ""));
        let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
        let ending = domain.rsplit_once('.').map_or("", |(_, ending)| ending);
        format!("{}…@{}….{ending}", first(local), first(domain))
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

impl TryFrom<String> for Email {
    type Error = IdentifierError;

    fn try_from(text: String) -> Result<Self, IdentifierError> {
        Self::parse(&text)
    }
}

/// Trims, normalizes and lower-cases a text. A non-ASCII character that would become an ASCII one is refused, because
/// it can only be there to imitate it.
fn fold(text: &str) -> Result<String, IdentifierError> {
    let text = text.trim();
    match text.chars().count() {
        0 => return Err(IdentifierError::Empty),
        1..=LONGEST => {}
        _ => return Err(IdentifierError::TooLong),
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(IdentifierError::Control);
    }
    if text.chars().any(imitates_ascii) {
        return Err(IdentifierError::Imitation);
    }
    let folded: String = text.nfc().flat_map(char::to_lowercase).nfc().collect();
    // Folding can turn one character into several, so the length is checked again.
    if folded.chars().count() > LONGEST { Err(IdentifierError::TooLong) } else { Ok(folded) }
}

fn imitates_ascii(c: char) -> bool {
    !c.is_ascii() && std::iter::once(c).nfc().flat_map(char::to_lowercase).all(|folded| folded.is_ascii())
}

/// The ASCII form of a domain (IDNA, UTS 46), without the root dot. `None` when the text is not a domain.
fn canonical_domain(domain: &str) -> Option<String> {
    let ascii = idna::domain_to_ascii_strict(domain.trim_end_matches('.')).ok()?;
    (!ascii.is_empty()).then_some(ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        Identifier::parse(text).expect(text).into()
    }

    #[test]
    fn spelling_does_not_count() {
        for (typed, form) in [
            ("Jane", "jane"),
            ("  jane\t", "jane"),
            ("JANE@Example.ORG", "jane@example.org"),
            ("jane@example.org.", "jane@example.org"),
            ("jane@BÜCHER.example", "jane@xn--bcher-kva.example"),
            ("jane@xn--bcher-kva.example", "jane@xn--bcher-kva.example"),
            ("Zoe\u{308}", "zo\u{eb}"),
            ("ZO\u{cb}", "zo\u{eb}"),
        ] {
            assert_eq!(canonical(typed), form, "{typed}");
        }
    }

    #[test]
    fn what_differs_stays_different() {
        for (one, other) in [
            ("m\u{131}ke@example.org", "mike@example.org"),
            ("m\u{130}ke@example.org", "mike@example.org"),
            ("j.ane@gmail.com", "jane@gmail.com"),
            ("jane+portal@example.org", "jane@example.org"),
            ("jane@exampl\u{435}.org", "jane@example.org"),
            ("straße", "strasse"),
            ("jane.", "jane"),
        ] {
            assert_ne!(canonical(one), canonical(other), "{one}");
        }
    }

    #[test]
    fn an_imitation_of_ascii_is_refused() {
        assert_eq!(Identifier::parse("mi\u{212a}e@example.org"), Err(IdentifierError::Imitation));
    }

    #[test]
    fn what_nobody_can_be_called_is_refused() {
        assert_eq!(Identifier::parse(" \t"), Err(IdentifierError::Empty));
        assert_eq!(Identifier::parse(&"x".repeat(255)), Err(IdentifierError::TooLong));
        assert_eq!(Identifier::parse(&"\u{130}".repeat(254)), Err(IdentifierError::TooLong), "folds to 508");
        assert_eq!(Identifier::parse("ja\nne"), Err(IdentifierError::Control));
        assert_eq!(Identifier::parse("ja ne"), Err(IdentifierError::Control));
        assert_eq!(Username::parse("jane@example.org"), Err(IdentifierError::UsernameWithAt));
    }

    #[test]
    fn an_address_is_one_mailbox_and_nothing_more() {
        for text in [
            "a@b@c.org",
            "jane@",
            "@example.org",
            "jane",
            "jane@nodot",
            "a,b@c.org",
            ".a@c.org",
            "a..b@c.org",
            "<a@c.org>",
            "zo\u{eb}@c.org",
        ] {
            assert_eq!(Email::parse(text), Err(IdentifierError::NotAnAddress), "{text}");
        }
        assert_eq!(
            Email::parse("Jane.Doe@Example.org").expect("an address").as_str(),
            "Jane.Doe@Example.org"
        );
    }

    #[test]
    fn an_address_is_never_shown_whole() {
        let email = Email::parse("jane@example.org").expect("an address");
        assert_eq!(email.masked(), "j…@e….org");
        assert_eq!(
            format!("{email:?} {:?}", Identifier::parse("jane").expect("a username")),
            "j…@e….org Username"
        );
    }
}
