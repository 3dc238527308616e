//! The tenant of SES that a practice's mails are sent by: SES counts the bounces of each for itself, and pauses it alone.

use serde::{Deserialize, Serialize};

/// The name of a tenant: 1 to 64 of `A-Z`, `a-z`, `0-9`, `-` and `_`, as SES takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Tenant(String);

impl Tenant {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Tenant> for String {
    fn from(tenant: Tenant) -> Self {
        tenant.0
    }
}

impl TryFrom<String> for Tenant {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let is_name = (1..=64).contains(&text.len()) && text.bytes().all(is_word);
        if is_name { Ok(Self(text)) } else { Err("must have 1 to 64 of A-Z, a-z, 0-9, - and _") }
    }
}
