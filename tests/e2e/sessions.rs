//! S1, and the bearer tokens of S2: a session is opaque, is checked at every use, and ends when it must.

use std::time::Duration;

use rekey::platform::clock::hours;
use serde_json::json;

use crate::support::event::HttpEvent;
use crate::support::{PASSWORD, TestApp};

#[tokio::test]
async fn only_the_digest_of_a_session_is_stored() {
    let app = TestApp::start().await;
    let token = app.session_of("jane", PASSWORD).await;
    let secret = &token[43..];
    let dump = app.dump().await.join("\n");
    assert!(dump.contains("\"pk\":\"SESSION#"));
    assert!(!dump.contains(secret));
}

#[tokio::test]
async fn sign_in_answers_who_signed_in_and_takes_two_round_trips() {
    let app = TestApp::start().await;
    app.session_of("jane", PASSWORD).await;
    app.seam.forget();
    let reply = app.sign_in("Jane", PASSWORD).await;
    let mut answer = reply.json();
    assert_eq!(answer["token"].take().as_str().unwrap().len(), 86);
    assert_eq!(answer.get("device_id"), None, "the source is known");
    assert_eq!(answer["account"]["id"].take().as_str().unwrap().len(), 26);
    let expected = json!({
        "token": null,
        "expires_at": "2026-11-21T18:50:30Z",
        "account": {
            "id": null,
            "practice": "agency",
            "portal": "client",
            "username": "jane",
            "email": "jane@agency.test",
            "display_name": "jane",
            "locale": null,
            "role": null,
            "representative": false,
            "session_ends_at": "2026-11-22T06:35:30Z",
        },
        "next": null,
    });
    assert_eq!(answer, expected);
    let counts = app.seam.counts("sessions");
    // The three counts, the practice, the login and the source go out together, then the session, the account, and what gives the
    // counts of the source and the practice back.
    let calls = [("TransactWriteItems", 1), ("GetItem", 4), ("UpdateItem", 5)];
    assert_eq!(counts, calls.map(|(o, n)| (o.to_owned(), n)).into());
}

#[tokio::test]
async fn a_session_idles_out_and_using_it_keeps_it() {
    let app = TestApp::start().await;
    let session = app.session_of("jane", PASSWORD).await;
    for _ in 0..3 {
        app.clock.advance(Duration::from_mins(14));
        assert_eq!(app.account_with(&session).await.status, 200);
    }
    app.clock.advance(Duration::from_mins(15));
    assert_eq!(app.account_with(&session).await.outcome(), (401, "invalid_session".to_owned()));
}

#[tokio::test]
async fn a_session_ends_after_twelve_hours_however_busy() {
    let app = TestApp::start().await;
    let session = app.session_of("jane", PASSWORD).await;
    for _ in 0..(12 * 6 - 1) {
        app.clock.advance(Duration::from_mins(10));
        assert_eq!(app.account_with(&session).await.status, 200);
    }
    app.clock.advance(Duration::from_mins(10));
    assert_eq!(app.account_with(&session).await.status, 401);
}

#[tokio::test]
async fn a_practice_sets_how_long_its_sessions_live() {
    let app = TestApp::start().await;
    app.create_practice("short", json!({"session_idle": 60, "session_absolute": 300})).await;
    app.import("short", &crate::support::demo_accounts("short")).await;
    let body = json!({"practice": "short", "identifier": "jane", "password": PASSWORD});
    let session = app.post("/v1/sessions", body).await.json()["token"].as_str().unwrap().to_owned();
    app.clock.advance(Duration::from_secs(50));
    assert_eq!(app.account_with(&session).await.status, 200);
    app.clock.advance(Duration::from_secs(61));
    assert_eq!(app.account_with(&session).await.status, 401);
}

#[tokio::test]
async fn checking_a_session_takes_one_round_trip() {
    let app = TestApp::start().await;
    let session = app.session_of("jane", PASSWORD).await;
    app.seam.forget();
    app.account_with(&session).await;
    // Both go out at once.
    let counts = [("UpdateItem".to_owned(), 1), ("GetItem".to_owned(), 1)];
    assert_eq!(app.seam.counts("sessions"), counts.into());
}

#[tokio::test]
async fn a_session_is_checked_against_its_account_at_every_use() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let app = TestApp::start().await;
    for (attribute, value) in [
        ("active", AttributeValue::Bool(false)),
        ("refused", AttributeValue::Bool(true)),
        ("session_epoch", AttributeValue::N("9".to_owned())),
    ] {
        let username = match attribute {
            "active" => "jane",
            "refused" => "sam",
            _ => "lily",
        };
        let session = app.session_of(username, PASSWORD).await;
        assert_eq!(app.account_with(&session).await.status, 200);
        let key = rekey::store::keys::account(app.account(username).await.id).attributes();
        let update = app.dynamodb.update_item().table_name(&app.table).set_key(Some(key));
        let update = update.update_expression("SET #a = :v").expression_attribute_names("#a", attribute);
        update.expression_attribute_values(":v", value).send().await.unwrap();
        assert_eq!(app.account_with(&session).await.status, 401, "{attribute}");
    }
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one() {
    let app = TestApp::start().await;
    let (one, other) = (app.session_of("jane", PASSWORD).await, app.session_of("jane", PASSWORD).await);
    let strangers = app.session_of("sam", PASSWORD).await;
    let list = async |token: &str| app.send(HttpEvent::new("GET", "/v1/sessions").bearer(token)).await.json();
    let end = async |token: &str, id: &str| {
        app.send(HttpEvent::new("DELETE", &format!("/v1/sessions/{id}")).bearer(token)).await
    };

    let listed = list(&one).await;
    assert_eq!(listed["sessions"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&listed["sessions"][0]["current"], &listed["sessions"][1]["current"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(listed["sessions"][0]["ip"], "203.0.113.7");
    let others = list(&strangers).await["sessions"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(end(&one, &others).await.outcome(), (404, "not_found".to_owned()));
    assert_eq!(end(&one, "nonsense").await.outcome(), (404, "not_found".to_owned()));
    assert_eq!(app.account_with(&strangers).await.status, 200);

    let id = listed["sessions"][0]["id"].as_str().unwrap();
    assert_eq!(end(&one, id).await.status, 204);
    assert_eq!(app.account_with(&other).await.status, 401);
    assert_eq!(list(&one).await["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(end(&one, "current").await.status, 204);
    assert_eq!(app.account_with(&one).await.status, 401);
    assert_eq!(app.actions("jane").await[3..], ["session_revoked", "authn_logout"]);
}

#[tokio::test]
async fn what_is_no_session_is_a_401_that_says_how_to_come_back() {
    let app = TestApp::start().await;
    let token = app.session_of("jane", PASSWORD).await;
    for authorization in
        ["", "Bearer", "Bearer ", "Basic amFuZTp4", &token, &format!("Bearer {}", &token[1..])]
    {
        let event = HttpEvent::new("GET", "/v1/account").header("authorization", authorization);
        let reply = app.send(event).await;
        assert_eq!(reply.outcome(), (401, "invalid_session".to_owned()), "{authorization}");
        assert_eq!(reply.headers["www-authenticate"], "Bearer");
    }
    for position in 43..85 {
        let mut other = token.clone().into_bytes();
        other[position] = if other[position] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(other).unwrap();
        assert_eq!(app.account_with(&other).await.status, 401, "the secret differs at {position}");
    }
    assert_eq!(app.account_with(&token).await.status, 200);
    app.clock.advance(hours(13));
    assert_eq!(app.account_with(&token).await.headers["www-authenticate"], "Bearer");
}

#[tokio::test]
async fn a_shared_address_signs_nobody_in_and_says_no_more_than_any_other() {
    let app = TestApp::start().await;
    let reply = app.sign_in("family@agency.test", PASSWORD).await;
    assert_eq!(reply.outcome(), (401, "invalid_credentials".to_owned()));
    assert_eq!(app.sign_in("lily", PASSWORD).await.status, 201);
}

#[tokio::test]
async fn a_login_that_is_out_of_date_is_compared_with_the_account_again() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let app = TestApp::start().await;
    let account = app.account("jane").await;
    let update = app.dynamodb.update_item().table_name(&app.table);
    let update = update.set_key(Some(rekey::store::keys::account(account.id).attributes()));
    let update = update.update_expression("SET session_epoch = :e");
    update.expression_attribute_values(":e", AttributeValue::N("5".to_owned())).send().await.unwrap();
    let session = app.session_of("jane", PASSWORD).await;
    assert_eq!(app.account_with(&session).await.status, 200);
}

#[tokio::test]
async fn every_other_session_is_ended_at_once_and_devices_have_names() {
    let app = TestApp::start().await;
    let own = app.session_of("jane", PASSWORD).await;
    let others = [app.session_of("jane", PASSWORD).await, app.session_of("jane@agency.test", PASSWORD).await];
    let link = app.token_for("jane").await;
    let list = async || {
        let reply = app.send(HttpEvent::new("GET", "/v1/sessions").bearer(&own)).await.json();
        reply["sessions"].as_array().unwrap().clone()
    };
    assert_eq!(list().await.len(), 3);
    assert_eq!(list().await[0]["device"], "an unknown device");
    assert_eq!(app.send(HttpEvent::new("DELETE", "/v1/sessions").bearer(&own)).await.status, 204);
    for other in &others {
        assert_eq!(app.account_with(other).await.outcome(), (401, "invalid_session".to_owned()));
    }
    let left = list().await;
    assert_eq!((left.len(), &left[0]["current"]), (1, &serde_json::json!(true)));
    assert_eq!(app.preview(&link).await.status, 200, "a link is no session");
    assert_eq!(app.sign_in("jane@agency.test", PASSWORD).await.status, 201);
}

/// What ends sessions, and whether the one that does it is left.
#[tokio::test]
async fn whatever_ends_sessions_ends_them_at_the_next_call() {
    let app = TestApp::start().await;
    let accounts = crate::support::staff::ACCOUNTS;
    let id = app.account("jane").await.id;
    let mut password = PASSWORD.to_owned();
    for what in ["reset", "change", "others", "staff", "temporary", "deactivation", "refusal", "repudiation"]
    {
        let member = crate::support::staff::StaffMember::of(&app, "agency", "staff", "admin").await;
        let own = app.session_of("jane", &password).await;
        let others =
            [app.session_of("jane", &password).await, app.session_of("jane@agency.test", &password).await];
        for session in others.iter().chain([&own]) {
            assert_eq!(app.account_with(session).await.status, 200, "{what}");
        }
        let next = format!("a quiet harbor for the {what}");
        let mut kept = false;
        match what {
            "reset" => {
                let token = app.token_for("jane").await;
                assert_eq!(app.reset(&token, &next).await.status, 204);
                password = next;
            }
            "change" => {
                let body = serde_json::json!({"current_password": password, "new_password": next});
                let change = HttpEvent::new("POST", "/v1/password/change").bearer(&own).json(&body);
                assert_eq!(app.send(change).await.status, 204);
                (password, kept) = (next, true);
            }
            "others" => {
                assert_eq!(app.send(HttpEvent::new("DELETE", "/v1/sessions").bearer(&own)).await.status, 204);
                kept = true;
            }
            "staff" => {
                let end = HttpEvent::new("DELETE", &format!("{accounts}/{id}/sessions"));
                assert_eq!(member.send(end).await.status, 204);
            }
            "temporary" => {
                let issue = HttpEvent::new("POST", &format!("{accounts}/{id}/temporary-password"));
                assert_eq!(member.send(issue).await.status, 202);
            }
            "deactivation" | "refusal" => {
                let flag = if what == "refusal" { "refused" } else { "active" };
                let close = serde_json::json!({flag: what == "refusal"});
                assert_eq!(member.patch(id, close).await.status, 200);
            }
            _ => {
                app.deliver().await;
                let mails = app.mailbox.messages();
                let text =
                    mails.iter().find_map(|mail| mail.text.as_ref()?.split_once("#repudiate=")).unwrap().1;
                let token = text.split_whitespace().next().unwrap();
                let reply = app.post("/v1/password/repudiate", serde_json::json!({"token": token})).await;
                assert_eq!(reply.status, 204);
            }
        }
        for session in &others {
            assert_eq!(
                app.account_with(session).await.outcome(),
                (401, "invalid_session".to_owned()),
                "{what}"
            );
        }
        assert_eq!(app.account_with(&own).await.status.as_u16(), if kept { 200 } else { 401 }, "{what}");
        // For the next one: open again, with a password.
        if ["temporary", "deactivation", "refusal"].contains(&what) {
            let open = serde_json::json!({"active": true, "refused": false});
            assert_eq!(member.patch(id, open).await.status, 200);
            for session in others.iter().chain([&own]) {
                assert_eq!(app.account_with(session).await.status, 401, "{what}: closed is ended");
            }
            app.clock.advance(rekey::platform::clock::hours(1));
            let token = app.token_for("jane").await;
            password = format!("a quiet harbor after the {what}");
            assert_eq!(app.reset(&token, &password).await.status, 204);
        }
        if what != "repudiation" {
            let signed_out = app.session_of("jane", &password).await;
            let out = HttpEvent::new("DELETE", "/v1/sessions/current").bearer(&signed_out);
            assert_eq!(app.send(out).await.status, 204);
            assert_eq!(app.account_with(&signed_out).await.status, 401, "a replay");
        }
        if what == "refusal" {
            app.clock.advance(rekey::platform::clock::hours(1));
        }
    }
}
