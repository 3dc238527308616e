//! The identifier by which a person names an account: a username or an email address.
//!
//! This module owns canonicalization (F3). Two spellings match exactly when their canonical forms are equal. Letter case, Unicode
//! normalization, invisible characters, the width of a letter, typographic apostrophes and hyphens, and the IDNA form of the domain
//! do not count; everything else does. The dots in a Gmail address count, and look-alike characters never match.

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use crate::platform::typing;

mod email;
mod username;

pub use email::Email;
pub use username::{Looks, NewUsername, Username};

/// The most code points that an identifier may have. An email address has at most 254 octets.
const LONGEST: usize = 254;

/// The reason why a text cannot be an identifier, a username or an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    /// The text is empty, or has only blanks and invisible characters.
    #[error("must not be empty")]
    Empty,
    /// The text has more than 254 characters.
    #[error("must have at most 254 characters")]
    TooLong,
    /// The text has control characters, or it is an address with blanks inside.
    #[error("must not contain control characters, and an address no spaces")]
    Control,
    /// The text has a character that only looks like an ASCII one, such as the Kelvin sign.
    #[error("must not contain characters that imitate others")]
    Imitation,
    /// The text cannot be a username. This is the rule.
    #[error("{0}")]
    NoUsername(&'static str),
    /// The text cannot be an address that mail is sent to. This is the rule.
    #[error("{0}")]
    NoAddress(&'static str),
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
        Self::folded(&typing::name(text))
    }

    /// The canonical form that the text had before invisible characters and typographic marks were dropped, where it differs. An
    /// account whose name has such characters is found by it alone.
    pub fn verbatim(text: &str) -> Option<Self> {
        let verbatim = Self::folded(text.trim()).ok()?;
        (Some(&verbatim) != Self::parse(text).ok().as_ref()).then_some(verbatim)
    }

    /// The canonical form of a name or an address as it is stored.
    fn stored(text: &str) -> Option<Self> {
        Self::folded(text.trim()).ok()
    }

    fn folded(text: &str) -> Result<Self, IdentifierError> {
        let folded = fold(text)?;
        let Some((local, domain)) = folded.rsplit_once('@') else { return Ok(Self::Username(folded)) };
        if folded.contains(char::is_whitespace) {
            return Err(IdentifierError::Control);
        }
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

/// Normalizes and lower-cases a text. A non-ASCII character that would become an ASCII one is refused, because it can only be
/// there to imitate it.
fn fold(text: &str) -> Result<String, IdentifierError> {
    match text.chars().count() {
        0 => return Err(IdentifierError::Empty),
        1..=LONGEST => {}
        _ => return Err(IdentifierError::TooLong),
    }
    if text.chars().any(char::is_control) {
        return Err(IdentifierError::Control);
    }
    if text.chars().any(imitates_ascii) {
        return Err(IdentifierError::Imitation);
    }
    let folded: String = text.nfc().flat_map(char::to_lowercase).map(medial).nfc().collect();
    // Folding can turn one character into several, so the length is checked again.
    if folded.chars().count() > LONGEST { Err(IdentifierError::TooLong) } else { Ok(folded) }
}

/// The final sigma as the one within a word: in capitals they are one letter.
const fn medial(c: char) -> char {
    if c == 'ς' { 'σ' } else { c }
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
mod tests;
