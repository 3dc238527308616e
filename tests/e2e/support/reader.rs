//! What reads an item, and what it insists on: the reader is asked with items that lack a member, or have a strange one.

use std::collections::{BTreeMap, BTreeSet};

use rekey::domain::account::{Account, Ending, Login, Recipient};
use rekey::domain::event::Event;
use rekey::domain::help::HelpRequest;
use rekey::domain::not_me::NotMe;
use rekey::domain::notice::Notice;
use rekey::domain::outbox::OutboxItem;
use rekey::domain::practice::Practice;
use rekey::domain::session::Session;
use rekey::domain::ticket::Ticket;
use rekey::platform::ids::AccountId;
use rekey::store::logos::StoredLogo;
use rekey::store::origins::OriginOwner;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The members that the store gives an item beside those of its type. The logs that have an event are told by `_log`, and an event
/// of nobody has members of the same length.
fn is_of_the_store(name: &str) -> bool {
    ["pk", "sk", "expires_at", "outbox_queue", "revision"].contains(&name)
        || name.ends_with("_log")
        || name.ends_with("_not")
}

/// A place that leads to an account.
#[derive(Serialize, Deserialize)]
struct Entry {
    account: AccountId,
}

/// The kind of an item: what leads its key, the use of a counter, and the reason of an outbox item.
pub fn kind(item: &Value) -> String {
    let text = |name: &str| item[name].as_str().unwrap_or_default();
    let leading: Vec<&str> = text("pk").split('#').collect();
    match (leading[0], text("sk")) {
        ("LIMIT", _) if leading[1] == "NOBODY" => "LIMIT#NOBODY".to_owned(),
        ("LIMIT", counter) => format!("LIMIT#{}#{counter}", leading[1]),
        ("COUNT", counter) => format!("COUNT#{counter}"),
        ("TICKET", "#GUARD") => "TICKET#GUARD".to_owned(),
        ("HELP", open) if open.starts_with("OPEN") => "HELP#OPEN".to_owned(),
        ("HELP", _) if leading.len() == 2 => "HELP#ACCOUNT".to_owned(),
        ("NOTICE", link) if link.starts_with("NOT_ME#") => "NOTICE#NOT_ME".to_owned(),
        ("REQUEST" | "OUTBOX", _) => format!("OUTBOX {}", text("kind")),
        (other, _) => other.to_owned(),
    }
}

/// The item as its type reads it and writes it again, or the reason why the type refuses it. A counter has no type.
pub fn read(item: &Value) -> Result<Value, String> {
    match kind(item).split(' ').next().unwrap_or_default() {
        "PRACTICE" => again::<Practice>(item),
        "LOGO" => again::<StoredLogo>(item),
        "ORIGIN" => again::<OriginOwner>(item),
        "ACCOUNT" => again::<Account>(item),
        "LOGIN" => again::<Login>(item),
        "EMAIL" => again::<Recipient>(item),
        "ENDING" => again::<Ending>(item),
        "HELP" => again::<HelpRequest>(item),
        "FIND" | "CASELOAD" | "HELP#ACCOUNT" => again::<Entry>(item),
        "TICKET" => again::<Ticket>(item),
        "OUTBOX" => again::<OutboxItem>(item),
        "NOTICE" => again::<Notice>(item),
        "NOTICE#NOT_ME" => again::<NotMe>(item),
        "SESSION" => again::<Session>(item),
        "EVENT" | "LIMIT#NOBODY" => again::<Event>(item),
        _ => Ok(item.clone()),
    }
}

fn again<T: Serialize + DeserializeOwned>(item: &Value) -> Result<Value, String> {
    let item = serde_dynamo::to_item(item).map_err(|error| error.to_string())?;
    let value: T =
        serde_dynamo::from_item::<serde_dynamo::Item, _>(item).map_err(|error| error.to_string())?;
    serde_json::to_value(value).map_err(|error| error.to_string())
}

/// The members of an item that its reader does not give back, by path.
pub fn lost(item: &Value) -> Result<Vec<String>, String> {
    let read = read(item)?;
    let own = pointers(item).into_iter().filter(|at| !is_of_the_store(&at[1..]));
    let is_lost = |at: &String| match item.pointer(at) {
        Some(Value::Object(_)) => false,
        // What is written as nothing is read as what is absent.
        Some(value) if [json!([]), json!(0), json!(false)].contains(value) => {
            read.pointer(at).is_some_and(|read| read != value)
        }
        value => read.pointer(at) != value,
    };
    Ok(own.filter(is_lost).collect())
}

/// What the reader of a kind insists on. Its members are named by path, such as `caseload[].staff`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Form {
    /// The members without which an item is refused.
    required: BTreeSet<String>,
    /// The values of a member that has no others.
    values: BTreeMap<String, BTreeSet<String>>,
    /// The members of a map that has no others.
    closed: BTreeMap<String, BTreeSet<String>>,
    /// The type of each member.
    types: BTreeMap<String, String>,
}

/// What the readers insist on, by kind.
pub type Forms = BTreeMap<String, Form>;

/// Asks the readers of these items what they insist on.
pub fn forms(items: &[Value]) -> Forms {
    let mut forms = Forms::new();
    for item in items {
        let form = forms.entry(kind(item)).or_default();
        form.learn(item);
        // What reads a counter takes numbers by their names, and would overlook another name.
        let is_counter = read(&json!({"pk": item["pk"], "sk": item["sk"]})).is_ok();
        if is_counter {
            let names = item.as_object().unwrap().keys().map(|name| bare(name));
            form.closed.entry(String::new()).or_default().extend(names);
        }
    }
    forms
}

/// The name of a member, without the place of a time in its counter.
fn bare(name: &str) -> String {
    let digits = name.strip_prefix('t').is_some_and(|rest| rest.parse::<u32>().is_ok());
    if digits { "t0".to_owned() } else { name.to_owned() }
}

impl Form {
    fn learn(&mut self, item: &Value) {
        self.learn_map(item, "");
        for at in pointers(item).into_iter().filter(|at| !["/pk", "/sk"].contains(&at.as_str())) {
            let (value, path) = (item.pointer(&at).unwrap(), path(&at));
            self.types.insert(path.clone(), type_of(value).to_owned());
            let (parent, name) = at.rsplit_once('/').unwrap();
            let mut without = item.clone();
            if let Some(Value::Object(members)) = without.pointer_mut(parent) {
                members.remove(name);
                if read(&without).is_err() || ["practice_log", "action_log"].contains(&name) {
                    self.required.insert(path.clone());
                }
            }
            if value.is_string() {
                let mut strange = item.clone();
                *strange.pointer_mut(&at).unwrap() = json!("?");
                if let Some(known) = told(&read(&strange), "unknown variant") {
                    self.values.insert(path, known);
                }
            } else if value.is_object() {
                self.learn_map(item, &at);
            }
        }
    }

    fn learn_map(&mut self, item: &Value, at: &str) {
        let mut strange = item.clone();
        strange.pointer_mut(at).unwrap()["?"] = json!("?");
        if let Some(known) = told(&read(&strange), "unknown field") {
            self.closed.insert(path(at), known);
        }
    }

    /// The reasons for which the reader refuses an item, or overlooks what it has.
    fn objections(&self, item: &Value) -> Vec<String> {
        let mut objections = self.objections_to_map(item, "");
        for at in pointers(item) {
            let (value, path) = (item.pointer(&at).unwrap(), path(&at));
            if self.types.get(&path).is_some_and(|known| known != type_of(value)) {
                objections.push(format!("{path} is {}", type_of(value)));
            }
            if let Some(known) = self.values.get(&path)
                && !known.contains(value.as_str().unwrap_or_default())
            {
                objections.push(format!("{path} is {value}"));
            }
            objections.extend(self.objections_to_map(value, &at));
        }
        objections
    }

    fn objections_to_map(&self, value: &Value, at: &str) -> Vec<String> {
        let Some(members) = value.as_object() else { return Vec::new() };
        let within = path(at);
        let prefix = if at.is_empty() { String::new() } else { format!("{within}.") };
        let here = self.required.iter().filter_map(|path| path.strip_prefix(&prefix));
        let here = here.filter(|name| !name.contains(['.', '[']));
        let missing = here.filter(|name| !members.contains_key(*name));
        let missing = missing.map(|name| format!("{prefix}{name} is missing"));
        let known = self.closed.get(&within);
        let strange = members.keys().filter(|name| known.is_some_and(|known| !known.contains(&bare(name))));
        let strange = strange.map(|name| format!("{prefix}{name} is unknown"));
        missing.chain(strange).collect()
    }
}

/// The reasons for which readers of this form refuse an item.
pub fn objections(forms: &Forms, item: &Value) -> Vec<String> {
    let kind = kind(item);
    let Some(form) = forms.get(&kind) else {
        // A reason of an outbox item that a release reads and does not write.
        let (group, reason) = kind.split_once(' ').unwrap_or((&kind, ""));
        let mut beside = forms.iter().filter(|(other, _)| other.split(' ').next() == Some(group));
        let is_read =
            beside.any(|(_, form)| form.values.get("kind").is_some_and(|known| known.contains(reason)));
        return if is_read { Vec::new() } else { vec![format!("{kind}: nothing reads it")] };
    };
    form.objections(item).into_iter().map(|objection| format!("{kind}: {objection}")).collect()
}

/// What serde says that it would have taken instead.
fn told(answer: &Result<Value, String>, why: &str) -> Option<BTreeSet<String>> {
    let error = answer.as_ref().err().filter(|error| error.contains(why))?;
    let expected = error.split_once("expected")?.1;
    Some(expected.split('`').skip(1).step_by(2).map(str::to_owned).collect())
}

/// Where every value within another is, as JSON pointers.
fn pointers(value: &Value) -> Vec<String> {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(values) => {
            values.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    let below = |(name, value): (String, &Value)| {
        let at = format!("/{name}");
        let deeper: Vec<String> = pointers(value).into_iter().map(|rest| format!("{at}{rest}")).collect();
        std::iter::once(at).chain(deeper)
    };
    inner.into_iter().flat_map(below).collect()
}

/// A pointer as a path that is the same for every element of a list.
fn path(pointer: &str) -> String {
    let parts = pointer.split('/').skip(1);
    parts.fold(String::new(), |path, part| match part.parse::<usize>() {
        Ok(_) => format!("{path}[]"),
        Err(_) if path.is_empty() => part.to_owned(),
        Err(_) => format!("{path}.{part}"),
    })
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Object(_) => "a map",
        Value::Array(_) => "a list",
        Value::String(_) => "a text",
        Value::Number(_) => "a number",
        Value::Bool(_) => "a flag",
        Value::Null => "nothing",
    }
}

/// One item of each form among these: those that have the same members of the same types are one.
pub fn one_of_each(items: Vec<Value>) -> Vec<Value> {
    let shape = |item: &Value| {
        let members = pointers(item).into_iter().map(|at| (path(&at), type_of(item.pointer(&at).unwrap())));
        (kind(item), members.collect::<BTreeSet<_>>())
    };
    let mut seen = BTreeSet::new();
    items.into_iter().filter(|item| seen.insert(shape(item))).collect()
}
