//! Tests of what a practice's brand changes in a mail: the colour of buttons, and the logo above the words.

use serde_json::{Value, json};

use super::super::{Brand, Letter, compose};
use super::all_letters;
use crate::domain::practice::{Logo, Pages, PortalScheme, Practice};

fn practice(brand: &Value) -> Practice {
    let portal = json!({"url": "https://a.cedar.test", "recovery_url": "https://a.cedar.test/reset"});
    let settings = json!({"slug": "cedar", "name": "Cedar", "support": {"phone": "1"}, "time_zone": "UTC", "locale": "en",
        "portals": {"client": portal, "staff": portal}, "brand": brand});
    Practice::parse(&settings, PortalScheme::Https).unwrap()
}

fn pages() -> Pages {
    Pages::read(&|name| (name == "REKEY_PAGES_URL").then(|| "https://recovery.test".to_owned())).unwrap()
}

fn logo() -> Value {
    serde_json::to_value(Logo::of(b"a picture", 480, 128)).unwrap()
}

#[test]
fn buttons_have_the_practices_colour_and_rekeys_without_one() {
    let (plain, own) = (practice(&json!({})), practice(&json!({"color": "#7A1F3D"})));
    let pages = pages();
    let mut buttons = 0;
    for letter in all_letters() {
        let html = |practice| compose(&Letter { brand: Brand::of(practice, &pages), ..letter }).unwrap().html;
        let (before, after) = (html(&plain), html(&own));
        buttons += before.matches("background-color:#1a56b0").count();
        assert_eq!(before.replace("#1a56b0", "#7a1f3d"), after, "the colour and nothing else");
        assert_eq!(before, compose(&letter).unwrap().html);
    }
    assert!(buttons > 100, "{buttons}");
}

#[test]
fn a_logo_stands_above_the_words_with_the_practices_name_and_is_the_same_for_everybody() {
    let own = practice(&json!({"logo": logo()}));
    let pages = pages();
    let digest = own.brand.logo.as_ref().unwrap().digest.clone();
    let url = format!("https://recovery.test/v1/practices/cedar/logo?v={digest}");
    for letter in all_letters() {
        let mail = compose(&Letter { brand: Brand::of(&own, &pages), ..letter }).unwrap();
        let before = compose(&letter).unwrap();
        let image = format!("<img src=\"{url}\" alt=\"Cedar Family Practice\" width=\"240\" height=\"64\"");
        let (above, below) = mail.html.split_once(&image).unwrap_or_else(|| panic!("{}", mail.html));
        assert!(!above.contains("margin:0 0 16px") && !below.contains("src="), "{}", mail.html);
        assert_eq!((mail.subject, mail.text), (before.subject, before.text), "the text stays as it is");
    }
}

#[test]
fn a_practices_name_forges_nothing_beside_its_logo() {
    let own = practice(&json!({"logo": logo()}));
    let pages = pages();
    let name = "\"><script>x</script><img src=\"https://evil.test/x";
    for letter in all_letters() {
        let brand = Brand::of(&own, &pages);
        let html = compose(&Letter { brand, practice_name: name, ..letter }).unwrap().html;
        assert!(!html.contains("<script") && html.matches("<img").count() == 1, "{html}");
    }
}

#[test]
fn without_pages_there_is_nowhere_to_load_a_logo_from() {
    let own = practice(&json!({"color": "#7a1f3d", "logo": logo()}));
    let nowhere = Pages::default();
    for letter in all_letters() {
        let html = compose(&Letter { brand: Brand::of(&own, &nowhere), ..letter }).unwrap().html;
        assert!(!html.contains("<img") && !html.contains("src="), "{html}");
    }
}
