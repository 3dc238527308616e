//! F1 to F6: the public endpoints do not reveal whether an account exists, change nothing, and mail only to addresses
//! that are stored on an account.

use http::HeaderMap;
use rekey::domain::practice::Portal;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::seam::members;
use crate::support::{NEW_PASSWORD, PASSWORD, Reply, TestApp, token_in, tokens_in};

/// One identifier of each kind that must not be told apart.
const IDENTIFIERS: [&str; 9] = [
    "jane",
    "jane@agency.test",
    "nobody",
    "nobody@agency.test",
    "dora",
    "ruth",
    "ivan",
    "family@agency.test",
    "not@an@address",
];

fn shape(reply: &Reply) -> (u16, HeaderMap, Vec<String>) {
    let json = reply.json();
    let members = json.as_object().unwrap().iter().map(|(name, value)| match value {
        Value::String(text) => format!("{name}: string of {}", text.len()),
        other => format!("{name}: {other}"),
    });
    let members = members.collect();
    (reply.status.as_u16(), reply.headers.clone(), members)
}

#[tokio::test]
async fn forgot_answers_and_works_alike_for_every_identifier() {
    let app = TestApp::start().await;
    let first = app.forgot("jane").await;
    let mut work = None;
    for identifier in IDENTIFIERS {
        app.seam.forget();
        let reply = app.forgot(identifier).await;
        assert_eq!(reply.status, 202, "{identifier}");
        assert_eq!(shape(&reply), shape(&first), "{identifier}");
        let calls: Vec<_> =
            app.seam.said().into_iter().map(|said| (said.target, members(&said.body))).collect();
        assert_eq!(work.get_or_insert(calls.clone()), &calls, "{identifier}");
    }
}

#[tokio::test]
async fn a_failed_sign_in_answers_and_works_alike_for_every_identifier() {
    let app = TestApp::start().await;
    let first = app.sign_in("zoe", "not the password").await;
    assert_eq!(first.outcome(), (401, "invalid_credentials".to_owned()));
    let mut work = None;
    for identifier in IDENTIFIERS {
        app.seam.forget();
        let reply = app.sign_in(identifier, "not the password").await;
        assert_eq!(shape(&reply), shape(&first), "{identifier}");
        let calls = app.seam.counts("sessions");
        assert_eq!(work.get_or_insert(calls.clone()), &calls, "{identifier}");
    }
}

#[tokio::test]
async fn a_closed_account_is_told_nothing_even_with_the_right_password() {
    let app = TestApp::start().await;
    app.sign_in("jane", "not the password").await;
    app.seam.forget();
    let wrong = app.sign_in("jane", "not the password").await;
    let work = app.seam.counts("sessions");
    for username in ["dora", "ruth"] {
        app.sign_in(username, "not the password").await;
        app.seam.forget();
        let reply = app.sign_in(username, PASSWORD).await;
        assert_eq!(app.seam.counts("sessions"), work.clone(), "{username}");
        assert_eq!(reply.outcome(), (401, "invalid_credentials".to_owned()), "{username}");
        assert_eq!(shape(&reply), shape(&wrong), "{username}");
    }
}

#[tokio::test]
async fn the_front_door_can_touch_nothing_that_knows_an_account() {
    let app = TestApp::start().await;
    for identifier in IDENTIFIERS {
        app.forgot(identifier).await;
    }
    let said = app.seam.said();
    let kinds =
        said.iter().filter(|said| said.function == "forgot-password" && said.target.contains("Dynamo"));
    for said in kinds {
        let text = said.body.to_string();
        for kind in ["ACCOUNT#", "LOGIN#", "EMAIL#", "TICKET#", "SESSION#", "EVENT#"] {
            assert!(!text.contains(kind), "{text}");
        }
    }
}

#[tokio::test]
async fn forgot_takes_one_round_trip_once_it_is_warm() {
    let app = TestApp::start().await;
    app.forgot("jane").await;
    app.seam.forget();
    app.forgot("sam").await;
    let targets: Vec<_> = app.seam.said().into_iter().map(|said| said.target).collect();
    assert_eq!(targets, ["DynamoDB_20120810.TransactWriteItems"]);
}

#[tokio::test]
async fn a_request_alone_changes_no_account_kills_no_session_and_voids_no_ticket() {
    let app = TestApp::start().await;
    let session = app.session_of("jane", PASSWORD).await;
    let earlier = app.token_for("jane").await;
    let before = app.account("jane").await;

    let later = app.token_for("jane").await;

    assert_eq!(app.account("jane").await, before);
    assert_eq!(app.account_with(&session).await.status, 200);
    assert_eq!(app.preview(&earlier).await.status, 200);
    assert_eq!(app.preview(&later).await.status, 200);
    assert_eq!(app.sign_in("jane", PASSWORD).await.status, 201);
}

#[tokio::test]
async fn mail_goes_to_the_stored_address_however_the_identifier_was_spelled() {
    let app = TestApp::start().await;
    let mike = json!({"username": "mike", "email": "Mike@Agency.test", "display_name": "Mike"});
    app.import("agency", &[mike]).await;
    for spelling in ["mike@agency.test", "MIKE@AGENCY.TEST.", "  Mike "] {
        app.mailbox.clear().unwrap();
        assert_eq!(app.forgot(spelling).await.status, 202, "{spelling}");
        app.deliver().await;
        assert_eq!(app.mailbox.messages()[0].to, ["Mike@Agency.test"], "{spelling}");
    }
}

#[tokio::test]
async fn a_look_alike_address_never_matches() {
    let app = TestApp::start().await;
    app.import("agency", &[json!({"username": "mike", "email": "mike@agency.test", "display_name": "Mike"})])
        .await;
    for imitation in [
        "m\u{131}ke@agency.test",
        "mik\u{435}@agency.test",
        "m.ike@agency.test",
        "mike@agency.test.evil.test",
    ] {
        assert_eq!(app.forgot(imitation).await.status, 202, "{imitation}");
    }
    assert_eq!(app.forgot("mi\u{212a}e@agency.test").await.status, 400);
    app.deliver().await;
    assert!(app.mailbox.messages().is_empty());
}

#[tokio::test]
async fn an_identifier_that_is_no_string_is_refused_and_nothing_is_written() {
    let app = TestApp::start().await;
    let before = app.dump().await;
    for identifier in
        [json!(["jane", "evil@evil.test"]), json!(null), json!(7), json!({"$ne": ""}), json!(""), json!(true)]
    {
        let body = json!({"practice": "agency", "identifier": identifier});
        let reply = app.post("/v1/password/forgot", body).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{identifier}");
    }
    let missing = app.post("/v1/password/forgot", json!({"practice": "agency"})).await;
    assert_eq!(missing.status, 400);
    assert_eq!(app.dump().await, before);
    app.deliver().await;
    assert!(app.mailbox.messages().is_empty());
}

#[tokio::test]
async fn forged_headers_never_reach_a_mail() {
    let app = TestApp::start().await;
    let mut event = HttpEvent::new("POST", "/v1/password/forgot");
    for header in [
        "host",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-for",
        "forwarded",
        "origin",
        "referer",
        "x-original-url",
    ] {
        event = event.header(header, "evil.test");
    }
    let body = json!({"practice": "agency", "identifier": "jane"});
    assert_eq!(app.send(event.json(&body)).await.status, 202);
    app.deliver().await;
    let mail = &app.mailbox.messages()[0];
    assert!(!format!("{mail:?}").contains("evil"), "{mail:?}");
    assert!(mail.text.as_ref().unwrap().contains("\nhttps://portal.agency.test/reset#token="));
}

#[tokio::test]
async fn one_mailbox_with_several_accounts_gets_one_mail_with_a_link_for_each() {
    let app = TestApp::start().await;
    app.forgot("family@agency.test").await;
    app.deliver().await;
    let messages = app.mailbox.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].to, ["family@agency.test"]);
    let tokens = tokens_in(&messages[0]);
    let mut usernames = Vec::new();
    for token in &tokens {
        usernames.push(app.preview(token).await.json()["username"].as_str().unwrap().to_owned());
    }
    usernames.sort();
    assert_eq!(usernames, ["lily", "tom"]);
    assert_eq!(app.reset(&tokens[0], NEW_PASSWORD).await.status, 204);
    assert_eq!(app.preview(&tokens[1]).await.status, 200, "the sibling's link lives on");

    app.mailbox.clear().unwrap();
    app.forgot("tom").await;
    app.deliver().await;
    assert_eq!(tokens_in(&app.mailbox.messages()[0]).len(), 1, "a username names one account");
}

#[tokio::test]
async fn a_mailbox_that_a_crowd_shares_gets_one_mail_with_twenty_links() {
    let app = TestApp::start().await;
    let member = |n| {
        json!({"username": format!("member{n}"), "email": "crowd@agency.test", "display_name": "M",
            "password_hash": crate::support::password_hash()})
    };
    app.import("agency", &(0..120).map(member).collect::<Vec<_>>()).await;
    app.forgot("crowd@agency.test").await;
    assert_eq!(app.deliver().await.dead, 0);
    let messages = app.mailbox.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(tokens_in(&messages[0]).len(), 20);
}

#[tokio::test]
async fn two_spellings_of_an_address_are_two_mailboxes() {
    let app = TestApp::start().await;
    let account = |name: &str, email: &str| json!({"username": name, "email": email, "display_name": name});
    app.import("agency", &[account("ana", "Home@agency.test"), account("ben", "home@agency.test")]).await;
    app.forgot("home@agency.test").await;
    app.deliver().await;
    let mut to: Vec<String> = app.mailbox.messages().into_iter().flat_map(|message| message.to).collect();
    to.sort();
    assert_eq!(to, ["Home@agency.test", "home@agency.test"]);
}

#[tokio::test]
async fn who_was_never_set_up_is_invited_again_and_can_sign_in_after() {
    let app = TestApp::start().await;
    app.forgot("ivan").await;
    app.deliver().await;
    let mail = &app.mailbox.messages()[0];
    assert_eq!(mail.subject, "Your account is ready to set up");
    let token = token_in(mail);
    let preview = app.preview(&token).await.json();
    assert_eq!((&preview["purpose"], &preview["username"]), (&json!("invitation"), &json!("ivan")));
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.sign_in("ivan", NEW_PASSWORD).await.status, 201);
}

#[tokio::test]
async fn no_mail_goes_to_a_closed_or_unknown_account_and_the_trail_says_why() {
    let app = TestApp::start().await;
    for identifier in ["dora", "ruth", "nobody", "nobody@agency.test"] {
        app.forgot(identifier).await;
    }
    app.deliver().await;
    assert!(app.mailbox.messages().is_empty());
    let dora = app.account("dora").await;
    let event = app.events(dora.id).await.pop().unwrap();
    assert_eq!(serde_json::to_value(&event).unwrap()["action"], "recovery_refused");
    assert_eq!(serde_json::to_value(&event).unwrap()["reason"], "account_closed");
}

#[tokio::test]
async fn the_staff_portal_is_another_one() {
    let app = TestApp::start().await;
    let body = json!({"practice": "agency", "portal": "staff", "identifier": "casey"});
    assert_eq!(app.post("/v1/password/forgot", body).await.status, 202);
    app.forgot("casey").await;
    app.deliver().await;
    let messages = app.mailbox.messages();
    assert_eq!(messages.len(), 1, "casey has no account on the client portal");
    assert!(messages[0].text.as_ref().unwrap().contains("https://staff.agency.test/reset#token="));
    assert_eq!(app.reset(&token_in(&messages[0]), NEW_PASSWORD).await.status, 204);
    let casey = app.account_of("agency", Portal::Staff, "casey").await;
    assert_eq!(casey.credential_version, 2);
}

#[tokio::test]
async fn an_unknown_practice_and_a_method_it_does_not_offer_are_told() {
    let app = TestApp::start().await;
    app.create_practice("veterinary", json!({"recovery_methods": ["link"]})).await;
    let ask =
        |practice: &str, method: &str| json!({"practice": practice, "identifier": "jane", "method": method});
    let reply = app.post("/v1/password/forgot", ask("nowhere", "link")).await;
    assert_eq!(reply.outcome(), (404, "unknown_practice".to_owned()));
    let reply = app.post("/v1/password/forgot", ask("Not A Slug!", "link")).await;
    assert_eq!(reply.outcome(), (404, "unknown_practice".to_owned()));
    let reply = app.post("/v1/password/forgot", ask("veterinary", "code")).await;
    assert_eq!(reply.outcome(), (422, "method_not_offered".to_owned()));
    let reply = app.post("/v1/password/forgot", ask("veterinary", "pigeon")).await;
    assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn a_practice_tells_its_public_facts() {
    let app = TestApp::start().await;
    let reply = app.send(HttpEvent::new("GET", "/v1/practices/agency")).await;
    assert_eq!(reply.status, 200);
    let portal = |name: &str| {
        let url = format!("https://{name}.agency.test");
        json!({"url": url, "recovery_url": format!("{url}/reset")})
    };
    let expected = json!({
        "slug": "agency",
        "name": "Harbor Agency",
        "support": {"email": "help@agency.test", "phone": "+1 555 0100"},
        "portals": {"client": portal("portal"), "staff": portal("staff")},
        "recovery_methods": ["link", "code"],
        "code_length": 8,
        "password_policy": {"min_length": 15, "max_length": 256},
        "security_questions": [],
        "help_requests": true,
        "locales": ["en", "es"],
        "brand": {},
    });
    assert_eq!(reply.json(), expected);
}

#[tokio::test]
async fn a_password_manager_is_led_to_the_portals_own_page() {
    let app = TestApp::start().await;
    let page = async |query: &str| {
        let event = HttpEvent::new("GET", "/.well-known/change-password").query(query);
        app.send(event.header("host", "evil.test").header("x-forwarded-host", "evil.test")).await
    };
    for (query, location) in [
        ("practice=agency", "https://portal.agency.test"),
        ("practice=agency&portal=staff", "https://staff.agency.test"),
    ] {
        let reply = page(query).await;
        assert_eq!((reply.status.as_u16(), reply.headers["location"].to_str().unwrap()), (302, location));
    }
    let member = crate::support::staff::StaffMember::of(&app, "agency", "staff", "admin").await;
    let settings = json!({"portals": {"client": {"change_password_url": "https://portal.agency.test/account/password"}}});
    assert_eq!(member.send(HttpEvent::new("PATCH", "/v1/admin/practice").json(&settings)).await.status, 200);
    app.clock.advance(std::time::Duration::from_mins(2));
    assert_eq!(
        page("practice=agency").await.headers["location"],
        "https://portal.agency.test/account/password"
    );
    for (query, outcome) in [
        ("practice=nowhere", (404, "unknown_practice")),
        ("practice=agency&url=https://evil.test", (400, "invalid_request")),
        ("practice=agency&portal=x", (400, "invalid_request")),
    ] {
        assert_eq!(page(query).await.outcome(), (outcome.0, outcome.1.to_owned()), "{query}");
    }
    let plain = json!({"portals": {"client": {"change_password_url": "http://portal.agency.test"}}});
    let reply = member.send(HttpEvent::new("PATCH", "/v1/admin/practice").json(&plain)).await;
    assert_eq!(reply.outcome(), (422, "invalid_setting".to_owned()));
}
