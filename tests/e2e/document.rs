//! The contract document: it is current, complete and typed, and every example in it has been sent or received.

use std::collections::{BTreeMap, BTreeSet};

use rekey::domain::practice::Portal;
use serde_json::{Value, json};

use crate::support::document::{Examples, api, complete, references, text_of};
use crate::support::event::HttpEvent;
use crate::support::examples::Recorder;
use crate::support::logo::{LOGO, png, put_logo};
use crate::support::routes;
use crate::support::template::root;
use crate::support::{
    NEW_PASSWORD, PASSWORD, TestApp, code_in, demo_accounts, not_me_in, other_than, token_in,
};

/// `REKEY_WRITE_OPENAPI=1 cargo test -p rekey-tests openapi` writes the document anew.
#[tokio::test]
async fn the_openapi_document_is_current() {
    let document = text_of(&complete(&examples().await));
    let path = root().join("infra/openapi.json");
    if std::env::var_os("REKEY_WRITE_OPENAPI").is_some() {
        std::fs::write(&path, &document).unwrap();
    }
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = document.lines().zip(checked_in.lines()).find(|(new, old)| new != old);
    assert!(
        checked_in == document,
        "infra/openapi.json is stale: REKEY_WRITE_OPENAPI=1 cargo test -p rekey-tests openapi\n{differs:?}"
    );
}

fn operations() -> impl Iterator<Item = (&'static str, &'static str, &'static Value)> {
    let paths = api()["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, operations)| {
        let operations = operations.as_object().unwrap().iter();
        operations.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

#[test]
fn the_openapi_document_is_3_1_and_has_every_route_and_no_other() {
    assert!(api()["openapi"].as_str().unwrap().starts_with("3.1"));
    let described: BTreeSet<_> =
        operations().map(|(path, method, _)| (path.to_owned(), method.to_uppercase())).collect();
    let routes: BTreeSet<_> =
        routes::all().iter().map(|known| (known.pattern.to_owned(), known.method.clone())).collect();
    assert_eq!(described, routes);
}

#[test]
fn every_reference_of_the_openapi_document_leads_to_a_schema_and_every_schema_is_referred_to() {
    let document = complete(&Examples::new());
    let schemas = api()["components"]["schemas"].as_object().unwrap();
    let known: BTreeSet<String> = schemas.keys().cloned().collect();
    let used: BTreeSet<String> = references(&document).into_iter().collect();
    assert_eq!(used, known);
}

#[test]
fn every_operation_of_the_openapi_document_says_its_own_errors_each_with_a_type() {
    for known in routes::all() {
        let operation = &api()["paths"][known.pattern][known.method.to_lowercase()];
        let mut said = BTreeSet::new();
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert!(
                !response["description"].as_str().unwrap_or_default().is_empty(),
                "{} {status}",
                known.pattern
            );
            let schema = &response["content"]["application/problem+json"]["schema"];
            let several = schema["oneOf"].as_array().cloned().unwrap_or_else(|| vec![schema.clone()]);
            for reference in several.iter().filter_map(|one| one["$ref"].as_str()) {
                let name = reference.rsplit('/').next().unwrap();
                let members = &api()["components"]["schemas"][name]["properties"];
                assert_eq!(members["status"]["const"].to_string(), *status, "{name}");
                said.insert(members["code"]["const"].as_str().unwrap().to_owned());
            }
        }
        let own: BTreeSet<String> = (known.errors)().iter().map(|error| error.name()).collect();
        assert_eq!(said, own, "{} {}", known.method, known.pattern);
    }
}

#[test]
fn every_operation_of_the_openapi_document_has_words_and_a_tag_that_is_described() {
    let tags: BTreeMap<&str, &str> = api()["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| (tag["name"].as_str().unwrap(), tag["description"].as_str().unwrap()))
        .collect();
    for (path, method, operation) in operations() {
        for member in ["operationId", "summary", "description"] {
            assert!(
                operation[member].as_str().is_some_and(|text| text.len() > 3),
                "{method} {path}: {member}"
            );
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{method} {path}: {}", parameter["name"]);
        }
        let summary = operation["summary"].as_str().unwrap();
        assert!(summary.len() <= 80 && !summary.contains('\n'), "{method} {path}: {summary}");
        assert!(tags.contains_key(operation["tags"][0].as_str().unwrap()), "{method} {path}");
    }
}

/// Whether an answer is a page or a part of one, which says nothing as an example.
fn is_whole(media_type: &str) -> bool {
    ["text/html", "text/css", "text/javascript"].contains(&media_type)
}

#[tokio::test]
async fn every_request_and_every_success_of_the_openapi_document_has_an_example() {
    let document = serde_json::to_value(complete(&examples().await)).unwrap();
    for (path, method, _) in operations() {
        let operation = &document["paths"][path][method];
        let empty = serde_json::Map::new();
        let contents = |part: &Value| part["content"].as_object().unwrap_or(&empty).clone();
        for (media_type, content) in contents(&operation["requestBody"]) {
            assert!(content["examples"].is_object(), "{method} {path}: a request as {media_type}");
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            let succeeds = |media_type: &&String| status.starts_with('2') && !is_whole(media_type);
            for (media_type, content) in
                contents(response).iter().filter(|(media_type, _)| succeeds(media_type))
            {
                assert!(content["examples"].is_object(), "{method} {path}: {status} as {media_type}");
            }
        }
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        for parameter in parameters.iter().filter(|parameter| parameter["required"] == true) {
            assert!(!parameter["example"].is_null(), "{method} {path}: {}", parameter["name"]);
        }
    }
}

/// An answer of every operation that has one holds every member that the document requires, and no member that the document
/// does not have.
#[tokio::test]
async fn every_example_of_the_openapi_document_has_the_members_that_its_schema_says() {
    let document = serde_json::to_value(complete(&examples().await)).unwrap();
    for (path, method, _) in operations() {
        let operation = &document["paths"][path][method];
        let responses = operation["responses"].as_object().unwrap().values();
        for content in
            responses.chain([&operation["requestBody"]]).map(|part| &part["content"]["application/json"])
        {
            for (name, example) in content["examples"].as_object().into_iter().flatten() {
                let at = format!("{method} {path} {name}");
                assert_eq!(misfit(&document, &content["schema"], &example["value"]), None, "{at}");
            }
        }
    }
}

/// The first place at which a value is not what a schema says of members and types.
fn misfit(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return misfit(document, document.pointer(reference.trim_start_matches('#')).unwrap(), value);
    }
    if let Some(several) = schema["oneOf"].as_array() {
        let misfits: Vec<_> = several.iter().map(|one| misfit(document, one, value)).collect();
        let fitting = misfits.iter().filter(|misfit| misfit.is_none()).count();
        return (fitting != 1).then(|| format!("fits {fitting} of {misfits:?}"));
    }
    let own = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types = schema["type"].as_array().cloned().unwrap_or_else(|| vec![schema["type"].clone()]);
    if !types.contains(&json!(own)) {
        return Some(format!("{value} is none of {types:?}"));
    }
    if schema["enum"].as_array().is_some_and(|known| !known.contains(value)) {
        return Some(format!("{value} is none of {}", schema["enum"]));
    }
    if let Value::Array(items) = value {
        return items.iter().find_map(|item| misfit(document, &schema["items"], item));
    }
    let members = value.as_object()?;
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    if let Some(missing) = required.iter().find(|name| !members.contains_key(name.as_str().unwrap())) {
        return Some(format!("{missing} is missing"));
    }
    members.iter().find_map(|(name, member)| match schema["properties"].get(name) {
        Some(known) => misfit(document, known, member).map(|inner| format!("{name}: {inner}")),
        None => Some(format!("{name} is not in the document")),
    })
}

/// A journey through every operation.
async fn examples() -> Examples {
    let app = TestApp::start_with(&[]).await;
    app.create_practice("agency", json!({"security_question": "optional"})).await;
    app.import("agency", &demo_accounts("agency")).await;
    let mut recorder = Recorder::of(&app);
    recoveries(&app, &mut recorder).await;
    holders(&app, &mut recorder).await;
    let staff = staff_session(&app).await;
    staffs_accounts(&app, &mut recorder, &staff).await;
    staffs_help(&app, &mut recorder, &staff).await;
    staffs_logs_and_settings(&mut recorder, &staff).await;
    brands(&app, &mut recorder, &staff).await;
    recorder.finish()
}

fn post(path: &str, body: &Value) -> HttpEvent {
    HttpEvent::new("POST", path).json(body)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn recoveries(app: &TestApp, recorder: &mut Recorder<'_>) {
    recorder.send("practice", HttpEvent::new("GET", "/v1/practices/agency")).await;
    let page =
        HttpEvent::new("GET", "/.well-known/change-password").query("practice=agency&portal=client&lang=en");
    recorder.send("page", page).await;
    for path in ["/p/agency", "/p/agency/client", "/p/agency/client/forgot", "/p/_/1/rekey.css"] {
        recorder.send("page", HttpEvent::new("GET", path).query("lang=en")).await;
    }

    let forgot = json!({"practice": "agency", "identifier": "jane", "method": "link"});
    let asked = recorder.send("by_link", post("/v1/password/forgot", &forgot)).await.json();
    let help = json!({"request_id": asked["request_id"], "reach": "call"});
    recorder.send("help", post("/v1/password/help", &help)).await;
    app.deliver().await;
    let token = token_in(&app.mailbox.messages()[0]);
    recorder.send("link", post("/v1/password/reset/preview", &json!({"token": token}))).await;
    let reset = json!({"token": token, "new_password": NEW_PASSWORD});
    let reset = post("/v1/password/reset", &reset).header("idempotency-key", "5f0e7c2a-reset-1");
    recorder.send("new_password", reset).await;
    app.deliver().await;
    let mails = app.mailbox.messages();
    let repudiate = mails.iter().find_map(|mail| mail.text.as_ref()?.split_once("#repudiate=")).unwrap().1;
    let token = repudiate.split_whitespace().next().unwrap();
    recorder.send("not_me", post("/v1/password/repudiate", &json!({"token": token}))).await;

    for (name, identifier) in [("one_account", "sam@agency.test"), ("shared_mailbox", "family@agency.test")] {
        let forgot = json!({"practice": "agency", "identifier": identifier, "method": "code"});
        let reply = recorder.send("by_code", post("/v1/password/forgot", &forgot)).await;
        app.deliver().await;
        let code = code_in(&app.mailbox.messages()[0]).replace(' ', "");
        let verify = json!({"request_id": reply.json()["request_id"], "code": code});
        recorder.send(name, post("/v1/password/verify-code", &verify)).await;
    }
    let invite = json!({"practice": "agency", "identifier": "ivan", "method": "link"});
    app.post("/v1/password/forgot", invite).await;
    app.deliver().await;
    let accept = json!({"token": token_in(&app.mailbox.messages()[0]), "new_password": NEW_PASSWORD,
        "security_question": {"question": "What was the name of your first pet?", "answer": "Biscuit"}});
    recorder.send("invitation", post("/v1/password/reset", &accept)).await;
    app.deliver().await;
    app.import("agency", &[json!({"username": "wes", "email": "wrong@agency.test", "display_name": "Wes"})])
        .await;
    app.forgot("wes").await;
    app.deliver().await;
    let token = not_me_in(&app.mailbox.messages()[0]).unwrap();
    recorder.send("wrong_person", post("/v1/password/not-me", &json!({"token": token}))).await;
    app.deliver().await;
}

async fn holders(app: &TestApp, recorder: &mut Recorder<'_>) {
    let sign_in = json!({"practice": "agency", "identifier": "sam", "password": PASSWORD});
    let reply = recorder.send("bearer", post("/v1/sessions", &sign_in)).await;
    let session = text(&reply.json()["token"]);
    let cookie =
        json!({"practice": "agency", "identifier": "sam", "password": PASSWORD, "transport": "cookie"});
    let cookie = post("/v1/sessions", &cookie).header("origin", "https://portal.agency.test");
    recorder.send("cookie", cookie).await;
    app.sign_in("sam", &other_than(PASSWORD)).await;
    let get = |path: &str| HttpEvent::new("GET", path).bearer(&session);
    let delete = |path: &str| HttpEvent::new("DELETE", path).bearer(&session);
    let sessions = recorder.send("sessions", get("/v1/sessions")).await.json();
    let sessions = sessions["sessions"].as_array().unwrap();
    let other = sessions.iter().find(|session| session["current"] == false).unwrap();
    recorder.send("account", get("/v1/account")).await;
    recorder.send("activity", get("/v1/activity").query("limit=3")).await;
    let question = json!({"current_password": PASSWORD, "question": "What was the name of your first pet?", "answer": "Biscuit"});
    recorder
        .send("question", HttpEvent::new("PUT", "/v1/security-question").bearer(&session).json(&question))
        .await;
    let confirm = json!({"current_password": PASSWORD});
    recorder.send("confirm", post("/v1/sessions/current/confirm", &confirm).bearer(&session)).await;
    recorder.send("session", delete(&format!("/v1/sessions/{}", text(&other["id"])))).await;
    recorder.send("other_sessions", delete("/v1/sessions")).await;
    let change = json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD});
    recorder.send("change", post("/v1/password/change", &change).bearer(&session)).await;
    recorder.send("sign_out", delete("/v1/sessions/current")).await;
}

async fn staff_session(app: &TestApp) -> String {
    let body = json!({"practice": "agency", "portal": "staff", "identifier": "admin", "password": PASSWORD});
    text(&app.post("/v1/sessions", body).await.json()["token"])
}

async fn staffs_accounts(app: &TestApp, recorder: &mut Recorder<'_>, staff: &str) {
    let at = |method: &str, path: &str| HttpEvent::new(method, path).bearer(staff);
    let new =
        json!({"username": "noor", "email": "noor@agency.test", "display_name": "Noor Amin", "locale": "en"});
    let created = recorder.send("client", at("POST", "/v1/admin/accounts").json(&new)).await.json();
    let colleague =
        json!({"portal": "staff", "username": "robin", "display_name": "Robin Lee", "role": "staff"});
    recorder.send("member_of_staff", at("POST", "/v1/admin/accounts").json(&colleague)).await;
    let search = "portal=client&q=noor&caseload=all&status=invited&mail=ok";
    recorder.send("found", at("GET", "/v1/admin/accounts").query(search)).await;
    let account = format!("/v1/admin/accounts/{}", text(&created["id"]));
    recorder.send("account", at("GET", &account)).await;
    let change = json!({"email": "n.amin@agency.test", "record_email": null, "representative": true});
    recorder.send("corrected", at("PATCH", &account).header("if-match", "\"0\"").json(&change)).await;
    let casey = app.account_of("agency", Portal::Staff, "casey").await.id;
    recorder.send("lifted mark", at("POST", &format!("{account}/mail")).json(&json!({"status": "ok"}))).await;
    let caseload = format!("{account}/caseload/{casey}");
    recorder.send("assignment", at("PUT", &caseload).json(&json!({"role": "case manager"}))).await;
    let lily = app.account("lily").await.id;
    let association = format!("{account}/associations/{lily}");
    recorder
        .send(
            "association",
            at("PUT", &association)
                .json(&json!({"relationship": "parent", "role": "acts", "until": "2031-06-01T04:00:00Z"})),
        )
        .await;
    recorder.send("account_with_relations", at("GET", &account)).await;
    recorder.send("assignment", at("DELETE", &caseload)).await;
    app.import(
        "agency",
        &[json!({"username": "ada", "display_name": "A", "caseload": [{"staff": "casey"}]})],
    )
    .await;
    let robin = app.account_of("agency", Portal::Staff, "robin").await.id;
    let hand_over = format!("/v1/admin/accounts/{casey}/hand-over");
    recorder.send("caseload", at("POST", &hand_over).json(&json!({"to": robin}))).await;
    recorder.send("association", at("DELETE", &association)).await;
}

async fn staffs_help(app: &TestApp, recorder: &mut Recorder<'_>, staff: &str) {
    let tom = app.account("tom").await.id;
    let noor = app.account("noor").await.id;
    let at = |method: &str, tail: &str| {
        HttpEvent::new(method, &format!("/v1/admin/accounts/{tom}/{tail}")).bearer(staff)
    };
    let link = json!({"expires_at": "2026-11-22T18:00:00Z", "deliver": "copy"});
    let copied = recorder.send("to_copy", at("POST", "links").json(&link)).await.json();
    let link =
        json!({"expires_at": "2026-11-25T18:00:00Z", "deliver": "email", "reason": "Away until Wednesday"});
    recorder.send("by_email", at("POST", "links").json(&link)).await;
    recorder.send("temporary_password", at("POST", "temporary-password").json(&json!({"hours": 2}))).await;
    let check = recorder.send("caller_check", at("POST", "caller-check")).await.json();
    app.deliver().await;
    let code = json!({"code": code_in(&app.mailbox.messages()[0]).replace(' ', "")});
    let path = format!("caller-check/{}", text(&check["check_id"]));
    recorder.send("read_out", at("POST", &path).json(&code)).await;
    let invitation = format!("/v1/admin/accounts/{noor}/invitation");
    recorder.send("invitation", HttpEvent::new("POST", &invitation).bearer(staff)).await;
    recorder.send("ticket", at("DELETE", &format!("tickets/{}", text(&copied["ticket_id"])))).await;
    app.deliver().await;
    app.report_mails().await;
    recorder.send("tickets", at("GET", "tickets")).await;
    let boss = app.account_of("agency", Portal::Staff, "admin").await.id;
    let issued = HttpEvent::new("GET", &format!("/v1/admin/accounts/{boss}/issued"));
    recorder.send("issued", issued.query("limit=2").bearer(staff)).await;
    let tasks = HttpEvent::new("GET", "/v1/admin/help-requests").query("portal=client&state=open&limit=5");
    let tasks = recorder.send("open", tasks.bearer(staff)).await.json();
    let task = format!("/v1/admin/help-requests/{}", text(&tasks["help_requests"][0]["id"]));
    let take = json!({"action": "take", "note": "Calls back in the afternoon"});
    recorder.send("taken", post(&task, &take).bearer(staff)).await;
    recorder.send("sessions", at("DELETE", "sessions")).await;
    recorder.send("activity", at("GET", "activity").query("limit=3")).await;
}

async fn staffs_logs_and_settings(recorder: &mut Recorder<'_>, staff: &str) {
    let at = |method: &str, path: &str| HttpEvent::new(method, path).bearer(staff);
    let query = "type=user_created&from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z&limit=2";
    recorder.send("changes", at("GET", "/v1/admin/changes").query(query)).await;
    let table = at("GET", "/v1/admin/changes").query(query).header("accept", "text/csv");
    recorder.send("table", table).await;
    recorder.send("settings", at("GET", "/v1/admin/practice")).await;
    let patch = json!({"support": {"phone": "+1 555 0199"}, "policy": {"link_ttl": 172_800}});
    recorder.send("longer_links", at("PATCH", "/v1/admin/practice").json(&patch)).await;
}

async fn brands(app: &TestApp, recorder: &mut Recorder<'_>, staff: &str) {
    let at = |method: &str, path: &str| HttpEvent::new(method, path).bearer(staff);
    let color = json!({"brand": {"color": "#7a1f3d"}});
    recorder.send("brand", at("PATCH", "/v1/admin/practice").json(&color)).await;
    recorder.send("logo", put_logo(&png(480, 128)).bearer(staff)).await;
    recorder.send("logo", at("GET", LOGO)).await;
    let mail = json!({"mail": "caller_check", "locale": "es-MX"});
    recorder.send("mail", at("POST", "/v1/admin/practice/mail-preview").json(&mail)).await;
    app.clock.advance(std::time::Duration::from_mins(1));
    let facts =
        recorder.send("practice_with_brand", HttpEvent::new("GET", "/v1/practices/agency")).await.json();
    let url = text(&facts["brand"]["logo_url"]);
    let (path, query) = url.split_once('?').unwrap();
    recorder.send("logo", HttpEvent::new("GET", path).query(query)).await;
    recorder.send("logo", at("DELETE", LOGO)).await;
}
