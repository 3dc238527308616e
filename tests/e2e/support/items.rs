//! The contents of the table: accounts, their events, and every item as plain JSON.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use rekey::domain::account::Account;
use rekey::domain::event::Event;
use rekey::domain::identifier::Identifier;
use rekey::domain::practice::{Portal, Slug};
use rekey::platform::ids::AccountId;
use rekey::store::keys;
use serde_json::{Value, json};

use super::TestApp;

impl TestApp {
    /// The account of a client of `agency`.
    pub async fn account(&self, username: &str) -> Account {
        self.account_of("agency", Portal::Client, username).await
    }

    pub async fn account_of(&self, slug: &str, portal: Portal, username: &str) -> Account {
        let (slug, username) = (Slug::parse(slug).unwrap(), Identifier::parse(username).unwrap());
        let login = self.store.find_login(&slug, portal, &username).await.unwrap().unwrap();
        self.store.find_account(login.account).await.unwrap().unwrap()
    }

    /// Puts an entry by name that a former release spelled otherwise.
    pub async fn put_former_entry(&self, account: &Account) {
        let entry = keys::directory_entry(account, &format!("=\u{142}former#{}", account.id));
        let item = [("pk", entry.pk), ("sk", entry.sk), ("account", account.id.to_string())]
            .map(|(name, value)| (name.to_owned(), AttributeValue::S(value)));
        let put = self.dynamodb.put_item().table_name(&self.table).set_item(Some(item.into()));
        put.send().await.unwrap();
    }

    /// Gives an account a name of an earlier release, with the login that it had.
    pub async fn rename_as_before(&self, account: &Account, name: &str) {
        let identifier = Identifier::verbatim(name).or_else(|| Identifier::parse(name).ok()).unwrap();
        let login = keys::login(&account.practice, account.portal, &identifier);
        let mut item: HashMap<String, AttributeValue> = serde_dynamo::to_item(account.login()).unwrap();
        item.extend(login.attributes());
        let put = self.dynamodb.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.unwrap();
        let update = self.dynamodb.update_item().table_name(&self.table);
        let update = update.set_key(Some(keys::account(account.id).attributes()));
        let update = update.update_expression("SET username = :n");
        update.expression_attribute_values(":n", AttributeValue::S(name.to_owned())).send().await.unwrap();
    }

    /// The events of an account, oldest first.
    pub async fn events(&self, account: AccountId) -> Vec<Event> {
        let mut events = self.store.list_events(account).await.unwrap();
        events.reverse();
        events
    }

    /// The names of the actions in the events of a client of `agency`, oldest first.
    pub async fn actions(&self, username: &str) -> Vec<String> {
        let events = self.events(self.account(username).await.id).await;
        events
            .iter()
            .map(|event| serde_json::to_value(event.action).unwrap().as_str().unwrap().to_owned())
            .collect()
    }

    /// Every item of the table.
    pub async fn items(&self) -> Vec<HashMap<String, AttributeValue>> {
        let scan = self.dynamodb.scan().table_name(&self.table).consistent_read(true);
        scan.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap()
    }

    /// Every item of the table as JSON text, sorted, as a dump of the table would show it.
    pub async fn dump(&self) -> Vec<String> {
        let items = self.items().await;
        let mut lines: Vec<String> = items.into_iter().map(|item| plain(&item).to_string()).collect();
        lines.sort();
        lines
    }

    /// The dump without the items that every request may write: counters, requests and events.
    pub async fn lasting(&self) -> Vec<String> {
        let passing = ["\"pk\":\"LIMIT#", "\"pk\":\"REQUEST#", "\"pk\":\"EVENT#"];
        let lines = self.dump().await.into_iter();
        lines.filter(|line| !passing.iter().any(|kind| line.contains(kind))).collect()
    }
}

/// An item as plain JSON.
pub fn plain(item: &HashMap<String, AttributeValue>) -> Value {
    item.iter()
        .map(|(name, value)| (name.clone(), plain_value(value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn plain_value(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!(text),
        AttributeValue::N(number) => json!(number.parse::<i64>().unwrap()),
        AttributeValue::Bool(flag) => json!(flag),
        AttributeValue::M(members) => plain(members),
        AttributeValue::L(values) => values.iter().map(plain_value).collect(),
        _ => Value::Null,
    }
}
