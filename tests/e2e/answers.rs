//! T5, T7, T8: answers to a security question are counted, however many tickets there are.

use futures::future::join_all;
use rekey::domain::event::Action;
use rekey::platform::clock::hours;
use serde_json::json;

use crate::support::PASSWORD;
use crate::support::event::HttpEvent;
use crate::support::questions::{answer, code_for, left, link_for, pediatrics, put, sign_in};
use crate::support::staff::StaffMember;

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
async fn staff_tickets_take_twenty_answers_a_day_of_their_own() {
    let app = pediatrics().await;
    let member = StaffMember::of(&app, "pediatrics", "staff", "admin").await;
    let id = app.account_of("pediatrics", rekey::domain::practice::Portal::Client, "jane").await.id;
    let body = json!({"expires_at": "2026-11-22T18:00:00Z", "deliver": "copy"});
    let path = format!("/v1/admin/accounts/{id}/links");
    let mut outcomes = Vec::new();
    for _ in 0..5 {
        let reply = member.send(HttpEvent::new("POST", &path).json(&body)).await.json();
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
    // An account that is still to be set up and has a question.
    let robin = json!({"portal": "staff", "role": "admin", "username": "robin", "email": "robin@pediatrics.test",
        "display_name": "Robin", "security_question": {"question": "Pet?", "answer": "Biscuit"}});
    app.import("pediatrics", &[robin]).await;
    let asked = json!({"practice": "pediatrics", "portal": "staff", "username": "robin", "deliver": "copy",
        "expires_at": "2026-11-22T18:00:00Z"});
    let given = app.invoke_admin_link(asked).await.unwrap();
    let given = given["url"].as_str().unwrap().split_once("#token=").unwrap().1.to_owned();
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
        async || app.account_of("pediatrics", rekey::domain::practice::Portal::Client, "jane").await.question;
    let before = question().await;
    for (operation, times) in [("UpdateItem", 6), ("GetItem", 6), ("TransactWriteItems", 3)] {
        app.clock.advance(std::time::Duration::from_secs(1));
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
    let before = app.account_of("pediatrics", rekey::domain::practice::Portal::Client, "jane").await;
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
