//! The directory: how staff search for accounts.
//!
//! Pure: this module says which entries an account has and what a search looks for. An entry is a text that leads to an
//! account and begins with what a person may type. A search reads only the entries that it finds, however many accounts
//! there are. It does not decide who may see which account.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization as _;

use crate::domain::account::Account;
use crate::platform::ids::AccountId;

/// The words of a search. Each of them must begin one of the account's terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search(Vec<String>);

impl Search {
    /// Reads what a person typed. A text without words finds every account, in the order of names.
    pub fn parse(typed: &str) -> Self {
        Self(words(&fold(typed)).collect())
    }

    /// Whether the search has no words.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The beginning of the entries that the search reads. It is taken from the longest word, which usually has the
    /// fewest entries, or from the list by name when there are no words.
    pub fn prefix(&self) -> String {
        let longest = self.0.iter().max_by_key(|word| word.chars().count());
        longest.map_or_else(|| LISTED.to_owned(), |word| format!("{TERM}{word}"))
    }

    /// Whether an account matches all words of the search.
    pub fn finds(&self, account: &Account) -> bool {
        let terms = terms(account);
        self.0.iter().all(|word| terms.iter().any(|term| term.starts_with(word)))
    }

    /// The entries of an account that the search reads, in their order. The first one stands for the account.
    pub fn entries_of(&self, account: &Account) -> Vec<String> {
        let prefix = self.prefix();
        entries(account).into_iter().filter(|entry| entry.starts_with(&prefix)).collect()
    }
}

/// The beginning of the entry by name, of which an account has one.
const LISTED: &str = "=";
/// The beginning of the entries by term.
const TERM: &str = "~";

/// The number of words of a name or a search that count.
const MOST_WORDS: usize = 12;
/// The number of characters of a term that count. A sort key has at most 1024 bytes.
const LONGEST: usize = 64;

/// The entries of an account, as sort keys, in their order.
pub fn entries(account: &Account) -> BTreeSet<String> {
    let listed = format!("{LISTED}{}", cut(&fold(&account.display_name)));
    let terms = terms(account);
    // A term that is the beginning of another term needs no entry, because the other term's entry is found by it.
    let alone =
        terms.iter().filter(|term| !terms.iter().any(|other| other != *term && other.starts_with(*term)));
    let entries = alone.map(|term| format!("{TERM}{term}")).chain([listed]);
    entries.map(|entry| with_account(&entry, account.id)).collect()
}

fn with_account(entry: &str, account: AccountId) -> String {
    format!("{entry}#{account}")
}

/// The terms by which an account is found: the words of its name, its username and its addresses.
fn terms(account: &Account) -> BTreeSet<String> {
    let name = fold(&account.display_name);
    let addresses =
        [&account.email, &account.record_email].into_iter().flatten().map(|email| cut(&fold(email.as_str())));
    words(&name).chain([cut(&fold(account.username.as_str()))]).chain(addresses).collect()
}

/// The words of a name or a search. Their number and their length are limited, because a sort key and a transaction
/// have room for no more.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split_whitespace().take(MOST_WORDS).map(cut)
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

fn fold(text: &str) -> String {
    text.nfkc().flat_map(char::to_lowercase).nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn account(name: &str, username: &str, email: &str) -> Account {
        let account = json!({"id": "01JD7Z3M5V8Q2X4Y6W0N1R9T3K", "practice": "agency", "portal": "client",
            "username": username, "email": email, "display_name": name, "active": true, "representative": false,
            "refused": false, "setup": "not_invited", "credential_version": 1, "session_epoch": 1, "created_at": 0});
        serde_json::from_value(account).expect("an account")
    }

    #[test]
    fn an_account_has_an_entry_for_its_name_and_one_for_each_term_that_begins_no_other() {
        let entries = entries(&account("Jane Doe", "jane", "jane@agency.test"));
        let entries: Vec<&str> =
            entries.iter().map(|entry| entry.split('#').next().expect("a part")).collect();
        assert_eq!(entries, ["=jane doe", "~doe", "~jane@agency.test"]);
    }

    #[test]
    fn every_word_of_a_search_must_begin_something() {
        let jane = account("Jane Zo\u{eb} Doe", "jd1", "J.Doe@Agency.test");
        for found in ["", "jane", "DOE ja", "zoe\u{308}", "j.doe@ag", "jd1 jane"] {
            assert!(Search::parse(found).finds(&jane), "{found}");
            assert!(!Search::parse(found).entries_of(&jane).is_empty(), "{found}");
        }
        for missed in ["ane", "jane smith", "jd2", "agency.test"] {
            assert!(!Search::parse(missed).finds(&jane), "{missed}");
        }
    }

    #[test]
    fn no_name_is_too_long_for_its_entries() {
        let long = account(&"\u{fdfa} ".repeat(50), &"\u{1f980}".repeat(254), "jan@agency.test");
        assert!(entries(&long).iter().all(|entry| entry.len() < 512));
        assert!(
            entries(&account(&"a b c d e f g h i j k l m n o p q r ".repeat(3), "u", "u@x.org")).len() < 16
        );
        assert!(Search::parse(&"x".repeat(9000)).prefix().len() < 512);
    }

    #[test]
    fn one_entry_stands_for_an_account_however_many_match() {
        let jane = account("Jane Janet", "janine", "jan@agency.test");
        let search = Search::parse("jan");
        assert_eq!(search.prefix(), "~jan");
        let entries = search.entries_of(&jane);
        assert_eq!(entries.len(), 3);
        assert!(entries[0].starts_with("~jan@agency.test#"), "{entries:?}");
    }
}
