//! Attacks on a brand: colours that nobody can read, files that are no pictures, and callers who may not set a practice's look.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rekey::domain::practice::Portal;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::logo::{HEAD, LOGO, chunk, compressed_bytes, of_size, png, put_logo, with_chunk};
use crate::support::seam::Fault;
use crate::support::staff::{ACCOUNTS, StaffMember, at_work, id_of};
use crate::support::{Reply, TestApp, demo_accounts, password_hash};

const LARGEST: usize = 64 * 1024;
const SIZE: &str = "must have 16 to 1024 pixels across and 16 to 512 down";
const NO_PNG: &str = "must be a picture in the format PNG";
const BROKEN: &str = "must be a whole PNG without errors";

/// 17 by 19 pixels of one bit, with a palette of two colours, one of which is transparent, in seven passes.
const INTERLACED: &str = "iVBORw0KGgoAAAANSUhEUgAAABEAAAATAQMAAAE7bEQkAAAABlBMVEV6Hz3////vkZFVAAAAAnRSTlP/AOW3MEoAAAASSURBVHjaYwhlwAnREFYlBDEAeBMT7etgyJEAAAAASUVORK5CYII=";

async fn patch(member: &StaffMember<'_>, change: &Value) -> Reply {
    member.send(HttpEvent::new("PATCH", "/v1/admin/practice").json(change)).await
}

/// What is stored, without what every call of a session may write.
async fn unsaid(app: &TestApp) -> Vec<String> {
    app.lasting().await.into_iter().filter(|item| !item.contains("\"pk\":\"SESSION#")).collect()
}

fn refused(rule: &str) -> (u16, String) {
    (422, rule.to_owned())
}

/// The status of a refused setting, and its words.
fn told(reply: &Reply) -> (u16, String) {
    let said =
        if reply.code() == "invalid_setting" { reply.json()["detail"].clone() } else { reply.code().into() };
    (reply.status.as_u16(), said.as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_colour_that_white_cannot_be_read_on_is_refused_by_name() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    let before = unsaid(&app).await;
    let darker = "brand.color: must be darker: the contrast with white must be at least 4.5";
    let form = "brand.color: must be a colour such as #1a56b0";
    for (color, rule) in [
        (json!("#ffffff"), darker),
        (json!("#FFCC00"), darker),
        (json!("#777777"), darker),
        (json!("#ff0000"), darker),
        (json!("#fff"), form),
        (json!("red"), form),
        (json!("#7a1f3d;}"), form),
        (json!("#7a1f3d\u{200b}"), form),
        (json!("\";background:url(https://evil.test)"), form),
    ] {
        assert_eq!(told(&patch(&admin, &json!({"brand": {"color": color}})).await), refused(rule), "{color}");
    }
    for (brand, member) in [
        (json!({"color": 5}), "brand.color: "),
        (json!({"color": ["#7a1f3d"]}), "brand.color: "),
        (json!({"colour": "#7a1f3d"}), "brand.colour: is not a setting"),
        (json!({"logo_url": "https://evil.test/x.png"}), "brand.logo_url: is not a setting"),
        (json!("#7a1f3d"), "brand: must be an object"),
        (json!(["#7a1f3d"]), "brand: must be an object"),
    ] {
        let (status, said) = told(&patch(&admin, &json!({"brand": brand})).await);
        assert!(status == 422 && said.starts_with(member), "{brand}: {said}");
    }
    assert!(unsaid(&app).await == before);
    assert_eq!(patch(&admin, &json!({"brand": {"color": "#767676"}})).await.status, 200, "4.54 is enough");
}

#[tokio::test]
async fn settings_change_no_logo() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    let rule = "brand.logo: is changed by PUT and DELETE of /v1/admin/practice/logo";
    let other = json!({"digest": "A".repeat(22), "width": 16, "height": 16});
    assert_eq!(
        told(&patch(&admin, &json!({"brand": {"logo": other}})).await),
        refused(rule),
        "there is none"
    );
    assert_eq!(admin.send(put_logo(&png(64, 64))).await.status, 204);
    let brand = admin.get("/v1/admin/practice").await.json()["brand"].clone();
    for change in [
        json!({"logo": other}),
        json!({"logo": null}),
        json!({"logo": {"width": 65}}),
        json!("x"),
        Value::Null,
    ] {
        assert_eq!(told(&patch(&admin, &json!({"brand": change})).await), refused(rule), "{change}");
    }
    let whole = json!({"brand": brand, "name": "Harbor"});
    assert_eq!(patch(&admin, &whole).await.json()["brand"], brand, "what was read may be sent back");
    assert_eq!(admin.get(LOGO).await.body, STANDARD.encode(png(64, 64)));
}

#[tokio::test]
async fn what_is_no_whole_picture_of_a_logos_size_is_refused_with_the_rule() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    let good = png(64, 64);
    let flipped = |at: usize| {
        let mut other = good.clone();
        other[at] ^= 1;
        other
    };
    let data = good.windows(4).position(|name| name == b"IDAT").unwrap();
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>";
    let frame = [[0, 0, 0, 0], [0, 0, 0, 64], [0, 0, 0, 64], [0; 4], [0; 4], [0, 1, 0, 1]].concat();
    let animated = with_chunk(&good, "fcTL", &[frame.as_slice(), &[0, 0]].concat());
    let animated = with_chunk(&animated, "acTL", &[0, 0, 0, 1, 0, 0, 0, 0]);
    let bomb = [&good[..HEAD], &chunk("IDAT", &compressed_bytes()), &chunk("IEND", b"")].concat();
    let end = good.len() - 12;
    let hidden = [&good[data + 4..end - 4], b"<script>alert(1)</script>"].concat();
    let hiding = [&good[..data - 4], &chunk("IDAT", &hidden), &good[end..]].concat();
    let before = unsaid(&app).await;
    for (what, sent, rule) in [
        ("nothing", Vec::new(), NO_PNG),
        ("an SVG", svg.to_vec(), NO_PNG),
        ("a page", b"<!doctype html><script>alert(1)</script>".to_vec(), NO_PNG),
        ("a GIF", b"GIF89a\x10\x00\x10\x00\x00\x00\x00;".to_vec(), NO_PNG),
        ("an SVG behind the signature", [&good[..8], svg].concat(), NO_PNG),
        ("the signature alone", good[..8].to_vec(), NO_PNG),
        ("a wrong checksum of the header", flipped(30), NO_PNG),
        ("no picture behind the header", good[..HEAD].to_vec(), BROKEN),
        ("a wrong checksum of the pixels", flipped(data + 8), BROKEN),
        ("half of it", good[..good.len() / 2].to_vec(), BROKEN),
        ("all but its end", good[..good.len() - 12].to_vec(), BROKEN),
        ("all but a byte", good[..good.len() - 1].to_vec(), BROKEN),
        ("fewer rows than it says", of_size(&good, 64, 65), BROKEN),
        ("a colour type that is none", [&good[..24], &[8, 7], &good[26..]].concat(), NO_PNG),
        ("the largest that a header can say", of_size(&good, 0x7FFF_FFFF, 0x7FFF_FFFF), SIZE),
        ("sixteen bits of size", of_size(&good, 65_535, 65_535), SIZE),
        ("too wide", of_size(&good, 1_025, 64), SIZE),
        ("too high", of_size(&good, 64, 513), SIZE),
        ("too narrow", png(15, 64), SIZE),
        ("too low", png(64, 15), SIZE),
        ("too wide, rightly", png(1_025, 16), SIZE),
        ("animated", animated, "must not be animated"),
        ("45 MB behind 64 times 64 pixels", bomb, BROKEN),
        ("a page behind its pixels", hiding, BROKEN),
    ] {
        assert!(sent.len() <= LARGEST, "{what}");
        let reply = admin.send(put_logo(&sent)).await;
        assert_eq!(told(&reply), refused(&format!("brand.logo: {rule}")), "{what}");
    }
    assert!(unsaid(&app).await == before, "nothing was written");
    for (width, height) in [(16, 16), (1_024, 512)] {
        assert_eq!(admin.send(put_logo(&png(width, height))).await.status, 204, "{width}x{height}");
    }
    let interlaced = STANDARD.decode(INTERLACED).unwrap();
    assert_eq!(admin.send(put_logo(&interlaced)).await.status, 204, "interlaced, with a palette");
    assert_eq!(admin.get(LOGO).await.body, INTERLACED);
}

#[tokio::test]
async fn of_a_picture_the_image_alone_is_kept() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    let good = png(64, 64);
    let page = b"<!doctype html><script>alert(document.domain)</script>";
    let end = good.len() - 12;
    let many = compressed_bytes();
    let packed = [b"Comment\0\0".as_slice(), &many].concat();
    for (what, sent) in [
        ("a page behind its end", [good.as_slice(), page].concat()),
        ("another picture behind its end", [good.as_slice(), &png(32, 32)].concat()),
        ("who made it", with_chunk(&good, "tEXt", b"Author\0Maria Lopez")),
        ("where it was made", with_chunk(&good, "eXIf", b"MM\0*\0\0\0\x08\0\0")),
        ("when it was made", [&good[..end], &chunk("tIME", &[7, 234, 1, 1, 0, 0, 0]), &good[end..]].concat()),
        ("a text in Unicode", with_chunk(&good, "iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x/>")),
        ("a text that is large when it is unpacked", with_chunk(&good, "zTXt", &packed)),
        ("a profile that is large when it is unpacked", with_chunk(&good, "iCCP", &packed)),
        ("a chunk that nobody knows", with_chunk(&good, "prVt", page)),
    ] {
        assert!(sent.len() <= LARGEST, "{what} {}", sent.len());
        assert_eq!(admin.send(put_logo(&sent)).await.status, 204, "{what}");
        assert_eq!(admin.get(LOGO).await.body, STANDARD.encode(&good), "{what}");
        assert_eq!(admin.send(HttpEvent::new("DELETE", LOGO)).await.status, 204);
    }
}

#[tokio::test]
async fn a_logo_has_a_limit_and_a_type_of_its_own_and_other_bodies_stay_at_theirs() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    let good = png(64, 64);
    let padded = |length: usize| with_chunk(&good, "tEXt", &vec![b'x'; length - good.len() - 12]);
    assert_eq!(padded(LARGEST).len(), LARGEST);
    assert_eq!(admin.send(put_logo(&padded(LARGEST))).await.outcome(), (204, String::new()));
    for over in [LARGEST + 1, 8 * LARGEST] {
        assert_eq!(admin.send(put_logo(&padded(over))).await.outcome(), (413, "body_too_large".to_owned()));
    }
    let typed = |media_type: &str| HttpEvent::new("PUT", LOGO).bytes(media_type, &good);
    for media_type in [
        "image/svg+xml",
        "image/jpeg",
        "application/json",
        "application/octet-stream",
        "image/*",
        "",
        "text/png",
    ] {
        let reply = admin.send(typed(media_type)).await;
        assert_eq!(reply.outcome(), (415, "unsupported_media_type".to_owned()), "{media_type}");
    }
    for media_type in ["image/png", "Image/PNG", "image/png; charset=binary"] {
        assert_eq!(admin.send(typed(media_type)).await.status, 204, "{media_type}");
    }
    let large = json!({"name": "x".repeat(16 * 1024)});
    assert_eq!(patch(&admin, &large).await.outcome(), (413, "body_too_large".to_owned()));
    let preview = HttpEvent::new("POST", "/v1/admin/practice/mail-preview").json(&large);
    assert_eq!(admin.send(preview).await.outcome(), (413, "body_too_large".to_owned()));
}

#[tokio::test]
async fn an_administrator_of_the_practice_alone_says_what_it_looks_like() {
    let app = TestApp::start().await;
    app.create_practice("therapy", json!({})).await;
    app.import("therapy", &demo_accounts("therapy")).await;
    let admin = at_work(&app).await;
    assert_eq!(admin.send(put_logo(&png(64, 64))).await.status, 204);
    let casey = StaffMember::of(&app, "agency", "staff", "casey").await;
    let before = unsaid(&app).await;
    for event in [
        put_logo(&png(32, 32)),
        put_logo(b"not even a picture"),
        HttpEvent::new("DELETE", LOGO),
        HttpEvent::new("PATCH", "/v1/admin/practice").json(&json!({"brand": {"color": "#7a1f3d"}})),
    ] {
        assert_eq!(casey.send(event).await.outcome(), (403, "forbidden".to_owned()));
    }
    assert!(unsaid(&app).await == before);
    let stranger = StaffMember::of(&app, "therapy", "staff", "admin").await;
    assert_eq!(
        stranger.get(LOGO).await.outcome(),
        (404, "not_found".to_owned()),
        "their own practice has none"
    );
    assert_eq!(stranger.send(HttpEvent::new("DELETE", LOGO).query("practice=agency")).await.status, 204);
    assert_eq!(stranger.send(put_logo(&png(32, 32))).await.status, 204);
    assert_eq!(admin.get(LOGO).await.body, STANDARD.encode(png(64, 64)), "nobody else's has changed");
}

#[tokio::test]
async fn of_two_logos_at_once_the_settings_and_the_picture_are_of_one() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    for round in 0..4 {
        let (one, other) = (png(64 + round, 64), png(64, 128 + round));
        let color = json!({"brand": {"color": format!("#7a1f3{round}")}});
        let replies =
            tokio::join!(admin.send(put_logo(&one)), admin.send(put_logo(&other)), patch(&admin, &color),);
        assert_eq!(
            [replies.0.status, replies.1.status, replies.2.status].map(|status| status.as_u16()),
            [204, 204, 200]
        );
        let brand = admin.get("/v1/admin/practice").await.json()["brand"].clone();
        let stored =
            app.store.find_logo(&rekey::domain::practice::Slug::parse("agency").unwrap()).await.unwrap();
        let stored = stored.unwrap();
        assert_eq!(
            (&brand["logo"]["digest"], &brand["color"]),
            (&json!(stored.digest), &color["brand"]["color"])
        );
        let kept = stored.png().unwrap();
        let width = u32::from_be_bytes(kept[16..20].try_into().unwrap());
        assert!((kept == one || kept == other) && brand["logo"]["width"] == width, "{brand}");
    }
}

#[tokio::test]
async fn a_failing_store_leaves_neither_half_of_a_logo() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    assert_eq!(admin.send(put_logo(&png(64, 64))).await.status, 204);
    let before = unsaid(&app).await;
    // The use of the session is written first.
    for (operation, fault) in [
        ("TransactWriteItems", Fault::Down),
        ("TransactWriteItems", Fault::Unreachable),
        ("GetItem", Fault::Down),
    ] {
        for event in [put_logo(&png(32, 32)), HttpEvent::new("DELETE", LOGO)] {
            app.seam.inject("settings", operation, usize::MAX, fault);
            assert_eq!(
                admin.send(event).await.outcome(),
                (503, "unavailable".to_owned()),
                "{operation} {fault:?}"
            );
            app.seam.heal();
        }
    }
    assert!(unsaid(&app).await == before, "nothing is half done");
    app.seam.inject("forgot-password", "GetItem", usize::MAX, Fault::Down);
    let public = app.send(HttpEvent::new("GET", "/v1/practices/agency/logo")).await;
    assert_eq!(public.outcome(), (503, "unavailable".to_owned()));
    assert_eq!(public.headers["cache-control"], "no-store", "a failure is not kept");
    app.seam.heal();
    assert_eq!(admin.send(put_logo(&png(32, 32))).await.status, 204, "trying again is safe");
}

#[tokio::test]
async fn whoever_is_signed_out_meanwhile_gives_no_logo() {
    let app = TestApp::start().await;
    let second = json!({"portal": "staff", "role": "admin", "username": "second", "display_name": "S",
        "password_hash": password_hash()});
    app.import("agency", &[second]).await;
    let (admin, second) = (at_work(&app).await, StaffMember::of(&app, "agency", "staff", "second").await);
    let id = id_of(&app, "agency", Portal::Staff, "admin").await;
    let held = app.seam.hold("settings", "TransactWriteItems", 0);
    let put = admin.send(put_logo(&png(64, 64)));
    let end = async {
        held.reached().await;
        let path = format!("{ACCOUNTS}/{id}/sessions");
        assert_eq!(second.send(HttpEvent::new("DELETE", &path)).await.status, 204);
        held.release();
    };
    let (reply, ()) = tokio::join!(put, end);
    assert_eq!(reply.outcome(), (401, "invalid_session".to_owned()));
    assert_eq!(second.get(LOGO).await.status, 404);
}
