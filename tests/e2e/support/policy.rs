//! The roles of the template, and whether they allow a call. The seam asks for every call of every test.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use serde_json::Value;

use super::seam::{Said, operation};
use super::template::{FUNCTIONS, list, template};

/// A statement of a role that allows something of the table.
#[derive(Debug)]
pub struct Statement {
    pub actions: Vec<String>,
    /// What the partition keys may be.
    pub keys: Vec<String>,
    /// The members that may be named; all if there is no list.
    pub members: Option<Vec<String>>,
    /// What an update may give back; anything if there is no list.
    pub gives_back: Option<Vec<String>>,
    /// The index; `None` for the table itself.
    pub index: Option<String>,
}

/// A part of a call that IAM decides by itself: everything that one action does in it.
#[derive(Debug, Default)]
pub struct Part {
    pub keys: BTreeSet<String>,
    pub members: BTreeSet<String>,
    pub gives_back: Option<String>,
    pub index: Option<String>,
}

fn statements_of(template: &Value, name: &str) -> Vec<Statement> {
    let role = &template["Resources"][format!("{name}Role")]["Properties"];
    let policies = role["Policies"].as_array().unwrap().iter();
    let statements = policies.flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap());
    let of_table = statements.filter(|statement| {
        let actions = list(&statement["Action"]);
        let is_stream = statement["Resource"].to_string().to_lowercase().contains("stream");
        actions.iter().all(|action| action.starts_with("dynamodb:")) && !is_stream
    });
    let read = |statement: &Value| {
        let condition = &statement["Condition"];
        let optional = |value: &Value| (!value.is_null()).then(|| list(value));
        let resource = statement["Resource"].as_str().unwrap();
        Statement {
            actions: list(&statement["Action"]),
            keys: list(&condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]),
            members: optional(&condition["ForAllValues:StringLike"]["dynamodb:Attributes"]),
            gives_back: optional(&condition["StringEqualsIfExists"]["dynamodb:ReturnValues"]),
            index: resource.split_once("/index/").map(|(_, index)| index.to_owned()),
        }
    };
    of_table.map(read).collect()
}

/// The statements of each function's role.
pub fn statements(function: &str) -> &'static [Statement] {
    static ALL: OnceLock<BTreeMap<&str, Vec<Statement>>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let template = template();
        FUNCTIONS.map(|(function, name)| (function, statements_of(&template, name))).into()
    });
    &all[function]
}

/// Whether a pattern of IAM fits: `*` stands for any text, `?` for one character.
pub fn fits(pattern: &str, text: &str) -> bool {
    match (pattern.chars().next(), text.chars().next()) {
        (None, None) => true,
        (Some('*'), _) => {
            fits(&pattern[1..], text)
                || text.chars().next().is_some_and(|first| fits(pattern, &text[first.len_utf8()..]))
        }
        (Some(wanted), Some(first)) if wanted == '?' || wanted == first => {
            fits(&pattern[wanted.len_utf8()..], &text[first.len_utf8()..])
        }
        _ => false,
    }
}

impl Statement {
    fn allows(&self, action: &str, part: &Part) -> bool {
        let within = |patterns: &[String], texts: &BTreeSet<String>| {
            texts.iter().all(|text| patterns.iter().any(|pattern| fits(pattern, text)))
        };
        self.actions.iter().any(|own| own == action)
            && !part.keys.is_empty()
            && within(&self.keys, &part.keys)
            && self.members.as_ref().is_none_or(|members| within(members, &part.members))
            && self
                .gives_back
                .as_ref()
                .zip(part.gives_back.as_ref())
                .is_none_or(|(own, asked)| own.contains(asked))
            && match (&self.index, &part.index) {
                (None, None) => true,
                (Some(own), Some(asked)) => fits(own, asked),
                _ => false,
            }
    }
}

/// The members that an update names: those that it changes, those of its condition, and the key.
fn members_of(write: &Value) -> BTreeSet<String> {
    let names = &write["ExpressionAttributeNames"];
    let mut members = BTreeSet::from(["pk".to_owned(), "sk".to_owned()]);
    for text in [&write["UpdateExpression"], &write["ConditionExpression"]] {
        let text = text.as_str().unwrap_or_default();
        for path in text.split(|c: char| !(c.is_alphanumeric() || "#._".contains(c))) {
            let first = path.split('.').next().unwrap_or_default();
            members.extend(names[first].as_str().map(str::to_owned));
        }
    }
    members
}

/// What a call to the table needs, by action.
pub fn parts(said: &Said) -> BTreeMap<String, Part> {
    let body = &said.body;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut parts: BTreeMap<String, Part> = BTreeMap::new();
    let mut need = |action: &str, pk: &Value, write: Option<&Value>| {
        let part = parts.entry(format!("dynamodb:{action}")).or_default();
        part.keys.insert(pk["S"].as_str().unwrap_or_else(|| panic!("no key in {body}")).to_owned());
        part.members.extend(write.map(members_of).unwrap_or_default());
        part.index = text(&body["IndexName"]);
        part.gives_back = text(&body["ReturnValues"]);
    };
    match operation(&said.target) {
        "Query" => need("Query", &body["ExpressionAttributeValues"][":pk"], None),
        "PutItem" => need("PutItem", &body["Item"]["pk"], None),
        "UpdateItem" => need("UpdateItem", &body["Key"]["pk"], Some(body)),
        action @ ("GetItem" | "DeleteItem") => need(action, &body["Key"]["pk"], None),
        "BatchGetItem" => {
            let tables = body["RequestItems"].as_object().unwrap().values();
            for key in tables.flat_map(|table| table["Keys"].as_array().unwrap()) {
                need("BatchGetItem", &key["pk"], None);
            }
        }
        "TransactWriteItems" => {
            for item in body["TransactItems"].as_array().unwrap() {
                let (kind, write) = item.as_object().unwrap().iter().next().unwrap();
                match kind.as_str() {
                    "Put" => need("PutItem", &write["Item"]["pk"], None),
                    "ConditionCheck" => need("ConditionCheckItem", &write["Key"]["pk"], None),
                    "Update" => need("UpdateItem", &write["Key"]["pk"], Some(write)),
                    kind => need(&format!("{kind}Item"), &write["Key"]["pk"], None),
                }
            }
        }
        _ => {}
    }
    parts
}

/// Fails the test whose function makes a call that its role does not allow.
pub fn enforce(said: &Said) {
    if !FUNCTIONS.iter().any(|(function, _)| *function == said.function) {
        return;
    }
    for (action, part) in parts(said) {
        let statements = statements(said.function);
        let is_allowed = statements.iter().any(|statement| statement.allows(&action, &part));
        assert!(is_allowed, "the role of {} denies {action}: {part:?}", said.function);
    }
}
