//! Everything that Rekey does, done once. Tests of permissions and of reads use it.

use rekey::domain::practice::Portal;
use rekey_local::mailbox::Failure;
use serde_json::{Value, json};

use super::desk::{desk, guardians};
use super::event::HttpEvent;
use super::logo::{LOGO, png, put_logo};
use super::routes;
use super::seam::Fault;
use super::staff::StaffMember;
use super::{NEW_PASSWORD, PASSWORD, TestApp, other_than, password_hash, temporary_in, token_in};

/// Everything that the functions ever do.
pub async fn everything(app: &TestApp) {
    app.create_practice("pediatrics", json!({"security_question": "required"})).await;
    let jane = json!({"username": "jane", "email": "jane@pediatrics.test", "display_name": "J", "caseload": [{"staff": "casey"}],
        "password_hash": password_hash(), "security_question": {"question": "Pet?", "answer": "Biscuit"}});
    let casey = json!({"portal": "staff", "username": "casey", "display_name": "C", "role": "staff"});
    app.import("pediatrics", &[casey, jane]).await;
    let again = json!({"username": "JANE", "display_name": "J"}).to_string();
    let again = json!({"action": "import_accounts", "practice": "pediatrics", "lines": again});
    assert_eq!(app.operate(again).await.unwrap()["existing"], 1);
    app.import("pediatrics", &[json!({"username": "j\u{430}ne", "display_name": "Twin"})]).await;
    let by_address =
        json!({"username": "jane@pediatrics.test", "email": "jane@pediatrics.test", "display_name": "J"});
    let by_address =
        json!({"action": "import_accounts", "practice": "pediatrics", "lines": by_address.to_string()});
    assert_eq!(app.operate(by_address).await.unwrap()["failed"], 1, "somebody else signs in by it");
    let invite = json!({"action": "create_administrator", "practice": "agency", "username": "robin",
        "email": "robin@agency.test", "display_name": "Robin"});
    app.operate(invite).await.unwrap();
    app.put_former_entry(&app.account_of("pediatrics", Portal::Client, "jane").await).await;
    app.operate(json!({"action": "rebuild_directory", "practice": "pediatrics"})).await.unwrap();
    app.operate(json!({"action": "review_hashes", "practice": "pediatrics"})).await.unwrap();
    let senders = json!({"action": "set_domains", "practice": "pediatrics", "domains": ["pediatrics.test"], "senders": ["*@pediatrics.test"]});
    app.operate(senders).await.unwrap();
    app.operate(json!({"action": "verify_senders", "practice": "pediatrics"})).await.unwrap();
    app.send(HttpEvent::new("GET", "/v1/practices/agency")).await;
    app.send(HttpEvent::new("GET", "/p/agency/client")).await;
    for known in routes::all() {
        let preflight = HttpEvent::new("OPTIONS", &known.pattern.replace(['{', '}'], ""));
        let preflight = preflight.header("access-control-request-method", &known.method);
        let reply = app.send(preflight.header("origin", "https://portal.agency.test")).await;
        assert_eq!(reply.status, 204, "{reply:?}");
    }
    app.post("/v1/password/forgot", json!({"practice": "pediatrics", "identifier": "jane"})).await;
    app.deliver().await;
    let token = token_in(&app.mailbox.messages()[0]);
    let answered = json!({"token": token, "new_password": NEW_PASSWORD, "answer": "Biscuit"});
    assert_eq!(app.post("/v1/password/reset", answered).await.status, 204);

    // These calls cause a rehash by username and by address, a failure and a refusal.
    let session = app.session_of("sam", PASSWORD).await;
    app.sign_in("casey@agency.test", "wrong").await;
    for _ in 0..7 {
        app.sign_in("dora@agency.test", "wrong").await;
    }
    for (method, path, session) in [
        ("GET", "/v1/account", &session),
        ("GET", "/v1/sessions", &session),
        ("DELETE", "/v1/sessions", &session),
        ("DELETE", "/v1/sessions/current", &session),
    ] {
        assert!(app.send(HttpEvent::new(method, path).bearer(session)).await.status.is_success());
    }
    let kept = app.session_of("sam", PASSWORD).await;
    let confirm = json!({"current_password": PASSWORD});
    let post = HttpEvent::new("POST", "/v1/sessions/current/confirm").bearer(&kept).json(&confirm);
    assert_eq!(app.send(post).await.status, 204);
    let question = json!({"current_password": PASSWORD, "question": "Pet?", "answer": "Biscuit"});
    let put = HttpEvent::new("PUT", "/v1/security-question").bearer(&kept).json(&question);
    assert_eq!(app.send(put).await.status, 204);
    // A session that is used often is only read.
    for _ in 0..3 {
        let weak = json!({"current_password": PASSWORD, "new_password": "short"});
        let post = HttpEvent::new("POST", "/v1/password/change").bearer(&kept).json(&weak);
        assert_eq!(app.send(post).await.status, 422);
    }
    let change = json!({"current_password": PASSWORD, "new_password": "a first stone bridge"});
    let post = HttpEvent::new("POST", "/v1/password/change").bearer(&kept).json(&change);
    assert_eq!(app.send(post).await.status, 204);
    let token = app.token_for("sam").await;
    let request = app.forgot_by_code("agency", "client", "nobody").await;
    assert_eq!(app.verify(&request, "0000 0000").await.status, 400);
    let (request, code) = app.code_for("sam").await;
    assert_eq!(app.verify(&request, &other_than(&code)).await.status, 400);
    assert_eq!(app.verify(&request, &code).await.status, 200);
    app.forgot("sam@agency.test").await;
    app.preview(&token).await;
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 410);
    app.seam.inject("mailer", "GetItem", 1, Fault::Down);
    app.deliver().await;
    let mails = app.mailbox.messages();
    let repudiate = mails.iter().find_map(|mail| mail.text.as_ref()?.split_once("#repudiate=")).unwrap().1;
    let token = repudiate.split_whitespace().next().unwrap();
    assert_eq!(app.post("/v1/password/repudiate", json!({"token": token})).await.status, 204);
    app.deliver().await;
    Box::pin(staff_work(app)).await;
}

/// Everything that staff do with accounts.
async fn staff_work(app: &TestApp) {
    let body = json!({"practice": "agency", "portal": "staff", "identifier": "admin", "password": PASSWORD});
    let session = app.post("/v1/sessions", body).await.json()["token"].as_str().unwrap().to_owned();
    let path = |tail: &str| format!("/v1/admin/accounts{tail}");
    let (jane, ruth) = (app.account("jane").await.id, app.account("ruth").await.id);
    let staff = app.account_of("agency", Portal::Staff, "casey").await.id;
    let bouncing = "bounce@simulator.amazonses.com";
    let new = json!({"username": "noor", "email": bouncing, "display_name": "Noor"});
    let client = json!({"url": "https://my.agency.test", "recovery_url": "https://my.agency.test/reset"});
    let moved = json!({"portals": {"client": client}, "name": "Other"});
    let email = json!({"email": "other@agency.test", "display_name": "Other", "username": "jane.other"});
    let twin = json!({"username": "j\u{430}ne", "display_name": "Twin"});
    assert_eq!(app.send(HttpEvent::new("POST", &path("")).json(&twin).bearer(&session)).await.status, 409);
    for event in [
        HttpEvent::new("POST", &path("")).json(&new),
        HttpEvent::new("PATCH", "/v1/admin/practice").json(&moved),
        HttpEvent::new("GET", "/v1/admin/practice"),
        HttpEvent::new("GET", "/v1/admin/practice"),
        HttpEvent::new("GET", &path("")).query("q=noor"),
        HttpEvent::new("GET", &path("")).query("caseload=mine"),
        HttpEvent::new("PATCH", &path(&format!("/{jane}"))).header("if-match", "\"0\"").json(&email),
        HttpEvent::new("PATCH", &path(&format!("/{jane}")))
            .header("if-match", "\"1\"")
            .json(&json!({"active": false})),
        HttpEvent::new("PUT", &path(&format!("/{jane}/caseload/{staff}"))).json(&json!({})),
        HttpEvent::new("DELETE", &path(&format!("/{jane}/caseload/{staff}"))),
        HttpEvent::new("PUT", &path(&format!("/{jane}/associations/{ruth}")))
            .json(&json!({"relationship": "parent"})),
    ] {
        let reply = app.send(event.bearer(&session)).await;
        assert!(reply.status.is_success(), "{reply:?}");
    }
    Box::pin(brand(app, &session)).await;
    Box::pin(refused_mail(app, &session)).await;
    Box::pin(refused_name(app, &session)).await;
    Box::pin(guardians(app, &session)).await;
    Box::pin(undelivered(app)).await;
    Box::pin(help(app, &session)).await;
    Box::pin(desk(app, &session)).await;
    Box::pin(ends(app)).await;
    for (path, query) in [
        ("/v1/activity", ""),
        ("/v1/admin/changes", ""),
        ("/v1/admin/changes", "actor=operator"),
        ("/v1/admin/changes", "type=user_created"),
        (path(&format!("/{jane}/activity")).as_str(), ""),
    ] {
        let reply = app.send(HttpEvent::new("GET", path).query(query).bearer(&session)).await;
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
    }
}

/// A colour and a logo, which goes and comes, and a mail that has both.
async fn brand(app: &TestApp, session: &str) {
    let color = json!({"brand": {"color": "#7a1f3d"}});
    let preview = json!({"mail": "reset_link", "locale": "es"});
    for event in [
        HttpEvent::new("PATCH", "/v1/admin/practice").json(&color),
        put_logo(&png(120, 40)),
        HttpEvent::new("DELETE", LOGO),
        put_logo(&png(120, 40)),
        HttpEvent::new("GET", LOGO),
        HttpEvent::new("GET", "/v1/practices/agency/logo"),
        HttpEvent::new("POST", "/v1/admin/practice/mail-preview").json(&preview),
    ] {
        let reply = app.send(event.bearer(session)).await;
        assert!(reply.status.is_success(), "{reply:?}");
    }
}

/// A mail that SES refuses, and the mark that it leaves.
async fn refused_mail(app: &TestApp, session: &str) {
    let lily = app.account("lily").await;
    app.mailbox.fail_for("family@agency.test", Failure::Rejected);
    app.forgot("lily").await;
    app.deliver().await;
    app.mailbox.clear_failures();
    let event = HttpEvent::new("POST", &format!("/v1/admin/accounts/{}/mail", lily.id));
    let reply = app.send(event.json(&json!({"status": "ok"})).bearer(session)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    app.deliver().await;
}

/// A mail that waits, one that is given up, and what an operator does about both.
async fn undelivered(app: &TestApp) {
    app.mailbox.fail_next(1, Failure::Unverified);
    app.forgot("ivan").await;
    app.deliver().await;
    app.clock.advance(std::time::Duration::from_mins(1));
    app.sweep().await;
    app.mailbox.fail_for("tom@agency.test", Failure::BadContent);
    app.import("agency", &[json!({"username": "tam", "email": "tom@agency.test", "display_name": "T"})])
        .await;
    app.forgot("tam").await;
    let invite = json!({"action": "create_administrator", "practice": "agency", "username": "tim",
        "email": "tom@agency.test", "display_name": "Tim"});
    app.operate(invite).await.unwrap();
    app.deliver().await;
    app.mailbox.clear_failures();
    for action in ["list_undelivered", "redrive"] {
        app.operate(json!({"action": action, "practice": "agency"})).await.unwrap();
    }
    app.sweep().await;
    // A public request is found by its id too.
    let request = app.forgot_by_code("agency", "client", "nobody").await;
    app.operate(json!({"action": "list_undelivered", "item": request})).await.unwrap();
}

/// A username that a member of staff who does not see everybody asks for, and that is taken.
async fn refused_name(app: &TestApp, session: &str) {
    let scoped = |scoped: bool| json!({"policy": {"caseload_scoped": scoped}});
    let settings = async |change: Value| {
        let event = HttpEvent::new("PATCH", "/v1/admin/practice").json(&change).bearer(session);
        assert_eq!(app.send(event).await.status, 200);
        app.clock.advance(std::time::Duration::from_mins(1));
    };
    settings(scoped(true)).await;
    let casey = StaffMember::of(app, "agency", "staff", "casey").await;
    let reply = casey.create(json!({"username": "sam", "display_name": "Sam"})).await;
    assert_eq!(reply.status, 409, "{reply:?}");
    settings(scoped(false)).await;
}

/// Everything that staff do to help an account's owner get back in.
async fn help(app: &TestApp, session: &str) {
    let sam = app.account("sam").await.id;
    let robin = app.account_of("agency", Portal::Staff, "robin").await.id;
    let at = |tail: &str| format!("/v1/admin/accounts/{sam}/{tail}");
    let link = |deliver: &str| json!({"expires_at": "2026-11-22T18:00:00Z", "deliver": deliver});
    let send = async |method: &str, path: &str, body: Option<Value>| {
        let event = HttpEvent::new(method, path).bearer(session);
        app.send(body.iter().fold(event, HttpEvent::json)).await
    };
    let copied = send("POST", &at("links"), Some(link("copy"))).await.json();
    let ticket = at(&format!("tickets/{}", copied["ticket_id"].as_str().unwrap()));
    for (method, path, body) in [
        ("POST", at("links"), Some(link("email"))),
        ("GET", at("tickets"), None),
        ("DELETE", ticket.clone(), None),
        ("DELETE", ticket, None),
        ("DELETE", at("sessions"), None),
        ("POST", at("temporary-password"), None),
    ] {
        let reply = send(method, &path, body).await;
        assert!(reply.status.is_success(), "{reply:?}");
    }
    app.deliver().await;
    let temporary = temporary_in(&app.mailbox.messages()[0]);
    // All administrators are told.
    let ended = send("DELETE", &format!("/v1/admin/accounts/{robin}/sessions"), None).await;
    assert_eq!(ended.status, 204, "{ended:?}");
    app.deliver().await;
    let mails = app.mailbox.messages();
    let lily = app.account("lily").await.id;
    let checks = format!("/v1/admin/accounts/{lily}/caller-check");
    let begun = send("POST", &checks, None).await;
    assert_eq!(begun.status, 202, "{begun:?}");
    let check = begun.json()["check_id"].as_str().unwrap().to_owned();
    app.deliver().await;
    let read_out = json!({"code": super::code_in(&app.mailbox.messages()[0])});
    assert_eq!(send("POST", &format!("{checks}/{check}"), Some(read_out)).await.status, 200);
    let proof = json!({"method": "mailed_code", "check_id": check, "note": "Knew the code"});
    let mut proven = link("copy");
    proven["proof"] = proof.clone();
    let member = StaffMember { app, session: session.to_owned() };
    assert_eq!(member.patch(robin, json!({"locale": "es"})).await.status, 200);
    let moved = json!({"email": "family2@agency.test", "proof": proof});
    assert_eq!(member.patch(lily, moved).await.status, 200);
    assert_eq!(send("POST", &format!("/v1/admin/accounts/{lily}/links"), Some(proven)).await.status, 201);
    let invited = mails.iter().find(|mail| mail.to == ["bounce@simulator.amazonses.com"]).unwrap();
    assert_eq!(app.reset(&token_in(invited), NEW_PASSWORD).await.status, 204);
    app.deliver().await;
    app.report_mails().await;
    let direct = json!({"practice": "agency", "username": "sam", "expires_at": "2026-11-22T18:00:00Z", "deliver": "email"});
    app.invoke_admin_link(direct).await.unwrap();
    assert_eq!(app.sign_in("sam", &temporary).await.json()["next"], "change_password");
}

/// The end of what one has, of people and of a whole practice.
async fn ends(app: &TestApp) {
    app.create_practice("closing", json!({})).await;
    app.import("closing", &super::demo_accounts("closing")).await;
    let member = StaffMember::of(app, "closing", "staff", "admin").await;
    let id = async |portal, name| app.account_of("closing", portal, name).await.id;
    let (jane, tom) = (id(Portal::Client, "jane").await, id(Portal::Client, "tom").await);
    let casey = id(Portal::Staff, "casey").await;
    for path in [format!("{jane}/caseload/{casey}"), format!("{jane}/associations/{tom}")] {
        let body = if path.contains("caseload") { json!({}) } else { json!({"relationship": "parent"}) };
        assert_eq!(member.put(&format!("/v1/admin/accounts/{path}"), body).await.status, 204);
    }
    let (lily, dora) = (id(Portal::Client, "lily").await, id(Portal::Client, "dora").await);
    let until = json!({"relationship": "parent", "role": "views", "until": "2030-01-01T00:00:00Z"});
    assert_eq!(
        member.put(&format!("/v1/admin/accounts/{lily}/associations/{dora}"), until).await.status,
        204
    );
    let question = json!({"question": "Pet?", "answer": "Biscuit"});
    app.import("closing", &[json!({"username": "t0m", "display_name": "T", "security_question": question})])
        .await;
    let temporary = format!("/v1/admin/accounts/{jane}/temporary-password");
    assert_eq!(member.send(HttpEvent::new("POST", &temporary).json(&json!({}))).await.status, 202);
    let link = json!({"practice": "closing", "username": "sam", "expires_at": super::help::TOMORROW, "deliver": "copy"});
    app.invoke_admin_link(link.clone()).await.unwrap();
    let mut to_reset = link;
    to_reset["username"] = "lily".into();
    let copied = app.invoke_admin_link(to_reset).await.unwrap()["url"].as_str().unwrap().to_owned();
    let (_, token) = copied.split_once("#token=").unwrap();
    assert_eq!(app.reset(token, NEW_PASSWORD).await.status, 204);
    app.deliver().await;
    for name in ["sam", "nobody"] {
        Box::pin(app.in_need_at("closing", "client", name)).await;
    }
    let operate = async |action: &str, mut members: Value| {
        members["action"] = action.into();
        if action != "list_practices" {
            members["practice"] = "closing".into();
        }
        app.operate(members).await.unwrap()
    };
    operate("list_practices", json!({})).await;
    operate("revoke_issued", json!({"issuer": "operator"})).await;
    for action in ["hold_person", "release_person", "export_person"] {
        operate(action, json!({"who": {"username": "sam"}})).await;
    }
    operate("merge_accounts", json!({"duplicate": {"username": "tom"}, "into": {"username": "sam"}})).await;
    let leaving = StaffMember::of(app, "closing", "staff", "casey").await;
    let waits = json!({"username": "waits", "email": "waits@closing.test", "display_name": "W"});
    assert_eq!(leaving.create(waits).await.status, 201);
    operate("merge_accounts", json!({"duplicate": {"username": "lily"}, "into": {"username": "sam"}})).await;
    operate("erase_person", json!({"portal": "staff", "who": {"username": "casey"}})).await;
    operate("end_sessions", json!({})).await;
    operate("reset_passwords", json!({"pepper": "k1"})).await;
    operate("reset_passwords", json!({})).await;
    for cursor in [None, Some("help/"), Some("log/")] {
        let members = cursor.map_or_else(|| json!({}), |cursor| json!({"cursor": cursor}));
        operate("export_practice", members).await;
    }
    operate("disable_practice", json!({})).await;
    let mut members = json!({});
    while let Some(cursor) = operate("delete_practice", members.clone()).await.get("cursor") {
        members["cursor"] = cursor.clone();
    }
}
