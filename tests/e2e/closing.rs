//! Why an account is closed, and what follows from it when its owner has died.

use std::time::Duration;

use rekey::domain::event::Action;
use rekey::domain::practice::Portal;
use rekey::platform::ids::AccountId;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::staff::{ACCOUNTS, StaffMember, at_work};
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp, password_hash, temporary, tokens_in};

async fn close(member: &StaffMember<'_>, id: AccountId, reason: &str) {
    let closed = member.patch(id, json!({"active": false, "closed_reason": reason})).await;
    assert_eq!((closed.status.as_u16(), &closed.json()["closed_reason"]), (200, &json!(reason)));
}

#[tokio::test]
async fn closing_takes_a_reason_which_is_shown_recorded_and_gone_when_opened() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let jane = app.account("jane").await.id;
    let patch = async |change: Value| member.patch(jane, change).await;
    for reason in ["left", "deceased", "duplicate", "other"] {
        close(&member, jane, reason).await;
        let event = app.events(jane).await.pop().unwrap();
        let change = event.changes.iter().find(|change| change.member == "closed_reason").unwrap();
        assert_eq!((change.from.as_deref(), change.to.as_deref()), (None, Some(reason)));
        let opened = patch(json!({"active": true})).await;
        assert_eq!((opened.status.as_u16(), &opened.json()["closed_reason"]), (200, &Value::Null));
    }
    // Without one it is `other`, and by a refusal too. A better one can follow.
    assert_eq!(patch(json!({"refused": true})).await.json()["closed_reason"], "other");
    assert_eq!(patch(json!({"closed_reason": "left"})).await.json()["closed_reason"], "left");
    assert_eq!(patch(json!({"display_name": "J"})).await.json()["closed_reason"], "left");
    assert_eq!(patch(json!({"refused": false})).await.json()["closed_reason"], Value::Null);
    for change in [
        json!({"closed_reason": "left"}),
        json!({"active": true, "closed_reason": "left"}),
        json!({"active": false, "closed_reason": "moved"}),
        json!({"active": false, "closed_reason": null}),
        json!({"active": false, "closed_reason": ["left"]}),
    ] {
        assert_eq!(patch(change.clone()).await.outcome(), (400, "invalid_request".to_owned()), "{change}");
    }
    assert!(app.account("jane").await.is_open());
    let before = app.events(jane).await.len();
    assert_eq!(patch(json!({"active": true})).await.status, 200);
    assert_eq!(app.events(jane).await.len(), before, "nothing has changed");
}

/// Everything that was to be mailed waits when it becomes known that she has died.
#[tokio::test]
async fn after_a_death_nothing_is_mailed_not_even_what_waits() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let jane = app.account("jane").await.id;
    let session = app.session_of("jane", PASSWORD).await;
    app.mailbox.pause(true);
    assert_eq!(temporary::change(&app, &session, PASSWORD, NEW_PASSWORD).await.status, 204);
    app.forgot("jane").await;
    app.forgot_by_code("agency", "client", "jane").await;
    for what in ["temporary-password", "caller-check"] {
        let call = HttpEvent::new("POST", &format!("{ACCOUNTS}/{jane}/{what}"));
        assert_eq!(member.send(call).await.status, 202, "{what}");
    }
    app.deliver().await;
    close(&member, jane, "deceased").await;
    app.mailbox.pause(false);
    for _ in 0..3 {
        app.clock.advance(Duration::from_mins(2));
        app.sweep().await;
    }
    let to_jane = |app: &TestApp| {
        app.mailbox.messages().into_iter().filter(|mail| mail.to == ["jane@agency.test"]).count()
    };
    assert_eq!(to_jane(&app), 0);
    let member = at_work(&app).await;
    app.forgot("jane").await;
    app.forgot("jane@agency.test").await;
    app.deliver().await;
    for what in ["temporary-password", "caller-check", "invitation"] {
        let call = HttpEvent::new("POST", &format!("{ACCOUNTS}/{jane}/{what}"));
        assert_eq!(member.send(call).await.outcome(), (409, "account_closed".to_owned()), "{what}");
    }
    let lift = HttpEvent::new("POST", &format!("{ACCOUNTS}/{jane}/mail")).json(&json!({"status": "ok"}));
    assert_eq!(member.send(lift).await.status, 200);
    app.deliver().await;
    assert_eq!(to_jane(&app), 0);

    // Somebody who has left is still told what had been done before.
    let sam = app.account("sam").await.id;
    let session = app.session_of("sam", PASSWORD).await;
    app.mailbox.pause(true);
    assert_eq!(temporary::change(&app, &session, PASSWORD, NEW_PASSWORD).await.status, 204);
    app.deliver().await;
    close(&member, sam, "left").await;
    app.mailbox.pause(false);
    app.clock.advance(Duration::from_mins(2));
    app.sweep().await;
    assert!(app.mailbox.messages().iter().any(|mail| mail.to == ["sam@agency.test"]));
}

/// The others who share the mailbox get theirs, and it says nothing of who has died.
#[tokio::test]
async fn a_mail_for_a_family_no_longer_names_who_has_died() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    close(&member, app.account("lily").await.id, "deceased").await;
    app.forgot("family@agency.test").await;
    app.deliver().await;
    let mails = app.mailbox.messages();
    assert_eq!((mails.len(), tokens_in(&mails[0]).len()), (1, 1));
    assert!(!mails[0].text.as_ref().unwrap().contains("lily"));
}

/// What one administrator does to another is told to all, but not to one who has died.
#[tokio::test]
async fn an_administrator_who_has_died_is_not_told_so() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let robin = json!({"portal": "staff", "username": "robin", "email": "robin@agency.test", "role": "admin",
        "display_name": "Robin", "invite": false});
    assert_eq!(member.create(robin).await.status, 201);
    app.deliver().await;
    app.mailbox.clear().unwrap();
    // What was told of the making of the account is told once an hour.
    app.clock.advance(Duration::from_hours(2));
    let member = at_work(&app).await;
    close(&member, app.account_of("agency", Portal::Staff, "robin").await.id, "deceased").await;
    app.deliver().await;
    let told: Vec<String> = app.mailbox.messages().into_iter().flat_map(|mail| mail.to).collect();
    assert_eq!(told, ["admin@agency.test"]);
}

async fn associate(member: &StaffMember<'_>, client: AccountId, guardian: AccountId) -> u16 {
    let path = format!("{ACCOUNTS}/{client}/associations/{guardian}");
    member.put(&path, json!({"relationship": "parent"})).await.status.as_u16()
}

#[tokio::test]
async fn after_a_death_guardians_have_no_access_any_more() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = async |name| app.account(name).await.id;
    let (jane, sam, tom) = (id("jane").await, id("sam").await, id("tom").await);
    for (client, guardian) in [(jane, sam), (jane, tom), (tom, sam)] {
        let status = associate(&member, client, guardian).await;
        assert_eq!(status, 204);
    }
    close(&member, jane, "left").await;
    assert_eq!(app.account("jane").await.guardians().count(), 2, "another reason ends none");
    assert_eq!(member.patch(jane, json!({"closed_reason": "deceased"})).await.status, 200);
    let shown = member.get(&format!("{ACCOUNTS}/{jane}")).await.json();
    assert_eq!(shown["associations"], json!([]), "from this moment on");
    app.sweep().await;
    assert!(app.account("jane").await.associations.is_empty());
    let of = |account: &rekey::domain::account::Account| -> Vec<AccountId> {
        account.associations.iter().map(|entry| entry.account).collect()
    };
    assert_eq!(of(&app.account("sam").await), [tom], "what is not hers stays");
    assert_eq!(of(&app.account("tom").await), [sam]);
    let ends = async |id| {
        let events = app.events(id).await.into_iter();
        events.filter(|event| event.action == Action::AssociationEnded).count()
    };
    assert_eq!((ends(jane).await, ends(sam).await, ends(tom).await), (2, 1, 1), "in the log of each");
    let path = format!("{ACCOUNTS}/{jane}/associations/{sam}");
    let again = member.put(&path, json!({"relationship": "parent"})).await;
    assert_eq!(again.outcome(), (409, "account_closed".to_owned()));
    // Her sessions and what she was issued end as with any closing.
    assert_eq!(app.sign_in("jane", PASSWORD).await.status, 401);
}

/// As many as an account can have. One who changes meanwhile is not forgotten.
#[tokio::test]
async fn as_many_guardians_as_there_can_be_end() {
    let app = TestApp::start().await;
    let guardians: Vec<Value> = (0..50)
        .map(|n| json!({"username": format!("guardian{n}"), "display_name": "G", "password_hash": password_hash()}))
        .collect();
    app.import("agency", &guardians).await;
    let member = at_work(&app).await;
    let jane = app.account("jane").await.id;
    for n in 0..50 {
        let guardian = app.account(&format!("guardian{n}")).await.id;
        assert_eq!(associate(&member, jane, guardian).await, 204);
    }
    let member = at_work(&app).await;
    close(&member, jane, "deceased").await;
    let held = app.seam.hold("mailer", "TransactWriteItems", 0);
    let first = app.account("guardian0").await.id;
    let other = async {
        held.reached().await;
        assert_eq!(member.patch(first, json!({"locale": "es"})).await.status, 200);
        held.release();
    };
    futures::future::join(Box::pin(app.sweep()), other).await;
    assert!(app.account("jane").await.associations.is_empty());
    for n in 0..50 {
        assert!(app.account(&format!("guardian{n}")).await.associations.is_empty(), "{n}");
    }
    assert_eq!(app.account("guardian0").await.locale.as_deref(), Some("es"));
    let events = app.events(jane).await;
    let recorded = events.iter().filter(|event| event.action == Action::AssociationEnded).count();
    assert_eq!(recorded, 50);
}
