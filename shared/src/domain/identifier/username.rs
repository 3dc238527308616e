//! A username: what a new one may be, and what it looks like.

use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::Profile as _;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use unicode_security::confusable_detection::skeleton;
use utoipa::ToSchema;

use super::{Email, Identifier, IdentifierError};
use crate::platform::typing;

/// The most code points of a new username that is no address.
const LONGEST: usize = 64;
/// The characters of an address's or a path's syntax.
const SYNTAX: [char; 15] = ['@', '/', '\\', ':', ';', ',', '?', '#', '%', '<', '>', '(', ')', '[', ']'];

const OTHER_ADDRESS: IdentifierError =
    IdentifierError::NoUsername("must not contain @, unless it is the account's own email");
const TOO_LONG: IdentifierError = IdentifierError::NoUsername("must have at most 64 characters");
const HAS_SYNTAX: IdentifierError =
    IdentifierError::NoUsername("must not contain any of \" / \\ : ; , ? # % < > ( ) [ ]");
const NO_LETTER: IdentifierError = IdentifierError::NoUsername("must have a letter or a digit");
const NO_PRECIS: IdentifierError = IdentifierError::NoUsername(
    "must have only letters, digits, ASCII punctuation and single spaces (RFC 8265), and no invisible characters",
);

impl IdentifierError {
    /// The address that is the username is to be removed.
    pub const NEEDS_USERNAME: Self =
        Self::NoUsername("must be given when the email that is the username is removed");
}

/// A username, as its owner writes it. It is read as it was stored; a new one is a [`NewUsername`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Username(String);

impl Username {
    /// The username as its owner writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The username as an identifier.
    pub fn identifier(&self) -> Option<Identifier> {
        Identifier::stored(&self.0)
    }

    /// Whether the username is an address: its account's own.
    pub fn is_address(&self) -> bool {
        self.0.contains('@')
    }

    /// What the username looks like. `None` for an address, which is its owner's alone.
    pub fn looks(&self) -> Option<Looks> {
        let canonical = String::from(self.identifier().filter(|_| !self.is_address())?);
        Some(Looks { is_ascii: canonical.is_ascii(), skeleton: skeleton(&canonical).collect() })
    }
}

impl From<&Email> for Username {
    /// The username of a person who signs in by their address.
    fn from(email: &Email) -> Self {
        Self(email.as_str().to_owned())
    }
}

/// What a username looks like (UTS 39): two names with one skeleton are taken for each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looks {
    /// Whether the name has ASCII characters alone. Such names are told apart by their owners: `tom1` and `toml`.
    pub is_ascii: bool,
    /// The skeleton of the canonical name.
    pub skeleton: String,
}

/// A username for an account that is to have it: a name of RFC 8265 (`UsernameCaseMapped`, with single spaces between its parts) of
/// at most 64 code points, with a letter or a digit and without the characters of an address's or a path's syntax; or the account's
/// own email address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String, min_length = 1, max_length = 254)]
pub struct NewUsername(String);

impl NewUsername {
    /// Checks a username. Blanks and invisible characters at its ends are dropped, typographic apostrophes and hyphens become
    /// plain ones, and wide letters ordinary ones.
    ///
    /// # Errors
    /// [`IdentifierError`] with the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        if Identifier::parse(text)?.as_str().contains('@') {
            return Email::parse(text).map(|email| Self(email.into())).map_err(|_| OTHER_ADDRESS);
        }
        let visible = text.trim_matches(|c: char| c.is_whitespace() || typing::is_invisible(c));
        if visible.contains(typing::is_invisible) {
            return Err(NO_PRECIS);
        }
        let name: String = typing::name(visible).nfc().collect();
        if name.chars().count() > LONGEST {
            return Err(TOO_LONG);
        }
        if name.contains(SYNTAX) || name.contains('"') {
            return Err(HAS_SYNTAX);
        }
        if !name.contains(char::is_alphanumeric) {
            return Err(NO_LETTER);
        }
        let precis = UsernameCaseMapped::new();
        if name.split(' ').all(|part| precis.enforce(part).is_ok()) { Ok(Self(name)) } else { Err(NO_PRECIS) }
    }

    /// The username of an account with this address.
    ///
    /// # Errors
    /// [`IdentifierError`] when the name is an address of somebody else.
    pub fn of(self, email: Option<&Email>) -> Result<Username, IdentifierError> {
        let username = Username(self.0);
        let own = email.and_then(Email::identifier);
        if username.is_address() && username.identifier() != own { Err(OTHER_ADDRESS) } else { Ok(username) }
    }

    /// The name as it is to be stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for NewUsername {
    type Error = IdentifierError;

    fn try_from(text: String) -> Result<Self, IdentifierError> {
        Self::parse(&text)
    }
}
