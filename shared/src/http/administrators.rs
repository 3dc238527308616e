//! Mails to the administrators of a practice, when one of them acts on the account of another (A8).
//!
//! Whoever has taken an administrator's account over takes the next one with it. Alone they would do so unseen; so all of them are
//! told, the one who acts and the one who is acted on included.

use crate::domain::account::Account;
use crate::domain::outbox::{OutboxItem, OutboxKind};
use crate::domain::permission::Staff;
use crate::http::auth::StaffDeps;
use crate::http::call::Call;
use crate::http::problem::Problem;

impl StaffDeps {
    /// The outbox items of the mails about what a member of staff does to an account: one for each open administrator who has an
    /// address, the owner of the account first. There are none unless both are administrators.
    ///
    /// # Errors
    /// 503 when the administrators cannot be found, or no id can be drawn.
    pub async fn mails_of_act(
        &self,
        call: &Call,
        staff: &Staff,
        on: &Account,
    ) -> Result<Vec<OutboxItem>, Problem> {
        if !staff.acts_on_administrator(on) {
            return Ok(Vec::new());
        }
        let mut told = self.store.find_administrators(&on.practice).await?;
        told.retain(|account| account.email.is_some());
        told.sort_by_key(|account| account.id != on.id);
        let mail = |account: &Account| {
            let kind = OutboxKind::AdministratorActed { account: account.id };
            Ok(OutboxItem::new(&self.ambient, &on.practice, kind, Some(call.address))?)
        };
        told.iter().map(mail).collect()
    }
}
