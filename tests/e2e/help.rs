//! A2, A3, T7: staff issue links and invitations, see what has been issued, and revoke it.

use std::time::Duration;

use rekey::domain::event::Action;
use rekey::domain::practice::Portal;
use rekey::platform::clock::hours;
use rekey::platform::ids::AccountId;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::help::{IN_FIVE_DAYS, TOMORROW, tickets};
use crate::support::seam::Fault;
use crate::support::staff::{ACCOUNTS, StaffMember, at_work};
use crate::support::{NEW_PASSWORD, PASSWORD, Reply, TestApp, demo_accounts, logs, token_in};

async fn link(member: &StaffMember<'_>, id: AccountId, body: Value) -> Reply {
    member.send(HttpEvent::new("POST", &format!("{ACCOUNTS}/{id}/links")).json(&body)).await
}

async fn invite(member: &StaffMember<'_>, id: AccountId) -> Reply {
    member.send(HttpEvent::new("POST", &format!("{ACCOUNTS}/{id}/invitation"))).await
}

async fn states(member: &StaffMember<'_>, id: AccountId) -> Vec<String> {
    tickets(member, id).await.iter().map(|ticket| ticket["state"].as_str().unwrap().to_owned()).collect()
}

async fn revoke(member: &StaffMember<'_>, id: AccountId, ticket: &str) -> Reply {
    member.send(HttpEvent::new("DELETE", &format!("{ACCOUNTS}/{id}/tickets/{ticket}"))).await
}

fn copied(reply: &Reply) -> String {
    assert_eq!(reply.status, 201, "{reply:?}");
    let json = reply.json();
    let (before, token) = json["url"].as_str().unwrap().split_once("#token=").unwrap();
    assert_eq!(before, "https://portal.agency.test/reset");
    token.to_owned()
}

#[tokio::test]
async fn a_copied_link_is_shown_once_and_works_once_until_its_time() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let staff = app.account_of("agency", Portal::Staff, "admin").await.id;
    let id = app.account("jane").await.id;
    let asked = json!({"expires_at": IN_FIVE_DAYS, "deliver": "copy", "reason": "On holiday until Thursday"});
    let reply = link(&member, id, asked).await;
    let token = copied(&reply);
    let json = reply.json();
    assert_eq!((&json["expires_at"], json.get("sent_to")), (&json!("2026-11-26T10:00:00Z"), None));
    let expected = json!([{"id": json["ticket_id"], "kind": "reset_link", "issuer": "staff", "state": "issued",
        "mail": null, "issued_by": staff.to_string(), "reason": "On holiday until Thursday", "issued_at": "2026-11-21T18:35:30Z",
        "expires_at": "2026-11-26T10:00:00Z"}]);
    assert_eq!(Value::from(tickets(&member, id).await), expected);
    app.deliver().await;
    let mails = app.mailbox.take().unwrap();
    let told: Vec<&str> = mails.iter().map(|mail| mail.subject.as_str()).collect();
    assert_eq!(
        told,
        ["A link to your account was handed over"],
        "the link is not mailed, but its owner is told"
    );
    let text = mails[0].text.clone().unwrap();
    for text in [app.dump().await.join(""), logs::printed(), text] {
        assert!(!text.contains(&token) && !text.contains(&token[43..]), "shown once");
    }
    let mut events = app.events(id).await.into_iter();
    let event = events.rfind(|event| event.action == Action::AuthnTokenCreated).unwrap();
    assert_eq!((event.action, event.by), (Action::AuthnTokenCreated, Some(staff)));
    assert_eq!(event.note.as_deref(), Some("On holiday until Thursday"));

    app.clock.advance(hours(100));
    assert_eq!(app.preview(&token).await.json()["expires_at"], "2026-11-26T10:00:00Z");
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.reset(&token, PASSWORD).await.outcome(), (410, "used_token".to_owned()));
    let member = at_work(&app).await;
    assert_eq!(states(&member, id).await, ["used"]);
}

#[tokio::test]
async fn a_mailed_link_gets_its_token_from_the_mailer_alone() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = app.account("jane").await.id;
    let reply = link(&member, id, json!({"expires_at": TOMORROW, "deliver": "email"})).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    let json = reply.json();
    assert_eq!((&json["sent_to"], json.get("url")), (&json!("j…@a….test"), None));
    assert_eq!(states(&member, id).await, ["issued"]);
    assert_eq!(app.store.list_tickets(id).await.unwrap().tickets[0].digest, None);

    // SES refuses for a while, and the mailer's key moves on meanwhile.
    let record = app.stream_records().await.pop().unwrap();
    app.mailbox.fail_next(3, rekey_local::mailbox::Failure::AccountPaused);
    app.invoke_mailer(json!({"Records": [record]})).await;
    app.mailbox.clear_failures();
    app.sweep_after_rotation("rekey/derivation").await;
    let mails = app.mailbox.messages();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, ["jane@agency.test"]);
    assert!(mails[0].text.as_ref().unwrap().contains("Sunday, November 22, 2026 at 1:00 PM EST"));
    assert_eq!(states(&member, id).await, ["sent"]);
    assert_eq!(app.reset(&token_in(&mails[0]), NEW_PASSWORD).await.status, 204);
    let actions = app.actions("jane").await;
    let created = actions.iter().filter(|action| *action == "authn_token_created").count();
    assert_eq!(created, 1, "{actions:?}");
}

#[tokio::test]
async fn an_expiry_is_within_the_practices_bound_and_a_long_one_has_a_reason() {
    let app = TestApp::start_with(&[]).await;
    app.create_practice("agency", json!({"admin_link_max": 172_800})).await;
    app.import("agency", &demo_accounts("agency")).await;
    let member = at_work(&app).await;
    let id = app.account("jane").await.id;
    let ask = |expires_at: Value, reason: Value| json!({"expires_at": expires_at, "deliver": "copy", "reason": reason});
    let before = app.lasting().await.into_iter().filter(|item| item.contains("TICKET#")).count();
    for (body, named) in [
        (ask(json!("2026-11-21T18:40:00Z"), Value::Null), "expires_at"),
        (ask(json!("2020-01-01T00:00:00Z"), Value::Null), "expires_at"),
        (ask(json!("2026-11-23T18:35:31Z"), json!("x")), "expires_at"),
        (ask(json!("tomorrow"), Value::Null), "expires_at"),
        (ask(json!(1_795_286_130), Value::Null), "expires_at"),
        (ask(json!("2026-11-22T18:35:31Z"), Value::Null), "reason"),
        (ask(json!("2026-11-22T18:35:31Z"), json!("  ")), "reason"),
        (ask(json!(TOMORROW), json!("x".repeat(201))), "reason"),
        (ask(json!(TOMORROW), json!("a\nb")), "reason"),
        (json!({"expires_at": TOMORROW, "deliver": "pigeon"}), "deliver"),
        (json!({"expires_at": TOMORROW, "deliver": "copy", "password": "x"}), "password"),
        (json!({"expires_at": TOMORROW}), "body"),
    ] {
        let reply = link(&member, id, body.clone()).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{body}");
        assert!(reply.json()["detail"].as_str().unwrap().starts_with(named), "{body}: {}", reply.body);
    }
    let after = app.lasting().await.into_iter().filter(|item| item.contains("TICKET#")).count();
    assert_eq!(after, before);
    for body in [
        ask(json!("2026-11-21T18:46:00Z"), Value::Null),
        ask(json!("2026-11-22T18:35:30Z"), Value::Null),
        ask(json!("2026-11-23T18:35:30Z"), json!("x")),
    ] {
        copied(&link(&member, id, body).await);
    }
}

#[tokio::test]
async fn a_ticket_is_taken_back_at_once_and_everybody_can_see_what_became_of_the_others() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = app.account("jane").await.id;
    let own = app.token_for("jane").await;
    let body = json!({"expires_at": TOMORROW, "deliver": "copy"});
    let reply = link(&member, id, body.clone()).await;
    let (token, ticket) = (copied(&reply), reply.json()["ticket_id"].as_str().unwrap().to_owned());
    assert_eq!(revoke(&member, id, &ticket).await.status, 204);
    assert_eq!(revoke(&member, id, &ticket).await.status, 204, "and stays so");
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.outcome(), (410, "revoked_token".to_owned()));
    assert_eq!(app.preview(&own).await.status, 200, "the others live on");
    let other = copied(&link(&member, id, body).await);
    assert_eq!(app.reset(&other, NEW_PASSWORD).await.status, 204);
    let listed = tickets(&member, id).await;
    let states: Vec<(&str, &str)> = listed
        .iter()
        .map(|ticket| (ticket["issuer"].as_str().unwrap(), ticket["state"].as_str().unwrap()))
        .collect();
    assert_eq!(states, [("staff", "used"), ("staff", "revoked"), ("self_service", "superseded")]);
    let used = listed[0]["id"].as_str().unwrap();
    assert_eq!(revoke(&member, id, used).await.outcome(), (410, "used_token".to_owned()));
    for unknown in ["01JD7Z3M5V8Q2X4Y6W0N1R9T3K", "x"] {
        assert_eq!(revoke(&member, id, unknown).await.outcome(), (404, "not_found".to_owned()));
    }
    let sam = app.account("sam").await.id;
    assert_eq!(revoke(&member, sam, used).await.status, 404, "a ticket is its account's");
    let revoked =
        app.actions("jane").await.into_iter().filter(|action| action == "authn_token_revoked").count();
    assert_eq!(revoked, 1);
    assert!(!member.get(&format!("{ACCOUNTS}/{id}/tickets")).await.body.contains("digest"));
}

#[tokio::test]
async fn a_link_that_is_taken_back_before_its_mail_is_not_mailed() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = app.account("jane").await.id;
    let reply = link(&member, id, json!({"expires_at": TOMORROW, "deliver": "email"})).await;
    let ticket = reply.json()["ticket_id"].as_str().unwrap().to_owned();
    assert_eq!(revoke(&member, id, &ticket).await.status, 204);
    assert_eq!(app.deliver().await.dead, 0);
    assert!(app.mailbox.messages().is_empty());
}

#[tokio::test]
async fn an_invitation_is_sent_again_and_after_its_end_too_and_accepted_once() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let new =
        json!({"username": "noor", "email": "noor@agency.test", "display_name": "Noor", "invite": false});
    let account = member.create(new).await.json();
    assert_eq!(account["setup"], "not_invited");
    let id: AccountId = account["id"].as_str().unwrap().parse().unwrap();
    let reply = invite(&member, id).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["sent_to"]), (202, &json!("n…@a….test")));
    assert_eq!(reply.json()["expires_at"], "2026-11-28T18:35:30Z");
    assert_eq!(member.get(&format!("{ACCOUNTS}/{id}")).await.json()["setup"], "invited");
    app.deliver().await;
    let first = app.mailbox.messages().remove(0);
    assert_eq!(first.subject, "Your account is ready to set up");
    assert!(first.text.as_ref().unwrap().contains("Username: noor"));

    app.clock.advance(hours(7 * 24));
    let member = at_work(&app).await;
    assert_eq!(app.preview(&token_in(&first)).await.outcome(), (410, "expired_token".to_owned()));
    assert_eq!(states(&member, id).await, ["expired"]);
    for _ in 0..2 {
        assert_eq!(invite(&member, id).await.status, 202);
        app.deliver().await;
    }
    let mails = app.mailbox.messages();
    let (second, third) = (token_in(&mails[1]), token_in(&mails[0]));
    let setup = async || member.get(&format!("{ACCOUNTS}/{id}")).await.json()["setup"].clone();
    assert_eq!(setup().await, "invited");
    assert_eq!(app.preview(&third).await.json()["purpose"], "invitation");
    assert_eq!(setup().await, "started", "the link was opened");
    assert_eq!(invite(&member, id).await.status, 202);
    assert_eq!(setup().await, "started");
    assert_eq!(member.list("status=started").await, ["noor"]);
    app.seam.inject("reset-password", "TransactWriteItems", 3, Fault::Down);
    assert_eq!(app.preview(&third).await.status, 200);
    app.seam.heal();
    assert_eq!(app.reset(&second, NEW_PASSWORD).await.status, 204, "the earlier mail works");
    assert_eq!(app.reset(&third, NEW_PASSWORD).await.outcome(), (410, "revoked_token".to_owned()));
    assert_eq!(invite(&member, id).await.outcome(), (409, "already_signed_up".to_owned()));
    assert_eq!(member.get(&format!("{ACCOUNTS}/{id}")).await.json()["setup"], "signed_up");
}

#[tokio::test]
async fn who_cannot_be_helped_is_said_to_be_so() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let new = json!({"username": "nomail", "display_name": "N"});
    let id: AccountId = member.create(new).await.json()["id"].as_str().unwrap().parse().unwrap();
    let mailed = json!({"expires_at": TOMORROW, "deliver": "email"});
    let copy = json!({"expires_at": TOMORROW, "deliver": "copy"});
    assert_eq!(link(&member, id, mailed.clone()).await.outcome(), (409, "no_address".to_owned()));
    assert_eq!(invite(&member, id).await.outcome(), (409, "no_address".to_owned()));
    let token = copied(&link(&member, id, copy.clone()).await);
    assert_eq!(app.preview(&token).await.json()["purpose"], "invitation");
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204, "a copied link needs no address");
    for closed in ["dora", "ruth"] {
        let id = app.account(closed).await.id;
        for body in [mailed.clone(), copy.clone()] {
            assert_eq!(
                link(&member, id, body).await.outcome(),
                (409, "account_closed".to_owned()),
                "{closed}"
            );
        }
        assert_eq!(invite(&member, id).await.outcome(), (409, "account_closed".to_owned()));
    }
}

#[tokio::test]
async fn staff_end_every_session_of_an_account() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = app.account("jane").await.id;
    let sessions =
        [app.session_of("jane", PASSWORD).await, app.session_of("jane@agency.test", PASSWORD).await];
    let link = app.token_for("jane").await;
    let path = format!("{ACCOUNTS}/{id}/sessions");
    assert_eq!(member.send(HttpEvent::new("DELETE", &path)).await.status, 204);
    for session in sessions {
        assert_eq!(app.account_with(&session).await.outcome(), (401, "invalid_session".to_owned()));
    }
    assert_eq!(app.preview(&link).await.status, 200, "a link is no session");
    for name in ["jane", "jane@agency.test"] {
        assert_eq!(app.sign_in(name, PASSWORD).await.status, 201, "{name}");
    }
    assert_eq!(app.events(id).await.iter().filter(|event| event.action == Action::SessionRevoked).count(), 1);
}

#[tokio::test]
async fn every_help_leaves_one_event_and_one_that_cannot_be_recorded_is_not_given() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let (jane, ivan) = (app.account("jane").await.id, app.account("ivan").await.id);
    let first = link(&member, jane, json!({"expires_at": TOMORROW, "deliver": "copy"})).await.json();
    let ticket = first["ticket_id"].as_str().unwrap();
    let post = |id: AccountId, tail: &str| HttpEvent::new("POST", &format!("{ACCOUNTS}/{id}/{tail}"));
    let delete = |tail: &str| HttpEvent::new("DELETE", &format!("{ACCOUNTS}/{jane}/{tail}"));
    let events =
        async || app.dump().await.into_iter().filter(|item| item.contains("\"pk\":\"EVENT#")).count();
    let lasting = async || {
        let items = app.lasting().await.into_iter().filter(|item| !item.contains("SESSION#"));
        items.collect::<Vec<_>>()
    };
    for event in [
        post(jane, "links").json(&json!({"expires_at": TOMORROW, "deliver": "copy"})),
        post(jane, "links").json(&json!({"expires_at": TOMORROW, "deliver": "email"})),
        post(ivan, "invitation"),
        post(jane, "temporary-password"),
        delete(&format!("tickets/{ticket}")),
        delete("sessions"),
    ] {
        let (before, count) = (lasting().await, events().await);
        app.seam.inject("admin-link", "TransactWriteItems", 3, Fault::Down);
        assert_eq!(member.send(event.clone()).await.status, 503);
        app.seam.heal();
        assert_eq!(lasting().await, before, "nothing half done");
        app.seam.inject("admin-link", "TransactWriteItems", 1, Fault::AnswerLost);
        let reply = member.send(event).await;
        assert!(reply.status.is_success(), "{reply:?}");
        app.seam.heal();
        assert_eq!(events().await, count + 1);
    }
}

#[tokio::test]
async fn an_account_that_changes_while_it_is_helped_gets_no_stale_ticket() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = app.account("jane").await.id;
    let token = copied(&link(&member, id, json!({"expires_at": TOMORROW, "deliver": "copy"})).await);
    let reply = member.patch(id, json!({"email": "new@agency.test"})).await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        app.preview(&token).await.outcome(),
        (410, "revoked_token".to_owned()),
        "made before the change"
    );
    app.clock.advance(Duration::from_mins(1));
    let token = copied(&link(&member, id, json!({"expires_at": TOMORROW, "deliver": "copy"})).await);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.sign_in("new@agency.test", NEW_PASSWORD).await.status, 201);
}

#[tokio::test]
async fn tickets_and_sessions_are_listed_a_page_at_a_time() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let jane = app.account("jane").await.id;
    let tickets = format!("{ACCOUNTS}/{jane}/tickets");
    for _ in 0..5 {
        let body = json!({"expires_at": TOMORROW, "deliver": "copy"});
        let issue = HttpEvent::new("POST", &format!("{ACCOUNTS}/{jane}/links")).json(&body);
        assert_eq!(member.send(issue).await.status, 201);
    }
    let mut session = String::new();
    for _ in 0..5 {
        session = app.session_of("jane", PASSWORD).await;
    }
    for (path, list, bearer) in
        [(tickets.as_str(), "tickets", &member.session), ("/v1/sessions", "sessions", &session)]
    {
        let get = async |query: &str| app.send(HttpEvent::new("GET", path).query(query).bearer(bearer)).await;
        let ids = |page: &Value| -> Vec<String> {
            page[list]
                .as_array()
                .unwrap()
                .iter()
                .map(|entry| entry["id"].as_str().unwrap().to_owned())
                .collect()
        };
        let all = get("").await.json();
        assert_eq!((ids(&all).len(), &all["next_cursor"]), (5, &Value::Null), "{list}");
        let (mut found, mut query) = (Vec::new(), "limit=2".to_owned());
        loop {
            let page = get(&query).await.json();
            assert!(ids(&page).len() <= 2, "{page}");
            found.extend(ids(&page));
            let Some(next) = page["next_cursor"].as_str() else { break };
            query = format!("limit=2&cursor={next}");
        }
        assert_eq!(found, ids(&all), "{list}: the newest first, each once");
        let mut sorted = found.clone();
        sorted.sort_by(|one, other| other.cmp(one));
        assert_eq!(found, sorted, "{list}");
        for query in ["limit=0", "limit=101", "limit=x", "cursor=x", "page=2", "limit=2&limit=2"] {
            assert_eq!(get(query).await.outcome(), (400, "invalid_request".to_owned()), "{list} {query}");
        }
    }
}
