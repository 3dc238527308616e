//! A5: the former address is told of another one, and the owner of a link that was copied; both can say that it was not them.

use std::time::Duration;

use rekey::domain::event::Action;
use rekey::domain::notice::Telling;
use rekey::domain::practice::Portal;
use rekey::platform::clock::{Clock, days, hours};
use rekey::platform::ids::AccountId;
use rekey_local::mailbox::Message;
use serde_json::{Value, json};

use crate::races::overtaken;
use crate::support::change_log::{changes, words};
use crate::support::event::HttpEvent;
use crate::support::seam::Fault;
use crate::support::staff::{ACCOUNTS, StaffMember, at_work};
use crate::support::temporary::change;
use crate::support::{NEW_PASSWORD, PASSWORD, Reply, TestApp, logs, temporary_in, token_in};

pub const SEEN: &str = "in_person";

/// Gives an account another address, as a member of staff says that they know the caller.
pub async fn readdress(member: &StaffMember<'_>, id: AccountId, to: Value, method: Option<&str>) -> Reply {
    let mut change = json!({"email": to});
    if let Some(method) = method {
        change["proof"] = json!({"method": method});
    }
    member.patch(id, change).await
}

/// What has been mailed since, the newest first: to whom, and the subject.
pub async fn mailed(app: &TestApp) -> Vec<(String, String)> {
    assert_eq!(app.deliver().await.dead, 0);
    let mails = app.mailbox.take().unwrap();
    mails.iter().rev().map(|mail| (mail.to.join(","), mail.subject.clone())).collect()
}

pub fn told(to: &str, subject: &str) -> (String, String) {
    (to.to_owned(), subject.to_owned())
}

/// The mail that the former address gets.
async fn notice(app: &TestApp) -> Message {
    assert_eq!(app.deliver().await.dead, 0);
    let mut mails = app.mailbox.take().unwrap();
    mails.retain(|mail| mail.text.as_ref().is_some_and(|text| text.contains("#repudiate=")));
    assert_eq!(mails.len(), 1);
    mails.remove(0)
}

fn objection(mail: &Message) -> String {
    let text = mail.text.as_deref().unwrap();
    text.lines().find_map(|line| line.split_once("#repudiate=")).expect("a link").1.to_owned()
}

pub async fn object(app: &TestApp, mail: &Message) -> Reply {
    app.post("/v1/password/repudiate", json!({"token": objection(mail)})).await
}

async fn link(member: &StaffMember<'_>, id: AccountId, deliver: &str, method: Option<&str>) -> Reply {
    let until = (member.app.clock.now() + hours(20)).to_string();
    let mut body = json!({"expires_at": until, "deliver": deliver});
    if let Some(method) = method {
        body["proof"] = json!({"method": method, "note": "As the record has it"});
    }
    member.send(HttpEvent::new("POST", &format!("{ACCOUNTS}/{id}/links")).json(&body)).await
}

/// The convincing caller, or the colleague at night: the account's mail goes to somebody else, and the owner ends that.
#[tokio::test]
async fn a_former_address_is_told_and_its_objection_leaves_the_account_to_staff_who_know_the_owner() {
    let app = TestApp::start().await;
    let (member, jane) = (at_work(&app).await, app.account("jane").await.id);
    let session = app.session_of("jane", PASSWORD).await;
    assert_eq!(readdress(&member, jane, json!("thief@evil.test"), Some("called_back")).await.status, 200);
    let mail = notice(&app).await;
    assert_eq!(
        (mail.to.as_slice(), mail.subject.as_str()),
        (&["jane@agency.test".to_owned()][..], "Your email address was changed")
    );
    let text = mail.text.clone().unwrap();
    assert!(text.contains("t\u{2026}@e\u{2026}.test") && !text.contains("thief"), "{text}");
    for text in [app.dump().await.join(""), logs::printed()] {
        assert!(!text.contains(&objection(&mail)[43..]), "nobody but the mailbox has it");
    }
    // Staff have mailed the thief a link meanwhile.
    let given = link(&member, jane, "email", None).await;
    assert_eq!(given.status, 201, "staff's own help goes on at once");
    app.deliver().await;
    let stolen = token_in(&app.mailbox.take().unwrap()[0]);
    assert_eq!(app.reset(&stolen, NEW_PASSWORD).await.status, 204);
    app.deliver().await;
    assert_eq!(object(&app, &mail).await.status, 204);
    assert_eq!(app.account_with(&session).await.status, 401);
    assert_eq!(app.sign_in("jane", NEW_PASSWORD).await.status, 401, "whoever has set a password is out");
    app.deliver().await;
    let alarm = app.mailbox.take().unwrap().pop().unwrap();
    assert_eq!(alarm.to, ["help@agency.test"]);
    assert!(alarm.text.as_ref().unwrap().contains("the address that the account had before"));

    let shown = member.get(&format!("{ACCOUNTS}/{jane}")).await.json();
    assert_eq!((&shown["needs_proof"], shown["frozen_at"].is_null()), (&json!(true), false));
    // A recovery would go to the thief: it is answered as always, and opens nothing, now and after every hold.
    for wait in [Duration::ZERO, days(4)] {
        app.clock.advance(wait);
        for name in ["jane", "thief@evil.test"] {
            let reply = app.forgot(name).await;
            assert_eq!(reply.status, 202);
            app.forgot_by_code("agency", "client", name).await;
        }
        assert_eq!(mailed(&app).await, [], "nothing is mailed to anybody");
    }
    let last = app.events(jane).await.pop().unwrap();
    assert_eq!((last.action, json!(last.reason)), (Action::RecoveryRefused, json!("frozen")));

    // Staff who know nobody get nowhere, whatever the practice's policy is; a code that goes to the thief is no proof.
    let member = at_work(&app).await;
    let denied = |reply: &Reply| assert_eq!(reply.outcome(), (403, "proof_required".to_owned()), "{reply:?}");
    for deliver in ["copy", "email"] {
        denied(&link(&member, jane, deliver, None).await);
    }
    denied(&member.send(HttpEvent::new("POST", &format!("{ACCOUNTS}/{jane}/temporary-password"))).await);
    denied(&readdress(&member, jane, json!("jane@home.test"), None).await);
    let direct = json!({"practice": "agency", "username": "jane", "expires_at": (app.clock.now() + hours(20)).to_string(), "deliver": "copy"});
    assert!(app.invoke_admin_link(direct).await.unwrap_err().error_type.contains("proof"));
    assert_eq!(readdress(&member, jane, json!("jane@home.test"), Some(SEEN)).await.status, 200);
    app.forgot("jane").await;
    app.deliver().await;
    let mails = app.mailbox.take().unwrap();
    assert!(mails.iter().all(|mail| !mail.text.as_ref().unwrap().contains("#token=")), "not by self-service");
    assert_eq!(link(&member, jane, "email", Some(SEEN)).await.status, 201);
    app.deliver().await;
    let token = token_in(&app.mailbox.take().unwrap()[0]);
    assert_eq!(app.reset(&token, "a quiet harbor again").await.status, 204);
    let shown = member.get(&format!("{ACCOUNTS}/{jane}")).await.json();
    assert_eq!((&shown["needs_proof"], &shown["frozen_at"]), (&json!(false), &Value::Null));
    app.mailbox.clear().unwrap();
    app.clock.advance(hours(1));
    let own = app.token_for("jane").await;
    assert_eq!(app.preview(&own).await.status, 200, "and the owner recovers alone again");
    assert_eq!(object(&app, &mail).await.status, 204, "used up: it freezes nothing again");
    assert!(app.account("jane").await.frozen_at.is_none());

    let member = at_work(&app).await;
    let log = words(&changes(&member, &format!("account={jane}&limit=100")).await);
    let at = |words: &str| {
        log.iter().rposition(|line| line == words).unwrap_or_else(|| panic!("{words}: {log:#?}"))
    };
    let story = [
        "Portal login jane was modified by admin. Changes: email. The owner was called back at the number on the record",
        "The former address of jane was told of another address",
        "Another address reported by jane as made by somebody else; the login was locked",
        "Password reset requested for jane, but it was locked from a former address, so staff alone can open it",
    ];
    assert!(story.map(at).is_sorted_by(|earlier, later| earlier > later), "newest first: {log:#?}");
}

#[tokio::test]
async fn the_objection_of_a_former_address_lasts_thirty_days_and_survives_every_later_address() {
    let app = TestApp::start().await;
    let (member, sam) = (at_work(&app).await, app.account("sam").await.id);
    let mut notices = Vec::new();
    for to in [json!("one@evil.test"), json!("two@evil.test"), Value::Null, json!("three@evil.test")] {
        assert_eq!(readdress(&member, sam, to.clone(), None).await.status, 200);
        app.deliver().await;
        let mails = app.mailbox.take().unwrap();
        let own: Vec<&Message> = mails.iter().filter(|mail| mail.to == ["sam@agency.test"]).collect();
        assert_eq!(own.len(), 1, "while the address is on hold, the last one that was not is told of {to}");
        notices.push(own[0].clone());
    }
    let text = notices[2].text.as_ref().unwrap();
    assert!(text.contains("ya no tiene direcci\u{f3}n de correo"), "{text}");
    app.clock.advance(Duration::from_secs(30 * 24 * 3600 - 1));
    assert_eq!(object(&app, &notices[0]).await.status, 204);
    assert!(app.account("sam").await.needs_proof);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(object(&app, &notices[1]).await.outcome(), (410, "expired_token".to_owned()));
    assert_eq!(object(&app, &notices[0]).await.status, 204, "twice is once");
    let count =
        app.actions("sam").await.iter().filter(|action| *action == "authn_password_repudiated").count();
    assert_eq!(count, 1);
}

/// A link that staff make without a proof, while the owner objects, must not come out.
#[tokio::test]
async fn help_without_a_proof_loses_against_an_objection_at_the_same_moment() {
    let app = TestApp::start().await;
    let (member, jane) = (at_work(&app).await, app.account("jane").await.id);
    assert_eq!(readdress(&member, jane, json!("thief@evil.test"), None).await.status, 200);
    let mail = notice(&app).await;
    let held = app.seam.hold("admin-link", "TransactWriteItems", 0);
    let reply = overtaken(held, link(&member, jane, "copy", None), async {
        assert_eq!(object(&app, &mail).await.status, 204);
    })
    .await;
    assert_eq!(reply.outcome(), (403, "proof_required".to_owned()));
}

/// The mail to the former address is not sent to a stranger who has it, nor lost when SES takes nothing.
#[tokio::test]
async fn the_notice_waits_for_ses_and_goes_to_the_address_of_before() {
    let app = TestApp::start().await;
    let (member, jane) = (at_work(&app).await, app.account("jane").await.id);
    app.mailbox.pause(true);
    assert_eq!(readdress(&member, jane, json!("one@evil.test"), Some(SEEN)).await.status, 200);
    app.deliver().await;
    app.clock.advance(hours(3));
    let member = at_work(&app).await;
    assert_eq!(readdress(&member, jane, json!("two@evil.test"), Some(SEEN)).await.status, 200);
    app.mailbox.pause(false);
    app.sweep().await;
    app.deliver().await;
    let mut to: Vec<Vec<String>> = app.mailbox.take().unwrap().into_iter().map(|mail| mail.to).collect();
    to.sort();
    assert_eq!(to, [["jane@agency.test".to_owned()], ["one@evil.test".to_owned()]]);
    app.seam.inject("accounts", "TransactWriteItems", usize::MAX, Fault::Down);
    let failed = readdress(&member, jane, json!("three@evil.test"), Some(SEEN)).await;
    assert_eq!(failed.outcome(), (503, "unavailable".to_owned()));
    app.seam.heal();
    assert_eq!(mailed(&app).await, [], "nothing is told of what was not done");
}

#[tokio::test]
async fn a_former_address_is_told_in_its_owners_language() {
    let app = TestApp::start().await;
    let (member, jane) = (at_work(&app).await, app.account("jane").await.id);
    assert_eq!(member.patch(jane, json!({"locale": "es-MX"})).await.status, 200);
    assert_eq!(link(&member, jane, "copy", None).await.status, 201);
    assert_eq!(readdress(&member, jane, json!("j@home.test"), None).await.status, 200);
    app.deliver().await;
    app.forgot("jane").await;
    assert_eq!(
        mailed(&app).await,
        [
            told("jane@agency.test", "Alguien pidi\u{f3} una contrase\u{f1}a nueva"),
            told("jane@agency.test", "Se cambi\u{f3} su direcci\u{f3}n de correo electr\u{f3}nico"),
            told("jane@agency.test", "Se entreg\u{f3} un enlace a su cuenta"),
        ]
    );
}

/// The link that somebody has talked out of staff is worth nothing once the owner says so; the mailbox is still theirs.
#[tokio::test]
async fn the_owner_of_a_copied_link_is_told_and_can_end_it() {
    let app = TestApp::start().await;
    let (member, jane) = (at_work(&app).await, app.account("jane").await.id);
    let copied = link(&member, jane, "copy", Some("called_back")).await.json();
    let token = copied["url"].as_str().unwrap().split_once("#token=").unwrap().1.to_owned();
    let mail = notice(&app).await;
    assert_eq!(mail.to, ["jane@agency.test"]);
    assert!(!mail.text.as_ref().unwrap().contains(&token), "it opens nothing");
    assert_eq!(object(&app, &mail).await.status, 204);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.outcome(), (410, "revoked_token".to_owned()));
    let account = app.account("jane").await;
    assert_eq!((account.frozen_at.is_some(), account.needs_proof), (true, false));
    let event =
        app.events(jane).await.into_iter().rfind(|event| event.action == Action::AuthnPasswordRepudiated);
    assert_eq!(event.unwrap().telling, Some(Telling::LinkCopied));
    app.deliver().await;
    app.mailbox.clear().unwrap();
    let own = app.token_for("jane").await;
    assert_eq!(app.reset(&own, NEW_PASSWORD).await.status, 204, "a new recovery opens it again");
    let direct = json!({"practice": "agency", "username": "sam", "expires_at": (app.clock.now() + hours(20)).to_string(), "deliver": "copy"});
    app.deliver().await;
    app.mailbox.clear().unwrap();
    app.invoke_admin_link(direct).await.unwrap();
    assert_eq!(mailed(&app).await, [told("sam@agency.test", "Se entreg\u{f3} un enlace a su cuenta")]);
}

/// Notices are counted, and apart from the mails that let people in: whoever makes many keeps nobody out.
#[tokio::test]
async fn notices_are_counted_and_crowd_out_no_other_mail() {
    let app = TestApp::start().await;
    let (member, jane) = (at_work(&app).await, app.account("jane").await.id);
    for _ in 0..10 {
        assert_eq!(link(&member, jane, "copy", None).await.status, 201);
    }
    let limited = link(&member, jane, "copy", None).await;
    assert_eq!(limited.outcome(), (429, "too_many_requests".to_owned()));
    let moved = readdress(&member, jane, json!("j@home.test"), None).await;
    assert_eq!(moved.outcome(), (429, "too_many_requests".to_owned()), "nor is the address changed unseen");
    assert_eq!(app.account("jane").await.email.unwrap().as_str(), "jane@agency.test");
    assert_eq!(
        app.actions("jane").await.iter().filter(|action| *action == "excess_rate_limit_exceeded").count(),
        1
    );
    assert_eq!(link(&member, jane, "email", None).await.status, 201);
    app.deliver().await;
    app.mailbox.clear().unwrap();
    app.token_for("jane").await;
    let none = json!({"portal": "client", "username": "none", "display_name": "N"});
    let none: AccountId = member.create(none).await.json()["id"].as_str().unwrap().parse().unwrap();
    for _ in 0..12 {
        assert_eq!(
            link(&member, none, "copy", None).await.status,
            201,
            "whoever has no address is told nothing"
        );
    }
}

/// A member of staff is an owner too.
#[tokio::test]
async fn a_colleague_whose_address_is_changed_is_told_at_the_former_one() {
    let app = TestApp::start().await;
    let casey = app.account_of("agency", Portal::Staff, "casey").await.id;
    let member = at_work(&app).await;
    assert_eq!(readdress(&member, casey, json!("night@evil.test"), None).await.status, 200);
    let mail = notice(&app).await;
    assert_eq!(mail.to, ["casey@agency.test"]);
    assert!(mail.text.as_ref().unwrap().contains("https://staff.agency.test"));
    assert_eq!(object(&app, &mail).await.status, 204);
    assert!(app.account_of("agency", Portal::Staff, "casey").await.needs_proof);
    assert_eq!(readdress(&member, casey, json!("casey@agency.test"), Some(SEEN)).await.status, 200);
    let issue = HttpEvent::new("POST", &format!("{ACCOUNTS}/{casey}/temporary-password"));
    assert_eq!(member.send(issue.json(&json!({"proof": {"method": SEEN}}))).await.status, 202);
    app.deliver().await;
    let temporary = temporary_in(&app.mailbox.messages()[0]);
    let body = json!({"practice": "agency", "portal": "staff", "identifier": "casey", "password": temporary});
    let session = app.post("/v1/sessions", body).await.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(change(&app, &session, &temporary, NEW_PASSWORD).await.status, 204);
    assert!(
        !app.account_of("agency", Portal::Staff, "casey").await.needs_proof,
        "by a temporary password too"
    );
}
