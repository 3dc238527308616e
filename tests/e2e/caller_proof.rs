//! A7: how staff know who calls, and what they may not do without it.

use rekey::domain::event::{Action, Event};
use rekey::domain::practice::Portal;
use rekey::domain::proof::{Knowledge, ProofMethod};
use rekey::platform::ids::AccountId;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::help::TOMORROW;
use crate::support::seam::Fault;
use crate::support::staff::{ACCOUNTS, StaffMember, at_work};
use crate::support::{NEW_PASSWORD, Reply, TestApp, code_in, logs, other_than};
use crate::undelivered::MINUTE;

async fn begin(member: &StaffMember<'_>, id: AccountId) -> Reply {
    member.send(HttpEvent::new("POST", &format!("{ACCOUNTS}/{id}/caller-check"))).await
}

async fn enter(member: &StaffMember<'_>, id: AccountId, check: &str, code: &str) -> Reply {
    let path = format!("{ACCOUNTS}/{id}/caller-check/{check}");
    member.send(HttpEvent::new("POST", &path).json(&json!({"code": code}))).await
}

async fn copy(member: &StaffMember<'_>, id: AccountId, proof: Option<&Value>) -> Reply {
    let mut body = json!({"expires_at": TOMORROW, "deliver": "copy"});
    if let Some(proof) = proof {
        body["proof"] = proof.clone();
    }
    member.send(HttpEvent::new("POST", &format!("{ACCOUNTS}/{id}/links")).json(&body)).await
}

async fn readdress(member: &StaffMember<'_>, id: AccountId, to: &str, proof: Option<&Value>) -> Reply {
    let mut change = json!({"email": to});
    if let Some(proof) = proof {
        change["proof"] = proof.clone();
    }
    member.patch(id, change).await
}

/// A check of Jane that was mailed: its id, and the code in her mailbox.
async fn mailed(app: &TestApp, member: &StaffMember<'_>, id: AccountId) -> (String, String) {
    let begun = begin(member, id).await;
    assert_eq!(begun.status, 202, "{begun:?}");
    assert_eq!(app.deliver().await.dead, 0);
    let mail = &app.mailbox.messages()[0];
    assert_eq!(mail.subject, "A code for your call");
    (begun.json()["check_id"].as_str().unwrap().to_owned(), code_in(mail))
}

async fn required() -> TestApp {
    let app = TestApp::start().await;
    let policy = json!({"policy": {"caller_proof": "required"}});
    let set = HttpEvent::new("PATCH", "/v1/admin/practice").json(&policy);
    assert_eq!(at_work(&app).await.send(set).await.status, 200);
    app.clock.advance(2 * MINUTE);
    app
}

async fn last(app: &TestApp, id: AccountId, action: Action) -> Event {
    app.events(id).await.into_iter().rfind(|event| event.action == action).unwrap()
}

fn denied(reply: &Reply) {
    assert_eq!(reply.outcome(), (403, "proof_required".to_owned()), "{reply:?}");
}

#[tokio::test]
async fn the_code_that_a_caller_reads_out_is_a_proof_for_what_follows() {
    let app = required().await;
    let (member, jane) = (at_work(&app).await, app.account("jane").await.id);
    let begun = begin(&member, jane).await;
    let (check, shown) = (begun.json()["check_id"].as_str().unwrap().to_owned(), begun.json());
    assert_eq!((begun.status.as_u16(), &shown["sent_to"]), (202, &json!("j\u{2026}@a\u{2026}.test")));
    app.deliver().await;
    let mail = app.mailbox.messages().remove(0);
    assert_eq!(mail.to, ["jane@agency.test"], "to the address of the account");
    let code = code_in(&mail).replace(' ', "");
    assert_eq!(code.len(), 6);
    for text in [app.dump().await.join(""), logs::printed(), shown.to_string(), mail.subject.clone()] {
        assert!(!text.contains(&code) && !text.contains(&code_in(&mail)), "nobody but the mailbox has it");
    }
    let passed = enter(&member, jane, &check, &format!("{} {}", &code[..3], &code[3..])).await;
    assert_eq!(passed.status, 200, "{passed:?}");
    let proof = passed.json()["proof"].clone();
    assert_eq!(proof, json!({"method": "mailed_code", "check_id": check}));
    assert_eq!(copy(&member, jane, Some(&proof)).await.status, 201);
    let event = last(&app, jane, Action::AuthnTokenCreated).await;
    let recorded = event.proof.unwrap();
    assert_eq!(
        (recorded.method, recorded.check_id.unwrap().to_string()),
        (Knowledge::MailedCode, check.clone())
    );
    assert_eq!(
        (event.by, event.ticket.is_some()),
        (Some(member_id(&app).await), true),
        "proof, act and actor"
    );
    assert_eq!(readdress(&member, jane, "jane@elsewhere.test", Some(&proof)).await.status, 200);
    app.clock.advance(15 * MINUTE);
    let member = at_work(&app).await;
    denied(&copy(&member, jane, Some(&proof)).await);
}

async fn member_id(app: &TestApp) -> AccountId {
    app.account_of("agency", Portal::Staff, "admin").await.id
}

/// The convincing caller has no mailbox. Guesses are five, and each check is a mail that is counted.
#[tokio::test]
async fn a_convincing_caller_guesses_in_vain() {
    let app = required().await;
    let (member, jane) = (at_work(&app).await, app.account("jane").await.id);
    let (check, code) = mailed(&app, &member, jane).await;
    for left in (0..5).rev() {
        let wrong = enter(&member, jane, &check, &other_than(&code)).await;
        assert_eq!(
            (wrong.outcome().1.as_str(), &wrong.json()["attempts_left"]),
            ("invalid_code", &json!(left))
        );
    }
    assert_eq!(enter(&member, jane, &check, &code).await.outcome(), (410, "code_expired".to_owned()));
    denied(&copy(&member, jane, Some(&json!({"method": "mailed_code", "check_id": check}))).await);
    let fails = app.events(jane).await.iter().filter(|event| event.action == Action::AuthnCodeFail).count();
    assert_eq!(fails, 5, "each is an event");
    for _ in 0..4 {
        assert_eq!(begin(&member, jane).await.status, 202);
    }
    let limited = begin(&member, jane).await;
    assert_eq!(limited.outcome(), (429, "too_many_requests".to_owned()));
    assert!(limited.headers.contains_key("retry-after"));
    assert!(app.actions("jane").await.contains(&"excess_rate_limit_exceeded".to_owned()));
}

#[tokio::test]
async fn a_check_ends_is_used_once_and_belongs_to_who_began_it() {
    let app = required().await;
    let (member, jane) = (at_work(&app).await, app.account("jane").await.id);
    let casey = StaffMember::of(&app, "agency", "staff", "casey").await;
    let sam = app.account("sam").await.id;
    let gone = (410, "code_expired".to_owned());
    let (check, code) = mailed(&app, &member, jane).await;
    assert_eq!(enter(&casey, jane, &check, &code).await.outcome(), gone, "a colleague's");
    assert_eq!(enter(&member, sam, &check, &code).await.outcome(), gone, "another account's");
    assert_eq!(
        enter(&casey, jane, &check, "12345678").await.outcome(),
        gone,
        "nor does its length tell anything"
    );
    let short = enter(&member, jane, &check, "12345678").await;
    assert_eq!((short.outcome().1.as_str(), &short.json()["attempts_left"]), ("invalid_code", &json!(5)));
    assert_eq!(enter(&member, jane, &check, &code).await.status, 200);
    assert_eq!(enter(&member, jane, &check, &code).await.outcome(), gone, "once");
    let proof = json!({"method": "mailed_code", "check_id": check});
    denied(&copy(&casey, jane, Some(&proof)).await);
    denied(&copy(&member, sam, Some(&proof)).await);
    let (late, code) = mailed(&app, &member, jane).await;
    app.clock.advance(10 * MINUTE);
    let member = at_work(&app).await;
    assert_eq!(enter(&member, jane, &late, &code).await.outcome(), gone, "ten minutes");
    let (check, code) = mailed(&app, &member, jane).await;
    assert_eq!(app.verify(&check, &code).await.outcome(), gone, "it opens nothing by itself");
    let (request, own) = app.code_for("jane").await;
    assert_eq!(
        enter(&member, jane, &request, &own).await.outcome(),
        gone,
        "nor is a code of recovery a proof"
    );
    assert_eq!(enter(&member, jane, "x", &code).await.outcome(), (404, "not_found".to_owned()));
    assert_eq!(enter(&member, jane, &check, "x").await.outcome(), (400, "invalid_request".to_owned()));
}

#[tokio::test]
async fn a_code_that_waits_too_long_is_not_mailed_and_no_address_is_said() {
    let app = TestApp::start().await;
    let (member, jane) = (at_work(&app).await, app.account("jane").await.id);
    app.mailbox.pause(true);
    assert_eq!(begin(&member, jane).await.status, 202);
    app.deliver().await;
    app.clock.advance(11 * MINUTE);
    app.mailbox.pause(false);
    app.sweep().await;
    assert!(app.mailbox.messages().is_empty());
    assert_eq!(app.actions("jane").await.last().unwrap(), "mail_not_sent");
    let member = at_work(&app).await;
    assert_eq!(member.patch(jane, json!({"email": null})).await.status, 200);
    assert_eq!(begin(&member, jane).await.outcome(), (409, "no_address".to_owned()));
    app.deliver().await;
    app.mailbox.clear().unwrap();
    app.seam.inject("admin-link", "TransactWriteItems", usize::MAX, Fault::Down);
    let sam = app.account("sam").await.id;
    assert_eq!(begin(&member, sam).await.outcome(), (503, "unavailable".to_owned()));
    app.seam.heal();
    app.deliver().await;
    assert!(app.mailbox.messages().is_empty(), "nothing half done");
}

/// `required`: what hands an account over is refused without a proof, and nothing else is.
#[tokio::test]
async fn what_hands_an_account_over_is_refused_without_a_proof_where_a_practice_wants_one() {
    let app = required().await;
    let (member, jane) = (at_work(&app).await, app.account("jane").await.id);
    denied(&copy(&member, jane, None).await);
    denied(&readdress(&member, jane, "thief@elsewhere.test", None).await);
    assert_eq!(app.account("jane").await.email.unwrap().as_str(), "jane@agency.test");
    assert!(app.store.list_tickets(jane).await.unwrap().tickets.is_empty(), "nothing was issued");
    assert_eq!(member.patch(jane, json!({"display_name": "Jane B"})).await.status, 200);
    let email = json!({"expires_at": TOMORROW, "deliver": "email"});
    let link = HttpEvent::new("POST", &format!("{ACCOUNTS}/{jane}/links")).json(&email);
    assert_eq!(member.send(link).await.status, 201, "it goes to her address");
    let temporary = HttpEvent::new("POST", &format!("{ACCOUNTS}/{jane}/temporary-password"));
    assert_eq!(member.send(temporary).await.status, 202);
    for method in ["in_person", "identity_document", "called_back"] {
        let proof = json!({"method": method, "note": "At the desk, 11:40"});
        assert_eq!(copy(&member, jane, Some(&proof)).await.status, 201, "{method}");
        let event = last(&app, jane, Action::AuthnTokenCreated).await;
        assert_eq!(event.proof.unwrap().note.as_deref(), Some("At the desk, 11:40"));
    }
    for (proof, member_at_fault) in [
        (json!({"method": "in_person", "note": "Passport C01X00T47"}), "proof.note"),
        (json!({"method": "in_person", "note": ""}), "proof.note"),
        (json!({"method": "mailed_code"}), "proof.check_id"),
        (json!({"method": "overruled"}), "proof.note"),
        (json!({"method": "a feeling"}), "proof.method"),
        (json!({}), "proof"),
        (json!({"method": "none"}), "proof.method"),
        (json!({"method": "in_person", "sure": true}), "proof"),
    ] {
        let reply = copy(&member, jane, Some(&proof)).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{proof}");
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(
            detail.contains(member_at_fault.split('.').next_back().unwrap()) || detail.contains("proof"),
            "{detail}"
        );
    }
}

#[tokio::test]
async fn whatever_is_issued_for_a_frozen_account_needs_a_proof() {
    let app = required().await;
    let (member, jane) = (at_work(&app).await, app.account("jane").await.id);
    freeze(&app).await;
    let email = json!({"expires_at": TOMORROW, "deliver": "email"});
    let link = || HttpEvent::new("POST", &format!("{ACCOUNTS}/{jane}/links"));
    denied(&member.send(link().json(&email)).await);
    let temporary = || HttpEvent::new("POST", &format!("{ACCOUNTS}/{jane}/temporary-password"));
    denied(&member.send(temporary()).await);
    let mut proven = email;
    proven["proof"] = json!({"method": "called_back"});
    assert_eq!(member.send(link().json(&proven)).await.status, 201);
    let body = json!({"proof": {"method": "identity_document"}});
    assert_eq!(member.send(temporary().json(&body)).await.status, 202);
}

/// Jane reports that a change of her password was not hers.
async fn freeze(app: &TestApp) {
    let token = app.token_for("jane").await;
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    app.deliver().await;
    let text = app.mailbox.messages().remove(0).text.unwrap();
    let token = text.lines().find_map(|line| line.split_once("#repudiate=")).unwrap().1.to_owned();
    assert_eq!(app.post("/v1/password/repudiate", json!({"token": token})).await.status, 204);
    app.mailbox.clear().unwrap();
}

/// The default: nothing is refused, and the log says what was missing. `off` says nothing.
#[tokio::test]
async fn a_call_without_a_proof_is_recorded_as_one() {
    let app = TestApp::start().await;
    let (member, jane) = (at_work(&app).await, app.account("jane").await.id);
    assert_eq!(copy(&member, jane, None).await.status, 201);
    let issued = last(&app, jane, Action::AuthnTokenCreated).await;
    assert_eq!(issued.proof.map(|proof| proof.method), Some(Knowledge::None));
    assert_eq!(readdress(&member, jane, "jane@elsewhere.test", None).await.status, 200);
    let moved = last(&app, jane, Action::UserUpdated).await;
    assert_eq!(moved.proof.map(|proof| proof.method), Some(Knowledge::None));
    assert_eq!(member.patch(jane, json!({"locale": "es"})).await.status, 200);
    assert_eq!(last(&app, jane, Action::UserUpdated).await.proof, None, "nobody is handed anything");
    let log = member.get(&format!("{ACCOUNTS}/{jane}/activity")).await.json();
    let unsaid = log["events"].as_array().unwrap().iter().filter(|event| event["proof"]["method"] == "none");
    assert_eq!(unsaid.count(), 2);
    let seen = json!({"method": "identity_document"});
    assert_eq!(copy(&member, jane, Some(&seen)).await.status, 201);
    let log = member.get(&format!("{ACCOUNTS}/{jane}/activity")).await.json();
    let said = log["events"][0]["description"].as_str().unwrap();
    assert!(
        said.ends_with("issued by admin. It was shown to be copied. An identity document was seen"),
        "{said}"
    );
    let off = json!({"policy": {"caller_proof": "off"}});
    assert_eq!(member.send(HttpEvent::new("PATCH", "/v1/admin/practice").json(&off)).await.status, 200);
    app.clock.advance(2 * MINUTE);
    assert_eq!(copy(&member, jane, None).await.status, 201);
    assert_eq!(last(&app, jane, Action::AuthnTokenCreated).await.proof, None);
}

/// A question that the thief may have set is dropped for an owner who was seen, and for nobody else.
#[tokio::test]
async fn a_frozen_accounts_question_is_dropped_only_when_its_owner_was_seen() {
    for (method, asks) in [
        (None, true),
        (Some("called_back"), true),
        (Some("in_person"), false),
        (Some("identity_document"), false),
    ] {
        let app = crate::support::questions::pediatrics().await;
        let member = StaffMember::of(&app, "pediatrics", "staff", "admin").await;
        let jane = app.account_of("pediatrics", Portal::Client, "jane").await.id;
        let account = app.store.find_account(jane).await.unwrap().unwrap();
        let frozen = rekey::domain::account::Account {
            frozen_at: Some(account.created_at),
            password: None,
            ..account
        };
        let event = rekey::domain::event::Event::new(
            &rekey::platform::clock::Ambient::system(),
            &frozen.practice,
            Action::AuthnPasswordRepudiated,
            rekey::domain::event::Actor::Holder,
        );
        let account = app.store.find_account(jane).await.unwrap().unwrap();
        let changed = rekey::store::accounts::Changed { old: &account, new: &frozen };
        app.store.update_accounts(None, &[changed], &event.unwrap()).await.unwrap();
        let proof = method.map(|method| json!({"method": method}));
        let copied = copy(&member, jane, proof.as_ref()).await.json();
        let token = copied["url"].as_str().unwrap().split_once("#token=").unwrap().1.to_owned();
        let shown = app.preview(&token).await.json();
        assert_eq!(shown["question"].is_string(), asks, "{method:?}");
        let ticket = app.store.list_tickets(jane).await.unwrap().tickets.remove(0);
        assert_eq!(ticket.proof.is_some_and(ProofMethod::is_seen), !asks);
        let reset = app.reset(&token, NEW_PASSWORD).await;
        assert_eq!(reset.status.is_success(), !asks, "{method:?}: {reset:?}");
    }
}

/// A member of staff cannot go without, and an administrator says why.
#[tokio::test]
async fn an_administrator_alone_goes_without_a_proof() {
    let app = required().await;
    let (admin, jane) = (at_work(&app).await, app.account("jane").await.id);
    let casey = StaffMember::of(&app, "agency", "staff", "casey").await;
    let overruled = json!({"method": "overruled", "note": "She is in hospital, her sister is here"});
    assert_eq!(copy(&casey, jane, Some(&overruled)).await.outcome(), (403, "forbidden".to_owned()));
    let robin = json!({"portal": "staff", "username": "robin", "email": "robin@agency.test", "role": "admin",
        "display_name": "Robin", "invite": false});
    assert_eq!(admin.create(robin).await.status, 201);
    app.deliver().await;
    app.mailbox.clear().unwrap();
    for _ in 0..2 {
        assert_eq!(copy(&admin, jane, Some(&overruled)).await.status, 201);
    }
    app.deliver().await;
    let mut mails = app.mailbox.messages();
    mails.retain(|mail| mail.to != ["jane@agency.test"]);
    assert_eq!(mails.len(), 1, "the other administrators are told");
    assert_eq!(mails[0].to, ["robin@agency.test"]);
    assert_eq!(mails[0].subject, "An account was helped without a proof of who called");
    assert!(!mails[0].text.as_ref().unwrap().contains("jane"), "the log has the name");
    let event = last(&app, jane, Action::AuthnTokenCreated).await;
    assert_eq!(event.proof.map(|proof| proof.method), Some(Knowledge::Overruled));
}

/// The operator says how the owner is known too; there is no caller check and no overruling by direct invocation.
#[tokio::test]
async fn a_direct_invocation_carries_a_proof_of_what_was_seen() {
    let app = required().await;
    freeze(&app).await;
    let jane = app.account("jane").await.id;
    let mut asked =
        json!({"practice": "agency", "username": "jane", "expires_at": TOMORROW, "deliver": "copy"});
    app.invoke_admin_link(asked.clone()).await.unwrap();
    assert_eq!(last(&app, jane, Action::AuthnTokenCreated).await.proof, None);
    asked["proof"] = json!({"method": "identity_document", "note": "Photo fits"});
    app.invoke_admin_link(asked.clone()).await.unwrap();
    let event = last(&app, jane, Action::AuthnTokenCreated).await;
    assert_eq!(event.proof.map(|proof| proof.method), Some(Knowledge::IdentityDocument));
    for proof in [
        json!({"method": "overruled", "note": "x"}),
        json!({"method": "mailed_code", "check_id": "01JD7Z3M5V8Q2X4Y6W0N1R9T3K"}),
        json!({"method": "in_person", "note": "12345"}),
    ] {
        asked["proof"] = proof;
        assert!(app.invoke_admin_link(asked.clone()).await.is_err());
    }
}
