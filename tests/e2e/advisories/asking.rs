//! Asking for a recovery: who is mailed, what the mail says, and what the one who asks learns.

use std::time::Duration;

use rekey_local::mailbox::Failure;
use serde_json::json;

use super::{Advisory, Shown};
use crate::support::codes::token_of;
use crate::support::event::HttpEvent;
use crate::support::staff::{ACCOUNTS, at_work};
use crate::support::{NEW_PASSWORD, Reply, TestApp, code_in, token_in};

pub(super) const ADVISORIES: &[Advisory] = &[
    Advisory {
        id: "CVE-2019-19844",
        peer: "Django",
        wrong: "An address that equals the stored one only when folded was sent its link",
        shown: Shown::By("front_door::a_look_alike_address_never_matches"),
    },
    Advisory {
        id: "CVE-2024-27295",
        peer: "Directus",
        wrong: "An address with accents matched the stored one and was sent its link",
        shown: Shown::By("advisories::asking::an_address_with_accents_is_another_address"),
    },
    Advisory {
        id: "CVE-2023-7028",
        peer: "GitLab",
        wrong: "A list of addresses had the link mailed to the second one, which nobody had verified",
        shown: Shown::By("front_door::an_identifier_that_is_no_string_is_refused_and_nothing_is_written"),
    },
    Advisory {
        id: "CVE-2022-35924",
        peer: "NextAuth.js",
        wrong: "Of two addresses in one text, with a comma between them, both were mailed",
        shown: Shown::By("advisories::asking::two_addresses_in_one_text_reach_neither"),
    },
    Advisory {
        id: "CVE-2015-9097",
        peer: "mail (Ruby)",
        wrong: "The ends of lines in an address became commands to the mail server",
        shown: Shown::By("advisories::asking::the_end_of_a_line_in_an_address_goes_no_further"),
    },
    Advisory {
        id: "CVE-2024-45231",
        peer: "Django",
        wrong: "While mail failed, a request for a known address was answered otherwise",
        shown: Shown::By("advisories::asking::a_mail_that_cannot_be_sent_tells_the_caller_nothing"),
    },
    Advisory {
        id: "CVE-2026-26185",
        peer: "Directus",
        wrong: "The time of the answer to a request for a reset told who has an account",
        shown: Shown::By("front_door::forgot_answers_and_works_alike_for_every_identifier"),
    },
    Advisory {
        id: "CVE-2022-39307",
        peer: "Grafana",
        wrong: "A request for a reset said that nobody has the name",
        shown: Shown::By("front_door::forgot_answers_and_works_alike_for_every_identifier"),
    },
    Advisory {
        id: "GHSA-3529-5m8x-rpv3",
        peer: "Supabase Auth",
        wrong: "The host of a mailed link came from a header",
        shown: Shown::By("front_door::forged_headers_never_reach_a_mail"),
    },
    Advisory {
        id: "CVE-2017-9303",
        peer: "Laravel",
        wrong: "The host of a reset link was the one that the request named",
        shown: Shown::By("front_door::forged_headers_never_reach_a_mail"),
    },
    Advisory {
        id: "CVE-2017-8295",
        peer: "WordPress",
        wrong: "The Host header became the sender of the mail, to whom it bounced with its key",
        shown: Shown::By("front_door::forged_headers_never_reach_a_mail"),
    },
    Advisory {
        id: "CVE-2026-58202",
        peer: "OpenReception",
        wrong: "A link to set an account up led to the host of whoever had it sent again",
        shown: Shown::By("advisories::asking::an_invitation_leads_to_the_portal_whatever_host_is_asked"),
    },
    Advisory {
        id: "CVE-2023-27474",
        peer: "Directus",
        wrong: "Whoever asked chose where the link leads, and put markup into it",
        shown: Shown::By("advisories::asking::nobody_who_asks_says_where_a_link_leads"),
    },
    Advisory {
        id: "CVE-2026-43876",
        peer: "AVideo",
        wrong: "Markup was put into mails that bear the product's name",
        shown: Shown::By("advisories::asking::markup_in_a_practices_name_is_only_words_in_its_mails"),
    },
    Advisory {
        id: "CVE-2025-58434",
        peer: "Flowise",
        wrong: "The answer to a request for a reset had the token in it",
        shown: Shown::By("advisories::asking::what_forgot_answers_has_nothing_of_what_is_mailed"),
    },
    Advisory {
        id: "CVE-2026-18963",
        peer: "Keycloak",
        wrong: "The step with the mailed link could be left out, and a password was set all the same",
        shown: Shown::By("advisories::asking::no_step_of_a_recovery_can_be_left_out"),
    },
    Advisory {
        id: "CVE-2026-47203",
        peer: "Authelia",
        wrong: "Each spelling of a name in capitals had a limit of its own",
        shown: Shown::By("limits::spelling_or_forwarding_headers_gain_nothing"),
    },
    Advisory {
        id: "CVE-2026-45364",
        peer: "better-auth",
        wrong: "Each of a subscriber's many IPv6 addresses had a limit of its own",
        shown: Shown::By("limits::thirty_an_hour_from_one_address_and_an_ipv6_subscriber_is_one"),
    },
    Advisory {
        id: "CVE-2023-36456",
        peer: "authentik",
        wrong: "Any caller could forge the source address with a forwarding header",
        shown: Shown::By("limits::the_source_is_the_gateways_word_and_no_headers"),
    },
    Advisory {
        id: "CVE-2023-49952",
        peer: "Mastodon",
        wrong: "A header of the request lifted the limits",
        shown: Shown::By("code_limits::nothing_around_a_request_gains_another_code_or_guess"),
    },
    Advisory {
        id: "T13150",
        peer: "Phabricator",
        wrong: "Invitations were used to mail spam to strangers",
        shown: Shown::By("mail_limits::a_member_of_staff_has_a_hundred_mails_sent_an_hour"),
    },
    Advisory {
        id: "aws-lambda-rust-runtime#461",
        peer: "lambda_http",
        wrong: "A query that is no part of a URL made the function panic",
        shown: Shown::By("hostile_events::no_header_and_no_query_leads_to_a_url"),
    },
    Advisory {
        id: "aws-lambda-rust-runtime#489",
        peer: "lambda_http",
        wrong: "A query with characters that are not encoded made the function panic",
        shown: Shown::By("hostile_events::no_header_and_no_query_leads_to_a_url"),
    },
    Advisory {
        id: "GHSA-xhpr-465j-7p9q",
        peer: "Keycloak",
        wrong: "A mail did not say whose identity its link would join to the account",
        shown: Shown::Cannot("no link joins identities: it lets its reader set their own password"),
    },
];

#[tokio::test]
async fn an_address_with_accents_is_another_address() {
    let app = TestApp::start().await;
    for other in ["j\u{e1}ne@agency.test", "jane\u{301}@agency.test", "jane@\u{e1}gency.test", "jan\u{eb}"] {
        assert_eq!(app.forgot(other).await.status, 202, "{other}");
    }
    app.deliver().await;
    assert!(app.mailbox.messages().is_empty());
    let token = app.token_for("jane@agency.test").await;
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
}

#[tokio::test]
async fn two_addresses_in_one_text_reach_neither() {
    let app = TestApp::start().await;
    for (both, status) in [
        ("eve@evil.test,jane@agency.test", 202),
        ("jane@agency.test,eve@evil.test", 202),
        ("jane@agency.test;eve@evil.test", 202),
        ("jane@agency.test%0aeve@evil.test", 202),
        ("<jane@agency.test>", 202),
        ("\"eve@evil.test\"@agency.test", 202),
        ("jane@agency.test eve@evil.test", 400),
        ("Eve <jane@agency.test>", 400),
    ] {
        assert_eq!(app.forgot(both).await.status.as_u16(), status, "{both}");
    }
    app.deliver().await;
    assert!(app.mailbox.messages().is_empty());
    app.token_for("jane@agency.test").await;
    assert_eq!(app.mailbox.messages()[0].to, ["jane@agency.test"]);
}

#[tokio::test]
async fn the_end_of_a_line_in_an_address_goes_no_further() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    let new = |email: &str| json!({"username": "new", "display_name": "New", "email": email});
    for broken in [
        "new@agency.test\r\nBcc: eve@evil.test",
        "new@agency.test\nDATA",
        "new\u{0}@agency.test",
        "new@agency.test\u{2028}eve@evil.test",
        "new@agency.test\r\n.\r\nMAIL FROM:<eve@evil.test>",
    ] {
        let refused = (400, "invalid_request".to_owned());
        assert_eq!(app.forgot(broken).await.outcome(), refused, "{broken:?}");
        assert_eq!(admin.create(new(broken)).await.outcome(), refused, "{broken:?}");
    }
    assert_eq!(admin.create(new("new@agency.test")).await.status, 201);
    app.deliver().await;
    let mails = app.mailbox.messages();
    assert_eq!((mails.len(), &mails[0].to[..]), (1, &["new@agency.test".to_owned()][..]));
}

#[tokio::test]
async fn a_mail_that_cannot_be_sent_tells_the_caller_nothing() {
    let app = TestApp::start().await;
    let members = |reply: &Reply| reply.json().as_object().unwrap().keys().cloned().collect::<Vec<String>>();
    for failure in [Failure::AccountPaused, Failure::Rejected] {
        app.mailbox.fail_for("jane@agency.test", failure);
        let known = app.forgot("jane").await;
        app.deliver().await;
        let unknown = app.forgot("nobody").await;
        app.deliver().await;
        assert_eq!(known.status, 202, "{failure:?}");
        assert_eq!((known.status, &known.headers), (unknown.status, &unknown.headers), "{failure:?}");
        assert_eq!(members(&known), members(&unknown), "{failure:?}");
    }
    assert!(app.mailbox.messages().is_empty());
}

#[tokio::test]
async fn an_invitation_leads_to_the_portal_whatever_host_is_asked() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    let forged = |event: HttpEvent| {
        ["host", "x-forwarded-host", "x-forwarded-proto", "forwarded", "origin", "referer"]
            .into_iter()
            .fold(event, |event, name| event.header(name, "evil.test"))
    };
    let new = json!({"username": "new", "display_name": "New", "email": "new@agency.test"});
    let created = admin.send(forged(HttpEvent::new("POST", ACCOUNTS).json(&new))).await;
    assert_eq!(created.status, 201, "{created:?}");
    let asked = json!({"practice": "agency", "identifier": "ivan"});
    let asked = app.send(forged(HttpEvent::new("POST", "/v1/password/forgot").json(&asked))).await;
    assert_eq!(asked.status, 202, "{asked:?}");
    let path = format!("{ACCOUNTS}/{}/invitation", app.account("ivan").await.id);
    assert_eq!(admin.send(forged(HttpEvent::new("POST", &path))).await.status, 202);
    app.deliver().await;
    let mails = app.mailbox.messages();
    assert_eq!(mails.len(), 3);
    for mail in &mails {
        assert!(!format!("{mail:?}").contains("evil"), "{mail:?}");
        assert!(mail.text.as_ref().unwrap().contains("\nhttps://portal.agency.test/reset#token="));
    }
    assert_eq!(app.reset(&token_in(&mails[0]), NEW_PASSWORD).await.status, 204);
}

#[tokio::test]
async fn nobody_who_asks_says_where_a_link_leads() {
    let app = TestApp::start().await;
    let asked = json!({"practice": "agency", "identifier": "jane"});
    for member in ["reset_url", "redirect_to", "recovery_url", "callback_url", "url", "email"] {
        let mut body = asked.clone();
        body[member] = json!("https://evil.test/reset?x=<b>");
        let reply = app.post("/v1/password/forgot", body).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{member}");
    }
    let query = "reset_url=https://evil.test&redirect_to=https://evil.test";
    let event = HttpEvent::new("POST", "/v1/password/forgot").query(query).json(&asked);
    assert_eq!(app.send(event).await.status, 202);
    app.deliver().await;
    let mails = app.mailbox.messages();
    assert_eq!(mails.len(), 1);
    assert!(!format!("{mails:?}").contains("evil"), "{mails:?}");
    for query in ["practice=agency&redirect_to=https://evil.test", "practice=https://evil.test"] {
        let reply = app.send(HttpEvent::new("GET", "/.well-known/change-password").query(query)).await;
        assert!(reply.status.is_client_error() && !reply.headers.contains_key("location"), "{reply:?}");
    }
}

#[tokio::test]
async fn markup_in_a_practices_name_is_only_words_in_its_mails() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    let name = json!({"name": "<a href=\"https://evil.test/x\">Harbor</a>"});
    let renamed = admin.send(HttpEvent::new("PATCH", "/v1/admin/practice").json(&name)).await;
    assert_eq!(renamed.status, 200, "{renamed:?}");
    app.clock.advance(Duration::from_mins(2));
    let token = app.token_for("jane").await;
    let mail = app.mailbox.messages().remove(0);
    let (text, html) = (mail.text.unwrap(), mail.html.unwrap());
    assert!(text.contains("Harbor") && html.contains("Harbor"), "{html}");
    for part in [&mail.subject, &mail.from, &text, &html] {
        assert!(!part.contains("evil.test") && !part.contains("<a href=\"https://evil"), "{part}");
    }
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
}

#[tokio::test]
async fn what_forgot_answers_has_nothing_of_what_is_mailed() {
    let app = TestApp::start().await;
    for method in ["link", "code"] {
        let asked = json!({"practice": "agency", "identifier": "jane", "method": method});
        let reply = app.post("/v1/password/forgot", asked).await;
        let answer = reply.json();
        let mut members: Vec<&String> = answer.as_object().unwrap().keys().collect();
        members.sort();
        assert_eq!(members, ["label", "method", "request_id"], "{method}");
        app.deliver().await;
        let mail = app.mailbox.messages().remove(0);
        let secret =
            if method == "link" { token_in(&mail)[43..].to_owned() } else { code_in(&mail).replace(' ', "") };
        assert!(!format!("{reply:?}").contains(&secret), "{method}: {reply:?}");
        assert!(!reply.body.contains("jane"), "{method}: {reply:?}");
    }
}

#[tokio::test]
async fn no_step_of_a_recovery_can_be_left_out() {
    let app = TestApp::start().await;
    let by_link = app.forgot("jane").await.json()["request_id"].as_str().unwrap().to_owned();
    app.deliver().await;
    let (by_code, code) = app.code_for("jane").await;
    let before = app.account("jane").await;
    for stand_in in ["jane", &by_link, &by_code, &code, &"A".repeat(86)] {
        for reply in [
            app.preview(stand_in).await,
            app.reset(stand_in, NEW_PASSWORD).await,
            app.post("/v1/password/repudiate", json!({"token": stand_in})).await,
        ] {
            assert_eq!(reply.outcome(), (404, "invalid_token".to_owned()), "{stand_in}");
        }
    }
    for body in [
        json!({"new_password": NEW_PASSWORD}),
        json!({"token": null, "new_password": NEW_PASSWORD}),
        json!({"request_id": by_link, "new_password": NEW_PASSWORD}),
        json!({"request_id": by_code, "code": code, "new_password": NEW_PASSWORD}),
        json!({"practice": "agency", "identifier": "jane", "new_password": NEW_PASSWORD}),
    ] {
        let reply = app.post("/v1/password/reset", body.clone()).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{body}");
    }
    for body in [json!({"request_id": by_code}), json!({"request_id": by_code, "code": ""})] {
        let reply = app.post("/v1/password/verify-code", body).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()));
    }
    assert_eq!(app.account("jane").await, before);
    let token = token_of(&app.verify(&by_code, &code).await);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
}
