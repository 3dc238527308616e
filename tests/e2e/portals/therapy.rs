//! A therapy practice invites by mail. Its people recover by a code, or by a link whose expiry an administrator
//! chooses.

use rekey::platform::clock::days;
use serde_json::json;

use crate::support::{NEW_PASSWORD, PASSWORD, code_in, token_in};

use super::{OWN_PASSWORD, Portals, change_log, own_log, path_of, post, says, select, tells};

/// A therapy practice invites by mail, and recovers by code or by a link with a chosen end.
#[tokio::test]
async fn therapy_practice() {
    let portals = Portals::of("therapy").await;
    let app = &portals.app;
    let admin = portals.staff("admin").await;

    // A new member of staff; the profile shows that sign-up has not begun.
    let new = json!({"portal": "staff", "username": "robin", "email": "robin@therapy.test", "display_name": "Robin",
        "role": "staff", "invite": false});
    let profile = admin.create(new).await.json();
    assert_eq!(profile["setup"], "not_invited");

    // "Send invitation": to the address that was given; then initiated; then done.
    let sent = post(&admin, &path_of(&profile, "/invitation"), None).await;
    assert_eq!(sent["sent_to"], "r…@t….test");
    let mail = portals.mail_to("robin@therapy.test").await;
    let setup = async || admin.get(&path_of(&profile, "")).await.json()["setup"].clone();
    assert_eq!(setup().await, "invited");
    let token = token_in(&mail);
    let page = app.preview(&token).await.json();
    assert_eq!((&page["purpose"], &page["username"]), (&json!("invitation"), &json!("robin")));
    assert_eq!(setup().await, "started");
    assert_eq!(app.reset(&token, PASSWORD).await.status, 204, "create account");
    assert_eq!(setup().await, "signed_up");

    // They sign in with address and password.
    assert_eq!(portals.sign_in("staff", "robin@therapy.test", PASSWORD).await.status, 201);

    // Self-service, at both portals: the address, a code by mail, the new password.
    for (portal, address) in [("staff", "robin@therapy.test"), ("client", "jane@therapy.test")] {
        let asked = portals.forgot(portal, address).await.json();
        assert_eq!(asked["method"], "code");
        let code = code_in(&portals.mail_to(address).await);
        let verified = app.verify(asked["request_id"].as_str().unwrap(), &code).await.json();
        assert_eq!(app.reset(verified["token"].as_str().unwrap(), NEW_PASSWORD).await.status, 204);
        assert_eq!(portals.sign_in(portal, address, NEW_PASSWORD).await.status, 201);
    }

    // Administrator: choose an expiration date, generate the link, and copy it or send it.
    let client = select(&admin, "q=jane", "jane").await;
    let mut ask =
        json!({"expires_at": "2026-11-24T09:00:00Z", "deliver": "copy", "reason": "Asked by phone"});
    let copied = post(&admin, &path_of(&profile, "/links"), Some(ask.clone())).await;
    let (page, token) = copied["url"].as_str().unwrap().split_once("#token=").unwrap();
    assert_eq!(page, "https://recovery.test/p/therapy/staff/reset");
    ask["deliver"] = json!("email");
    post(&admin, &path_of(&client, "/links"), Some(ask)).await;
    let mail = portals.mail_to("jane@therapy.test").await;
    says(&mail, &["Tuesday, November 24, 2026 at 9:00 AM GMT"]);
    app.clock.advance(days(2));
    assert_eq!(app.reset(token, OWN_PASSWORD).await.status, 204);
    assert_eq!(app.reset(&token_in(&mail), OWN_PASSWORD).await.status, 204);
    assert_eq!(portals.sign_in("staff", "robin", OWN_PASSWORD).await.status, 201);
    assert_eq!(portals.sign_in("client", "jane", OWN_PASSWORD).await.status, 201);

    let session = portals.session("client", "jane", OWN_PASSWORD).await;
    tells(
        &own_log(app, &session).await,
        &[
            "Password changed by jane",
            "A link, invitation or temporary password for jane was issued by the practice",
            "Password changed by jane",
            "The right code was entered for jane",
            "Password reset requested for jane",
        ],
    );
    let admin = portals.staff("admin").await;
    tells(
        &change_log(&admin, &format!("account={}&limit=100", profile["id"].as_str().unwrap())).await,
        &[
            "Password changed by robin",
            "A link, invitation or temporary password for robin was issued by admin. It was shown to be copied",
            "The right code was entered for robin",
            "Password changed by robin",
            "A link, invitation or temporary password for robin was issued by admin",
            "Portal login robin was added by admin",
        ],
    );
}
