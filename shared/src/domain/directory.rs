//! The directory: how staff search for accounts.
//!
//! Pure: this module says which entries an account has and what a search looks for. An entry is a text that leads to an
//! account and begins with what a person may type. A search reads only the entries that it finds, however many accounts
//! there are. It does not decide who may see which account.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization as _;

use crate::domain::account::Account;
use crate::domain::text::without_accents;
use crate::platform::ids::AccountId;
use crate::platform::typing::{is_invisible, plain_mark};

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
        if self.is_empty() {
            return true;
        }
        let terms = terms(account);
        self.0.iter().all(|word| terms.iter().any(|term| term.starts_with(word)))
    }

    /// The entries of an account that the search reads, in their order. The first one stands for the account.
    pub fn entries_of(&self, account: &Account) -> Vec<String> {
        if self.is_empty() {
            return vec![listed(account)];
        }
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
/// The number of parts of a name's words that count. A transaction has room for 100 writes.
const MOST_PARTS: usize = 30;
/// The number of characters of a term that count. A sort key has at most 1024 bytes.
const LONGEST: usize = 64;

/// The entries of an account, as sort keys, in their order.
pub fn entries(account: &Account) -> BTreeSet<String> {
    let terms = terms(account);
    // A term that is the beginning of another term needs no entry, because the other term's entry is found by it.
    let alone =
        terms.iter().filter(|term| !terms.iter().any(|other| other != *term && other.starts_with(*term)));
    alone.map(|term| with_account(TERM, term, account.id)).chain([listed(account)]).collect()
}

/// The entry by name.
fn listed(account: &Account) -> String {
    with_account(LISTED, &cut(&fold(&account.display_name)), account.id)
}

fn with_account(kind: &str, text: &str, account: AccountId) -> String {
    format!("{kind}{text}#{account}")
}

/// The terms by which an account is found: the words of its name and their parts, its username and its addresses.
fn terms(account: &Account) -> BTreeSet<String> {
    let name = fold(&account.display_name);
    // Whole words first: a long one of many parts must not leave the others out.
    let parts = words(&name).chain(words(&name).flat_map(|word| parts(&word)));
    let parts: BTreeSet<String> = parts.take(MOST_PARTS).collect();
    let addresses =
        [&account.email, &account.record_email].into_iter().flatten().map(|email| cut(&fold(email.as_str())));
    parts.into_iter().chain([cut(&fold(account.username.as_str()))]).chain(addresses).collect()
}

/// The words of a name or a search. Their number and their length are limited, because a sort key and a transaction
/// have room for no more.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split_whitespace()
        .map(|word| word.trim_matches([',', ';']))
        .filter(|word| !word.is_empty())
        .take(MOST_WORDS)
        .map(cut)
}

/// A word, and its parts by which it is found too: what follows a hyphen or an apostrophe (`jones` of `smith-jones`, `neil` of
/// `o'neil`), the whole without them, and what follows each character of a script that writes without blanks.
fn parts(word: &str) -> Vec<String> {
    let mut parts = vec![word.to_owned()];
    let mut before = None;
    for (place, c) in word.char_indices() {
        if before.is_some_and(is_joint) || before.is_some_and(is_unspaced) && is_unspaced(c) {
            parts.push(word[place..].to_owned());
        }
        before = Some(c);
    }
    if word.contains(is_joint) {
        parts.push(word.replace(is_joint, ""));
    }
    parts
}

const fn is_joint(c: char) -> bool {
    matches!(c, '-' | '\'')
}

/// Whether a character belongs to a script that writes without blanks: Chinese, Japanese or Korean.
const fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

/// The form of a text that is compared: neither case nor accents count, typographic apostrophes and hyphens are the plain ones,
/// and invisible characters are left out. The text is lower-cased, upper-cased and lower-cased again, which joins letters that
/// have more than two forms, such as ß and SS.
fn fold(text: &str) -> String {
    let plain: String = text.chars().filter(|&c| !is_invisible(c)).map(plain_mark).collect();
    // What follows does nothing more to most names.
    if plain.is_ascii() {
        return plain.to_ascii_lowercase();
    }
    let cased: String = plain
        .nfkc()
        .flat_map(char::to_lowercase)
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect();
    without_accents(&cased).collect()
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
    fn a_plain_text_is_folded_as_one_that_is_not() {
        for c in (0_u8..128).map(char::from) {
            assert_eq!(fold(&format!("{c}")) + "e", fold(&format!("{c}\u{e9}")), "{c:?}");
        }
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
    fn a_name_is_found_however_it_is_spelled_and_by_its_parts() {
        for (name, searches) in [
            ("Lucía Mora", vec!["lucia mora", "LUCÍA", "luci\u{301}a", "mora lu"]),
            (
                "Anna Smith-Jones",
                vec!["Jones", "smith", "smith-jones", "Smith\u{2010}Jones", "smithjones", "anna jo"],
            ),
            ("Seán O\u{2019}Brien", vec!["o'brien", "O\u{2019}Brien", "obrien", "brien", "sean"]),
            ("Shaun O'Neil", vec!["Neil", "o\u{2bc}neil", "oneil"]),
            ("Jean-Luc de la Tour", vec!["luc", "jeanluc", "tour"]),
            ("Jürgen Groß", vec!["gross", "GROSS", "groß", "jurgen"]),
            ("İpek Yıldız", vec!["ipek", "yildiz"]),
            ("山田太郎", vec!["山田", "太郎", "田太", "郎"]),
            ("やまだ はなこ", vec!["はな", "なこ", "まだ"]),
            ("김민수", vec!["민수", "김"]),
            ("ﬁona \u{200b}Bly\u{feff}th", vec!["fiona", "blyth"]),
            ("Nguyễn Thị Hương", vec!["nguyen", "huong", "thi"]),
            ("Łukasz Sørensen", vec!["lukasz", "sorensen"]),
            ("Ka\u{2bb}ahumanu", vec!["ka'ahumanu", "kaahumanu", "ahumanu"]),
            (
                "ジョナサン・アレクサンダー・フィッツジェラルド・モントゴメリー Smith",
                vec!["smith", "アレクサンダー"],
            ),
            ("Jones, Anna", vec!["jones", "Jones, Anna"]),
        ] {
            let person = account(name, "x1", "x1@agency.test");
            for search in searches {
                assert!(Search::parse(search).finds(&person), "{search}: {name}");
                assert!(!Search::parse(search).entries_of(&person).is_empty(), "{search}: {name}");
            }
        }
        let jones = account("Anna Smith-Jones", "x1", "x1@agency.test");
        for missed in ["ones", "nna", "smith jonas", "-jones"] {
            assert!(!Search::parse(missed).finds(&jones), "{missed}");
        }
    }

    #[test]
    fn no_name_has_more_entries_than_a_transaction_has_room_for() {
        let long = account(&"山田太郎".repeat(25), &"a-".repeat(100), "x1@agency.test");
        assert!(entries(&long).len() <= MOST_PARTS + 4, "{}", entries(&long).len());
        let joints = account(&"a-b'c-d e-f-g ".repeat(7), "x1", "x1@agency.test");
        assert!(entries(&joints).len() <= MOST_PARTS + 4);
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
