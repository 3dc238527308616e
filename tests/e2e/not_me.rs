//! "I am not this person": whoever gets a mail by mistake says so, and what follows from it.

use rekey::domain::event::{Action, Actor, Reason};
use rekey::domain::practice::Portal;
use rekey::platform::ids::AccountId;
use rekey_local::mailbox::{Failure, Message};
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::help::TOMORROW;
use crate::support::staff::{ACCOUNTS, StaffMember, at_work};
use crate::support::{NEW_PASSWORD, TestApp, not_me_in, temporary_in, token_in, tokens_in};

/// Sends what staff ask for an account, and returns the mail.
async fn mailed(app: &TestApp, member: &StaffMember<'_>, id: AccountId, what: &str) -> Message {
    let call = HttpEvent::new("POST", &format!("{ACCOUNTS}/{id}/{what}"));
    let reply = member.send(call).await;
    assert!(reply.status.is_success(), "{what}: {reply:?}");
    newest(app).await
}

async fn newest(app: &TestApp) -> Message {
    app.deliver().await;
    app.mailbox.messages().remove(0)
}

/// Sets a password with a link that staff have copied: it shows nothing of the address.
async fn reset_by_copy(app: &TestApp, member: &StaffMember<'_>, id: AccountId, password: &str) {
    let copy = json!({"expires_at": TOMORROW, "deliver": "copy", "proof": {"method": "in_person"}});
    let reply = member.send(HttpEvent::new("POST", &format!("{ACCOUNTS}/{id}/links")).json(&copy)).await;
    let token = reply.json()["url"].as_str().unwrap().split_once("#token=").unwrap().1.to_owned();
    assert_eq!(app.reset(&token, password).await.status, 204);
}

async fn shown(member: &StaffMember<'_>, id: AccountId) -> Value {
    member.get(&format!("{ACCOUNTS}/{id}")).await.json()
}

/// The number of links of mails that are kept.
async fn kept(app: &TestApp) -> usize {
    app.dump().await.iter().filter(|item| item.contains("\"sk\":\"NOT_ME#")).count()
}

/// The patient's address was mistyped, and is a stranger's.
#[tokio::test]
async fn the_stranger_who_got_somebodys_invitation_says_so_and_staff_see_to_it() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let noor = json!({"username": "noor", "email": "stranger@elsewhere.test", "display_name": "Noor"});
    let id: AccountId = member.create(noor).await.json()["id"].as_str().unwrap().parse().unwrap();
    let mail = newest(&app).await;
    let (link, token) = (token_in(&mail), not_me_in(&mail).unwrap());
    let answer = app.not_me(&token).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""), "it says nothing of the patient");
    app.deliver().await;

    // What was mailed is void, and staff see why.
    assert_eq!(app.preview(&link).await.outcome(), (410, "revoked_token".to_owned()));
    assert_eq!(app.reset(&link, NEW_PASSWORD).await.outcome(), (410, "revoked_token".to_owned()));
    assert_eq!(shown(&member, id).await["mail"], "wrong_person");
    assert_eq!(member.list("mail=wrong_person").await, ["noor"]);
    let tasks = member.tasks("").await;
    assert_eq!(tasks.len(), 1);
    assert_eq!(
        (&tasks[0]["cause"], &tasks[0]["accounts"][0]["why"]),
        (&json!("wrong_person"), &json!("wrong_person"))
    );
    assert_eq!(tasks[0]["accounts"][0]["id"], json!(id));
    let events = app.events(id).await;
    let event = events.iter().find(|event| event.action == Action::WrongPersonReported).unwrap();
    assert_eq!((event.actor, event.ip.is_some()), (Actor::Anonymous, true));
    assert_eq!(
        serde_json::to_value(&event.changes).unwrap(),
        json!([{"member": "mail", "from": "ok", "to": "wrong_person"}])
    );

    // Nothing more is mailed there.
    app.mailbox.clear().unwrap();
    app.forgot("noor").await;
    app.forgot("stranger@elsewhere.test").await;
    app.deliver().await;
    assert_eq!(app.events(id).await.last().unwrap().reason, Some(Reason::AddressOfAnother));
    for what in ["invitation", "temporary-password", "caller-check"] {
        let call = HttpEvent::new("POST", &format!("{ACCOUNTS}/{id}/{what}"));
        assert_eq!(member.send(call).await.outcome(), (409, "no_address".to_owned()), "{what}");
    }
    app.deliver().await;
    assert!(app.mailbox.messages().is_empty());
    assert_eq!(app.not_me(&token).await.status, 204, "twice is once");
    let again =
        app.events(id).await.iter().filter(|event| event.action == Action::WrongPersonReported).count();
    assert_eq!(again, 1);

    // The right address is another one, with a link of its own.
    assert_eq!(member.patch(id, json!({"email": "noor@agency.test"})).await.json()["mail"], "ok");
    let mail = mailed(&app, &member, id, "invitation").await;
    assert_eq!(mail.to, ["noor@agency.test"]);
    assert_ne!(not_me_in(&mail).unwrap(), token);
    assert_eq!(app.not_me(&token).await.status, 204);
    assert_eq!(shown(&member, id).await["mail"], "ok", "the first stranger has no say any more");
    assert_eq!(app.reset(&token_in(&mail), NEW_PASSWORD).await.status, 204);
}

#[tokio::test]
async fn every_mail_to_an_unproven_address_has_the_link_and_none_to_a_proven_one() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = app.account("jane").await.id;
    let all = async || {
        let mut mails = vec![("a link", {
            app.forgot("jane").await;
            newest(&app).await
        })];
        mails.push(("a code", {
            app.code_for("jane").await;
            newest(&app).await
        }));
        for what in ["temporary-password", "caller-check"] {
            mails.push((what, mailed(&app, &member, id, what).await));
        }
        reset_by_copy(
            &app,
            &member,
            id,
            &format!("a bridge of {} stones", mails.len() + app.actions("jane").await.len()),
        )
        .await;
        mails.push(("a confirmation", newest(&app).await));
        mails
    };
    for (what, mail) in all().await {
        assert!(not_me_in(&mail).is_some(), "{what}: {:?}", mail.text);
        assert!(mail.html.as_ref().unwrap().contains("#not-me="), "{what}");
        let (_, block) = mail.text.as_ref().unwrap().split_once("If this message is not for you").unwrap();
        assert!(!block.contains("jane") && !block.contains("Jane"), "{what}: it names nobody: {block}");
    }
    assert_eq!(member.patch(id, json!({"locale": "es"})).await.status, 200);
    app.clock.advance(std::time::Duration::from_hours(2));
    app.forgot("jane").await;
    let spanish = newest(&app).await;
    assert!(
        spanish.text.as_ref().unwrap().contains("Si este mensaje no es para usted, le ha llegado por error.")
    );

    // She sets a password with it: the address is hers.
    assert_eq!(app.reset(&token_in(&spanish), NEW_PASSWORD).await.status, 204);
    assert_eq!(not_me_in(&newest(&app).await), None, "the confirmation");
    let before = kept(&app).await;
    app.clock.advance(std::time::Duration::from_hours(25));
    let member = at_work(&app).await;
    for what in ["temporary-password", "caller-check"] {
        assert_eq!(not_me_in(&mailed(&app, &member, id, what).await), None, "{what}");
    }
    app.forgot("jane").await;
    assert_eq!(not_me_in(&newest(&app).await), None, "a link");
    app.code_for("jane").await;
    assert_eq!(not_me_in(&newest(&app).await), None, "a code");
    assert_eq!(kept(&app).await, before, "and nothing is written for it");
}

/// What administrators are told goes to addresses too.
#[tokio::test]
async fn a_notice_to_an_administrator_has_the_link_too() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let robin = json!({"portal": "staff", "username": "robin", "email": "robin@agency.test", "role": "admin",
        "display_name": "Robin"});
    assert_eq!(member.create(robin).await.status, 201);
    app.deliver().await;
    let notices = |mails: Vec<Message>| -> Vec<Message> {
        mails.into_iter().filter(|mail| mail.subject == "An administrator's account was changed").collect()
    };
    let told = notices(app.mailbox.messages());
    assert!(!told.is_empty() && told.iter().all(|mail| not_me_in(mail).is_some()), "{}", told.len());
    let to_robin = |mail: &&Message| mail.to == ["robin@agency.test"];
    let mails = app.mailbox.messages();
    let invitation = mails.iter().filter(to_robin).find(|mail| !tokens_in(mail).is_empty()).unwrap();
    let text = invitation.text.as_ref().unwrap();
    assert!(text.contains("https://staff.agency.test/reset#not-me="), "{text}");

    // Robin's is somebody else's, who is told nothing more either.
    assert_eq!(app.not_me(&not_me_in(invitation).unwrap()).await.status, 204);
    app.mailbox.clear().unwrap();
    app.clock.advance(std::time::Duration::from_hours(2));
    let member = at_work(&app).await;
    let id = app.account_of("agency", Portal::Staff, "robin").await.id;
    assert_eq!(member.patch(id, json!({"locale": "es"})).await.status, 200);
    app.deliver().await;
    let told: Vec<String> = app.mailbox.messages().into_iter().flat_map(|mail| mail.to).collect();
    assert_eq!(told, ["admin@agency.test"]);
}

/// A mail of a shared mailbox has one link, which speaks for all whom nobody has proven.
#[tokio::test]
async fn one_link_speaks_for_all_accounts_of_the_mail_that_nobody_has_proven() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    app.forgot("family@agency.test").await;
    let mail = newest(&app).await;
    let tokens = tokens_in(&mail);
    assert_eq!((tokens.len(), mail.text.as_ref().unwrap().matches("#not-me=").count()), (2, 1));
    assert_eq!(app.not_me(&not_me_in(&mail).unwrap()).await.status, 204);
    for token in &tokens {
        assert_eq!(app.preview(token).await.outcome(), (410, "revoked_token".to_owned()));
    }
    assert_eq!(member.list("mail=wrong_person").await, ["lily", "tom"]);
    app.deliver().await;
    assert_eq!(member.tasks("").await.len(), 2, "each is a task");

    // Tom's is proven, and Lily's is not.
    for name in ["tom", "lily"] {
        let path = format!("{ACCOUNTS}/{}/mail", app.account(name).await.id);
        assert_eq!(
            member.send(HttpEvent::new("POST", &path).json(&json!({"status": "ok"}))).await.status,
            200
        );
    }
    let own = app.token_for("tom").await;
    assert_eq!(app.reset(&own, NEW_PASSWORD).await.status, 204);
    app.deliver().await;
    app.mailbox.clear().unwrap();
    app.forgot("family@agency.test").await;
    let mail = newest(&app).await;
    let tokens = tokens_in(&mail);
    assert_eq!(tokens.len(), 2);
    assert_eq!(app.not_me(&not_me_in(&mail).unwrap()).await.status, 204);
    assert_eq!(member.list("mail=wrong_person").await, ["lily"], "an old mail has no say over a proven one");
    let open: Vec<u16> = futures::future::join_all(tokens.iter().map(|token| app.preview(token)))
        .await
        .iter()
        .map(|reply| reply.status.as_u16())
        .collect();
    assert!(open == [200, 410] || open == [410, 200], "{open:?}");
}

#[tokio::test]
async fn a_redelivered_mail_has_the_same_link_whatever_the_key_is_by_then() {
    let app = TestApp::start().await;
    app.forgot("jane").await;
    let record = app.stream_records().await.pop().unwrap();
    app.mailbox.fail_next(3, Failure::AccountPaused);
    app.invoke_mailer(json!({"Records": [record]})).await;
    app.mailbox.clear_failures();
    assert_eq!(kept(&app).await, 1);
    app.sweep_after_rotation("rekey/derivation").await;
    let mails = app.mailbox.messages();
    assert_eq!((mails.len(), kept(&app).await), (1, 1));
    assert_eq!(app.not_me(&not_me_in(&mails[0]).unwrap()).await.status, 204);
    assert_eq!(app.account("jane").await.mail.as_str(), "wrong_person");
}

/// Her password came from a link that staff handed over. The confirmation went to a stranger, who says so.
#[tokio::test]
async fn a_password_that_was_set_without_the_address_stays() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = app.account("jane").await.id;
    reset_by_copy(&app, &member, id, NEW_PASSWORD).await;
    let session = app.session_of("jane", NEW_PASSWORD).await;
    let token = not_me_in(&newest(&app).await).unwrap();
    assert_eq!(app.not_me(&token).await.status, 204);
    assert_eq!(app.account_with(&session).await.status, 200);
    assert_eq!(app.sign_in("jane", NEW_PASSWORD).await.status, 201);
    assert_eq!(shown(&member, id).await["mail"], "wrong_person");
}

/// A temporary password that a stranger was mailed opens nothing any more, nor does the session that it began.
#[tokio::test]
async fn a_temporary_password_that_reached_somebody_else_is_void() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = app.account("jane").await.id;
    let first = mailed(&app, &member, id, "temporary-password").await;
    let session = app.session_of("jane", &temporary_in(&first)).await;
    assert_eq!(app.not_me(&not_me_in(&first).unwrap()).await.status, 204);
    let change = json!({"current_password": temporary_in(&first), "new_password": NEW_PASSWORD});
    let change = HttpEvent::new("POST", "/v1/password/change").bearer(&session).json(&change);
    assert_eq!(app.send(change).await.status, 401);
    assert_eq!(app.sign_in("jane", &temporary_in(&first)).await.status, 401);
}

/// Staff have called the patient: the address is right after all.
#[tokio::test]
async fn staff_lift_the_mark_and_a_delivery_does_not() {
    let app = TestApp::start().await;
    let member = at_work(&app).await;
    let id = app.account("jane").await.id;
    app.forgot("jane").await;
    let token = not_me_in(&newest(&app).await).unwrap();
    assert_eq!(app.not_me(&token).await.status, 204);
    app.report_mails().await;
    assert_eq!(shown(&member, id).await["mail"], "wrong_person", "the mail has arrived at somebody else's");
    let lift = HttpEvent::new("POST", &format!("{ACCOUNTS}/{id}/mail")).json(&json!({"status": "ok"}));
    assert_eq!(member.send(lift).await.json()["mail"], "ok");
    let event = app.events(id).await.pop().unwrap();
    assert_eq!((event.action, event.by.is_some()), (Action::MailRestored, true));
    assert_eq!(event.changes[0].from.as_deref(), Some("wrong_person"));
    assert_eq!(app.not_me(&token).await.status, 204, "the same mail says nothing again");
    assert_eq!(shown(&member, id).await["mail"], "ok");
    assert_eq!(app.token_for("jane").await.len(), 86);
}
