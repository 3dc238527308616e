//! What a person types to say who they are: a username, or an email address.
//!
//! Owns canonicalization (F3). Two spellings match exactly when their canonical forms are equal: letter case, Unicode
//! normalization and the domain's IDNA form do not count; everything else does. No Gmail-dot folding, no look-alikes.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

/// The most code points an identifier may have (an email address has at most 254 octets).
const LONGEST: usize = 254;

/// Why a text cannot be an identifier, a username or an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    /// Nothing, or nothing but white space.
    #[error("must not be empty")]
    Empty,
    /// Over 254 characters.
    #[error("must have at most 254 characters")]
    TooLong,
    /// Control characters, or white space inside.
    #[error("must not contain control characters or spaces")]
    Control,
    /// A character that only looks like an ASCII one, such as the Kelvin sign.
    #[error("must not contain characters that imitate others")]
    Imitation,
    /// A username with an `@` would be taken for an address.
    #[error("a username must not contain @")]
    UsernameWithAt,
    /// Not `local@domain` with a valid domain.
    #[error("is not an email address")]
    NotAnAddress,
}

/// A canonical identifier: the one form that keys, limits and comparisons use.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum Identifier {
    /// Has no `@`.
    Username(String),
    /// Has one.
    Email(String),
}

impl Identifier {
    /// Canonicalizes what a caller typed. An `@` makes it an address; one that is no valid address is kept as it is, and
    /// matches nothing.
    ///
    /// # Errors
    /// [`IdentifierError`] for what no account can have.
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
    /// Identifiers are personal: a log line must not show one.
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
    /// From its canonical text, as stored; what a caller typed goes through [`Identifier::parse`].
    fn from(canonical: String) -> Self {
        if canonical.contains('@') { Self::Email(canonical) } else { Self::Username(canonical) }
    }
}

/// A username as its owner writes it, checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Username(String);

impl Username {
    /// # Errors
    /// [`IdentifierError`] for what cannot be a username.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        match Identifier::parse(text)? {
            Identifier::Username(_) => Ok(Self(text.trim().nfc().collect())),
            Identifier::Email(_) => Err(IdentifierError::UsernameWithAt),
        }
    }

    /// As written.
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

/// A deliverable address as its owner writes it, checked. The only type that mail goes to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Email(String);

impl Email {
    /// # Errors
    /// [`IdentifierError`] for what no mail can be sent to.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        let text: String = text.trim().nfc().collect();
        let folded = fold(&text)?;
        let (local, domain) = folded.rsplit_once('@').ok_or(IdentifierError::NotAnAddress)?;
        // SES takes ASCII alone before the @ (no SMTPUTF8).
        let plain = |c: char| c.is_ascii_graphic() && !"()<>[]:;,\\\"@".contains(c);
        let dotted = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
        let local_ok = (1..=64).contains(&local.len()) && dotted && local.chars().all(plain);
        let domain_ok = canonical_domain(domain).is_some_and(|d| d.contains('.') && !d.starts_with('.'));
        if local_ok && domain_ok { Ok(Self(text)) } else { Err(IdentifierError::NotAnAddress) }
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the mail is addressed to: as written; a domain that is not ASCII in its ASCII form, the one that SES takes.
    pub fn mailbox(&self) -> String {
        match self.0.rsplit_once('@') {
            Some((local, domain)) if !domain.is_ascii() => {
                format!("{local}@{}", canonical_domain(domain).unwrap_or_else(|| domain.to_owned()))
            }
            _ => self.0.clone(),
        }
    }

    /// Enough to recognize one's own address, not enough to learn another's: `j…@e….org`.
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

/// Trims, normalizes and lower-cases. A non-ASCII character that would turn into an ASCII one is refused: it can only be
/// there to imitate it.
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
    // Some characters fold to more than one.
    if folded.chars().count() > LONGEST { Err(IdentifierError::TooLong) } else { Ok(folded) }
}

fn imitates_ascii(c: char) -> bool {
    !c.is_ascii() && std::iter::once(c).nfc().flat_map(char::to_lowercase).all(|folded| folded.is_ascii())
}

/// The ASCII form of a domain (IDNA, UTS 46), without a root dot. `None` when it is no domain.
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
