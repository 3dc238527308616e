//! The letters that the tests of this module share.

mod brands;
mod letters;
mod moments;
mod names;
mod shape;
mod templates;

use super::{Brand, Kind, Language, Letter, Link, Support};

const KINDS: [Kind; 13] = [
    Kind::ResetLink,
    Kind::VerificationCode,
    Kind::TemporaryPassword,
    Kind::Invitation,
    Kind::PasswordChanged,
    Kind::Frozen,
    Kind::SettingsChanged,
    Kind::CallerCheck,
    Kind::ProofOverruled,
    Kind::AdministratorActed,
    Kind::AddressChanged,
    Kind::RecoveryHeld,
    Kind::LinkCopied,
];
const NOT_ME: &str = "https://portal.cedar.test/reset#not-me=AbC";
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
        brand: Brand::default(),
        portal_url: "https://portal.cedar.test/",
        time_zone: "America/New_York",
        links: &[JANE],
        code: Some("1234 5678"),
        label: Some("KTRM"),
        freeze_url: Some("https://portal.cedar.test/reset#repudiate=AbC"),
        masked: Some("j***@e***.test"),
        needs_proof: false,
        not_me_url: None,
        settings: &["portals.client.url", "support.email"],
        valid_until: Some("2026-11-22T23:35:59Z".parse().unwrap()),
        at: "2026-11-21T23:35:00Z".parse().unwrap(),
    }
}

/// Letters of every kind in every language, for one account and for several, with every set of contacts.
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
                letters.push(Letter { support, links, not_me_url: Some(NOT_ME), ..letter(kind, language) });
            }
        }
    }
    letters
}
