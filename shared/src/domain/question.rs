//! The security question: an added layer after the mailbox, never enough alone (T8).
//!
//! An answer is compared without its case, accents' form, punctuation or spacing, and kept like a password.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::domain::limit::Window;
use crate::domain::text::{InvalidMember, is_line};
use crate::platform::clock::{Ambient, days};
use crate::secrets::keyring::Keyring;
use crate::secrets::password::{HashError, Hasher, Password, PasswordHash};
use crate::secrets::secret::Secret;

/// The questions a practice offers to choose from. Answers that a stranger can look up are left out on purpose.
pub const OFFERED: [&str; 6] = [
    "What was the name of your first pet?",
    "What was the name of your first teacher?",
    "What was the first dish you learned to cook?",
    "What did you want to become when you were a child?",
    "What was the first concert or play you went to?",
    "What is the name of a place you dream of seeing?",
];

/// Wrong answers that void a ticket.
pub const ATTEMPTS: u64 = 5;
/// Answers that an account takes in a day, whatever number of tickets they come with: who has the mailbox can ask for more
/// tickets, and must not get more answers.
pub const BUDGET: Window = Window { count: 20, span: days(1) };

/// The security question of an account: the question in words, the answer as Argon2id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// As its holder reads it.
    pub question: String,
    /// The normalized answer, hashed like a password.
    pub answer: PasswordHash,
}

/// A question and its answer, as somebody sends them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewQuestion {
    /// One of those that the practice offers, or one's own.
    #[schema(min_length = 1, max_length = 200)]
    pub question: String,
    /// 1 to 256 letters and digits; case, spacing and punctuation do not count.
    pub answer: Secret,
}

/// The same, fit to be kept. The answer is normalized and still plain.
pub struct ChosenQuestion {
    question: String,
    answer: Password,
}

impl NewQuestion {
    /// Checks both members.
    ///
    /// # Errors
    /// The member, and the rule it breaks.
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
    /// As an account keeps it: one Argon2id.
    ///
    /// # Errors
    /// [`HashError`].
    pub fn hash(&self, hasher: &Hasher, peppers: &Keyring, ambient: &Ambient) -> Result<Question, HashError> {
        let answer = hasher.hash(peppers, ambient, &self.answer)?;
        Ok(Question { question: self.question.clone(), answer })
    }
}

/// The form of an answer that is hashed. `None` when nothing or too much is left.
pub fn normalize(answer: &str) -> Option<Password> {
    Password::parse(&fold(answer))
}

fn fold(answer: &str) -> Zeroizing<String> {
    Zeroizing::new(
        // Both ways, which is how letters come together that have more than two forms: ẞ, ß and SS; ς, σ and Σ.
        answer
            .nfkc()
            .flat_map(char::to_lowercase)
            .flat_map(char::to_uppercase)
            .nfkc()
            .filter(|c| c.is_alphanumeric())
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(answer: &str) -> String {
        fold(answer).to_string()
    }

    #[test]
    fn case_accents_form_punctuation_and_spacing_do_not_count() {
        for spelling in ["Zoë-Marie", " zoe\u{308} marie ", "ZO\u{cb}MARIE!"] {
            assert_eq!(letters(spelling), "ZO\u{cb}MARIE", "{spelling}");
        }
        for (one, other) in
            [("Straße", "STRASSE"), ("STRAẞE", "Strasse"), ("Μάρκος", "ΜΆΡΚΟΣ"), ("Diyarbakır", "DIYARBAKIR")]
        {
            assert_eq!(letters(one), letters(other), "{one}");
        }
        assert_ne!(letters("zoe"), letters("zo\u{eb}"), "an accent is part of a letter");
    }

    #[test]
    fn an_answer_of_nothing_is_none() {
        assert!(normalize(" - ").is_none());
        assert!(normalize("Biscuit").is_some());
        assert!(normalize(&"x".repeat(257)).is_none());
    }
}
