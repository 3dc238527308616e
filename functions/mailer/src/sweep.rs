//! The sweep, which comes every minute: it ends the guardians whose time has come, tries the items whose time has come, and tells what SES lets the account send.
//!
//! An item comes here when its first attempt has failed, when the mailer died before it was done, or when the stream is late. The
//! sweep ends early when SES takes nothing, and leaves the rest as it is, so that the next one begins with the same items.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use rekey::domain::outbox::is_over;
use rekey::mail::postbox::Sending;
use rekey::platform::error::chain;
use rekey::store::error::StoreError;
use rekey::store::queue::Queued;
use serde::Serialize;
use tokio::time::Instant;

use crate::hold::Hold;
use crate::{Deps, Failure, ending, item};

/// The time after which a sweep begins no other attempt. The function has a minute, and one attempt takes ten seconds at most.
const LONGEST: Duration = Duration::from_secs(40);
/// The mails a second that one attempt after another sends, roughly.
const MAILS_A_SECOND: f64 = 10.0;
/// The most attempts at once.
const MOST_AT_ONCE: u8 = 16;

/// What a sweep has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// The number of items that were due.
    pub due: usize,
    /// The number of items that were tried.
    pub tried: usize,
}

/// Tries what is due.
///
/// # Errors
/// The store does not answer. What was not tried stays due.
pub(crate) async fn sweep(deps: &Deps) -> Result<Swept, StoreError> {
    // The future is boxed, as those of attempts are.
    let ended = Box::pin(ending::end_due(deps)).await;
    let (started, now) = (Instant::now(), deps.ambient.now());
    let due = deps.store.list_due(now).await?;
    let hold = Hold::default();
    let at_once = match deps.postbox.sending().await {
        Ok(sending) => {
            let Sending { enabled, rate, quota_used } = sending;
            tracing::info!(event = "mail_quota", paused = u8::from(!enabled), rate, quota_used);
            if !enabled {
                hold.note_paused();
            }
            at_once(rate)
        }
        Err(error) => {
            tracing::warn!(event = "mail_quota_unknown", cause = chain(&error));
            1
        }
    };
    let found = due.len();
    let oldest = due.iter().map(|queued| now.millis_since(queued.id.made_at())).max().unwrap_or_default();
    let due = Mutex::new(due.into_iter());
    // The rest of the items stay due when the time is over. When SES takes nothing, only what is over is parked.
    let next = || {
        let may_be_tried = |queued: &Queued| !hold.is_for_all() || is_over(queued.id.made_at(), now);
        let mut due = due.lock().unwrap_or_else(PoisonError::into_inner);
        due.find(may_be_tried).filter(|_| started.elapsed() < LONGEST)
    };
    let lanes = (0..at_once).map(|_| async {
        let (mut tried, mut missed) = (0, 0);
        while let Some(queued) = next() {
            missed += usize::from(try_item(deps, &hold, queued).await);
            tried += 1;
        }
        (tried, missed)
    });
    let sum = |sum: (usize, usize), lane: (usize, usize)| (sum.0 + lane.0, sum.1 + lane.1);
    let (tried, missed) = join_all(lanes).await.into_iter().fold((0, 0), sum);
    tracing::info!(event = "outbox_swept", due = found, oldest, tried, missed);
    match ended {
        // The invocation fails, so that an alarm tells.
        Err(Failure::Store(error)) => Err(error),
        _ => Ok(Swept { due: found, tried }),
    }
}

/// The number of attempts at once that keeps to SES's rate.
fn at_once(rate: f64) -> usize {
    let keeps_to_it = |lanes: &u8| f64::from(*lanes) * MAILS_A_SECOND <= rate;
    (1..=MOST_AT_ONCE).rev().find(keeps_to_it).map_or(1, usize::from)
}

/// Claims an item and tries it. Whatever fails, the item is due again later. Returns whether the stream has brought the item to
/// nobody.
async fn try_item(deps: &Deps, hold: &Hold, queued: Queued) -> bool {
    let now = deps.ambient.now();
    let claimed = deps.store.claim(&queued, now).await;
    let is_missed = matches!(&claimed, Ok(Some(item)) if item.was_untouched(queued.due_at));
    let outcome = match claimed {
        Ok(None) => return false,
        Ok(Some(item)) => Box::pin(item::attempt(deps, hold, &item)).await,
        Err(error @ StoreError::Broken { .. }) => item::park_unread(deps, &queued.key, &error).await,
        Err(error) => Err(Failure::from(error)),
    };
    if let Err(error) = outcome {
        tracing::warn!(event = "mail_delayed", outbox = queued.id.to_string(), cause = chain(&error));
    }
    is_missed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_at_once_follow_the_rate_of_ses() {
        let rates = [0.0, 1.0, 14.0, 50.0, 1_000.0];
        assert_eq!(rates.map(at_once), [1, 1, 1, 5, 16]);
    }
}
