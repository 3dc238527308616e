//! The words of the pages, in files of Fluent's syntax under `messages/<language>/`.
//!
//! Of Fluent's syntax, the files use text, variables, and a choice by a number's plural category that is a whole message. A template
//! is given text; a page's script is given the messages with their variables, and forms the sentences by the browser's own plural
//! rules.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement, VariantKey};
use fluent_syntax::parser::parse;
use rekey::mail::compose::Language;
use serde::Serialize;

/// A message: text with its variables in braces, or one such text for each plural category of a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Message {
    /// The same text whatever the variables are.
    Plain(String),
    /// A text for each plural category of the variable `by`.
    Plural {
        /// The name of the variable with the number.
        by: String,
        /// The texts by category: `one`, `other`.
        of: BTreeMap<String, String>,
    },
}

/// The messages of a language by their names.
pub type Messages = BTreeMap<String, Message>;

/// The files of a language: for templates, for the scripts of every page, and for those of staff's console.
struct Files {
    texts: Messages,
    script: Messages,
    console: Messages,
}

macro_rules! files {
    ($language:literal) => {
        Files {
            texts: [
                read(include_str!(concat!("../messages/", $language, "/pages.ftl"))),
                read(include_str!(concat!("../messages/", $language, "/people.ftl"))),
                read(include_str!(concat!("../messages/", $language, "/office.ftl"))),
            ]
            .into_iter()
            .flatten()
            .collect(),
            script: read(include_str!(concat!("../messages/", $language, "/script.ftl"))),
            console: [
                read(include_str!(concat!("../messages/", $language, "/people_script.ftl"))),
                read(include_str!(concat!("../messages/", $language, "/office_script.ftl"))),
            ]
            .into_iter()
            .flatten()
            .collect(),
        }
    };
}

static ENGLISH: LazyLock<Files> = LazyLock::new(|| files!("en"));
static SPANISH: LazyLock<Files> = LazyLock::new(|| files!("es"));

fn files(language: Language) -> &'static Files {
    match language {
        Language::English => &ENGLISH,
        Language::Spanish => &SPANISH,
    }
}

/// The text of a message for a template, with its variables in braces. `None` when there is no such message.
pub fn text(language: Language, name: &str) -> Option<&'static str> {
    match files(language).texts.get(name)? {
        Message::Plain(text) => Some(text),
        Message::Plural { .. } => None,
    }
}

/// The messages of a page's script.
pub fn of_script(language: Language, is_console: bool) -> BTreeMap<&'static str, &'static Message> {
    let files = files(language);
    let console = files.console.iter().filter(|_| is_console);
    files.script.iter().chain(console).map(|(name, message)| (name.as_str(), message)).collect()
}

/// Reads the messages of a file. What is no message of the syntax above is left out, which a test forbids.
pub fn read(file: &str) -> Messages {
    let (Ok(resource) | Err((resource, _))) = parse(file);
    let entries = resource.body.iter().filter_map(|entry| match entry {
        Entry::Message(message) => Some((message.id.name.to_owned(), of_pattern(message.value.as_ref()?)?)),
        _ => None,
    });
    entries.collect()
}

fn of_pattern(pattern: &Pattern<&str>) -> Option<Message> {
    if let [PatternElement::Placeable { expression: Expression::Select { selector, variants } }] =
        pattern.elements.as_slice()
    {
        let InlineExpression::VariableReference { id } = selector else { return None };
        let of = variants.iter().map(|variant| {
            let VariantKey::Identifier { name } = &variant.key else { return None };
            Some(((*name).to_owned(), plain(&variant.value)?))
        });
        return Some(Message::Plural { by: id.name.to_owned(), of: of.collect::<Option<_>>()? });
    }
    plain(pattern).map(Message::Plain)
}

fn plain(pattern: &Pattern<&str>) -> Option<String> {
    let parts = pattern.elements.iter().map(|element| match element {
        PatternElement::TextElement { value } => Some((*value).to_owned()),
        PatternElement::Placeable {
            expression: Expression::Inline(InlineExpression::VariableReference { id }),
        } => Some(format!("{{{}}}", id.name)),
        PatternElement::Placeable { .. } => None,
    });
    parts.collect()
}

#[cfg(test)]
mod tests;
