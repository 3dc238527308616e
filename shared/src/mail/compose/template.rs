//! The templates. They are embedded in the program, they refuse unknown facts, and they escape values in HTML.

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Output, State, UndefinedBehavior, Value, escape_formatter};

/// Names every template once, so that its name and its place on disk cannot differ.
macro_rules! embed {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../templates/", $name)))),+]
    };
}

/// Every template: its name and its source.
pub(super) static TEMPLATES: &[(&str, &str)] = embed![
    "layout.txt",
    "layout.html",
    "button.html",
    "code.html",
    "contact/en.txt",
    "contact/en.html",
    "contact/es.txt",
    "contact/es.html",
    "not_me/en.txt",
    "not_me/en.html",
    "not_me/es.txt",
    "not_me/es.html",
    "reset_link/en/subject.txt",
    "reset_link/en/body.txt",
    "reset_link/en/body.html",
    "reset_link/es/subject.txt",
    "reset_link/es/body.txt",
    "reset_link/es/body.html",
    "verification_code/en/subject.txt",
    "verification_code/en/body.txt",
    "verification_code/en/body.html",
    "verification_code/es/subject.txt",
    "verification_code/es/body.txt",
    "verification_code/es/body.html",
    "temporary_password/en/subject.txt",
    "temporary_password/en/body.txt",
    "temporary_password/en/body.html",
    "temporary_password/es/subject.txt",
    "temporary_password/es/body.txt",
    "temporary_password/es/body.html",
    "invitation/en/subject.txt",
    "invitation/en/body.txt",
    "invitation/en/body.html",
    "invitation/es/subject.txt",
    "invitation/es/body.txt",
    "invitation/es/body.html",
    "caller_check/en/subject.txt",
    "caller_check/en/body.txt",
    "caller_check/en/body.html",
    "caller_check/es/subject.txt",
    "caller_check/es/body.txt",
    "caller_check/es/body.html",
    "password_changed/en/subject.txt",
    "password_changed/en/body.txt",
    "password_changed/en/body.html",
    "password_changed/es/subject.txt",
    "password_changed/es/body.txt",
    "password_changed/es/body.html",
    "address_changed/en/subject.txt",
    "address_changed/en/body.txt",
    "address_changed/en/body.html",
    "address_changed/es/subject.txt",
    "address_changed/es/body.txt",
    "address_changed/es/body.html",
    "recovery_held/en/subject.txt",
    "recovery_held/en/body.txt",
    "recovery_held/en/body.html",
    "recovery_held/es/subject.txt",
    "recovery_held/es/body.txt",
    "recovery_held/es/body.html",
    "link_copied/en/subject.txt",
    "link_copied/en/body.txt",
    "link_copied/en/body.html",
    "link_copied/es/subject.txt",
    "link_copied/es/body.txt",
    "link_copied/es/body.html",
    "frozen/en/subject.txt",
    "frozen/en/body.txt",
    "frozen/en/body.html",
    "frozen/es/subject.txt",
    "frozen/es/body.txt",
    "frozen/es/body.html",
    "settings_changed/en/subject.txt",
    "settings_changed/en/body.txt",
    "settings_changed/en/body.html",
    "settings_changed/es/subject.txt",
    "settings_changed/es/body.txt",
    "settings_changed/es/body.html",
    "proof_overruled/en/subject.txt",
    "proof_overruled/en/body.txt",
    "proof_overruled/en/body.html",
    "proof_overruled/es/subject.txt",
    "proof_overruled/es/body.txt",
    "proof_overruled/es/body.html",
    "administrator_acted/en/subject.txt",
    "administrator_acted/en/body.txt",
    "administrator_acted/en/body.html",
    "administrator_acted/es/subject.txt",
    "administrator_acted/es/body.txt",
    "administrator_acted/es/body.html",
];

/// The template engine. It is built once. A template is parsed when it is first used, so that a cold start parses only
/// the mails that it sends.
pub(super) static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(escape_for);
    environment.set_formatter(write_value);
    environment.set_syntax(whole_line_tags());
    environment.set_loader(|name| Ok(find_template(name)));
    environment
});

/// The syntax of the templates. A tag on a line of its own leaves no empty line, so that the templates can be laid out
/// like the mail.
fn whole_line_tags() -> SyntaxConfig {
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    // Only changed delimiters can fail to build, and these are the default ones.
    syntax.build().unwrap_or_default()
}

fn find_template(name: &str) -> Option<String> {
    TEMPLATES.iter().find(|(known, _)| *known == name).map(|(_, source)| (*source).to_owned())
}

pub(super) fn render(folder: &str, part: &str, facts: &Value) -> Result<String, minijinja::Error> {
    let name = format!("{folder}/{part}");
    ENVIRONMENT.get_template(&name)?.render(facts)
}

/// Chooses the escaping by the name of the template: HTML is escaped, text and subjects are not.
fn escape_for(name: &str) -> AutoEscape {
    match name.rsplit_once('.') {
        Some((_, "html")) => AutoEscape::Html,
        _ => AutoEscape::None,
    }
}

/// Writes a value into the mail. The engine's own escaping also rewrites every `/`. That is correct HTML, but the
/// source would no longer contain an address as it is, and simple mail programs look for it there.
fn write_value(out: &mut Output, state: &mut State, value: &Value) -> Result<(), minijinja::Error> {
    let plain = value.as_str().filter(|_| *state.auto_escape() == AutoEscape::Html && !value.is_safe());
    match plain {
        Some(text) => Ok(out.write_str(&escape_html(text))?),
        None => escape_formatter(out, state, value),
    }
}

fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
