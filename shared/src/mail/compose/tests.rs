use std::collections::BTreeSet;
use std::path::Path;

use super::*;

const KINDS: [Kind; 6] = [
    Kind::ResetLink,
    Kind::VerificationCode,
    Kind::TemporaryPassword,
    Kind::Invitation,
    Kind::PasswordChanged,
    Kind::Repudiated,
];
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
        code: Some("1234 5678"),
        repudiate_url: Some("https://portal.cedar.test/reset#repudiate=AbC"),
        valid_until: Some("2026-11-22T23:35:59Z".parse().unwrap()),
        at: "2026-11-21T23:35:00Z".parse().unwrap(),
    }
}

/// Every kind in every language, for one account and several, with every set of contacts.
fn all_letters() -> Vec<Letter<'static>> {
    let mut letters = Vec::new();
    for (kind, language) in KINDS.into_iter().flat_map(|kind| LANGUAGES.map(|language| (kind, language))) {
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
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
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
fn a_code_in_english_reads_so() {
    let code = letter(Kind::VerificationCode, Language::English);
    let mail = compose(&Letter { links: &FAMILY[1..], support: NO_SUPPORT, ..code }).unwrap();
    assert_eq!(mail.subject, "Your code to choose a new password");
    let expected = "\
Hello,

A new password was requested on Saturday, November 21, 2026 at 6:35 PM EST for an account with Cedar Family Practice.

More than one account uses this email address. When you have entered the code, you can pick the one you need:

Username: lily
Username: tom

Enter this code:

1234 5678

The code works once, and only on the page where you asked for it. \
It ends on Sunday, November 22, 2026 at 6:35 PM EST. After that, you can ask for a new one. \
If you asked more than once, each message has a code of its own.

Please keep the code to yourself. Nobody from Cedar Family Practice will ask you for it.

If you did not ask for this, ignore this message. Nothing has changed. If you are worried or need help, contact:

Cedar Family Practice

This message was sent automatically.
";
    assert_eq!(mail.text, expected);
}

#[test]
fn a_code_in_spanish_reads_so() {
    let code = letter(Kind::VerificationCode, Language::Spanish);
    let mail = compose(&Letter { support: NO_SUPPORT, ..code }).unwrap();
    assert_eq!(mail.subject, "Su código para elegir una contraseña nueva");
    let expected = "\
Hola:

El sábado 21 de noviembre de 2026 a las 6:35 p. m. EST se pidió una contraseña nueva para su cuenta \
en Cedar Family Practice.

Nombre de usuario: jane

Escriba este código:

1234 5678

El código sirve una sola vez, y solo en la página donde lo pidió. \
Vence el domingo 22 de noviembre de 2026 a las 6:35 p. m. EST. Después, puede pedir uno nuevo. \
Si lo pidió más de una vez, cada mensaje tiene su propio código.

No comparta el código con nadie. Nadie de Cedar Family Practice se lo pedirá.

Si usted no pidió esto, ignore este mensaje. No ha cambiado nada. \
Si algo le preocupa o necesita ayuda, comuníquese con:

Cedar Family Practice

Este mensaje se envió de forma automática.
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

Para proteger la cuenta, se cerró la sesión en todos los demás dispositivos.

Si fue usted, no tiene que hacer nada más. Puede iniciar sesión con su contraseña nueva aquí:

Nombre de usuario: jane
https://portal.cedar.test/

Si no fue usted, es posible que otra persona esté usando su cuenta. \
Abra este enlace de inmediato. \
Cierra todas las sesiones y bloquea la cuenta hasta que usted elija una contraseña nueva:

https://portal.cedar.test/reset#repudiate=AbC

Después, comuníquese con nosotros:

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
fn a_temporary_password_in_english_reads_so() {
    let temporary = letter(Kind::TemporaryPassword, Language::English);
    let portal = [Link { url: temporary.portal_url, ..JANE }];
    let code = Some("7k2m-q9vd-0h4z-tb6x-1c8e");
    let mail = compose(&Letter { links: &portal, code, support: NO_SUPPORT, ..temporary }).unwrap();
    assert_eq!(mail.subject, "Your temporary password");
    let expected = "\
Hello,

On Saturday, November 21, 2026 at 6:35 PM EST, Cedar Family Practice reset the password of your account \
and had this temporary password made for you. Nobody there has seen it.

Username: jane

Temporary password:

7k2m-q9vd-0h4z-tb6x-1c8e

Sign in with it here, and then choose a password of your own:
https://portal.cedar.test/

The temporary password works for one sign-in. It ends on Sunday, November 22, 2026 at 6:35 PM EST. \
After that, choose \"Forgot password\" on the page, or ask Cedar Family Practice for a new one. \
If a newer message brings another one, only the newest works.

Please keep it to yourself. Nobody from Cedar Family Practice will ask you for it.

If you did not ask for this or did not expect it, please tell us. If you are worried or need help, contact:

Cedar Family Practice

This message was sent automatically.
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
    // A code's mail has no address to follow: it is entered where it was asked for.
    for letter in all_letters().into_iter().filter(|letter| letter.kind != Kind::VerificationCode) {
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
    assert!(text.contains("Cedar  https://evil.test  x\nPhone: 1  https://evil.test\n"), "{text}");
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
    let code = letter(Kind::VerificationCode, Language::English);
    assert!(matches!(error(Letter { code: None, ..code }), ComposeError::NoCode));
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
