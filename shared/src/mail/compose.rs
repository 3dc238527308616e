//! Composing a mail: it takes facts and returns a subject, a plain text and an HTML body.
//!
//! This module owns the words (the files under `templates/`), the two languages, the form of times, and the rules that
//! keep a name or an address from changing the shape of a mail. It never sends a mail, reads a clock or looks anything
//! up. It never puts a secret, a name or an address into a subject.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

use crate::domain::identifier::Email;
use crate::domain::practice;

mod brand;
mod kind;
mod moment;
mod template;

pub use brand::Brand;
use brand::LogoFacts;
pub use kind::Kind;
use moment::write_moment;
use template::render;

/// The language that a mail is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English. It also serves every locale that has no templates of its own.
    #[default]
    English,
    /// Spanish, in the polite form.
    Spanish,
}

impl Language {
    /// The nearest language to the first of some locales that any mail is written in; English when there is none.
    pub fn nearest<'a>(locales: impl IntoIterator<Item = &'a str>) -> Self {
        locales.into_iter().find_map(Self::of).unwrap_or_default()
    }

    /// The language of a locale, by its primary language in two letters or three, such as `es-MX`, `es_419` or `SPA`.
    fn of(locale: &str) -> Option<Self> {
        let primary = locale.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        match primary.as_str() {
            "en" | "eng" => Some(Self::English),
            "es" | "spa" => Some(Self::Spanish),
            _ => None,
        }
    }

    /// The value of the HTML `lang` attribute, which is also the name of the folder of templates.
    pub const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Spanish => "es",
        }
    }
}

/// An account, and the address that serves it. The type has no `Debug`, because the address may carry a token.
#[derive(Clone, Copy)]
pub struct Link<'a> {
    /// The account's username.
    pub username: &'a str,
    /// An absolute `https` or `http` address. It is written into the mail unchanged.
    pub url: &'a str,
}

/// The practice's support contact. A member that is absent or blank is left out of the mail.
#[derive(Clone, Copy, Debug, Default)]
pub struct Support<'a> {
    /// The email address.
    pub email: Option<&'a str>,
    /// The telephone number, as the practice writes it.
    pub phone: Option<&'a str>,
    /// The address of a page.
    pub url: Option<&'a str>,
}

impl<'a> From<&'a practice::Support> for Support<'a> {
    fn from(support: &'a practice::Support) -> Self {
        Self {
            email: support.email.as_ref().map(Email::as_str),
            phone: support.phone.as_deref(),
            url: support.url.as_deref(),
        }
    }
}

/// All facts that a mail states. The type has no `Debug`, because its links may carry tokens.
#[derive(Clone, Copy)]
pub struct Letter<'a> {
    /// The kind of the mail.
    pub kind: Kind,
    /// The language of the mail.
    pub language: Language,
    /// The practice's display name.
    pub practice_name: &'a str,
    /// The practice's support contact.
    pub support: Support<'a>,
    /// What the practice's mails look like.
    pub brand: Brand<'a>,
    /// The address at which to sign in.
    pub portal_url: &'a str,
    /// The IANA name of the practice's time zone. Times are written in UTC if the name is unknown.
    pub time_zone: &'a str,
    /// One link for each account that shares the mailbox. It has the account's own address, or the address of the
    /// portal in a mail that carries no such link.
    pub links: &'a [Link<'a>],
    /// The code or the temporary password, in groups for reading.
    pub code: Option<&'a str>,
    /// For [`Kind::VerificationCode`]: the mark of the request, which the page that asked shows too.
    pub label: Option<&'a str>,
    /// For a mail that tells the owner what was done: the link by which they report that it was not their doing.
    pub freeze_url: Option<&'a str>,
    /// For [`Kind::AddressChanged`]: the new address, masked, if there is one.
    pub masked: Option<&'a str>,
    /// For [`Kind::Frozen`]: whether staff alone can open the account.
    pub needs_proof: bool,
    /// The link by which the reader says that they are somebody else; absent where the address is proven.
    pub not_me_url: Option<&'a str>,
    /// For [`Kind::SettingsChanged`]: the settings, by dotted path. Their values are somebody's words, and stay out of the mail.
    pub settings: &'a [&'a str],
    /// The time at which the links or the code expire. A notice needs none.
    pub valid_until: Option<Timestamp>,
    /// The time of the request, or of the change of the password.
    pub at: Timestamp,
}

/// A mail that is ready to be sent. The type has no `Debug`, because its bodies may carry tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct Composed {
    /// The subject: one line, the same for every practice and account.
    pub subject: String,
    /// The plain text body.
    pub text: String,
    /// The HTML body, with the same facts.
    pub html: String,
}

/// The reason why a mail could not be composed. No message repeats an address, because an address may carry a token.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// The letter has no account, or lacks a link that its kind needs.
    #[error("a mail needs at least one link")]
    NoLink,
    /// The letter has links or a code that expire, and does not say when.
    #[error("a mail with links or a code needs the time at which they end")]
    NoEnd,
    /// The letter has no code, or no mark of its request, and its kind needs it.
    #[error("a mail with a code needs the code, and the mark of its request")]
    NoCode,
    /// An address is not absolute `https` or `http`, or would not stay whole on one line.
    #[error("an address in a mail is not a plain web address")]
    BrokenUrl,
    /// A template is missing or broken, or uses a fact that it is not given.
    #[error("a mail template could not be rendered")]
    Template(#[from] minijinja::Error),
}

/// Writes the mail of a letter.
///
/// # Errors
///
/// [`ComposeError`] when the letter lacks a fact that its mail needs, or a template is broken.
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
    let unlabelled = letter.kind == Kind::VerificationCode && letter.label.is_none();
    if letter.kind.has_code() && letter.code.is_none() || unlabelled {
        return Err(ComposeError::NoCode);
    }
    if letter.kind.has_freeze() && letter.freeze_url.is_none() {
        return Err(ComposeError::NoLink);
    }
    let links = letter.links.iter().map(|link| link.url);
    let mut urls = links.chain([letter.portal_url]).chain(letter.freeze_url).chain(letter.not_me_url);
    let logo_is_plain = letter.brand.logo().is_none_or(|logo| is_plain_url(&logo.url));
    if logo_is_plain && urls.all(is_plain_url) { Ok(()) } else { Err(ComposeError::BrokenUrl) }
}

/// Whether mail programs recognize an address from its first to its last character, and it runs no script.
fn is_plain_url(url: &str) -> bool {
    let has_scheme = url.starts_with("https://") || url.starts_with("http://");
    has_scheme && !url.contains(|c: char| c.is_whitespace() || is_forging(c))
}

/// Whether a character could end a line or reorder it without being seen.
fn is_forging(c: char) -> bool {
    let separates = matches!(c, '\u{2028}' | '\u{2029}');
    let reorders = matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    c.is_control() || separates || reorders
}

/// A time in words, in the time zone of this IANA name, or in UTC if the name is unknown.
pub(super) fn moment_in(moment: Timestamp, time_zone: &str, language: Language) -> String {
    let zone = TimeZone::get(time_zone).unwrap_or(TimeZone::UTC);
    write_moment(&moment.to_zoned(zone), language)
}

/// The text with a space in place of every character that could forge a line.
pub(super) fn without_controls(text: &str) -> String {
    text.chars().map(|c| if is_forging(c) { ' ' } else { c }).collect()
}

/// Somebody's words as words alone: a name that mail programs would make a link of is kept apart by a character that nobody sees,
/// and that sign-in drops from what is pasted.
fn inert(words: &str) -> String {
    let words = without_controls(words);
    let letters = |text: &str| text.chars().take_while(|c| c.is_alphanumeric()).count();
    let dotted = words.char_indices().any(|(at, c)| {
        c == '.' && letters(&words[at + 1..]) > 1 && words[..at].ends_with(char::is_alphanumeric)
    });
    if !dotted && !words.contains("://") {
        return words;
    }
    words
        .chars()
        .flat_map(|c| [Some(c), matches!(c, '.' | ':' | '/').then_some(WORD_JOINER)])
        .flatten()
        .collect()
}

/// It shows nothing, and lets no line end.
const WORD_JOINER: char = '\u{2060}';

/// A means of contact in the form for a mail. A blank one counts as absent.
pub(super) fn contact(text: Option<&str>) -> Option<String> {
    let text = without_controls(text?);
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The facts that the templates may use. They may use no others.
#[derive(Serialize)]
struct Facts<'a> {
    language: &'static str,
    practice_name: String,
    support: SupportFacts,
    color: &'a str,
    logo: Option<LogoFacts>,
    portal_url: &'a str,
    links: Vec<LinkFacts<'a>>,
    code: Option<&'a str>,
    label: Option<&'a str>,
    freeze_url: Option<&'a str>,
    masked: Option<&'a str>,
    needs_proof: bool,
    not_me_url: Option<&'a str>,
    settings: &'a [&'a str],
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
        let write = |moment: Timestamp| moment_in(moment, letter.time_zone, letter.language);
        Self {
            language: letter.language.code(),
            practice_name: inert(letter.practice_name),
            support: SupportFacts::of(&letter.support),
            color: letter.brand.color(),
            logo: letter.brand.logo(),
            portal_url: letter.portal_url,
            links: letter.links.iter().map(LinkFacts::of).collect(),
            code: letter.code,
            label: letter.label,
            freeze_url: letter.freeze_url,
            masked: letter.masked,
            needs_proof: letter.needs_proof,
            not_me_url: letter.not_me_url,
            settings: letter.settings,
            at: write(letter.at),
            valid_until: letter.valid_until.map(write),
        }
    }
}

impl SupportFacts {
    fn of(support: &Support<'_>) -> Self {
        Self {
            email: contact(support.email),
            phone: contact(support.phone).as_deref().map(inert),
            url: contact(support.url),
        }
    }
}

impl<'a> LinkFacts<'a> {
    fn of(link: &Link<'a>) -> Self {
        // A username with an @ is the address of the mail's own owner.
        let is_address = link.username.contains('@');
        let username = if is_address { without_controls(link.username) } else { inert(link.username) };
        Self { username, url: link.url }
    }
}

#[cfg(test)]
mod tests;
