//! U1: every operation leaves the events that it must leave.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rekey::domain::practice::Portal;
use rekey::platform::ids::AccountId;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::staff::{ACCOUNTS, StaffMember};
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp, code_in, not_me_in, other_than, token_in};

/// Runs operations and holds what each has recorded.
struct Recorder<'a> {
    app: &'a TestApp,
    seen: BTreeSet<String>,
}

impl Recorder<'_> {
    async fn actions(&self) -> BTreeMap<String, String> {
        let items = self.app.dump().await.into_iter().filter(|item| item.contains("\"pk\":\"EVENT#"));
        let events = items.map(|item| serde_json::from_str::<Value>(&item).unwrap());
        events.map(|event| (text(&event["id"]), text(&event["action"]))).collect()
    }

    /// An operation, and the events that it leaves, sorted.
    async fn expect(&mut self, what: &str, operation: impl Future, expected: &[&str]) {
        let before = self.actions().await;
        operation.await;
        self.app.deliver().await;
        self.app.report_mails().await;
        let after = self.actions().await;
        let mut new: Vec<String> = after
            .iter()
            .filter(|(id, _)| !before.contains_key(*id))
            .map(|(_, action)| action.clone())
            .collect();
        new.sort();
        assert_eq!(new, expected, "{what}");
        self.seen.extend(new);
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// A member of staff who sees only their caseload asks for a username that somebody has.
async fn ask_for_a_name(recorder: &mut Recorder<'_>, admin: &StaffMember<'_>) {
    let app = recorder.app;
    let scoped = json!({"policy": {"caseload_scoped": true}});
    let scope = HttpEvent::new("PATCH", "/v1/admin/practice").json(&scoped);
    recorder.expect("scope", admin.send(scope), &["practice_updated"]).await;
    app.clock.advance(Duration::from_mins(1));
    let colleague = StaffMember::of(app, "agency", "staff", "casey").await;
    let name = colleague.create(json!({"username": "sam", "display_name": "S"}));
    recorder.expect("taken name", name, &["username_refused"]).await;
}

/// The holder of a session gives the password again, a wrong one too.
async fn confirm(recorder: &mut Recorder<'_>, session: &str) {
    for (password, event) in [("wrong", "authn_login_fail"), (NEW_PASSWORD, "authn_confirmed")] {
        let body = json!({"current_password": password});
        let confirm = HttpEvent::new("POST", "/v1/sessions/current/confirm").bearer(session).json(&body);
        recorder.expect(password, recorder.app.send(confirm), &[event]).await;
    }
}

/// People whose mail does not come ask for help, and staff see to them.
async fn ask_for_help(recorder: &mut Recorder<'_>, admin: &StaffMember<'_>) {
    let app = recorder.app;
    for (name, expected) in
        [("ruth", &["help_requested", "recovery_refused"][..]), ("stranger", &["help_requested"])]
    {
        recorder.expect("asked for help", Box::pin(app.in_need(name)), expected).await;
    }
    let tasks = admin.tasks("").await;
    let act = |task: usize, action: &str| Box::pin(admin.act(&tasks[task], json!({"action": action})));
    recorder.expect("taken task", act(0, "take"), &["help_taken"]).await;
    recorder.expect("done task", act(0, "done"), &["help_done"]).await;
    recorder.expect("refused task", act(1, "refuse"), &["help_refused"]).await;
}

/// A mail reaches somebody else, who says so.
async fn wrong_person(recorder: &mut Recorder<'_>) {
    let app = recorder.app;
    recorder.expect("to a stranger", app.forgot("lily"), &["authn_token_created", "mail_sent"]).await;
    let token = not_me_in(&app.mailbox.messages()[0]).unwrap();
    recorder.expect("not Lily", app.not_me(&token), &["wrong_person_reported"]).await;
}

/// The ends of people and of their practice.
async fn ends(recorder: &mut Recorder<'_>) {
    let app = recorder.app;
    let operate = |action: &str, members: Value| {
        let mut invocation = json!({"action": action, "practice": "agency"});
        invocation.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        Box::pin(async move { app.operate(invocation).await.unwrap() })
    };
    let person = |name: &str| json!({"who": {"username": name}});
    recorder.expect("export", operate("export_person", person("tom")), &["data_exported"]).await;
    recorder.expect("hold", operate("hold_person", person("tom")), &["user_updated"]).await;
    recorder.expect("held already", operate("hold_person", person("tom")), &[]).await;
    recorder.expect("erasure", operate("erase_person", person("noor")), &["user_deleted"]).await;
    let merge = json!({"duplicate": {"username": "lily"}, "into": {"username": "tom"}});
    recorder.expect("merging", operate("merge_accounts", merge), &["user_deleted", "user_updated"]).await;
    let end = operate("reset_passwords", json!({"mail": false, "cursor": "staff/"}));
    recorder.expect("reset of all", end, &["authn_password_voided"; 2]).await;
    recorder.expect("disabled", operate("disable_practice", json!({})), &["practice_updated"]).await;
    recorder.expect("released", operate("release_person", person("tom")), &["user_updated"]).await;
    let delete = Box::pin(async {
        let mut members = json!({});
        loop {
            members["action"] = "delete_practice".into();
            members["practice"] = "agency".into();
            let answer = app.operate(members.clone()).await.unwrap();
            match answer.get("cursor") {
                Some(cursor) => members["cursor"] = cursor.clone(),
                None => break,
            }
        }
    });
    let mut ended = vec!["practice_deleted"];
    ended.extend(["user_deleted"; 8]);
    recorder.expect("deletion", delete, &ended).await;
}

/// Staff learn who calls.
async fn check_caller(recorder: &mut Recorder<'_>, member: &StaffMember<'_>, jane: AccountId) {
    let path = format!("{ACCOUNTS}/{jane}/caller-check");
    let mut id = String::new();
    let begin = Box::pin(async {
        let begun = member.send(HttpEvent::new("POST", &path)).await.json();
        begun["check_id"].as_str().unwrap().clone_into(&mut id);
    });
    recorder.expect("caller check", begin, &["caller_check_created", "mail_sent"]).await;
    let code = code_in(&recorder.app.mailbox.messages()[0]);
    for (code, event) in [(other_than(&code), "authn_code_fail"), (code, "authn_code_success")] {
        let read_out = HttpEvent::new("POST", &format!("{path}/{id}")).json(&json!({"code": code}));
        recorder.expect("code read out", member.send(read_out), &[event]).await;
    }
}

/// Staff copy a link, and take it back.
async fn copy_and_revoke(recorder: &mut Recorder<'_>, member: &StaffMember<'_>, jane: AccountId) {
    let of = |tail: &str| format!("{ACCOUNTS}/{jane}/{tail}");
    let link = json!({"expires_at": "2026-11-22T18:00:00Z", "deliver": "copy"});
    let issue = HttpEvent::new("POST", &of("links")).json(&link);
    recorder.expect("copied link", member.send(issue), &["authn_token_created", "mail_sent"]).await;
    let ticket = member.get(&of("tickets")).await.json()["tickets"][0]["id"].as_str().unwrap().to_owned();
    let revoke = HttpEvent::new("DELETE", &of(&format!("tickets/{ticket}")));
    recorder.expect("revocation", member.send(revoke), &["authn_token_revoked"]).await;
}

/// Another address, which is on hold, the former one again, and another whose owner was seen.
async fn move_address(recorder: &mut Recorder<'_>, member: &StaffMember<'_>, sam: AccountId) {
    let app = recorder.app;
    let mut complaining = json!({"email": "complaint@simulator.amazonses.com"});
    let moved = member.patch(sam, complaining.clone());
    recorder.expect("address", moved, &["mail_sent", "user_updated"]).await;
    recorder.expect("recovery on hold", app.forgot("sam"), &["mail_sent", "recovery_refused"]).await;
    let back = member.patch(sam, json!({"email": "sam@agency.test"}));
    recorder.expect("address back", back, &["mail_sent", "user_updated"]).await;
    complaining["proof"] = json!({"method": "in_person"});
    let moved = member.patch(sam, complaining);
    recorder.expect("address seen", moved, &["mail_sent", "user_updated"]).await;
}

/// U1: each operation, and the events that it must leave. An action that no operation here leaves is a failure.
#[tokio::test]
async fn every_operation_leaves_its_events() {
    let app = TestApp::start_with(&[]).await;
    let mut recorder = Recorder { app: &app, seen: BTreeSet::new() };
    let practice = Box::pin(app.create_practice("agency", json!({})));
    recorder.expect("practice", practice, &["practice_created"]).await;
    let people = crate::support::demo_accounts("agency");
    recorder.expect("import", Box::pin(app.import("agency", &people)), &["user_created"; 9]).await;
    let member = StaffMember::of(&app, "agency", "staff", "admin").await;
    let (jane, sam) = (app.account("jane").await.id, app.account("sam").await.id);
    let casey = app.account_of("agency", Portal::Staff, "casey").await.id;
    let of = |tail: &str| format!("{ACCOUNTS}/{jane}/{tail}");
    let settings = HttpEvent::new("PATCH", "/v1/admin/practice");
    let settings = member.send(settings.json(&json!({"name": "Other"})));
    recorder.expect("settings", settings, &["practice_updated"]).await;
    let new = json!({"username": "noor", "email": "bounce@simulator.amazonses.com", "display_name": "N"});
    let invited = ["authn_token_created", "mail_bounced", "mail_sent", "user_created"];
    recorder.expect("registration", member.create(new), &invited).await;
    ask_for_a_name(&mut recorder, &member).await;
    recorder.expect("edit", member.patch(jane, json!({"locale": "es"})), &["user_updated"]).await;
    let caseload = of(&format!("caseload/{casey}"));
    recorder.expect("caseload", member.put(&caseload, json!({})), &["caseload_changed"]).await;
    let association = of(&format!("associations/{sam}"));
    let parent = json!({"relationship": "parent"});
    recorder.expect("association", member.put(&association, parent), &["association_changed"]).await;
    let end = HttpEvent::new("DELETE", &association);
    recorder.expect("end of it", member.send(end), &["association_ended"; 2]).await;
    check_caller(&mut recorder, &member, jane).await;
    copy_and_revoke(&mut recorder, &member, jane).await;
    let temporary = HttpEvent::new("POST", &of("temporary-password"));
    recorder
        .expect("temporary password", member.send(temporary), &["authn_token_created", "mail_sent"])
        .await;
    move_address(&mut recorder, &member, sam).await;
    let complained = ["authn_token_created", "mail_complained", "mail_sent"];
    recorder.expect("spam", app.forgot("sam"), &complained).await;

    let lift = HttpEvent::new("POST", &format!("{ACCOUNTS}/{sam}/mail")).json(&json!({"status": "ok"}));
    recorder.expect("lifted mark", member.send(lift), &["mail_restored"]).await;

    recorder.expect("closed", app.forgot("dora"), &["recovery_refused"]).await;
    Box::pin(ask_for_help(&mut recorder, &member)).await;
    let asked = ["authn_token_created", "mail_sent"];
    recorder.expect("forgot", app.forgot("jane"), &asked).await;
    let token = token_in(&app.mailbox.messages()[0]);
    recorder.expect("reset", app.reset(&token, NEW_PASSWORD), &["authn_password_change", "mail_sent"]).await;
    recorder.expect("used link", app.reset(&token, PASSWORD), &["authn_token_reuse"]).await;
    app.mailbox.fail_for("tom@agency.test", rekey_local::mailbox::Failure::Rejected);
    app.mailbox.fail_for("family@agency.test", rekey_local::mailbox::Failure::Rejected);
    recorder.expect("refused by SES", app.forgot("tom"), &["authn_token_created", "mail_not_sent"]).await;
    app.mailbox.clear_failures();
    Box::pin(wrong_person(&mut recorder)).await;
    recorder.expect("again", app.forgot("jane"), &asked).await;
    recorder.expect("once more", app.forgot("jane"), &asked).await;
    recorder.expect("too often", app.forgot("jane"), &["excess_rate_limit_exceeded"]).await;
    app.clock.advance(Duration::from_hours(25));
    let mut code = (String::new(), String::new());
    let ask = Box::pin(async { code = app.code_for("jane").await });
    recorder.expect("code", ask, &asked).await;
    let (request, code) = code;
    recorder.expect("wrong code", app.verify(&request, &other_than(&code)), &["authn_code_fail"]).await;
    recorder.expect("right code", app.verify(&request, &code), &["authn_code_success"]).await;

    recorder.expect("wrong password", app.sign_in("jane", "wrong"), &["authn_login_fail"]).await;
    recorder.expect("sign-in", app.sign_in("jane", NEW_PASSWORD), &["authn_login_success"]).await;
    let session = app.session_of("jane", NEW_PASSWORD).await;
    let change = |current: &str, new: &str| {
        let body = json!({"current_password": current, "new_password": new});
        app.send(HttpEvent::new("POST", "/v1/password/change").bearer(&session).json(&body))
    };
    let question = |current: &str| {
        let body = json!({"current_password": current, "question": "Pet?", "answer": "x"});
        app.send(HttpEvent::new("PUT", "/v1/security-question").bearer(&session).json(&body))
    };
    confirm(&mut recorder, &session).await;
    recorder.expect("bad change", change("wrong", PASSWORD), &["authn_password_change_fail"]).await;
    recorder.expect("question", question(NEW_PASSWORD), &["security_question_change"]).await;
    recorder.expect("bad question", question("wrong"), &["security_question_change_fail"]).await;
    let changed = ["authn_password_change", "mail_sent"];
    recorder.expect("change", change(NEW_PASSWORD, "a third quiet harbor"), &changed).await;
    let others = HttpEvent::new("DELETE", "/v1/sessions").bearer(&session);
    recorder.expect("other sessions", app.send(others), &["session_revoked"]).await;
    let out = HttpEvent::new("DELETE", "/v1/sessions/current").bearer(&session);
    recorder.expect("sign-out", app.send(out), &["authn_logout"]).await;
    let member = StaffMember::of(&app, "agency", "staff", "admin").await;
    let end = HttpEvent::new("DELETE", &of("sessions"));
    recorder.expect("sessions by staff", member.send(end), &["session_revoked"]).await;
    let mails = app.mailbox.messages();
    let repudiate = mails.iter().find_map(|mail| mail.text.as_ref()?.split_once("#repudiate=")).unwrap().1;
    let token = json!({"token": repudiate.split_whitespace().next().unwrap()});
    let taken_back = ["authn_password_repudiated", "mail_sent"];
    recorder.expect("this wasn't me", app.post("/v1/password/repudiate", token), &taken_back).await;
    let locked = async {
        for _ in 0..7 {
            app.sign_in("jane", "wrong").await;
        }
    };
    // The first and the sixth.
    let many = ["authn_login_fail", "authn_login_fail", "authn_login_lock"];
    recorder.expect("lock", locked, &many).await;

    Box::pin(ends(&mut recorder)).await;

    let api = crate::support::document::api();
    let all = api["components"]["schemas"]["Action"].clone();
    let all: BTreeSet<String> =
        all["enum"].as_array().unwrap_or_else(|| panic!("{all}")).iter().map(text).collect();
    assert_eq!(recorder.seen, all);
}
