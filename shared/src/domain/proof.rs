//! Caller proof: how staff know that a caller is who they say (A7).
//!
//! A convincing caller is how accounts of portals are taken in practice. So whatever staff do for a caller says how they knew
//! them: by a code that only the account's mailbox has got, or by what the member of staff has seen or done. It is recorded with the
//! act and its actor, as one event. By policy nothing that hands an account over is done without it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::text::is_line;
use crate::platform::ids::OutboxId;
use crate::platform::wire::name_of;

/// The number of digits of the code that a caller reads out.
pub const LENGTH: u32 = 6;
/// The life of such a code.
pub const CODE_LIFE: Duration = Duration::from_mins(10);
/// The time for which a code that was read out counts as a proof.
pub const PROOF_LIFE: Duration = Duration::from_mins(15);
/// The most digits in a note. A time of day has no more; the number of a document has.
const MOST_DIGITS: usize = 4;

/// Checks a note on a person whom staff have to do with.
///
/// # Errors
/// The rule that is broken.
pub fn check_note(note: &str) -> Result<(), &'static str> {
    if !is_line(note.trim(), 200) {
        return Err("must have 1 to 200 characters and no control characters");
    }
    if note.chars().filter(|c| c.is_numeric()).count() > MOST_DIGITS {
        return Err("must not contain the number of a document: it may have four digits");
    }
    Ok(())
}

/// The policy on callers: a proof is `off`, `recorded` with what is done for a caller, or `required` for what hands an account over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallerProof {
    /// The log does not say that a proof was missing.
    Off,
    /// Everything is done without a proof too, and the log says `none`.
    #[default]
    Recorded,
    /// A copied link, another address, and whatever is issued for a frozen account need a proof.
    Required,
}

/// The way in which a member of staff knows that the caller is the account's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProofMethod {
    /// The caller has read out the code of a caller check, which was mailed to the account's address.
    MailedCode,
    /// The owner stands in front of the member of staff, who knows them.
    InPerson,
    /// The member of staff has seen an identity document.
    IdentityDocument,
    /// The member of staff has called back at the number on the record, which is never one that the caller gives.
    CalledBack,
    /// There is no proof, and an administrator takes it upon themselves. `note` must say why, and the other administrators are mailed.
    Overruled,
}

impl ProofMethod {
    /// Whether somebody has seen the owner.
    pub const fn is_seen(self) -> bool {
        matches!(self, Self::InPerson | Self::IdentityDocument)
    }
}

/// How a member of staff knew that the caller was the account's owner, as an event records it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Knowledge {
    /// Nothing was said of it.
    None,
    /// The caller has read out a mailed code.
    MailedCode,
    /// The owner was there.
    InPerson,
    /// An identity document was seen.
    IdentityDocument,
    /// The owner was called back at the number on the record.
    CalledBack,
    /// An administrator went without a proof.
    Overruled,
}

impl Knowledge {
    /// The name in the API.
    pub fn name(self) -> String {
        name_of(&self)
    }
}

impl From<Option<ProofMethod>> for Knowledge {
    fn from(method: Option<ProofMethod>) -> Self {
        match method {
            None => Self::None,
            Some(ProofMethod::MailedCode) => Self::MailedCode,
            Some(ProofMethod::InPerson) => Self::InPerson,
            Some(ProofMethod::IdentityDocument) => Self::IdentityDocument,
            Some(ProofMethod::CalledBack) => Self::CalledBack,
            Some(ProofMethod::Overruled) => Self::Overruled,
        }
    }
}

/// How staff say that they know a caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProof {
    /// The way in which the caller is known.
    pub method: ProofMethod,
    /// For `mailed_code`: the caller check whose code was read out. It counts for 15 minutes, for the member of staff who began it.
    #[schema(nullable = false)]
    pub check_id: Option<OutboxId>,
    /// What a supervisor should know of it: 1 to 200 characters. It must not contain health data or the number of a document, so it
    /// has at most four digits.
    #[schema(nullable = false, min_length = 1, max_length = 200)]
    pub note: Option<String>,
}

impl RecordedProof {
    /// Whether the owner was seen, or has read out a code that went to the account's address.
    pub fn is_strong(&self) -> bool {
        self.method().is_some_and(|method| method.is_seen() || method == ProofMethod::MailedCode)
    }

    /// The way in which the caller was known, if one was said.
    pub const fn method(&self) -> Option<ProofMethod> {
        match self.method {
            Knowledge::None => None,
            Knowledge::MailedCode => Some(ProofMethod::MailedCode),
            Knowledge::InPerson => Some(ProofMethod::InPerson),
            Knowledge::IdentityDocument => Some(ProofMethod::IdentityDocument),
            Knowledge::CalledBack => Some(ProofMethod::CalledBack),
            Knowledge::Overruled => Some(ProofMethod::Overruled),
        }
    }

    /// What is recorded of a proof, or of none.
    pub fn of(given: Option<&NewProof>) -> Self {
        Self {
            method: Knowledge::from(given.map(|given| given.method)),
            check_id: given.and_then(|given| given.check_id),
            note: given.and_then(|given| given.note.as_deref()).map(|note| note.trim().to_owned()),
        }
    }
}

impl NewProof {
    /// Checks what was said, without a look at the check.
    ///
    /// # Errors
    /// The member that is wrong, and its rule.
    pub fn check(&self) -> Result<(), (&'static str, &'static str)> {
        match (self.method, self.check_id) {
            (ProofMethod::MailedCode, None) => {
                return Err(("proof.check_id", "is required for mailed_code"));
            }
            (method, Some(_)) if method != ProofMethod::MailedCode => {
                return Err(("proof.check_id", "belongs to mailed_code alone"));
            }
            _ => {}
        }
        let Some(note) = &self.note else {
            let must_say_why = self.method == ProofMethod::Overruled;
            return if must_say_why { Err(("proof.note", "must say why there is no proof")) } else { Ok(()) };
        };
        check_note(note).map_err(|rule| ("proof.note", rule))
    }
}

/// The proof of an act, as its event records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecordedProof {
    /// How the caller was known.
    pub method: Knowledge,
    /// The caller check whose code was read out; absent for other methods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub check_id: Option<OutboxId>,
    /// The words of the member of staff; absent when they gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub note: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(method: ProofMethod, check: bool, note: &str) -> NewProof {
        let check_id = check.then(|| OutboxId::from_bytes([0; 16]));
        NewProof { method, check_id, note: Some(note.to_owned()) }
    }

    #[test]
    fn a_note_names_no_number_of_a_document() {
        let member =
            |note: &str| proof(ProofMethod::InPerson, false, note).check().err().map(|(member, _)| member);
        for good in
            ["At the desk, 11:40", "Driver's licence, photo fits", " x ", "\u{c9}lodie sait qui c'est"]
        {
            assert_eq!(member(good), None, "{good}");
        }
        let long = "x".repeat(201);
        for bad in [
            "",
            "   ",
            "a\nb",
            &long,
            "passport C01X00T47",
            "12345",
            "1 2-3.4/5",
            "\u{661}\u{662}\u{663}\u{664}\u{665}",
        ] {
            assert_eq!(member(bad), Some("proof.note"), "{bad}");
        }
    }

    #[test]
    fn a_check_belongs_to_a_mailed_code() {
        use ProofMethod::{CalledBack, IdentityDocument, InPerson, MailedCode, Overruled};
        let wrong = |method, check| proof(method, check, "x").check().err().map(|(member, _)| member);
        assert_eq!((wrong(MailedCode, true), wrong(MailedCode, false)), (None, Some("proof.check_id")));
        for method in [InPerson, IdentityDocument, CalledBack, Overruled] {
            assert_eq!((wrong(method, false), wrong(method, true)), (None, Some("proof.check_id")));
        }
        let unexplained = NewProof { note: None, ..proof(Overruled, false, "x") };
        assert_eq!(unexplained.check().err().map(|(member, _)| member), Some("proof.note"));
    }
}
