//! Lost races: how a change goes on when another change came first.
//!
//! Every change is made from a read, and its write has the condition that the read is still true. When the condition fails
//! because somebody else has written meanwhile, nothing is wrong: the right answer now follows from the state of now. So the
//! whole attempt is made again, from its first read to its write, with the session and the rights as they are then. The caller
//! gets the answer that a repeat would get, which may be a refusal. Each lost round means that another change was made, so a few
//! rounds are enough for everything but a flood; after that it is an error, and a later repeat is safe.
//!
//! Two do otherwise. The exchange of a code goes on without the accounts that were refused. Where the mailer keeps a code, a
//! link, a temporary password or a notice, one lost round is enough, because a record of the table's stream comes again by
//! itself: [`outrun`] ends the attempt, and the next delivery begins with the question whether there is anything left to do.

use crate::store::error::StoreError;

/// The number of rounds after which a change is given up.
const ROUNDS: usize = 5;

/// Runs an attempt until it has written. An attempt that another change has outrun returns `Ok(None)`, and is run again from the
/// start.
///
/// # Errors
/// The attempt's own, at once; [`StoreError::Outrun`] when others came first every time.
pub async fn until_written<T, E, F>(doing: &'static str, mut attempt: impl FnMut() -> F) -> Result<T, E>
where
    E: From<StoreError>,
    F: Future<Output = Result<Option<T>, E>>,
{
    for _ in 0..ROUNDS {
        if let Some(done) = attempt().await? {
            return Ok(done);
        }
    }
    Err(StoreError::Outrun { doing }.into())
}

/// The error of an attempt that has lost and will be repeated from outside.
pub const fn outrun(doing: &'static str) -> StoreError {
    StoreError::Outrun { doing }
}

/// The end of one round of an attempt that learns by losing.
pub enum Round<T, S> {
    /// The change is written.
    Written(T),
    /// Another change came first. The next round begins with this.
    Outrun(S),
}

/// Runs an attempt as [`until_written`] does. A lost round hands its reads to the next round.
///
/// # Errors
/// The same as those of [`until_written`].
pub async fn until_written_from<T, S, E, F>(
    doing: &'static str,
    first: S,
    mut attempt: impl FnMut(S) -> F,
) -> Result<T, E>
where
    E: From<StoreError>,
    F: Future<Output = Result<Round<T, S>, E>>,
{
    let mut known = first;
    for _ in 0..ROUNDS {
        match attempt(known).await? {
            Round::Written(done) => return Ok(done),
            Round::Outrun(learned) => known = learned,
        }
    }
    Err(StoreError::Outrun { doing }.into())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Loses so many rounds, then wins.
    async fn after(lost: usize) -> (Result<usize, StoreError>, usize) {
        let rounds = Cell::new(0);
        let attempt = || async {
            rounds.set(rounds.get() + 1);
            Ok((rounds.get() > lost).then_some(rounds.get()))
        };
        (until_written("changing it", attempt).await, rounds.get())
    }

    #[tokio::test]
    async fn an_attempt_is_made_again_until_it_wins_and_not_for_ever() {
        assert!(matches!(after(0).await, (Ok(1), 1)));
        assert!(matches!(after(4).await, (Ok(5), 5)));
        let (outcome, rounds) = after(5).await;
        assert_eq!(outcome.expect_err("outrun").to_string(), "changing it: others kept changing it");
        assert_eq!(rounds, 5);
    }

    #[tokio::test]
    async fn what_a_lost_round_has_learned_is_handed_on() {
        let attempt = |known: Vec<usize>| async move {
            if known.len() < 3 {
                return Ok::<_, StoreError>(Round::Outrun([known.clone(), vec![known.len()]].concat()));
            }
            Ok(Round::Written(known))
        };
        assert_eq!(until_written_from("learning", Vec::new(), attempt).await.expect("won"), [0, 1, 2]);
        let never = |known: usize| async move { Ok::<_, StoreError>(Round::<(), _>::Outrun(known)) };
        assert!(matches!(until_written_from("learning", 0, never).await, Err(StoreError::Outrun { .. })));
    }

    #[tokio::test]
    async fn an_error_ends_it_at_once() {
        let rounds = Cell::new(0);
        let attempt = || async {
            rounds.set(rounds.get() + 1);
            Err::<Option<()>, _>(StoreError::Outrun { doing: "something else" })
        };
        let outcome = until_written("changing it", attempt).await;
        assert!(matches!(outcome, Err(StoreError::Outrun { doing: "something else" })));
        assert_eq!(rounds.get(), 1);
    }
}
