//! A2, A8: a link on a printed slip, for somebody who stands at the desk.

use rekey::domain::practice::Portal;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::help::{TOMORROW, tickets};
use crate::support::leaving::{colleague, opens, revoked};
use crate::support::logs;
use crate::support::staff::{ACCOUNTS, StaffMember, at_work};
use crate::support::{NEW_PASSWORD, PASSWORD, Reply, TestApp};

async fn print(member: &StaffMember<'_>, username: &str, expires_at: &str) -> Reply {
    let id = member.app.account(username).await.id;
    let body = json!({"expires_at": expires_at, "deliver": "print"});
    member.send(HttpEvent::new("POST", &format!("{ACCOUNTS}/{id}/links")).json(&body)).await
}

/// The token that a person types from a slip.
fn typed(slip: &Value) -> String {
    let text = slip["text"].as_str().unwrap();
    let (_, after) = text.split_once("#token=\n").unwrap();
    let indented = |line: &&str| line.starts_with("   ") && !line.contains("://");
    let lines =
        after.lines().filter(indented).filter(|line| line.split_whitespace().all(|group| group.len() <= 4));
    lines.flat_map(str::split_whitespace).collect()
}

#[tokio::test]
async fn a_slip_has_what_the_owner_needs_once_and_opens_the_account_once() {
    let app = TestApp::start().await;
    let (_, member) = colleague(&app).await;
    let reply = print(&member, "jane", TOMORROW).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let answer = reply.json();
    assert_eq!((&answer["url"], &answer["sent_to"]), (&Value::Null, &Value::Null));
    assert_eq!(answer["expires_at"], TOMORROW);
    let text = answer["slip"]["text"].as_str().unwrap();
    let practice = app
        .store
        .find_practice(&rekey::domain::practice::Slug::parse("agency").unwrap())
        .await
        .unwrap()
        .unwrap();
    for part in
        [practice.name.as_str(), "Username: jane\n", "help@agency.test", "November 22, 2026", "works once"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(answer["slip"]["qr_svg"].as_str().unwrap().contains("<svg"));
    app.deliver().await;
    let told: Vec<String> = app.mailbox.take().unwrap().into_iter().map(|mail| mail.subject).collect();
    assert_eq!(
        told,
        ["A link to your account was handed over"],
        "the link is not mailed, but its owner is told"
    );
    // It is the account's ticket like every other, and nobody sees its link again.
    let jane = app.account("jane").await.id;
    let listed = json!(tickets(&member, jane).await).to_string();
    let token = typed(&answer["slip"]);
    assert_eq!(token.len(), 86);
    let dump = app.dump().await.concat();
    let lines = logs::lines().iter().map(Value::to_string).collect::<String>();
    for place in [&listed, &dump, &lines] {
        assert!(!place.contains(&token) && !place.contains(&token[43..]));
    }
    assert_eq!(app.preview(&token).await.json()["username"], "jane");
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.reset(&token, PASSWORD).await.outcome(), (410, "used_token".to_owned()));
    assert_eq!(app.sign_in("jane", NEW_PASSWORD).await.status, 201);
}

#[tokio::test]
async fn the_square_on_a_slip_is_the_link_that_can_be_typed() {
    let app = TestApp::start().await;
    let slip = print(&at_work(&app).await, "jane", TOMORROW).await.json()["slip"].clone();
    let text = slip["text"].as_str().unwrap();
    let address = text.lines().find(|line| line.ends_with("#token=")).unwrap().trim();
    let url = format!("{address}{}", typed(&slip));
    let of = |url: &str| {
        let slip = rekey::mail::slip::Slip {
            language: rekey::mail::compose::Language::English,
            practice_name: "",
            support: rekey::mail::compose::Support::default(),
            username: None,
            url,
            time_zone: "UTC",
            valid_until: rekey::platform::clock::Timestamp::from_millis(0).to_jiff(),
        };
        slip.qr().unwrap()
    };
    assert_eq!(slip["qr_svg"], of(&url));
    assert_ne!(slip["qr_svg"], of(&(url + "x")));
}

#[tokio::test]
async fn a_slip_names_no_person_and_no_address_of_theirs_and_speaks_their_language() {
    let app = TestApp::start().await;
    let rosa = json!({"username": "rosa@home.test", "email": "rosa@home.test", "display_name": "Rosa Ruiz", "locale": "es-MX",
        "record_email": "rosa.ruiz@clinic.test"});
    app.import("agency", &[rosa]).await;
    let slip = print(&at_work(&app).await, "rosa@home.test", TOMORROW).await.json()["slip"].clone();
    let text = slip["text"].as_str().unwrap();
    for part in ["Con esta hoja", "22 de noviembre de 2026", "help@agency.test"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    for secret in ["rosa", "Rosa", "Ruiz", "home.test", "clinic.test"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[tokio::test]
async fn a_slip_lives_a_day_at_most_whatever_links_may() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    // The clock stands at 18:35:30.
    assert_eq!(print(&admin, "jane", "2026-11-22T18:35:30Z").await.status, 201);
    for late in ["2026-11-22T18:35:31Z", "2026-11-24T18:00:00Z", "2026-11-21T18:40:00Z"] {
        let refused = print(&admin, "jane", late).await;
        assert_eq!(refused.outcome(), (400, "invalid_request".to_owned()), "{late}");
    }
    let direct = json!({"practice": "agency", "username": "jane", "expires_at": "2026-11-23T18:00:00Z", "deliver": "print",
        "reason": "Away"});
    assert!(app.invoke_admin_link(direct.clone()).await.is_err());
    let mut direct = direct;
    direct["expires_at"] = TOMORROW.into();
    let answer = app.invoke_admin_link(direct).await.unwrap();
    assert_eq!(app.preview(&typed(&answer["slip"])).await.status, 200);
}

#[tokio::test]
async fn a_slip_ends_with_whoever_printed_it_and_needs_what_a_copied_link_needs() {
    let app = TestApp::start().await;
    let (casey, member) = colleague(&app).await;
    let token = typed(&print(&member, "jane", TOMORROW).await.json()["slip"]);
    let admin = at_work(&app).await;
    assert_eq!(admin.issued_by(casey).await[0]["handed_over"], true);
    let keep = json!({"active": false, "revoke_issued": false});
    assert_eq!(admin.patch(casey, keep).await.status, 200);
    assert_eq!(opens(&app, &token).await, revoked());
    // By policy, a proof of who stands there.
    let policy = json!({"policy": {"caller_proof": "required"}});
    let settings = HttpEvent::new("PATCH", "/v1/admin/practice").json(&policy);
    assert_eq!(admin.send(settings).await.status, 200);
    app.clock.advance(std::time::Duration::from_mins(2));
    let unproven = print(&admin, "jane", TOMORROW).await;
    assert_eq!(unproven.outcome(), (403, "proof_required".to_owned()));
    let id = app.account("jane").await.id;
    let proven = json!({"expires_at": TOMORROW, "deliver": "print", "proof": {"method": "in_person"}});
    let path = format!("{ACCOUNTS}/{id}/links");
    assert_eq!(admin.send(HttpEvent::new("POST", &path).json(&proven)).await.status, 201);
    // For a colleague, the password of the last ten minutes.
    assert_eq!(admin.patch(casey, json!({"active": true})).await.status, 200);
    app.clock.advance(std::time::Duration::from_mins(11));
    let path = format!("{ACCOUNTS}/{casey}/links");
    let stale = admin.send(HttpEvent::new("POST", &path).json(&proven)).await;
    assert_eq!(stale.outcome(), (403, "confirmation_required".to_owned()));
    let fresh = at_work(&app).await;
    let reply = fresh.send(HttpEvent::new("POST", &path).json(&proven)).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let text = reply.json()["slip"]["text"].as_str().unwrap().to_owned();
    let of_staff = app.account_of("agency", Portal::Staff, "casey").await;
    assert!(
        text.contains("https://staff.agency.test") && text.contains(of_staff.username.as_str()),
        "{text}"
    );
}
