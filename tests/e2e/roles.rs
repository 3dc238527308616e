//! A1, A2: the answer that each kind of caller gets from each route.

use rekey::domain::practice::Portal;
use rekey::http::route::Caller;
use rekey::platform::ids::AccountId;
use rekey_local::mailbox::Message;
use serde_json::{Value, json};

use crate::support::asking::TASKS;
use crate::support::event::HttpEvent;
use crate::support::logo::LOGO;
use crate::support::routes;
use crate::support::staff::{ACCOUNTS, StaffMember};
use crate::support::{PASSWORD, TestApp, demo_accounts, temporary_in};

const TOMORROW: &str = "2026-11-22T18:00:00Z";
const UNKNOWN: &str = "01JD7Z3M5V8Q2X4Y6W0N1R9T3K";

/// Method, path, body, and the status for each caller.
type Row = (&'static str, String, Value, [u16; 6]);

/// Two practices, one of which is scoped by caseload.
async fn deployment() -> TestApp {
    let app = TestApp::start_with(&[]).await;
    for (slug, policy) in [("caseload", json!({"caseload_scoped": true})), ("agency", json!({}))] {
        app.create_practice(slug, policy).await;
        app.import(slug, &demo_accounts(slug)).await;
    }
    app
}

async fn id(app: &TestApp, slug: &str, portal: Portal, name: &str) -> AccountId {
    app.account_of(slug, portal, name).await.id
}

/// An administrator who has signed in with a temporary password.
async fn restricted<'a>(app: &'a TestApp, admin: &StaffMember<'a>) -> StaffMember<'a> {
    let terry = json!({"portal": "staff", "username": "terry", "email": "terry@caseload.test", "role": "admin",
        "display_name": "Terry"});
    let created = admin.create(terry).await.json();
    let path = format!("{ACCOUNTS}/{}/temporary-password", created["id"].as_str().unwrap());
    assert_eq!(admin.send(HttpEvent::new("POST", &path)).await.status, 202);
    app.deliver().await;
    let with_one = |mail: &Message| mail.subject == "Your temporary password";
    let to_terry = app.mailbox.messages().into_iter().find(with_one).unwrap();
    let body = json!({"practice": "caseload", "portal": "staff", "identifier": "terry",
        "password": temporary_in(&to_terry)});
    let reply = app.post("/v1/sessions", body).await.json();
    assert_eq!(reply["next"], "change_password");
    StaffMember { app, session: reply["token"].as_str().unwrap().to_owned() }
}

fn holders() -> Vec<Row> {
    let path = str::to_owned;
    let wrong = "walk the green rivet";
    let question = json!({"current_password": wrong, "question": "Pet?", "answer": "x"});
    let weak = json!({"current_password": PASSWORD, "new_password": "short"});
    let confirm = json!({"current_password": wrong});
    let nothing = Value::Null;
    vec![
        // The callers of these routes are not signed in yet.
        ("GET", path("/v1/practices/caseload"), nothing.clone(), [200; 6]),
        ("GET", path("/v1/practices/caseload/logo"), nothing.clone(), [404; 6]),
        ("GET", path("/.well-known/change-password"), nothing.clone(), [200; 6]),
        ("GET", path("/p/caseload"), nothing.clone(), [302; 6]),
        ("GET", path("/p/caseload/client"), nothing.clone(), [200; 6]),
        ("GET", path("/p/caseload/staff/settings"), nothing.clone(), [200; 6]),
        ("GET", path("/p/_/1/rekey.css"), nothing.clone(), [200; 6]),
        ("POST", path("/v1/password/forgot"), json!({}), [400; 6]),
        ("POST", path("/v1/password/help"), json!({}), [400; 6]),
        ("POST", path("/v1/password/verify-code"), json!({}), [400; 6]),
        ("POST", path("/v1/password/reset/preview"), json!({"token": "x"}), [404; 6]),
        ("POST", path("/v1/password/repudiate"), json!({"token": "x"}), [404; 6]),
        ("POST", path("/v1/password/not-me"), json!({"token": "x"}), [404; 6]),
        ("POST", path("/v1/password/reset"), json!({"token": "x", "new_password": "x"}), [404; 6]),
        ("POST", path("/v1/sessions"), json!({}), [400; 6]),
        // Everybody's own.
        ("GET", path("/v1/account"), nothing.clone(), [401, 200, 403, 200, 200, 200]),
        ("GET", path("/v1/activity"), nothing.clone(), [401, 200, 403, 200, 200, 200]),
        ("GET", path("/v1/sessions"), nothing.clone(), [401, 200, 403, 200, 200, 200]),
        ("DELETE", format!("/v1/sessions/{UNKNOWN}"), nothing, [401, 404, 403, 404, 404, 404]),
        ("PUT", path("/v1/security-question"), question, [401, 401, 403, 401, 401, 401]),
        ("POST", path("/v1/sessions/current/confirm"), confirm, [401, 401, 403, 401, 401, 401]),
        ("POST", path("/v1/password/change"), weak, [401, 422, 422, 422, 422, 422]),
    ]
}

/// What staff do to learn who calls. 410: the right to, of a check that nobody has begun.
fn caller_checks(jane: AccountId, sam: AccountId, boss: AccountId) -> Vec<Row> {
    let begin = |id: AccountId| format!("{ACCOUNTS}/{id}/caller-check");
    let enter = |id: AccountId| format!("{ACCOUNTS}/{id}/caller-check/{UNKNOWN}");
    let code = json!({"code": "123456"});
    vec![
        ("POST", begin(jane), Value::Null, [401, 403, 403, 202, 202, 404]),
        ("POST", begin(sam), Value::Null, [401, 403, 403, 404, 202, 404]),
        ("POST", begin(boss), Value::Null, [401, 403, 403, 404, 403, 404]),
        ("POST", enter(jane), code.clone(), [401, 403, 403, 410, 410, 404]),
        ("POST", enter(sam), code, [401, 403, 403, 404, 410, 404]),
    ]
}

/// What a practice looks like. 404: it has no logo. 415: the right to, with no picture.
fn looks() -> Vec<Row> {
    let logo = LOGO.to_owned();
    let preview = json!({"mail": "reset_link", "locale": "en"});
    vec![
        ("GET", logo.clone(), Value::Null, [401, 403, 403, 404, 404, 404]),
        ("PUT", logo.clone(), Value::Null, [401, 403, 403, 403, 415, 415]),
        ("DELETE", logo, Value::Null, [401, 403, 403, 403, 204, 204]),
        ("POST", "/v1/admin/practice/mail-preview".to_owned(), preview, [401, 403, 403, 200, 200, 200]),
    ]
}

/// The tasks of the client on their caseload, of another one, of a name that nobody has, and of a colleague. 409: it is settled.
fn help_requests(tasks: &[Value]) -> Vec<Row> {
    let allowed = [
        [401, 403, 403, 200, 409, 404],
        [401, 403, 403, 404, 200, 404],
        [401, 403, 403, 404, 200, 404],
        [401, 403, 403, 404, 200, 404],
    ];
    let path = |task: &Value| format!("{TASKS}/{}", task["id"].as_str().unwrap());
    let row = |(task, expected)| ("POST", path(task), json!({"action": "done"}), expected);
    tasks.iter().zip(allowed).map(row).collect()
}

#[tokio::test]
async fn each_caller_gets_from_each_route_exactly_what_they_may() {
    let app = deployment().await;
    let of = async |portal, name: &'static str| id(&app, "caseload", portal, name).await;
    let (jane, sam) = (of(Portal::Client, "jane").await, of(Portal::Client, "sam").await);
    let (casey, boss) = (of(Portal::Staff, "casey").await, of(Portal::Staff, "admin").await);
    let foreign = id(&app, "agency", Portal::Client, "jane").await;
    let admin = StaffMember::of(&app, "caseload", "staff", "admin").await;
    assert_eq!(admin.put(&format!("{ACCOUNTS}/{jane}/caseload/{casey}"), json!({})).await.status, 204);
    let colleague = json!({"portal": "staff", "username": "robin", "email": "robin@caseload.test", "role": "staff",
        "display_name": "Robin"});
    assert_eq!(admin.create(colleague).await.status, 201);
    let robin = of(Portal::Staff, "robin").await;
    let callers = [
        ("nobody", StaffMember { app: &app, session: "A".repeat(86) }),
        ("client", StaffMember::of(&app, "caseload", "client", "lily").await),
        ("change-only", restricted(&app, &admin).await),
        // Jane is on their caseload and Sam is not.
        ("staff", StaffMember::of(&app, "caseload", "staff", "casey").await),
        ("admin", admin),
        ("stranger", StaffMember::of(&app, "agency", "staff", "admin").await),
    ];

    for (portal, name) in [("client", "jane"), ("client", "sam"), ("client", "nobody"), ("staff", "robin")] {
        app.in_need_at("caseload", portal, name).await;
    }
    let tasks = [callers[4].1.tasks("").await, callers[4].1.tasks("portal=staff").await].concat();
    let at = |id: AccountId, tail: &str| format!("{ACCOUNTS}/{id}{tail}");
    let relation = |id: AccountId, what: &str, other: AccountId| format!("{ACCOUNTS}/{id}/{what}/{other}");
    let new = |portal: &str, role: Value| json!({"portal": portal, "username": "jane", "display_name": "J", "role": role, "invite": false});
    let (none, name, ticket) = (Value::Null, json!({"display_name": "Same"}), format!("/tickets/{UNKNOWN}"));
    let copy = json!({"expires_at": TOMORROW, "deliver": "copy"});
    let parent = json!({"relationship": "parent"});
    let settings = json!({"policy": {"link_ttl": 3600}});
    // 412: the right to, with a stale tag. 409: the right to, of an account that has its password.
    let mut matrix = holders();
    matrix.extend(caller_checks(jane, sam, boss).into_iter().chain(help_requests(&tasks)).chain(looks()));
    matrix.extend([
        ("GET", "/v1/admin/practice".to_owned(), none.clone(), [401, 403, 403, 200, 200, 200]),
        ("PATCH", "/v1/admin/practice".to_owned(), settings, [401, 403, 403, 403, 200, 200]),
        ("GET", ACCOUNTS.to_owned(), none.clone(), [401, 403, 403, 200, 200, 200]),
        ("POST", ACCOUNTS.to_owned(), new("client", Value::Null), [401, 403, 403, 409, 409, 409]),
        ("POST", at(jane, "/mail"), json!({"status": "ok"}), [401, 403, 403, 200, 200, 404]),
        ("POST", at(sam, "/mail"), json!({"status": "ok"}), [401, 403, 403, 404, 200, 404]),
        ("POST", at(robin, "/mail"), json!({"status": "ok"}), [401, 403, 403, 404, 200, 404]),
        ("POST", ACCOUNTS.to_owned(), new("staff", json!("staff")), [401, 403, 403, 403, 201, 201]),
        ("GET", at(jane, ""), none.clone(), [401, 403, 403, 200, 200, 404]),
        ("GET", at(sam, ""), none.clone(), [401, 403, 403, 404, 200, 404]),
        ("GET", at(casey, ""), none.clone(), [401, 403, 403, 200, 200, 404]),
        ("GET", at(boss, ""), none.clone(), [401, 403, 403, 404, 200, 404]),
        ("GET", at(foreign, ""), none.clone(), [401, 403, 403, 404, 404, 200]),
        ("PATCH", at(jane, ""), name.clone(), [401, 403, 403, 412, 412, 404]),
        ("PATCH", at(sam, ""), name.clone(), [401, 403, 403, 404, 412, 404]),
        ("PATCH", at(casey, ""), name.clone(), [401, 403, 403, 403, 412, 404]),
        ("PATCH", at(casey, ""), json!({"role": "admin"}), [401, 403, 403, 403, 412, 404]),
        ("PATCH", at(boss, ""), name.clone(), [401, 403, 403, 404, 412, 404]),
        ("PATCH", at(boss, ""), json!({"role": "staff"}), [401, 403, 403, 404, 403, 404]),
        ("PATCH", at(boss, ""), json!({"active": false}), [401, 403, 403, 404, 403, 404]),
        ("PATCH", at(boss, ""), json!({"email": "mine@elsewhere.test"}), [401, 403, 403, 404, 403, 404]),
        ("PATCH", at(foreign, ""), name, [401, 403, 403, 404, 404, 412]),
        ("PUT", relation(jane, "caseload", casey), none.clone(), [401, 403, 403, 403, 204, 404]),
        ("PUT", relation(jane, "caseload", sam), none.clone(), [401, 403, 403, 403, 404, 404]),
        ("DELETE", relation(sam, "caseload", casey), none.clone(), [401, 403, 403, 403, 404, 404]),
        ("POST", at(casey, "/hand-over"), json!({"to": boss}), [401, 403, 403, 403, 200, 404]),
        ("POST", at(boss, "/hand-over"), json!({"to": casey}), [401, 403, 403, 404, 200, 404]),
        ("GET", at(casey, "/issued"), none.clone(), [401, 403, 403, 403, 200, 404]),
        ("GET", at(boss, "/issued"), none.clone(), [401, 403, 403, 404, 200, 404]),
        ("PUT", relation(jane, "associations", sam), parent.clone(), [401, 403, 403, 404, 204, 404]),
        ("PUT", relation(jane, "associations", foreign), parent, [401, 403, 403, 404, 404, 404]),
        ("DELETE", relation(sam, "associations", jane), none.clone(), [401, 403, 403, 404, 204, 404]),
        ("POST", at(jane, "/links"), copy.clone(), [401, 403, 403, 201, 201, 404]),
        ("POST", at(sam, "/links"), copy.clone(), [401, 403, 403, 404, 201, 404]),
        ("POST", at(casey, "/links"), copy.clone(), [401, 403, 403, 403, 201, 404]),
        ("POST", at(boss, "/links"), copy, [401, 403, 403, 404, 403, 404]),
        ("POST", at(jane, "/temporary-password"), none.clone(), [401, 403, 403, 202, 202, 404]),
        ("POST", at(sam, "/temporary-password"), none.clone(), [401, 403, 403, 404, 202, 404]),
        ("POST", at(robin, "/temporary-password"), none.clone(), [401, 403, 403, 404, 202, 404]),
        ("POST", at(boss, "/temporary-password"), none.clone(), [401, 403, 403, 404, 403, 404]),
        ("POST", at(jane, "/invitation"), none.clone(), [401, 403, 403, 409, 409, 404]),
        ("POST", at(sam, "/invitation"), none.clone(), [401, 403, 403, 404, 409, 404]),
        ("GET", at(jane, "/tickets"), none.clone(), [401, 403, 403, 200, 200, 404]),
        ("GET", at(sam, "/tickets"), none.clone(), [401, 403, 403, 404, 200, 404]),
        ("GET", at(casey, "/tickets"), none.clone(), [401, 403, 403, 403, 200, 404]),
        ("GET", at(jane, "/activity"), none.clone(), [401, 403, 403, 200, 200, 404]),
        ("GET", at(sam, "/activity"), none.clone(), [401, 403, 403, 404, 200, 404]),
        ("GET", at(casey, "/activity"), none.clone(), [401, 403, 403, 403, 200, 404]),
        ("GET", "/v1/admin/changes".to_owned(), none.clone(), [401, 403, 403, 403, 200, 200]),
        ("GET", TASKS.to_owned(), none.clone(), [401, 403, 403, 200, 200, 200]),
        ("DELETE", at(jane, &ticket), none.clone(), [401, 403, 403, 404, 404, 404]),
        ("DELETE", at(casey, &ticket), none.clone(), [401, 403, 403, 403, 404, 404]),
        ("DELETE", at(sam, "/sessions"), none.clone(), [401, 403, 403, 404, 204, 404]),
        ("DELETE", at(casey, "/sessions"), none.clone(), [401, 403, 403, 403, 204, 404]),
        // Last, because they end them.
        ("DELETE", "/v1/sessions".to_owned(), none.clone(), [401, 204, 403, 401, 204, 204]),
        ("DELETE", "/v1/sessions/current".to_owned(), none, [401, 204, 204, 401, 204, 204]),
    ]);
    covers_every_operation(&matrix);
    for (method, path, body, expected) in matrix {
        for ((caller, member), status) in callers.iter().zip(expected) {
            let event = HttpEvent::new(method, &path).header("if-match", "\"stale\"");
            let event = if body.is_null() { event } else { event.json(&body) };
            let reply = member.send(event).await;
            assert_eq!(reply.status.as_u16(), status, "{caller}: {method} {path} {body}: {}", reply.body);
        }
    }
}

/// A route that is not in the matrix is a failure, and so is a row that takes it for another caller's than it says.
fn covers_every_operation(matrix: &[Row]) {
    for known in routes::all() {
        let is_of = |(method, path, ..): &&Row| {
            *method == known.method && routes::at(path).iter().any(|route| route.pattern == known.pattern)
        };
        let rows: Vec<&Row> = matrix.iter().filter(is_of).collect();
        assert!(!rows.is_empty(), "{} {}", known.method, known.pattern);
        for (method, path, _, [nobody, client, change_only, ..]) in rows {
            let refused = (*nobody == 401, *client == 403, *change_only == 403);
            let expected = match known.caller {
                Caller::Anyone => (false, false, false),
                Caller::AnyHolder => (true, false, false),
                Caller::Holder => (true, false, true),
                Caller::Staff => (true, true, true),
            };
            assert_eq!(
                refused, expected,
                "{method} {path}: nobody, a client, who can only choose a password"
            );
        }
    }
}

#[tokio::test]
async fn where_no_caseload_scopes_staff_see_and_help_every_client_and_no_colleague() {
    let app = deployment().await;
    let of = async |portal, name: &'static str| id(&app, "agency", portal, name).await;
    let (jane, boss) = (of(Portal::Client, "jane").await, of(Portal::Staff, "admin").await);
    let casey = of(Portal::Staff, "casey").await;
    let staff = StaffMember::of(&app, "agency", "staff", "casey").await;
    let at = |id: AccountId, tail: &str| format!("{ACCOUNTS}/{id}{tail}");
    let copy = json!({"expires_at": TOMORROW, "deliver": "copy"});
    for (method, path, body, status) in [
        ("GET", at(jane, ""), Value::Null, 200),
        ("GET", at(boss, ""), Value::Null, 404),
        ("GET", at(casey, ""), Value::Null, 200),
        ("PATCH", at(jane, ""), json!({"display_name": "Same"}), 412),
        ("PATCH", at(casey, ""), json!({"display_name": "Same"}), 403),
        ("PUT", at(jane, &format!("/caseload/{casey}")), Value::Null, 204),
        ("PUT", at(jane, &format!("/caseload/{boss}")), Value::Null, 204),
        ("POST", at(jane, "/links"), copy.clone(), 201),
        ("POST", at(boss, "/links"), copy.clone(), 404),
        ("POST", at(casey, "/links"), copy, 403),
        ("POST", at(jane, "/temporary-password"), Value::Null, 202),
        ("POST", at(boss, "/temporary-password"), Value::Null, 404),
        ("DELETE", at(boss, "/sessions"), Value::Null, 404),
        ("PATCH", "/v1/admin/practice".to_owned(), json!({"name": "Other"}), 403),
    ] {
        let event = HttpEvent::new(method, &path).header("if-match", "\"stale\"");
        let reply = staff.send(if body.is_null() { event } else { event.json(&body) }).await;
        assert_eq!(reply.status.as_u16(), status, "{method} {path}: {}", reply.body);
    }
    let staff_list = staff.send(HttpEvent::new("GET", ACCOUNTS).query("portal=staff")).await;
    assert_eq!(staff_list.status, 403);
    for (query, seen) in [
        ("caseload=all", vec!["dora", "ivan", "jane", "lily", "ruth", "sam", "tom"]),
        ("caseload=mine", vec!["jane"]),
    ] {
        let mut names = staff.list(query).await;
        names.sort();
        assert_eq!(names, seen, "{query}");
    }
}

#[tokio::test]
async fn who_is_scoped_lists_their_own_whatever_they_ask_for() {
    let app = deployment().await;
    let (jane, casey) = (
        id(&app, "caseload", Portal::Client, "jane").await,
        id(&app, "caseload", Portal::Staff, "casey").await,
    );
    let admin = StaffMember::of(&app, "caseload", "staff", "admin").await;
    assert_eq!(admin.put(&format!("{ACCOUNTS}/{jane}/caseload/{casey}"), json!({})).await.status, 204);
    let staff = StaffMember::of(&app, "caseload", "staff", "casey").await;
    for query in ["", "caseload=mine", "q=jane", "caseload=mine&q=jane"] {
        assert_eq!(staff.list(query).await, ["jane"], "{query}");
    }
    assert!(staff.list("q=sam").await.is_empty());
    for query in ["caseload=all", "caseload=all&q=jane", "portal=staff"] {
        let reply = staff.send(HttpEvent::new("GET", ACCOUNTS).query(query)).await;
        assert_eq!(reply.outcome(), (403, "forbidden".to_owned()), "{query}");
    }
    assert_eq!(admin.list("caseload=all&q=sam").await, ["sam"]);
}
