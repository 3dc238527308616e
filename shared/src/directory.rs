//! The directory: how staff find accounts by what they know of them.
//!
//! Pure: which entries an account has, and what a search looks for. An entry is a prefix that leads to an account, so a search
//! reads what it finds and nothing else, however many accounts there are. What decides who may see what is not here.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization as _;

use crate::account::Account;
use crate::ids::AccountId;

/// What a search looks for: every word must begin one of the account's terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search(Vec<String>);

impl Search {
    /// Of what somebody typed. Nothing to look for finds everybody, by name.
    pub fn parse(typed: &str) -> Self {
        Self(fold(typed).split_whitespace().map(str::to_owned).collect())
    }

    /// Whether it looks for nothing in particular.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The beginning of the entries to read: of the longest word, which has the fewest, or of the list by name.
    pub fn prefix(&self) -> String {
        let longest = self.0.iter().max_by_key(|word| word.chars().count());
        longest.map_or_else(|| LISTED.to_owned(), |word| format!("{TERM}{word}"))
    }

    /// Whether an account has all of it.
    pub fn finds(&self, account: &Account) -> bool {
        let terms = terms(account);
        self.0.iter().all(|word| terms.iter().any(|term| term.starts_with(word)))
    }

    /// The one entry that stands for an account among those that the search reads.
    pub fn entry_of(&self, account: &Account) -> Option<String> {
        let prefix = self.prefix();
        entries(account).into_iter().find(|entry| entry.starts_with(&prefix))
    }
}

/// Leads the entry by name, of which an account has one.
const LISTED: &str = "=";
/// Leads the entries of a search.
const TERM: &str = "~";

/// The entries of an account, as sort keys, in order.
pub fn entries(account: &Account) -> BTreeSet<String> {
    let listed = format!("{LISTED}{}", fold(&account.display_name));
    let terms = terms(account);
    // What begins another term is found by that one.
    let alone =
        terms.iter().filter(|term| !terms.iter().any(|other| other != *term && other.starts_with(*term)));
    let entries = alone.map(|term| format!("{TERM}{term}")).chain([listed]);
    entries.map(|entry| with_account(&entry, account.id)).collect()
}

fn with_account(entry: &str, account: AccountId) -> String {
    format!("{entry}#{account}")
}

/// Everything that an account is found by: the words of its name, its username, its addresses.
fn terms(account: &Account) -> BTreeSet<String> {
    let name = fold(&account.display_name);
    let addresses =
        [&account.email, &account.record_email].into_iter().flatten().map(|email| fold(email.as_str()));
    let words = name.split_whitespace().map(str::to_owned);
    words.chain([fold(account.username.as_str())]).chain(addresses).collect()
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
            assert!(Search::parse(found).entry_of(&jane).is_some(), "{found}");
        }
        for missed in ["ane", "jane smith", "jd2", "agency.test"] {
            assert!(!Search::parse(missed).finds(&jane), "{missed}");
        }
    }

    #[test]
    fn one_entry_stands_for_an_account_however_many_match() {
        let jane = account("Jane Janet", "janine", "jan@agency.test");
        let search = Search::parse("jan");
        assert_eq!(search.prefix(), "~jan");
        let entry = search.entry_of(&jane).expect("an entry");
        assert!(entry.starts_with("~jan@agency.test#"), "{entry}");
    }
}
