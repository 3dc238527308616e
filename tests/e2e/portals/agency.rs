//! An agency resets a client's portal password from the face sheet, and the client changes it on the portal.

use rekey::platform::clock::days;
use serde_json::json;

use crate::support::event::HttpEvent;
use crate::support::{NEW_PASSWORD, TestApp, temporary_in};

use super::{OWN_PASSWORD, Portals, change_log, edit, own_log, path_of, post, says, select, tells};

/// An agency resets a client's portal password from the face sheet; the client changes it on the portal.
#[tokio::test]
async fn agency_portal() {
    let portals = Portals::of("agency").await;
    let app = &portals.app;

    // The face sheet: search, select, and see the portal's address and each portal login.
    let staff = portals.staff("casey").await;
    let client = select(&staff, "q=jane", "jane").await;
    let practice = staff.get("/v1/practices/agency").await.json();
    assert_eq!(practice["portals"]["client"]["url"], "https://recovery.test/p/agency/client");
    let login = ["username", "representative", "active", "refused"].map(|member| client[member].clone());
    assert_eq!(login, [json!("jane"), json!(false), json!(true), json!(false)]);

    // Populate the address from the record, mark the representative, tick "reset password", save.
    assert_eq!(client["record_email"], "jane.at.home@agency.test");
    let client =
        edit(&staff, &client, json!({"email": client["record_email"], "representative": true})).await;
    assert_eq!((&client["email"], &client["representative"]), (&client["record_email"], &json!(true)));
    let issued = post(&staff, &path_of(&client, "/temporary-password"), None).await;
    assert_eq!(issued["expires_at"], "2026-11-22T18:35:30Z", "24 hours");

    // The user receives the temporary password and the portal's address.
    let mail = portals.mail_to("jane.at.home@agency.test").await;
    says(
        &mail,
        &[
            "Username: jane",
            "https://recovery.test/p/agency/client",
            "Sunday, November 22, 2026 at 1:35 PM EST",
        ],
    );
    let temporary = temporary_in(&mail);

    // Signing in with it leads to the change of password; the window shows the address.
    let signed_in = portals.sign_in("client", "jane", &temporary).await.json();
    assert_eq!(signed_in["next"], "change_password");
    assert_eq!(signed_in["account"]["email"], "jane.at.home@agency.test");
    let session = signed_in["token"].as_str().unwrap();
    portals.change(session, &temporary, NEW_PASSWORD).await;
    let mail = portals.mail_to("jane.at.home@agency.test").await;
    assert_eq!(mail.subject, "Your password was changed");

    // From the portal: current, new, confirm; and a mail confirms it.
    let session = portals.session("client", "jane", NEW_PASSWORD).await;
    portals.change(&session, NEW_PASSWORD, OWN_PASSWORD).await;
    assert_eq!(portals.mail_to("jane.at.home@agency.test").await.subject, "Your password was changed");
    assert_eq!(app.mailbox.messages().len(), 4, "and one told the former address");
    assert_eq!(portals.sign_in("client", "jane", OWN_PASSWORD).await.status, 201);

    // The portal's activity: what was done, when, and by whom.
    let session = portals.session("client", "jane", OWN_PASSWORD).await;
    app.send(HttpEvent::new("DELETE", "/v1/sessions/current").bearer(&session)).await;
    let session = portals.session("client", "jane", OWN_PASSWORD).await;
    tells(
        &own_log(app, &session).await,
        &[
            "Portal login by jane",
            "Portal logout by jane",
            "Password changed by jane",
            "Portal login by jane",
            "Password changed by jane",
            "Portal login by jane",
            "A link, invitation or temporary password for jane was issued by the practice",
            "Portal login jane was modified by the practice. Changes: email, representative",
            "Portal login jane was added by the operator",
        ],
    );
    // The face sheet's change log: of this client, by this user, within these dates; also when the login was added.
    let (of_client, by_user) = (client["id"].as_str().unwrap(), staff_id(app, "agency", "casey").await);
    tells(
        &change_log(&staff, &format!("account={of_client}&limit=100")).await,
        &[
            "Password changed by jane",
            "A link, invitation or temporary password for jane was issued by casey",
            "Portal login jane was modified by casey. Changes: email, representative",
            "Portal login jane was added by the operator",
        ],
    );
    let query = format!(
        "account={of_client}&actor={by_user}&type=user_updated&from=2026-11-21T00:00:00Z&to=2026-11-22T00:00:00Z"
    );
    assert_eq!(
        change_log(&staff, &query).await,
        ["Portal login jane was modified by casey. Changes: email, representative"]
    );
    assert!(change_log(&staff, &format!("account={of_client}&to=2026-11-21T00:00:00Z")).await.is_empty());

    // Not within 24 hours: the temporary password has expired, and the user is told so.
    post(&staff, &path_of(&client, "/temporary-password"), None).await;
    let late = temporary_in(&portals.mail_to("jane.at.home@agency.test").await);
    app.clock.advance(days(1));
    let reply = portals.sign_in("client", "jane", &late).await;
    assert_eq!(reply.outcome(), (401, "temporary_password_expired".to_owned()));

    // A client who refuses a portal login.
    let staff = portals.staff("casey").await;
    let client = select(&staff, "q=jane", "jane").await;
    edit(&staff, &client, json!({"refused": true})).await;
    assert_eq!(portals.sign_in("client", "jane", OWN_PASSWORD).await.status, 401);
}

async fn staff_id(app: &TestApp, slug: &str, username: &str) -> String {
    app.account_of(slug, rekey::domain::practice::Portal::Staff, username).await.id.to_string()
}
