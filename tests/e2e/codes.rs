//! T2, and F1, F3, F5, F6 of recovery by code: a code opens what it was mailed for, once, in time, and is not guessed.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use lambda_http::http::HeaderMap;
use rekey::clock::hours;
use rekey::practice::Portal;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::seam::Fault;
use crate::support::{NEW_PASSWORD, PASSWORD, Reply, TestApp, code_in, demo_accounts, other_than, token_in};

fn token_of(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["token"].as_str().unwrap().to_owned()
}

fn expired() -> (u16, String) {
    (410, "code_expired".to_owned())
}

async fn verify_from(app: &TestApp, request: &str, code: &str, ip: &str) -> Reply {
    let body = json!({"request_id": request, "code": code});
    app.send(HttpEvent::new("POST", "/v1/password/verify-code").at_ip(ip).json(&body)).await
}

#[tokio::test]
async fn a_forgotten_password_is_recovered_by_an_emailed_code() {
    let app = TestApp::start_with(&[]).await;
    app.create_practice("therapy", json!({"recovery_methods": ["code"]})).await;
    app.import("therapy", &demo_accounts("therapy")).await;
    let asked = json!({"practice": "therapy", "identifier": "jane"});
    let reply = app.post("/v1/password/forgot", asked).await.json();
    assert_eq!(reply["method"], "code", "the only one it offers");
    app.deliver().await;
    let mail = app.mailbox.messages().remove(0);
    assert_eq!(
        (&mail.to[0][..], &mail.subject[..]),
        ("jane@therapy.test", "Your code to choose a new password")
    );
    let text = mail.text.as_ref().unwrap();
    let code = code_in(&mail);
    assert_eq!(code.split(' ').map(str::len).collect::<Vec<_>>(), [4, 4]);
    assert!(text.contains("It ends on Saturday, November 21, 2026 at 1:45 PM EST."), "ten minutes: {text}");
    assert!(!text.contains("#token="), "no link beside the code: {text}");

    let request = reply["request_id"].as_str().unwrap();
    let answer = app.verify(request, &code.replace(' ', "-")).await;
    let json = answer.json();
    assert_eq!(json["question"], Value::Null);
    assert_eq!(json["expires_at"], "2026-11-21T18:50:30Z");
    let token = token_of(&answer);
    let preview = app.preview(&token).await.json();
    assert_eq!((&preview["purpose"], &preview["username"]), (&json!("reset"), &json!("jane")));
    assert_eq!(preview["expires_at"], json["expires_at"]);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    app.deliver().await;
    assert_eq!(app.mailbox.messages()[0].subject, "Your password was changed");
    let body = json!({"practice": "therapy", "identifier": "jane", "password": NEW_PASSWORD});
    assert_eq!(app.post("/v1/sessions", body).await.status, 201);
    assert_eq!(app.reset(&token, PASSWORD).await.outcome(), (410, "used_token".to_owned()));
}

#[tokio::test]
async fn the_mail_is_in_the_accounts_language_and_the_code_has_the_practices_length_and_life() {
    let app = TestApp::start_with(&[]).await;
    app.create_practice("therapy", json!({"recovery_methods": ["code"], "code_length": 6, "code_ttl": 300}))
        .await;
    app.import("therapy", &demo_accounts("therapy")).await;
    let request = app.forgot_by_code("therapy", "client", "sam").await;
    app.deliver().await;
    let mail = app.mailbox.messages().remove(0);
    assert_eq!(mail.subject, "Su código para elegir una contraseña nueva");
    assert!(mail.text.as_ref().unwrap().contains("a la 1:40 p. m. EST."), "{:?}", mail.text);
    let code = code_in(&mail);
    assert_eq!(code.split(' ').map(str::len).collect::<Vec<_>>(), [3, 3]);
    token_of(&app.verify(&request, &code).await);
    let facts = app.send(HttpEvent::new("GET", "/v1/practices/therapy")).await.json();
    assert_eq!((&facts["recovery_methods"], &facts["code_length"]), (&json!(["code"]), &json!(6)));
}

#[tokio::test]
async fn the_mail_is_in_the_practices_language_when_the_account_chose_none() {
    let app = TestApp::start_with(&[]).await;
    let mut practice = crate::support::practice("therapy", &json!({"recovery_methods": ["code"]}));
    practice["locale"] = json!("es");
    app.operate(json!({"action": "create_practice", "practice": practice})).await.unwrap();
    app.import("therapy", &demo_accounts("therapy")).await;
    app.forgot_by_code("therapy", "client", "jane").await;
    app.deliver().await;
    assert_eq!(app.mailbox.messages()[0].subject, "Su código para elegir una contraseña nueva");
}

#[tokio::test]
async fn attempts_are_counted_down_alike_for_known_and_unknown_and_the_sixth_is_too_late() {
    let app = TestApp::start().await;
    for identifier in ["jane", "nobody"] {
        let request = app.forgot_by_code("agency", "client", identifier).await;
        app.deliver().await;
        let code = app.mailbox.messages().first().map(code_in).unwrap();
        app.mailbox.clear();
        app.forgot_by_code("agency", "client", "sam").await;
        app.deliver().await;
        for left in [4, 3, 2, 1, 0] {
            let reply = app.verify(&request, &other_than(&code)).await;
            assert_eq!(reply.outcome(), (400, "invalid_code".to_owned()), "{identifier}");
            assert_eq!(reply.json()["attempts_left"], left, "{identifier}");
        }
        for _ in 0..3 {
            assert_eq!(app.verify(&request, &code).await.outcome(), expired(), "{identifier}: right or not");
        }
    }
}

#[tokio::test]
async fn after_its_time_even_the_right_code_is_refused() {
    let app = TestApp::start().await;
    let (request, code) = app.code_for("jane").await;
    app.clock.advance(Duration::from_secs(595));
    assert_eq!(app.verify(&request, &other_than(&code)).await.json()["attempts_left"], 4);
    app.clock.advance(Duration::from_secs(6));
    assert!(app.dump().await.iter().any(|item| item.contains(&format!("REQUEST#{request}"))));
    assert_eq!(app.verify(&request, &code).await.outcome(), expired());
}

#[tokio::test]
async fn the_token_of_a_code_ends_soon() {
    let app = TestApp::start().await;
    let (request, code) = app.code_for("jane").await;
    app.clock.advance(Duration::from_mins(9));
    let token = token_of(&app.verify(&request, &code).await);
    app.clock.advance(Duration::from_secs(895));
    assert_eq!(app.preview(&token).await.status, 200);
    app.clock.advance(Duration::from_secs(6));
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.outcome(), (410, "expired_token".to_owned()));
}

/// What a caller sees of an answer, and what it took: the calls, and the members of each.
type Seen = ((u16, String), HeaderMap, Vec<String>, Vec<(String, Value)>);

async fn seen(app: &TestApp, call: impl Future<Output = Reply>) -> Seen {
    app.seam.forget();
    let reply = call.await;
    let json = reply.json();
    let members = json.as_object().unwrap().iter().map(|(name, value)| match name.as_str() {
        "request_id" => format!("{name}: {}", value.as_str().unwrap().len()),
        _ => format!("{name}: {value}"),
    });
    let said = app.seam.said().into_iter().filter(|said| said.function != "mailer");
    let calls = said.map(|said| (said.target, shape(&said.body))).collect();
    (reply.outcome(), reply.headers.clone(), members.collect(), calls)
}

/// The names in a request and its expressions, without the values; an event's account and ticket are only in its own item.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let hidden = ["account", "portal", "ticket"];
            let members = map.iter().filter(|(name, _)| !hidden.contains(&name.as_str()));
            members.map(|(name, value)| (name.clone(), shape(value))).collect()
        }
        Value::Array(values) => values.iter().map(shape).collect(),
        Value::String(text) if text.starts_with("SET") || text.contains("challenge") => value.clone(),
        _ => Value::Null,
    }
}

#[tokio::test]
async fn every_answer_and_its_work_are_the_same_whoever_is_asked_about() {
    let identifiers = [
        "jane",
        "jane@agency.test",
        "nobody",
        "nobody@agency.test",
        "dora",
        "ruth",
        "ivan",
        "family@agency.test",
    ];
    let app = TestApp::start().await;
    let forgot = |identifier: &str| {
        let body = json!({"practice": "agency", "identifier": identifier, "method": "code"});
        app.post("/v1/password/forgot", body)
    };
    app.verify(&app.forgot_by_code("agency", "client", "warm-up").await, "12345678").await;
    let mut journeys: Vec<Vec<Seen>> = Vec::new();
    for identifier in identifiers {
        let mut journey = Vec::new();
        let first = app.forgot_by_code("agency", "client", identifier).await;
        journey.push(seen(&app, forgot(identifier)).await);
        let last = app.forgot_by_code("agency", "client", identifier).await;
        journey.push(seen(&app, forgot(identifier)).await);
        // Before and after the mailer has come.
        journey.push(seen(&app, app.verify(&last, "0000 0000")).await);
        app.deliver().await;
        for _ in 0..6 {
            journey.push(seen(&app, app.verify(&first, "0000 0000")).await);
        }
        journey.push(seen(&app, app.verify(&last, "0000 0000")).await);
        app.clock.advance(Duration::from_mins(10));
        journey.push(seen(&app, app.verify(&last, "0000 0000")).await);
        journeys.push(journey);
    }
    let outcomes: Vec<_> = journeys[0].iter().map(|(outcome, ..)| (outcome.0, outcome.1.as_str())).collect();
    let wrong = (400, "invalid_code");
    let expected = [(202, ""), (429, "too_many_requests"), wrong, wrong, wrong, wrong, wrong, wrong];
    assert_eq!(outcomes[..8], expected);
    assert_eq!(outcomes[8..], [(410, "code_expired"), wrong, (410, "code_expired")]);
    for (journey, identifier) in journeys.iter().zip(identifiers) {
        for (step, (one, other)) in journey.iter().zip(&journeys[0]).enumerate() {
            assert_eq!(one, other, "{identifier}, step {step}");
        }
    }
}

#[tokio::test]
async fn verify_code_takes_two_round_trips() {
    let app = TestApp::start().await;
    let (request, code) = app.code_for("jane").await;
    app.verify(&request, &other_than(&code)).await;
    app.seam.forget();
    app.verify(&request, &other_than(&code)).await;
    assert_eq!(
        app.seam.counts("verify-code"),
        HashMap::from([("UpdateItem".into(), 1), ("PutItem".into(), 1)])
    );
    app.seam.forget();
    token_of(&app.verify(&request, &code).await);
    let right = HashMap::from([("UpdateItem".into(), 1), ("TransactWriteItems".into(), 1)]);
    assert_eq!(app.seam.counts("verify-code"), right);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_guesses_from_everywhere_are_compared_no_more_often_than_the_budget() {
    let app = TestApp::start().await;
    let ask = async |n: usize, spelling: &str| {
        let body = json!({"practice": "agency", "identifier": spelling, "method": "code"});
        let event = HttpEvent::new("POST", "/v1/password/forgot").at_ip(&format!("198.51.100.{}", n % 250));
        let event = event.header("x-forwarded-for", &format!("192.0.2.{}", n % 250));
        app.send(event.json(&body)).await
    };
    let (mut compared, mut guesses, mut requests) = (0, 0, 0);
    for hour in 0..24 {
        let spellings = ["jane@agency.test", "JANE@agency.test", " jane@Agency.TEST. ", "jane@agency.test."];
        let replies = join_all((0..12).map(|n| ask(n, spellings[n % 4]))).await;
        let taken: Vec<String> = replies
            .iter()
            .filter(|reply| reply.status == 202)
            .map(|reply| reply.json()["request_id"].as_str().unwrap().to_owned())
            .collect();
        requests += taken.len();
        app.deliver().await;
        let mails = app.mailbox.messages();
        let right: Vec<String> = mails.iter().map(code_in).collect();
        let (app, taken, right) = (&app, &taken, &right);
        let many = if taken.is_empty() { 0 } else { 5_000 };
        let replies = join_all((0..many).map(|n| async move {
            let guess = format!("{:04} {n:04}", hour * 100);
            assert!(!right.contains(&guess), "once in some ten thousand runs a guess is right");
            let ip = format!("2001:db8:{:x}:{n:x}::1", n % 7);
            verify_from(app, &taken[n % taken.len()], &guess, &ip).await.status.as_u16()
        }))
        .await;
        guesses += replies.len();
        compared += replies.iter().filter(|status| **status == 400).count();
        assert!(replies.iter().all(|status| matches!(status, 400 | 410)), "{hour}");
        app.clock.advance(hours(1));
    }
    assert_eq!((guesses, requests), (10_000, 4));
    assert_eq!(compared, 20, "of ten thousand");
    assert_eq!(
        ask(1, "jane@agency.test").await.status,
        429,
        "a day is not enough: codes live on for a while"
    );
    app.clock.advance(Duration::from_mins(15));
    assert_eq!(ask(1, "jane@agency.test").await.status, 202);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_parallel_right_codes_exactly_one_is_exchanged() {
    let app = TestApp::start().await;
    let (request, code) = app.code_for("jane").await;
    let replies = join_all((0..100).map(|_| app.verify(&request, &code))).await;
    let exchanged: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 200).collect();
    assert_eq!(exchanged.len(), 1);
    assert!(replies.iter().filter(|reply| reply.status != 200).all(|reply| reply.outcome() == expired()));
    assert_eq!(app.verify(&request, &code).await.outcome(), expired(), "a code works once");

    let (request, code) = app.code_for("jane").await;
    let exchanged = [app.verify(&request, &code).await];
    let exchanged: Vec<&Reply> = exchanged.iter().collect();
    for code in [&code, &other_than(&code)] {
        assert_eq!(app.verify(&request, code).await.outcome(), expired(), "right or wrong");
    }
    assert_eq!(app.reset(&token_of(exchanged[0]), NEW_PASSWORD).await.status, 204);
}

#[tokio::test]
async fn what_no_code_can_be_is_refused_and_costs_no_attempt() {
    let app = TestApp::start().await;
    let (request, code) = app.code_for("jane").await;
    let before = app.dump().await;
    let body = |request: Value, code: Value| json!({"request_id": request, "code": code});
    let digits: i64 = code.replace(' ', "").parse().unwrap();
    for (request, code) in [
        (json!(request), json!(null)),
        (json!(request), json!("")),
        (json!(request), json!(digits)),
        (json!(request), json!([code])),
        (json!(request), json!({"code": code})),
        (json!(request), json!("12345")),
        (json!(request), json!("12345678901")),
        (json!(request), json!("1234567x")),
        (json!("no id"), json!(code)),
        (json!(""), json!(code)),
        (json!(null), json!(code)),
        (json!([request]), json!(code)),
    ] {
        let reply = app.post("/v1/password/verify-code", body(request.clone(), code.clone())).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{request} {code}: {}", reply.body);
    }
    for event in ["GET", "HEAD"].into_iter().cycle().take(50) {
        let event = HttpEvent::new(event, "/v1/password/verify-code");
        let event = event.query(&format!("request_id={request}&code={digits}"));
        assert_eq!(app.send(event.json(&body(json!(request), json!(code)))).await.status, 405);
    }
    assert_eq!(app.dump().await, before);
    let full_width: String = code
        .chars()
        .map(|c| c.to_digit(10).map_or('\u{2013}', |d| char::from_u32(0xff10 + d).unwrap()))
        .collect();
    token_of(&app.verify(&request.to_lowercase(), &format!(" {full_width}\n")).await);
}

#[tokio::test]
async fn nothing_but_a_request_for_a_code_takes_one() {
    let app = TestApp::start().await;
    let reply = app.forgot("jane").await.json();
    assert_eq!(reply["method"], "link");
    app.deliver().await;
    let before = app.dump().await;
    let link = reply["request_id"].as_str().unwrap();
    for request in [link, "01JD7Z3M5V8Q2X4Y6W0N1R9T3K"] {
        assert_eq!(app.verify(request, "1234 5678").await.outcome(), expired());
    }
    assert_eq!(app.dump().await, before);
}

#[tokio::test]
async fn a_second_code_leaves_the_first_working_and_neither_answers_the_others_request() {
    let app = TestApp::start().await;
    let (first, code) = app.code_for("jane").await;
    let (second, other) = app.code_for("jane").await;
    assert_ne!(code, other);
    assert_eq!(app.verify(&second, &code).await.json()["attempts_left"], 4);
    let early = token_of(&app.verify(&first, &code).await);
    let late = token_of(&app.verify(&second, &other).await);
    assert_eq!(app.preview(&late).await.status, 200);
    assert_eq!(app.preview(&early).await.status, 404, "one account, one open ticket of this kind");
    assert_eq!(app.reset(&late, NEW_PASSWORD).await.status, 204);
    let tickets = app.store.list_tickets(app.account("jane").await.id).await.unwrap().tickets;
    assert_eq!(tickets.len(), 1);
}

#[tokio::test]
async fn one_code_serves_a_shared_mailbox_and_its_holder_picks_the_account() {
    let app = TestApp::start().await;
    let (request, code) = app.code_for("family@agency.test").await;
    assert_eq!(app.mailbox.messages().len(), 1);
    assert_eq!(app.mailbox.messages()[0].to, ["family@agency.test"]);
    let before = app.verify(&request, &other_than(&code)).await;
    assert!(!before.body.contains("lily") && !before.body.contains("tom"), "{}", before.body);
    let json = app.verify(&request, &code).await.json();
    assert_eq!(json.as_object().unwrap().keys().collect::<Vec<_>>(), ["accounts", "expires_at"]);
    let accounts: HashMap<String, String> = json["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|account| {
            assert_eq!(account["question"], Value::Null);
            let text = |name: &str| account[name].as_str().unwrap().to_owned();
            (text("username"), text("token"))
        })
        .collect();
    assert_eq!(accounts.len(), 2);
    for (username, token) in &accounts {
        assert_eq!(app.preview(token).await.json()["username"], **username);
    }
    assert_eq!(app.reset(&accounts["tom"], NEW_PASSWORD).await.status, 204);
    assert_eq!(app.sign_in("tom", NEW_PASSWORD).await.status, 201);
    assert_eq!(app.sign_in("lily", PASSWORD).await.status, 201, "the sibling's password is as it was");
    assert_eq!(app.preview(&accounts["lily"]).await.status, 200, "and the token lives on");

    let (request, code) = app.code_for("tom").await;
    token_of(&app.verify(&request, &code).await);
}

#[tokio::test]
async fn a_shared_mailbox_is_offered_only_what_can_still_recover() {
    let app = TestApp::start().await;
    let (request, code) = app.code_for("family@agency.test").await;
    let token = app.token_for("lily").await;
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    let token = token_of(&app.verify(&request, &code).await);
    assert_eq!(app.preview(&token).await.json()["username"], "tom");
}

#[tokio::test]
async fn two_spellings_of_an_address_get_a_code_each_for_their_own_accounts() {
    let app = TestApp::start().await;
    let account = |name: &str, email: &str| {
        json!({"username": name, "email": email, "display_name": name,
            "password_hash": crate::support::password_hash()})
    };
    app.import("agency", &[account("ana", "Home@agency.test"), account("ben", "home@agency.test")]).await;
    for (to, username) in [("Home@agency.test", "ana"), ("home@agency.test", "ben")] {
        app.mailbox.clear();
        let request = app.forgot_by_code("agency", "client", "home@agency.test").await;
        app.deliver().await;
        let mails = app.mailbox.messages();
        assert_eq!(mails.len(), 2);
        let mail = mails.iter().find(|mail| mail.to == [to]).unwrap();
        let token = token_of(&app.verify(&request, &code_in(mail)).await);
        assert_eq!(app.preview(&token).await.json()["username"], username);
    }
}

#[tokio::test]
async fn a_code_dies_with_a_password_set_since_and_with_its_account() {
    let app = TestApp::start().await;
    let (request, code) = app.code_for("jane").await;
    let token = app.token_for("jane").await;
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.verify(&request, &code).await.outcome(), expired());

    let (request, code) = app.code_for("sam").await;
    let account = app.account("sam").await;
    let update = app.dynamodb.update_item().table_name(&app.table).update_expression("SET active = :no");
    let key = rekey::store::keys::account(account.id).attributes();
    let no = AttributeValue::Bool(false);
    update.set_key(Some(key)).expression_attribute_values(":no", no).send().await.unwrap();
    assert_eq!(app.verify(&request, &code).await.outcome(), expired());
}

#[tokio::test]
async fn a_code_opens_no_ticket_that_was_taken_back_or_is_out_of_answers() {
    let app = TestApp::start().await;
    for (username, change) in [("jane", "SET #name = :revoked"), ("sam", "SET answers = :five")] {
        let (request, code) = app.code_for(username).await;
        let account = app.account(username).await.id;
        let ticket = app.store.list_tickets(account).await.unwrap().tickets.remove(0);
        let key = rekey::store::keys::ticket(account, ticket.id).attributes();
        let update = app.dynamodb.update_item().table_name(&app.table).set_key(Some(key));
        let update = match username {
            "jane" => update
                .expression_attribute_names("#name", "state")
                .expression_attribute_values(":revoked", AttributeValue::S("revoked".to_owned())),
            _ => update.expression_attribute_values(":five", AttributeValue::N("5".to_owned())),
        };
        update.update_expression(change).send().await.unwrap();
        assert_eq!(app.verify(&request, &code).await.outcome(), expired(), "{username}");
        let event = serde_json::to_value(app.events(account).await.pop().unwrap()).unwrap();
        let words = (&event["action"], &event["reason"]);
        assert_eq!(words, (&json!("authn_code_fail"), &json!("revoked")), "a right code, to no avail");
    }
}

#[tokio::test]
async fn who_was_never_set_up_is_invited_again_however_they_ask() {
    let app = TestApp::start().await;
    let request = app.forgot_by_code("agency", "client", "ivan").await;
    app.deliver().await;
    let mail = app.mailbox.messages().remove(0);
    assert_eq!(mail.subject, "Your account is ready to set up");
    assert_eq!(app.preview(&token_in(&mail)).await.json()["purpose"], "invitation");
    assert_eq!(app.verify(&request, "1234 5678").await.json()["attempts_left"], 4);

    let nina =
        json!({"username": "nina", "email": "jane@agency.test", "display_name": "Nina", "invited": true});
    app.import("agency", &[nina]).await;
    let (request, code) = app.code_for("jane@agency.test").await;
    let json = app.verify(&request, &code).await.json();
    let accounts = json["accounts"].as_array().unwrap();
    let token = |name: &str| {
        let account = accounts.iter().find(|account| account["username"] == name).unwrap();
        account["token"].as_str().unwrap().to_owned()
    };
    assert_eq!(app.preview(&token("jane")).await.json()["purpose"], "reset");
    assert_eq!(app.preview(&token("nina")).await.json()["purpose"], "invitation", "one mail serves both");
    assert_eq!(app.reset(&token("nina"), NEW_PASSWORD).await.status, 204);
    assert_eq!(app.sign_in("nina", NEW_PASSWORD).await.status, 201);
}

#[tokio::test]
async fn staff_recover_by_code_at_their_own_door() {
    let app = TestApp::start().await;
    let request = app.forgot_by_code("agency", "staff", "casey@agency.test").await;
    app.forgot_by_code("agency", "client", "casey").await;
    app.deliver().await;
    let mails = app.mailbox.messages();
    assert_eq!(mails.len(), 1, "casey has no account on the client portal");
    let token = token_of(&app.verify(&request, &code_in(&mails[0])).await);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    let body =
        json!({"practice": "agency", "portal": "staff", "identifier": "casey", "password": NEW_PASSWORD});
    assert_eq!(app.post("/v1/sessions", body).await.json()["account"]["role"], "staff");
    assert_eq!(app.account_of("agency", Portal::Staff, "casey").await.credential_version, 2);
}

/// Tries every code of six digits against what the table keeps, as somebody would who has read this repository. Answers
/// those that fit.
fn search(kept: &Value, request: &str, key: &[u8]) -> Vec<String> {
    let digest: rekey::token::Digest = serde_json::from_value(kept.clone()).unwrap();
    let request: rekey::ids::OutboxId = request.parse().unwrap();
    let fits = |code: &String| {
        let parts: [&[u8]; 3] = [b"rekey stored code", &request.to_bytes(), code.as_bytes()];
        rekey::token::keyed(key, &parts) == *digest.as_bytes()
    };
    // Half of them in each of two threads.
    let half = |from: u32| (from..from + 500_000).map(|n| format!("{n:06}")).filter(fits).collect::<Vec<_>>();
    let mut found = std::thread::scope(|scope| {
        let first = scope.spawn(|| half(0));
        let second = half(500_000);
        [first.join().unwrap(), second].concat()
    });
    found.sort();
    found
}

#[tokio::test]
async fn a_dump_gives_no_code_to_who_has_everything_but_the_key() {
    let app = TestApp::start_with(&[]).await;
    app.create_practice("therapy", json!({"code_length": 6})).await;
    app.import("therapy", &demo_accounts("therapy")).await;
    let request = app.forgot_by_code("therapy", "client", "jane").await;
    app.deliver().await;
    let code = code_in(&app.mailbox.messages()[0]).replace(' ', "");
    let dump = app.dump().await;
    let item = dump.iter().find(|item| item.contains(&format!("REQUEST#{request}"))).unwrap();
    let item: Value = serde_json::from_str(item).unwrap();
    let mailed = &item["challenge"]["mailed"][0];
    assert!(!dump.join("").contains(&code), "the code itself is nowhere");

    let key = |secret: &str| {
        let ring: Value = serde_json::from_str(&app.keys[secret]).unwrap();
        ring["k1"].as_str().unwrap().as_bytes().to_vec()
    };
    let nonce = item["nonce"].as_str().unwrap().as_bytes();
    for other in [nonce, &key("rekey/pepper")] {
        assert!(search(&mailed["digest"], &request, other).is_empty());
    }
    assert_eq!(search(&mailed["digest"], &request, &key("rekey/codes")), [code], "the search itself works");
}

/// What is kept of the codes that a request has led to.
async fn mailed(app: &TestApp, request: &str) -> Value {
    let dump = app.dump().await;
    let item = dump.iter().find(|item| item.contains(&format!("REQUEST#{request}"))).unwrap();
    serde_json::from_str::<Value>(item).unwrap()["challenge"]["mailed"].clone()
}

#[tokio::test]
async fn a_redelivered_record_sends_the_same_code_again_after_a_key_rotation_too() {
    for secret in ["rekey/derivation", "rekey/codes"] {
        let app = TestApp::start().await;
        let request = app.forgot_by_code("agency", "client", "jane").await;
        let record = app.stream_records().await.pop().unwrap();
        let batch = json!({"Records": [record]});
        app.mailbox.fail_next(3, rekey_local::mailbox::Failure::AccountPaused);
        app.invoke_mailer(batch.clone()).await;
        assert!(app.mailbox.messages().is_empty());
        let before = mailed(&app, &request).await;
        assert_eq!(before.as_array().unwrap().len(), 1, "remembered before it is mailed");
        assert_eq!((&before[0]["key"], &before[0]["derivation_key"]), (&json!("k1"), &json!("k1")));

        app.mailbox.clear_failures();
        app.invoke_mailer_after_rotation(secret, batch.clone()).await;
        assert_eq!(mailed(&app, &request).await, before, "{secret}: the same code");
        let code = code_in(&app.mailbox.messages()[0]);
        app.invoke_mailer(batch).await;
        assert_eq!(app.mailbox.messages().len(), 1);
        token_of(&app.verify(&request, &code).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mailers_that_race_over_one_record_mail_one_code() {
    let app = TestApp::start().await;
    let request = app.forgot_by_code("agency", "client", "family@agency.test").await;
    let record = app.stream_records().await.pop().unwrap();
    join_all((0..5).map(|_| app.invoke_mailer(json!({"Records": [record]})))).await;
    let codes: Vec<String> = app.mailbox.messages().iter().map(code_in).collect();
    assert!(!codes.is_empty() && codes.iter().all(|code| *code == codes[0]), "{codes:?}");
    assert_eq!(mailed(&app, &request).await.as_array().unwrap().len(), 1);
    assert_eq!(app.verify(&request, &codes[0]).await.json()["accounts"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn who_is_still_to_be_set_up_is_invited_when_the_code_of_the_others_comes_too_late() {
    let app = TestApp::start().await;
    let nina =
        json!({"username": "nina", "email": "jane@agency.test", "display_name": "Nina", "invited": true});
    app.import("agency", &[nina]).await;
    app.forgot_by_code("agency", "client", "jane@agency.test").await;
    let record = app.stream_records().await.pop().unwrap();
    app.mailbox.fail_next(3, rekey_local::mailbox::Failure::AccountPaused);
    app.invoke_mailer(json!({"Records": [record]})).await;
    app.mailbox.clear_failures();
    app.clock.advance(Duration::from_mins(10));
    let answer = app.invoke_mailer(json!({"Records": [record]})).await;
    assert_eq!(answer, json!({"batchItemFailures": []}), "it holds up nobody");
    let mails = app.mailbox.messages();
    assert_eq!(mails.len(), 1);
    assert_eq!(app.preview(&token_in(&mails[0])).await.json()["username"], "nina");
}

#[tokio::test]
async fn a_tickets_id_does_not_tell_the_request_with_which_its_code_is_entered() {
    let app = TestApp::start().await;
    let (request, _) = app.code_for("jane").await;
    let tickets = app.store.list_tickets(app.account("jane").await.id).await.unwrap().tickets;
    assert_ne!(tickets[0].id.to_string(), request);
}

#[tokio::test]
async fn a_code_that_would_come_too_late_is_not_mailed() {
    let app = TestApp::start().await;
    app.forgot_by_code("agency", "client", "jane").await;
    app.clock.advance(Duration::from_mins(10));
    app.deliver().await;
    assert!(app.mailbox.messages().is_empty());
    let event = app.events(app.account("jane").await.id).await.pop().unwrap();
    let event = serde_json::to_value(event).unwrap();
    assert_eq!((&event["action"], &event["reason"]), (&json!("recovery_refused"), &json!("expired")));
}

#[tokio::test]
async fn the_trail_has_every_code_and_every_guess() {
    let app = TestApp::start().await;
    let (request, code) = app.code_for("jane").await;
    for _ in 0..2 {
        app.verify(&request, &other_than(&code)).await;
    }
    token_of(&app.verify(&request, &code).await);
    let (request, code) = app.code_for("jane").await;
    for _ in 0..9 {
        app.verify(&request, &other_than(&code)).await;
    }
    let events = app.events(app.account("jane").await.id).await;
    let mut trail = Vec::new();
    for event in &events[1..] {
        let event = serde_json::to_value(event).unwrap();
        let words = ["action", "reason"].map(|name| event[name].as_str().unwrap_or_default().to_owned());
        trail.push(words.join(" ").trim().to_owned());
        assert!(event["ticket"].is_string(), "{event}");
    }
    let mut expected = vec!["authn_token_created", "mail_sent"];
    expected.extend(["authn_code_fail wrong_code"; 2]);
    expected.extend(["authn_code_success", "mail_sent"]);
    expected.extend(["authn_code_fail wrong_code"; 4]);
    expected.push("authn_code_fail last_wrong_code");
    assert_eq!(trail, expected);
}

#[tokio::test]
async fn failing_dependencies_cost_no_attempt_more_than_they_must() {
    let app = TestApp::start().await;
    let (request, code) = app.code_for("jane").await;
    let before = app.dump().await;
    app.secrets.set_failing(true);
    assert_eq!(app.verify(&request, &code).await.status, 503);
    app.secrets.set_failing(false);
    app.seam.inject("verify-code", "UpdateItem", 3, Fault::Down);
    assert_eq!(app.verify(&request, &code).await.status, 503);
    app.seam.heal();
    assert_eq!(app.dump().await, before);
    app.seam.inject("verify-code", "UpdateItem", 1, Fault::AnswerLost);
    let reply = app.verify(&request, &other_than(&code)).await;
    assert_eq!(reply.json()["attempts_left"], 4, "counted once");
    app.seam.heal();
    app.seam.inject("verify-code", "UpdateItem", 6, Fault::Conflict);
    let reply = app.verify(&request, &other_than(&code)).await;
    assert_eq!(reply.json()["attempts_left"], 3, "a transaction in the way refuses nobody");
    app.seam.heal();
    app.seam.inject("verify-code", "TransactWriteItems", 3, Fault::Down);
    assert_eq!(app.verify(&request, &code).await.status, 503);
    app.seam.heal();
    let tickets = app.store.list_tickets(app.account("jane").await.id).await.unwrap().tickets;
    assert_eq!(tickets[0].digest, None, "nothing half done");
    app.seam.inject("verify-code", "TransactWriteItems", 1, Fault::AnswerLost);
    let token = token_of(&app.verify(&request, &code).await);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
}

#[tokio::test]
async fn four_codes_a_day_for_one_identifier_however_it_is_spelled_and_links_besides() {
    let app = TestApp::start().await;
    let ask = async |spelling: &str, method: &str| {
        let body = json!({"practice": "agency", "identifier": spelling, "method": method});
        app.post("/v1/password/forgot", body).await
    };
    for (n, spelling) in ["zo\u{eb}", "ZO\u{cb}", "zoe\u{308}", " Zoe\u{308} "].into_iter().enumerate() {
        assert_eq!(ask(spelling, "code").await.status, 202, "{n}");
        app.clock.advance(hours(1));
    }
    let reply = ask("zo\u{eb}", "code").await;
    assert_eq!(reply.outcome(), (429, "too_many_requests".to_owned()));
    let wait: u64 = reply.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((20 * 3600..=20 * 3600 + 900).contains(&wait), "{wait}");
    assert_eq!(ask("zo\u{eb}", "link").await.status, 202, "a link is no guess");
    app.clock.advance(hours(20) + Duration::from_mins(15));
    assert_eq!(ask("zo\u{eb}", "code").await.status, 202, "the first has left the window");
    assert_eq!(ask("zo\u{eb}", "code").await.status, 429, "the second has not");
}

#[tokio::test]
async fn nothing_around_a_request_gains_another_code_or_guess() {
    let app = TestApp::start().await;
    let (request, code) = app.code_for("jane").await;
    let guess = json!({"request_id": request, "code": other_than(&code)});
    let event = || HttpEvent::new("POST", "/v1/password/verify-code").json(&guess);
    for (event, left) in [
        (event().header("cookie", "a=1"), 4),
        (event().header("cookie", "a=2").header("x-forwarded-for", "192.0.2.9"), 3),
        (event().header("forwarded", "for=192.0.2.10").header("user-agent", "other"), 2),
        (event().at_ip("192.0.2.11").query("x=1"), 1),
    ] {
        assert_eq!(app.send(event).await.json()["attempts_left"], left);
    }
    for path in ["/v1//password/verify-code", "//v1/password/verify-code", "/v1/password/verify-code/"] {
        let reply = app.send(HttpEvent::new("POST", path).json(&guess)).await;
        assert_eq!(reply.outcome(), (404, "not_found".to_owned()), "{path}");
    }
    token_of(&app.verify(&request, &code).await);

    for (network, other) in [("203.0.113.9", "203.0.113.10"), ("2001:db8:1:2", "2001:db8:1:3::1")] {
        let ask = async |n: usize, ip: &str| {
            let body = json!({"practice": "agency", "identifier": format!("{n}@{}.test", other.len()), "method": "code"});
            app.send(HttpEvent::new("POST", "/v1/password/forgot").at_ip(ip).json(&body))
                .await
                .status
                .as_u16()
        };
        let ip =
            |n: usize| if network.contains(':') { format!("{network}:{n}::1") } else { network.to_owned() };
        for n in 0..30 {
            assert_eq!(ask(n, &ip(n)).await, 202, "{n}");
        }
        assert_eq!(ask(30, &ip(30)).await, 429);
        assert_eq!(ask(30, other).await, 202);
    }
}

#[tokio::test]
async fn failures_of_dependencies_look_alike_for_known_and_unknown() {
    let app = TestApp::start().await;
    app.verify("01JD7Z3M5V8Q2X4Y6W0N1R9T3K", "0000 0000").await;
    let mut outcomes = Vec::new();
    for identifier in ["jane", "nobody", "family@agency.test"] {
        let request = app.forgot_by_code("agency", "client", identifier).await;
        app.deliver().await;
        for operation in ["UpdateItem", "PutItem"] {
            app.seam.inject("verify-code", operation, 3, Fault::Down);
            outcomes.push((operation, seen(&app, app.verify(&request, "0000 0000")).await));
            app.seam.heal();
        }
    }
    assert_eq!(outcomes[0].1.0, (503, "unavailable".to_owned()));
    for outcome in &outcomes {
        assert_eq!(outcome, &outcomes[usize::from(outcome.0 == "PutItem")]);
    }
}

#[tokio::test]
async fn lifting_the_limits_on_requests_does_not_lift_the_one_on_codes() {
    let lifted =
        ["IDENTIFIER_HOUR", "IDENTIFIER_DAY", "ADDRESS_HOUR"].map(|name| format!("REKEY_FORGOT_PER_{name}"));
    let lifted: Vec<(&str, &str)> = lifted.iter().map(|name| (name.as_str(), "0")).collect();
    let app = TestApp::start_with(&lifted).await;
    app.create_practice("agency", json!({})).await;
    for _ in 0..4 {
        app.forgot_by_code("agency", "client", "jane").await;
    }
    let body = json!({"practice": "agency", "identifier": "jane", "method": "code"});
    assert_eq!(app.post("/v1/password/forgot", body).await.status, 429);
}

#[tokio::test]
async fn a_flood_of_requests_and_guesses_leaves_the_victims_own_code_working() {
    let app = TestApp::start().await;
    let (own, code) = app.code_for("jane").await;
    for n in 0..40 {
        let method = if n % 2 == 0 { "code" } else { "link" };
        let body = json!({"practice": "agency", "identifier": "jane", "method": method});
        let event =
            HttpEvent::new("POST", "/v1/password/forgot").at_ip(&format!("198.51.100.{n}")).json(&body);
        let reply = app.send(event).await;
        if let Some(request) = reply.json()["request_id"].as_str() {
            for guess in 0..6 {
                verify_from(&app, request, &format!("{guess:08}"), &format!("192.0.2.{n}")).await;
            }
        }
    }
    app.deliver().await;
    assert_eq!(app.sign_in("jane", PASSWORD).await.status, 201, "sign-in is not locked");
    let (later, fresh) = app.code_for("jane@agency.test").await;
    token_of(&app.verify(&later, &fresh).await);
    let token = token_of(&app.verify(&own, &code).await);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
}
