//! Counters: each counts and decides in one conditional write, so that parallel callers cannot outrun it.

use aws_sdk_dynamodb::types::TransactWriteItem;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;

use super::accounts::update;
use super::items::{number, number_of, seconds, time};
use super::keys::{self, Key};
use super::{Item, Outcome, Store, StoreError};
use crate::clock::{Timestamp, days};
use crate::limit::{Subject, Window, sign_in};

/// Whether an attempt is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It has been counted.
    Allowed,
    /// It has not been counted.
    Refused {
        /// Seconds until the next is allowed.
        retry_after: u64,
        /// When the attempt was made that this one has to wait for; `None` when what is spent is not the identifier's own.
        since: Option<Timestamp>,
    },
}

impl Store {
    /// One more recovery or code on a counter, if every window has room.
    ///
    /// The item holds the moments of the latest attempts, newest first: `t0`, `t1`, …. The write shifts them all by one; the
    /// condition looks at the one that must have left its window. So windows slide, and the item stays small.
    pub(super) fn count_in_windows(
        &self,
        counter: &Key,
        windows: &[Window],
        now: Timestamp,
    ) -> Result<TransactWriteItem, StoreError> {
        let kept = windows.iter().map(|window| window.count).max().unwrap_or(1);
        let shift = |i: usize| format!("t{i} = if_not_exists(t{}, :zero)", i - 1);
        let set: Vec<String> = ["t0 = :now", "expires_at = :ttl"]
            .map(str::to_owned)
            .into_iter()
            .chain((1..kept).map(shift))
            .collect();
        let free = |window: &Window| {
            let (last, index) = (window.count - 1, window.count);
            format!("(attribute_not_exists(t{last}) OR t{last} <= :since{index})")
        };
        let conditions: Vec<String> = windows.iter().map(free).collect();
        let longest = windows.iter().map(|window| window.span).max().unwrap_or_default();
        let mut write = self
            .update(counter)
            .update_expression(format!("SET {}", set.join(", ")))
            .condition_expression(conditions.join(" AND "))
            .expression_attribute_values(":now", time(now))
            .expression_attribute_values(":ttl", seconds(now + longest + days(1)));
        if kept > 1 {
            write = write.expression_attribute_values(":zero", number(0));
        }
        update(windows.iter().fold(write, |write: UpdateBuilder, window| {
            write.expression_attribute_values(format!(":since{}", window.count), time(now - window.span))
        }))
    }

    /// Counts a sign-in attempt as a failure before anything is compared, unless its wait is not over.
    pub async fn count_sign_in(&self, subject: &Subject, now: Timestamp) -> Result<Decision, StoreError> {
        let write = update(sign_in_update(self.update(&keys::sign_in_limit(subject)), now))?;
        Ok(match self.transact(vec![write]).await? {
            Outcome::Written => Decision::Allowed,
            Outcome::Refused(refused) => {
                let old = refused.old(0);
                let failures = old.and_then(|item| number_of(item, "failures")).unwrap_or_default();
                let last = old.and_then(|item| number_of(item, "last")).map_or(now, Timestamp::from_millis);
                let failures = u64::try_from(failures).unwrap_or_default();
                Decision::Refused {
                    retry_after: sign_in::retry_after(failures, last, now),
                    since: Some(last),
                }
            }
        })
    }

    /// Forgets the failures of a subject.
    pub async fn forget_sign_ins(&self, subject: &Subject) -> Result<(), StoreError> {
        self.transact(vec![self.clear_sign_in(subject)?]).await.map(|_| ())
    }

    /// Forgets the failures of a subject, as part of a transaction.
    pub(super) fn clear_sign_in(&self, subject: &Subject) -> Result<TransactWriteItem, StoreError> {
        self.remove(&keys::sign_in_limit(subject))
    }
}

/// The waits of [`sign_in::wait_after`] as one condition: for each count of failures, how long ago the last must be.
fn sign_in_update(write: UpdateBuilder, now: Timestamp) -> UpdateBuilder {
    let longest = sign_in::longest_from();
    let mut conditions = vec!["attribute_not_exists(failures)".to_owned(), "failures <= :free".to_owned()];
    let mut write = write.expression_attribute_values(":free", number(sign_in::FREE));
    for failures in sign_in::FREE + 1..longest {
        conditions.push(format!("(failures = :n{failures} AND #last <= :since{failures})"));
        write = write
            .expression_attribute_values(format!(":n{failures}"), number(failures))
            .expression_attribute_values(
                format!(":since{failures}"),
                time(now - sign_in::wait_after(failures)),
            );
    }
    conditions.push("(failures >= :longest AND failures < :closed AND #last <= :since)".to_owned());
    write
        .update_expression(
            "SET failures = if_not_exists(failures, :zero) + :one, #last = :now, expires_at = :ttl",
        )
        .condition_expression(conditions.join(" OR "))
        .expression_attribute_names("#last", "last")
        .expression_attribute_values(":longest", number(longest))
        .expression_attribute_values(":closed", number(sign_in::CLOSED))
        .expression_attribute_values(":since", time(now - sign_in::wait_after(longest)))
        .expression_attribute_values(":zero", number(0))
        .expression_attribute_values(":one", number(1))
        .expression_attribute_values(":now", time(now))
        // Cleaning a counter up forgives it: a year makes that 49 guesses a year.
        .expression_attribute_values(":ttl", seconds(now + days(365)))
}

/// Seconds until every window of a refused subject has room again.
pub(super) fn retry_after(old: &Item, windows: &[Window], now: Timestamp) -> u64 {
    let blocked_until = |window: &Window| {
        let oldest = Timestamp::from_millis(number_of(old, &format!("t{}", window.count - 1))?);
        Some(oldest + window.span).filter(|until| *until > now)
    };
    windows.iter().filter_map(blocked_until).max().map_or(1, |until| until.seconds_from(now))
}
