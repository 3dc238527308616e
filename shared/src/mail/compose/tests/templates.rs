//! Tests that a missing fact of a letter, fact of a template, template or language is refused.

use std::collections::BTreeSet;
use std::path::Path;

use super::super::template::{ENVIRONMENT, TEMPLATES};
use super::super::{ComposeError, Kind, Language, Letter, Link, compose};
use super::{JANE, letter};

#[test]
fn a_locale_falls_back_to_the_nearest_language_there_is() {
    for (locales, language) in [
        (vec!["es"], Language::Spanish),
        (vec!["es-MX", "en"], Language::Spanish),
        (vec!["es_US"], Language::Spanish),
        (vec!["ES-419"], Language::Spanish),
        (vec!["spa"], Language::Spanish),
        (vec!["en-GB", "es"], Language::English),
        (vec!["pt-BR", "es-MX"], Language::Spanish),
        (vec!["zh-Hant", "en"], Language::English),
        (vec!["est", "fr-ES"], Language::English),
        (vec!["", "e"], Language::English),
        (vec![], Language::English),
    ] {
        assert_eq!(Language::nearest(locales.clone()), language, "{locales:?}");
    }
}

#[test]
fn a_letter_that_lacks_a_fact_is_refused_without_repeating_its_addresses() {
    let whole = letter(Kind::ResetLink, Language::English);
    let error = |letter: Letter<'_>| compose(&letter).err().unwrap();
    assert!(matches!(error(Letter { links: &[], ..whole }), ComposeError::NoLink));
    assert!(matches!(error(Letter { valid_until: None, ..whole }), ComposeError::NoEnd));
    let code = letter(Kind::VerificationCode, Language::English);
    assert!(matches!(error(Letter { code: None, ..code }), ComposeError::NoCode));
    assert!(matches!(error(Letter { label: None, ..code }), ComposeError::NoCode));
    for url in
        ["", "portal.cedar.test", "javascript:alert(1)", "https://cedar.test/#to ken", "https://x/\n#t"]
    {
        let broken = error(Letter { links: &[Link { url, ..JANE }], ..whole });
        assert_eq!(broken.to_string(), "an address in a mail is not a plain web address");
        assert!(matches!(error(Letter { portal_url: url, ..whole }), ComposeError::BrokenUrl));
        assert!(matches!(error(Letter { not_me_url: Some(url), ..whole }), ComposeError::BrokenUrl));
    }
}

#[test]
fn a_template_that_uses_an_unknown_fact_fails() {
    for source in ["{{ nickname }}", "{% if nickname %}{% endif %}", "{% for n in nickname %}{% endfor %}"] {
        assert!(ENVIRONMENT.render_str(source, ()).is_err(), "{source}");
    }
}

#[test]
fn every_template_on_disk_is_embedded() {
    fn collect(folder: &Path, prefix: &str, names: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() {
                collect(&entry.path(), &format!("{name}/"), names);
            } else {
                names.insert(name);
            }
        }
    }
    let mut names = BTreeSet::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/mail/templates"), "", &mut names);
    assert_eq!(names, TEMPLATES.iter().map(|(name, _)| (*name).to_owned()).collect());
}
