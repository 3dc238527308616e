//! Parents and staff of a pediatric practice recover by a link that works for 48 hours and by the security question.

use std::time::Duration;

use serde_json::json;

use crate::support::{NEW_PASSWORD, token_in};

use super::{OWN_PASSWORD, Portals, QUESTION, change_log, edit, own_log, path_of, post, says, select, tells};

const ALMOST_48_HOURS: Duration = Duration::from_mins(48 * 60 - 1);

/// A pediatric practice: a link good for 48 hours and the security question, by a parent's own doing or with the practice's help.
#[tokio::test]
async fn pediatric_practice() {
    let portals = Portals::of("pediatrics").await;
    let app = &portals.app;
    let reset = async |token: &str, password: &str, answer: &str| {
        let body = json!({"token": token, "new_password": password, "answer": answer});
        app.post("/v1/password/reset", body).await
    };

    // "Forgot your password?" by email: a link, which is there for 48 hours; then the question; then the new password.
    portals.forgot("client", "jane@pediatrics.test").await;
    let mail = portals.mail_to("jane@pediatrics.test").await;
    says(&mail, &["Monday, November 23, 2026 at 11:35 AM MST"]);
    app.clock.advance(ALMOST_48_HOURS);
    let token = token_in(&mail);
    assert_eq!(app.preview(&token).await.json()["question"], QUESTION);
    assert_eq!(reset(&token, NEW_PASSWORD, "Rover").await.outcome(), (403, "wrong_answer".to_owned()));
    assert_eq!(reset(&token, NEW_PASSWORD, "biscuit").await.status, 204);

    // Signed in: settings, My Account, change password.
    let session = portals.session("client", "jane@pediatrics.test", NEW_PASSWORD).await;
    portals.change(&session, NEW_PASSWORD, OWN_PASSWORD).await;
    assert_eq!(portals.mail_to("jane@pediatrics.test").await.subject, "Your password was changed");

    // With the practice's help: find the patient, and the parent in the associations.
    let staff = portals.staff("casey").await;
    let (patient, parent) = (select(&staff, "q=lily", "lily").await, select(&staff, "q=sam", "sam").await);
    let relation = path_of(&patient, &format!("/associations/{}", parent["id"].as_str().unwrap()));
    assert_eq!(staff.put(&relation, json!({"relationship": "parent"})).await.status, 204);
    let parent = select(&staff, "q=lily", "sam").await;
    assert_eq!(parent["associations"][0]["relationship"], "parent");

    // Confirm the login email, or update it; reset: a link good for 48 hours is mailed there.
    let parent = edit(&staff, &parent, json!({"email": "sam.rivera@pediatrics.test"})).await;
    let link =
        json!({"expires_at": "2026-11-25T18:34:30Z", "deliver": "email", "reason": "Asked at the counter"});
    post(&staff, &path_of(&parent, "/links"), Some(link)).await;
    let mail = portals.mail_to("sam.rivera@pediatrics.test").await;
    app.clock.advance(ALMOST_48_HOURS);
    assert_eq!(app.preview(&token_in(&mail)).await.json()["question"], QUESTION);
    assert_eq!(reset(&token_in(&mail), NEW_PASSWORD, "Biscuit").await.status, 204);
    let parents = portals.session("client", "sam.rivera@pediatrics.test", NEW_PASSWORD).await;

    // The patient, whose logins share the family's mailbox, comes of age.
    let staff = portals.staff("casey").await;
    let family =
        json!({"username": "lee", "email": "family@pediatrics.test", "display_name": "Lee", "invite": false});
    let lee = staff.create(family).await.json();
    let of_age = json!({"relationship": "parent", "until": "2026-11-25T18:38:30Z"});
    let relation = path_of(&patient, &format!("/associations/{}", lee["id"].as_str().unwrap()));
    assert_eq!(staff.put(&relation, of_age).await.status, 204);
    portals.forgot("client", "lily").await;
    let before = portals.mail_to("family@pediatrics.test").await;
    app.clock.advance(Duration::from_mins(6));
    app.sweep().await;
    assert_eq!(app.preview(&token_in(&before)).await.outcome(), (410, "revoked_token".to_owned()));
    let patient = select(&staff, "mail=shared_mailbox", "lily").await;
    app.deliver().await;
    assert_eq!(staff.tasks("").await[0]["cause"], "shared_mailbox");
    let patient = edit(&staff, &patient, json!({"email": "lily@pediatrics.test"})).await;
    post(
        &staff,
        &path_of(&patient, "/links"),
        Some(json!({"expires_at": "2026-11-27T18:34:30Z", "deliver": "email", "reason": "Came of age"})),
    )
    .await;
    let own = portals.mail_to("lily@pediatrics.test").await;
    assert_eq!(app.preview(&token_in(&own)).await.status, 200);

    // Staff recover their own accounts in the practice portal in the same ways.
    portals.forgot("staff", "casey@pediatrics.test").await;
    let mail = portals.mail_to("casey@pediatrics.test").await;
    says(&mail, &["https://recovery.test/p/pediatrics/staff/reset#token="]);
    assert_eq!(app.preview(&token_in(&mail)).await.json()["question"], QUESTION);
    assert_eq!(reset(&token_in(&mail), NEW_PASSWORD, "Biscuit").await.status, 204);
    let session = portals.session("staff", "casey@pediatrics.test", NEW_PASSWORD).await;
    portals.change(&session, NEW_PASSWORD, OWN_PASSWORD).await;
    assert_eq!(portals.sign_in("staff", "casey", OWN_PASSWORD).await.status, 201);

    // The logs, of the parent's own and of the practice.
    tells(
        &own_log(app, &parents).await,
        &[
            "Portal login by sam",
            "Password changed by sam",
            "A link, invitation or temporary password for sam was issued by the practice",
            "Portal login sam was modified by the practice. Changes: email",
        ],
    );
    let admin = portals.staff("admin").await;
    tells(
        &change_log(&admin, "limit=100").await,
        &[
            "Password changed by casey",
            "Password reset requested for casey",
            "A link, invitation or temporary password for lily was issued by casey",
            "Portal login lily was modified by casey. Changes: email, signs_in_by_email",
            "Association of lily with lee ended by its date",
            "Association of lily with lee was modified by casey",
            "Password changed by sam",
            "A link, invitation or temporary password for sam was issued by casey",
            "Portal login sam was modified by casey. Changes: email",
            "Association of lily with sam was modified by casey",
            "Password changed by jane",
            "Password changed by jane",
            "Changing the password of jane failed",
            "Password reset requested for jane",
        ],
    );
}
