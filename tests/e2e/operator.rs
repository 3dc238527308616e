//! The operator creates practices and their first administrators, and imports accounts.

use aws_sdk_dynamodb::types::AttributeValue;
use rekey::domain::practice::Portal;
use rekey::store::keys;
use serde_json::{Value, json};

use crate::support::staff::StaffMember;
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp, password_hash, practice, token_in};

#[tokio::test]
async fn a_practice_is_made_once() {
    let app = TestApp::start_with(&[]).await;
    let create =
        async |value: Value| app.operate(json!({"action": "create_practice", "practice": value})).await;
    assert_eq!(create(practice("agency", &json!({}))).await.unwrap()["status"], "created");
    let before = app.dump().await;
    let mut other = practice("agency", &json!({}));
    other["name"] = json!("Somebody else");
    assert_eq!(create(other).await.unwrap()["status"], "exists");
    assert_eq!(app.dump().await, before, "and left as it is");
    let error = create(practice("short", &json!({"link_ttl": 60}))).await.unwrap_err().to_string();
    assert_eq!(error, "invalid setting: policy.link_ttl: must be 600 to 172800");
}

#[tokio::test]
async fn an_invocation_that_does_not_exist_is_refused_by_name() {
    let app = TestApp::start_with(&[]).await;
    for (invocation, message) in [
        (json!({"action": "drop_table"}), "action: must be one of `create_practice`"),
        (json!({}), "missing field `action`"),
        (
            json!({"action": "import_accounts", "practice": "agency", "lines": "", "colour": "red"}),
            "unknown field `colour`",
        ),
        (
            json!({"action": "import_accounts", "practice": "agency", "lines": ""}),
            "no practice is called agency",
        ),
    ] {
        let error = app.operate(invocation.clone()).await.unwrap_err().to_string();
        assert!(error.contains(message), "{invocation}: {error}");
    }
}

#[tokio::test]
async fn the_first_administrator_is_invited_and_signs_in() {
    let app = TestApp::start().await;
    let invite = json!({"action": "create_administrator", "practice": "agency", "username": "Robin",
        "email": "robin@agency.test", "display_name": "Robin"});
    assert_eq!(app.operate(invite.clone()).await.unwrap()["status"], "created");
    assert_eq!(app.operate(invite).await.unwrap()["status"], "exists");
    app.deliver().await;
    let messages = app.mailbox.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].subject, "Your account is ready to set up");
    assert!(messages[0].text.as_ref().unwrap().contains("https://staff.agency.test/reset#token="));
    let token = token_in(&messages[0]);
    assert_eq!(app.preview(&token).await.json()["purpose"], "invitation");
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    let body =
        json!({"practice": "agency", "portal": "staff", "identifier": "robin", "password": NEW_PASSWORD});
    let reply = app.post("/v1/sessions", body).await.json();
    assert_eq!(
        (&reply["account"]["role"], &reply["account"]["username"]),
        (&json!("admin"), &json!("Robin"))
    );
}

#[tokio::test]
async fn an_import_takes_what_it_can_and_says_what_is_wrong_with_the_rest() {
    let app = TestApp::start_with(&[]).await;
    app.create_practice("agency", json!({})).await;
    let good = json!({"username": "jane", "email": "jane@agency.test", "display_name": "Jane", "password_hash": password_hash()});
    let line = |changes: Value| {
        let mut account = json!({"username": "x", "display_name": "X"});
        account.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        account.to_string()
    };
    let lines = [
        good.to_string(),
        String::new(),
        "not json".to_owned(),
        good.to_string(),
        line(json!({"username": "a@b.test"})),
        line(json!({"email": "nowhere"})),
        line(json!({"password_hash": "$1$secret"})),
        line(json!({"role": "admin"})),
        line(json!({"portal": "staff"})),
        line(json!({"locale": "klingon!"})),
        line(json!({"colour": "red"})),
        line(json!({"username": "JANE"})),
        line(json!({"username": "nomail"})),
        format!("{} {}", line(json!({"username": "zz"})), line(json!({"username": "yy"}))),
    ]
    .join("\n");
    let answer = app
        .operate(json!({"action": "import_accounts", "practice": "agency", "lines": lines}))
        .await
        .unwrap();
    assert!(!answer.to_string().contains("$1$secret"));
    let results: Vec<String> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| {
            let error = result["error"].as_str().unwrap_or_default();
            format!("{} {} {error}", result["line"], result["status"].as_str().unwrap()).trim().to_owned()
        })
        .collect();
    let expected = [
        "1 created",
        "3 failed the line is not valid JSON",
        "4 existing",
        "5 failed username: must not contain @, unless it is the account's own email",
        "6 failed email: must be an email address such as ann@example.org",
        &format!(
            "7 failed password_hash: {}",
            "must be a hash of Argon2, bcrypt, PBKDF2, scrypt, WordPress, Drupal 7, ASP.NET Identity or Firebase; an account without a hash can be imported and invited"
        ),
        "8 failed role: a client has none",
        "9 failed role: must be staff or admin",
        "10 failed locale: must be a language tag such as en, es-MX or zh-Hant",
        "11 failed colour: unknown field `colour`",
        "12 existing",
        "13 created",
        "14 failed line: must have one JSON object",
    ];
    assert_eq!(results, expected);
    assert_eq!(
        (&answer["created"], &answer["existing"], &answer["failed"]),
        (&json!(2), &json!(2), &json!(9))
    );
    assert_eq!(app.sign_in("jane", PASSWORD).await.status, 201);
}

#[tokio::test]
async fn an_account_without_an_address_gets_no_mail_and_the_trail_says_so() {
    let app = TestApp::start().await;
    app.import(
        "agency",
        &[json!({"username": "nomail", "display_name": "N", "password_hash": password_hash()})],
    )
    .await;
    assert_eq!(app.forgot("nomail").await.status, 202);
    app.deliver().await;
    assert!(app.mailbox.messages().is_empty());
    assert_eq!(app.actions("nomail").await, ["user_created", "recovery_refused"]);
    assert_eq!(app.sign_in("nomail", PASSWORD).await.status, 201);
}

#[tokio::test]
async fn the_same_username_may_exist_at_both_portals_and_in_two_practices() {
    let app = TestApp::start().await;
    app.create_practice("therapy", json!({})).await;
    let jane = json!({"username": "jane", "display_name": "Another", "password_hash": password_hash()});
    app.import("therapy", std::slice::from_ref(&jane)).await;
    let mut staff = jane;
    staff["portal"] = json!("staff");
    staff["role"] = json!("staff");
    app.import("agency", &[staff]).await;
    let ids = [
        app.account("jane").await.id,
        app.account_of("therapy", Portal::Client, "jane").await.id,
        app.account_of("agency", Portal::Staff, "jane").await.id,
    ];
    assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
}

#[tokio::test]
async fn an_import_brings_caseloads_along() {
    let app = TestApp::start().await;
    let line = |caseload: Value| json!({"username": "noor", "display_name": "N", "caseload": caseload});
    let import = async |line: Value| {
        let lines = line.to_string();
        let event = json!({"action": "import_accounts", "practice": "agency", "lines": lines});
        app.operate(event).await.unwrap()["results"][0].clone()
    };
    let many: Vec<Value> = (0..21).map(|_| json!({"staff": "casey"})).collect();
    for (line, error) in [
        (line(json!([{"staff": "jane"}])), "caseload: no member of staff is called jane"),
        (line(json!([{"staff": "casey", "role": " "}])), "caseload: a role has"),
        (line(json!(many)), "caseload: a client has at most 20"),
        (line(json!([{"staff": "casey", "boss": true}])), "caseload[0].boss: unknown field `boss`"),
        (
            json!({"portal": "staff", "role": "staff", "username": "noor", "display_name": "N", "caseload": [{"staff": "casey"}]}),
            "caseload: ",
        ),
    ] {
        let result = import(line).await;
        assert_eq!(result["status"], "failed", "{result}");
        assert!(result["error"].as_str().unwrap().starts_with(error), "{result}");
    }
    let twice = json!([{"staff": "Casey", "role": "Nurse"}, {"staff": "admin"}, {"staff": "casey"}]);
    assert_eq!(import(line(twice)).await["status"], "created");
    let casey = app.account_of("agency", Portal::Staff, "casey").await.id;
    let caseload = app.account("noor").await.caseload;
    assert_eq!(caseload.len(), 2);
    assert_eq!((caseload[0].staff, caseload[0].role.as_deref()), (casey, Some("Nurse")));
    let member = crate::support::staff::StaffMember::of(&app, "agency", "staff", "casey").await;
    assert_eq!(member.list("caseload=mine").await, ["noor"]);
}

/// What an earlier release has written is searched as it was, until the operator has the entries written again.
#[tokio::test]
async fn a_directory_is_written_again_so_that_old_accounts_are_found_by_new_terms() {
    let app = TestApp::start().await;
    let new = json!({"username": "mora", "display_name": "Luc\u{ed}a Mora-Jones"});
    app.import("agency", &[new]).await;
    let member = StaffMember::of(&app, "agency", "staff", "admin").await;
    let entries =
        async || app.dump().await.into_iter().filter(|item| item.contains("FIND#")).collect::<Vec<_>>();
    let whole = entries().await;
    assert_eq!(member.list("q=lucia%20jones").await, ["mora"]);
    for term in ["~lucia", "~jones"] {
        let account = app.account("mora").await;
        let entry = keys::directory_entry(&account, &format!("{term}#{}", account.id));
        let key = [("pk", entry.pk), ("sk", entry.sk)]
            .map(|(name, value)| (name.to_owned(), AttributeValue::S(value)));
        let delete = app.dynamodb.delete_item().table_name(&app.table).set_key(Some(key.into()));
        delete.send().await.unwrap();
    }
    assert_eq!(member.list("q=lucia").await, [""; 0]);
    app.put_former_entry(&app.account("mora").await).await;
    for _ in 0..2 {
        let answer = app.operate(json!({"action": "rebuild_directory", "practice": "agency"})).await.unwrap();
        assert_eq!(answer, json!({"accounts": 10}));
        assert_eq!(entries().await, whole);
    }
    assert_eq!(member.list("q=lucia%20jones").await, ["mora"]);
    let error = app.operate(json!({"action": "rebuild_directory", "practice": "nowhere"})).await.unwrap_err();
    assert_eq!(error.to_string(), "no practice is called nowhere");
}

/// A file as an editor and another system leave it.
#[tokio::test]
async fn a_file_may_have_a_byte_order_mark_other_line_ends_blank_lines_and_empty_members() {
    let app = TestApp::start_with(&[]).await;
    app.create_practice("agency", json!({})).await;
    let hash = format!("  {}\n", password_hash());
    let lines = [
        json!({"username": "ann", "email": "", "record_email": " ", "locale": "", "display_name": "Ann", "password_hash": hash}).to_string(),
        String::new(),
        "   ".to_owned(),
        format!("  {}\t", json!({"username": "bea", "email": " bea@agency.test\r\n", "display_name": "Bea", "password_hash": ""})),
        json!({"username": "", "display_name": "C"}).to_string(),
        json!({"username": 7, "display_name": "D"}).to_string(),
        json!({"display_name": "E"}).to_string(),
        "[1]".to_owned(),
        "null".to_owned(),
    ]
    .join("\r\n");
    let lines = format!("\u{feff}{lines}\r\n");
    let answer = app
        .operate(json!({"action": "import_accounts", "practice": "agency", "lines": lines}))
        .await
        .unwrap();
    let results: Vec<String> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| format!("{} {}", result["line"], result["error"].as_str().unwrap_or("created")))
        .collect();
    let expected = [
        "1 created",
        "4 created",
        "5 username: must not be empty",
        "6 username: must be a string",
        "7 username: must be given",
        "8 body: must be an object",
        "9 body: must be an object",
    ];
    assert_eq!(results, expected);
    let (ann, bea) = (app.account("ann").await, app.account("bea").await);
    assert_eq!((ann.email, ann.record_email, ann.locale), (None, None, None));
    assert_eq!(bea.email.unwrap().as_str(), "bea@agency.test");
    assert!(bea.password.is_none());
    assert_eq!(app.sign_in("ann", PASSWORD).await.status, 201);
}
