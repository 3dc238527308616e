//! What is measured: a metric is a member of a log line, kept apart by few values that tell nobody's name, and the alarms and the
//! dashboard watch no other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rekey::domain::limit::Limit;
use serde_json::{Value, json};

use crate::support::event::{HttpEvent, source};
use crate::support::everything::everything;
use crate::support::logs::{self, NAMESPACE};
use crate::support::seam::Fault;
use crate::support::template::{list, template};
use crate::support::{NEW_PASSWORD, PASSWORD, TestApp, routes};

/// A metric, with the members by which it is kept apart and their values.
type Measured = (String, BTreeMap<String, String>);

/// What CloudWatch measures of a line. Fails where CloudWatch would measure nothing: its format is not what it must be.
fn measured(line: &Value) -> Vec<(Measured, f64)> {
    let Some(embedded) = line.get("_aws") else { return Vec::new() };
    assert!(embedded["Timestamp"].as_i64().unwrap() > 1_700_000_000_000, "{line}");
    let mut all = Vec::new();
    for directive in embedded["CloudWatchMetrics"].as_array().unwrap() {
        assert_eq!(directive["Namespace"], NAMESPACE);
        let metric = &directive["Metrics"][0];
        let name = metric["Name"].as_str().unwrap();
        assert!(["Milliseconds", "Count", "None"].contains(&metric["Unit"].as_str().unwrap()), "{line}");
        let value = line[name].as_f64().unwrap_or_else(|| panic!("{name} is no number: {line}"));
        for members in directive["Dimensions"].as_array().unwrap() {
            let dimension = |member: String| {
                let value = line[&member].as_str().unwrap_or_else(|| panic!("{member} is no text: {line}"));
                (member.clone(), value.to_owned())
            };
            all.push(((name.to_owned(), list(members).into_iter().map(dimension).collect()), value));
        }
    }
    all
}

/// Everything that the functions do, and what fails on the way. Returns what was measured.
async fn run() -> BTreeMap<Measured, Vec<f64>> {
    let app = TestApp::start().await;
    Box::pin(everything(&app)).await;
    for _ in 0..4 {
        app.forgot("nobody").await;
    }
    app.seam.inject("sessions", "GetItem", 9, Fault::Down);
    assert_eq!(app.sign_in("jane", PASSWORD).await.status, 503);
    app.seam.heal();
    app.send(HttpEvent::new("BREW", "/v1/sessions")).await;
    app.send(HttpEvent::new("GET", "/v1/practices/jane@agency.test/jane")).await;
    app.deliver().await;
    // The stream brings nothing, and SES is paused and then back.
    app.forgot("ruth").await;
    app.forgot("sam").await;
    app.clock.advance(Duration::from_mins(2));
    app.mailbox.pause(true);
    app.sweep().await;
    app.mailbox.pause(false);
    app.sweep().await;
    for name in ["bounce", "complaint", "success"] {
        let address = format!("{name}@simulator.amazonses.com");
        app.import("agency", &[json!({"username": name, "email": address, "display_name": "N"})]).await;
        app.forgot(name).await;
    }
    app.deliver().await;
    app.report_mails().await;
    spray().await;
    let mut all: BTreeMap<Measured, Vec<f64>> = BTreeMap::new();
    for (metric, value) in logs::lines().iter().flat_map(measured) {
        all.entry(metric).or_default().push(value);
    }
    all
}

/// Fills the count of a practice, and that of a source.
async fn spray() {
    for (per_address, per_practice) in [("0", "32"), ("8", "0")] {
        let limits = [
            ("REKEY_FAILURES_PER_ADDRESS_HOUR", per_address),
            ("REKEY_FAILURES_PER_PRACTICE_HOUR", per_practice),
        ];
        let app = TestApp::start_with(&limits).await;
        app.create_practice("agency", json!({})).await;
        let mut names = 0..200;
        loop {
            let name = names.next().expect("a count is full before");
            let body = json!({"practice": "agency", "identifier": format!("nobody{name}"), "password": "x"});
            let ip = if per_address == "0" { source(name) } else { source(0) };
            let reply = app.send(HttpEvent::new("POST", "/v1/sessions").at_ip(&ip).json(&body)).await;
            if reply.status == 429 {
                break;
            }
        }
    }
}

/// Every value by which a metric may be kept apart.
fn values_of(dimension: &str) -> BTreeSet<String> {
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    match dimension {
        "operation" => {
            let operations = routes::all().iter().map(|route| format!("{} {}", route.method, route.pattern));
            operations.chain(["unknown".to_owned(), "preflight".to_owned()]).collect()
        }
        "outcome" => named(&["ok", "refused", "limited", "failed"]),
        "limit" => Limit::ALL.into_iter().map(|limit| limit.as_str().to_owned()).collect(),
        "fate" => named(&[
            "sent",
            "delayed",
            "parked",
            "withheld",
            "delivered",
            "returned",
            "bounced",
            "complained",
        ]),
        "kind" => named(&[
            "recovery",
            "link",
            "caller_check",
            "temporary_password",
            "password_changed",
            "notice",
            "task",
            "mail_restored",
            "settings_changed",
            "proof_overruled",
            "administrator_acted",
            "staff_closed",
            "repudiated",
            "limit_hit",
            "help",
            "unknown",
        ]),
        "state" => named(&["taken", "done", "refused"]),
        other => panic!("{other} tells metrics apart, and nobody has said that it has few values"),
    }
}

/// What AWS measures by itself, as far as it is watched here, and what that is kept apart by.
const AWS: [(&str, &[&str], &[&str]); 6] = [
    (
        "AWS/Lambda",
        &["Invocations", "Errors", "Throttles", "ConcurrentExecutions", "IteratorAge"],
        &["FunctionName"],
    ),
    ("AWS/ApiGateway", &["Count", "4xx", "5xx"], &["ApiId"]),
    (
        "AWS/DynamoDB",
        &[
            "ReadThrottleEvents",
            "WriteThrottleEvents",
            "ConsumedReadCapacityUnits",
            "ConsumedWriteCapacityUnits",
        ],
        &["TableName"],
    ),
    (
        "AWS/DynamoDB",
        &["ReadThrottleEvents", "WriteThrottleEvents"],
        &["GlobalSecondaryIndexName", "TableName"],
    ),
    ("AWS/SQS", &["ApproximateNumberOfMessagesVisible"], &["QueueName"]),
    ("AWS/SES", &["Reputation.BounceRate", "Reputation.ComplaintRate"], &[]),
];

/// A metric that somebody watches: its namespace, and what it is.
type Watched = (String, Measured);

/// The metrics of the alarms.
fn watched_by_alarms(template: &Value) -> Vec<Watched> {
    let resources = template["Resources"].as_object().unwrap().values();
    let alarms = resources.filter(|resource| resource["Type"] == "AWS::CloudWatch::Alarm");
    let mut watched = Vec::new();
    for alarm in alarms.map(|alarm| &alarm["Properties"]) {
        let of_math =
            alarm["Metrics"].as_array().into_iter().flatten().map(|one| &one["MetricStat"]["Metric"]);
        for metric in of_math.chain([alarm]).filter(|metric| metric["MetricName"].is_string()) {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let dimensions = metric["Dimensions"].as_array().into_iter().flatten();
            let dimensions = dimensions.map(|one| (text(&one["Name"]), text(&one["Value"]))).collect();
            watched.push((text(&metric["Namespace"]), (text(&metric["MetricName"]), dimensions)));
        }
    }
    watched
}

/// The metrics of the dashboard. In a row "..." stands for what the row before has, and "." for one part of it.
fn watched_by_dashboard(template: &Value) -> Vec<Watched> {
    let body = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"].as_str().unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    let mut watched = Vec::new();
    for widget in body["widgets"].as_array().unwrap() {
        let mut before: Vec<String> = Vec::new();
        for row in widget["properties"]["metrics"].as_array().unwrap() {
            let mut row = list(row);
            if row[0] == "..." {
                let kept = before.len() - (row.len() - 1);
                row = before[..kept].iter().chain(&row[1..]).cloned().collect();
            }
            for (place, part) in row.iter_mut().enumerate().filter(|(_, part)| *part == ".") {
                part.clone_from(&before[place]);
            }
            let dimensions = row[2..].chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
            watched.push((row[0].clone(), (row[1].clone(), dimensions)));
            before = row;
        }
    }
    watched
}

#[tokio::test]
async fn every_metric_that_is_watched_is_one_that_is_written_and_tells_nobody() {
    let all = Box::pin(run()).await;
    for ((name, dimensions), values) in &all {
        for (dimension, value) in dimensions {
            assert!(values_of(dimension).contains(value), "{name} by {dimension}: {value}");
        }
        assert!(values.iter().all(|value| *value >= 0.0), "{name}: {values:?}");
    }
    let shapes: BTreeSet<(&str, Vec<&String>)> =
        all.keys().map(|(name, dimensions)| (name.as_str(), dimensions.keys().collect())).collect();
    let template = template();
    let watched = [watched_by_alarms(&template), watched_by_dashboard(&template)].concat();
    let mut own = BTreeSet::new();
    for (namespace, (name, dimensions)) in watched {
        let by: Vec<&String> = dimensions.keys().collect();
        if namespace == "Rekey/${AWS::StackName}" {
            assert!(shapes.contains(&(name.as_str(), by.clone())), "nobody writes {name} by {by:?}");
            let few = dimensions.iter().all(|(dimension, value)| values_of(dimension).contains(value));
            assert!(few, "{name}: no value of {dimensions:?}");
            own.insert(name);
        } else {
            let known = AWS.iter().any(|(of, names, dimensions)| {
                *of == namespace && names.contains(&name.as_str()) && by == *dimensions
            });
            assert!(known, "{namespace} has no {name} by {by:?}");
        }
    }
    let written: BTreeSet<String> = all.keys().map(|(name, _)| name.clone()).collect();
    assert_eq!(own, written, "what is measured, which costs, is watched");
}

/// F1: whoever reads the log, or sees the metrics, learns nothing of who has an account.
#[tokio::test]
async fn lines_do_not_tell_who_is_known() {
    let app = TestApp::start().await;
    let mut known = BTreeSet::new();
    for name in ["jane", "dora", "ivan", "nobody"] {
        let before = logs::lines().len();
        app.forgot(name).await;
        app.sign_in(name, "wrong").await;
        let mut lines = logs::lines().split_off(before);
        for line in &mut lines {
            line["_aws"]["Timestamp"] = json!(null);
            for differs in ["timestamp", "latency", "argon2", "request_id"] {
                line.as_object_mut().unwrap().entry(differs).and_modify(|value| *value = json!(null));
            }
        }
        assert_eq!(lines.len(), 2, "one a request");
        assert!(lines[1].get("argon2").is_some());
        known.insert(json!(lines).to_string());
    }
    assert_eq!(known.len(), 1, "{known:#?}");
}

/// Lines cost by the byte, and `infra/README.md` says what those of a recovery do.
#[tokio::test]
async fn the_lines_of_a_recovery_are_short() {
    let app = TestApp::start().await;
    let before = logs::printed().len();
    let token = app.token_for("jane").await;
    assert_eq!(app.preview(&token).await.status, 200);
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    app.deliver().await;
    app.report_mails().await;
    let printed = logs::printed().split_off(before);
    assert_eq!(printed.lines().count(), 9, "{printed}");
    assert!(printed.len() <= 3_000, "{} bytes:\n{printed}", printed.len());
}

#[tokio::test]
async fn what_is_measured_is_what_has_happened() {
    let all = Box::pin(run()).await;
    let of = |name: &str, dimensions: &[(&str, &str)]| {
        let dimensions = dimensions.iter().map(|(member, value)| ((*member).to_owned(), (*value).to_owned()));
        all.get(&(name.to_owned(), dimensions.collect())).cloned().unwrap_or_default()
    };
    let count = |name: &str, dimensions: &[(&str, &str)]| of(name, dimensions).len();
    let outcomes = ["ok", "refused", "limited", "failed"];
    for outcome in outcomes {
        let by_operation = all.iter().filter(|((name, dimensions), _)| {
            name == "latency"
                && dimensions.contains_key("operation")
                && dimensions.get("outcome").is_some_and(|value| value == outcome)
        });
        let sum: usize = by_operation.map(|(_, values)| values.len()).sum();
        assert!(sum > 0 && sum == count("latency", &[("outcome", outcome)]), "{outcome}");
    }
    let limited: usize = Limit::ALL.iter().map(|limit| count("latency", &[("limit", limit.as_str())])).sum();
    assert_eq!(limited, count("latency", &[("outcome", "limited")]), "each has its limit");
    for limit in ["identifier", "source", "practice"] {
        assert!(count("latency", &[("limit", limit)]) > 0, "{limit}");
    }
    for fate in ["sent", "delayed", "parked", "delivered", "bounced", "complained"] {
        assert!(count("delay", &[("fate", fate)]) > 0, "{fate}");
    }
    assert!(of("argon2", &[]).iter().any(|millis| *millis >= 1.0), "Argon2 takes milliseconds");
    assert!(of("missed", &[]).contains(&2.0), "the stream has brought neither: {:?}", of("missed", &[]));
    assert!(of("oldest", &[]).iter().any(|age| *age >= 120_000.0));
    assert!(of("paused", &[]).contains(&1.0) && of("paused", &[]).contains(&0.0));
    let waited = of("delay", &[("fate", "sent"), ("kind", "recovery")]);
    assert!(waited.iter().any(|millis| *millis >= 120_000.0), "the mail that the sweep has sent: {waited:?}");
    assert_eq!(count("invocations", &[]), 3, "everything has three direct invocations of admin-link");
}
