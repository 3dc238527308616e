//! A case worker sends a new password to a client on the caseload.

use serde_json::json;

use crate::support::event::HttpEvent;
use crate::support::staff::ACCOUNTS;
use crate::support::{NEW_PASSWORD, temporary_in};

use super::{Portals, change_log, edit, own_log, path_of, post, select, tells};

/// A case worker sends a client of the caseload a new password.
#[tokio::test]
async fn caseload_portal() {
    let portals = Portals::of("caseload").await;
    let app = &portals.app;

    // My caseload: each client with the worker's role and the date assigned. All clients are the administrator's to see.
    let staff = portals.staff("casey").await;
    let client = select(&staff, "caseload=mine", "jane").await;
    assert_eq!(client["caseload"][0]["role"], "Primary Case Manager");
    assert!(client["caseload"][0]["assigned_at"].as_str().unwrap().starts_with("2026-11-21T"));
    assert_eq!(staff.list("caseload=mine").await, ["jane"]);
    let admin = portals.staff("admin").await;
    assert_eq!(admin.list("caseload=all").await.len(), 7);

    // The second mail never came: the address is wrong, and shown to be.
    let client = edit(&staff, &client, json!({"email": "bounce+jane@simulator.amazonses.com"})).await;
    post(&staff, &path_of(&client, "/temporary-password"), None).await;
    let lost = temporary_in(&portals.mail_to("bounce+jane@simulator.amazonses.com").await);
    let client = select(&staff, "caseload=mine", "jane").await;
    assert_eq!(client["mail"], "bounced");
    let again = post(&staff, &path_of(&client, "/temporary-password"), None).await;
    assert_eq!(again["warning"]["mail"], "bounced");

    // Check the address, correct it, and "reset and send new".
    let client = edit(&staff, &client, json!({"email": "jane.doe@caseload.test"})).await;
    assert_eq!(client["mail"], "ok");
    let sent = post(&staff, &path_of(&client, "/temporary-password"), None).await;
    assert_eq!((&sent["sent_to"], sent.get("warning")), (&json!("j…@c….test"), None));
    let first = temporary_in(&portals.mail_to("jane.doe@caseload.test").await);
    assert_eq!(portals.sign_in("client", "jane", &lost).await.status, 401);

    // It is sent once more: a new one, and the first no longer works.
    post(&staff, &path_of(&client, "/temporary-password"), None).await;
    let second = temporary_in(&portals.mail_to("jane.doe@caseload.test").await);
    assert_eq!(portals.sign_in("client", "jane", &first).await.status, 401);
    let session = portals.session("client", "jane", &second).await;
    portals.change(&session, &second, NEW_PASSWORD).await;
    assert_eq!(portals.sign_in("client", "jane@caseload.test", NEW_PASSWORD).await.status, 401);
    assert_eq!(portals.sign_in("client", "jane.doe@caseload.test", NEW_PASSWORD).await.status, 201);

    // What the worker did is in the client's log, and the client sees that it was done.
    tells(
        &change_log(&staff, &format!("account={}&limit=100", client["id"].as_str().unwrap())).await,
        &[
            "Password changed by jane",
            "A link, invitation or temporary password for jane was issued by casey",
            "A link, invitation or temporary password for jane was issued by casey",
            "Portal login jane was modified by casey. Changes: email",
            "A mail to jane could not be delivered",
            "A link, invitation or temporary password for jane was issued by casey",
            "Portal login jane was modified by casey. Changes: email",
        ],
    );
    tells(&own_log(app, &session).await, &["Password changed by jane", "Portal login by jane"]);

    // The worker cannot reach a client who is not on the caseload.
    let other = app.account_of("caseload", rekey::domain::practice::Portal::Client, "sam").await.id;
    let path = format!("{ACCOUNTS}/{other}/temporary-password");
    assert_eq!(staff.send(HttpEvent::new("POST", &path)).await.status, 404);
}
