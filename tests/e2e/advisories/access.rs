//! Signing in and staying in: passwords, waits, cookies and sessions.

use futures::future::join;
use serde_json::{Value, json};

use super::{Advisory, Shown};
use crate::support::change_log::CHANGES;
use crate::support::event::HttpEvent;
use crate::support::staff::{ACCOUNTS, at_work};
use crate::support::{PASSWORD, Reply, TestApp};

pub(super) const ADVISORIES: &[Advisory] = &[
    Advisory {
        id: "CVE-2024-39329",
        peer: "Django",
        wrong: "A sign-in took less time for accounts that have no password",
        shown: Shown::By("front_door::a_failed_sign_in_answers_and_works_alike_for_every_identifier"),
    },
    Advisory {
        id: "CVE-2025-22228",
        peer: "Spring Security",
        wrong: "Two passwords with the same first 72 bytes were the same",
        shown: Shown::By("advisories::access::a_long_password_is_compared_to_its_last_character"),
    },
    Advisory {
        id: "CVE-2025-22234",
        peer: "Spring Security",
        wrong: "A password that is too long was refused sooner for known names than for others",
        shown: Shown::By("advisories::access::an_endless_password_is_refused_before_anybody_is_looked_for"),
    },
    Advisory {
        id: "CVE-2013-1443",
        peer: "Django",
        wrong: "Passwords of any length were hashed, until nothing else was done",
        shown: Shown::By("advisories::access::an_endless_password_is_refused_before_anybody_is_looked_for"),
    },
    Advisory {
        id: "CVE-2025-24806",
        peer: "Authelia",
        wrong: "Failures by name and by address were counted apart, in any spelling",
        shown: Shown::By("advisories::access::a_name_and_an_address_have_one_count_each_however_spelled"),
    },
    Advisory {
        id: "CVE-2025-64526",
        peer: "Strapi",
        wrong: "A stray member of the body chose the counter of the attempt",
        shown: Shown::By("advisories::access::a_stray_member_chooses_no_counter"),
    },
    Advisory {
        id: "CVE-2019-5421",
        peer: "Devise",
        wrong: "Attempts at once were counted as fewer than they were",
        shown: Shown::By("limits::parallel_guesses_cannot_outrun_the_count"),
    },
    Advisory {
        id: "CVE-2024-4629",
        peer: "Keycloak",
        wrong: "Guesses at once were all compared before the lock began",
        shown: Shown::By("limits::parallel_guesses_cannot_outrun_the_count"),
    },
    Advisory {
        id: "CVE-2026-9798",
        peer: "Keycloak",
        wrong: "The lock of an account did not hold for one of the ways to guess",
        shown: Shown::By("change::the_current_password_is_needed_and_guesses_count_like_signing_in"),
    },
    Advisory {
        id: "CVE-2026-22706",
        peer: "Strapi",
        wrong: "Sessions went on after a reset of the password",
        shown: Shown::By("tickets::setting_a_password_voids_every_other_ticket_and_session"),
    },
    Advisory {
        id: "GHSA-56p6-qw3c-fq2g",
        peer: "Directus",
        wrong: "The session of a suspended account went on working",
        shown: Shown::By("sessions::whatever_ends_sessions_ends_them_at_the_next_call"),
    },
    Advisory {
        id: "CVE-2022-1155",
        peer: "Snipe-IT",
        wrong: "Sessions outlived the closing of their account to sign-in",
        shown: Shown::By(
            "account_changes::closing_an_account_ends_everything_at_once_and_opening_it_revives_nothing",
        ),
    },
    Advisory {
        id: "CVE-2022-24751",
        peer: "Zulip",
        wrong: "Whoever called while their account was closed kept a session",
        shown: Shown::By(
            "advisories::access::a_sign_in_that_the_closing_of_its_account_overtakes_gets_no_session",
        ),
    },
    Advisory {
        id: "CVE-2025-29928",
        peer: "authentik",
        wrong: "A session that was deleted went on working",
        shown: Shown::By("sessions::sessions_are_listed_and_ended_one_by_one"),
    },
    Advisory {
        id: "CVE-2026-25748",
        peer: "authentik",
        wrong: "A malformed cookie beside the session's passed without being checked",
        shown: Shown::By("cookies::a_token_works_only_where_it_belongs"),
    },
    Advisory {
        id: "CVE-2022-25896",
        peer: "passport",
        wrong: "A session that was there before sign-in went on as the signed-in one",
        shown: Shown::By("advisories::access::a_cookie_that_was_planted_before_sign_in_is_not_taken_over"),
    },
    Advisory {
        id: "CVE-2023-34927",
        peer: "Casdoor",
        wrong: "A page of another site could set the password of whoever opened it",
        shown: Shown::By("cookies::only_the_portals_own_pages_sign_in_and_change_anything"),
    },
    Advisory {
        id: "CVE-2022-24742",
        peer: "Sylius",
        wrong: "Pages could be read from the browser's cache after signing out",
        shown: Shown::By("advisories::access::what_a_session_reads_is_kept_in_no_cache"),
    },
    Advisory {
        id: "CVE-2023-0105",
        peer: "Keycloak",
        wrong: "Whoever took the address of another kept its owner from signing in",
        shown: Shown::By("names::a_colleague_cannot_switch_off_a_strangers_sign_in_by_address"),
    },
    Advisory {
        id: "CVE-2022-39229",
        peer: "Grafana",
        wrong: "Whoever took another's address as a username kept its owner from signing in",
        shown: Shown::By("names::an_address_is_a_username_of_the_one_who_has_it"),
    },
];

const PORTAL: &str = "https://portal.agency.test";
const LONG: &str =
    "seven lanterns under snow, a heron by the weir, nine kettles and the ferry that never left Tobermory";

#[tokio::test]
async fn a_long_password_is_compared_to_its_last_character() {
    let app = TestApp::start().await;
    let token = app.token_for("jane").await;
    assert_eq!(app.reset(&token, LONG).await.status, 204);
    let another_end = format!("{}x", &LONG[..LONG.len() - 1]);
    for other in [&LONG[..72], &LONG[..73], &LONG[..LONG.len() - 1], &format!("{LONG}!"), &another_end] {
        assert_eq!(app.sign_in("jane", other).await.status, 401, "{other}");
    }
    assert_eq!(app.sign_in("jane", LONG).await.status, 201);
}

#[tokio::test]
async fn an_endless_password_is_refused_before_anybody_is_looked_for() {
    let app = TestApp::start().await;
    for identifier in ["jane", "jane@agency.test", "dora", "nobody"] {
        app.seam.forget();
        let reply = app.sign_in(identifier, &"x".repeat(257)).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{identifier}");
        assert!(app.seam.said().is_empty(), "{identifier}: nothing was read");
        let longest = app.sign_in(identifier, &"x".repeat(256)).await;
        assert_eq!(longest.outcome(), (401, "invalid_credentials".to_owned()), "{identifier}");
    }
}

/// Rekey counts a name and an address apart too. But those two are all there are, however they are spelled.
#[tokio::test]
async fn a_name_and_an_address_have_one_count_each_however_spelled() {
    let app = TestApp::start().await;
    let name = ["jane", "JANE", " jane ", "Jane", "\u{ff4a}ane", "jan\u{200b}e"];
    let address = [
        "jane@agency.test",
        "JANE@agency.test",
        "jane@AGENCY.test.",
        " jane@agency.test ",
        "\u{ff4a}ane@agency.test",
        "jane\u{feff}@agency.test",
    ];
    for spellings in [name, address] {
        for spelling in spellings {
            assert_eq!(app.sign_in(spelling, "wrong").await.status, 401, "{spelling:?}");
        }
    }
    for spelling in name.into_iter().chain(address) {
        assert_eq!(app.sign_in(spelling, PASSWORD).await.status, 429, "{spelling:?}");
    }
}

#[tokio::test]
async fn a_stray_member_chooses_no_counter() {
    let app = TestApp::start().await;
    let sign_in = |password: &str| json!({"practice": "agency", "identifier": "jane", "password": password});
    let post = |body: &Value| HttpEvent::new("POST", "/v1/sessions").json(body);
    for member in ["email", "username", "ip"] {
        let mut body = sign_in(PASSWORD);
        body[member] = json!("other@evil.test");
        assert_eq!(app.send(post(&body)).await.outcome(), (400, "invalid_request".to_owned()), "{member}");
    }
    let twice =
        "{\"practice\":\"agency\",\"identifier\":\"other\",\"password\":\"x\",\"identifier\":\"jane\"}";
    assert_eq!(app.send(post(&json!({})).body(twice)).await.outcome(), (400, "invalid_request".to_owned()));
    for n in 0..6 {
        let around = post(&sign_in("wrong")).query(&format!("email=other{n}@evil.test&identifier=other{n}"));
        let around = around.header("x-user", &format!("other{n}")).cookies(&format!("email=other{n}"));
        assert_eq!(app.send(around).await.status, 401, "{n}");
    }
    assert_eq!(app.sign_in("jane", PASSWORD).await.status, 429);
    assert_eq!(app.sign_in("sam", PASSWORD).await.status, 201);
}

#[tokio::test]
async fn a_sign_in_that_the_closing_of_its_account_overtakes_gets_no_session() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    let id = app.account("jane").await.id;
    app.seam.forget();
    let first = app.session_of("jane", PASSWORD).await;
    // The last transaction of a sign-in makes the session.
    let transactions = app.seam.counts("sessions")["TransactWriteItems"];
    let held = app.seam.hold("sessions", "TransactWriteItems", transactions - 1);
    let close = async {
        held.reached().await;
        assert_eq!(admin.patch(id, json!({"active": false})).await.status, 200);
        held.release();
    };
    let (reply, ()) = Box::pin(join(app.sign_in("jane", PASSWORD), close)).await;
    assert_eq!(reply.outcome(), (401, "invalid_credentials".to_owned()));
    assert_eq!(app.account_with(&first).await.outcome(), (401, "invalid_session".to_owned()));
    assert_eq!(admin.patch(id, json!({"active": true})).await.status, 200);
    assert_eq!(app.account_with(&first).await.status, 401);
    assert_eq!(app.sign_in("jane", PASSWORD).await.status, 201);
}

/// The cookie that a reply sets, as a browser sends it.
fn cookie(reply: &Reply) -> String {
    assert_eq!(reply.status, 201, "{reply:?}");
    let set = reply.headers["set-cookie"].to_str().unwrap();
    set.split("; ").next().unwrap().to_owned()
}

#[tokio::test]
async fn a_cookie_that_was_planted_before_sign_in_is_not_taken_over() {
    let app = TestApp::start().await;
    let sign_in = |identifier: &str| {
        let body = json!({"practice": "agency", "identifier": identifier, "password": PASSWORD,
            "transport": "cookie"});
        HttpEvent::new("POST", "/v1/sessions").header("origin", PORTAL).json(&body)
    };
    let whose = async |cookie: &str| {
        let reply = app.send(HttpEvent::new("GET", "/v1/account").cookies(cookie)).await;
        reply.status.is_success().then(|| reply.json()["username"].as_str().unwrap().to_owned())
    };
    let strangers = cookie(&app.send(sign_in("sam")).await);
    let invented = format!("__Host-rekey-agency-client={}", "A".repeat(86));
    for (planted, owner) in [(&strangers, Some("sam")), (&invented, None)] {
        let own = cookie(&app.send(sign_in("jane").cookies(planted)).await);
        assert_ne!(own, *planted);
        assert_eq!(whose(&own).await.as_deref(), Some("jane"));
        assert_eq!(whose(planted).await.as_deref(), owner, "what was planted is as it was");
    }
}

#[tokio::test]
async fn what_a_session_reads_is_kept_in_no_cache() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    let session = app.session_of("jane", PASSWORD).await;
    let jane = format!("{ACCOUNTS}/{}", app.account("jane").await.id);
    let (tickets, activity) = (format!("{jane}/tickets"), format!("{jane}/activity"));
    let own = ["/v1/account", "/v1/sessions", "/v1/activity"].map(|path| (session.as_str(), path));
    let staff = [ACCOUNTS, &jane, &tickets, &activity, CHANGES, "/v1/admin/practice"];
    let staff = staff.map(|path| (admin.session.as_str(), path));
    for (session, path) in own.into_iter().chain(staff) {
        let reply = app.send(HttpEvent::new("GET", path).bearer(session)).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.headers["cache-control"]),
            (200, &"no-store".parse().unwrap())
        );
    }
    let out = HttpEvent::new("DELETE", "/v1/sessions/current").bearer(&session);
    assert_eq!(app.send(out).await.status, 204);
    let again = app.account_with(&session).await;
    assert_eq!((again.status.as_u16(), &again.headers["cache-control"]), (401, &"no-store".parse().unwrap()));
}
