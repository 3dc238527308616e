//! The mails that have arrived, as their readers find them.

use std::collections::HashMap;
use std::sync::Mutex;

use rekey::platform::ids::{AccountId, OutboxId};
use rekey::secrets::token::Token;
use rekey_local::mailbox::Message;

use crate::support::{code_in, tokens_in};

/// A mail.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The outbox item that it comes from.
    pub outbox: OutboxId,
    pub to: String,
    /// The tokens of its links to choose a password.
    pub tokens: Vec<String>,
    pub code: Option<String>,
    /// The token of its link "this wasn't me".
    pub notice: Option<String>,
}

impl Mail {
    fn read(message: &Message) -> Self {
        let text = message.text.as_deref().unwrap_or_default();
        let notice = text.lines().find_map(|line| line.split_once("#repudiate="));
        Self {
            outbox: message.tags["outbox"].parse().unwrap(),
            to: message.to[0].clone(),
            tokens: tokens_in(message),
            code: message.subject.contains("code").then(|| code_in(message)),
            notice: notice.map(|(_, token)| token.trim().to_owned()),
        }
    }

    /// The accounts of its links.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> {
        self.tokens.iter().map(|token| Token::parse(token).unwrap().account)
    }

    /// The token of the account's link.
    pub fn token_of(&self, account: AccountId) -> Option<&String> {
        self.tokens.iter().find(|token| Token::parse(token).unwrap().account == account)
    }
}

/// The mails, in the order in which they arrived.
#[derive(Default)]
pub struct Inbox(Mutex<Mails>);

#[derive(Default)]
struct Mails {
    all: Vec<Mail>,
    by_address: HashMap<String, Vec<usize>>,
}

impl Inbox {
    /// Takes mails in.
    pub fn take_in(&self, messages: &[Message]) {
        let mut mails = self.0.lock().unwrap();
        for mail in messages.iter().map(Mail::read) {
            let place = mails.all.len();
            mails.by_address.entry(mail.to.clone()).or_default().push(place);
            mails.all.push(mail);
        }
    }

    /// The number of mails so far.
    pub fn len(&self) -> usize {
        self.0.lock().unwrap().all.len()
    }

    /// What the newest mail to an address has, of those that came after the first `seen` of all.
    pub fn newest<T>(&self, to: &str, seen: usize, read: impl Fn(&Mail) -> Option<T>) -> Option<T> {
        let mails = self.0.lock().unwrap();
        let own = mails.by_address.get(to)?.iter().rev().take_while(|place| **place >= seen);
        own.map(|place| &mails.all[*place]).find_map(read)
    }

    /// All mails.
    pub fn all(&self) -> Vec<Mail> {
        self.0.lock().unwrap().all.clone()
    }
}
