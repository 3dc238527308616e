//! The lives of links and codes: how often one works, until when, and how often one may be guessed.

use std::time::Duration;

use rekey::platform::clock::days;
use serde_json::json;

use super::{Advisory, Shown};
use crate::support::codes::{expired, token_of};
use crate::support::questions::{answer, left, link_for, pediatrics};
use crate::support::staff::at_work;
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp};

pub(super) const ADVISORIES: &[Advisory] = &[
    Advisory {
        id: "CVE-2026-37982",
        peer: "Keycloak",
        wrong: "A mailed link that was used could be used again, by whoever else had it",
        shown: Shown::By("help::a_copied_link_is_shown_once_and_works_once_until_its_time"),
    },
    Advisory {
        id: "CVE-2026-9087",
        peer: "Keycloak",
        wrong: "A proof was bound to the account alone, and not to what it had proved",
        shown: Shown::By(
            "codes::a_second_code_leaves_the_first_working_and_neither_answers_the_others_request",
        ),
    },
    Advisory {
        id: "CVE-2025-64708",
        peer: "authentik",
        wrong: "An invitation worked after its end until a clean-up had removed it",
        shown: Shown::By("tickets::an_expired_item_that_is_still_in_the_table_is_refused"),
    },
    Advisory {
        id: "CVE-2026-21622",
        peer: "hexpm",
        wrong: "The tokens of a reset never expired",
        shown: Shown::By("codes::the_token_of_a_code_ends_soon"),
    },
    Advisory {
        id: "CVE-2026-18363",
        peer: "osTicket",
        wrong: "The end of a token was compared only where no time was found for it",
        shown: Shown::By("tickets::expiry_is_a_condition_of_the_write_and_not_of_the_read_before_it"),
    },
    Advisory {
        id: "CVE-2021-43791",
        peer: "Zulip",
        wrong: "The end of an invitation was looked at when it was opened, and not when it was used",
        shown: Shown::By("advisories::lives::an_invitation_that_was_opened_in_time_is_too_late_afterwards"),
    },
    Advisory {
        id: "CVE-2026-33624",
        peer: "Parse Server",
        wrong: "A code for one use was taken from several callers at once",
        shown: Shown::By("code_guesses::of_a_hundred_parallel_right_codes_exactly_one_is_exchanged"),
    },
    Advisory {
        id: "CVE-2026-34224",
        peer: "Parse Server",
        wrong: "The same race was left open at another way to sign in",
        shown: Shown::By("temporary_limits::of_a_hundred_sign_ins_at_once_one_gets_in"),
    },
    Advisory {
        id: "CVE-2026-43930",
        peer: "Parse Server",
        wrong: "The same race was left open for another kind of code",
        shown: Shown::By("tickets::of_a_hundred_parallel_resets_exactly_one_succeeds"),
    },
    Advisory {
        id: "CVE-2026-31875",
        peer: "Parse Server",
        wrong: "A recovery code stayed good after it was used",
        shown: Shown::By("advisories::lives::a_code_that_was_exchanged_is_worth_nothing_more"),
    },
    Advisory {
        id: "CVE-2025-46815",
        peer: "Zitadel",
        wrong: "What began a sign-in could begin it again and again",
        shown: Shown::By("temporary::it_signs_in_once_and_leads_to_a_password_of_ones_own"),
    },
    Advisory {
        id: "CVE-2026-56450",
        peer: "AIL",
        wrong: "Guesses at a second factor's code had no limit",
        shown: Shown::By(
            "code_guesses::ten_thousand_guesses_from_everywhere_are_compared_no_more_often_than_the_budget",
        ),
    },
    Advisory {
        id: "CVE-2023-3222",
        peer: "Roundcube Password Recovery",
        wrong: "All numbers of six digits could be tried as the code",
        shown: Shown::By(
            "code_guesses::attempts_are_counted_down_alike_for_known_and_unknown_and_the_sixth_is_too_late",
        ),
    },
    Advisory {
        id: "CVE-2015-3189",
        peer: "Cloud Foundry UAA",
        wrong: "A link that was mailed to the former address worked after it was changed",
        shown: Shown::By("account_changes::another_email_voids_what_was_mailed_and_is_logged_masked"),
    },
    Advisory {
        id: "CVE-2021-25961",
        peer: "SuiteCRM",
        wrong: "The link of a removed account opened the one that had its place next",
        shown: Shown::By("advisories::lives::a_link_of_a_closed_account_opens_none_that_has_its_name_next"),
    },
    Advisory {
        id: "ory/kratos#2433",
        peer: "Ory Kratos",
        wrong: "Any edit of an account voided the link that was mailed to its owner",
        shown: Shown::By("advisories::lives::an_edit_that_moves_no_mail_leaves_a_link_and_a_code_working"),
    },
    Advisory {
        id: "CVE-2020-7962",
        peer: "One Identity Password Manager",
        wrong: "Answers told right from wrong ones, so that they could be tried one by one",
        shown: Shown::By(
            "advisories::lives::a_right_answer_is_not_told_from_a_wrong_one_without_being_counted",
        ),
    },
    Advisory {
        id: "ory/kratos#4317",
        peer: "Ory Kratos",
        wrong: "A code by mail counted as the second factor after a code by mail as the first",
        shown: Shown::Cannot("Rekey has no second factor, and says so to whoever needs one"),
    },
];

#[tokio::test]
async fn an_invitation_that_was_opened_in_time_is_too_late_afterwards() {
    let app = TestApp::start().await;
    let token = app.token_for("ivan").await;
    app.clock.advance(days(7).checked_sub(Duration::from_secs(5)).unwrap());
    assert_eq!(app.preview(&token).await.json()["purpose"], "invitation");
    app.clock.advance(Duration::from_secs(10));
    for _ in 0..2 {
        let late = app.reset(&token, NEW_PASSWORD).await;
        assert_eq!(late.outcome(), (410, "expired_token".to_owned()));
    }
    assert_eq!(app.sign_in("ivan", NEW_PASSWORD).await.status, 401);
    let fresh = app.token_for("ivan").await;
    assert_eq!(app.reset(&fresh, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.sign_in("ivan", NEW_PASSWORD).await.status, 201);
}

#[tokio::test]
async fn a_code_that_was_exchanged_is_worth_nothing_more() {
    let app = TestApp::start().await;
    let (request, code) = app.code_for("jane").await;
    let token = token_of(&app.verify(&request, &code).await);
    assert_eq!(app.verify(&request, &code).await.outcome(), expired());
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.verify(&request, &code).await.outcome(), expired());
    let again = app.reset(&token, "another password altogether").await;
    assert_eq!(again.outcome(), (410, "used_token".to_owned()));
    assert_eq!(app.sign_in("jane", NEW_PASSWORD).await.status, 201);
}

#[tokio::test]
async fn a_link_of_a_closed_account_opens_none_that_has_its_name_next() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    let token = app.token_for("jane").await;
    let id = app.account("jane").await.id;
    let closed = json!({"username": "formerly-jane", "active": false});
    assert_eq!(admin.patch(id, closed).await.status, 200);
    let next =
        json!({"username": "jane", "email": "jane@agency.test", "display_name": "Jane", "invite": false});
    assert_eq!(admin.create(next).await.status, 201);
    let before = app.account("jane").await;
    assert_ne!(before.id, id);
    for reply in [app.preview(&token).await, app.reset(&token, NEW_PASSWORD).await] {
        assert_eq!(reply.outcome(), (410, "revoked_token".to_owned()));
    }
    assert_eq!(app.account("jane").await, before);
    assert_eq!(app.sign_in("jane", NEW_PASSWORD).await.status, 401);
    let own = app.token_for("jane").await;
    assert_eq!(app.reset(&own, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.sign_in("jane", NEW_PASSWORD).await.json()["account"]["id"], before.id.to_string());
}

#[tokio::test]
async fn an_edit_that_moves_no_mail_leaves_a_link_and_a_code_working() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    let link = app.token_for("jane").await;
    let (request, code) = app.code_for("jane").await;
    let id = app.account("jane").await.id;
    for edit in [
        json!({"display_name": "Janet"}),
        json!({"record_email": "janet@clinic.test"}),
        json!({"locale": "es", "representative": true}),
    ] {
        assert_eq!(admin.patch(id, edit.clone()).await.status, 200, "{edit}");
    }
    assert_eq!(app.preview(&link).await.status, 200);
    token_of(&app.verify(&request, &code).await);
    assert_eq!(app.reset(&link, NEW_PASSWORD).await.status, 204);
}

#[tokio::test]
async fn a_right_answer_is_not_told_from_a_wrong_one_without_being_counted() {
    let app = pediatrics().await;
    let link = link_for(&app, "client", "jane").await;
    let with = async |given: &str, password: &str| {
        let body = json!({"token": link, "new_password": password, "answer": given});
        app.post("/v1/password/reset", body).await
    };
    let right = with("Biscuit", "passwordpassword").await;
    assert_eq!(right.outcome(), (422, "weak_password".to_owned()));
    for _ in 0..6 {
        let wrong = with("Rover", "passwordpassword").await;
        assert_eq!((wrong.status, &wrong.body), (right.status, &right.body), "nothing was compared");
    }
    assert_eq!(left(&with("Rover", PASSWORD).await), 4, "the current password hides no answer");
    assert_eq!(left(&answer(&app, &link, "Rover").await), 3);
    assert_eq!(answer(&app, &link, "Biscuit").await.status, 204);
}
