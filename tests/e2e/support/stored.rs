//! What releases have stored, in a file of each: `tests/e2e/items/1.json` and so on, the newest last.
//!
//! A file has samples of every kind of item, what the release's readers insist on, and a whole table with its keys, in which
//! people have not finished what they began.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use aws_sdk_dynamodb::types::AttributeValue;
use rekey::platform::clock::Clock as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::TestApp;
use super::items::plain;
use super::reader::Forms;
use super::template::root;

/// What a release has stored.
#[derive(Serialize, Deserialize)]
pub struct Stored {
    /// The time at which it was stored, in milliseconds.
    pub at: i64,
    /// What the release's readers insist on.
    pub forms: Forms,
    /// The secrets of the table.
    pub keys: BTreeMap<String, String>,
    /// What people hold: links, codes, sessions.
    pub held: Value,
    /// An item of each form.
    pub samples: Vec<Value>,
    /// A whole table.
    pub table: Vec<Value>,
}

fn folder() -> PathBuf {
    root().join("tests/e2e/items")
}

/// What every release has stored, the oldest first.
pub fn all() -> Vec<Stored> {
    let read = |number: usize| std::fs::read(folder().join(format!("{number}.json"))).ok();
    let files = (1..).map_while(read);
    files.map(|file| serde_json::from_slice(&file).unwrap()).collect()
}

/// Writes what this release stores, in a file of its own. The items have a line each.
pub fn write(stored: &Stored) {
    let lines = |items: &[Value]| {
        let items: Vec<String> = items.iter().map(Value::to_string).collect();
        format!("[\n{}\n]", items.join(",\n"))
    };
    let text = format!(
        "{{\n\"at\":{},\n\"forms\":{},\n\"keys\":{},\n\"held\":{},\n\"samples\":{},\n\"table\":{}\n}}\n",
        stored.at,
        json!(stored.forms),
        json!(stored.keys),
        stored.held,
        lines(&stored.samples),
        lines(&stored.table)
    );
    std::fs::write(folder().join(format!("{}.json", all().len() + 1)), text).unwrap();
}

impl TestApp {
    /// Every item of the table as JSON, in the order of their keys.
    pub async fn plain_items(&self) -> Vec<Value> {
        let mut items: Vec<Value> = self.items().await.iter().map(plain).collect();
        items.sort_by_key(|item| format!("{} {}", item["pk"], item["sk"]));
        items
    }

    /// A deployment with the table, the keys and the time of a release.
    pub async fn start_from(stored: &Stored) -> Self {
        let app = Self::start_with_keys(stored.keys.clone(), &[]).await;
        for item in &stored.table {
            let item: HashMap<String, AttributeValue> = serde_dynamo::to_item(item).unwrap();
            app.dynamodb.put_item().table_name(&app.table).set_item(Some(item)).send().await.unwrap();
        }
        let past = u64::try_from(stored.at - app.clock.now().millis()).unwrap();
        app.clock.advance(std::time::Duration::from_millis(past));
        app
    }
}
