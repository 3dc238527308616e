//! The security question: an added layer after the mailbox, never enough alone (T8).
//!
//! An answer is compared without its case, accents' form, punctuation or spacing, and kept like a password.

use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::password::Password;

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

/// The form of an answer that is hashed. `None` when nothing or too much is left.
pub fn normalize(answer: &str) -> Option<Password> {
    Password::parse(&fold(answer))
}

fn fold(answer: &str) -> Zeroizing<String> {
    Zeroizing::new(
        answer.nfkc().flat_map(char::to_lowercase).nfkc().filter(|c| c.is_alphanumeric()).collect(),
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
            assert_eq!(letters(spelling), "zo\u{eb}marie", "{spelling}");
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
