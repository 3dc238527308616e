use super::*;

fn canonical(text: &str) -> String {
    Identifier::parse(text).expect(text).into()
}

#[test]
fn spelling_does_not_count() {
    for (typed, form) in [
        ("Jane", "jane"),
        ("  jane\t", "jane"),
        ("JANE@Example.ORG", "jane@example.org"),
        ("jane@example.org.", "jane@example.org"),
        ("jane@BÜCHER.example", "jane@xn--bcher-kva.example"),
        ("jane@xn--bcher-kva.example", "jane@xn--bcher-kva.example"),
        ("Zoe\u{308}", "zo\u{eb}"),
        ("ZO\u{cb}", "zo\u{eb}"),
    ] {
        assert_eq!(canonical(typed), form, "{typed}");
    }
}

#[test]
fn what_differs_stays_different() {
    for (one, other) in [
        ("m\u{131}ke@example.org", "mike@example.org"),
        ("m\u{130}ke@example.org", "mike@example.org"),
        ("j.ane@gmail.com", "jane@gmail.com"),
        ("jane+portal@example.org", "jane@example.org"),
        ("jane@exampl\u{435}.org", "jane@example.org"),
        ("straße", "strasse"),
        ("jane.", "jane"),
    ] {
        assert_ne!(canonical(one), canonical(other), "{one}");
    }
}

#[test]
fn an_imitation_of_ascii_is_refused() {
    assert_eq!(Identifier::parse("mi\u{212a}e@example.org"), Err(IdentifierError::Imitation));
}

#[test]
fn what_nobody_can_be_called_is_refused() {
    assert_eq!(Identifier::parse(" \t"), Err(IdentifierError::Empty));
    assert_eq!(Identifier::parse("\u{200b}\u{feff}\u{3164}"), Err(IdentifierError::Empty));
    assert_eq!(Identifier::parse(&"x".repeat(255)), Err(IdentifierError::TooLong));
    assert_eq!(Identifier::parse(&"\u{130}".repeat(254)), Err(IdentifierError::TooLong), "folds to 508");
    assert_eq!(Identifier::parse("ja\nne"), Err(IdentifierError::Control));
    assert_eq!(Identifier::parse("ja ne@example.org"), Err(IdentifierError::Control));
}

/// What is typed is the name that was meant (N2).
#[test]
fn marks_that_nobody_means_do_not_count() {
    for (typed, form) in [
        ("o\u{2019}brien", "o'brien"),
        ("O\u{2bc}Brien@Example.org", "o'brien@example.org"),
        ("anne\u{2011}marie", "anne-marie"),
        ("\u{feff}jane\u{200b}", "jane"),
        ("ja\u{ad}ne", "jane"),
        ("\u{202e}jane\u{202c}", "jane"),
        ("\u{200e}jane@example.org", "jane@example.org"),
        ("Tony\u{a0} \u{3000}Stark", "tony stark"),
        ("\u{ff2a}\u{ff41}ne", "jane"),
        ("jane\u{ff20}example.org", "jane@example.org"),
        ("o\u{fb03}ce", "office"),
        ("\u{39d}\u{399}\u{39a}\u{39f}\u{3a3}", "\u{3bd}\u{3b9}\u{3ba}\u{3bf}\u{3c3}"),
        ("\u{3bd}\u{3b9}\u{3ba}\u{3bf}\u{3c2}", "\u{3bd}\u{3b9}\u{3ba}\u{3bf}\u{3c3}"),
        ("\u{1e9e}traus", "\u{df}traus"),
    ] {
        assert_eq!(canonical(typed), form, "{typed:?}");
    }
    for plain in ["jane", "o'brien", "JANE@example.org", " jane "] {
        assert_eq!(Identifier::verbatim(plain), None, "{plain}");
    }
    let former = Identifier::verbatim("ja\u{200b}ne").map(String::from);
    assert_eq!(former.as_deref(), Some("ja\u{200b}ne"), "a name of an earlier release is found as it is");
}

/// N1: RFC 8265 with single spaces, and nothing of an address or a path.
#[test]
fn a_new_username_is_a_name() {
    for (typed, kept) in [
        ("jane", "jane"),
        (" Jane.Doe-7_x ", "Jane.Doe-7_x"),
        ("Tony  Stark", "Tony Stark"),
        ("O\u{2019}Neil", "O'Neil"),
        ("Zo\u{65}\u{308}", "Zo\u{eb}"),
        ("\u{738b}\u{5c0f}\u{660e}", "\u{738b}\u{5c0f}\u{660e}"),
        ("\u{5d0}\u{5d1}\u{5d2}", "\u{5d0}\u{5d1}\u{5d2}"),
        ("\u{43e}\u{43b}\u{44c}\u{433}\u{430}", "\u{43e}\u{43b}\u{44c}\u{433}\u{430}"),
        ("\u{feff}jane", "jane"),
        ("strau\u{df}", "strau\u{df}"),
        (&"x".repeat(64), &"x".repeat(64)),
    ] {
        assert_eq!(
            NewUsername::parse(typed).map(|name| name.as_str().to_owned()),
            Ok(kept.to_owned()),
            "{typed:?}"
        );
    }
    for refused in [
        "",
        "\u{200b}",
        "\u{3164}",
        "\u{ffa0}\u{115f}",
        "\u{e0061}\u{e0062}",
        "ja\u{200b}ne",
        "ja\u{202e}en",
        "ja\u{ad}ne",
        "ja\u{e0061}ne",
        "https://evil.example/",
        "a/b",
        "a\\b",
        "a:b",
        "a;b",
        "<jane>",
        "\"jane\"",
        "jane?x=1",
        "jane#1",
        "100%",
        "ja\tne",
        "ja\nne",
        "\u{1f600}",
        "\u{2665}jane",
        "\u{5d0}a\u{5d1}",
        "x\u{2044}y",
        ".",
        "..",
        "-",
        "_",
        "'",
        &"x".repeat(65),
    ] {
        assert!(NewUsername::parse(refused).is_err(), "{refused:?}");
    }
}

#[test]
fn an_address_is_a_username_of_its_owner_alone() {
    let own = Email::parse("Ann@X.test").expect("an address");
    let name = |typed: &str| NewUsername::parse(typed).expect(typed);
    assert_eq!(name("ann@x.test").of(Some(&own)).expect("a name").as_str(), "ann@x.test");
    assert!(name("ann@y.test").of(Some(&own)).is_err());
    assert!(name("ann@x.test").of(None).is_err());
    assert_eq!(name("ann").of(None).expect("a name").as_str(), "ann");
    for refused in ["a@b", "@", "ann@", "ann@x.test evil", "ann@x.test@y.test"] {
        assert!(NewUsername::parse(refused).is_err(), "{refused}");
    }
}

#[test]
fn names_that_are_taken_for_each_other_have_one_look() {
    let looks =
        |typed: &str| NewUsername::parse(typed).expect(typed).of(None).expect(typed).looks().expect("looks");
    for (one, other) in [
        ("jane", "j\u{430}ne"),
        ("paypal", "\u{440}\u{430}\u{443}\u{440}\u{430}l"),
        ("scope", "\u{455}\u{441}\u{43e}\u{440}\u{435}"),
        ("tom1", "toml"),
        ("omar", "\u{3bf}mar"),
    ] {
        assert_eq!(looks(one).skeleton, looks(other).skeleton, "{one} {other}");
    }
    assert!(looks("tom1").is_ascii && !looks("j\u{430}ne").is_ascii);
    assert_ne!(looks("jane").skeleton, looks("janet").skeleton);
}

/// N3: what SES takes.
#[test]
fn an_address_is_one_mailbox_and_nothing_more() {
    for text in [
        "a@b@c.org",
        "jane@",
        "@example.org",
        "jane",
        "jane@nodot",
        "a,b@c.org",
        ".a@c.org",
        "a.@c.org",
        "a..b@c.org",
        "<a@c.org>",
        "Ann <a@c.org>",
        "zo\u{eb}@c.org",
        "ann@host.",
        "ann@c.org.",
        "ann@.c.org",
        "ann@c..org",
        "ann@-c.org",
        "ann@c-.org",
        "ann@c_d.org",
        "ann@[192.0.2.1]",
        "ann@[IPv6:2001:db8::1]",
        "ann@192.0.2.1",
        "ann@c.123",
        "ann@c.o",
        "\"ann b\"@c.org",
        "ann(x)@c.org",
        "ann b@c.org",
        "ann@c .org",
        "ann\u{7}@c.org",
        "mailto:ann@c.org",
        &format!("{}@c.org", "a".repeat(65)),
        &format!("a@{}.org", "b".repeat(64)),
        &format!("a@{}org", "bbbbbbbb.".repeat(30)),
    ] {
        let rule = Email::parse(text).expect_err(text).to_string();
        assert!(rule.starts_with("must "), "{text}: {rule}");
    }
    for (text, kept) in [
        ("Jane.Doe@Example.org", "Jane.Doe@Example.org"),
        (" jane+portal@mail.example.co.uk ", "jane+portal@mail.example.co.uk"),
        ("\u{feff}jane@example.org\u{200b}", "jane@example.org"),
        ("o\u{2019}brien@example.org", "o'brien@example.org"),
        ("j`x@example.org", "j`x@example.org"),
        ("jane@B\u{dc}CHER.example", "jane@B\u{dc}CHER.example"),
        ("jane@xn--bcher-kva.example", "jane@xn--bcher-kva.example"),
        ("1@2.example", "1@2.example"),
    ] {
        assert_eq!(Email::parse(text).expect(text).as_str(), kept, "{text}");
    }
}

#[test]
fn an_address_is_never_shown_whole() {
    let email = Email::parse("jane@example.org").expect("an address");
    assert_eq!(email.masked(), "j…@e….org");
    assert_eq!(
        format!("{email:?} {:?}", Identifier::parse("jane").expect("a username")),
        "j…@e….org Username"
    );
}
