//! What becomes of what a member of staff has issued, when they are closed (A8).
//!
//! The change that closes them asks for it in its own transaction, by an outbox item. Then it is done here at once, and whatever is
//! missing after that the mailer does from the item. Links that were copied need none of this: they end with the account.

use rekey::domain::account::{Account, AccountPatch};
use rekey::domain::event::Action;
use rekey::domain::outbox::{OutboxItem, OutboxKind};
use rekey::domain::permission::Staff;
use rekey::domain::practice::Portal;
use rekey::domain::ticket::Ticket;
use rekey::http::call::Call;
use rekey::http::problem::Problem;
use rekey::platform::ids::AccountId;
use rekey::store::issued::{AT_ONCE, Revocation, Unused};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Deps;

/// The tickets that one call takes back. The rest is the mailer's.
const MOST: usize = 400;

/// What became of what a member of staff had issued and nobody had used.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct IssuedEnd {
    /// The number of links, invitations and temporary passwords that this call has revoked.
    pub revoked: usize,
    /// The number of those that still work, because the call said so.
    pub kept: usize,
    /// Whether all of it is done. When false, the rest follows by itself within minutes.
    pub complete: bool,
}

/// The closing of a member of staff.
#[derive(Clone, Copy)]
pub(crate) struct Closing {
    keeps_mailed: bool,
}

impl Closing {
    /// The closing that a change is; `None` for other changes.
    ///
    /// # Errors
    /// 400 when the patch says what is to become of what was issued, and the account is no closed one of staff after it.
    pub(crate) fn of(old: &Account, patch: &AccountPatch) -> Result<Option<Self>, Problem> {
        let opens = patch.active.unwrap_or(old.active) && !patch.refused.unwrap_or(old.refused);
        let is_closed = old.portal == Portal::Staff && !opens;
        if patch.revoke_issued.is_some() && !is_closed {
            return Err(Problem::invalid("revoke_issued", "belongs to closing a member of staff"));
        }
        // Whoever was closed before, and left something that was kept, can lose it later.
        let closes = is_closed && (old.is_open() || patch.revoke_issued == Some(true));
        Ok(closes.then(|| Self { keeps_mailed: patch.revoke_issued == Some(false) }))
    }

    /// The outbox item that has the mailer do what is missing.
    pub(crate) fn item(self, deps: &Deps, staff: &Staff, closed: &Account) -> Result<OutboxItem, Problem> {
        let (account, by) = (closed.id, staff.account.id);
        let kind = OutboxKind::StaffClosed { account, by, keeps_mailed: self.keeps_mailed };
        Ok(OutboxItem::new(&deps.ambient, &closed.practice, kind, None)?)
    }

    /// Takes back what the member of staff has issued. Their account is closed by now, whatever comes of this.
    pub(crate) async fn end(self, deps: &Deps, call: &Call, staff: &Staff, closed: &Account) -> IssuedEnd {
        let mut end = IssuedEnd { revoked: 0, kept: 0, complete: false };
        let ending = Ending { deps, call, staff, keeps_mailed: self.keeps_mailed };
        if let Err(problem) = ending.revoke(closed.id, &mut end).await {
            // The mailer goes on with it.
            problem.log();
        }
        end
    }
}

/// The end of what somebody has issued.
struct Ending<'a> {
    deps: &'a Deps,
    call: &'a Call,
    staff: &'a Staff,
    keeps_mailed: bool,
}

impl Ending<'_> {
    async fn revoke(&self, closed: AccountId, end: &mut IssuedEnd) -> Result<(), Problem> {
        let (mut revocations, mut awaited) = (Vec::new(), 0);
        for unused in self.deps.store.list_unused(closed).await? {
            match unused {
                Unused::Open(found) if self.keeps_mailed && found.ticket.shown_to().is_none() => {
                    end.kept += 1;
                }
                Unused::Open(found) => revocations.push(self.revocation(found.ticket)?),
                Unused::Awaited(_) if self.keeps_mailed => end.kept += 1,
                // Only the mailer makes tickets of what it has still to mail.
                Unused::Awaited(_) => awaited += 1,
            }
        }
        let now = revocations.len().min(MOST);
        for some in revocations[..now].chunks(AT_ONCE) {
            end.revoked += self.deps.store.revoke_tickets(Some(&self.staff.account), some).await?;
        }
        end.complete = awaited == 0 && now == revocations.len();
        Ok(())
    }

    fn revocation(&self, ticket: Ticket) -> Result<Revocation, Problem> {
        let event = self.deps.event(self.staff, self.call, Action::AuthnTokenRevoked)?;
        let event = event.of(ticket.account, ticket.portal).with_ticket(ticket.id);
        Ok(Revocation { ticket, event })
    }
}
