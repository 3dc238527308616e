use super::locale::LONGEST_LOCALE;
use super::*;
use serde_json::json;

fn settings() -> Value {
    json!({
        "slug": "agency", "name": "Harbor Agency", "support": {"email": "help@agency.test"},
        "time_zone": "America/New_York", "locale": "en",
        "portals": {
            "client": {"url": "https://portal.agency.test", "recovery_url": "https://portal.agency.test/reset"},
            "staff": {"url": "https://staff.agency.test", "recovery_url": "https://staff.agency.test/reset"},
        },
    })
}

fn broken(path: &str, value: Value) -> String {
    let mut settings = settings();
    match path.split_once('.') {
        Some((outer, inner)) => settings[outer][inner] = value,
        None => settings[path] = value,
    }
    Practice::parse(&settings, PortalScheme::Https).expect_err(path).to_string()
}

#[test]
fn what_is_not_said_has_the_default() {
    let practice = Practice::parse(&settings(), PortalScheme::Https).expect("valid settings");
    assert_eq!(practice.policy, Policy::default());
    assert_eq!(practice.policy.link_ttl, 86_400);
    assert_eq!(practice.policy.password_min_length, 15);
    assert_eq!(practice.policy.session_idle, 900);
}

#[test]
fn a_locale_is_any_language_tag() {
    for tag in [
        "en",
        "es-MX",
        "es_MX",
        "ES",
        "en-US",
        "pt-BR",
        "zh-Hant",
        "zh_Hant_TW",
        "tlh",
        "sr-Latn-RS",
        "es-419",
        "fil",
        "ca-valencia",
    ] {
        assert_eq!(check_locale(Some(tag)), Ok(()), "{tag}");
    }
    for other in [
        "",
        " ",
        "e",
        "english!",
        "en-",
        "-en",
        "en US",
        "es--MX",
        ".UTF-8",
        "x",
        "x-",
        "x.UTF-8",
        "en.UTF 8",
        "en@\n",
        "en.<b>",
        "x",
        "\u{435}n",
        "abcdefghi",
        "en-abcdefghi",
    ] {
        assert_eq!(check_locale(Some(other)), Err(LOCALE_RULE), "{other:?}");
    }
    let long = format!("en{}", "-abcdefgh".repeat(4));
    assert!(long.len() > LONGEST_LOCALE && check_locale(Some(&long)).is_err());
    assert_eq!(check_locale(None), Ok(()));
}

#[test]
fn every_bound_is_held_at_both_ends() {
    let documented = serde_json::to_value(<Policy as utoipa::PartialSchema>::schema()).expect("JSON");
    for (member, low, high) in [
        ("link_ttl", 600, 172_800),
        ("code_ttl", 300, 3_600),
        ("code_length", 6, 10),
        ("invitation_ttl", 3_600, 2_592_000),
        ("temporary_password_ttl", 3_600, 259_200),
        ("admin_link_max", 3_600, 2_592_000),
        ("password_min_length", 8, 64),
        ("session_idle", 60, 43_200),
        ("session_absolute", 300, 2_592_000),
    ] {
        let bounds = &documented["properties"][member];
        assert_eq!((&bounds["minimum"], &bounds["maximum"]), (&json!(low), &json!(high)), "{member}");
        for (value, fits) in [(low - 1, false), (low, true), (high, true), (high + 1, false)] {
            let mut settings = settings();
            settings["policy"] = json!({ member: value });
            let parsed = Practice::parse(&settings, PortalScheme::Https);
            assert_eq!(parsed.is_ok(), fits, "{member} {value}");
            if let Err(error) = parsed {
                assert_eq!(error.to_string(), format!("policy.{member}: must be {low} to {high}"));
            }
        }
    }
}

#[test]
fn a_wrong_setting_is_named() {
    assert_eq!(broken("colour", json!("red")), "colour: is not a setting");
    assert_eq!(broken("policy", json!({"link_tll": 1})), "policy.link_tll: is not a setting");
    assert_eq!(broken("policy", json!([])), "policy: must be an object");
    assert_eq!(
        broken("policy", json!({"recovery_methods": []})),
        "policy.recovery_methods: must be link, code or both, each once"
    );
    assert_eq!(
        broken("time_zone", json!("Mars/Olympus")),
        "time_zone: must be an IANA time zone such as America/New_York"
    );
    assert_eq!(broken("support", json!({})), "support: must have an email, a phone or a url");
    assert_eq!(broken("name", json!("a\nb")), "name: must not contain control characters or be invisible");
    assert!(broken("slug", json!("Not A Slug")).starts_with("slug: "));
}

#[test]
fn a_link_can_only_be_https_and_carries_its_token_in_the_fragment() {
    for url in [
        "http://portal.test/reset",
        "javascript:alert(1)",
        "https://",
        "https://a.test/#x",
        "https://u@a.test/",
    ] {
        let mut settings = settings();
        settings["portals"]["client"]["recovery_url"] = json!(url);
        let error = Practice::parse(&settings, PortalScheme::Https).expect_err(url);
        assert_eq!(error.member, "portals.client.recovery_url");
    }
    let practice = Practice::parse(&settings(), PortalScheme::Https).expect("valid settings");
    let practice = practice.at(&Pages::default()).expect("both portals have addresses");
    let link = |practice: &Practice, locale, carries| practice.link(Portal::Staff, locale, carries, "T");
    assert_eq!(link(&practice, Some("es"), Carries::Token), "https://staff.agency.test/reset#token=T");
    assert_eq!(link(&practice, None, Carries::NotMe), "https://staff.agency.test/reset#not-me=T");
    let lookup = |name: &str| (name == "REKEY_PAGES_URL").then(|| "https://recovery.test".to_owned());
    let pages = Pages::read(&lookup).expect("an origin");
    let left_out = Practice { portals: Portals::default(), ..practice }.at(&pages).expect("the pages");
    let page = "https://recovery.test/p/agency/staff/reset";
    assert_eq!(link(&left_out, Some("ES-mx"), Carries::Token), format!("{page}?lang=es#token=T"));
    for locale in [None, Some("e\u{301}s"), Some("&a=b")] {
        assert_eq!(link(&left_out, locale, Carries::Repudiate), format!("{page}#repudiate=T"), "{locale:?}");
    }
}
