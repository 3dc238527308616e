//! Files of accounts as spreadsheets, directories and other systems write them.

use serde_json::{Value, json};

use crate::support::{PASSWORD, TestApp, password_hash};

async fn import(app: &TestApp, lines: &str, dry_run: bool) -> Value {
    let event =
        json!({"action": "import_accounts", "practice": "agency", "lines": lines, "dry_run": dry_run});
    app.operate(event).await.unwrap()
}

fn counts(answer: &Value) -> [u64; 3] {
    ["created", "existing", "failed"].map(|member| answer[member].as_u64().unwrap())
}

#[tokio::test]
async fn a_table_is_read_whatever_stands_between_its_cells_and_ends_its_lines() {
    let app = TestApp::start().await;
    let table = |name: &str, delimiter: &str, end: &str| {
        let row = |cells: [&str; 3]| cells.join(delimiter) + end;
        let address = format!("{name}@agency.test");
        row(["username", "display_name", "email"]) + &row([name, "\"Lee, Ann; |\"", &address])
    };
    for (name, text) in [
        ("comma", table("comma", ",", "\n")),
        ("semicolon", table("semicolon", ";", "\r\n")),
        ("tab", table("tab", "\t", "\n")),
        ("bar", table("bar", "|", "\r\n")),
        ("return", table("return", ",", "\r")),
        ("said", format!("sep=;\r\n{}", table("said", ";", "\r\n"))),
        ("marked", format!("\u{feff}sep=,\n{}", table("marked", ",", "\n"))),
    ] {
        let answer = import(&app, &text, false).await;
        assert_eq!(counts(&answer), [1, 0, 0], "{name}: {answer}");
        let account = app.account(name).await;
        assert_eq!(account.display_name, "Lee, Ann; |", "{name}");
        assert_eq!(account.email.unwrap().as_str(), format!("{name}@agency.test"), "{name}");
    }
    let text = "sep=;\rusername;display_name\rone;One\r\rtwo;\r";
    let answer = import(&app, text, true).await;
    assert_eq!((counts(&answer), &answer["results"][1]["line"]), ([1, 0, 1], &json!(5)), "{answer}");
    let twice = json!({"action": "import_accounts", "practice": "agency", "lines": "username,username,display_name\na,b,c\n"});
    let error = app.operate(twice).await.unwrap_err().to_string();
    assert!(error.contains("username: is twice in the header"), "{error}");
}

#[tokio::test]
async fn a_blank_member_of_any_kind_is_none() {
    let app = TestApp::start().await;
    let members = [
        "active",
        "representative",
        "refused",
        "invited",
        "signs_in_by_email",
        "caseload",
        "security_question",
    ];
    let texts = ["portal", "email", "record_email", "locale", "role", "password_hash"];
    for (place, blank) in [json!(""), json!(null), json!(" \t")].into_iter().enumerate() {
        let mut line = json!({"username": format!("blank{place}"), "display_name": "B"});
        for member in members.iter().chain(&texts) {
            line[*member] = blank.clone();
        }
        let answer = import(&app, &line.to_string(), false).await;
        assert_eq!(counts(&answer), [1, 0, 0], "{blank}: {answer}");
        let account = app.account(&format!("blank{place}")).await;
        assert!(account.is_open() && !account.representative && account.question.is_none(), "{blank}");
    }
    for (line, said) in [
        (json!({"username": "", "display_name": "B"}), "username: must not be empty"),
        (json!({"username": "x", "display_name": null}), "display_name: "),
        (json!({"username": "x", "display_name": "X", "active": "maybe"}), "active: must be a boolean"),
        (
            json!({"username": "x", "display_name": "X", "invited": "", "caseload": [{"staff": 1}]}),
            "caseload[0].staff: ",
        ),
    ] {
        let answer = import(&app, &line.to_string(), false).await;
        assert!(answer["results"][0]["error"].as_str().unwrap().starts_with(said), "{answer}");
    }
}

#[tokio::test]
async fn of_lines_with_one_name_the_first_counts_and_the_others_are_told() {
    let app = TestApp::start().await;
    let lines = ["Ann Lee", "ann lee", "ANN  LEE", "ann\u{a0}lee", "Bea"];
    let lines = lines.map(|name| json!({"username": name, "display_name": name}).to_string()).join("\n");
    for dry_run in [true, false] {
        let answer = import(&app, &lines, dry_run).await;
        assert_eq!(counts(&answer), [2, 3, 0], "{dry_run}: {answer}");
        for place in 1..4 {
            let result = &answer["results"][place];
            let told = (&result["status"], &result["notes"]);
            assert_eq!(told, (&json!("existing"), &json!(["an earlier line has the username"])), "{answer}");
        }
        assert!(answer["results"][4].get("notes").is_none(), "{answer}");
    }
    assert_eq!(app.account("ann lee").await.display_name, "Ann Lee");
}

#[tokio::test]
async fn a_locale_of_unix_and_a_scheme_in_front_of_a_hash_refuse_nobody() {
    let app = TestApp::start().await;
    for (place, locale) in
        ["en_US.UTF-8", "es-ES@euro", "x-private", "i-klingon", " es "].into_iter().enumerate()
    {
        let hash = format!("{{argon2}}{}", password_hash());
        let line = json!({"username": format!("unix{place}"), "display_name": "U", "locale": locale, "password_hash": hash});
        let answer = import(&app, &line.to_string(), false).await;
        assert_eq!(counts(&answer), [1, 0, 0], "{locale}: {answer}");
        assert_eq!(
            app.account(&format!("unix{place}")).await.locale.unwrap(),
            locale.trim(),
            "kept as given"
        );
        assert_eq!(app.sign_in(&format!("unix{place}"), PASSWORD).await.status, 201, "{locale}");
    }
}

#[tokio::test]
async fn a_refusal_of_the_operators_names_the_member() {
    let app = TestApp::start().await;
    for (invocation, said) in [
        (
            json!({"action": "set_domains", "practice": "agency", "domains": ["test"]}),
            "domains[0]: must be a domain",
        ),
        (
            json!({"action": "set_domains", "practice": "agency", "domains": ["a.test"], "senders": [1]}),
            "senders[0]: ",
        ),
        (json!({"action": "import_accounts", "practice": "agency", "lines": "", "after": -1}), "after: "),
        (json!({"action": "create_administrator", "practice": "agency", "username": 1}), "username: "),
        (json!({"action": 5}), "action: "),
        (json!("x"), "action"),
        (json!([]), "action"),
    ] {
        let error = app.operate(invocation.clone()).await.unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("invalid invocation: {said}")) || error.contains(said),
            "{invocation}: {error}"
        );
    }
}

#[tokio::test]
async fn a_realm_is_read_as_a_whole_and_with_the_credentials_of_its_time() {
    let app = TestApp::start().await;
    let former = |name: &str, algorithm: &str| {
        json!({"username": name, "enabled": true, "credentials": [{"type": "password", "hashedSaltedValue":
            FORMER.1, "salt": FORMER.0, "hashIterations": 27_500, "algorithm": algorithm}]})
    };
    let bare = json!({"username": "bare", "enabled": false, "email": "bare@agency.test"});
    let own = json!({"username": "own", "display_name": "Own", "enabled": true});
    let realm = json!({"realm": "clinic", "users": [bare, former("former", "pbkdf2-sha256"), own]});
    let answer = import(&app, &realm.to_string(), false).await;
    assert_eq!(counts(&answer), [2, 0, 1], "{answer}");
    assert_eq!(answer["results"][2]["error"], "enabled: unknown field `enabled`", "{answer}");
    assert!(!app.account("bare").await.active);
    assert_eq!(app.sign_in("former", PASSWORD).await.status, 201);
}

/// Salt and value of [`PASSWORD`] by PBKDF2 with SHA-256 and 27,500 rounds, 64 bytes, as Keycloak 4 stores them.
const FORMER: (&str, &str) = (
    "c2l4dGVlbiBieXRlcyBvZg==",
    "0DEGq5J3aCm2wJp/qYP/QBsl5RqoOCsH8nAayyKbNcCPjJv7qArHRN9UsUzZSVfKgKkjsJ7+6kgFU8GB3fD9wg==",
);
