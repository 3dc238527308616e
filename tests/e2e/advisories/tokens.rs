//! Tokens and codes: what is taken for one, and what one opens.

use rekey::platform::ids::TicketId;
use rekey::secrets::token::Token;
use serde_json::json;

use super::{Advisory, Shown};
use crate::support::change_log::CHANGES;
use crate::support::codes::token_of;
use crate::support::event::HttpEvent;
use crate::support::help::TOMORROW;
use crate::support::staff::{ACCOUNTS, StaffMember, at_work};
use crate::support::{NEW_PASSWORD, PASSWORD, Reply, TestApp, code_in, token_in};

pub(super) const ADVISORIES: &[Advisory] = &[
    Advisory {
        id: "CVE-2021-22911",
        peer: "Rocket.Chat",
        wrong: "An operator of the database in place of a reset token matched it bit by bit",
        shown: Shown::By("advisories::tokens::an_operator_in_place_of_a_value_is_refused_everywhere"),
    },
    Advisory {
        id: "CVE-2019-18818",
        peer: "Strapi",
        wrong: "A reset took an object for the code, and it matched whoever had asked",
        shown: Shown::By("tickets::a_token_that_is_no_string_is_a_400_and_one_never_issued_a_404"),
    },
    Advisory {
        id: "CVE-2013-0233",
        peer: "Devise",
        wrong: "The number 0 in place of a reset token equalled most of them in the database",
        shown: Shown::By("advisories::tokens::neither_a_number_nor_a_truth_value_equals_a_token"),
    },
    Advisory {
        id: "CVE-2021-32648",
        peer: "October CMS",
        wrong: "A value of another type in place of the reset code passed a loose comparison",
        shown: Shown::By("advisories::tokens::neither_a_number_nor_a_truth_value_equals_a_token"),
    },
    Advisory {
        id: "CVE-2008-3681",
        peer: "Joomla",
        wrong: "A quotation mark as the token reset the first account, an administrator's",
        shown: Shown::By("advisories::tokens::odd_characters_for_a_token_match_nobody"),
    },
    Advisory {
        id: "CVE-2019-16109",
        peer: "Devise",
        wrong: "A blank token matched accounts for which none was made yet",
        shown: Shown::By("advisories::tokens::a_link_that_is_not_mailed_yet_has_no_token_to_guess"),
    },
    Advisory {
        id: "CVE-2023-26481",
        peer: "authentik",
        wrong: "The link of a recovery set the password of any account",
        shown: Shown::By("tickets::a_token_opens_its_own_account_and_nothing_else"),
    },
    Advisory {
        id: "CVE-2015-2559",
        peer: "Drupal",
        wrong: "The link of one account could be made into another's that has the same hash",
        shown: Shown::By("tickets::a_token_opens_its_own_account_and_nothing_else"),
    },
    Advisory {
        id: "CVE-2022-23555",
        peer: "authentik",
        wrong: "The token of an invitation was good for other flows than its own",
        shown: Shown::By("advisories::tokens::a_token_serves_no_purpose_but_its_own"),
    },
    Advisory {
        id: "CVE-2018-15152",
        peer: "OpenEMR",
        wrong: "Whoever began to register at the patient portal could read patients' pages",
        shown: Shown::By("advisories::tokens::what_a_recovery_hands_out_opens_no_page_of_a_holder"),
    },
    Advisory {
        id: "CVE-2023-35172",
        peer: "Nextcloud",
        wrong: "The tokens of reset links could be guessed without any limit",
        shown: Shown::By("tickets::a_link_carries_512_bits_of_which_256_are_secret_in_its_fragment"),
    },
];

async fn repudiate(app: &TestApp, token: &str) -> Reply {
    app.post("/v1/password/repudiate", json!({"token": token})).await
}

#[tokio::test]
async fn an_operator_in_place_of_a_value_is_refused_everywhere() {
    let app = TestApp::start().await;
    let token = app.token_for("jane").await;
    let (request, code) = app.code_for("jane").await;
    let before = app.dump().await;
    for (path, body) in [
        (
            "/v1/password/forgot",
            json!({"practice": "agency", "portal": "client", "identifier": "jane", "method": "link"}),
        ),
        ("/v1/password/verify-code", json!({"request_id": request, "code": code})),
        ("/v1/password/reset/preview", json!({"token": token})),
        ("/v1/password/reset", json!({"token": token, "new_password": NEW_PASSWORD, "answer": "x"})),
        ("/v1/password/repudiate", json!({"token": token})),
        ("/v1/sessions", json!({"practice": "agency", "identifier": "jane", "password": PASSWORD})),
    ] {
        for member in body.as_object().unwrap().keys() {
            for operator in
                [json!({"$ne": null}), json!({"$gt": ""}), json!({"$regex": "^A"}), json!([{"$ne": ""}])]
            {
                let mut other = body.clone();
                other[member] = operator;
                let reply = app.post(path, other).await;
                assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{member} of {path}");
            }
        }
    }
    assert!(app.dump().await == before, "nothing was written");
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
}

#[tokio::test]
async fn neither_a_number_nor_a_truth_value_equals_a_token() {
    let app = TestApp::start().await;
    let token = app.token_for("jane").await;
    let (request, code) = app.code_for("jane").await;
    for value in [json!(0), json!(1), json!(-1), json!(0.0), json!(true), json!(false)] {
        for (path, body) in [
            ("/v1/password/reset", json!({"token": value, "new_password": NEW_PASSWORD})),
            ("/v1/password/reset/preview", json!({"token": value})),
            ("/v1/password/repudiate", json!({"token": value})),
            ("/v1/password/verify-code", json!({"request_id": request, "code": value})),
            ("/v1/password/verify-code", json!({"request_id": value, "code": code})),
        ] {
            let reply = app.post(path, body).await;
            assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{value} at {path}");
        }
    }
    assert_eq!(app.preview(&token).await.status, 200);
    let exchanged = token_of(&app.verify(&request, &code).await);
    assert_eq!(app.reset(&exchanged, NEW_PASSWORD).await.status, 204);
}

#[tokio::test]
async fn odd_characters_for_a_token_match_nobody() {
    let app = TestApp::start().await;
    let token = app.token_for("jane").await;
    let before = app.account("jane").await;
    for odd in [
        "'",
        "\"",
        "%",
        "*",
        "_",
        " ",
        "\u{0}",
        "%27",
        "' OR '1'='1",
        "../",
        "null",
        "undefined",
        "0",
        &token[..43],
        &token[43..],
        &format!("{token}\u{0}"),
        &format!(" {token}"),
        &format!("{token}="),
        &token.to_lowercase(),
    ] {
        for reply in [app.preview(odd).await, app.reset(odd, NEW_PASSWORD).await, repudiate(&app, odd).await]
        {
            assert_eq!(reply.outcome(), (404, "invalid_token".to_owned()), "{odd:?}");
        }
    }
    assert_eq!(app.account("jane").await, before);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
}

/// Until it is mailed, a link that staff have sent has a ticket without a token.
#[tokio::test]
async fn a_link_that_is_not_mailed_yet_has_no_token_to_guess() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    let id = app.account("jane").await.id;
    let mailed = json!({"expires_at": TOMORROW, "deliver": "email"});
    let issued = admin.send(HttpEvent::new("POST", &format!("{ACCOUNTS}/{id}/links")).json(&mailed)).await;
    assert_eq!(issued.status, 201, "{issued:?}");
    let ticket: TicketId = issued.json()["ticket_id"].as_str().unwrap().parse().unwrap();
    for secret in [[0; 32], [255; 32]] {
        let guess = Token::new(id, ticket.to_bytes(), secret).expose();
        for reply in [app.preview(&guess).await, app.reset(&guess, NEW_PASSWORD).await] {
            assert_eq!(reply.outcome(), (404, "invalid_token".to_owned()), "{secret:?}");
        }
    }
    for blank in [json!(""), json!(null)] {
        let body = json!({"token": blank, "new_password": NEW_PASSWORD});
        assert_eq!(app.post("/v1/password/reset", body).await.status, 400);
    }
    app.deliver().await;
    let token = token_in(&app.mailbox.messages()[0]);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
}

/// The token in the confirmation of a reset, with which its owner says that it was not theirs.
async fn repudiation(app: &TestApp, username: &str) -> String {
    let link = app.token_for(username).await;
    assert_eq!(app.reset(&link, NEW_PASSWORD).await.status, 204);
    app.deliver().await;
    let text = app.mailbox.messages().remove(0).text.unwrap();
    let (_, rest) = text.split_once("#repudiate=").unwrap();
    rest.split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn a_token_serves_no_purpose_but_its_own() {
    let app = TestApp::start().await;
    let (link, invitation) = (app.token_for("jane").await, app.token_for("ivan").await);
    let (request, code) = app.code_for("sam").await;
    let exchanged = token_of(&app.verify(&request, &code).await);
    let session = app.session_of("lily", PASSWORD).await;
    let repudiation = repudiation(&app, "tom").await;
    let (not_found, no_session) = ((404, "invalid_token".to_owned()), (401, "invalid_session".to_owned()));
    for other in [&link, &invitation, &exchanged, &session] {
        assert_eq!(repudiate(&app, other).await.outcome(), not_found);
    }
    for other in [&session, &repudiation] {
        assert_eq!(app.preview(other).await.outcome(), not_found);
        assert_eq!(app.reset(other, NEW_PASSWORD).await.outcome(), not_found);
    }
    for other in [&link, &invitation, &exchanged, &repudiation] {
        let cookie =
            HttpEvent::new("GET", "/v1/account").cookies(&format!("__Host-rekey-agency-client={other}"));
        assert_eq!(app.account_with(other).await.outcome(), no_session);
        assert_eq!(app.send(cookie).await.outcome(), no_session);
    }
    for own in [&link, &invitation, &exchanged] {
        assert_eq!(app.reset(own, NEW_PASSWORD).await.status, 204);
    }
    assert_eq!(app.account_with(&session).await.status, 200);
    assert_eq!(repudiate(&app, &repudiation).await.status, 204);
}

#[tokio::test]
async fn what_a_recovery_hands_out_opens_no_page_of_a_holder() {
    let app = TestApp::start().await;
    let request = app.forgot_by_code("agency", "staff", "admin").await;
    app.deliver().await;
    let code = code_in(&app.mailbox.messages()[0]);
    let token = token_of(&app.verify(&request, &code).await);
    let pages = ["/v1/account", "/v1/activity", "/v1/sessions", ACCOUNTS, CHANGES, "/v1/admin/practice"];
    for carried in [&request, &code, &token] {
        for page in pages {
            let get = || HttpEvent::new("GET", page);
            let by_cookie = get().cookies(&format!("__Host-rekey-agency-client={carried}"));
            for event in [get().bearer(carried), by_cookie] {
                let reply = app.send(event).await;
                assert_eq!(reply.outcome(), (401, "invalid_session".to_owned()), "{page}");
            }
        }
    }
    let reply = app.reset(&token, NEW_PASSWORD).await;
    assert_eq!((reply.status.as_u16(), reply.headers.get("set-cookie")), (204, None), "it signs nobody in");
    let body =
        json!({"practice": "agency", "portal": "staff", "identifier": "admin", "password": NEW_PASSWORD});
    let session = app.post("/v1/sessions", body).await.json()["token"].as_str().unwrap().to_owned();
    let admin = StaffMember { app: &app, session };
    for page in pages {
        assert_eq!(admin.get(page).await.status, 200, "{page}");
    }
}
