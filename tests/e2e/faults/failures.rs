//! What fails: one call to DynamoDB in ten, and one to SES in five.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use super::chance::Chance;
use crate::support::seam::{Fault, Said, operation};

/// The failures of DynamoDB, each with its part of a thousand calls.
const OF_DYNAMODB: [(usize, Fault, &str); 5] = [
    (30, Fault::Throttle, "throttled"),
    (20, Fault::Down, "answered 500"),
    (10, Fault::Unreachable, "not reached"),
    (30, Fault::AnswerLost, "carried out, answer lost"),
    (10, Fault::Conflict, "in conflict, or left unread"),
];
/// The failures of SES.
const OF_SES: [(usize, Fault, &str); 4] = [
    (100, Fault::Throttle, "throttled"),
    (30, Fault::Down, "answered 500"),
    (30, Fault::Unreachable, "not reached"),
    (40, Fault::AnswerLost, "taken, answer lost"),
];

/// The calls to a service, and how many of them failed in which way.
#[derive(Clone, Default)]
pub struct Calls {
    pub all: usize,
    pub failed: BTreeMap<&'static str, usize>,
}

/// Draws the failures of calls, and counts them. Clones are the same.
#[derive(Clone)]
pub struct Failures(Arc<Mutex<State>>);

struct State {
    chance: Chance,
    is_calm: bool,
    dynamodb: Calls,
    ses: Calls,
    /// How often SES took the mail of each outbox item and said so, by mailbox.
    taken: HashMap<String, usize>,
}

impl Failures {
    pub fn new(chance: Chance) -> Self {
        let (dynamodb, ses, taken) = (Calls::default(), Calls::default(), HashMap::new());
        Self(Arc::new(Mutex::new(State { chance, is_calm: true, dynamodb, ses, taken })))
    }

    /// Begins or ends the failures.
    pub fn set_calm(&self, is_calm: bool) {
        self.0.lock().unwrap().is_calm = is_calm;
    }

    /// The calls to DynamoDB, and to SES.
    pub fn calls(&self) -> (Calls, Calls) {
        let state = self.0.lock().unwrap();
        (state.dynamodb.clone(), state.ses.clone())
    }

    /// How many mails went again although SES had said that it took them.
    pub fn sent_in_vain(&self) -> usize {
        self.0.lock().unwrap().taken.values().map(|times| times - 1).sum()
    }

    /// Decides of a call of a function. What the tests themselves ask never fails.
    pub fn decide(&self, said: &Said) -> Option<Fault> {
        let State { chance, is_calm, dynamodb, ses, taken } = &mut *self.0.lock().unwrap();
        if *is_calm || ["test", "operator"].contains(&said.function) {
            return None;
        }
        if !said.target.contains('.') {
            let fault = ses.draw(chance, &OF_SES);
            if fault.is_none() && operation(&said.target) == "outbound-emails" {
                let mail = format!("{} {}", said.body["EmailTags"], said.body["Destination"]);
                *taken.entry(mail).or_default() += 1;
            }
            return fault;
        }
        if said.target.starts_with("secretsmanager") {
            return None;
        }
        let fault = dynamodb.draw(chance, &OF_DYNAMODB);
        fault.map(|fault| match operation(&said.target) {
            "BatchGetItem" if matches!(fault, Fault::Conflict) => Fault::Unread,
            "GetItem" | "Query" if matches!(fault, Fault::Conflict) => Fault::Down,
            _ => fault,
        })
    }
}

impl Calls {
    fn draw(&mut self, chance: &mut Chance, faults: &[(usize, Fault, &'static str)]) -> Option<Fault> {
        self.all += 1;
        let mut drawn = chance.below(1000);
        for (part, fault, name) in faults {
            if drawn < *part {
                *self.failed.entry(name).or_default() += 1;
                return Some(*fault);
            }
            drawn -= part;
        }
        None
    }
}
