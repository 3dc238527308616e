//! A8: what a browser that was left open must not be enough for needs the password of the last ten minutes.

use std::time::Duration;

use rekey::domain::event::{Action, Reason};
use rekey::domain::practice::Portal;
use rekey::platform::clock::hours;
use serde_json::{Value, json};

use crate::support::change_log::CHANGES;
use crate::support::event::HttpEvent;
use crate::support::help::TOMORROW;
use crate::support::seam::Fault;
use crate::support::staff::{ACCOUNTS, StaffMember, at_work, id_of};
use crate::support::temporary::{change, issue};
use crate::support::{NEW_PASSWORD, PASSWORD, Reply, TestApp, password_hash, temporary_in};

const WRONG: &str = "walk the green rivet";
const TEN: Duration = Duration::from_mins(10);

fn confirmation(session: &str, password: &str) -> HttpEvent {
    let body = json!({"current_password": password});
    HttpEvent::new("POST", "/v1/sessions/current/confirm").bearer(session).json(&body)
}

async fn confirm(app: &TestApp, session: &str, password: &str) -> Reply {
    app.send(confirmation(session, password)).await
}

async fn confirm_from(app: &TestApp, session: &str, password: &str, ip: &str) -> Reply {
    app.send(confirmation(session, password).at_ip(ip)).await
}

fn needed() -> (u16, String) {
    (403, "confirmation_required".to_owned())
}

fn wrong() -> (u16, String) {
    (401, "invalid_credentials".to_owned())
}

/// A call that needs a confirmed session, and changes nothing.
async fn export(member: &StaffMember<'_>) -> Reply {
    member.send(HttpEvent::new("GET", CHANGES).header("accept", "text/csv")).await
}

async fn staff_sign_in(app: &TestApp, name: &str, password: &str) -> Reply {
    let body = json!({"practice": "agency", "portal": "staff", "identifier": name, "password": password});
    app.post("/v1/sessions", body).await
}

async fn actions(app: &TestApp) -> Vec<(Action, Option<u64>)> {
    let admin = id_of(app, "agency", Portal::Staff, "admin").await;
    let events = app.events(admin).await.into_iter();
    events.filter(|event| event.session.is_some()).map(|event| (event.action, event.failures)).collect()
}

#[tokio::test]
async fn the_password_confirms_a_session_for_ten_minutes_at_sign_in_and_again() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    let almost = TEN.checked_sub(Duration::from_secs(1)).unwrap();
    for _ in 0..2 {
        app.clock.advance(almost);
        assert_eq!(export(&admin).await.status, 200, "the tenth minute is not over");
        app.clock.advance(Duration::from_secs(1));
        assert_eq!(export(&admin).await.outcome(), needed());
        app.seam.forget();
        assert_eq!(confirm(&app, &admin.session, PASSWORD).await.outcome(), (204, String::new()));
        let counts = app.seam.counts("sessions");
        assert_eq!(counts["TransactWriteItems"], 1, "the session with its event: {counts:?}");
    }
    let [.., event] = &app.events(id_of(&app, "agency", Portal::Staff, "admin").await).await[..] else {
        panic!("an event")
    };
    assert_eq!((event.action, event.reason), (Action::AuthnConfirmed, None));
    assert!(event.session.is_some() && event.ip.is_some());
    for body in [json!({}), json!({"current_password": null}), json!({"current_password": "x", "for": 3600})]
    {
        let event = HttpEvent::new("POST", "/v1/sessions/current/confirm").bearer(&admin.session);
        assert_eq!(app.send(event.json(&body)).await.code(), "invalid_request", "{body}");
    }
}

/// The administrator whose laptop was left open.
#[tokio::test]
async fn a_session_that_was_left_open_leads_nobody_elsewhere_gives_no_role_copies_no_link_and_exports_nothing()
 {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    let casey = id_of(&app, "agency", Portal::Staff, "casey").await;
    let tag = admin.get(&format!("{ACCOUNTS}/{casey}")).await.headers["etag"].to_str().unwrap().to_owned();
    let left =
        json!({"portal": "staff", "username": "gone", "display_name": "G", "role": "staff", "active": false});
    app.import("agency", &[left]).await;
    let gone = id_of(&app, "agency", Portal::Staff, "gone").await;
    app.clock.advance(TEN);
    let before = app.lasting().await;
    let patch = |path: &str, body: Value| HttpEvent::new("PATCH", path).header("if-match", &tag).json(&body);
    let settings = |body: Value| patch("/v1/admin/practice", body);
    let account = format!("{ACCOUNTS}/{casey}");
    let link = |deliver: &str| json!({"expires_at": TOMORROW, "deliver": deliver});
    let new = |role: &str| json!({"portal": "staff", "username": "eve", "display_name": "E", "role": role, "invite": false});
    let elsewhere = "https://portal.agency.test/elsewhere";
    let refused = [
        settings(json!({"portals": {"client": {"recovery_url": elsewhere}}})),
        settings(json!({"portals": {"staff": {"url": elsewhere}}, "policy": {"link_ttl": 3600}})),
        settings(json!({"sender": "eve@agency.test"})),
        settings(json!({"support": {"phone": "+1 555 0666"}})),
        patch(&account, json!({"role": "admin"})),
        patch(&account, json!({"email": "eve@elsewhere.test"})),
        patch(&account, json!({"email": null})),
        patch(&format!("{ACCOUNTS}/{gone}"), json!({"active": true})),
        settings(json!({"policy": {"caller_proof": "off"}})),
        settings(json!({"policy": {"security_question": "optional"}})),
        patch(&account, json!({"display_name": "C", "role": "admin"})),
        HttpEvent::new("POST", ACCOUNTS).json(&new("admin")),
        HttpEvent::new("POST", ACCOUNTS).json(&new("staff")),
        HttpEvent::new("POST", &format!("{account}/links")).json(&link("copy")),
        HttpEvent::new("GET", CHANGES).header("accept", "text/csv"),
        HttpEvent::new("GET", CHANGES).header("accept", "text/csv").query(&format!("account={casey}")),
    ];
    for event in refused.clone() {
        let reply = admin.send(event).await;
        assert_eq!(reply.outcome(), needed());
        assert!(!reply.body.contains("#token="), "{reply:?}");
    }
    let lasting = |lines: Vec<String>| lines.into_iter().filter(|line| !line.contains("SESSION#"));
    assert!(lasting(app.lasting().await).eq(lasting(before)), "nothing was written");
    // The rest of the day's work goes on.
    let jane = app.account("jane").await.id;
    for event in [
        settings(json!({"policy": {"link_ttl": 7200}, "name": "Harbor"})),
        HttpEvent::new("POST", &format!("{ACCOUNTS}/{jane}/links")).json(&link("copy")),
        HttpEvent::new("POST", &format!("{account}/links")).json(&link("email")),
        HttpEvent::new("GET", CHANGES),
        patch(&account, json!({"display_name": "Casey", "role": "staff"})),
    ] {
        let reply = admin.send(event).await;
        assert!(reply.status.is_success(), "{reply:?}");
    }
    assert_eq!(confirm(&app, &admin.session, PASSWORD).await.status, 204);
    for event in refused {
        // The tag is stale by now, and the name is taken by the first of the two.
        let outcome = admin.send(event).await.outcome();
        assert!([200, 201, 409, 412].contains(&outcome.0), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_member_of_staff_exports_the_log_of_a_client_with_a_confirmed_session_only() {
    let app = TestApp::start().await;
    let casey = StaffMember::of(&app, "agency", "staff", "casey").await;
    let jane = app.account("jane").await.id;
    let table =
        || HttpEvent::new("GET", CHANGES).query(&format!("account={jane}")).header("accept", "text/csv");
    assert_eq!(casey.send(table()).await.status, 200);
    app.clock.advance(TEN);
    assert_eq!(casey.send(table()).await.outcome(), needed());
    assert_eq!(export(&casey).await.outcome(), (403, "forbidden".to_owned()), "no confirmation helps");
    assert_eq!(confirm(&app, &casey.session, PASSWORD).await.status, 204);
    assert_eq!(casey.send(table()).await.status, 200);
}

#[tokio::test]
async fn a_confirmation_serves_its_own_session_and_no_other() {
    let app = TestApp::start().await;
    let second = json!({"portal": "staff", "role": "admin", "username": "second", "display_name": "S",
        "password_hash": password_hash()});
    app.import("agency", &[second]).await;
    let (one, other) = (at_work(&app).await, at_work(&app).await);
    let colleague = StaffMember::of(&app, "agency", "staff", "second").await;
    app.clock.advance(TEN);
    assert_eq!(confirm(&app, &one.session, PASSWORD).await.status, 204);
    assert_eq!(export(&one).await.status, 200);
    for member in [&other, &colleague] {
        assert_eq!(export(member).await.outcome(), needed());
    }
    // A sign-in confirms its own session alone, too.
    let newest = at_work(&app).await;
    assert_eq!((export(&newest).await.status.as_u16(), export(&other).await.outcome()), (200, needed()));
    assert_eq!(confirm(&app, &"A".repeat(86), PASSWORD).await.outcome(), (401, "invalid_session".to_owned()));
}

#[tokio::test]
async fn guesses_of_whoever_has_stolen_a_session_count_as_guesses_to_sign_in() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    app.clock.advance(TEN);
    for _ in 0..3 {
        assert_eq!(confirm(&app, &admin.session, WRONG).await.outcome(), wrong());
        assert_eq!(staff_sign_in(&app, "admin", WRONG).await.outcome(), wrong());
    }
    for password in [WRONG, PASSWORD] {
        let reply = confirm(&app, &admin.session, password).await;
        assert_eq!(reply.outcome(), (429, "too_many_requests".to_owned()), "the sixth has begun the wait");
        assert_eq!(reply.headers["retry-after"], "30");
        assert_eq!(staff_sign_in(&app, "admin", password).await.status, 429);
    }
    assert_eq!(export(&admin).await.outcome(), needed());
    for seen in [(Action::AuthnLoginFail, Some(1)), (Action::AuthnLoginLock, None)] {
        assert!(actions(&app).await.contains(&seen), "an event of the session: {seen:?}");
    }
    app.clock.advance(Duration::from_secs(30));
    assert_eq!(confirm(&app, &admin.session, PASSWORD).await.status, 204, "the owner's own ends the count");
    for _ in 0..5 {
        assert_eq!(staff_sign_in(&app, "admin", WRONG).await.outcome(), wrong());
    }
    assert_eq!(staff_sign_in(&app, "admin", PASSWORD).await.status, 201);
}

#[tokio::test]
async fn a_closed_name_is_no_more_open_to_a_session_and_neither_opens_anothers() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    for _ in 0..6 {
        assert_eq!(staff_sign_in(&app, "casey", WRONG).await.outcome(), wrong());
    }
    assert_eq!(confirm(&app, &admin.session, PASSWORD).await.status, 204);
    assert_eq!(staff_sign_in(&app, "casey", PASSWORD).await.status, 429, "another's wait is another's");
    let mut compared = 0;
    let mut session = admin.session;
    for _ in 0..60 {
        app.clock.advance(hours(1));
        // A session lives twelve hours; the thief has a fresh one each time, by the address.
        session = match staff_sign_in(&app, "admin@agency.test", PASSWORD).await {
            reply if reply.status == 201 => reply.json()["token"].as_str().unwrap().to_owned(),
            _ => session,
        };
        compared += usize::from(confirm(&app, &session, WRONG).await.status == 401);
    }
    assert_eq!(compared, 50, "as many as sign-in takes");
    assert_eq!(confirm(&app, &session, PASSWORD).await.status, 429);
    assert_eq!(staff_sign_in(&app, "admin", PASSWORD).await.status, 429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_at_once_cannot_outrun_the_count() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    let guesses = (0..40).map(|_| confirm(&app, &admin.session, WRONG));
    let replies = futures::future::join_all(guesses).await;
    // A count whose answer came too late is a count all the same, so there may be fewer.
    let compared = replies.iter().filter(|reply| reply.status == 401).count();
    assert!((1..=6).contains(&compared), "{compared}");
    assert_eq!(confirm(&app, &admin.session, PASSWORD).await.status, 429, "the wait has begun");
    assert!(replies.iter().all(|reply| [401, 429].contains(&reply.status.as_u16())), "{replies:?}");
}

#[tokio::test]
async fn failed_confirmations_fill_the_counts_of_their_source_and_practice_and_wait_for_them() {
    let limits = [("REKEY_FAILURES_PER_ADDRESS_HOUR", "8"), ("REKEY_FAILURES_PER_PRACTICE_HOUR", "0")];
    let app = TestApp::start_with(&limits).await;
    app.create_practice("agency", json!({})).await;
    app.import("agency", &crate::support::demo_accounts("agency")).await;
    let by_address = staff_sign_in(&app, "admin@agency.test", PASSWORD).await.json();
    let session = by_address["token"].as_str().unwrap();
    let far = "198.51.100.9";
    // Each of eight groups of names takes one failure an hour from a source.
    assert_eq!(confirm_from(&app, session, WRONG, far).await.outcome(), wrong());
    for password in [WRONG, PASSWORD] {
        let reply = confirm_from(&app, session, password, far).await;
        assert_eq!(reply.outcome(), (429, "too_many_requests".to_owned()), "{password}");
        assert!(reply.headers.contains_key("retry-after"));
    }
    let body = json!({"practice": "agency", "portal": "staff", "identifier": "admin", "password": PASSWORD});
    let sign_in = HttpEvent::new("POST", "/v1/sessions").at_ip(far).json(&body);
    assert_eq!(app.send(sign_in).await.status, 429, "one count for both");
    // From where its owner has signed in, by whichever name, a full count stops nobody who has the password.
    assert_eq!(confirm(&app, session, WRONG).await.outcome(), wrong());
    assert_eq!(confirm(&app, session, PASSWORD).await.status, 204);
    // A right password is given back: it fills nothing.
    app.clock.advance(hours(1));
    let session = staff_sign_in(&app, "admin", PASSWORD).await.json();
    for _ in 0..3 {
        let reply = confirm_from(&app, session["token"].as_str().unwrap(), PASSWORD, "198.51.100.10").await;
        assert_eq!(reply.status, 204);
    }
}

#[tokio::test]
async fn a_temporary_password_confirms_nothing_and_stays_for_its_sign_in() {
    let app = TestApp::start_with(&[]).await;
    app.create_practice("agency", json!({"temporary_password_voids_current": false})).await;
    app.import("agency", &crate::support::demo_accounts("agency")).await;
    let admin = at_work(&app).await;
    let casey = StaffMember::of(&app, "agency", "staff", "casey").await;
    let id = id_of(&app, "agency", Portal::Staff, "casey").await;
    assert_eq!(issue(&admin, id, None).await.status, 202);
    app.deliver().await;
    let temporary = temporary_in(&app.mailbox.messages()[0]);
    assert_eq!(confirm(&app, &casey.session, &temporary).await.outcome(), wrong());
    let forced = staff_sign_in(&app, "casey", &temporary).await.json();
    let forced = StaffMember { app: &app, session: forced["token"].as_str().unwrap().to_owned() };
    let reply = confirm(&app, &forced.session, &temporary).await;
    assert_eq!(reply.outcome(), (403, "password_change_required".to_owned()));
    assert_eq!(change(&app, &forced.session, &temporary, NEW_PASSWORD).await.status, 204);
    let jane = app.account("jane").await.id;
    let table =
        || HttpEvent::new("GET", CHANGES).query(&format!("account={jane}")).header("accept", "text/csv");
    assert_eq!(
        forced.send(table()).await.outcome(),
        needed(),
        "its session began without a password of one's own"
    );
    assert_eq!(confirm(&app, &forced.session, NEW_PASSWORD).await.status, 204);
    assert_eq!(forced.send(table()).await.status, 200);
}

#[tokio::test]
async fn a_session_that_ends_meanwhile_or_a_password_that_changes_is_not_confirmed() {
    let app = TestApp::start().await;
    let second = json!({"portal": "staff", "role": "admin", "username": "second", "display_name": "S",
        "password_hash": password_hash()});
    app.import("agency", &[second]).await;
    let second = StaffMember::of(&app, "agency", "staff", "second").await;
    let id = id_of(&app, "agency", Portal::Staff, "admin").await;
    let (admin, other) = (at_work(&app).await, at_work(&app).await);
    app.clock.advance(TEN);
    let held = app.seam.hold("sessions", "TransactWriteItems", 0);
    let change = async {
        held.reached().await;
        assert_eq!(change(&app, &other.session, PASSWORD, NEW_PASSWORD).await.status, 204);
        held.release();
    };
    let (reply, ()) = tokio::join!(confirm(&app, &admin.session, PASSWORD), change);
    assert_eq!(reply.outcome(), (401, "invalid_session".to_owned()));
    let held = app.seam.hold("sessions", "TransactWriteItems", 0);
    let end = async {
        held.reached().await;
        let path = format!("{ACCOUNTS}/{id}/sessions");
        assert_eq!(second.send(HttpEvent::new("DELETE", &path)).await.status, 204);
        held.release();
    };
    let (reply, ()) = tokio::join!(confirm(&app, &other.session, NEW_PASSWORD), end);
    assert_eq!(reply.outcome(), (401, "invalid_session".to_owned()));
    let confirmed = app.events(id).await.into_iter().filter(|event| event.action == Action::AuthnConfirmed);
    assert_eq!(confirmed.count(), 0);
    for _ in 0..5 {
        assert_eq!(
            staff_sign_in(&app, "admin", WRONG).await.outcome(),
            wrong(),
            "right ones are not counted"
        );
    }
    assert_eq!(staff_sign_in(&app, "admin", NEW_PASSWORD).await.status, 201);
}

#[tokio::test]
async fn a_confirmation_that_cannot_be_recorded_is_none_and_one_of_an_earlier_release_is_none() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    app.clock.advance(TEN);
    app.seam.inject("sessions", "TransactWriteItems", 30, Fault::Down);
    assert_eq!(confirm(&app, &admin.session, PASSWORD).await.outcome(), (503, "unavailable".to_owned()));
    app.seam.heal();
    assert_eq!(export(&admin).await.outcome(), needed());
    app.seam.inject("sessions", "TransactWriteItems", 1, Fault::AnswerLost);
    assert_eq!(confirm(&app, &admin.session, PASSWORD).await.status, 204);
    assert_eq!(export(&admin).await.status, 200);
    for mut item in app.items().await {
        let pk = item["pk"].as_s().unwrap().clone();
        if pk.starts_with("SESSION#") && item.remove("confirmed_until").is_some() {
            app.dynamodb.put_item().table_name(&app.table).set_item(Some(item)).send().await.unwrap();
        }
    }
    assert_eq!(export(&admin).await.outcome(), needed());
    let failed = app.events(id_of(&app, "agency", Portal::Staff, "admin").await).await;
    assert!(failed.iter().all(|event| event.reason != Some(Reason::WrongPassword)));
}
