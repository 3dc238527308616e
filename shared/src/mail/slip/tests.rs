use super::*;

const URL: &str = "https://portal.agency.test/reset#token=AZPe_7-1AZPe_7-2AZPe_7-3AZPe_7-4AZPe_7-5";

fn slip(language: Language, username: Option<&str>) -> Slip<'_> {
    Slip {
        language,
        practice_name: "Riverside Agency",
        support: Support { email: Some("help@agency.test"), phone: Some("+1 555 0100"), url: None },
        username,
        url: URL,
        time_zone: "America/New_York",
        valid_until: Timestamp::UNIX_EPOCH,
    }
}

#[test]
fn a_slip_says_what_to_do_until_when_and_whom_to_ask() {
    let text = slip(Language::English, Some("jane")).text();
    for part in [
        "Riverside Agency\n\nUsername: jane\n\nWith this slip",
        "\n   https://portal.agency.test/reset#token=\n",
        "\n   AZPe _7-1 AZPe _7-2 AZPe _7-3 AZPe _7-4\n   AZPe _7-5\n",
        "begins with https://portal.agency.test\n",
        "until Wednesday, December 31, 1969 at 7:00 PM EST.",
        "Riverside Agency\nEmail: help@agency.test\nPhone: +1 555 0100\n",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(text.lines().count() < 40, "one page");
}

#[test]
fn a_slip_is_in_spanish_and_without_a_username_too() {
    let text = slip(Language::Spanish, None).text();
    assert!(text.starts_with("Riverside Agency\n\nCon esta hoja"), "{text}");
    for part in ["hasta el miércoles 31 de diciembre de 1969 a las 7:00 p. m. EST.", "Teléfono: +1 555 0100"]
    {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains(['{', '}']), "{text}");
}

#[test]
fn a_name_that_looks_like_a_place_or_breaks_the_line_changes_nothing() {
    let text = slip(Language::English, Some("{token}\nGo to\u{2028}{address}")).text();
    assert!(text.contains("Username: {token} Go to {address}\n"), "{text}");
    assert_eq!(text.matches("AZPe _7-1").count(), 1);
}

#[test]
fn the_square_is_of_the_link() {
    let svg = slip(Language::English, None).qr().expect("a square");
    assert!(svg.starts_with("<?xml") && svg.ends_with("</svg>"), "{svg}");
    let other = Slip { url: "https://portal.agency.test/reset#token=other", ..slip(Language::English, None) };
    assert_ne!(other.qr().expect("a square"), svg);
    let long = "x".repeat(3000);
    assert!(Slip { url: &long, ..slip(Language::English, None) }.qr().is_err());
}
