//! Answers to security questions: each is counted before it is compared (T8).
//!
//! A ticket takes five wrong answers, and an account takes 20 answers a day, right or wrong: 20 by tickets of self-service, and
//! 20 by tickets that staff or an operator have issued. Without the account's count, more tickets would bring more answers.

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
use crate::store::write::{Write, above, below, lacks, present};

/// The most repetitions of the request that has used a ticket.
const REPEATS: u32 = 20;

/// Whether an answer may be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The answer has been counted, and may be compared.
    Counted,
    /// The ticket takes no more answers.
    Void,
    /// The account takes no more answers for now.
    Later {
        /// The seconds until the account takes another answer.
        retry_after: u64,
        /// The time of the latest answer that was counted.
        since: Timestamp,
    },
}

impl Store {
    /// Counts an answer to the security question before it is compared. A wrong password in a repeated request counts on its used
    /// ticket in the same way, without an account's counter.
    ///
    /// One transaction:
    ///
    /// - The ticket's number of answers rises by one. Condition: the ticket exists, and has fewer than five.
    /// - The account's counter takes the time of the answer, if a counter is given. Condition: it has fewer than 20 in the last
    ///   24 hours.
    ///
    /// A refusal counts nothing. [`Answered::Void`] says that the ticket has had all its answers, [`Answered::Later`] that the
    /// account has. This is a transaction and no update by itself, because an answer must not be counted twice when DynamoDB's
    /// reply is lost. One round trip.
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

    /// Counts a repetition of the request that has used a ticket, before its password is compared.
    ///
    /// One update by itself: the ticket's number of repetitions rises by one. Condition: the ticket exists, and has had fewer than 20.
    ///
    /// `false` means that it has had all of them; nothing is written. When the reply is lost, the update is done again and counts
    /// twice, which only ends the repetitions sooner. One round trip.
    pub async fn count_repeat(&self, ticket: &Ticket) -> Result<bool, StoreError> {
        let has_some_left = lacks("repeats").or(below("repeats", REPEATS));
        let count = Write::update(&keys::ticket(ticket.account, ticket.id)).add("repeats", 1);
        Ok(self.update_alone(count.only_if(present().and(has_some_left))).await?.is_written())
    }

    /// Takes back the count of an answer that was right, because only wrong answers void a ticket.
    ///
    /// One transaction: the ticket's number of answers falls by one. Condition: it is above zero.
    ///
    /// A refusal means that there is nothing to take back; nothing is written. One round trip.
    pub async fn forgive_answer(&self, ticket: &Ticket) -> Result<(), StoreError> {
        let back = Write::update(&keys::ticket(ticket.account, ticket.id)).add("answers", -1);
        self.transact(vec![back.only_if(above("answers", 0))]).await.map(|_| ())
    }
}
