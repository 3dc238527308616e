//! A4, A8: what a colleague can still do who sees it coming, which is nothing that outlasts their account.

use rekey::domain::practice::Portal;
use rekey::platform::ids::AccountId;
use serde_json::json;

use crate::support::leaving::{colleague, fail_revocations, opens, revoked, token_of};
use crate::support::seam::Fault;
use crate::support::staff::{StaffMember, at_work};
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp};

const CLIENTS: [&str; 4] = ["jane", "sam", "lily", "tom"];

#[tokio::test]
async fn no_link_that_was_copied_just_before_opens_anything_even_if_nothing_is_ever_revoked() {
    let app = TestApp::start().await;
    let (casey, member) = colleague(&app).await;
    let mut tokens = Vec::new();
    for name in CLIENTS.iter().cycle().take(12) {
        tokens.push(member.copied(name).await);
    }
    fail_revocations(&app, "accounts", Fault::Down);
    let admin = at_work(&app).await;
    assert_eq!(admin.close(casey).await["revoked"], 0);
    for token in &tokens {
        assert_eq!(opens(&app, token).await, revoked());
        assert_eq!(app.reset(token, NEW_PASSWORD).await.outcome(), revoked());
    }
    assert_eq!(app.sign_in("jane", PASSWORD).await.status, 201, "nobody's password has changed");
}

#[tokio::test]
async fn a_link_in_flight_while_the_closing_is_written_is_refused() {
    let app = TestApp::start().await;
    let (casey, member) = colleague(&app).await;
    let admin = at_work(&app).await;
    let jane = app.account("jane").await.id;
    let write = app.seam.hold("admin-link", "TransactWriteItems", 0);
    let close = async {
        write.reached().await;
        let end = admin.close(casey).await;
        write.release();
        end
    };
    let (copied, end) = tokio::join!(member.link(jane, "copy"), close);
    assert_eq!(end, json!({"revoked": 0, "kept": 0, "complete": true}));
    assert_eq!(copied.outcome(), (401, "invalid_session".to_owned()));
    assert!(admin.issued_by(casey).await.is_empty());
}

#[tokio::test]
async fn a_link_that_is_written_while_the_closing_is_in_flight_ends_with_it() {
    let app = TestApp::start().await;
    let (casey, member) = colleague(&app).await;
    let admin = at_work(&app).await;
    let jane = app.account("jane").await.id;
    let write = app.seam.hold("accounts", "TransactWriteItems", 0);
    let issue = async {
        write.reached().await;
        let copied = member.link(jane, "copy").await;
        let mailed = member.link(jane, "email").await;
        write.release();
        (copied, mailed)
    };
    let (end, (copied, mailed)) = tokio::join!(admin.close(casey), issue);
    assert_eq!((copied.status.as_u16(), mailed.status.as_u16()), (201, 201));
    assert_eq!(end, json!({"revoked": 2, "kept": 0, "complete": true}));
    assert_eq!(opens(&app, &token_of(&copied)).await, revoked());
    app.mailbox.clear().unwrap();
    app.deliver().await;
    let mails = app.mailbox.take().unwrap();
    let told: Vec<&str> = mails.iter().map(|mail| mail.subject.as_str()).collect();
    assert_eq!(told, ["A link to your account was handed over"], "a link that was revoked is not mailed");
}

#[tokio::test]
async fn a_reset_in_flight_with_a_copied_link_is_refused_when_its_maker_is_closed() {
    let app = TestApp::start().await;
    let (casey, member) = colleague(&app).await;
    let token = member.copied("jane").await;
    let admin = at_work(&app).await;
    fail_revocations(&app, "accounts", Fault::Down);
    let write = app.seam.hold("reset-password", "TransactWriteItems", 0);
    let close = async {
        write.reached().await;
        admin.close(casey).await;
        write.release();
    };
    let (reset, ()) = tokio::join!(app.reset(&token, NEW_PASSWORD), close);
    assert_eq!(reset.outcome(), revoked());
    assert_eq!(app.sign_in("jane", PASSWORD).await.status, 201);
    assert_eq!(app.sign_in("jane", NEW_PASSWORD).await.status, 401);
}

#[tokio::test]
async fn a_copied_link_whose_maker_is_gone_opens_nothing() {
    let app = TestApp::start().await;
    let (casey, member) = colleague(&app).await;
    let (copied, mailed) = (member.copied("jane").await, member.mailed("sam").await);
    remove(&app, casey).await;
    assert_eq!(opens(&app, &copied).await, revoked());
    assert_eq!(app.preview(&mailed).await.status, 200, "the operator revokes it before");
}

/// Takes an account out of the table, as if nothing had been done before.
async fn remove(app: &TestApp, id: AccountId) {
    let key = rekey::store::keys::account(id).attributes();
    let delete = app.dynamodb.delete_item().table_name(&app.table).set_key(Some(key));
    delete.send().await.unwrap();
}

#[tokio::test]
async fn a_copied_link_does_not_end_with_the_role_or_the_sessions_of_its_maker() {
    let app = TestApp::start().await;
    let (casey, member) = colleague(&app).await;
    let token = member.copied("jane").await;
    let admin = at_work(&app).await;
    assert_eq!(admin.patch(casey, json!({"role": "admin"})).await.status, 200);
    let sessions = format!("{}/{casey}/sessions", crate::support::staff::ACCOUNTS);
    let end = crate::support::event::HttpEvent::new("DELETE", &sessions);
    assert_eq!(admin.send(end).await.status, 204);
    assert_eq!(app.preview(&token).await.status, 200);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.sign_in("jane", NEW_PASSWORD).await.status, 201);
}

#[tokio::test]
async fn two_administrators_who_close_at_once_and_the_mailer_revoke_each_ticket_once() {
    let app = TestApp::start().await;
    let (casey, member) = colleague(&app).await;
    app.import("agency", &[json!({"username": "quiet", "display_name": "Q"})]).await;
    for _ in 0..50 {
        member.copied("quiet").await;
    }
    let admin = at_work(&app).await;
    let second = StaffMember::of(&app, "agency", "staff", "admin").await;
    let first_revocation = app.seam.hold("accounts", "TransactWriteItems", 1);
    let meanwhile = async {
        first_revocation.reached().await;
        app.deliver().await;
        let again = second.patch(casey, json!({"active": false, "revoke_issued": true})).await;
        first_revocation.release();
        again.json()["issued"].clone()
    };
    let (end, again) = tokio::join!(admin.close(casey), meanwhile);
    assert_eq!(end, json!({"revoked": 0, "kept": 0, "complete": true}), "the mailer was faster");
    assert_eq!(again, json!({"revoked": 0, "kept": 0, "complete": true}));
    let events = app.actions("quiet").await;
    assert_eq!(events.iter().filter(|action| *action == "authn_token_revoked").count(), 50);
}

#[tokio::test]
async fn a_link_that_an_operator_or_nobody_of_staff_has_made_depends_on_no_member_of_staff() {
    let app = TestApp::start().await;
    let direct = json!({"practice": "agency", "username": "jane", "expires_at": crate::support::help::TOMORROW, "deliver": "copy"});
    let url = app.invoke_admin_link(direct).await.unwrap()["url"].as_str().unwrap().to_owned();
    let (own, direct) = (app.token_for("sam").await, url.split_once("#token=").unwrap().1);
    let admin = app.account_of("agency", Portal::Staff, "admin").await.id;
    remove(&app, admin).await;
    app.seam.forget();
    assert_eq!(app.preview(&own).await.status, 200);
    assert_eq!(app.seam.counts("reset-password")["GetItem"], 2, "the account and the practice alone");
    assert_eq!(app.preview(direct).await.status, 200);
    assert_eq!(app.reset(direct, NEW_PASSWORD).await.status, 204);
}
