//! An email address that mail can be sent to.

use std::fmt;

use email_address::{EmailAddress, Error, Options};
use serde::{Deserialize, Deserializer, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use utoipa::ToSchema;

use super::{Identifier, IdentifierError, canonical_domain, fold};
use crate::platform::typing;
use crate::secrets::token::{Digest, digest_of};

/// An email address, as its owner writes it. It has at most 254 characters, and the part before the `@` is ASCII.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(into = "String", try_from = "String")]
#[schema(value_type = String, format = Email, max_length = 254)]
pub struct Email(String);

impl Email {
    /// Checks an address against what SES takes: a syntax of RFC 5321 with a domain of the public DNS, in ASCII before the `@`,
    /// without quotes and comments. Invisible characters are dropped.
    ///
    /// # Errors
    /// [`IdentifierError`] with the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        let text: String = typing::name(text).nfc().collect();
        let folded = fold(&text)?;
        if folded.contains(char::is_whitespace) {
            return Err(IdentifierError::Control);
        }
        let (local, domain) = folded.rsplit_once('@').ok_or(NO_AT)?;
        if local.is_empty() || domain.is_empty() {
            return Err(NO_AT);
        }
        // SES does not support SMTPUTF8, and takes neither quotes nor comments.
        if local.contains(|c: char| !c.is_ascii_graphic() || "()<>[]:;,\\\"@".contains(c)) {
            return Err(LOCAL);
        }
        if domain.contains(['[', ']']) {
            return Err(LITERAL);
        }
        if domain.ends_with('.') {
            return Err(DOMAIN);
        }
        let ascii = canonical_domain(domain).ok_or(DOMAIN)?;
        let options = Options { minimum_sub_domains: 2, ..Options::default() };
        EmailAddress::parse_with_options(&format!("{local}@{ascii}"), options.without_display_text())
            .map_err(|error| rule(&error))?;
        // A host of the DNS ends with a name. An address that ends with a number is one of the network.
        let ending = ascii.rsplit('.').next().unwrap_or_default();
        if ending.len() < 2 || ending.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(DOMAIN);
        }
        Ok(Self(text))
    }

    /// Reads an address that is stored. It was checked when it was entered, by the rules of that time.
    ///
    /// # Errors
    /// The deserializer's.
    pub fn stored<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(Self))
    }

    /// The address as an identifier.
    pub fn identifier(&self) -> Option<Identifier> {
        Identifier::stored(&self.0)
    }

    /// The address as its owner writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digest of the mailbox, by which what was mailed to it knows it again.
    pub fn mailbox_digest(&self) -> Digest {
        digest_of(&self.mailbox())
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

const NO_AT: IdentifierError = IdentifierError::NoAddress("must be an email address such as ann@example.org");
const LOCAL: IdentifierError =
    IdentifierError::NoAddress("must have only ASCII letters, digits and !#$%&'*+-/=?^_`{|}~. before the @");
const DOTS: IdentifierError =
    IdentifierError::NoAddress("must have no dot first or last before the @, and nowhere two in a row");
const LENGTH: IdentifierError =
    IdentifierError::NoAddress("must have at most 64 characters before the @ and 63 between two dots");
const LITERAL: IdentifierError =
    IdentifierError::NoAddress("must have a domain name after the @ and no network address");
const DOMAIN: IdentifierError = IdentifierError::NoAddress(
    "must have a whole domain name after the @, such as example.org, without a dot at its end",
);

/// The rule that an address breaks, by the library's verdict.
const fn rule(error: &Error) -> IdentifierError {
    match error {
        Error::LocalPartTooLong | Error::SubDomainTooLong | Error::DomainTooLong => LENGTH,
        Error::MissingSeparator | Error::LocalPartEmpty => NO_AT,
        Error::InvalidIPAddress | Error::UnsupportedDomainLiteral => LITERAL,
        Error::DomainEmpty | Error::DomainTooFew | Error::SubDomainEmpty => DOMAIN,
        Error::DomainInvalidSeparator | Error::InvalidCharacter => DOTS,
        _ => LOCAL,
    }
}
