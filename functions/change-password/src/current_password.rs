//! The check of a signed-in person's current password, which is counted before it is compared.

use rekey::domain::event::{Action, Reason};
use rekey::domain::identifier::Identifier;
use rekey::domain::limit::{Limit, Subject, sign_in};
use rekey::domain::typed_password::TypedPassword;
use rekey::http::auth::Holder;
use rekey::http::call::Call;
use rekey::http::problem::{ErrorCode, Problem};
use rekey::secrets::password::{Peppers, Verdict};
use rekey::store::limits::SignInCount;

use crate::Deps;

/// The current password, as a person has typed it in order to change something.
pub(crate) struct CurrentPassword<'a> {
    pub(crate) typed: &'a TypedPassword,
    /// The action with which a wrong password is recorded.
    pub(crate) failure: Action,
}

impl CurrentPassword<'_> {
    /// Compares it with the password with which the session began. Returns the counter that a right password may clear, if the
    /// attempt was counted. A wrong password stays counted and is recorded.
    ///
    /// A temporary password is not counted. Nobody can guess its hundred bits, and a person who keeps the account locked must not
    /// be able to keep its owner from using it.
    pub(crate) async fn check(
        &self,
        deps: &Deps,
        call: &Call,
        holder: &Holder,
    ) -> Result<Option<Subject>, Problem> {
        let Holder { session, account } = holder;
        let event = || Ok::<_, Problem>(deps.event(call, account, self.failure)?.with_session(session.id));
        let event = if session.ticket.is_some() {
            if self.typed.is_temporary(account) {
                return Ok(None);
            }
            Some(event()?.once_an_hour(&session.id.to_string(), session.created_at))
        } else {
            let (limit, failures) = count_attempt(deps, call, holder).await?;
            let peppers = Peppers::of(deps.peppers.get().await?, account.id);
            let kept = account.password.as_ref();
            if deps.hasher.verify(peppers, self.typed.password(), kept)? != Verdict::Wrong {
                return Ok(Some(limit));
            }
            sign_in::is_recorded(failures).then(event).transpose()?.map(|event| event.in_a_row(failures))
        };
        if let Some(event) = event {
            deps.store.record_event(&event.because(Reason::WrongPassword)).await?;
        }
        Err(Problem::new(ErrorCode::InvalidCredentials))
    }
}

/// Clears the counter after an attempt whose password was right but which changed nothing, because such an attempt is no failure.
pub(crate) async fn forget_attempt(deps: &Deps, counted: Option<&Subject>) -> Result<(), Problem> {
    match counted {
        Some(counted) => Ok(deps.store.forget_sign_ins(counted).await?),
        None => Ok(()),
    }
}

/// Counts an attempt like a sign-in by username. Returns its counter, and the number of failures in a row with this one.
async fn count_attempt(deps: &Deps, call: &Call, holder: &Holder) -> Result<(Subject, u64), Problem> {
    let account = &holder.account;
    let name = Identifier::parse(account.username.as_str())
        .map_err(|error| Problem::internal("reading a username", error))?;
    let key = deps.limits_key.get().await?.current()?;
    let limit = Subject::identifier(key, &account.practice, account.portal, &name);
    // The keys come first, because a failure to get them must not cost an attempt.
    deps.peppers.get().await?;
    let now = deps.ambient.now();
    match deps.store.count_sign_in(&limit, now).await? {
        SignInCount::Counted(counted) => Ok((limit, counted.failures)),
        SignInCount::Refused(refused) => {
            let event = deps.event(call, account, Action::AuthnLoginLock)?;
            deps.store.record_event(&refused.once_an_hour(&limit, event)).await?;
            Err(Problem::too_many(Limit::Identifier, refused.retry_after))
        }
    }
}
