//! T8: the security question is an added layer after the mailbox, and never enough alone.

use std::time::Duration;

use futures::future::join_all;
use rekey::clock::hours;
use rekey::event::Action;
use serde_json::{Value, json};

use crate::support::desk::Desk;
use crate::support::event::HttpEvent;
use crate::support::{
    NEW_PASSWORD, PASSWORD, Reply, TestApp, code_in, demo_accounts, password_hash, token_in,
};

const QUESTION: &str = "What was the name of your first pet?";

/// A deployment with `pediatrics`, where every account but `ivan` and `olga` has a question with the answer `Biscuit`.
async fn pediatrics() -> TestApp {
    let app = TestApp::start_with(&[]).await;
    app.create_practice("pediatrics", json!({"security_question": "required", "link_ttl": 172_800})).await;
    let mut accounts = demo_accounts("pediatrics");
    for account in &mut accounts {
        if account["username"] != "ivan" {
            account["security_question"] = json!({"question": QUESTION, "answer": "Biscuit"});
        }
    }
    accounts.push(json!({"username": "olga", "email": "olga@pediatrics.test", "display_name": "Olga",
        "password_hash": password_hash()}));
    app.import("pediatrics", &accounts).await;
    app
}

async fn link_for(app: &TestApp, portal: &str, identifier: &str) -> String {
    let body =
        json!({"practice": "pediatrics", "portal": portal, "identifier": identifier, "method": "link"});
    assert_eq!(app.post("/v1/password/forgot", body).await.status, 202);
    app.deliver().await;
    token_in(&app.mailbox.messages()[0])
}

async fn code_for(app: &TestApp, portal: &str, identifier: &str) -> Value {
    let request = app.forgot_by_code("pediatrics", portal, identifier).await;
    app.deliver().await;
    let reply = app.verify(&request, &code_in(&app.mailbox.messages()[0])).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

async fn answer(app: &TestApp, token: &str, answer: &str) -> Reply {
    let body = json!({"token": token, "new_password": NEW_PASSWORD, "answer": answer});
    app.post("/v1/password/reset", body).await
}

async fn sign_in(app: &TestApp, portal: &str, username: &str, password: &str) -> Reply {
    let body =
        json!({"practice": "pediatrics", "portal": portal, "identifier": username, "password": password});
    app.post("/v1/sessions", body).await
}

fn left(reply: &Reply) -> u64 {
    assert_eq!(reply.outcome(), (403, "wrong_answer".to_owned()));
    reply.json()["attempts_left"].as_u64().unwrap()
}

#[tokio::test]
async fn a_link_and_a_code_show_the_question_and_the_right_answer_lets_through() {
    let app = pediatrics().await;
    let link = link_for(&app, "client", "jane").await;
    assert_eq!(app.preview(&link).await.json()["question"], QUESTION);
    assert_eq!(left(&app.reset(&link, NEW_PASSWORD).await), 5, "nothing was compared");
    assert_eq!(left(&answer(&app, &link, "Rover").await), 4);
    assert_eq!(left(&answer(&app, &link, "?!").await), 4, "nothing was compared");
    assert_eq!(answer(&app, &link, " bis-CUIT! ").await.status, 204);

    let verified = code_for(&app, "client", "sam").await;
    assert_eq!(verified["question"], QUESTION);
    let token = verified["token"].as_str().unwrap();
    assert_eq!(left(&app.reset(token, NEW_PASSWORD).await), 5);
    assert_eq!(left(&answer(&app, token, "Rover").await), 4);
    assert_eq!(answer(&app, token, "\u{ff22}iscuit").await.status, 204);

    let family = code_for(&app, "client", "family@pediatrics.test").await;
    for account in family["accounts"].as_array().unwrap() {
        assert_eq!(account["question"], QUESTION);
        assert_eq!(answer(&app, account["token"].as_str().unwrap(), "biscuit").await.status, 204);
    }
}

#[tokio::test]
async fn five_wrong_answers_void_a_link_and_a_code_in_parallel_too() {
    let app = pediatrics().await;
    let link = link_for(&app, "client", "jane").await;
    let code = code_for(&app, "client", "sam").await["token"].as_str().unwrap().to_owned();
    for token in [&link, &code] {
        for expected in (0..5).rev() {
            assert_eq!(left(&answer(&app, token, "Rover").await), expected);
        }
        let right = answer(&app, token, "Biscuit").await;
        assert_eq!(right.outcome(), (410, "revoked_token".to_owned()));
        assert_eq!(app.preview(token).await.outcome(), (410, "revoked_token".to_owned()));
    }
    let link = link_for(&app, "client", "jane").await;
    let guesses = join_all((0..20).map(|_| answer(&app, &link, "Rover"))).await;
    let compared = guesses.iter().filter(|reply| reply.code() == "wrong_answer").count();
    assert_eq!(compared, 5, "in parallel as one by one");
    assert_eq!(answer(&app, &link, "Biscuit").await.outcome(), (410, "revoked_token".to_owned()));
    let code = code_for(&app, "client", "sam").await;
    assert_eq!(
        answer(&app, code["token"].as_str().unwrap(), "Biscuit").await.status,
        204,
        "a fresh one works"
    );
}

#[tokio::test]
async fn right_answers_are_not_held_against_a_link() {
    let app = pediatrics().await;
    let link = link_for(&app, "client", "jane").await;
    for _ in 0..6 {
        let same = json!({"token": link, "new_password": PASSWORD, "answer": "Biscuit"});
        let reply = app.post("/v1/password/reset", same).await;
        assert_eq!(reply.outcome(), (422, "weak_password".to_owned()));
    }
    assert_eq!(answer(&app, &link, "Biscuit").await.status, 204);
}

#[tokio::test]
async fn who_has_no_question_yet_is_sent_to_the_practice_and_only_the_holder_is_told() {
    let app = pediatrics().await;
    let link = link_for(&app, "client", "olga").await;
    assert_eq!(app.preview(&link).await.json()["question"], Value::Null);
    let code = code_for(&app, "client", "olga").await;
    assert_eq!(code["question"], Value::Null);
    for token in [&link[..], code["token"].as_str().unwrap()] {
        for reply in [app.reset(token, NEW_PASSWORD).await, answer(&app, token, "Biscuit").await] {
            assert_eq!(reply.outcome(), (403, "question_not_set".to_owned()));
            assert_eq!(reply.json()["support"]["email"], "help@pediatrics.test");
        }
    }
    assert_eq!(sign_in(&app, "client", "olga", PASSWORD).await.status, 201, "nothing has changed");
    for token in ["x", &"A".repeat(86)] {
        assert_eq!(app.reset(token, NEW_PASSWORD).await.outcome(), (404, "invalid_token".to_owned()));
    }
}

#[tokio::test]
async fn staff_recover_at_their_own_door_in_all_the_same_ways() {
    let app = pediatrics().await;
    let link = link_for(&app, "staff", "casey").await;
    assert_eq!(app.preview(&link).await.json()["question"], QUESTION);
    assert_eq!(left(&answer(&app, &link, "Rover").await), 4);
    assert_eq!(answer(&app, &link, "Biscuit").await.status, 204);
    assert_eq!(sign_in(&app, "staff", "casey", NEW_PASSWORD).await.status, 201);

    let code = code_for(&app, "staff", "admin@pediatrics.test").await;
    assert_eq!(code["question"], QUESTION);
    let token = code["token"].as_str().unwrap();
    assert_eq!(left(&answer(&app, token, "Rover").await), 4);
    assert_eq!(answer(&app, token, "Biscuit").await.status, 204);
    let session = sign_in(&app, "staff", "admin", NEW_PASSWORD).await.json();
    assert_eq!(session["account"]["role"], "admin");
}

#[tokio::test]
async fn an_invitation_sets_the_question_that_the_next_recovery_asks() {
    let app = pediatrics().await;
    let token = link_for(&app, "client", "ivan").await;
    assert_eq!(app.preview(&token).await.json()["purpose"], "invitation");
    let accept = |question: Value| json!({"token": token, "new_password": NEW_PASSWORD, "security_question": question});
    let before = app.lasting().await;
    for (broken, member) in [
        (json!({"question": " ", "answer": "Rex"}), "security_question.question"),
        (json!({"question": "x".repeat(201), "answer": "Rex"}), "security_question.question"),
        (json!({"question": "First\npet?", "answer": "Rex"}), "security_question.question"),
        (json!({"question": "First pet?", "answer": "?!"}), "security_question.answer"),
        (json!({"question": "First pet?"}), "security_question"),
        (json!({"question": "First pet?", "answer": "Rex", "hint": "dog"}), "security_question"),
        (json!("First pet?"), "security_question"),
    ] {
        let reply = app.post("/v1/password/reset", accept(broken.clone())).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{broken}");
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with(member) && !detail.contains("Rex"), "{broken}: {detail}");
    }
    assert_eq!(app.lasting().await, before);
    let chosen = accept(json!({"question": "First pet?", "answer": "Señor Bigotes"}));
    assert_eq!(app.post("/v1/password/reset", chosen).await.status, 204);
    assert!(!app.dump().await.join("").to_lowercase().contains("bigotes"), "kept like a password");

    let link = link_for(&app, "client", "ivan").await;
    assert_eq!(app.preview(&link).await.json()["question"], "First pet?");
    let reset = |answer: &str| {
        let body = json!({"token": link, "new_password": "another lantern in the rain", "answer": answer});
        app.post("/v1/password/reset", body)
    };
    assert_eq!(left(&reset("Biscuit").await), 4);
    assert_eq!(reset("sen\u{303}or  BIGOTES").await.status, 204);
}

#[tokio::test]
async fn whoever_recovers_cannot_set_another_question() {
    let app = pediatrics().await;
    let body = |token: &str, answer: Value| {
        json!({"token": token, "new_password": NEW_PASSWORD, "answer": answer,
            "security_question": {"question": "Mine?", "answer": "Mine"}})
    };
    for (identifier, given) in [("jane", json!("Biscuit")), ("olga", Value::Null)] {
        let token = link_for(&app, "client", identifier).await;
        let before = app.lasting().await;
        let reply = app.post("/v1/password/reset", body(&token, given)).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()));
        let expected = "security_question: can only be set by an invitation";
        assert_eq!(reply.json()["detail"], expected);
        assert_eq!(app.lasting().await, before);
    }
}

#[tokio::test]
async fn staff_set_their_question_by_invitation_and_later() {
    let app = pediatrics().await;
    let invite = json!({"action": "create_administrator", "practice": "pediatrics", "username": "robin",
        "email": "robin@pediatrics.test", "display_name": "Robin"});
    app.operate(invite).await.unwrap();
    app.deliver().await;
    let token = token_in(&app.mailbox.messages()[0]);
    let body = json!({"token": token, "new_password": NEW_PASSWORD,
        "security_question": {"question": "First car?", "answer": "Beetle"}});
    assert_eq!(app.post("/v1/password/reset", body).await.status, 204);
    assert_eq!(code_for(&app, "staff", "robin").await["question"], "First car?");
    let session =
        sign_in(&app, "staff", "robin", NEW_PASSWORD).await.json()["token"].as_str().unwrap().to_owned();
    let body = json!({"current_password": NEW_PASSWORD, "question": "First boat?", "answer": "Dinghy"});
    assert_eq!(app.send(put(&session, &body)).await.status, 204);
    assert_eq!(code_for(&app, "staff", "robin").await["question"], "First boat?");
}

#[tokio::test]
async fn whom_staff_give_a_link_needs_no_question_that_was_never_set() {
    let app = pediatrics().await;
    let desk = Desk::of(&app, "pediatrics", "staff", "admin").await;
    let id = app.account_of("pediatrics", rekey::practice::Portal::Client, "olga").await.id;
    let body = json!({"expires_at": "2026-11-22T18:00:00Z", "deliver": "copy"});
    let path = format!("/v1/admin/accounts/{id}/links");
    let reply = desk.send(HttpEvent::new("POST", &path).json(&body)).await.json();
    let token = reply["url"].as_str().unwrap().split_once("#token=").unwrap().1.to_owned();
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204, "that is the help they are sent to");
    assert_eq!(sign_in(&app, "client", "olga", NEW_PASSWORD).await.status, 201);
}

#[tokio::test]
async fn staff_tickets_take_twenty_answers_a_day_of_their_own() {
    let app = pediatrics().await;
    let desk = Desk::of(&app, "pediatrics", "staff", "admin").await;
    let id = app.account_of("pediatrics", rekey::practice::Portal::Client, "jane").await.id;
    let body = json!({"expires_at": "2026-11-22T18:00:00Z", "deliver": "copy"});
    let path = format!("/v1/admin/accounts/{id}/links");
    let mut outcomes = Vec::new();
    for _ in 0..5 {
        let reply = desk.send(HttpEvent::new("POST", &path).json(&body)).await.json();
        let token = reply["url"].as_str().unwrap().split_once("#token=").unwrap().1.to_owned();
        for _ in 0..5 {
            outcomes.push(answer(&app, &token, "Rover").await.status.as_u16());
        }
    }
    assert_eq!(outcomes, [vec![403; 20], vec![429; 5]].concat(), "staff cannot guess either");
    let own = link_for(&app, "client", "jane").await;
    assert_eq!(answer(&app, &own, "Biscuit").await.status, 204, "nor use up the owner's");
}

#[tokio::test]
async fn a_ticket_that_staff_gave_takes_answers_when_the_days_are_spent() {
    let app = pediatrics().await;
    let invite = json!({"action": "create_administrator", "practice": "pediatrics", "username": "robin",
        "email": "robin@pediatrics.test", "display_name": "Robin"});
    app.operate(invite).await.unwrap();
    app.deliver().await;
    let given = token_in(&app.mailbox.messages()[0]);
    // An account that is still to be set up and has a question, as an import makes them.
    let account = app.account_of("pediatrics", rekey::practice::Portal::Staff, "robin").await;
    let jane = app.account_of("pediatrics", rekey::practice::Portal::Client, "jane").await;
    let question = serde_dynamo::to_attribute_value(&jane.question).unwrap();
    let update =
        app.dynamodb.update_item().table_name(&app.table).update_expression("SET question = :question");
    let key = rekey::store::keys::account(account.id).attributes();
    update.set_key(Some(key)).expression_attribute_values(":question", question).send().await.unwrap();
    for _ in 0..4 {
        let own = link_for(&app, "staff", "robin").await;
        for _ in 0..5 {
            left(&answer(&app, &own, "Rover").await);
        }
        app.clock.advance(hours(1));
    }
    let own = link_for(&app, "staff", "robin").await;
    assert_eq!(answer(&app, &own, "Biscuit").await.status, 429);
    assert_eq!(left(&answer(&app, &given, "Rover").await), 4);
    assert_eq!(answer(&app, &given, "Biscuit").await.status, 204);
}

#[tokio::test]
async fn failing_dependencies_cost_no_answer_and_leave_nothing_half_done() {
    let app = pediatrics().await;
    let link = link_for(&app, "client", "jane").await;
    app.secrets.set_failing(true);
    for _ in 0..6 {
        assert_eq!(answer(&app, &link, "Biscuit").await.status, 503);
    }
    app.secrets.set_failing(false);
    assert_eq!(left(&answer(&app, &link, "Rover").await), 4, "no answer was lost");

    let session =
        sign_in(&app, "client", "jane", PASSWORD).await.json()["token"].as_str().unwrap().to_owned();
    let body = json!({"current_password": PASSWORD, "question": "Mine?", "answer": "Mine"});
    app.secrets.set_failing(true);
    assert_eq!(app.send(put(&session, &body)).await.status, 503);
    app.secrets.set_failing(false);
    let question =
        async || app.account_of("pediatrics", rekey::practice::Portal::Client, "jane").await.question;
    let before = question().await;
    for (operation, times) in [("UpdateItem", 3), ("GetItem", 3), ("TransactWriteItems", 3)] {
        app.seam.inject("change-password", operation, times, crate::support::seam::Fault::Down);
        let reply = app.send(put(&session, &body)).await;
        assert_eq!(reply.outcome(), (503, "unavailable".to_owned()), "{operation}");
        app.seam.heal();
        assert_eq!(question().await, before, "{operation}");
    }
    app.seam.inject("change-password", "TransactWriteItems", 1, crate::support::seam::Fault::AnswerLost);
    assert_eq!(app.send(put(&session, &body)).await.status, 204);
    assert_ne!(question().await, before);
}

fn put(session: &str, body: &Value) -> HttpEvent {
    HttpEvent::new("PUT", "/v1/security-question").bearer(session).json(body)
}

#[tokio::test]
async fn a_signed_in_holder_sets_a_question_with_the_current_password() {
    let app = pediatrics().await;
    let session =
        sign_in(&app, "client", "olga", PASSWORD).await.json()["token"].as_str().unwrap().to_owned();
    let body =
        |password: &str| json!({"current_password": password, "question": QUESTION, "answer": " Rex "});
    let before = app.lasting().await;
    for (event, outcome) in [
        (HttpEvent::new("PUT", "/v1/security-question").json(&body(PASSWORD)), (401, "invalid_session")),
        (put(&"A".repeat(86), &body(PASSWORD)), (401, "invalid_session")),
        (put(&session, &json!({"question": QUESTION, "answer": "Rex"})), (400, "invalid_request")),
        (
            put(&session, &json!({"current_password": "", "question": QUESTION, "answer": "Rex"})),
            (400, "invalid_request"),
        ),
        (
            put(&session, &json!({"current_password": PASSWORD, "question": "", "answer": "Rex"})),
            (400, "invalid_request"),
        ),
        (
            put(&session, &json!({"current_password": PASSWORD, "question": QUESTION, "answer": "-"})),
            (400, "invalid_request"),
        ),
        (
            put(&session, &json!({"current_password": PASSWORD, "question": QUESTION, "answer": ["Rex"]})),
            (400, "invalid_request"),
        ),
    ] {
        assert_eq!(app.send(event).await.outcome(), (outcome.0, outcome.1.to_owned()));
    }
    assert_eq!(app.lasting().await, before);
    assert_eq!(
        app.send(put(&session, &body("not the password"))).await.outcome(),
        (401, "invalid_credentials".to_owned())
    );
    assert_eq!(app.send(put(&session, &body(PASSWORD))).await.status, 204);

    let link = link_for(&app, "client", "olga").await;
    assert_eq!(app.preview(&link).await.json()["question"], QUESTION);
    assert_eq!(left(&answer(&app, &link, "Biscuit").await), 4);
    assert_eq!(answer(&app, &link, "REX").await.status, 204);
    let id = app.account_of("pediatrics", rekey::practice::Portal::Client, "olga").await.id;
    let events = app.events(id).await;
    let words = |name: &str| {
        let events = events.iter().map(|event| serde_json::to_value(event).unwrap()[name].clone());
        events
            .filter(|word| word.as_str().is_some_and(|word| word.starts_with("security")))
            .collect::<Vec<_>>()
    };
    assert_eq!(words("action"), [json!("security_question_change_fail"), json!("security_question_change")]);
}

#[tokio::test]
async fn guessing_the_password_with_a_found_session_counts_like_signing_in() {
    let app = pediatrics().await;
    let session =
        sign_in(&app, "client", "jane", PASSWORD).await.json()["token"].as_str().unwrap().to_owned();
    let set = async |password: &str| {
        let body = json!({"current_password": password, "question": QUESTION, "answer": "Mine"});
        app.send(put(&session, &body)).await
    };
    let replies = join_all((0..20).map(|n| set(["a guess", "another"][n % 2]))).await;
    let compared = replies.iter().filter(|reply| reply.status == 401).count();
    assert_eq!(compared, 6, "in parallel as one by one");
    let refused = set(PASSWORD).await;
    assert_eq!(refused.outcome(), (429, "too_many_requests".to_owned()), "even the right one");
    assert_eq!(refused.headers["retry-after"], "30");
    assert_eq!(sign_in(&app, "client", "jane", PASSWORD).await.status, 429, "one count for both");
    app.clock.advance(Duration::from_secs(31));
    assert_eq!(set(PASSWORD).await.status, 204);
    assert_eq!(sign_in(&app, "client", "jane", PASSWORD).await.status, 201, "and success ends it");
}

#[tokio::test]
async fn an_optional_question_is_asked_of_who_has_one_and_off_asks_nobody() {
    for (policy, asked) in [("optional", json!(QUESTION)), ("off", Value::Null)] {
        let app = TestApp::start_with(&[]).await;
        app.create_practice("pediatrics", json!({"security_question": policy})).await;
        let with = json!({"username": "jane", "email": "jane@pediatrics.test", "display_name": "J",
            "password_hash": password_hash(), "security_question": {"question": QUESTION, "answer": "Biscuit"}});
        let mut without = with.clone();
        without["username"] = json!("sam");
        without["email"] = json!("sam@pediatrics.test");
        without.as_object_mut().unwrap().remove("security_question");
        app.import("pediatrics", &[with, without]).await;
        assert_eq!(code_for(&app, "client", "jane").await["question"], asked, "{policy}");
        let link = link_for(&app, "client", "sam").await;
        assert_eq!(app.reset(&link, NEW_PASSWORD).await.status, 204, "{policy}");
    }
}

#[tokio::test]
async fn asking_for_more_tickets_gains_no_more_than_twenty_answers_a_day() {
    let app = pediatrics().await;
    for ticket in 0..4 {
        // By either name, and by either method.
        let name = if ticket % 2 == 0 { "jane" } else { "jane@pediatrics.test" };
        let token = if ticket < 2 {
            link_for(&app, "client", name).await
        } else {
            code_for(&app, "client", name).await["token"].as_str().unwrap().to_owned()
        };
        for _ in 0..5 {
            left(&answer(&app, &token, "Rover").await);
        }
        app.clock.advance(hours(1));
    }
    let before = app.account_of("pediatrics", rekey::practice::Portal::Client, "jane").await;
    let link = link_for(&app, "client", "jane").await;
    for _ in 0..5 {
        let reply = answer(&app, &link, "Biscuit").await;
        assert_eq!(reply.outcome(), (429, "too_many_requests".to_owned()), "even the right one");
        let wait: u64 = reply.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((19 * 3600..=20 * 3600).contains(&wait), "{wait}");
    }
    let hits = app.events(before.id).await;
    let hits = hits.iter().filter(|event| event.action == Action::ExcessRateLimitExceeded);
    assert_eq!(hits.count(), 1, "one entry, however many attempts");
    app.clock.advance(hours(20));
    assert_eq!(answer(&app, &link, "Biscuit").await.status, 204, "refusals did not void the link");
    let link = link_for(&app, "client", "jane").await;
    for expected in (0..5).rev() {
        assert_eq!(left(&answer(&app, &link, "Rover").await), expected, "the reset has ended the count");
    }
}

#[tokio::test]
async fn links_without_answers_left_do_not_count_as_open() {
    let app = pediatrics().await;
    for _ in 0..3 {
        let link = link_for(&app, "client", "jane").await;
        for _ in 0..5 {
            left(&answer(&app, &link, "Rover").await);
        }
        app.clock.advance(hours(2));
    }
    let fresh = link_for(&app, "client", "jane").await;
    assert_eq!(app.preview(&fresh).await.status, 200);
}
