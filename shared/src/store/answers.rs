//! Answers to security questions: each is counted before it counts for anything (T8).

use crate::domain::limit::Subject;
use crate::domain::question;
use crate::domain::ticket::Ticket;
use crate::platform::clock::Timestamp;
use crate::store::conditions::has_answers_left;
use crate::store::error::StoreError;
use crate::store::items::number_of;
use crate::store::keys;
use crate::store::limits;
use crate::store::transact::{Outcome, Store};
use crate::store::write::{Write, above, present};

/// Whether an answer may be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// It has been counted.
    Counted,
    /// The ticket has had all its answers.
    Void,
    /// The account has had all its answers for now.
    Later {
        /// Seconds until the next may be given.
        retry_after: u64,
        /// When the last was given.
        since: Timestamp,
    },
}

impl Store {
    /// Counts an answer to the security question, or a repeated password, before it counts for anything. Refused when the
    /// ticket has had them all, or the account, when its counter is given. A transaction, so that an answer lost on the way
    /// back is not counted twice.
    pub async fn count_answer(
        &self,
        ticket: &Ticket,
        account: Option<&Subject>,
        now: Timestamp,
    ) -> Result<Answered, StoreError> {
        let count = Write::update(&keys::ticket(ticket.account, ticket.id)).add("answers", 1);
        let mut writes = vec![count.only_if(present().and(has_answers_left()))];
        if let Some(account) = account {
            writes.push(limits::count_in_windows(&keys::answer_limit(account), &[question::BUDGET], now));
        }
        let refused = match self.transact(writes).await? {
            Outcome::Written => return Ok(Answered::Counted),
            Outcome::Refused(refused) => refused,
        };
        Ok(match refused.old(1) {
            Some(counter) if refused.old(0).is_none() => Answered::Later {
                retry_after: limits::retry_after(counter, &[question::BUDGET], now),
                since: number_of(counter, "t0").map_or(now, Timestamp::from_millis),
            },
            _ => Answered::Void,
        })
    }

    /// Takes back the count of an answer that was right: only wrong ones void a ticket.
    pub async fn forgive_answer(&self, ticket: &Ticket) -> Result<(), StoreError> {
        let back = Write::update(&keys::ticket(ticket.account, ticket.id)).add("answers", -1);
        self.transact(vec![back.only_if(above("answers", 0))]).await.map(|_| ())
    }
}
