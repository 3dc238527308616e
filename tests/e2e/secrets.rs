//! U2: no plaintext secret is ever stored or logged. The tests search everything that a run printed and stored for its
//! secrets.

use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::staff::{ACCOUNTS, StaffMember};
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp, logs, not_me_in, other_than, temporary_in};

/// A whole recovery, with mistakes and failures on the way. Answers every secret that it used, and every address.
async fn run(app: &TestApp) -> (Vec<String>, Vec<String>) {
    let token = app.token_for("jane").await;
    let not_me = not_me_in(&app.mailbox.messages()[0]).unwrap();
    app.preview(&token).await;
    app.reset(&token, "passwordpassword").await;
    app.sign_in("jane", "a wrong guess entirely").await;
    app.sign_in("jane@agency.test", "a wrong guess entirely").await;
    let old_session = app.session_of("jane", PASSWORD).await;
    app.reset(&token, NEW_PASSWORD).await;
    app.reset(&token, NEW_PASSWORD).await;
    app.mailbox.fail_for("sam@agency.test", rekey_local::mailbox::Failure::Rejected);
    app.forgot("sam@agency.test").await;
    app.seam.inject("mailer", "GetItem", 3, crate::support::seam::Fault::Down);
    app.deliver().await;
    let session = app.session_of("jane", NEW_PASSWORD).await;
    app.account_with(&session).await;
    app.seam.inject("sessions", "GetItem", 3, crate::support::seam::Fault::Down);
    app.account_with(&session).await;
    let question =
        json!({"current_password": NEW_PASSWORD, "question": "Pet?", "answer": "Zanzibar the Third"});
    let put = HttpEvent::new("PUT", "/v1/security-question").bearer(&session).json(&question);
    assert_eq!(app.send(put).await.status, 204);
    assert_eq!(app.not_me(&not_me).await.status, 410);
    let (request, code) = app.code_for("lily").await;
    let (plain, wrong) = (code.replace(' ', ""), other_than(&code));
    app.verify(&request, &wrong).await;
    app.send(HttpEvent::new("GET", "/v1/password/verify-code").query(&format!("code={plain}"))).await;
    app.send(HttpEvent::new("GET", &format!("/v1/password/verify-code/{plain}"))).await;
    let exchanged = app.verify(&request, &code).await.json()["token"].as_str().unwrap().to_owned();
    for (method, path) in [("GET", "/v1/password/reset"), ("GET", "/v1/sessions"), ("DELETE", "/v1/sessions")]
    {
        app.send(HttpEvent::new(method, &format!("{path}/{token}"))).await;
    }
    app.send(HttpEvent::new("POST", "/v1/practices/jane@agency.test")).await;
    let (temporary, copied, repudiation) = help(app).await;
    Box::pin(app.in_need("sam@agency.test")).await;
    Box::pin(app.in_need("nobody@agency.test")).await;
    let member = StaffMember::of(app, "agency", "staff", "admin").await;
    for task in member.tasks("").await {
        assert_eq!(member.act(&task, json!({"action": "done", "note": "Called back"})).await.status, 200);
    }
    app.send(HttpEvent::new("DELETE", "/v1/sessions/current").bearer(&session)).await;

    let mut secrets: Vec<String> =
        [PASSWORD, NEW_PASSWORD, "a wrong guess entirely", "passwordpassword"].map(String::from).into();
    secrets.extend(app.keys.values().flat_map(|value| key_material(value)));
    secrets.extend([temporary.replace('-', ""), temporary]);
    for token in [&copied, &repudiation, &not_me] {
        secrets.push(token.clone());
        secrets.push(token[43..].to_owned());
    }
    secrets.extend([code, plain, wrong, "Zanzibar".to_owned(), "zanzibar".to_owned()]);
    for token in [&token, &old_session, &session, &exchanged] {
        secrets.push(token.clone());
        secrets.push(token[43..].to_owned());
    }
    let addresses = ["jane@agency.test", "sam@agency.test", "nobody@agency.test"].map(String::from).into();
    (secrets, addresses)
}

/// What staff do: a temporary password used and changed, a link by direct invocation, a bad one, a change taken back, and what
/// SES reports of it all.
async fn help(app: &TestApp) -> (String, String, String) {
    let member = StaffMember::of(app, "agency", "staff", "admin").await;
    for (password, status) in [("a wrong guess entirely", 401), (PASSWORD, 204)] {
        let confirm = HttpEvent::new("POST", "/v1/sessions/current/confirm");
        assert_eq!(member.send(confirm.json(&json!({"current_password": password}))).await.status, status);
    }
    let tom = app.account("tom").await.id;
    let issue = HttpEvent::new("POST", &format!("{ACCOUNTS}/{tom}/temporary-password"));
    assert_eq!(member.send(issue).await.status, 202);
    app.deliver().await;
    let temporary = temporary_in(&app.mailbox.messages()[0]);
    let session = app.session_of("tom", &temporary).await;
    let body = json!({"current_password": temporary, "new_password": NEW_PASSWORD});
    let change = HttpEvent::new("POST", "/v1/password/change").bearer(&session).json(&body);
    assert_eq!(app.send(change).await.status, 204);
    app.deliver().await;
    let confirmation = app.mailbox.messages()[0].text.clone().unwrap();
    let repudiation =
        confirmation.split_once("#repudiate=").unwrap().1.split_whitespace().next().unwrap().to_owned();
    assert_eq!(app.post("/v1/password/repudiate", json!({"token": repudiation})).await.status, 204);
    app.deliver().await;
    app.report_mails().await;
    let link = json!({"practice": "agency", "username": "tom", "expires_at": "2026-11-22T18:00:00Z", "deliver": "copy"});
    let copied = app.invoke_admin_link(link.clone()).await.unwrap();
    let mut bad = link;
    bad["deliver"] = json!("sam@agency.test");
    let error = app.invoke_admin_link(bad).await.unwrap_err();
    assert!(!error.error_message.contains("sam@agency.test"), "the runtime logs it: {}", error.error_message);
    let token = copied["url"].as_str().unwrap().split_once("#token=").unwrap().1.to_owned();
    (temporary, token, repudiation)
}

fn key_material(value: &str) -> Vec<String> {
    let value: Value = serde_json::from_str(value).unwrap();
    let members = value.as_object().unwrap().iter().filter(|(name, _)| *name != "current");
    members.map(|(_, material)| material.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn nothing_printed_or_stored_shows_a_secret() {
    let app = TestApp::start().await;
    let (secrets, addresses) = run(&app).await;
    let (printed, stored) = (logs::printed(), app.dump().await.join("\n"));
    for event in ["request", "mail_sent", "outbox_item_done", "mail_delayed", "mail_parked", "failure"] {
        assert!(
            printed.contains(&format!("\"event\":\"{event}\"")),
            "the run printed a {event} line:\n{printed}"
        );
    }
    assert!(stored.contains("\"pk\":\"TICKET#") && stored.contains("\"pk\":\"SESSION#"));
    for secret in &secrets {
        assert!(!printed.contains(secret), "printed: {secret}");
        assert!(!stored.contains(secret), "stored: {secret}");
    }
    for address in &addresses {
        assert!(!printed.contains(address), "printed: {address}");
        let events = stored.lines().filter(|line| line.contains("\"pk\":\"EVENT#"));
        assert!(events.into_iter().all(|event| !event.contains(address)), "in an event: {address}");
    }
    for name in ["\"identifier\"", "jane"] {
        assert!(!printed.contains(name), "printed: {name}");
    }
}

#[tokio::test]
async fn every_log_line_is_json_with_its_requests_id() {
    let app = TestApp::start().await;
    let before = logs::lines().len();
    app.forgot("jane").await;
    let lines = &logs::lines()[before..];
    assert_eq!(lines.len(), 1, "one line a request");
    let line = &lines[0];
    assert_eq!(
        (&line["event"], &line["status"], &line["level"]),
        (&"request".into(), &202.into(), &"INFO".into())
    );
    assert_eq!(line["request_id"], "request-1");
    assert!(line["timestamp"].is_string());
}
