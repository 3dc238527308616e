//! N1, N2: what a new username may be, who signs in by which name, and what a name looks like.

use rekey::domain::event::Action;
use rekey::domain::practice::Portal;
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::staff::{ACCOUNTS, StaffMember, at_work, id_of};
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp, password_hash, token_in, tokens_in};

/// Imports accounts with the usual password, and returns the results.
async fn import(app: &TestApp, accounts: &[Value]) -> Vec<Value> {
    let with_password = |account: &Value| {
        let mut account = account.clone();
        account["password_hash"] = json!(password_hash());
        account.to_string()
    };
    let lines = accounts.iter().map(with_password).collect::<Vec<_>>().join("\n");
    let event = json!({"action": "import_accounts", "practice": "agency", "lines": lines});
    app.operate(event).await.unwrap()["results"].as_array().unwrap().clone()
}

fn client(username: &str) -> Value {
    json!({"username": username, "display_name": "C"})
}

#[tokio::test]
async fn a_username_has_nothing_invisible_and_nothing_of_an_address_or_a_path() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    for refused in [
        "\u{200b}",
        "\u{202e}",
        "\u{3164}",
        "\u{e0061}\u{e0062}",
        "ja\u{200d}ne",
        "ne\u{202e}ja",
        "https://evil.example/",
        "evil.example/x",
        "a@b.test",
        "a:b",
        "\u{1f9d1}",
        &"x".repeat(65),
    ] {
        let reply = admin.create(client(refused)).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{refused:?}");
        assert!(reply.json()["detail"].as_str().unwrap().starts_with("username: must "), "{}", reply.body);
    }
    for (given, kept) in [
        ("\u{feff}noor", "noor"),
        (" Tony   Stark ", "Tony Stark"),
        ("o\u{2019}brien", "o'brien"),
        ("\u{ff4d}ika", "mika"),
        ("\u{738b}\u{5c0f}\u{660e}", "\u{738b}\u{5c0f}\u{660e}"),
    ] {
        let reply = admin.create(client(given)).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["username"]), (201, &json!(kept)), "{}", reply.body);
    }
    for name in ["", "\u{202e}\u{202c}", "a\u{202e}b", "a\u{2067}b", "\u{3164}", "a\u{2028}b", "a\u{1b}b"] {
        let reply = admin.create(json!({"username": "named", "display_name": name})).await;
        assert_eq!(reply.outcome(), (400, "invalid_request".to_owned()), "{name:?}");
    }
    for name in
        ["\u{5d0}\u{2068}Jane\u{2069}", "Zo\u{eb} \u{202b}\u{5d0}\u{202c}", "\u{645}\u{6cc}\u{200c}\u{62e}"]
    {
        let id = app.account("noor").await.id;
        assert_eq!(admin.patch(id, json!({"display_name": name})).await.status, 200, "{name:?}");
    }
}

#[tokio::test]
async fn two_names_that_look_alike_are_one_unless_both_are_ascii() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    let create = async |username: &str| admin.create(client(username)).await.outcome();
    let (made, taken) = ((201, String::new()), (409, "username_taken".to_owned()));
    assert_eq!(create("tom1").await, made);
    assert_eq!(create("toml").await, made);
    for twin in ["j\u{430}ne", "J\u{430}NE", "\u{455}am", "l\u{456}ly", "t\u{43e}ml", "t\u{3bf}m1"] {
        assert_eq!(create(twin).await, taken, "{twin}");
    }
    assert_eq!(create("\u{43e}\u{43b}\u{44c}\u{433}\u{430}").await, made);
    assert_eq!(create("sc\u{43e}pe").await, made);
    for twin in ["scope", "s\u{441}ope", "SC\u{41e}PE"] {
        assert_eq!(create(twin).await, taken, "{twin}");
    }
    assert_eq!(app.sign_in("j\u{430}ne", PASSWORD).await.status, 401, "a look is no name");

    let results = import(&app, &[client("\u{440}\u{443}th"), client("ruthie"), client("s\u{430}m")]).await;
    assert!(results.iter().all(|result| result["status"] == "created"), "{results:?}");
    assert_eq!(results[2]["notes"], json!(["the username looks like another one"]));
    assert!(results[1]["notes"].is_null());
    for name in ["s\u{430}m", "sam", "\u{440}\u{443}th"] {
        assert_eq!(app.sign_in(name, PASSWORD).await.status, 201, "{name}");
    }
}

#[tokio::test]
async fn a_name_with_blanks_or_typographic_marks_signs_in_as_it_is_typed() {
    let app = TestApp::start().await;
    import(&app, &[client("Tony Stark"), client("o'brien"), client("Anne-Marie"), client("Zo\u{eb} 2")])
        .await;
    for typed in [
        "Tony Stark",
        "tony  stark",
        " TONY\u{a0}STARK ",
        "\u{feff}tony stark",
        "O\u{2019}Brien",
        "o\u{2bc}brien",
        "anne\u{2010}marie",
        "Anne\u{2013}Marie",
        "zoe\u{308} 2",
        "\u{200e}zo\u{eb}\u{3000}2",
    ] {
        assert_eq!(app.sign_in(typed, PASSWORD).await.status, 201, "{typed:?}");
    }
    for other in ["tonystark", "tony-stark", "obrien", "annemarie", "zoe 2"] {
        assert_eq!(app.sign_in(other, PASSWORD).await.status, 401, "{other}");
    }
}

#[tokio::test]
async fn an_address_is_a_username_of_the_one_who_has_it() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    let own = json!({"username": "ann@x.test", "email": "Ann@X.test", "display_name": "Ann"});
    assert_eq!(import(&app, std::slice::from_ref(&own)).await[0]["status"], "created");
    for typed in ["ann@x.test", "ANN@X.TEST", "\u{feff}ann@x.test "] {
        assert_eq!(app.sign_in(typed, PASSWORD).await.status, 201, "{typed}");
    }
    let refused = (400, "invalid_request".to_owned());
    for (username, email) in [
        ("jane@agency.test", json!(null)),
        ("jane@agency.test", json!("eve@x.test")),
        ("ann@x.test", json!("eve@x.test")),
    ] {
        let new = json!({"username": username, "email": email, "display_name": "Eve", "invite": false});
        assert_eq!(admin.create(new).await.outcome(), refused, "{username}");
    }
    let taken = (409, "username_taken".to_owned());
    let again =
        json!({"username": "ann@x.test", "email": "ann@x.test", "display_name": "Ann", "invite": false});
    assert_eq!(admin.create(again).await.outcome(), taken);
    let jane = json!({"username": "jane@agency.test", "email": "jane@agency.test", "display_name": "J", "invite": false});
    assert_eq!(admin.create(jane).await.outcome(), taken, "jane signs in by it");
    assert_eq!(app.sign_in("jane@agency.test", PASSWORD).await.json()["account"]["username"], "jane");

    let jane = json!({"username": "jane@agency.test", "email": "jane@agency.test", "display_name": "J"});
    let told = import(&app, &[jane]).await;
    assert_eq!(
        told[0]["error"], "username: is the address by which another account signs in",
        "it is not there already"
    );

    // Whoever is known by an address goes by the new one, and nobody keeps an address as a name that is not theirs.
    let id = app.account("ann@x.test").await.id;
    let moved = admin.patch(id, json!({"email": "ann@y.test"})).await.json();
    assert_eq!((&moved["username"], &moved["signs_in_by_email"]), (&json!("ann@y.test"), &json!(true)));
    assert_eq!(app.sign_in("ann@x.test", PASSWORD).await.status, 401);
    assert_eq!(app.sign_in("ann@y.test", PASSWORD).await.status, 201);
    assert_eq!(admin.patch(id, json!({"email": null})).await.outcome(), refused);
    assert_eq!(admin.patch(id, json!({"email": "jane@agency.test"})).await.outcome(), taken);
    assert_eq!(admin.patch(id, json!({"email": null, "username": "ann"})).await.json()["email"], json!(null));
    assert_eq!(app.sign_in("ann", PASSWORD).await.status, 201);
}

#[tokio::test]
async fn staff_rename_an_account_as_they_change_its_address() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    let jane = app.account("jane").await.id;
    let link = app.token_for("jane").await;
    let session = app.session_of("jane", PASSWORD).await;
    for (username, outcome) in [
        ("sam", (409, "username_taken".to_owned())),
        ("SAM", (409, "username_taken".to_owned())),
        ("s\u{430}m", (409, "username_taken".to_owned())),
        ("a/b", (400, "invalid_request".to_owned())),
        ("", (400, "invalid_request".to_owned())),
        ("sam@agency.test", (400, "invalid_request".to_owned())),
    ] {
        assert_eq!(admin.patch(jane, json!({"username": username})).await.outcome(), outcome, "{username}");
    }
    assert_eq!(admin.patch(jane, json!({"username": "Jane"})).await.json()["username"], "Jane");
    let renamed = admin.patch(jane, json!({"username": "j\u{430}ne"})).await;
    assert_eq!(renamed.status, 200, "its own twin: {renamed:?}");
    assert_eq!(admin.patch(jane, json!({"username": "jane.doe"})).await.json()["username"], "jane.doe");
    assert_eq!(app.preview(&link).await.outcome(), (410, "revoked_token".to_owned()));
    assert_eq!(app.account_with(&session).await.json()["username"], "jane.doe");
    for (name, status) in [("jane.doe", 201), ("jane", 401), ("j\u{430}ne", 401), ("jane@agency.test", 201)] {
        assert_eq!(app.sign_in(name, PASSWORD).await.status.as_u16(), status, "{name}");
    }
    assert_eq!(admin.list("q=jane.doe").await, ["jane.doe"]);
    assert_eq!(admin.create(client("jane")).await.status, 201, "the name is free again");
    let event =
        app.events(jane).await.into_iter().rfind(|event| event.action == Action::UserUpdated).unwrap();
    assert_eq!(serde_json::to_value(&event.changes).unwrap(), json!([{"member": "username"}]));
    let own = id_of(&app, "agency", Portal::Staff, "admin").await;
    assert_eq!(admin.patch(own, json!({"username": "root"})).await.status, 403);
    let casey = StaffMember::of(&app, "agency", "staff", "casey").await;
    let staff = id_of(&app, "agency", Portal::Staff, "casey").await;
    assert_eq!(casey.patch(staff, json!({"username": "boss"})).await.status, 403);
}

/// An address that is somebody's name for sign-in stays theirs.
#[tokio::test]
async fn a_colleague_cannot_switch_off_a_strangers_sign_in_by_address() {
    let app = TestApp::start().await;
    let admin = at_work(&app).await;
    let new =
        json!({"username": "newcomer", "email": "JANE@agency.test", "display_name": "N", "invite": false});
    let created = admin.create(new).await;
    assert_eq!((created.status.as_u16(), &created.json()["signs_in_by_email"]), (201, &json!(false)));
    let sam = app.account("sam").await.id;
    let shared = json!({"email": "jane@agency.test", "proof": {"method": "in_person"}});
    let given = admin.patch(sam, shared).await.json();
    app.deliver().await;
    app.mailbox.clear().unwrap();
    assert_eq!((&given["email"], &given["signs_in_by_email"]), (&json!("jane@agency.test"), &json!(false)));
    let session = app.sign_in("jane@agency.test", PASSWORD).await.json();
    assert_eq!(session["account"]["username"], "jane");
    assert_eq!(app.sign_in("sam", PASSWORD).await.status, 201);
    app.forgot("jane@agency.test").await;
    app.deliver().await;
    let mails = app.mailbox.messages();
    let links: usize = mails.iter().map(|mail| tokens_in(mail).len()).sum();
    assert_eq!(links, 3, "a mail to the address still serves all");
    let token = app.token_for("jane").await;
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.sign_in("jane@agency.test", NEW_PASSWORD).await.status, 201);
    assert_eq!(app.sign_in("jane@agency.test", PASSWORD).await.status, 401, "and never as sam");

    // Whoever shares an address opens no lock of the one whose sign-in it is.
    for _ in 0..6 {
        app.sign_in("jane@agency.test", "wrong").await;
    }
    let token = app.token_for("sam").await;
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    assert_eq!(app.sign_in("jane@agency.test", NEW_PASSWORD).await.status, 429);
    app.clock.advance(std::time::Duration::from_mins(2));

    // When the first has another address, the address is free for the one for whom it is saved again, once it is nobody else's.
    let jane = app.account("jane").await.id;
    assert_eq!(admin.patch(jane, json!({"email": "j@agency.test"})).await.status, 200);
    assert_eq!(app.sign_in("jane@agency.test", PASSWORD).await.status, 401);
    app.clock.advance(std::time::Duration::from_mins(5));
    let newcomer = app.account("newcomer").await.id;
    assert_eq!(admin.patch(newcomer, json!({"email": null})).await.status, 200);
    let saved = admin.patch(sam, json!({"email": "jane@agency.test"})).await.json();
    assert_eq!(saved["signs_in_by_email"], true);
    assert_eq!(app.sign_in("jane@agency.test", NEW_PASSWORD).await.json()["account"]["username"], "sam");
}

#[tokio::test]
async fn closed_accounts_do_not_keep_an_open_one_from_its_mail() {
    let app = TestApp::start().await;
    let member = |n: usize, active: bool| json!({"username": format!("member{n}"), "email": "home@agency.test", "display_name": "M", "active": active});
    let mut members: Vec<Value> = (0..25).map(|n| member(n, false)).collect();
    members.push(member(25, true));
    let results = import(&app, &members).await;
    let notes = json!(["the email is shared, so the owner signs in by username"]);
    assert!(results.iter().all(|result| result["notes"] == notes), "{results:?}");
    assert_eq!(app.sign_in("home@agency.test", PASSWORD).await.status, 401);
    app.forgot("home@agency.test").await;
    app.deliver().await;
    let mails = app.mailbox.messages();
    assert_eq!((mails.len(), tokens_in(&mails[0]).len()), (1, 1));
    assert_eq!(app.reset(&token_in(&mails[0]), NEW_PASSWORD).await.status, 204);
    assert_eq!(app.sign_in("member25", NEW_PASSWORD).await.status, 201);
    // One that is opened again is served again.
    let admin = StaffMember::of(&app, "agency", "staff", "admin").await;
    let id = app.account("member3").await.id;
    assert_eq!(admin.patch(id, json!({"active": true})).await.status, 200);
    app.mailbox.clear().unwrap();
    app.forgot("home@agency.test").await;
    app.deliver().await;
    assert_eq!(tokens_in(&app.mailbox.messages()[0]).len(), 2);
}

/// A name that an earlier release took goes on signing in, whatever the rules are now.
#[tokio::test]
async fn a_name_of_an_earlier_release_signs_in() {
    let app = TestApp::start().await;
    import(&app, &[client("former")]).await;
    let account = app.account("former").await;
    for former in ["ja\u{200b}ne", "sm\u{f8}rre\u{2019}s", "a/b:c", "\u{2665}love"] {
        app.rename_as_before(&account, former).await;
        let reply = app.sign_in(former, PASSWORD).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.json()["account"]["username"]),
            (201, &json!(former)),
            "{former:?}"
        );
    }
    assert_eq!(app.sign_in("jane", PASSWORD).await.json()["account"]["username"], "jane");
    let admin = at_work(&app).await;
    let changed = admin.send(
        HttpEvent::new("PATCH", &format!("{ACCOUNTS}/{}", account.id))
            .header("if-match", "\"0\"")
            .json(&json!({"active": false})),
    );
    assert_eq!(changed.await.status, 200, "and is changed like any other");
    assert_eq!(app.sign_in("\u{2665}love", PASSWORD).await.status, 401);
}
