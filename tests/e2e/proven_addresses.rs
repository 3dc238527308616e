//! When an address is proven to be its owner's, since when, and what is pointed out to staff who are about to give it to another.

use rekey::platform::clock::Clock as _;
use rekey::platform::ids::AccountId;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::help::TOMORROW;
use crate::support::staff::{ACCOUNTS, StaffMember, at_work};
use crate::support::{NEW_PASSWORD, PASSWORD, Reply, TestApp, code_in, temporary, temporary_in};

const SECOND: &str = "a second stone bridge";

async fn proven_at(member: &StaffMember<'_>, id: AccountId) -> Value {
    member.get(&format!("{ACCOUNTS}/{id}")).await.json()["email_proven_at"].clone()
}

/// Begins a caller check, and returns its path and the code that was mailed.
async fn check(app: &TestApp, member: &StaffMember<'_>, id: AccountId) -> (String, Value) {
    let path = format!("{ACCOUNTS}/{id}/caller-check");
    let begun = member.send(HttpEvent::new("POST", &path)).await.json();
    app.deliver().await;
    let code = json!({"code": code_in(&app.mailbox.messages()[0])});
    (format!("{path}/{}", begun["check_id"].as_str().unwrap()), code)
}

async fn copied_link(member: &StaffMember<'_>, id: AccountId) -> String {
    let copy = json!({"expires_at": TOMORROW, "deliver": "copy"});
    let reply = member.send(HttpEvent::new("POST", &format!("{ACCOUNTS}/{id}/links")).json(&copy)).await;
    reply.json()["url"].as_str().unwrap().split_once("#token=").unwrap().1.to_owned()
}

#[tokio::test]
async fn whoever_uses_what_was_mailed_proves_the_address_and_nothing_else_does() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let of = async |name: &str| app.account(name).await.id;
    let [jane, sam, tom, lily, ivan] =
        [of("jane").await, of("sam").await, of("tom").await, of("lily").await, of("ivan").await];
    let now = || json!(app.clock.now().to_string());

    // Neither a password that came with the import, nor a copied link, nor a change while signed in.
    let session = app.session_of("jane", PASSWORD).await;
    assert_eq!(temporary::change(&app, &session, PASSWORD, SECOND).await.status, 204);
    let token = copied_link(&member, jane).await;
    assert_eq!(app.reset(&token, PASSWORD).await.status, 204);
    assert_eq!(proven_at(&member, jane).await, Value::Null);
    // Nor does a mail that nobody uses, or that is only opened.
    let link = app.token_for("jane").await;
    assert_eq!(app.preview(&link).await.status, 200);
    assert_eq!(proven_at(&member, jane).await, Value::Null);

    // A link, a code, an invitation, a temporary password, and a code that was read out.
    assert_eq!(app.reset(&link, NEW_PASSWORD).await.status, 204);
    let since = now();
    assert_eq!(proven_at(&member, jane).await, since);
    let (request, code) = app.code_for("sam").await;
    let exchanged = app.verify(&request, &code).await.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(proven_at(&member, sam).await, Value::Null, "the function that takes codes writes no account");
    assert_eq!(app.reset(&exchanged, NEW_PASSWORD).await.status, 204);
    let invitation = app.token_for("ivan").await;
    assert_eq!(app.reset(&invitation, NEW_PASSWORD).await.status, 204);
    let issue = HttpEvent::new("POST", &format!("{ACCOUNTS}/{tom}/temporary-password"));
    assert_eq!(member.send(issue).await.status, 202);
    app.deliver().await;
    let typed = temporary_in(&app.mailbox.messages()[0]);
    let session = app.session_of("tom", &typed).await;
    assert_eq!(proven_at(&member, tom).await, Value::Null);
    assert_eq!(temporary::change(&app, &session, &typed, NEW_PASSWORD).await.status, 204);
    let (path, code) = check(&app, &member, lily).await;
    assert_eq!(proven_at(&member, lily).await, Value::Null, "a check that has begun is none that was passed");
    assert_eq!(member.send(HttpEvent::new("POST", &path).json(&code)).await.status, 200);
    for id in [sam, ivan, tom, lily] {
        assert_eq!(proven_at(&member, id).await, now());
    }

    // It is proven since the first time, and another address is not.
    app.clock.advance(std::time::Duration::from_hours(1));
    let member = at_work(&app).await;
    let link = app.token_for("jane").await;
    assert_eq!(app.reset(&link, SECOND).await.status, 204);
    assert_eq!(proven_at(&member, jane).await, since);
    assert_eq!(member.patch(jane, json!({"display_name": "Janet"})).await.json()["email_proven_at"], since);
    for email in [json!("jane@elsewhere.test"), Value::Null, json!("jane@agency.test")] {
        let moved = member.patch(jane, json!({"email": email})).await.json();
        assert_eq!(moved["email_proven_at"], Value::Null, "{email}");
    }
}

/// The code lies in the mailbox of the former address, whose reader reads it out once the address is another one.
#[tokio::test]
async fn a_code_from_a_former_mailbox_proves_nothing_of_the_next() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let jane = app.account("jane").await.id;
    let (path, code) = check(&app, &member, jane).await;
    assert_eq!(
        member
            .patch(jane, json!({"email": "next@agency.test", "proof": {"method": "in_person"}}))
            .await
            .status,
        200
    );
    assert_eq!(member.send(HttpEvent::new("POST", &path).json(&code)).await.status, 200);
    assert_eq!(proven_at(&member, jane).await, Value::Null);
    // The address changes while the code is being entered.
    app.deliver().await;
    let (path, code) = check(&app, &member, jane).await;
    let held = app.seam.hold("admin-link", "TransactWriteItems", 0);
    let other = async {
        held.reached().await;
        assert_eq!(member.patch(jane, json!({"email": "third@agency.test"})).await.status, 200);
        held.release();
    };
    let enter = member.send(HttpEvent::new("POST", &path).json(&code));
    let (entered, ()) = futures::future::join(enter, other).await;
    assert_eq!(entered.status, 200, "the caller had the code all the same");
    assert_eq!(proven_at(&member, jane).await, Value::Null);
}

async fn create(member: &StaffMember<'_>, username: &str, more: Value) -> Reply {
    let mut account = json!({"username": username, "display_name": "Ada", "invite": false});
    account.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    member.create(account).await
}

#[tokio::test]
async fn an_address_that_another_has_proven_is_pointed_out() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let (jane, sam) = (app.account("jane").await.id, app.account("sam").await.id);
    // As long as nobody has proven it, families share it as before.
    assert_eq!(create(&member, "ada", json!({"email": "jane@agency.test"})).await.status, 201);
    let link = app.token_for("jane").await;
    assert_eq!(app.reset(&link, NEW_PASSWORD).await.status, 204);
    let before = app.account("sam").await;
    for email in ["jane@agency.test", "Jane@Agency.TEST"] {
        for refused in [
            member.patch(sam, json!({"email": email})).await,
            create(&member, "eve", json!({"email": email})).await,
        ] {
            assert_eq!(refused.outcome(), (409, "address_proven".to_owned()), "{email}");
            assert_eq!(refused.json()["account"], json!(jane));
        }
    }
    let not_meant = member.patch(sam, json!({"email": "jane@agency.test", "shares_address": false})).await;
    assert_eq!(not_meant.outcome().1, "address_proven");
    assert_eq!(app.account("sam").await, before, "nothing is saved");

    // It is a pointer and no wall.
    let meant = json!({"email": "jane@agency.test", "shares_address": true});
    let shared = member.patch(sam, meant.clone()).await;
    assert_eq!((shared.status.as_u16(), &shared.json()["email_proven_at"]), (200, &Value::Null));
    assert_eq!(create(&member, "eve", meant).await.status, 201);
    // Whoever has it already is not asked again, and the owner's own is theirs.
    assert_eq!(member.patch(sam, json!({"email": "jane@agency.test", "locale": "es"})).await.status, 200);
    assert_eq!(member.patch(jane, json!({"email": "jane@agency.test"})).await.status, 200);
    // The record's address is no address to which anything is mailed.
    let tom = app.account("tom").await.id;
    assert_eq!(member.patch(tom, json!({"record_email": "jane@agency.test"})).await.status, 200);
    // Another portal's people are others.
    let colleague = json!({"portal": "staff", "role": "staff", "email": "jane@agency.test"});
    assert_eq!(create(&member, "jane.staff", colleague).await.status, 201);
}

/// A member of staff who does not see the other patient learns that there is one, and not who, and not for many addresses.
#[tokio::test]
async fn who_has_proven_it_is_said_to_nobody_who_does_not_see_them() {
    let app = TestApp::start_with(&[]).await;
    app.create_practice("agency", json!({"caseload_scoped": true})).await;
    app.import("agency", &crate::support::demo_accounts("agency")).await;
    let link = app.token_for("jane").await;
    assert_eq!(app.reset(&link, NEW_PASSWORD).await.status, 204);
    let casey = StaffMember::of(&app, "agency", "staff", "casey").await;
    let refused = create(&casey, "ada", json!({"email": "jane@agency.test"})).await;
    assert_eq!((refused.outcome().1.as_str(), &refused.json()["account"]), ("address_proven", &Value::Null));
    let jane = app.account("jane").await.id.to_string();
    assert!(!refused.body.contains(&jane) && !refused.body.contains("Jane"), "{}", refused.body);
    let mut outcomes = Vec::new();
    for n in 0..30 {
        let reply = create(&casey, &format!("ada{n}"), json!({"email": "jane@agency.test"})).await;
        outcomes.push(reply.status.as_u16());
    }
    assert_eq!(outcomes.last(), Some(&429), "who asks for many is stopped: {outcomes:?}");
}
