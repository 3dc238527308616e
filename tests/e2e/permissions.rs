//! The permissions of each role, compared with the calls that its function makes to AWS, and the form of these calls.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::support::TestApp;
use crate::support::everything::everything;
use crate::support::seam::{Said, operation};
use crate::support::template::{FUNCTIONS, list, root, template};

/// `(action, kind)`, as in `("dynamodb:GetItem", "ACCOUNT#*")` or `("secretsmanager:GetSecretValue", "PepperSecret")`.
type Permissions = BTreeSet<(String, String)>;

/// What a role may do besides: its own log, the table's and secrets' key, the stream and the queue of reports.
const HOUSEKEEPING: [&str; 10] = [
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
    "kms:Decrypt",
    "kms:GenerateDataKey",
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
                // IAM knows no resource of the list: it is the account's.
                "ses:DeleteSuppressedDestination" => vec!["suppression".to_owned()],
                "ses:GetAccount" => vec!["quota".to_owned()],
                action
                    if action.starts_with("dynamodb:")
                        && ["Table.Arn", "${Table.Arn}/index/*", "${Table.Arn}/index/outbox-queue"]
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
                    let owner = match action {
                        "sqs:SendMessage" => "MailEvents",
                        action if action.starts_with("dynamodb:") => "Mailer",
                        _ => name,
                    };
                    assert_eq!(owner, name, "{action}");
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
        _ if said.target.contains("/suppression/addresses/") => {
            vec![("ses:DeleteSuppressedDestination".to_owned(), "suppression".to_owned())]
        }
        "account" => vec![("ses:GetAccount".to_owned(), "quota".to_owned())],
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
    assert_eq!(kinds, ["LIMIT#*", "LimitsSecret", "ORIGIN#*", "PRACTICE#*", "REQUEST#*"].into());
}

/// `infra/PERMISSIONS.md` is what a reviewer reads instead of the template.
#[test]
fn the_matrix_that_reviewers_read_is_the_templates() {
    let text = std::fs::read_to_string(root().join("infra/PERMISSIONS.md")).unwrap();
    let template = template();
    for (function, name) in FUNCTIONS {
        let mut documented = Permissions::new();
        for line in text.lines().filter(|line| line.starts_with(&format!("| {function} |"))) {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [_, action, kinds] = cells[..] else { panic!("{line}") };
            let action = action.split(',').next().unwrap();
            let is_action = action.ends_with("Item") || action == "Query";
            for kind in kinds.split(", ").filter(|_| is_action) {
                documented.insert((format!("dynamodb:{action}"), format!("{kind}#*")));
            }
        }
        let granted = granted(&template, name);
        let of_the_table: Permissions =
            granted.into_iter().filter(|(action, _)| action.starts_with("dynamodb:")).collect();
        assert_eq!(documented, of_the_table, "{function}");
    }
}
