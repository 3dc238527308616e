//! Tests of what every letter has: the same words in text and HTML, whole addresses, a time, and nothing that a mail
//! program would load.

use super::super::{Facts, Kind, Link, compose};
use super::{NOT_ME, all_letters};

/// The text that a reader sees of a page, without tags, character references and line ends.
fn visible(html: &str) -> String {
    let body = html.split_once("<body").unwrap().1;
    let text: String =
        body.split('<').filter_map(|piece| piece.split_once('>')).map(|(_, text)| text).collect();
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    text.replace("&amp;", "&").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_mail_renders_and_says_the_same_in_text_and_html() {
    for letter in all_letters() {
        let mail = compose(&letter).unwrap();
        let seen = visible(&mail.html);
        for line in mail.text.lines() {
            assert!(
                seen.contains(line),
                "{:?} in {:?}: {line:?} is not in {seen}",
                letter.kind,
                letter.language
            );
        }
        assert!(!mail.text.contains("\n\n\n"), "{}", mail.text);
    }
}

#[test]
fn every_address_stands_whole_on_a_line_of_the_text_and_in_the_html_as_link_and_as_text() {
    // A mail with a code has no address to follow, because the code is entered on the page where it was asked for, or read out. What
    // the owner is told of otherwise leads to nothing but an objection.
    let codes = [Kind::VerificationCode, Kind::CallerCheck];
    let told = [Kind::AddressChanged, Kind::RecoveryHeld, Kind::LinkCopied];
    for letter in all_letters().into_iter().filter(|letter| !codes.contains(&letter.kind)) {
        let mail = compose(&letter).unwrap();
        let links = letter.links.iter().map(|Link { url, .. }| *url).filter(|_| !told.contains(&letter.kind));
        for url in links.chain(letter.freeze_url.filter(|_| letter.kind.has_freeze())) {
            assert!(mail.text.lines().any(|line| line == url), "{url} in {}", mail.text);
            let escaped = url.replace('&', "&amp;");
            assert!(mail.html.contains(&format!("<a href=\"{escaped}\"")), "{url} in {}", mail.html);
            assert!(mail.html.contains(&format!(">{escaped}</span>")), "{url} in {}", mail.html);
        }
    }
}

#[test]
fn a_code_stands_alone_on_a_line_and_in_no_subject() {
    for letter in all_letters() {
        let mail = compose(&letter).unwrap();
        let lines = mail.text.lines().filter(|line| line.contains("1234 5678")).collect::<Vec<_>>();
        let expected: &[&str] = if letter.kind.has_code() { &["1234 5678"] } else { &[] };
        assert_eq!(lines, expected, "{:?}", letter.kind);
        assert_eq!(mail.html.matches("1234 5678").count(), expected.len());
        assert!(!mail.subject.contains("1234"));
    }
}

#[test]
fn every_mail_with_links_says_when_they_end_and_the_notice_says_when_it_happened() {
    for letter in all_letters() {
        let facts = Facts::of(&letter);
        let moment = if letter.kind.has_end() { facts.valid_until.unwrap() } else { facts.at };
        assert!(compose(&letter).unwrap().text.contains(&moment));
    }
}

#[test]
fn html_names_its_language_and_loads_nothing() {
    let forbidden = ["<img", "<link", "<script", "<style", "<table", "src=", "url(", "@import", "{{", "{%"];
    for letter in all_letters() {
        let html = compose(&letter).unwrap().html;
        let opening = format!("<!doctype html>\n<html lang=\"{}\">\n", letter.language.code());
        assert!(html.starts_with(&opening), "{html}");
        assert_eq!(forbidden.into_iter().find(|part| html.contains(part)), None);
    }
}

#[test]
fn whoever_gets_a_mail_by_mistake_finds_one_link_to_say_so_in_text_and_html() {
    for letter in all_letters() {
        let mail = compose(&letter).unwrap();
        let expected = letter.not_me_url.iter().count();
        assert_eq!(mail.text.lines().filter(|line| *line == NOT_ME).count(), expected, "{:?}", letter.kind);
        assert_eq!(
            mail.html.matches(&format!("<a href=\"{NOT_ME}\"")).count(),
            expected,
            "{:?}",
            letter.kind
        );
    }
}
