//! Mails to the administrators of a practice, when one of them acts on the account of another (A8), or goes without a proof (A7).
//!
//! Whoever has taken an administrator's account over takes the next one with it. Alone they would do so unseen; so all of them are
//! told, the one who acts and the one who is acted on included.

use crate::domain::account::Account;
use crate::domain::outbox::{OutboxItem, OutboxKind};
use crate::domain::permission::Staff;
use crate::domain::proof::{Knowledge, RecordedProof};
use crate::http::auth::StaffDeps;
use crate::http::call::Call;
use crate::http::problem::Problem;
use crate::platform::clock::NoRandomness;
use crate::platform::ids::OutboxId;
use crate::secrets::token::derived_id;

impl StaffDeps {
    /// The outbox items of the mails about what a member of staff does to an account: one for each open administrator who has an
    /// address, the owner of the account first, when both are administrators, or the account becomes one. When an administrator goes
    /// without a proof of who calls, the others are told. There are none for other acts, and of what one does to another in an hour
    /// each is told once. Some round trips for such an act, and none for others.
    ///
    /// # Errors
    /// 503 when the administrators cannot be found, or no id can be drawn.
    pub async fn mails_of_act(
        &self,
        call: &Call,
        staff: &Staff,
        on: &Account,
        proof: Option<&RecordedProof>,
    ) -> Result<Vec<OutboxItem>, Problem> {
        let is_on_administrator = staff.acts_on_administrator(on);
        let is_overruled = proof.is_some_and(|proof| proof.method == Knowledge::Overruled);
        if !is_on_administrator && !is_overruled {
            return Ok(Vec::new());
        }
        let mut told = self.store.find_administrators(&on.practice).await?;
        told.retain(|account| is_on_administrator || account.id != staff.account.id);
        told.sort_by_key(|account| account.id != on.id);
        let hour = self.ambient.now().hour();
        let mail = |account: Account| {
            let (id, to) = (account.id, account.email?);
            let kind = if is_overruled {
                OutboxKind::ProofOverruled { account: id, to }
            } else {
                OutboxKind::AdministratorActed { account: id, to }
            };
            let about = [kind.name(), &staff.account.id.to_string(), &on.id.to_string(), &id.to_string()];
            let once = OutboxId::from(derived_id(hour, &about));
            let item = OutboxItem::new(&self.ambient, &on.practice, kind, Some(call.address));
            Some(item.map(|item| OutboxItem { id: once, ..item }))
        };
        let mails = told.into_iter().filter_map(mail).collect::<Result<_, NoRandomness>>()?;
        Ok(self.store.without_known(mails).await?)
    }
}
