//! A8: closing a member of staff ends what they have issued and nobody has used.

use std::time::Duration;

use rekey::domain::event::{Action, Actor};
use rekey::domain::practice::Portal;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::help::tickets;
use crate::support::leaving::{colleague, fail_revocations, opens, revoked, revokes};
use crate::support::seam::Fault;
use crate::support::staff::{ACCOUNTS, StaffMember, at_work, id_of};
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp, demo_accounts, temporary, temporary_in, token_in};

/// The events of tickets that were taken back, of a client.
async fn taken_back(app: &TestApp, username: &str) -> usize {
    let actions = app.actions(username).await;
    actions.iter().filter(|action| *action == "authn_token_revoked").count()
}

#[tokio::test]
async fn closing_a_colleague_shows_what_they_issued_and_nobody_used_and_revokes_it() {
    let app = TestApp::start().await;
    let (casey, member) = colleague(&app).await;
    let admin = at_work(&app).await;
    let (by_copy, by_mail) = (member.copied("jane").await, member.mailed("sam").await);
    let tom = app.account("tom").await.id;
    assert_eq!(temporary::issue(&member, tom, None).await.status, 202);
    app.deliver().await;
    let password = temporary_in(&app.mailbox.messages()[0]);
    let ivan = app.account("ivan").await.id;
    let invite = HttpEvent::new("POST", &format!("{ACCOUNTS}/{ivan}/invitation"));
    assert_eq!(member.send(invite).await.status, 202);
    app.deliver().await;
    let invitation = token_in(&app.mailbox.messages()[0]);
    // Somebody has used one, and one is a colleague's.
    let used = member.copied("lily").await;
    assert_eq!(app.reset(&used, NEW_PASSWORD).await.status, 204);
    let other = admin.copied("jane").await;

    let listed = admin.issued_by(casey).await;
    let of = |entry: &Value| (entry["account"].clone(), entry["handed_over"] == true);
    let found: Vec<(Value, bool)> = listed.iter().map(of).collect();
    let (jane, sam) = (app.account("jane").await.id, app.account("sam").await.id);
    let expected = [(json!(ivan), false), (json!(tom), false), (json!(sam), false), (json!(jane), true)];
    assert_eq!(found, expected, "the newest first");
    assert!(listed.iter().all(|entry| entry["ticket"]["issued_by"] == json!(casey)));
    assert_eq!(listed[2]["ticket"]["state"], "sent");

    assert_eq!(admin.close(casey).await, json!({"revoked": 4, "kept": 0, "complete": true}));
    for token in [&by_copy, &by_mail, &invitation] {
        assert_eq!(opens(&app, token).await, revoked());
    }
    assert_eq!(app.sign_in("tom", &password).await.status, 401);
    assert_eq!(app.preview(&other).await.status, 200, "a colleague's");
    assert_eq!(app.sign_in("lily", NEW_PASSWORD).await.status, 201);
    assert!(admin.issued_by(casey).await.is_empty());
    for id in [jane, sam, tom, ivan] {
        let states = tickets(&admin, id).await;
        let of_casey = states.iter().find(|ticket| ticket["issued_by"] == json!(casey)).unwrap();
        assert_eq!(of_casey["state"], "revoked");
        let events = app.events(id).await.into_iter();
        let event = events.rev().find(|event| event.action == Action::AuthnTokenRevoked).unwrap();
        let boss = id_of(&app, "agency", Portal::Staff, "admin").await;
        assert_eq!((event.actor, event.by), (Actor::Staff, Some(boss)));
        assert_eq!(json!(event.ticket.unwrap()), of_casey["id"]);
    }
    // The mailer finds that nothing is missing.
    assert_eq!(app.deliver().await.dead, 0);
    app.clock.advance(Duration::from_mins(5));
    assert_eq!(app.sweep().await["due"], 0);
    for name in ["jane", "sam", "tom", "ivan"] {
        assert_eq!(taken_back(&app, name).await, 1, "{name}: no event is written twice");
    }
}

#[tokio::test]
async fn an_account_that_is_refused_is_closed_too_and_one_that_stays_open_keeps_what_it_issued() {
    let app = TestApp::start().await;
    let (casey, member) = colleague(&app).await;
    let token = member.mailed("jane").await;
    let admin = at_work(&app).await;
    for change in [json!({"role": "admin"}), json!({"display_name": "C"}), json!({"email": "c@agency.test"})]
    {
        let reply = admin.patch(casey, change.clone()).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["issued"]), (200, &Value::Null), "{change}");
        assert_eq!(app.preview(&token).await.status, 200, "{change}");
    }
    let refused = admin.patch(casey, json!({"refused": true})).await;
    assert_eq!(refused.json()["issued"], json!({"revoked": 1, "kept": 0, "complete": true}));
    assert_eq!(opens(&app, &token).await, revoked());
}

#[tokio::test]
async fn what_was_mailed_is_kept_if_the_administrator_says_so_and_what_was_copied_is_not() {
    let app = TestApp::start().await;
    let (casey, member) = colleague(&app).await;
    let (copied, mailed) = (member.copied("jane").await, member.mailed("sam").await);
    let admin = at_work(&app).await;
    let keep = json!({"active": false, "revoke_issued": false});
    let kept = admin.patch(casey, keep).await.json();
    assert_eq!(kept["issued"], json!({"revoked": 1, "kept": 1, "complete": true}));
    assert_eq!(opens(&app, &copied).await, revoked());
    assert_eq!(app.deliver().await.dead, 0);
    app.clock.advance(Duration::from_mins(3));
    app.sweep().await;
    assert_eq!(app.preview(&mailed).await.status, 200);
    // The administrator thinks again.
    let admin = at_work(&app).await;
    let later = admin.patch(casey, json!({"active": false, "revoke_issued": true})).await.json();
    assert_eq!(later["issued"], json!({"revoked": 1, "kept": 0, "complete": true}));
    assert_eq!(opens(&app, &mailed).await, revoked());
    // It is said of nothing else.
    let jane = app.account("jane").await.id;
    for (id, change) in [
        (casey, json!({"active": true, "revoke_issued": true})),
        (jane, json!({"active": false, "revoke_issued": false})),
        (jane, json!({"display_name": "J", "revoke_issued": true})),
    ] {
        let reply = admin.patch(id, change.clone()).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{change}");
    }
}

#[tokio::test]
async fn hundreds_are_revoked_a_transaction_at_a_time() {
    let app = TestApp::start().await;
    let (casey, member) = colleague(&app).await;
    // Whoever has no address is told of none, so there is no bound to what is handed over for them.
    app.import("agency", &[json!({"username": "quiet", "display_name": "Q"})]).await;
    let quiet = app.account("quiet").await.id;
    for _ in 0..130 {
        assert_eq!(member.link(quiet, "copy").await.status, 201);
    }
    let admin = at_work(&app).await;
    let path = format!("{ACCOUNTS}/{casey}/issued");
    let (mut seen, mut cursor) = (0, String::new());
    loop {
        let query = format!("limit=100{cursor}");
        let page = admin.send(HttpEvent::new("GET", &path).query(&query)).await.json();
        seen += page["issued"].as_array().unwrap().len();
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, 130);
    app.seam.forget();
    assert_eq!(admin.close(casey).await, json!({"revoked": 130, "kept": 0, "complete": true}));
    let said = app.seam.said();
    assert_eq!(said.iter().filter(|said| revokes(said)).count(), 4);
    assert_eq!(taken_back(&app, "quiet").await, 130);
}

#[tokio::test]
async fn a_closing_that_is_interrupted_is_finished_by_the_sweep() {
    let app = TestApp::start().await;
    let (casey, member) = colleague(&app).await;
    let (copied, mailed) = (member.copied("jane").await, member.mailed("sam").await);
    let admin = at_work(&app).await;
    // The function is gone after it has closed the account.
    fail_revocations(&app, "accounts", Fault::Killed);
    let gone = tokio::time::timeout(Duration::from_millis(700), admin.close(casey)).await;
    assert!(gone.is_err(), "nobody gets an answer");
    let closed = app.account_of("agency", Portal::Staff, "casey").await;
    assert!(!closed.is_open());
    assert_eq!(opens(&app, &copied).await, revoked(), "a copied link ends with the account");
    assert_eq!(app.preview(&mailed).await.status, 200, "a mailed one with the revocation");
    // The mailer has no luck either, and tries again.
    fail_revocations(&app, "mailer", Fault::Down);
    app.deliver().await;
    assert_eq!(app.preview(&mailed).await.status, 200);
    app.seam.plan(|_| None);
    app.clock.advance(Duration::from_mins(3));
    assert_eq!(app.sweep().await, json!({"due": 1, "tried": 1}));
    assert_eq!(opens(&app, &mailed).await, revoked());
    let boss = id_of(&app, "agency", Portal::Staff, "admin").await;
    for name in ["jane", "sam"] {
        assert_eq!(taken_back(&app, name).await, 1);
        let event = app
            .events(app.account(name).await.id)
            .await
            .into_iter()
            .find(|event| event.action == Action::AuthnTokenRevoked);
        let event = event.unwrap();
        assert_eq!(
            (event.actor, event.by, event.ip),
            (Actor::Staff, Some(boss), None),
            "by the administrator"
        );
    }
    app.clock.advance(Duration::from_mins(30));
    assert_eq!(app.sweep().await["due"], 0);
}

#[tokio::test]
async fn a_store_that_fails_after_the_closing_is_told_of_and_the_mailer_goes_on() {
    let app = TestApp::start().await;
    let (casey, member) = colleague(&app).await;
    let mailed = member.mailed("sam").await;
    let admin = at_work(&app).await;
    fail_revocations(&app, "accounts", Fault::Down);
    assert_eq!(admin.close(casey).await, json!({"revoked": 0, "kept": 0, "complete": false}));
    app.deliver().await;
    assert_eq!(opens(&app, &mailed).await, revoked());
    assert_eq!(taken_back(&app, "sam").await, 1);
}

#[tokio::test]
async fn whoever_comes_back_loses_what_they_issued_before_and_nothing_since() {
    let app = TestApp::start().await;
    let (casey, member) = colleague(&app).await;
    let (copied, mailed) = (member.copied("jane").await, member.mailed("sam").await);
    let admin = at_work(&app).await;
    fail_revocations(&app, "accounts", Fault::Down);
    admin.close(casey).await;
    app.clock.advance(Duration::from_mins(1));
    assert_eq!(admin.patch(casey, json!({"active": true})).await.status, 200);
    let member = StaffMember::of(&app, "agency", "staff", "casey").await;
    let fresh = member.copied("tom").await;
    app.seam.plan(|_| None);
    app.clock.advance(Duration::from_mins(3));
    app.sweep().await;
    assert_eq!(opens(&app, &copied).await, revoked());
    assert_eq!(opens(&app, &mailed).await, revoked());
    assert_eq!(app.preview(&fresh).await.status, 200);
}

#[tokio::test]
async fn an_invitation_that_waits_for_its_mail_is_not_sent_for_somebody_who_has_left() {
    let app = TestApp::start().await;
    let (casey, member) = colleague(&app).await;
    let new =
        |name: &str| json!({"username": name, "email": format!("{name}@agency.test"), "display_name": name});
    assert_eq!(member.create(new("noor")).await.status, 201);
    // The mailer can issue nothing at present.
    app.seam
        .plan(|said| (said.function == "mailer" && said.target.ends_with("Query")).then_some(Fault::Down));
    app.deliver().await;
    app.seam.plan(|_| None);
    let admin = at_work(&app).await;
    assert_eq!(admin.close(casey).await, json!({"revoked": 0, "kept": 0, "complete": false}));
    app.deliver().await;
    app.clock.advance(Duration::from_mins(5));
    app.sweep().await;
    assert!(app.mailbox.messages().is_empty());
    let noor = app.account("noor").await.id;
    let issued = tickets(&admin, noor).await;
    assert_eq!((issued.len(), &issued[0]["state"]), (1, &json!("revoked")));
    assert_eq!(app.actions("noor").await, ["user_created", "authn_token_revoked"]);
    // Whoever is invited by somebody else is.
    let invite = HttpEvent::new("POST", &format!("{ACCOUNTS}/{noor}/invitation"));
    assert_eq!(admin.send(invite).await.status, 202);
    app.deliver().await;
    assert_eq!(app.preview(&token_in(&app.mailbox.messages()[0])).await.status, 200);
}

#[tokio::test]
async fn whoever_is_erased_leaves_nothing_that_works() {
    let app = TestApp::start().await;
    let (casey, member) = colleague(&app).await;
    let (copied, mailed) = (member.copied("jane").await, member.mailed("sam").await);
    let new = json!({"username": "noor", "email": "noor@agency.test", "display_name": "Noor"});
    assert_eq!(member.create(new).await.status, 201);
    let erase = json!({"action": "erase_person", "practice": "agency", "portal": "staff", "who": {"username": "casey"}});
    app.operate(erase).await.unwrap();
    app.mailbox.clear().unwrap();
    app.deliver().await;
    assert!(app.mailbox.messages().is_empty(), "an invitation that waited");
    assert_eq!(opens(&app, &copied).await, revoked());
    assert_eq!(opens(&app, &mailed).await, revoked());
    let event = app.events(app.account("sam").await.id).await.pop().unwrap();
    assert_eq!((event.action, event.actor), (Action::AuthnTokenRevoked, Actor::Operator));
    let places =
        |dump: Vec<String>| dump.into_iter().filter(|item| item.contains("\"pk\":\"ISSUED#")).count();
    assert_eq!(places(app.dump().await), 0, "{casey}");
    // What leads to the ticket of an erased client goes with it.
    let admin = at_work(&app).await;
    admin.copied("tom").await;
    assert_eq!(places(app.dump().await), 1);
    let erase = json!({"action": "erase_person", "practice": "agency", "who": {"username": "tom"}});
    app.operate(erase).await.unwrap();
    assert_eq!(places(app.dump().await), 0);
}

#[tokio::test]
async fn what_a_colleague_has_issued_is_for_administrators_of_the_practice_alone() {
    let app = TestApp::start().await;
    app.create_practice("therapy", json!({})).await;
    app.import("therapy", &demo_accounts("therapy")).await;
    let (casey, member) = colleague(&app).await;
    member.copied("jane").await;
    let path = format!("{ACCOUNTS}/{casey}/issued");
    assert_eq!(member.get(&path).await.outcome(), (403, "forbidden".to_owned()), "not their own");
    let boss = id_of(&app, "agency", Portal::Staff, "admin").await;
    assert_eq!(member.get(&format!("{ACCOUNTS}/{boss}/issued")).await.status, 404);
    let stranger = StaffMember::of(&app, "therapy", "staff", "admin").await;
    assert_eq!(stranger.get(&path).await.status, 404);
    let holder = StaffMember { app: &app, session: app.session_of("jane", PASSWORD).await };
    assert_eq!(holder.get(&path).await.status, 403);
    let listed = at_work(&app).await.issued_by(casey).await;
    let text = json!(listed).to_string();
    for secret in ["digest", "nonce", "token", "url"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}
