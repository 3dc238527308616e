//! The ends of associations: what a guardian has for a client is taken at the date, without anybody's doing.
//!
//! The sweep of each minute looks first of all for clients whose guardians have ended, whatever SES says: no mail is sent here. What
//! fails stays in the list for the next sweep. Whoever looks at an association after its end finds it ended anyway.

use rekey::domain::event::{Action, Actor, Event};
use rekey::domain::guardian::End;
use rekey::platform::error::chain;
use rekey::platform::ids::AccountId;
use rekey::store::race::until_written;

use crate::{Deps, Failure};

/// Ends what has come to its date.
///
/// # Errors
/// The last failure. Everything else has been ended.
pub(crate) async fn end_due(deps: &Deps) -> Result<(), Failure> {
    let (mut number, mut outcome) = (0_usize, Ok(()));
    for due in deps.store.list_endings(deps.ambient.now()).await? {
        loop {
            match end_next(deps, due.account).await {
                Ok(true) => number += 1,
                Ok(false) => break,
                Err(failure) => {
                    let (account, cause) = (due.account.to_string(), chain(&failure));
                    tracing::error!(event = "association_not_ended", account, cause);
                    outcome = Err(failure);
                    break;
                }
            }
        }
    }
    if number > 0 {
        tracing::info!(event = "associations_ended", number);
    }
    outcome
}

/// Ends an association of a client that has come to its date. Returns whether there was one.
async fn end_next(deps: &Deps, client: AccountId) -> Result<bool, Failure> {
    until_written("ending an association", || async {
        let Some(client) = deps.store.find_account(client).await? else { return Ok(Some(false)) };
        // Staff may have moved the date meanwhile, or taken it away.
        let Some(id) = client.overdue_guardian(deps.ambient.now()) else { return Ok(Some(false)) };
        let guardian = deps.store.find_account(id).await?;
        let event = Event::new(&deps.ambient, &client.practice, Action::AssociationEnded, Actor::System)?;
        let end = End::new(&deps.ambient, &client, (id, guardian.as_ref()), event)?;
        let written = deps.store.end_association(None, (&client, guardian.as_ref()), &end).await?;
        Ok(written.is_written().then_some(true))
    })
    .await
}
