//! T9: a temporary password lets its holder sign in once, to choose a password of their own.

use std::time::Duration;

use rekey::domain::event::{Action, Reason};
use rekey::platform::ids::AccountId;
use serde_json::{Value, json};

use crate::support::staff::{ACCOUNTS, StaffMember, at_work};
use crate::support::temporary::{change, issue, mailed};
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp, demo_accounts, logs, temporary_in, token_in};

async fn states(member: &StaffMember<'_>, id: AccountId) -> Vec<String> {
    let reply = member.get(&format!("{ACCOUNTS}/{id}/tickets")).await.json();
    let tickets = reply["tickets"].as_array().unwrap();
    tickets.iter().map(|ticket| ticket["state"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn it_signs_in_once_and_leads_to_a_password_of_ones_own() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = app.account("jane").await.id;
    let old = app.session_of("jane", PASSWORD).await;
    let link = app.token_for("jane").await;
    app.mailbox.clear().unwrap();
    let reply = issue(&member, id, None).await;
    let json = reply.json();
    assert_eq!((reply.status.as_u16(), &json["sent_to"]), (202, &json!("j…@a….test")));
    assert_eq!(json["expires_at"], "2026-11-22T18:35:30Z");
    assert_eq!(json.as_object().unwrap().len(), 3, "and nothing that opens anything: {json}");
    assert_eq!(app.sign_in("jane", PASSWORD).await.status, 401, "the current one is void at once");
    assert_eq!(app.account_with(&old).await.status, 401, "and what was opened with it");

    app.deliver().await;
    let mail = app.mailbox.messages().remove(0);
    assert_eq!(
        (mail.to.as_slice(), mail.subject.as_str()),
        (&["jane@agency.test".to_owned()][..], "Your temporary password")
    );
    let text = mail.text.clone().unwrap();
    for part in ["Username: jane", "https://portal.agency.test", "Sunday, November 22, 2026 at 1:35 PM EST"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let temporary = temporary_in(&mail);
    assert!(mail.html.as_ref().unwrap().contains(&temporary));
    for shown in [app.dump().await.join(""), logs::printed()] {
        assert!(!shown.contains(&temporary) && !shown.contains(&temporary.replace('-', "")));
    }

    let reply = app.sign_in("jane@agency.test", &temporary).await;
    let json = reply.json();
    assert_eq!((reply.status.as_u16(), &json["next"]), (201, &json!("change_password")));
    let session = json["token"].as_str().unwrap();
    assert_eq!(
        app.sign_in("jane", &temporary).await.outcome(),
        (401, "invalid_credentials".to_owned()),
        "once"
    );
    assert_eq!(states(&member, id).await, ["used", "sent"]);
    let weak = change(&app, session, &temporary, &temporary.replace('-', " ").to_uppercase()).await;
    assert_eq!((weak.status.as_u16(), &weak.json()["reasons"][0]["code"]), (422, &json!("same_as_current")));
    assert_eq!(
        change(&app, session, PASSWORD, NEW_PASSWORD).await.status,
        401,
        "the temporary one is the current one"
    );
    assert_eq!(change(&app, session, &temporary, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.account_with(session).await.status, 200, "a full session now");
    assert_eq!(app.preview(&link).await.outcome(), (410, "revoked_token".to_owned()));
    let reply = app.sign_in("jane", NEW_PASSWORD).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["next"]), (201, &Value::Null));
    assert_eq!(app.sign_in("jane", &temporary).await.status, 401);
    assert_eq!(app.account("jane").await.temporary, None);

    app.deliver().await;
    assert_eq!(app.mailbox.messages()[0].subject, "Your password was changed");
    let events = app.events(id).await;
    let issued =
        events.iter().find(|event| event.action == Action::AuthnTokenCreated && event.by.is_some()).unwrap();
    let with =
        events.iter().find(|event| event.action == Action::AuthnLoginSuccess && event.ticket.is_some());
    assert_eq!(with.unwrap().ticket, issued.ticket);
}

#[tokio::test]
async fn a_new_one_is_sent_and_the_first_no_longer_works() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let first = mailed(&app, &member, "jane").await;
    let second = mailed(&app, &member, "jane").await;
    assert_ne!(first, second);
    assert_eq!(app.sign_in("jane", &first).await.status, 401);
    assert_eq!(states(&member, app.account("jane").await.id).await, ["sent", "superseded"]);
    let session = app.session_of("jane", &second).await;
    let third = mailed(&app, &member, "jane").await;
    assert_eq!(
        change(&app, &session, &second, NEW_PASSWORD).await.outcome(),
        (401, "invalid_session".to_owned())
    );
    assert_eq!(app.sign_in("jane", &third).await.status, 201);
}

#[tokio::test]
async fn its_holder_is_told_when_it_has_expired_and_can_recover() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = app.account("jane").await.id;
    assert_eq!(
        issue(&member, id, Some(json!({"hours": 2}))).await.json()["expires_at"],
        "2026-11-21T20:35:30Z"
    );
    app.deliver().await;
    let temporary = temporary_in(&app.mailbox.messages()[0]);
    app.clock.advance(Duration::from_secs(2 * 60 * 60 - 1));
    assert_eq!(
        app.sign_in("jane", "0000-0000-0000-0000-0000").await.outcome(),
        (401, "invalid_credentials".to_owned())
    );
    app.clock.advance(Duration::from_secs(1));
    for name in ["jane", "jane@agency.test"] {
        assert_eq!(
            app.sign_in(name, &temporary).await.outcome(),
            (401, "temporary_password_expired".to_owned())
        );
    }
    let wrong = app.sign_in("jane", "0000-0000-0000-0000-0000").await;
    assert_eq!(
        wrong.outcome(),
        (401, "invalid_credentials".to_owned()),
        "who does not have it learns nothing"
    );
    let events = app.events(id).await;
    assert!(
        events
            .iter()
            .any(|event| event.action == Action::AuthnLoginFail && event.reason == Some(Reason::Expired))
    );
    app.forgot("jane").await;
    app.deliver().await;
    let link = token_in(&app.mailbox.messages()[0]);
    assert_eq!(app.preview(&link).await.json()["purpose"], "reset");
    let kept = app.reset(&link, &temporary).await;
    assert_eq!(kept.outcome(), (422, "weak_password".to_owned()), "not by this way either");
    assert_eq!(app.reset(&link, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.sign_in("jane", &temporary).await.outcome(), (401, "invalid_credentials".to_owned()));
    assert_eq!(app.sign_in("jane", NEW_PASSWORD).await.status, 201);
}

#[tokio::test]
async fn forgot_goes_on_working_while_one_is_open_and_voids_it_in_the_end() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let temporary = mailed(&app, &member, "jane").await;
    let link = app.token_for("jane").await;
    assert_eq!(app.reset(&link, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.sign_in("jane", &temporary).await.status, 401);
    let member = at_work(&app).await;
    assert_eq!(states(&member, app.account("jane").await.id).await, ["used", "superseded"]);
}

#[tokio::test]
async fn a_practice_may_let_the_current_password_live_on() {
    let app = TestApp::start_with(&[]).await;
    app.create_practice(
        "agency",
        json!({"temporary_password_voids_current": false, "temporary_password_ttl": 3600}),
    )
    .await;
    app.import("agency", &demo_accounts("agency")).await;
    let member = at_work(&app).await;
    let session = app.session_of("jane", PASSWORD).await;
    let id = app.account("jane").await.id;
    assert_eq!(issue(&member, id, Some(json!({}))).await.json()["expires_at"], "2026-11-21T19:35:30Z");
    app.deliver().await;
    let temporary = temporary_in(&app.mailbox.messages()[0]);
    assert_eq!(app.account_with(&session).await.status, 200);
    let reply = app.sign_in("jane", PASSWORD).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["next"]), (201, &Value::Null));
    let restricted = app.session_of("jane", &temporary).await;
    assert_eq!(
        change(&app, &restricted, &temporary, PASSWORD).await.outcome(),
        (422, "weak_password".to_owned())
    );
    assert_eq!(change(&app, &restricted, PASSWORD, NEW_PASSWORD).await.status, 401);
    // Another one is issued: what the first has opened can no longer choose the password.
    let second = mailed(&app, &member, "jane").await;
    assert_eq!(
        change(&app, &restricted, &temporary, NEW_PASSWORD).await.outcome(),
        (401, "invalid_session".to_owned())
    );
    assert_eq!(app.account_with(&session).await.status, 200);
    let restricted = app.session_of("jane", &second).await;
    assert_eq!(change(&app, &restricted, &second, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.account_with(&session).await.status, 401);
}

#[tokio::test]
async fn it_is_a_first_way_in_too() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let new = json!({"username": "noor", "email": "noor@agency.test", "display_name": "N", "invite": false});
    let id = member.create(new).await.json()["id"].as_str().unwrap().to_owned();
    let temporary = mailed(&app, &member, "noor").await;
    let setup = async || member.get(&format!("{ACCOUNTS}/{id}")).await.json()["setup"].clone();
    assert_eq!(setup().await, "invited");
    app.forgot("noor").await;
    app.deliver().await;
    assert_eq!(app.mailbox.messages()[0].subject, "Your account is ready to set up", "F6");
    let session = app.session_of("noor", &temporary).await;
    assert_eq!(change(&app, &session, &temporary, NEW_PASSWORD).await.status, 204);
    assert_eq!(setup().await, "signed_up");
    assert_eq!(app.sign_in("noor", NEW_PASSWORD).await.status, 201);
}

/// Whoever may write accounts could put the digest of a temporary password of their own beside a ticket that they have asked for.
#[tokio::test]
async fn a_temporary_password_that_was_planted_with_the_ticket_of_a_link_signs_nobody_in() {
    use rekey::secrets::temporary::{Temporary, TemporaryPassword};
    let app = TestApp::start().await;
    app.token_for("jane").await;
    let jane = app.account("jane").await;
    let ticket = app.store.list_tickets(jane.id).await.unwrap().tickets.remove(0);
    let typed = "0000-1111-2222-3333-4444";
    let digest = TemporaryPassword::parse(typed).unwrap().digest(jane.id, ticket.id);
    let planted = Temporary {
        ticket: ticket.id,
        valid_until: ticket.valid_until,
        owner_seen: false,
        digest: Some(digest),
    };
    let username = rekey::domain::identifier::Identifier::parse("jane").unwrap();
    for key in [
        rekey::store::keys::account(jane.id),
        rekey::store::keys::login(&jane.practice, jane.portal, &username),
    ] {
        let update = app.dynamodb.update_item().table_name(&app.table).set_key(Some(key.attributes()));
        let update = update.update_expression("SET #t = :t").expression_attribute_names("#t", "temporary");
        let value = serde_dynamo::to_attribute_value(&planted).unwrap();
        update.expression_attribute_values(":t", value).send().await.unwrap();
    }
    assert_eq!(app.sign_in("jane", typed).await.outcome(), (401, "invalid_credentials".to_owned()));
}
