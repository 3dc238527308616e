//! N4: accounts come with the hashes and in the files of other systems, and nobody loses their password by moving.

use rekey::domain::practice::{Portal, Slug};
use serde_json::{Value, json};

use crate::support::event::HttpEvent;
use crate::support::staff::at_work;
use crate::support::template::root;
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp, password_hash};

/// The hashes that the systems' own libraries made, each with its password.
fn vectors() -> Vec<(String, String)> {
    let file = root().join("shared/src/secrets/password/imported/vectors.tsv");
    let text = std::fs::read_to_string(file).unwrap();
    let vector = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        (serde_json::from_str(cells[1]).unwrap(), cells[2].to_owned())
    };
    text.lines().map(vector).collect()
}

async fn import(app: &TestApp, lines: &str, more: Value) -> Value {
    let mut event = json!({"action": "import_accounts", "practice": "agency", "lines": lines});
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    app.operate(event).await.unwrap()
}

async fn empty() -> TestApp {
    let app = TestApp::start_with(&[]).await;
    app.create_practice("agency", json!({})).await;
    app
}

#[tokio::test]
async fn every_form_of_hash_ends_with_a_sign_in_and_a_rehash() {
    let app = empty().await;
    let vectors = vectors();
    let lines: Vec<String> = vectors
        .iter()
        .enumerate()
        .map(|(n, (_, hash))| {
            json!({"username": format!("u{n}"), "display_name": "U", "password_hash": format!(" {hash}\r\n")})
                .to_string()
        })
        .collect();
    let answer = import(&app, &lines.join("\n"), json!({})).await;
    assert_eq!(answer["created"], vectors.len(), "{answer}");
    let stored = async |name: &str| serde_json::to_value(app.account(name).await.password).unwrap();
    for (n, (password, hash)) in vectors.iter().enumerate() {
        let name = format!("u{n}");
        let sealed = stored(&name).await;
        let sealed = sealed.as_str().unwrap();
        assert!(sealed.starts_with("$sealed$k1$") && sealed.ends_with(hash), "{sealed}");
        assert_eq!(app.sign_in(&name, password).await.status, 201, "{hash}");
        let kept = stored(&name).await;
        assert!(kept.as_str().unwrap().starts_with("$argon2id$v=19$m=19456,t=2,p=1,keyid="), "{hash}");
        assert_eq!(app.sign_in(&name, password).await.status, 201, "{hash}");
        assert_eq!(stored(&name).await, kept);
    }
}

/// Whoever has stolen a role that writes accounts can put any text where a hash is kept: one of their own making, or that of an
/// account whose password they know.
#[tokio::test]
async fn a_planted_hash_signs_nobody_in_and_its_owner_gets_in_by_a_recovery() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let app = crate::support::TestApp::start().await;
    let own = serde_json::to_value(app.account("sam").await.password).unwrap();
    for planted in [crate::support::password_hash().to_owned(), own.as_str().unwrap().to_owned()] {
        let jane = app.account("jane").await;
        let login = rekey::store::keys::login(
            &jane.practice,
            jane.portal,
            &rekey::domain::identifier::Identifier::parse("jane").unwrap(),
        );
        for key in [rekey::store::keys::account(jane.id), login] {
            let update = app.dynamodb.update_item().table_name(&app.table).set_key(Some(key.attributes()));
            let update = update.update_expression("SET password = :p");
            update
                .expression_attribute_values(":p", AttributeValue::S(planted.clone()))
                .send()
                .await
                .unwrap();
        }
        let reply = app.sign_in("jane", crate::support::PASSWORD).await;
        assert_eq!(reply.outcome(), (401, "invalid_credentials".to_owned()), "{planted}");
        let token = app.token_for("jane").await;
        assert_eq!(app.reset(&token, crate::support::NEW_PASSWORD).await.status, 204);
        assert_eq!(app.sign_in("jane", crate::support::NEW_PASSWORD).await.status, 201);
        app.deliver().await;
    }
}

/// What the old hash did not compare is never kept in its place.
#[tokio::test]
async fn a_text_that_only_the_old_hash_takes_signs_in_and_locks_nobody_out() {
    let app = empty().await;
    let vectors = vectors();
    for (n, (prefix, around)) in
        [("pbkdf2_sha256$20000", ["", "\0"]), ("$S$", [" ", "\t"]), ("$wp$2y", ["", "\n"])]
            .into_iter()
            .enumerate()
    {
        let (password, hash) = vectors.iter().find(|(_, hash)| hash.starts_with(prefix)).unwrap();
        let name = format!("u{n}");
        let line = json!({"username": name, "display_name": "U", "password_hash": hash});
        import(&app, &line.to_string(), json!({})).await;
        let typed = format!("{}{password}{}", around[0], around[1]);
        for typed in [typed.as_str(), typed.as_str(), password] {
            assert_eq!(app.sign_in(&name, typed).await.status, 201, "{prefix} {typed:?}");
        }
        assert_eq!(
            app.sign_in(&name, &typed).await.status,
            401,
            "{prefix}: from now on it is compared whole"
        );
    }
}

/// F1: work that cannot be computed stands for the work of the hashes that are left. Whoever's sign-in fails meets it.
#[tokio::test]
async fn every_failed_sign_in_does_the_work_of_the_hashes_that_are_left() {
    let app = TestApp::start().await;
    let slug = Slug::parse("agency").unwrap();
    let settings = app.store.find_settings(&slug).await.unwrap().unwrap();
    let impossible = json!([{"family": "scrypt", "log_n": 63, "r": 8, "p": 1}]);
    let impossible = serde_json::from_value(impossible).unwrap();
    assert!(app.store.set_imported_work(&settings, impossible).await.unwrap().is_written());
    for name in ["jane", "nobody", "jane@agency.test", "dora", "ruth", "ivan", "lily"] {
        assert_eq!(app.sign_in(name, "wrong").await.status, 500, "{name}");
    }
    for closed in ["dora", "ruth"] {
        assert_eq!(app.sign_in(closed, PASSWORD).await.status, 500, "{closed}: right, and closed");
    }
    assert_eq!(app.sign_in("jane", PASSWORD).await.status, 201);
}

#[tokio::test]
async fn a_practice_knows_which_hashes_are_left() {
    let app = empty().await;
    let known = async || {
        let slug = Slug::parse("agency").unwrap();
        let practice = app.store.find_practice(&slug).await.unwrap().unwrap();
        serde_json::to_value(practice.imported_work).unwrap()
    };
    let review =
        async || app.operate(json!({"action": "review_hashes", "practice": "agency"})).await.unwrap();
    assert_eq!(known().await, json!([]));
    let admin = json!({"portal": "staff", "role": "admin", "username": "admin", "display_name": "A"});
    let line = |name: &str, hash: &str| {
        json!({"username": name, "display_name": "N", "password_hash": hash}).to_string()
    };
    let (six, five) = (bcrypt::hash(PASSWORD, 6).unwrap(), bcrypt::hash(PASSWORD, 5).unwrap());
    let scrypt = vectors().into_iter().find(|(_, hash)| hash.starts_with("$scrypt$")).unwrap();
    let lines = [
        admin.to_string(),
        line("ann", &five),
        line("bea", &six),
        line("cleo", &scrypt.1),
        line("dot", "junk"),
    ];
    assert_eq!(import(&app, &lines.join("\n"), json!({"dry_run": true})).await["created"], 4);
    assert_eq!(known().await, json!([]), "a dry run keeps nothing");
    assert_eq!(import(&app, &lines.join("\n"), json!({})).await["created"], 4);
    let all = json!([{"family": "bcrypt", "cost": 6}, {"family": "scrypt", "log_n": 12, "r": 8, "p": 1}]);
    assert_eq!(known().await, all);
    assert_eq!(app.sign_in("bea", PASSWORD).await.status, 201);
    assert_eq!(app.sign_in("cleo", &scrypt.0).await.status, 201);
    let left = json!([{"family": "bcrypt", "cost": 5}]);
    let peppers = json!({"k1": {"passwords": 3, "answers": 0}});
    assert_eq!(review().await, json!({"accounts": 4, "imported": 1, "peppers": peppers, "left": left}));
    assert_eq!(known().await, left);
    assert_eq!(app.sign_in("ann", PASSWORD).await.status, 201);
    assert_eq!(review().await, json!({"accounts": 4, "imported": 0, "peppers": peppers, "left": []}));
    assert_eq!(known().await, json!([]));
}

/// It is no setting: staff neither see it nor change it, and a change of the settings keeps it.
#[tokio::test]
async fn settings_say_nothing_of_hashes_and_keep_what_is_known_of_them() {
    let app = TestApp::start().await;
    let hash = bcrypt::hash(PASSWORD, 4).unwrap();
    import(
        &app,
        &json!({"username": "ann", "display_name": "A", "password_hash": hash}).to_string(),
        json!({}),
    )
    .await;
    let admin = at_work(&app).await;
    assert!(admin.get("/v1/admin/practice").await.json().get("imported_work").is_none());
    let patch =
        async |body: Value| admin.send(HttpEvent::new("PATCH", "/v1/admin/practice").json(&body)).await;
    assert_eq!(patch(json!({"imported_work": []})).await.outcome(), (422, "invalid_setting".to_owned()));
    let changed = patch(json!({"name": "Other"})).await;
    assert_eq!((changed.status.as_u16(), changed.json().get("imported_work")), (200, None));
    let practice = app.store.find_practice(&Slug::parse("agency").unwrap()).await.unwrap().unwrap();
    assert_eq!(practice.imported_work.families().len(), 2, "the demo's Argon2 and this bcrypt");
}

/// The files of other systems, as they export them.
#[tokio::test]
async fn the_exports_of_other_systems_are_read_as_they_are() {
    let bcrypt = bcrypt::hash(PASSWORD, 4).unwrap();
    let auth0 = [
        json!({"_id": {"$oid": "60425"}, "email": "ann@x.test", "email_verified": true, "passwordHash": bcrypt,
            "password_set_date": {"$date": "2021-03-05T11:11:33.418Z"}, "tenant": "t", "connection": "Username-Password-Authentication"}),
        json!({"user_id": "auth0|1", "email": "bea@x.test", "username": "bea", "name": "Bea B", "blocked": true, "passwordHash": bcrypt}),
        json!({"user_id": "auth0|2", "email": "cleo@x.test", "given_name": "Cleo", "family_name": "C", "locale": "es-MX"}),
    ]
    .map(|user| user.to_string())
    .join("\n");
    let attributes = |of: &[(&str, &str)]| -> Value {
        of.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect()
    };
    let sub = "0ac6a7c8-7f1c-4d4f-a0a8-25fd8e8d9d3b";
    let cognito = json!({"Users": [
        {"Username": sub, "Attributes": attributes(&[("sub", sub), ("email", "ann@x.test"), ("name", "Ann A")]),
            "UserCreateDate": 1_700_000_000.5, "Enabled": true, "UserStatus": "CONFIRMED"},
        {"Username": "bea", "Attributes": attributes(&[("sub", "1"), ("email", "bea@x.test"), ("given_name", "Bea")]),
            "Enabled": false, "UserStatus": "CONFIRMED"},
        {"Username": "c9", "Attributes": attributes(&[("sub", "c9"), ("preferred_username", "cleo"), ("locale", "es-MX")]),
            "UserStatus": "FORCE_CHANGE_PASSWORD"}]})
    .to_string();
    let header =
        "cognito:username,name,given_name,family_name,email,email_verified,phone_number,cognito:mfa_enabled";
    let cognito_csv = format!(
        "\u{feff}{header}\r\nann@x.test,Ann A,,,ann@x.test,TRUE,,FALSE\r\n\r\nbea,,Bea,B,bea@x.test,true,,\r\ncleo,\"Cleo, C\",,,,,,\r\n"
    );
    let firebase = json!({"users": [
        {"localId": "u1", "email": "ann@x.test", "emailVerified": true, "displayName": "Ann A",
            "passwordHash": "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==",
            "salt": "42xEC+ixf3L2lw==", "createdAt": "1486324050000", "providerUserInfo": []},
        {"localId": "u2", "email": "bea@x.test", "disabled": true},
        {"localId": "u3", "phoneNumber": "+15550100", "providerUserInfo": []}]})
    .to_string();
    let project = json!({"base64_signer_key": "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
        "base64_salt_separator": "Bw==", "algorithm": "SCRYPT", "rounds": 8, "mem_cost": 14});
    for (name, file, more, names) in [
        ("auth0", auth0.clone(), json!({}), ["ann@x.test", "bea", "cleo@x.test"]),
        ("auth0", format!("[{}]", auth0.replace('\n', ",")), json!({}), ["ann@x.test", "bea", "cleo@x.test"]),
        ("cognito", cognito, json!({}), ["ann@x.test", "bea", "cleo"]),
        ("cognito", cognito_csv, json!({}), ["ann@x.test", "bea", "cleo"]),
        ("keycloak", keycloak(), json!({}), ["ann@x.test", "bea", "cleo"]),
        ("firebase", firebase, json!({"firebase": project}), ["ann@x.test", "bea@x.test", "u3"]),
    ] {
        for format in [None, Some(name)] {
            let app = empty().await;
            let mut more = more.clone();
            if let Some(format) = format {
                more["format"] = json!(format);
            }
            let answer = import(&app, &file, more).await;
            assert_eq!((&answer["created"], &answer["failed"]), (&json!(3), &json!(0)), "{name}: {answer}");
            let found: Vec<&str> = answer["results"]
                .as_array()
                .unwrap()
                .iter()
                .map(|r| r["username"].as_str().unwrap())
                .collect();
            assert_eq!(found, names, "{name}");
            let ann = app.account("ann@x.test").await;
            assert_eq!(ann.email.as_ref().unwrap().as_str(), "ann@x.test");
            let password = if name == "firebase" { "user1password" } else { PASSWORD };
            let signs_in = app.sign_in("ANN@x.test", password).await.status == 201;
            assert_eq!(signs_in, name != "cognito", "{name}");
            assert_eq!(
                app.account(names[1]).await.active,
                name == "cognito" && file.starts_with('\u{feff}'),
                "{name}"
            );
        }
    }
    let own = json!({"username": "eva", "display_name": "Eva", "active": false, "user_id": 7, "email_verified": true});
    let told = import(&empty().await, &own.to_string(), json!({})).await;
    assert!(
        told["results"][0]["error"].as_str().unwrap().contains("unknown field"),
        "nothing is lost: {told}"
    );
    let csv = "user_id,email,passwordHash\n1,ann@x.test,plain\n";
    let told = import(&empty().await, csv, json!({})).await;
    assert!(told["results"][0]["error"].as_str().unwrap().starts_with("password_hash: "), "{told}");
    let service =
        json!({"username": "service-account-x", "serviceAccountClientId": "x", "createdTimestamp": 1});
    let told = import(&empty().await, &service.to_string(), json!({})).await;
    assert_eq!(told["results"][0]["error"], "username: is the account of a client, and of no person");
    let refused =
        import(&empty().await, &json!({"localId": "u", "passwordHash": "AAAA"}).to_string(), json!({})).await;
    assert_eq!(
        refused["results"][0]["error"],
        "password_hash: needs the hash parameters of the Firebase project"
    );
}

/// A realm with what Keycloak has called its default: PBKDF2 with SHA-256 and a key of 64 bytes, then Argon2.
fn keycloak() -> String {
    let credential = |secret: Value, data: Value| json!([{"id": "1", "type": "password", "createdDate": 1_700_000_000_000_u64, "secretData": secret.to_string(), "credentialData": data.to_string()}]);
    let pbkdf2 = credential(
        json!({"value": "/GKoBVOKP+XbEAgOGapQs3rhOWt+wU70RMNjIxtpksOeeGlw2Zuonw2pQeg/vdzRsya5eBRFRQFIuJ2v7JZWYA==", "salt": "c2FsdHNhbHRzYWx0c2FsdA==", "additionalParameters": {}}),
        json!({"hashIterations": 27500, "algorithm": "pbkdf2-sha256", "additionalParameters": {}}),
    );
    let argon2 = credential(
        json!({"value": "kL/aMdsevPils7o/OoKj2rNr1mqTrAfcjXFozRrmFYM=", "salt": "c2FsdHNhbHRzYWx0c2FsdA==", "additionalParameters": {}}),
        json!({"hashIterations": 5, "algorithm": "argon2", "additionalParameters": {"hashLength": ["32"], "memory": ["7168"],
            "type": ["id"], "version": ["1.3"], "parallelism": ["1"]}}),
    );
    json!({"realm": "clinic", "enabled": true, "users": [
        {"id": "1", "username": "ann@x.test", "email": "ann@x.test", "firstName": "Ann", "lastName": "A", "enabled": true,
            "emailVerified": true, "credentials": pbkdf2, "requiredActions": [], "realmRoles": ["default-roles-clinic"]},
        {"id": "2", "username": "bea", "email": "bea@x.test", "firstName": "Bea", "enabled": false, "credentials": argon2},
        {"id": "3", "username": "cleo", "attributes": {"locale": ["es"]}, "enabled": true, "credentials": []}]})
    .to_string()
}

#[tokio::test]
async fn a_table_with_a_header_is_read_and_its_messages_name_line_member_and_rule() {
    let app = empty().await;
    let csv = format!(
        "portal,username,email,display_name,role,active,locale,password_hash,caseload,security_question.question,security_question.answer\r\n\
         staff,casey,,Casey,staff,,,,,,\r\n\
         ,ann,ann@x.test,\"Ann \"\"A\"\" A\",,yes,es_MX,\"{hash}\",casey;casey,Pet?,Biscuit\r\n\
         \r\n\
         ,,b@x.test,B,,,,,,,\r\n\
         ,cleo,nowhere,C,,,,,,,\r\n\
         ,dot,,D,,perhaps,,,,,\r\n\
         ,eve,,E,boss,,,,,,\r\n\
         ,fay,,F,,,,,,,,extra\r\n",
        hash = password_hash()
    );
    let answer = import(&app, &csv, json!({})).await;
    let results: Vec<String> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| format!("line {}: {}", result["line"], result["error"].as_str().unwrap_or("created")))
        .collect();
    let expected = [
        "line 2: created",
        "line 3: created",
        "line 5: username: must be given",
        "line 6: email: must be an email address such as ann@example.org",
        "line 7: active: must be true or false",
        "line 8: role: must be `staff` or `admin`",
        "line 9: line: must not have more cells than the header",
    ];
    assert_eq!(results, expected);
    assert_eq!(app.sign_in("ann", PASSWORD).await.status, 201);
    let ann = app.account("ann").await;
    assert_eq!(
        (ann.display_name.as_str(), ann.caseload.len(), ann.locale.as_deref()),
        ("Ann \"A\" A", 1, Some("es_MX"))
    );
    let unknown = import(&app, "username,colour\nzoe,red\n", json!({})).await;
    assert_eq!(unknown["results"][0]["error"], "colour: unknown field `colour`");
    let broken = app
        .operate(json!({"action": "import_accounts", "practice": "agency", "lines": "", "format": "xml"}))
        .await;
    assert!(broken.unwrap_err().to_string().contains("must be one of `json_lines`"));
}

#[tokio::test]
async fn a_dry_run_writes_nothing_and_an_import_goes_on_after_a_line() {
    let app = empty().await;
    let line = |n: usize| {
        json!({"username": format!("u{n}"), "display_name": "U", "email": "home@x.test"}).to_string()
    };
    let lines: Vec<String> = (1..=60).map(line).collect();
    let before = app.dump().await;
    let dry = import(&app, &format!("{}\nbroken", lines.join("\n")), json!({"dry_run": true})).await;
    assert_eq!(app.dump().await, before);
    let counts =
        |answer: &Value| ["created", "existing", "failed"].map(|name| answer[name].as_u64().unwrap());
    assert_eq!((counts(&dry), &dry["dry_run"]), ([60, 0, 1], &json!(true)));
    assert_eq!(counts(&import(&app, &lines[..40].join("\n"), json!({})).await), [40, 0, 0]);
    assert_eq!(counts(&import(&app, &lines.join("\n"), json!({"dry_run": true})).await), [20, 40, 0]);
    let rest = import(&app, &lines.join("\n"), json!({"after": 40})).await;
    assert_eq!((counts(&rest), &rest["results"][0]["line"]), ([20, 0, 0], &json!(41)));
    assert_eq!(counts(&import(&app, &lines.join("\n"), json!({})).await), [0, 60, 0], "and may be repeated");
    let ids: Vec<String> =
        rest["results"].as_array().unwrap().iter().map(|r| r["line"].to_string()).collect();
    assert_eq!(ids, (41..=60).map(|n| n.to_string()).collect::<Vec<_>>(), "in the order of the file");
    let twice = [line(70), line(71), line(70)].join("\n");
    let twice = import(&app, &twice, json!({})).await;
    assert_eq!(twice["results"][2]["status"], "existing", "of two lines with one name, the first counts");
    let _ = app.account_of("agency", Portal::Client, "u70").await;
    assert_eq!(app.sign_in("u70", NEW_PASSWORD).await.status, 401);
}
