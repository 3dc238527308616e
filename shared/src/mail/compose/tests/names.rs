//! Tests that no name, contact or code forges a line, a tag or a subject.

use super::super::{Kind, Language, Letter, Link, Support, compose, is_forging};
use super::{FAMILY, JANE, KINDS, LANGUAGES, NO_SUPPORT, all_letters, letter};

#[test]
fn subjects_are_one_neutral_line_whatever_the_practice_and_the_accounts_are_called() {
    for letter in all_letters() {
        let named = Letter { practice_name: "Hope Clinic\r\nBcc: eve@evil.test", links: &FAMILY, ..letter };
        let subject = compose(&letter).unwrap().subject;
        assert_eq!(subject, compose(&named).unwrap().subject);
        assert!(!subject.is_empty() && !subject.contains(is_forging));
    }
}

#[test]
fn control_characters_in_names_become_spaces_and_forge_no_line() {
    let links = [Link { username: "ja\nne", ..JANE }];
    let support = Support { phone: Some("1\r\nhttps://evil.test"), ..NO_SUPPORT };
    let practice_name = "Cedar\r\nhttps://evil.test\u{2028}\u{202E}x";
    let plain = letter(Kind::ResetLink, Language::English);
    let text = compose(&Letter { links: &links, support, practice_name, ..plain }).unwrap().text;
    assert!(text.contains("Cedar  https:\u{2060}/\u{2060}/\u{2060}evil.\u{2060}test  x\nPhone: 1  https:\u{2060}/\u{2060}/\u{2060}evil.\u{2060}test\n"), "{text}");
    assert!(text.contains("Username: ja ne\n"), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("https://evil.test")), "{text}");
}

#[test]
fn names_are_escaped_in_html_and_left_alone_in_text() {
    let name = r#"<b>"Paws" & 'Claws'</b> {{ at }}"#;
    let links = [Link { username: name, ..JANE }, JANE];
    for (kind, language) in KINDS.into_iter().flat_map(|kind| LANGUAGES.map(|language| (kind, language))) {
        let mail = compose(&Letter { practice_name: name, links: &links, ..letter(kind, language) }).unwrap();
        assert!(mail.text.contains(name), "{}", mail.text);
        assert!(!mail.html.contains("<b>") && !mail.html.contains("\"Paws\""), "{}", mail.html);
        let escaped = "&lt;b&gt;&quot;Paws&quot; &amp; &#39;Claws&#39;&lt;/b&gt; {{ at }}";
        assert!(mail.html.contains(escaped), "{}", mail.html);
    }
}

#[test]
fn blank_contacts_count_as_absent_and_only_web_addresses_are_linked() {
    let support = Support { email: Some(" "), phone: None, url: Some("javascript:alert(1)") };
    let mail = compose(&Letter { support, ..letter(Kind::ResetLink, Language::English) }).unwrap();
    assert!(mail.text.contains("Cedar Family Practice\nWebsite:\njavascript:alert(1)\n"), "{}", mail.text);
    assert!(!mail.html.contains("Email:") && !mail.html.contains("href=\"javascript"), "{}", mail.html);
}

#[test]
fn a_name_becomes_no_link_and_is_otherwise_as_it_was_written() {
    for (written, shown) in [
        ("evil.example", "evil.\u{2060}example"),
        ("www.evil.example", "www.\u{2060}evil.\u{2060}example"),
        ("Call https://evil.test/x", "Call https:\u{2060}/\u{2060}/\u{2060}evil.\u{2060}test/\u{2060}x"),
        ("b\u{fc}cher.test", "b\u{fc}cher.\u{2060}test"),
        ("jane", "jane"),
        ("St. Mary's", "St. Mary's"),
        ("A. B. Smith", "A. B. Smith"),
        ("A/B: the clinic", "A/B: the clinic"),
        ("+1 555.0100.x", "+1 555.\u{2060}0100.\u{2060}x"),
        (
            "Write to https://evil.test/@",
            "Write to https:\u{2060}/\u{2060}/\u{2060}evil.\u{2060}test/\u{2060}@",
        ),
    ] {
        let links = [Link { username: &written.replace('@', ""), ..JANE }];
        let support = Support { phone: Some(written), ..NO_SUPPORT };
        let named = Letter {
            links: &links,
            support,
            practice_name: written,
            ..letter(Kind::ResetLink, Language::English)
        };
        let mail = compose(&named).unwrap();
        assert!(
            mail.text.contains(&format!("Username: {}\n", shown.replace('@', ""))),
            "{written}: {}",
            mail.text
        );
        assert!(mail.text.contains(&format!("Phone: {shown}\n")), "{written}: {}", mail.text);
        let html = shown.replace('\'', "&#39;");
        assert!(mail.html.contains(&html), "{written}: {}", mail.html);
        assert!(
            shown == written || !mail.text.contains(written) && !mail.html.contains(written),
            "{written}"
        );
    }
}

#[test]
fn a_username_that_is_its_owners_address_is_shown_as_it_is() {
    let links = [Link { username: "ann.lee@mail.test", ..JANE }];
    let mail = compose(&Letter { links: &links, ..letter(Kind::ResetLink, Language::English) }).unwrap();
    assert!(mail.text.contains("Username: ann.lee@mail.test\n"), "{}", mail.text);
    assert!(mail.html.contains("ann.lee@mail.test"), "{}", mail.html);
}
