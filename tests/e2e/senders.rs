//! The senders of practices: the identities that SES sends from, and the records that their DNS needs.

use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::seam::Fault;
use crate::support::staff::StaffMember;
use crate::support::{TestApp, demo_accounts, practice};
use crate::undelivered::{MINUTE, recipients, undelivered};

/// Makes a practice with these senders, and returns the answer.
async fn create(app: &TestApp, slug: &str, senders: &[&str]) -> Value {
    let mut with_senders = practice(slug, &json!({}));
    with_senders["senders"] = json!(senders);
    app.operate(json!({"action": "create_practice", "practice": with_senders})).await.unwrap()
}

async fn verify(app: &TestApp, slug: &str) -> Value {
    app.operate(json!({"action": "verify_senders", "practice": slug})).await.unwrap()
}

/// The calls of the operator that change something at SES.
fn changes(app: &TestApp) -> Vec<String> {
    let said = app.seam.said().into_iter().filter(|said| said.function == "operator");
    let paths = said.map(|said| said.target).filter(|path| path.starts_with("email/"));
    paths.filter(|path| path == "email/identities" || path.ends_with("/mail-from")).collect()
}

#[tokio::test]
async fn a_new_practice_is_told_the_records_by_which_ses_may_send_for_it() {
    let app = TestApp::start_with(&[]).await;
    let answer = create(&app, "agency", &["*@agency.test"]).await;
    assert_eq!(answer["status"], "created");
    assert_eq!(answer["repeat"], "cargo operator verify-senders agency");
    let sender = &answer["identities"][0];
    let of = |member: &str| sender[member].clone();
    assert_eq!(
        (of("sender"), of("identity"), of("can_send")),
        (json!("*@agency.test"), json!("agency.test"), json!(false))
    );
    assert_eq!(
        (of("made_for"), of("dkim"), of("mail_from")),
        (json!("agency"), json!("PENDING"), json!("PENDING"))
    );
    let records = sender["records"].as_array().unwrap();
    let (keys, others) = records.split_at(3);
    for key in keys {
        let name = key["name"].as_str().unwrap().strip_suffix("._domainkey.agency.test").unwrap();
        assert_eq!(
            *key,
            json!({"purpose": "DKIM", "type": "CNAME", "name": key["name"], "value": format!("{name}.dkim.amazonses.com")})
        );
    }
    let expected = json!([
        {"purpose": "MAIL FROM", "type": "MX", "name": "bounce.agency.test", "value": "10 feedback-smtp.us-east-1.amazonses.com"},
        {"purpose": "MAIL FROM", "type": "TXT", "name": "bounce.agency.test", "value": "v=spf1 include:amazonses.com ~all"},
        {"purpose": "DMARC, unless the domain has one", "type": "TXT", "name": "_dmarc.agency.test", "value": "v=DMARC1; p=none"},
    ]);
    assert_eq!(json!(others), expected);
    assert_eq!(verify(&app, "agency").await["identities"], answer["identities"], "it can be repeated");
    assert_eq!(
        changes(&app),
        ["email/identities", "email/identities/agency.test/mail-from"],
        "and changes nothing then"
    );
    app.mailbox.publish("agency.test").unwrap();
    let answer = verify(&app, "agency").await;
    assert_eq!((&answer["identities"][0]["can_send"], &answer["repeat"]), (&json!(true), &Value::Null));
}

#[tokio::test]
async fn practices_of_one_domain_share_its_identity_and_are_told_whose_it_is() {
    let app = TestApp::start_with(&[]).await;
    create(&app, "agency", &["*@agency.test"]).await;
    create(&app, "therapy", &[]).await;
    let set = json!({"action": "set_domains", "practice": "therapy", "domains": ["therapy.test"], "senders": ["care@agency.test"]});
    let answer = app.operate(set).await.unwrap();
    assert_eq!(answer["senders"], json!(["care@agency.test"]));
    assert_eq!(answer["identities"][0]["made_for"], "agency");
    assert_eq!(changes(&app).len(), 2, "it is made once");
    assert_eq!(
        create(&app, "therapy", &["*@other.test"]).await,
        json!({"status": "exists"}),
        "what is there is left alone"
    );
    create(&app, "caseload", &[]).await;
    assert_eq!(verify(&app, "caseload").await, json!({"identities": []}));
    let error = app.operate(json!({"action": "verify_senders", "practice": "nowhere"})).await.unwrap_err();
    assert_eq!(error.to_string(), "no practice is called nowhere");
}

#[tokio::test]
async fn an_identity_that_others_have_made_is_used_and_not_changed() {
    let app = TestApp::start_with(&[]).await;
    for (verified, sender) in
        [("own.test", "*@own.test"), ("above.test", "*@a.b.above.test"), ("care@post.test", "care@post.test")]
    {
        app.mailbox.publish(verified).unwrap();
        let slug = verified.replace(['.', '@'], "-");
        let answer = create(&app, &slug, &[sender]).await;
        let known = &answer["identities"][0];
        assert_eq!((&known["identity"], &known["can_send"]), (&json!(verified), &json!(true)), "{sender}");
        assert_eq!((&known["made_for"], &known["mail_from"]), (&Value::Null, &Value::Null), "{sender}");
        assert_eq!(answer["repeat"], Value::Null, "{sender}");
    }
    assert_eq!(changes(&app), [""; 0]);
    // Another address of that mailbox's domain needs the domain.
    assert_eq!(create(&app, "post", &["other@post.test"]).await["identities"][0]["identity"], "post.test");
}

#[tokio::test]
async fn a_failure_of_ses_is_told_and_the_next_call_goes_on() {
    let app = TestApp::start_with(&[]).await;
    app.seam.inject("operator", "identities", 1, Fault::Denied);
    let answer = create(&app, "agency", &["*@agency.test"]).await;
    assert_eq!(answer["status"], "created", "the practice is there");
    let expected = json!([{"sender": "*@agency.test", "can_send": false, "error": "AccessDeniedException: not authorized"}]);
    assert_eq!(
        (&answer["identities"], &answer["repeat"]),
        (&expected, &json!("cargo operator verify-senders agency"))
    );
    app.seam.inject("operator", "mail-from", 1, Fault::Denied);
    let answer = verify(&app, "agency").await;
    let half = &answer["identities"][0];
    assert_eq!(
        (&half["error"], half["records"].as_array().unwrap().len()),
        (&json!("AccessDeniedException: not authorized"), 4)
    );
    let whole = verify(&app, "agency").await;
    assert_eq!(
        (&whole["identities"][0]["error"], whole["identities"][0]["records"].as_array().unwrap().len()),
        (&Value::Null, 6)
    );
    // Made, and the answer was lost: the SDK asks again, and SES says that it is there.
    app.seam.inject("operator", "identities", 1, Fault::AnswerLost);
    let answer = create(&app, "therapy", &["*@therapy.test"]).await;
    assert_eq!(
        (&answer["identities"][0]["made_for"], &answer["identities"][0]["error"]),
        (&json!("therapy"), &Value::Null)
    );
}

#[tokio::test]
async fn a_paused_tenant_delays_the_mail_of_its_practice_alone() {
    let app = TestApp::start().await;
    app.create_practice("therapy", json!({})).await;
    app.import("therapy", &demo_accounts("therapy")).await;
    let set_tenant = async |tenant: Value| {
        app.operate(json!({"action": "set_tenant", "practice": "agency", "tenant": tenant})).await
    };
    let error = set_tenant(json!("a tenant")).await.unwrap_err().to_string();
    assert!(error.contains("tenant: must have 1 to 64"), "{error}");
    assert_eq!(set_tenant(json!("harbor")).await.unwrap(), json!({"tenant": "harbor"}));
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    let renamed = HttpEvent::new("PATCH", "/v1/admin/practice").json(&json!({"name": "Other"}));
    assert_eq!(admin.send(renamed).await.status, 200);
    app.mailbox.pause_tenant("harbor", true);
    for name in ["jane", "sam"] {
        app.forgot(name).await;
    }
    app.post("/v1/password/forgot", json!({"practice": "therapy", "identifier": "jane"})).await;
    let before = app.mailbox.attempts();
    app.deliver().await;
    assert_eq!(recipients(&app), ["jane@therapy.test"]);
    assert_eq!(app.mailbox.attempts() - before, 2, "the second of theirs is not tried in vain");
    let waiting = undelivered(&app, json!({"practice": "agency", "queue": "waiting"})).await;
    assert_eq!(waiting[0]["failure"], "SendingPausedException");
    app.mailbox.pause_tenant("harbor", false);
    app.clock.advance(MINUTE);
    app.sweep().await;
    assert_eq!(recipients(&app), ["jane@agency.test", "jane@therapy.test", "sam@agency.test"]);
    let tenants = || -> Vec<Option<String>> {
        let sent = app.mailbox.messages().into_iter().filter(|mail| mail.to[0].ends_with("@agency.test"));
        sent.map(|mail| mail.headers.get("X-SES-TENANT").cloned()).collect()
    };
    assert_eq!(tenants(), [Some("harbor".to_owned()), Some("harbor".to_owned())]);
    assert_eq!(set_tenant(Value::Null).await.unwrap(), json!({"tenant": null}));
    app.clock.advance(MINUTE);
    app.mailbox.clear().unwrap();
    app.forgot("jane").await;
    app.deliver().await;
    assert_eq!(tenants(), [None]);
}
