//! The permissions of each role, compared with the calls that its function makes to AWS, and the form of these calls.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::everything::everything;
use crate::support::policy::{self, Part, Statement};
use crate::support::seam::{Said, operation};
use crate::support::template::{FUNCTIONS, list, root, template};
use crate::support::{NEW_PASSWORD, TestApp};

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

/// What may be done with SES's identities. Whatever changes one is bound to the tag of the stack.
const IDENTITIES: [&str; 4] = [
    "ses:CreateEmailIdentity",
    "ses:GetEmailIdentity",
    "ses:PutEmailIdentityMailFromAttributes",
    "ses:TagResource",
];

/// What a role allows of the table, of secrets and of mail. Whatever it allows beyond, but housekeeping, is a failure.
fn granted(template: &Value, name: &str) -> Permissions {
    let role = &template["Resources"][format!("{name}Role")]["Properties"];
    let traces = json!(["IsTraced", ["TracePolicy"], "AWS::NoValue"]);
    assert_eq!(role["ManagedPolicyArns"], traces, "{name}: nothing that others manage");
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
                action if IDENTITIES.contains(&action) => {
                    assert!(
                        statement["Resource"].as_str().unwrap().ends_with(":identity/*"),
                        "{name}: {action}"
                    );
                    let is_bound = statement["Condition"]["StringEquals"].to_string().contains("rekey:stack");
                    assert_eq!(is_bound, action != "ses:GetEmailIdentity", "{name}: {action}");
                    vec!["identity".to_owned()]
                }
                action
                    if action.starts_with("dynamodb:")
                        && [
                            "TableArn.Value",
                            "${TableArn.Value}/index/*",
                            "${TableArn.Value}/index/outbox-queue",
                        ]
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

/// The kind of an item: what leads its partition key, and of a limit also what it is used for.
fn kind(pk: &str) -> String {
    let parts: Vec<&str> = pk.split('#').collect();
    if parts[0] == "LIMIT" { parts[..2].join("#") } else { parts[0].to_owned() }
}

/// What a call needs.
fn needed(said: &Said) -> Vec<(String, String)> {
    match operation(&said.target) {
        _ if said.target.contains("/suppression/addresses/") => {
            vec![("ses:DeleteSuppressedDestination".to_owned(), "suppression".to_owned())]
        }
        _ if said.target.starts_with("email/identities") => {
            let actions: &[&str] = match said.target.as_str() {
                "email/identities" => &["ses:CreateEmailIdentity", "ses:TagResource"],
                path if path.ends_with("/mail-from") => &["ses:PutEmailIdentityMailFromAttributes"],
                _ => &["ses:GetEmailIdentity"],
            };
            actions.iter().map(|action| ((*action).to_owned(), "identity".to_owned())).collect()
        }
        "account" => vec![("ses:GetAccount".to_owned(), "quota".to_owned())],
        "outbound-emails" => vec![("ses:SendEmail".to_owned(), "mail".to_owned())],
        "GetSecretValue" => {
            let secret = match said.body["SecretId"].as_str().unwrap() {
                "rekey/pepper" => "PepperSecret",
                "rekey/derivation" => "DerivationSecret",
                "rekey/codes" => "CodeSecret",
                _ => "LimitsSecret",
            };
            vec![("secretsmanager:GetSecretValue".to_owned(), secret.to_owned())]
        }
        other => {
            let parts = policy::parts(said);
            assert!(!parts.is_empty(), "a call that no policy knows: {other}");
            let kinds = |(action, part): (String, Part)| {
                let of = move |pk: String| (action.clone(), format!("{}#*", kind(&pk)));
                part.keys.into_iter().map(of).collect::<Vec<_>>()
            };
            parts.into_iter().flat_map(kinds).collect()
        }
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
        let may: &[&str] = match function {
            "activity" => &["dynamodb:Query"],
            // It exports them, and records that it does.
            "operator" => &["dynamodb:PutItem", "dynamodb:Query"],
            _ => &["dynamodb:PutItem"],
        };
        assert!(actions.is_empty() || actions == may, "{function}: {actions:?}");
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
    let nothing_of_people =
        ["LIMIT#FORGOT#*", "LOGO#*", "LimitsSecret", "ORIGIN#*", "PRACTICE#*", "REQUEST#*"];
    assert_eq!(kinds, nothing_of_people.into());
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

/// Members that functions name in calls which `everything` does not make. Other tests make them, and the seam asks the roles.
const ELSEWHERE: [(&str, &str); 15] = [
    ("admin-link", "setup"),
    ("change-password", "email_proven_at"),
    ("change-password", "frozen_at"),
    ("change-password", "needs_proof"),
    ("change-password", "setup"),
    ("change-password", "ticket"),
    ("forgot-password", "count"),
    ("mailer", "account"),
    ("mailer", "address_hold"),
    ("mailer", "id"),
    ("operator", "address_hold"),
    ("operator", "frozen_at"),
    ("reset-password", "question"),
    ("reset-password", "repeats"),
    ("reset-password", "used_with"),
];

/// The statements of `UpdateItem` of every role, but that of `accounts` on accounts, which it may put anyway.
fn updates() -> impl Iterator<Item = (&'static str, &'static Statement)> {
    FUNCTIONS.iter().flat_map(|(function, _)| {
        let statements = policy::statements(function).iter();
        let is_bound = |own: &&Statement| *function != "accounts" || own.members.is_some();
        let updates = statements.filter(|own| own.actions == ["dynamodb:UpdateItem"]).filter(is_bound);
        updates.map(move |statement| (*function, statement))
    })
}

#[tokio::test]
async fn every_member_that_an_update_may_name_is_one_that_it_names() {
    let app = TestApp::start().await;
    everything(&app).await;
    let mut named: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for said in app.seam.said() {
        let members = policy::parts(&said).into_values().flat_map(|part| part.members);
        named.entry(said.function).or_default().extend(members);
    }
    let mut idle = Vec::new();
    for (function, statement) in updates() {
        let members = statement.members.as_ref().unwrap_or_else(|| panic!("{function}: any member"));
        for pattern in members {
            let is_used = named[function].iter().any(|member| policy::fits(pattern, member));
            if !is_used && !ELSEWHERE.contains(&(function, pattern)) {
                idle.push((function, pattern));
            }
        }
    }
    assert!(idle.is_empty(), "{idle:?}");
}

/// Whoever has stolen a role can send any update that the role allows, and an update makes an item that is not there.
#[tokio::test]
async fn no_update_of_a_role_makes_an_account_a_ticket_or_a_session() {
    let app = TestApp::start().await;
    let token = app.token_for("jane").await;
    app.session_of("sam", crate::support::PASSWORD).await;
    assert_eq!(app.reset(&token, NEW_PASSWORD).await.status, 204);
    let items = app.items().await;
    for (function, statement) in updates() {
        for item in &items {
            let pk = item["pk"].as_s().unwrap();
            if !statement.keys.iter().any(|key| policy::fits(key, pk)) {
                continue;
            }
            let mut made = item.clone();
            made.retain(|member, _| {
                statement.members.iter().flatten().any(|pattern| policy::fits(pattern, member))
            });
            let is_one = match kind(pk).as_str() {
                "ACCOUNT" => serde_dynamo::from_item::<_, rekey::domain::account::Account>(made).is_ok(),
                "TICKET" => serde_dynamo::from_item::<_, rekey::domain::ticket::Ticket>(made).is_ok(),
                "SESSION" => serde_dynamo::from_item::<_, rekey::domain::session::Session>(made).is_ok(),
                "OUTBOX" | "REQUEST" => {
                    serde_dynamo::from_item::<_, rekey::domain::outbox::OutboxItem>(made).is_ok()
                }
                _ => continue,
            };
            assert!(!is_one, "{function} can make {pk}");
        }
    }
}
