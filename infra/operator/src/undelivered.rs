//! Mails that have not been sent: shown, and put back.

use clap::Args;
use serde_json::{Map, Value, json};

use crate::invoke::{Failure, Target, action};

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
        let take = |answer: &Value| {
            items.extend(answer["items"].as_array().cloned().unwrap_or_default());
            Ok(Map::new())
        };
        target.each_page(self.payload("list_undelivered"), take).await?;
        Ok(json!({"items": items}))
    }

    /// Has every part of the queues put back. Returns the numbers.
    pub(crate) async fn redrive(self, target: &Target) -> Result<Value, Failure> {
        target.sum_pages(self.payload("redrive")).await
    }

    fn payload(self, name: &str) -> Map<String, Value> {
        let Self { item, practice, queue, from, until } = self;
        let members =
            [("item", item), ("practice", practice), ("queue", queue), ("from", from), ("until", until)];
        action(name, members.map(|(name, value)| (name, value.into())))
    }
}
