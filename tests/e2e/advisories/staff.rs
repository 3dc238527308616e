//! What staff and holders may change, whom an invitation is for, and what staff are shown.

use futures::future::join_all;
use serde_json::{Value, json};

use super::{Advisory, Shown};
use crate::support::change_log::CHANGES;
use crate::support::event::HttpEvent;
use crate::support::staff::{ACCOUNTS, StaffMember, at_work};
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp, password_hash, token_in};

pub(super) const ADVISORIES: &[Advisory] = &[
    Advisory {
        id: "CVE-2026-32700",
        peer: "Devise",
        wrong: "Of two addresses set at once, one was mailed and the other one confirmed",
        shown: Shown::By("advisories::staff::of_two_addresses_set_at_once_only_the_one_that_is_kept_counts"),
    },
    Advisory {
        id: "supabase/auth#2600",
        peer: "Supabase Auth",
        wrong: "A change of the address skipped the confirmation by the former one",
        shown: Shown::By("advisories::staff::nobody_moves_the_mail_of_their_own_account"),
    },
    Advisory {
        id: "CVE-2026-27946",
        peer: "Zitadel",
        wrong: "A person could mark their own address as verified",
        shown: Shown::Cannot("an address has no mark that says it is verified, so nobody can set it"),
    },
    Advisory {
        id: "CVE-2026-56350",
        peer: "n8n",
        wrong: "A member of the body that nobody offers was written into the account",
        shown: Shown::By("advisories::staff::a_member_that_is_not_offered_is_refused_wherever_it_is_sent"),
    },
    Advisory {
        id: "CVE-2022-39306",
        peer: "Grafana",
        wrong: "Whoever accepted an invitation chose the name and the address that it was for",
        shown: Shown::By("advisories::staff::whoever_accepts_an_invitation_chooses_a_password_alone"),
    },
    Advisory {
        id: "CVE-2022-31096",
        peer: "Discourse",
        wrong: "A signed-in person could redeem the invitation of another address",
        shown: Shown::By("advisories::staff::an_invitation_is_its_accounts_whoever_is_signed_in"),
    },
    Advisory {
        id: "CVE-2020-7245",
        peer: "CTFd",
        wrong: "A name with blanks around it was another's, and its reset the other's too",
        shown: Shown::By("advisories::staff::blanks_around_a_name_make_no_second_account_of_it"),
    },
    Advisory {
        id: "CVE-2022-30617",
        peer: "Strapi",
        wrong: "What staff read about each other's work had tokens of resets in it",
        shown: Shown::By("advisories::staff::nothing_that_staff_read_has_a_secret_in_it"),
    },
];

#[tokio::test]
async fn of_two_addresses_set_at_once_only_the_one_that_is_kept_counts() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    let path = format!("{ACCOUNTS}/{}", app.account("jane").await.id);
    let addresses = ["one@agency.test", "two@agency.test"];
    let replies = join_all(addresses.map(|email| {
        let change = HttpEvent::new("PATCH", &path).header("if-match", "\"0\"");
        admin.send(change.json(&json!({"email": email, "proof": {"method": "in_person"}})))
    }))
    .await;
    let mut statuses: Vec<u16> = replies.iter().map(|reply| reply.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    let kept = app.account("jane").await.email.unwrap().as_str().to_owned();
    app.deliver().await;
    app.mailbox.clear().unwrap();
    for address in addresses {
        app.forgot(address).await;
    }
    app.deliver().await;
    let mails = app.mailbox.messages();
    assert_eq!((mails.len(), mails[0].to.as_slice()), (1, &[kept.clone()][..]));
    assert_eq!(app.reset(&token_in(&mails[0]), NEW_PASSWORD).await.status, 204);
    for address in addresses {
        let status = if address == kept { 201 } else { 401 };
        assert_eq!(app.sign_in(address, NEW_PASSWORD).await.status.as_u16(), status, "{address}");
    }
}

#[tokio::test]
async fn nobody_moves_the_mail_of_their_own_account() {
    let app = TestApp::start().await;
    let session = app.session_of("jane", PASSWORD).await;
    let jane = format!("{ACCOUNTS}/{}", app.account("jane").await.id);
    let moved = json!({"email": "eve@evil.test"});
    for (method, path, status) in [
        ("PATCH", "/v1/account", 405),
        ("PUT", "/v1/account", 405),
        ("POST", "/v1/account", 405),
        ("PATCH", &jane, 403),
    ] {
        let event = HttpEvent::new(method, path).header("if-match", "\"0\"").bearer(&session).json(&moved);
        assert_eq!(app.send(event).await.status.as_u16(), status, "{method} {path}");
    }
    let change =
        json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD, "email": "eve@evil.test"});
    let change = HttpEvent::new("POST", "/v1/password/change").bearer(&session).json(&change);
    assert_eq!(app.send(change).await.outcome(), (400, "invalid_request".to_owned()));
    let admin = at_work(&app).await;
    let own = admin.get("/v1/account").await.json()["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(admin.patch(own, moved).await.outcome(), (403, "forbidden".to_owned()));
    app.token_for("jane").await;
    assert_eq!(app.mailbox.messages()[0].to, ["jane@agency.test"]);
}

#[tokio::test]
async fn a_member_that_is_not_offered_is_refused_wherever_it_is_sent() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    let token = app.token_for("jane").await;
    let before = app.account("jane").await;
    let new = json!({"username": "new", "display_name": "New"});
    let reset = json!({"token": token, "new_password": NEW_PASSWORD});
    for (member, value) in [
        ("id", json!("01JD7Z3M5V8Q2X4Y6W0N1R9T3K")),
        ("practice", json!("therapy")),
        ("password", json!(NEW_PASSWORD)),
        ("password_hash", json!(password_hash())),
        ("setup", json!("signed_up")),
        ("signs_in_by_email", json!(true)),
        ("credential_version", json!(9)),
        ("session_epoch", json!(9)),
        ("frozen_at", json!(null)),
        ("caseload", json!([])),
        ("is_admin", json!(true)),
        ("__proto__", json!({"role": "admin"})),
    ] {
        let refused = (400, "invalid_request".to_owned());
        let with = |body: &Value| {
            let mut body = body.clone();
            body[member] = value.clone();
            body
        };
        let edited = admin.patch(before.id, with(&json!({"display_name": "Janet"}))).await;
        assert_eq!(edited.outcome(), refused, "{member}");
        assert_eq!(admin.create(with(&new)).await.outcome(), refused, "{member}");
        assert_eq!(app.post("/v1/password/reset", with(&reset)).await.outcome(), refused, "{member}");
    }
    let promoted = admin.patch(before.id, json!({"role": "admin"})).await;
    assert_eq!(promoted.outcome(), (400, "invalid_request".to_owned()), "a client has no role");
    assert_eq!(app.account("jane").await, before);
    assert_eq!(admin.patch(before.id, json!({"display_name": "Janet"})).await.status, 200);
    assert_eq!(admin.create(new).await.status, 201);
    assert_eq!(app.post("/v1/password/reset", reset).await.status, 204);
}

#[tokio::test]
async fn whoever_accepts_an_invitation_chooses_a_password_alone() {
    let app = TestApp::start().await;
    let token = app.token_for("ivan").await;
    let before = app.account("ivan").await;
    for (member, value) in [
        ("username", "root"),
        ("email", "eve@evil.test"),
        ("display_name", "Eve"),
        ("role", "admin"),
        ("portal", "staff"),
        ("practice", "therapy"),
    ] {
        let mut body = json!({"token": token, "new_password": NEW_PASSWORD});
        body[member] = json!(value);
        let reply = app.post("/v1/password/reset", body).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{member}");
    }
    assert_eq!(app.account("ivan").await, before);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    let after = app.account("ivan").await;
    assert_eq!(
        (&after.username, &after.email, &after.role, after.portal),
        (&before.username, &before.email, &before.role, before.portal)
    );
}

#[tokio::test]
async fn an_invitation_is_its_accounts_whoever_is_signed_in() {
    let app = TestApp::start().await;
    let token = app.token_for("ivan").await;
    let session = app.session_of("sam", PASSWORD).await;
    let before = app.account("sam").await;
    let body = json!({"token": token, "new_password": NEW_PASSWORD});
    let accepted = HttpEvent::new("POST", "/v1/password/reset").bearer(&session).json(&body);
    assert_eq!(app.send(accepted).await.status, 204);
    assert_eq!(app.account("sam").await, before);
    assert_eq!(app.account_with(&session).await.json()["username"], "sam");
    assert_eq!(app.sign_in("sam", NEW_PASSWORD).await.status, 401);
    assert_eq!(app.sign_in("ivan", NEW_PASSWORD).await.json()["account"]["username"], "ivan");
}

#[tokio::test]
async fn blanks_around_a_name_make_no_second_account_of_it() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    let before = app.account("jane").await;
    for twin in [
        " jane",
        "jane ",
        "\tjane",
        "jane\u{a0}",
        "\u{2003}jane\u{3000}",
        "\u{feff}jane",
        "jane\u{200b}",
        "JANE",
        "\u{ff4a}ane",
    ] {
        let new = json!({"username": twin, "email": "eve@evil.test", "display_name": "Eve"});
        let refused = admin.create(new).await.status.as_u16();
        assert!([400, 409].contains(&refused), "{twin:?}: {refused}");
    }
    app.forgot("eve@evil.test").await;
    app.deliver().await;
    assert!(app.mailbox.messages().is_empty());
    let token = app.token_for(" jane\u{a0}").await;
    assert_eq!(app.mailbox.messages()[0].to, ["jane@agency.test"]);
    assert_eq!(app.account("jane").await, before);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
}

#[tokio::test]
async fn nothing_that_staff_read_has_a_secret_in_it() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    let casey = StaffMember::of(&app, "agency", "staff", "casey").await;
    let jane = format!("{ACCOUNTS}/{}", app.account("jane").await.id);
    let sam = format!("{ACCOUNTS}/{}", app.account("sam").await.id);
    let id = app.account("jane").await.id;
    let parent = admin.put(&format!("{sam}/associations/{id}"), json!({"relationship": "parent"})).await;
    assert_eq!(parent.status, 204);
    let link = app.token_for("jane").await;
    let (_, code) = app.code_for("jane").await;
    let session = app.session_of("jane", PASSWORD).await;
    let of = |path: &str| [path.to_owned(), format!("{path}/tickets"), format!("{path}/activity")];
    let shared = [of(&jane), of(&sam), [ACCOUNTS, "/v1/account", "/v1/admin/practice"].map(String::from)];
    for member in [&admin, &casey] {
        for path in shared.iter().flatten() {
            let reply = member.get(path).await;
            assert_eq!(reply.status, 200, "{path}");
            for secret in [&link[43..], &session[43..], &code, &code.replace(' ', ""), "$argon2"] {
                assert!(!reply.body.contains(secret), "{path}: {}", reply.body);
            }
        }
    }
    let log = admin.get(CHANGES).await;
    assert!(log.status == 200 && !log.body.contains(&link[43..]) && !log.body.contains(&code), "{log:?}");
    assert_eq!(app.reset(&link, NEW_PASSWORD).await.status, 204);
}
