//! Mails that have not been sent: shown, and put back.

use clap::Args;
use serde_json::{Map, Value, json};

use crate::invoke::{Failure, Target};

/// The mails that are meant.
#[derive(Debug, Args)]
pub(crate) struct Mails {
    /// One mail, by the id that the log and the list name
    #[arg(long, value_name = "ID")]
    item: Option<String>,
    #[arg(long, value_name = "SLUG")]
    practice: Option<String>,
    /// Those that wait for another attempt (waiting) or those that were given up (parked)
    #[arg(long, value_parser = ["waiting", "parked"])]
    queue: Option<String>,
    /// The time from which on they were asked for, such as 2026-12-01T18:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// The time until which they were asked for
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl Mails {
    /// Has every part of the queues listed. Returns the mails.
    pub(crate) async fn list(self, target: &Target) -> Result<Value, Failure> {
        let mut items = Vec::new();
        self.each(target, "list_undelivered", |answer| {
            items.extend(answer["items"].as_array().cloned().unwrap_or_default());
        })
        .await?;
        Ok(json!({"items": items}))
    }

    /// Has every part of the queues put back. Returns the numbers.
    pub(crate) async fn redrive(self, target: &Target) -> Result<Value, Failure> {
        let (mut redriven, mut over) = (0, 0);
        self.each(target, "redrive", |answer| {
            redriven += answer["redriven"].as_u64().unwrap_or_default();
            over += answer["over"].as_u64().unwrap_or_default();
        })
        .await?;
        Ok(json!({"redriven": redriven, "over": over}))
    }

    /// Invokes an action until it answers no cursor.
    async fn each(self, target: &Target, action: &str, mut take: impl FnMut(&Value)) -> Result<(), Failure> {
        let Self { item, practice, queue, from, until } = self;
        let members =
            [("item", item), ("practice", practice), ("queue", queue), ("from", from), ("until", until)];
        let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into())));
        let mut payload: Map<String, Value> = given.collect();
        payload.insert("action".to_owned(), action.into());
        loop {
            let answer = target.invoke("operator", &Value::Object(payload.clone())).await?;
            take(&answer);
            match answer.get("cursor") {
                Some(cursor) => payload.insert("cursor".to_owned(), cursor.clone()),
                None => return Ok(()),
            };
        }
    }
}
