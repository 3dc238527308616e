//! The security question: a second check after the mailbox is proven, and never enough alone (T8).
//!
//! Letter case, accents, punctuation and spacing do not count when an answer is compared. An answer is stored
//! like a password.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::domain::limit::Window;
use crate::domain::text::{self, InvalidMember, is_line};
use crate::platform::clock::{Ambient, days};
use crate::platform::typing::is_invisible;
use crate::secrets::password::{HashError, Hasher, Password, PasswordHash, Peppers};
use crate::secrets::secret::Secret;

/// The questions that a practice offers. Questions whose answers a stranger can look up are left out on purpose.
pub const OFFERED: [&str; 6] = [
    "What was the name of your first pet?",
    "What was the name of your first teacher?",
    "What was the first dish you learned to cook?",
    "What did you want to become when you were a child?",
    "What was the first concert or play you went to?",
    "What is the name of a place you dream of seeing?",
];

/// The number of wrong answers that voids a ticket.
pub const ATTEMPTS: u64 = 5;
/// The number of answers that an account takes in a day, whatever number of tickets they come with. A person who
/// controls the mailbox can ask for more tickets, and must not get more answers by it.
pub const BUDGET: Window = Window { count: 20, span: days(1) };

/// The security question of an account: the question as text, and the answer as an Argon2id hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The question, as it is shown to the account's owner.
    pub question: String,
    /// The normalized answer, hashed like a password.
    pub answer: PasswordHash,
}

/// A security question and its answer, as the account's owner sends them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewQuestion {
    /// The question: one that the practice offers, or one of the owner's own. It has 1 to 200 characters after spaces
    /// at both ends are cut, and no control characters.
    #[schema(min_length = 1, max_length = 200)]
    pub question: String,
    /// The answer. It has 1 to 256 letters and digits; letter case, accents, spacing and punctuation do not count.
    #[schema(value_type = String, min_length = 1)]
    pub answer: Secret,
}

/// A question that has passed [`NewQuestion::check`]. Its answer is normalized and is still plain text.
pub struct ChosenQuestion {
    question: String,
    answer: Password,
}

impl NewQuestion {
    /// Checks the question and normalizes the answer.
    ///
    /// # Errors
    /// [`InvalidMember`] names the member and the rule that it breaks.
    pub fn check(self) -> Result<ChosenQuestion, InvalidMember> {
        let question = self.question.trim().to_owned();
        if !is_line(&question, 200) {
            return Err(InvalidMember::new(
                "question",
                "must have 1 to 200 characters and no control characters",
            ));
        }
        let answer = normalize(self.answer.expose());
        let answer =
            answer.ok_or_else(|| InvalidMember::new("answer", "must have 1 to 256 letters or digits"))?;
        Ok(ChosenQuestion { question, answer })
    }
}

impl ChosenQuestion {
    /// Hashes the answer with one run of Argon2id, and returns the question as an account stores it.
    ///
    /// # Errors
    /// [`HashError`] when the answer cannot be hashed.
    pub fn hash(
        &self,
        hasher: &Hasher,
        peppers: Peppers<'_>,
        ambient: &Ambient,
    ) -> Result<Question, HashError> {
        let answer = hasher.hash(peppers, ambient, &self.answer)?;
        Ok(Question { question: self.question.clone(), answer })
    }
}

/// The form of an answer that is hashed. `None` when it has no letters or digits, or more than 256.
pub fn normalize(answer: &str) -> Option<Password> {
    Password::parse(&without_accents(answer))
}

/// The forms in which an answer may have been hashed: the present one, and the one of releases to which accents counted, if it
/// differs. Only an answer that is typed with accents has both. `None` as for [`normalize`].
pub fn forms(answer: &str) -> Option<Vec<Password>> {
    let (present, former) = (without_accents(answer), fold(answer));
    let is_other = *present != *former;
    let forms = std::iter::once(&present).chain(is_other.then_some(&former));
    let forms: Vec<Password> = forms.filter_map(|form| Password::parse(form)).collect();
    (!forms.is_empty()).then_some(forms)
}

fn fold(answer: &str) -> Zeroizing<String> {
    Zeroizing::new(
        // The text is lower-cased and then upper-cased. Both steps are needed to join letters that have more than two
        // forms, such as ẞ, ß and SS, or ς, σ and Σ.
        answer
            .chars()
            .filter(|&c| !is_invisible(c))
            .nfkc()
            .flat_map(char::to_lowercase)
            .flat_map(char::to_uppercase)
            .nfkc()
            .filter(|c| c.is_alphanumeric())
            .collect(),
    )
}

/// The same, where accents do not count either.
fn without_accents(answer: &str) -> Zeroizing<String> {
    Zeroizing::new(text::without_accents(&fold(answer)).filter(|c| c.is_alphanumeric()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(answer: &str) -> String {
        without_accents(answer).to_string()
    }

    #[test]
    fn case_accents_punctuation_and_spacing_do_not_count() {
        for (one, other) in [
            ("San José", "san jose"),
            ("San Jose\u{301}", "SAN-JOSÉ!"),
            ("Zoë-Marie", " zoe\u{308} marie "),
            ("Straße", "STRASSE"),
            ("STRAẞE", "Strasse"),
            ("Μάρκος", "μαρκος"),
            ("Diyarbakır", "DIYARBAKIR"),
            ("İzmir", "izmir"),
            ("Ågård", "agard"),
            ("Nguyễn", "nguyen"),
            ("ﬁancé", "fiance"),
            ("ёлка", "елка"),
            ("Łódź", "lodz"),
            ("Sørensen", "sorensen"),
            ("Đặng", "dang"),
            ("مُحَمَّد", "محمد"),
            ("שָׁלוֹם", "שלום"),
            ("Rover\u{3164}", "rover"),
        ] {
            assert_eq!(letters(one), letters(other), "{one}");
        }
        for (one, other) in [("がん", "かん"), ("Bob", "Rob"), ("José", "Josue")] {
            assert_ne!(letters(one), letters(other), "{one}");
        }
    }

    #[test]
    fn an_answer_that_was_kept_with_its_accents_is_right_with_them() {
        let forms_of = |answer: &str| forms(answer).map_or(0, |forms| forms.len());
        assert_eq!(forms_of("San José"), 2);
        assert_eq!(forms_of("san jose"), 1);
        assert_eq!(forms_of(" - "), 0);
        let former = Password::parse(&fold("San José")).expect("a form");
        assert!(forms("SAN JOS\u{c9}").expect("forms").contains(&former));
    }

    #[test]
    fn an_answer_of_nothing_is_none() {
        assert!(normalize(" - ").is_none());
        assert!(normalize("Biscuit").is_some());
        assert!(normalize(&"x".repeat(257)).is_none());
    }
}
