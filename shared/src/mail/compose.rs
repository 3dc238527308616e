//! Composing a mail: facts in; subject, plain text and HTML out.
//!
//! Owns the words (the files under `templates/`), the two languages, how a moment is written, and what keeps a name
//! or an address from changing the shape of a mail. It never sends, never reads a clock, never looks anything up,
//! and never puts a secret, a name or an address into a subject.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

mod moment;
mod template;

use moment::write_moment;
use template::render;

/// The language a mail is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English, also for every locale that has no templates of its own.
    #[default]
    English,
    /// Spanish, in the polite form.
    Spanish,
}

impl Language {
    /// The language for an account's locale: `es` and its regions (`es-MX`) are Spanish, anything else is English.
    pub fn from_locale(locale: &str) -> Self {
        let primary = locale.split(['-', '_']).next().unwrap_or_default();
        if primary.eq_ignore_ascii_case("es") { Self::Spanish } else { Self::English }
    }

    /// The HTML `lang` attribute, and the name of the folder of the templates.
    fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
        }
    }
}

/// What a mail is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A link to choose a new password.
    ResetLink,
    /// A code to choose a new password.
    VerificationCode,
    /// A password that signs in once, to choose another.
    TemporaryPassword,
    /// A link to set up an account that has no password yet.
    Invitation,
    /// A notice that the password was changed.
    PasswordChanged,
    /// To the practice: an account's owner has said that a change was not theirs.
    Frozen,
}

impl Kind {
    /// The folder of the templates.
    fn folder(self) -> &'static str {
        match self {
            Self::ResetLink => "reset_link",
            Self::VerificationCode => "verification_code",
            Self::TemporaryPassword => "temporary_password",
            Self::Invitation => "invitation",
            Self::PasswordChanged => "password_changed",
            Self::Frozen => "frozen",
        }
    }

    /// Whether the mail carries something to be typed.
    fn has_code(self) -> bool {
        matches!(self, Self::VerificationCode | Self::TemporaryPassword)
    }

    /// Whether the mail carries what ends, and so must say when.
    fn has_end(self) -> bool {
        !matches!(self, Self::PasswordChanged | Self::Frozen)
    }
}

/// One account and the address that serves it. Has no `Debug`: the address may carry a token.
#[derive(Clone, Copy)]
pub struct Link<'a> {
    /// The account's username.
    pub username: &'a str,
    /// Absolute `https` or `http` address, written into the mail unchanged.
    pub url: &'a str,
}

/// How the practice can be reached; what is absent or blank is left out of the mail.
#[derive(Clone, Copy, Debug, Default)]
pub struct Support<'a> {
    /// Email address.
    pub email: Option<&'a str>,
    /// Telephone number, as the practice writes it.
    pub phone: Option<&'a str>,
    /// Address of a page.
    pub url: Option<&'a str>,
}

/// Everything a mail says. Has no `Debug`: its links may carry tokens.
#[derive(Clone, Copy)]
pub struct Letter<'a> {
    /// What the mail is about.
    pub kind: Kind,
    /// The language to write in.
    pub language: Language,
    /// The practice's display name.
    pub practice_name: &'a str,
    /// Whom to turn to.
    pub support: Support<'a>,
    /// Where to sign in.
    pub portal_url: &'a str,
    /// IANA name of the practice's time zone; an unknown one is written as UTC.
    pub time_zone: &'a str,
    /// One for each account that shares the mailbox: with what opens it, or with the portal where the mail has no such link.
    pub links: &'a [Link<'a>],
    /// The code or the temporary password, grouped for reading.
    pub code: Option<&'a str>,
    /// Of a [`Kind::PasswordChanged`]: the link that says "this wasn't me".
    pub freeze_url: Option<&'a str>,
    /// When the links or the code end; a notice needs none.
    pub valid_until: Option<Timestamp>,
    /// When the request was made or the password was changed.
    pub at: Timestamp,
}

/// A mail ready to send. Has no `Debug`: its bodies may carry tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct Composed {
    /// One line, the same for every practice and account.
    pub subject: String,
    /// The plain text body.
    pub text: String,
    /// The HTML body, with the same facts.
    pub html: String,
}

/// Why a mail could not be composed. No message repeats an address: it may carry a token.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// The letter names no account.
    #[error("a mail needs at least one link")]
    NoLink,
    /// The letter has what ends, and does not say when.
    #[error("a mail with links or a code needs the time at which they end")]
    NoEnd,
    /// The letter is of a code and has none.
    #[error("a mail with a code needs the code")]
    NoCode,
    /// An address is not absolute `https` or `http`, or could not stand whole on one line.
    #[error("an address in a mail is not a plain web address")]
    BrokenUrl,
    /// A template is missing, broken, or uses a fact that it is not given.
    #[error("a mail template could not be rendered")]
    Template(#[from] minijinja::Error),
}

/// Writes the letter.
///
/// # Errors
///
/// [`ComposeError`] when the letter lacks a fact its mail cannot do without, or a template is broken.
pub fn compose(letter: &Letter<'_>) -> Result<Composed, ComposeError> {
    check(letter)?;
    let facts = Value::from(Serde(Facts::of(letter)));
    let folder = format!("{}/{}", letter.kind.folder(), letter.language.code());
    let subject = without_controls(render(&folder, "subject.txt", &facts)?.trim());
    let facts = context! { subject => subject.as_str(), ..facts };
    let text = render(&folder, "body.txt", &facts)?;
    let html = render(&folder, "body.html", &facts)?;
    Ok(Composed { subject, text, html })
}

/// Refuses a letter whose mail would be useless or could be misread.
fn check(letter: &Letter<'_>) -> Result<(), ComposeError> {
    if letter.links.is_empty() {
        return Err(ComposeError::NoLink);
    }
    if letter.kind.has_end() && letter.valid_until.is_none() {
        return Err(ComposeError::NoEnd);
    }
    if letter.kind.has_code() && letter.code.is_none() {
        return Err(ComposeError::NoCode);
    }
    if letter.kind == Kind::PasswordChanged && letter.freeze_url.is_none() {
        return Err(ComposeError::NoLink);
    }
    let mut urls =
        letter.links.iter().map(|link| link.url).chain([letter.portal_url]).chain(letter.freeze_url);
    if urls.all(is_plain_url) { Ok(()) } else { Err(ComposeError::BrokenUrl) }
}

/// An address that mail programs recognise from its first to its last character, and that runs no script.
fn is_plain_url(url: &str) -> bool {
    let has_scheme = url.starts_with("https://") || url.starts_with("http://");
    has_scheme && !url.contains(|c: char| c.is_whitespace() || is_forging(c))
}

/// A character that could end a line, or reorder one, without being seen.
fn is_forging(c: char) -> bool {
    let separates = matches!(c, '\u{2028}' | '\u{2029}');
    let reorders = matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    c.is_control() || separates || reorders
}

/// The text with a space for every character that could forge a line.
fn without_controls(text: &str) -> String {
    text.chars().map(|c| if is_forging(c) { ' ' } else { c }).collect()
}

/// A means of contact fit for a mail; a blank one counts as absent.
fn contact(text: Option<&str>) -> Option<String> {
    let text = without_controls(text?);
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// What the templates may use, and all they may use.
#[derive(Serialize)]
struct Facts<'a> {
    language: &'static str,
    practice_name: String,
    support: SupportFacts,
    portal_url: &'a str,
    links: Vec<LinkFacts<'a>>,
    code: Option<&'a str>,
    freeze_url: Option<&'a str>,
    at: String,
    valid_until: Option<String>,
}

#[derive(Serialize)]
struct SupportFacts {
    email: Option<String>,
    phone: Option<String>,
    url: Option<String>,
}

#[derive(Serialize)]
struct LinkFacts<'a> {
    username: String,
    url: &'a str,
}

impl<'a> Facts<'a> {
    fn of(letter: &Letter<'a>) -> Self {
        let zone = TimeZone::get(letter.time_zone).unwrap_or(TimeZone::UTC);
        let write = |moment: Timestamp| write_moment(&moment.to_zoned(zone.clone()), letter.language);
        Self {
            language: letter.language.code(),
            practice_name: without_controls(letter.practice_name),
            support: SupportFacts::of(&letter.support),
            portal_url: letter.portal_url,
            links: letter.links.iter().map(LinkFacts::of).collect(),
            code: letter.code,
            freeze_url: letter.freeze_url,
            at: write(letter.at),
            valid_until: letter.valid_until.map(write),
        }
    }
}

impl SupportFacts {
    fn of(support: &Support<'_>) -> Self {
        Self { email: contact(support.email), phone: contact(support.phone), url: contact(support.url) }
    }
}

impl<'a> LinkFacts<'a> {
    fn of(link: &Link<'a>) -> Self {
        Self { username: without_controls(link.username), url: link.url }
    }
}

#[cfg(test)]
mod tests;
