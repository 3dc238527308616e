//! The template compared with the code: table, stream, alarms, traces, routes and configuration.

use std::cell::RefCell;
use std::collections::BTreeSet;

use rekey::platform::aws::Environment;
use rekey::platform::clock::Ambient;
use rekey::platform::config::{ConfigError, Lookup};
use rekey::platform::telemetry::Settings;
use serde_json::{Value, json};

use crate::support::template::{FUNCTIONS, root, template};
use crate::support::{function_of, routes};

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
    // The sweep takes over after two minutes. A record that fails must not block its lane for long.
    assert!((120..=600).contains(&stream["MaximumRecordAgeInSeconds"].as_u64().unwrap()));
    let sweep = &template["Resources"]["MailerFunction"]["Properties"]["Events"]["Sweep"];
    assert_eq!(
        (&sweep["Type"], &sweep["Properties"]["Schedule"]),
        (&json!("Schedule"), &json!("rate(1 minute)"))
    );
    let input: Value = serde_json::from_str(sweep["Properties"]["Input"].as_str().unwrap()).unwrap();
    assert!(serde_json::from_value::<mailer::Trigger>(input).is_ok());
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
    assert_eq!(properties["StreamSpecification"]["StreamViewType"], "KEYS_ONLY");
    assert_eq!(properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
    assert_eq!(properties["SSESpecification"]["SSEType"], "KMS");
    assert!(!properties["DeletionProtectionEnabled"].is_null());
    assert_eq!(
        (&table["DeletionPolicy"], &table["UpdateReplacePolicy"]),
        (&json!("RetainExceptOnCreate"), &json!("Retain"))
    );
}

/// Functions, roles and mailer find the table by the same two parameters, and the stack lets go of its own without deleting it.
#[test]
fn a_stack_uses_its_own_table_or_adopts_another_whole() {
    let template = template();
    let resources = &template["Resources"];
    assert_eq!(template["Conditions"]["OwnsTable"], json!(["TableName", ""]));
    assert_eq!(resources["Table"]["Condition"], "OwnsTable");
    let variables = &template["Globals"]["Function"]["Environment"]["Variables"];
    assert_eq!(variables["REKEY_TABLE"], "TableInUse.Value");
    let value = |name: &str| resources[name]["Properties"]["Value"].clone();
    let either = json!(["OwnsTable", "Table", "TableName"]);
    assert_eq!((&value("TableInUse"), &template["Outputs"]["TableName"]["Value"]), (&either, &either));
    let of_stream = json!([0, ["/stream/", "TableStreamArn"]]);
    assert_eq!(value("TableArn"), json!(["OwnsTable", "Table.Arn", of_stream]));
    assert_eq!(value("TableStream"), json!(["OwnsTable", "Table.StreamArn", "TableStreamArn"]));
    let stream = &resources["MailerFunction"]["Properties"]["Events"]["Stream"]["Properties"]["Stream"];
    assert_eq!(*stream, "TableStream.Value");
    // Nothing else may name the stack's own table: it would stay with that one.
    let text = std::fs::read_to_string(root().join("infra/template.yaml")).unwrap();
    let named = ["!Ref Table\n", "!Ref Table ", "!Ref Table,", "!GetAtt Table.", "${Table}", "${Table."];
    let named: Vec<usize> = named.iter().map(|name| text.matches(name).count()).collect();
    assert_eq!(named, [0, 0, 2, 2, 0, 0]);
    assert_eq!(template["Rules"]["TableHasNameAndStream"]["Assertions"].as_array().unwrap().len(), 1);
}

#[test]
fn logs_and_undelivered_reports_are_kept_under_the_key() {
    let template = template();
    let resources = template["Resources"].as_object().unwrap();
    let logs = resources.iter().filter(|(_, resource)| resource["Type"] == "AWS::Logs::LogGroup");
    let mut groups = 0;
    for (name, log) in logs {
        assert_eq!(
            (&log["DeletionPolicy"], &log["UpdateReplacePolicy"]),
            (&json!("RetainExceptOnCreate"), &json!("Retain"))
        );
        assert!(log["Properties"]["KmsKeyId"].is_string(), "{name}");
        groups += 1;
    }
    assert_eq!(groups, FUNCTIONS.len() + 2, "the functions, the gateway and the canary");
    assert_eq!(resources["MailEventQueue"]["Properties"]["KmsMasterKeyId"], "Key");
    let report = &resources["MailEventsFunction"]["Properties"]["Events"]["Report"]["Properties"];
    assert_eq!(report["DeadLetterConfig"]["Arn"], "MailEventQueue.Arn");
    let policy = &resources["MailEventQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"];
    let allowed = policy.as_array().unwrap().iter().find(|statement| statement["Effect"] == "Allow").unwrap();
    assert_eq!(allowed["Principal"]["Service"], "events.amazonaws.com");
    assert_eq!(allowed["Condition"]["ArnEquals"]["aws:SourceArn"], "MailEventsFunctionReport.Arn");
}

#[test]
fn the_template_and_the_watch_router_route_as_the_functions_do() {
    let routes = routes::gateway_rows();
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let rows = manifest.split("[workspace.metadata.lambda.watch.router]").nth(1).unwrap();
    let rows = rows.split("\n[").next().unwrap();
    let watch: BTreeSet<(String, String)> = rows
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(path, function)| (path.trim_matches('"').to_owned(), function.trim_matches('"').to_owned()))
        .collect();
    assert_eq!(watch, routes, "the watch router's rows in Cargo.toml, and the routes of the functions");
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
    assert_eq!(gateway, routes, "the events in infra/template.yaml, and the routes of the functions");
    assert!(routes.len() >= 26);
    for (path, function) in routes {
        assert_eq!(function_of(&path), function, "{path}");
    }
}

/// What only `cargo dev` sets: the callers are on this machine.
const LAPTOPS_OWN: &str = "REKEY_LOOPBACK";

/// Connects a function as its `main` does, and says whether it could start.
fn start(function: &str, lookup: &Lookup<'_>) -> Result<(), ConfigError> {
    let (aws, ambient) = (Environment::read(lookup)?, Ambient::system());
    match function {
        "admin-link" => admin_link::Deps::read(lookup, &aws, ambient).map(drop),
        "activity" => activity::Deps::read(lookup, &aws, ambient).map(drop),
        "accounts" => accounts::Deps::read(lookup, &aws, ambient).map(drop),
        "change-password" => change_password::Deps::read(lookup, &aws, ambient).map(drop),
        "pages" => pages::Deps::read(lookup, &aws, ambient).map(drop),
        "settings" => settings::Deps::read(lookup, &aws, ambient).map(drop),
        "verify-code" => verify_code::Deps::read(lookup, &aws, ambient).map(drop),
        "forgot-password" => forgot_password::Deps::read(lookup, &aws, ambient).map(drop),
        "mail-events" => mail_events::Deps::read(lookup, &aws, ambient).map(drop),
        "mailer" => mailer::Deps::read(lookup, &aws, ambient).map(drop),
        "operator" => operator::Deps::read(lookup, &aws, ambient).map(drop),
        "reset-password" => reset_password::Deps::read(lookup, &aws, ambient).map(drop),
        _ => sessions::Deps::read(lookup, &aws, ambient).map(drop),
    }
}

/// A variable that a function can do without, or of which not every text is a value.
fn is_optional(name: &str) -> bool {
    let optional =
        ["REKEY_FORGOT", "REKEY_FAILURES", "REKEY_EDGE", "REKEY_VOID_BEFORE", "REKEY_PAGES_URL", LAPTOPS_OWN];
    optional.iter().any(|start| name.starts_with(start))
}

/// The variables of this system that a function reads at its start.
fn read_by(function: &str) -> BTreeSet<String> {
    let read = RefCell::new(BTreeSet::new());
    let lookup = |name: &str| {
        read.borrow_mut().insert(name.to_owned());
        (!is_optional(name)).then(|| "x".to_owned())
    };
    drop(Settings::read(&lookup));
    start(function, &lookup).unwrap();
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
        let mut read = read_by(function);
        let is_other = ["forgot-password", "operator", "sessions", "settings"].contains(&function);
        assert_eq!(read.remove(LAPTOPS_OWN), is_other, "{function}");
        assert_eq!(given, read, "{function}");
        assert_eq!(
            given.contains("REKEY_DERIVATION_SECRET"),
            function == "mailer",
            "the derivation key is the mailer's"
        );
        assert_eq!(
            given.contains("REKEY_CODE_SECRET"),
            ["mailer", "verify-code", "admin-link"].contains(&function),
            "who makes codes and who compares them"
        );
    }
}

#[test]
fn every_options_reaches_the_functions_which_alone_allow_origins() {
    let text = std::fs::read_to_string(root().join("infra/template.yaml")).unwrap().to_lowercase();
    for gateways_own in ["corsconfiguration", "apigateway-cors", "alloworigin", "allowedorigin"] {
        assert!(!text.contains(gateways_own), "{gateways_own}");
    }
    let template = template();
    let resources = template["Resources"].as_object().unwrap().values();
    let events = resources.filter_map(|resource| resource["Properties"]["Events"].as_object());
    let routes: Vec<&Value> =
        events.flat_map(|events| events.values()).filter(|event| event["Type"] == "HttpApi").collect();
    assert!(routes.len() >= 26);
    for route in routes {
        assert_eq!(route["Properties"]["Method"], "ANY", "{route}");
    }
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(
        manifest.contains("[workspace.metadata.lambda.watch]\ndisable_cors = true\n"),
        "nor the emulator"
    );
}

/// The policy of a secret refuses everybody but the functions that need it, and its key encrypts secrets alone.
#[test]
fn a_secret_is_read_by_its_functions_alone_and_under_a_key_of_its_own() {
    let template = template();
    let resources = &template["Resources"];
    let roles = FUNCTIONS
        .map(|(_, name)| (name, resources[format!("{name}Role")]["Properties"]["Policies"].to_string()));
    for name in ["PepperSecret", "DerivationSecret", "LimitsSecret", "CodeSecret"] {
        assert_eq!(resources[name]["Properties"]["KmsKeyId"], "SecretsKey.Arn");
        let policy = &resources[format!("{name}Policy")]["Properties"];
        assert_eq!((&policy["SecretId"], &policy["BlockPublicPolicy"]), (&json!(name), &json!(true)));
        let statement = &policy["ResourcePolicy"]["Statement"][0];
        assert_eq!((&statement["Effect"], &statement["Principal"]), (&json!("Deny"), &json!("*")));
        let but = statement["Condition"]["ArnNotEquals"]["aws:PrincipalArn"].as_array().unwrap();
        let (administrator, readers): (Vec<&Value>, Vec<&Value>) = but.iter().partition(|one| one.is_array());
        assert_eq!(
            administrator,
            [&json!(["HasSecretsAdministrator", "SecretsAdministratorArn", "AWS::NoValue"])]
        );
        let readers: BTreeSet<&str> = readers.iter().map(|one| one.as_str().unwrap()).collect();
        let granted = roles.iter().filter(|(_, policies)| policies.contains(name));
        let granted: Vec<String> = granted.map(|(role, _)| format!("{role}Role.Arn")).collect();
        assert_eq!(readers, granted.iter().map(String::as_str).collect(), "{name}");
    }
    for (name, policies) in roles {
        assert_eq!(policies.contains("SecretsKey"), policies.contains("GetSecretValue"), "{name}");
    }
}

/// A new account has ten places to run for all functions, so none is kept free unless a parameter says so.
#[test]
fn every_function_can_be_given_places_of_its_own() {
    let template = template();
    for (function, name) in FUNCTIONS.iter().filter(|(function, _)| *function != "operator") {
        let (parameter, condition) = (format!("{name}Concurrency"), format!("Has{name}Concurrency"));
        assert_eq!(template["Parameters"][&parameter]["Default"], -1, "{function}");
        assert_eq!(template["Conditions"][&condition], json!([[parameter, -1]]), "{function}");
        let reserved =
            &template["Resources"][format!("{name}Function")]["Properties"]["ReservedConcurrentExecutions"];
        assert_eq!(*reserved, json!([condition, parameter, "AWS::NoValue"]), "{function}");
    }
}

/// Callers, streams and schedules call an alias, which a deployment moves to what it has published.
#[test]
fn every_function_is_rolled_out_by_its_alias_and_comes_back_when_its_alarms_go_off() {
    let template = template();
    let (parameters, resources) = (&template["Parameters"], &template["Resources"]);
    let global = &template["Globals"]["Function"];
    assert_eq!(global["AutoPublishAlias"], "live");
    assert_eq!(global["DeploymentPreference"], json!({"Type": "Rollout", "Role": "RolloutRole.Arn"}));
    assert_eq!(parameters["Rollout"]["Default"], "AllAtOnce");
    assert!(
        parameters["Release"]["Default"].is_null(),
        "a deployment without a new name would publish nothing"
    );
    assert_eq!(resources["ApiFailuresAlarm"]["Properties"]["AlarmName"], "${AWS::StackName}-api-failures");
    for (function, name) in FUNCTIONS {
        let properties = &resources[format!("{name}Function")]["Properties"];
        assert_eq!(properties["CodeUri"], format!("../target/lambda/{function}/bootstrap.zip"));
        assert_eq!(properties["AutoPublishCodeSha256"], "Release", "{function}");
        let alarms = properties["DeploymentPreference"]["Alarms"].as_array().unwrap();
        assert_eq!(alarms[0], format!("{name}ErrorsAlarm"));
        let mut events = properties["Events"].as_object().into_iter().flat_map(|events| events.values());
        let has_routes = events.any(|event| event["Type"] == "HttpApi");
        assert_eq!(alarms.contains(&json!("${AWS::StackName}-api-failures")), has_routes, "{function}");
    }
    for past in ["MailReportSubscription/Properties/Endpoint", "MailReportPermission/Properties/FunctionName"]
    {
        assert_eq!(resources.pointer(&format!("/{past}")), Some(&json!("MailEventsFunction.Alias")));
    }
    let role = &resources["RolloutRole"]["Properties"];
    assert!(role["ManagedPolicyArns"].is_null(), "nothing that others manage");
    let statements = role["Policies"][0]["PolicyDocument"]["Statement"].as_array().unwrap();
    let everywhere = statements.iter().filter(|statement| statement["Resource"] == "*");
    assert_eq!(
        everywhere.map(|one| &one["Action"]).collect::<Vec<_>>(),
        [&json!(["cloudwatch:DescribeAlarms"])]
    );
    let samples = std::fs::read_to_string(root().join("samconfig.toml")).unwrap();
    let named = samples.matches("parameter_overrides = [\n  \"file://target/lambda/release.yaml\",").count();
    assert_eq!(named, samples.matches("parameter_overrides = [").count());
}

#[test]
fn a_stack_that_would_be_useless_is_refused() {
    let template = template();
    let rules = &template["Rules"];
    assert_eq!(rules["ProdHasDomainNameAndTopic"]["RuleCondition"], json!(["Environment", "prod"]));
    assert_eq!(rules["ProdHasDomainNameAndTopic"]["Assertions"].as_array().unwrap().len(), 2);
    let refused = rules["SenderIsReplaced"]["Assertions"][0]["Assert"].to_string();
    let samples = std::fs::read_to_string(root().join("samconfig.toml")).unwrap();
    let mut senders = 0;
    for sender in samples.split("\"MailFrom=").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(refused.contains(&format!("\"{sender}\"")), "{sender} is a placeholder");
        senders += 1;
    }
    assert_eq!(senders, 4);
}

/// A number that the template takes must not keep a function from starting, and one that the code takes must not need another
/// template.
#[test]
fn every_limit_of_the_template_is_what_the_code_takes() {
    let template = template();
    let mut limits = 0;
    for (function, name) in FUNCTIONS {
        let properties = &template["Resources"][format!("{name}Function")]["Properties"];
        let variables = properties["Environment"]["Variables"].as_object().into_iter().flatten();
        for (variable, source) in variables {
            let parameter = &template["Parameters"][source.as_str().unwrap()];
            if parameter["Type"] != "Number" {
                continue;
            }
            let takes = |value: i64| {
                let value_of = |name: &str| match name {
                    _ if name == variable => Some(value.to_string()),
                    _ => (!is_optional(name)).then(|| "x".to_owned()),
                };
                start(function, &value_of).is_ok()
            };
            let bound = |name: &str| parameter[name].as_i64().unwrap();
            let (least, most) = (bound("MinValue"), bound("MaxValue"));
            let around = [least - 1, least, bound("Default"), most, most + 1];
            assert_eq!(around.map(takes), [false, true, true, true, false], "{variable}");
            limits += 1;
        }
    }
    assert_eq!(limits, 5);
}
