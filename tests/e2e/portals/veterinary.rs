//! A veterinary clinic mails a link to a person who forgot the password, at their own request or at an administrator's.

use serde_json::json;

use crate::support::{NEW_PASSWORD, token_in};

use super::{OWN_PASSWORD, Portals, change_log, own_log, path_of, post, says, select, tells};

/// A veterinary clinic mails a link to a person who forgot the password. If no mail arrives, an administrator sends
/// one.
#[tokio::test]
async fn veterinary_practice() {
    let portals = Portals::of("veterinary").await;
    let app = &portals.app;

    // A user of the clinic forgets; a link comes to the registered address.
    portals.forgot("staff", "casey@veterinary.test").await;
    let mail = portals.mail_to("casey@veterinary.test").await;
    says(&mail, &["https://recovery.test/p/veterinary/staff/reset#token="]);
    assert_eq!(app.reset(&token_in(&mail), NEW_PASSWORD).await.status, 204);

    // Who gets no mail asks an administrator: staff list, the user, "reset password".
    let admin = portals.staff("admin").await;
    let user = select(&admin, "portal=staff", "casey").await;
    let link = json!({"expires_at": "2026-11-22T18:35:30Z", "deliver": "email"});
    let sent = post(&admin, &path_of(&user, "/links"), Some(link.clone())).await;
    assert_eq!(sent["sent_to"], "c…@v….test", "link has been sent to …");
    let mail = portals.mail_to("casey@veterinary.test").await;
    assert_eq!(app.reset(&token_in(&mail), OWN_PASSWORD).await.status, 204);
    assert_eq!(portals.sign_in("staff", "casey", OWN_PASSWORD).await.status, 201);

    // A client's profile: the address is there; one click sends a link.
    let client = select(&admin, "q=jane", "jane").await;
    assert_eq!(client["email"], "jane@veterinary.test");
    post(&admin, &path_of(&client, "/links"), Some(link)).await;
    let mail = portals.mail_to("jane@veterinary.test").await;
    says(&mail, &["Username: jane", "https://recovery.test/p/veterinary/client/reset#token="]);
    assert_eq!(app.reset(&token_in(&mail), NEW_PASSWORD).await.status, 204);
    assert_eq!(portals.sign_in("client", "jane", NEW_PASSWORD).await.status, 201);

    // Registering a client mails the username and a way in, at the clinic's own address.
    let new = json!({"username": "noor", "email": "noor@veterinary.test", "display_name": "Noor"});
    let registered = admin.create(new).await.json();
    assert_eq!(registered["setup"], "invited");
    let mail = portals.mail_to("noor@veterinary.test").await;
    says(&mail, &["Username: noor", "https://recovery.test/p/veterinary/client"]);
    assert_eq!(app.reset(&token_in(&mail), NEW_PASSWORD).await.status, 204);
    let session = portals.session("client", "noor", NEW_PASSWORD).await;

    tells(
        &own_log(app, &session).await,
        &["Portal login by noor", "Password changed by noor", "Portal login noor was added by the practice"],
    );
    tells(
        &change_log(&admin, "limit=100").await,
        &[
            "Portal login noor was added by admin",
            "Password changed by jane",
            "A link, invitation or temporary password for jane was issued by admin",
            "Password changed by casey",
            "A link, invitation or temporary password for casey was issued by admin",
            "Password changed by casey",
            "Password reset requested for casey",
        ],
    );
}
