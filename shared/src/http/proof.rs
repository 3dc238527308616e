//! Caller proof: what a member of staff says of a caller, held against the practice's policy (A7).

use crate::domain::account::Account;
use crate::domain::outbox::OutboxKind;
use crate::domain::permission::Staff;
use crate::domain::proof::{CallerProof, NewProof, PROOF_LIFE, ProofMethod, RecordedProof};
use crate::http::auth::StaffDeps;
use crate::http::problem::{ErrorCode, Problem};
use crate::platform::ids::OutboxId;
use crate::store::keys;

impl StaffDeps {
    /// What is recorded of how a member of staff knows the caller for whom they act. `hands_over` says whether the act hands the
    /// account over to the caller. `None` when nothing was said and the practice does not record that. One round trip for a caller
    /// check, and none without.
    ///
    /// # Errors
    /// 400 for a proof that is not said as it must be. 403 `proof_required` when the practice requires a proof, or the account does, and
    /// none was given; or when the code of the caller check was not read out to this member of staff lately, or went to an address that
    /// proves nothing. 403 `forbidden` when somebody who is
    /// no administrator goes without a proof.
    pub async fn proof(
        &self,
        staff: &Staff,
        account: &Account,
        given: Option<&NewProof>,
        hands_over: bool,
    ) -> Result<Option<RecordedProof>, Problem> {
        let policy = staff.practice.policy.caller_proof;
        let Some(given) = given else {
            return match policy {
                _ if hands_over && account.needs_proof => Err(Problem::new(ErrorCode::ProofRequired)),
                CallerProof::Required if hands_over => Err(Problem::new(ErrorCode::ProofRequired)),
                CallerProof::Off => Ok(None),
                CallerProof::Recorded | CallerProof::Required => Ok(Some(RecordedProof::of(None))),
            };
        };
        given.check().map_err(|(member, rule)| Problem::invalid(member, rule))?;
        if given.method == ProofMethod::Overruled {
            staff.must_be_admin()?;
        }
        if let Some(check) = given.check_id {
            self.must_be_entered(staff, account, check).await?;
        }
        Ok(Some(RecordedProof::of(Some(given))))
    }

    async fn must_be_entered(
        &self,
        staff: &Staff,
        account: &Account,
        check: OutboxId,
    ) -> Result<(), Problem> {
        let item = self.store.find_outbox_item(&keys::outbox(check)).await?;
        let now = self.ambient.now();
        if !account.proves_by_mail(now) {
            return Err(Problem::new(ErrorCode::ProofRequired));
        }
        let entered_at = item.and_then(|item| match item.kind {
            OutboxKind::CallerCheck { account: of, by, challenge, .. }
                if of == account.id && by == staff.account.id =>
            {
                challenge.entered_at
            }
            _ => None,
        });
        let counts = entered_at.is_some_and(|at| now < at + PROOF_LIFE);
        if counts { Ok(()) } else { Err(Problem::new(ErrorCode::ProofRequired)) }
    }
}
