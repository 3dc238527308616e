//! The main journey: a forgotten password is recovered by an emailed link, end to end.

use serde_json::json;

use crate::support::event::HttpEvent;
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp, password_hash, token_in};

#[tokio::test]
async fn a_forgotten_password_is_recovered_by_an_emailed_link() {
    let app = TestApp::start().await;

    for identifier in ["jane", "jane@agency.test"] {
        app.mailbox.clear().unwrap();
        let reply = app.forgot(identifier).await;
        assert_eq!(reply.status, 202);
        assert_eq!(reply.json()["method"], "link");
        app.deliver().await;
        assert_eq!(app.mailbox.messages()[0].subject, "Your link to choose a new password");
    }
    let token = token_in(&app.mailbox.messages()[0]);
    assert_eq!(app.preview(&token).await.json()["username"], "jane");

    app.mailbox.clear().unwrap();
    let reply = app.reset(&token, NEW_PASSWORD).await;
    assert_eq!((reply.status.as_u16(), reply.body.as_str()), (204, ""), "a reset signs nobody in");
    app.deliver().await;
    let confirmation = &app.mailbox.messages()[0];
    assert_eq!(confirmation.subject, "Your password was changed");
    assert_eq!(confirmation.to, ["jane@agency.test"]);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.outcome(), (410, "used_token".to_owned()));

    assert_eq!(app.sign_in("jane", PASSWORD).await.outcome(), (401, "invalid_credentials".to_owned()));
    let session = app.session_of("jane", NEW_PASSWORD).await;
    assert_eq!(app.account_with(&session).await.json()["username"], "jane");
    let sign_out = app.send(HttpEvent::new("DELETE", "/v1/sessions/current").bearer(&session)).await;
    assert_eq!(sign_out.status, 204);
    assert_eq!(app.account_with(&session).await.outcome(), (401, "invalid_session".to_owned()));

    assert_eq!(
        app.actions("jane").await,
        [
            "user_created",
            "authn_token_created",
            "mail_sent",
            "authn_token_created",
            "mail_sent",
            "authn_password_change",
            "mail_sent",
            "authn_login_fail",
            "authn_login_success",
            "authn_logout",
            "authn_token_reuse",
        ]
    );
}

#[tokio::test]
async fn the_mail_is_neutral_untracked_dated_and_names_the_support() {
    let app = TestApp::start().await;
    app.token_for("jane").await;
    let mail = app.mailbox.messages().remove(0);
    assert_eq!(mail.from, "no-reply@rekey.test");
    assert_eq!(mail.headers["Auto-Submitted"], "auto-generated");
    assert_eq!(mail.headers["X-SES-CONFIGURATION-SET"], "rekey");
    assert_eq!((mail.tracking.open, mail.tracking.click), (Some(false), Some(false)));
    assert_eq!(mail.tags["practice"], "agency");
    let (text, html) = (mail.text.unwrap(), mail.html.unwrap());
    for part in [&text, &html] {
        assert!(part.contains("November 22, 2026"), "ends in a day: {part}");
        assert!(part.contains("EST"), "in the practice's zone: {part}");
        assert!(
            part.contains("help@agency.test") && part.contains("+1 555 0100"),
            "names the support: {part}"
        );
        assert!(part.contains("jane"), "{part}");
    }
    app.token_for("sam").await;
    assert!(app.mailbox.messages()[0].text.as_ref().unwrap().contains("noviembre"), "sam reads Spanish");
}

#[tokio::test]
async fn a_reset_takes_two_round_trips_and_a_preview_one() {
    let app = TestApp::start().await;
    let warm = app.token_for("sam").await;
    app.reset(&warm, NEW_PASSWORD).await;
    let token = app.token_for("jane").await;
    app.seam.forget();
    app.preview(&token).await;
    let together = [("UpdateItem".to_owned(), 1), ("GetItem".to_owned(), 1)];
    assert_eq!(app.seam.counts("reset-password"), together.into(), "at once");
    app.seam.forget();
    app.reset(&token, NEW_PASSWORD).await;
    let counts = [("BatchGetItem".to_owned(), 1), ("TransactWriteItems".to_owned(), 1)];
    assert_eq!(app.seam.counts("reset-password"), counts.into());
}

#[tokio::test]
async fn passwords_are_kept_as_argon2id_with_a_named_pepper_and_imported_ones_are_rehashed() {
    let app = TestApp::start().await;
    // bcrypt of the demo password, cost 4, as another system would export it.
    let bcrypt = bcrypt::hash_with_salt(PASSWORD, 4, [7; 16]).unwrap().to_string();
    let old = json!({"username": "olga", "email": "olga@agency.test", "display_name": "O", "password_hash": bcrypt});
    app.import("agency", &[old]).await;
    let kept = async |username: &str| {
        let id = app.account(username).await.id.to_string();
        app.dump()
            .await
            .into_iter()
            .filter(|item| item.contains(&id) && item.contains("\"password\":"))
            .collect::<Vec<_>>()
    };
    for (username, before) in [("jane", password_hash()), ("olga", bcrypt.as_str())] {
        let items = kept(username).await;
        assert_eq!(items.len(), 3, "the account and its two logins");
        assert!(items.iter().all(|item| item.contains(before)));
        assert_eq!(app.sign_in(username, PASSWORD).await.status, 201);
        let items = kept(username).await;
        assert!(
            items.iter().all(|item| item.contains("$argon2id$v=19$m=19456,t=2,p=1,keyid=azE$")),
            "{items:?}"
        );
        assert!(!items.iter().any(|item| item.contains(before)));
        assert_eq!(app.sign_in(username, PASSWORD).await.status, 201, "and it is the same password");
        assert_eq!(app.sign_in(&format!("{username}@agency.test"), PASSWORD).await.status, 201);
    }
}
