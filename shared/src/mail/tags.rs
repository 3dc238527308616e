//! The tags of a mail. SES repeats them in its events, so that each event leads to the tickets and accounts that the
//! mail was for.
//!
//! Tags contain ids only. SES allows letters, digits, `-` and `_` in a tag, and 256 of them. Several accounts share one
//! tag, because the number of tags is limited too.
//!
//! **Why ids, and not the outbox item alone.** The item names an identifier; it does not say to which accounts that
//! led, or which tickets were mailed. It is cleaned up after 8 days, while a complaint can come weeks later. With the
//! ids, `mail-events` needs neither the item nor a search, and its role reads tickets and accounts only. Beside the
//! practice there are ids alone, because everybody who sees the events of SES sees the tags.

use std::collections::BTreeMap;

use crate::domain::practice::Slug;
use crate::platform::ids::{AccountId, OutboxId, TicketId};

/// The number of accounts in one tag.
const TOGETHER: usize = 4;
const PRACTICE: &str = "practice";
const OUTBOX: &str = "outbox";
const ACCOUNTS: &str = "accounts";

/// An account that a mail was for, and the ticket that the mail carried for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addressed {
    /// The id of the account.
    pub account: AccountId,
    /// The id of the ticket; absent when the mail carried none.
    pub ticket: Option<TicketId>,
}

/// The facts that the tags of a mail state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tags {
    /// The practice that the mail belongs to.
    pub practice: Slug,
    /// The id of the outbox item that asked for the mail.
    pub outbox: OutboxId,
    /// The accounts that the mail was for.
    pub addressed: Vec<Addressed>,
}

impl Tags {
    /// The tags as SES accepts them: name and value.
    pub fn write(&self) -> Vec<(String, String)> {
        let one = |Addressed { account, ticket }: &Addressed| match ticket {
            Some(ticket) => format!("{account}_{ticket}"),
            None => account.to_string(),
        };
        let together = self.addressed.chunks(TOGETHER).enumerate().map(|(place, chunk)| {
            (format!("{ACCOUNTS}-{place}"), chunk.iter().map(one).collect::<Vec<_>>().join("-"))
        });
        let mut tags = vec![
            (PRACTICE.to_owned(), self.practice.to_string()),
            (OUTBOX.to_owned(), self.outbox.to_string()),
        ];
        tags.extend(together);
        tags
    }

    /// Reads the tags as SES returns them, with each value in a list. `None` for a mail that this system has not sent.
    pub fn read(tags: &BTreeMap<String, Vec<String>>) -> Option<Self> {
        let first = |name: &str| tags.get(name).and_then(|values| values.first());
        let mut addressed = Vec::new();
        for values in (0..).map_while(|place| tags.get(&format!("{ACCOUNTS}-{place}"))) {
            for one in values.first()?.split('-') {
                let (account, ticket) = match one.split_once('_') {
                    Some((account, ticket)) => (account, Some(ticket.parse().ok()?)),
                    None => (one, None),
                };
                addressed.push(Addressed { account: account.parse().ok()?, ticket });
            }
        }
        Some(Self {
            practice: Slug::parse(first(PRACTICE)?)?,
            outbox: first(OUTBOX)?.parse().ok()?,
            addressed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(count: u8) -> Tags {
        let ticket = |n: u8| n.is_multiple_of(2).then(|| TicketId::from_bytes([n; 16]));
        Tags {
            practice: Slug::parse("cedar-clinic").expect("a slug"),
            outbox: OutboxId::from_bytes([9; 16]),
            addressed: (0..count)
                .map(|n| Addressed { account: AccountId::from_bytes([n; 16]), ticket: ticket(n) })
                .collect(),
        }
    }

    fn given_back(written: Vec<(String, String)>) -> BTreeMap<String, Vec<String>> {
        written.into_iter().map(|(name, value)| (name, vec![value])).collect()
    }

    #[test]
    fn what_is_written_is_what_ses_takes_and_is_read_again() {
        for count in [0, 1, 4, 5, 20] {
            let written = tags(count).write();
            assert!(written.len() <= 7, "{written:?}");
            for text in written.iter().flat_map(|(name, value)| [name, value]) {
                assert!((1..=256).contains(&text.len()), "{text}");
                assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)), "{text}");
            }
            assert_eq!(Tags::read(&given_back(written)), Some(tags(count)));
        }
    }

    #[test]
    fn tags_of_others_are_none() {
        let mut broken = given_back(tags(1).write());
        broken.insert("accounts-0".to_owned(), vec!["jane".to_owned()]);
        assert_eq!(Tags::read(&broken), None);
        assert_eq!(Tags::read(&BTreeMap::new()), None);
        let foreign = BTreeMap::from([("practice".to_owned(), vec!["cedar".to_owned()])]);
        assert_eq!(Tags::read(&foreign), None);
    }
}
