//! The template held against the code: permissions, routes, configuration.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rekey::aws::Environment;
use rekey::clock::Ambient;
use rekey::practice::Portal;
use serde_json::{Value, json};
use serde_yaml_ng::Value as Yaml;

use crate::support::event::HttpEvent;
use crate::support::seam::{Fault, Said, operation};
use crate::support::{
    NEW_PASSWORD, PASSWORD, TestApp, function_of, other_than, password_hash, temporary_in, token_in,
};

const FUNCTIONS: [(&str, &str); 11] = [
    ("accounts", "Accounts"),
    ("activity", "Activity"),
    ("admin-link", "AdminLink"),
    ("change-password", "ChangePassword"),
    ("forgot-password", "ForgotPassword"),
    ("mail-events", "MailEvents"),
    ("mailer", "Mailer"),
    ("operator", "Operator"),
    ("reset-password", "ResetPassword"),
    ("sessions", "Sessions"),
    ("verify-code", "VerifyCode"),
];

/// `(action, kind)`, as in `("dynamodb:GetItem", "ACCOUNT#*")` or `("secretsmanager:GetSecretValue", "PepperSecret")`.
type Permissions = BTreeSet<(String, String)>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The template, with its tags left out.
fn template() -> Value {
    let text = std::fs::read_to_string(root().join("infra/template.yaml")).unwrap();
    untagged(serde_yaml_ng::from_str(&text).unwrap())
}

fn untagged(value: Yaml) -> Value {
    match value {
        Yaml::Tagged(tagged) => untagged(tagged.value),
        Yaml::Mapping(members) => members
            .into_iter()
            .map(|(name, value)| {
                (
                    serde_yaml_ng::to_string(&name).unwrap().trim().trim_matches(['\'', '"']).to_owned(),
                    untagged(value),
                )
            })
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Yaml::Sequence(values) => values.into_iter().map(untagged).collect(),
        other => serde_json::to_value(other).unwrap(),
    }
}

fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::String(text) => vec![text.clone()],
        _ => Vec::new(),
    }
}

/// What a role may do besides: its own log, the table's and secrets' key, the stream and the dead letters.
const HOUSEKEEPING: [&str; 9] = [
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
    "kms:Decrypt",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "ses:SendEmail",
    "sqs:SendMessage",
];

/// What a role allows of the table, of secrets and of mail. Whatever it allows beyond, but housekeeping, is a failure.
fn granted(template: &Value, name: &str) -> Permissions {
    let role = &template["Resources"][format!("{name}Role")]["Properties"];
    assert!(role["ManagedPolicyArns"].is_null(), "{name}: nothing that others manage");
    let policies = template["Resources"][format!("{name}Role")]["Properties"]["Policies"].as_array().unwrap();
    let statements =
        policies.iter().flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap());
    let mut granted = Permissions::new();
    for statement in statements {
        assert_eq!(statement["Effect"], "Allow");
        let keys = &statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
        for action in list(&statement["Action"]) {
            assert!(!action.contains('*'), "{name}: {action}");
            let objects = match action.as_str() {
                "secretsmanager:GetSecretValue" => list(&statement["Resource"]),
                "ses:SendEmail" => vec!["mail".to_owned()],
                action
                    if action.starts_with("dynamodb:")
                        && ["Table.Arn", "${Table.Arn}/index/*"]
                            .iter()
                            .any(|of| statement["Resource"] == *of) =>
                {
                    assert_eq!(
                        statement["Condition"]["Null"]["dynamodb:LeadingKeys"], "false",
                        "{name}: {action}"
                    );
                    list(keys)
                }
                action => {
                    assert!(HOUSEKEEPING.contains(&action), "{name}: {action} is nothing that it needs");
                    let resources = list(&statement["Resource"]);
                    assert!(
                        !resources.is_empty() && !resources.contains(&"*".to_owned()),
                        "{name}: {action}"
                    );
                    let streams_only = action.starts_with("dynamodb:") || action == "sqs:SendMessage";
                    let queue = name == "MailEvents" && action == "sqs:SendMessage";
                    assert!(!streams_only || name == "Mailer" || queue, "{name}: {action}");
                    continue;
                }
            };
            assert!(!objects.is_empty(), "{name}: {action} names no kind");
            granted.extend(objects.into_iter().map(|object| (action.clone(), object)));
        }
    }
    granted
}

/// What a call needs.
fn needed(said: &Said) -> Vec<(String, String)> {
    let body = &said.body;
    let of = |action: &str, pk: &Value| {
        let kind = pk["S"].as_str().unwrap_or_else(|| panic!("no key in {body}")).split('#').next().unwrap();
        (format!("dynamodb:{action}"), format!("{kind}#*"))
    };
    match operation(&said.target) {
        "outbound-emails" => vec![("ses:SendEmail".to_owned(), "mail".to_owned())],
        "GetSecretValue" => {
            let secret = match body["SecretId"].as_str().unwrap() {
                "rekey/pepper" => "PepperSecret",
                "rekey/derivation" => "DerivationSecret",
                "rekey/codes" => "CodeSecret",
                _ => "LimitsSecret",
            };
            vec![("secretsmanager:GetSecretValue".to_owned(), secret.to_owned())]
        }
        "Query" => vec![of("Query", &body["ExpressionAttributeValues"][":pk"])],
        "PutItem" => vec![of("PutItem", &body["Item"]["pk"])],
        action @ ("GetItem" | "UpdateItem" | "DeleteItem") => vec![of(action, &body["Key"]["pk"])],
        "BatchGetItem" => {
            let tables = body["RequestItems"].as_object().unwrap().values();
            tables
                .flat_map(|table| table["Keys"].as_array().unwrap())
                .map(|key| of("BatchGetItem", &key["pk"]))
                .collect()
        }
        "TransactWriteItems" => body["TransactItems"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| {
                let (kind, write) = item.as_object().unwrap().iter().next().unwrap();
                match kind.as_str() {
                    "Put" => of("PutItem", &write["Item"]["pk"]),
                    "ConditionCheck" => of("ConditionCheckItem", &write["Key"]["pk"]),
                    kind => of(&format!("{kind}Item"), &write["Key"]["pk"]),
                }
            })
            .collect(),
        other => panic!("a call that no policy knows: {other}"),
    }
}

/// Everything that the functions ever do.
async fn everything(app: &TestApp) {
    app.create_practice("pediatrics", json!({"security_question": "required"})).await;
    let jane = json!({"username": "jane", "email": "jane@pediatrics.test", "display_name": "J", "caseload": [{"staff": "casey"}],
        "password_hash": password_hash(), "security_question": {"question": "Pet?", "answer": "Biscuit"}});
    let casey = json!({"portal": "staff", "username": "casey", "display_name": "C", "role": "staff"});
    app.import("pediatrics", &[casey, jane]).await;
    let invite = json!({"action": "create_administrator", "practice": "agency", "username": "robin",
        "email": "robin@agency.test", "display_name": "Robin"});
    app.operate(invite).await.unwrap();
    app.send(HttpEvent::new("GET", "/v1/practices/agency")).await;
    app.post("/v1/password/forgot", json!({"practice": "pediatrics", "identifier": "jane"})).await;
    app.deliver().await;
    let token = token_in(&app.mailbox.messages()[0]);
    let answered = json!({"token": token, "new_password": NEW_PASSWORD, "answer": "Biscuit"});
    assert_eq!(app.post("/v1/password/reset", answered).await.status, 204);

    // A rehash by username and by address; a failure; a refusal.
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
    let question = json!({"current_password": PASSWORD, "question": "Pet?", "answer": "Biscuit"});
    let put = HttpEvent::new("PUT", "/v1/security-question").bearer(&kept).json(&question);
    assert_eq!(app.send(put).await.status, 204);
    let change = json!({"current_password": PASSWORD, "new_password": "a first stone bridge"});
    let post = HttpEvent::new("POST", "/v1/password/change").bearer(&kept).json(&change);
    assert_eq!(app.send(post).await.status, 204);
    let token = app.token_for("sam").await;
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
    staff_work(app).await;
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
    let email = json!({"email": "other@agency.test", "display_name": "Other"});
    for event in [
        HttpEvent::new("POST", &path("")).json(&new),
        HttpEvent::new("PATCH", "/v1/admin/practice").json(&json!({"name": "Other"})),
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
    help(app, &session).await;
    for (path, query) in [
        ("/v1/activity", ""),
        ("/v1/admin/changes", ""),
        ("/v1/admin/changes", "actor=system"),
        ("/v1/admin/changes", "type=user_created"),
        (path(&format!("/{jane}/activity")).as_str(), ""),
    ] {
        let reply = app.send(HttpEvent::new("GET", path).query(query).bearer(&session)).await;
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
    }
}

/// Everything that staff do to help an account's owner back in.
async fn help(app: &TestApp, session: &str) {
    let sam = app.account("sam").await.id;
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
    let mails = app.mailbox.messages();
    let invited = mails.iter().find(|mail| mail.to == ["bounce@simulator.amazonses.com"]).unwrap();
    assert_eq!(app.reset(&token_in(invited), NEW_PASSWORD).await.status, 204);
    app.deliver().await;
    app.report_mails().await;
    let direct = json!({"practice": "agency", "username": "sam", "expires_at": "2026-11-22T18:00:00Z", "deliver": "email"});
    app.invoke_admin_link(direct).await.unwrap();
    assert_eq!(app.sign_in("sam", &temporary).await.json()["next"], "change_password");
}

#[tokio::test]
async fn every_function_may_do_what_it_does_and_nothing_that_it_never_does() {
    let app = TestApp::start().await;
    everything(&app).await;
    let mut used: BTreeMap<&str, Permissions> = BTreeMap::new();
    for said in app.seam.said() {
        used.entry(said.function).or_default().extend(needed(&said));
    }
    let template = template();
    for (function, name) in FUNCTIONS {
        let (granted, used) = (granted(&template, name), &used[function]);
        let denied: Vec<_> = used.difference(&granted).collect();
        let idle: Vec<_> = granted.difference(used).collect();
        assert!(
            denied.is_empty() && idle.is_empty(),
            "{function}\n denied: {denied:?}\n granted and never used: {idle:?}"
        );
    }
}

#[tokio::test]
async fn every_read_that_decides_is_strongly_consistent() {
    let app = TestApp::start().await;
    everything(&app).await;
    let mut reads = 0;
    for said in app.seam.said().into_iter().filter(|said| said.function != "test") {
        let consistent = match operation(&said.target) {
            // A list: what it shows decides nothing.
            "Query" if said.body["IndexName"].is_string() => continue,
            "GetItem" | "Query" => said.body["ConsistentRead"].clone(),
            "BatchGetItem" => said.body["RequestItems"][&app.table]["ConsistentRead"].clone(),
            _ => continue,
        };
        assert_eq!(consistent, true, "{}: {}", said.function, said.target);
        reads += 1;
    }
    assert!(reads > 20, "{reads}");
}

#[test]
fn the_stream_hands_over_what_asks_for_mail_and_reports_what_failed() {
    let template = template();
    let stream = &template["Resources"]["MailerFunction"]["Properties"]["Events"];
    let stream = stream.as_object().unwrap().values().find(|event| event["Type"] == "DynamoDB").unwrap();
    let stream = &stream["Properties"];
    let filter: Value =
        serde_json::from_str(stream["FilterCriteria"]["Filters"][0]["Pattern"].as_str().unwrap()).unwrap();
    let kinds = json!([{"prefix": "REQUEST#"}, {"prefix": "OUTBOX#"}]);
    assert_eq!(filter, json!({"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": kinds}}}}));
    assert_eq!(stream["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
    assert_eq!(stream["BisectBatchOnFunctionError"], true);
    assert!(stream["MaximumRetryAttempts"].as_u64().unwrap() >= 10);
    assert!(stream["MaximumRecordAgeInSeconds"].as_u64().unwrap() >= 600);
    assert!(stream["DestinationConfig"]["OnFailure"]["Destination"].is_string());
}

#[test]
fn the_table_is_what_the_laptop_has_and_kept_safe() {
    let template = template();
    let table = &template["Resources"]["Table"];
    let properties = &table["Properties"];
    assert_eq!(properties["BillingMode"], "PAY_PER_REQUEST");
    assert_eq!(
        properties["TimeToLiveSpecification"],
        json!({"AttributeName": "expires_at", "Enabled": true})
    );
    assert_eq!(properties["StreamSpecification"]["StreamViewType"], "NEW_IMAGE");
    assert_eq!(properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
    assert_eq!(properties["SSESpecification"]["SSEType"], "KMS");
    assert!(!properties["DeletionProtectionEnabled"].is_null());
    assert_eq!(
        (&table["DeletionPolicy"], &table["UpdateReplacePolicy"]),
        (&json!("Retain"), &json!("Retain"))
    );
}

#[test]
fn every_event_that_a_metric_counts_is_one_that_is_written() {
    let text = std::fs::read_to_string(root().join("infra/template.yaml")).unwrap();
    let mut counted = 0;
    for (_, rest) in text.match_indices("$.event = \"").map(|(at, start)| text.split_at(at + start.len())) {
        let event = rest.split('"').next().unwrap();
        let written = format!("event = \"{event}\"");
        let sources =
            FUNCTIONS.iter().map(|(function, _)| root().join("functions").join(function).join("src/lib.rs"));
        let found = sources.into_iter().any(|path| std::fs::read_to_string(path).unwrap().contains(&written));
        assert!(found, "no function writes {event}");
        counted += 1;
    }
    assert!(counted >= 1);
}

#[test]
fn no_function_may_change_or_delete_an_event() {
    let template = template();
    for (function, name) in FUNCTIONS {
        let on_events = granted(&template, name).into_iter().filter(|(_, kind)| kind == "EVENT#*");
        let actions: Vec<String> = on_events.map(|(action, _)| action).collect();
        let only = if function == "activity" { "dynamodb:Query" } else { "dynamodb:PutItem" };
        assert!(actions.is_empty() || actions == [only], "{function}: {actions:?}");
    }
}

#[tokio::test]
async fn an_event_is_only_ever_put_where_there_is_none() {
    let app = TestApp::start().await;
    everything(&app).await;
    let mut events = 0;
    for said in app.seam.said() {
        let writes = said.body["TransactItems"].as_array().cloned().unwrap_or_default();
        let puts = writes.iter().map(|write| &write["Put"]).chain([&said.body]);
        for put in
            puts.filter(|put| put["Item"]["pk"]["S"].as_str().is_some_and(|pk| pk.starts_with("EVENT#")))
        {
            assert_eq!(put["ConditionExpression"], "attribute_not_exists(pk)");
            events += 1;
        }
    }
    assert!(events > 20, "{events}");
}

#[test]
fn the_front_door_can_read_no_account_and_send_no_mail() {
    let granted = granted(&template(), "ForgotPassword");
    let kinds: BTreeSet<&str> = granted.iter().map(|(_, kind)| kind.as_str()).collect();
    assert_eq!(kinds, ["LIMIT#*", "LimitsSecret", "PRACTICE#*", "REQUEST#*"].into());
}

#[test]
fn the_template_and_the_watch_router_route_alike() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let router = manifest.split("[workspace.metadata.lambda.watch.router]").nth(1).unwrap();
    let router = router.split("\n[").next().unwrap();
    let watch: BTreeSet<(String, String)> = router
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(path, function)| (path.trim_matches('"').to_owned(), function.trim_matches('"').to_owned()))
        .collect();
    let template = template();
    let mut gateway = BTreeSet::new();
    for (function, name) in FUNCTIONS {
        let events = template["Resources"][format!("{name}Function")]["Properties"]["Events"].as_object();
        for event in events.into_iter().flat_map(|events| events.values()) {
            if let Some(path) = event["Properties"]["Path"].as_str() {
                gateway.insert((path.to_owned(), function.to_owned()));
            }
        }
    }
    assert_eq!(watch, gateway);
    assert_eq!(watch.len(), 26);
    for (path, function) in watch {
        assert_eq!(function_of(&path), function, "{path}");
    }
}

/// The variables of this system that a function reads at its start.
fn read_by(function: &str) -> BTreeSet<String> {
    let read = RefCell::new(BTreeSet::new());
    let lookup = |name: &str| {
        read.borrow_mut().insert(name.to_owned());
        (!name.starts_with("REKEY_FORGOT")).then(|| "x".to_owned())
    };
    let (aws, ambient) = (Environment::read(&lookup).unwrap(), Ambient::system());
    match function {
        "admin-link" => drop(admin_link::Deps::read(&lookup, &aws, ambient).unwrap()),
        "activity" => drop(activity::Deps::read(&lookup, &aws, ambient).unwrap()),
        "accounts" => drop(accounts::Deps::read(&lookup, &aws, ambient).unwrap()),
        "change-password" => drop(change_password::Deps::read(&lookup, &aws, ambient).unwrap()),
        "verify-code" => drop(verify_code::Deps::read(&lookup, &aws, ambient).unwrap()),
        "forgot-password" => drop(forgot_password::Deps::read(&lookup, &aws, ambient).unwrap()),
        "mail-events" => drop(mail_events::Deps::read(&lookup, &aws, ambient).unwrap()),
        "mailer" => drop(mailer::Deps::read(&lookup, &aws, ambient).unwrap()),
        "operator" => drop(operator::Deps::read(&lookup, &aws, ambient).unwrap()),
        "reset-password" => drop(reset_password::Deps::read(&lookup, &aws, ambient).unwrap()),
        _ => drop(sessions::Deps::read(&lookup, &aws, ambient).unwrap()),
    }
    read.take().into_iter().filter(|name| name.starts_with("REKEY_")).collect()
}

#[test]
fn every_function_gets_exactly_the_variables_that_it_reads() {
    let template = template();
    let variables = |value: &Value| -> BTreeSet<String> {
        value["Environment"]["Variables"]
            .as_object()
            .into_iter()
            .flat_map(|names| names.keys().cloned())
            .collect()
    };
    let global = variables(&template["Globals"]["Function"]);
    for (function, name) in FUNCTIONS {
        let own = variables(&template["Resources"][format!("{name}Function")]["Properties"]);
        let given: BTreeSet<String> = own.union(&global).cloned().collect();
        assert_eq!(given, read_by(function), "{function}");
        assert_eq!(
            given.contains("REKEY_DERIVATION_SECRET"),
            function == "mailer",
            "the derivation key is the mailer's"
        );
        assert_eq!(
            given.contains("REKEY_CODE_SECRET"),
            ["mailer", "verify-code"].contains(&function),
            "who makes codes and who compares them"
        );
    }
}

#[test]
fn other_origins_are_allowed_by_list_alone() {
    let text = std::fs::read_to_string(root().join("infra/template.yaml")).unwrap();
    assert!(text.contains("AllowedOrigins"));
    for line in text.lines().filter(|line| line.to_lowercase().contains("alloworigins")) {
        assert!(!line.contains('*'), "{line}");
    }
}
