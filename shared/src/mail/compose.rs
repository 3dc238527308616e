//! Composing a mail: facts in; subject, plain text and HTML out.
//!
//! Owns the words (the files under `templates/`), the two languages, how a moment is written, and what keeps a name
//! or an address from changing the shape of a mail. It never sends, never reads a clock, never looks anything up,
//! and never puts a secret, a name or an address into a subject.

use std::sync::LazyLock;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{
    AutoEscape, Environment, Output, State, UndefinedBehavior, Value, context, escape_formatter,
};
use serde::Serialize;

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
    /// A link to set up an account that has no password yet.
    Invitation,
    /// A notice that the password was changed.
    PasswordChanged,
}

impl Kind {
    /// The folder of the templates.
    fn folder(self) -> &'static str {
        match self {
            Self::ResetLink => "reset_link",
            Self::Invitation => "invitation",
            Self::PasswordChanged => "password_changed",
        }
    }

    /// Whether the mail carries links that end, and so must say when.
    fn has_end(self) -> bool {
        !matches!(self, Self::PasswordChanged)
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
    /// One for each account that shares the mailbox; for [`Kind::PasswordChanged`] the account and the portal.
    pub links: &'a [Link<'a>],
    /// When the links end; [`Kind::PasswordChanged`] needs none.
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
    /// The letter has links that end, and does not say when.
    #[error("a mail with links needs the time at which they end")]
    NoEnd,
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
    let subject = without_controls(render(letter, "subject.txt", &facts)?.trim());
    let facts = context! { subject => subject.as_str(), ..facts };
    let text = render(letter, "body.txt", &facts)?;
    let html = render(letter, "body.html", &facts)?;
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
    let mut urls = letter.links.iter().map(|link| link.url).chain([letter.portal_url]);
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

/// The moment as people say it, to the minute. Seconds are dropped, not rounded: an end never looks later than it is.
fn write_moment(moment: &Zoned, language: Language) -> String {
    let day_and_time = match language {
        Language::English => moment.strftime("%A, %B %-d, %Y at %-I:%M %p").to_string(),
        Language::Spanish => write_spanish(moment),
    };
    format!("{day_and_time} {}", zone_abbreviation(moment))
}

/// Such as `sábado 21 de noviembre de 2026 a las 6:35 p. m.`, which reads on after `el`.
fn write_spanish(moment: &Zoned) -> String {
    let (weekday, month) = (spanish_weekday(moment.weekday()), spanish_month(moment.month()));
    let (day, year) = (moment.day(), moment.year());
    let hour = if moment.hour() % 12 == 0 { 12 } else { moment.hour() % 12 };
    let article = if hour == 1 { "la" } else { "las" };
    let half = if moment.hour() < 12 { "a. m." } else { "p. m." };
    format!("{weekday} {day} de {month} de {year} a {article} {hour}:{:02} {half}", moment.minute())
}

fn spanish_weekday(weekday: Weekday) -> &'static str {
    match weekday {
        Weekday::Monday => "lunes",
        Weekday::Tuesday => "martes",
        Weekday::Wednesday => "miércoles",
        Weekday::Thursday => "jueves",
        Weekday::Friday => "viernes",
        Weekday::Saturday => "sábado",
        Weekday::Sunday => "domingo",
    }
}

fn spanish_month(month: i8) -> &'static str {
    match month {
        1 => "enero",
        2 => "febrero",
        3 => "marzo",
        4 => "abril",
        5 => "mayo",
        6 => "junio",
        7 => "julio",
        8 => "agosto",
        9 => "septiembre",
        10 => "octubre",
        11 => "noviembre",
        _ => "diciembre",
    }
}

/// `EST`, or `UTC-03` for the many zones whose abbreviation is a bare offset that nobody would recognise.
fn zone_abbreviation(moment: &Zoned) -> String {
    let info = moment.time_zone().to_offset_info(moment.timestamp());
    let abbreviation = info.abbreviation();
    if abbreviation.starts_with(['+', '-']) { format!("UTC{abbreviation}") } else { abbreviation.to_owned() }
}

/// Names every template once, so that its name and its place on disk cannot differ.
macro_rules! embed {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("templates/", $name)))),+]
    };
}

/// Every template: its name, and its source.
static TEMPLATES: &[(&str, &str)] = embed![
    "layout.txt",
    "layout.html",
    "button.html",
    "contact/en.txt",
    "contact/en.html",
    "contact/es.txt",
    "contact/es.html",
    "reset_link/en/subject.txt",
    "reset_link/en/body.txt",
    "reset_link/en/body.html",
    "reset_link/es/subject.txt",
    "reset_link/es/body.txt",
    "reset_link/es/body.html",
    "invitation/en/subject.txt",
    "invitation/en/body.txt",
    "invitation/en/body.html",
    "invitation/es/subject.txt",
    "invitation/es/body.txt",
    "invitation/es/body.html",
    "password_changed/en/subject.txt",
    "password_changed/en/body.txt",
    "password_changed/en/body.html",
    "password_changed/es/subject.txt",
    "password_changed/es/body.txt",
    "password_changed/es/body.html",
];

/// Built once; a template is parsed when it is first used, so a cold start parses only what it sends.
static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(escape_for);
    environment.set_formatter(write_value);
    environment.set_syntax(whole_line_tags());
    environment.set_loader(|name| Ok(find_template(name)));
    environment
});

/// A tag on a line of its own leaves no empty line behind, so the templates can be laid out like the mail.
fn whole_line_tags() -> SyntaxConfig {
    let mut syntax = SyntaxConfig::builder();
    syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    // Only changed delimiters can fail to build, and these are the usual ones.
    syntax.build().unwrap_or_default()
}

fn find_template(name: &str) -> Option<String> {
    TEMPLATES.iter().find(|(known, _)| *known == name).map(|(_, source)| (*source).to_owned())
}

fn render(letter: &Letter<'_>, part: &str, facts: &Value) -> Result<String, minijinja::Error> {
    let name = format!("{}/{}/{part}", letter.kind.folder(), letter.language.code());
    ENVIRONMENT.get_template(&name)?.render(facts)
}

/// HTML is escaped; text and subjects are not.
fn escape_for(name: &str) -> AutoEscape {
    match name.rsplit_once('.') {
        Some((_, "html")) => AutoEscape::Html,
        _ => AutoEscape::None,
    }
}

/// Writes a value into the mail. The engine's own escaping also rewrites every `/`: correct HTML, but then an
/// address no longer stands in the source as it is, and simple mail programs look for it there.
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    const KINDS: [Kind; 3] = [Kind::ResetLink, Kind::Invitation, Kind::PasswordChanged];
    const LANGUAGES: [Language; 2] = [Language::English, Language::Spanish];
    const JANE: Link<'_> = Link { username: "jane", url: "https://portal.cedar.test/reset#token=AbC-_1" };
    const FAMILY: [Link<'_>; 3] = [
        Link { username: "sam", url: "https://portal.cedar.test/reset#token=s" },
        Link { username: "lily", url: "https://portal.cedar.test/reset#token=l" },
        Link { username: "tom", url: "https://portal.cedar.test/reset#a=1&token=t" },
    ];
    const SUPPORT: Support<'_> = Support {
        email: Some("help@cedar.test"),
        phone: Some("+1 555 0100"),
        url: Some("https://cedar.test/help"),
    };
    const NO_SUPPORT: Support<'_> = Support { email: None, phone: None, url: None };

    fn letter(kind: Kind, language: Language) -> Letter<'static> {
        Letter {
            kind,
            language,
            practice_name: "Cedar Family Practice",
            support: SUPPORT,
            portal_url: "https://portal.cedar.test/",
            time_zone: "America/New_York",
            links: &[JANE],
            valid_until: Some("2026-11-22T23:35:59Z".parse().unwrap()),
            at: "2026-11-21T23:35:00Z".parse().unwrap(),
        }
    }

    /// Every kind in every language, for one account and several, with every set of contacts.
    fn all_letters() -> Vec<Letter<'static>> {
        let mut letters = Vec::new();
        for (kind, language) in KINDS.into_iter().flat_map(|kind| LANGUAGES.map(|language| (kind, language)))
        {
            for links in [&[JANE][..], &FAMILY] {
                for bits in 0..8 {
                    let support = Support {
                        email: SUPPORT.email.filter(|_| bits & 1 != 0),
                        phone: SUPPORT.phone.filter(|_| bits & 2 != 0),
                        url: SUPPORT.url.filter(|_| bits & 4 != 0),
                    };
                    letters.push(Letter { support, links, ..letter(kind, language) });
                }
            }
        }
        letters
    }

    fn written(moment: &str, zone: &str, language: Language) -> String {
        let at = moment.parse().unwrap();
        let letter = Letter { at, time_zone: zone, ..letter(Kind::ResetLink, language) };
        Facts::of(&letter).at
    }

    /// What a reader sees of a page: no tags, no character references, no line ends.
    fn visible(html: &str) -> String {
        let body = html.split_once("<body").unwrap().1;
        let text: String =
            body.split('<').filter_map(|piece| piece.split_once('>')).map(|(_, text)| text).collect();
        let text =
            text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
        text.replace("&amp;", "&").split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_reset_link_in_english_reads_so() {
        let mail = compose(&letter(Kind::ResetLink, Language::English)).unwrap();
        assert_eq!(mail.subject, "Your link to choose a new password");
        let expected = "\
Hello,

A new password was requested on Saturday, November 21, 2026 at 6:35 PM EST for your account with Cedar Family Practice.

Use this link to choose a new password:

Username: jane
https://portal.cedar.test/reset#token=AbC-_1

The link works once. It ends on Sunday, November 22, 2026 at 6:35 PM EST. After that, you can ask for a new one.

Please keep the link to yourself. Anyone who has it can choose your password.

When you have your new password, sign in here:
https://portal.cedar.test/

If you did not ask for this, ignore this message. Nothing has changed. If you are worried or need help, contact:

Cedar Family Practice
Email: help@cedar.test
Phone: +1 555 0100
Website:
https://cedar.test/help

This message was sent automatically.
";
        assert_eq!(mail.text, expected);
    }

    #[test]
    fn an_invitation_of_several_accounts_in_spanish_reads_so() {
        let alone = letter(Kind::Invitation, Language::Spanish);
        let mail = compose(&Letter { links: &FAMILY[..2], support: NO_SUPPORT, ..alone }).unwrap();
        assert_eq!(mail.subject, "Su cuenta está lista para activarse");
        let expected = "\
Hola:

Sus cuentas en línea con Cedar Family Practice están listas. Cada una tiene su propio enlace. \
Para empezar a usar una cuenta, abra su enlace y elija una contraseña:

Nombre de usuario: sam
https://portal.cedar.test/reset#token=s

Nombre de usuario: lily
https://portal.cedar.test/reset#token=l

Cada enlace sirve una sola vez. Todos vencen el domingo 22 de noviembre de 2026 a las 6:35 p. m. EST. \
Después, pida otros nuevos a Cedar Family Practice.

No comparta los enlaces con nadie. Quien tenga uno puede activar esa cuenta.

Cuando tenga una contraseña, inicie sesión aquí:
https://portal.cedar.test/

Si usted no pidió esto o no lo esperaba, ignore este mensaje. No ha cambiado nada. \
Si algo le preocupa o necesita ayuda, comuníquese con:

Cedar Family Practice

Este mensaje se envió de forma automática.
";
        assert_eq!(mail.text, expected);
    }

    #[test]
    fn a_changed_password_in_spanish_reads_so() {
        let portal = [Link { username: "jane", url: "https://portal.cedar.test/" }];
        let changed = letter(Kind::PasswordChanged, Language::Spanish);
        let mail = compose(&Letter { links: &portal, valid_until: None, ..changed }).unwrap();
        assert_eq!(mail.subject, "Se cambió su contraseña");
        let expected = "\
Hola:

La contraseña de su cuenta en Cedar Family Practice se cambió el sábado 21 de noviembre de 2026 \
a las 6:35 p. m. EST.

Para proteger la cuenta, se cerró la sesión en todos los dispositivos. \
Solo puede seguir abierta en el dispositivo donde se hizo el cambio.

Si fue usted, no tiene que hacer nada más. Puede iniciar sesión con su contraseña nueva aquí:

Nombre de usuario: jane
https://portal.cedar.test/

Si no fue usted, es posible que otra persona esté usando su cuenta. Comuníquese con nosotros de inmediato:

Cedar Family Practice
Correo electrónico: help@cedar.test
Teléfono: +1 555 0100
Sitio web:
https://cedar.test/help

Este mensaje se envió de forma automática.
";
        assert_eq!(mail.text, expected);
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
        for letter in all_letters() {
            let mail = compose(&letter).unwrap();
            for Link { url, .. } in letter.links {
                assert!(mail.text.lines().any(|line| line == *url), "{url} in {}", mail.text);
                let escaped = url.replace('&', "&amp;");
                assert!(mail.html.contains(&format!("<a href=\"{escaped}\"")), "{url} in {}", mail.html);
                assert!(mail.html.contains(&format!(">{escaped}</span>")), "{url} in {}", mail.html);
            }
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
    fn subjects_are_one_neutral_line_whatever_the_practice_and_the_accounts_are_called() {
        for letter in all_letters() {
            let named =
                Letter { practice_name: "Hope Clinic\r\nBcc: eve@evil.test", links: &FAMILY, ..letter };
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
        assert!(text.contains("Cedar  https://evil.test  x\nPhone: 1  https://evil.test\n"), "{text}");
        assert!(text.contains("Username: ja ne\n"), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("https://evil.test")), "{text}");
    }

    #[test]
    fn names_are_escaped_in_html_and_left_alone_in_text() {
        let name = r#"<b>"Paws" & 'Claws'</b> {{ at }}"#;
        let links = [Link { username: name, ..JANE }, JANE];
        for (kind, language) in KINDS.into_iter().flat_map(|kind| LANGUAGES.map(|language| (kind, language)))
        {
            let mail =
                compose(&Letter { practice_name: name, links: &links, ..letter(kind, language) }).unwrap();
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
        assert!(
            mail.text.contains("Cedar Family Practice\nWebsite:\njavascript:alert(1)\n"),
            "{}",
            mail.text
        );
        assert!(!mail.html.contains("Email:") && !mail.html.contains("href=\"javascript"), "{}", mail.html);
    }

    #[test]
    fn html_names_its_language_and_loads_nothing() {
        let forbidden =
            ["<img", "<link", "<script", "<style", "<table", "src=", "url(", "@import", "{{", "{%"];
        for letter in all_letters() {
            let html = compose(&letter).unwrap().html;
            let opening = format!("<!doctype html>\n<html lang=\"{}\">\n", letter.language.code());
            assert!(html.starts_with(&opening), "{html}");
            assert_eq!(forbidden.into_iter().find(|part| html.contains(part)), None);
        }
    }

    #[test]
    fn moments_are_written_in_the_mails_language_with_the_zones_abbreviation_of_that_day() {
        let cases = [
            (
                "2026-01-05T05:00:00Z",
                "Monday, January 5, 2026 at 12:00 AM EST",
                "lunes 5 de enero",
                "a las 12:00 a. m. EST",
            ),
            (
                "2026-07-04T17:05:00Z",
                "Saturday, July 4, 2026 at 1:05 PM EDT",
                "sábado 4 de julio",
                "a la 1:05 p. m. EDT",
            ),
            (
                "2026-09-09T16:30:00Z",
                "Wednesday, September 9, 2026 at 12:30 PM EDT",
                "miércoles 9 de septiembre",
                "a las 12:30 p. m. EDT",
            ),
        ];
        for (moment, english, spanish_day, spanish_time) in cases {
            assert_eq!(written(moment, "America/New_York", Language::English), english);
            let spanish = format!("{spanish_day} de 2026 {spanish_time}");
            assert_eq!(written(moment, "America/New_York", Language::Spanish), spanish);
        }
    }

    #[test]
    fn every_weekday_and_month_has_its_spanish_name() {
        let month = |n| written(&format!("2026-{n:02}-01T12:00:00Z"), "UTC", Language::Spanish);
        let months: BTreeSet<_> = (1..=12).map(|n| month(n).split(' ').nth(3).unwrap().to_owned()).collect();
        let day = |n| written(&format!("2026-06-{n:02}T12:00:00Z"), "UTC", Language::Spanish);
        let days: BTreeSet<_> = (1..=7).map(|n| day(n).split(' ').next().unwrap().to_owned()).collect();
        assert_eq!((months.len(), days.len()), (12, 7));
        assert_eq!(day(1), "lunes 1 de junio de 2026 a las 12:00 p. m. UTC");
    }

    #[test]
    fn an_unknown_zone_is_written_as_utc_and_a_nameless_one_as_its_offset() {
        let at = |zone| written("2026-11-21T18:35:00Z", zone, Language::English);
        for unknown in ["Mars/Olympus_Mons", "", "Etc/Unknown"] {
            assert_eq!(at(unknown), "Saturday, November 21, 2026 at 6:35 PM UTC", "{unknown:?}");
        }
        assert_eq!(at("America/Sao_Paulo"), "Saturday, November 21, 2026 at 3:35 PM UTC-03");
        assert_eq!(at("America/Phoenix"), "Saturday, November 21, 2026 at 11:35 AM MST");
    }

    #[test]
    fn spanish_locales_are_spanish_and_all_others_english() {
        for spanish in ["es", "es-MX", "es_US", "ES"] {
            assert_eq!(Language::from_locale(spanish), Language::Spanish);
        }
        for other in ["", "en", "en-US", "est", "fr-ES", "e"] {
            assert_eq!(Language::from_locale(other), Language::English);
        }
    }

    #[test]
    fn a_letter_that_lacks_a_fact_is_refused_without_repeating_its_addresses() {
        let whole = letter(Kind::ResetLink, Language::English);
        let error = |letter: Letter<'_>| compose(&letter).err().unwrap();
        assert!(matches!(error(Letter { links: &[], ..whole }), ComposeError::NoLink));
        assert!(matches!(error(Letter { valid_until: None, ..whole }), ComposeError::NoEnd));
        for url in
            ["", "portal.cedar.test", "javascript:alert(1)", "https://cedar.test/#to ken", "https://x/\n#t"]
        {
            let broken = error(Letter { links: &[Link { url, ..JANE }], ..whole });
            assert_eq!(broken.to_string(), "an address in a mail is not a plain web address");
            assert!(matches!(error(Letter { portal_url: url, ..whole }), ComposeError::BrokenUrl));
        }
    }

    #[test]
    fn a_template_that_uses_an_unknown_fact_fails() {
        for source in
            ["{{ nickname }}", "{% if nickname %}{% endif %}", "{% for n in nickname %}{% endfor %}"]
        {
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
}
