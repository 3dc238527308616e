use std::collections::BTreeSet;

use super::*;
use crate::page::KINDS;

/// The files of a language, with their names.
macro_rules! sources {
    ($language:literal) => {
        [
            ("pages", include_str!(concat!("../../messages/", $language, "/pages.ftl"))),
            ("people", include_str!(concat!("../../messages/", $language, "/people.ftl"))),
            ("office", include_str!(concat!("../../messages/", $language, "/office.ftl"))),
            ("script", include_str!(concat!("../../messages/", $language, "/script.ftl"))),
            ("people_script", include_str!(concat!("../../messages/", $language, "/people_script.ftl"))),
            ("office_script", include_str!(concat!("../../messages/", $language, "/office_script.ftl"))),
        ]
    };
}

/// The variables of a message.
fn variables(message: &Message) -> BTreeSet<String> {
    let of = |text: &str| {
        let parts = text.split('{').skip(1);
        parts.filter_map(|part| Some(part.split_once('}')?.0.to_owned())).collect::<BTreeSet<_>>()
    };
    match message {
        Message::Plain(text) => of(text),
        Message::Plural { by, of: texts } => {
            texts.values().flat_map(|text| of(text)).chain([by.clone()]).collect()
        }
    }
}

#[test]
fn every_file_is_of_the_syntax_and_no_name_is_said_twice() {
    for (name, source) in sources!("en").into_iter().chain(sources!("es")) {
        assert!(parse(source).is_ok(), "{name}");
        let lines = source.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
        assert_eq!(lines.count(), read(source).len(), "{name}: a message is left out, or said twice");
    }
    for files in [&sources!("en")[..3], &sources!("en")[3..]] {
        let names: Vec<String> = files.iter().flat_map(|(_, source)| read(source).into_keys()).collect();
        let once: BTreeSet<&String> = names.iter().collect();
        assert_eq!(once.len(), names.len(), "a name is in two files");
    }
}

#[test]
fn both_languages_have_the_same_messages_with_the_same_variables() {
    for ((name, english), (_, spanish)) in sources!("en").into_iter().zip(sources!("es")) {
        let (english, spanish) = (read(english), read(spanish));
        let names = |messages: &Messages| messages.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&english), names(&spanish), "{name}");
        for (message, text) in &english {
            assert_eq!(variables(text), variables(&spanish[message]), "{name}: {message}");
            let Message::Plural { of, .. } = text else { continue };
            assert!(of.contains_key("one") && of.contains_key("other"), "{message}");
        }
    }
}

/// The literal names in `call("…")`.
fn named<'a>(source: &'a str, call: &str) -> Vec<&'a str> {
    source.split(call).skip(1).filter_map(|rest| rest.split_once('"')).map(|(name, _)| name).collect()
}

#[test]
fn every_message_that_a_template_or_a_script_names_is_there() {
    let texts = &files(Language::English).texts;
    for kind in &KINDS {
        for name in named(kind.template, "t(\"") {
            assert!(texts.contains_key(name), "{}.html: {name}", kind.name);
        }
        let script = of_script(Language::English, kind.of == crate::page::Of::Console);
        for name in named(kind.module, "say(\"") {
            assert!(script.contains_key(name), "{}.js: {name}", kind.name);
        }
    }
    let shared = [include_str!("../../modules/core.js"), include_str!("../../modules/password.js")].concat();
    for name in named(&shared, "say(\"") {
        assert!(of_script(Language::English, false).contains_key(name), "core.js: {name}");
    }
    let parts = [
        include_str!("../../modules/console.js"),
        include_str!("../../modules/people.js"),
        include_str!("../../modules/giving.js"),
        include_str!("../../modules/ties.js"),
    ];
    for name in parts.into_iter().flat_map(|part| named(part, "say(\"")) {
        assert!(of_script(Language::English, true).contains_key(name), "console.js: {name}");
    }
}

#[test]
fn a_plural_keeps_its_categories_and_a_variable_its_braces() {
    let messages = read(
        "a = Hello { $name }\nb =\n    { $n ->\n        [one] One { $n }\n       *[other] Many { $n }\n    }\n",
    );
    assert_eq!(messages["a"], Message::Plain("Hello {name}".to_owned()));
    let of = [("one", "One {n}"), ("other", "Many {n}")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    assert_eq!(messages["b"], Message::Plural { by: "n".to_owned(), of });
}

#[test]
fn the_questions_that_are_offered_are_said_in_both_languages() {
    for (at, question) in rekey::domain::question::OFFERED.iter().enumerate() {
        let name = format!("question-{}", at + 1);
        let said = |language| &files(language).script[&name];
        assert_eq!(*said(Language::English), Message::Plain((*question).to_owned()));
        assert_ne!(said(Language::English), said(Language::Spanish), "{name}");
    }
    let next = format!("question-{}", rekey::domain::question::OFFERED.len() + 1);
    assert!(!files(Language::English).script.contains_key(&next), "{next} is not offered");
}
