//! A client of the veterinary clinic is registered with an address that is somebody else's.

use serde_json::json;

use crate::support::help::TOMORROW;
use crate::support::{NEW_PASSWORD, not_me_in, token_in};

use super::{Portals, change_log, edit, path_of, post, says, select, tells};

/// Registering mails the username and a way in, to the wrong person. They say so, and the clinic corrects the address and sends
/// again.
#[tokio::test]
async fn veterinary_practice() {
    let portals = Portals::of("veterinary").await;
    let app = &portals.app;
    let admin = portals.staff("admin").await;
    let new = json!({"username": "noor", "email": "nour@veterinary.test", "display_name": "Noor"});
    assert_eq!(admin.create(new).await.status, 201);
    let mail = portals.mail_to("nour@veterinary.test").await;
    says(
        &mail,
        &["If this message is not for you", "https://recovery.test/p/veterinary/client/reset#not-me="],
    );
    assert_eq!(app.not_me(&not_me_in(&mail).unwrap()).await.status, 204);
    app.deliver().await;

    // The clinic has a task, and finds the client by the mark. What was mailed opens nothing.
    let tasks = admin.tasks("").await;
    assert_eq!((tasks.len(), &tasks[0]["cause"]), (1, &json!("wrong_person")));
    let client = select(&admin, "mail=wrong_person", "noor").await;
    assert_eq!(tasks[0]["accounts"][0]["id"], client["id"]);
    assert_eq!(app.preview(&token_in(&mail)).await.code(), "revoked_token");

    // On the telephone she spells it. A link has been sent to the corrected address, which is hers once she has used it.
    let corrected = json!({"email": "noor@veterinary.test", "proof": {"method": "called_back"}});
    let client = edit(&admin, &client, corrected).await;
    assert_eq!((&client["mail"], &client["email_proven_at"]), (&json!("ok"), &json!(null)));
    let link = json!({"expires_at": TOMORROW, "deliver": "email"});
    let sent = post(&admin, &path_of(&client, "/links"), Some(link.clone())).await;
    assert_eq!(sent["sent_to"], "n…@v….test");
    let mail = portals.mail_to("noor@veterinary.test").await;
    assert_eq!(app.reset(&token_in(&mail), NEW_PASSWORD).await.status, 204);
    assert_eq!(admin.act(&tasks[0], json!({"action": "done", "note": "Called back"})).await.status, 200);
    assert!(select(&admin, "q=noor", "noor").await["email_proven_at"].is_string());
    post(&admin, &path_of(&client, "/links"), Some(link)).await;
    assert_eq!(not_me_in(&portals.mail_to("noor@veterinary.test").await), None);
    tells(
        &change_log(&admin, &format!("account={}&limit=100", client["id"].as_str().unwrap())).await,
        &[
            "Password changed by noor",
            "A link, invitation or temporary password for noor was issued by admin",
            "Portal login noor was modified by admin. Changes: email. The owner was called back at the number on the record",
            "Somebody who gets the mail of noor said that they are another person",
            "Portal login noor was added by admin",
        ],
    );
}
