//! What watches a deployment, in the SAM template: alarms with their pages, traces, and the canary.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::template::{FUNCTIONS, list, root, template};

/// A person whom an alarm calls finds its row in the runbook, and a section with the query to run.
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
