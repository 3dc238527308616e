//! The answer to the security question (T8). Each answer is counted before it is compared. The fifth wrong answer voids the
//! ticket. In a day an account takes 20 answers by tickets of self-service, and 20 by all others.

use rekey::domain::event::{Action, Reason};
use rekey::domain::issuer::Issuer;
use rekey::domain::limit::{Limit, Subject};
use rekey::domain::practice::{Practice, SecurityQuestion};
use rekey::domain::question;
use rekey::domain::ticket::Purpose;
use rekey::http::problem::{ErrorCode, Member, Problem};
use rekey::secrets::password::{Peppers, Verdict};
use rekey::secrets::secret::Secret;
use rekey::store::answers::Answered;
use rekey::store::tickets::TicketOfAccount;

use crate::attempt::Attempt;

/// Checks the answer when the account has a security question that is asked. Returns the counter on which a right answer was
/// counted, which the reset deletes, or `None` when no question is asked.
pub(crate) async fn check_answer(
    attempt: &Attempt<'_>,
    practice: &Practice,
    answer: Option<&Secret>,
) -> Result<Option<Subject>, Problem> {
    let (deps, TicketOfAccount { ticket, account }) = (attempt.deps, attempt.found);
    let Some(question) = account.asked_question(&practice.policy, ticket.owner_was_seen()) else {
        return must_not_lack_one(attempt, practice).map(|()| None);
    };
    let limit = Subject::answers(deps.limits_key.get().await?.current()?, account.id, ticket.issuer);
    let Some(forms) = answer.and_then(|answer| question::forms(answer.expose())) else {
        // Nothing was compared, so nothing is counted.
        return Err(wrong_answer(ticket.answers));
    };
    // The keys come first, because a failure to get them must not cost an answer.
    let peppers = Peppers::of(deps.peppers.get().await?, account.id);
    count(attempt, &limit).await?;
    let mut verdict = Verdict::Wrong;
    for form in forms {
        if verdict == Verdict::Wrong {
            verdict = deps.hasher.verify(peppers, &form, Some(&question.answer))?;
        }
    }
    match verdict {
        Verdict::Wrong => {
            let event = attempt.event(Action::AuthnPasswordChangeFail)?.because(Reason::WrongAnswer);
            deps.store.record_event(&event).await?;
            Err(wrong_answer(ticket.answers + 1))
        }
        Verdict::Right | Verdict::RightInPart | Verdict::RightButOutdated => {
            deps.store.forgive_answer(ticket).await?;
            Ok(Some(limit))
        }
    }
}

/// Refuses a self-service ticket when the practice requires a security question and the account has none. The owner is then told
/// to ask the practice for help. A ticket from staff or the operator is that help, so it needs no question.
fn must_not_lack_one(attempt: &Attempt<'_>, practice: &Practice) -> Result<(), Problem> {
    let TicketOfAccount { ticket, account } = attempt.found;
    let required = practice.policy.security_question == SecurityQuestion::Required;
    let unaided = ticket.issuer == Issuer::SelfService;
    if required && unaided && Purpose::of(account) == Purpose::Reset {
        return Err(Problem::new(ErrorCode::QuestionNotSet).with(Member::Support, &practice.support));
    }
    Ok(())
}

async fn count(attempt: &Attempt<'_>, limit: &Subject) -> Result<(), Problem> {
    let deps = attempt.deps;
    match deps.store.count_answer(&attempt.found.ticket, Some(limit), deps.ambient.now()).await? {
        Answered::Counted => Ok(()),
        Answered::Void => Err(Problem::new(ErrorCode::RevokedToken)),
        Answered::Later { retry_after, since } => {
            let event = attempt.event(Action::ExcessRateLimitExceeded)?;
            let event = event.once_an_hour(limit.as_str(), since);
            deps.store.record_event(&event.because(Reason::WrongAnswer)).await?;
            Err(Problem::too_many(Limit::Answers, retry_after))
        }
    }
}

fn wrong_answer(given: u64) -> Problem {
    Problem::new(ErrorCode::WrongAnswer).with(Member::AttemptsLeft, question::ATTEMPTS.saturating_sub(given))
}
