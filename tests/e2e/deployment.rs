//! The template compared with the code: table, stream, alarms, traces, routes and configuration.

use std::cell::RefCell;
use std::collections::BTreeSet;

use rekey::platform::aws::Environment;
use rekey::platform::clock::Ambient;
use rekey::platform::config::{ConfigError, Lookup};
use rekey::platform::telemetry::Settings;
use serde_json::{Value, json};

use crate::support::template::{FUNCTIONS, list, root, template};
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
    let optional = ["REKEY_FORGOT", "REKEY_FAILURES", "REKEY_EDGE", "REKEY_VOID_BEFORE", LAPTOPS_OWN];
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
            ["mailer", "verify-code"].contains(&function),
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

/// Who is called by an alarm finds its row, and a section with the query to run.
#[test]
fn every_alarm_has_a_query_in_the_runbook() {
    let template = template();
    let runbook = std::fs::read_to_string(root().join("infra/RUNBOOK.md")).unwrap();
    let sections: Vec<(&str, &str)> =
        runbook.split("\n### ").skip(1).filter_map(|section| section.split_once('\n')).collect();
    let mut rows = BTreeSet::new();
    for (name, resource) in template["Resources"].as_object().unwrap() {
        if resource["Type"] != "AWS::CloudWatch::Alarm" {
            continue;
        }
        let alarm = resource["Properties"]["AlarmName"].as_str().unwrap();
        let alarm = alarm.strip_prefix("${AWS::StackName}-").unwrap();
        let of_function = ["-errors", "-throttles"].into_iter().find(|kind| {
            alarm.strip_suffix(kind).is_some_and(|of| FUNCTIONS.iter().any(|(known, _)| *known == of))
        });
        let row = of_function.map_or_else(|| alarm.to_owned(), |kind| format!("<function>{kind}"));
        let link =
            runbook.split_once(&format!("| [`{row}`](#")).unwrap_or_else(|| panic!("{name}: no row")).1;
        let anchor = link.split(')').next().unwrap();
        let heading = |heading: &str| heading.to_lowercase().replace(' ', "-") == anchor;
        let section =
            sections.iter().find(|(title, _)| heading(title)).unwrap_or_else(|| panic!("{name}: no section"));
        assert!(section.1.split("\n## ").next().unwrap().contains("```sh aws\n"), "{name}: no query");
        rows.insert(row);
    }
    let said: BTreeSet<String> = runbook
        .lines()
        .filter_map(|line| Some(line.strip_prefix("| [`")?.split_once("`](#")?.0.to_owned()))
        .collect();
    assert_eq!(said, rows, "the runbook knows no other alarm");
}

/// Alarms on failures look at shares: a single failed call calls nobody, five in 100,000 do not either, and two of two do.
#[test]
fn alarms_on_failures_look_at_shares() {
    let template = template();
    let mut shares = 0;
    for (name, alarm) in template["Resources"].as_object().unwrap() {
        let alarm = &alarm["Properties"];
        let Some(share) =
            alarm["Metrics"][0]["Expression"].as_str().filter(|_| alarm["Metrics"][0]["Id"] == "share")
        else {
            continue;
        };
        let threshold = alarm["Threshold"].as_f64().unwrap();
        let calls = |failed: f64, all: f64| evaluate(share, failed, all) >= threshold;
        assert!(!calls(0.0, 10.0) && !calls(1.0, 1.0) && !calls(5.0, 100_000.0), "{name}");
        assert!(calls(2.0, 2.0) && calls(1_000.0, 10_000.0), "{name}");
        assert_eq!(alarm["TreatMissingData"], "notBreaching", "{name}");
        shares += 1;
    }
    assert_eq!(
        shares,
        2 * FUNCTIONS.len() - 1 + 2,
        "errors and throttles, the API, and mail that is given up"
    );
}

/// The value of the share of an alarm, where so many of all calls have failed.
fn evaluate(share: &str, failed: f64, all: f64) -> f64 {
    match share {
        "(errors - 1) / invocations" | "(failures - 1) / requests" => (failed - 1.0) / all,
        "(throttles - 1) / (throttles + FILL(invocations, 0))"
        | "(parked - 1) / (parked + FILL(sent, 0))" => (failed - 1.0) / (failed + (all - failed)),
        other => panic!("{other} is no share"),
    }
}

/// Lambda refuses to trace a function whose role may not write traces.
#[test]
fn traces_are_a_parameter_and_every_role_may_write_them() {
    let template = template();
    let tracing = &template["Parameters"]["Tracing"];
    assert_eq!(
        (&tracing["Default"], &tracing["AllowedValues"]),
        (&json!("PassThrough"), &json!(["PassThrough", "Active"]))
    );
    assert_eq!(template["Conditions"]["IsTraced"], json!(["Tracing", "Active"]));
    assert_eq!(template["Globals"]["Function"]["Tracing"], "Tracing");
    let policy = &template["Resources"]["TracePolicy"];
    assert_eq!(policy["Condition"], "IsTraced");
    let statements = &policy["Properties"]["PolicyDocument"]["Statement"];
    assert_eq!(statements[0]["Action"], json!(["xray:PutTraceSegments", "xray:PutTelemetryRecords"]));
    assert_eq!(statements.as_array().unwrap().len(), 1);
    let functions =
        FUNCTIONS.iter().map(|(_, name)| &template["Resources"][format!("{name}Role")]["Properties"]);
    assert!(functions.into_iter().all(|role| role["ManagedPolicyArns"][1] == json!(["TracePolicy"])));
}

/// What no share can tell calls somebody within minutes.
#[test]
fn an_event_source_that_is_off_and_a_direct_invocation_call_somebody_at_once() {
    let template = template();
    for (alarm, metric, dimensions) in [
        ("MailStreamAlarm", "missed", json!(null)),
        ("AdminLinkInvokedAlarm", "invocations", json!(null)),
        (
            "OperatorInvokedAlarm",
            "Invocations",
            json!([{"Name": "FunctionName", "Value": "OperatorFunction"}]),
        ),
    ] {
        let alarm = &template["Resources"][alarm]["Properties"];
        assert_eq!((&alarm["MetricName"], &alarm["Dimensions"]), (&json!(metric), &dimensions));
        assert_eq!((&alarm["Statistic"], &alarm["Threshold"]), (&json!("Sum"), &json!(1)));
        assert!(alarm["Period"].as_u64().unwrap() <= 300 && alarm["EvaluationPeriods"] == 1);
    }
}

/// Whoever has taken over the canary has the password of an account without anything, and nothing else.
#[test]
fn the_canary_is_a_parameter_reads_no_table_and_is_missed_when_it_does_not_walk() {
    let template = template();
    let resources = template["Resources"].as_object().unwrap();
    let canary: Vec<_> = resources.iter().filter(|(name, _)| name.starts_with("Canary")).collect();
    assert_eq!(canary.len(), 5);
    for (name, resource) in canary {
        assert_eq!(resource["Condition"], "HasCanary", "{name}");
    }
    let parameter = &template["Parameters"]["CanaryMinutes"];
    assert_eq!(parameter["Default"], 0);
    for minutes in parameter["AllowedValues"].as_array().unwrap().iter().skip(1) {
        let seconds = &template["Mappings"]["CanaryPeriod"][minutes.to_string()]["Seconds"];
        assert_eq!(seconds.as_u64(), minutes.as_u64().map(|minutes| minutes * 60));
    }
    let role = &resources["CanaryRole"]["Properties"]["Policies"];
    let statements = role.as_array().unwrap().iter();
    let statements = statements.flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap());
    let may: Vec<(String, String)> = statements
        .flat_map(|statement| {
            let resource = statement["Resource"].as_str().unwrap().to_owned();
            list(&statement["Action"]).into_iter().map(move |action| (action, resource.clone()))
        })
        .collect();
    let expected = [
        ("secretsmanager:GetSecretValue", "CanarySecret"),
        ("kms:Decrypt", "SecretsKey.Arn"),
        ("logs:CreateLogStream", "CanaryLogGroup.Arn"),
        ("logs:PutLogEvents", "CanaryLogGroup.Arn"),
    ];
    assert_eq!(may, expected.map(|(action, resource)| (action.to_owned(), resource.to_owned())));
    let function = &resources["CanaryFunction"]["Properties"];
    assert_eq!(function["EventInvokeConfig"]["MaximumRetryAttempts"], 0, "a failure counts once");
    assert_eq!(function["Events"]["Walk"]["Properties"]["Schedule"], "rate(${CanaryMinutes} minutes)");
    let code = root().join("infra").join(function["CodeUri"].as_str().unwrap()).join("canary.py");
    assert!(std::fs::read_to_string(code).unwrap().contains("\ndef handler("));
    let alarm = &resources["CanaryAlarm"]["Properties"];
    assert_eq!((&alarm["MetricName"], &alarm["TreatMissingData"]), (&json!("Errors"), &json!("breaching")));
    assert_eq!((&alarm["EvaluationPeriods"], &alarm["Period"][0]), (&json!(2), &json!("CanaryPeriod")));
}
