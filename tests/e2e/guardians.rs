//! Guardians end: by a date without anybody's doing, by staff, or with an account; and what they had of the client ends with them.

use std::time::Duration;

use rekey::domain::account::MailStatus;
use rekey::domain::event::{Action, Actor, Event};
use rekey::domain::practice::Portal;
use rekey::platform::clock::Clock;
use rekey::platform::ids::AccountId;
use serde_json::{Value, json};

use crate::support::demo::{at, password_hash};
use crate::support::event::HttpEvent;
use crate::support::seam::Fault;
use crate::support::staff::{ACCOUNTS, at_work};
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp};

pub const SOON: Duration = Duration::from_mins(5);

/// Registers `pat` with an address and the usual password.
pub async fn pat_at(app: &TestApp, email: &str) -> AccountId {
    let pat =
        json!({"username": "pat", "email": email, "display_name": "Pat", "password_hash": password_hash()});
    app.import("agency", &[pat]).await;
    app.account("pat").await.id
}

/// A moment in so long a time, as the API takes it.
pub fn after(app: &TestApp, span: Duration) -> String {
    (app.clock.now() + span).to_string()
}

pub fn relation(client: AccountId, guardian: AccountId) -> String {
    format!("{ACCOUNTS}/{client}/associations/{guardian}")
}

/// Makes `pat` the guardian of `lily`, until a moment.
pub async fn associate(app: &TestApp, until: Option<&str>) -> (AccountId, AccountId) {
    let (lily, pat) = (app.account("lily").await.id, app.account("pat").await.id);
    let body = json!({"relationship": "parent", "until": until});
    let reply = at_work(app).await.put(&relation(lily, pat), body).await;
    assert_eq!(reply.status, 204, "{reply:?}");
    (lily, pat)
}

/// Ends the association of `lily` and `pat` by staff.
pub async fn dissociate(app: &TestApp) {
    let (lily, pat) = (app.account("lily").await.id, app.account("pat").await.id);
    let reply = at_work(app).await.send(HttpEvent::new("DELETE", &relation(lily, pat))).await;
    assert_eq!(reply.status, 204, "{reply:?}");
}

/// The ends of guardians in an account's log.
pub async fn ends(app: &TestApp, id: AccountId) -> Vec<Event> {
    let events = app.events(id).await.into_iter();
    events.filter(|event| event.action == Action::AssociationEnded).collect()
}

/// The places in the list of clients whose guardians end.
async fn listed(app: &TestApp) -> usize {
    app.dump().await.into_iter().filter(|item| item.contains("\"pk\":\"ENDING#")).count()
}

async fn associations(app: &TestApp, id: AccountId) -> Vec<Value> {
    let account = at_work(app).await.get(&format!("{ACCOUNTS}/{id}")).await.json();
    account["associations"].as_array().unwrap().clone()
}

#[tokio::test]
async fn at_the_date_a_guardian_loses_what_they_have_of_the_client() {
    let app = TestApp::start().await;
    let pat = pat_at(&app, "pat@agency.test").await;
    let until = after(&app, SOON);
    let (lily, _) = associate(&app, Some(&until)).await;
    let (link, own) = (app.token_for("lily").await, app.token_for("pat").await);
    let session = app.session_of("lily", PASSWORD).await;
    let of_pat = app.session_of("pat", PASSWORD).await;
    assert_eq!(app.sweep().await["due"], 0);
    assert!(ends(&app, lily).await.is_empty(), "not before its time");
    let seen = associations(&app, lily).await.remove(0);
    assert_eq!((&seen["role"], seen["until"].as_str().unwrap()), (&json!("acts"), until.as_str()));

    app.clock.advance(SOON);
    // Whoever looks finds it ended, though no job has run.
    assert_eq!(associations(&app, lily).await, [json!(null); 0]);
    assert_eq!(associations(&app, pat).await, [json!(null); 0]);
    let member = at_work(&app).await;
    assert_eq!(member.list("q=pat").await, ["pat"]);
    assert_eq!(member.send(HttpEvent::new("DELETE", &relation(lily, pat))).await.status, 404);

    for _ in 0..2 {
        app.sweep().await;
        for (id, other, count) in [(lily, pat, 1), (pat, lily, 1)] {
            let ended = ends(&app, id).await;
            assert_eq!(ended.len(), count);
            assert_eq!((ended[0].actor, ended[0].other), (Actor::System, Some(other)));
            let change = json!([{"member": "association", "from": "parent"}]);
            assert_eq!(serde_json::to_value(&ended[0].changes).unwrap(), change);
        }
    }
    assert_eq!(app.reset(&link, NEW_PASSWORD).await.outcome(), (410, "revoked_token".to_owned()));
    assert_eq!(app.account_with(&session).await.status, 401);
    // The mailbox is the client's own, and so is the password.
    assert_eq!(app.sign_in("lily", PASSWORD).await.status, 201);
    assert_eq!(app.account("lily").await.mail, MailStatus::Ok);
    assert!(at_work(&app).await.tasks("").await.is_empty());
    // The guardian's own account is as it was.
    assert_eq!(app.account_with(&of_pat).await.status, 200);
    assert_eq!(app.reset(&own, NEW_PASSWORD).await.status, 204);
    assert_eq!((app.account("pat").await.associations.len(), listed(&app).await), (0, 0));
    let log = member.send(HttpEvent::new("GET", "/v1/admin/changes").query("type=association_ended")).await;
    assert_eq!(log.json()["events"][1]["description"], "Association of lily with pat ended by its date");
}

#[tokio::test]
async fn where_the_mailbox_was_shared_staff_are_asked_for_an_address() {
    let app = TestApp::start().await;
    pat_at(&app, "Family@Agency.test").await;
    let (lily, pat) = associate(&app, None).await;
    dissociate(&app).await;
    app.deliver().await;
    let ended = app.account("lily").await;
    assert_eq!((ended.mail, ended.password.is_none()), (MailStatus::SharedMailbox, true));
    let event = ends(&app, lily).await.remove(0);
    assert_eq!((event.actor, event.by.is_some(), event.outbox.is_some()), (Actor::Staff, true, true));
    let changes = json!([{"member": "association", "from": "parent"}, {"member": "mail", "from": "ok", "to": "shared_mailbox"}]);
    assert_eq!(serde_json::to_value(&event.changes).unwrap(), changes);
    assert_eq!(ends(&app, pat).await[0].changes.len(), 1, "the guardian reads nothing of the client's mail");

    let member = at_work(&app).await;
    let tasks = member.tasks("").await;
    assert_eq!((tasks.len(), &tasks[0]["cause"]), (1, &json!("shared_mailbox")));
    assert_eq!((&tasks[0]["reach"], &tasks[0]["identifier"]), (&Value::Null, &Value::Null));
    let account = &tasks[0]["accounts"][0];
    assert_eq!((&account["id"], &account["why"]), (&json!(lily), &json!("shared_mailbox")));
    assert_eq!(member.list("mail=shared_mailbox").await, ["lily"]);

    // With an address of her own she is let in again.
    let own = json!({"email": "lily@agency.test", "proof": {"method": "in_person"}});
    assert_eq!(member.patch(lily, own).await.json()["mail"], "ok");
    assert_eq!(app.sign_in("lily", PASSWORD).await.status, 401);
    let token = app.token_for("lily").await;
    assert_eq!(app.mailbox.messages()[0].to, ["lily@agency.test"]);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.sign_in("lily", NEW_PASSWORD).await.status, 201);
    assert_eq!(member.act(&tasks[0], json!({"action": "done"})).await.status, 200);
    assert_eq!(app.sign_in("pat", PASSWORD).await.status, 201);
    assert_eq!(app.sign_in("tom", PASSWORD).await.status, 201, "the other child of the mailbox");
}

#[tokio::test]
async fn staff_move_the_date_or_take_it_away() {
    let app = TestApp::start().await;
    pat_at(&app, "family@agency.test").await;
    let member_puts = async |until: Option<Duration>| {
        let until = until.map(|span| after(&app, span));
        associate(&app, until.as_deref()).await
    };
    let (lily, pat) = member_puts(Some(SOON)).await;
    member_puts(Some(SOON * 3)).await;
    assert_eq!(listed(&app).await, 1);
    app.clock.advance(SOON);
    app.sweep().await;
    assert!(ends(&app, lily).await.is_empty(), "later");
    member_puts(None).await;
    assert_eq!(listed(&app).await, 0);
    app.clock.advance(SOON * 3);
    app.sweep().await;
    assert!(ends(&app, lily).await.is_empty(), "never");
    assert_eq!(associations(&app, pat).await[0]["until"], Value::Null);
    member_puts(Some(SOON * 2)).await;
    member_puts(Some(SOON)).await;
    app.clock.advance(SOON);
    app.sweep().await;
    assert_eq!((ends(&app, lily).await.len(), listed(&app).await), (1, 0), "earlier");
    let events = app.events(lily).await;
    let changed = events.iter().filter(|event| event.action == Action::AssociationChanged);
    let until = changed.filter(|event| event.changes.iter().any(|change| change.member == "until"));
    assert_eq!(until.count(), 5);
}

#[tokio::test]
async fn a_role_and_a_date_are_kept_shown_and_checked() {
    let app = TestApp::start().await;
    let pat = pat_at(&app, "pat@agency.test").await;
    let lily = app.account("lily").await.id;
    let member = at_work(&app).await;
    let put = async |role: Value, until: Value| {
        let body = json!({"relationship": "parent", "role": role, "until": until});
        member.put(&relation(lily, pat), body).await
    };
    let now = app.clock.now().to_string();
    let refused = "until: must be an RFC 3339 time to come";
    for until in [json!(now), json!("2026-11-21"), json!("tomorrow"), json!("")] {
        let reply = put(json!("acts"), until.clone()).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["detail"]), (400, &json!(refused)), "{until}");
    }
    for (role, until) in [(json!("acts"), json!(5)), (json!("owns"), Value::Null), (Value::Null, Value::Null)]
    {
        assert_eq!(put(role, until).await.outcome(), (400, "invalid_request".to_owned()));
    }
    let until = "2044-11-22T00:00:00-05:00";
    assert_eq!(put(json!("views"), json!(until)).await.status, 204);
    let entry = |other: AccountId, acts: bool| json!({"account": other, "relationship": "parent", "acts": acts, "role": "views", "until": "2044-11-22T05:00:00Z"});
    assert_eq!(associations(&app, lily).await, [entry(pat, true)]);
    assert_eq!(associations(&app, pat).await, [entry(lily, false)]);
    let found = member.send(HttpEvent::new("GET", ACCOUNTS).query("q=lily")).await.json();
    assert_eq!(found["accounts"][0]["associations"], json!([entry(pat, true)]));
    let export = json!({"action": "export_person", "practice": "agency", "who": {"username": "lily"}});
    assert_eq!(app.operate(export).await.unwrap()["account"]["associations"], json!([entry(pat, true)]));
    let event = app.events(lily).await.into_iter().find(|event| event.action == Action::AssociationChanged);
    let changes = serde_json::to_value(event.unwrap().changes);
    let role = json!({"member": "role", "to": "views"});
    assert!(changes.unwrap().as_array().unwrap().contains(&role));
    // A client is no guardian of their own guardian.
    let reversed = member.put(&relation(pat, lily), json!({"relationship": "child"})).await;
    assert_eq!(reversed.json()["detail"], "account_id: must not be a client of the account");
    // Whichever of the two is named first, the guardian is the one who ends.
    assert_eq!(member.send(HttpEvent::new("DELETE", &relation(pat, lily))).await.status, 204);
    assert!(app.account("lily").await.credential_version > app.account("pat").await.credential_version);
}

#[tokio::test]
async fn a_new_date_after_the_end_begins_with_nothing_of_the_former_one() {
    let app = TestApp::start().await;
    pat_at(&app, "family@agency.test").await;
    let (lily, _) = associate(&app, Some(&after(&app, SOON))).await;
    let link = app.token_for("lily").await;
    app.clock.advance(SOON);
    let (_, pat) = associate(&app, Some(&after(&app, SOON))).await;
    assert_eq!(app.reset(&link, NEW_PASSWORD).await.status, 410);
    assert_eq!((ends(&app, lily).await.len(), ends(&app, pat).await.len()), (1, 1));
    assert_eq!((associations(&app, lily).await.len(), listed(&app).await), (1, 1));
    assert_eq!(app.account("lily").await.mail, MailStatus::SharedMailbox);
}

#[tokio::test]
async fn a_sweep_that_fails_is_made_again_and_each_end_is_one_act() {
    let app = TestApp::start().await;
    pat_at(&app, "family@agency.test").await;
    let (lily, _) = associate(&app, Some(&after(&app, SOON))).await;
    let (tom, pat) = (app.account("tom").await.id, app.account("pat").await.id);
    let sam = app.account("sam").await.id;
    let member = at_work(&app).await;
    for (client, guardian, span) in [(tom, pat, SOON), (lily, sam, SOON * 2)] {
        let body = json!({"relationship": "parent", "until": after(&app, span)});
        assert_eq!(member.put(&relation(client, guardian), body).await.status, 204);
    }
    app.clock.advance(SOON);
    // SES takes nothing, which is nothing to an end; the store fails, and then loses an answer.
    app.mailbox.pause(true);
    for fault in [Fault::Down, Fault::Unreachable] {
        app.seam.inject("mailer", "TransactWriteItems", 9, fault);
        assert!(app.invoke("mailer", json!({"sweep": "outbox"})).await.is_none(), "an alarm tells");
        app.seam.heal();
        assert_eq!(ends(&app, lily).await.len() + ends(&app, tom).await.len(), 0, "all or nothing");
    }
    app.seam.inject("mailer", "TransactWriteItems", 1, Fault::AnswerLost);
    let sweeps = futures::future::join_all((0..4).map(|_| app.sweep()));
    sweeps.await;
    for id in [lily, tom] {
        assert_eq!(ends(&app, id).await.len(), 1);
    }
    assert_eq!(ends(&app, pat).await.len(), 2);
    assert_eq!(associations(&app, lily).await.len(), 1, "of two guardians the other one goes on");
    assert_eq!(listed(&app).await, 1);
    app.clock.advance(SOON);
    app.sweep().await;
    assert_eq!((ends(&app, lily).await.len(), listed(&app).await), (2, 0));
    app.mailbox.pause(false);
    app.deliver().await;
    assert_eq!(at_work(&app).await.tasks("").await.len(), 2, "one for each child");
}

#[tokio::test]
async fn an_end_does_not_depend_on_what_has_become_of_practice_and_accounts() {
    let app = TestApp::start().await;
    pat_at(&app, "family@agency.test").await;
    let (lily, pat) = associate(&app, Some(&after(&app, SOON))).await;
    let tom = app.account("tom").await.id;
    let member = at_work(&app).await;
    let body = json!({"relationship": "parent", "role": "views", "until": after(&app, SOON)});
    assert_eq!(member.put(&relation(tom, pat), body).await.status, 204);
    let operate = async |action: &str, more: Value| {
        let mut all = json!({"action": action, "practice": "agency"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        app.operate(all).await.unwrap()
    };
    // A duplicate goes: the account that stays has the role and the date.
    let merge = json!({"duplicate": {"username": "pat"}, "into": {"username": "jane"}});
    operate("merge_accounts", merge).await;
    let jane = app.account("jane").await;
    let entry = app.account("tom").await.associations.remove(0);
    assert_eq!((entry.account, entry.role.as_str(), entry.until.is_some()), (jane.id, "views", true));
    assert_eq!(jane.associations.len(), 2);
    assert!(ends(&app, tom).await.is_empty());
    // A client goes, and leaves no date behind.
    operate("erase_person", json!({"who": {"username": "lily"}})).await;
    assert_eq!(listed(&app).await, 1);
    operate("disable_practice", json!({})).await;
    app.clock.advance(SOON);
    app.sweep().await;
    assert_eq!((ends(&app, tom).await.len(), ends(&app, jane.id).await.len()), (1, 1));
    assert!(ends(&app, lily).await.is_empty());
    assert_eq!(app.account("tom").await.mail, MailStatus::Ok, "jane has another mailbox");
    operate("enable_practice", json!({})).await;

    // A guardian who is erased reads the mailbox all the same.
    let robin = json!({"username": "robin", "email": "family@agency.test", "display_name": "R"});
    app.import("agency", &[robin]).await;
    let robin = app.account("robin").await.id;
    let member = at_work(&app).await;
    assert_eq!(member.put(&relation(tom, robin), json!({"relationship": "parent"})).await.status, 204);
    operate("erase_person", json!({"who": {"username": "robin"}})).await;
    let tom = app.account("tom").await;
    assert_eq!((tom.mail, tom.associations.len()), (MailStatus::SharedMailbox, 0));
    assert_eq!(ends(&app, tom.id).await.last().unwrap().actor, Actor::Operator);
}

#[tokio::test]
async fn a_date_survives_a_restore() {
    let mut app = TestApp::start().await;
    pat_at(&app, "family@agency.test").await;
    let (lily, _) = associate(&app, Some(&after(&app, SOON))).await;
    app.clock.advance(Duration::from_mins(1));
    let now = app.clock.now();
    app.restart_void_before(now);
    app.clock.advance(SOON);
    app.sweep().await;
    assert_eq!(ends(&app, lily).await.len(), 1);
    app.deliver().await;
    assert_eq!(at_work(&app).await.tasks("").await.len(), 1);
}

#[tokio::test]
async fn of_a_change_on_its_way_and_the_end_the_end_has_the_last_word() {
    let app = TestApp::start().await;
    pat_at(&app, "family@agency.test").await;
    let (lily, _) = associate(&app, Some(&after(&app, SOON))).await;
    let link = app.token_for("lily").await;
    app.clock.advance(SOON);
    let held = app.seam.hold("reset-password", "TransactWriteItems", 0);
    let end = async {
        held.reached().await;
        app.sweep().await;
        held.release();
    };
    let (reset, ()) = tokio::join!(app.reset(&link, NEW_PASSWORD), end);
    assert_eq!(reset.outcome(), (410, "revoked_token".to_owned()));
    assert!(app.account("lily").await.password.is_none());

    // The other way round: a password that was set in time goes as well.
    let (tom, pat) = (app.account("tom").await.id, app.account("pat").await.id);
    let body = json!({"relationship": "parent", "until": after(&app, SOON)});
    assert_eq!(at_work(&app).await.put(&relation(tom, pat), body).await.status, 204);
    let link = app.token_for("tom").await;
    app.clock.advance(SOON);
    let held = app.seam.hold("mailer", "TransactWriteItems", 0);
    let set = async {
        held.reached().await;
        assert_eq!(app.reset(&link, NEW_PASSWORD).await.status, 204);
        held.release();
    };
    tokio::join!(app.sweep(), set);
    let tom = app.account("tom").await;
    assert_eq!((ends(&app, tom.id).await.len(), tom.password.is_none()), (1, true));
    assert_eq!(ends(&app, lily).await.len(), 1);
}

/// An account that is closed needs no address. The question that the guardian may have set is asked until somebody has seen the client.
#[tokio::test]
async fn a_closed_account_makes_no_task_and_the_question_stays_until_its_owner_is_seen() {
    let app = at("agency", json!({"security_question": "optional"})).await;
    pat_at(&app, "family@agency.test").await;
    let (lily, _) = associate(&app, None).await;
    let session = app.session_of("lily", PASSWORD).await;
    let question = json!({"current_password": PASSWORD, "question": "Pet?", "answer": "Biscuit"});
    let put = HttpEvent::new("PUT", "/v1/security-question").bearer(&session).json(&question);
    assert_eq!(app.send(put).await.status, 204);
    assert!(app.account("lily").await.question.is_some());
    let member = at_work(&app).await;
    assert_eq!(member.patch(lily, json!({"active": false})).await.status, 200);
    dissociate(&app).await;
    app.deliver().await;
    let ended = app.account("lily").await;
    assert_eq!((ended.question.is_some(), ended.frozen_at.is_some()), (true, true));
    assert_eq!((ended.password.is_none(), ended.mail), (true, MailStatus::SharedMailbox));
    assert!(member.tasks("").await.is_empty());
    // Opened again, it needs one as soon as somebody asks for a mail.
    assert_eq!(member.patch(lily, json!({"active": true})).await.status, 200);
    app.forgot("lily").await;
    app.deliver().await;
    app.deliver().await;
    assert_eq!(member.tasks("").await.len(), 1);
    assert!(app.mailbox.messages().is_empty());
    let colleague = app.account_of("agency", Portal::Staff, "casey").await;
    assert!(colleague.associations.is_empty());
}
