//! Tests of SES v2 and Secrets Manager through their real SDKs, and of the mailbox behind them.

#![expect(clippy::expect_used, clippy::panic, reason = "what a test needs and does not get fails the test")]

use std::net::SocketAddr;
use std::time::Duration;

use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::operation::send_email::builders::SendEmailFluentBuilder;
use aws_sdk_sesv2::types::{
    BehaviorOnMxFailure, Body, ConfigurationOverrides, Content, Destination, EmailContent, FeatureStatus,
    Message, MessageHeader, MessageTag, RawMessage, TrackingConfigurationOverrides,
};
use rekey_local::mailbox::{Failure, Mailbox};
use rekey_local::secrets::Secrets;
use rekey_local::{Server, dynamodb, reference, services};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(5);

struct Stack {
    server: Server,
    mailbox: Mailbox,
    secrets: Secrets,
}

async fn stack() -> Stack {
    stack_with(Mailbox::new()).await
}

async fn stack_with(mailbox: Mailbox) -> Stack {
    let secrets = Secrets::new([("rekey/pepper".to_owned(), "pepper".to_owned())]);
    let server = services::start(any_port(), mailbox.clone(), secrets.clone()).await.expect("a port");
    Stack { server, mailbox, secrets }
}

fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

macro_rules! client {
    ($stack:expr, $sdk:ident, $attempts:expr) => {
        $sdk::Client::from_conf(
            $sdk::Config::builder()
                .behavior_version($sdk::config::BehaviorVersion::latest())
                .region($sdk::config::Region::new(dynamodb::REGION))
                .credentials_provider(dynamodb::credentials())
                .http_client(aws_smithy_http_client::Builder::new().build_http())
                .retry_config($sdk::config::retry::RetryConfig::standard().with_max_attempts($attempts))
                .endpoint_url($stack.server.url())
                .build(),
        )
    };
}

fn text(data: &str) -> Content {
    Content::builder().data(data).charset("UTF-8").build().expect("content")
}

fn mail(stack: &Stack, to: &str) -> SendEmailFluentBuilder {
    let body =
        Body::builder().text(text("Hola, José: https://portal.test/#token=x")).html(text("<p>Hola</p>"));
    let header =
        MessageHeader::builder().name("Auto-Submitted").value("auto-generated").build().expect("a header");
    let message =
        Message::builder().subject(text("Tu cuenta, José")).body(body.build()).headers(header).build();
    client!(stack, aws_sdk_sesv2, 1)
        .send_email()
        .from_email_address("Harbor Agency <no-reply@rekey.test>")
        .destination(Destination::builder().to_addresses(to).build())
        .reply_to_addresses("help@agency.test")
        .content(EmailContent::builder().simple(message).build())
        .configuration_set_name("rekey")
        .email_tags(MessageTag::builder().name("practice").value("agency").build().expect("a tag"))
}

async fn messages(stack: &Stack) -> Vec<Value> {
    let answer = reqwest::get(format!("{}/messages", stack.server.url())).await.expect("an answer");
    answer.json().await.expect("JSON")
}

#[tokio::test]
async fn a_mail_arrives_as_it_was_sent() {
    let stack = stack().await;
    let sent = mail(&stack, "jane@agency.test").send().await.expect("sent");
    let mails = messages(&stack).await;
    let [mail] = mails.as_slice() else { panic!("{mails:?}") };
    assert_eq!(mail["id"].as_str(), sent.message_id());
    assert_eq!(mail["to"], serde_json::json!(["jane@agency.test"]));
    assert_eq!(mail["from"], "Harbor Agency <no-reply@rekey.test>");
    assert_eq!(mail["subject"], "Tu cuenta, José");
    assert_eq!(mail["text"], "Hola, José: https://portal.test/#token=x");
    assert_eq!(mail["html"], "<p>Hola</p>");
    assert_eq!(mail["headers"]["Auto-Submitted"], "auto-generated");
    assert_eq!(mail["headers"]["Reply-To"], "help@agency.test");
    assert_eq!(mail["headers"]["X-SES-CONFIGURATION-SET"], "rekey");
    assert_eq!(mail["headers"]["X-SES-MESSAGE-TAGS"], "practice=agency");
    assert_eq!(mail["tags"]["practice"], "agency");
    let received: jiff::Timestamp = mail["received_at"].as_str().expect("a time").parse().expect("RFC 3339");
    assert_eq!(stack.mailbox.messages()[0].received_at, received);
}

#[tokio::test]
async fn mails_are_listed_newest_first_and_can_be_thrown_away() {
    let stack = stack().await;
    for to in ["jane@agency.test", "sam@agency.test"] {
        mail(&stack, to).send().await.expect("sent");
    }
    let to: Vec<Value> = messages(&stack).await.into_iter().map(|mail| mail["to"][0].clone()).collect();
    assert_eq!(to, ["sam@agency.test", "jane@agency.test"]);
    let client = reqwest::Client::new();
    let url = format!("{}/messages", stack.server.url());
    assert_eq!(client.get(format!("{url}?to=jane")).send().await.expect("an answer").status(), 400);
    assert_eq!(client.delete(&url).send().await.expect("an answer").status(), 204);
    assert!(messages(&stack).await.is_empty());
}

#[tokio::test]
async fn mails_are_there_after_a_restart_until_they_are_thrown_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mailbox.jsonl");
    let open = || Mailbox::open(&path).expect("a file");
    let before = stack_with(open()).await;
    for to in ["jane@agency.test", "sam@agency.test"] {
        mail(&before, to).send().await.expect("sent");
    }
    let mails = messages(&before).await;
    drop(before);

    let after = stack_with(open()).await;
    assert_eq!(messages(&after).await, mails);
    assert!(after.mailbox.take_events().is_empty(), "they have been reported before");
    mail(&after, "lily@agency.test").send().await.expect("sent");
    assert_eq!(messages(&after).await[1..], mails);
    let client = reqwest::Client::new();
    let url = format!("{}/messages", after.server.url());
    assert_eq!(client.delete(&url).send().await.expect("an answer").status(), 204);
    drop(after);
    assert!(open().messages().is_empty());
}

#[tokio::test]
async fn tracking_can_be_turned_off_for_one_mail() {
    let stack = stack().await;
    let off = TrackingConfigurationOverrides::builder()
        .open_tracking_enabled(FeatureStatus::Disabled)
        .click_tracking_enabled(FeatureStatus::Disabled)
        .build();
    let overrides = ConfigurationOverrides::builder().tracking(off).build();
    mail(&stack, "jane@agency.test").configuration_overrides(overrides).send().await.expect("sent");
    let tracking = stack.mailbox.messages()[0].tracking;
    assert_eq!((tracking.open, tracking.click), (Some(false), Some(false)));
}

async fn bad_request(request: SendEmailFluentBuilder) -> String {
    match request.send().await.expect_err("refused").into_service_error() {
        SendEmailError::BadRequestException(error) => error.message().unwrap_or_default().to_owned(),
        error => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn what_rekey_never_sends_is_a_bad_request() {
    let stack = stack().await;
    let jane = || mail(&stack, "jane@agency.test");
    assert!(bad_request(jane().set_configuration_set_name(None)).await.contains("ConfigurationSetName"));
    assert!(bad_request(mail(&stack, "jane")).await.contains("\"jane\""));
    let raw =
        RawMessage::builder().data(aws_sdk_sesv2::primitives::Blob::new("Subject: x")).build().expect("raw");
    assert!(bad_request(jane().content(EmailContent::builder().raw(raw).build())).await.contains("Raw"));
    let copy =
        Destination::builder().to_addresses("jane@agency.test").cc_addresses("sam@agency.test").build();
    assert!(bad_request(jane().destination(copy)).await.contains("CcAddresses"));
    assert_eq!((stack.mailbox.messages().len(), stack.mailbox.attempts()), (0, 0));
}

#[tokio::test]
async fn failures_are_had_to_order() {
    let stack = stack().await;
    let send = || async {
        mail(&stack, "jane@agency.test")
            .send()
            .await
            .map_err(aws_sdk_sesv2::error::SdkError::into_service_error)
    };
    stack.mailbox.fail_next(1, Failure::Throttled);
    stack.mailbox.fail_next(1, Failure::Rejected);
    stack.mailbox.fail_next(1, Failure::AccountPaused);
    stack.mailbox.fail_next(1, Failure::Unavailable);
    assert!(send().await.expect_err("ordered").is_too_many_requests_exception());
    assert!(send().await.expect_err("ordered").is_message_rejected());
    assert!(send().await.expect_err("ordered").is_sending_paused_exception());
    let error = send().await.expect_err("ordered");
    assert_eq!(
        aws_sdk_sesv2::error::ProvideErrorMetadata::code(&error),
        Some("InternalServiceErrorException")
    );
    send().await.expect("no failure is left");
    assert_eq!((stack.mailbox.messages().len(), stack.mailbox.attempts()), (1, 5));
}

#[tokio::test]
async fn an_address_can_fail_for_good_until_it_is_cleared() {
    let stack = stack().await;
    stack.mailbox.fail_for("Jane@agency.test", Failure::Rejected);
    for _ in 0..2 {
        mail(&stack, "Jane Doe <JANE@agency.test>").send().await.expect_err("ordered");
    }
    mail(&stack, "sam@agency.test").send().await.expect("another address");
    stack.mailbox.clear_failures();
    mail(&stack, "jane@agency.test").send().await.expect("cleared");
}

#[tokio::test]
async fn a_mail_can_be_waited_for() {
    let stack = stack().await;
    let to = |name: &'static str| move |mail: &rekey_local::mailbox::Message| mail.to[0].starts_with(name);
    let (waited, _) = tokio::join!(stack.mailbox.wait_for(to("jane"), SOON), async {
        mail(&stack, "sam@agency.test").send().await.expect("sent");
        mail(&stack, "jane@agency.test").send().await.expect("sent")
    });
    assert_eq!(waited.expect("it came").to, ["jane@agency.test"]);
    let there = stack.mailbox.wait_for(to("sam"), Duration::ZERO).await;
    assert!(there.is_some(), "it was there already");
    assert_eq!(stack.mailbox.wait_for(to("lily"), Duration::ZERO).await, None);
}

#[tokio::test]
async fn the_page_runs_nothing_but_its_own_script() {
    let stack = stack().await;
    let answer = reqwest::get(stack.server.url()).await.expect("an answer");
    let policy = answer.headers()["content-security-policy"].to_str().expect("text").to_owned();
    let page = answer.text().await.expect("a page");
    let (_, rest) = policy.split_once("script-src 'nonce-").expect("a nonce");
    let (nonce, _) = rest.split_once('\'').expect("a nonce");
    assert!(page.contains(&format!("<script nonce=\"{nonce}\">")) && !page.contains("{nonce}"));
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("script-src 'unsafe-inline'"));
    assert!(!page.contains("src=\"http") && !page.contains("href=\"http"), "nothing comes from elsewhere");
    let again = reqwest::get(stack.server.url()).await.expect("an answer");
    assert_ne!(again.headers()["content-security-policy"].to_str().expect("text"), policy);
}

#[tokio::test]
async fn the_reference_is_shown_once_it_is_built_and_loads_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("index.html");
    let server = Server::serve(any_port(), reference::router(file.clone())).await.expect("a port");
    let url = format!("{}/reference", server.url());
    let absent = reqwest::get(&url).await.expect("an answer");
    assert_eq!(absent.status(), 404);
    assert!(absent.text().await.expect("a page").contains("tests/contract/reference"));

    std::fs::write(&file, "<!doctype html><title>Rekey</title>").expect("built");
    let built = reqwest::get(&url).await.expect("an answer");
    assert_eq!(
        (built.status().as_u16(), &built.headers()["content-type"]),
        (200, &"text/html; charset=utf-8".parse().expect("a header"))
    );
    let policy = built.headers()["content-security-policy"].to_str().expect("text").to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'unsafe-inline';"), "{policy}");
    assert!(!policy.contains("http") && !policy.contains('*') && !policy.contains("connect-src"), "{policy}");
    assert!(policy.ends_with("sandbox allow-scripts"), "{policy}");
    assert_eq!(built.text().await.expect("a page"), "<!doctype html><title>Rekey</title>");

    std::fs::remove_file(&file).expect("removed");
    std::fs::create_dir(&file).expect("a folder in its place");
    let unreadable = reqwest::get(&url).await.expect("an answer");
    assert_eq!(unreadable.status(), 500);
    assert!(unreadable.text().await.expect("text").contains("index.html cannot be read"));
}

#[tokio::test]
async fn a_secret_is_given_and_counted() {
    let stack = stack().await;
    let client = client!(stack, aws_sdk_secretsmanager, 1);
    let answer = client.get_secret_value().secret_id("rekey/pepper").send().await.expect("a secret");
    assert_eq!(answer.secret_string(), Some("pepper"));
    let arn = answer.arn().expect("an ARN");
    let by_arn = client.get_secret_value().secret_id(arn).send().await.expect("a secret");
    assert_eq!(by_arn.name(), Some("rekey/pepper"));
    let unknown = client.get_secret_value().secret_id("rekey/none").send().await.expect_err("unknown");
    assert!(matches!(unknown.into_service_error(), GetSecretValueError::ResourceNotFoundException(_)));
    assert_eq!((stack.secrets.calls(), stack.secrets.calls_for("rekey/pepper")), (3, 2));
}

#[tokio::test]
async fn secrets_can_fail() {
    let stack = stack().await;
    let client = client!(stack, aws_sdk_secretsmanager, 1);
    stack.secrets.set_failing(true);
    let error = client.get_secret_value().secret_id("rekey/pepper").send().await.expect_err("ordered");
    assert!(error.into_service_error().is_internal_service_error());
    stack.secrets.set_failing(false);
    client.get_secret_value().secret_id("rekey/pepper").send().await.expect("a secret");
    let other = client.list_secrets().send().await.expect_err("not known").into_service_error();
    let code = aws_sdk_secretsmanager::error::ProvideErrorMetadata::code(&other);
    assert_eq!(code, Some("UnknownOperationException"));
}

#[tokio::test]
async fn a_stopped_server_gives_its_port_back() {
    let stack = stack().await;
    let address: SocketAddr = stack.server.url().trim_start_matches("http://").parse().expect("an address");
    let taken = services::start(address, Mailbox::new(), stack.secrets.clone()).await.expect_err("taken");
    assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    stack.server.stop().await;
    let again = services::start(address, Mailbox::new(), stack.secrets).await.expect("free");
    again.stop().await;
}

#[tokio::test]
async fn an_identity_is_made_once_and_waits_for_its_records() {
    let stack = stack().await;
    let ses = client!(stack, aws_sdk_sesv2, 1);
    let create = || ses.create_email_identity().email_identity("agency.test").send();
    let created = create().await.expect("an identity");
    let tokens = created.dkim_attributes().expect("keys").tokens().to_vec();
    assert_eq!((tokens.len(), created.verified_for_sending_status()), (3, false));
    let again = create().await.expect_err("it is there").into_service_error();
    assert!(again.is_already_exists_exception(), "{again:?}");
    let found = || ses.get_email_identity().email_identity("agency.test").send();
    let shown = found().await.expect("an identity");
    assert_eq!(shown.dkim_attributes().expect("keys").tokens(), tokens);
    assert_eq!(shown.mail_from_attributes().expect("attributes").mail_from_domain(), "", "as SES answers it");
    let mail_from = |identity: &str, domain: &str| {
        ses.put_email_identity_mail_from_attributes()
            .email_identity(identity)
            .mail_from_domain(domain)
            .behavior_on_mx_failure(BehaviorOnMxFailure::UseDefaultValue)
            .send()
    };
    let elsewhere = mail_from("agency.test", "bounce.other.test").await.expect_err("elsewhere");
    assert!(elsewhere.into_service_error().is_bad_request_exception());
    let unknown = mail_from("other.test", "bounce.other.test").await.expect_err("unknown");
    assert!(unknown.into_service_error().is_not_found_exception());
    mail_from("agency.test", "bounce.agency.test").await.expect("a domain below");
    stack.mailbox.publish("agency.test").expect("records");
    let shown = found().await.expect("an identity");
    assert!(shown.verified_for_sending_status());
    assert_eq!(shown.mail_from_attributes().expect("attributes").mail_from_domain(), "bounce.agency.test");
    let nonsense = ses.create_email_identity().email_identity("agency").send().await.expect_err("no domain");
    assert!(nonsense.into_service_error().is_bad_request_exception());
}
