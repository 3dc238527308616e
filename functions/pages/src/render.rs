//! How a page becomes an answer: its language, its template, its security policy, and its compression.

use std::io::Write as _;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::StatusCode;
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, VARY,
};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, UndefinedBehavior, Value, context};
use rekey::domain::practice::{Color, Portal, Practice, SecurityQuestion};
use rekey::domain::question;
use rekey::http::call::Call;
use rekey::http::problem::Problem;
use rekey::http::reply::Reply;
use rekey::mail::compose::Language;
use serde_json::json;

use crate::page::{KINDS, Kind, Of};
use crate::{Deps, assets, messages};

/// The cookie with the language that a person has chosen on a page.
const LANGUAGE: &str = "rekey-language";

/// What is shown.
pub(crate) enum At<'a> {
    /// A page of a portal.
    Page { kind: &'static Kind, practice: &'a Practice, portal: Portal },
    /// The question which practice is meant, after a practice that there is not.
    Choice { is_wrong: bool },
    /// Nothing is there, or it cannot be shown now.
    Nowhere { status: StatusCode },
}

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true);
    // Only changed delimiters can fail to build, and these are the default ones.
    environment.set_syntax(syntax.build().unwrap_or_default());
    environment.add_function("t", text);
    environment.set_loader(|name| Ok(find_template(name).map(str::to_owned)));
    environment
});

/// The templates that are no page of a portal.
static OTHERS: [(&str, &str); 4] = [
    ("layout.html", include_str!("../templates/layout.html")),
    ("parts.html", include_str!("../templates/parts.html")),
    ("choice.html", include_str!("../templates/choice.html")),
    ("nowhere.html", include_str!("../templates/nowhere.html")),
];

fn find_template(name: &str) -> Option<&'static str> {
    let page = name.strip_suffix(".html").and_then(|name| KINDS.iter().find(|kind| kind.name == name));
    let other = || OTHERS.iter().find(|(known, _)| *known == name).map(|(_, source)| *source);
    page.map(|kind| kind.template).or_else(other)
}

/// `t("name", variable=value)`: a message in the language of the page.
#[expect(clippy::needless_pass_by_value, reason = "the template engine hands its arguments over")]
fn text(state: &State<'_, '_>, name: &str, values: Kwargs) -> Result<String, Error> {
    let is_spanish = state.lookup("language").is_some_and(|language| language.as_str() == Some("es"));
    let language = if is_spanish { Language::Spanish } else { Language::English };
    let found = messages::text(language, name);
    let found = found.ok_or_else(|| Error::new(ErrorKind::UndefinedError, format!("no message {name}")))?;
    let mut text = found.to_owned();
    for variable in values.args() {
        let value: String = values.get(variable)?;
        text = text.replace(&format!("{{{variable}}}"), &value);
    }
    values.assert_all_used()?;
    Ok(text)
}

/// Renders a page with every header that it needs.
///
/// # Errors
/// 500 when a template is broken, and 503 when no randomness can be had.
pub(crate) fn render(deps: &Deps, call: &Call, at: &At<'_>, status: StatusCode) -> Result<Reply, Problem> {
    let nonce = URL_SAFE_NO_PAD.encode(deps.ambient.bytes::<16>()?);
    let language = language(call, at);
    let shared = context! {
        language => language.code(),
        nonce => nonce.as_str(),
        assets => Value::from_safe_string(assets::base()),
    };
    let (name, facts) = match at {
        At::Page { kind, practice, portal } => (kind.name, of_page(kind, practice, *portal, language)),
        At::Choice { is_wrong } => ("choice", context! { is_wrong }),
        At::Nowhere { status } => ("nowhere", context! { is_missing => *status == StatusCode::NOT_FOUND }),
    };
    let template = ENVIRONMENT.get_template(&format!("{name}.html"));
    let html = template.and_then(|template| template.render(context! { ..shared, ..facts }));
    let html = html.map_err(|error| Problem::internal("rendering a page", error))?;
    let reply = compressed(call, "text/html; charset=utf-8", || html.clone(), || compress(&html));
    // The form of the choice leads on to a portal wherever it is, and a browser holds the policy against redirects too.
    let forms = if matches!(at, At::Choice { .. }) { "http: https:" } else { "'self'" };
    // The one page that shows the HTML of a mail, which it reads without running it.
    let trusted = if name == "brand" { "mail-preview" } else { "'none'" };
    Ok(secured(reply.with_status(status), &nonce, forms, trusted))
}

/// What a page of a portal shows, and what its script is given.
fn of_page(kind: &Kind, practice: &Practice, portal: Portal, language: Language) -> Value {
    let base = format!("/p/{}/{}", practice.slug, portal.as_str());
    let policy = &practice.policy;
    let asks = policy.security_question != SecurityQuestion::Off;
    let given = json!({
        "practice": practice.slug,
        "portal": portal,
        "base": base,
        "language": language.code(),
        "time_zone": practice.time_zone,
        "code_ttl": policy.code_ttl,
        "password_policy": practice.password_policy(),
        "security_question": policy.security_question,
        "security_questions": if asks { question::OFFERED.as_slice() } else { &[] },
        "help_requests": policy.help_requests,
        "session_idle": policy.session_idle,
        "messages": messages::of_script(language, kind.of == Of::Console),
    });
    context! {
        practice => context! {
            slug => practice.slug.as_str(),
            name => practice.name.as_str(),
            support => Value::from(Serde(&practice.support)),
            color => practice.brand.color.as_ref().map(Color::as_str),
            logo => practice.brand.logo.as_ref().map(|logo| context! {
                path => Value::from_safe_string(logo.path(&practice.slug)),
                width => logo.width,
                height => logo.height,
            }),
        },
        portal => portal.as_str(),
        is_console => kind.of == Of::Console,
        imports => Value::from_safe_string(assets::imports(kind.of == Of::Console)),
        home => Value::from_safe_string(home(kind, &base)),
        base => Value::from_safe_string(base),
        page => kind.name,
        recovery_methods => Value::from(Serde(&policy.recovery_methods)),
        help_requests => policy.help_requests,
        asks_question => asks,
        // In a script element, only `<` could end it.
        given => Value::from_safe_string(given.to_string().replace('<', "\\u003c")),
        module => Value::from_safe_string(kind.module.to_owned()),
    }
}

/// Where the practice's name leads: whoever is signed in stays there.
fn home(kind: &Kind, base: &str) -> String {
    match kind.name {
        "account" | "change-password" => format!("{base}/account"),
        _ if kind.of == Of::Console => format!("{base}/clients"),
        _ => base.to_owned(),
    }
}

/// The language that a person has chosen on a page, or else the browser's, or else the practice's.
fn language(call: &Call, at: &At<'_>) -> Language {
    let asked = call.query_member("lang").map(str::to_owned);
    let chosen = call.cookie(LANGUAGE).map(str::to_owned);
    let practice = match at {
        At::Page { practice, .. } => Some(practice.locale.clone()),
        At::Choice { .. } | At::Nowhere { .. } => None,
    };
    let wanted: Vec<String> =
        asked.into_iter().chain(chosen).chain(call.languages()).chain(practice).collect();
    Language::nearest(wanted.iter().map(String::as_str))
}

/// A page loads its own parts alone, runs no script but its own, and stands in no frame.
fn secured(reply: Reply, nonce: &str, forms: &str, trusted: &str) -> Reply {
    let policy = format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; \
         connect-src 'self'; form-action {forms}; base-uri 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types {trusted}"
    );
    reply
        .with_header(CONTENT_SECURITY_POLICY, &policy)
        .with_header(REFERRER_POLICY, "no-referrer")
        .with_header(HeaderName::from_static("cross-origin-opener-policy"), "same-origin")
        .with_header(HeaderName::from_static("cross-origin-resource-policy"), "same-origin")
        .with_header(
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=()",
        )
}

/// An answer with a text, compressed where the caller takes that.
pub(crate) fn compressed(
    call: &Call,
    content_type: &'static str,
    text: impl FnOnce() -> String,
    gzip: impl FnOnce() -> Vec<u8>,
) -> Reply {
    let reply = if call.takes_gzip() {
        Reply::bytes(content_type, gzip()).with_header(CONTENT_ENCODING, "gzip")
    } else {
        Reply::text(content_type, text())
    };
    reply.with_header(VARY, ACCEPT_ENCODING.as_str())
}

/// A text in gzip's form.
pub(crate) fn compress(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // A vector takes every byte.
    let written = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}
